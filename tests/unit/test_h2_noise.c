/* Machines in trouble: broken bytes, random cuts, random verbs. Nothing may crash, and each
 * stream that was announced hears of its end once (frames.h asserts that nothing comes behind
 * it). The seeds are fixed. */
#include "frames.h"

static uint64_t seed;

static uint32_t roll(uint32_t sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % sides;
}

static struct test_stream *any_stream(struct peer *p)
{
    return p->streams_count ? p->streams[roll((uint32_t)p->streams_count)] : NULL;
}

static void some_verb(struct peer *p)
{
    static const uint32_t codes[] = {0, 2, 7, 8, 11};
    struct http_setting_entry entry = {1 + roll(6), roll(3) ? 16384 + roll(1000) : roll(2)};
    struct test_stream *s = any_stream(p), *pushed;
    struct http_field field = {":status", "200", 7, 3, 0};
    struct http_field fields[] = {{":method", "GET", 7, 3, 0},
                                  {":scheme", "http", 7, 4, 0},
                                  {":authority", "host", 10, 4, 0},
                                  {":path", "/p", 5, 2, 0}};
    uint32_t id = s && s->id ? s->id : roll(40);

    switch (roll(14)) {
    case 0:
    case 1:
    case 2:
        if (s && p->options.server && s->id && !s->body && !s->big) {
            s->has_trailers = roll(4) == 0;
            s->big = roll(3) ? roll(100) : roll(100000);
            s->body = s->big ? NULL : "a|b";
            respond(p, s->id, roll(4) == 0, ":status", "200", "x", "y", NULL);
        }
        break;
    case 3:
        http_reset(p->m, id, codes[roll(COUNT(codes))]);
        break;
    case 4:
        http_trailers(p->m, id, &field, roll(2));
        break;
    case 5:
        http_consume(p->m, id, roll(20000));
        break;
    case 6:
        http_data_ready(p->m, id);
        break;
    case 7:
        if (roll(20) == 0)
            http_goaway(p->m, roll(2), -1, (const uint8_t *)"bye", roll(4));
        break;
    case 8:
        http_settings(p->m, &entry, 1);
        break;
    case 9:
        http_ping(p->m, (const uint8_t *)"12345678");
        break;
    case 10:
        if (p->streams_count < STREAMS_MAX - 1) {
            pushed = stream_new(p, 0);
            pushed->big = roll(1000);
            http_push(p->m, id, fields, COUNT(fields), pushed, &pushed->id);
        }
        break;
    case 11:
        if (p->streams_count < STREAMS_MAX - 1 && !p->options.server) {
            s = request(p, roll(2), POST_FIELDS, NULL);
            if (s) {
                s->big = roll(30000);
                s->has_trailers = roll(5) == 0;
                s->is_held = roll(9) == 0;
            }
        }
        break;
    case 12:
        http_inform(p->m, id, &field, 1);
        break;
    default:
        p->room = roll(3) ? 0 : 1 + roll(40000);
        p->is_refusing = roll(15) == 0;
        break;
    }
}

static void build_noise(struct bytes *b)
{
    struct bytes block = {0};

    put_preface(b);
    for (uint32_t id = 1; id < 40; id += 2) {
        switch (roll(4)) {
        case 0:
            put_get(b, id);
            break;
        case 1:
            put_headers(b, id, 0, POST_FIELDS, "content-length", "7", NULL);
            put_data(b, id, 0, "abc");
            put_data(b, id, END_STREAM, "defg");
            break;
        case 2:
            put_post(b, id);
            put_frame(b, DATA, PADDED, id, "\3world\0\0\0", 9);
            put_headers(b, id, END_STREAM, "x-trailer", "yes", NULL);
            break;
        default:
            hpack(&block, GET_FIELDS, "x", "0123456789012345678901234567890123456789", NULL);
            put_frame(b, HEADERS, END_STREAM, id, block.at, 20);
            put_frame(b, CONTINUATION, END_HEADERS, id, block.at + 20, block.used - 20);
            block.used = 0;
            break;
        }
        switch (roll(9)) {
        case 0:
            put_number(b, RST_STREAM, 1 + 2 * roll(20), 8);
            break;
        case 1:
            put_number(b, WINDOW_UPDATE, roll(2) * id, roll(100000));
            break;
        case 2:
            put_setting(b, 1 + roll(6), roll(70000));
            break;
        case 3:
            put_frame(b, PING, 0, 0, "12345678", 8);
            break;
        case 4:
            put_goaway(b, 0, 0, "going");
            break;
        case 5:
            put_frame(b, 0x20 + roll(100), 0, roll(9), "payload", 7);
            break;
        default:
            break;
        }
    }
    bytes_free(&block);
}

static void broken_bytes_do_no_harm(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 3000; round++) {
        struct peer p;
        struct bytes b = {0};

        seed = round;
        build_noise(&b);
        for (uint32_t flips = roll(6); flips > 0; flips--)
            b.at[24 + roll((uint32_t)b.used - 24)] = (uint8_t)(roll(2) ? roll(256) : roll(10));
        peer_init(&p, true);
        p.is_quiet = true;
        peer_start(&p);
        for (size_t at = 0; at < b.used;) {
            size_t length = 1 + roll(roll(2) ? 40 : 2000);

            if (length > b.used - at)
                length = b.used - at;
            peer_feed(&p, b.at + at, length);
            at += length;
            for (uint32_t verbs = roll(5); verbs > 0; verbs--)
                some_verb(&p);
            if (roll(2))
                peer_drain(&p);
        }
        p.room = 0;
        peer_drain(&p);
        if (p.m->end_code || p.err)
            assert_false(http_wants_write(p.m));
        bytes_free(&b);
        peer_free(&p);
        assert_int_equal(mem_live(), 0);
    }
}

/* Takes bytes from one machine to the other, cut at random. */
static void carry(struct peer *from, struct peer *to)
{
    size_t at = 0;

    peer_drain(from);
    while (at < from->out.used) {
        size_t length = 1 + roll(5000);

        if (length > from->out.used - at)
            length = from->out.used - at;
        peer_feed(to, from->out.at + at, length);
        at += length;
    }
    from->out.used = 0;
}

static void two_machines_survive_each_others_whims(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 600; round++) {
        struct peer client, server;

        seed = round + 1000000;
        peer_init(&client, false);
        peer_init(&server, true);
        client.is_quiet = server.is_quiet = true;
        peer_start(&client);
        peer_start(&server);
        for (int step = 0; step < 60; step++) {
            some_verb(roll(2) ? &client : &server);
            if (roll(3) == 0)
                carry(&client, &server);
            if (roll(3) == 0)
                carry(&server, &client);
        }
        client.room = server.room = 0;
        for (int i = 0; i < 20; i++) {
            carry(&client, &server);
            carry(&server, &client);
        }
        /* Two machines of ours never break the protocol. */
        if (client.m->end_code || server.m->end_code)
            fail_msg("round %u: %s / %s", (unsigned)round, client.m->end_reason,
                     server.m->end_reason);
        peer_free(&client);
        peer_free(&server);
        assert_int_equal(mem_live(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_bytes_do_no_harm),
        cmocka_unit_test(two_machines_survive_each_others_whims),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
