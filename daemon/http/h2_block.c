/* h2_block: header blocks on their way in: collected, limited, checked beyond what nghttp2
 * checks, handed up. */
#include <string.h>

#include "base/mem.h"
#include "http/fields.h"
#include "http/h2_internal.h"

/* So much of a refused block is decoded in any case: with a small limit twice that costs nothing,
 * and is no attack yet. Bytes. */
enum { DECODED_MIN = 128 * 1024 };

/* The stream that a block is about. */
static int32_t subject_of(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_PUSH_PROMISE ? frame->push_promise.promised_stream_id
                                                  : frame->hd.stream_id;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_machine *m = user;
    struct h2_block *block = &m->shared->block;

    (void)session;
    http_block_begin(&block->builder);
    block->list_bytes = 0;
    block->authority = block->host = block->scheme = 0;
    block->status = 0;
    block->is_refused = false;
    m->taken++;
    if (m->is_server && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        m->open++;
    return 0;
}

/* Over a limit: the stream is given up at once, the connection when it gets worse. The rest of
 * the block must be decoded all the same (RFC 9113 4.3), so it is counted on. */
static int refuse_block(struct h2_machine *m, const nghttp2_frame *frame)
{
    struct h2_block *block = &m->shared->block;

    if (block->list_bytes > (uint64_t)m->max_list_bytes * 2 && block->list_bytes > DECODED_MIN) {
        h2_end_at_limit(m, LIMIT_HEADER_LIST_SIZE,
                        "a header block of more than twice max_header_list_bytes (%u)",
                        m->max_list_bytes);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (!block->is_refused) {
        block->is_refused = true;
        metrics_hit(block->list_bytes > m->max_list_bytes ? LIMIT_HEADER_LIST_SIZE
                                                          : LIMIT_HEADER_PAIRS);
        h2_refuse(m, subject_of(frame), HTTP_ENHANCE_YOUR_CALM,
                  block->list_bytes > m->max_list_bytes ? "a header block over max_header_list_bytes"
                                                        : "a header block over max_header_pairs");
    }
    return m->err ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* Remembers where the fields are that we look at. */
static void note_field(struct h2_block *block, const uint8_t *name, size_t length,
                       const uint8_t *value, size_t value_length)
{
    uint32_t place = block->builder.count + 1;

    if (length == 10 && memcmp(name, ":authority", 10) == 0)
        block->authority = place;
    else if (length == 4 && memcmp(name, "host", 4) == 0)
        block->host = place;
    else if (length == 7 && memcmp(name, ":scheme", 7) == 0)
        block->scheme = place;
    else if (length == 7 && value_length && memcmp(name, ":status", 7) == 0)
        block->status = (char)value[0];
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user)
{
    struct h2_machine *m = user;
    struct h2_block *block = &m->shared->block;

    (void)session;
    block->list_bytes += name_length + value_length + 32;
    if (block->list_bytes > m->max_list_bytes || block->builder.count >= m->max_pairs ||
        block->is_refused)
        return refuse_block(m, frame);
    if (name_length == 4 || name[0] == ':')
        note_field(block, name, name_length, value, value_length);
    if (http_block_add(&block->builder, name, name_length, value, value_length,
                       flags & NGHTTP2_NV_FLAG_NO_INDEX ? FIELD_SENSITIVE : 0)) {
        m->err = ERR_NOMEM;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* A field that nghttp2 found wrong (not a pseudo header: those end the stream at once). One whose only fault are
 * blanks around the value is dropped, strict_whitespace (API.md 4); anything else makes the message malformed. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_length, const uint8_t *value,
                             size_t value_length, uint8_t flags, void *user)
{
    struct h2_machine *m = user;
    struct h2_block *block = &m->shared->block;

    (void)session, (void)flags;
    if (!value_length || !(is_blank(value[0]) || is_blank(value[value_length - 1])) ||
        !nghttp2_check_header_name(name, name_length) ||
        !nghttp2_check_header_value(value, value_length))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    block->list_bytes += name_length + value_length + 32;
    return block->list_bytes > m->max_list_bytes || block->is_refused ? refuse_block(m, frame) : 0;
}

/* --- RFC 9113 8.3.1, what nghttp2 leaves to the application */

struct text {
    const char *at;
    size_t length;
};

static struct text value_at(const struct http_block_builder *builder, uint32_t place)
{
    const struct http_block_field *field = &builder->fields[place - 1];

    return (struct text){builder->bytes + field->value, field->value_length};
}

static struct text without_default_port(struct text authority, bool is_https)
{
    const char *port = is_https ? ":443" : ":80";
    size_t length = strlen(port);

    if (authority.length > length &&
        memcmp(authority.at + authority.length - length, port, length) == 0)
        authority.length -= length;
    return authority;
}

/* Do both name the same place? Bytes that differ get a second look: case and the scheme's port
 * (RFC 3986 6.2.3). */
static bool is_same_authority(struct text a, struct text b, bool is_https)
{
    if (a.length == b.length && memcmp(a.at, b.at, a.length) == 0)
        return true;
    a = without_default_port(a, is_https);
    b = without_default_port(b, is_https);
    return a.length == b.length && strncasecmp(a.at, b.at, a.length) == 0;
}

/* NULL when the request is well formed, else what is wrong. */
static const char *request_mistake(const struct h2_block *block)
{
    struct text authority = {0}, host = {0}, scheme = {0};

    if (block->authority) {
        authority = value_at(&block->builder, block->authority);
        if (!http_authority_is_sane(authority.at, authority.length))
            return "malformed :authority";
    }
    if (block->host) {
        host = value_at(&block->builder, block->host);
        if (!http_authority_is_sane(host.at, host.length))
            return "malformed host";
    }
    if (block->authority && block->host) {
        if (block->scheme)
            scheme = value_at(&block->builder, block->scheme);
        if (!is_same_authority(authority, host,
                               scheme.length == 5 && memcmp(scheme.at, "https", 5) == 0))
            return "host differs from :authority";
    }
    return NULL;
}

/* --- handing up */

static int hand_up(struct h2_machine *m, const nghttp2_frame *frame, void *stream,
                   enum http_category category)
{
    const struct http_callbacks *callbacks = m->base.callbacks;
    bool is_end = frame->hd.type == NGHTTP2_HEADERS && frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    struct http_block *block;

    if (http_block_finish(&m->shared->block.builder, &block)) {
        m->err = ERR_NOMEM;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    callbacks->on_headers(m->base.owner, stream, category, is_end, frame->hd.flags, block);
    if (is_end)
        callbacks->on_end(m->base.owner, stream);
    return 0;
}

/* A stream of the peer begins: a request, or a push. */
static int open_stream(struct h2_machine *m, const nghttp2_frame *frame, enum http_category category)
{
    int32_t id = subject_of(frame);
    const char *mistake = request_mistake(&m->shared->block);
    uint32_t code = HTTP_REFUSED_STREAM;
    void *stream;

    if (mistake) {
        h2_refuse(m, id, HTTP_PROTOCOL_ERROR, mistake);
        return m->err ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
    }
    stream = NULL;
    if (!m->is_server || m->open <= m->max_streams)
        stream = m->base.callbacks->on_open(m->base.owner, (uint32_t)id, &code);
    else
        metrics_hit(LIMIT_STREAMS);
    if (!stream) {
        h2_refuse(m, id, code, "refused");
        if (++m->rejected > m->max_rejected)
            h2_end_at_limit(m, LIMIT_REJECTED_STREAMS, "more than %u streams had to be refused",
                            m->max_rejected);
        return m->err ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
    }
    m->rejected = 0;
    h2_tag(m, id, (uintptr_t)stream);
    h2_guard_progress(&m->guard);
    return hand_up(m, frame, stream, category);
}

int h2_block_received(struct h2_machine *m, const nghttp2_frame *frame)
{
    void *stream;

    if (frame->hd.type == NGHTTP2_PUSH_PROMISE)
        return open_stream(m, frame, HTTP_PUSH_PROMISE);
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        return open_stream(m, frame, HTTP_REQUEST);

    stream = h2_stream(m, frame->hd.stream_id);
    if (!stream)
        return 0;
    h2_guard_progress(&m->guard);
    if (m->is_server || !m->shared->block.status)
        return hand_up(m, frame, stream, HTTP_TRAILERS);
    return hand_up(m, frame, stream,
                   m->shared->block.status == '1' ? HTTP_INFORMATIONAL : HTTP_RESPONSE);
}

void h2_block_setup(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
}
