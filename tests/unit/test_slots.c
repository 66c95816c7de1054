/* base/slots: numbers that go stale, a limit, and growth that may fail. */
#include "support.h"

#include "base/slots.h"

static void finds_what_was_put_and_nothing_else(void **state)
{
    struct slots slots;
    int a, b;
    uint32_t slot_a, slot_b, generation_a, generation_b;

    (void)state;
    slots_init(&slots, 10);
    assert_null(slots_get(&slots, 0, 0));
    assert_null(slots_get(&slots, 7, 1));
    assert_int_equal(slots_put(&slots, &a, &slot_a, &generation_a), OK);
    assert_int_equal(slots_put(&slots, &b, &slot_b, &generation_b), OK);
    assert_int_not_equal(slot_a, 0);
    assert_int_not_equal(slot_b, 0);
    assert_ptr_equal(slots_get(&slots, slot_a, generation_a), &a);
    assert_ptr_equal(slots_get(&slots, slot_b, generation_b), &b);
    assert_null(slots_get(&slots, 0, generation_a));
    assert_null(slots_get(&slots, slot_a, generation_a + 1));
    assert_null(slots_get(&slots, UINT32_MAX, generation_a));
    slots_deinit(&slots);
}

static void a_stale_pair_finds_nothing_when_the_place_is_used_again(void **state)
{
    struct slots slots;
    int object;
    uint32_t slot, generation, other_slot, other_generation;

    (void)state;
    slots_init(&slots, 1);
    assert_int_equal(slots_put(&slots, &object, &slot, &generation), OK);
    slots_remove(&slots, slot);
    assert_null(slots_get(&slots, slot, generation));
    assert_int_equal(slots_put(&slots, &object, &other_slot, &other_generation), OK);
    assert_int_equal(other_slot, slot); /* the limit leaves but this one */
    assert_null(slots_get(&slots, slot, generation));
    assert_ptr_equal(slots_get(&slots, slot, other_generation), &object);
    slots_deinit(&slots);
}

static void refuses_above_the_limit_and_goes_on_below_it(void **state)
{
    struct slots slots;
    int object;
    uint32_t slot[200], generation[200], more;

    (void)state;
    slots_init(&slots, 200);
    for (int i = 0; i < 200; i++)
        assert_int_equal(slots_put(&slots, &object, &slot[i], &generation[i]), OK);
    assert_int_equal(slots_put(&slots, &object, &more, &more), ERR_FULL);
    slots_remove(&slots, slot[100]);
    assert_int_equal(slots_put(&slots, &object, &more, &generation[100]), OK);
    assert_int_equal(more, slot[100]);
    for (int i = 0; i < 200; i++)
        assert_ptr_equal(slots_get(&slots, slot[i], generation[i]), &object);
    slots_deinit(&slots);
}

static void reuses_the_place_that_was_freed_last(void **state)
{
    struct slots slots;
    int object;
    uint32_t first, second, generation, slot;

    (void)state;
    slots_init(&slots, 2);
    slots_put(&slots, &object, &first, &generation);
    slots_put(&slots, &object, &second, &generation);
    slots_remove(&slots, second);
    slots_remove(&slots, first);
    slots_put(&slots, &object, &slot, &generation);
    assert_int_equal(slot, first);
    slots_put(&slots, &object, &slot, &generation);
    assert_int_equal(slot, second);
    slots_deinit(&slots);
}

static void a_failed_allocation_leaves_the_rest_usable(void **state)
{
    struct slots slots;
    size_t before = mem_live();
    int object;
    uint32_t slot, generation, refused = 0;

    (void)state;
    for (uint64_t n = 1; n <= 4; n++) {
        slots_init(&slots, 1000);
        mem_fail_at(n);
        for (int i = 0; i < 300; i++) {
            enum err err = slots_put(&slots, &object, &slot, &generation);

            refused += err == ERR_NOMEM;
            if (err)
                err = slots_put(&slots, &object, &slot, &generation);
            assert_int_equal(err, OK);
        }
        mem_fail_at(0);
        assert_int_equal(slots.used, 300);
        slots_deinit(&slots);
    }
    assert_int_equal(refused, 4);
    assert_int_equal(mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put_and_nothing_else),
        cmocka_unit_test(a_stale_pair_finds_nothing_when_the_place_is_used_again),
        cmocka_unit_test(refuses_above_the_limit_and_goes_on_below_it),
        cmocka_unit_test(reuses_the_place_that_was_freed_last),
        cmocka_unit_test(a_failed_allocation_leaves_the_rest_usable),
    };

    return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
