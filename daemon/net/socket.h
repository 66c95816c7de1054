/* socket: a transport over a connected stream socket (TCP or UNIX) or another pollable descriptor. */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "net/transport.h"

/* Takes fd over (made non-blocking and close-on-exec; TCP gets TCP_NODELAY). peer may be NULL: then it is asked for.
 * On error fd is still the caller's.  Err: ERR_NOMEM, ERR_IO. */
enum err socket_transport_new(struct loop *loop, int fd, const struct address *peer,
                              struct transport **out);

/* TCP keep-alive on fd, after idle_s seconds of silence (0: the system's habit). Sockets accepted from a listening fd
 * inherit it. */
void socket_keep_alive(int fd, uint32_t idle_s);

#endif
