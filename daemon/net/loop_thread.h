/* loop_thread: runs one function on a thread with a stack of 256 MiB (virtual) while the main
 * thread waits for signals. */
#ifndef NET_LOOP_THREAD_H
#define NET_LOOP_THREAD_H

#include <stdbool.h>

#include "base/err.h"

struct loop_thread_watch {
    int fd;
    bool (*on_readable)(
        void *arg); /* on the calling thread; false: enough, it is not looked at any more */
};

/* Blocks the handled signals (SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2) in every thread, for good (a
 * late one must not change the exit status), ignores SIGPIPE, starts
 * main_fn(arg) on the big thread, calls on_signal(arg, signo) on the *calling* thread for each signal
 * that comes meanwhile, and returns main_fn's result in *result.  Err: ERR_NOMEM, ERR_IO. */
enum err loop_thread_run(int (*main_fn)(void *arg), void (*on_signal)(void *arg, int signo),
                         void *arg, int *result);

/* The same; meanwhile the calling thread also tells that watch->fd (watch may be NULL) can be read or ended, even while
 * the loop is stuck. */
enum err loop_thread_run_watching(int (*main_fn)(void *arg), void (*on_signal)(void *arg, int signo),
                                  const struct loop_thread_watch *watch, void *arg, int *result);

#endif
