/* refusal: the machine of a peer that is told one text and then left. It reads nothing. */
#include "base/mem.h"
#include "http/machine.h"

struct refusal {
    struct http_machine base;
    const uint8_t *text;
    size_t length; /* still to say */
};

static struct refusal *refusal_of(struct http_machine *m)
{
    return (struct refusal *)m;
}

static void refusal_free(struct http_machine *m)
{
    mem_free(m);
}

static enum err refusal_feed(struct http_machine *m, const uint8_t *bytes, size_t length)
{
    (void)m, (void)bytes, (void)length;
    return OK;
}

static enum err refusal_drain(struct http_machine *m, const struct http_sink *sink)
{
    struct refusal *r = refusal_of(m);

    if (r->length && sink->room(sink->owner)) {
        sink->copy(sink->owner, r->text, r->length);
        r->length = 0;
    }
    return OK;
}

static enum err refusal_request(struct http_machine *m, const struct http_field *fields,
                                size_t count, bool end, void *stream, uint32_t *id)
{
    (void)m, (void)fields, (void)count, (void)end, (void)stream, (void)id;
    return ERR_CLOSED;
}

static enum err refusal_respond(struct http_machine *m, uint32_t id,
                                const struct http_field *fields, size_t count, bool end)
{
    (void)m, (void)id, (void)fields, (void)count, (void)end;
    return ERR_CLOSED;
}

static enum err refusal_fields(struct http_machine *m, uint32_t id, const struct http_field *fields,
                               size_t count)
{
    (void)m, (void)id, (void)fields, (void)count;
    return ERR_CLOSED;
}

static enum err refusal_push(struct http_machine *m, uint32_t id, const struct http_field *fields,
                             size_t count, void *stream, uint32_t *promised)
{
    (void)m, (void)id, (void)fields, (void)count, (void)stream, (void)promised;
    return ERR_CLOSED;
}

static void refusal_data_ready(struct http_machine *m, uint32_t id)
{
    (void)m, (void)id;
}

static enum err refusal_reset(struct http_machine *m, uint32_t id, uint32_t code)
{
    (void)m, (void)id, (void)code;
    return OK;
}

static void refusal_consume(struct http_machine *m, uint32_t id, size_t bytes)
{
    (void)m, (void)id, (void)bytes;
}

static enum err refusal_goaway(struct http_machine *m, uint32_t code, int64_t last_id,
                               const uint8_t *opaque, size_t length)
{
    (void)m, (void)code, (void)last_id, (void)opaque, (void)length;
    return ERR_CLOSED;
}

static enum err refusal_shutdown_notice(struct http_machine *m)
{
    (void)m;
    return ERR_CLOSED;
}

static enum err refusal_settings(struct http_machine *m, const struct http_setting_entry *entries,
                                 size_t count)
{
    (void)m, (void)entries, (void)count;
    return ERR_CLOSED;
}

static enum err refusal_ping(struct http_machine *m, const uint8_t payload[8])
{
    (void)m, (void)payload;
    return ERR_CLOSED;
}

static enum err refusal_window(struct http_machine *m, uint32_t size)
{
    (void)m, (void)size;
    return ERR_CLOSED;
}

static enum err refusal_next_id(struct http_machine *m, uint32_t id)
{
    (void)m, (void)id;
    return ERR_CLOSED;
}

static enum err refusal_altsvc(struct http_machine *m, uint32_t id, const char *origin,
                               size_t origin_length, const char *value, size_t value_length)
{
    (void)m, (void)id, (void)origin, (void)origin_length, (void)value, (void)value_length;
    return ERR_CLOSED;
}

static enum err refusal_origin(struct http_machine *m, const uint8_t *origins, size_t length)
{
    (void)m, (void)origins, (void)length;
    return ERR_CLOSED;
}

static double refusal_setting(const struct http_machine *m, bool remote, uint32_t id)
{
    (void)m, (void)remote, (void)id;
    return 0;
}

static double refusal_state(const struct http_machine *m, int which, uint32_t id)
{
    (void)m, (void)id;
    return which >= HTTP_STATE_STREAM_LOCAL_CLOSED && which <= HTTP_STATE_STREAM_REMOTE_WINDOW ? -1
                                                                                               : 0;
}

static bool refusal_is_over(const struct http_machine *m)
{
    return ((const struct refusal *)m)->length == 0;
}

static bool refusal_wants_write(const struct http_machine *m)
{
    return ((const struct refusal *)m)->length != 0;
}

static const struct http_machine_kind refusal_kind = {
    .free = refusal_free,
    .feed = refusal_feed,
    .drain = refusal_drain,
    .request = refusal_request,
    .respond = refusal_respond,
    .inform = refusal_fields,
    .trailers = refusal_fields,
    .push = refusal_push,
    .data_ready = refusal_data_ready,
    .reset = refusal_reset,
    .consume = refusal_consume,
    .goaway = refusal_goaway,
    .shutdown_notice = refusal_shutdown_notice,
    .settings = refusal_settings,
    .ping = refusal_ping,
    .window = refusal_window,
    .next_id = refusal_next_id,
    .altsvc = refusal_altsvc,
    .origin = refusal_origin,
    .setting = refusal_setting,
    .state = refusal_state,
    .is_over = refusal_is_over,
    .wants_write = refusal_wants_write,
};

enum err http_refusal_new(const char *text, size_t length, struct http_machine **out)
{
    struct refusal *r = mem_zalloc(sizeof(*r));

    *out = NULL;
    if (!r)
        return ERR_NOMEM;
    r->base.kind = &refusal_kind;
    r->text = (const uint8_t *)text;
    r->length = length;
    *out = &r->base;
    return OK;
}
