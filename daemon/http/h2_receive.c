/* h2_receive: bytes in. Frames other than header blocks, and what their faults mean for the
 * session. */
#include "base/mem.h"
#include "http/h2_internal.h"

/* --- callbacks */

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                         size_t length, void *user)
{
    struct h2_machine *m = user;
    void *stream;

    (void)flags;
    if (!m->is_window_grown) {
        m->is_window_grown = true;
        if (m->connection_window > NGHTTP2_INITIAL_CONNECTION_WINDOW_SIZE &&
            nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                  (int32_t)m->connection_window)) {
            m->err = ERR_NOMEM;
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    }
    if (nghttp2_session_consume_connection(session, length) != 0) {
        m->err = ERR_NOMEM;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    stream = h2_stream(m, id);
    if (stream)
        m->base.callbacks->on_data(m->base.owner, stream, bytes, length);
    return 0;
}

static void received_reset(struct h2_machine *m, const nghttp2_frame *frame)
{
    void *stream = h2_stream(m, frame->hd.stream_id);
    bool is_tidy =
        !m->is_server && frame->rst_stream.error_code == NGHTTP2_NO_ERROR; /* RFC 9113 8.1 */

    m->reset_by_peer = (uint32_t)frame->hd.stream_id; /* on_stream_close is next */
    if (!is_tidy && !h2_guard_reset(&m->guard))
        h2_end_at_limit(m, LIMIT_RESETS, "too many RST_STREAM");
    if (stream)
        m->base.callbacks->on_reset(m->base.owner, stream, frame->rst_stream.error_code);
}

/* A client gets it through here, a server by h2_scan.c. */
static void received_goaway(struct h2_machine *m, const nghttp2_goaway *goaway)
{
    m->has_peer_goaway = true;
    m->peer_goaway_id = (uint32_t)goaway->last_stream_id;
    m->base.callbacks->on_goaway(m->base.owner, goaway->error_code, (uint32_t)goaway->last_stream_id,
                                 goaway->opaque_data, goaway->opaque_data_len);
    h2_waiting_close_all(m, false, NULL);
}

static void received_settings(struct h2_machine *m, const nghttp2_settings *settings)
{
    _Static_assert(sizeof(struct http_setting_entry) == sizeof(nghttp2_settings_entry),
                   "two numbers of 32 bits");

    m->base.callbacks->on_settings(m->base.owner, (const void *)settings->iv, settings->niv);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_machine *m = user;
    const struct http_callbacks *callbacks = m->base.callbacks;
    void *stream;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_PUSH_PROMISE:
        return h2_block_received(m, frame);
    case NGHTTP2_DATA:
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
            stream = h2_stream(m, frame->hd.stream_id);
            if (stream)
                callbacks->on_end(m->base.owner, stream);
        }
        break;
    case NGHTTP2_RST_STREAM:
        received_reset(m, frame);
        break;
    case NGHTTP2_SETTINGS:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
            callbacks->on_settings_ack(m->base.owner);
        else
            received_settings(m, &frame->settings);
        break;
    case NGHTTP2_PING:
        callbacks->on_ping(m->base.owner, frame->ping.opaque_data,
                           frame->hd.flags & NGHTTP2_FLAG_ACK);
        break;
    case NGHTTP2_GOAWAY:
        received_goaway(m, &frame->goaway);
        break;
    case NGHTTP2_ALTSVC:
    case NGHTTP2_ORIGIN:
        h2_announced(m, frame);
        break;
    default:
        break;
    }
    return 0;
}

/* Does nghttp2 take this fault for one of a stream (it has queued RST_STREAM) or of the session
 * (it will queue GOAWAY)? */
static bool is_stream_fault(const nghttp2_frame *frame, int error)
{
    switch (error) {
    case NGHTTP2_ERR_HTTP_HEADER:
    case NGHTTP2_ERR_HTTP_MESSAGING:
    case NGHTTP2_ERR_REFUSED_STREAM:
        return true;
    case NGHTTP2_ERR_FLOW_CONTROL:
        return frame->hd.type == NGHTTP2_WINDOW_UPDATE && frame->hd.stream_id != 0;
    default:
        return false;
    }
}

static uint32_t code_of_fault(int error)
{
    switch (error) {
    case NGHTTP2_ERR_STREAM_CLOSED:
        return NGHTTP2_STREAM_CLOSED;
    case NGHTTP2_ERR_HEADER_COMP:
        return NGHTTP2_COMPRESSION_ERROR;
    case NGHTTP2_ERR_FRAME_SIZE_ERROR:
        return NGHTTP2_FRAME_SIZE_ERROR;
    case NGHTTP2_ERR_FLOW_CONTROL:
        return NGHTTP2_FLOW_CONTROL_ERROR;
    default:
        return NGHTTP2_PROTOCOL_ERROR;
    }
}

static const char *reason_of_fault(int error)
{
    switch (error) {
    case NGHTTP2_ERR_HTTP_HEADER:
        return "an invalid header field";
    case NGHTTP2_ERR_HTTP_MESSAGING:
        return "a malformed message";
    case NGHTTP2_ERR_REFUSED_STREAM:
        return "more concurrent streams than allowed";
    default:
        return "flow-control window overflow";
    }
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *user)
{
    struct h2_machine *m = user;
    bool is_block = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_PUSH_PROMISE;

    (void)session;
    if (!is_stream_fault(frame, error)) {
        h2_note_end(m, code_of_fault(error), "a frame of type %u on stream %d: %s", frame->hd.type,
                    frame->hd.stream_id, nghttp2_strerror(error));
        return 0;
    }
    h2_note_mistake(m, (uint32_t)frame->hd.stream_id, reason_of_fault(error));
    if (error == NGHTTP2_ERR_REFUSED_STREAM)
        metrics_hit(LIMIT_STREAMS);
    if (++m->invalid > m->max_invalid) {
        m->base.end_name = "ERR_HTTP2_TOO_MANY_INVALID_FRAMES";
        h2_end_at_limit(m, LIMIT_INVALID_FRAMES, "more than %u invalid frames", m->max_invalid);
    } else if (is_block &&
               !h2_guard_useless(&m->guard, 1 + (uint32_t)frame->hd.length / H2_BOMB_BYTES))
        h2_end_at_limit(m, LIMIT_USELESS_FRAMES, "too many useless frames: invalid HEADERS");
    return 0;
}

/* The probe arrived: see is_terminated(). */
static int on_extension(nghttp2_session *session, void **payload, const nghttp2_frame_hd *hd,
                        void *user)
{
    struct h2_machine *m = user;

    (void)session, (void)payload, (void)hd;
    m->is_probed = true;
    return NGHTTP2_ERR_CANCEL;
}

void h2_receive_setup(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, on_extension);
}

/* --- feed */

/* nghttp2 says nothing when it ends a session because of certain faults (DATA on an idle stream,
 * bad padding, HPACK): it queues GOAWAY and drops all further input. So between two frames it is
 * given one that only we know. */
static bool is_terminated(struct h2_machine *m)
{
    static const uint8_t probe[H2_HEAD_BYTES] = {0, 0, 0, H2_PROBE_TYPE};

    m->is_probed = false;
    if (h2_mem_recv(m->session, probe, sizeof(probe)) < 0)
        return true;
    return !m->is_probed;
}

void h2_read(struct h2_machine *m, const uint8_t *bytes, size_t length)
{
    h2_ssize done = h2_mem_recv(m->session, bytes, length);

    if (done >= 0 || !h2_is_live(m))
        return;
    switch (done) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
        h2_end(m, HTTP_PROTOCOL_ERROR, "not an HTTP/2 connection preface");
        break;
    case NGHTTP2_ERR_FLOODED:
        h2_end_at_limit(m, LIMIT_PINGS,
                        "too many PING or SETTINGS while their acknowledgements wait");
        break;
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        h2_end_at_limit(m, LIMIT_CONTINUATIONS, "too many CONTINUATION");
        break;
    case NGHTTP2_ERR_NOMEM:
        m->err = ERR_NOMEM;
        break;
    default:
        h2_end(m, HTTP_INTERNAL_ERROR, "%s", nghttp2_strerror((int)done));
        break;
    }
}

static void look_for_the_end(struct h2_machine *m, size_t queued_before)
{
    size_t queued = nghttp2_session_get_outbound_queue_size(m->session);
    bool is_between =
        m->scan.is_started && !m->scan.left && !m->scan.head_used && !m->scan.is_in_block;

    if (queued - (m->waiting_end - m->waiting_first) > H2_OUTBOUND_FRAMES) {
        h2_end_at_limit(m, LIMIT_OUTBOUND_FRAMES, "more than %u frames wait to be sent",
                        H2_OUTBOUND_FRAMES);
        return;
    }
    if (queued > queued_before)
        m->is_suspect = true;
    if (!m->is_suspect || !is_between || !nghttp2_session_want_read(m->session))
        return;
    m->is_suspect = false;
    if (is_terminated(m)) /* h2_send.c learns the code when GOAWAY is framed */
        h2_note_end(m, HTTP_PROTOCOL_ERROR, "the peer broke the protocol");
}

/* One who sends a block in drips is watched by the owner's deadline. */
static void tell_of_blocks(struct h2_machine *m)
{
    const struct http_callbacks *callbacks = m->base.callbacks;
    uint32_t now = h2_scan_is_in_block(&m->scan) ? m->scan.blocks : 0;

    if (now == m->scan.announced)
        return;
    if (m->scan.announced && callbacks->on_block_end)
        callbacks->on_block_end(m->base.owner);
    if (now && callbacks->on_block_begin)
        callbacks->on_block_begin(m->base.owner);
    m->scan.announced = now;
}

static void swap_blocks(struct h2_machine *m)
{
    struct h2_block block = m->parked;

    m->parked = m->shared->block;
    m->shared->block = block;
}

/* The block that these bytes left unfinished stays with this machine; the shared memory is for
 * the next one. */
static void park_block(struct h2_machine *m, bool was_parked)
{
    m->is_parked = h2_is_live(m) && h2_scan_is_in_block(&m->scan);
    if (m->is_parked)
        swap_blocks(m);
    else if (was_parked)
        http_block_builder_free(&m->parked.builder);
}

enum err h2_feed(struct http_machine *base, const uint8_t *bytes, size_t length)
{
    struct h2_machine *m = h2_of(base);
    bool was_parked = m->is_parked;
    size_t queued;

    if (!h2_is_live(m))
        return OK;
    if (was_parked)
        swap_blocks(m);
    queued = nghttp2_session_get_outbound_queue_size(m->session);
    h2_scan_bytes(m, bytes, length);
    if (h2_is_live(m))
        h2_scan_settle(m);
    if (h2_is_live(m))
        look_for_the_end(m, queued);
    park_block(m, was_parked);
    if (h2_is_live(m))
        tell_of_blocks(m);
    return m->err ? m->err : m->is_ended ? ERR_PROTOCOL : OK;
}
