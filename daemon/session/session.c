/* session: its life, from the transport's first event to the wait for the peer's FIN. */
#include "session/session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "metrics/metrics.h"
#include "net/socket.h"
#include "net/tls.h"
#include "session/access_log.h"
#include "session/server.h"
#include "session/session_internal.h"

static void on_transport(void *owner, unsigned events);

static enum err session_new(struct worker *worker, struct server *server, struct session **out)
{
    struct session *session;
    enum err err;

    *out = NULL;
    session = mem_zalloc(sizeof(*session));
    if (!session)
        return ERR_NOMEM;
    err = slots_put(&worker->sessions, session, &session->slot, &session->generation);
    if (err) {
        mem_free(session);
        return err;
    }
    session->worker = worker;
    session->server = server;
    list_init(&session->dirty_link);
    list_init(&session->streams);
    list_init(&session->resets);
    deadline_init(&session->deadline, session_on_due);
    if (server)
        server->sessions++;
    metrics->sessions[session_role(session)]++;
    metrics->sessions_active[session_role(session)]++;
    *out = session;
    return OK;
}

static void take_transport(struct session *session, struct transport *transport)
{
    session->transport = transport;
    session->state = SESSION_HANDSHAKE;
    if (session->unheld)
        transport_unref(transport);
    transport_set_owner(transport, on_transport, session);
    transport_want(transport, true, false);
    session_set_deadline(session, DEADLINE_HANDSHAKE, session->options->limits.handshake_timeout_ms);
}

enum err session_accept(struct worker *worker, struct server *server,
                        struct session_options *options, struct transport *transport,
                        struct session **out)
{
    struct session *session;
    enum err err = session_new(worker, server, &session);

    if (out)
        *out = session;
    if (err) {
        transport_close(&transport);
        return err;
    }
    session->options = options;
    session->announced = out != NULL;
    take_transport(session, transport);
    session_connection_begins(session);
    return OK;
}

/* --- Client. */

static enum err client_new(struct worker *worker, const struct session_options *options,
                           const char *server_name, struct session **out)
{
    enum err err = session_new(worker, NULL, out);
    struct session *session = *out;

    if (err)
        return err;
    session->announced = true; /* the script made it */
    session->options = mem_alloc(sizeof(*session->options));
    session->server_name =
        mem_copy(server_name ? server_name : "", server_name ? strlen(server_name) : 0);
    if (!session->options || !session->server_name) {
        mem_free(session->options);
        session->options = NULL;
        session_free(session);
        *out = NULL;
        return ERR_NOMEM;
    }
    *session->options = *options;
    session->options->http.settings = session->options->settings;
    if (session->options->tls)
        tls_context_hold(session->options->tls);
    return OK;
}

static void join(struct session *session, struct transport *transport)
{
    struct transport *secure = NULL;

    if (session->options->tls) {
        if (tls_transport_new(session->worker->loop, transport, session->options->tls,
                              session->server_name, &secure)) {
            session_lose(session, ENDED_BY_SESSION, HTTP_INTERNAL_ERROR, "ERR_TLS",
                         "the TLS connection could not be made");
            return;
        }
        transport = secure;
    }
    take_transport(session, transport);
}

static void on_connected(void *owner, int fd, const struct failure *failure)
{
    struct session *session = owner;
    struct worker *worker = session->worker;
    struct transport *transport;

    session->connector = NULL;
    if (failure)
        session_lose(session, ENDED_BY_PEER, HTTP_CANCEL, failure->code, failure->text);
    else if (!socket_transport_new(worker->loop, fd, NULL, &transport)) {
        if (session->options->keep_alive)
            socket_keep_alive(fd, session->options->keep_alive_s);
        join(session, transport);
    } else {
        close(fd);
        session_lose(session, ENDED_BY_SESSION, HTTP_INTERNAL_ERROR, "ENOMEM", "out of memory");
    }
    worker_turn(worker);
}

enum err session_connect(struct worker *worker, const struct session_options *options,
                         const struct connector_target *target, const char *server_name,
                         struct session **out)
{
    enum err err = client_new(worker, options, server_name, out);

    if (err)
        return err;
    err = connector_start(worker->loop, target, on_connected, *out, &(*out)->connector);
    if (err) {
        session_free(*out);
        *out = NULL;
        return err;
    }
    session_set_deadline(*out, DEADLINE_HANDSHAKE, options->limits.handshake_timeout_ms);
    return OK;
}

enum err session_connect_over(struct worker *worker, const struct session_options *options,
                              struct transport *transport, const char *server_name,
                              struct session **out)
{
    enum err err = client_new(worker, options, server_name, out);

    if (err)
        transport_close(&transport);
    else
        join(*out, transport);
    return err;
}

uint32_t session_new_number(void)
{
    static uint32_t last;

    return ++last;
}

uint32_t session_number(struct session *session)
{
    if (session->number == 0)
        session->number = session_new_number();
    return session->number;
}

void session_hold(struct session *session, bool hold)
{
    session->unheld = !hold;
    if (session->transport && hold)
        transport_ref(session->transport);
    else if (session->transport)
        transport_unref(session->transport);
    if (session->connector)
        connector_hold(session->connector, hold);
}

const struct session_counts *session_count(struct session *session)
{
    struct session_counts *counts = &session->counts;

    if (session->machine) {
        counts->frames_in = http_state(session->machine, HTTP_STATE_FRAMES_RECEIVED, 0);
        counts->frames_out = http_state(session->machine, HTTP_STATE_FRAMES_SENT, 0);
    }
    return counts;
}

void session_free(struct session *session)
{
    struct server *server = session->server;

    deadline_clear(&session->deadline);
    list_remove(&session->dirty_link);
    connector_cancel(&session->connector);
    transport_close(&session->transport);
    http_free(&session->machine);
    output_free(&session->output);
    mem_free(session->goaway.opaque);
    mem_free(session->server_name);
    if (!server && session->options) {
        tls_context_drop(&session->options->tls);
        mem_free(session->options);
    }
    slots_remove(&session->worker->sessions, session->slot);
    metrics->sessions_active[session_role(session)]--;
    metrics->sessions_ended[session_role(session) * METRICS_OUTCOMES + session->by]++;
    mem_free(session);
    if (server)
        server_on_session_freed(server);
}

/* --- Openings. */

void session_start_machine(struct session *session)
{
    struct event *event;

    if (http2_machine_new(&session->options->http, &session_callbacks, session, &session->machine)) {
        session_lose(session, ENDED_BY_SESSION, HTTP_INTERNAL_ERROR, "ERR_HTTP2_NO_MEM",
                     "out of memory");
        return;
    }
    session->state = SESSION_OPEN;
    session->announced = true;
    event = events_add(&session->worker->events, EVENT_SESSION_OPEN, session->slot,
                       session->generation);
    if (session->server) {
        event->a = session->server->slot;
        event->b = session->server->generation;
    }
    session_mark_dirty(session);
    session_think_deadline(session);
}

/* Any name but HTTP/1's is HTTP/2's: a script may agree on one of its own (ALPNCallback). */
static bool is_http2(const char *protocol)
{
    return protocol && strncmp(protocol, "http/1", 6) != 0;
}

static void on_open(struct session *session)
{
    const struct transport_info *info = transport_info(session->transport);
    bool http2 = is_http2(info->protocol);

    session_set_deadline(session, DEADLINE_NONE, 0);
    if (session->server && info->secure)
        session_connection_secure(session);
    if (info->secure && http2) {
        session_start_machine(session);
    } else if (session->server && info->secure) {
        session_connection_unknown(session);
    } else if (session->server) {
        session->state = SESSION_SNIFFING;
        session_think_deadline(session);
    } else if (info->secure) {
        session_lose(session, ENDED_BY_PEER, HTTP_PROTOCOL_ERROR, "ERR_HTTP2_ERROR",
                     "the server did not agree on HTTP/2 (ALPN)");
    } else {
        session_start_machine(session);
    }
}

static void on_failed(struct session *session)
{
    const struct failure *failure = transport_failure(session->transport);
    char peer[ADDRESS_TEXT_BYTES];

    if (session->server && log_wants(LOG_DEBUG))
        log_line(LOG_DEBUG, "handshake failed", "peer",
                 address_text(&transport_info(session->transport)->peer, peer), "code",
                 failure->code, "reason", failure->text, NULL);
    session_connection_failed(session, ENDED_BY_PEER, failure->code, failure->text);
}

static void on_transport(void *owner, unsigned events)
{
    struct session *session = owner;
    struct worker *worker = session->worker;

    if (events & TRANSPORT_FAILED)
        on_failed(session);
    if (events & TRANSPORT_HELLO)
        session_connection_hello(session);
    if ((events & TRANSPORT_OPEN) && session->state == SESSION_HANDSHAKE)
        on_open(session);
    if ((events & TRANSPORT_WRITABLE) && session->state != SESSION_GONE && !session->output_dead) {
        if (output_resend(&session->output, session->transport))
            session_on_write_error(session);
        session->activity++;
        session_mark_dirty(session);
    }
    if ((events & TRANSPORT_READABLE) && session->state != SESSION_GONE)
        session_ingress(session);
    worker_turn(worker);
}

/* --- Ends. */

static void close_streams(struct session *session, uint32_t code, enum ended_by by,
                          const char *reason)
{
    while (!list_is_empty(&session->streams))
        stream_on_closed(list_entry(session->streams.next, struct stream, link), code, by, reason);
}

/* The script's last word about it; once. */
static void tell_gone(struct session *session)
{
    struct events *events = &session->worker->events;
    char text[sizeof(session->end_name) + sizeof(session->end_reason)];
    struct event *event;
    int length;

    if (session->told_gone || !(session->announced || session->noticed))
        return;
    session->told_gone = true;
    length = snprintf(text, sizeof(text), "%s%s", session->end_name, session->end_reason);
    event = events_add(events, EVENT_SESSION_GONE, session->slot, session->generation);
    event->code = session->end_code;
    event->flags = session->by;
    event->a = (uint32_t)strlen(session->end_name);
    event->length = (uint32_t)length;
    event->bytes = events_copy(events, text, (uint32_t)length);
}

static void note_end(struct session *session, enum ended_by by, uint32_t code, const char *name,
                     const char *reason)
{
    if (session->by != ENDED_NORMALLY || session->end_code || session->end_name[0])
        return; /* the first cause is the cause */
    session->by = by;
    session->end_code = code;
    snprintf(session->end_name, sizeof(session->end_name), "%s", name);
    snprintf(session->end_reason, sizeof(session->end_reason), "%s", reason ? reason : "");
}

void session_lose(struct session *session, enum ended_by by, uint32_t code, const char *name,
                  const char *reason)
{
    char kept[sizeof(session->end_reason)];

    if (session->state == SESSION_GONE)
        return;
    snprintf(kept, sizeof(kept), "%s", reason ? reason : ""); /* it may belong to the transport */
    note_end(session, by, code, name, kept);
    close_streams(session, HTTP_CANCEL, ENDED_BY_SESSION, kept[0] ? kept : "the session ended");
    session->state = SESSION_GONE;
    tell_gone(session);
    deadline_clear(&session->deadline);
    connector_cancel(&session->connector);
    transport_close(&session->transport);
    session_count(session);
    http_free(&session->machine);
    output_free(&session->output);
    list_remove(&session->dirty_link);
    list_append(&session->worker->dead_sessions, &session->dirty_link);
}

void session_drop(struct session *session)
{
    session->announced = session->noticed = false;
    session_lose(session, ENDED_BY_SHUTDOWN, HTTP_NO_ERROR, "", NULL);
}

static uint32_t session_linger_ms(const struct session *session)
{
    return session->slow_to_end ? session->options->unknown_protocol_ms
                                : session->options->limits.linger_ms;
}

void session_end(struct session *session, enum ended_by by, uint32_t code, const char *name,
                 const char *reason)
{
    char kept[sizeof(session->end_reason)];

    if (session->state >= SESSION_ENDING)
        return;
    if (session->state < SESSION_SNIFFING) { /* nobody is there to hear more */
        session_lose(session, by, code, name, reason);
        return;
    }
    snprintf(kept, sizeof(kept), "%s", reason ? reason : ""); /* it may belong to the machine */
    note_end(session, by, code, name, kept);
    session_flush_machine(session);
    close_streams(session, code ? code : HTTP_CANCEL,
                  by == ENDED_BY_SHUTDOWN ? ENDED_BY_SHUTDOWN : ENDED_BY_SESSION,
                  kept[0] ? kept : "the session ended");
    session_count(session);
    http_free(&session->machine);
    session->state = SESSION_ENDING;
    /* Not before the turn is over: the script may be in the middle of it. */
    session_set_deadline(session, DEADLINE_LINGER, session_linger_ms(session));
    session_mark_dirty(session);
}

enum ended_by session_blame(const struct session *session)
{
    return session->machine->end_code == HTTP_ENHANCE_YOUR_CALM ? ENDED_BY_LIMIT : ENDED_BY_PROTOCOL;
}

void session_go_on_ending(struct session *session)
{
    if (session->output_dead) {
        session_lose(session, session->by, session->end_code, session->end_name,
                     session->end_reason);
        return;
    }
    if (!output_is_empty(&session->output)) {
        transport_want(session->transport, !session->input_ended, true);
        return;
    }
    if (session->input_ended) {
        session_lose(session, session->by, session->end_code, session->end_name,
                     session->end_reason);
        return;
    }
    /* Closing now could make the kernel send a reset that overtakes our last bytes (RFC 9113 9.1,
     * RFC 9112 9.6): end our direction and let the peer hang up. */
    session->state = SESSION_LINGERING;
    transport_shutdown(session->transport);
    transport_want(session->transport, true, false);
    session_set_deadline(session, DEADLINE_LINGER, session_linger_ms(session));
    if (!session->server)
        tell_gone(session); /* a client does not wait for the peer's FIN (API.md 1, rule 8) */
}

enum err session_goaway(struct session *session, uint32_t code, int64_t last_id,
                        const uint8_t *opaque, uint32_t length)
{
    uint8_t *copy = NULL;

    if (session->state != SESSION_OPEN)
        return ERR_CLOSED;
    if (length > 0) {
        copy = (uint8_t *)mem_copy(opaque, length);
        if (!copy)
            return ERR_NOMEM;
    }
    if (session->goaway_waits) /* two in one turn: the first leaves with what is queued now */
        session_flush_machine(session);
    mem_free(session->goaway.opaque); /* unless the peer takes nothing: then the newer one counts */
    session->goaway.code = code;
    session->goaway.last_id = last_id;
    session->goaway.opaque = copy;
    session->goaway.length = length;
    session->goaway_waits = true;
    session->said_goaway = true;
    session_mark_dirty(session);
    return OK;
}

enum err session_drain(struct session *session)
{
    if (session->state != SESSION_OPEN || session->said_goaway)
        return ERR_CLOSED;
    session->ping_waits = true;
    session_mark_dirty(session);
    return http_shutdown_notice(session->machine);
}

enum err session_close(struct session *session)
{
    if (session->state < SESSION_SNIFFING) {
        session_lose(session, ENDED_BY_HANDLER, HTTP_NO_ERROR, "", NULL);
        return OK;
    }
    if (session->failed) {
        session_lose(session, ENDED_BY_SHUTDOWN, HTTP_NO_ERROR, "", NULL);
        return OK;
    }
    if (session->state < SESSION_OPEN) {
        session_end(session, ENDED_BY_SHUTDOWN, HTTP_NO_ERROR, "", NULL);
        return OK;
    }
    if (session->state != SESSION_OPEN)
        return ERR_CLOSED;
    if (session->closing)
        return OK;
    session->closing = true;
    session_mark_dirty(session);
    return session->said_goaway ? OK : session_goaway(session, HTTP_NO_ERROR, -1, NULL, 0);
}

void session_destroy(struct session *session, uint32_t code, enum ended_by by, const char *reason)
{
    if (session->state == SESSION_OPEN) {
        session_goaway(session, code, -1, NULL, 0);
        session_end(session, by, code, "", reason);
    } else if (session->state < SESSION_OPEN) {
        session_lose(session, by, code, "", reason);
    }
}

void session_on_stream_closed(struct session *session)
{
    if (session->stream_count == 0 && session->state == SESSION_OPEN)
        session_mark_dirty(session); /* for its deadline, or its end */
}

/* --- Streams that we open. */

enum err session_request(struct session *session, const struct http_field *fields, size_t count,
                         bool end, struct stream **out)
{
    enum err err;

    *out = NULL;
    if (session->state != SESSION_OPEN)
        return ERR_CLOSED;
    err = stream_new(session, 0, out);
    if (err)
        return err;
    err = http_request(session->machine, fields, count, end, *out, &(*out)->id);
    if (err) {
        session->stream_count--;
        stream_free(*out);
        *out = NULL;
        return err;
    }
    metrics->streams[METRICS_CLIENT]++;
    (*out)->started = true;
    (*out)->ending = end;
    session_mark_dirty(session);
    return OK;
}

/* The request that a push answers, for the access log. Out of memory: it knows less. */
static void keep_promise(struct stream *stream, const struct http_field *fields, size_t count)
{
    struct http_block_builder builder = {0};
    enum err err = OK;

    http_block_begin(&builder);
    for (size_t i = 0; i < count && !err; i++)
        err = http_block_add(&builder, fields[i].name, fields[i].name_length, fields[i].value,
                             fields[i].value_length, 0);
    if (!err && !http_block_finish(&builder, &stream->block))
        stream->session->held += stream->block->size;
    http_block_builder_free(&builder);
}

enum err session_push(struct stream *on, const struct http_field *fields, size_t count,
                      struct stream **out)
{
    struct session *session = on->session;
    enum err err;

    *out = NULL;
    if (session->state != SESSION_OPEN || on->closed)
        return ERR_CLOSED;
    err = stream_new(session, 0, out);
    if (err)
        return err;
    err = http_push(session->machine, on->id, fields, count, *out, &(*out)->id);
    if (err) {
        session->stream_count--;
        stream_free(*out);
        *out = NULL;
        return err;
    }
    if (access_log_is_on)
        keep_promise(*out, fields, count);
    metrics->streams[METRICS_SERVER]++;
    session_mark_dirty(session);
    return OK;
}
