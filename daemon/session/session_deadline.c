/* session_deadline: how long each state of a session may last, and what happens then. */
#include "session/session_internal.h"

void session_set_deadline(struct session *session, enum session_deadline what, uint32_t ms)
{
    session->deadline_for = what;
    if (ms)
        deadline_set(session->worker->loop, &session->deadline, ms);
    else
        deadline_clear(&session->deadline);
}

void session_await_hang_up(struct session *session)
{
    if (!session->hang_up_awaited)
        session_set_deadline(session, DEADLINE_LINGER, session->options->limits.linger_ms);
    session->hang_up_awaited = true;
}

void session_think_deadline(struct session *session)
{
    const struct limits *limits = &session->options->limits;
    bool head_awaited = session->state == SESSION_SNIFFING || !session->settled || session->in_block;

    if (session->hang_up_awaited)
        return; /* whatever the peer says meanwhile */
    if (!head_awaited)
        session_set_deadline(session, DEADLINE_IDLE,
                             session->stream_count == 0 ? limits->idle_timeout_ms : 0);
    else if (session->deadline_for != DEADLINE_HEAD) /* it runs from the beginning on */
        session_set_deadline(session, DEADLINE_HEAD, limits->header_timeout_ms);
}

void session_on_due(struct deadline *deadline)
{
    struct session *session = list_entry(deadline, struct session, deadline);
    struct worker *worker = session->worker;

    switch (session->state) {
    case SESSION_CONNECTING:
        metrics_hit(LIMIT_HANDSHAKE_TIMEOUT);
        session_lose(session, ENDED_BY_TIMEOUT, HTTP_CANCEL, "ETIMEDOUT",
                     "the connection attempt timed out");
        break;
    case SESSION_HANDSHAKE:
        metrics_hit(LIMIT_HANDSHAKE_TIMEOUT);
        session_connection_failed(session, ENDED_BY_TIMEOUT, "ERR_TLS_HANDSHAKE_TIMEOUT",
                                  "handshake_timeout: the TLS handshake was not done in time");
        break;
    case SESSION_UNDECIDED:
        metrics_hit(LIMIT_UNKNOWN_PROTOCOL);
        session_lose(session, ENDED_BY_TIMEOUT, HTTP_NO_ERROR, "",
                     "unknown_protocol_timeout: nothing became of the connection in time");
        break;
    case SESSION_SNIFFING:
        metrics_hit(LIMIT_HEADER_TIMEOUT);
        session_lose(session, ENDED_BY_TIMEOUT, HTTP_NO_ERROR, "",
                     "header_timeout: the preface did not arrive in time");
        break;
    case SESSION_OPEN:
        if (session->output_dead)
            session_lose(session, ENDED_BY_PEER, HTTP_CANCEL, "EPIPE",
                         "the peer closed the connection");
        else if (session->hang_up_awaited)
            session_end(session, ENDED_BY_SHUTDOWN, HTTP_NO_ERROR, "", NULL);
        else if (!session->settled || session->in_block) {
            metrics_hit(LIMIT_HEADER_TIMEOUT);
            session_destroy(session, HTTP_ENHANCE_YOUR_CALM, ENDED_BY_TIMEOUT,
                            "header_timeout: a header block did not arrive in time");
        } else {
            metrics_hit(LIMIT_IDLE_TIMEOUT);
            session_destroy(session, HTTP_NO_ERROR, ENDED_BY_TIMEOUT,
                            "idle_timeout: no stream was open for that long");
        }
        break;
    case SESSION_ENDING:
    case SESSION_LINGERING:
        session_lose(session, session->by, session->end_code, session->end_name,
                     session->end_reason);
        break;
    case SESSION_GONE:
        break;
    }
    worker_turn(worker);
}
