/* net/file_open: regular files are handed over, all else is told apart and closed, and nobody waits. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "net/file_open.h"

struct outcome {
    struct loop *loop;
    int calls;
    struct file_opened opened;
};

static char folder[PATH_MAX - 64];

static const char *path_of(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *tmp = getenv("TMPDIR");
    int fd;

    (void)state;
    snprintf(folder, sizeof(folder), "%s/file-open-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(folder));
    fd = open(path_of("file"), O_WRONLY | O_CREAT | O_EXCL, 0640);
    assert_int_equal(write(fd, "12345", 5), 5);
    close(fd);
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    assert_int_equal(symlink("file", path_of("link")), 0);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(strlen(path_of("socket")) < sizeof(address.sun_path));
    memcpy(address.sun_path, path_of("socket"), strlen(path_of("socket")) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"file", "fifo", "link", "socket"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(unlink(path_of(names[i])), 0);
    return rmdir(folder);
}

static void on_done(void *owner, const struct file_opened *opened)
{
    struct outcome *outcome = owner;

    outcome->calls++;
    outcome->opened = *opened;
    loop_stop(outcome->loop);
}

static struct file_opened open_and_wait(void **state, int beneath, const char *path, bool links)
{
    struct outcome outcome = {.loop = loop_of(state)};

    assert_int_equal(file_open(outcome.loop, beneath, path, links, on_done, &outcome), OK);
    assert_int_equal(outcome.calls, 0); /* never from inside */
    WAIT_FOR(outcome.loop, outcome.calls > 0);
    run_for(outcome.loop, 2);
    assert_int_equal(outcome.calls, 1);
    return outcome.opened;
}

static void hands_over_a_regular_file(void **state)
{
    struct file_opened opened = open_and_wait(state, -1, path_of("link"), true);
    char bytes[8];

    assert_int_equal(opened.sys_errno, 0);
    assert_true(opened.fd >= 0);
    assert_true(S_ISREG(opened.stat.st_mode));
    assert_int_equal(opened.stat.st_size, 5);
    assert_true(fcntl(opened.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fcntl(opened.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(read(opened.fd, bytes, sizeof(bytes)), 5);
    close(opened.fd);
}

static void tells_other_kinds_apart_without_waiting(void **state)
{
    struct file_opened opened = open_and_wait(state, -1, path_of("fifo"), true);

    assert_int_equal(opened.sys_errno, 0);
    assert_int_equal(opened.fd, -1);
    assert_true(S_ISFIFO(opened.stat.st_mode));
    opened = open_and_wait(state, -1, folder, true);
    assert_int_equal(opened.fd, -1);
    assert_true(S_ISDIR(opened.stat.st_mode));
    opened = open_and_wait(state, -1, "/dev/null", true);
    assert_int_equal(opened.fd, -1);
    assert_true(S_ISCHR(opened.stat.st_mode));
    opened = open_and_wait(state, -1, path_of("socket"), true);
    assert_int_equal(opened.fd, -1);
    assert_true(S_ISSOCK(opened.stat.st_mode));
}

/* Opening a FIFO would wake a writer that waits for a reader, and then break its pipe. */
static void opens_nothing_but_regular_files(void **state)
{
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    char events[1024];
    struct file_opened opened;

    assert_true(inotify_add_watch(watch, path_of("fifo"), IN_OPEN) >= 0);
    open_and_wait(state, -1, path_of("fifo"), true);
    assert_int_equal(read(watch, events, sizeof(events)), -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(inotify_add_watch(watch, path_of("file"), IN_OPEN) >= 0);
    opened = open_and_wait(state, -1, path_of("file"), true);
    assert_true(read(watch, events, sizeof(events)) > 0);
    close(opened.fd);
    close(watch);
}

static void stays_below_a_folder(void **state)
{
    int root = open(folder, O_PATH | O_DIRECTORY);
    struct file_opened opened = open_and_wait(state, root, "file", true);

    assert_int_equal(opened.sys_errno, 0);
    assert_true(opened.fd >= 0);
    close(opened.fd);
    opened = open_and_wait(state, root, "../", true);
    assert_int_equal(opened.fd, -1);
    assert_int_equal(opened.sys_errno, EXDEV);
    opened = open_and_wait(state, root, path_of("file"), true);
    assert_int_equal(opened.sys_errno, EXDEV);
    opened = open_and_wait(state, root, "link", false);
    assert_int_equal(opened.sys_errno, ELOOP);
    close(root);
}

static void says_why_not(void **state)
{
    struct file_opened opened = open_and_wait(state, -1, path_of("nothing"), true);

    assert_int_equal(opened.fd, -1);
    assert_int_equal(opened.sys_errno, ENOENT);
}

static void a_failed_allocation_calls_nobody(void **state)
{
    struct outcome outcome = {.loop = loop_of(state)};

    mem_fail_at(1);
    assert_int_equal(file_open(outcome.loop, -1, "/", true, on_done, &outcome), ERR_NOMEM);
    run_for(outcome.loop, 2);
    assert_int_equal(outcome.calls, 0);
}

/* The jobs' descriptors are closed but for those that were handed over. */
static void leaves_no_descriptor_behind(void **state)
{
    int before, after;

    open_and_wait(state, -1, "/", true); /* the pool's own come first */
    before = dup(0);
    close(before);
    open_and_wait(state, -1, path_of("fifo"), true);
    open_and_wait(state, -1, "/dev/null", true);
    open_and_wait(state, -1, "/nothing", true);
    after = dup(0);
    close(after);
    assert_int_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(hands_over_a_regular_file),
        LOOP_TEST(tells_other_kinds_apart_without_waiting),
        LOOP_TEST(opens_nothing_but_regular_files),
        LOOP_TEST(stays_below_a_folder),
        LOOP_TEST(says_why_not),
        LOOP_TEST(a_failed_allocation_calls_nobody),
        LOOP_TEST(leaves_no_descriptor_behind),
    };

    return cmocka_run_group_tests_name("file_open", tests, make_folder, remove_folder);
}
