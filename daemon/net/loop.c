/* loop: libuv's loop with the worker's shared buffers and deferred work. */
#include "net/loop.h"

#include <assert.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "metrics/metrics.h"
#include "net/loop_internal.h"

#define CLOSING_MS 1000
#define CLOSING_PAUSE_US 200

static void on_wake(uv_async_t *wake)
{
    struct loop *loop = list_entry(wake, struct loop, wake);

    if (loop->on_wake)
        loop->on_wake(loop->wake_owner);
}

static void on_woken(uv_check_t *woken)
{
    list_entry(woken, struct loop, woken)->woken_ms = uv_now(woken->loop);
}

/* What came in since the last wait had to wait until now. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = list_entry(prepare, struct loop, prepare);
    uint64_t now = clock_ms();

    if (loop->woken_ms)
        histogram_add(&metrics->turn, metrics_turn_bounds,
                      now > loop->woken_ms ? now - loop->woken_ms : 0);
    loop->woken_ms = 0;
}

enum err loop_new(struct loop **out)
{
    struct loop *loop;
    int status;

    *out = NULL;
    loop = mem_zalloc(sizeof(*loop));
    if (!loop)
        return ERR_NOMEM;
    status = uv_loop_init(&loop->uv);
    if (status) {
        mem_free(loop);
        return status == UV_ENOMEM ? ERR_NOMEM : ERR_IO;
    }
    list_init(&loop->deferred);
    list_init(&loop->running);
    wheel_init(loop);
    uv_check_init(&loop->uv, &loop->woken);
    uv_check_start(&loop->woken, on_woken);
    uv_unref((uv_handle_t *)&loop->woken);
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_check_init(&loop->uv, &loop->check); /* these cannot fail */
    uv_idle_init(&loop->uv, &loop->idle);
    if (uv_async_init(&loop->uv, &loop->wake, on_wake)) {
        loop_free(&loop);
        return ERR_IO;
    }
    uv_unref((uv_handle_t *)&loop->wake);
    *out = loop;
    return OK;
}

static void close_open(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void loop_free(struct loop **loop)
{
    struct loop *l = *loop;

    *loop = NULL;
    if (!l)
        return;
    l->closing = true;
    do {
        uv_walk(&l->uv, close_open, NULL); /* a close callback may have opened another */
        uv_run(&l->uv, UV_RUN_DEFAULT);
    } while (uv_loop_close(&l->uv) == UV_EBUSY);
    /* So that clearing one afterwards is harmless. */
    while (list_take(&l->deferred))
        continue;
    wheel_clear(l);
    mem_free(l);
}

void loop_run(struct loop *loop)
{
    if (loop->was_stopped)
        loop->stopping = loop->was_stopped = false;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop->was_stopped = loop->stopping;
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
    loop->was_stopped = false;
    uv_stop(&loop->uv);
}

static void note_closing(uv_handle_t *handle, void *any)
{
    *(bool *)any |= uv_is_closing(handle) != 0;
}

bool loop_run_closing(struct loop *loop)
{
    uint64_t until = clock_ms() + CLOSING_MS;
    bool any;

    do {
        uv_run(&loop->uv, UV_RUN_NOWAIT);
        any = uv_loop_alive(&loop->uv) != 0;
        uv_walk(&loop->uv, note_closing, &any);
        if (any)
            usleep(CLOSING_PAUSE_US); /* for the threads that work on it */
    } while (any && clock_ms() < until);
    return !any;
}

void loop_hold(struct loop *loop, bool hold)
{
    if (hold)
        uv_ref((uv_handle_t *)&loop->wake);
    else
        uv_unref((uv_handle_t *)&loop->wake);
}

bool loop_is_stopping(const struct loop *loop)
{
    return loop->stopping;
}

void loop_on_wake(struct loop *loop, void (*callback)(void *owner), void *owner)
{
    loop->on_wake = callback;
    loop->wake_owner = owner;
}

void loop_wake_async(struct loop *loop)
{
    uv_async_send(&loop->wake);
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

uint8_t *loop_plain_buffer(struct loop *loop)
{
    return loop->plain;
}

uint8_t *loop_cipher_buffer(struct loop *loop)
{
    return loop->cipher;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

/* --- deferred work */

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void on_check(uv_check_t *check)
{
    struct loop *loop = list_entry(check, struct loop, check);
    struct list *link;

    while ((link = list_take(&loop->deferred)))
        list_append(&loop->running, link);
    while ((link = list_take(&loop->running))) {
        struct deferred *deferred = list_entry(link, struct deferred, link);

        deferred->run(deferred); /* may put, cancel and free any, this one too */
    }
    if (list_is_empty(&loop->deferred)) {
        uv_check_stop(&loop->check);
        uv_idle_stop(&loop->idle);
    }
}

void deferred_init(struct deferred *deferred, void (*run)(struct deferred *deferred))
{
    list_init(&deferred->link);
    deferred->run = run;
}

void deferred_put(struct loop *loop, struct deferred *deferred)
{
    assert(deferred->run);
    if (!list_is_empty(&deferred->link))
        return;
    list_append(&loop->deferred, &deferred->link);
    if (loop->closing)
        return;
    uv_check_start(&loop->check, on_check); /* nothing to do when it is started */
    uv_idle_start(&loop->idle, on_idle);
}

void deferred_cancel(struct deferred *deferred)
{
    list_remove(&deferred->link);
}
