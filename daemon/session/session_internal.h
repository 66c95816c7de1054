/* session_internal: what the files of a session's life, ingress and egress share. */
#ifndef SESSION_SESSION_INTERNAL_H
#define SESSION_SESSION_INTERNAL_H

#include "session/session.h"

/* The HTTP machine's reports, recorded as events (session_receive.c). */
extern const struct http_callbacks session_callbacks;

/* The one way in for bytes (session_receive.c). */
void session_ingress(struct session *session);

/* Drains the machine into the output; what the transport takes leaves at once (session_send.c). */
void session_flush_machine(struct session *session);

/* Makes the HTTP/2 machine and announces the session (session.c). */
void session_start_machine(struct session *session);

/* Ends it in order: what the machine still says leaves, streams are closed with code, then FIN and the
 * wait for the peer's (session.c). name: an error's code or "". */
void session_end(struct session *session, enum ended_by by, uint32_t code, const char *name,
                 const char *reason);

/* Ends it here and now: the transport is lost or not wanted (session.c). */
void session_lose(struct session *session, enum ended_by by, uint32_t code, const char *name,
                  const char *reason);

/* Whose doing it is that the machine ended the session: closeInfo.by (session.c). */
enum ended_by session_blame(const struct session *session);

/* ENDING: sends what is left, then FIN (session.c). */
void session_go_on_ending(struct session *session);

/* The peer takes no more bytes; what it said before is still read (session_send.c). */
void session_on_write_error(struct session *session);

/* The peer has limits.linger_ms from now on to end the connection (session_deadline.c). */
void session_await_hang_up(struct session *session);

/* The code of the script's error when the machine ended it. */
static inline const char *session_error_name(const struct session *session)
{
    return session->machine->end_name ? session->machine->end_name : "ERR_HTTP2_ERROR";
}

/* A PING or SETTINGS of ours is answered. */
static inline void session_acked(struct session *session)
{
    if (session->unacked > 0) /* the preface's SETTINGS are not counted */
        session->unacked--;
}

/* Of a server's connection, before HTTP/2 begins or instead of it (session_connection.c): */
void session_connection_begins(struct session *session);
void session_connection_secure(struct session *session);
void session_connection_hello(struct session *session);
/* The handshake failed: the script hears of it first when it wants to. */
void session_connection_failed(struct session *session, enum ended_by by, const char *code,
                               const char *reason);
void session_connection_unknown(struct session *session);

/* Starts the clock of a state that lasts (session_deadline.c); 0: no end. */
void session_set_deadline(struct session *session, enum session_deadline what, uint32_t ms);
void session_on_due(struct deadline *deadline);

/* Sets the deadline that fits the state (session_deadline.c). */
void session_think_deadline(struct session *session);

#endif
