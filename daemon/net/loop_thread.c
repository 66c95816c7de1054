/* loop_thread: the worker's thread, and the main thread that waits for signals meanwhile. */
#include "net/loop_thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define STACK_BYTES ((size_t)256 * 1024 * 1024)
#define SIGNAL_OVER SIGRTMIN /* tells the waiting thread that main_fn returned */

struct loop_thread {
    int (*main_fn)(void *arg);
    void *arg;
    int result;
    pthread_t waiter;
    atomic_bool over; /* SIGNAL_OVER from a stranger does not count */
};

static void *run(void *arg)
{
    struct loop_thread *thread = arg;

    thread->result = thread->main_fn(thread->arg);
    atomic_store(&thread->over, true);
    pthread_kill(thread->waiter, SIGNAL_OVER);
    return NULL;
}

static int start(struct loop_thread *thread, pthread_t *id)
{
    pthread_attr_t attributes;
    int status = pthread_attr_init(&attributes);

    if (status)
        return status;
    status = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (!status)
        status = pthread_create(id, &attributes, run, thread);
    pthread_attr_destroy(&attributes);
    return status;
}

enum err loop_thread_run(int (*main_fn)(void *arg), void (*on_signal)(void *arg, int signo),
                         void *arg, int *result)
{
    static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    struct loop_thread thread = {.main_fn = main_fn, .arg = arg, .waiter = pthread_self()};
    sigset_t signals;
    pthread_t id;
    int status;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
        sigaddset(&signals, handled[i]);
    sigaddset(&signals, SIGNAL_OVER);
    /* They stay blocked afterwards: a late signal must not change the exit status. */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    status = start(&thread, &id);
    if (status)
        return status == EAGAIN || status == ENOMEM ? ERR_NOMEM : ERR_IO;
    for (;;) {
        int signo;

        if (sigwait(&signals, &signo))
            continue;
        if (signo != SIGNAL_OVER)
            on_signal(arg, signo);
        else if (atomic_load(&thread.over))
            break;
    }
    pthread_join(id, NULL);
    *result = thread.result;
    return OK;
}
