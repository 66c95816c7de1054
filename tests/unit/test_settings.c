/* config/settings: the document is read as it was written, and nothing else is. */
#include "support.h"

#include <sys/mman.h>

#include "config/settings.h"

#define HEAD "perigee-settings 1\n"
#define GOOD                                 \
    HEAD "workers n 1\n2\n"                  \
         "listen# n 1\n2\n"                  \
         "listen.1.address s 5\n:8000\n"     \
         "listen.1.secure b 5\nfalse\n"      \
         "listen.2.address s 0\n\n"          \
         "listen.2.secure b 4\ntrue\n"       \
         "listen.2.backlog n 3\n511\n"       \
         "limits.idle_timeout n 6\n180000\n" \
         "key s 12\na\nb n 1\n5\nc\n\n"      \
         "low n 20\n-9223372036854775808\n"  \
         "arguments# n 1\n1\narguments.1 s 1\nx\n"

static int setup(void **state)
{
    static size_t before;

    before = mem_live();
    *state = &before;
    return 0;
}

static int teardown(void **state)
{
    mem_fail_at(0);
    return mem_live() == *(size_t *)*state ? 0 : -1;
}

static struct settings *parsed(const char *text)
{
    struct settings *settings;
    struct failure failure;

    assert_int_equal(settings_parse(text, strlen(text), &settings, &failure), OK);
    return settings;
}

static void gives_each_type(void **state)
{
    struct settings *s = parsed(GOOD);

    (void)state;
    assert_int_equal(settings_number(s, "workers", 7), 2);
    assert_int_equal(settings_number(s, "low", 7), INT64_MIN);
    assert_int_equal(settings_count(s, "listen"), 2);
    assert_string_equal(settings_text(s, "listen.1.address"), ":8000");
    assert_string_equal(settings_text(s, "listen.2.address"), "");
    assert_false(settings_flag(s, "listen.1.secure", true));
    assert_true(settings_flag(s, "listen.2.secure", false));
    /* A value may look like the document itself. */
    assert_string_equal(settings_text(s, "key"), "a\nb n 1\n5\nc\n");
    assert_string_equal(settings_text_at(s, "address", "listen", 1), ":8000");
    assert_int_equal(settings_number_at(s, "backlog", "listen", 2, 0), 511);
    assert_true(settings_flag_at(s, "secure", "listen", 2, false));
    assert_string_equal(settings_text_at(s, NULL, "arguments", 1), "x");
    settings_free(&s);
    assert_null(s);
    settings_free(&s);
}

static void answers_what_is_absent(void **state)
{
    struct settings *s = parsed(GOOD), *empty = parsed(HEAD);
    char long_name[400];

    (void)state;
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_null(settings_text(s, "worker"));
    assert_null(settings_text(s, "workers")); /* of another type */
    assert_null(settings_text(s, ""));
    assert_int_equal(settings_number(s, "key", -5), -5);
    assert_int_equal(settings_number(s, "listen.1.secure", -5), -5);
    assert_true(settings_flag(s, "workers", true));
    assert_int_equal(settings_count(s, "workers"), 0);
    assert_int_equal(settings_count(s, long_name), 0);
    assert_null(settings_text_at(s, "address", "listen", 3));
    assert_null(settings_text_at(s, long_name, "listen", 1));
    assert_int_equal(settings_number_at(s, "backlog", "listen", 1, 4), 4);
    assert_true(settings_flag_at(s, "secure", "listen", 9, true));
    assert_null(settings_text(empty, "workers"));
    assert_int_equal(settings_count(empty, "listen"), 0);
    settings_free(&s);
    settings_free(&empty);
}

static void refuses_what_is_damaged(void **state)
{
    static const struct {
        const char *label, *text, *words;
    } cases[] = {
        {"nothing", "", "byte 0"},
        {"half a head", "perigee-sett", "byte 0"},
        {"another version", "perigee-settings 2\n", "byte 0"},
        {"no type", HEAD "a\n", "byte 19"},
        {"no path", HEAD " s 1\nx\n", "a path"},
        {"a path with odd bytes", HEAD "A/b s 1\nx\n", "a path"},
        {"an unknown type", HEAD "a x 1\nx\n", "the type"},
        {"a type alone", HEAD "a s", "the type"},
        {"no length", HEAD "a s \nx\n", "the length"},
        {"a negative length", HEAD "a s -1\nx\n", "the length"},
        {"a length that leads past the end", HEAD "a s 3\nx\n", "the length"},
        {"a length that leads to the end", HEAD "a s 1\nx", "the length"},
        {"a length that is too short", HEAD "a s 1\nxy\n", "the length"},
        {"a huge length", HEAD "a s 99999999999999999999\nx\n", "the length"},
        {"a length without its line's end", HEAD "a s 1", "the length"},
        {"a number that is none", HEAD "a n 1\nx\n", "a whole number"},
        {"a number with a blank", HEAD "a n 2\n 1\n", "a whole number"},
        {"a number with a fraction", HEAD "a n 3\n1.5\n", "a whole number"},
        {"an empty number", HEAD "a n 0\n\n", "a whole number"},
        {"a number that is too large", HEAD "a n 19\n9223372036854775808\n", "a whole number"},
        {"a flag that is none", HEAD "a b 3\nyes\n", "true or false"},
        {"a path twice", HEAD "a s 1\nx\nb s 1\nx\na n 1\n1\n", "a is there twice"},
        {"rubbish behind the last value", HEAD "a s 1\nx\n\n", "a path"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct settings *s = (struct settings *)1;
        struct failure failure = {0};

        if (settings_parse(cases[i].text, strlen(cases[i].text), &s, &failure) != ERR_INVALID || s)
            fail_msg("%s was taken", cases[i].label);
        if (!strstr(failure.text, cases[i].words))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].label, failure.text, cases[i].words);
    }
}

static void refuses_nul_bytes_and_what_is_too_large(void **state)
{
    static const char nul[] = HEAD "a s 3\nx\0y\n";
    struct settings *s;
    struct failure failure;

    (void)state;
    assert_int_equal(settings_parse(nul, sizeof(nul) - 1, &s, &failure), ERR_INVALID);
    assert_non_null(strstr(failure.text, "NUL"));
    assert_int_equal(settings_parse(nul, (size_t)SETTINGS_MAX_BYTES + 1, &s, &failure), ERR_INVALID);
    assert_non_null(strstr(failure.text, "more than"));
}

/* Cut anywhere it is refused, or shorter by whole values. */
static void survives_every_cut(void **state)
{
    (void)state;
    for (size_t length = 0; length < strlen(GOOD); length++) {
        struct settings *s;
        struct failure failure;

        if (settings_parse(GOOD, length, &s, &failure) == OK) {
            assert_int_equal(GOOD[length - 1], '\n');
            settings_free(&s);
        }
        assert_null(s);
    }
}

static void survives_every_changed_byte(void **state)
{
    static const char other[] = "\0 \n#9sz\xff";
    char text[] = GOOD;

    (void)state;
    for (size_t at = 0; at < sizeof(text) - 1; at++) {
        for (size_t i = 0; i < sizeof(other) - 1; i++) {
            struct settings *s;
            struct failure failure;

            text[at] = other[i];
            settings_parse(text, sizeof(text) - 1, &s, &failure);
            if (s)
                settings_number(s, "workers", 0);
            settings_free(&s);
        }
        text[at] = GOOD[at];
    }
}

static void reads_a_memfd_from_its_beginning(void **state)
{
    int fd = memfd_create("settings", MFD_CLOEXEC);
    struct settings *s;
    struct failure failure;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(settings_read(fd, &s, &failure), ERR_INVALID); /* empty */
    assert_null(s);
    assert_int_equal(write(fd, GOOD, strlen(GOOD)), strlen(GOOD));
    /* Its position is at the end, and stays there. */
    assert_int_equal(settings_read(fd, &s, &failure), OK);
    assert_int_equal(settings_number(s, "workers", 0), 2);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), strlen(GOOD));
    settings_free(&s);
    assert_int_equal(ftruncate(fd, (off_t)SETTINGS_MAX_BYTES + 1), 0);
    assert_int_equal(settings_read(fd, &s, &failure), ERR_INVALID);
    close(fd);
    assert_int_equal(settings_read(fd, &s, &failure), ERR_IO);
    assert_string_equal(failure.code, "EBADF");
}

static void tells_when_memory_is_out(void **state)
{
    struct settings *s = NULL;
    struct failure failure;
    int failed = 0;

    (void)state;
    for (uint64_t n = 1; !s; n++) {
        mem_fail_at(n);
        if (settings_parse(GOOD, strlen(GOOD), &s, &failure)) {
            assert_int_equal(failure.err, ERR_NOMEM);
            assert_null(s);
            failed++;
        }
        mem_fail_at(0);
    }
    assert_true(failed >= 3);
    settings_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_each_type, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_what_is_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_nul_bytes_and_what_is_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_every_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_every_changed_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_a_memfd_from_its_beginning, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_when_memory_is_out, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
