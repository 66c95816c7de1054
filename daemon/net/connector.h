/* connector: looks a name up off the loop and tries its addresses in turn. A first try that takes over
 * 250 ms is joined by the next address (RFC 8305); the first that answers wins. */
#ifndef NET_CONNECTOR_H
#define NET_CONNECTOR_H

#include <stdint.h>

#include "base/err.h"
#include "net/loop.h"

struct connector;

/* failure NULL: fd is a connected non-blocking socket, the callee's. Else fd is -1, failure->code is the errno's name of
 * the last try ("ECONNREFUSED") or ENOTFOUND / EAI_AGAIN, and the text names the address ("connect ECONNREFUSED
 * 127.0.0.1:8000"). The connector is gone when this is called. Never called before connector_start() returned. */
typedef void (*connector_on_done)(void *owner, int fd, const struct failure *failure);

/* path: a UNIX socket, else host (name or literal) and port. Counts as work. "localhost" and names below
 * it are ::1 and 127.0.0.1, whatever the resolver says (RFC 6761 6.3).
 * Own: the connector itself, until on_done; connector_cancel() before that.
 * Err: ERR_NOMEM, ERR_INVALID and ERR_RANGE for a path as address_from_path(). */
enum err connector_start(struct loop *loop, const char *host, uint16_t port, const char *path,
                         connector_on_done on_done, void *owner, struct connector **out);
void connector_cancel(struct connector **connector); /* no callback afterwards; NULL is fine */

#endif
