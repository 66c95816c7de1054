/* server: a listener and what its sessions are made with. */
#ifndef SESSION_SERVER_H
#define SESSION_SERVER_H

#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "net/listener.h"
#include "session/session.h"

struct server {
    struct worker *worker;
    struct listener *listener; /* NULL after server_stop_listening() */
    struct list more;          /* struct more_listener: others that it accepts from too */
    struct session_options options;
    uint32_t slot, generation;
    uint32_t sessions;     /* alive; the server outlives them */
    uint32_t max_sessions; /* UINT32_MAX: no bound of its own */
    uint32_t tells;        /* enum connection_news that the script wants to hear, one bit each */
    bool forgotten;        /* the script let go */
    bool tells_empty;      /* EVENT_SERVER_EMPTY is waited for */
};

/* Makes a server without a listener; sessions may be adopted to it. options: copied, tls held.
 * Own: the worker, until server_forget() and the last session's end.  Err: ERR_NOMEM, ERR_FULL. */
enum err server_new(struct worker *worker, const struct session_options *options,
                    struct server **out);

/* Err: as listener_open(). */
enum err server_listen(struct server *server, const struct listener_options *listen,
                       struct failure *failure);

/* Accepts from another socket too, until server_stop_more(tag) or server_stop_listening(). Err: the same. */
enum err server_listen_more(struct server *server, const struct listener_options *listen,
                            uint32_t tag, struct failure *failure);

/* No longer; what is queued there is accepted first. */
void server_stop_more(struct server *server, uint32_t tag);

/* Connections that come from now on use that context. */
void server_set_tls(struct server *server, struct tls_context *tls);

void server_stop_listening(struct server *server); /* sessions go on */

/* Accepts all that waits in the kernel's queues now. */
void server_accept_queued(struct server *server);

/* EVENT_SERVER_EMPTY follows, now or when the last connection is gone, those in a handshake too. */
void server_tell_empty(struct server *server);

/* Ends connections that never became sessions (in a handshake, before the preface). */
void server_close_early(struct server *server);
void server_forget(struct server *server);
void server_on_session_freed(struct server *server);

#endif
