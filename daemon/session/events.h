/* events: what happened, in order, until the script has heard it. Protocol callbacks only record
 * here; the dispatcher in Lua takes one event at a time, so what an error interrupts is not lost.
 * The layout is repeated in lua/perigee/core.lua. */
#ifndef SESSION_EVENTS_H
#define SESSION_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum event_kind {
    EVENT_SESSION_OPEN = 1, /* slot: session; a, b: its server's slot and generation (0: a client) */
    EVENT_SESSION_GONE, /* slot: session; code: HTTP/2 code; flags: enum ended_by; a: bytes of a code
                             * name at the front of `bytes`, the rest is the reason */
    EVENT_SETTINGS,     /* slot: session; the peer's; bytes: struct http_setting_entry each */
    EVENT_SETTINGS_ACK,
    EVENT_PING,        /* flags: 1 an answer; bytes: 8 */
    EVENT_GOAWAY,      /* code; a: last id; bytes: opaque data */
    EVENT_FRAME_ERROR, /* slot: session; code; a: frame type; b: stream id; flags: its
                             * slot or 0 */
    EVENT_STREAM,      /* slot: stream; code: id; a, b: session; flags: the frame's; length: 1
                             * for HEAD; its block is stream_block() */
    EVENT_HEADERS,     /* slot: stream; a: enum http_category; flags: the frame's; bytes: the block,
                             * for a final response also stream_block() */
    EVENT_DATA,        /* slot: stream; bytes: in the read buffer */
    EVENT_END,         /* slot: stream; the peer's END_STREAM */
    EVENT_END_SENT,    /* slot: stream; ours is framed */
    EVENT_DRAIN,       /* slot: stream; the queue is empty after it was over the high mark */
    EVENT_STREAM_CLOSED, /* slot: stream; code; flags: enum ended_by; a: 1 when our END_STREAM was framed
                             * just before; b: how long it lived, ms; bytes: reason. The last one */
    EVENT_PUSH, /* slot: pushed stream; code: id; a, b: session; flags: the frame's; bytes: the request's block */
    EVENT_SERVER_EMPTY, /* slot: server; server_tell_empty() asked for it */
    EVENT_CONNECTION, /* slot: session; code: enum connection_news; a: its server's slot; b: bytes of the
                         * first text at the front of `bytes`, the second is the rest; flags */
    EVENT_ALTSVC, /* slot: session; code: stream id; a: bytes of the origin at the front of `bytes`, the
                             * rest is the value */
    EVENT_ORIGIN, /* slot: session; bytes: as http_callbacks.on_origin has them */
};

/* What happens to a server's connection before, or instead of, HTTP/2. Each but HELLO is told only when the server's
 * `tells` has its bit. */
enum connection_news {
    CONNECTION_NEW,
    CONNECTION_SECURE,     /* TLS stands */
    CONNECTION_TLS_FAILED, /* texts: code, reason. Waits to be ended */
    CONNECTION_HELLO, /* texts: SNI name, ALPN list as on the wire; flags: 1 a name, 2 a list. Waits for
                                  * session_answer() */
    CONNECTION_UNKNOWN_PROTOCOL, /* waits to be ended, for server_options.unknown_protocol_ms */
    CONNECTION_DROPPED,          /* slot 0; texts: local, peer address, each "host port family" */
};

/* Who ended it: closeInfo.by of the script. METRICS_OUTCOMES counts them (metrics/metrics.h). */
enum ended_by {
    ENDED_NORMALLY,
    ENDED_BY_PEER,
    ENDED_BY_HANDLER, /* us, because the script said so */
    ENDED_BY_SESSION, /* with its session */
    ENDED_BY_TIMEOUT,
    ENDED_BY_LIMIT,
    ENDED_BY_SHUTDOWN,
    ENDED_BY_PROTOCOL, /* the peer broke the rules */
};

struct event {
    uint32_t kind, slot, generation, code;
    uint32_t a, b, flags, length;
    const uint8_t *bytes;
};

struct events {
    struct event *at;
    uint32_t count, cursor, cap;
    void **owned; /* blocks and texts that go when the batch is through */
    uint32_t owned_count, owned_cap;
};

/* The next place, zeroed but for kind, slot and generation. Never NULL: a batch is bounded by one
 * read of 64 KiB, and when memory is out for it the process cannot go on in order. */
struct event *events_add(struct events *events, enum event_kind kind, uint32_t slot,
                         uint32_t generation);

/* The oldest event that was not taken, or NULL. Good until the next events_add(). */
const struct event *events_next(struct events *events);

/* The newest event that was not taken, to be amended, or NULL. */
static inline struct event *events_last(struct events *events)
{
    return events->cursor < events->count ? &events->at[events->count - 1] : NULL;
}

/* Frees block with mem_free() when the batch is through. */
void events_own(struct events *events, void *block);

/* A copy of bytes that lives as long as the batch. */
const uint8_t *events_copy(struct events *events, const void *bytes, uint32_t length);

/* The same for two pieces of bytes, one behind the other. */
const uint8_t *events_join(struct events *events, const void *first, size_t first_length,
                           const void *second, size_t second_length);

/* Forgets a batch that is through. */
void events_clear(struct events *events);
void events_free(struct events *events);

static inline int events_pending(const struct events *events)
{
    return events->cursor < events->count;
}

#endif
