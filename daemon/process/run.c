/* run: the loop with its script on the big thread, signals on the first one. */
#include "process/run.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/loop.h"
#include "net/loop_thread.h"
#include "script/script.h"
#include "session/access_log.h"

#define FLUSH_MS 1000 /* for what the logs hold back at the end */
#define PATIENCE_S 1  /* between the second signal and the end by force */

struct run {
    const struct arguments *arguments;
    pthread_mutex_t lock;  /* the first thread must not meet a script that is being freed */
    struct script *script; /* NULL while it does not live */
    int early;             /* a signal that came before it lived */
    int signals;
};

static void set_script(struct run *run, struct script *script)
{
    pthread_mutex_lock(&run->lock);
    run->script = script;
    if (script && run->early)
        script_on_signal(script, run->early);
    pthread_mutex_unlock(&run->lock);
}

/* The second signal asked for an end at once, and the loop did not come to it: a handler is busy. */
static void on_alarm(int signal_number)
{
    (void)signal_number;
    _exit(128 + SIGKILL);
}

static int run_loop(void *arg)
{
    struct run *run = arg;
    const struct arguments *arguments = run->arguments;
    struct script_options options = {
        .path = arguments->script,
        .arguments = arguments->rest,
        .listen = (char **)(uintptr_t)arguments->listen,
        .tls_certificate = arguments->tls_certificate,
        .tls_key = arguments->tls_key,
        .check = arguments->command == COMMAND_CHECK,
        .exit_on_error = arguments->exit_on_error,
    };
    struct loop *loop = NULL;
    struct script *script = NULL;
    int status = 1;

    if (loop_new(&loop)) {
        fprintf(stderr, "perigee: the event loop cannot start\n");
        return 1;
    }
    if (!script_new(loop, &script)) {
        set_script(run, script);
        script_start(script, &options);
        if (!loop_is_stopping(loop))
            loop_run(loop);
        status = script_status(script);
        set_script(run, NULL);
        if (!script_free(&script)) {
            fflush(NULL);
            access_log_flush(FLUSH_MS);
            log_flush(FLUSH_MS);
            _exit(status);
        }
    }
    loop_free(&loop);
    return status;
}

/* "-": standard output, which is not ours to close. */
static enum err open_access_log(const char *path, int *fd, struct failure *failure)
{
    if (strcmp(path, "-") != 0)
        return log_file_open(path, fd, failure);
    *fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return *fd < 0 ? failure_errno(failure, errno, "standard output cannot be logged to") : OK;
}

static void reopen_access_log(const char *path)
{
    struct failure failure;
    int fd;

    if (!path)
        return;
    if (open_access_log(path, &fd, &failure))
        log_line(LOG_ERROR, "the access log stays as it was", "error", failure.text, NULL);
    else
        access_log_reopen(fd);
}

static void on_signal(void *arg, int signal_number)
{
    struct run *run = arg;

    if (signal_number == SIGUSR1)
        reopen_access_log(run->arguments->access_log);
    if (signal_number != SIGINT && signal_number != SIGTERM)
        return;
    pthread_mutex_lock(&run->lock);
    if (run->script)
        script_on_signal(run->script, signal_number);
    else
        run->early = signal_number;
    pthread_mutex_unlock(&run->lock);
    if (++run->signals == 2) {
        signal(SIGALRM, on_alarm);
        alarm(PATIENCE_S);
    }
}

int run_script(const struct arguments *arguments)
{
    struct run run = {.arguments = arguments, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct failure failure;
    int status = 1;
    int fd = -1;

    /* A person or a pipe sees each line when it is printed. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (arguments->access_log && (open_access_log(arguments->access_log, &fd, &failure) ||
                                  access_log_open(fd, arguments->access_format))) {
        fprintf(stderr, "perigee: %s\n",
                fd < 0 ? failure.text : "the access log's writer cannot start");
        return 1;
    }
    if (loop_thread_run(run_loop, on_signal, &run, &status)) {
        fprintf(
            stderr,
            "perigee: the loop's thread cannot start: it needs 256 MiB of address space (ulimit -v)\n");
        status = 1;
    }
    access_log_close();
    log_flush(0);
    return status;
}
