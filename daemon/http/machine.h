/* machine: a protocol behind one face, both roles. Bytes go in by feed(), what they mean comes
 * out by callbacks; verbs record what to say, and drain() turns that into bytes. A machine has
 * no socket, no clock and no Lua, so a unit test drives two of them with a loop of memcpy.
 *
 * Callbacks come only from inside feed(), drain() and free(); they may record and mark and must
 * not call the machine, except where said. A `stream` is the session's own pointer, given at
 * on_open or request(); it points to something aligned to 4 bytes or more (the two low bits are
 * the machine's). */
#ifndef HTTP_MACHINE_H
#define HTTP_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "http/block.h"

struct http_machine;

/* RFC 9113 7: the codes that the session names itself. */
enum http_code {
    HTTP_NO_ERROR = 0,
    HTTP_PROTOCOL_ERROR = 1,
    HTTP_INTERNAL_ERROR = 2,
    HTTP_REFUSED_STREAM = 7,
    HTTP_CANCEL = 8,
    HTTP_ENHANCE_YOUR_CALM = 11,
};

enum http_category {
    HTTP_REQUEST,       /* server: a request's block */
    HTTP_RESPONSE,      /* client: the final block */
    HTTP_INFORMATIONAL, /* client: a 1xx block */
    HTTP_TRAILERS,
    HTTP_PUSH_PROMISE, /* client: the request that a pushed stream answers; on_open came before */
};

/* A piece of body on its way out. */
struct http_piece {
    const uint8_t *bytes; /* stays valid until the sink has had it */
    size_t length;
    void *chunk;   /* what the bytes belong to, for the sink */
    bool end;      /* nothing comes behind it: END_STREAM may ride on it */
    bool trailers; /* with end: they were or will be given by trailers(): no END_STREAM on DATA */
};

struct http_setting_entry {
    uint32_t id, value;
};

struct http_callbacks {
    /* The peer opens a stream (server: a request; client: a push). It comes when the block is
     * whole and found in order, right before its on_headers: of malformed and oversized requests
     * nothing is heard. Returns the session's stream, or NULL to refuse it with *code (an
     * HTTP/2 code, REFUSED_STREAM unless it is set): then on_headers does not follow, nor
     * on_closed. */
    void *(*on_open)(void *owner, uint32_t id, uint32_t *code);
    /* A whole block, checked against RFC 9113 8. block: the callee's. flags: the frame's flags
     * byte. */
    void (*on_headers)(void *owner, void *stream, enum http_category category, bool end_stream,
                       uint8_t flags, struct http_block *block);
    /* Body bytes, good until the bytes given to feed() go. The connection's window was opened
     * again already, the stream's is opened by consume(). Never called with length 0. */
    void (*on_data)(void *owner, void *stream, const uint8_t *bytes, size_t length);
    /* The peer's END_STREAM; right behind on_headers when it came with that. */
    void (*on_end)(void *owner, void *stream);
    void (*on_reset)(void *owner, void *stream, uint32_t code); /* by the peer; on_closed follows */
    void (*on_end_sent)(void *owner, void *stream);             /* our END_STREAM is framed */
    /* The last call for this stream. code: RST_STREAM's of either side, 0 after an orderly end,
     * REFUSED_STREAM when a GOAWAY left it out. by_us: our side did it (verb reset(), or the
     * machine itself because of the peer's mistake: then `reason` says which, else NULL). The
     * end of the session itself closes no stream: http_free() forgets it. */
    void (*on_closed)(void *owner, void *stream, uint32_t code, bool by_us, const char *reason);
    /* Settings of the peer arrived and were applied: those of one frame, in its order, good during
     * the call / ours were acknowledged. */
    void (*on_settings)(void *owner, const struct http_setting_entry *entries, size_t count);
    void (*on_settings_ack)(void *owner);
    void (*on_ping)(void *owner, const uint8_t payload[8], bool ack);
    void (*on_goaway)(void *owner, uint32_t code, uint32_t last_id, const uint8_t *opaque,
                      size_t length);
    /* A frame could not be sent (a block over the limit, say). type: RFC 9113 11.2. id 0: the
     * session's. */
    void (*on_frame_error)(void *owner, uint32_t id, uint8_t type, uint32_t code);
    /* The next piece of body, at most max bytes; called from drain() only, and only for a stream
     * that has a body. ERR_AGAIN: none now, data_ready() will tell. Returning a piece means it
     * is sent. length 0 with end is fine; length 0 without end is ERR_AGAIN. */
    enum err (*pull)(void *owner, void *stream, size_t max, struct http_piece *piece);
    /* A block begins to arrive / is whole (deadline of DESIGN 6, header_timeout): only of a
     * block that does not come whole with one feed(), and told at the end of that. Either may be
     * NULL. */
    void (*on_block_begin)(void *owner);
    void (*on_block_end)(void *owner);
    /* Client: ALTSVC (RFC 7838 4) and ORIGIN (RFC 8336). id: the stream that ALTSVC came on, 0 with
     * an origin. origins: as in the frame, each behind its length of two bytes, big-endian. Either
     * may be NULL. */
    void (*on_altsvc)(void *owner, uint32_t id, const uint8_t *origin, size_t origin_length,
                      const uint8_t *value, size_t value_length);
    void (*on_origin)(void *owner, const uint8_t *origins, size_t length);
    /* Server: a request that on_open was not asked about, or that it refused, is reset: it was malformed, or over a
     * limit. May be NULL. */
    void (*on_refused)(void *owner, uint32_t id, uint32_t code, const char *reason);
};

/* Where drain() puts bytes: in order, each call behind the one before. */
struct http_sink {
    void *owner;
    void (*copy)(void *owner, const uint8_t *bytes, size_t length); /* the sink copies them */
    /* The sink keeps the chunk. Never with length 0. */
    void (*refer)(void *owner, void *stream, const struct http_piece *piece);
    size_t (*room)(void *owner); /* bytes it still wants; drain() stops when it is 0 */
};

/* A header field to send. Copied during the call. Names are lower case; the caller has checked them
 * (http/fields.h). */
struct http_field {
    const char *name, *value;
    uint32_t name_length, value_length, flags;
};

enum http_setting {
    HTTP_HEADER_TABLE_SIZE = 1,
    HTTP_ENABLE_PUSH = 2,
    HTTP_MAX_CONCURRENT_STREAMS = 3,
    HTTP_INITIAL_WINDOW_SIZE = 4,
    HTTP_MAX_FRAME_SIZE = 5,
    HTTP_MAX_HEADER_LIST_SIZE = 6,
    HTTP_ENABLE_CONNECT_PROTOCOL = 8,
};

/* How DATA, HEADERS and PUSH_PROMISE are made longer than they need be. */
enum http_padding {
    HTTP_PADDING_NONE,
    HTTP_PADDING_ALIGNED, /* the frame, head and all, is a multiple of 8 bytes long */
    HTTP_PADDING_MAX,     /* as much as fits */
};

/* Limits and first settings of a machine. All counts are per session. */
struct http_options {
    bool server;
    const struct http_setting_entry *settings; /* sent in the preface; copied */
    size_t settings_count;
    /* Of one block, decoded. bytes: RFC 9113 6.5.2 arithmetic (32 a field). Over a limit the stream is
     * reset ENHANCE_YOUR_CALM, over twice max_header_list_bytes (and 128 KiB) the session ends. */
    uint32_t max_header_list_bytes;
    uint32_t max_header_pairs;
    uint32_t max_settings;                /* entries in one SETTINGS frame */
    uint32_t max_outstanding_pings_acks;  /* queued acks, then the session ends */
    uint32_t peer_max_concurrent_streams; /* client: assumed until the peer's SETTINGS */
    uint32_t max_deflate_table_bytes;
    uint32_t max_send_block_bytes;
    /* Buckets and their refill per second: resets by either side because of the peer; frames without
     * use (empty DATA, PING, SETTINGS, PRIORITY, unknown types, WINDOW_UPDATE without progress). */
    uint32_t reset_burst, reset_rate;
    uint32_t useless_burst, useless_rate;
    uint32_t max_invalid_frames;
    uint32_t max_rejected_streams;        /* refused by on_open in a row, then the session ends */
    uint32_t max_reserved_remote_streams; /* client: pushes that wait for their answer */
    enum http_padding padding;
    uint32_t connection_window; /* bytes; grown to when the first DATA comes */
    bool strict_whitespace;     /* fields whose values have outer blanks are dropped */
};

/* Fills in DESIGN.md 6 and API.md 4 defaults for the role. */
void http_options_defaults(struct http_options *options, bool server);

struct http_machine_kind {
    void (*free)(struct http_machine *m);
    enum err (*feed)(struct http_machine *m, const uint8_t *bytes, size_t length);
    enum err (*drain)(struct http_machine *m, const struct http_sink *sink);
    enum err (*request)(struct http_machine *m, const struct http_field *fields, size_t count,
                        bool end, void *stream, uint32_t *id);
    enum err (*respond)(struct http_machine *m, uint32_t id, const struct http_field *fields,
                        size_t count, bool end);
    enum err (*inform)(struct http_machine *m, uint32_t id, const struct http_field *fields,
                       size_t count);
    enum err (*trailers)(struct http_machine *m, uint32_t id, const struct http_field *fields,
                         size_t count);
    enum err (*push)(struct http_machine *m, uint32_t id, const struct http_field *fields,
                     size_t count, void *stream, uint32_t *promised);
    void (*data_ready)(struct http_machine *m, uint32_t id);
    enum err (*reset)(struct http_machine *m, uint32_t id, uint32_t code);
    void (*consume)(struct http_machine *m, uint32_t id, size_t bytes);
    enum err (*goaway)(struct http_machine *m, uint32_t code, int64_t last_id,
                       const uint8_t *opaque, size_t length);
    enum err (*shutdown_notice)(struct http_machine *m);
    enum err (*settings)(struct http_machine *m, const struct http_setting_entry *entries,
                         size_t count);
    enum err (*ping)(struct http_machine *m, const uint8_t payload[8]);
    enum err (*window)(struct http_machine *m, uint32_t size);
    enum err (*next_id)(struct http_machine *m, uint32_t id);
    enum err (*altsvc)(struct http_machine *m, uint32_t id, const char *origin,
                       size_t origin_length, const char *value, size_t value_length);
    enum err (*origin)(struct http_machine *m, const uint8_t *origins, size_t length);
    double (*setting)(const struct http_machine *m, bool remote, uint32_t id);
    double (*state)(const struct http_machine *m, int which, uint32_t id);
    bool (*is_over)(const struct http_machine *m);
    bool (*wants_write)(const struct http_machine *m);
};

/* The head of every machine's struct. */
struct http_machine {
    const struct http_machine_kind *kind;
    const struct http_callbacks *callbacks;
    void *owner;
    /* Why the machine ended the session; words for the log and closeInfo, code for GOAWAY. ""
     * while all is well. */
    uint32_t end_code;
    const char *end_name; /* a more telling name for it, static, or NULL */
    char end_reason[160];
};

/* An HTTP/2 machine on nghttp2. callbacks must outlive it. Own: caller, until http_free().
 * A client's first drain() emits the preface, a server's its SETTINGS.  Err: ERR_NOMEM. */
enum err http2_machine_new(const struct http_options *options,
                           const struct http_callbacks *callbacks, void *owner,
                           struct http_machine **out);

/* A machine that says one fixed text and is over: the answer to a peer that speaks something
 * else. text: static. */
enum err http_refusal_new(const char *text, size_t length, struct http_machine **out);

/* No callback comes from or after it (streams that are still known are simply forgotten). NULL
 * is fine. */
static inline void http_free(struct http_machine **m)
{
    if (*m)
        (*m)->kind->free(*m);
    *m = NULL;
}

/* Gives it bytes of the peer, all of them. Err: ERR_PROTOCOL when the session cannot go on
 * (end_code and end_reason say why, exactly so after the next drain(); what that still gives,
 * GOAWAY above all, should be sent), ERR_NOMEM (nothing can be sent). Bytes after that are
 * ignored. */
static inline enum err http_feed(struct http_machine *m, const uint8_t *bytes, size_t length)
{
    return m->kind->feed(m, bytes, length);
}

/* Puts bytes into the sink until there is nothing to say or the sink has no room. Err:
 * ERR_PROTOCOL (the session ends, as feed() says or as it missed to say; the bytes were put into
 * the sink), ERR_NOMEM (the session cannot go on). */
static inline enum err http_drain(struct http_machine *m, const struct http_sink *sink)
{
    return m->kind->drain(m, sink);
}

/* Client: opens a stream with id *id. end: no body (END_STREAM on HEADERS), else pull() is asked
 * for it. When the peer's limit of concurrent streams is reached the request waits inside,
 * silently, and has its id at once. Err: ERR_CLOSED (GOAWAY went or came: no new streams),
 * ERR_FULL (out of ids), ERR_NOMEM. */
static inline enum err http_request(struct http_machine *m, const struct http_field *fields,
                                    size_t count, bool end, void *stream, uint32_t *id)
{
    return m->kind->request(m, fields, count, end, stream, id);
}

/* Server: the final header block. end: END_STREAM on it, no body. Once a stream, the caller sees
 * to that. Err: ERR_CLOSED, ERR_NOMEM. */
static inline enum err http_respond(struct http_machine *m, uint32_t id,
                                    const struct http_field *fields, size_t count, bool end)
{
    return m->kind->respond(m, id, fields, count, end);
}

/* Server: a 1xx block.  Err: ERR_FULL, a MiB of them waits already. */
static inline enum err http_inform(struct http_machine *m, uint32_t id,
                                   const struct http_field *fields, size_t count)
{
    return m->kind->inform(m, id, fields, count);
}

/* Either role: the block behind a body whose last piece has `trailers`. Ends the stream. May
 * come before that piece (kept until then) or any time after it. No fields: END_STREAM without a
 * block. Err: ERR_CLOSED, ERR_STATE (given already), ERR_NOMEM. */
static inline enum err http_trailers(struct http_machine *m, uint32_t id,
                                     const struct http_field *fields, size_t count)
{
    return m->kind->trailers(m, id, fields, count);
}

/* Server: PUSH_PROMISE on stream id; then respond() on *promised. Err: ERR_STATE when the peer
 * has push off. */
static inline enum err http_push(struct http_machine *m, uint32_t id,
                                 const struct http_field *fields, size_t count, void *stream,
                                 uint32_t *promised)
{
    return m->kind->push(m, id, fields, count, stream, promised);
}

/* pull() has something again (or the end). Also right when it never said ERR_AGAIN. */
static inline void http_data_ready(struct http_machine *m, uint32_t id)
{
    m->kind->data_ready(m, id);
}

/* RST_STREAM at the next drain(); what of the stream is not framed by now is dropped, a response
 * given a moment ago with it: to let that out, drain() first (DESIGN.md 3, "Resets are marks").
 * on_closed follows in drain(). A stream that is closed already: OK, nothing happens. */
static inline enum err http_reset(struct http_machine *m, uint32_t id, uint32_t code)
{
    return m->kind->reset(m, id, code);
}

/* The application is done with that many body bytes: the stream's window may grow again. A
 * closed stream is fine. */
static inline void http_consume(struct http_machine *m, uint32_t id, size_t bytes)
{
    m->kind->consume(m, id, bytes);
}

/* GOAWAY at the next drain(), behind all frames that can leave by then (requests above all; one
 * DATA frame at the most goes before it). last_id -1: the last stream that was handed up when
 * the frame leaves. Streams at or below it go on, new ones are not heard of any more (RFC 9113
 * 6.8 promises the peer that they are not processed). A peer that said GOAWAY itself may still
 * send requests before it hangs up, and they are served (API.md 9): the answer to it, NO_ERROR
 * and -1, therefore says 2^31-1.  Err: ERR_CLOSED, ERR_RANGE (id of the wrong side, over 16376
 * bytes), ERR_NOMEM. */
static inline enum err http_goaway(struct http_machine *m, uint32_t code, int64_t last_id,
                                   const uint8_t *opaque, size_t length)
{
    return m->kind->goaway(m, code, last_id, opaque, length);
}

/* First step of a drain: GOAWAY(NO_ERROR, 2^31-1), RFC 9113 6.8. Err: ERR_STATE for a client. */
static inline enum err http_shutdown_notice(struct http_machine *m)
{
    return m->kind->shutdown_notice(m);
}

/* A server's HTTP_ENABLE_PUSH = 1 is left out: only 0 may be sent (RFC 9113 6.5.2).
 * Err: ERR_RANGE for a value that is forbidden there or more than 64 entries, ERR_NOMEM. */
static inline enum err http_settings(struct http_machine *m,
                                     const struct http_setting_entry *entries, size_t count)
{
    return m->kind->settings(m, entries, count);
}

static inline enum err http_ping(struct http_machine *m, const uint8_t payload[8])
{
    return m->kind->ping(m, payload);
}

/* The connection's receive window, total bytes. Err: ERR_RANGE over 2^31-1. */
static inline enum err http_window(struct http_machine *m, uint32_t size)
{
    return m->kind->window(m, size);
}

/* The id of the next stream that we open. Err: ERR_RANGE when it is not higher than those before
 * or of the peer's kind. */
static inline enum err http_next_id(struct http_machine *m, uint32_t id)
{
    return m->kind->next_id(m, id);
}

/* Server: ALTSVC, for the origin of stream id, or with id 0 for `origin`. Err: ERR_STATE for a
 * client, ERR_RANGE (origin with a stream, none without, over 16 KiB), ERR_NOMEM. */
static inline enum err http_altsvc(struct http_machine *m, uint32_t id, const char *origin,
                                   size_t origin_length, const char *value, size_t value_length)
{
    return m->kind->altsvc(m, id, origin, origin_length, value, value_length);
}

/* Server: ORIGIN; origins as on_origin has them. Err: as above, ERR_RANGE also for more than 1024. */
static inline enum err http_origin(struct http_machine *m, const uint8_t *origins, size_t length)
{
    return m->kind->origin(m, origins, length);
}

/* A setting that is in force: enum http_setting. -1: no such. */
static inline double http_setting(const struct http_machine *m, bool remote, uint32_t id)
{
    return m->kind->setting(m, remote, id);
}

/* Numbers for session.state and stream.state (API.md 5, 6). */
enum http_state {
    HTTP_STATE_EFFECTIVE_LOCAL_WINDOW,
    HTTP_STATE_EFFECTIVE_RECV_LENGTH,
    HTTP_STATE_NEXT_ID,
    HTTP_STATE_LOCAL_WINDOW,
    HTTP_STATE_LAST_PROCESSED_ID,
    HTTP_STATE_REMOTE_WINDOW,
    HTTP_STATE_OUTBOUND_QUEUE,
    HTTP_STATE_DEFLATE_TABLE,
    HTTP_STATE_INFLATE_TABLE,
    HTTP_STATE_STREAM_LOCAL_CLOSED,  /* 0 or 1, -1 unknown stream */
    HTTP_STATE_STREAM_REMOTE_CLOSED, /* the same */
    HTTP_STATE_STREAM_LOCAL_WINDOW,
    HTTP_STATE_STREAM_REMOTE_WINDOW,
    HTTP_STATE_FRAMES_RECEIVED, /* ever */
    HTTP_STATE_FRAMES_SENT,
    HTTP_STATE_STREAM_STATE, /* 1 idle, 2 open, 3 and 4 reserved by us and the peer, 5 and 6 half-closed, 7 closed; -1 */
};

static inline double http_state(const struct http_machine *m, enum http_state which, uint32_t id)
{
    return m->kind->state(m, (int)which, id);
}

/* Nothing more is to be read or said: the transport may end. After the peer's GOAWAY a server's
 * machine that is over still takes bytes, and is not over any more when they hold a request. */
static inline bool http_is_over(const struct http_machine *m)
{
    return m->kind->is_over(m);
}

/* Would drain() say something? Cheap; for the sign that a session is dirty. */
static inline bool http_wants_write(const struct http_machine *m)
{
    return m->kind->wants_write(m);
}

#endif
