/* child: a check that changes the process for good (its privileges, descriptors, environment) is done in a
 * child. CHECK() there says what failed and where, and ends it. */
#ifndef TESTS_UNIT_CHILD_H
#define TESTS_UNIT_CHILD_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            fprintf(stderr, "# %s:%d: %s (errno: %s)\n", __FILE__, __LINE__, #condition, \
                    strerror(errno));                                                    \
            _exit(1);                                                                    \
        }                                                                                \
    } while (0)

/* Runs it in a child; gives the exit status, 128 + n for an end by signal n. */
static inline int in_child(void (*function)(void))
{
    pid_t pid;
    int status = 0;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        function();
        _exit(0);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif
