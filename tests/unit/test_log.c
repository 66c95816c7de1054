/* base/log: lines in both formats, whole and cut. */
#include "support.h"

#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"

/* What the calls in between wrote. The time in front is checked and taken away. */
static struct captured captured;

/* What standard error is then decides how long a line may be. */
static void begin(enum log_level level, enum log_format format)
{
    capture_begin(&captured);
    log_setup(level, format);
}

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
    begin(LOG_DEBUG, LOG_LOGFMT);
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
    begin(LOG_DEBUG, LOG_JSON);
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
    begin(LOG_DEBUG, LOG_LOGFMT);
    log_line(LOG_WARN, "long", "value", value, "behind", "it", NULL);
    capture_end(&captured);
    assert_in_range(strlen(captured.text), 8100, 8192);
    assert_int_equal(count_of(captured.text, "\n"), 1);
    assert_non_null(strstr(captured.text, "x cut=true\n"));
}

/* Behind a JSON text of objects, strings, numbers and words, or NULL when it is none. */
static const char *behind_json(const char *at)
{
    if (*at == '{') {
        do {
            at = behind_json(at + 1);
            at = at && *at == ':' ? behind_json(at + 1) : NULL;
        } while (at && *at == ',');
        return at && *at == '}' ? at + 1 : NULL;
    }
    if (*at == '"') {
        for (at++; *at != '"'; at++) {
            if ((unsigned char)*at < 0x20)
                return NULL;
            if (*at == '\\' && *++at == 'u') {
                if (strspn(at + 1, "0123456789abcdef") < 4)
                    return NULL;
                at += 4;
            } else if (*at == '\\' && !strchr("\"\\/bfnrt", *at)) {
                return NULL;
            }
        }
        return at + 1;
    }
    return strspn(at, "truefalsn0123456789.-") ? at + strspn(at, "truefalsn0123456789.-") : NULL;
}

static bool is_utf8(const char *text)
{
    return mbstowcs(NULL, text, 0) != (size_t)-1;
}

/* Wherever the limit falls: in a value, an escape, a character, a key, between two pairs. */
static void a_cut_line_is_still_valid(void **state)
{
    static const char *const units[] = {"x",        "\x01",         "\"",
                                        "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    char value[9000];

    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    for (size_t unit = 0; unit < COUNT(units); unit++) {
        size_t width = strlen(units[unit]);
        size_t escaped = unit == 1 ? 6 : unit == 2 ? 2 : width;

        for (size_t left = 0; left < 80; left++) {
            size_t used = 0;

            /* About so many bytes of the line are left behind this value. */
            for (size_t out = left % 7; out + left + 60 < 8192; out += escaped, used += width)
                memcpy(value + used, units[unit], width);
            value[used] = '\0';
            for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
                begin(LOG_DEBUG, (enum log_format)format);
                log_line(LOG_WARN, "long", "value", value, "a_long_key_behind_it", "it", "n", "1",
                         NULL);
                capture_end(&captured);
                assert_true(strlen(captured.text) <= 8192);
                assert_int_equal(count_of(captured.text, "\n"), 1);
                assert_true(is_utf8(captured.text));
                assert_true(!strstr(captured.text, format == LOG_JSON ? "\"n\":\"1\"" : " n=1\n") ==
                            !!strstr(captured.text,
                                     format == LOG_JSON ? "\"cut\":\"true\"}\n" : " cut=true\n"));
                if (format == LOG_JSON)
                    assert_string_equal(behind_json(captured.text), "\n");
            }
        }
    }
}

static void what_is_no_utf8_does_not_get_through(void **state)
{
    (void)state;
    begin(LOG_DEBUG, LOG_JSON);
    log_line(LOG_WARN, "m", "v", "\xff|\xc0\xaf|\xed\xa0\x80|\xc3|\xc2\x85|\xe2\x80\xa8|\xc3\xa9",
             NULL);
    capture_end(&captured);
    assert_non_null(strstr(captured.text, "\"v\":\"\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|"
                                          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd|"
                                          "\\u0085|\\u2028|\xc3\xa9\""));
}

static void a_key_cannot_forge_another(void **state)
{
    struct log_pair pair = {.key = "a b=\"c\n", .value = "x\0y", .length = 3};

    (void)state;
    begin(LOG_DEBUG, LOG_LOGFMT);
    log_pairs(LOG_WARN, "m", &pair, 1, true);
    capture_end(&captured);
    assert_non_null(strstr(captured.text, " msg=m a_b__c_=\"x\\u0000y\"\n"));
}

static void each_line_says_who_wrote_it(void **state)
{
    (void)state;
    begin(LOG_DEBUG, LOG_LOGFMT);
    log_identify("worker", "1");
    log_identify("pid", "77");
    log_identify("worker", "2");
    log_line(LOG_WARN, "m", "k", "v", NULL);
    log_identify("worker", NULL);
    log_line(LOG_WARN, "m", "k", "v", NULL);
    log_identify("pid", NULL);
    capture_end(&captured);
    assert_non_null(strstr(captured.text, "msg=m worker=2 pid=77 k=v\n"));
    assert_non_null(strstr(captured.text, "msg=m pid=77 k=v\n"));
}

static void a_flood_is_cut_short_and_counted(void **state)
{
    uint64_t left_out_before, left_out, lost;

    (void)state;
    log_counts(&left_out_before, &lost);
    begin(LOG_DEBUG, LOG_LOGFMT);
    for (int i = 0; i < 1000; i++)
        log_line(LOG_WARN, "flood", "error", "E1", "n", log_number(i), NULL);
    log_line(LOG_WARN, "flood", "error", "E2", NULL); /* another error is heard all the same */
    log_line(LOG_INFO, "other", NULL);
    log_flush(0);
    capture_end(&captured);
    log_counts(&left_out, &lost);
    assert_int_equal(left_out - left_out_before, 990);
    assert_int_equal(count_of(captured.text, "error=E1"), 10);
    assert_non_null(strstr(captured.text, "n=9\n"));
    assert_non_null(strstr(captured.text, "msg=flood left_out=990 error=E2\n"));
    assert_int_equal(count_of(captured.text, "msg=other\n"), 1);
}

static void what_a_flood_left_out_is_said_when_it_is_over(void **state)
{
    uint64_t ms = clock_ms();

    (void)state;
    begin(LOG_DEBUG, LOG_LOGFMT);
    for (int i = 0; i < 13; i++)
        log_line(LOG_WARN, "flood", NULL);
    log_settle();
    if (clock_ms() - ms < 900) { /* else the machine was asleep */
        capture_end(&captured);
        assert_int_equal(count_of(captured.text, "\n"), 10);
        begin(LOG_DEBUG, LOG_LOGFMT);
        for (int i = 0; i < 13; i++)
            log_line(LOG_WARN, "flood", NULL);
    }
    log_flush(0);
    capture_end(&captured);
    assert_int_equal(count_of(captured.text, "msg=flood\n"), 10);
    assert_int_equal(count_of(captured.text, "level=warn msg=flood left_out=3\n"), 1);
}

static void many_errors_of_one_message_are_a_flood_too(void **state)
{
    (void)state;
    begin(LOG_DEBUG, LOG_LOGFMT);
    for (int i = 0; i < 1000; i++)
        log_line(LOG_ERROR, "flood", "error", log_number(i), NULL);
    capture_end(&captured);
    assert_in_range(count_of(captured.text, "msg=flood"), 100, 140);
}

static void scripts_and_debug_lines_are_never_left_out(void **state)
{
    (void)state;
    begin(LOG_DEBUG, LOG_LOGFMT);
    for (int i = 0; i < 50; i++) {
        log_pairs(LOG_WARN, "w", NULL, 0, false);
        log_line(LOG_DEBUG, "d", NULL);
    }
    capture_end(&captured);
    assert_int_equal(count_of(captured.text, "msg=w\n"), 50);
    assert_int_equal(count_of(captured.text, "msg=d\n"), 50);
}

static void the_journal_gets_a_priority_and_no_time(void **state)
{
    struct stat status;
    char stream[64];

    (void)state;
    capture_begin(&captured);
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_setup(LOG_DEBUG, LOG_LOGFMT);
    log_line(LOG_ERROR, "a", NULL);
    log_line(LOG_WARN, "b", NULL);
    log_setup(LOG_DEBUG, LOG_JSON);
    log_line(LOG_INFO, "c", NULL);
    log_line(LOG_DEBUG, "d", NULL);
    setenv("JOURNAL_STREAM", "1:2", 1); /* of the parent's, not ours */
    log_setup(LOG_DEBUG, LOG_LOGFMT);
    log_line(LOG_ERROR, "e", NULL);
    unsetenv("JOURNAL_STREAM");
    capture_end(&captured);
    assert_non_null(strstr(captured.text, "<3>level=error msg=a\n<4>level=warn msg=b\n"
                                          "<6>{\"level\":\"info\",\"msg\":\"c\"}\n"
                                          "<7>{\"level\":\"debug\",\"msg\":\"d\"}\ntime="));
}

static void goes_to_the_file_that_it_is_given(void **state)
{
    char path[] = "/tmp/perigee-log-XXXXXX", text[512] = "";
    int made = mkstemp(path), fd;
    struct failure failure;

    (void)state;
    assert_true(made >= 0);
    begin(LOG_DEBUG, LOG_LOGFMT);
    assert_int_equal(log_file_open(path, &fd, &failure), OK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_APPEND);
    log_to(fd);
    close(fd); /* it has its own */
    log_line(LOG_WARN, "one", NULL);
    assert_int_equal(log_background_start(), OK);
    log_line(LOG_WARN, "two", NULL);
    log_flush(5000);
    assert_true(pread(made, text, sizeof(text) - 1, 0) > 0);
    assert_non_null(strstr(text, "msg=two\n"));
    log_line(LOG_WARN, "three", NULL);
    log_background_stop(5000);
    log_line(LOG_WARN, "four", NULL);
    log_to(STDERR_FILENO);
    log_line(LOG_WARN, "five", NULL);
    capture_end(&captured);
    assert_non_null(strstr(captured.text, "msg=five\n"));
    assert_int_equal(count_of(captured.text, "\n"), 1);
    assert_true(pread(made, text, sizeof(text) - 1, 0) > 0);
    assert_int_equal(count_of(text, "\n"), 4);
    assert_true(strstr(text, "msg=one\n") < strstr(text, "msg=two\n"));
    assert_true(strstr(text, "msg=three\n") < strstr(text, "msg=four\n"));
    close(made);
    unlink(path);
}

static int full_disk(void)
{
    int fd = open("/dev/full", O_WRONLY | O_APPEND | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void lines_that_were_lost_are_counted_later(void **state)
{
    uint64_t left_out, lost_before, lost;
    int fd = full_disk();

    (void)state;
    begin(LOG_DEBUG, LOG_LOGFMT);
    log_counts(&left_out, &lost_before);
    log_to(fd);
    close(fd);
    log_line(LOG_WARN, "one", NULL);
    log_line(LOG_WARN, "two", NULL);
    log_counts(&left_out, &lost);
    assert_true(lost - lost_before >= 2);
    log_to(STDERR_FILENO);
    log_line(LOG_WARN, "three", NULL);
    log_line(LOG_WARN, "four", NULL);
    capture_end(&captured);
    assert_null(strstr(captured.text, "msg=one"));
    assert_int_equal(count_of(captured.text, "msg=\"lines of this log were lost\" lost_lines="), 1);
    assert_non_null(strstr(captured.text, "msg=three\n"));
    assert_int_equal(count_of(captured.text, "\n"), 3);
}

/* In the background nothing is lost so soon; standard error hears of it meanwhile. */
static void a_full_disk_is_told_to_standard_error(void **state)
{
    char path[] = "/tmp/perigee-log-XXXXXX", text[1024] = "";
    int made = mkstemp(path), fd = full_disk();
    struct timespec pause = {.tv_nsec = 2000000};
    uint64_t until = clock_ms() + WAIT_LIMIT_MS;

    (void)state;
    begin(LOG_DEBUG, LOG_LOGFMT);
    log_to(fd);
    close(fd);
    assert_int_equal(log_background_start(), OK);
    log_line(LOG_WARN, "one", NULL);
    log_line(LOG_WARN, "two", NULL);
    while (lseek(STDERR_FILENO, 0, SEEK_CUR) == 0 && clock_ms() < until)
        nanosleep(&pause, NULL);
    log_to(made);
    while (!strstr(text, "written again") && clock_ms() < until) {
        nanosleep(&pause, NULL);
        assert_true(pread(made, text, sizeof(text) - 1, 0) >= 0);
    }
    log_background_stop(5000);
    log_to(STDERR_FILENO);
    capture_end(&captured);
    assert_string_equal(captured.text, "perigee: the log cannot be written: ENOSPC\n");
    assert_true(pread(made, text, sizeof(text) - 1, 0) > 0);
    assert_non_null(strstr(text, "msg=one\n"));
    assert_true(strstr(text, "msg=one\n") < strstr(text, "msg=two\n"));
    assert_non_null(strstr(text, "msg=\"the log is written again\" lost_lines=0 lost_bytes=0\n"));
    close(made);
    unlink(path);
}

static void a_log_that_cannot_be_opened_is_named(void **state)
{
    char folder[] = "/tmp/perigee-log-XXXXXX", path[64], other[64];
    struct failure failure;
    int fd, ends[2];

    (void)state;
    assert_int_equal(log_file_open("/nowhere/at/all.log", &fd, &failure), ERR_IO);
    assert_string_equal(failure.text,
                        "the log /nowhere/at/all.log cannot be opened: No such file or directory");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(log_file_open(path, &fd, &failure), ERR_IO); /* and did not wait for a reader */
    assert_string_equal(failure.code, "ENXIO");
    unlink(path);
    snprintf(path, sizeof(path), "%s/link", folder);
    snprintf(other, sizeof(other), "%s/other", folder);
    assert_int_equal(symlink("target", path), 0);
    if (geteuid() == 0 && lchown(path, 65534, 65534) == 0) {
        assert_int_equal(log_file_open(path, &fd, &failure), ERR_IO);
        assert_string_equal(failure.code, "ELOOP");
        /* nor one by root that leads there; but one by root to a file is followed, and the system's own */
        assert_int_equal(symlink("link", other), 0);
        assert_int_equal(log_file_open(other, &fd, &failure), ERR_IO);
        assert_string_equal(failure.code, "ELOOP");
        unlink(other);
    }
    unlink(path);
    assert_int_equal(symlink("file", other), 0);
    assert_int_equal(log_file_open(other, &fd, &failure), OK);
    close(fd);
    snprintf(path, sizeof(path), "%s/file", folder);
    assert_int_equal(unlink(path), 0);
    unlink(other);
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
    assert_int_equal(symlink(path, other), 0);
    assert_int_equal(log_file_open(other, &fd, &failure), OK);
    close(fd);
    close(ends[0]);
    close(ends[1]);
    unlink(other);
    rmdir(folder);
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
        cmocka_unit_test(a_cut_line_is_still_valid),
        cmocka_unit_test(what_is_no_utf8_does_not_get_through),
        cmocka_unit_test(a_key_cannot_forge_another),
        cmocka_unit_test(each_line_says_who_wrote_it),
        cmocka_unit_test(a_flood_is_cut_short_and_counted),
        cmocka_unit_test(what_a_flood_left_out_is_said_when_it_is_over),
        cmocka_unit_test(many_errors_of_one_message_are_a_flood_too),
        cmocka_unit_test(scripts_and_debug_lines_are_never_left_out),
        cmocka_unit_test(the_journal_gets_a_priority_and_no_time),
        cmocka_unit_test(goes_to_the_file_that_it_is_given),
        cmocka_unit_test(lines_that_were_lost_are_counted_later),
        cmocka_unit_test(a_full_disk_is_told_to_standard_error),
        cmocka_unit_test(a_log_that_cannot_be_opened_is_named),
        cmocka_unit_test(writes_only_levels_that_are_wanted),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
