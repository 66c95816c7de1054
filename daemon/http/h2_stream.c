/* h2_stream: how a stream ended, and who did it. */
#include "http/h2_internal.h"

void h2_note_mistake(struct h2_machine *m, uint32_t id, const char *reason)
{
    m->mistakes[m->mistake_at++ % H2_MISTAKES] = (struct h2_mistake){id, reason};
}

void h2_refuse(struct h2_machine *m, int32_t id, uint32_t code, const char *reason)
{
    h2_note_mistake(m, (uint32_t)id, reason);
    if (nghttp2_submit_rst_stream(m->session, NGHTTP2_FLAG_NONE, id, code) != 0)
        m->err = ERR_NOMEM;
}

/* nghttp2 resets some streams without telling why; the code is hint enough. */
static const char *reason_of(const struct h2_machine *m, uint32_t id, uint32_t code)
{
    for (size_t i = 0; i < H2_MISTAKES; i++)
        if (m->mistakes[i].id == id)
            return m->mistakes[i].reason;
    switch (code) {
    case NGHTTP2_PROTOCOL_ERROR:
        return "a body that does not fit content-length, or came before its headers";
    case NGHTTP2_FLOW_CONTROL_ERROR:
        return "more bytes than the flow-control window allows";
    case NGHTTP2_INTERNAL_ERROR:
        return "internal error";
    default:
        return "the peer broke the protocol on this stream";
    }
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *user)
{
    struct h2_machine *m = user;
    uint32_t id = (uint32_t)stream_id;
    bool is_ours = (id & 1) != m->is_server; /* we opened it */
    uintptr_t tagged = h2_tagged(m, stream_id);
    const char *reason = NULL;
    bool by_us;

    (void)session;
    if (m->is_server && is_ours)
        m->pushes--;
    else if (m->is_server)
        m->open--;
    else if (is_ours && h2_waiting_closed(m, id))
        return 0;
    h2_trailers_forget(m, id);
    if (!tagged) { /* never announced */
        if (m->is_server && !is_ours && m->base.callbacks->on_refused)
            m->base.callbacks->on_refused(m->base.owner, id, code, reason_of(m, id, code));
        return 0;
    }
    if (m->reset_by_peer == id) {
        by_us = false;
    } else if (m->reset_by_us == id) {
        by_us = true;
        reason = tagged & H2_TAG_RESET ? NULL : reason_of(m, id, code);
    } else if (m->unsent ==
               id) { /* a request that could not leave: GOAWAY came, or its block is too large */
        by_us = m->is_ended || m->unsent_error != NGHTTP2_ERR_START_STREAM_NOT_ALLOWED;
        if (by_us)
            reason = m->is_ended ? m->base.end_reason : "its header block could not be sent";
        if (by_us && !m->is_ended && m->unsent_error == NGHTTP2_ERR_FRAME_SIZE_ERROR)
            code = NGHTTP2_FRAME_SIZE_ERROR; /* as on_frame_error said */
    } else { /* an orderly end, or the GOAWAY of one side: ours shuts out what the peer opened */
        by_us = code != NGHTTP2_NO_ERROR && !is_ours;
    }
    m->base.callbacks->on_closed(m->base.owner, h2_untagged(tagged), code, by_us, reason);
    return 0;
}

void h2_stream_setup(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
