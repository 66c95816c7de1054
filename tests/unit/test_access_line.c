/* session/access_line: each format, with everything, with nothing, and with what nobody should send. */
#include "support.h"

#include "session/access_line.h"

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct access_record usual = {
    .ended = {.tv_sec = 1769862896, .tv_nsec = 7999999},
    .peer = TEXT("192.0.2.7:40000"),
    .tls = "TLSv1.3",
    .method = TEXT("GET"),
    .authority = TEXT("example.org"),
    .path = TEXT("/a?b=c"),
    .referer = TEXT("https://example.org/"),
    .agent = TEXT("curl/8.0 (x)"),
    .status = 200,
    .bytes_in = 5000000000,
    .bytes_out = 12,
    .us = 1002003,
    .session = 17,
    .stream = 3,
};

static char line[ACCESS_LINE_MAX + 1];

static const char *say(const struct access_record *record, enum access_format format, size_t cap)
{
    size_t length = access_line(record, format, line, cap);

    assert_in_range(length, 1, cap);
    line[length] = '\0';
    assert_int_equal(strlen(line), length);
    assert_int_equal(line[length - 1], '\n');
    assert_int_equal(count_of(line, "\n"), 1);
    for (size_t i = 0; i + 1 < length; i++)
        assert_true((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
    return line;
}

static void the_usual_end(void **state)
{
    (void)state;
    assert_string_equal(
        say(&usual, ACCESS_LOGFMT, ACCESS_LINE_MAX),
        "time=2026-01-31T12:34:56.007Z peer=192.0.2.7:40000 protocol=HTTP/2.0 tls=TLSv1.3 method=GET "
        "authority=example.org path=\"/a?b=c\" status=200 bytes_in=5000000000 bytes_out=12 ms=1002.003 "
        "session=17 stream=3\n");
    assert_string_equal(
        say(&usual, ACCESS_JSON, ACCESS_LINE_MAX),
        "{\"time\":\"2026-01-31T12:34:56.007Z\",\"peer\":\"192.0.2.7:40000\",\"protocol\":\"HTTP/2.0\","
        "\"tls\":\"TLSv1.3\",\"method\":\"GET\",\"authority\":\"example.org\",\"path\":\"/a?b=c\","
        "\"status\":200,\"bytes_in\":5000000000,\"bytes_out\":12,\"ms\":1002.003,\"session\":17,"
        "\"stream\":3,\"referer\":\"https://example.org/\",\"agent\":\"curl/8.0 (x)\"}\n");
    assert_string_equal(
        say(&usual, ACCESS_COMMON, ACCESS_LINE_MAX),
        "192.0.2.7:40000 - - [31/Jan/2026:12:34:56 +0000] \"GET /a?b=c HTTP/2.0\" 200 12\n");
    assert_string_equal(
        say(&usual, ACCESS_COMBINED, ACCESS_LINE_MAX),
        "192.0.2.7:40000 - - [31/Jan/2026:12:34:56 +0000] \"GET /a?b=c HTTP/2.0\" 200 12 "
        "\"https://example.org/\" \"curl/8.0 (x)\"\n");
}

static void nothing_is_known(void **state)
{
    struct access_record record = {.by = ENDED_BY_PROTOCOL, .code = 1, .stream = 1};

    (void)state;
    assert_string_equal(
        say(&record, ACCESS_LOGFMT, ACCESS_LINE_MAX),
        "time=1970-01-01T00:00:00.000Z peer=- protocol=HTTP/2.0 tls=- method=- authority=- "
        "path=- status=- bytes_in=0 bytes_out=0 ms=0.000 session=0 stream=1 by=protocol "
        "code=NGHTTP2_PROTOCOL_ERROR\n");
    assert_string_equal(
        say(&record, ACCESS_JSON, ACCESS_LINE_MAX),
        "{\"time\":\"1970-01-01T00:00:00.000Z\",\"peer\":null,\"protocol\":\"HTTP/2.0\",\"tls\":null,"
        "\"method\":null,\"authority\":null,\"path\":null,\"status\":null,\"bytes_in\":0,\"bytes_out\":0,"
        "\"ms\":0.000,\"session\":0,\"stream\":1,\"by\":\"protocol\",\"code\":\"NGHTTP2_PROTOCOL_ERROR\","
        "\"referer\":null,\"agent\":null}\n");
    assert_string_equal(say(&record, ACCESS_COMBINED, ACCESS_LINE_MAX),
                        "- - - [01/Jan/1970:00:00:00 +0000] \"- - HTTP/2.0\" 400 0 \"-\" \"-\"\n");
}

static void who_ended_it(void **state)
{
    static const struct {
        enum ended_by by;
        const char *name;
        int status; /* of the old formats, where no answer began */
    } cases[] = {
        {ENDED_BY_PEER, "peer", 499},         {ENDED_BY_HANDLER, "handler", 444},
        {ENDED_BY_SESSION, "session", 499},   {ENDED_BY_TIMEOUT, "timeout", 499},
        {ENDED_BY_LIMIT, "limit", 503},       {ENDED_BY_SHUTDOWN, "shutdown", 499},
        {ENDED_BY_PROTOCOL, "protocol", 400},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct access_record record = usual;
        char want[200];

        record.by = cases[i].by;
        record.code = 8;
        record.reason = "they \"left\"";
        snprintf(want, sizeof(want), " by=%s code=NGHTTP2_CANCEL reason=\"they \\\"left\\\"\"\n",
                 cases[i].name);
        assert_non_null(strstr(say(&record, ACCESS_LOGFMT, ACCESS_LINE_MAX), want));
        record.code = 4711;
        record.pushed = true;
        assert_non_null(
            strstr(say(&record, ACCESS_JSON, ACCESS_LINE_MAX), "\"pushed\":true,\"by\""));
        assert_non_null(strstr(line, "\"code\":4711,\"reason\":\"they \\\"left\\\"\""));
        assert_non_null(strstr(say(&record, ACCESS_COMMON, ACCESS_LINE_MAX), "HTTP/2.0\" 200 12\n"));
        record.status = 0;
        snprintf(want, sizeof(want), "HTTP/2.0\" %d 12\n", cases[i].status);
        assert_non_null(strstr(say(&record, ACCESS_COMMON, ACCESS_LINE_MAX), want));
    }
}

/* Also what nghttp2 would never let through: the log does not rely on it. */
static void nobody_forges_a_line(void **state)
{
    struct access_record record = usual;

    (void)state;
    record.method = record.authority = record.path = record.referer = record.agent =
        (struct access_text)TEXT("\" \\\n\r\t\0\x1b[31m\x7f\xff\xc2\x9b\xe2\x80\xa8=\xc3\xa9");
    say(&record, ACCESS_LOGFMT, ACCESS_LINE_MAX);
    assert_non_null(
        strstr(line, " path=\"\\\" \\\\\\n\\u000d\\t\\u0000\\u001b[31m\\u007f\xef\xbf\xbd\\u009b"
                     "\\u2028=\xc3\xa9\" status="));
    say(&record, ACCESS_JSON, ACCESS_LINE_MAX);
    assert_non_null(strstr(
        line, ",\"agent\":\"\\\" \\\\\\n\\u000d\\t\\u0000\\u001b[31m\\u007f\xef\xbf\xbd\\u009b"
              "\\u2028=\xc3\xa9\"}"));
    say(&record, ACCESS_COMBINED, ACCESS_LINE_MAX);
    assert_non_null(strstr(
        line, " \\\"\\x20\\\\\\x0a\\x0d\\x09\\x00\\x1b[31m\\x7f\\xff\\xc2\\x9b\\xe2\\x80\\xa8="
              "\\xc3\\xa9 HTTP/2.0\" 200 12 "));
    assert_non_null(
        strstr(line, " \"\\\" \\\\\\x0a\\x0d\\x09\\x00\\x1b[31m\\x7f\\xff\\xc2\\x9b\\xe2\\x80\\xa8="
                     "\\xc3\\xa9\"\n"));
}

/* Whatever is too long: the line ends as it should, and says that it was cut. */
static void long_values_are_cut(void **state)
{
    static const char *const units[] = {"x",    "\"", "\x01", "\xc3\xa9", "\xf0\x9f\x98\x80",
                                        "\xff", " "};
    static const size_t caps[] = {ACCESS_LINE_MIN, ACCESS_LINE_MIN + 1, 8192, ACCESS_LINE_MAX};
    static char value[70000];

    (void)state;
    for (size_t unit = 0; unit < COUNT(units); unit++) {
        size_t width = strlen(units[unit]);

        for (size_t i = 0; i + width <= sizeof(value); i += width)
            memcpy(value + i, units[unit], width);
        for (size_t i = 0; i < COUNT(caps); i++) {
            struct access_record record = usual;
            static char reason[2000];

            memcpy(reason, value, sizeof(reason) - 1);
            record.peer = record.method = record.authority = record.path = record.referer =
                record.agent = (struct access_text){value, sizeof(value)};
            record.by = ENDED_BY_PEER;
            record.code = UINT32_MAX;
            record.reason = reason;
            record.bytes_in = record.bytes_out = record.us = UINT64_MAX;
            record.session = record.stream = UINT32_MAX;
            record.pushed = true;
            say(&record, ACCESS_LOGFMT, caps[i]);
            assert_non_null(strstr(line, " cut=true\n"));
            say(&record, ACCESS_JSON, caps[i]);
            assert_non_null(strstr(line, ",\"cut\":true}\n"));
            say(&record, ACCESS_COMMON, caps[i]);
            assert_non_null(strstr(line, "... HTTP/2.0\" 200 18446744073709551615\n"));
            say(&record, ACCESS_COMBINED, caps[i]);
            assert_string_equal(line + strlen(line) - 5, "...\"\n");
        }
    }
}

/* The longest value that fits is not cut; a request for a name without a path has that for its target. */
static void what_fits_is_whole(void **state)
{
    static char value[ACCESS_LINE_MAX];
    struct access_record record = usual;

    (void)state;
    memset(value, 'p', sizeof(value));
    record.path = (struct access_text){value, ACCESS_LINE_MAX * 3 / 8};
    assert_null(strstr(say(&record, ACCESS_LOGFMT, ACCESS_LINE_MAX), "cut="));
    assert_null(strstr(say(&record, ACCESS_JSON, ACCESS_LINE_MAX), "cut"));
    assert_null(strstr(say(&record, ACCESS_COMMON, ACCESS_LINE_MAX), "..."));
    record.path.length++;
    assert_non_null(strstr(say(&record, ACCESS_LOGFMT, ACCESS_LINE_MAX), "cut=true"));
    record.path.bytes = NULL;
    record.method = (struct access_text)TEXT("CONNECT");
    assert_non_null(
        strstr(say(&record, ACCESS_COMMON, ACCESS_LINE_MAX), "\"CONNECT example.org HTTP/2.0\""));
}

static void formats_have_names(void **state)
{
    enum access_format format;

    (void)state;
    assert_true(access_format_from_text("logfmt", &format) && format == ACCESS_LOGFMT);
    assert_true(access_format_from_text("common", &format) && format == ACCESS_COMMON);
    assert_true(access_format_from_text("combined", &format) && format == ACCESS_COMBINED);
    assert_true(access_format_from_text("json", &format) && format == ACCESS_JSON);
    assert_false(access_format_from_text("JSON", &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual_end),       cmocka_unit_test(nothing_is_known),
        cmocka_unit_test(who_ended_it),        cmocka_unit_test(nobody_forges_a_line),
        cmocka_unit_test(long_values_are_cut), cmocka_unit_test(what_fits_is_whole),
        cmocka_unit_test(formats_have_names),
    };

    return cmocka_run_group_tests_name("access_line", tests, NULL, NULL);
}
