/* base/clock: one time in several units, and its texts. */
#include "support.h"

#include <ctype.h>

#include "base/clock.h"

static void the_units_agree(void **state)
{
    uint64_t us = clock_us(), ms = clock_ms(), ticks = clock_ticks_ms(), later = clock_us();

    (void)state;
    assert_in_range(ms, us / 1000, later / 1000);
    assert_true(ticks <= later / 1000);
    assert_true(ticks + 1000 > us / 1000); /* some ms by contract, and a machine that is busy */
    assert_true(later >= us);
}

static void http_date_has_the_form_of_rfc_9110(void **state)
{
    static const char form[] = "Aaa, 00 Aaa 0000 00:00:00 GMT";
    time_t before = time(NULL), after;
    const char *text = clock_http_date();
    struct tm tm = {0};
    time_t told;

    (void)state;
    after = time(NULL);
    assert_int_equal(strlen(text), 29);
    for (size_t i = 0; i < 25; i++) {
        unsigned char c = (unsigned char)text[i];

        if (form[i] == 'A')
            assert_true(isupper(c));
        else if (form[i] == 'a')
            assert_true(islower(c));
        else if (form[i] == '0')
            assert_true(isdigit(c));
        else
            assert_int_equal(c, form[i]);
    }
    assert_string_equal(text + 25, " GMT");
    assert_non_null(strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm));
    told = timegm(&tm);
    assert_in_range(told, before - 1, after); /* the coarse clock is a tick behind */
}

static void iso8601_has_milliseconds(void **state)
{
    time_t before = time(NULL);
    char text[25], *end;
    struct tm tm = {0};

    (void)state;
    assert_ptr_equal(clock_iso8601(text, sizeof(text)), text);
    assert_int_equal(strlen(text), 24);
    end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    assert_non_null(end);
    assert_in_range(timegm(&tm), before, before + 5);
    assert_int_equal(end[0], '.');
    assert_true(isdigit(end[1]) && isdigit(end[2]) && isdigit(end[3]));
    assert_string_equal(end + 4, "Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_units_agree),
        cmocka_unit_test(http_date_has_the_form_of_rfc_9110),
        cmocka_unit_test(iso8601_has_milliseconds),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
