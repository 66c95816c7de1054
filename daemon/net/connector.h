/* connector: looks a name up off the loop and tries its addresses in turn. A first try that takes over
 * 250 ms is joined by the next address (RFC 8305); the first that answers wins. */
#ifndef NET_CONNECTOR_H
#define NET_CONNECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/loop.h"

struct connector;

/* failure NULL: fd is a connected non-blocking socket, the callee's. Else fd is -1, failure->code is the errno's name of
 * the last try ("ECONNREFUSED") or ENOTFOUND / EAI_AGAIN, and the text names the address ("connect ECONNREFUSED
 * 127.0.0.1:8000"). The connector is gone when this is called. Never called before connector_start() returned. */
typedef void (*connector_on_done)(void *owner, int fd, const struct failure *failure);

struct connector_target {
    const char *path; /* a UNIX socket; NULL: */
    const char *host; /* name or literal */
    uint16_t port;
    int family;             /* AF_INET or AF_INET6: no address of another; 0: any */
    const char *local_host; /* literal address to come from; NULL: any */
    uint16_t local_port;    /* 0: any */
};

/* target: what is needed of it is copied. Counts as work. "localhost" and names below
 * it are ::1 and 127.0.0.1, whatever the resolver says (RFC 6761 6.3).
 * Own: the connector itself, until on_done; connector_cancel() before that.
 * Err: ERR_NOMEM, ERR_INVALID and ERR_RANGE for a path as address_from_path(), ERR_INVALID for a local_host that is
 * no address. */
enum err connector_start(struct loop *loop, const struct connector_target *target,
                         connector_on_done on_done, void *owner, struct connector **out);
/* Does it count as work? It does at first; a look-up of a name always. */
void connector_hold(struct connector *connector, bool hold);
void connector_cancel(struct connector **connector); /* no callback afterwards; NULL is fine */

#endif
