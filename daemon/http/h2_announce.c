/* h2_announce: ALTSVC (RFC 7838) and ORIGIN (RFC 8336), said by servers, heard by clients. */
#include <string.h>

#include "base/mem.h"
#include "http/h2_verbs.h"

#define ORIGINS_MAX 1024u
#define FRAME_BYTES 16384u

enum err h2_altsvc(struct http_machine *base, uint32_t id, const char *origin, size_t origin_length,
                   const char *value, size_t value_length)
{
    struct h2_machine *m = h2_of(base);

    if (!h2_is_live(m))
        return ERR_CLOSED;
    if (!m->is_server)
        return ERR_STATE;
    /* nghttp2's client calls a frame of more an error, and RFC 7838 4 drops one that says both. */
    if (2 + origin_length + value_length > FRAME_BYTES || (id == 0) != (origin_length > 0) ||
        id > INT32_MAX)
        return ERR_RANGE;
    return h2_error(nghttp2_submit_altsvc(m->session, NGHTTP2_FLAG_NONE, (int32_t)id,
                                          (const uint8_t *)origin, origin_length,
                                          (const uint8_t *)value, value_length));
}

enum err h2_origin(struct http_machine *base, const uint8_t *origins, size_t length)
{
    struct h2_machine *m = h2_of(base);
    nghttp2_origin_entry *entries = NULL;
    enum err err = ERR_RANGE;
    size_t count = 0;

    if (!h2_is_live(m))
        return ERR_CLOSED;
    if (!m->is_server)
        return ERR_STATE;
    if (length > FRAME_BYTES)
        return ERR_RANGE;
    entries = mem_alloc(ORIGINS_MAX * sizeof(*entries));
    if (!entries)
        return ERR_NOMEM;
    for (size_t at = 0; at < length; count++) {
        size_t bytes;

        if (length - at < 2 || count == ORIGINS_MAX)
            goto done;
        bytes = (size_t)origins[at] << 8 | origins[at + 1];
        if (bytes > length - at - 2)
            goto done;
        entries[count].origin = (uint8_t *)(uintptr_t)(origins + at + 2); /* nghttp2 copies it */
        entries[count].origin_len = bytes;
        at += 2 + bytes;
    }
    err = h2_error(nghttp2_submit_origin(m->session, NGHTTP2_FLAG_NONE, entries, count));
done:
    mem_free(entries);
    return err;
}

static void origins_arrived(struct h2_machine *m, const nghttp2_ext_origin *origin)
{
    uint8_t bytes[FRAME_BYTES];
    size_t used = 0;

    for (size_t i = 0; i < origin->nov; i++) {
        const nghttp2_origin_entry *entry = &origin->ov[i];

        if (entry->origin_len + 2 > sizeof(bytes) - used)
            break; /* our SETTINGS allow no such frame */
        bytes[used++] = (uint8_t)(entry->origin_len >> 8);
        bytes[used++] = (uint8_t)entry->origin_len;
        memcpy(bytes + used, entry->origin, entry->origin_len);
        used += entry->origin_len;
    }
    m->base.callbacks->on_origin(m->base.owner, bytes, used);
}

void h2_announced(struct h2_machine *m, const nghttp2_frame *frame)
{
    const struct http_callbacks *callbacks = m->base.callbacks;

    if (frame->hd.type == NGHTTP2_ALTSVC && callbacks->on_altsvc) {
        const nghttp2_ext_altsvc *altsvc = frame->ext.payload;

        callbacks->on_altsvc(m->base.owner, (uint32_t)frame->hd.stream_id, altsvc->origin,
                             altsvc->origin_len, altsvc->field_value, altsvc->field_value_len);
    } else if (frame->hd.type == NGHTTP2_ORIGIN && callbacks->on_origin) {
        origins_arrived(m, frame->ext.payload);
    }
}
