/* transport: passes the owner's calls on to the kind. */
#include "net/transport.h"

#include <string.h>

#include "net/transport_internal.h"

static size_t live;

void transport_born(struct transport *t, const struct transport_kind *kind, struct loop *loop)
{
    t->kind = kind;
    t->loop = loop;
    live++;
}

void transport_died(void)
{
    live--;
}

size_t transport_live(void)
{
    return live;
}

void transport_set_owner(struct transport *t, transport_on_event on_event, void *owner)
{
    t->on_event = on_event;
    t->owner = owner;
}

void transport_want(struct transport *t, bool readable, bool writable)
{
    t->kind->want(t, readable, writable);
}

enum err transport_read(struct transport *t, const uint8_t **bytes, size_t *length)
{
    uint8_t *into = loop_plain_buffer(t->loop);

    *bytes = into;
    *length = 0;
    return t->kind->read(t, into, LOOP_BUFFER_BYTES, length);
}

enum err transport_write(struct transport *t, const struct iovec *pieces, int count, size_t *taken)
{
    *taken = 0;
    return t->kind->write(t, pieces, count, taken);
}

void transport_shutdown(struct transport *t)
{
    t->kind->shutdown(t);
}

static void end(struct transport **t, bool abort)
{
    struct transport *ended = *t;

    *t = NULL;
    if (!ended)
        return;
    ended->on_event = NULL;
    ended->kind->close(ended, abort);
}

void transport_close(struct transport **t)
{
    end(t, false);
}

void transport_abort(struct transport **t)
{
    end(t, true);
}

const struct transport_info *transport_info(const struct transport *t)
{
    return &t->info;
}

const struct failure *transport_failure(const struct transport *t)
{
    return &t->failure;
}

size_t transport_unsent(const struct transport *t)
{
    return t->kind->unsent(t);
}

void transport_ref(struct transport *t)
{
    t->kind->ref(t, true);
}

void transport_unref(struct transport *t)
{
    t->kind->ref(t, false);
}
