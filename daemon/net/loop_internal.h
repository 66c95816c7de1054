/* loop_internal: what deadline.c and tls.c see of the loop. */
#ifndef NET_LOOP_INTERNAL_H
#define NET_LOOP_INTERNAL_H

#include <uv.h>

#include "net/loop.h"

#define DEADLINE_SLOTS 1024 /* times 64 ms: one round of the wheel is 65 s */

#define LOOP_RECORD_BYTES (16 * 1024) /* the plain text of one TLS record */
#define LOOP_OUTPUT_BYTES (4 * (LOOP_RECORD_BYTES + 256))

/* Deadlines in buckets of 64 ms by the low bits of their time; later rounds share a bucket. */
struct wheel {
    uv_timer_t timer;
    uint64_t next_tick; /* the first that was not looked at yet */
    uint64_t wake_tick; /* the timer is set for the end of this one; UINT64_MAX: it is not set */
    struct list slots[DEADLINE_SLOTS];
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_check_t woken; /* behind the events of each wait: libuv looked at the clock before them */
    uv_prepare_t prepare; /* before each wait: how long was this turn? */
    uint64_t woken_ms;    /* when the last wait was over; 0: there was none */
    uv_check_t check;     /* both are started only while deferred work pends: `check` runs it, */
    uv_idle_t idle;       /* `idle` keeps the loop from waiting */
    void (*on_wake)(void *owner);
    void *wake_owner;
    struct list deferred, running; /* those for the next time, those of this time not run yet */
    bool stopping, was_stopped, closing;
    struct wheel wheel;
    size_t output_used;
    uint8_t plain[LOOP_BUFFER_BYTES];
    uint8_t cipher[LOOP_BUFFER_BYTES];
    uint8_t record[LOOP_RECORD_BYTES]; /* TLS: small pieces of one write put together */
    uint8_t output[LOOP_OUTPUT_BYTES]; /* TLS: records on their way down; empty between calls */
};

void wheel_init(struct loop *loop);
void wheel_clear(struct loop *loop); /* takes every deadline out */

#endif
