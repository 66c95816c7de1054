/* pipe: two ends in one block of memory, each with a ring of the bytes that came for it. What an
 * owner waits for is looked at whenever either end did something, and told by a deferred task. */
#include "net/pipe.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "net/transport_internal.h"

struct pipe_end {
    struct transport base;
    struct pipe_pair *pair;
    struct pipe_end *peer;
    struct deferred telling;
    uint8_t *ring; /* bytes to read, `used` of them from `first` on */
    size_t first, used;
    bool wants_read, wants_write;
    bool told_end;    /* the end or the error was read: nothing more to say */
    bool write_ended; /* by us */
    bool closed, aborted;
};

struct pipe_pair {
    struct pipe_end ends[2];
    size_t capacity;
    int busy; /* callbacks under way: not freed under them */
    uint8_t rings[];
};

static struct pipe_end *of(struct transport *t)
{
    return list_entry(t, struct pipe_end, base);
}

static bool is_readable(const struct pipe_end *end)
{
    return end->used > 0 || (!end->told_end && (end->peer->write_ended || end->peer->closed));
}

static bool is_writable(const struct pipe_end *end)
{
    return end->peer->closed || end->peer->used < end->pair->capacity;
}

static unsigned news(const struct pipe_end *end)
{
    unsigned events = end->base.is_open ? 0 : TRANSPORT_OPEN;

    if (end->wants_read && is_readable(end))
        events |= TRANSPORT_READABLE;
    if (end->wants_write && is_writable(end))
        events |= TRANSPORT_WRITABLE;
    return events;
}

static void look(struct pipe_end *end)
{
    if (!end->closed && news(end))
        deferred_put(end->base.loop, &end->telling);
}

static void free_when_done(struct pipe_pair *pair)
{
    if (pair->ends[0].closed && pair->ends[1].closed && pair->busy == 0)
        mem_free(pair);
}

static void on_telling(struct deferred *telling)
{
    struct pipe_end *end = list_entry(telling, struct pipe_end, telling);
    struct pipe_pair *pair = end->pair;
    unsigned events = news(end);

    if (!events)
        return;
    if (events & TRANSPORT_WRITABLE)
        end->wants_write = false;
    pair->busy++;
    transport_tell(&end->base, events);
    look(end);
    pair->busy--;
    free_when_done(pair);
}

static enum err pipe_read(struct transport *t, uint8_t *into, size_t capacity, size_t *length)
{
    struct pipe_end *end = of(t);
    size_t until_wrap = end->pair->capacity - end->first;
    size_t take = end->used < capacity ? end->used : capacity;
    size_t front = take < until_wrap ? take : until_wrap;

    if (take > 0) {
        memcpy(into, end->ring + end->first, front);
        memcpy(into + front, end->ring, take - front);
        end->first = (end->first + take) % end->pair->capacity;
        end->used -= take;
        *length = take;
        look(end->peer);
        return OK;
    }
    if (!end->peer->write_ended && !end->peer->closed)
        return ERR_AGAIN;
    end->told_end = true;
    if (end->peer->aborted)
        return failure_errno(&t->failure, ECONNRESET, "reading from a pipe");
    return ERR_EOF;
}

static size_t put(struct pipe_end *end, const uint8_t *bytes, size_t length)
{
    size_t capacity = end->pair->capacity, room = capacity - end->used;
    size_t last = (end->first + end->used) % capacity;
    size_t take = length < room ? length : room;
    size_t front = take < capacity - last ? take : capacity - last;

    if (take == 0)
        return 0;
    memcpy(end->ring + last, bytes, front);
    memcpy(end->ring, bytes + front, take - front);
    end->used += take;
    return take;
}

static enum err pipe_write(struct transport *t, const struct iovec *pieces, int count, size_t *taken)
{
    struct pipe_end *end = of(t);
    size_t offered = 0;

    if (end->write_ended)
        return ERR_CLOSED;
    if (end->peer->closed)
        return failure_errno(&t->failure, ECONNRESET, "writing to a pipe");
    for (int i = 0; i < count; i++) {
        offered += pieces[i].iov_len;
        *taken += put(end->peer, pieces[i].iov_base, pieces[i].iov_len);
    }
    look(end->peer);
    return offered > 0 && *taken == 0 ? ERR_AGAIN : OK;
}

static void pipe_want(struct transport *t, bool readable, bool writable)
{
    struct pipe_end *end = of(t);

    end->wants_read = readable;
    end->wants_write = writable;
    look(end);
}

static void pipe_shutdown(struct transport *t)
{
    struct pipe_end *end = of(t);

    end->write_ended = true;
    look(end->peer);
}

static void pipe_close(struct transport *t, bool abort)
{
    struct pipe_end *end = of(t);

    assert(!end->closed);
    end->closed = true;
    end->aborted = abort;
    deferred_cancel(&end->telling);
    look(end->peer);
    transport_died();
    free_when_done(end->pair);
}

/* There is no descriptor to wait for: only news that are not told yet count as work. */
static void pipe_ref(struct transport *t, bool hold)
{
    (void)t;
    (void)hold;
}

static size_t pipe_unsent(const struct transport *t)
{
    (void)t;
    return 0;
}

static const struct transport_kind pipe_kind = {
    .read = pipe_read,
    .write = pipe_write,
    .want = pipe_want,
    .shutdown = pipe_shutdown,
    .close = pipe_close,
    .ref = pipe_ref,
    .unsent = pipe_unsent,
};

enum err pipe_transport_pair(struct loop *loop, size_t capacity, struct transport **a,
                             struct transport **b)
{
    struct pipe_pair *pair;

    assert(capacity > 0);
    *a = *b = NULL;
    pair = mem_zalloc(sizeof(*pair) + 2 * capacity);
    if (!pair)
        return ERR_NOMEM;
    pair->capacity = capacity;
    for (int i = 0; i < 2; i++) {
        struct pipe_end *end = &pair->ends[i];

        end->pair = pair;
        end->peer = &pair->ends[1 - i];
        end->ring = pair->rings + (size_t)i * capacity;
        transport_born(&end->base, &pipe_kind, loop);
        deferred_init(&end->telling, on_telling);
        look(end); /* OPEN */
    }
    *a = &pair->ends[0].base;
    *b = &pair->ends[1].base;
    return OK;
}
