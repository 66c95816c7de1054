/* The budgets: buckets that fill again, and credit for frames of use. */
#include "frames.h"

#include "base/clock.h"
#include "http/h2_internal.h"

static struct h2_guard guard;

static void make(uint32_t resets, uint32_t reset_rate, uint32_t useless, uint32_t useless_rate)
{
    struct http_options options;

    http_options_defaults(&options, true);
    options.reset_burst = resets;
    options.reset_rate = reset_rate;
    options.useless_burst = useless;
    options.useless_rate = useless_rate;
    h2_guard_init(&guard, &options);
}

/* Until the coarse clock has moved, which takes 4 ms. */
static void let_time_pass(void)
{
    uint64_t begin = clock_ticks_ms();

    while (clock_ticks_ms() == begin)
        continue;
}

static void a_bucket_holds_its_burst(void **state)
{
    (void)state;
    make(5, 0, 3, 0);
    for (int i = 0; i < 5; i++)
        assert_true(h2_guard_reset(&guard));
    assert_false(h2_guard_reset(&guard));
    assert_true(h2_guard_useless(&guard, 2));
    assert_false(h2_guard_useless(&guard, 2));
    assert_true(h2_guard_useless(&guard, 1));
    assert_false(h2_guard_useless(&guard, 1));
}

static void time_fills_it_again_up_to_the_burst(void **state)
{
    (void)state;
    make(5, 1000, 0, 0);
    for (int i = 0; i < 5; i++)
        h2_guard_reset(&guard);
    let_time_pass();
    assert_true(h2_guard_reset(&guard));

    make(5, 1000000, 0, 0);
    for (int i = 0; i < 5; i++)
        assert_true(h2_guard_reset(&guard));
    guard.resets.filled_ms = clock_ticks_ms() - 3600 * 1000; /* an hour at a million a second */
    for (int i = 0; i < 5; i++)
        assert_true(h2_guard_reset(&guard));
    assert_int_equal(guard.resets.tokens, 0);
}

static void progress_pays_for_useless_frames(void **state)
{
    (void)state;
    make(0, 0, 1, 0);
    h2_guard_progress(&guard);
    assert_true(h2_guard_useless(&guard, 1));
    assert_true(h2_guard_useless(&guard, 1));
    assert_true(h2_guard_useless(&guard, 1));
    assert_false(h2_guard_useless(&guard, 1));
    h2_guard_progress(&guard);
    assert_false(h2_guard_useless(&guard, 3));
}

static void credit_is_bounded(void **state)
{
    unsigned frames = 0;

    (void)state;
    make(0, 0, 0, 0);
    for (int i = 0; i < 100000; i++)
        h2_guard_progress(&guard);
    while (h2_guard_useless(&guard, 1))
        frames++;
    assert_true(frames <= 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_holds_its_burst),
        cmocka_unit_test(time_fills_it_again_up_to_the_burst),
        cmocka_unit_test(progress_pays_for_useless_frames),
        cmocka_unit_test(credit_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
