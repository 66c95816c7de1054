/* transport_internal: what a kind of transport fills in. */
#ifndef NET_TRANSPORT_INTERNAL_H
#define NET_TRANSPORT_INTERNAL_H

#include "net/transport.h"

struct transport_kind {
    /* Up to capacity bytes into `into`: the loop's plain buffer when the owner reads, the cipher buffer when TLS does.
     * A kind whose owner may read has at most LOOP_BUFFER_BYTES to say at a time. */
    enum err (*read)(struct transport *t, uint8_t *into, size_t capacity, size_t *length);
    enum err (*write)(struct transport *t, const struct iovec *pieces, int count, size_t *taken);
    void (*want)(struct transport *t, bool readable, bool writable);
    void (*shutdown)(struct transport *t);
    void (*close)(struct transport *t, bool abort); /* frees t, now or in a close callback */
    void (*ref)(struct transport *t, bool hold);
    size_t (*unsent)(const struct transport *t);
};

/* The head of every kind's struct. */
struct transport {
    const struct transport_kind *kind;
    struct loop *loop;
    transport_on_event on_event;
    void *owner;
    struct transport_info info;
    struct failure failure;
    bool is_open; /* TRANSPORT_OPEN was told */
};

/* Counts t as alive / no longer, for transport_live(). */
void transport_born(struct transport *t, const struct transport_kind *kind, struct loop *loop);
void transport_died(void);

static inline void transport_tell(struct transport *t, unsigned events)
{
    t->is_open |= (events & TRANSPORT_OPEN) != 0;
    if (t->on_event)
        t->on_event(t->owner, events);
}

#endif
