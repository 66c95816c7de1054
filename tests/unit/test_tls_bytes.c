/* net/tls: what happens to bytes once a connection is open: transfers, ends, errors, memory. */
#include "tls_pair.h"

static void open_pair(void **state, size_t capacity, const char *version, struct tls_pair *pair)
{
    struct tls_options client = client_options(), server = server_options();

    client.max_version = version;
    tls_pair_start(state, capacity, &client, &server, "localhost", pair);
    tls_pair_open(pair);
}

static void much_goes_both_ways_through_any_capacity(void **state)
{
    static const struct {
        size_t capacity, length, cut;
        const char *version;
    } cases[] = {
        {1, 3000, 0, NULL},         {1, 3000, 9, "TLSv1.2"},   {17, 40000, 100, NULL},
        {1000, 300000, 9, NULL},    {5000, 1000000, 0, NULL},  {65536, 3000000, 4000, NULL},
        {300000, 3000000, 0, NULL}, {0, 8000000, 0, NULL},     {0, 3000000, 4000, NULL},
        {0, 3000000, 0, "TLSv1.2"}, {0, 300000, 1, "TLSv1.2"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t *to_server = pattern(cases[i].length), *to_client = pattern(cases[i].length / 2);
        struct tls_pair pair;

        open_pair(state, cases[i].capacity, cases[i].version, &pair);
        pair.client.cut = pair.server.cut = cases[i].cut;
        peer_send(&pair.client, to_server, cases[i].length, true);
        peer_send(&pair.server, to_client, cases[i].length / 2, true);
        WAIT_FOR(pair.client.loop, pair.client.read_end && pair.server.read_end);
        assert_int_equal(pair.client.read_end, ERR_EOF);
        assert_int_equal(pair.server.read_end, ERR_EOF);
        assert_true(peer_got(&pair.server, to_server, cases[i].length));
        assert_true(peer_got(&pair.client, to_client, cases[i].length / 2));
        tls_pair_end(&pair);
        free(to_server);
        free(to_client);
    }
}

static void small_pieces_of_one_write_share_records(void **state)
{
    enum { FRAMES = 30, HEADER = 9, PAYLOAD = 16375 };
    struct tls_options client = client_options(), server = server_options();
    struct relay relay = {0};
    struct transport *ends[2];
    struct tls_pair pair;
    struct iovec pieces[2 * FRAMES + 2];
    uint8_t *bytes = pattern(FRAMES * (HEADER + PAYLOAD));
    size_t taken, at = 0;
    int count = 0, before;

    relay_start(&relay, loop_of(state), ends);
    tls_pair_on(loop_of(state), ends, &client, &server, "localhost", &pair);
    tls_pair_open(&pair);
    run_for(relay.loop, 20);
    before = relay.records;
    for (int i = 0; i < FRAMES; i++) {
        pieces[count++] = (struct iovec){.iov_base = bytes + at, .iov_len = HEADER};
        at += HEADER;
        pieces[count++] = (struct iovec){.iov_base = bytes + at, .iov_len = PAYLOAD};
        at += PAYLOAD;
    }
    pieces[count++] = (struct iovec){.iov_base = NULL, .iov_len = 0};
    pieces[count++] = (struct iovec){.iov_base = NULL, .iov_len = 0};
    assert_int_equal(transport_write(pair.server.t, pieces, count, &taken), OK);
    assert_int_equal(taken, at); /* the pipe is roomy */
    assert_int_equal(transport_unsent(pair.server.t), 0);
    WAIT_FOR(relay.loop, pair.client.got_length == at);
    assert_true(peer_got(&pair.client, bytes, at));
    assert_int_equal(relay.records - before, FRAMES);
    assert_int_equal(transport_write(pair.server.t, pieces + count - 2, 2, &taken), OK);
    assert_int_equal(taken, 0);
    assert_int_equal(transport_write(pair.server.t, pieces, 0, &taken), OK);
    relay_end(&relay);
    tls_pair_end(&pair);
    free(bytes);
}

static void no_more_is_taken_while_ciphertext_waits(void **state)
{
    const size_t length = 1000000;
    uint8_t *bytes = pattern(length);
    struct iovec piece = {.iov_base = bytes, .iov_len = length};
    struct tls_pair pair;
    size_t taken, more;

    open_pair(state, 1000, NULL, &pair);
    run_for(pair.client.loop, 5);
    pair.client.pauses = true;
    peer_want(&pair.client);
    assert_int_equal(transport_write(pair.server.t, &piece, 1, &taken), OK);
    assert_in_range(taken, 1000, 70000);
    assert_in_range(transport_unsent(pair.server.t), taken - 1000, 70000);
    assert_int_equal(transport_write(pair.server.t, &piece, 1, &more), ERR_AGAIN);
    assert_int_equal(more, 0);
    transport_want(pair.server.t, true, true);
    pair.client.pauses = false;
    peer_want(&pair.client);
    WAIT_FOR(pair.server.loop, pair.server.writable == 1);
    assert_int_equal(transport_unsent(pair.server.t), 0); /* all that waited is out */
    WAIT_FOR(pair.client.loop, pair.client.got_length == taken);
    run_for(pair.client.loop, 20);
    assert_int_equal(pair.server.writable, 1);
    tls_pair_end(&pair);
    free(bytes);
}

static void an_idle_connection_owns_no_buffer(void **state)
{
    const size_t length = 500000;
    uint8_t *bytes = pattern(length);

    for (size_t capacity = 0; capacity <= 1000; capacity += 1000) {
        size_t before, blocks;
        struct tls_pair pair;

        open_pair(state, capacity, NULL, &pair);
        run_for(pair.client.loop, 20);
        before = mem_live();
        peer_send(&pair.client, bytes, length, false);
        peer_send(&pair.server, bytes, length, false);
        WAIT_FOR(pair.client.loop,
                 pair.client.got_length == length && pair.server.got_length == length);
        run_for(pair.client.loop, 20);
        blocks = mem_live();
        assert_int_equal(blocks, before);
        tls_pair_end(&pair);
    }
    free(bytes);
}

/* --- ends */

static void a_half_closed_side_still_reads(void **state)
{
    const size_t length = 300000;
    uint8_t *bytes = pattern(length);
    static const size_t capacities[] = {0, 100, 100000};

    for (size_t i = 0; i < COUNT(capacities) * 2; i++) {
        struct iovec piece = {.iov_base = bytes, .iov_len = 1};
        struct tls_pair pair;
        size_t taken;
        int events;

        open_pair(state, capacities[i / 2], i % 2 ? "TLSv1.2" : NULL, &pair);
        peer_send(&pair.client, "question", 8, true);
        WAIT_FOR(pair.client.loop, pair.server.read_end);
        assert_int_equal(pair.server.read_end, ERR_EOF);
        assert_true(peer_got(&pair.server, "question", 8));
        assert_int_equal(transport_write(pair.client.t, &piece, 1, &taken), ERR_CLOSED);
        transport_want(pair.server.t, true, false);
        events = pair.server.events;
        run_for(pair.client.loop, 20);
        assert_int_equal(pair.server.events, events); /* the end is told once */
        peer_send(&pair.server, bytes, length, true);
        WAIT_FOR(pair.client.loop, pair.client.read_end);
        assert_int_equal(pair.client.read_end, ERR_EOF);
        assert_true(peer_got(&pair.client, bytes, length));
        events = pair.client.events;
        transport_want(pair.client.t, true, false);
        run_for(pair.client.loop, 20);
        assert_int_equal(pair.client.events, events);
        tls_pair_end(&pair);
    }
    free(bytes);
}

static void what_was_taken_leaves_before_the_end(void **state)
{
    const size_t length = 60000;
    uint8_t *bytes = pattern(length);
    struct iovec piece = {.iov_base = bytes, .iov_len = length};
    struct tls_pair pair;
    size_t taken;

    open_pair(state, 100, NULL, &pair);
    run_for(pair.client.loop, 5); /* the session ticket goes first */
    assert_int_equal(transport_write(pair.server.t, &piece, 1, &taken), OK);
    assert_int_equal(taken, length);
    transport_shutdown(pair.server.t); /* most of it waits inside */
    transport_want(pair.server.t, false, false);
    WAIT_FOR(pair.client.loop, pair.client.read_end);
    assert_int_equal(pair.client.read_end, ERR_EOF);
    assert_true(peer_got(&pair.client, bytes, length));
    tls_pair_end(&pair);
    free(bytes);
}

static void an_end_without_close_notify_is_an_end(void **state)
{
    struct tls_options client = client_options(), server = server_options();
    struct relay relay = {0};
    struct transport *ends[2];
    struct tls_pair pair;

    relay_start(&relay, loop_of(state), ends);
    tls_pair_on(loop_of(state), ends, &client, &server, "localhost", &pair);
    tls_pair_open(&pair);
    peer_send(&pair.server, "hello", 5, false);
    WAIT_FOR(relay.loop, pair.client.got_length == 5);
    relay_end(&relay);
    WAIT_FOR(relay.loop, pair.client.read_end && pair.server.read_end);
    assert_int_equal(pair.client.read_end, ERR_EOF);
    assert_int_equal(pair.server.read_end, ERR_EOF);
    tls_pair_end(&pair);
}

static void an_abort_is_a_reset_for_the_peer(void **state)
{
    for (size_t capacity = 0; capacity <= 1000; capacity += 1000) {
        struct iovec piece = {.iov_base = (char[]){"x"}, .iov_len = 1};
        struct tls_pair pair;
        size_t taken;

        open_pair(state, capacity, NULL, &pair);
        run_for(pair.client.loop, 5);
        transport_abort(&pair.server.t);
        assert_null(pair.server.t);
        WAIT_FOR(pair.client.loop, pair.client.read_end);
        assert_int_equal(pair.client.read_end, ERR_IO);
        assert_string_equal(transport_failure(pair.client.t)->code, "ECONNRESET");
        assert_int_equal(transport_write(pair.client.t, &piece, 1, &taken), ERR_IO);
        assert_string_equal(transport_failure(pair.client.t)->code, "ECONNRESET");
        tls_pair_end(&pair);
    }
}

static void a_writer_that_waits_learns_that_the_peer_is_gone(void **state)
{
    const size_t length = 20 * 1000 * 1000;
    uint8_t *bytes = pattern(length);

    for (size_t capacity = 0; capacity <= 1000; capacity += 1000) {
        struct tls_pair pair;

        open_pair(state, capacity, NULL, &pair);
        pair.client.pauses = pair.server.pauses = true;
        peer_want(&pair.client);
        peer_want(&pair.server);
        peer_send(&pair.server, bytes, length, false);
        run_for(pair.client.loop, 20);
        assert_true(pair.server.out_sent < length);
        transport_abort(&pair.client.t);
        WAIT_FOR(pair.server.loop, pair.server.write_end);
        assert_int_equal(pair.server.write_end, ERR_IO);
        assert_string_equal(transport_failure(pair.server.t)->code, "ECONNRESET");
        tls_pair_end(&pair);
    }
    free(bytes);
}

static void close_it(struct peer *peer, unsigned events)
{
    if (events & TRANSPORT_READABLE)
        transport_close(&peer->t);
}

static void it_may_be_closed_when_bytes_come(void **state)
{
    struct tls_pair pair;

    for (size_t capacity = 0; capacity <= 1000; capacity += 1000) {
        open_pair(state, capacity, NULL, &pair);
        pair.server.on_event = close_it;
        peer_send(&pair.client, "hello", 5, false);
        WAIT_FOR(pair.client.loop, pair.client.read_end);
        assert_null(pair.server.t);
        assert_int_equal(pair.client.read_end, ERR_EOF); /* close_notify */
        tls_pair_end(&pair);
    }
}

/* --- errors */

static void a_spoiled_record_breaks_the_connection(void **state)
{
    for (size_t i = 0; i < 12; i++) {
        struct tls_options client = client_options(), server = server_options();
        struct iovec piece = {.iov_base = (char[]){"x"}, .iov_len = 1};
        struct relay relay = {0};
        struct transport *ends[2];
        struct tls_pair pair;
        uint8_t *bytes = pattern(1000);
        size_t taken;
        int events;

        relay_start(&relay, loop_of(state), ends);
        tls_pair_on(loop_of(state), ends, &client, &server, "localhost", &pair);
        tls_pair_open(&pair);
        run_for(relay.loop, 5);
        relay.spoil_at = relay.passed[1] + 6 + 90 * i; /* behind the length, which would only wait */
        peer_send(&pair.server, bytes, 1000, false);
        WAIT_FOR(relay.loop, pair.client.read_end);
        assert_int_equal(pair.client.read_end, ERR_TLS);
        assert_memory_equal(transport_failure(pair.client.t)->code, "ERR_SSL_", 8);
        assert_non_null(strstr(transport_failure(pair.client.t)->text, "bad record mac"));
        assert_int_equal(transport_write(pair.client.t, &piece, 1, &taken), ERR_TLS);
        WAIT_FOR(relay.loop, pair.server.read_end); /* by our alert */
        assert_int_equal(pair.server.read_end, ERR_TLS);
        events = pair.client.events + pair.server.events;
        transport_want(pair.client.t, true, false);
        transport_want(pair.server.t, true, false);
        run_for(relay.loop, 5);
        assert_int_equal(pair.client.events + pair.server.events, events);
        relay_end(&relay);
        tls_pair_end(&pair);
        free(bytes);
    }
}

static void every_failing_allocation_is_an_error_or_harmless(void **state)
{
    const size_t length = 200000;
    uint8_t *bytes = pattern(length);
    int unharmed = 0;

    for (uint64_t n = 1; unharmed < 3; n++) {
        struct tls_pair pair;

        open_pair(state, 3000, NULL, &pair);
        mem_fail_at(n);
        peer_send(&pair.client, bytes, length, true);
        peer_send(&pair.server, bytes, length, true);
        WAIT_FOR(pair.client.loop, pair.client.read_end || pair.server.read_end);
        mem_fail_at(0);
        if (pair.client.read_end != ERR_NOMEM && pair.server.read_end != ERR_NOMEM) {
            WAIT_FOR(pair.client.loop, pair.client.read_end && pair.server.read_end);
            assert_true(peer_got(&pair.client, bytes, length));
            assert_true(peer_got(&pair.server, bytes, length));
            unharmed++;
        } else { /* and the peer is not told that it was all */
            struct peer *broken = pair.client.read_end ? &pair.client : &pair.server;
            struct peer *other = broken == &pair.client ? &pair.server : &pair.client;

            transport_close(&broken->t);
            WAIT_FOR(other->loop, other->read_end);
            assert_true(other->read_end == ERR_IO || peer_got(other, bytes, length));
        }
        tls_pair_end(&pair);
    }
    free(bytes);
}

static void references_are_those_of_the_socket_below(void **state)
{
    struct tls_pair pair;

    open_pair(state, 0, NULL, &pair);
    transport_unref(pair.client.t);
    transport_unref(pair.server.t);
    run_for(pair.client.loop, 10000);
    assert_false(test_wait.expired); /* out of work before that */
    transport_ref(pair.client.t);
    peer_send(&pair.server, "x", 1, false);
    WAIT_FOR(pair.client.loop, pair.client.got_length == 1);
    tls_pair_end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(much_goes_both_ways_through_any_capacity),
        LOOP_TEST(small_pieces_of_one_write_share_records),
        LOOP_TEST(no_more_is_taken_while_ciphertext_waits),
        LOOP_TEST(an_idle_connection_owns_no_buffer),
        LOOP_TEST(a_half_closed_side_still_reads),
        LOOP_TEST(what_was_taken_leaves_before_the_end),
        LOOP_TEST(an_end_without_close_notify_is_an_end),
        LOOP_TEST(an_abort_is_a_reset_for_the_peer),
        LOOP_TEST(a_writer_that_waits_learns_that_the_peer_is_gone),
        LOOP_TEST(it_may_be_closed_when_bytes_come),
        LOOP_TEST(a_spoiled_record_breaks_the_connection),
        LOOP_TEST(every_failing_allocation_is_an_error_or_harmless),
        LOOP_TEST(references_are_those_of_the_socket_below),
    };

    return cmocka_run_group_tests_name("tls_bytes", tests, make_identities, free_identities);
}
