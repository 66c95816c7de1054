/* What sessions announce beside messages: ALTSVC, ORIGIN, custom settings; and the limits and shapes that the owner
 * chooses: refusals, padding, ids. */
#include "frames.h"

static struct peer server, client;
static struct bytes told;
static size_t longest; /* value of ALTSVC */

static void on_altsvc(void *owner, uint32_t id, const uint8_t *origin, size_t origin_length,
                      const uint8_t *value, size_t value_length)
{
    (void)owner;
    longest = value_length > longest ? value_length : longest;
    bytes_print(&told, "altsvc %u '%.*s' '%.*s'; ", id, (int)origin_length, (const char *)origin,
                (int)value_length, (const char *)value);
}

static void on_origin(void *owner, const uint8_t *origins, size_t length)
{
    (void)owner;
    bytes_print(&told, "origin");
    for (size_t at = 0; at + 2 <= length;) {
        size_t bytes = (size_t)origins[at] << 8 | origins[at + 1];

        bytes_print(&told, " %.*s", (int)bytes, (const char *)origins + at + 2);
        at += 2 + bytes;
    }
    bytes_print(&told, "; ");
}

static int setup(void **state)
{
    (void)state;
    peer_init(&server, true);
    peer_init(&client, false);
    client.callbacks.on_altsvc = on_altsvc;
    client.callbacks.on_origin = on_origin;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_free(&server);
    peer_free(&client);
    bytes_free(&told);
    told = (struct bytes){0};
    return mem_live() != 0;
}

static void start(void)
{
    peer_start(&client);
    peer_start(&server);
    converse(&client, &server);
}

static void assert_told(const char *expected)
{
    bytes_byte(&told, 0);
    assert_string_equal((const char *)told.at, expected);
    told.used = 0;
}

static void altsvc_is_heard_by_the_client(void **state)
{
    (void)state;
    start();
    request(&client, false, GET_FIELDS, NULL);
    converse(&client, &server);
    assert_int_equal(http_altsvc(server.m, 0, "https://a", 9, "h2=\":1\"", 7), OK);
    assert_int_equal(http_altsvc(server.m, 1, "", 0, "clear", 5), OK);
    assert_int_equal(http_altsvc(server.m, 99, "", 0, "nobody", 6), OK); /* no such stream */
    converse(&client, &server);
    assert_told("altsvc 0 'https://a' 'h2=\":1\"'; altsvc 1 '' 'clear'; ");
    assert_false(http_is_over(client.m));
}

static void altsvc_has_its_rules(void **state)
{
    static char large[16384];

    (void)state;
    memset(large, 'a', sizeof(large));
    start();
    assert_int_equal(http_altsvc(server.m, 0, "", 0, "x", 1), ERR_RANGE);
    assert_int_equal(http_altsvc(server.m, 1, "o", 1, "x", 1), ERR_RANGE);
    assert_int_equal(http_altsvc(server.m, 1, "", 0, large, 16383), ERR_RANGE);
    assert_int_equal(http_altsvc(server.m, 1u << 31, "", 0, "x", 1), ERR_RANGE);
    assert_int_equal(http_altsvc(client.m, 1, "", 0, "x", 1), ERR_STATE);
    assert_int_equal(http_altsvc(server.m, 0, "o", 1, large, 16381), OK);
    converse(&client, &server);
    assert_false(http_is_over(client.m));
    assert_int_equal(longest, 16381);
}

static void origins_are_heard_by_the_client(void **state)
{
    (void)state;
    start();
    assert_int_equal(http_origin(server.m, (const uint8_t *)"\0\3abc\0\2de", 9), OK);
    assert_int_equal(http_origin(server.m, NULL, 0), OK);
    converse(&client, &server);
    assert_told("origin abc de; origin; ");
    assert_int_equal(http_origin(server.m, (const uint8_t *)"\0\4abc", 5), ERR_RANGE);
    assert_int_equal(http_origin(server.m, (const uint8_t *)"\0", 1), ERR_RANGE);
    assert_int_equal(http_origin(client.m, (const uint8_t *)"\0\1a", 3), ERR_STATE);
}

/* Nothing of a server's two frames is for a server. */
static void a_client_that_announces_is_not_heard(void **state)
{
    struct bytes b = {0};

    (void)state;
    server.callbacks.on_altsvc = on_altsvc;
    server.callbacks.on_origin = on_origin;
    server_ready(&server);
    put_frame(&b, 0xa, 0, 0, "\0\1ab", 4);
    put_frame(&b, 0xc, 0, 0, "\0\1a", 3);
    put_get(&b, 1);
    assert_int_equal(peer_hear(&server, &b), OK);
    assert_int_equal(told.used, 0);
    assert_non_null(stream_of(&server, 1));
    bytes_free(&b);
}

/* Faulty frames of that kind are ignored, or end the session; nothing is made of them. */
static void malformed_announcements_are_not_heard(void **state)
{
    static const struct {
        unsigned type;
        const char *payload;
        size_t length;
    } cases[] = {
        {0xa, "", 0}, {0xa, "\0", 1}, {0xa, "\0\5ab", 4}, {0xc, "\0", 1}, {0xc, "\0\5ab", 4},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes b = {0};
        struct peer p;

        peer_init(&p, false);
        p.callbacks.on_altsvc = on_altsvc;
        p.callbacks.on_origin = on_origin;
        client_ready(&p);
        put_frame(&b, cases[i].type, 0, 0, cases[i].payload, cases[i].length);
        peer_hear(&p, &b);
        assert_int_equal(told.used, 0);
        peer_free(&p);
        bytes_free(&b);
    }
}

static void on_settings(void *owner, const struct http_setting_entry *entries, size_t count)
{
    (void)owner;
    for (size_t i = 0; i < count; i++)
        bytes_print(&told, "%x=%u ", (unsigned)entries[i].id, (unsigned)entries[i].value);
    bytes_print(&told, "; ");
}

static void settings_are_told_as_they_were_sent(void **state)
{
    static const struct http_setting_entry first[] = {{0x77, 5}, {HTTP_INITIAL_WINDOW_SIZE, 1000}},
                                           second[] = {{HTTP_INITIAL_WINDOW_SIZE, 2000}};

    (void)state;
    client.callbacks.on_settings = on_settings;
    server.options.settings = first;
    server.options.settings_count = COUNT(first);
    peer_start(&client);
    peer_start(&server);
    assert_int_equal(http_settings(server.m, second, COUNT(second)), OK);
    assert_int_equal(http_settings(server.m, NULL, 0), OK);
    converse(&client, &server);
    assert_told("77=5 4=1000 ; 4=2000 ; ; ");
    assert_int_equal(http_setting(client.m, true, HTTP_INITIAL_WINDOW_SIZE), 2000);
    assert_int_equal(http_setting(client.m, true, 0x77), -1); /* not one that we know */
}

static void the_next_id_can_be_chosen(void **state)
{
    struct test_stream *s;

    (void)state;
    start();
    assert_int_equal(http_next_id(client.m, 0), ERR_RANGE);
    assert_int_equal(http_next_id(client.m, 2), ERR_RANGE);
    assert_int_equal(http_next_id(client.m, 1u << 31), ERR_RANGE);
    assert_int_equal(http_next_id(client.m, 101), OK);
    assert_int_equal(http_next_id(client.m, 99), ERR_RANGE);
    assert_int_equal(http_next_id(server.m, 7), ERR_RANGE);
    assert_int_equal(http_next_id(server.m, 8), OK);
    s = request(&client, true, GET_FIELDS, NULL);
    assert_int_equal(s->id, 101);
    converse(&client, &server);
    assert_non_null(stream_of(&server, 101));
}

static void the_owner_chooses_the_code_of_a_refusal(void **state)
{
    (void)state;
    server.is_refusing = true;
    server.refusal_code = HTTP_ENHANCE_YOUR_CALM;
    start();
    request(&client, true, GET_FIELDS, NULL);
    converse(&client, &server);
    assert_heard(&client, "sent 1; reset 1 11; closed 1 11; ");
}

static void too_many_refusals_in_a_row_end_the_session(void **state)
{
    (void)state;
    server.options.max_rejected_streams = 2;
    start();
    for (int round = 0; round < 2; round++) {
        server.is_refusing = true;
        for (int i = 0; i < 2; i++) {
            request(&client, true, GET_FIELDS, NULL);
            converse(&client, &server);
            assert_int_equal(server.err, OK);
        }
        server.is_refusing = false; /* one that is taken: the count begins anew */
        request(&client, true, GET_FIELDS, NULL);
        converse(&client, &server);
        assert_int_equal(server.err, OK);
    }
    server.is_refusing = true;
    for (int i = 0; i < 3; i++)
        request(&client, true, GET_FIELDS, NULL);
    converse(&client, &server);
    assert_int_equal(server.err, ERR_PROTOCOL);
    assert_int_equal(server.m->end_code, HTTP_ENHANCE_YOUR_CALM);
}

static void too_many_invalid_frames_have_a_name(void **state)
{
    struct bytes b = {0};

    (void)state;
    server.options.max_invalid_frames = 1;
    server_ready(&server);
    for (uint32_t id = 1; id < 5; id += 2)
        put_headers(&b, id, END_STREAM, GET_FIELDS, "connection", "close", NULL);
    assert_null(server.m->end_name);
    assert_int_equal(peer_hear(&server, &b), ERR_PROTOCOL);
    assert_string_equal(server.m->end_name, "ERR_HTTP2_TOO_MANY_INVALID_FRAMES");
    bytes_free(&b);
}

/* Frame lengths of one answer with a body of 1001 bytes: of HEADERS, of DATA. */
static void padded(enum http_padding padding, size_t lengths[2])
{
    static char body[1002];
    struct peer p;
    struct bytes b = {0};

    memset(body, 'x', 1001);
    peer_init(&p, true);
    p.options.padding = padding;
    server_ready(&p);
    put_get(&b, 1);
    peer_hear(&p, &b);
    peer_drain(&p);
    p.out.used = 0;
    stream_of(&p, 1)->body = body;
    respond(&p, 1, false, ":status", "200", NULL);
    peer_drain(&p);
    lengths[0] = lengths[1] = 0;
    for (size_t at = 0; at + 9 <= p.out.used;) {
        size_t length = be32_at(p.out.at + at) >> 8;

        assert_true(at + 9 + length <= p.out.used);
        if (p.out.at[at + 3] <= HEADERS)
            lengths[p.out.at[at + 3] == DATA] += length;
        at += 9 + length;
    }
    peer_free(&p);
    bytes_free(&b);
}

static void padding_has_three_kinds(void **state)
{
    size_t plain[2], aligned[2], most[2];

    (void)state;
    padded(HTTP_PADDING_NONE, plain);
    padded(HTTP_PADDING_ALIGNED, aligned);
    padded(HTTP_PADDING_MAX, most);
    assert_int_equal(plain[1], 1001);
    for (int i = 0; i < 2; i++) {
        assert_int_equal((aligned[i] + 9) % 8, 0);
        assert_true(aligned[i] >= plain[i] && aligned[i] < plain[i] + 8);
        assert_true(most[i] >= plain[i] + 255 && most[i] <= plain[i] + 256);
    }
}

static void frames_are_counted(void **state)
{
    (void)state;
    start(); /* SETTINGS and its answer, each way */
    request(&client, true, GET_FIELDS, NULL);
    converse(&client, &server);
    respond(&server, 1, true, ":status", "200", NULL);
    http_ping(client.m, (const uint8_t *)"12345678");
    converse(&client, &server);
    assert_int_equal(http_state(client.m, HTTP_STATE_FRAMES_SENT, 0), 4);
    assert_int_equal(http_state(server.m, HTTP_STATE_FRAMES_RECEIVED, 0), 4);
    assert_int_equal(http_state(server.m, HTTP_STATE_FRAMES_SENT, 0), 4);
    assert_int_equal(http_state(client.m, HTTP_STATE_FRAMES_RECEIVED, 0), 4);
}

#define announce_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        announce_test(altsvc_is_heard_by_the_client),
        announce_test(altsvc_has_its_rules),
        announce_test(origins_are_heard_by_the_client),
        announce_test(a_client_that_announces_is_not_heard),
        announce_test(malformed_announcements_are_not_heard),
        announce_test(settings_are_told_as_they_were_sent),
        announce_test(the_next_id_can_be_chosen),
        announce_test(the_owner_chooses_the_code_of_a_refusal),
        announce_test(too_many_refusals_in_a_row_end_the_session),
        announce_test(too_many_invalid_frames_have_a_name),
        announce_test(padding_has_three_kinds),
        announce_test(frames_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
