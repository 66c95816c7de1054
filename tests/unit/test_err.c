/* base/err: every error has a text, and a failure the words that a person reads. */
#include "support.h"

#include <errno.h>

#include "base/err.h"

static void every_error_has_its_own_text(void **state)
{
    (void)state;
    for (int i = ERR_FIELD_CONNECTION; i <= OK; i++) {
        assert_string_not_equal(err_text((enum err)i), "unknown error");
        for (int j = ERR_FIELD_CONNECTION; j < i; j++)
            assert_string_not_equal(err_text((enum err)i), err_text((enum err)j));
    }
    assert_string_equal(err_text((enum err) - 1000), "unknown error");
}

static void errno_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(errno_name(EADDRINUSE), "EADDRINUSE");
    assert_string_equal(errno_name(98765), "E98765");
}

static void failure_holds_code_and_sentence(void **state)
{
    struct failure f;

    (void)state;
    assert_int_equal(failure_set(&f, ERR_TLS, "ERR_TLS_KEY", "key %d", 5), ERR_TLS);
    assert_int_equal(f.err, ERR_TLS);
    assert_int_equal(f.sys_errno, 0);
    assert_string_equal(f.code, "ERR_TLS_KEY");
    assert_string_equal(f.text, "key 5");

    assert_int_equal(failure_errno(&f, EACCES, "cannot open %s", "x"), ERR_IO);
    assert_int_equal(f.err, ERR_IO);
    assert_int_equal(f.sys_errno, EACCES);
    assert_string_equal(f.code, "EACCES");
    assert_string_equal(f.text, "cannot open x: Permission denied");

    assert_int_equal(failure_set(NULL, ERR_FULL, "X", "y"), ERR_FULL);
    assert_int_equal(failure_errno(NULL, EACCES, "y"), ERR_IO);
}

static void failure_cuts_what_is_too_long(void **state)
{
    char text[2000];
    struct failure f;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    failure_set(&f, ERR_IO, text, "%s", text);
    assert_int_equal(strlen(f.code), sizeof(f.code) - 1);
    assert_int_equal(strlen(f.text), sizeof(f.text) - 1);
    failure_errno(&f, EACCES, "%s", text);
    assert_int_equal(strlen(f.text), sizeof(f.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_own_text),
        cmocka_unit_test(errno_has_a_name),
        cmocka_unit_test(failure_holds_code_and_sentence),
        cmocka_unit_test(failure_cuts_what_is_too_long),
    };

    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
