/* task: a program that the master runs and waits for, with what it prints on standard error. */
#ifndef PROCESS_TASK_H
#define PROCESS_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define TASK_MS 30000
#define TASK_TEXT_BYTES (16 * 1024) /* what is printed beyond that is left out */

struct task {
    pid_t pid;    /* 0: none runs */
    int output;   /* its standard error; -1: none */
    int document; /* a memfd that it got as descriptor 3; -1: none. The caller's when it has ended */
    int status;   /* of waitpid(2) */
    bool has_ended; /* its status is known */
    bool timed_out;
    uint64_t due_ms; /* killed then; 0: it has ended */
    size_t used;
    char text[TASK_TEXT_BYTES];
};

/* Starts path with argv. with_document: it gets an empty memfd as descriptor 3. environment: "NAME=value" that is
 * added for it, or NULL.  Err: ERR_IO with the reason in words. */
enum err task_start(struct task *task, const char *path, char *const argv[], bool with_document,
                    const char *environment, struct failure *failure);

void task_read(struct task *task); /* when output is readable */

/* Kills one that takes longer than TASK_MS. */
void task_tick(struct task *task, uint64_t now_ms);

/* It was waited for; what it printed is taken. */
void task_on_exit(struct task *task, int status);
bool task_succeeded(const struct task *task);

/* Ends it when it runs; closes what is open. */
void task_clear(struct task *task);

/* The child's side of fork(2), for workers too: signals as a new program expects them, standard input empty. */
void task_child_setup(void);

#endif
