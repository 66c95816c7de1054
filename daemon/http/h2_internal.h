/* h2_internal: what the files of the HTTP/2 machine share. Only they know nghttp2. */
#ifndef HTTP_H2_INTERNAL_H
#define HTTP_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "http/machine.h"
#include "metrics/metrics.h"

/* nghttp2 1.60 gave the functions with ssize_t in their face successors and will drop the old
 * ones. */
#if NGHTTP2_VERSION_NUM >= 0x013c00
#define h2_ssize nghttp2_ssize
#define h2_data_provider nghttp2_data_provider2
#define h2_mem_recv nghttp2_session_mem_recv2
#define h2_mem_send nghttp2_session_mem_send2
#define h2_submit_request nghttp2_submit_request2
#define h2_submit_response nghttp2_submit_response2
#define h2_submit_data nghttp2_submit_data2
#define h2_set_select_padding nghttp2_session_callbacks_set_select_padding_callback2
#else
#define h2_ssize ssize_t
#define h2_data_provider nghttp2_data_provider
#define h2_mem_recv nghttp2_session_mem_recv
#define h2_mem_send nghttp2_session_mem_send
#define h2_submit_request nghttp2_submit_request
#define h2_submit_response nghttp2_submit_response
#define h2_submit_data nghttp2_submit_data
#define h2_set_select_padding nghttp2_session_callbacks_set_select_padding_callback
#endif

#define H2_HEAD_BYTES 9u    /* RFC 9113 4.1 */
#define H2_PROBE_TYPE 0xfau /* an extension frame of our own, never on the wire: see h2_receive.c */
#define H2_INFORMED_MAX \
    (1u << 20)                  /* bytes of 1xx blocks that wait; windows do not hold them back */
#define H2_OUTBOUND_FRAMES 5000 /* queued and unsent; more is a flood */
/* nghttp2 makes one stream too many a connection error. It is told this many more than the peer is, so that
 * RFC 9113 5.1.2 can be answered with REFUSED_STREAM, and the connection ends when it goes on. */
#define H2_STREAMS_GRACE 100u
#define H2_GAPS 4u
#define H2_MISTAKES 4u
#define H2_FIELDS_ON_STACK 48u
#define H2_SETTINGS_MAX 64u /* entries of one frame of ours */
/* So many bytes of a header block that is decoded for nothing weigh as much as a useless frame. */
#define H2_BOMB_BYTES 16u

/* --- h2_guard.c: budgets of what a peer may waste */

struct h2_bucket {
    uint32_t tokens, burst, rate; /* rate: tokens a second */
    uint64_t filled_ms;
};

struct h2_guard {
    struct h2_bucket resets, useless;
    uint32_t credit; /* useless frames that useful ones have paid for */
};

void h2_guard_init(struct h2_guard *guard, const struct http_options *options);
/* false: the budget is used up. */
bool h2_guard_reset(struct h2_guard *guard);
bool h2_guard_useless(struct h2_guard *guard, uint32_t frames);
void h2_guard_progress(struct h2_guard *guard); /* a frame that was of use, either way */

/* --- h2_ids.c: the ids of a client */

enum h2_verdict_of_id {
    H2_ID_FINE,
    H2_ID_SKIPPED, /* opened by nobody: PROTOCOL_ERROR */
    H2_ID_ENDED,   /* the peer said END_STREAM or RST_STREAM before: STREAM_CLOSED */
};

struct h2_gap {
    uint32_t first, last;
};

struct h2_ids {
    uint32_t next;     /* the lowest id that HEADERS have not passed yet */
    uint32_t trusted;  /* up to this id, those that ended are not told from those that did not */
    uint32_t *unended; /* rising */
    uint32_t count, cap;
    uint32_t gap_at;
    struct h2_gap gaps[H2_GAPS];
};

void h2_ids_init(struct h2_ids *ids);
void h2_ids_deinit(struct h2_ids *ids);
/* Frames of the client, by odd id. */
enum h2_verdict_of_id h2_ids_headers(struct h2_ids *ids, uint32_t id, bool is_end);
enum h2_verdict_of_id h2_ids_data(struct h2_ids *ids, uint32_t id, bool is_end);
void h2_ids_reset(struct h2_ids *ids, uint32_t id);

/* --- h2_shared.c: what all machines of the process share; it lives as long as one of them does */

/* The header block that is being received. */
struct h2_block {
    struct http_block_builder builder;
    uint64_t list_bytes;              /* RFC 9113 6.5.2 arithmetic */
    uint32_t authority, host, scheme; /* index of that field and one, 0: none */
    char status;                      /* first digit of :status, 0: none */
    bool is_refused;                  /* over a limit: counted on, not kept */
};

struct h2_shared {
    const nghttp2_session_callbacks *callbacks, *padding_callbacks;
    struct h2_block block; /* of the machine that is fed; one that ends in mid-block parks it */
    nghttp2_nv *nv;        /* for more fields than the stack takes */
    size_t nv_cap;
};

/* Own: one reference. NULL: no memory. */
struct h2_shared *h2_shared_get(void);
void h2_shared_put(void);
/* nghttp2's form of options, cached. Own: the cache. NULL: no memory. */
const nghttp2_option *h2_shared_option(const struct http_options *options);

/* --- h2_memory.c: nghttp2's allocator */

/* is_server: its frame block may be the shared one. Between begin and end lies
 * nghttp2_session_*_new only. */
nghttp2_mem *h2_memory_begin(bool is_server);
void h2_memory_end(void);
void h2_memory_trim(void); /* gives back what is kept for later */

/* --- the machine */

/* Walks over frame heads ahead of nghttp2. */
struct h2_scan {
    uint32_t left;              /* payload bytes of this frame still to come */
    uint32_t blocks;            /* header blocks begun, ever */
    uint32_t frames;            /* the same of frames */
    uint32_t announced;         /* the one of them that on_block_begin told about, 0: none */
    uint32_t seen, block_bytes; /* blocks and their bytes since h2_scan_settle() */
    uint8_t head[H2_HEAD_BYTES];
    uint8_t head_used; /* of a head that the network cut */
    uint8_t type;
    bool is_preface, is_started, is_in_block, is_swallowing;
};

struct h2_goaway {
    uint32_t code;
    int64_t last_id;
    size_t length;
    uint8_t opaque[];
};

/* Client: a request whose HEADERS have not left yet. */
struct h2_waiting {
    void *stream; /* NULL: on_closed was called */
    uint32_t id, code;
    bool is_cancelled;
};

/* Trailers that wait for the end of their body. */
struct h2_trailers {
    struct h2_trailers *next;
    uint32_t id;
    size_t count;
    struct http_field fields[];
};

struct h2_mistake {
    uint32_t id;
    const char *reason; /* static */
};

struct h2_machine {
    struct http_machine base;
    nghttp2_session *session;
    struct h2_shared *shared;
    enum err err; /* fatal: nghttp2 must not be touched any more */
    bool is_server;
    bool is_ended; /* by a connection error; GOAWAY may still have to leave */
    bool is_probed, is_suspect;
    bool is_parked; /* `parked` holds a half block */
    bool is_window_grown;
    bool has_peer_goaway, has_said_goaway;
    bool is_paused;   /* mem_send stopped for us, not because it was done */
    uint32_t goaways; /* GOAWAY frames in nghttp2's queue that the verbs put there */
    size_t informed;  /* bytes of 1xx blocks since the queue was last empty */
    uint32_t max_list_bytes, max_pairs, max_invalid, invalid, connection_window;
    uint32_t max_rejected, rejected; /* streams refused by the owner, in a row */
    uint32_t frames_sent;
    enum http_padding padding;
    uint32_t open;        /* server: streams of the client that nghttp2 has */
    uint32_t pushes;      /* server: and those that we promised */
    uint32_t max_streams; /* server: of our SETTINGS, without the grace */
    uint32_t promised;    /* server: the last id whose PUSH_PROMISE has left */
    uint32_t taken;       /* header blocks that nghttp2 took, see h2_scan.seen */
    uint32_t reset_by_peer, reset_by_us, unsent; /* ids of which on_stream_close is called next */
    int unsent_error;
    uint32_t peer_goaway_id;
    struct h2_scan scan;
    struct h2_guard guard;
    struct h2_ids ids; /* server */
    struct h2_block parked;
    struct h2_goaway *goaway;      /* to be said when what is queued has left */
    struct h2_goaway *peer_goaway; /* being received */
    size_t peer_goaway_used;
    struct h2_trailers *trailers;
    struct h2_waiting *waiting; /* by id, [waiting_first, waiting_end) */
    uint32_t waiting_first, waiting_end, waiting_cap, waiting_cancelled;
    uint32_t dead_from; /* client: requests from that id on never left and are closed; 0: none */
    struct h2_mistake mistakes[H2_MISTAKES];
    uint32_t mistake_at;
    struct http_piece piece;      /* between nghttp2's two calls for one DATA frame */
    void *data_stream;            /* whose it is */
    const struct http_sink *sink; /* during drain() */
};

/* nghttp2's stream user data: the session's pointer, and in its low bits two facts about the
 * stream. */
#define H2_TAG_RESET 1u /* the verb reset() was called */
#define H2_TAG_ENDED 2u /* the body is framed, trailers are to come */
#define H2_TAGS ((uintptr_t)3)

static inline struct h2_machine *h2_of(const struct http_machine *m)
{
    return (struct h2_machine *)(uintptr_t)m;
}

static inline uintptr_t h2_tagged(const struct h2_machine *m, int32_t id)
{
    return (uintptr_t)nghttp2_session_get_stream_user_data(m->session, id);
}

static inline void *h2_untagged(uintptr_t tagged)
{
    return (void *)(tagged & ~H2_TAGS);
}

static inline void *h2_stream(const struct h2_machine *m, int32_t id)
{
    return h2_untagged(h2_tagged(m, id));
}

static inline void h2_tag(struct h2_machine *m, int32_t id, uintptr_t tagged)
{
    nghttp2_session_set_stream_user_data(m->session, id, (void *)tagged);
}

/* Verbs on a machine that is over answer ERR_CLOSED. */
static inline bool h2_is_live(const struct h2_machine *m)
{
    return !m->is_ended && !m->err;
}

enum err h2_error(int nghttp2_error);

/* MAX_CONCURRENT_STREAMS as nghttp2 is told it; and back. */
static inline uint32_t h2_with_grace(uint32_t streams)
{
    return streams <= INT32_MAX - H2_STREAMS_GRACE ? streams + H2_STREAMS_GRACE : streams;
}

static inline uint32_t h2_without_grace(uint32_t streams)
{
    return streams >= H2_STREAMS_GRACE && streams <= INT32_MAX ? streams - H2_STREAMS_GRACE
                                                               : streams;
}

/* A connection error of the peer: GOAWAY(code) at the next drain(), nothing is read any more. */
void h2_end(struct h2_machine *m, uint32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, ENHANCE_YOUR_CALM, and counted as a hit of that limit. */
void h2_end_at_limit(struct h2_machine *m, enum metrics_limit limit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same after nghttp2 has queued that GOAWAY by itself. */
void h2_note_end(struct h2_machine *m, uint32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Why a stream is going to be reset by the machine itself, for on_closed. */
void h2_note_mistake(struct h2_machine *m, uint32_t id, const char *reason);
/* RST_STREAM because of the peer's mistake. */
void h2_refuse(struct h2_machine *m, int32_t id, uint32_t code, const char *reason);

/* h2_receive.c */
enum err h2_feed(struct http_machine *m, const uint8_t *bytes, size_t length);
void h2_read(struct h2_machine *m, const uint8_t *bytes, size_t length); /* bytes for nghttp2 */
void h2_receive_setup(nghttp2_session_callbacks *callbacks);

/* h2_scan.c */
void h2_scan_bytes(struct h2_machine *m, const uint8_t *bytes, size_t length);
void h2_scan_settle(struct h2_machine *m); /* behind each feed */

/* Do the bytes so far end inside a header block? */
static inline bool h2_scan_is_in_block(const struct h2_scan *scan)
{
    return scan->is_in_block ||
           (scan->left && (scan->type == NGHTTP2_HEADERS || scan->type == NGHTTP2_CONTINUATION ||
                           scan->type == NGHTTP2_PUSH_PROMISE));
}

/* h2_block.c */
void h2_block_setup(nghttp2_session_callbacks *callbacks);
int h2_block_received(struct h2_machine *m,
                      const nghttp2_frame *frame); /* 0 or an error for nghttp2 */

/* h2_announce.c: ALTSVC and ORIGIN */
void h2_announced(struct h2_machine *m, const nghttp2_frame *frame);

/* h2_verbs.c */
void h2_say_goaway(struct h2_machine *m); /* hands m->goaway to nghttp2 */

/* h2_send.c */
enum err h2_drain(struct http_machine *m, const struct http_sink *sink);
void h2_send_setup(nghttp2_session_callbacks *callbacks);
h2_data_provider h2_body_of(void *stream);
void h2_padding_setup(nghttp2_session_callbacks *callbacks);

/* h2_stream.c */
void h2_stream_setup(nghttp2_session_callbacks *callbacks);

/* h2_waiting.c: client requests that have not left */
enum err h2_waiting_reserve(struct h2_machine *m);
void h2_waiting_add(struct h2_machine *m, uint32_t id, void *stream);
void h2_waiting_left(struct h2_machine *m, uint32_t id); /* its HEADERS are framed */
/* Is on_closed for it done already? Forgets it. */
bool h2_waiting_closed(struct h2_machine *m, uint32_t id);
bool h2_waiting_is_open(const struct h2_machine *m,
                        uint32_t id); /* waits, and nobody cancelled it */
bool h2_waiting_cancel(struct h2_machine *m, uint32_t id,
                       uint32_t code);                /* false: it does not wait any more */
void h2_waiting_tell_cancelled(struct h2_machine *m); /* on_closed for those */
void h2_waiting_close_all(struct h2_machine *m, bool by_us, const char *reason);

/* h2_trailers.c */
enum err h2_trailers_send(struct http_machine *m, uint32_t id, const struct http_field *fields,
                          size_t count);
/* The last piece of a body with trailers is about to be framed. *none: an empty list was given.
 * Returns 0 or an error for nghttp2. */
int h2_trailers_body_ended(struct h2_machine *m, int32_t id, bool *none);
void h2_trailers_forget(struct h2_machine *m, uint32_t id);
void h2_trailers_free(struct h2_machine *m); /* all of them */

/* fields as nghttp2 wants them: in `few` when they fit, else in the shared array. NULL: no
 * memory. */
const nghttp2_nv *h2_nv(struct h2_machine *m, const struct http_field *fields, size_t count,
                        nghttp2_nv few[H2_FIELDS_ON_STACK]);

#endif
