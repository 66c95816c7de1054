/* net/pipe: two joined transports in memory. */
#include "peer.h"

#include "net/pipe.h"

static void pair(void **state, size_t capacity, struct peer *a, struct peer *b)
{
    struct transport *ends[2];

    assert_int_equal(pipe_transport_pair(loop_of(state), capacity, &ends[0], &ends[1]), OK);
    peer_start(a, loop_of(state), ends[0]);
    peer_start(b, loop_of(state), ends[1]);
    assert_int_equal(a->opened, 0); /* not before the loop runs */
}

static void bytes_go_both_ways_through_any_capacity(void **state)
{
    static const size_t capacities[] = {1, 2, 7, 64, 4096, 100000};
    uint8_t *to_b = pattern(20000), *to_a = pattern(30000);

    for (size_t i = 0; i < COUNT(capacities); i++) {
        struct peer a, b;

        pair(state, capacities[i], &a, &b);
        a.cut = i; /* also one piece */
        b.cut = 100;
        peer_send(&a, to_b, 20000, true);
        peer_send(&b, to_a, 30000, true);
        WAIT_FOR(a.loop, a.read_end && b.read_end);
        assert_int_equal(a.read_end, ERR_EOF);
        assert_int_equal(b.read_end, ERR_EOF);
        assert_true(peer_got(&b, to_b, 20000));
        assert_true(peer_got(&a, to_a, 30000));
        peer_end(&a);
        peer_end(&b);
    }
    free(to_a);
    free(to_b);
}

static void nothing_is_told_that_is_not_wanted(void **state)
{
    struct peer a, b;

    pair(state, 100, &a, &b);
    b.pauses = true;
    peer_want(&b);
    peer_send(&a, "hello", 5, true);
    run_for(a.loop, 50);
    assert_int_equal(b.opened, 1);
    assert_int_equal(b.readable, 0);
    b.pauses = false;
    peer_want(&b);
    WAIT_FOR(a.loop, b.read_end);
    assert_true(peer_got(&b, "hello", 5));
    peer_end(&a);
    peer_end(&b);
}

static void the_loop_rests_when_all_is_told(void **state)
{
    struct peer a, b;

    pair(state, 100, &a, &b);
    peer_send(&a, "hello", 5, true);
    loop_run(a.loop);
    while (loop_is_stopping(a.loop)) /* a pipe alone is no work */
        loop_run(a.loop);
    assert_int_equal(b.read_end, ERR_EOF);
    assert_int_equal(b.readable, 2);
    assert_int_equal(a.readable, 0);
    peer_end(&a);
    peer_end(&b);
}

static void a_closed_end_lets_the_rest_be_read(void **state)
{
    struct peer a, b;

    pair(state, 100, &a, &b);
    peer_send(&a, "hello", 5, false);
    WAIT_FOR(a.loop, a.out_sent == 5);
    peer_end(&a);
    WAIT_FOR(b.loop, b.read_end);
    assert_int_equal(b.read_end, ERR_EOF);
    assert_true(peer_got(&b, "hello", 5));
    peer_send(&b, "late", 4, false);
    assert_int_equal(b.write_end, ERR_IO);
    assert_string_equal(transport_failure(b.t)->code, "ECONNRESET");
    peer_end(&b);
}

static void an_aborted_end_is_a_reset_for_the_other(void **state)
{
    struct peer a, b;

    pair(state, 100, &a, &b);
    WAIT_FOR(a.loop, a.opened && b.opened);
    transport_abort(&a.t);
    WAIT_FOR(b.loop, b.read_end);
    assert_int_equal(b.read_end, ERR_IO);
    assert_string_equal(transport_failure(b.t)->code, "ECONNRESET");
    run_for(b.loop, 20);
    assert_int_equal(b.readable, 1);
    peer_end(&b);
}

static void a_writer_that_waits_learns_that_the_reader_is_gone(void **state)
{
    struct peer a, b;

    pair(state, 10, &a, &b);
    b.pauses = true;
    peer_want(&b);
    peer_send(&a, "0123456789abcdef", 16, false);
    WAIT_FOR(a.loop, a.out_sent == 10);
    peer_end(&b);
    WAIT_FOR(a.loop, a.write_end);
    assert_int_equal(a.write_end, ERR_IO);
    peer_end(&a);
}

static void writing_after_shutdown_is_refused(void **state)
{
    struct iovec piece = {.iov_base = (char[]){"x"}, .iov_len = 1};
    struct peer a, b;
    size_t taken = 5;

    pair(state, 10, &a, &b);
    transport_shutdown(a.t);
    transport_shutdown(a.t);
    assert_int_equal(transport_write(a.t, &piece, 1, &taken), ERR_CLOSED);
    assert_int_equal(taken, 0);
    peer_end(&a);
    peer_end(&b);
}

static struct peer *other_end;

static void close_both(struct peer *peer, unsigned events)
{
    (void)events;
    transport_close(&peer->t);
    transport_close(&other_end->t);
}

static void both_ends_may_be_closed_in_a_callback(void **state)
{
    struct peer a, b;

    pair(state, 10, &a, &b);
    other_end = &b;
    a.on_event = close_both;
    run_for(a.loop, 20);
    assert_null(a.t);
    assert_int_equal(b.events, 0);
}

static void a_failed_allocation_makes_no_pipe(void **state)
{
    struct transport *a, *b;

    mem_fail_at(1);
    assert_int_equal(pipe_transport_pair(loop_of(state), 10, &a, &b), ERR_NOMEM);
    assert_null(a);
    assert_null(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(bytes_go_both_ways_through_any_capacity),
        LOOP_TEST(nothing_is_told_that_is_not_wanted),
        LOOP_TEST(the_loop_rests_when_all_is_told),
        LOOP_TEST(a_closed_end_lets_the_rest_be_read),
        LOOP_TEST(an_aborted_end_is_a_reset_for_the_other),
        LOOP_TEST(a_writer_that_waits_learns_that_the_reader_is_gone),
        LOOP_TEST(writing_after_shutdown_is_refused),
        LOOP_TEST(both_ends_may_be_closed_in_a_callback),
        LOOP_TEST(a_failed_allocation_makes_no_pipe),
    };

    return cmocka_run_group_tests_name("pipe", tests, NULL, NULL);
}
