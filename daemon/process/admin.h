/* admin: the admin listener of a worker: /metrics, /healthz and /readyz over plain HTTP/1.x, GET and HEAD, one request
 * a connection. The descriptor is shared by all workers; whoever is free answers, for the whole service. It counts
 * as work of the loop at no time. Worker loop only.
 *
 * A head has ADMIN_HEAD_BYTES and 5 s; at most 32 connections are open at a time, more wait in the kernel's queue. */
#ifndef PROCESS_ADMIN_H
#define PROCESS_ADMIN_H

#include "base/err.h"
#include "metrics/region.h"
#include "net/loop.h"

struct admin;

/* fd: a listening socket, taken over (on error still the caller's). region: the caller's, must outlive it.
 * Own: caller, until admin_close().  Err: as listener_open(). */
enum err admin_open(struct loop *loop, int fd, struct region *region, struct admin **out,
                    struct failure *failure);

/* This worker drains. When the service goes on without it, the others answer from now on; when all of it ends
 * (service_state.draining), it answers to the end. */
void admin_drain(struct admin *admin);

/* Before the end: answers those who came, and runs the loop for it, at most ms. */
void admin_finish(struct admin *admin, uint64_t ms);

/* Ends what is open, frees, sets NULL. NULL is fine. */
void admin_close(struct admin **admin);

#endif
