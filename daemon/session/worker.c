/* worker: the turn. */
#include "session/worker.h"

#include <string.h>

#include "base/mem.h"
#include "session/server.h"
#include "session/session.h"
#include "session/stream.h"

/* How often news of one turn may bring more news before other descriptors get their chance. */
#define ROUNDS_MAX 8

static void go_on(struct deferred *deferred)
{
    worker_turn(list_entry(deferred, struct worker, go_on));
}

enum err worker_init(struct worker *worker, struct loop *loop, void (*dispatch)(void *owner),
                     void *owner)
{
    memset(worker, 0, sizeof(*worker));
    worker->loop = loop;
    worker->dispatch = dispatch;
    worker->dispatch_owner = owner;
    slots_init(&worker->streams, UINT32_MAX - 1);
    slots_init(&worker->sessions, UINT32_MAX - 1);
    slots_init(&worker->servers, 65535);
    list_init(&worker->dirty);
    list_init(&worker->dead_streams);
    list_init(&worker->dead_sessions);
    list_init(&worker->stopping);
    deadline_init(&worker->stop, stream_stop_due);
    deferred_init(&worker->go_on, go_on);
    worker->gather = mem_alloc(sizeof(*worker->gather));
    if (!worker->gather)
        return ERR_NOMEM;
    gather_begin(worker->gather);
    return OK;
}

/* Frees what the script has heard the last of. */
static void reap(struct worker *worker)
{
    struct list *link;

    while ((link = list_take(&worker->dead_streams)))
        stream_free(list_entry(link, struct stream, link));
    while ((link = list_take(&worker->dead_sessions)))
        session_free(list_entry(link, struct session, dirty_link));
}

void worker_deinit(struct worker *worker)
{
    deferred_cancel(&worker->go_on);
    deadline_clear(&worker->stop);
    for (uint32_t i = 1; i < worker->servers.size; i++)
        if (worker->servers.at[i].object)
            server_stop_listening(worker->servers.at[i].object);
    for (uint32_t i = 1; i < worker->sessions.size; i++)
        if (worker->sessions.at[i].object)
            session_drop(worker->sessions.at[i].object);
    events_clear(&worker->events);
    reap(worker);
    for (uint32_t i = 1; i < worker->servers.size; i++)
        if (worker->servers.at[i].object)
            server_forget(worker->servers.at[i].object);
    events_free(&worker->events);
    slots_deinit(&worker->streams);
    slots_deinit(&worker->sessions);
    slots_deinit(&worker->servers);
    mem_free(worker->gather);
    worker->gather = NULL;
    stream_pool_free();
    chunk_pool_free();
}

static void dispatch(struct worker *worker)
{
    while (events_pending(&worker->events))
        worker->dispatch(worker->dispatch_owner);
    events_clear(&worker->events);
    reap(worker);
}

static void pump_dirty(struct worker *worker)
{
    struct list now;
    struct list *link;

    /* Those that become dirty again meanwhile wait for the next round. */
    list_init(&now);
    while ((link = list_take(&worker->dirty)))
        list_append(&now, link);
    while ((link = list_take(&now)))
        session_pump(list_entry(link, struct session, dirty_link));
}

void worker_turn(struct worker *worker)
{
    if (worker->in_turn)
        return; /* the turn that is under way does it */
    worker->in_turn = true;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        dispatch(worker);
        if (list_is_empty(&worker->dirty))
            break;
        pump_dirty(worker);
        if (!events_pending(&worker->events))
            break;
    }
    worker->in_turn = false;
    if (events_pending(&worker->events) || !list_is_empty(&worker->dirty))
        deferred_put(worker->loop, &worker->go_on);
    else
        reap(worker);
}
