/* process/inheritance: PERIGEE_WORKER, good and bad, and what becomes of the descriptors. */
#include "support.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/inheritance.h"

static void all_of_it_is_read(void **state)
{
    struct inheritance in;
    struct failure failure;

    (void)state;
    assert_int_equal(
        inheritance_parse("control=3 settings=4 region=5 page=7 log=6 access=-1 slot=2 slots=3 "
                          "generation=9 sockets=9,10,-1|11|12,13,14 shared=010 admin=15",
                          &in, &failure),
        OK);
    assert_int_equal(in.control, 3);
    assert_int_equal(in.settings, 4);
    assert_int_equal(in.region, 5);
    assert_int_equal(in.page, 7);
    assert_int_equal(in.log, 6);
    assert_int_equal(in.access, -1);
    assert_int_equal(in.admin, 15);
    assert_int_equal(in.slot, 2);
    assert_int_equal(in.slots, 3);
    assert_int_equal(in.generation, 9);
    assert_int_equal(in.listener_count, 3);
    assert_int_equal(inheritance_socket(&in, 1, 2), 10);
    assert_int_equal(inheritance_socket(&in, 1, 3), -1);
    assert_int_equal(inheritance_socket(&in, 2, 1), 11);
    assert_int_equal(inheritance_socket(&in, 2, 3), 11);
    assert_int_equal(inheritance_socket(&in, 3, 3), 14);
    assert_int_equal(inheritance_socket(&in, 3, 4), -1);
    assert_int_equal(inheritance_socket(&in, 3, 0), -1);
    assert_int_equal(inheritance_socket(&in, 0, 1), -1);
    assert_int_equal(inheritance_socket(&in, 4, 1), -1);
}

static void what_is_wrong_is_quoted(void **state)
{
    static const char *const wrong[] = {
        "",
        "control",
        "control=",
        "control=x settings=4 slot=1 slots=1",
        "control=3 settings=4 slot=0 slots=1",
        "control=3 slot=1 slots=1",
        "settings=3 slot=1 slots=1",
        "control=3 settings=4 slot=1 slots=1 sockets=1,x",
        "control=3 settings=4 slot=1 slots=1 sockets=1;2",
        "control=3 settings=4 slot=1 slots=1 sockets=-2",
        "control=99999999999 settings=4 slot=1 slots=1",
        "control=3,4 settings=4 slot=1 slots=1",
    };
    struct inheritance in;
    struct failure failure;

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (inheritance_parse(wrong[i], &in, &failure) != ERR_INVALID)
            fail_msg("taken: \"%s\"", wrong[i]);
    assert_non_null(strstr(failure.text, "control=3,4"));
}

static void too_many_are_refused(void **state)
{
    char text[64 + 2 * (INHERITED_SOCKETS_MAX + INHERITED_LISTENERS_MAX)] =
        "control=3 settings=4 slot=1 slots=1 sockets=1";
    struct inheritance in;
    struct failure failure;

    (void)state;
    for (int i = 0; i < INHERITED_SOCKETS_MAX; i++)
        strcat(text, ",1");
    assert_int_equal(inheritance_parse(text, &in, &failure), ERR_INVALID);
    strcpy(text, "control=3 settings=4 slot=1 slots=1 sockets=1");
    for (int i = 0; i < INHERITED_LISTENERS_MAX; i++)
        strcat(text, "|1");
    assert_int_equal(inheritance_parse(text, &in, &failure), ERR_INVALID);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* In a child: the test's own descriptors stay as they are. */
static int secure_and_look(void)
{
    struct inheritance in;
    struct failure failure;

    for (int fd = 20; fd < 30; fd++)
        dup2(0, fd);
    if (inheritance_parse("control=20 settings=21 slot=1 slots=2 sockets=23,24|26 shared=01", &in,
                          &failure))
        return 1;
    inheritance_secure(&in);
    for (int fd = 20; fd < 30; fd++) {
        bool known = fd == 20 || fd == 21 || fd == 23 || fd == 24 || fd == 26;

        if (is_open(fd) != known || (known && !(fcntl(fd, F_GETFD) & FD_CLOEXEC)))
            return fd;
    }
    if (!is_open(0) || !is_open(2))
        return 2;
    inheritance_close_sockets(&in, 2);
    if (is_open(24) || !is_open(23) || !is_open(26) || inheritance_socket(&in, 1, 2) != -1)
        return 3;
    inheritance_close_sockets(&in, 0);
    if (is_open(23) || is_open(26) || !is_open(20) || inheritance_socket(&in, 2, 1) != -1)
        return 4;
    return 0;
}

static void strangers_are_closed_and_the_rest_ends_at_exec(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0)
        _exit(secure_and_look());
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_is_read),
        cmocka_unit_test(what_is_wrong_is_quoted),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(strangers_are_closed_and_the_rest_ends_at_exec),
    };

    return cmocka_run_group_tests_name("inheritance", tests, NULL, NULL);
}
