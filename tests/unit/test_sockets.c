/* The service's sockets: found, bound, steered, handed on. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/sockets.h"
#include "support.h"

static struct settings *settings_of(const char *text)
{
    struct settings *settings = NULL;
    struct failure failure;

    if (settings_parse(text, strlen(text), &settings, &failure))
        fail_msg("%s", failure.text);
    return settings;
}

#define HEAD "perigee-settings 1\nlisten# n 1\n1\n"
#define LOOPBACK \
    "listen.1.address s 11\n127.0.0.1:0\nlisten.1.host s 9\n127.0.0.1\nlisten.1.port n 1\n0\n"

/* Connects and says which of the group's sockets got it. */
static unsigned who_gets(struct socket_group *group)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, &group->address.any, group->address.length), 0);
    for (;;) {
        for (unsigned i = 0; i < group->count; i++) {
            int taken = accept(group->sockets[i].fd, NULL, NULL);

            if (taken < 0)
                continue;
            close(taken);
            close(fd);
            return i;
        }
    }
}

static void test_steering(void **state)
{
    struct settings *settings = settings_of(HEAD LOOPBACK);
    struct sockets sockets;
    struct socket_plan plan;
    struct failure failure;
    unsigned got[3] = {0};

    (void)state;
    sockets_init(&sockets);
    assert_int_equal(sockets_prepare(&sockets, settings, 3, &plan, &failure), OK);
    assert_int_equal(plan.count, 1);
    assert_int_equal(plan.listeners[0]->count, 3);
    assert_int_equal(sockets_slots(&sockets), 3);

    sockets_steer(&sockets, 1);
    for (int i = 0; i < 40; i++)
        assert_int_equal(who_gets(plan.listeners[0]), 0);
    sockets_steer(&sockets, 2);
    for (int i = 0; i < 100; i++)
        got[who_gets(plan.listeners[0])]++;
    assert_true(got[0] > 0 && got[1] > 0);
    assert_int_equal(got[2], 0);

    /* What is closed behind the filter loses nothing. */
    sockets_trim(&sockets, 2);
    assert_int_equal(plan.listeners[0]->count, 2);
    sockets_steer(&sockets, 0);
    for (int i = 0; i < 100; i++)
        got[who_gets(plan.listeners[0])]++;

    sockets_release(&sockets, &plan);
    assert_true(list_is_empty(&sockets.groups));
    settings_free(&settings);
}

/* A second service that asks for the same port gets an error, in spite of SO_REUSEPORT. */
static void test_taken(void **state)
{
    struct settings *settings = settings_of(HEAD LOOPBACK);
    char text[512];
    struct sockets first, second;
    struct socket_plan plan, other;
    struct failure failure;
    struct settings *same;
    int port;

    (void)state;
    sockets_init(&first);
    sockets_init(&second);
    assert_int_equal(sockets_prepare(&first, settings, 2, &plan, &failure), OK);
    port = address_port(&plan.listeners[0]->address);
    snprintf(text, sizeof(text),
             HEAD "listen.1.address s 1\nx\nlisten.1.host s 9\n127.0.0.1\nlisten.1.port n %d\n%d\n",
             port > 9999 ? 5 : 4, port);
    same = settings_of(text);
    assert_int_equal(sockets_prepare(&second, same, 2, &other, &failure), ERR_IO);
    assert_int_equal(failure.sys_errno, EADDRINUSE);
    assert_non_null(strstr(failure.text, "cannot listen on 127.0.0.1:"));
    assert_true(list_is_empty(&second.groups));
    sockets_release(&first, &plan);
    settings_free(&same);
    settings_free(&settings);
}

/* A configuration that asks for the same keeps the sockets; more slots are added, none is bound anew. */
static void test_kept(void **state)
{
    struct settings *settings = settings_of(HEAD LOOPBACK);
    struct sockets sockets;
    struct socket_plan plan, next;
    struct failure failure;
    int fd;

    (void)state;
    sockets_init(&sockets);
    assert_int_equal(sockets_prepare(&sockets, settings, 1, &plan, &failure), OK);
    fd = plan.listeners[0]->sockets[0].fd;
    assert_int_equal(sockets_prepare(&sockets, settings, 2, &next, &failure), OK);
    assert_ptr_equal(plan.listeners[0], next.listeners[0]);
    assert_int_equal(next.listeners[0]->count, 2);
    assert_int_equal(next.listeners[0]->sockets[0].fd, fd);
    sockets_release(&sockets, &plan);
    assert_false(list_is_empty(&sockets.groups));
    sockets_release(&sockets, &next);
    assert_true(list_is_empty(&sockets.groups));
    settings_free(&settings);
}

static void test_unix(void **state)
{
    char path[] = "/tmp/perigee-sockets-XXXXXX", text[512];
    struct settings *settings;
    struct sockets sockets;
    struct socket_plan plan;
    struct failure failure;
    struct stat file;

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(
        text, sizeof(text),
        HEAD
        "listen.1.address s %zu\nunix:%s/s\nlisten.1.path s %zu\n%s/s\nlisten.1.mode n 3\n438\n",
        strlen(path) + 7, path, strlen(path) + 2, path);
    settings = settings_of(text);
    sockets_init(&sockets);
    assert_int_equal(sockets_prepare(&sockets, settings, 4, &plan, &failure), OK);
    assert_true(plan.listeners[0]->shared);
    assert_int_equal(plan.listeners[0]->count, 1);
    snprintf(text, sizeof(text), "%s/s", path);
    assert_int_equal(stat(text, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0666);
    sockets_release(&sockets, &plan);
    assert_int_equal(stat(text, &file), -1);
    assert_int_equal(rmdir(path), 0);
    settings_free(&settings);
}

static void test_upgrade(void **state)
{
    struct settings *settings = settings_of(HEAD LOOPBACK);
    struct sockets sockets, restored;
    struct socket_plan plan, again;
    struct failure failure;
    char text[1024], role[1024];

    (void)state;
    sockets_init(&sockets);
    sockets_init(&restored);
    assert_int_equal(sockets_prepare(&sockets, settings, 2, &plan, &failure), OK);
    sockets_save(&sockets, text, sizeof(text));
    assert_null(strchr(text, ' '));
    /* The other program has the same descriptors; here they are duplicates. */
    for (unsigned i = 0; i < 2; i++)
        plan.listeners[0]->sockets[i].fd = dup(plan.listeners[0]->sockets[i].fd);
    assert_int_equal(sockets_restore(&restored, text), OK);
    assert_int_equal(sockets_prepare(&restored, settings, 2, &again, &failure), OK);
    assert_int_equal(address_port(&again.listeners[0]->address),
                     address_port(&plan.listeners[0]->address));
    socket_plan_text(&again, role, sizeof(role));
    assert_non_null(strstr(role, "sockets="));
    assert_non_null(strstr(role, " shared=0"));
    sockets_drop_unused(&restored);
    sockets_release(&sockets, &plan);
    sockets_release(&restored, &again);
    assert_true(list_is_empty(&restored.groups));

    assert_int_equal(sockets_restore(&restored, "rubbish"), ERR_INVALID);
    assert_int_equal(sockets_restore(&restored, "[::]:1=-,x;"), ERR_INVALID);
    sockets_close(&restored);
    settings_free(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steering), cmocka_unit_test(test_taken),
        cmocka_unit_test(test_kept),     cmocka_unit_test(test_unix),
        cmocka_unit_test(test_upgrade),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
