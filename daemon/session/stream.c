/* stream: the queue of an exchange and the marks that the pump acts on. */
#include "session/stream.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "metrics/metrics.h"
#include "session/access_log.h"
#include "session/session.h"
#include "session/worker.h"

#define POOL_MAX 1024

static struct list pool = {&pool, &pool};
static unsigned pooled;

enum err stream_new(struct session *session, uint32_t id, struct stream **out)
{
    struct list *link = list_take(&pool);
    struct stream *stream;
    enum err err;

    *out = NULL;
    if (link) {
        stream = list_entry(link, struct stream, link);
        pooled--;
    } else {
        stream = mem_alloc(sizeof(*stream));
        if (!stream)
            return ERR_NOMEM;
    }
    memset(stream, 0, sizeof(*stream));
    err = slots_put(&session->worker->streams, stream, &stream->slot, &stream->generation);
    if (err) {
        mem_free(stream);
        return err;
    }
    stream->session = session;
    stream->id = id;
    stream->opened_ms = loop_now_ms(session->worker->loop);
    if (access_log_is_on)
        stream->opened_us = clock_us();
    list_init(&stream->reset_link);
    list_init(&stream->stop_link);
    list_init(&stream->link);
    list_append(&session->streams, &stream->link);
    session->counts.streams++;
    if (++session->stream_count > session->counts.most_streams)
        session->counts.most_streams = session->stream_count;
    metrics->streams_active[session_role(session)]++;
    *out = stream;
    return OK;
}

void stream_note_now(struct stream *stream, uint32_t *first)
{
    uint64_t passed = stream_age_ms(stream);

    *first = passed < STREAM_MS_MAX ? (uint32_t)passed + 1 : STREAM_MS_MAX;
}

static void drop_from(struct stream *stream, struct chunk *chunk)
{
    while (chunk) {
        struct chunk *next = chunk->next;

        stream->queued -= chunk->length - chunk->taken;
        stream->session->held -= chunk->length - chunk->taken;
        chunk->next = NULL;
        chunk_drop(chunk);
        chunk = next;
    }
}

static void drop_queue(struct stream *stream)
{
    drop_from(stream, stream->head);
    stream->head = stream->tail = NULL;
}

void stream_free(struct stream *stream)
{
    drop_queue(stream);
    list_remove(&stream->link);
    list_remove(&stream->reset_link);
    list_remove(&stream->stop_link);
    slots_remove(&stream->session->worker->streams, stream->slot);
    if (stream->block)
        stream->session->held -= stream->block->size;
    mem_free(stream->block);
    metrics->streams_active[session_role(stream->session)]--;
    if (pooled >= POOL_MAX) {
        mem_free(stream);
        return;
    }
    list_append(&pool, &stream->link);
    pooled++;
}

void stream_pool_free(void)
{
    struct list *link;

    while ((link = list_take(&pool)))
        mem_free(list_entry(link, struct stream, link));
    pooled = 0;
}

uint64_t stream_age_ms(const struct stream *stream)
{
    return loop_now_ms(stream->session->worker->loop) - stream->opened_ms;
}

/* May the script still say something on it? */
static bool is_open(const struct stream *stream)
{
    return !stream->closed && !stream->marked;
}

/* ":status" comes first (RFC 9113 8.3), and is three digits. */
static uint16_t status_of(const struct http_field *fields, size_t count)
{
    const char *digits;

    if (count == 0 || fields[0].name_length != 7 || fields[0].value_length != 3)
        return 0;
    digits = fields[0].value;
    return (uint16_t)((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + digits[2] - '0');
}

enum err stream_respond(struct stream *stream, const struct http_field *fields, size_t count,
                        bool end)
{
    enum err err;

    if (!is_open(stream))
        return ERR_CLOSED;
    err = http_respond(stream->session->machine, stream->id, fields, count, end);
    if (err)
        return err;
    stream->started = true;
    stream->ending = end;
    stream->status = status_of(fields, count);
    session_mark_dirty(stream->session);
    return OK;
}

enum err stream_inform(struct stream *stream, const struct http_field *fields, size_t count)
{
    if (!is_open(stream))
        return ERR_CLOSED;
    session_mark_dirty(stream->session);
    return http_inform(stream->session->machine, stream->id, fields, count);
}

enum err stream_send_trailers(struct stream *stream, const struct http_field *fields, size_t count)
{
    if (!is_open(stream))
        return ERR_CLOSED;
    session_mark_dirty(stream->session);
    return http_trailers(stream->session->machine, stream->id, fields, count);
}

/* The machine asked in vain before: now there is something. */
static void wake(struct stream *stream)
{
    if (stream->waiting) {
        stream->waiting = false;
        http_data_ready(stream->session->machine, stream->id);
    }
    session_mark_dirty(stream->session);
}

enum err stream_write(struct stream *stream, struct chunk *chunk, size_t *queued)
{
    if (!is_open(stream) || stream->ending) {
        chunk_drop(chunk);
        return ERR_CLOSED;
    }
    if (stream->tail)
        stream->tail->next = chunk;
    else
        stream->head = chunk;
    stream->tail = chunk;
    stream->queued += chunk->length;
    stream->session->held += chunk->length;
    stream->bytes_out += chunk->length;
    metrics->body_out[session_role(stream->session)] += chunk->length;
    *queued = stream->queued;
    if (stream->queued > stream->session->options->limits.stream_output_high)
        stream->wants_drain = true;
    wake(stream);
    return OK;
}

enum err stream_end(struct stream *stream, bool trailers)
{
    if (!is_open(stream) || stream->ending)
        return ERR_CLOSED;
    stream->ending = true;
    stream->trailers = trailers;
    wake(stream);
    return OK;
}

enum err stream_reset(struct stream *stream, uint32_t code)
{
    if (!is_open(stream))
        return ERR_CLOSED;
    stream->marked = true;
    stream->reset_code = code;
    stream->ending = false; /* END_STREAM would say that the body is whole */
    if (stream->head) {
        drop_from(stream, stream->head->next);
        stream->head->next = NULL;
        stream->tail = stream->head;
    }
    list_append(&stream->session->resets, &stream->reset_link);
    session_mark_dirty(stream->session);
    return OK;
}

void stream_stop_later(struct stream *stream)
{
    struct worker *worker = stream->session->worker;
    uint32_t grace_ms = stream->session->options->limits.stop_grace_ms;

    if (!is_open(stream) || stream->stop_ms)
        return;
    stream->stop_ms = loop_now_ms(worker->loop) + grace_ms;
    list_append(&worker->stopping, &stream->stop_link);
    if (!deadline_is_set(&worker->stop))
        deadline_set(worker->loop, &worker->stop, grace_ms);
}

void stream_stop_due(struct deadline *deadline)
{
    struct worker *worker = list_entry(deadline, struct worker, stop);
    uint64_t now = loop_now_ms(worker->loop);

    while (!list_is_empty(&worker->stopping)) {
        struct stream *first = list_entry(worker->stopping.next, struct stream, stop_link);

        if (first->stop_ms > now) {
            deadline_set(worker->loop, &worker->stop, first->stop_ms - now);
            break;
        }
        list_remove(&first->stop_link);
        stream_reset(first, HTTP_NO_ERROR);
    }
    worker_turn(worker);
}

void stream_consume(struct stream *stream, uint32_t bytes)
{
    if (stream->closed || !stream->session->machine)
        return;
    http_consume(stream->session->machine, stream->id, bytes);
    session_mark_dirty(stream->session);
}

enum err stream_pull(struct stream *stream, size_t max, struct http_piece *piece)
{
    struct chunk *chunk = stream->head;
    uint32_t left;

    *piece = (struct http_piece){0};
    if (!chunk) {
        if (!stream->ending) {
            stream->waiting = true;
            return ERR_AGAIN;
        }
        piece->end = true;
    } else {
        left = chunk->length - chunk->taken;
        if (left > max)
            left = (uint32_t)max;
        piece->bytes = chunk->bytes + chunk->taken;
        piece->length = left;
        piece->chunk = chunk;
        chunk->taken += left;
        stream->sent += left;
        stream->queued -= left;
        stream->session->held -= left;
        stream_note(stream, &stream->first_out);
        if (chunk->taken == chunk->length) {
            /* The reference goes to the batch's end: the sink has not seen the piece yet. */
            stream->head = chunk->next;
            chunk->next = NULL;
            if (!stream->head)
                stream->tail = NULL;
            piece->end = !stream->head && stream->ending;
            session_drop_later(stream->session, chunk);
        }
    }
    if (piece->end && stream->trailers) {
        piece->trailers = true;
        events_add(&stream->session->worker->events, EVENT_END_SENT, stream->slot,
                   stream->generation)
            ->flags = 1;
    }
    if (stream->wants_drain && stream->queued == 0) {
        stream->wants_drain = false;
        if (!stream->marked)
            events_add(&stream->session->worker->events, EVENT_DRAIN, stream->slot,
                       stream->generation);
    }
    return OK;
}

void stream_on_closed(struct stream *stream, uint32_t code, enum ended_by by, const char *reason)
{
    struct session *session = stream->session;
    struct event *event;

    if (stream->closed)
        return;
    stream->closed = true;
    if (access_log_is_on)
        access_log_stream(stream, code, by, reason);
    drop_queue(stream);
    /* The usual end is one event, not two. */
    event = events_last(&session->worker->events);
    if (event && event->kind == EVENT_END_SENT && event->slot == stream->slot && event->flags == 0) {
        event->kind = EVENT_STREAM_CLOSED;
        event->a = 1;
    } else {
        event = events_add(&session->worker->events, EVENT_STREAM_CLOSED, stream->slot,
                           stream->generation);
    }
    event->code = code;
    event->b = (uint32_t)stream_age_ms(stream);
    event->flags = by;
    if (reason) {
        event->length = (uint32_t)strlen(reason);
        event->bytes = events_copy(&session->worker->events, reason, event->length);
    }
    list_remove(&stream->reset_link);
    list_remove(&stream->stop_link);
    list_remove(&stream->link);
    list_append(&session->worker->dead_streams, &stream->link);
    session->stream_count--;
    session->counts.ended_streams++;
    session->counts.stream_ms += (double)stream_age_ms(stream);
    metrics->streams_closed[session_role(session) * METRICS_OUTCOMES + by]++;
    if (session->server)
        histogram_add(&metrics->latency, metrics_latency_bounds, stream_age_ms(stream));
    session_on_stream_closed(session);
}
