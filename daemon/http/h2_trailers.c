/* h2_trailers: nghttp2 sends a block as soon as it gets it, so trailers that were given before
 * their body is framed to the end are kept here. */
#include <string.h>

#include "base/mem.h"
#include "http/h2_internal.h"

/* The link to those of stream id, or to the end of the list. */
static struct h2_trailers **find(struct h2_machine *m, uint32_t id)
{
    struct h2_trailers **link = &m->trailers;

    while (*link && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

static void discard(struct h2_trailers **link)
{
    struct h2_trailers *trailers = *link;

    *link = trailers->next;
    mem_free(trailers);
}

/* Copies fields and their texts into one block of memory. */
static enum err keep(struct h2_machine *m, uint32_t id, const struct http_field *fields,
                     size_t count)
{
    size_t size = sizeof(struct h2_trailers) + count * sizeof(*fields);
    struct h2_trailers *trailers;
    char *text;

    for (size_t i = 0; i < count; i++)
        size += (size_t)fields[i].name_length + fields[i].value_length;
    trailers = mem_alloc(size);
    if (!trailers)
        return ERR_NOMEM;
    trailers->id = id;
    trailers->count = count;
    text = (char *)&trailers->fields[count];
    for (size_t i = 0; i < count; i++) {
        struct http_field *field = &trailers->fields[i];

        *field = fields[i];
        field->name = memcpy(text, fields[i].name, fields[i].name_length);
        text += fields[i].name_length;
        field->value = memcpy(text, fields[i].value, fields[i].value_length);
        text += fields[i].value_length;
    }
    trailers->next = m->trailers;
    m->trailers = trailers;
    return OK;
}

static int submit(struct h2_machine *m, int32_t id, const struct http_field *fields, size_t count)
{
    nghttp2_nv few[H2_FIELDS_ON_STACK];
    const nghttp2_nv *nv = h2_nv(m, fields, count, few);

    return nv ? nghttp2_submit_trailer(m->session, id, nv, count) : NGHTTP2_ERR_NOMEM;
}

static h2_ssize read_nothing(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t length,
                             uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_machine *m = user;

    (void)session, (void)id, (void)bytes, (void)length;
    m->data_stream = source->ptr;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return 0;
}

/* An empty list: some clients dislike an empty block, so END_STREAM rides on an empty DATA
 * frame. */
static int submit_end(struct h2_machine *m, int32_t id, void *stream)
{
    h2_data_provider nothing = {.source.ptr = stream, .read_callback = read_nothing};

    return h2_submit_data(m->session, NGHTTP2_FLAG_END_STREAM, id, &nothing);
}

enum err h2_trailers_send(struct http_machine *base, uint32_t id, const struct http_field *fields,
                          size_t count)
{
    struct h2_machine *m = h2_of(base);
    uintptr_t tagged;

    if (!h2_is_live(m))
        return ERR_CLOSED;
    tagged = h2_tagged(m, (int32_t)id);
    if (tagged & H2_TAG_RESET || (!tagged && !h2_waiting_is_open(m, id)))
        return ERR_CLOSED;
    if (!(tagged & H2_TAG_ENDED))
        return *find(m, id) ? ERR_STATE : keep(m, id, fields, count);
    if (count)
        return h2_error(submit(m, (int32_t)id, fields, count));
    return h2_error(submit_end(m, (int32_t)id, h2_untagged(tagged)));
}

int h2_trailers_body_ended(struct h2_machine *m, int32_t id, bool *none)
{
    struct h2_trailers **link = find(m, (uint32_t)id), *trailers = *link;
    int error = 0;

    *none = false;
    if (!trailers) {
        h2_tag(m, id, h2_tagged(m, id) | H2_TAG_ENDED);
        return 0;
    }
    *none = trailers->count == 0;
    if (trailers->count)
        error = submit(m, id, trailers->fields, trailers->count);
    discard(link);
    return error;
}

void h2_trailers_forget(struct h2_machine *m, uint32_t id)
{
    struct h2_trailers **link;

    if (!m->trailers)
        return;
    link = find(m, id);
    if (*link)
        discard(link);
}

void h2_trailers_free(struct h2_machine *m)
{
    while (m->trailers)
        discard(&m->trailers);
}
