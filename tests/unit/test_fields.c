/* What may be sent as a field, and what an authority may hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/fields.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void names_are_tokens_in_lower_case(void **state)
{
    static const struct {
        const char *name;
        enum err want;
    } cases[] = {
        {"content-type", OK},
        {"x", OK},
        {"x_1!#$%&'*+.^`|~", OK},
        {":status", OK},
        {"", ERR_FIELD_NAME},
        {":", ERR_FIELD_NAME},
        {"::a", ERR_FIELD_NAME},
        {"a:b", ERR_FIELD_NAME},
        {"Content-Type", ERR_FIELD_NAME},
        {"a b", ERR_FIELD_NAME},
        {"a\r\nb", ERR_FIELD_NAME},
        {"a(b)", ERR_FIELD_NAME},
        {"\xc3\xa4", ERR_FIELD_NAME},
        {"connection", ERR_FIELD_CONNECTION},
        {"upgrade", ERR_FIELD_CONNECTION},
        {"http2-settings", ERR_FIELD_CONNECTION},
        {"keep-alive", ERR_FIELD_CONNECTION},
        {"proxy-connection", ERR_FIELD_CONNECTION},
        {"transfer-encoding", ERR_FIELD_CONNECTION},
        {"te", OK},
        {"connections", OK},
        {"upgrades", OK},
        {"retry-after", OK},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (http_check_name(cases[i].name, strlen(cases[i].name)) != cases[i].want)
            fail_msg("name \"%s\"", cases[i].name);
    assert_int_equal(http_check_name("a\0b", 3), ERR_FIELD_NAME);
}

static void values_hold_no_controls(void **state)
{
    (void)state;
    assert_int_equal(http_check_value("", 0), OK);
    assert_int_equal(http_check_value("text/plain; charset=utf-8", 25), OK);
    assert_int_equal(http_check_value("a\tb \xff\x80", 6), OK);
    for (int c = 0; c < 256; c++) {
        char value[3] = {'a', (char)c, 'b'};
        enum err want = (c < 32 && c != '\t') || c == 127 ? ERR_FIELD_VALUE : OK;

        if (http_check_value(value, 3) != want)
            fail_msg("byte %d in a value", c);
    }
}

static void an_authority_is_host_and_port(void **state)
{
    static const char *const sane[] = {"example.com", "example.com:8443", "127.0.0.1",
                                       "[::1]:80",    "a-b_c.d~e",        "xn--bcher-kva.example",
                                       "EXAMPLE.com", "%41.example"};
    static const char *const mad[] = {
        "",     ":80",  "user@host", "user:pass@host", "a b",  "a/b", "a?b", "a#b",
        "a\\b", "a\tb", "a\x7f",     "h\xc3\xb6st",    "a\"b", "<a>", "a^b"};

    (void)state;
    for (size_t i = 0; i < COUNT(sane); i++)
        if (!http_authority_is_sane(sane[i], strlen(sane[i])))
            fail_msg("\"%s\" was refused", sane[i]);
    for (size_t i = 0; i < COUNT(mad); i++)
        if (http_authority_is_sane(mad[i], strlen(mad[i])))
            fail_msg("\"%s\" was taken", mad[i]);
    assert_false(http_authority_is_sane("a\0b", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_tokens_in_lower_case),
        cmocka_unit_test(values_hold_no_controls),
        cmocka_unit_test(an_authority_is_host_and_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
