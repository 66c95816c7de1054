/* activation: listening sockets that a service manager opened for us (socket activation): descriptors
 * from 3 on, counted by $LISTEN_FDS, meant for the process $LISTEN_PID, named by $LISTEN_FDNAMES. */
#ifndef PROCESS_ACTIVATION_H
#define PROCESS_ACTIVATION_H

#include "base/err.h"
#include "net/address.h"

#define ACTIVATION_MAX 256

/* How many were passed to this process. The first call reads the environment, takes the variables out of
 * it (a child of a script must not believe that it was activated) and sets close-on-exec on all. */
unsigned activation_count(void);

/* Are all of them listening stream sockets?
 * Err: ERR_INVALID with a sentence that names the descriptor and what it is instead. */
enum err activation_check(struct failure *failure);

/* Socket number i from 0 on; its address is as bound. The descriptor is made non-blocking.
 * Own: caller, who takes each at most once.
 * Err: ERR_RANGE no such number, ERR_STATE taken already, ERR_INVALID not a listening stream socket. */
enum err activation_take(unsigned i, int *fd, struct address *address);

/* The socket's name (FileDescriptorName= of its unit); "unknown" when it has none, NULL out of range. */
const char *activation_name(unsigned i);

/* Tests: forget all, so that the environment is read again. The descriptors are left alone. */
void activation_reset(void);

#endif
