/* bound_socket: a socket that listens, made or inherited. */
#ifndef NET_BOUND_SOCKET_H
#define NET_BOUND_SOCKET_H

#include <sys/types.h>

#include "net/listener.h"

struct bound_socket {
    int fd;                 /* -1: none */
    struct address address; /* as bound */
    char *path;             /* of the UNIX socket that is ours to unlink, or NULL */
    dev_t device;           /* path is unlinked only while it is still this file */
    ino_t inode;
};

/* Makes or takes over what the options say, listening and non-blocking. On error *out holds what
 * bound_socket_close() takes.  Err: as listener_open(); failure is not NULL. */
enum err bound_socket_open(const struct listener_options *options, struct bound_socket *out,
                           struct failure *failure);

/* keep_open: do not close the descriptor (it is still the caller's). */
void bound_socket_close(struct bound_socket *bound, bool keep_open);

#endif
