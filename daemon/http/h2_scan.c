/* h2_scan: walks over the frame heads of what came in, ahead of nghttp2. Here are seen the
 * frames that nghttp2 drops without a word (unknown types, DATA of closed streams), whether
 * bytes end in the middle of a header block, and a client's GOAWAY, which nghttp2 must not see:
 * it would stop to read when the last stream is done, and requests that the client still sends
 * would be lost (API.md 9). */
#include <string.h>

#include "base/mem.h"
#include "http/h2_internal.h"

#define GOAWAY_HEAD_BYTES 8u
#define FRAME_BYTES_USUAL 16384u /* every SETTINGS_MAX_FRAME_SIZE allows as much */
#define PROGRESS_BYTES 32u       /* a DATA frame of fewer is no progress */

/* What is to be done about a frame. All but PASS first give nghttp2 what came before it. */
enum action {
    PASS,
    MEASURE, /* longer than usual */
    SWALLOW, /* a client's GOAWAY */
    STOP,    /* a connection error */
};

struct verdict {
    enum action action;
    uint32_t code; /* STOP: of GOAWAY */
    const char *reason;
};

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_waste_of_data(struct h2_machine *m, uint32_t length, uint8_t flags)
{
    if (length >= PROGRESS_BYTES && !(flags & NGHTTP2_FLAG_PADDED))
        h2_guard_progress(&m->guard);
    if (flags & NGHTTP2_FLAG_PADDED)
        return length <= 256; /* may be nothing but padding */
    return length == 0 && !(flags & NGHTTP2_FLAG_END_STREAM);
}

/* A frame other than HEADERS, PUSH_PROMISE and RST_STREAM (h2_receive.c counts those, it knows
 * the code). Its name when it is of no use by itself, else NULL. */
static const char *waste(struct h2_machine *m, uint8_t type, uint32_t length, uint8_t flags)
{
    switch (type) {
    case NGHTTP2_DATA:
        return is_waste_of_data(m, length, flags) ? "too many useless frames: empty DATA" : NULL;
    case NGHTTP2_PRIORITY:
        return "too many useless frames: PRIORITY";
    case NGHTTP2_SETTINGS:
        return "too many useless frames: SETTINGS";
    case NGHTTP2_PING:
        return "too many useless frames: PING";
    case NGHTTP2_GOAWAY:
        return "too many useless frames: GOAWAY";
    case NGHTTP2_WINDOW_UPDATE:
        return "too many useless frames: WINDOW_UPDATE";
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_CONTINUATION: /* not in a block: nghttp2 ends the session */
        return NULL;
    default:
        return "too many useless frames: unknown type";
    }
}

static struct verdict verdict_of(enum h2_verdict_of_id id)
{
    switch (id) {
    case H2_ID_SKIPPED:
        return (struct verdict){STOP, NGHTTP2_PROTOCOL_ERROR,
                                "HEADERS on a stream that was skipped"};
    case H2_ID_ENDED:
        return (struct verdict){STOP, NGHTTP2_STREAM_CLOSED,
                                "HEADERS or DATA behind the end of a stream"};
    default:
        return (struct verdict){PASS, 0, NULL};
    }
}

/* May a client send this now? RFC 9113 5.1. */
static struct verdict judge_id(struct h2_ids *ids, uint8_t type, uint8_t flags, uint32_t id)
{
    bool is_end = flags & NGHTTP2_FLAG_END_STREAM;

    if (id & 1) {
        if (type == NGHTTP2_HEADERS)
            return verdict_of(h2_ids_headers(ids, id, is_end));
        if (type == NGHTTP2_DATA)
            return verdict_of(h2_ids_data(ids, id, is_end));
        if (type == NGHTTP2_RST_STREAM)
            h2_ids_reset(ids, id);
    }
    return verdict_of(H2_ID_FINE);
}

static void begin_block(struct h2_scan *scan, uint32_t length, uint8_t flags)
{
    scan->is_in_block = !(flags & NGHTTP2_FLAG_END_HEADERS);
    scan->block_bytes += length;
    scan->blocks++;
    scan->seen++;
}

/* A frame head, whole. */
static struct verdict judge(struct h2_machine *m, const uint8_t head[H2_HEAD_BYTES])
{
    struct verdict verdict = {PASS, 0, NULL};
    struct h2_scan *scan = &m->scan;
    uint32_t length = be32(head) >> 8, id = be32(head + 5) & INT32_MAX;
    uint8_t type = head[3], flags = head[4];

    scan->left = length;
    scan->type = type;
    scan->frames++;
    if (!scan->is_started) { /* anything but SETTINGS: nghttp2 ends the session */
        scan->is_started = type == NGHTTP2_SETTINGS;
    } else if (scan->is_in_block) { /* anything but CONTINUATION: nghttp2 ends the session */
        scan->is_in_block = !(flags & NGHTTP2_FLAG_END_HEADERS);
        scan->block_bytes += length;
    } else {
        if (m->is_server)
            verdict = judge_id(&m->ids, type, flags, id);
        if (type == NGHTTP2_HEADERS || type == NGHTTP2_PUSH_PROMISE)
            begin_block(scan, length, flags);
        else if (verdict.action == PASS)
            verdict.reason = waste(m, type, length, flags);
        if (verdict.action == STOP)
            return verdict;
        if (verdict.reason && !h2_guard_useless(&m->guard, 1))
            return (struct verdict){STOP, HTTP_ENHANCE_YOUR_CALM, verdict.reason};
        if (m->is_server && type == NGHTTP2_GOAWAY && id == 0 && length >= GOAWAY_HEAD_BYTES &&
            length <= FRAME_BYTES_USUAL)
            verdict.action = SWALLOW;
    }
    if (length > FRAME_BYTES_USUAL)
        verdict.action = MEASURE;
    return verdict;
}

/* --- a client's GOAWAY */

static void tell_goaway(struct h2_machine *m)
{
    struct h2_goaway *goaway = m->peer_goaway;
    uint32_t last_id = be32(goaway->opaque) & INT32_MAX;

    goaway->code = be32(goaway->opaque + 4);
    if ((last_id & 1) || (m->has_peer_goaway && last_id > m->peer_goaway_id)) {
        h2_end(m, HTTP_PROTOCOL_ERROR, "GOAWAY: invalid last stream id %u", last_id);
    } else {
        m->has_peer_goaway = true;
        m->peer_goaway_id = last_id;
        m->base.callbacks->on_goaway(m->base.owner, goaway->code, last_id,
                                     goaway->opaque + GOAWAY_HEAD_BYTES,
                                     goaway->length - GOAWAY_HEAD_BYTES);
    }
    mem_free(goaway);
    m->peer_goaway = NULL;
    m->scan.is_swallowing = false;
}

static void begin_goaway(struct h2_machine *m)
{
    m->peer_goaway = mem_zalloc(sizeof(*m->peer_goaway) + m->scan.left);
    if (!m->peer_goaway) {
        m->err = ERR_NOMEM;
        return;
    }
    m->peer_goaway->length = m->scan.left;
    m->peer_goaway_used = 0;
    m->scan.is_swallowing = true;
}

static void continue_goaway(struct h2_machine *m, const uint8_t *bytes, size_t length)
{
    memcpy(m->peer_goaway->opaque + m->peer_goaway_used, bytes, length);
    m->peer_goaway_used += length;
    if (m->peer_goaway_used == m->peer_goaway->length)
        tell_goaway(m);
}

/* --- the walk */

/* Gives nghttp2 the bytes from..to. False: nothing more must be read. */
static bool pass(struct h2_machine *m, const uint8_t *from, const uint8_t *to)
{
    if (to > from)
        h2_read(m, from, (size_t)(to - from));
    return h2_is_live(m);
}

/* Our SETTINGS may allow such a frame, once acknowledged; nghttp2 has read all that came before
 * it. */
static bool is_too_long(const struct h2_machine *m)
{
    return m->scan.left >
           nghttp2_session_get_local_settings(m->session, NGHTTP2_SETTINGS_MAX_FRAME_SIZE);
}

/* A frame that is not just passed along with its neighbours. */
static void act(struct h2_machine *m, struct verdict verdict, const uint8_t *head)
{
    if (verdict.action == STOP && verdict.code == HTTP_ENHANCE_YOUR_CALM)
        h2_end_at_limit(m, LIMIT_USELESS_FRAMES, "%s (stream %u)", verdict.reason,
                        be32(head + 5) & INT32_MAX);
    else if (verdict.action == STOP)
        h2_end(m, verdict.code, "%s (stream %u)", verdict.reason, be32(head + 5) & INT32_MAX);
    else if (verdict.action == SWALLOW)
        begin_goaway(m);
    else if (verdict.action == MEASURE && !m->scan.is_started) /* text, read as a frame head */
        h2_end(m, NGHTTP2_PROTOCOL_ERROR,
               "no SETTINGS frame came first: the peer may not speak HTTP/2");
    else if (verdict.action == MEASURE && is_too_long(m))
        h2_end(m, NGHTTP2_FRAME_SIZE_ERROR, "a frame of %u bytes", m->scan.left);
    else
        pass(m, head, head + H2_HEAD_BYTES);
}

/* Puts the head together that the network cut. False: there is more to come. */
static bool join_head(struct h2_scan *scan, const uint8_t **at, const uint8_t *end)
{
    while (*at < end && scan->head_used < H2_HEAD_BYTES)
        scan->head[scan->head_used++] = *(*at)++;
    return scan->head_used == H2_HEAD_BYTES;
}

/* Payload at `at`; returns where it ends here. *from is moved behind what needs no passing any
 * more. */
static const uint8_t *skip_payload(struct h2_machine *m, const uint8_t **from, const uint8_t *at,
                                   const uint8_t *end)
{
    struct h2_scan *scan = &m->scan;
    size_t here = (size_t)(end - at) < scan->left ? (size_t)(end - at) : scan->left;

    scan->left -= (uint32_t)here;
    if (scan->is_swallowing) {
        continue_goaway(m, at, here);
        *from = at + here;
    } else if (scan->is_preface &&
               !scan->left) { /* a peer that speaks something else: look no further */
        scan->is_preface = false;
        pass(m, *from, at + here);
        *from = at + here;
    }
    return at + here;
}

/* `from` is where the bytes begin that nghttp2 has not had yet. It never gets a part of a head. */
void h2_scan_bytes(struct h2_machine *m, const uint8_t *bytes, size_t length)
{
    const uint8_t *from = bytes, *at = bytes, *end = bytes + length;
    struct h2_scan *scan = &m->scan;

    while (at < end && h2_is_live(m)) {
        const uint8_t *head = at;
        struct verdict verdict;

        if (scan->left) {
            at = skip_payload(m, &from, at, end);
            continue;
        }
        if (!scan->head_used && end - at >= (ptrdiff_t)H2_HEAD_BYTES) {
            at += H2_HEAD_BYTES;
            verdict = judge(m, head);
            if (verdict.action == PASS)
                continue;
            if (!pass(m, from, head))
                return;
        } else {
            if (!pass(m, from, at))
                return;
            if (!join_head(scan, &at, end))
                return;
            scan->head_used = 0;
            head = scan->head;
            verdict = judge(m, head);
        }
        from = at;
        act(m, verdict, head);
    }
    if (h2_is_live(m))
        pass(m, from, at);
}

/* HPACK bombs on streams that nghttp2 ignores cost time and make no noise: blocks that it did
 * not announce. */
void h2_scan_settle(struct h2_machine *m)
{
    struct h2_scan *scan = &m->scan;
    uint32_t ignored = scan->seen - m->taken;

    if (h2_scan_is_in_block(scan))
        return;
    if (ignored && !h2_guard_useless(&m->guard, ignored + scan->block_bytes / H2_BOMB_BYTES))
        h2_end_at_limit(m, LIMIT_USELESS_FRAMES,
                        "too many useless frames: HEADERS on closed streams");
    scan->seen = m->taken = scan->block_bytes = 0;
}
