/* process/title: what /proc shows, with room of all sizes; the program's own arguments and environment stay. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>

#include "child.h"
#include "process/title.h"

/* /proc/self/cmdline up to its first NUL. */
static const char *shown(void)
{
    static char text[8192];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length;

    CHECK(fd >= 0);
    length = read(fd, text, sizeof(text) - 1);
    close(fd);
    CHECK(length >= 0);
    for (ssize_t i = (ssize_t)strnlen(text, (size_t)length); i < length; i++)
        CHECK(text[i] == '\0'); /* nothing of a former one behind it */
    text[length] = '\0';
    return text;
}

/* What a re-executed process checks; its status is the answer. argv[2]: bytes that fit at least. */
static int as_child(int argc, char **argv)
{
    size_t limit, fits = strtoul(argv[2], NULL, 10);
    char longest[8192], name[32], *before = argv[1];

    title_set("too early");
    CHECK(title_limit() == 0);
    title_init(argc, argv);
    limit = title_limit();
    CHECK(limit >= fits);
    CHECK(argv[1] != before && strcmp(argv[1], "child") == 0 && !argv[argc]);
    title_init(argc, argv); /* twice is once */
    CHECK(title_limit() == limit);

    title_set("perigee: worker %d of %d", 2, 4);
    CHECK(strncmp(shown(), "perigee: worker 2 of 4", fits < 22 ? fits : 22) == 0);
    memset(longest, 'w', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    title_set("%s", longest);
    CHECK(strlen(shown()) == (limit < sizeof(longest) ? limit : sizeof(longest) - 1));
    title_set("short");
    CHECK(strcmp(shown(), "short") == 0);
    title_set("%s", "");
    CHECK(strcmp(shown(), "") == 0);

    /* All else is as it was. */
    CHECK(strcmp(argv[argc - 1], "last") == 0);
    CHECK(getenv("ONE") && strcmp(getenv("ONE"), "1") == 0);
    CHECK(setenv("ONE", "a longer value than it had", 1) == 0);
    CHECK(setenv("TWO", "2", 1) == 0 && unsetenv("ONE") == 0);
    CHECK(!getenv("ONE") && strcmp(getenv("TWO"), "2") == 0);
    title_set("%s", longest);
    CHECK(strcmp(getenv("TWO"), "2") == 0 && strcmp(argv[1], "child") == 0);
    CHECK(strcmp(program_invocation_short_name, "daemon-name") == 0);
    CHECK(strcmp(program_invocation_name, "/path/to/daemon-name") == 0);
    CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "perigee") == 0);
    return 0;
}

static char wanted[16], filler[2000];

static void execute(void)
{
    char name[] = "/path/to/daemon-name", child[] = "child", last[] = "last", one[] = "ONE=1";
    char *argv[] = {name, child, wanted, filler, last, NULL};
    char *env[] = {one, filler, NULL};

    execve("/proc/self/exe", argv, env);
    CHECK(!"execve");
}

static void titles_are_shown_and_cut_in_a_process_executed_by_proc_self_exe(void **state)
{
    static const size_t sizes[] = {0, 1, 30, 1990};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        memset(filler, 0, sizeof(filler));
        memset(filler, 'f', sizes[i]);
        snprintf(wanted, sizeof(wanted), "%zu", 30 + 2 * sizes[i]);
        assert_int_equal(in_child(execute), 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(titles_are_shown_and_cut_in_a_process_executed_by_proc_self_exe),
    };

    if (argc > 2 && strcmp(argv[1], "child") == 0)
        return as_child(argc, argv);
    return cmocka_run_group_tests_name("title", tests, NULL, NULL);
}
