/* connector: resolver, then one attempt per address, the next joining when the last one is slow or failed. */
#include "net/connector.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "net/address.h"

#define ADDRESSES_MAX 16
#define STAGGER_MS 250

enum connector_state {
    CONNECTOR_RESOLVING,
    CONNECTOR_TRYING,
    CONNECTOR_DONE, /* told or cancelled; freed when nothing of libuv's points here any more */
};

struct connector {
    struct loop *loop;
    connector_on_done on_done;
    void *owner;
    enum connector_state state;
    uv_getaddrinfo_t query;
    uv_timer_t stagger;
    struct deferred outcome; /* a result that was there at once waits for the loop */
    struct list attempts;    /* under way */
    struct address addresses[ADDRESSES_MAX];
    int count, next;
    int family;           /* of the addresses that count; 0: any */
    struct address local; /* to come from; no length: any */
    uint16_t local_port;
    bool unheld;
    int fd;                 /* the result, while `outcome` pends */
    struct failure failure; /* of the latest attempt */
    int holds;              /* query and timer, as libuv has them */
    char host[];
};

struct attempt {
    struct list link;
    struct connector *connector;
    uv_poll_t poll;
    int fd;
    int address;
};

static void advance(struct connector *connector);

/* The one place that moves the state: forward only. */
static void move(struct connector *connector, enum connector_state state)
{
    assert(state > connector->state);
    connector->state = state;
}

/* --- the end */

static void let_go(struct connector *connector)
{
    if (--connector->holds == 0)
        mem_free(connector);
}

static void on_timer_closed(uv_handle_t *timer)
{
    let_go(list_entry(timer, struct connector, stagger));
}

static void on_attempt_closed(uv_handle_t *poll)
{
    mem_free(list_entry(poll, struct attempt, poll));
}

/* Ends an attempt; its descriptor is returned, the caller's. */
static int attempt_end(struct attempt *attempt)
{
    list_remove(&attempt->link);
    uv_close((uv_handle_t *)&attempt->poll, on_attempt_closed);
    return attempt->fd;
}

static void end_attempts(struct connector *connector)
{
    while (!list_is_empty(&connector->attempts))
        close(attempt_end(list_entry(connector->attempts.next, struct attempt, link)));
}

static void finish(struct connector *connector)
{
    end_attempts(connector);
    if (connector->state == CONNECTOR_RESOLVING && connector->holds > 1)
        uv_cancel((uv_req_t *)&connector->query); /* does nothing when it is under way */
    move(connector, CONNECTOR_DONE);
    deferred_cancel(&connector->outcome);
    uv_close((uv_handle_t *)&connector->stagger, on_timer_closed);
}

/* Tells the owner. The connector lives on until libuv lets go of it, unseen. */
static void deliver(struct connector *connector, int fd)
{
    finish(connector);
    connector->on_done(connector->owner, fd, fd < 0 ? &connector->failure : NULL);
}

static void on_outcome(struct deferred *outcome)
{
    struct connector *connector = list_entry(outcome, struct connector, outcome);

    deliver(connector, connector->fd);
}

static void deliver_soon(struct connector *connector, int fd)
{
    end_attempts(connector);
    connector->fd = fd;
    deferred_put(connector->loop, &connector->outcome);
}

/* --- attempts */

static void note_failure(struct connector *connector, int address, int code)
{
    char text[ADDRESS_TEXT_BYTES];

    failure_set(&connector->failure, code == ENOMEM ? ERR_NOMEM : ERR_IO, errno_name(code),
                "connect %s %s", errno_name(code),
                address_text(&connector->addresses[address], text));
    connector->failure.sys_errno = code;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct attempt *attempt = list_entry(poll, struct attempt, poll);
    struct connector *connector = attempt->connector;
    int address = attempt->address, code = 0, fd;
    socklen_t length = sizeof(code);

    (void)status, (void)events; /* the socket knows better */
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &code, &length))
        code = errno;
    fd = attempt_end(attempt);
    if (code == 0) {
        deliver(connector, fd);
        return;
    }
    close(fd);
    note_failure(connector, address, code);
    advance(connector);
    if (connector->state == CONNECTOR_TRYING && !list_is_empty(&connector->outcome.link))
        deliver(connector, connector->fd); /* this is the loop: no need to wait */
}

/* Waits for the connection under way on fd. Err: an errno. */
static int attempt_start(struct connector *connector, int fd, int address)
{
    struct attempt *attempt = mem_zalloc(sizeof(*attempt));
    int status;

    if (!attempt)
        return ENOMEM;
    attempt->connector = connector;
    attempt->fd = fd;
    attempt->address = address;
    status = uv_poll_init(loop_uv(connector->loop), &attempt->poll, fd);
    if (status) {
        mem_free(attempt);
        return -status;
    }
    list_append(&connector->attempts, &attempt->link);
    if (connector->unheld)
        uv_unref((uv_handle_t *)&attempt->poll);
    uv_poll_start(&attempt->poll, UV_WRITABLE, on_poll);
    return 0;
}

/* Gives fd the local address that was asked for. -1: errno says why not. */
static int bind_local(const struct connector *connector, int fd, int family)
{
    struct address from = connector->local;
    int on = 1;

    if (from.length == 0 && connector->local_port == 0)
        return 0;
    if (from.length == 0)
        address_from_ip(family == AF_INET6 ? "::" : "0.0.0.0", connector->local_port, &from);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return bind(fd, &from.any, from.length);
}

/* Tries one address. True: connected at once or under way; false: failed, and noted. */
static bool try_address(struct connector *connector, int address)
{
    const struct address *to = &connector->addresses[address];
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int code;

    if (fd < 0) {
        note_failure(connector, address, errno);
        return false;
    }
    if (bind_local(connector, fd, to->any.sa_family)) {
        note_failure(connector, address, errno);
        close(fd);
        return false;
    }
    if (connect(fd, &to->any, to->length) == 0) {
        deliver_soon(connector, fd);
        return true;
    }
    code = errno;
    if (code == EINPROGRESS)
        code = attempt_start(connector, fd, address);
    if (!code)
        return true;
    close(fd);
    note_failure(connector, address, code);
    return false;
}

static void on_stagger(uv_timer_t *timer)
{
    advance(list_entry(timer, struct connector, stagger));
}

/* Goes on to the next address; when there is none and nothing is under way, it failed. */
static void advance(struct connector *connector)
{
    if (!list_is_empty(&connector->outcome.link))
        return;
    while (connector->next < connector->count) {
        if (try_address(connector, connector->next++)) {
            if (connector->next < connector->count)
                uv_timer_start(&connector->stagger, on_stagger, STAGGER_MS, 0);
            return;
        }
    }
    if (list_is_empty(&connector->attempts))
        deliver_soon(connector, -1);
}

static void begin(struct connector *connector)
{
    move(connector, CONNECTOR_TRYING);
    advance(connector);
}

/* --- addresses */

static void add_address(struct connector *connector, const struct sockaddr *any, socklen_t length)
{
    struct address *address = &connector->addresses[connector->count];

    if (connector->count == ADDRESSES_MAX || length > sizeof(address->storage) ||
        (connector->family && any->sa_family != AF_UNIX && any->sa_family != connector->family))
        return;
    memset(address, 0, sizeof(*address));
    memcpy(&address->storage, any, length);
    address->length = length;
    connector->count++;
}

/* The resolver's order, with the families by turns (RFC 8305 4): all of the first may be out of reach. */
static void add_interleaved(struct connector *connector, const struct addrinfo *first)
{
    const struct addrinfo *same = first, *other = first;

    while (same || other) {
        while (same && same->ai_family != first->ai_family)
            same = same->ai_next;
        if (same) {
            add_address(connector, same->ai_addr, same->ai_addrlen);
            same = same->ai_next;
        }
        while (other && other->ai_family == first->ai_family)
            other = other->ai_next;
        if (other) {
            add_address(connector, other->ai_addr, other->ai_addrlen);
            other = other->ai_next;
        }
    }
}

static void note_unresolved(struct connector *connector, int status)
{
    bool unknown = status == UV_EAI_NONAME || status == UV_EAI_NODATA || status == 0;
    const char *code = unknown ? "ENOTFOUND" : uv_err_name(status);

    failure_set(&connector->failure, unknown ? ERR_NOT_FOUND : ERR_IO, code,
                "getaddrinfo %s %.200s", code, connector->host);
}

static void on_resolved(uv_getaddrinfo_t *query, int status, struct addrinfo *found)
{
    struct connector *connector = list_entry(query, struct connector, query);

    if (connector->state == CONNECTOR_RESOLVING) {
        if (status == 0)
            add_interleaved(connector, found);
        if (connector->count > 0) {
            begin(connector);
        } else {
            note_unresolved(connector, status);
            deliver(connector, -1);
        }
    }
    uv_freeaddrinfo(found);
    let_go(connector);
}

/* No AI_ADDRCONFIG: without a network it would hide 127.0.0.1 and ::1. */
static enum err resolve(struct connector *connector, uint16_t port)
{
    struct addrinfo hints = {.ai_family = connector->family, .ai_socktype = SOCK_STREAM};
    char service[8];
    int status;

    snprintf(service, sizeof(service), "%u", port);
    hints.ai_flags = AI_NUMERICSERV;
    status = uv_getaddrinfo(loop_uv(connector->loop), &connector->query, on_resolved,
                            connector->host, service, &hints);
    if (status == 0) {
        connector->holds++;
        return OK;
    }
    if (status == UV_ENOMEM)
        return ERR_NOMEM;
    note_unresolved(connector, status == UV_EINVAL || status == UV_ENAMETOOLONG ? 0 : status);
    move(connector, CONNECTOR_TRYING);
    deliver_soon(connector, -1); /* a name that cannot be one */
    return OK;
}

/* Is it this machine whatever the resolver says (RFC 6761 6.3)? /etc/hosts often has but one family. */
static bool is_localhost(const char *host)
{
    size_t length = strlen(host), suffix = strlen(".localhost");

    if (length > 0 && host[length - 1] == '.')
        length--;
    return (length == suffix - 1 && strncasecmp(host, "localhost", length) == 0) ||
           (length > suffix && strncasecmp(host + length - suffix, ".localhost", suffix) == 0);
}

static enum err start(struct connector *connector, const struct connector_target *target)
{
    static const char *const loopback[] = {"::1", "127.0.0.1"};
    uint16_t port = target->port;
    struct address address;
    enum err err;

    connector->family = target->family;
    connector->local_port = target->local_port;
    if (target->local_host &&
        address_from_ip(target->local_host, target->local_port, &connector->local))
        return ERR_INVALID;
    if (target->path) {
        err = address_from_path(target->path, &address);
        if (err)
            return err;
        add_address(connector, &address.any, address.length);
    } else if (address_from_ip(connector->host, port, &address) == OK) {
        add_address(connector, &address.any, address.length);
    } else if (is_localhost(connector->host)) {
        for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
            address_from_ip(loopback[i], port, &address);
            add_address(connector, &address.any, address.length);
        }
    } else {
        return resolve(connector, port);
    }
    if (connector->count == 0) /* a literal address of the wrong family */
        failure_set(&connector->failure, ERR_NOT_FOUND, "ENOTFOUND",
                    "connect ENOTFOUND %.200s: no address of the family asked for", connector->host);
    begin(connector);
    return OK;
}

void connector_hold(struct connector *connector, bool hold)
{
    void (*change)(uv_handle_t * handle) = hold ? uv_ref : uv_unref;

    connector->unheld = !hold;
    change((uv_handle_t *)&connector->stagger);
    list_each(link, &connector->attempts)
        change((uv_handle_t *)&list_entry(link, struct attempt, link)->poll);
}

enum err connector_start(struct loop *loop, const struct connector_target *target,
                         connector_on_done on_done, void *owner, struct connector **out)
{
    struct connector *connector;
    const char *name = target->host ? target->host : "";
    size_t length = strlen(name);
    enum err err;

    *out = NULL;
    connector = mem_zalloc(sizeof(*connector) + length + 1);
    if (!connector)
        return ERR_NOMEM;
    memcpy(connector->host, name, length);
    connector->loop = loop;
    connector->on_done = on_done;
    connector->owner = owner;
    connector->fd = -1;
    list_init(&connector->attempts);
    deferred_init(&connector->outcome, on_outcome);
    uv_timer_init(loop_uv(loop), &connector->stagger);
    connector->holds = 1;
    err = start(connector, target);
    if (err) {
        finish(connector);
        return err;
    }
    *out = connector;
    return OK;
}

void connector_cancel(struct connector **connector)
{
    struct connector *c = *connector;

    *connector = NULL;
    if (!c)
        return;
    if (c->fd >= 0)
        close(c->fd); /* it was connected already, and not told */
    finish(c);
}
