/* A server's machine against peers that waste its time (HARDENING 1): what is refused, and when
 * it is enough. */
#include "frames.h"

#include "metrics/metrics.h"

static struct peer server;
static struct bytes b;
static struct metrics counted; /* of this test */

static int setup(void **state)
{
    (void)state;
    metrics_use(&counted);
    counted = (struct metrics){0};
    peer_init(&server, true);
    server.is_quiet = true;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_free(&server);
    bytes_free(&b);
    return mem_live() != 0;
}

/* What the last session was ended for is counted under its limit's name. */
static void assert_counted(const char *reason)
{
    static const struct {
        const char *words;
        enum metrics_limit limit;
    } names[] = {
        {"useless frames", LIMIT_USELESS_FRAMES},   {"invalid frames", LIMIT_INVALID_FRAMES},
        {"header block", LIMIT_HEADER_LIST_SIZE},   {"too many CONTINUATION", LIMIT_CONTINUATIONS},
        {"too many RST_STREAM", LIMIT_RESETS},      {"had to be reset", LIMIT_RESETS},
        {"acknowledgements wait", LIMIT_PINGS},     {"frames wait to be", LIMIT_OUTBOUND_FRAMES},
        {"setting entries", LIMIT_SETTINGS_FRAMES},
    };
    size_t i = 0;

    while (i < COUNT(names) && !strstr(reason, names[i].words))
        i++;
    if (i == COUNT(names))
        fail_msg("no limit is known for: %s", reason);
    if (!counted.limits[names[i].limit])
        fail_msg("not counted: %s", reason);
    counted.limits[names[i].limit] = 0;
}

/* The session is over, GOAWAY says ENHANCE_YOUR_CALM, the reason names the thing. */
static void assert_calmed(const char *reason)
{
    char *words;

    peer_drain(&server);
    if (!server.m->end_code)
        fail_msg("the session goes on");
    assert_int_equal(server.err, ERR_PROTOCOL);
    assert_int_equal(server.m->end_code, HTTP_ENHANCE_YOUR_CALM);
    if (!strstr(server.m->end_reason, reason))
        fail_msg("the reason is: %s", server.m->end_reason);
    assert_counted(server.m->end_reason);
    words = describe(&server.out, false);
    assert_non_null(strstr(words, "GOAWAY "));
    assert_string_equal(words + strlen(words) - 5, " 11; ");
    free(words);
    assert_true(http_is_over(server.m));
}

/* --- header blocks */

static void a_block_over_the_list_limit_is_refused(void **state)
{
    static char value[1000];
    struct bytes block = {0};

    (void)state;
    memset(value, 'v', sizeof(value));
    server.is_quiet = false;
    server.options.max_header_list_bytes = 4000;
    server_ready(&server);
    hpack(&block, GET_FIELDS, NULL);
    for (int i = 0; i < 4; i++)
        hpack_field(&block, 0, "x", 1, value, sizeof(value));
    put_frame(&b, HEADERS, END_STREAM | END_HEADERS, 1, block.at, block.used);
    put_get(&b, 3);
    assert_int_equal(peer_hear(&server, &b), OK);
    assert_said(&server, "RST_STREAM 1 11; ");
    assert_int_equal(counted.limits[LIMIT_HEADER_LIST_SIZE], 1);
    assert_int_equal(counted.limits[LIMIT_HEADER_PAIRS], 0);
    assert_heard(
        &server,
        "open 3; request 3 end :method=GET :scheme=http :authority=host :path=/; end 3 (); ");
    bytes_free(&block);
}

static void a_block_over_the_pair_limit_is_refused(void **state)
{
    struct bytes block = {0};

    (void)state;
    server.options.max_header_pairs = 10;
    server_ready(&server);
    hpack(&block, GET_FIELDS, NULL);
    for (int i = 0; i < 6; i++)
        hpack(&block, "x", "y", NULL);
    put_frame(&b, HEADERS, END_STREAM | END_HEADERS, 1, block.at, block.used); /* ten */
    hpack(&block, "x", "y", NULL);
    put_frame(&b, HEADERS, END_STREAM | END_HEADERS, 3, block.at, block.used); /* eleven */
    assert_int_equal(peer_hear(&server, &b), OK);
    assert_said(&server, "RST_STREAM 3 11; ");
    assert_int_equal(counted.limits[LIMIT_HEADER_PAIRS], 1);
    assert_non_null(stream_of(&server, 1));
    assert_null(stream_of(&server, 3));
    bytes_free(&block);
}

static void the_list_limit_counts_32_bytes_a_field(void **state)
{
    (void)state;
    server.options.max_header_list_bytes = (7 + 3) + (7 + 4) + (10 + 4) + (5 + 1) + 4 * 32;
    server_ready(&server);
    put_get(&b, 1);
    put_headers(&b, 3, END_STREAM, ":method", "POST", ":scheme", "http", ":authority", "host",
                ":path", "/", NULL);
    peer_hear(&server, &b);
    assert_said(&server, "RST_STREAM 3 11; ");
}

static void trailers_over_the_limit_close_their_stream(void **state)
{
    static char value[5000];
    struct bytes block = {0};

    (void)state;
    memset(value, 'v', sizeof(value));
    server.is_quiet = false;
    server.options.max_header_list_bytes = 4000;
    server_ready(&server);
    put_post(&b, 1);
    peer_hear(&server, &b);
    server.log.used = 0;
    hpack_field(&block, 0, "x", 1, value, sizeof(value));
    put_frame(&b, HEADERS, END_STREAM | END_HEADERS, 1, block.at, block.used);
    peer_hear(&server, &b);
    assert_said(&server, "RST_STREAM 1 11; ");
    assert_heard(&server, "closed 1 11 by us: a header block over max_header_list_bytes; ");
    bytes_free(&block);
}

/* One entry of 4 KiB in the table, named by one byte again and again. */
static void build_bomb(uint32_t id, unsigned flags, size_t times)
{
    static char value[4000];
    struct bytes block = {0};

    memset(value, 'v', sizeof(value));
    hpack(&block, GET_FIELDS, NULL);
    hpack_field(&block, 0x40, "x-bomb", 6, value, sizeof(value));
    for (size_t i = 0; i < times; i++)
        bytes_byte(&block, 0x80 | 62);
    put_frame(&b, HEADERS, flags | END_HEADERS, id, block.at, block.used);
    bytes_free(&block);
}

static void a_bomb_ends_the_session(void **state)
{
    (void)state;
    server_ready(&server);
    build_bomb(1, END_STREAM, 12000);
    assert_int_equal(peer_hear(&server, &b), ERR_PROTOCOL);
    assert_null(stream_of(&server, 1));
    assert_calmed("a header block of more than twice max_header_list_bytes (65536)");
}

static void bombs_on_streams_that_are_ignored_end_the_session(void **state)
{
    unsigned bombs = 0;

    (void)state;
    server_ready(&server);
    put_post(&b, 1);
    peer_hear(&server, &b);
    http_reset(server.m, 1, HTTP_CANCEL);
    peer_drain(&server);
    while (!server.m->end_code && bombs < 100) {
        build_bomb(1, 0, 12000);
        peer_hear(&server, &b);
        bombs++;
    }
    assert_true(bombs <= 10);
    assert_calmed("HEADERS on closed streams");
}

static void bombs_in_malformed_requests_end_the_session(void **state)
{
    unsigned bombs = 0;

    (void)state;
    server_ready(&server);
    for (uint32_t id = 1; !server.m->end_code && bombs < 100; id += 2, bombs++) {
        struct bytes block = {0};

        hpack(&block, ":bad", "", NULL); /* all that follows is decoded and ignored */
        for (int i = 0; i < 16000; i++)
            bytes_byte(&block, 0x80 | 2);
        put_frame(&b, HEADERS, END_STREAM | END_HEADERS, id, block.at, block.used);
        peer_hear(&server, &b);
        bytes_free(&block);
    }
    assert_true(bombs <= 11);
    assert_calmed("invalid HEADERS");
}

static void endless_continuation_ends_the_session(void **state)
{
    (void)state;
    server_ready(&server);
    put_frame(&b, HEADERS, 0, 1, "", 0);
    for (int i = 0; i < 20; i++)
        put_frame(&b, CONTINUATION, 0, 1, "", 0);
    assert_int_equal(peer_hear(&server, &b), ERR_PROTOCOL);
    assert_calmed("CONTINUATION");
}

/* --- resets */

static void rapid_reset_ends_the_session(void **state)
{
    uint32_t id;

    (void)state;
    server.options.reset_burst = 100;
    server.options.reset_rate = 0;
    server_ready(&server);
    for (id = 1; !server.m->end_code && id < 1000; id += 2) {
        put_get(&b, id);
        put_number(&b, RST_STREAM, id, 8);
        peer_hear(&server, &b);
    }
    assert_int_equal(id, 203); /* 101 streams */
    assert_int_equal(server.closed, 101);
    assert_calmed("too many RST_STREAM");
}

static void a_peer_that_makes_us_reset_ends_too(void **state)
{
    uint32_t id;

    (void)state;
    server.options.reset_burst = 100;
    server.options.reset_rate = 0;
    server_ready(&server);
    for (id = 1; !server.m->end_code && id < 1000; id += 2) {
        put_get(&b, id);
        put_number(&b, WINDOW_UPDATE, id, 0x7fffffff); /* MadeYouReset */
        peer_hear(&server, &b);
        peer_drain(&server);
    }
    assert_int_equal(id, 203);
    assert_calmed("too many streams had to be reset");
}

static void malformed_requests_count_as_well(void **state)
{
    uint32_t id;

    (void)state;
    server.options.reset_burst = 100;
    server.options.reset_rate = 0;
    server_ready(&server);
    for (id = 1; !server.m->end_code && id < 1000; id += 2) {
        put_headers(&b, id, END_STREAM, ":method", "GET", NULL);
        peer_hear(&server, &b);
        peer_drain(&server);
    }
    assert_int_equal(id, 203);
    assert_calmed("too many streams had to be reset");
}

static void invalid_frames_have_a_limit_of_their_own(void **state)
{
    uint32_t id;

    (void)state;
    server.options.max_invalid_frames = 50;
    server_ready(&server);
    for (id = 1; !server.m->end_code && id < 1000; id += 2) {
        put_headers(&b, id, END_STREAM, ":method", "GET", NULL);
        peer_hear(&server, &b);
        peer_drain(&server);
    }
    assert_int_equal(id, 103); /* the 51st */
    assert_calmed("more than 50 invalid frames");
}

static void resets_of_our_own_will_do_not_count(void **state)
{
    (void)state;
    server.options.reset_burst = 10;
    server.options.reset_rate = 0;
    server_ready(&server);
    for (uint32_t id = 1; id < 200; id += 2) {
        put_get(&b, id);
        peer_hear(&server, &b);
        http_reset(server.m, id, HTTP_CANCEL);
        peer_drain(&server);
    }
    assert_int_equal(server.m->end_code, 0);
    assert_int_equal(server.closed, 100);
}

static void streams_over_the_limit_are_refused_then_the_session_ends(void **state)
{
    static const struct http_setting_entry two = {HTTP_MAX_CONCURRENT_STREAMS, 2};
    uint32_t id;

    (void)state;
    server.options.settings = &two;
    server.options.settings_count = 1;
    server.options.reset_burst = 20;
    server.options.reset_rate = 0;
    peer_start(&server);
    put_preface(&b); /* and no acknowledgement: the client may not know the limit yet */
    put_get(&b, 1);
    put_get(&b, 3);
    put_get(&b, 5);
    peer_hear(&server, &b);
    assert_said(&server, "SETTINGS; SETTINGS ack; RST_STREAM 5 7; ");
    assert_null(stream_of(&server, 5));
    for (id = 7; !server.m->end_code && id < 1000; id += 2) {
        put_get(&b, id);
        peer_hear(&server, &b);
        peer_drain(&server);
    }
    assert_int_equal(id, 47); /* the 21st */
    assert_int_equal(counted.limits[LIMIT_STREAMS], 21);
    assert_calmed("too many streams had to be reset");
}

/* --- useless frames */

static void build_ping(void)
{
    put_frame(&b, PING, 0, 0, "12345678", 8);
}

static void build_ping_ack(void)
{
    put_frame(&b, PING, ACK, 0, "12345678", 8);
}

static void build_settings(void)
{
    put_frame(&b, SETTINGS, 0, 0, "", 0);
}

static void build_priority(void)
{
    put_frame(&b, PRIORITY, 0, 3, "\0\0\0\1\20", 5);
}

static void build_unknown(void)
{
    put_frame(&b, 0x42, 0, 7, "x", 1);
}

static void build_empty_data(void)
{
    put_frame(&b, DATA, 0, 1, "", 0);
}

static void build_padding(void)
{
    put_frame(&b, DATA, PADDED, 1, "", 1);
}

static void build_window_update(void)
{
    put_number(&b, WINDOW_UPDATE, 1, 1);
}

static void build_goaway(void)
{
    put_goaway(&b, 0, 0, "");
}

static void build_reset_of_closed(void)
{
    put_number(&b, RST_STREAM, 1, 8);
}

static void floods_of_useless_frames_end_the_session(void **state)
{
    static const struct {
        const char *label;
        void (*build)(void);
        const char *reason;
    } floods[] = {
        {"PING", build_ping, "PING"},
        {"PING ack", build_ping_ack, "PING"},
        {"SETTINGS", build_settings, "SETTINGS"},
        {"PRIORITY", build_priority, "PRIORITY"},
        {"unknown", build_unknown, "unknown type"},
        {"empty DATA", build_empty_data, "empty DATA"},
        {"padding", build_padding, "empty DATA"},
        {"WINDOW_UPDATE", build_window_update, "WINDOW_UPDATE"},
        {"GOAWAY", build_goaway, "GOAWAY"},
        {"RST_STREAM", build_reset_of_closed, "RST_STREAM"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(floods); i++) {
        unsigned frames = 0;

        peer_free(&server);
        peer_init(&server, true);
        server.is_quiet = true;
        server_ready(&server);
        put_post(&b, 1);
        peer_hear(&server, &b);
        while (!server.m->end_code && frames < 20000) {
            for (int k = 0; k < 50; k++, frames++)
                floods[i].build();
            peer_hear(&server, &b);
            peer_drain(&server);
            server.out.used = server.m->end_code ? server.out.used : 0;
        }
        if (frames > 10050)
            fail_msg("%s: %u frames were taken", floods[i].label, frames);
        assert_calmed(floods[i].reason);
        assert_true(frames > 900);
    }
}

static void empty_data_of_a_closed_stream_is_counted_too(void **state)
{
    unsigned frames = 0;

    (void)state;
    server_ready(&server);
    put_post(&b, 1);
    peer_hear(&server, &b);
    http_reset(server.m, 1, HTTP_CANCEL);
    peer_drain(&server);
    while (!server.m->end_code && frames < 20000) {
        for (int k = 0; k < 100; k++, frames++)
            build_empty_data();
        peer_hear(&server, &b);
    }
    assert_true(frames <= 10100);
    assert_calmed("empty DATA");
}

static void an_unread_queue_of_answers_ends_the_session(void **state)
{
    unsigned frames = 0;

    (void)state;
    server.options.max_outstanding_pings_acks = 100;
    server_ready(&server);
    while (!server.m->end_code && frames < 2000) { /* nobody drains */
        build_ping();
        peer_hear(&server, &b);
        frames++;
    }
    assert_int_equal(frames, 101);
    assert_calmed("acknowledgements");
}

static void an_unread_queue_of_resets_ends_the_session(void **state)
{
    (void)state;
    server.options.reset_burst = server.options.useless_burst = server.options.max_invalid_frames =
        1000000;
    server_ready(&server);
    for (uint32_t id = 1; !server.m->end_code && id < 20000; id += 2) {
        put_headers(&b, id, END_STREAM, ":method", "GET", NULL);
        peer_hear(&server, &b);
    }
    assert_calmed("more than 5000 frames wait to be sent");
    assert_int_equal(server.out.used, 17); /* only GOAWAY */
}

static void a_client_may_have_more_requests_waiting_than_that(void **state)
{
    struct http_field fields[] = {{":method", "GET", 7, 3, 0},
                                  {":scheme", "http", 7, 4, 0},
                                  {":authority", "h", 10, 1, 0},
                                  {":path", "/", 5, 1, 0}};
    static struct test_stream s;
    struct peer client;
    uint32_t id;

    (void)state;
    server_ready(&server); /* for teardown's sake */
    peer_init(&client, false);
    client.is_quiet = true;
    client.options.peer_max_concurrent_streams = 1;
    client_ready(&client);
    for (int i = 0; i < 6000; i++)
        assert_int_equal(http_request(client.m, fields, 4, true, &s, &id), OK);
    build_ping();
    assert_int_equal(peer_hear(&client, &b), OK);
    peer_free(&client);
}

static void useful_frames_pay_for_small_ones(void **state)
{
    (void)state;
    server.options.useless_burst = 50;
    server.options.useless_rate = 0;
    server_ready(&server);
    for (uint32_t id = 1; id < 1000; id += 2) { /* each request brings two small frames */
        put_get(&b, id);
        put_number(&b, WINDOW_UPDATE, id, 100);
        put_frame(&b, PRIORITY, 0, id, "\0\0\0\0\20", 5);
        peer_hear(&server, &b);
        respond(&server, id, true, ":status", "200", NULL);
        peer_drain(&server);
    }
    put_get(&b, 1001); /* so does each frame of a download */
    peer_hear(&server, &b);
    stream_of(&server, 1001)->big = 10000000;
    respond(&server, 1001, false, ":status", "200", NULL);
    for (int i = 0; i < 400; i++) {
        put_number(&b, WINDOW_UPDATE, 1001, 16384);
        put_number(&b, WINDOW_UPDATE, 0, 16384);
        peer_hear(&server, &b);
        peer_drain(&server);
    }
    assert_int_equal(server.m->end_code, 0);
}

static void windows_of_a_byte_are_no_progress(void **state)
{
    unsigned updates = 0;

    (void)state;
    server.options.useless_burst = 200;
    server.options.useless_rate = 0;
    server_ready(&server);
    put_setting(&b, 4, 0);
    put_get(&b, 1);
    peer_hear(&server, &b);
    stream_of(&server, 1)->big = 100000;
    respond(&server, 1, false, ":status", "200", NULL);
    while (!server.m->end_code && updates < 1000) {
        build_window_update();
        peer_hear(&server, &b);
        peer_drain(&server);
        updates++;
    }
    assert_true(updates <= 203);
    assert_calmed("WINDOW_UPDATE");
}

static void too_many_settings_in_a_frame_end_the_session(void **state)
{
    static uint8_t entries[33 * 6];

    (void)state;
    server_ready(&server);
    for (size_t i = 0; i < 33; i++)
        entries[i * 6] = 0x77;
    put_frame(&b, SETTINGS, 0, 0, entries, 32 * 6);
    assert_int_equal(peer_hear(&server, &b), OK);
    put_frame(&b, SETTINGS, 0, 0, entries, 33 * 6);
    assert_int_equal(peer_hear(&server, &b), ERR_PROTOCOL);
    peer_drain(&server);
    assert_int_equal(server.m->end_code, HTTP_ENHANCE_YOUR_CALM);
    assert_string_equal(server.m->end_reason, "SETTINGS: too many setting entries");
    assert_counted(server.m->end_reason);
}

#define limits_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        limits_test(a_block_over_the_list_limit_is_refused),
        limits_test(a_block_over_the_pair_limit_is_refused),
        limits_test(the_list_limit_counts_32_bytes_a_field),
        limits_test(trailers_over_the_limit_close_their_stream),
        limits_test(a_bomb_ends_the_session),
        limits_test(bombs_on_streams_that_are_ignored_end_the_session),
        limits_test(bombs_in_malformed_requests_end_the_session),
        limits_test(endless_continuation_ends_the_session),
        limits_test(rapid_reset_ends_the_session),
        limits_test(a_peer_that_makes_us_reset_ends_too),
        limits_test(malformed_requests_count_as_well),
        limits_test(invalid_frames_have_a_limit_of_their_own),
        limits_test(resets_of_our_own_will_do_not_count),
        limits_test(streams_over_the_limit_are_refused_then_the_session_ends),
        limits_test(floods_of_useless_frames_end_the_session),
        limits_test(empty_data_of_a_closed_stream_is_counted_too),
        limits_test(an_unread_queue_of_answers_ends_the_session),
        limits_test(an_unread_queue_of_resets_ends_the_session),
        limits_test(a_client_may_have_more_requests_waiting_than_that),
        limits_test(useful_frames_pay_for_small_ones),
        limits_test(windows_of_a_byte_are_no_progress),
        limits_test(too_many_settings_in_a_frame_end_the_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
