/* loop_thread: the worker's thread, and the main thread that waits for signals meanwhile. */
#include "net/loop_thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

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

/* Reads one signal; is it the news that main_fn returned? */
static bool hear_signal(struct loop_thread *thread, int signals,
                        void (*on_signal)(void *arg, int signo))
{
    struct signalfd_siginfo info;

    if (read(signals, &info, sizeof(info)) != sizeof(info))
        return false;
    if (info.ssi_signo != (uint32_t)SIGNAL_OVER) {
        on_signal(thread->arg, (int)info.ssi_signo);
        return false;
    }
    return atomic_load(&thread->over);
}

static void wait_for_the_end(struct loop_thread *thread, int signals,
                             void (*on_signal)(void *arg, int signo),
                             const struct loop_thread_watch *watch)
{
    struct pollfd waits[2] = {{.fd = signals, .events = POLLIN},
                              {.fd = watch ? watch->fd : -1, .events = POLLIN}};

    for (;;) {
        if (poll(waits, 2, -1) < 0)
            continue; /* a signal's handler ran */
        if (waits[0].revents && hear_signal(thread, signals, on_signal))
            return;
        if (waits[1].revents && !watch->on_readable(thread->arg))
            waits[1].fd = -1;
    }
}

enum err loop_thread_run_watching(int (*main_fn)(void *arg), void (*on_signal)(void *arg, int signo),
                                  const struct loop_thread_watch *watch, void *arg, int *result)
{
    static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    struct loop_thread thread = {.main_fn = main_fn, .arg = arg, .waiter = pthread_self()};
    sigset_t signals;
    pthread_t id;
    int status, fd;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
        sigaddset(&signals, handled[i]);
    sigaddset(&signals, SIGNAL_OVER);
    /* They stay blocked afterwards: a late signal must not change the exit status. */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    fd = signalfd(-1, &signals, SFD_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    status = start(&thread, &id);
    if (!status) {
        wait_for_the_end(&thread, fd, on_signal, watch);
        pthread_join(id, NULL);
        *result = thread.result;
    }
    close(fd);
    if (status)
        return status == EAGAIN || status == ENOMEM ? ERR_NOMEM : ERR_IO;
    return OK;
}

enum err loop_thread_run(int (*main_fn)(void *arg), void (*on_signal)(void *arg, int signo),
                         void *arg, int *result)
{
    return loop_thread_run_watching(main_fn, on_signal, NULL, arg, result);
}
