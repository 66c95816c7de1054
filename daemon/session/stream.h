/* stream: one exchange: its queue of body chunks on the way out, its header block, what is known of its
 * end. Made by its session when the peer or the script opens it; freed by the worker when the script has heard
 * EVENT_STREAM_CLOSED. */
#ifndef SESSION_STREAM_H
#define SESSION_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "http/machine.h"
#include "session/chunk.h"
#include "session/events.h"

struct session;
struct deadline;

#define STREAM_MS_MAX \
    ((1u << 26) - 1) /* two of them fit into a double, see perigee_stream_number() */

struct stream {
    struct list link;       /* of the session's streams, then of the worker's dead ones */
    struct list stop_link;  /* of the worker's streams that are about to be stopped */
    struct list reset_link; /* of the session's streams that wait for their RST_STREAM */
    struct session *session;
    uint32_t slot, generation, id;
    struct chunk *head, *tail;  /* the head is the one that was handed over (DESIGN.md 3) */
    size_t queued;              /* bytes of the queue that are not framed */
    struct http_block *block;   /* request, or final response */
    double bytes_in, bytes_out; /* of bodies */
    uint64_t sent;              /* of bytes_out, framed */
    uint64_t opened_us;         /* for the access log; 0 without one */
    uint64_t opened_ms, stop_ms;
    uint32_t first_header, first_in,
        first_out;       /* ms from then and one: see stream_note(); 0: not yet */
    int64_t date_second; /* of the Date that was added to the answer; 0: none */
    uint32_t reset_code;
    uint16_t status;  /* of the answer of ours, or 0 */
    uint8_t blamed;   /* enum ended_by, where stream_reset() alone would say ENDED_BY_HANDLER */
    bool started;     /* our header block went to the machine: a body may follow */
    bool ending;      /* no chunk will come behind the queue */
    bool trailers;    /* with ending: trailers come behind the body */
    bool waiting;     /* the machine was told "no piece now" */
    bool wants_drain; /* the script was told that the queue is over the high mark */
    bool marked;      /* for RST_STREAM */
    bool end_sent, end_received, peer_reset, closed;
};

/* Remembers in *first when something happened the first time, by the loop's clock (whole ms, no system call). */
void stream_note_now(struct stream *stream, uint32_t *first);

static inline void stream_note(struct stream *stream, uint32_t *first)
{
    if (!*first)
        stream_note_now(stream, first);
}

/* Makes one and announces nothing. Err: ERR_NOMEM, ERR_FULL. */
enum err stream_new(struct session *session, uint32_t id, struct stream **out);

/* Drops the queue, forgets the slot, frees. */
void stream_free(struct stream *stream);

/* Frees what is kept for reuse (at the end of the process). */
void stream_pool_free(void);

/* Server: final header block. end: no body. Err: ERR_CLOSED. */
enum err stream_respond(struct stream *stream, const struct http_field *fields, size_t count,
                        bool end);
enum err stream_inform(struct stream *stream, const struct http_field *fields, size_t count);
enum err stream_send_trailers(struct stream *stream, const struct http_field *fields, size_t count);

/* Queues a chunk (its reference is the queue's from now on, also on error). *queued: bytes that wait in all.
 * Err: ERR_CLOSED (ended, reset or gone). */
enum err stream_write(struct stream *stream, struct chunk *chunk, size_t *queued);

/* No more chunks. trailers: EVENT_END_SENT (flags 1) comes when the body is framed, then
 * stream_send_trailers() must. Err: ERR_CLOSED. */
enum err stream_end(struct stream *stream, bool trailers);

/* Marks it for RST_STREAM; what waits behind the chunk that was handed over is dropped. */
enum err stream_reset(struct stream *stream, uint32_t code);

/* Server: nobody wants the rest of the request: RST_STREAM(NO_ERROR), which lets the client stop (RFC 9113 8.1), after
 * limits.stop_grace_ms: there are clients that take it for a failure, and most bodies are on their way already. */
void stream_stop_later(struct stream *stream);

/* For the worker: stops those whose time has come. */
void stream_stop_due(struct deadline *deadline);

/* The script is done with that many bytes. */
void stream_consume(struct stream *stream, uint32_t bytes);

/* How long it has lived, to the loop's last look at the clock. */
uint64_t stream_age_ms(const struct stream *stream);

/* For the session: the next piece for the machine; the end as the machine saw it. */
enum err stream_pull(struct stream *stream, size_t max, struct http_piece *piece);
void stream_on_closed(struct stream *stream, uint32_t code, enum ended_by by, const char *reason);

#endif
