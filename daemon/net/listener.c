/* listener: accepts connections from a socket made by listener_bind.c or inherited. */
#include "net/listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/bound_socket.h"

#define ACCEPTS_PER_WAKE_UP 64
#define QUEUE_MAX 65536 /* more than any backlog that the system allows */
#define BACKOFF_MS 100

enum listener_state {
    LISTENER_ACCEPTING,   /* uv_poll watches */
    LISTENER_BACKING_OFF, /* no descriptors: the timer brings it back */
    LISTENER_PAUSED,      /* by the owner */
    LISTENER_CLOSED,
};

struct listener {
    struct loop *loop;
    struct bound_socket socket;
    listener_on_accept on_accept;
    void *owner;
    uv_poll_t poll;
    uv_timer_t timer; /* runs out after a back-off; keeps the loop at work during a pause */
    int handles;      /* open ones: the last that is closed frees */
    enum listener_state state;
    uint64_t starved_at_ms; /* since when nothing could be accepted; 0: all is well */
};

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_timer(uv_timer_t *timer);

/* The one place that moves the state. */
static void enter(struct listener *listener, enum listener_state state)
{
    assert(listener->state != LISTENER_CLOSED);
    listener->state = state;
    if (state == LISTENER_ACCEPTING)
        uv_poll_start(&listener->poll, UV_READABLE, on_poll);
    else
        uv_poll_stop(&listener->poll);
    if (state == LISTENER_BACKING_OFF)
        uv_timer_start(&listener->timer, on_timer, BACKOFF_MS, 0);
    else if (state == LISTENER_PAUSED)
        uv_timer_start(&listener->timer, on_timer, UINT64_MAX,
                       0); /* never: it only counts as work */
    else
        uv_timer_stop(&listener->timer);
}

static void starve(struct listener *listener, int code)
{
    char address[ADDRESS_TEXT_BYTES];

    if (!listener->starved_at_ms) {
        listener->starved_at_ms = clock_ms();
        log_line(LOG_WARN, "accept paused", "listener",
                 address_text(&listener->socket.address, address), "reason", errno_name(code),
                 "backoff_ms", log_number(BACKOFF_MS), NULL);
    }
    enter(listener, LISTENER_BACKING_OFF);
}

static void recover(struct listener *listener)
{
    char address[ADDRESS_TEXT_BYTES];

    if (!listener->starved_at_ms)
        return;
    log_line(LOG_INFO, "accept resumed", "listener",
             address_text(&listener->socket.address, address), "paused_ms",
             log_number((int64_t)(clock_ms() - listener->starved_at_ms)), NULL);
    listener->starved_at_ms = 0;
}

/* Errors of the one connection, which is gone (accept(2)): the next may be fine. */
static bool is_of_connection(int code)
{
    switch (code) {
    case EINTR:
    case ECONNABORTED:
    case EPERM: /* a firewall's rule */
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
        return true;
    }
    return false;
}

static void accept_some(struct listener *listener, int most)
{
    for (int i = 0; i < most && listener->state == LISTENER_ACCEPTING; i++) {
        struct address peer = {.length = sizeof(peer.storage)};
        int fd = accept4(listener->socket.fd, &peer.any, &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            listener->on_accept(listener->owner, fd, &peer); /* may pause or close */
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            recover(listener); /* and not before: the queue is empty, all that waited are in */
            return;
        } else if (!is_of_connection(errno)) {
            starve(listener, errno);
            return;
        }
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = list_entry(poll, struct listener, poll);

    (void)events;
    accept_some(listener, ACCEPTS_PER_WAKE_UP);
    if (status < 0 && listener->state == LISTENER_ACCEPTING)
        starve(listener, EIO); /* libuv stopped the handle: an error on the listening socket */
}

static void on_timer(uv_timer_t *timer)
{
    struct listener *listener = list_entry(timer, struct listener, timer);

    if (listener->state == LISTENER_BACKING_OFF) {
        enter(listener, LISTENER_ACCEPTING);
        accept_some(listener, ACCEPTS_PER_WAKE_UP);
    }
}

enum err listener_open(struct loop *loop, const struct listener_options *options,
                       listener_on_accept on_accept, void *owner, struct listener **out,
                       struct failure *failure)
{
    struct failure ignored;
    struct listener *listener;
    enum err err;
    int status;

    *out = NULL;
    if (!failure)
        failure = &ignored;
    listener = mem_zalloc(sizeof(*listener));
    if (!listener)
        return failure_set(failure, ERR_NOMEM, "ENOMEM", "cannot listen: out of memory");
    err = bound_socket_open(options, &listener->socket, failure);
    if (err)
        goto fail;
    status = uv_poll_init(loop_uv(loop), &listener->poll, listener->socket.fd);
    if (status) {
        err = failure_errno(failure, -status, "cannot watch the listening socket");
        goto fail;
    }
    uv_timer_init(loop_uv(loop), &listener->timer);
    listener->handles = 2;
    listener->loop = loop;
    listener->on_accept = on_accept;
    listener->owner = owner;
    enter(listener, LISTENER_ACCEPTING);
    *out = listener;
    return OK;
fail:
    bound_socket_close(&listener->socket, options->fd >= 0);
    mem_free(listener);
    return err;
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;

    if (--listener->handles == 0)
        mem_free(listener);
}

void listener_close(struct listener **listener)
{
    struct listener *l = *listener;

    *listener = NULL;
    if (!l)
        return;
    enter(l, LISTENER_CLOSED);
    l->poll.data = l->timer.data = l;
    uv_close((uv_handle_t *)&l->poll, on_closed);
    uv_close((uv_handle_t *)&l->timer, on_closed);
    bound_socket_close(&l->socket, false);
}

void listener_accept_queued(struct listener *listener)
{
    accept_some(listener, QUEUE_MAX);
}

const struct address *listener_address(const struct listener *listener)
{
    return &listener->socket.address;
}

void listener_pause(struct listener *listener)
{
    enter(listener, LISTENER_PAUSED);
}

void listener_resume(struct listener *listener)
{
    if (listener->state == LISTENER_PAUSED)
        enter(listener, LISTENER_ACCEPTING);
}

void listener_ref(struct listener *listener)
{
    uv_ref((uv_handle_t *)&listener->poll);
    uv_ref((uv_handle_t *)&listener->timer);
}

void listener_unref(struct listener *listener)
{
    uv_unref((uv_handle_t *)&listener->poll);
    uv_unref((uv_handle_t *)&listener->timer);
}
