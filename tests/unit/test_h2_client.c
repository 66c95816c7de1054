/* A client's machine against hand-made frames of a server. */
#include "frames.h"

static struct peer client;
static struct bytes b;

static int setup(void **state)
{
    (void)state;
    peer_init(&client, false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_free(&client);
    bytes_free(&b);
    return mem_live() != 0;
}

/* A client with requests on streams 1, 3, … that have left and ended. */
static void ask(int requests)
{
    client_ready(&client);
    for (int i = 0; i < requests; i++)
        assert_non_null(request(&client, true, GET_FIELDS, NULL));
    peer_drain(&client);
    client.out.used = client.log.used = 0;
}

static void the_preface_and_settings_come_first(void **state)
{
    static const struct http_setting_entry off = {HTTP_ENABLE_PUSH, 0};

    (void)state;
    client.options.settings = &off;
    client.options.settings_count = 1;
    peer_start(&client);
    assert_true(http_wants_write(client.m));
    assert_non_null(request(&client, true, GET_FIELDS, NULL));
    peer_drain(&client);
    assert_memory_equal(client.out.at,
                        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\6\4\0\0\0\0\0\0\2\0\0\0\0", 39);
    assert_said(&client, "SETTINGS; HEADERS 1 end; ");
}

static void ids_are_given_at_once(void **state)
{
    (void)state;
    peer_start(&client);
    assert_int_equal(request(&client, true, GET_FIELDS, NULL)->id, 1);
    assert_int_equal(request(&client, true, GET_FIELDS, NULL)->id, 3);
    assert_int_equal(request(&client, true, GET_FIELDS, NULL)->id, 5);
}

static void a_whole_response(void **state)
{
    (void)state;
    ask(1);
    put_headers(&b, 1, 0, ":status", "103", "link", "x", NULL);
    put_headers(&b, 1, 0, ":status", "200", "content-length", "5", NULL);
    put_data(&b, 1, 0, "hello");
    put_headers(&b, 1, END_STREAM, "x-sum", "1", NULL);
    assert_int_equal(peer_hear(&client, &b), OK);
    assert_heard(&client,
                 "informational 1 :status=103 link=x; response 1 :status=200 content-length=5; "
                 "trailers 1 end x-sum=1; end 1 (hello); closed 1 0; ");
}

static void the_response_to_head_has_a_length_and_no_body(void **state)
{
    (void)state;
    client_ready(&client);
    request(&client, true, ":method", "HEAD", ":scheme", "http", ":authority", "h", ":path", "/",
            NULL);
    peer_drain(&client);
    put_headers(&b, 1, END_STREAM, ":status", "200", "content-length", "5", NULL);
    peer_hear(&client, &b);
    assert_heard(&client,
                 "sent 1; response 1 end :status=200 content-length=5; end 1 (); closed 1 0; ");
}

static void malformed_responses_reset_their_stream(void **state)
{
    static const struct {
        const char *label;
        const char *fields[8];
    } cases[] = {
#define LINE(...)       \
    {                   \
#__VA_ARGS__,   \
        {               \
            __VA_ARGS__ \
        }               \
    }
        LINE("x", "y"),
        LINE(":status", "20"),
        LINE(":status", "abc"),
        LINE(":status", "101"),
        LINE(":status", "200", ":status", "200"),
        LINE("x", "y", ":status", "200"),
        LINE(":status", "200", ":path", "/"),
        LINE(":status", "200", "Upper", "x"),
        LINE(":status", "200", "connection", "close"),
        LINE(":status", "200", "content-length", "3"),
        LINE(":status", "100"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes block = {0};
        char *said;

        peer_free(&client);
        peer_init(&client, false);
        ask(1);
        for (size_t k = 0; cases[i].fields[k]; k += 2)
            hpack(&block, cases[i].fields[k], cases[i].fields[k + 1], NULL);
        put_frame(&b, HEADERS, END_STREAM | END_HEADERS, 1, block.at, block.used);
        assert_int_equal(peer_hear(&client, &b), OK);
        peer_drain(&client);
        said = describe(&client.out, true);
        bytes_put(&client.log, "", 1);
        if (strcmp(said, "RST_STREAM 1 1; ") != 0)
            fail_msg("%s: said %s", cases[i].label, said);
        if (strncmp((char *)client.log.at, "closed 1 1 by us: ", 18) != 0)
            fail_msg("%s: heard %s", cases[i].label, (char *)client.log.at);
        free(said);
        bytes_free(&block);
    }
}

static void a_body_that_contradicts_content_length_resets(void **state)
{
    (void)state;
    ask(2);
    put_headers(&b, 1, 0, ":status", "200", "content-length", "3", NULL);
    put_headers(&b, 3, 0, ":status", "200", "content-length", "5", NULL);
    peer_hear(&client, &b);
    client.log.used = 0;
    put_data(&b, 1, END_STREAM, "four");
    put_data(&b, 3, END_STREAM, "four");
    peer_hear(&client, &b);
    peer_drain(&client);
    assert_heard(
        &client,
        "closed 1 1 by us: a body that does not fit content-length, or came before its headers; "
        "closed 3 1 by us: a body that does not fit content-length, or came before its headers; ");
}

static void a_tidy_reset_behind_a_response_is_no_mistake(void **state)
{
    struct test_stream *s;

    (void)state;
    client.options.reset_burst = 0;
    client_ready(&client);
    s = request(&client, false, POST_FIELDS, NULL);
    s->big = 1000000;
    peer_drain(&client);
    client.log.used = 0;
    put_headers(&b, 1, END_STREAM, ":status", "413", NULL);
    put_number(&b, RST_STREAM, 1, 0);
    assert_int_equal(peer_hear(&client, &b), OK);
    assert_heard(&client, "response 1 end :status=413; end 1 (); reset 1 0; closed 1 0; ");
}

static void goaway_closes_the_streams_above_its_id(void **state)
{
    (void)state;
    ask(3);
    put_goaway(&b, 1, 0, "");
    assert_int_equal(peer_hear(&client, &b), OK);
    bytes_put(&client.log, "", 1); /* the two in any order */
    assert_memory_equal(client.log.at, "goaway 0 1 (); closed ", 22);
    assert_non_null(strstr((char *)client.log.at, "closed 3 7; "));
    assert_non_null(strstr((char *)client.log.at, "closed 5 7; "));
    client.log.used = 0;
    assert_null(request(&client, true, GET_FIELDS, NULL));
    assert_int_equal(client.err, ERR_CLOSED);
    put_headers(&b, 1, END_STREAM, ":status", "200", NULL);
    peer_hear(&client, &b);
    assert_heard(&client, "response 1 end :status=200; end 1 (); closed 1 0; ");
    assert_true(http_is_over(client.m));
}

static void requests_that_have_not_left_are_closed_by_goaway(void **state)
{
    (void)state;
    client_ready(&client);
    request(&client, true, GET_FIELDS, NULL);
    request(&client, true, GET_FIELDS, NULL);
    put_goaway(&b, 0, 2, "why");
    peer_hear(&client, &b);
    assert_heard(&client, "goaway 2 0 (why); closed 1 7; closed 3 7; ");
    assert_said(&client, "");
    assert_heard(&client, "");
    assert_true(http_is_over(client.m));
}

static void waiting_requests_are_closed_when_the_session_ends(void **state)
{
    (void)state;
    client.options.peer_max_concurrent_streams = 1;
    peer_start(&client);
    for (int i = 0; i < 3; i++)
        request(&client, true, GET_FIELDS, NULL);
    peer_drain(&client);
    client.out.used = client.log.used = 0;
    put_head(&b, 0, PING, 0, 0); /* not SETTINGS */
    peer_hear(&client, &b);
    peer_drain(&client);
    assert_int_equal(client.err, ERR_PROTOCOL);
    assert_heard(&client,
                 "closed 3 7 by us: SETTINGS expected; closed 5 7 by us: SETTINGS expected; ");
    assert_true(http_is_over(client.m));
}

static void a_server_may_not_break_the_rules_either(void **state)
{
    static const struct {
        const char *label;
        unsigned type, flags;
        uint32_t id;
        const char *payload;
        size_t length;
        uint32_t code;
    } cases[] = {
        {"HEADERS on an even stream", HEADERS, END_HEADERS, 2, "\x88", 1, 1},
        {"HEADERS on a stream never asked for", HEADERS, END_HEADERS, 7, "\x88", 1, 1},
        {"DATA before HEADERS", DATA, 0, 1, "x", 1, 1},
        {"DATA on an idle stream", DATA, 0, 9, "x", 1, 1},
        {"a push on an idle stream", PUSH_PROMISE, END_HEADERS, 9, "\0\0\0\2\x82", 5, 1},
        {"a push of an odd stream", PUSH_PROMISE, END_HEADERS, 1, "\0\0\0\5\x82", 5, 1},
        {"push switched on", SETTINGS, 0, 0, "\0\2\0\0\0\1", 6, 1},
        {"a reset of an idle stream", RST_STREAM, 0, 9, "\0\0\0\0", 4, 1},
        {"GOAWAY with an id of the server's", GOAWAY, 0, 0, "\0\0\0\2\0\0\0\0", 8, 1},
        {"an oversized frame", DATA, 0, 1, NULL, 16385, 6},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        static char zeros[16385];

        peer_free(&client);
        peer_init(&client, false);
        ask(1);
        put_frame(&b, cases[i].type, cases[i].flags, cases[i].id,
                  cases[i].payload ? cases[i].payload : zeros, cases[i].length);
        if (peer_hear(&client, &b) != ERR_PROTOCOL)
            fail_msg("%s: feed() took it", cases[i].label);
        peer_drain(&client);
        if (client.m->end_code != cases[i].code)
            fail_msg("%s: code %u, %s", cases[i].label, client.m->end_code, client.m->end_reason);
        assert_true(http_is_over(client.m));
    }
}

static void a_response_over_the_limits_is_reset(void **state)
{
    static char value[3000];
    struct bytes block = {0};

    (void)state;
    memset(value, 'v', sizeof(value));
    client.options.max_header_list_bytes = 2000;
    ask(1);
    hpack(&block, ":status", "200", NULL);
    hpack_field(&block, 0, "x", 1, value, sizeof(value));
    put_frame(&b, HEADERS, END_STREAM | END_HEADERS, 1, block.at, block.used);
    peer_hear(&client, &b);
    assert_said(&client, "RST_STREAM 1 11; ");
    assert_heard(&client, "closed 1 11 by us: a header block over max_header_list_bytes; ");
    bytes_free(&block);
}

static void a_malformed_push_is_reset_and_never_seen(void **state)
{
    struct bytes block = {0};

    (void)state;
    ask(1);
    bytes_be32(&block, 2);
    hpack(&block, ":method", "GET", ":scheme", "http", ":authority", "u@h", ":path", "/", NULL);
    put_frame(&b, PUSH_PROMISE, END_HEADERS, 1, block.at, block.used);
    peer_hear(&client, &b);
    assert_said(&client, "RST_STREAM 2 1; ");
    assert_heard(&client, "");
    bytes_free(&block);
}

static void a_push_that_was_switched_off_ends_the_session(void **state)
{
    static const struct http_setting_entry off = {HTTP_ENABLE_PUSH, 0};
    struct bytes block = {0};

    (void)state;
    client.options.settings = &off;
    client.options.settings_count = 1;
    ask(1);
    bytes_be32(&block, 2);
    hpack(&block, GET_FIELDS, NULL);
    put_frame(&b, PUSH_PROMISE, END_HEADERS, 1, block.at, block.used);
    assert_int_equal(peer_hear(&client, &b), ERR_PROTOCOL);
    assert_int_equal(client.m->end_code, 1);
    bytes_free(&block);
}

static void a_request_is_closed_in_every_way_once(void **state)
{
    (void)state;
    ask(3);
    put_headers(&b, 1, END_STREAM, ":status", "200", NULL);
    put_number(&b, RST_STREAM, 3, 2);
    peer_hear(&client, &b);
    http_reset(client.m, 5, HTTP_CANCEL);
    peer_drain(&client);
    assert_heard(
        &client,
        "response 1 end :status=200; end 1 (); closed 1 0; reset 3 2; closed 3 2; closed 5 8 by us; ");
    put_goaway(&b, 0, 0, "");
    peer_hear(&client, &b);
    assert_heard(&client, "goaway 0 0 (); ");
    assert_int_equal(client.closed, 3);
}

static void a_server_that_floods_is_left(void **state)
{
    (void)state;
    client.options.useless_burst = 100;
    client.options.useless_rate = 0;
    ask(1);
    for (int i = 0; i < 102; i++)
        put_frame(&b, PING, 0, 0, "12345678", 8);
    assert_int_equal(peer_hear(&client, &b), ERR_PROTOCOL);
    assert_int_equal(client.m->end_code, HTTP_ENHANCE_YOUR_CALM);
    assert_said(&client, "GOAWAY 0 11; ");
}

#define client_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        client_test(the_preface_and_settings_come_first),
        client_test(ids_are_given_at_once),
        client_test(a_whole_response),
        client_test(the_response_to_head_has_a_length_and_no_body),
        client_test(malformed_responses_reset_their_stream),
        client_test(a_body_that_contradicts_content_length_resets),
        client_test(a_tidy_reset_behind_a_response_is_no_mistake),
        client_test(goaway_closes_the_streams_above_its_id),
        client_test(requests_that_have_not_left_are_closed_by_goaway),
        client_test(waiting_requests_are_closed_when_the_session_ends),
        client_test(a_server_may_not_break_the_rules_either),
        client_test(a_response_over_the_limits_is_reset),
        client_test(a_malformed_push_is_reset_and_never_seen),
        client_test(a_push_that_was_switched_off_ends_the_session),
        client_test(a_request_is_closed_in_every_way_once),
        client_test(a_server_that_floods_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
