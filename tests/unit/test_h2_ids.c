/* Which stream may carry what: ids that were skipped, ids that ended. */
#include "frames.h"

#include "http/h2_internal.h"

static int setup(void **state)
{
    struct h2_ids *ids = malloc(sizeof(*ids));

    assert_non_null(ids);
    h2_ids_init(ids);
    *state = ids;
    return 0;
}

static int teardown(void **state)
{
    h2_ids_deinit(*state);
    free(*state);
    return mem_live() != 0;
}

static void a_request_without_a_body_ends_at_once(void **state)
{
    struct h2_ids *ids = *state;

    assert_int_equal(h2_ids_headers(ids, 1, true), H2_ID_FINE);
    assert_int_equal(h2_ids_headers(ids, 1, true), H2_ID_ENDED);
    assert_int_equal(h2_ids_data(ids, 1, false), H2_ID_ENDED);
    assert_int_equal(mem_live(), 0); /* a GET costs nothing */
}

static void a_request_with_a_body_ends_when_it_says_so(void **state)
{
    struct h2_ids *ids = *state;

    assert_int_equal(h2_ids_headers(ids, 1, false), H2_ID_FINE);
    assert_int_equal(h2_ids_headers(ids, 3, false), H2_ID_FINE);
    assert_int_equal(h2_ids_headers(ids, 5, false), H2_ID_FINE);
    assert_int_equal(h2_ids_data(ids, 3, false), H2_ID_FINE);
    assert_int_equal(h2_ids_data(ids, 3, true), H2_ID_FINE);
    assert_int_equal(h2_ids_data(ids, 3, false), H2_ID_ENDED);
    assert_int_equal(h2_ids_headers(ids, 1, true), H2_ID_FINE); /* trailers */
    assert_int_equal(h2_ids_headers(ids, 1, true), H2_ID_ENDED);
    assert_int_equal(h2_ids_data(ids, 5, false), H2_ID_FINE);
}

static void a_reset_ends_it_too(void **state)
{
    struct h2_ids *ids = *state;

    h2_ids_headers(ids, 1, false);
    h2_ids_reset(ids, 1);
    h2_ids_reset(ids, 1);
    h2_ids_reset(ids, 77);
    assert_int_equal(h2_ids_data(ids, 1, false), H2_ID_ENDED);
}

static void idle_ids_are_left_to_nghttp2(void **state)
{
    assert_int_equal(h2_ids_data(*state, 1, false), H2_ID_FINE);
    assert_int_equal(h2_ids_data(*state, 99, false), H2_ID_FINE);
}

static void skipped_ids_are_remembered(void **state)
{
    struct h2_ids *ids = *state;

    h2_ids_headers(ids, 5, true);
    h2_ids_headers(ids, 7, true);
    h2_ids_headers(ids, 11, true);
    assert_int_equal(h2_ids_headers(ids, 1, true), H2_ID_SKIPPED);
    assert_int_equal(h2_ids_headers(ids, 3, true), H2_ID_SKIPPED);
    assert_int_equal(h2_ids_headers(ids, 9, true), H2_ID_SKIPPED);
    assert_int_equal(h2_ids_headers(ids, 7, true), H2_ID_ENDED);
    assert_int_equal(h2_ids_headers(ids, 13, true), H2_ID_FINE);
}

static void the_oldest_gaps_are_taken_for_ended(void **state)
{
    struct h2_ids *ids = *state;

    for (uint32_t id = 3; id < 103; id += 4)
        h2_ids_headers(ids, id, true);
    assert_int_equal(h2_ids_headers(ids, 97, true), H2_ID_SKIPPED);
    assert_int_equal(h2_ids_headers(ids, 1, true), H2_ID_ENDED);
}

static void only_so_many_unended_ids_are_kept(void **state)
{
    struct h2_ids *ids = *state;

    for (uint32_t id = 1; id < 10000; id += 2)
        assert_int_equal(h2_ids_headers(ids, id, false), H2_ID_FINE);
    assert_true(ids->count <= 1024 && ids->cap <= 1024);
    for (uint32_t id = 1; id < 10000; id += 2)
        assert_int_equal(h2_ids_data(ids, id, true), H2_ID_FINE);
    assert_int_equal(h2_ids_data(ids, 9999, true), H2_ID_ENDED);
    assert_int_equal(h2_ids_data(ids, 1, true), H2_ID_FINE); /* forgotten, so trusted */
    assert_int_equal(ids->count, 0);
    assert_int_equal(mem_live(), 0);
}

static void want_of_memory_makes_trusting(void **state)
{
    struct h2_ids *ids = *state;

    mem_fail_at(1);
    assert_int_equal(h2_ids_headers(ids, 1, false), H2_ID_FINE);
    assert_int_equal(h2_ids_data(ids, 1, false), H2_ID_FINE);
    assert_int_equal(h2_ids_headers(ids, 3, true), H2_ID_FINE);
    assert_int_equal(h2_ids_data(ids, 3, false), H2_ID_ENDED);
}

/* --- the same through a machine */

static void a_server_knows_streams_that_are_long_closed(void **state)
{
    static const struct {
        const char *label;
        unsigned type, flags;
        enum err want;
        uint32_t code;
    } cases[] = {
        {"DATA", DATA, 0, ERR_PROTOCOL, 5},
        {"DATA with END_STREAM", DATA, END_STREAM, ERR_PROTOCOL, 5},
        {"HEADERS", HEADERS, END_HEADERS, ERR_PROTOCOL, 5},
        {"WINDOW_UPDATE", WINDOW_UPDATE, 0, OK, 0},
        {"RST_STREAM", RST_STREAM, 0, OK, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (uint32_t id = 1; id <= 3; id += 2) { /* ended in order; reset by the client */
            struct peer p;
            struct bytes b = {0};

            peer_init(&p, true);
            p.is_quiet = true;
            server_ready(&p);
            put_get(&b, 1);
            put_post(&b, 3);
            put_number(&b, RST_STREAM, 3, 8);
            peer_hear(&p, &b);
            respond(&p, 1, true, ":status", "200", NULL);
            for (uint32_t more = 5; more < 1000; more += 2) {
                put_get(&b, more);
                peer_hear(&p, &b);
                respond(&p, more, true, ":status", "200", NULL);
                peer_drain(&p);
                free(p.streams[--p.streams_count]);
            }
            put_frame(&b, cases[i].type, cases[i].flags, id, "\0\0\0\1", 4);
            if (peer_hear(&p, &b) != cases[i].want || p.m->end_code != cases[i].code)
                fail_msg("%s on stream %u: code %u %s", cases[i].label, id, p.m->end_code,
                         p.m->end_reason);
            bytes_free(&b);
            peer_free(&p);
        }
    }
}

/* The client did not know of our RST_STREAM when it sent that. */
static void what_comes_behind_our_own_reset_is_ignored(void **state)
{
    struct peer p;
    struct bytes b = {0};

    (void)state;
    peer_init(&p, true);
    server_ready(&p);
    put_post(&b, 1);
    peer_hear(&p, &b);
    http_reset(p.m, 1, HTTP_CANCEL);
    peer_drain(&p);
    p.log.used = p.out.used = 0;
    put_data(&b, 1, 0, "x");
    put_headers(&b, 1, END_STREAM, "x", "trailers", NULL);
    put_get(&b, 3);
    assert_int_equal(peer_hear(&p, &b), OK);
    assert_heard(
        &p, "open 3; request 3 end :method=GET :scheme=http :authority=host :path=/; end 3 (); ");
    put_data(&b, 1, 0, "behind the end");
    assert_int_equal(peer_hear(&p, &b), ERR_PROTOCOL);
    assert_int_equal(p.m->end_code, 5);
    bytes_free(&b);
    peer_free(&p);
}

#define ids_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ids_test(a_request_without_a_body_ends_at_once),
        ids_test(a_request_with_a_body_ends_when_it_says_so),
        ids_test(a_reset_ends_it_too),
        ids_test(idle_ids_are_left_to_nghttp2),
        ids_test(skipped_ids_are_remembered),
        ids_test(the_oldest_gaps_are_taken_for_ended),
        ids_test(only_so_many_unended_ids_are_kept),
        ids_test(want_of_memory_makes_trusting),
        ids_test(a_server_knows_streams_that_are_long_closed),
        ids_test(what_comes_behind_our_own_reset_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
