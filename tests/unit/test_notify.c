/* process/notify: what a service manager gets, at a path or an abstract name, and silence without one. */
#include "support.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "net/address.h"
#include "process/notify.h"

struct manager {
    int fd;
    char name[100];
    char got[4096];
};

static void manager_open(struct manager *manager, const char *name)
{
    struct address address;

    snprintf(manager->name, sizeof(manager->name), "%s", name);
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(address_from_path(name, &address), OK);
    assert_int_equal(bind(manager->fd, &address.any, address.length), 0);
    setenv("NOTIFY_SOCKET", name, 1);
}

/* The next datagram, "" when there is none: a local one is there when its sender returns. */
static const char *manager_hears(struct manager *manager)
{
    ssize_t length = recv(manager->fd, manager->got, sizeof(manager->got) - 1, 0);

    manager->got[length < 0 ? 0 : length] = '\0';
    return manager->got;
}

static void manager_close(struct manager *manager)
{
    close(manager->fd);
    if (manager->name[0] == '/')
        unlink(manager->name);
    notify_forget();
}

static void check_messages(struct manager *manager)
{
    unsigned long long stamp;
    struct timespec now;
    char end[16];

    assert_true(notify_is_wanted());
    assert_true(notify_ready(NULL));
    assert_string_equal(manager_hears(manager), "READY=1");
    assert_true(notify_ready("2 workers\nREADY=0"));
    assert_string_equal(manager_hears(manager), "READY=1\nSTATUS=2 workers READY=0");
    assert_true(notify_stopping("draining"));
    assert_string_equal(manager_hears(manager), "STOPPING=1\nSTATUS=draining");
    assert_true(notify_status("%d streams left", 3));
    assert_string_equal(manager_hears(manager), "STATUS=3 streams left");
    assert_true(notify_watchdog());
    assert_string_equal(manager_hears(manager), "WATCHDOG=1");
    assert_true(notify_main_pid(4711));
    assert_string_equal(manager_hears(manager), "MAINPID=4711");
    assert_true(notify_extend(1500000));
    assert_string_equal(manager_hears(manager), "EXTEND_TIMEOUT_USEC=1500000");

    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_true(notify_reloading("why"));
    assert_int_equal(sscanf(manager_hears(manager), "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=%15s",
                            &stamp, end),
                     2);
    assert_string_equal(end, "why");
    assert_true(stamp / 1000000 >= (unsigned long long)now.tv_sec);
    assert_true(stamp / 1000000 <= (unsigned long long)now.tv_sec + 60);
    assert_string_equal(manager_hears(manager), "");
}

static void a_manager_at_a_path_hears_each_message(void **state)
{
    struct manager manager;
    char name[100];

    (void)state;
    snprintf(name, sizeof(name), "%s/notify-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp",
             (int)getpid());
    manager_open(&manager, name);
    check_messages(&manager);
    manager_close(&manager);
}

static void a_manager_with_an_abstract_name_too(void **state)
{
    struct manager manager;
    char name[64];

    (void)state;
    snprintf(name, sizeof(name), "@perigee-notify-%d", (int)getpid());
    manager_open(&manager, name);
    check_messages(&manager);
    manager_close(&manager);
    assert_null(getenv("NOTIFY_SOCKET"));
}

static void long_texts_are_cut(void **state)
{
    struct manager manager;
    char name[64], status[NOTIFY_TEXT_MAX * 2];

    (void)state;
    snprintf(name, sizeof(name), "@perigee-notify-%d", (int)getpid());
    manager_open(&manager, name);
    memset(status, 'x', sizeof(status) - 1);
    status[sizeof(status) - 1] = '\0';
    assert_true(notify_ready(status));
    assert_int_equal(strlen(manager_hears(&manager)), NOTIFY_TEXT_MAX - 1);
    assert_memory_equal(manager.got, "READY=1\nSTATUS=xxx", 18);
    assert_true(notify_status("%s", status));
    assert_int_equal(strlen(manager_hears(&manager)), NOTIFY_TEXT_MAX - 1);
    manager_close(&manager);
}

static void without_a_manager_nothing_happens(void **state)
{
    static const char *const names[] = {"", "relative", "vsock:2:1", "/nobody/listens/here", "@"};
    char longest[200];

    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_false(notify_is_wanted());
    assert_false(notify_ready("x"));
    for (size_t i = 0; i < COUNT(names); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        assert_false(notify_ready(NULL));
        assert_false(notify_send("WATCHDOG=1"));
    }
    memset(longest, '/', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    setenv("NOTIFY_SOCKET", longest, 1);
    assert_false(notify_is_wanted());
    assert_false(notify_send("READY=1"));
    notify_forget();
}

static void a_manager_that_does_not_read_is_not_waited_for_long(void **state)
{
    struct manager manager;
    struct timespec before, after;
    char name[64];
    bool sent = true;

    (void)state;
    snprintf(name, sizeof(name), "@perigee-notify-%d", (int)getpid());
    manager_open(&manager, name);
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (int i = 0; i < 100000 && sent; i++)
        sent = notify_send("WATCHDOG=1");
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_false(sent);
    assert_true(after.tv_sec - before.tv_sec < 15);
    manager_close(&manager);
}

static void the_watchdogs_interval_is_read(void **state)
{
    char pid[32];

    (void)state;
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(notify_watchdog_us(), 0);
    setenv("WATCHDOG_USEC", "20000000", 1);
    assert_int_equal(notify_watchdog_us(), 20000000);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_us(), 20000000);
    setenv("WATCHDOG_PID", "1", 1); /* the one that we were started by */
    assert_int_equal(notify_watchdog_us(), 0);
    setenv("WATCHDOG_PID", "x", 1);
    assert_int_equal(notify_watchdog_us(), 0);
    unsetenv("WATCHDOG_PID");
    for (size_t i = 0; i < 4; i++) {
        static const char *const no[] = {"", "-1", "12s", "99999999999999999999999"};

        setenv("WATCHDOG_USEC", no[i], 1);
        assert_int_equal(notify_watchdog_us(), 0);
    }
    notify_forget();
    assert_null(getenv("WATCHDOG_USEC"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manager_at_a_path_hears_each_message),
        cmocka_unit_test(a_manager_with_an_abstract_name_too),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(without_a_manager_nothing_happens),
        cmocka_unit_test(a_manager_that_does_not_read_is_not_waited_for_long),
        cmocka_unit_test(the_watchdogs_interval_is_read),
    };

    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
