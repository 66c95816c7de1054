/* session_receive: bytes in. Reads, finds out the protocol, feeds the machine, records what it says. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/transport.h"
#include "session/access_log.h"
#include "session/session_internal.h"

static struct events *events_of(struct session *session)
{
    return &session->worker->events;
}

static struct event *record(struct session *session, enum event_kind kind)
{
    return events_add(events_of(session), kind, session->slot, session->generation);
}

static struct event *record_stream(struct stream *stream, enum event_kind kind)
{
    return events_add(events_of(stream->session), kind, stream->slot, stream->generation);
}

/* --- The machine's reports. They record and mark, no more (machine.h). */

/* What a stream costs by itself: ours, nghttp2's and the script's part of it. */
#define STREAM_BYTES 2048u
/* A PING or SETTINGS frame that waits for its answer, with the script's callback. */
#define UNACKED_BYTES 256u

/* May it have no more streams? Those it has may pass the limit (API.md 4, maxSessionMemory). The HPACK tables,
 * which our own settings bound, are asked for only when they can matter. */
static bool is_over_memory(const struct session *session)
{
    size_t limit = session->options->limits.session_memory;
    size_t used = session->held + session->output.bytes +
                  (size_t)session->stream_count * STREAM_BYTES +
                  (size_t)session->unacked * UNACKED_BYTES;

    if (used < limit / 2)
        return false;
    used += (size_t)(http_state(session->machine, HTTP_STATE_DEFLATE_TABLE, 0) +
                     http_state(session->machine, HTTP_STATE_INFLATE_TABLE, 0));
    return used >= limit;
}

static void *on_open(void *owner, uint32_t id, uint32_t *code)
{
    struct session *session = owner;
    struct stream *stream;

    if (is_over_memory(session)) {
        metrics_hit(LIMIT_SESSION_MEMORY);
        *code = HTTP_ENHANCE_YOUR_CALM;
        return NULL;
    }
    if (session->state != SESSION_OPEN || stream_new(session, id, &stream))
        return NULL;
    metrics->streams[session_role(session)]++;
    session->hang_up_awaited = false;
    return stream;
}

static bool is_head(const struct http_block *block)
{
    int found = http_block_find(block, ":method", 7, NULL);

    return found >= 0 && block->fields[found].value_length == 4 &&
           memcmp(http_block_bytes(block, block->fields[found].value), "HEAD", 4) == 0;
}

static void on_headers(void *owner, void *of, enum http_category category, bool end_stream,
                       uint8_t flags, struct http_block *block)
{
    struct session *session = owner;
    struct stream *stream = of;
    struct event *event;

    if (end_stream)
        stream->end_received = true;
    if (category == HTTP_REQUEST || category == HTTP_PUSH_PROMISE) {
        stream->block = block;
        session->held += block->size;
        event = record_stream(stream, category == HTTP_REQUEST ? EVENT_STREAM : EVENT_PUSH);
        event->code = stream->id;
        event->a = session->slot;
        event->b = session->generation;
        event->flags = flags;
        event->length = is_head(block);
        if (category ==
            HTTP_PUSH_PROMISE) { /* the answer may take its place before the script looks */
            event->bytes = (const uint8_t *)block;
            event->length = block->size;
        }
        return;
    }
    stream_note(stream, &stream->first_header);
    event = record_stream(stream, EVENT_HEADERS);
    event->a = category;
    event->flags = flags;
    event->bytes = (const uint8_t *)block;
    event->length = block->size;
    if (category == HTTP_RESPONSE) {
        if (stream->block) { /* a pushed stream's request */
            session->held -= stream->block->size;
            events_own(events_of(session), stream->block);
        }
        stream->block = block;
        session->held += block->size;
    } else {
        events_own(events_of(session), block);
    }
}

static void on_data(void *owner, void *of, const uint8_t *bytes, size_t length)
{
    struct stream *stream = of;
    struct event *event;

    (void)owner;
    stream->bytes_in += (double)length;
    metrics->body_in[session_role(stream->session)] += length;
    stream_note(stream, &stream->first_in);
    if (stream->marked)
        return;
    event = record_stream(stream, EVENT_DATA);
    event->bytes = bytes;
    event->length = (uint32_t)length;
}

static void on_end(void *owner, void *of)
{
    struct stream *stream = of;

    (void)owner;
    if (stream->end_received)
        return; /* EVENT_STREAM or EVENT_HEADERS said so */
    stream->end_received = true;
    record_stream(stream, EVENT_END);
}

static void on_reset(void *owner, void *of, uint32_t code)
{
    struct stream *stream = of;

    (void)owner;
    (void)code;
    stream->peer_reset = true; /* on_closed follows and has the code */
}

static void on_end_sent(void *owner, void *of)
{
    struct stream *stream = of;

    (void)owner;
    stream->end_sent = true;
    record_stream(stream, EVENT_END_SENT);
}

static void on_closed(void *owner, void *of, uint32_t code, bool by_us, const char *reason)
{
    struct stream *stream = of;
    enum ended_by by = ENDED_NORMALLY;

    (void)owner;
    if (stream->peer_reset)
        by = ENDED_BY_PEER;
    else if (by_us && reason)
        by = code == HTTP_ENHANCE_YOUR_CALM ? ENDED_BY_LIMIT : ENDED_BY_PROTOCOL;
    else if (by_us)
        by = ENDED_BY_HANDLER;
    else if (code)
        by = ENDED_BY_PEER;
    stream_on_closed(stream, code, by, reason);
}

static void on_settings(void *owner, const struct http_setting_entry *entries, size_t count)
{
    struct session *session = owner;
    struct event *event;

    session->settled = true;
    event = record(session, EVENT_SETTINGS);
    event->length = (uint32_t)(count * sizeof(*entries));
    if (count)
        event->bytes = events_copy(events_of(session), entries, event->length);
}

static void on_settings_ack(void *owner)
{
    session_acked(owner);
    record(owner, EVENT_SETTINGS_ACK);
}

static void on_ping(void *owner, const uint8_t payload[8], bool ack)
{
    struct session *session = owner;
    struct event *event = record(session, EVENT_PING);

    if (ack)
        session_acked(session);
    event->flags = ack;
    event->length = 8;
    event->bytes = events_copy(events_of(session), payload, 8);
}

static void on_goaway(void *owner, uint32_t code, uint32_t last_id, const uint8_t *opaque,
                      size_t length)
{
    struct session *session = owner;
    struct event *event = record(session, EVENT_GOAWAY);

    event->code = code;
    event->a = last_id;
    if (length > 0) {
        event->length = (uint32_t)length;
        event->bytes = events_copy(events_of(session), opaque, (uint32_t)length);
    }
}

static void on_frame_error(void *owner, uint32_t id, uint8_t type, uint32_t code)
{
    struct session *session = owner;
    struct event *event = record(session, EVENT_FRAME_ERROR);

    event->code = code;
    event->a = type;
    event->b = id;
    list_each(link, &session->streams) /* rare enough to look for it */
    {
        struct stream *stream = list_entry(link, struct stream, link);

        if (stream->id == id)
            event->flags = stream->slot;
    }
}

static void on_altsvc(void *owner, uint32_t id, const uint8_t *origin, size_t origin_length,
                      const uint8_t *value, size_t value_length)
{
    struct session *session = owner;
    struct event *event = record(session, EVENT_ALTSVC);
    uint8_t bytes[16384]; /* a frame's payload has no more */

    if (origin_length + value_length > sizeof(bytes))
        return;
    memcpy(bytes, origin, origin_length);
    memcpy(bytes + origin_length, value, value_length);
    event->code = id;
    event->a = (uint32_t)origin_length;
    event->length = (uint32_t)(origin_length + value_length);
    event->bytes = events_copy(events_of(session), bytes, event->length);
}

static void on_origin(void *owner, const uint8_t *origins, size_t length)
{
    struct session *session = owner;
    struct event *event = record(session, EVENT_ORIGIN);

    event->length = (uint32_t)length;
    event->bytes = events_copy(events_of(session), origins, event->length);
}

static void on_refused(void *owner, uint32_t id, uint32_t code, const char *reason)
{
    if (access_log_is_on)
        access_log_refused(owner, id, code, reason);
}

static enum err pull(void *owner, void *stream, size_t max, struct http_piece *piece)
{
    (void)owner;
    return stream_pull(stream, max, piece);
}

static void on_block_begin(void *owner)
{
    ((struct session *)owner)->in_block = true;
}

static void on_block_end(void *owner)
{
    ((struct session *)owner)->in_block = false;
}

const struct http_callbacks session_callbacks = {
    .on_open = on_open,
    .on_headers = on_headers,
    .on_data = on_data,
    .on_end = on_end,
    .on_reset = on_reset,
    .on_end_sent = on_end_sent,
    .on_closed = on_closed,
    .on_settings = on_settings,
    .on_settings_ack = on_settings_ack,
    .on_ping = on_ping,
    .on_goaway = on_goaway,
    .on_frame_error = on_frame_error,
    .pull = pull,
    .on_block_begin = on_block_begin,
    .on_block_end = on_block_end,
    .on_altsvc = on_altsvc,
    .on_origin = on_origin,
    .on_refused = on_refused,
};

/* --- Ingress. */

static void feed(struct session *session, const uint8_t *bytes, size_t length)
{
    enum err err = http_feed(session->machine, bytes, length);

    if (!err) {
        session_mark_dirty(session); /* acks, windows that opened, answers to come */
        return;
    }
    session_flush_machine(session); /* what ended it is final only then */
    session_end(session, session_blame(session), session->machine->end_code,
                err == ERR_NOMEM ? "ERR_HTTP2_NO_MEM" : session_error_name(session),
                session->machine->end_reason[0] ? session->machine->end_reason : err_text(err));
}

/* Clear text: what does the peer speak? */
static void sniff(struct session *session, const uint8_t *bytes, size_t length)
{
    size_t taken = HTTP_PREFACE_BYTES - session->sniffed_length;
    enum http_sniffed verdict;

    if (taken > length)
        taken = length;
    memcpy(session->sniffed + session->sniffed_length, bytes, taken);
    session->sniffed_length = (uint8_t)(session->sniffed_length + taken);
    verdict = http_sniff(session->sniffed, session->sniffed_length);
    if (verdict == SNIFF_MORE)
        return;
    if (verdict == SNIFF_HTTP2) {
        session_start_machine(session);
        if (session->state == SESSION_OPEN)
            feed(session, session->sniffed, session->sniffed_length);
        if (session->state == SESSION_OPEN && length > taken)
            feed(session, bytes + taken, length - taken);
        return;
    }
    if (verdict == SNIFF_HTTP1 &&
        !http_refusal_new(http1_refusal, http1_refusal_length, &session->machine))
        session_end(session, ENDED_BY_PROTOCOL, HTTP_NO_ERROR, "", "the peer speaks HTTP/1.x");
    else
        session_lose(session, ENDED_BY_PROTOCOL, HTTP_PROTOCOL_ERROR, "", "no HTTP/2 preface");
}

/* The peer ended its direction. HTTP/2 has no half-closed connections: what is open is lost. */
static void on_input_end(struct session *session)
{
    bool lost = session->stream_count > 0;

    session->input_ended = true;
    if (session->state == SESSION_ENDING && !output_is_empty(&session->output)) {
        transport_want(session->transport, false, true);
        return; /* the peer may still read */
    }
    session_lose(session, ENDED_BY_PEER, lost ? HTTP_CANCEL : HTTP_NO_ERROR, "",
                 lost ? "the peer closed the connection" : NULL);
}

void session_ingress(struct session *session)
{
    const uint8_t *bytes;
    size_t length;
    enum err err = transport_read(session->transport, &bytes, &length);

    switch (err) {
    case OK:
        session->activity++;
        session->bytes_in += (double)length;
        metrics->bytes_in[session_role(session)] += length;
        if (session->state == SESSION_OPEN)
            feed(session, bytes, length);
        else if (session->state == SESSION_SNIFFING)
            sniff(session, bytes, length);
        break; /* else it is late: dropped */
    case ERR_AGAIN:
        break;
    case ERR_EOF:
        on_input_end(session);
        break;
    default: {
        const struct failure *failure = transport_failure(session->transport);

        session_lose(session, ENDED_BY_PEER, HTTP_CANCEL,
                     failure->err ? failure->code : "ECONNRESET",
                     failure->err ? failure->text : "the connection was reset");
    }
    }
}
