/* task: fork, exec, collect. */
#include "process/task.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define DOCUMENT_FD 3
#define READS_MAX 64 /* in one go: a program that prints without end must not hold the master up */

void task_child_setup(void)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;

    if (null >= 0)
        dup2(null, STDIN_FILENO);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become(const struct task *task, int output, const char *path, char *const argv[],
                   const char *environment)
{
    task_child_setup();
    dup2(output, STDERR_FILENO);
    dup2(output, STDOUT_FILENO);
    if (task->document >= 0) {
        if (task->document == DOCUMENT_FD)
            fcntl(DOCUMENT_FD, F_SETFD, 0);
        else
            dup2(task->document, DOCUMENT_FD);
    }
    if (environment)
        putenv((char *)(uintptr_t)environment);
    execv(path, argv);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", path, strerror(errno));
    _exit(127);
}

enum err task_start(struct task *task, const char *path, char *const argv[], bool with_document,
                    const char *environment, struct failure *failure)
{
    int ends[2];

    memset(task, 0, sizeof(*task));
    task->output = task->document = -1;
    if (with_document &&
        (task->document = memfd_create("perigee-settings", MFD_CLOEXEC | MFD_ALLOW_SEALING)) < 0)
        return failure_errno(failure, errno, "cannot make room for the settings");
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
        failure_errno(failure, errno, "cannot make a pipe");
        task_clear(task);
        return ERR_IO;
    }
    task->output = ends[0];
    fcntl(ends[1], F_SETFL, 0); /* the program's end waits */
    task->pid = fork();
    if (task->pid == 0) {
        setpgid(0, 0); /* a group: it starts others (the check of a script), which end with it */
        become(task, ends[1], path, argv, environment);
    }
    if (task->pid < 0) {
        failure_errno(failure, errno, "cannot start a process");
        task->pid = 0;
        close(ends[1]);
        task_clear(task);
        return ERR_IO;
    }
    setpgid(task->pid, task->pid); /* whoever is first; an error means that the child was */
    close(ends[1]);
    task->due_ms = clock_ms() + TASK_MS;
    return OK;
}

void task_read(struct task *task)
{
    char beyond[4096];

    for (unsigned reads = 0; task->output >= 0 && reads < READS_MAX; reads++) {
        size_t room = sizeof(task->text) - 1 - task->used;
        ssize_t got = read(task->output, room ? task->text + task->used : beyond,
                           room ? room : sizeof(beyond));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            close(task->output);
            task->output = -1;
            return;
        }
        if (room) {
            task->used += (size_t)got;
            task->text[task->used] = '\0';
        }
    }
}

void task_tick(struct task *task, uint64_t now_ms)
{
    if (task->pid > 0 && task->due_ms && now_ms >= task->due_ms) {
        task->due_ms = 0;
        task->timed_out = true;
        kill(-task->pid, SIGKILL);
    }
}

void task_on_exit(struct task *task, int status)
{
    task->pid = 0;
    task->due_ms = 0;
    task->status = status;
    task->has_ended = true;
    /* What it wrote before its end is in the pipe, which a child of its own may hold open. */
    task_read(task);
    if (task->timed_out)
        task->used = (size_t)snprintf(task->text, sizeof(task->text),
                                      "the check did not end within %d s\n", TASK_MS / 1000);
}

bool task_succeeded(const struct task *task)
{
    return task->has_ended && WIFEXITED(task->status) && WEXITSTATUS(task->status) == 0;
}

void task_clear(struct task *task)
{
    if (task->pid > 0)
        kill(-task->pid, SIGKILL); /* waited for with all children */
    if (task->output >= 0)
        close(task->output);
    if (task->document >= 0)
        close(task->document);
    task->pid = 0;
    task->due_ms = 0;
    task->output = task->document = -1;
}
