/* base/log: lines in both formats, whole and cut. */
#include "support.h"

#include "base/log.h"

/* What the calls in between wrote. The time in front is checked and taken away. */
static struct captured captured;

static const char *behind(const char *line, const char *before, const char *after)
{
    const char *at = line + strlen(before);

    assert_memory_equal(line, before, strlen(before));
    at += strlen("2026-01-31T12:34:56.789Z");
    assert_memory_equal(at, after, strlen(after));
    return at + strlen(after);
}

static void logfmt_quotes_what_needs_it(void **state)
{
    (void)state;
    log_setup(LOG_DEBUG, LOG_LOGFMT);
    capture_begin(&captured);
    log_line(LOG_WARN, "accept paused", "reason", "EMFILE", "ms", log_number(-100), "empty", "",
             "none", NULL, "odd", "a=b \"c\" \\ \n\t\x01\x7f \xc3\xa9", NULL);
    capture_end(&captured);
    assert_string_equal(behind(captured.text, "time=", " "),
                        "level=warn msg=\"accept paused\" reason=EMFILE ms=-100 empty=\"\" "
                        "odd=\"a=b \\\"c\\\" \\\\ \\n\\t\\u0001\\u007f \xc3\xa9\"\n");
}

static void json_quotes_everything(void **state)
{
    (void)state;
    log_setup(LOG_DEBUG, LOG_JSON);
    capture_begin(&captured);
    log_line(LOG_ERROR, "a \"b\"", "key", "v\\\n", "none", NULL, "n", log_number(7), NULL);
    log_line(LOG_INFO, "bare", NULL);
    capture_end(&captured);
    assert_string_equal(strchr(captured.text, '\n') + 1 +
                            strlen("{\"time\":\"2026-01-31T12:34:56.789Z\","),
                        "\"level\":\"info\",\"msg\":\"bare\"}\n");
    *(strchr(captured.text, '\n') + 1) = '\0';
    assert_string_equal(
        behind(captured.text, "{\"time\":\"", "\","),
        "\"level\":\"error\",\"msg\":\"a \\\"b\\\"\",\"key\":\"v\\\\\\n\",\"n\":\"7\"}\n");
}

static void a_line_over_8_kib_is_cut_and_says_so(void **state)
{
    char value[20000];

    (void)state;
    memset(value, 'x', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    log_setup(LOG_DEBUG, LOG_LOGFMT);
    capture_begin(&captured);
    log_line(LOG_WARN, "long", "value", value, "behind", "it", NULL);
    capture_end(&captured);
    assert_in_range(strlen(captured.text), 8100, 8192);
    assert_int_equal(count_of(captured.text, "\n"), 1);
    assert_non_null(strstr(captured.text, "x cut=true\n"));
}

static void a_cut_line_never_ends_inside_an_escape(void **state)
{
    char value[9000];

    (void)state;
    for (size_t shift = 0; shift < 8; shift++) {
        const char *end;

        memset(value, '\x01', sizeof(value));
        memset(value, 'x', shift);
        value[sizeof(value) - 1] = '\0';
        log_setup(LOG_DEBUG, LOG_JSON);
        capture_begin(&captured);
        log_line(LOG_WARN, "long", "value", value, "behind", "it", NULL);
        capture_end(&captured);
        assert_true(strlen(captured.text) <= 8192);
        end = strstr(captured.text, "\"}\n");
        assert_non_null(end); /* the value is closed, and the object */
        assert_memory_equal(end - 6, "\\u0001", 6);
    }
}

static void writes_only_levels_that_are_wanted(void **state)
{
    enum log_level level = LOG_DEBUG;
    enum log_format format = LOG_LOGFMT;

    (void)state;
    assert_true(log_level_from_text("error", &level));
    assert_int_equal(level, LOG_ERROR);
    assert_true(log_level_from_text("info", &level));
    assert_int_equal(level, LOG_INFO);
    assert_false(log_level_from_text("loud", &level));
    assert_true(log_format_from_text("json", &format));
    assert_int_equal(format, LOG_JSON);
    assert_false(log_format_from_text("xml", &format));

    log_setup(LOG_WARN, LOG_LOGFMT);
    assert_true(log_wants(LOG_ERROR));
    assert_true(log_wants(LOG_WARN));
    assert_false(log_wants(LOG_INFO));
    capture_begin(&captured);
    log_line(LOG_INFO, "not wanted", NULL);
    log_setup(LOG_OFF, LOG_LOGFMT);
    log_line(LOG_ERROR, "not wanted either", NULL);
    capture_end(&captured);
    assert_string_equal(captured.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt_quotes_what_needs_it),
        cmocka_unit_test(json_quotes_everything),
        cmocka_unit_test(a_line_over_8_kib_is_cut_and_says_so),
        cmocka_unit_test(a_cut_line_never_ends_inside_an_escape),
        cmocka_unit_test(writes_only_levels_that_are_wanted),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
