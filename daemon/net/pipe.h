/* pipe: two transports in memory, joined: what one takes, the other reads. For tests, of ours and of scripts. */
#ifndef NET_PIPE_H
#define NET_PIPE_H

#include "net/transport.h"

/* capacity: bytes that each direction holds before a write is taken only in part. Either end may
 * be closed first; the other then reads what is left and ERR_EOF (ERR_IO after transport_abort()).
 * Err: ERR_NOMEM. */
enum err pipe_transport_pair(struct loop *loop, size_t capacity, struct transport **a,
                             struct transport **b);

#endif
