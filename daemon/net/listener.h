/* listener: an own non-blocking socket watched with uv_poll, accept4 at most 64 times a wake-up.
 * When descriptors run out it pauses (uv_poll stopped: no spin), says so in the log once a pause, backs off 100 ms
 * and goes on; connections wait in the kernel's queue meanwhile, none is closed silently. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/address.h"
#include "net/loop.h"

struct listener;

struct listener_options {
    const char *host; /* literal address; NULL or "": "::" dual-stack, else 0.0.0.0 */
    uint16_t port;    /* 0: the system picks one */
    const char *path; /* UNIX socket; then host and port are not looked at */
    int fd;      /* >= 0: an inherited listening socket, taken over, wins over the rest; -1: none */
    int backlog; /* 0: 511 */
    bool ipv6_only;
    bool reuse_port; /* TCP: others of this user may bind the same; the service's master only */
    bool keep_alive; /* TCP keep-alive for those accepted */
    uint32_t keep_alive_s;           /* after that much silence; 0: the system's habit */
    bool readable_all, writable_all; /* UNIX socket: for every user */
};

/* Gets every new connection: fd is non-blocking, close-on-exec, owned by the callee; TCP_NODELAY is set. */
typedef void (*listener_on_accept)(void *owner, int fd, const struct address *peer);

/* Binds, listens and starts to accept (counts as work until closed or unref'd, also while paused).
 * A stale UNIX socket (nobody answers on it) is replaced; one that answers is EADDRINUSE; after
 * listener_close() the path is unlinked. SO_REUSEADDR on TCP.
 * Own: caller, until listener_close(). On error options->fd is still the caller's.
 * Err: ERR_IO with errno's name and a sentence that names the address: "cannot listen on
 * 127.0.0.1:80: Permission denied" (for EACCES below port 1024 also what to do), ERR_INVALID, ERR_NOMEM. */
enum err listener_open(struct loop *loop, const struct listener_options *options,
                       listener_on_accept on_accept, void *owner, struct listener **out,
                       struct failure *failure);
void listener_close(struct listener **listener); /* no callback afterwards */

/* Accepts what waits in the kernel's queue now, unless it is paused. */
void listener_accept_queued(struct listener *listener);

/* As bound: port 0 is resolved. */
const struct address *listener_address(const struct listener *listener);
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);
void listener_ref(struct listener *listener);
void listener_unref(struct listener *listener);

#endif
