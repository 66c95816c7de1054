/* Memory of the HTTP/2 machine: each allocation failing in turn, what idle sessions keep, what
 * they share. */
#include "frames.h"

#include <malloc.h>

static struct http_field push_fields[] = {{":method", "GET", 7, 3, 0},
                                          {":scheme", "http", 7, 4, 0},
                                          {":authority", "host", 10, 4, 0},
                                          {":path", "/p", 5, 2, 0}};

/* What a turn does, and no more once something failed. */
static enum err turn(struct peer *from, struct peer *to)
{
    enum err err = peer_drain(from);

    if (!err)
        err = peer_feed(to, from->out.at ? (void *)from->out.at : (void *)"", from->out.used);
    from->out.used = 0;
    return err;
}

/* Everything that a session can do, briefly. Stops at the first error. */
static enum err everything(struct peer *client, struct peer *server)
{
    static const struct http_setting_entry settings[] = {{HTTP_MAX_CONCURRENT_STREAMS, 2}};
    struct test_stream *s, *pushed;
    struct bytes long_value = {0};
    enum err err;

    client->is_quiet = server->is_quiet = true;
    server->options.settings = settings;
    server->options.settings_count = 1;
    err = http2_machine_new(&client->options, &client->callbacks, client, &client->m);
    if (err)
        return err;
    err = http2_machine_new(&server->options, &server->callbacks, server, &server->m);
    if (err)
        return err;
    for (int i = 0; i < 3; i++) {
        err = turn(client, server);
        if (!err)
            err = turn(server, client);
        if (err)
            return err;
    }
    s = request(client, false, POST_FIELDS, "x-one", "1", NULL);
    if (!s)
        return client->err;
    s->body = "body|of|it";
    s->has_trailers = true;
    err = trailers(client, s->id, "sum", "1", NULL);
    for (int i = 0; !err && i < 30; i++)
        err = request(client, true, GET_FIELDS, NULL) ? OK : client->err;
    if (!err)
        err = http_reset(client->m, 21, HTTP_CANCEL);
    if (!err)
        err = turn(client, server);
    if (err)
        return err;
    s = stream_of(server, 1);
    if (!s)
        return ERR_NOMEM;
    pushed = stream_new(server, 0);
    err = http_push(server->m, 1, push_fields, COUNT(push_fields), pushed, &pushed->id);
    if (!err)
        err = respond(server, 2, true, ":status", "200", NULL);
    if (!err)
        err = inform(server, 1, ":status", "103", NULL);
    s->big = 70000;
    s->has_trailers = true;
    if (!err)
        err = respond(server, 1, false, ":status", "200", "x-a", "b", NULL);
    for (int i = 0; !err && i < 4; i++) {
        err = turn(server, client);
        if (!err)
            err = turn(client, server);
    }
    if (!err)
        err = trailers(server, 1, "t", "u", NULL);
    if (!err)
        err = http_ping(server->m, (const uint8_t *)"12345678");
    if (!err)
        err = http_goaway(client->m, 0, -1, (const uint8_t *)"bye", 3);
    for (int i = 0; !err && i < 4; i++) {
        err = turn(server, client);
        if (!err)
            err = turn(client, server);
    }
    bytes_free(&long_value);
    return err;
}

static void each_allocation_may_fail(void **state)
{
    uint64_t n = 0;
    enum err err;

    (void)state;
    do {
        struct peer client, server;

        n++;
        peer_init(&client, false);
        peer_init(&server, true);
        mem_fail_at(n);
        err = everything(&client, &server);
        mem_fail_at(0);
        if (err == ERR_PROTOCOL && (client.m->end_code == HTTP_INTERNAL_ERROR ||
                                    server.m->end_code == HTTP_INTERNAL_ERROR))
            err = ERR_NOMEM; /* of nghttp2's compressor: it ends the session by itself */
        if (err != OK && err != ERR_NOMEM)
            fail_msg("allocation %u: error %d", (unsigned)n, err);
        if (client.m && !client.m->end_code)
            http_wants_write(client.m);
        peer_free(&client);
        peer_free(&server);
        if (mem_live())
            fail_msg("allocation %u: %zu blocks leak", (unsigned)n, mem_live());
        assert_true(n < 5000);
    } while (err == ERR_NOMEM || n < 300);
    assert_true(n >= 300);
}

/* A machine that had no memory is over and may be asked anything. */
static void a_machine_without_memory_is_over(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 30; n++) {
        struct peer p;
        struct bytes b = {0};
        uint32_t id;

        peer_init(&p, true);
        p.is_quiet = true;
        server_ready(&p);
        put_get(&b, 1);
        put_post(&b, 3);
        put_data(&b, 3, 0, "x");
        put_frame(&b, PING, 0, 0, "12345678", 8);
        put_goaway(&b, 0, 0, "x");
        mem_fail_at(n);
        peer_feed(&p, b.at, b.used);
        mem_fail_at(0);
        if (p.err) {
            assert_int_equal(p.err, ERR_NOMEM);
            assert_int_equal(peer_drain(&p), ERR_NOMEM);
            assert_true(http_is_over(p.m));
            assert_false(http_wants_write(p.m));
            assert_int_equal(peer_feed(&p, b.at, b.used), OK);
            assert_int_equal(respond(&p, 1, true, ":status", "200", NULL), ERR_CLOSED);
            assert_int_equal(http_request(p.m, NULL, 0, true, &p, &id), ERR_CLOSED);
        }
        bytes_free(&b);
        peer_free(&p);
        assert_int_equal(mem_live(), 0);
    }
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* DESIGN.md 7: the frame block of 16 KiB is shared. Sanitizers keep another kind of heap. */
static void idle_sessions_share_their_frame_block(void **state)
{
    enum { SESSIONS = 64 };
    static struct peer peers[SESSIONS];
    struct bytes b = {0};
    size_t before, each;

    (void)state;
    for (int i = 0; i < SESSIONS; i++) {
        peer_init(&peers[i], true);
        peers[i].is_quiet = true;
    }
    server_ready(&peers[0]);
    before = heap_bytes();
    for (int i = 1; i < SESSIONS; i++)
        server_ready(&peers[i]);
    each = (heap_bytes() - before) / (SESSIONS - 1);
    if (each > 12 * 1024) /* 0 where a sanitizer keeps the heap */
        fail_msg("an idle session takes %zu bytes", each);

    /* Their frames do not mix. */
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < SESSIONS; i++) {
            put_get(&b, 1 + 2 * (uint32_t)round);
            peer_feed(&peers[i], b.at, b.used);
            b.used = 0;
            respond(&peers[i], 1 + 2 * (uint32_t)round, true, ":status", i % 2 ? "200" : "404",
                    NULL);
        }
        for (int i = 0; i < SESSIONS; i++) {
            peer_drain(&peers[i]);
            assert_int_equal(peers[i].out.used, 10);
            assert_int_equal(peers[i].out.at[9], i % 2 ? 0x88 : 0x8d);
            peers[i].out.used = 0;
        }
    }
    bytes_free(&b);
    for (int i = 0; i < SESSIONS; i++)
        peer_free(&peers[i]);
    assert_int_equal(mem_live(), 0);
}

static void a_cut_block_is_kept_by_its_session_only_while_it_lasts(void **state)
{
    struct peer peers[2];
    struct bytes b = {0};
    size_t live;

    (void)state;
    for (int i = 0; i < 2; i++) {
        peer_init(&peers[i], true);
        peers[i].is_quiet = true;
        server_ready(&peers[i]);
        put_get(&b, 1);
        peer_hear(&peers[i], &b);
        respond(&peers[i], 1, true, ":status", "200", NULL);
        peer_drain(&peers[i]);
    }
    live = mem_live();
    for (uint32_t id = 3; id < 20; id += 2) {
        for (int i = 0; i < 2; i++) {
            put_get(&b, id);
            peer_feed(&peers[i], b.at, b.used - 5);
            b.used = 0;
        }
        for (int i = 0; i < 2; i++) {
            put_get(&b, id);
            peer_feed(&peers[i], b.at + b.used - 5, 5);
            b.used = 0;
            assert_non_null(stream_of(&peers[i], id));
            respond(&peers[i], id, true, ":status", "200", NULL);
            peer_drain(&peers[i]);
        }
        assert_true(mem_live() <= live + 2 * 20); /* nghttp2 remembers closed streams */
    }
    bytes_free(&b);
    for (int i = 0; i < 2; i++)
        peer_free(&peers[i]);
    assert_int_equal(mem_live(), 0);
}

static void different_options_do_not_mix(void **state)
{
    struct peer peers[20];

    (void)state;
    for (uint32_t i = 0; i < COUNT(peers); i++) {
        struct bytes b = {0};

        peer_init(&peers[i], true);
        peers[i].options.max_settings = 1 + i % 11;
        server_ready(&peers[i]);
        put_head(&b, 6 * (2 + i % 11), SETTINGS, 0, 0);
        assert_int_equal(peer_hear(&peers[i], &b), OK);
        bytes_free(&b);
    }
    for (uint32_t i = 0; i < COUNT(peers); i++)
        assert_string_equal((peer_drain(&peers[i]), peers[i].m->end_reason),
                            "SETTINGS: too many setting entries");
    for (uint32_t i = 0; i < COUNT(peers); i++)
        peer_free(&peers[i]);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(a_machine_without_memory_is_over),
        cmocka_unit_test(idle_sessions_share_their_frame_block),
        cmocka_unit_test(a_cut_block_is_kept_by_its_session_only_while_it_lasts),
        cmocka_unit_test(different_options_do_not_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
