/* server: accepts, and outlives its sessions. */
#include "session/server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "metrics/metrics.h"
#include "net/socket.h"
#include "net/tls.h"

struct more_listener {
    struct list link;
    struct listener *listener;
    uint32_t tag;
};

enum err server_new(struct worker *worker, const struct session_options *options,
                    struct server **out)
{
    struct server *server;
    enum err err;

    *out = NULL;
    server = mem_zalloc(sizeof(*server));
    if (!server)
        return ERR_NOMEM;
    err = slots_put(&worker->servers, server, &server->slot, &server->generation);
    if (err) {
        mem_free(server);
        return err;
    }
    server->worker = worker;
    server->max_sessions = UINT32_MAX;
    list_init(&server->more);
    server->options = *options;
    server->options.http.settings = server->options.settings;
    if (server->options.tls)
        tls_context_hold(server->options.tls);
    metrics->servers++;
    *out = server;
    return OK;
}

static void free_when_done(struct server *server)
{
    if (!server->forgotten || server->sessions > 0)
        return;
    slots_remove(&server->worker->servers, server->slot);
    tls_context_drop(&server->options.tls);
    metrics->servers--;
    mem_free(server);
}

/* "127.0.0.1 8000 IPv4": what the script takes apart. Returns the bytes it took. */
static int write_address(char *out, size_t cap, const struct address *address)
{
    char host[ADDRESS_TEXT_BYTES];

    if (address->any.sa_family == AF_UNIX)
        return snprintf(out, cap, "%s", address_text(address, host));
    address_host(address, host);
    return snprintf(out, cap, "%s %u %s", host, address_port(address),
                    strchr(host, ':') ? "IPv6" : "IPv4");
}

/* One above maxConnections. */
static void tell_dropped(struct server *server, int fd, const struct address *peer)
{
    struct address local = {.length = sizeof(local.storage)};
    char text[2 * (ADDRESS_TEXT_BYTES + 16)];
    struct worker *worker = server->worker;
    struct event *event;
    int first;

    if (!(server->tells & 1u << CONNECTION_DROPPED) || getsockname(fd, &local.any, &local.length))
        return;
    event = events_add(&worker->events, EVENT_CONNECTION, 0, 0);
    event->code = CONNECTION_DROPPED;
    event->a = server->slot;
    first = write_address(text, sizeof(text) / 2, &local);
    event->b = (uint32_t)first;
    event->length = (uint32_t)(first + write_address(text + first, sizeof(text) / 2, peer));
    event->bytes = events_copy(&worker->events, text, event->length);
    deferred_put(worker->loop, &worker->go_on);
}

static void on_accept(void *owner, int fd, const struct address *peer)
{
    struct server *server = owner;
    struct transport *transport = NULL, *secure = NULL;
    char text[ADDRESS_TEXT_BYTES];
    enum err err;

    if (server->sessions >= server->max_sessions) {
        metrics->sessions_refused++;
        metrics_hit(LIMIT_SESSIONS);
        tell_dropped(server, fd, peer);
        close(fd);
        return;
    }
    err = socket_transport_new(server->worker->loop, fd, peer, &transport);
    if (err) {
        close(fd);
    } else if (server->options.tls) {
        err = tls_transport_new(server->worker->loop, transport, server->options.tls, NULL, &secure);
        transport = secure;
    }
    if (!err)
        err = session_accept(server->worker, server, &server->options, transport, NULL);
    if (err) {
        metrics->sessions_refused++;
        log_line(LOG_ERROR, "connection dropped", "peer", address_text(peer, text), "reason",
                 err_text(err), NULL);
    }
}

enum err server_listen(struct server *server, const struct listener_options *listen,
                       struct failure *failure)
{
    return listener_open(server->worker->loop, listen, on_accept, server, &server->listener,
                         failure);
}

enum err server_listen_more(struct server *server, const struct listener_options *listen,
                            uint32_t tag, struct failure *failure)
{
    struct more_listener *more = mem_zalloc(sizeof(*more));
    enum err err;

    if (!more)
        return failure_set(failure, ERR_NOMEM, "ENOMEM", "cannot listen: out of memory");
    err = listener_open(server->worker->loop, listen, on_accept, server, &more->listener, failure);
    if (err) {
        mem_free(more);
        return err;
    }
    more->tag = tag;
    list_append(&server->more, &more->link);
    return OK;
}

static void stop_one(struct more_listener *more)
{
    list_remove(&more->link);
    listener_close(&more->listener);
    mem_free(more);
}

void server_stop_more(struct server *server, uint32_t tag)
{
    struct list *next;

    for (struct list *link = server->more.next; link != &server->more; link = next) {
        struct more_listener *more = list_entry(link, struct more_listener, link);

        next = link->next;
        if (more->tag != tag)
            continue;
        listener_accept_queued(more->listener);
        stop_one(more);
    }
}

void server_set_tls(struct server *server, struct tls_context *tls)
{
    tls_context_hold(tls);
    tls_context_drop(&server->options.tls);
    server->options.tls = tls;
}

void server_stop_listening(struct server *server)
{
    listener_close(&server->listener);
    while (!list_is_empty(&server->more))
        stop_one(list_entry(server->more.next, struct more_listener, link));
}

void server_accept_queued(struct server *server)
{
    if (server->listener)
        listener_accept_queued(server->listener);
    list_each(link, &server->more)
    {
        listener_accept_queued(list_entry(link, struct more_listener, link)->listener);
    }
}

static void tell_empty(struct server *server)
{
    if (!server->tells_empty || server->sessions > 0)
        return;
    server->tells_empty = false;
    events_add(&server->worker->events, EVENT_SERVER_EMPTY, server->slot, server->generation);
    deferred_put(server->worker->loop, &server->worker->go_on);
}

void server_tell_empty(struct server *server)
{
    server->tells_empty = true;
    tell_empty(server);
}

void server_close_early(struct server *server)
{
    struct slots *sessions = &server->worker->sessions;

    for (uint32_t i = 1; i < sessions->size; i++) {
        struct session *session = sessions->at[i].object;

        if (session && session->server == server && !session->announced)
            session_close(session);
    }
}

void server_forget(struct server *server)
{
    server_stop_listening(server);
    server->forgotten = true;
    free_when_done(server);
}

void server_on_session_freed(struct server *server)
{
    server->sessions--;
    tell_empty(server);
    free_when_done(server);
}
