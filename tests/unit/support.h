/* support: what the unit tests share: the fixture that watches for leaks, and waiting on a loop. */
#ifndef TESTS_UNIT_SUPPORT_H
#define TESTS_UNIT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/loop.h"
#include "net/transport.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WAIT_LIMIT_MS 20000 /* far more than any wait takes */

/* A test with a loop of its own, which leaves nothing behind. */
#define LOOP_TEST(function) cmocka_unit_test_setup_teardown(function, loop_setup, loop_teardown)

struct fixture {
    struct loop *loop;
    size_t mem_before, transports_before;
};

static inline int loop_setup(void **state)
{
    static struct fixture fixture;

    fixture.mem_before = mem_live();
    fixture.transports_before = transport_live();
    assert_int_equal(loop_new(&fixture.loop), OK);
    *state = &fixture;
    return 0;
}

static inline int loop_teardown(void **state)
{
    struct fixture *fixture = *state;

    mem_fail_at(0);
    loop_free(&fixture->loop);
    if (mem_live() != fixture->mem_before || transport_live() != fixture->transports_before) {
        print_error("left behind: %zd blocks, %zd transports\n",
                    (ssize_t)(mem_live() - fixture->mem_before),
                    (ssize_t)(transport_live() - fixture->transports_before));
        return -1;
    }
    return 0;
}

static inline struct loop *loop_of(void **state)
{
    return ((struct fixture *)*state)->loop;
}

/* --- waiting: whatever happens in a test calls loop_stop(), then the condition is looked at again. */

static struct {
    struct loop *loop;
    struct deadline deadline;
    bool expired;
} test_wait;

static inline void wait_expired(struct deadline *deadline)
{
    (void)deadline;
    test_wait.expired = true;
    loop_stop(test_wait.loop);
}

static inline void wait_begin(struct loop *loop, uint64_t ms)
{
    test_wait.loop = loop;
    test_wait.expired = false;
    deadline_init(&test_wait.deadline, wait_expired);
    deadline_set(loop, &test_wait.deadline, ms);
}

static inline void wait_step(const char *what, const char *file, int line)
{
    loop_run(test_wait.loop);
    if (test_wait.expired || !loop_is_stopping(test_wait.loop)) {
        deadline_clear(&test_wait.deadline);
        print_error("%s while waiting for %s\n",
                    test_wait.expired ? "time is up" : "nothing left to do", what);
        _fail(file, line);
    }
}

#define WAIT_FOR(loop, condition)                      \
    do {                                               \
        wait_begin((loop), WAIT_LIMIT_MS);             \
        while (!(condition))                           \
            wait_step(#condition, __FILE__, __LINE__); \
        deadline_clear(&test_wait.deadline);           \
    } while (0)

/* Runs the loop for a while, or until nothing is left to do. */
static inline void run_for(struct loop *loop, uint64_t ms)
{
    wait_begin(loop, ms);
    do {
        loop_run(loop);
    } while (!test_wait.expired && loop_is_stopping(loop));
    deadline_clear(&test_wait.deadline);
}

static inline double cpu_seconds(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* --- standard error into a file, to read log lines */

struct captured {
    int saved, file;
    char text[16384];
};

static inline void capture_begin(struct captured *captured)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    fflush(stderr);
    captured->saved = dup(STDERR_FILENO);
    captured->file = dup(fileno(file));
    fclose(file);
    assert_true(captured->saved >= 0 && captured->file >= 0);
    dup2(captured->file, STDERR_FILENO);
}

/* captured->text then holds what was written meanwhile. */
static inline void capture_end(struct captured *captured)
{
    ssize_t length;

    dup2(captured->saved, STDERR_FILENO);
    length = pread(captured->file, captured->text, sizeof(captured->text) - 1, 0);
    captured->text[length > 0 ? length : 0] = '\0';
    close(captured->saved);
    close(captured->file);
}

static inline size_t count_of(const char *text, const char *word)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        count++;
    return count;
}

#endif
