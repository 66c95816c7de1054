/* session: a transport joined to an HTTP machine, either role. Bytes cross in two functions, one each
 * way. Made by a server's accept, by session_adopt() or by client.h; freed by the worker when the script
 * has heard EVENT_SESSION_GONE (a session that the script never heard of goes silently). */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "config/limits.h"
#include "http/machine.h"
#include "http/sniff.h"
#include "metrics/metrics.h"
#include "net/connector.h"
#include "net/tls.h"
#include "net/transport.h"
#include "session/stream.h"
#include "session/worker.h"

enum session_state {
    SESSION_CONNECTING, /* client: no transport yet */
    SESSION_HANDSHAKE,  /* the transport is not open yet */
    SESSION_SNIFFING,   /* server, clear text: which protocol? */
    SESSION_UNDECIDED, /* server, TLS: no HTTP/2 with this peer; the script says what becomes of it */
    SESSION_OPEN,      /* a machine speaks with the peer */
    SESSION_ENDING,    /* its last bytes are leaving */
    SESSION_LINGERING, /* our FIN is out, the peer's is waited for */
    SESSION_GONE,      /* the last event is in the batch */
};

enum session_deadline {
    DEADLINE_NONE,
    DEADLINE_HANDSHAKE,
    DEADLINE_HEAD,
    DEADLINE_IDLE,
    DEADLINE_LINGER,
};

/* What all sessions of a server, or one client, are made with. Texts and settings are copied where they are kept. */
struct session_options {
    struct http_options http;
    struct limits limits;
    struct tls_context *tls;      /* NULL: clear text. Held */
    uint32_t unknown_protocol_ms; /* server: how long an undecided one may stay */
    uint32_t keep_alive_s; /* TCP keep-alive after that much silence; 0: the system's habit */
    bool keep_alive;
    struct http_setting_entry settings[32];
};

/* For session.metrics of the script. */
struct session_counts {
    double frames_in, frames_out;
    uint32_t streams, most_streams, ended_streams; /* ever; at a time; ever */
    double stream_ms; /* how long those that ended were open, added up */
};

struct session {
    struct list dirty_link;
    struct list streams, resets;
    struct worker *worker;
    struct server *server; /* NULL: a client */
    struct transport *transport;
    struct http_machine *machine;
    struct connector *connector;
    struct session_options *options; /* the server's, or our own (client) */
    char *server_name;               /* client: for TLS */
    uint32_t slot, generation;
    uint32_t number; /* see session_number() */
    enum session_state state;
    struct output output;
    struct deadline deadline;
    enum session_deadline deadline_for;
    struct failure failure; /* a client's connect or handshake error */
    uint8_t sniffed[HTTP_PREFACE_BYTES];
    uint8_t sniffed_length;
    bool announced;    /* the script knows it */
    bool noticed;      /* the script heard of its connection */
    bool failed;       /* with UNDECIDED: its TLS handshake */
    bool slow_to_end;  /* lingers for unknown_protocol_ms */
    bool unheld;       /* it does not keep the program running */
    bool settled;      /* the peer's first SETTINGS came */
    bool in_block;     /* a header block is half here */
    bool closing;      /* ends by itself when no stream is open */
    bool goaway_waits; /* behind what is queued */
    bool said_goaway;
    bool ping_waits;  /* behind the notice of a drain */
    bool input_ended; /* the peer's FIN was seen */
    bool output_dead; /* a write failed; what the peer said before is still read */
    bool hang_up_awaited;
    bool told_gone;
    enum ended_by by;
    uint32_t end_code;
    uint32_t stream_count;
    uint32_t unacked; /* PING and SETTINGS of ours */
    size_t held;      /* bytes of queued bodies and of header blocks */
    struct session_counts counts;
    uint32_t activity;          /* reads and writes, counted */
    double bytes_in, bytes_out; /* of the protocol, TLS aside */
    char end_name[64];
    char end_reason[200];
    struct {
        uint32_t code;
        int64_t last_id;
        uint8_t *opaque;
        uint32_t length;
    } goaway;
};

static inline enum metrics_role session_role(const struct session *session)
{
    return session->server ? METRICS_SERVER : METRICS_CLIENT;
}

/* Server: joins a transport (taken over, also on error). The script hears of it when the peer speaks HTTP/2; or
 * knows it from the beginning, when out is not NULL. Err: ERR_NOMEM, ERR_FULL. */
enum err session_accept(struct worker *worker, struct server *server,
                        struct session_options *options, struct transport *transport,
                        struct session **out);

/* Client: connects to the target, TLS when the options say so. options: a copy is made.
 * EVENT_SESSION_OPEN or EVENT_SESSION_GONE follow.  Err: ERR_NOMEM, ERR_FULL, ERR_IO. */
enum err session_connect(struct worker *worker, const struct session_options *options,
                         const struct connector_target *target, const char *server_name,
                         struct session **out);

/* Client: over a transport that is there (taken over, also on error). */
enum err session_connect_over(struct worker *worker, const struct session_options *options,
                              struct transport *transport, const char *server_name,
                              struct session **out);

/* Answers CONNECTION_HELLO. Err: ERR_STATE when it does not wait for that, ERR_NOMEM. */
enum err session_answer(struct session *session, const struct tls_answer *answer);

/* Ends a server's connection that HTTP/2 did not begin on, after these bytes (at most 16 KiB; none, or in a handshake:
 * at once). bytes NULL: in the words for a peer that did not agree on HTTP/2.  Err: ERR_STATE, ERR_RANGE, ERR_NOMEM. */
enum err session_dismiss(struct session *session, const char *bytes, size_t length);

/* What scripts and logs call it: counted from 1 in this process, when it is first asked for. */
uint32_t session_number(struct session *session);
uint32_t session_new_number(void); /* for one that does not exist yet */

/* Does it keep the program running? From now on and when it is connected. */
void session_hold(struct session *session, bool hold);

void session_free(struct session *session);

/* Ends it without a word to peer or script (the end of the process). */
void session_drop(struct session *session);

/* Client: a new exchange. Err: ERR_CLOSED, ERR_FULL, ERR_NOMEM. */
enum err session_request(struct session *session, const struct http_field *fields, size_t count,
                         bool end, struct stream **out);

/* Server: a promised exchange on `on`. Err: ERR_STATE when the peer has push off, ERR_CLOSED, ERR_NOMEM. */
enum err session_push(struct stream *on, const struct http_field *fields, size_t count,
                      struct stream **out);

/* GOAWAY behind all that is queued now. last_id -1: the last one handed up. opaque is copied. */
enum err session_goaway(struct session *session, uint32_t code, int64_t last_id,
                        const uint8_t *opaque, uint32_t length);

/* The first step of leaving in two (RFC 9113 6.8): GOAWAY(NO_ERROR, 2^31-1), and behind it a PING with
 * SESSION_DRAIN_PING, whose answer says that the peer knows. New streams are still served; session_close() is the
 * second step.  Err: ERR_CLOSED. */
#define SESSION_DRAIN_PING "draining"
enum err session_drain(struct session *session);

/* Graceful: GOAWAY(NO_ERROR), unless one went before; the session ends when no stream is left, a server's after the client hung up or
 * limits.linger_ms. */
enum err session_close(struct session *session);

/* At once: streams are forgotten, GOAWAY(code), then the transport ends. by: for closeInfo. */
void session_destroy(struct session *session, uint32_t code, enum ended_by by, const char *reason);

/* Has something to say (or a deadline to think over) at the end of this turn. */
void session_mark_dirty(struct session *session);

/* The egress pump. Only for worker_turn(). */
void session_pump(struct session *session);

/* Drops the chunk when the pump has sent or kept what it gathered. */
void session_drop_later(struct session *session, struct chunk *chunk);

/* The counts until now, also of a session that is gone. */
const struct session_counts *session_count(struct session *session);

/* A stream of it closed; it may be the last. */
void session_on_stream_closed(struct session *session);

#endif
