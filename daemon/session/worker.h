/* worker: what the sessions of one loop share: places for streams and sessions, the batch of events,
 * the turn. The floor above hands down one function, which lets the script hear the batch. */
#ifndef SESSION_WORKER_H
#define SESSION_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slots.h"
#include "net/loop.h"
#include "session/events.h"
#include "session/output.h"

struct worker {
    struct loop *loop;
    struct slots streams, sessions, servers;
    struct events events;
    struct list dirty;        /* sessions with something to say */
    struct list dead_streams; /* their last event is in the batch; freed when it is through */
    struct list dead_sessions;
    struct list stopping; /* streams, by stop_ms */
    struct deadline stop;
    struct gather *gather;
    struct deferred go_on; /* the rest of a turn that was cut short */
    void (*dispatch)(void *owner);
    void *dispatch_owner;
    bool in_turn;
};

/* Err: ERR_NOMEM. */
enum err worker_init(struct worker *worker, struct loop *loop, void (*dispatch)(void *owner),
                     void *owner);

/* Ends every server and session without a word to the script, frees all. */
void worker_deinit(struct worker *worker);

/* The end of a turn: the script hears the batch, sessions that are dirty are drained once, what died is
 * freed; again while that brought news, a few times, the rest after a look at the other descriptors.
 * Called after every read, and after every other entry into the script. */
void worker_turn(struct worker *worker);

#endif
