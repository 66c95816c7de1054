/* place: where a script stands whose loop does not come back, found out from another thread, just before the process is
 * killed for it.
 *
 * Interpreted code is asked by a hook, which runs on the loop's own thread and is exact. Compiled code never looks at
 * hooks, C code neither: then the stack of the running coroutine (perigee_enter() notes which) is walked from here,
 * as it was when the compiled code was entered. That reads memory which changes meanwhile; a fault or an endless
 * chain ends the walk, and what it found until then is the answer. */
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "script/script_internal.h"
#include "script/service.h"

#define HOOK_WAIT_MS 100
#define WALK_MS 250
#define LEVELS_MAX 60
#define LINES_MAX 4
#define SIGNAL_ENOUGH (SIGRTMIN + 1) /* the walk took too long; sent to its thread only */

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum asking { ASKING_NOBODY, ASKING, ASKED, ASKING_GAVE_UP };

static atomic_int asking;
static sem_t answered;
static char *hook_where; /* the answer's place, good while ASKING */

/* --- The walk. */

static void append(char *where, size_t cap, const lua_Debug *frame)
{
    size_t used = strlen(where);

    if (used + 2 >= cap)
        return;
    if (frame->currentline > 0)
        snprintf(where + used, cap - used, "%s%s:%d", used ? " < " : "", frame->short_src,
                 frame->currentline);
    else
        snprintf(where + used, cap - used, "%sthe function at %s:%d", used ? " < " : "",
                 frame->short_src, frame->linedefined);
}

/* The script's own lines; not C's and not ours. */
static void walk(lua_State *lua, char *where, size_t cap)
{
    lua_Debug frame;
    int lines = 0;

    for (int level = 0; level < LEVELS_MAX && lines < LINES_MAX; level++) {
        if (!lua_getstack(lua, level, &frame) || !lua_getinfo(lua, "Sl", &frame))
            return;
        if (frame.what[0] == 'C' || strncmp(frame.source, "=perigee:", 9) == 0)
            continue;
        append(where, cap, &frame);
        lines++;
    }
}

static void on_hook(lua_State *lua, lua_Debug *unused)
{
    int expected = ASKING;

    (void)unused;
    lua_sethook(lua, NULL, 0, 0);
    if (!atomic_compare_exchange_strong(&asking, &expected, ASKED))
        return;
    walk(lua, hook_where, sizeof(((struct script_place *)0)->where));
    sem_post(&answered);
}

/* --- The guard. */

static sigjmp_buf way_out;
static volatile sig_atomic_t is_guarded;
static pid_t guarded_thread;

static void on_fault(int signal_number)
{
    if (is_guarded && (pid_t)syscall(SYS_gettid) == guarded_thread)
        siglongjmp(way_out, 1);
    if (signal_number != SIGNAL_ENOUGH) /* another thread's own: it happens again, without us */
        signal(signal_number, SIG_DFL);
}

/* Alone with its sigsetjmp: nothing of its caller lives in a register that the way out would restore. */
static void attempt(void (*look)(struct script *script, struct script_place *out),
                    struct script *script, struct script_place *out, timer_t timer,
                    const struct itimerspec *when)
{
    if (sigsetjmp(way_out, 1))
        return;
    timer_settime(timer, 0, when, NULL);
    look(script, out);
}

/* Calls look(script, out), which may fault or never end. */
static void guarded(void (*look)(struct script *script, struct script_place *out),
                    struct script *script, struct script_place *out)
{
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER}, before[3];
    const int signals[3] = {SIGSEGV, SIGBUS, SIGNAL_ENOUGH};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGNAL_ENOUGH};
    const struct itimerspec when = {.it_value = {.tv_nsec = WALK_MS * 1000000L}};
    timer_t timer;

    guarded_thread = (pid_t)syscall(SYS_gettid);
    event.sigev_notify_thread_id = guarded_thread;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer))
        return;
    for (int i = 0; i < 3; i++)
        sigaction(signals[i], &action, &before[i]);
    is_guarded = true;
    attempt(look, script, out, timer, &when);
    is_guarded = false;
    timer_delete(timer);
    for (int i = 0; i < 3; i++)
        sigaction(signals[i], &before[i], NULL);
}

/* --- What is asked. */

static void copy_field(char *out, size_t cap, const struct http_block *block, const char *name)
{
    int found = http_block_find(block, name, strlen(name), NULL);
    size_t used = strlen(out);

    if (found >= 0 && used < cap)
        snprintf(out + used, cap - used, "%s%.*s", used ? " " : "",
                 (int)block->fields[found].value_length,
                 http_block_bytes(block, block->fields[found].value));
}

static void look_at_stream(struct script *script, struct script_place *out)
{
    struct stream *stream =
        slots_get(&script->worker.streams, script_now->slot, script_now->generation);

    if (!stream)
        return;
    out->stream = stream->id;
    if (!stream->block)
        return;
    copy_field(out->request, sizeof(out->request), stream->block, ":method");
    copy_field(out->request, sizeof(out->request), stream->block, ":path");
}

static void look_at_stack(struct script *script, struct script_place *out)
{
    lua_State *running = (lua_State *)(uintptr_t)perigee_shared.now_coroutine;

    walk(running ? running : script->lua, out->where, sizeof(out->where));
}

static bool ask_by_hook(struct script *script, struct script_place *out)
{
    struct timespec until;
    int expected = ASKING;

    hook_where = out->where;
    sem_init(&answered, 0, 0);
    atomic_store(&asking, ASKING);
    lua_sethook(script->lua, on_hook, LUA_MASKCOUNT, 1);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += HOOK_WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    if (sem_timedwait(&answered, &until) == 0)
        return true;
    if (!atomic_compare_exchange_strong(&asking, &expected, ASKING_GAVE_UP)) {
        sem_wait(&answered); /* it has begun to answer */
        return true;
    }
    lua_sethook(script->lua, NULL, 0, 0);
    return false;
}

void script_find_place(struct script *script, struct script_place *out)
{
    double now = (double)clock_ticks_ms(), started = script_now->started_ms;

    memset(out, 0, sizeof(*out));
    if (now > started && started > 0)
        out->busy_ms = (uint64_t)(now - started);
    guarded(look_at_stream, script, out);
    if (!ask_by_hook(script, out) || !out->where[0])
        guarded(look_at_stack, script, out);
}
