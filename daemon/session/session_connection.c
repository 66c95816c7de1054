/* session_connection: what a server's script hears of a connection before HTTP/2 begins on it, or when it never
 * does: 'connection', 'secureConnection', 'tlsClientError', 'unknownProtocol', and the questions of a ClientHello. */
#include <string.h>

#include "http/sniff.h"
#include "session/server.h"
#include "session/session_internal.h"

#define LAST_WORDS_MAX (16 * 1024) /* what a machine may say in one piece */

static bool is_heard(const struct session *session, enum connection_news news)
{
    return session->server && session->server->tells & 1u << news;
}

static struct event *tell(struct session *session, enum connection_news news)
{
    struct event *event =
        events_add(&session->worker->events, EVENT_CONNECTION, session->slot, session->generation);

    session->noticed = true;
    event->code = news;
    event->a = session->server->slot;
    return event;
}

static void set_texts(struct session *session, struct event *event, const void *first,
                      size_t first_length, const void *second, size_t second_length)
{
    event->b = (uint32_t)first_length;
    event->length = (uint32_t)(first_length + second_length);
    event->bytes = events_join(&session->worker->events, first, first_length, second, second_length);
}

void session_connection_begins(struct session *session)
{
    if (!is_heard(session, CONNECTION_NEW))
        return;
    tell(session, CONNECTION_NEW);
    /* Nothing else of this connection may happen for long. */
    deferred_put(session->worker->loop, &session->worker->go_on);
}

void session_connection_secure(struct session *session)
{
    if (is_heard(session, CONNECTION_SECURE))
        tell(session, CONNECTION_SECURE);
}

void session_connection_hello(struct session *session)
{
    const struct tls_hello *hello = tls_hello(session->transport);
    struct event *event;

    if (!hello)
        return;
    event = tell(session, CONNECTION_HELLO);
    event->flags = (hello->name ? 1u : 0) | (hello->has_protocols ? 2u : 0);
    set_texts(session, event, hello->name, hello->name ? strlen(hello->name) : 0, hello->protocols,
              hello->protocols_length);
}

enum err session_answer(struct session *session, const struct tls_answer *answer)
{
    return session->state == SESSION_HANDSHAKE ? tls_answer(session->transport, answer) : ERR_STATE;
}

/* Stays a while for the script to say what becomes of it. */
static void leave_undecided(struct session *session)
{
    session->state = SESSION_UNDECIDED;
    session_set_deadline(session, DEADLINE_LINGER, session->options->unknown_protocol_ms);
}

void session_connection_failed(struct session *session, enum ended_by by, const char *code,
                               const char *reason)
{
    if (!is_heard(session, CONNECTION_TLS_FAILED)) {
        session_lose(session, by, HTTP_CANCEL, code, reason);
        return;
    }
    set_texts(session, tell(session, CONNECTION_TLS_FAILED), code, strlen(code), reason,
              strlen(reason));
    transport_want(session->transport, false, false);
    leave_undecided(session);
    session->failed = true;
}

void session_connection_unknown(struct session *session)
{
    leave_undecided(session);
    if (is_heard(session, CONNECTION_UNKNOWN_PROTOCOL))
        tell(session, CONNECTION_UNKNOWN_PROTOCOL);
    else
        session_dismiss(session, NULL, 0);
}

enum err session_dismiss(struct session *session, const char *bytes, size_t length)
{
    const char *reason = "no HTTP/2 began on the connection";

    if (!session->server || session->state == SESSION_OPEN || session->state >= SESSION_ENDING)
        return ERR_STATE;
    if (!bytes) {
        bytes = alpn_refusal;
        length = alpn_refusal_length;
        reason = "the peer did not agree on HTTP/2 (ALPN)";
    }
    if (length > LAST_WORDS_MAX)
        return ERR_RANGE;
    if (session->state == SESSION_HANDSHAKE && !session->options->tls)
        session->state = SESSION_SNIFFING; /* clear text can be written at once */
    if (length == 0 || session->failed || session->state == SESSION_HANDSHAKE) {
        session_lose(session, ENDED_BY_HANDLER, HTTP_NO_ERROR, "", reason);
        return OK;
    }
    if (http_refusal_new(bytes, length, &session->machine))
        return ERR_NOMEM;
    session->slow_to_end = session->options->unknown_protocol_ms > 0;
    session_end(session, ENDED_BY_PROTOCOL, HTTP_NO_ERROR, "", reason);
    return OK;
}
