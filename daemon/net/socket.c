/* socket: reads and writes a descriptor that uv_poll watches. It keeps no bytes: the kernel has them. */
#include "net/socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "net/transport_internal.h"

struct socket_transport {
    struct transport base;
    uv_poll_t poll;
    struct deferred opening; /* tells TRANSPORT_OPEN */
    int fd;
    int watched;       /* the set that uv_poll has */
    enum err read_end; /* the last word of reading: ERR_EOF, ERR_IO. Nothing is watched for after it */
    bool wants_read, wants_write;
    bool in_event;    /* the set is brought up to date behind the callback, once */
    bool is_socket;   /* else a pipe or a terminal */
    bool write_ended; /* we shut down our direction */
    bool closing;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static struct socket_transport *of(struct transport *t)
{
    return list_entry(t, struct socket_transport, base);
}

/* Tells uv_poll what is wanted, when that changed: each change is two system calls. */
static void watch(struct socket_transport *s)
{
    int wanted = 0;

    if (s->wants_read && !s->read_end)
        wanted |= UV_READABLE;
    if (s->wants_write)
        wanted |= UV_WRITABLE;
    if (wanted == s->watched || s->in_event || s->closing)
        return;
    s->watched = wanted;
    if (wanted)
        uv_poll_start(&s->poll, wanted, on_poll); /* fails only for a handle that is closed */
    else
        uv_poll_stop(&s->poll);
}

static void tell(struct socket_transport *s, unsigned events)
{
    if (!s->base.is_open) {
        deferred_cancel(&s->opening);
        events |= TRANSPORT_OPEN;
    }
    if (events & TRANSPORT_WRITABLE)
        s->wants_write = false;
    s->in_event = true;
    if (events)
        transport_tell(&s->base, events);
    s->in_event = false;
    watch(s); /* s is still there: it is freed by on_closed() */
}

static void on_open(struct deferred *opening)
{
    tell(list_entry(opening, struct socket_transport, opening), 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct socket_transport *s = list_entry(poll, struct socket_transport, poll);
    unsigned told = 0;

    if (status < 0)
        s->watched = 0; /* an error on the socket: libuv stopped the handle */
    /* An error or a full hang-up is found out by reading, or by writing where that is what the
     * owner waits for. */
    if (status < 0 || events == 0)
        events = UV_READABLE | UV_WRITABLE;
    if ((events & UV_READABLE) && s->wants_read && !s->read_end)
        told |= TRANSPORT_READABLE;
    if ((events & UV_WRITABLE) && s->wants_write)
        told |= TRANSPORT_WRITABLE;
    tell(s, told);
}

static enum err fail(struct socket_transport *s, const char *verb)
{
    int code = errno;
    char peer[ADDRESS_TEXT_BYTES];

    if (code == EPIPE)
        code = ECONNRESET; /* which of the two it is depends on who was faster */
    return failure_errno(&s->base.failure, code, "%s %s", verb,
                         address_text(&s->base.info.peer, peer));
}

static enum err socket_read(struct transport *t, uint8_t *into, size_t capacity, size_t *length)
{
    struct socket_transport *s = of(t);
    ssize_t got;

    if (s->read_end)
        return s->read_end;
    do {
        got = s->is_socket ? recv(s->fd, into, capacity, 0) : read(s->fd, into, capacity);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        *length = (size_t)got;
        return OK;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return ERR_AGAIN;
    s->read_end = got == 0 ? ERR_EOF : fail(s, "reading from");
    watch(s);
    return s->read_end;
}

static enum err socket_write(struct transport *t, const struct iovec *pieces, int count,
                             size_t *taken)
{
    struct socket_transport *s = of(t);
    ssize_t sent;

    if (s->write_ended)
        return ERR_CLOSED;
    if (count > IOV_MAX)
        count = IOV_MAX;
    do {
        if (s->is_socket) {
            struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)count};

            sent = sendmsg(s->fd, &message, MSG_NOSIGNAL);
        } else {
            sent = writev(s->fd, pieces, count);
        }
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        *taken = (size_t)sent;
        return OK;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return ERR_AGAIN;
    return fail(s, "writing to");
}

static void socket_want(struct transport *t, bool readable, bool writable)
{
    struct socket_transport *s = of(t);

    s->wants_read = readable;
    s->wants_write = writable;
    watch(s);
}

static void socket_shutdown(struct transport *t)
{
    struct socket_transport *s = of(t);

    if (s->write_ended)
        return;
    s->write_ended = true;
    if (s->is_socket)
        shutdown(s->fd, SHUT_WR); /* when it fails, the peer is gone: reading says so */
}

static void on_closed(uv_handle_t *poll)
{
    mem_free(list_entry(poll, struct socket_transport, poll));
    transport_died();
}

static void socket_close(struct transport *t, bool abort)
{
    struct socket_transport *s = of(t);

    assert(!s->closing);
    s->closing = true;
    deferred_cancel(&s->opening);
    uv_close((uv_handle_t *)&s->poll, on_closed);
    if (abort && s->is_socket) {
        struct linger reset = {.l_onoff = 1, .l_linger = 0};

        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    close(s->fd);
}

static void socket_ref(struct transport *t, bool hold)
{
    uv_handle_t *poll = (uv_handle_t *)&of(t)->poll;

    if (hold)
        uv_ref(poll);
    else
        uv_unref(poll);
}

static size_t socket_unsent(const struct transport *t)
{
    (void)t;
    return 0;
}

static const struct transport_kind socket_kind = {
    .read = socket_read,
    .write = socket_write,
    .want = socket_want,
    .shutdown = socket_shutdown,
    .close = socket_close,
    .ref = socket_ref,
    .unsent = socket_unsent,
};

static void learn_addresses(struct socket_transport *s, const struct address *peer)
{
    struct transport_info *info = &s->base.info;

    info->local.length = sizeof(info->local.storage);
    s->is_socket = getsockname(s->fd, &info->local.any, &info->local.length) == 0;
    if (!s->is_socket)
        info->local.length = 0;
    if (peer) {
        info->peer = *peer;
    } else if (s->is_socket) {
        info->peer.length = sizeof(info->peer.storage);
        if (getpeername(s->fd, &info->peer.any, &info->peer.length))
            info->peer.length = 0;
    }
}

void socket_keep_alive(int fd, uint32_t idle_s)
{
    int on = 1, idle = (int)idle_s;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)); /* fails on what is not TCP */
    if (idle > 0)
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
}

enum err socket_transport_new(struct loop *loop, int fd, const struct address *peer,
                              struct transport **out)
{
    struct socket_transport *s;
    sa_family_t family;
    int status;

    *out = NULL;
    s = mem_zalloc(sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    status = uv_poll_init(loop_uv(loop), &s->poll, fd); /* makes fd non-blocking */
    if (status) {
        mem_free(s);
        return status == UV_ENOMEM ? ERR_NOMEM : ERR_IO;
    }
    s->fd = fd;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    learn_addresses(s, peer);
    family = s->base.info.local.length ? s->base.info.local.any.sa_family : AF_UNSPEC;
    if (family == AF_INET || family == AF_INET6) {
        int yes = 1;

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    }
    transport_born(&s->base, &socket_kind, loop);
    deferred_init(&s->opening, on_open);
    deferred_put(loop, &s->opening);
    *out = &s->base;
    return OK;
}
