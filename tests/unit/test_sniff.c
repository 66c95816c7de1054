/* The first bytes of a peer, and the machine that turns a wrong one away. */
#include "frames.h"

#include "http/sniff.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static enum http_sniffed sniff(const char *text)
{
    return http_sniff((const uint8_t *)text, strlen(text));
}

static void the_preface_is_known_when_it_is_whole(void **state)
{
    (void)state;
    for (size_t length = 0; length < HTTP_PREFACE_BYTES; length++)
        assert_int_equal(http_sniff((const uint8_t *)preface, length), SNIFF_MORE);
    assert_int_equal(http_sniff((const uint8_t *)preface, HTTP_PREFACE_BYTES), SNIFF_HTTP2);
    assert_int_equal(sniff("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore bytes"), SNIFF_HTTP2);
}

static void a_request_line_is_http1_however_much_of_it_came(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: example\r\n\r\n";

    (void)state;
    for (size_t length = 1; length < sizeof(request); length++)
        assert_int_equal(http_sniff((const uint8_t *)request, length), SNIFF_HTTP1);
    assert_int_equal(sniff("POST / HTTP/1.1"), SNIFF_HTTP1);
    assert_int_equal(sniff("PROPFIND /"), SNIFF_HTTP1);
    assert_int_equal(sniff("PRI * HTTP/1.1\r\n"), SNIFF_HTTP1);
    assert_int_equal(sniff("P"), SNIFF_MORE);
    assert_int_equal(sniff("PO"), SNIFF_HTTP1);
}

static void other_protocols_are_other(void **state)
{
    (void)state;
    assert_int_equal(sniff("\x16\x03\x01\x02"), SNIFF_OTHER); /* TLS */
    assert_int_equal(sniff(" GET /"), SNIFF_OTHER);
    assert_int_equal(sniff("\r\n"), SNIFF_OTHER);
    assert_int_equal(sniff("GET\r\n"), SNIFF_OTHER);
    assert_int_equal(sniff("{\"a\":1}"), SNIFF_OTHER);
    assert_int_equal(http_sniff((const uint8_t *)"", 1), SNIFF_OTHER);
    assert_int_equal(http_sniff((const uint8_t *)"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 24),
                     SNIFF_HTTP1);
}

static void the_refusal_is_a_whole_http1_answer(void **state)
{
    const char *body = strstr(http1_refusal, "\r\n\r\n") + 4;
    char length[64];

    (void)state;
    assert_int_equal(http1_refusal_length, strlen(http1_refusal));
    assert_memory_equal(http1_refusal, "HTTP/1.1 505 ", 13);
    assert_non_null(strstr(http1_refusal, "\r\nConnection: close\r\n"));
    snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", strlen(body));
    assert_non_null(strstr(http1_refusal, length));
    assert_null(strchr(body, '\r'));
}

static void a_refusal_machine_says_its_text_and_is_over(void **state)
{
    struct peer p;
    uint32_t id;

    (void)state;
    peer_init(&p, true);
    assert_int_equal(http_refusal_new(http1_refusal, http1_refusal_length, &p.m), OK);
    assert_true(http_wants_write(p.m));
    assert_false(http_is_over(p.m));
    assert_int_equal(http_feed(p.m, (const uint8_t *)"GET /", 5), OK);
    assert_int_equal(http_respond(p.m, 1, NULL, 0, true), ERR_CLOSED);
    assert_int_equal(http_request(p.m, NULL, 0, true, &p, &id), ERR_CLOSED);
    assert_int_equal(http_goaway(p.m, 0, -1, NULL, 0), ERR_CLOSED);
    http_data_ready(p.m, 1);
    http_consume(p.m, 1, 10);
    assert_int_equal(http_reset(p.m, 1, 0), OK);
    assert_int_equal(peer_drain(&p), OK);
    assert_int_equal(p.out.used, http1_refusal_length);
    assert_memory_equal(p.out.at, http1_refusal, http1_refusal_length);
    assert_true(http_is_over(p.m));
    assert_false(http_wants_write(p.m));
    assert_int_equal(peer_drain(&p), OK);
    assert_int_equal(p.out.used, http1_refusal_length);
    peer_free(&p);
    assert_int_equal(mem_live(), 0);
    mem_fail_at(1);
    assert_int_equal(http_refusal_new("x", 1, &p.m), ERR_NOMEM);
    assert_null(p.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_preface_is_known_when_it_is_whole),
        cmocka_unit_test(a_request_line_is_http1_however_much_of_it_came),
        cmocka_unit_test(other_protocols_are_other),
        cmocka_unit_test(the_refusal_is_a_whole_http1_answer),
        cmocka_unit_test(a_refusal_machine_says_its_text_and_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
