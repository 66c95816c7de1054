/* server: accepts, and outlives its sessions. */
#include "session/server.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "metrics/live.h"
#include "net/socket.h"
#include "net/tls.h"

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
    server->options = *options;
    server->options.http.settings = server->options.settings;
    if (server->options.tls)
        tls_context_hold(server->options.tls);
    live.servers++;
    *out = server;
    return OK;
}

static void free_when_done(struct server *server)
{
    if (!server->forgotten || server->sessions > 0)
        return;
    slots_remove(&server->worker->servers, server->slot);
    tls_context_drop(&server->options.tls);
    live.servers--;
    mem_free(server);
}

static void on_accept(void *owner, int fd, const struct address *peer)
{
    struct server *server = owner;
    struct transport *transport = NULL, *secure = NULL;
    char text[ADDRESS_TEXT_BYTES];
    enum err err;

    if (server->max_sessions && server->sessions >= server->max_sessions) {
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
        err = session_accept(server->worker, server, &server->options, transport);
    if (err)
        log_line(LOG_ERROR, "connection dropped", "peer", address_text(peer, text), "reason",
                 err_text(err), NULL);
}

enum err server_listen(struct server *server, const struct listener_options *listen,
                       struct failure *failure)
{
    return listener_open(server->worker->loop, listen, on_accept, server, &server->listener,
                         failure);
}

void server_stop_listening(struct server *server)
{
    listener_close(&server->listener);
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
    free_when_done(server);
}
