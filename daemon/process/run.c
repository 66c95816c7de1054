/* run: the loop with its script on the big thread, signals on the first one. */
#include "process/run.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "net/loop.h"
#include "net/loop_thread.h"
#include "script/script.h"

#define PATIENCE_S 1 /* between the second signal and the end by force */

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
            _exit(status);
        }
    }
    loop_free(&loop);
    return status;
}

static void on_signal(void *arg, int signal_number)
{
    struct run *run = arg;

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
    int status = 1;

    /* A person or a pipe sees each line when it is printed. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (loop_thread_run(run_loop, on_signal, &run, &status)) {
        fprintf(stderr, "perigee: the loop's thread cannot start\n");
        return 1;
    }
    return status;
}
