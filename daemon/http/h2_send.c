/* h2_send: bytes out. Frames that nghttp2 builds are copied into the sink, payloads of DATA
 * referred to. */
#include <assert.h>
#include <endian.h>
#include <string.h>

#include "http/h2_internal.h"

#define PROGRESS_BYTES \
    32u /* a DATA frame of fewer pays for no WINDOW_UPDATE: windows of a byte are no progress */

/* --- bodies */

static h2_ssize read_body(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t length,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_machine *m = user;
    struct http_piece *piece = &m->piece;
    bool none;
    enum err err;

    (void)session, (void)bytes;
    *piece = (struct http_piece){0};
    err = m->base.callbacks->pull(m->base.owner, source->ptr, length, piece);
    if (err == ERR_AGAIN || (!err && !piece->length && !piece->end))
        return NGHTTP2_ERR_DEFERRED;
    if (err) {
        h2_tag(m, id, h2_tagged(m, id) | H2_TAG_RESET);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM(INTERNAL_ERROR) */
    }
    assert(piece->length <= length);

    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (!piece->end)
        return (h2_ssize)piece->length;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (piece->trailers) {
        if (h2_trailers_body_ended(m, id, &none) != 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        if (!none)
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
    return (h2_ssize)piece->length;
}

h2_data_provider h2_body_of(void *stream)
{
    return (h2_data_provider){.source.ptr = stream, .read_callback = read_body};
}

/* The DATA frame of the piece that read_body() got a moment ago. */
static int send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                     size_t length, nghttp2_data_source *source, void *user)
{
    static const uint8_t zeros[256];
    struct h2_machine *m = user;
    const struct http_sink *sink = m->sink;
    size_t padding = frame->data.padlen;

    (void)session;
    assert(length == m->piece.length);
    m->data_stream = source->ptr;
    sink->copy(sink->owner, head, H2_HEAD_BYTES);
    if (padding) {
        uint8_t count = (uint8_t)(padding - 1); /* the length byte counts as padding in padlen */

        sink->copy(sink->owner, &count, 1);
    }
    if (length)
        sink->refer(sink->owner, source->ptr, &m->piece);
    if (padding > 1)
        sink->copy(sink->owner, zeros, padding - 1);
    if (length >= PROGRESS_BYTES)
        h2_guard_progress(&m->guard);

    m->is_paused = m->goaway || sink->room(sink->owner) == 0;
    return m->is_paused ? NGHTTP2_ERR_PAUSE : 0;
}

/* --- callbacks */

static void sent_reset(struct h2_machine *m, int32_t id)
{
    m->reset_by_us = (uint32_t)id; /* on_stream_close is next */
    if (!(h2_tagged(m, id) & H2_TAG_RESET) && !h2_guard_reset(&m->guard))
        h2_end_at_limit(m, LIMIT_RESETS, "too many streams had to be reset");
}

static void sent_goaway(struct h2_machine *m, const nghttp2_goaway *goaway)
{
    int length = (int)goaway->opaque_data_len;

    if (m->goaways) { /* the verb's */
        m->goaways--;
        return;
    }
    /* The session is ended. Where nghttp2 did that, only now is known why. */
    if (m->is_ended && m->base.end_code == goaway->error_code && !length)
        return;
    m->is_ended = false;
    if (goaway->error_code == HTTP_ENHANCE_YOUR_CALM) /* nghttp2's: entries of one frame */
        metrics_hit(LIMIT_SETTINGS_FRAMES);
    if (length)
        h2_note_end(m, goaway->error_code, "%.*s", length, (const char *)goaway->opaque_data);
    else if (goaway->error_code == NGHTTP2_INTERNAL_ERROR) /* nghttp2's compressor had no memory */
        h2_note_end(m, goaway->error_code, "internal error");
    else
        h2_note_end(m, goaway->error_code, "%s by the peer",
                    nghttp2_http2_strerror(goaway->error_code));
}

/* RST_STREAM of a push whose PUSH_PROMISE could not be sent would name an idle stream. */
static int before_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_machine *m = user;

    (void)session;
    if (frame->hd.type == NGHTTP2_RST_STREAM && m->is_server && !(frame->hd.stream_id & 1) &&
        (uint32_t)frame->hd.stream_id > m->promised)
        return NGHTTP2_ERR_CANCEL;
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_machine *m = user;
    const struct http_callbacks *callbacks = m->base.callbacks;
    bool is_end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    void *stream;

    (void)session;
    m->frames_sent++;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        if (is_end)
            callbacks->on_end_sent(m->base.owner, m->data_stream);
        break;
    case NGHTTP2_HEADERS:
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
            h2_waiting_left(m, (uint32_t)frame->hd.stream_id);
        if (is_end) {
            stream = h2_stream(m, frame->hd.stream_id);
            if (stream)
                callbacks->on_end_sent(m->base.owner, stream);
        }
        break;
    case NGHTTP2_PUSH_PROMISE:
        m->promised = (uint32_t)frame->push_promise.promised_stream_id;
        break;
    case NGHTTP2_RST_STREAM:
        sent_reset(m, frame->hd.stream_id);
        break;
    case NGHTTP2_GOAWAY:
        sent_goaway(m, &frame->goaway);
        break;
    default:
        break;
    }
    return 0;
}

static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *user)
{
    struct h2_machine *m = user;
    uint32_t id = (uint32_t)frame->hd.stream_id;

    (void)session;
    m->unsent = frame->hd.type == NGHTTP2_PUSH_PROMISE
                    ? (uint32_t)frame->push_promise.promised_stream_id
                    : id;
    m->unsent_error = error;
    switch (error) {
    case NGHTTP2_ERR_SESSION_CLOSING: /* these follow from what was said already */
    case NGHTTP2_ERR_STREAM_CLOSED:
    case NGHTTP2_ERR_STREAM_CLOSING:
    case NGHTTP2_ERR_STREAM_SHUT_WR:
    case NGHTTP2_ERR_START_STREAM_NOT_ALLOWED:
    case NGHTTP2_ERR_CANCEL:
        break;
    default:
        m->base.callbacks->on_frame_error(m->base.owner, id, frame->hd.type,
                                          error == NGHTTP2_ERR_FRAME_SIZE_ERROR
                                              ? NGHTTP2_FRAME_SIZE_ERROR
                                              : NGHTTP2_INTERNAL_ERROR);
        break;
    }
    return 0;
}

/* The payload's length with padding; max: what the frame may have. */
static h2_ssize select_padding(nghttp2_session *session, const nghttp2_frame *frame, size_t max,
                               void *user)
{
    const struct h2_machine *m = user;
    size_t length = frame->hd.length;
    size_t over = (length + H2_HEAD_BYTES) % 8;

    (void)session;
    if (m->padding == HTTP_PADDING_MAX)
        return (h2_ssize)max;
    if (over && length + 8 - over <= max)
        length += 8 - over;
    return (h2_ssize)length;
}

void h2_padding_setup(nghttp2_session_callbacks *callbacks)
{
    h2_set_select_padding(callbacks, select_padding);
}

void h2_send_setup(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
    nghttp2_session_callbacks_set_before_frame_send_callback(callbacks, before_frame_send);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
}

/* --- drain */

/* A server's SETTINGS as the peer is to see them. */
static void copy_settings(const struct http_sink *sink, const uint8_t *bytes, size_t length)
{
    uint8_t frame[H2_HEAD_BYTES + 6 * H2_SETTINGS_MAX];

    if (length > sizeof(frame))
        length = sizeof(frame); /* h2_settings() takes no more */
    memcpy(frame, bytes, length);
    for (size_t at = H2_HEAD_BYTES; at + 6 <= length; at += 6) {
        uint32_t value;

        if (frame[at] != 0 || frame[at + 1] != NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
            continue;
        memcpy(&value, frame + at + 2, 4);
        value = htobe32(h2_without_grace(be32toh(value)));
        memcpy(frame + at + 2, &value, 4);
    }
    sink->copy(sink->owner, frame, length);
}

static void copy_frame(const struct h2_machine *m, const struct http_sink *sink,
                       const uint8_t *bytes, size_t length)
{
    bool is_settings =
        length > H2_HEAD_BYTES && bytes[3] == NGHTTP2_SETTINGS && !(bytes[4] & NGHTTP2_FLAG_ACK);

    if (is_settings && m->is_server)
        copy_settings(sink, bytes, length);
    else
        sink->copy(sink->owner, bytes, length);
}

/* GOAWAY goes behind all that could leave before it, and its last id is of the moment when it
 * leaves. */
static void pump(struct h2_machine *m, const struct http_sink *sink)
{
    while (!m->err && sink->room(sink->owner)) {
        const uint8_t *bytes;
        h2_ssize length;

        m->is_paused = false;
        length = h2_mem_send(m->session, &bytes);
        if (length > 0)
            copy_frame(m, sink, bytes, (size_t)length);
        else if (length < 0)
            m->err = ERR_NOMEM;
        else if (m->goaway)
            h2_say_goaway(m);
        else if (!m->is_paused) {
            m->informed = 0; /* header blocks do not wait for windows: all have left */
            return;
        }
    }
}

enum err h2_drain(struct http_machine *base, const struct http_sink *sink)
{
    struct h2_machine *m = h2_of(base);

    if (m->waiting_cancelled)
        h2_waiting_tell_cancelled(m);
    if (m->is_ended)
        h2_waiting_close_all(m, true, base->end_reason);
    m->sink = sink;
    pump(m, sink);
    m->sink = NULL;
    if (!m->is_ended || m->err)
        return m->err;
    h2_waiting_close_all(m, true, base->end_reason);
    return ERR_PROTOCOL;
}
