/* net/loop: deadlines, deferred work, waking from another thread, and an end that leaves nothing. */
#include "support.h"

#include <pthread.h>
#include <uv.h>

#include "base/clock.h"

/* --- deadlines */

struct timed {
    struct deadline deadline;
    struct loop *loop;
    uint64_t set_us; /* when, by the exact clock */
    uint64_t in_ms;
    uint64_t after_us; /* how long it took; 0: it did not come */
    struct timed *clears;
};

static int due_count;

static void on_due(struct deadline *deadline)
{
    struct timed *timed = list_entry(deadline, struct timed, deadline);

    timed->after_us = clock_us() - timed->set_us;
    assert_false(deadline_is_set(deadline));
    due_count++;
    if (timed->clears)
        deadline_clear(&timed->clears->deadline);
    loop_stop(timed->loop);
}

static void set(struct loop *loop, struct timed *timed, uint64_t in_ms)
{
    timed->loop = loop;
    timed->in_ms = in_ms;
    timed->after_us = 0;
    timed->set_us = clock_us();
    deadline_set(loop, &timed->deadline, in_ms);
}

static void start(struct loop *loop, struct timed *timed, uint64_t in_ms)
{
    memset(timed, 0, sizeof(*timed));
    deadline_init(&timed->deadline, on_due);
    set(loop, timed, in_ms);
}

/* Something that counts as work. */
static void on_nothing(uv_timer_t *timer)
{
    (void)timer;
}

static uv_timer_t alive;

static void keep_alive(struct loop *loop)
{
    uv_timer_init(loop_uv(loop), &alive);
    uv_timer_start(&alive, on_nothing, 1000000, 0);
}

static void many_deadlines_come_never_early_and_hardly_late(void **state)
{
    enum { MANY = 2000 };
    static struct timed timed[MANY];
    struct loop *loop = loop_of(state);
    uint64_t late_us = 0;

    keep_alive(loop);
    due_count = 0;
    for (int i = 0; i < MANY; i++)
        start(loop, &timed[i], (uint64_t)(i * 7 % 700));
    WAIT_FOR(loop, due_count == MANY);
    for (int i = 0; i < MANY; i++) {
        assert_true(timed[i].after_us >= timed[i].in_ms * 1000);
        if (timed[i].after_us - timed[i].in_ms * 1000 > late_us)
            late_us = timed[i].after_us - timed[i].in_ms * 1000;
    }
    assert_in_range(late_us, 0, 1000000); /* 100 ms by contract; the machine may be busy */
}

static void a_long_turn_does_not_make_deadlines_early(void **state)
{
    struct loop *loop = loop_of(state);
    uint64_t start_ms = clock_ms();
    struct timed timed;

    keep_alive(loop);
    while (clock_ms() < start_ms + 150) /* the loop's own clock stands still meanwhile */
        continue;
    due_count = 0;
    start(loop, &timed, 100);
    WAIT_FOR(loop, due_count == 1);
    assert_true(timed.after_us >= 100 * 1000);
}

static void a_deadline_that_was_moved_comes_once_at_the_last_time(void **state)
{
    struct loop *loop = loop_of(state);
    struct timed later, sooner, other;

    keep_alive(loop);
    due_count = 0;
    start(loop, &later, 50);
    start(loop, &sooner, 60000);
    start(loop, &other, 300);
    for (int i = 0; i < 1000; i++)
        set(loop, &later, 200);
    set(loop, &sooner, 10);
    assert_true(deadline_is_set(&later.deadline));
    WAIT_FOR(loop, due_count == 3);
    assert_true(later.after_us >= 200 * 1000);
    assert_in_range(sooner.after_us, 10 * 1000, 5000 * 1000);
}

static void a_deadline_that_was_cleared_does_not_come(void **state)
{
    struct loop *loop = loop_of(state);
    struct timed cleared, clearing, other;

    keep_alive(loop);
    due_count = 0;
    start(loop, &clearing, 20);
    start(loop, &cleared, 20); /* in the same bucket, behind the one that clears it */
    start(loop, &other, 300);
    clearing.clears = &cleared;
    WAIT_FOR(loop, other.after_us);
    assert_int_equal(due_count, 2);
    assert_false(deadline_is_set(&cleared.deadline));
    deadline_clear(&cleared.deadline);
    deadline_clear(&cleared.deadline);
}

static void on_due_again(struct deadline *deadline)
{
    struct timed *timed = list_entry(deadline, struct timed, deadline);

    if (++due_count < 5)
        deadline_set(timed->loop, deadline, 1);
    loop_stop(timed->loop);
}

static void a_deadline_may_set_itself_again(void **state)
{
    struct loop *loop = loop_of(state);
    struct timed timed = {.loop = loop};

    keep_alive(loop);
    due_count = 0;
    deadline_init(&timed.deadline, on_due_again);
    deadline_set(loop, &timed.deadline, 1);
    WAIT_FOR(loop, due_count == 5);
    assert_false(deadline_is_set(&timed.deadline));
}

static void deadlines_do_not_count_as_work(void **state)
{
    struct loop *loop = loop_of(state);
    uint64_t before = clock_ms();
    struct timed timed, far;

    start(loop, &timed, 10000);
    start(loop, &far, UINT64_MAX);
    loop_run(loop);
    assert_true(clock_ms() - before < 5000);
    assert_true(deadline_is_set(&timed.deadline));
    assert_true(deadline_is_set(&far.deadline));
    deadline_clear(&timed.deadline);
    deadline_clear(&far.deadline);
}

static void waiting_for_a_far_deadline_costs_no_wake_ups(void **state)
{
    struct loop *loop = loop_of(state);
    struct timed far;
    double before;

    keep_alive(loop);
    start(loop, &far, 60000);
    before = cpu_seconds();
    run_for(loop, 500);
    assert_true(cpu_seconds() - before < 0.1);
    deadline_clear(&far.deadline);
}

/* --- deferred work */

struct task {
    struct deferred deferred;
    struct loop *loop;
    struct task *puts, *cancels;
    char name;
};

static char order[64];

static void on_run(struct deferred *deferred)
{
    struct task *task = list_entry(deferred, struct task, deferred);

    strncat(order, &task->name, 1);
    if (task->puts)
        deferred_put(task->loop, &task->puts->deferred);
    if (task->cancels)
        deferred_cancel(&task->cancels->deferred);
}

static void task_init(struct task *task, struct loop *loop, char name)
{
    memset(task, 0, sizeof(*task));
    deferred_init(&task->deferred, on_run);
    task->loop = loop;
    task->name = name;
}

static void deferred_tasks_run_once_in_the_order_put(void **state)
{
    struct loop *loop = loop_of(state);
    struct task a, b, c;

    order[0] = '\0';
    task_init(&a, loop, 'a');
    task_init(&b, loop, 'b');
    task_init(&c, loop, 'c');
    deferred_put(loop, &c.deferred);
    deferred_put(loop, &a.deferred);
    deferred_put(loop, &b.deferred);
    deferred_put(loop, &a.deferred);
    loop_run(loop); /* they count as work, and then there is none */
    assert_string_equal(order, "cab");
    deferred_put(loop, &a.deferred);
    loop_run(loop);
    assert_string_equal(order, "caba");
}

static void a_task_may_cancel_one_behind_it(void **state)
{
    struct loop *loop = loop_of(state);
    struct task a, b, c;

    order[0] = '\0';
    task_init(&a, loop, 'a');
    task_init(&b, loop, 'b');
    task_init(&c, loop, 'c');
    deferred_put(loop, &a.deferred);
    deferred_put(loop, &b.deferred);
    deferred_put(loop, &c.deferred);
    a.cancels = &b;
    deferred_cancel(&c.deferred);
    deferred_cancel(&c.deferred);
    loop_run(loop);
    assert_string_equal(order, "a");
}

static void on_byte(uv_poll_t *poll, int status, int events)
{
    char byte;

    (void)events;
    assert_int_equal(status, 0);
    assert_int_equal(read(*(int *)poll->data, &byte, 1), 1);
    strncat(order, "d", 2);
    uv_poll_stop(poll);
}

static void a_task_put_while_others_run_waits_for_a_look_at_the_descriptors(void **state)
{
    struct loop *loop = loop_of(state);
    struct task a, b, c;
    uv_poll_t poll;
    int fds[2];

    order[0] = '\0';
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    uv_poll_init(loop_uv(loop), &poll, fds[0]);
    poll.data = &fds[0];
    task_init(&a, loop, 'a');
    task_init(&b, loop, 'b');
    task_init(&c, loop, 'c');
    deferred_put(loop, &a.deferred);
    deferred_put(loop, &b.deferred);
    a.puts = &c;
    loop_run(loop);
    assert_string_equal(order, "abc");

    order[0] = '\0';
    uv_poll_start(&poll, UV_READABLE, on_byte);
    a.puts = &a; /* for ever, until the descriptor had its turn */
    deferred_put(loop, &a.deferred);
    uv_run(loop_uv(loop), UV_RUN_ONCE);
    assert_non_null(strchr(order, 'd'));
    a.puts = NULL;
    loop_run(loop);
    uv_close((uv_handle_t *)&poll, NULL);
    loop_run(loop);
    close(fds[0]);
    close(fds[1]);
}

/* --- running, stopping, waking */

static void on_stop(struct deferred *deferred)
{
    loop_stop(list_entry(deferred, struct task, deferred)->loop);
}

static void stopping_is_told_until_the_next_run(void **state)
{
    struct loop *loop = loop_of(state);
    struct task task = {.loop = loop};

    keep_alive(loop);
    deferred_init(&task.deferred, on_stop);
    assert_false(loop_is_stopping(loop));
    deferred_put(loop, &task.deferred);
    loop_run(loop);
    assert_true(loop_is_stopping(loop));

    uv_unref((uv_handle_t *)&alive);
    loop_run(loop); /* runs out of work */
    assert_false(loop_is_stopping(loop));

    uv_ref((uv_handle_t *)&alive);
    loop_stop(loop); /* before it runs: it does not begin */
    loop_run(loop);
    assert_true(loop_is_stopping(loop));
}

static int wakes;

static void on_wake(void *owner)
{
    wakes++;
    loop_stop(owner);
}

static void *wake_often(void *loop)
{
    for (int i = 0; i < 1000; i++)
        loop_wake_async(loop);
    return NULL;
}

static void another_thread_wakes_the_loop(void **state)
{
    struct loop *loop = loop_of(state);
    pthread_t thread;

    keep_alive(loop);
    wakes = 0;
    loop_on_wake(loop, on_wake, loop);
    assert_int_equal(pthread_create(&thread, NULL, wake_often, loop), 0);
    WAIT_FOR(loop, wakes > 0);
    pthread_join(thread, NULL);
    run_for(loop, 1);
    assert_in_range(wakes, 1, 1000);
}

static void time_and_buffers_are_there(void **state)
{
    struct loop *loop = loop_of(state);

    assert_in_range(loop_now_ms(loop), clock_ms() - 60000, clock_ms());
    memset(loop_plain_buffer(loop), 1, LOOP_BUFFER_BYTES);
    memset(loop_cipher_buffer(loop), 2, LOOP_BUFFER_BYTES);
    assert_int_equal(loop_plain_buffer(loop)[0], 1);
    assert_int_equal(loop_plain_buffer(loop)[LOOP_BUFFER_BYTES - 1], 1);
}

/* --- beginning and end */

static void freeing_closes_what_is_left_and_lets_it_be_cleared_later(void **state)
{
    struct loop *loop;
    struct timed timed;
    struct task task;
    uv_timer_t timer;
    uv_async_t async;

    (void)state;
    assert_int_equal(loop_new(&loop), OK);
    uv_timer_init(loop_uv(loop), &timer);
    uv_timer_start(&timer, on_nothing, 1000000, 1000000);
    uv_async_init(loop_uv(loop), &async, NULL);
    start(loop, &timed, 1000000);
    task_init(&task, loop, 'a');
    deferred_put(loop, &task.deferred);
    loop_stop(loop);
    order[0] = '\0';
    loop_free(&loop);
    assert_null(loop);
    assert_true(uv_is_closing((uv_handle_t *)&timer));
    assert_string_equal(order, "");
    deadline_clear(&timed.deadline);
    deferred_cancel(&task.deferred);
    loop_free(&loop);
}

static void a_failed_allocation_makes_no_loop(void **state)
{
    struct loop *loop = (struct loop *)state;

    mem_fail_at(1);
    assert_int_equal(loop_new(&loop), ERR_NOMEM);
    assert_null(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(many_deadlines_come_never_early_and_hardly_late),
        LOOP_TEST(a_long_turn_does_not_make_deadlines_early),
        LOOP_TEST(a_deadline_that_was_moved_comes_once_at_the_last_time),
        LOOP_TEST(a_deadline_that_was_cleared_does_not_come),
        LOOP_TEST(a_deadline_may_set_itself_again),
        LOOP_TEST(deadlines_do_not_count_as_work),
        LOOP_TEST(waiting_for_a_far_deadline_costs_no_wake_ups),
        LOOP_TEST(deferred_tasks_run_once_in_the_order_put),
        LOOP_TEST(a_task_may_cancel_one_behind_it),
        LOOP_TEST(a_task_put_while_others_run_waits_for_a_look_at_the_descriptors),
        LOOP_TEST(stopping_is_told_until_the_next_run),
        LOOP_TEST(another_thread_wakes_the_loop),
        LOOP_TEST(time_and_buffers_are_there),
        LOOP_TEST(freeing_closes_what_is_left_and_lets_it_be_cleared_later),
        LOOP_TEST(a_failed_allocation_makes_no_loop),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
