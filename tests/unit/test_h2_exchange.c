/* Two machines talk to each other: requests, bodies, trailers, pushes, resets, farewells. */
#include "frames.h"

static struct peer server, client;

static int setup(void **state)
{
    (void)state;
    peer_init(&server, true);
    peer_init(&client, false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_free(&server);
    peer_free(&client);
    return mem_live() != 0;
}

static void start(void)
{
    peer_start(&client);
    peer_start(&server);
    converse(&client, &server);
    assert_heard(&server, "");
    assert_heard(&client, "");
}

static struct test_stream *get(void)
{
    struct test_stream *s = request(&client, true, GET_FIELDS, NULL);

    assert_non_null(s);
    return s;
}

static void a_get_is_answered(void **state)
{
    (void)state;
    start();
    get();
    converse(&client, &server);
    assert_heard(&client, "sent 1; ");
    assert_heard(
        &server,
        "open 1; request 1 end :method=GET :scheme=http :authority=host :path=/; end 1 (); ");
    stream_of(&server, 1)->body = "hello";
    assert_int_equal(
        respond(&server, 1, false, ":status", "200", "content-type", "text/plain", NULL), OK);
    converse(&client, &server);
    assert_heard(&server, "sent 1; closed 1 0; ");
    assert_heard(&client,
                 "response 1 :status=200 content-type=text/plain; end 1 (hello); closed 1 0; ");
}

static void a_response_may_end_with_its_headers(void **state)
{
    (void)state;
    start();
    get();
    converse(&client, &server);
    assert_int_equal(respond(&server, 1, true, ":status", "204", NULL), OK);
    server.log.used = 0;
    assert_said(&server, "HEADERS 1 end; ");
    assert_heard(&server, "sent 1; closed 1 0; ");
}

static void a_request_body_is_echoed(void **state)
{
    struct test_stream *s;

    (void)state;
    start();
    s = request(&client, false, POST_FIELDS, NULL);
    s->body = "one|two|three";
    converse(&client, &server);
    assert_heard(
        &server,
        "open 1; request 1 :method=POST :scheme=http :authority=host :path=/; end 1 (onetwothree); ");
    stream_of(&server, 1)->body = "one|two|three";
    respond(&server, 1, false, ":status", "200", NULL);
    converse(&client, &server);
    assert_heard(&server, "sent 1; closed 1 0; ");
    assert_heard(&client, "sent 1; response 1 :status=200; end 1 (onetwothree); closed 1 0; ");
}

/* API.md 1, rule 7: a write is at least one DATA frame and is never merged with the next. */
static void each_piece_is_a_frame_of_its_own(void **state)
{
    (void)state;
    start();
    get();
    converse(&client, &server);
    stream_of(&server, 1)->body = "hello |world|";
    respond(&server, 1, false, ":status", "200", NULL);
    assert_said(&server, "HEADERS 1; DATA 1 6; DATA 1 5; DATA 1 0 end; ");
}

static void a_body_waits_for_data_ready(void **state)
{
    struct test_stream *s;

    (void)state;
    start();
    get();
    converse(&client, &server);
    s = stream_of(&server, 1);
    respond(&server, 1, false, ":status", "200", NULL);
    assert_said(&server, "HEADERS 1; ");
    http_data_ready(server.m, 1);
    assert_said(&server, "");
    s->body = "a";
    s->is_held = true;
    assert_false(http_wants_write(server.m));
    http_data_ready(server.m, 1);
    http_data_ready(server.m, 1);
    assert_true(http_wants_write(server.m));
    assert_said(&server, "DATA 1 1; ");
    s->body = "b";
    s->is_held = false;
    http_data_ready(server.m, 1);
    assert_said(&server, "DATA 1 1 end; ");
    http_data_ready(server.m, 1);
    http_data_ready(server.m, 99);
}

static void sensitive_fields_arrive_as_such(void **state)
{
    (void)state;
    start();
    request(&client, true, GET_FIELDS, "!x-key", "secret", NULL);
    converse(&client, &server);
    assert_heard(
        &server,
        "open 1; request 1 end :method=GET :scheme=http :authority=host :path=/ x-key!secret; end 1 (); ");
}

static void informational_blocks_come_before_the_response(void **state)
{
    (void)state;
    start();
    get();
    converse(&client, &server);
    inform(&server, 1, ":status", "103", "link", "</a.css>", NULL);
    inform(&server, 1, ":status", "100", NULL);
    respond(&server, 1, true, ":status", "200", NULL);
    converse(&client, &server);
    assert_heard(&client,
                 "sent 1; informational 1 :status=103 link=</a.css>; informational 1 :status=100; "
                 "response 1 end :status=200; end 1 (); closed 1 0; ");
}

static void trailers_given_after_the_body_follow_it(void **state)
{
    struct test_stream *s;

    (void)state;
    start();
    get();
    converse(&client, &server);
    s = stream_of(&server, 1);
    s->body = "x";
    s->has_trailers = true;
    respond(&server, 1, false, ":status", "200", NULL);
    converse(&client, &server);
    assert_int_equal(trailers(&server, 1, "grpc-status", "0", NULL), OK);
    converse(&client, &server);
    assert_heard(
        &client,
        "sent 1; response 1 :status=200; trailers 1 end grpc-status=0; end 1 (x); closed 1 0; ");
}

static void trailers_given_early_wait_for_the_body(void **state)
{
    struct test_stream *s;

    (void)state;
    start();
    get();
    converse(&client, &server);
    s = stream_of(&server, 1);
    s->has_trailers = true;
    respond(&server, 1, false, ":status", "200", NULL);
    assert_int_equal(trailers(&server, 1, "a", "b", NULL), OK);
    assert_int_equal(trailers(&server, 1, "c", "d", NULL), ERR_STATE);
    assert_said(&server, "HEADERS 1; ");
    s->body = "xy|z|";
    http_data_ready(server.m, 1);
    assert_said(&server, "DATA 1 2; DATA 1 1; HEADERS 1 end; ");
}

static void empty_trailers_are_an_end_without_a_block(void **state)
{
    (void)state;
    start();
    for (uint32_t id = 1; id <= 3; id += 2) {
        struct test_stream *s;

        get();
        converse(&client, &server);
        s = stream_of(&server, id);
        s->body = "x";
        s->has_trailers = true;
        if (id == 1)
            assert_int_equal(http_trailers(server.m, id, NULL, 0), OK);
        respond(&server, id, false, ":status", "200", NULL);
        if (id == 1) {
            assert_said(&server, "HEADERS 1; DATA 1 1 end; ");
        } else {
            assert_said(&server, "HEADERS 3; DATA 3 1; ");
            assert_int_equal(http_trailers(server.m, id, NULL, 0), OK);
            assert_said(&server, "DATA 3 0 end; ");
        }
    }
}

static void a_client_sends_trailers_too(void **state)
{
    struct test_stream *s;

    (void)state;
    start();
    s = request(&client, false, POST_FIELDS, NULL);
    s->body = "x";
    s->has_trailers = true;
    assert_int_equal(trailers(&client, 1, "sum", "1", NULL), OK); /* before its HEADERS left */
    converse(&client, &server);
    assert_heard(&server, "open 1; request 1 :method=POST :scheme=http :authority=host :path=/; "
                          "trailers 1 end sum=1; end 1 (x); ");
    assert_heard(&client, "sent 1; ");
}

static void a_push_is_announced_and_answered(void **state)
{
    struct http_field fields[] = {{":method", "GET", 7, 3, 0},
                                  {":scheme", "http", 7, 4, 0},
                                  {":authority", "host", 10, 4, 0},
                                  {":path", "/p", 5, 2, 0}};
    struct test_stream *pushed;
    uint32_t id;

    (void)state;
    start();
    get();
    converse(&client, &server);
    pushed = stream_new(&server, 0);
    assert_int_equal(http_push(server.m, 1, fields, COUNT(fields), pushed, &id), OK);
    assert_int_equal(id, 2);
    pushed->id = id;
    pushed->body = "pushed";
    assert_int_equal(respond(&server, 2, false, ":status", "200", NULL), OK);
    respond(&server, 1, true, ":status", "200", NULL);
    server.log.used = client.log.used = 0;
    converse(&client, &server);
    assert_heard(&server, "sent 1; closed 1 0; sent 2; closed 2 0; ");
    assert_heard(
        &client,
        "open 2; push 2 :method=GET :scheme=http :authority=host :path=/p; response 1 end :status=200; "
        "end 1 (); closed 1 0; response 2 :status=200; end 2 (pushed); closed 2 0; ");
}

static void a_refused_push_is_reset(void **state)
{
    struct http_field fields[] = {{":method", "GET", 7, 3, 0},
                                  {":scheme", "http", 7, 4, 0},
                                  {":authority", "host", 10, 4, 0},
                                  {":path", "/p", 5, 2, 0}};
    struct test_stream *pushed;

    (void)state;
    start();
    get();
    converse(&client, &server);
    pushed = stream_new(&server, 2);
    http_push(server.m, 1, fields, COUNT(fields), pushed, &pushed->id);
    client.is_refusing = true;
    server.log.used = client.log.used = 0;
    converse(&client, &server);
    assert_heard(&client, "open 2; ");
    assert_heard(&server, "reset 2 7; closed 2 7; ");
}

static void a_push_on_a_stream_that_is_reset_vanishes(void **state)
{
    struct http_field fields[] = {{":method", "GET", 7, 3, 0},
                                  {":scheme", "http", 7, 4, 0},
                                  {":authority", "host", 10, 4, 0},
                                  {":path", "/p", 5, 2, 0}};
    struct test_stream *pushed;

    (void)state;
    start();
    get();
    converse(&client, &server);
    pushed = stream_new(&server, 2);
    http_push(server.m, 1, fields, COUNT(fields), pushed, &pushed->id);
    http_reset(server.m, 1, HTTP_CANCEL);
    http_reset(server.m, 2, HTTP_CANCEL);
    server.log.used = client.log.used = 0;
    converse(&client, &server);
    assert_heard(&server,
                 "closed 2 2 by us: its header block could not be sent; closed 1 8 by us; ");
    assert_heard(&client, "reset 1 8; closed 1 8; ");
}

static void push_is_off_when_the_client_says_so(void **state)
{
    static const struct http_setting_entry off = {HTTP_ENABLE_PUSH, 0};
    struct http_field field = {":method", "GET", 7, 3, 0};
    uint32_t id;

    (void)state;
    client.options.settings = &off;
    client.options.settings_count = 1;
    start();
    get();
    converse(&client, &server);
    assert_int_equal(http_push(server.m, 1, &field, 1, &id, &id), ERR_STATE);
    assert_int_equal(http_push(server.m, 7, &field, 1, &id, &id), ERR_CLOSED);
}

static void a_reset_reaches_the_other_side(void **state)
{
    (void)state;
    start();
    get();
    converse(&client, &server);
    client.log.used = server.log.used = 0;
    assert_int_equal(http_reset(server.m, 1, HTTP_CANCEL), OK);
    assert_int_equal(http_reset(server.m, 1, HTTP_CANCEL), OK);
    assert_int_equal(respond(&server, 1, true, ":status", "200", NULL), ERR_CLOSED);
    converse(&client, &server);
    assert_heard(&server, "closed 1 8 by us; ");
    assert_heard(&client, "reset 1 8; closed 1 8; ");
    assert_int_equal(http_reset(server.m, 1, HTTP_CANCEL), OK);
    assert_false(http_wants_write(server.m));
}

/* DESIGN.md 3, "Resets are marks": the session drains before it resets. */
static void what_was_drained_before_a_reset_goes_out(void **state)
{
    struct test_stream *s;

    (void)state;
    start();
    get();
    converse(&client, &server);
    s = stream_of(&server, 1);
    s->body = "hello ";
    s->is_held = true;
    respond(&server, 1, false, ":status", "200", NULL);
    peer_drain(&server);
    http_reset(server.m, 1, 0);
    assert_said(&server, "HEADERS 1; DATA 1 6; RST_STREAM 1 0; ");
}

static void a_reset_without_a_drain_drops_the_response(void **state)
{
    (void)state;
    start();
    get();
    converse(&client, &server);
    stream_of(&server, 1)->body = "hello";
    respond(&server, 1, false, ":status", "200", NULL);
    http_reset(server.m, 1, HTTP_INTERNAL_ERROR);
    assert_said(&server, "RST_STREAM 1 2; ");
}

static void a_body_that_fails_resets_its_stream(void **state)
{
    (void)state;
    start();
    get();
    converse(&client, &server);
    server.log.used = 0;
    stream_of(&server, 1)->is_broken = true;
    respond(&server, 1, false, ":status", "200", NULL);
    assert_said(&server, "HEADERS 1; RST_STREAM 1 2; ");
    assert_heard(&server, "closed 1 2 by us; ");
}

static void requests_over_the_peers_limit_wait(void **state)
{
    static const struct http_setting_entry one = {HTTP_MAX_CONCURRENT_STREAMS, 1};

    (void)state;
    server.options.settings = &one;
    server.options.settings_count = 1;
    start();
    get();
    assert_int_equal(get()->id, 3);
    converse(&client, &server);
    assert_null(stream_of(&server, 3));
    server.log.used = client.log.used = 0;
    respond(&server, 1, true, ":status", "200", NULL);
    converse(&client, &server);
    assert_heard(&client, "response 1 end :status=200; end 1 (); closed 1 0; sent 3; ");
    assert_heard(
        &server,
        "sent 1; closed 1 0; open 3; request 3 end :method=GET :scheme=http :authority=host :path=/; "
        "end 3 (); ");
}

static void a_waiting_request_can_be_cancelled(void **state)
{
    static const struct http_setting_entry one = {HTTP_MAX_CONCURRENT_STREAMS, 1};

    (void)state;
    server.options.settings = &one;
    server.options.settings_count = 1;
    start();
    get();
    converse(&client, &server);
    get();
    get();
    client.log.used = server.log.used = 0;
    assert_int_equal(http_reset(client.m, 3, HTTP_CANCEL), OK);
    assert_int_equal(http_reset(client.m, 3, HTTP_INTERNAL_ERROR), OK);
    assert_true(http_wants_write(client.m));
    converse(&client, &server);
    assert_heard(&client, "closed 3 8 by us; ");
    respond(&server, 1, true, ":status", "200", NULL);
    converse(&client, &server);
    assert_heard(&client, "response 1 end :status=200; end 1 (); closed 1 0; sent 5; ");
    assert_null(stream_of(&server, 3));
    assert_non_null(stream_of(&server, 5));
}

static void waiting_requests_hear_of_goaway(void **state)
{
    static const struct http_setting_entry one = {HTTP_MAX_CONCURRENT_STREAMS, 1};

    (void)state;
    server.options.settings = &one;
    server.options.settings_count = 1;
    start();
    get();
    converse(&client, &server);
    get();
    get();
    http_reset(client.m, 5, HTTP_CANCEL);
    client.log.used = server.log.used = 0;
    assert_int_equal(http_goaway(server.m, 0, -1, NULL, 0), OK);
    peer_drain(&server);
    peer_feed(&client, server.out.at, server.out.used);
    server.out.used = 0;
    assert_heard(&client, "goaway 0 1 (); closed 5 8 by us; closed 3 7; ");
    assert_null(request(&client, true, GET_FIELDS, NULL));
    assert_int_equal(client.err, ERR_CLOSED);
    respond(&server, 1, true, ":status", "200", NULL);
    converse(&client, &server);
    assert_heard(&client, "response 1 end :status=200; end 1 (); closed 1 0; ");
    assert_true(http_is_over(client.m));
    assert_true(http_is_over(server.m));
}

static void many_waiting_requests_go_in_turn(void **state)
{
    static const struct http_setting_entry few = {HTTP_MAX_CONCURRENT_STREAMS, 3};

    (void)state;
    server.options.settings = &few;
    server.options.settings_count = 1;
    start();
    for (int i = 0; i < 150; i++) {
        struct test_stream *s = get();

        if (i % 7 == 3)
            http_reset(client.m, s->id, HTTP_CANCEL);
    }
    converse(&client, &server);
    for (uint32_t id = 1; id < 300; id += 2) {
        struct test_stream *s = stream_of(&server, id);

        if (s)
            respond(&server, id, true, ":status", "200", NULL);
        converse(&client, &server);
    }
    assert_int_equal(client.closed, 150);
    assert_int_equal(server.closed, 150 - 21);
}

static void a_line_of_requests_keeps_moving(void **state)
{
    static const struct http_setting_entry one = {HTTP_MAX_CONCURRENT_STREAMS, 1};
    uint32_t id;

    (void)state;
    server.options.settings = &one;
    server.options.settings_count = 1;
    client.is_quiet = server.is_quiet = true;
    start();
    for (int i = 0; i < 20; i++)
        get();
    for (id = 1; id < 400; id += 2) { /* one leaves, one comes */
        converse(&client, &server);
        assert_non_null(stream_of(&server, id));
        assert_int_equal(respond(&server, id, true, ":status", "200", NULL), OK);
        get();
    }
    converse(&client, &server);
    assert_int_equal(client.closed, 200);
    for (; id < 440; id += 2) {
        respond(&server, id, true, ":status", "200", NULL);
        converse(&client, &server);
    }
    assert_int_equal(client.closed, 220);
    assert_int_equal(client.m->end_code, 0);
}

static void goaway_does_not_overtake_requests(void **state)
{
    (void)state;
    start();
    get();
    assert_int_equal(http_goaway(client.m, 0, -1, (const uint8_t *)"bye", 3), OK);
    assert_null(request(&client, true, GET_FIELDS, NULL));
    assert_said(&client, "HEADERS 1 end; GOAWAY 0 0 bye; ");
}

static void goaway_waits_behind_one_frame_of_a_body_at_the_most(void **state)
{
    struct test_stream *s;

    (void)state;
    start();
    s = request(&client, false, POST_FIELDS, NULL);
    s->big = 40000;
    http_goaway(client.m, 0, -1, NULL, 0);
    assert_said(&client, "HEADERS 1; DATA 1 16384; GOAWAY 0 0; DATA 1 16384; DATA 1 7232 end; ");
}

static void two_goaways_keep_their_order(void **state)
{
    (void)state;
    start();
    get();
    converse(&client, &server);
    assert_int_equal(http_goaway(server.m, 2, -1, (const uint8_t *)"first", 5), OK);
    assert_int_equal(http_goaway(server.m, 0, 1, NULL, 0), OK);
    assert_int_equal(peer_drain(&server), OK);
    assert_said(&server, "GOAWAY 1 2 first; GOAWAY 1 0; ");
    assert_string_equal(server.m->end_reason, "");
    assert_int_equal(http_goaway(server.m, 0, 2, NULL, 0), ERR_RANGE);
    assert_int_equal(http_goaway(server.m, 0, INT64_MAX, NULL, 0), ERR_RANGE);
    assert_int_equal(http_goaway(client.m, 0, 1, NULL, 0), ERR_RANGE);
}

static void open_streams_finish_after_goaway(void **state)
{
    (void)state;
    start();
    get();
    converse(&client, &server);
    server.log.used = client.log.used = 0;
    http_goaway(server.m, 0, -1, NULL, 0);
    converse(&client, &server);
    assert_heard(&client, "goaway 0 1 (); ");
    assert_false(http_is_over(server.m));
    assert_false(http_is_over(client.m));
    respond(&server, 1, true, ":status", "200", NULL);
    converse(&client, &server);
    assert_heard(&client, "response 1 end :status=200; end 1 (); closed 1 0; ");
    assert_true(http_is_over(server.m));
    assert_true(http_is_over(client.m));
}

static void a_drain_in_two_steps_loses_nothing(void **state)
{
    (void)state;
    start();
    assert_int_equal(http_shutdown_notice(server.m), OK);
    assert_int_equal(http_shutdown_notice(client.m), ERR_STATE);
    get(); /* on its way when the notice comes */
    peer_drain(&client);
    converse(&client, &server);
    assert_heard(&client, "sent 1; goaway 0 2147483647 (); ");
    assert_non_null(stream_of(&server, 1));
    http_goaway(server.m, 0, -1, NULL, 0);
    respond(&server, 1, true, ":status", "200", NULL);
    client.log.used = 0;
    converse(&client, &server);
    assert_heard(&client, "response 1 end :status=200; end 1 (); closed 1 0; goaway 0 1 (); ");
    assert_true(http_is_over(server.m));
    assert_string_equal(server.m->end_reason, "");
}

static void pings_are_answered(void **state)
{
    (void)state;
    start();
    assert_int_equal(http_ping(client.m, (const uint8_t *)"12345678"), OK);
    converse(&client, &server);
    assert_heard(&server, "ping 12345678; ");
    assert_heard(&client, "ping ack 12345678; ");
}

static void settings_are_told_and_seen(void **state)
{
    static const struct http_setting_entry bad = {HTTP_MAX_FRAME_SIZE, 1};
    static const struct http_setting_entry good[] = {
        {HTTP_ENABLE_PUSH, 1}, /* not for a server to say */
        {HTTP_INITIAL_WINDOW_SIZE, 1000},
        {HTTP_MAX_FRAME_SIZE, 20000},
    };

    (void)state;
    start();
    assert_int_equal(http_settings(server.m, &bad, 1), ERR_RANGE);
    assert_int_equal(http_settings(server.m, good, 3), OK);
    converse(&client, &server);
    assert_int_equal(http_setting(client.m, true, HTTP_INITIAL_WINDOW_SIZE), 1000);
    assert_int_equal(http_setting(server.m, false, HTTP_MAX_FRAME_SIZE), 20000);
    assert_int_equal(http_setting(client.m, false, HTTP_HEADER_TABLE_SIZE), 4096);
    assert_int_equal(http_setting(client.m, false, 77), -1);
}

static void numbers_of_session_and_stream(void **state)
{
    struct test_stream *s;

    (void)state;
    start();
    s = request(&client, false, POST_FIELDS, NULL);
    s->big = 100;
    s->is_held = true;
    server.is_hoarding = true;
    converse(&client, &server);
    assert_true(http_state(client.m, HTTP_STATE_NEXT_ID, 0) == 3);
    assert_true(http_state(server.m, HTTP_STATE_LAST_PROCESSED_ID, 0) == 1);
    assert_true(http_state(client.m, HTTP_STATE_REMOTE_WINDOW, 0) == 1048576 - 100);
    assert_true(http_state(server.m, HTTP_STATE_EFFECTIVE_LOCAL_WINDOW, 0) == 1048576);
    assert_true(http_state(server.m, HTTP_STATE_EFFECTIVE_RECV_LENGTH, 0) == 100);
    assert_true(http_state(server.m, HTTP_STATE_LOCAL_WINDOW, 0) == 1048476);
    assert_true(http_state(server.m, HTTP_STATE_OUTBOUND_QUEUE, 0) == 0);
    assert_true(http_state(server.m, HTTP_STATE_INFLATE_TABLE, 0) >= 0);
    assert_true(http_state(server.m, HTTP_STATE_DEFLATE_TABLE, 0) >= 0);
    assert_true(http_state(server.m, HTTP_STATE_STREAM_LOCAL_CLOSED, 1) == 0);
    assert_true(http_state(server.m, HTTP_STATE_STREAM_REMOTE_CLOSED, 1) == 0);
    assert_true(http_state(server.m, HTTP_STATE_STREAM_LOCAL_WINDOW, 1) == 65435);
    assert_true(http_state(client.m, HTTP_STATE_STREAM_REMOTE_WINDOW, 1) == 65435);
    assert_true(http_state(server.m, HTTP_STATE_STREAM_LOCAL_CLOSED, 9) == -1);
}

/* A body over many windows in both directions; the reader takes its time. */
static void large_bodies_pass_in_both_directions(void **state)
{
    static const struct http_setting_entry window = {HTTP_INITIAL_WINDOW_SIZE, 1};
    struct test_stream *s, *t;

    (void)state;
    start();
    s = request(&client, false, POST_FIELDS, NULL);
    s->big = 3000000;
    converse(&client, &server);
    assert_heard(
        &server,
        "open 1; request 1 :method=POST :scheme=http :authority=host :path=/; end 1 (3000000 bytes); ");
    stream_of(&server, 1)->big = 3000000;
    respond(&server, 1, false, ":status", "200", NULL);
    converse(&client, &server);
    assert_heard(&client, "sent 1; response 1 :status=200; end 1 (3000000 bytes); closed 1 0; ");

    http_settings(server.m, &window, 1); /* windows of one byte */
    converse(&client, &server);
    t = request(&client, false, POST_FIELDS, NULL);
    t->big = 200;
    converse(&client, &server);
    assert_int_equal(stream_of(&server, 3)->received.used, 200);
}

static void a_reader_that_takes_nothing_stops_its_stream_only(void **state)
{
    struct test_stream *s, *t;

    (void)state;
    server.is_hoarding = true;
    start();
    s = request(&client, false, POST_FIELDS, NULL);
    s->big = 100000;
    converse(&client, &server);
    assert_int_equal(stream_of(&server, 1)->received.used, 65535);
    t = request(&client, false, POST_FIELDS, NULL);
    t->big = 65535;
    converse(&client, &server);
    assert_int_equal(stream_of(&server, 3)->received.used, 65535);
    http_consume(server.m, 1, 65535);
    converse(&client, &server);
    assert_int_equal(stream_of(&server, 1)->received.used, 100000);
}

static void a_full_sink_stops_the_drain(void **state)
{
    char *words;

    (void)state;
    start();
    get();
    get();
    converse(&client, &server);
    stream_of(&server, 1)->big = 60000;
    stream_of(&server, 3)->big = 1000;
    respond(&server, 1, false, ":status", "200", NULL);
    respond(&server, 3, false, ":status", "200", NULL);
    server.room = 20000;
    peer_drain(&server);
    words = describe(&server.out, false);
    assert_string_equal(words,
                        "HEADERS 1; HEADERS 3; DATA 1 16384; DATA 3 1000 end; DATA 1 16384; ");
    free(words);
    assert_true(http_wants_write(server.m));
    peer_drain(&server);
    assert_int_equal(server.out.used, 9 + 1 + 9 + 1 + 9 + 16384 + 9 + 1000 + 9 + 16384);
    server.room = 0;
    converse(&client, &server);
    assert_int_equal(client.closed, 2);
    assert_int_equal(client.streams[0]->received.used, 60000);
    assert_int_equal(client.streams[1]->received.used, 1000);
}

static void long_header_blocks_use_continuation(void **state)
{
    static char long_value[30000];
    struct http_field fields[] = {{":status", "200", 7, 3, 0},
                                  {"x-long", long_value, 6, sizeof(long_value), 0}};

    (void)state;
    memset(long_value, '~', sizeof(long_value)); /* no Huffman code makes it shorter */
    start();
    get();
    converse(&client, &server);
    assert_int_equal(http_respond(server.m, 1, fields, 2, true), OK);
    server.room =
        1; /* stops between HEADERS and CONTINUATION; another session says something meanwhile */
    peer_drain(&server);
    {
        struct peer other;

        peer_init(&other, true);
        peer_start(&other);
        assert_said(&other, "SETTINGS; ");
        peer_free(&other);
    }
    server.room = 0;
    client.log.used = 0;
    client.is_quiet = true;
    converse(&client, &server);
    assert_int_equal(client.closed, 1);
    assert_int_equal(client.err, OK);
}

static void a_block_too_large_to_send_is_a_frame_error(void **state)
{
    static char long_value[70000];
    struct http_field fields[] = {{":status", "200", 7, 3, 0},
                                  {"x-long", long_value, 6, sizeof(long_value), 0}};
    struct http_field asked[] = {{":method", "GET", 7, 3, 0},
                                 {"x-long", long_value, 6, sizeof(long_value), 0}};
    struct test_stream *s;

    (void)state;
    memset(long_value, '~', sizeof(long_value));
    start();
    get();
    converse(&client, &server);
    server.log.used = client.log.used = 0;
    http_respond(server.m, 1, fields, 2, true);
    converse(&client, &server);
    assert_heard(&server, "frame error 1 1 6; ");
    s = stream_new(&client, 3);
    assert_int_equal(http_request(client.m, asked, 2, true, s, &s->id), OK);
    converse(&client, &server);
    assert_heard(&client,
                 "frame error 3 1 6; closed 3 6 by us: its header block could not be sent; ");
}

static void many_fields_are_sent_too(void **state)
{
    struct http_field fields[100];

    (void)state;
    start();
    get();
    converse(&client, &server);
    fields[0] = (struct http_field){":status", "200", 7, 3, 0};
    for (size_t i = 1; i < COUNT(fields); i++)
        fields[i] = (struct http_field){"x-many", "v", 6, 1, 0};
    assert_int_equal(http_respond(server.m, 1, fields, COUNT(fields), true), OK);
    converse(&client, &server);
    assert_int_equal(client.closed, 1);
}

static void verbs_after_the_end_say_closed(void **state)
{
    uint32_t id;

    (void)state;
    start();
    get();
    converse(&client, &server);
    peer_feed(&server, "\0\0\5\x6\0\0\0\0\0hello", 14); /* PING of a wrong size */
    assert_int_equal(server.err, ERR_PROTOCOL);
    assert_int_equal(respond(&server, 1, true, ":status", "200", NULL), ERR_CLOSED);
    assert_int_equal(inform(&server, 1, ":status", "103", NULL), ERR_CLOSED);
    assert_int_equal(trailers(&server, 1, "a", "b", NULL), ERR_CLOSED);
    assert_int_equal(http_push(server.m, 1, NULL, 0, &id, &id), ERR_CLOSED);
    assert_int_equal(http_reset(server.m, 1, 0), OK);
    assert_int_equal(http_goaway(server.m, 0, -1, NULL, 0), ERR_CLOSED);
    assert_int_equal(http_shutdown_notice(server.m), ERR_CLOSED);
    assert_int_equal(http_settings(server.m, NULL, 0), ERR_CLOSED);
    assert_int_equal(http_ping(server.m, (const uint8_t *)"12345678"), ERR_CLOSED);
    assert_int_equal(http_window(server.m, 100000), ERR_CLOSED);
    http_data_ready(server.m, 1);
    http_consume(server.m, 1, 1);
    assert_int_equal(peer_feed(&server, "more", 4), OK);
    assert_said(&server, "GOAWAY 1 6; ");
    assert_int_equal(server.m->end_code, 6);
    assert_true(http_is_over(server.m));
    assert_said(&server, "");
}

#define exchange_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        exchange_test(a_get_is_answered),
        exchange_test(a_response_may_end_with_its_headers),
        exchange_test(a_request_body_is_echoed),
        exchange_test(each_piece_is_a_frame_of_its_own),
        exchange_test(a_body_waits_for_data_ready),
        exchange_test(sensitive_fields_arrive_as_such),
        exchange_test(informational_blocks_come_before_the_response),
        exchange_test(trailers_given_after_the_body_follow_it),
        exchange_test(trailers_given_early_wait_for_the_body),
        exchange_test(empty_trailers_are_an_end_without_a_block),
        exchange_test(a_client_sends_trailers_too),
        exchange_test(a_push_is_announced_and_answered),
        exchange_test(a_refused_push_is_reset),
        exchange_test(a_push_on_a_stream_that_is_reset_vanishes),
        exchange_test(push_is_off_when_the_client_says_so),
        exchange_test(a_reset_reaches_the_other_side),
        exchange_test(what_was_drained_before_a_reset_goes_out),
        exchange_test(a_reset_without_a_drain_drops_the_response),
        exchange_test(a_body_that_fails_resets_its_stream),
        exchange_test(requests_over_the_peers_limit_wait),
        exchange_test(a_waiting_request_can_be_cancelled),
        exchange_test(waiting_requests_hear_of_goaway),
        exchange_test(many_waiting_requests_go_in_turn),
        exchange_test(a_line_of_requests_keeps_moving),
        exchange_test(goaway_does_not_overtake_requests),
        exchange_test(goaway_waits_behind_one_frame_of_a_body_at_the_most),
        exchange_test(two_goaways_keep_their_order),
        exchange_test(open_streams_finish_after_goaway),
        exchange_test(a_drain_in_two_steps_loses_nothing),
        exchange_test(pings_are_answered),
        exchange_test(settings_are_told_and_seen),
        exchange_test(numbers_of_session_and_stream),
        exchange_test(large_bodies_pass_in_both_directions),
        exchange_test(a_reader_that_takes_nothing_stops_its_stream_only),
        exchange_test(a_full_sink_stops_the_drain),
        exchange_test(long_header_blocks_use_continuation),
        exchange_test(a_block_too_large_to_send_is_a_frame_error),
        exchange_test(many_fields_are_sent_too),
        exchange_test(verbs_after_the_end_say_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
