/* h2_verbs: what the session asks for, in nghttp2's words. */
#include "http/h2_verbs.h"

#include <string.h>

#include "base/mem.h"

#define GOAWAY_OPAQUE_MAX (16384u - 8)
/* Bytes that nghttp2 needs, roughly, for a block that waits and for each of its fields. */
#define INFORM_OVERHEAD 256u
#define FIELD_OVERHEAD 64u

enum err h2_error(int nghttp2_error)
{
    switch (nghttp2_error) {
    case 0:
        return OK;
    case NGHTTP2_ERR_NOMEM:
        return ERR_NOMEM;
    case NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE:
        return ERR_FULL;
    case NGHTTP2_ERR_INVALID_ARGUMENT:
        return ERR_INVALID;
    case NGHTTP2_ERR_STREAM_CLOSED:
    case NGHTTP2_ERR_STREAM_CLOSING:
    case NGHTTP2_ERR_SESSION_CLOSING:
    case NGHTTP2_ERR_START_STREAM_NOT_ALLOWED:
        return ERR_CLOSED;
    default:
        return ERR_STATE;
    }
}

const nghttp2_nv *h2_nv(struct h2_machine *m, const struct http_field *fields, size_t count,
                        nghttp2_nv few[H2_FIELDS_ON_STACK])
{
    nghttp2_nv *nv = few;

    if (count > H2_FIELDS_ON_STACK) {
        if (count > m->shared->nv_cap) {
            nv = mem_realloc(m->shared->nv, count * sizeof(*nv));
            if (!nv)
                return NULL;
            m->shared->nv = nv;
            m->shared->nv_cap = count;
        }
        nv = m->shared->nv;
    }
    for (size_t i = 0; i < count; i++)
        nv[i] = (nghttp2_nv){
            .name = (uint8_t *)(uintptr_t)fields[i].name, /* nghttp2 only reads them */
            .value = (uint8_t *)(uintptr_t)fields[i].value,
            .namelen = fields[i].name_length,
            .valuelen = fields[i].value_length,
            .flags =
                fields[i].flags & FIELD_SENSITIVE ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE,
        };
    return nv;
}

/* --- messages */

enum err h2_request(struct http_machine *base, const struct http_field *fields, size_t count,
                    bool end, void *stream, uint32_t *id)
{
    struct h2_machine *m = h2_of(base);
    h2_data_provider body = h2_body_of(stream);
    nghttp2_nv few[H2_FIELDS_ON_STACK];
    const nghttp2_nv *nv;
    int32_t given;

    *id = 0;
    if (!h2_is_live(m) || m->has_said_goaway || m->has_peer_goaway)
        return ERR_CLOSED;
    if (m->is_server)
        return ERR_STATE;
    nv = h2_nv(m, fields, count, few);
    if (!nv || h2_waiting_reserve(m))
        return ERR_NOMEM;
    given = h2_submit_request(m->session, NULL, nv, count, end ? NULL : &body, stream);
    if (given < 0)
        return h2_error(given);
    *id = (uint32_t)given;
    h2_waiting_add(m, *id, stream);
    return OK;
}

/* Can something be said on this stream still? */
static bool is_open(const struct h2_machine *m, uint32_t id, uintptr_t *tagged)
{
    if (!h2_is_live(m))
        return false;
    *tagged = h2_tagged(m, (int32_t)id);
    return *tagged && !(*tagged & H2_TAG_RESET);
}

enum err h2_respond(struct http_machine *base, uint32_t id, const struct http_field *fields,
                    size_t count, bool end)
{
    struct h2_machine *m = h2_of(base);
    nghttp2_nv few[H2_FIELDS_ON_STACK];
    const nghttp2_nv *nv;
    h2_data_provider body;
    uintptr_t tagged;

    if (!is_open(m, id, &tagged))
        return ERR_CLOSED;
    nv = h2_nv(m, fields, count, few);
    if (!nv)
        return ERR_NOMEM;
    body = h2_body_of(h2_untagged(tagged));
    return h2_error(h2_submit_response(m->session, (int32_t)id, nv, count, end ? NULL : &body));
}

enum err h2_inform(struct http_machine *base, uint32_t id, const struct http_field *fields,
                   size_t count)
{
    struct h2_machine *m = h2_of(base);
    nghttp2_nv few[H2_FIELDS_ON_STACK];
    const nghttp2_nv *nv;
    uintptr_t tagged;

    if (!is_open(m, id, &tagged))
        return ERR_CLOSED;
    if (m->informed > H2_INFORMED_MAX)
        return ERR_FULL;
    m->informed += INFORM_OVERHEAD;
    for (size_t i = 0; i < count; i++)
        m->informed += fields[i].name_length + fields[i].value_length + FIELD_OVERHEAD;
    nv = h2_nv(m, fields, count, few);
    if (!nv)
        return ERR_NOMEM;
    return h2_error(
        nghttp2_submit_headers(m->session, NGHTTP2_FLAG_NONE, (int32_t)id, NULL, nv, count, NULL));
}

enum err h2_push(struct http_machine *base, uint32_t id, const struct http_field *fields,
                 size_t count, void *stream, uint32_t *promised)
{
    struct h2_machine *m = h2_of(base);
    nghttp2_nv few[H2_FIELDS_ON_STACK];
    const nghttp2_nv *nv;
    uintptr_t tagged;
    int32_t given;

    *promised = 0;
    if (!is_open(m, id, &tagged) || m->has_peer_goaway)
        return ERR_CLOSED;
    if (!m->is_server ||
        !nghttp2_session_get_remote_settings(m->session, NGHTTP2_SETTINGS_ENABLE_PUSH))
        return ERR_STATE;
    nv = h2_nv(m, fields, count, few);
    if (!nv)
        return ERR_NOMEM;
    given =
        nghttp2_submit_push_promise(m->session, NGHTTP2_FLAG_NONE, (int32_t)id, nv, count, stream);
    if (given < 0)
        return h2_error(given);
    *promised = (uint32_t)given;
    m->pushes++;
    return OK;
}

void h2_data_ready(struct http_machine *base, uint32_t id)
{
    struct h2_machine *m = h2_of(base);

    if (h2_is_live(m) && nghttp2_session_resume_data(m->session, (int32_t)id) == NGHTTP2_ERR_NOMEM)
        m->err = ERR_NOMEM;
}

enum err h2_reset(struct http_machine *base, uint32_t id, uint32_t code)
{
    struct h2_machine *m = h2_of(base);
    uintptr_t tagged;
    int error;

    if (!h2_is_live(m))
        return OK;
    tagged = h2_tagged(m, (int32_t)id);
    if (!tagged && !h2_waiting_cancel(m, id, code))
        return OK; /* closed or cancelled already; nghttp2 would reset an idle stream */
    error = nghttp2_submit_rst_stream(m->session, NGHTTP2_FLAG_NONE, (int32_t)id, code);
    if (!error && tagged)
        h2_tag(m, (int32_t)id, tagged | H2_TAG_RESET);
    return h2_error(error);
}

/* No WINDOW_UPDATE for a stream on which nothing comes any more. */
void h2_consume(struct http_machine *base, uint32_t id, size_t bytes)
{
    struct h2_machine *m = h2_of(base);

    if (!h2_is_live(m) || nghttp2_session_get_stream_remote_close(m->session, (int32_t)id) != 0)
        return;
    if (nghttp2_session_consume_stream(m->session, (int32_t)id, bytes) != 0)
        m->err = ERR_NOMEM;
}

/* --- the session */

static bool is_own_id(const struct h2_machine *m, int64_t id)
{
    return (id & 1) != m->is_server;
}

enum err h2_goaway_later(struct http_machine *base, uint32_t code, int64_t last_id,
                         const uint8_t *opaque, size_t length)
{
    struct h2_machine *m = h2_of(base);
    struct h2_goaway *goaway;

    if (!h2_is_live(m))
        return ERR_CLOSED;
    if (last_id > INT32_MAX || (last_id > 0 && is_own_id(m, last_id)) || length > GOAWAY_OPAQUE_MAX)
        return ERR_RANGE;
    goaway = mem_alloc(sizeof(*goaway) + length);
    if (!goaway)
        return ERR_NOMEM;
    goaway->code = code;
    goaway->last_id = last_id;
    goaway->length = length;
    if (length)
        memcpy(goaway->opaque, opaque, length);
    if (m->goaway)
        h2_say_goaway(m); /* two without a drain() in between: the first one need not wait */
    m->goaway = goaway;
    m->has_said_goaway = true;
    return m->err;
}

/* Asked for the last stream that was handed up, when the peer is about to leave: whatever it
 * still sends is taken, so the frame must not say otherwise (RFC 9113 6.8: what lies above the
 * last id is not processed). */
static bool is_answer_to_goaway(const struct h2_machine *m, const struct h2_goaway *goaway)
{
    return m->is_server && m->has_peer_goaway && goaway->last_id < 0 &&
           goaway->code == NGHTTP2_NO_ERROR;
}

static int submit_goaway(struct h2_machine *m, const struct h2_goaway *goaway)
{
    int32_t last_id = (int32_t)goaway->last_id;

    if (is_answer_to_goaway(m, goaway))
        return nghttp2_submit_shutdown_notice(m->session);
    if (goaway->last_id < 0)
        last_id = nghttp2_session_get_last_proc_stream_id(m->session);
    return nghttp2_submit_goaway(m->session, NGHTTP2_FLAG_NONE, last_id, goaway->code,
                                 goaway->opaque, goaway->length);
}

void h2_say_goaway(struct h2_machine *m)
{
    size_t queued = nghttp2_session_get_outbound_queue_size(m->session);

    if (h2_is_live(m) && submit_goaway(m, m->goaway) == NGHTTP2_ERR_NOMEM)
        m->err = ERR_NOMEM;
    m->goaways += nghttp2_session_get_outbound_queue_size(m->session) > queued;
    mem_free(m->goaway);
    m->goaway = NULL;
}

enum err h2_shutdown_notice(struct http_machine *base)
{
    struct h2_machine *m = h2_of(base);
    size_t queued;
    int error;

    if (!h2_is_live(m))
        return ERR_CLOSED;
    queued = nghttp2_session_get_outbound_queue_size(m->session);
    error = nghttp2_submit_shutdown_notice(m->session);
    m->goaways += nghttp2_session_get_outbound_queue_size(m->session) > queued;
    return h2_error(error);
}

enum err h2_settings(struct http_machine *base, const struct http_setting_entry *entries,
                     size_t count)
{
    struct h2_machine *m = h2_of(base);
    nghttp2_settings_entry few[H2_SETTINGS_MAX];
    size_t kept = 0;
    int error;

    if (!h2_is_live(m))
        return ERR_CLOSED;
    if (count > H2_SETTINGS_MAX)
        return ERR_RANGE;
    for (size_t i = 0; i < count; i++)
        if (!m->is_server || entries[i].id != HTTP_ENABLE_PUSH ||
            entries[i].value != 1) /* RFC 9113 6.5.2 */
            few[kept++] = (nghttp2_settings_entry){(int32_t)entries[i].id, entries[i].value};
    for (size_t i = 0; m->is_server && i < kept; i++) {
        if (few[i].settings_id == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) {
            m->max_streams = few[i].value;
            few[i].value = h2_with_grace(few[i].value);
        }
    }
    error = nghttp2_submit_settings(m->session, NGHTTP2_FLAG_NONE, few, kept);
    return error == NGHTTP2_ERR_INVALID_ARGUMENT ? ERR_RANGE : h2_error(error);
}

enum err h2_ping(struct http_machine *base, const uint8_t payload[8])
{
    struct h2_machine *m = h2_of(base);

    if (!h2_is_live(m))
        return ERR_CLOSED;
    return h2_error(nghttp2_submit_ping(m->session, NGHTTP2_FLAG_NONE, payload));
}

enum err h2_window(struct http_machine *base, uint32_t size)
{
    struct h2_machine *m = h2_of(base);

    if (!h2_is_live(m))
        return ERR_CLOSED;
    if (size > INT32_MAX)
        return ERR_RANGE;
    m->is_window_grown = true; /* the owner's word counts from now on */
    return h2_error(
        nghttp2_session_set_local_window_size(m->session, NGHTTP2_FLAG_NONE, 0, (int32_t)size));
}

enum err h2_next_id(struct http_machine *base, uint32_t id)
{
    struct h2_machine *m = h2_of(base);

    if (!h2_is_live(m))
        return ERR_CLOSED;
    if (id == 0 || id > INT32_MAX || !is_own_id(m, id))
        return ERR_RANGE;
    return nghttp2_session_set_next_stream_id(m->session, (int32_t)id) ? ERR_RANGE : OK;
}

bool h2_wants_write(const struct http_machine *base)
{
    const struct h2_machine *m = h2_of(base);

    if (m->err)
        return false;
    return m->goaway || m->waiting_cancelled || nghttp2_session_want_write(m->session);
}

/* --- numbers */

double h2_setting(const struct http_machine *base, bool remote, uint32_t id)
{
    const struct h2_machine *m = h2_of(base);

    switch ((enum http_setting)id) { /* nghttp2 aborts on others */
    case HTTP_HEADER_TABLE_SIZE:
    case HTTP_ENABLE_PUSH:
    case HTTP_MAX_CONCURRENT_STREAMS:
    case HTTP_INITIAL_WINDOW_SIZE:
    case HTTP_MAX_FRAME_SIZE:
    case HTTP_MAX_HEADER_LIST_SIZE:
    case HTTP_ENABLE_CONNECT_PROTOCOL:
        break;
    default:
        return -1;
    }
    if (remote)
        return nghttp2_session_get_remote_settings(m->session, (nghttp2_settings_id)id);
    if (m->is_server && id == HTTP_MAX_CONCURRENT_STREAMS)
        return h2_without_grace(nghttp2_session_get_local_settings(
            m->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
    return nghttp2_session_get_local_settings(m->session, (nghttp2_settings_id)id);
}

double h2_state(const struct http_machine *base, int which, uint32_t stream_id)
{
    const struct h2_machine *m = h2_of(base);
    nghttp2_session *session = m->session;
    nghttp2_stream *stream;
    int32_t id = (int32_t)stream_id;

    switch ((enum http_state)which) {
    case HTTP_STATE_EFFECTIVE_LOCAL_WINDOW:
        return nghttp2_session_get_effective_local_window_size(session);
    case HTTP_STATE_EFFECTIVE_RECV_LENGTH:
        return nghttp2_session_get_effective_recv_data_length(session);
    case HTTP_STATE_NEXT_ID:
        return nghttp2_session_get_next_stream_id(session);
    case HTTP_STATE_LOCAL_WINDOW:
        return nghttp2_session_get_local_window_size(session);
    case HTTP_STATE_LAST_PROCESSED_ID:
        return nghttp2_session_get_last_proc_stream_id(session);
    case HTTP_STATE_REMOTE_WINDOW:
        return nghttp2_session_get_remote_window_size(session);
    case HTTP_STATE_OUTBOUND_QUEUE:
        return (double)nghttp2_session_get_outbound_queue_size(session);
    case HTTP_STATE_DEFLATE_TABLE:
        return (double)nghttp2_session_get_hd_deflate_dynamic_table_size(session);
    case HTTP_STATE_INFLATE_TABLE:
        return (double)nghttp2_session_get_hd_inflate_dynamic_table_size(session);
    case HTTP_STATE_STREAM_LOCAL_CLOSED:
        return nghttp2_session_get_stream_local_close(session, id);
    case HTTP_STATE_STREAM_REMOTE_CLOSED:
        return nghttp2_session_get_stream_remote_close(session, id);
    case HTTP_STATE_STREAM_LOCAL_WINDOW:
        return nghttp2_session_get_stream_local_window_size(session, id);
    case HTTP_STATE_STREAM_REMOTE_WINDOW:
        return nghttp2_session_get_stream_remote_window_size(session, id);
    case HTTP_STATE_STREAM_STATE:
        stream = nghttp2_session_find_stream(session, id);
        return stream ? (double)nghttp2_stream_get_state(stream) : -1.0;
    case HTTP_STATE_FRAMES_RECEIVED:
        return m->scan.frames;
    case HTTP_STATE_FRAMES_SENT:
        return m->frames_sent;
    }
    return 0;
}
