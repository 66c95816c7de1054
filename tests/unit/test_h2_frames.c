/* A server's machine against hand-made frames: what RFC 9113 asks for, however the network cuts
 * it. */
#include "frames.h"

#include "http/machine.h"

static struct peer server;
static struct bytes b;

static int setup(void **state)
{
    (void)state;
    peer_init(&server, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_free(&server);
    bytes_free(&b);
    return mem_live() != 0;
}

/* --- cuts */

static void build_conversation(struct bytes *out)
{
    struct bytes block = {0};

    put_preface(out);
    put_frame(out, SETTINGS, ACK, 0, "", 0);
    put_get(out, 1);
    put_post(out, 3);
    put_data(out, 3, 0, "hello ");
    put_frame(out, PING, 0, 0, "12345678", 8);
    put_frame(out, DATA, PADDED, 3, "\3world\0\0\0", 9);
    put_frame(out, 0x77, 0, 5, "unknown", 7);
    put_headers(out, 3, END_STREAM, "x-trailer", "yes", NULL);
    hpack(&block, GET_FIELDS, "x-long", "0123456789", NULL); /* in three pieces */
    put_frame(out, HEADERS, END_STREAM, 5, block.at, 10);
    put_frame(out, CONTINUATION, 0, 5, block.at + 10, 20);
    put_frame(out, CONTINUATION, END_HEADERS, 5, block.at + 30, block.used - 30);
    put_number(out, RST_STREAM, 1, 8);
    put_number(out, WINDOW_UPDATE, 0, 1000);
    put_goaway(out, 0, 0, "bye");
    put_get(out, 7);
    bytes_free(&block);
}

static const char conversation_heard[] =
    "open 1; request 1 end :method=GET :scheme=http :authority=host :path=/; end 1 (); "
    "open 3; request 3 :method=POST :scheme=http :authority=host :path=/; ping 12345678; "
    "trailers 3 end x-trailer=yes; end 3 (hello world); "
    "open 5; request 5 end :method=GET :scheme=http :authority=host :path=/ x-long=0123456789; end 5 (); "
    "reset 1 8; closed 1 8; goaway 0 0 (bye); "
    "open 7; request 7 end :method=GET :scheme=http :authority=host :path=/; end 7 (); ";
static const char conversation_said[] = "SETTINGS; SETTINGS ack; PING ack; WINDOW_UPDATE 0 983041; ";

static void one_feed_or_one_byte_at_a_time(void **state)
{
    (void)state;
    for (size_t step = 1; step < 1000; step = step < 20 ? step + 1 : step * 3) {
        struct peer p;

        b.used = 0;
        build_conversation(&b);
        peer_init(&p, true);
        peer_start(&p);
        for (size_t at = 0; at < b.used; at += step)
            assert_int_equal(peer_feed(&p, b.at + at, b.used - at < step ? b.used - at : step), OK);
        assert_heard(&p, conversation_heard);
        assert_said(&p, conversation_said);
        peer_free(&p);
    }
}

static void cut_in_two_at_every_point(void **state)
{
    (void)state;
    build_conversation(&b);
    for (size_t cut = 0; cut <= b.used; cut++) {
        struct peer p;

        peer_init(&p, true);
        peer_start(&p);
        assert_int_equal(peer_feed(&p, b.at, cut), OK);
        assert_int_equal(peer_feed(&p, b.at + cut, b.used - cut), OK);
        assert_heard(&p, conversation_heard);
        assert_said(&p, conversation_said);
        peer_free(&p);
    }
}

/* Blocks of several sessions are received side by side, though they share their memory. */
static void sessions_may_be_cut_in_mid_block_side_by_side(void **state)
{
    struct peer peers[3];

    (void)state;
    build_conversation(&b);
    for (size_t i = 0; i < COUNT(peers); i++) {
        peer_init(&peers[i], true);
        peer_start(&peers[i]);
    }
    for (size_t at = 0; at < b.used; at += 7)
        for (size_t i = 0; i < COUNT(peers); i++)
            peer_feed(&peers[i], b.at + at, b.used - at < 7 ? b.used - at : 7);
    for (size_t i = 0; i < COUNT(peers); i++) {
        assert_heard(&peers[i], conversation_heard);
        peer_free(&peers[i]);
    }
}

static void a_block_in_drips_is_announced(void **state)
{
    struct bytes block = {0};

    (void)state;
    server.callbacks.on_block_begin = peer_on_block_begin;
    server.callbacks.on_block_end = peer_on_block_end;
    server_ready(&server);
    put_get(&b, 1); /* whole: no word */
    peer_hear(&server, &b);
    assert_heard(
        &server,
        "open 1; request 1 end :method=GET :scheme=http :authority=host :path=/; end 1 (); ");

    hpack(&block, GET_FIELDS, NULL);
    put_frame(&b, HEADERS, END_STREAM, 3, block.at, 10);
    peer_hear(&server, &b);
    assert_heard(&server, "block begin; ");
    put_head(&b, block.used - 10, CONTINUATION, END_HEADERS, 3);
    bytes_put(&b, block.at + 10, 5);
    peer_hear(&server, &b);
    assert_heard(&server, "");
    bytes_put(&b, block.at + 15, block.used - 15);
    put_frame(&b, HEADERS, END_STREAM, 5, block.at, 10); /* the next one begins at once */
    peer_hear(&server, &b);
    assert_heard(&server,
                 "open 3; request 3 end :method=GET :scheme=http :authority=host :path=/; end 3 (); "
                 "block end; block begin; ");
    put_frame(&b, CONTINUATION, END_HEADERS, 5, block.at + 10, block.used - 10);
    peer_hear(&server, &b);
    assert_heard(&server,
                 "open 5; request 5 end :method=GET :scheme=http :authority=host :path=/; end 5 (); "
                 "block end; ");
    bytes_free(&block);
}

/* --- faults of the connection: GOAWAY with the code */

struct fault {
    const char *label;
    void (*build)(void);
    uint32_t code;
};

static void open_one(void)
{
    put_post(&b, 1);
}

static void end_one(void)
{
    put_get(&b, 1);
}

static void data_on_stream_0(void)
{
    put_data(&b, 0, 0, "x");
}
static void data_on_an_idle_stream(void)
{
    put_data(&b, 5, 0, "x");
}
static void data_after_end_stream(void)
{
    end_one();
    put_data(&b, 1, 0, "x");
}
static void data_padded_too_much(void)
{
    open_one();
    put_frame(&b, DATA, PADDED, 1, "\5abc", 4);
}
static void data_padded_without_length(void)
{
    open_one();
    put_frame(&b, DATA, PADDED, 1, "", 0);
}
static void headers_on_stream_0(void)
{
    put_get(&b, 0);
}
static void headers_on_an_even_stream(void)
{
    put_get(&b, 2);
}
static void headers_on_a_skipped_stream(void)
{
    put_get(&b, 5);
    put_get(&b, 3);
}
static void headers_after_end_stream(void)
{
    end_one();
    put_get(&b, 1);
}
static void headers_that_depend_on_themselves(void)
{
    struct bytes block = {0};

    bytes_put(&block, "\0\0\0\1\20", 5);
    hpack(&block, GET_FIELDS, NULL);
    put_frame(&b, HEADERS, END_STREAM | END_HEADERS | WITH_PRIORITY, 1, block.at, block.used);
    bytes_free(&block);
}
static void headers_with_bad_padding(void)
{
    put_frame(&b, HEADERS, END_HEADERS | PADDED, 1, "\377abc", 4);
}
static void headers_with_bad_hpack(void)
{
    put_frame(&b, HEADERS, END_HEADERS | END_STREAM, 1, "\377\377\377\377\377\377", 6);
}
static void hpack_index_0(void)
{
    put_frame(&b, HEADERS, END_HEADERS | END_STREAM, 1, "\200", 1);
}
static void data_inside_a_block(void)
{
    put_frame(&b, HEADERS, 0, 1, "", 0);
    put_data(&b, 1, 0, "x");
}
static void unknown_inside_a_block(void)
{
    put_frame(&b, HEADERS, 0, 1, "", 0);
    put_frame(&b, 0x99, 0, 0, "x", 1);
}
static void continuation_of_another_stream(void)
{
    put_frame(&b, HEADERS, 0, 1, "", 0);
    put_frame(&b, CONTINUATION, 4, 3, "", 0);
}
static void continuation_without_headers(void)
{
    put_frame(&b, CONTINUATION, END_HEADERS, 1, "", 0);
}
static void priority_on_stream_0(void)
{
    put_frame(&b, PRIORITY, 0, 0, "\0\0\0\3\20", 5);
}
static void priority_of_a_wrong_size(void)
{
    put_frame(&b, PRIORITY, 0, 1, "\0\0\0\3", 4);
}
static void priority_on_itself(void)
{
    put_frame(&b, PRIORITY, 0, 1, "\0\0\0\1\20", 5);
}
static void reset_on_stream_0(void)
{
    put_number(&b, RST_STREAM, 0, 8);
}
static void reset_of_an_idle_stream(void)
{
    put_number(&b, RST_STREAM, 1, 8);
}
static void reset_of_a_wrong_size(void)
{
    open_one();
    put_frame(&b, RST_STREAM, 0, 1, "\0\0\0", 3);
}
static void settings_on_stream_1(void)
{
    put_frame(&b, SETTINGS, 0, 1, "", 0);
}
static void settings_of_a_wrong_size(void)
{
    put_frame(&b, SETTINGS, 0, 0, "\0\3\0\0\0", 5);
}
static void settings_ack_with_payload(void)
{
    put_frame(&b, SETTINGS, ACK, 0, "\0\3\0\0\0\1", 6);
}
static void settings_ack_nobody_asked_for(void)
{
    put_frame(&b, SETTINGS, ACK, 0, "", 0);
}
static void settings_push_2(void)
{
    put_setting(&b, 2, 2);
}
static void settings_window_too_large(void)
{
    put_setting(&b, 4, 0x80000000u);
}
static void settings_frame_size_too_small(void)
{
    put_setting(&b, 5, 16383);
}
static void settings_frame_size_too_large(void)
{
    put_setting(&b, 5, 16777216);
}
static void a_push_by_a_client(void)
{
    open_one();
    put_frame(&b, PUSH_PROMISE, END_HEADERS, 1, "\0\0\0\2", 4);
}
static void ping_on_stream_1(void)
{
    put_frame(&b, PING, 0, 1, "12345678", 8);
}
static void ping_of_a_wrong_size(void)
{
    put_frame(&b, PING, 0, 0, "1234567", 7);
}
static void goaway_on_stream_1(void)
{
    put_frame(&b, GOAWAY, 0, 1, "\0\0\0\0\0\0\0\0", 8);
}
static void goaway_of_a_wrong_size(void)
{
    put_frame(&b, GOAWAY, 0, 0, "\0\0\0\0\0\0\0", 7);
}
static void goaway_with_an_id_of_the_clients(void)
{
    put_goaway(&b, 1, 0, "");
}
static void goaway_that_rises(void)
{
    put_goaway(&b, 2, 0, "");
    put_goaway(&b, 4, 0, "");
}
static void window_update_of_0(void)
{
    put_number(&b, WINDOW_UPDATE, 0, 0);
}
static void window_update_too_large(void)
{
    put_number(&b, WINDOW_UPDATE, 0, 0x7fffffff);
}
static void window_update_of_an_idle_stream(void)
{
    put_number(&b, WINDOW_UPDATE, 1, 1);
}
static void window_update_of_a_wrong_size(void)
{
    put_frame(&b, WINDOW_UPDATE, 0, 0, "\0\0\0", 3);
}
static void a_frame_that_is_too_long(void)
{
    open_one();
    put_head(&b, 16385, DATA, 0, 1);
}
static void an_endless_frame(void)
{
    put_head(&b, 0xffffff, 0x55, 0, 0);
}
static void more_than_the_connection_window(void)
{
    static char zeros[16384];

    for (uint32_t id = 1; id <= 51; id += 2) {
        put_post(&b, id);
        for (int i = 0; i < 3; i++)
            put_frame(&b, DATA, 0, id, zeros, sizeof(zeros));
    }
}

static void faults_of_the_connection_end_it(void **state)
{
    static const struct fault faults[] = {
#define FAULT(f, code) {#f, f, code}
        FAULT(data_on_stream_0, 1),
        FAULT(data_on_an_idle_stream, 1),
        FAULT(data_after_end_stream, 5),
        FAULT(data_padded_too_much, 1),
        FAULT(data_padded_without_length, 1),
        FAULT(headers_on_stream_0, 1),
        FAULT(headers_on_an_even_stream, 1),
        FAULT(headers_on_a_skipped_stream, 1),
        FAULT(headers_after_end_stream, 5),
        FAULT(headers_that_depend_on_themselves, 1),
        FAULT(headers_with_bad_padding, 1),
        FAULT(headers_with_bad_hpack, 9),
        FAULT(hpack_index_0, 9),
        FAULT(data_inside_a_block, 1),
        FAULT(unknown_inside_a_block, 1),
        FAULT(continuation_of_another_stream, 1),
        FAULT(continuation_without_headers, 1),
        FAULT(priority_on_stream_0, 1),
        FAULT(priority_of_a_wrong_size, 6),
        FAULT(priority_on_itself, 1),
        FAULT(reset_on_stream_0, 1),
        FAULT(reset_of_an_idle_stream, 1),
        FAULT(reset_of_a_wrong_size, 6),
        FAULT(settings_on_stream_1, 1),
        FAULT(settings_of_a_wrong_size, 6),
        FAULT(settings_ack_with_payload, 6),
        FAULT(settings_ack_nobody_asked_for, 1),
        FAULT(settings_push_2, 1),
        FAULT(settings_window_too_large, 3),
        FAULT(settings_frame_size_too_small, 1),
        FAULT(settings_frame_size_too_large, 1),
        FAULT(a_push_by_a_client, 1),
        FAULT(ping_on_stream_1, 1),
        FAULT(ping_of_a_wrong_size, 6),
        FAULT(goaway_on_stream_1, 1),
        FAULT(goaway_of_a_wrong_size, 6),
        FAULT(goaway_with_an_id_of_the_clients, 1),
        FAULT(goaway_that_rises, 1),
        FAULT(window_update_of_0, 1),
        FAULT(window_update_too_large, 3),
        FAULT(window_update_of_an_idle_stream, 1),
        FAULT(window_update_of_a_wrong_size, 6),
        FAULT(a_frame_that_is_too_long, 6),
        FAULT(an_endless_frame, 6),
        FAULT(more_than_the_connection_window, 3),
#undef FAULT
    };

    (void)state;
    for (size_t i = 0; i < COUNT(faults); i++) {
        for (int bytewise = 0; bytewise < 2; bytewise++) {
            struct peer p;
            char *said;
            size_t length;

            peer_init(&p, true);
            server_ready(&p);
            b.used = 0;
            faults[i].build();
            put_get(&b, 91); /* nobody must hear of it */
            for (size_t at = 0; at < b.used; at += length) {
                length = bytewise ? 1 : b.used;
                peer_feed(&p, b.at + at, length);
            }
            if (p.err != ERR_PROTOCOL)
                fail_msg("%s: feed() took it", faults[i].label);
            peer_drain(&p);
            said = describe(&p.out, false);
            if (!strstr(said, "GOAWAY") || p.m->end_code != faults[i].code)
                fail_msg("%s: said %s, code %u, %s", faults[i].label, said, p.m->end_code,
                         p.m->end_reason);
            if (be32_at(p.out.at + p.out.used - 4) != faults[i].code &&
                p.out.at[p.out.used - 1] < ' ')
                fail_msg("%s: said %s", faults[i].label, said);
            bytes_put(&p.log, "", 1);
            if (strstr((char *)p.log.at, "91"))
                fail_msg("%s: went on: %s", faults[i].label, (char *)p.log.at);
            assert_true(http_is_over(p.m));
            assert_false(http_wants_write(p.m));
            assert_true(p.m->end_reason[0] != '\0');
            assert_int_equal(p.m->end_reason[strlen(p.m->end_reason) - 1] == ' ', 0);
            free(said);
            peer_free(&p);
        }
    }
}

/* The connection's window is opened as bytes come, so with a drain in between it is a stream's
 * that is overrun. */
static void more_than_a_streams_window_resets_the_stream(void **state)
{
    static char zeros[16384];

    (void)state;
    server.options.connection_window = 0; /* 65535, as it is from the start */
    server.is_hoarding = true;
    server_ready(&server);
    put_post(&b, 1);
    for (int i = 0; i < 4; i++) {
        put_frame(&b, DATA, 0, 1, zeros, sizeof(zeros));
        assert_int_equal(peer_hear(&server, &b), OK);
        if (i == 2)
            server.log.used = 0;
        peer_drain(&server);
    }
    assert_heard(&server, "closed 1 3 by us: more bytes than the flow-control window allows; ");
    assert_said(&server, "WINDOW_UPDATE 0 32768; RST_STREAM 1 3; WINDOW_UPDATE 0 32768; ");
}

static void a_wrong_preface_ends_the_session(void **state)
{
    (void)state;
    peer_start(&server);
    assert_int_equal(peer_feed(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\nand more of it", 42),
                     ERR_PROTOCOL);
    assert_said(&server, "SETTINGS; GOAWAY 0 1; ");
    assert_string_equal(server.m->end_reason, "not an HTTP/2 connection preface");
    assert_true(http_is_over(server.m));
}

static void a_preface_without_settings_ends_the_session(void **state)
{
    (void)state;
    peer_start(&server);
    put_preface(&b);
    b.used -= 9;
    put_frame(&b, PING, 0, 0, "12345678", 8);
    peer_hear(&server, &b);
    assert_said(&server, "SETTINGS; GOAWAY 0 1 SETTINGS expected; ");
    assert_int_equal(server.err, ERR_PROTOCOL);
    assert_string_equal(server.m->end_reason, "SETTINGS expected");
}

/* --- faults of a stream: RST_STREAM, and nothing is heard of the request */

static void a_malformed_request_is_reset_and_never_seen(void **state)
{
#define LINE(...)       \
    {                   \
#__VA_ARGS__,   \
        {               \
            __VA_ARGS__ \
        }               \
    }
    static const struct {
        const char *label;
        const char *fields[24];
    } cases[] = {
        LINE(":scheme", "http", ":authority", "h", ":path", "/"),
        LINE(":method", "GET", ":authority", "h", ":path", "/"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h"),
        LINE(":method", "GET", ":scheme", "http", ":path", "/"),
        LINE(":method", "GET", ":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", ""),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "no-slash"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "*"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/a b"),
        LINE(":method", "G T", ":scheme", "http", ":authority", "h", ":path", "/"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "", ":path", "/"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "u@h", ":path", "/"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "u:p@h:80", ":path", "/"),
        LINE(":method", "GET", ":scheme", "http", ":path", "/", "host", "u@h"),
        LINE(":method", "GET", ":scheme", "http", ":path", "/", "host", ""),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "host", "other"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "host", "h:443"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "host", "h",
             "host", "h"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", ":unknown", "x"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", ":status", "200"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", "x", "y", ":path", "/"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "X-Upper", "y"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "", "y"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "a b", "y"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "x", "a\rb"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "x", "a\nb"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "x", "\x01"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "x", " a\rb"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "a b", " y"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", " /"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "connection",
             "close"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "keep-alive",
             "1"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/",
             "proxy-connection", "1"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "upgrade", "h2c"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/",
             "transfer-encoding", "chunked"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "te", "gzip"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "content-length",
             "1"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "content-length",
             "-1"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "content-length",
             "0", "content-length", "0"),
        LINE(":method", "CONNECT", ":scheme", "http", ":authority", "h:1", ":path", "/"),
        LINE(":method", "CONNECT"),
        LINE(":method", "CONNECT", ":authority", "u@h:1"),
        LINE(":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":authority", "h",
             ":path", "/"),
        LINE(":method", "GET", ":protocol", "websocket", ":scheme", "http", ":authority", "h",
             ":path", "/"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes block = {0};
        struct peer p;
        char *said;

        for (size_t k = 0; cases[i].fields[k]; k += 2)
            hpack(&block, cases[i].fields[k], cases[i].fields[k + 1], NULL);
        peer_init(&p, true);
        server_ready(&p);
        b.used = 0;
        put_frame(&b, HEADERS, END_STREAM | END_HEADERS, 1, block.at, block.used);
        put_get(&b, 3);
        assert_int_equal(peer_hear(&p, &b), OK);
        peer_drain(&p);
        said = describe(&p.out, false);
        if (strcmp(said, "RST_STREAM 1 1; ") != 0)
            fail_msg("%s: said %s", cases[i].label, said);
        assert_heard(
            &p,
            "open 3; request 3 end :method=GET :scheme=http :authority=host :path=/; end 3 (); ");
        free(said);
        peer_free(&p);
        bytes_free(&block);
    }
}

static void unusual_requests_that_are_in_order_are_served(void **state)
{
    static const struct {
        const char *label;
        const char *fields[24];
    } cases[] = {
        LINE(":method", "GET", ":scheme", "http", ":path", "/", "host", "h"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "host", "h"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "H:80", ":path", "/", "host", "h"),
        LINE(":method", "GET", ":scheme", "https", ":authority", "h", ":path", "/", "host", "h:443"),
        LINE(":method", "OPTIONS", ":scheme", "http", ":authority", "h", ":path", "*"),
        LINE(":path", "/", ":authority", "h", ":scheme", "http", ":method", "M-SEARCH"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "te", "trailers"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "x", "\xff\x80"),
        LINE(":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", "cookie", "a",
             "cookie", "b"),
        LINE(":method", "CONNECT", ":authority", "h:22"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes block = {0};
        struct peer p;

        for (size_t k = 0; cases[i].fields[k]; k += 2)
            hpack(&block, cases[i].fields[k], cases[i].fields[k + 1], NULL);
        peer_init(&p, true);
        server_ready(&p);
        b.used = 0;
        put_frame(&b, HEADERS, END_HEADERS, 1, block.at, block.used);
        peer_hear(&p, &b);
        if (!stream_of(&p, 1))
            fail_msg("%s was refused", cases[i].label);
        peer_free(&p);
        bytes_free(&block);
    }
}

static void extended_connect_needs_its_setting(void **state)
{
    static const struct http_setting_entry on = {HTTP_ENABLE_CONNECT_PROTOCOL, 1};

    (void)state;
    server.options.settings = &on;
    server.options.settings_count = 1;
    server_ready(&server);
    put_headers(&b, 1, 0, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "http",
                ":authority", "h", ":path", "/chat", NULL);
    peer_hear(&server, &b);
    assert_heard(
        &server,
        "open 1; request 1 :method=CONNECT :protocol=websocket :scheme=http :authority=h :path=/chat; ");
}

static void fields_with_outer_blanks_are_dropped(void **state)
{
    (void)state;
    server_ready(&server);
    put_headers(&b, 1, END_STREAM, GET_FIELDS, "x", " y", "t", "tab\t", "w", " ", "z", "kept", NULL);
    peer_hear(&server, &b);
    assert_heard(
        &server,
        "open 1; request 1 end :method=GET :scheme=http :authority=host :path=/ z=kept; end 1 (); ");
}

static void outer_blanks_pass_when_the_owner_is_lenient(void **state)
{
    (void)state;
    server.options.strict_whitespace = false;
    server_ready(&server);
    put_headers(&b, 1, END_STREAM, GET_FIELDS, "x", " y ", NULL);
    peer_hear(&server, &b);
    assert_heard(
        &server,
        "open 1; request 1 end :method=GET :scheme=http :authority=host :path=/ x= y ; end 1 (); ");
}

static void a_stream_the_owner_refuses_is_reset(void **state)
{
    (void)state;
    server.is_refusing = true;
    server_ready(&server);
    put_post(&b, 1);
    put_data(&b, 1, END_STREAM, "x");
    peer_hear(&server, &b);
    assert_said(&server, "RST_STREAM 1 7; ");
    assert_heard(&server, "open 1; ");
}

/* --- faults of a stream that the owner knows: on_closed with the reason */

static void a_body_that_contradicts_content_length_resets(void **state)
{
    static const struct {
        const char *length, *body;
    } cases[] = {{"3", "four"}, {"5", "four"}, {"1", ""}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct peer p;
        char *words;

        peer_init(&p, true);
        server_ready(&p);
        put_headers(&b, 1, 0, POST_FIELDS, "content-length", cases[i].length, NULL);
        peer_hear(&p, &b);
        p.log.used = 0;
        put_data(&b, 1, END_STREAM, cases[i].body);
        assert_int_equal(peer_hear(&p, &b), OK);
        peer_drain(&p);
        words = describe(&p.out, false);
        assert_non_null(strstr(words, "RST_STREAM 1 1; "));
        free(words);
        assert_heard(
            &p,
            "closed 1 1 by us: a body that does not fit content-length, or came before its headers; ");
        peer_free(&p);
    }
}

static void malformed_trailers_reset(void **state)
{
    (void)state;
    server_ready(&server);
    put_post(&b, 1);
    put_post(&b, 3);
    peer_hear(&server, &b);
    server.log.used = 0;
    put_headers(&b, 1, 0, "x", "no end of the stream", NULL);
    put_headers(&b, 3, END_STREAM, ":path", "/", NULL);
    peer_hear(&server, &b);
    assert_said(&server, "RST_STREAM 1 1; RST_STREAM 3 1; ");
    assert_heard(
        &server,
        "closed 1 1 by us: a malformed message; closed 3 1 by us: an invalid header field; ");
}

static void a_window_that_overflows_resets(void **state)
{
    (void)state;
    server_ready(&server);
    put_get(&b, 1);
    put_number(&b, WINDOW_UPDATE, 1, 0x7fffffff);
    peer_hear(&server, &b);
    server.log.used = 0;
    assert_said(&server, "RST_STREAM 1 3; ");
    assert_heard(&server, "closed 1 3 by us: flow-control window overflow; ");
}

static void a_reset_by_the_peer_is_told_once(void **state)
{
    (void)state;
    server_ready(&server);
    put_get(&b, 1);
    put_number(&b, RST_STREAM, 1, 8);
    put_number(&b, RST_STREAM, 1, 8);
    put_number(&b, WINDOW_UPDATE, 1, 100);
    put_get(&b, 3);
    peer_hear(&server, &b);
    assert_heard(
        &server,
        "open 1; request 1 end :method=GET :scheme=http :authority=host :path=/; end 1 (); "
        "reset 1 8; closed 1 8; "
        "open 3; request 3 end :method=GET :scheme=http :authority=host :path=/; end 3 (); ");
    assert_said(&server, "");
}

/* --- flow control */

static void a_get_costs_no_window_update(void **state)
{
    (void)state;
    server_ready(&server);
    put_get(&b, 1);
    peer_hear(&server, &b);
    respond(&server, 1, true, ":status", "200", NULL);
    assert_said(&server, "HEADERS 1 end; ");
}

static void the_connection_window_grows_with_the_first_data(void **state)
{
    (void)state;
    server_ready(&server);
    put_post(&b, 1);
    peer_hear(&server, &b);
    assert_said(&server, "");
    put_data(&b, 1, 0, "x");
    peer_hear(&server, &b);
    assert_said(&server, "WINDOW_UPDATE 0 983041; ");
    put_data(&b, 1, 0, "y");
    peer_hear(&server, &b);
    assert_said(&server, "");
}

static void the_owners_window_wins(void **state)
{
    (void)state;
    server_ready(&server);
    assert_int_equal(http_window(server.m, 0x80000000u), ERR_RANGE);
    assert_int_equal(http_window(server.m, 100000), OK);
    put_post(&b, 1);
    put_data(&b, 1, 0, "x");
    peer_hear(&server, &b);
    assert_said(&server, "WINDOW_UPDATE 0 34465; ");
}

static void consumed_bytes_and_padding_open_the_streams_window(void **state)
{
    static uint8_t padded[16384];

    (void)state;
    server.options.connection_window = 0;
    server_ready(&server);
    put_post(&b, 1);
    padded[0] = 255;
    for (int i = 0; i < 2; i++)
        put_frame(&b, DATA, PADDED, 1, padded, sizeof(padded));
    server.is_hoarding = true;
    peer_hear(&server, &b);
    assert_int_equal(stream_of(&server, 1)->received.used, 2 * (16384 - 256));
    assert_said(&server, "WINDOW_UPDATE 0 32768; "); /* the connection's at once */
    http_consume(server.m, 1, 2 * (16384 - 256) - 2);
    assert_said(&server, "");
    http_consume(server.m, 1, 2);
    assert_said(&server, "WINDOW_UPDATE 1 32768; ");
}

static void nothing_is_given_back_to_a_stream_that_has_ended(void **state)
{
    static char zeros[16384];

    (void)state;
    server.is_hoarding = true;
    server_ready(&server);
    put_post(&b, 1);
    for (int i = 0; i < 3; i++)
        put_frame(&b, DATA, i == 2 ? END_STREAM : 0, 1, zeros, sizeof(zeros));
    peer_hear(&server, &b);
    http_consume(server.m, 1, 3 * sizeof(zeros));
    http_consume(server.m, 99, 5);
    assert_said(&server, "WINDOW_UPDATE 0 983041; ");
}

static void data_of_a_stream_that_was_reset_is_given_back(void **state)
{
    static char zeros[16384];

    (void)state;
    server.options.connection_window = 0;
    server_ready(&server);
    put_post(&b, 1);
    peer_hear(&server, &b);
    http_reset(server.m, 1, HTTP_CANCEL);
    assert_said(&server, "RST_STREAM 1 8; ");
    for (int i = 0; i < 40; i++) {
        put_frame(&b, DATA, 0, 1, zeros, sizeof(zeros));
        assert_int_equal(peer_hear(&server, &b), OK);
        if (i % 2)
            assert_said(&server, "WINDOW_UPDATE 0 32768; ");
    }
    assert_int_equal(stream_of(&server, 0)->received.used, 0);
}

static void small_windows_are_obeyed(void **state)
{
    (void)state;
    server_ready(&server);
    put_setting(&b, 4, 1);
    put_get(&b, 1);
    peer_hear(&server, &b);
    stream_of(&server, 1)->body = "abc";
    respond(&server, 1, false, ":status", "200", NULL);
    assert_said(&server, "SETTINGS ack; HEADERS 1; DATA 1 1; ");
    put_number(&b, WINDOW_UPDATE, 1, 1);
    peer_hear(&server, &b);
    assert_said(&server, "DATA 1 1; ");
    put_setting(&b, 4, 0); /* window -1 */
    put_number(&b, WINDOW_UPDATE, 1, 1);
    peer_hear(&server, &b);
    assert_said(&server, "SETTINGS ack; ");
    put_setting(&b, 4, 2);
    peer_hear(&server, &b);
    assert_said(&server, "SETTINGS ack; DATA 1 1 end; ");
}

static void an_empty_data_frame_may_end_a_stream(void **state)
{
    (void)state;
    server_ready(&server);
    put_post(&b, 1);
    put_data(&b, 1, 0, "");
    put_data(&b, 1, 0, "a");
    put_data(&b, 1, END_STREAM, "");
    peer_hear(&server, &b);
    assert_heard(&server,
                 "open 1; request 1 :method=POST :scheme=http :authority=host :path=/; end 1 (a); ");
}

static void larger_frames_are_taken_once_allowed(void **state)
{
    static const struct http_setting_entry size = {HTTP_MAX_FRAME_SIZE, 20000};
    static char zeros[20000];

    (void)state;
    server.options.settings = &size;
    server.options.settings_count = 1;
    peer_start(&server);
    put_preface(&b);
    put_post(&b, 1);
    put_frame(&b, SETTINGS, ACK, 0, "", 0); /* in the same feed as the frame that it allows */
    put_frame(&b, DATA, 0, 1, zeros, sizeof(zeros));
    assert_int_equal(peer_hear(&server, &b), OK);
    assert_int_equal(stream_of(&server, 1)->received.used, 20000);
    put_head(&b, 20001, DATA, 0, 1);
    assert_int_equal(peer_hear(&server, &b), ERR_PROTOCOL);
    assert_int_equal(server.m->end_code, 6);
}

/* --- farewell */

static void a_client_that_said_goaway_is_still_served(void **state)
{
    (void)state;
    server_ready(&server);
    put_goaway(&b, 0, 0, "leaving");
    assert_int_equal(peer_hear(&server, &b), OK);
    assert_heard(&server, "goaway 0 0 (leaving); ");
    assert_true(http_is_over(server.m));
    assert_int_equal(http_goaway(server.m, 0, -1, NULL, 0), OK);
    assert_said(&server, "GOAWAY 2147483647 0; "); /* nothing is refused */
    put_get(&b, 1);
    assert_int_equal(peer_hear(&server, &b), OK);
    assert_false(http_is_over(server.m));
    assert_heard(
        &server,
        "open 1; request 1 end :method=GET :scheme=http :authority=host :path=/; end 1 (); ");
    respond(&server, 1, true, ":status", "200", NULL);
    assert_false(http_is_over(server.m));
    assert_said(&server, "HEADERS 1 end; ");
    assert_true(http_is_over(server.m));
    assert_string_equal(server.m->end_reason, "");
}

static void requests_above_the_last_id_are_not_heard_of(void **state)
{
    (void)state;
    server_ready(&server);
    put_get(&b, 1);
    peer_hear(&server, &b);
    http_goaway(server.m, 0, -1, NULL, 0);
    put_get(&b, 3); /* before the frame leaves: it counts */
    peer_hear(&server, &b);
    server.log.used = 0;
    assert_said(&server, "GOAWAY 3 0; ");
    put_get(&b, 5);
    assert_int_equal(peer_hear(&server, &b), OK);
    assert_heard(&server, "");
    respond(&server, 1, true, ":status", "200", NULL);
    respond(&server, 3, true, ":status", "200", NULL);
    assert_said(&server, "HEADERS 1 end; HEADERS 3 end; ");
    assert_true(http_is_over(server.m));
}

static void goaway_refuses_what_lies_above_a_given_id(void **state)
{
    (void)state;
    server_ready(&server);
    put_get(&b, 1);
    put_get(&b, 3);
    peer_hear(&server, &b);
    server.log.used = 0;
    http_goaway(server.m, 0, 1, NULL, 0);
    assert_said(&server, "GOAWAY 1 0; ");
    assert_heard(&server, "closed 3 7 by us; ");
}

#define frames_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        frames_test(one_feed_or_one_byte_at_a_time),
        frames_test(cut_in_two_at_every_point),
        frames_test(sessions_may_be_cut_in_mid_block_side_by_side),
        frames_test(a_block_in_drips_is_announced),
        frames_test(faults_of_the_connection_end_it),
        frames_test(more_than_a_streams_window_resets_the_stream),
        frames_test(a_wrong_preface_ends_the_session),
        frames_test(a_preface_without_settings_ends_the_session),
        frames_test(a_malformed_request_is_reset_and_never_seen),
        frames_test(unusual_requests_that_are_in_order_are_served),
        frames_test(extended_connect_needs_its_setting),
        frames_test(fields_with_outer_blanks_are_dropped),
        frames_test(outer_blanks_pass_when_the_owner_is_lenient),
        frames_test(a_stream_the_owner_refuses_is_reset),
        frames_test(a_body_that_contradicts_content_length_resets),
        frames_test(malformed_trailers_reset),
        frames_test(a_window_that_overflows_resets),
        frames_test(a_reset_by_the_peer_is_told_once),
        frames_test(a_get_costs_no_window_update),
        frames_test(the_connection_window_grows_with_the_first_data),
        frames_test(the_owners_window_wins),
        frames_test(consumed_bytes_and_padding_open_the_streams_window),
        frames_test(nothing_is_given_back_to_a_stream_that_has_ended),
        frames_test(data_of_a_stream_that_was_reset_is_given_back),
        frames_test(small_windows_are_obeyed),
        frames_test(an_empty_data_frame_may_end_a_stream),
        frames_test(larger_frames_are_taken_once_allowed),
        frames_test(a_client_that_said_goaway_is_still_served),
        frames_test(requests_above_the_last_id_are_not_heard_of),
        frames_test(goaway_refuses_what_lies_above_a_given_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
