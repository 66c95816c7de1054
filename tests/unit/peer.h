/* peer: the owner of a transport in a test. It writes what it is given, keeps what it reads, and counts events. */
#ifndef TESTS_UNIT_PEER_H
#define TESTS_UNIT_PEER_H

#include "support.h"

#define PEER_PIECES 7

struct peer {
    struct loop *loop;
    struct transport *t;
    int opened, failed, readable, writable, hellos, events;
    bool pauses; /* does not want to read */
    uint8_t *got;
    size_t got_length;
    enum err read_end, write_end; /* the error that ended it, OK before */
    const uint8_t *out;
    size_t out_length, out_sent;
    size_t cut; /* sizes of the pieces of one write: cut, 1, cut, 1 ...; 0: one piece */
    bool ends;  /* shuts down when all is sent */
    bool ended;
    void (*on_event)(struct peer *peer, unsigned events);
};

static inline void peer_want(struct peer *peer)
{
    transport_want(peer->t, !peer->pauses && !peer->read_end,
                   peer->opened && peer->out_sent < peer->out_length && !peer->write_end);
}

static inline void peer_read(struct peer *peer)
{
    const uint8_t *bytes;
    size_t length;
    enum err err = transport_read(peer->t, &bytes, &length);

    if (err == OK) {
        assert_in_range(length, 1, LOOP_BUFFER_BYTES);
        peer->got = realloc(peer->got, peer->got_length + length);
        assert_non_null(peer->got);
        memcpy(peer->got + peer->got_length, bytes, length);
        peer->got_length += length;
    } else {
        assert_int_equal(length, 0);
        if (err != ERR_AGAIN)
            peer->read_end = err;
    }
}

static inline void peer_write(struct peer *peer)
{
    while (peer->out_sent < peer->out_length && !peer->write_end) {
        struct iovec pieces[PEER_PIECES];
        size_t at = peer->out_sent, taken = 99;
        int count = 0;
        enum err err;

        while (count < PEER_PIECES && at < peer->out_length) {
            size_t size = peer->cut == 0 ? peer->out_length : count % 2 ? 1 : peer->cut;

            if (size > peer->out_length - at)
                size = peer->out_length - at;
            pieces[count].iov_base = (void *)(peer->out + at);
            pieces[count++].iov_len = size;
            at += size;
        }
        err = transport_write(peer->t, pieces, count, &taken);
        if (err == OK) {
            assert_in_range(taken, 1, at - peer->out_sent);
            peer->out_sent += taken;
            continue;
        }
        assert_true(err != ERR_AGAIN || taken == 0);
        if (err != ERR_AGAIN)
            peer->write_end = err;
        break;
    }
    if (peer->out_sent == peer->out_length && peer->ends && !peer->ended) {
        peer->ended = true;
        transport_shutdown(peer->t);
    }
}

static inline void peer_on_event(void *owner, unsigned events)
{
    struct peer *peer = owner;

    assert_int_not_equal(events, 0);
    peer->events++;
    peer->opened += (events & TRANSPORT_OPEN) != 0;
    peer->failed += (events & TRANSPORT_FAILED) != 0;
    peer->readable += (events & TRANSPORT_READABLE) != 0;
    peer->writable += (events & TRANSPORT_WRITABLE) != 0;
    peer->hellos += (events & TRANSPORT_HELLO) != 0;
    /* One of them first, and once; a hello waits before them. */
    assert_int_equal(peer->opened + peer->failed, events != TRANSPORT_HELLO);
    loop_stop(peer->loop);
    if (peer->on_event)
        peer->on_event(peer, events);
    if (!peer->t)
        return;
    if (events & TRANSPORT_READABLE)
        peer_read(peer);
    if (events & (TRANSPORT_OPEN | TRANSPORT_WRITABLE))
        peer_write(peer);
    peer_want(peer);
}

static inline void peer_start(struct peer *peer, struct loop *loop, struct transport *t)
{
    memset(peer, 0, sizeof(*peer));
    peer->loop = loop;
    peer->t = t;
    transport_set_owner(t, peer_on_event, peer);
    peer_want(peer);
}

static inline void peer_send(struct peer *peer, const void *bytes, size_t length, bool ends)
{
    peer->out = bytes;
    peer->out_length = length;
    peer->out_sent = 0;
    peer->ends = ends;
    if (peer->opened) {
        peer_write(peer);
        peer_want(peer);
    }
}

static inline void peer_end(struct peer *peer)
{
    transport_close(&peer->t);
    free(peer->got);
    peer->got = NULL;
    peer->got_length = 0;
}

static inline bool peer_got(const struct peer *peer, const void *bytes, size_t length)
{
    return peer->got_length == length && (length == 0 || memcmp(peer->got, bytes, length) == 0);
}

/* Bytes of which no part is like another. Own: free(). */
static inline uint8_t *pattern(size_t length)
{
    uint8_t *bytes = malloc(length + 1);
    uint32_t x = 12345;

    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(x >> 24);
    }
    return bytes;
}

#endif
