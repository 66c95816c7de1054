/* A program that the master runs: its words, its document, its end. */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/task.h"
#include "support.h"

static void run(struct task *task, const char *script, bool with_document)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct failure failure;
    int status;

    if (task_start(task, "/bin/sh", (char *const *)argv, with_document, "TASK_TEST=given", &failure))
        fail_msg("%s", failure.text);
    for (;;) {
        struct pollfd readable = {.fd = task->output, .events = POLLIN};

        if (task->output < 0 || poll(&readable, 1, WAIT_LIMIT_MS) <= 0)
            break;
        task_read(task);
    }
    assert_int_equal(waitpid(task->pid, &status, 0), task->pid);
    task_on_exit(task, status);
}

static void test_words(void **state)
{
    static struct task task;

    (void)state;
    run(&task, "echo out; echo $TASK_TEST >&2", false);
    assert_true(task_succeeded(&task));
    assert_string_equal(task.text, "out\ngiven\n");
    task_clear(&task);

    run(&task, "echo no >&2; exit 3", false);
    assert_false(task_succeeded(&task));
    assert_string_equal(task.text, "no\n");
    task_clear(&task);
}

static void test_document(void **state)
{
    static struct task task;
    char bytes[16] = "";

    (void)state;
    run(&task, "printf document >&3", true);
    assert_true(task_succeeded(&task));
    assert_int_equal(pread(task.document, bytes, sizeof(bytes) - 1, 0), 8);
    assert_string_equal(bytes, "document");
    task_clear(&task);
    assert_int_equal(task.document, -1);
}

/* More than is kept does not hold the program up. */
static void test_much(void **state)
{
    static struct task task;

    (void)state;
    run(&task, "head -c 300000 /dev/zero | tr '\\0' x; echo end", false);
    assert_true(task_succeeded(&task));
    assert_int_equal(task.used, TASK_TEXT_BYTES - 1);
    task_clear(&task);
}

/* One that prints for ever is read in portions, so that there is a time to kill it. */
static void test_endless(void **state)
{
    static struct task task;
    const char *argv[] = {"sh", "-c", "yes & yes & exec yes", NULL};
    struct failure failure;
    int status;

    (void)state;
    assert_int_equal(task_start(&task, "/bin/sh", (char *const *)argv, false, NULL, &failure), OK);
    for (int i = 0; i < 100; i++) {
        struct pollfd readable = {.fd = task.output, .events = POLLIN};

        assert_int_equal(poll(&readable, 1, WAIT_LIMIT_MS), 1);
        alarm(10); /* ends the test when it does not come back */
        task_read(&task);
        alarm(0);
    }
    close(task.output); /* all of them end by SIGPIPE */
    task.output = -1;
    task_tick(&task, UINT64_MAX);
    assert_int_equal(waitpid(task.pid, &status, 0), task.pid);
    task_on_exit(&task, status);
    assert_true(task.timed_out);
    task_clear(&task);
}

static void test_missing_and_killed(void **state)
{
    static struct task task;
    const char *argv[] = {"none", NULL}, *sleeps[] = {"sh", "-c", "read x", NULL};
    struct failure failure;
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(task_start(&task, "/no/such", (char *const *)argv, false, NULL, &failure), OK);
    assert_int_equal(waitpid(task.pid, &status, 0), task.pid);
    task_on_exit(&task, status);
    assert_false(task_succeeded(&task));
    assert_string_equal(task.text, "cannot run /no/such: No such file or directory\n");
    task_clear(&task);

    assert_int_equal(task_start(&task, "/bin/sh", (char *const *)sleeps, false, NULL, &failure), OK);
    pid = task.pid;
    task_clear(&task);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_much),
        cmocka_unit_test(test_endless),
        cmocka_unit_test(test_missing_and_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
