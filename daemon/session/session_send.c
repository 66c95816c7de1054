/* session_send: bytes out. The pump, and what waits behind what is queued: resets and GOAWAY. */
#include "base/mem.h"
#include "session/session_internal.h"

/* Writes of one pump, so that one session with an endless answer does not hold up the others. */
#define WRITES_MAX 4
#define READ_WHILE_QUEUED 64 /* frames that may wait unsent while we still read */

void session_mark_dirty(struct session *session)
{
    if (session->dirty_link.next == &session->dirty_link && session->state != SESSION_GONE)
        list_append(&session->worker->dirty, &session->dirty_link);
}

void session_drop_later(struct session *session, struct chunk *chunk)
{
    gather_spend(session->worker->gather, chunk);
}

/* Submits what had to wait until everything before it is framed. Were there any? */
static bool submit_marks(struct session *session)
{
    struct list *link;
    bool any = false;

    while ((link = list_take(&session->resets))) {
        struct stream *stream = list_entry(link, struct stream, reset_link);

        http_reset(session->machine, stream->id, stream->reset_code);
        any = true;
    }
    if (session->goaway_waits) {
        session->goaway_waits = false;
        http_goaway(session->machine, session->goaway.code, session->goaway.last_id,
                    session->goaway.opaque, session->goaway.length);
        mem_free(session->goaway.opaque);
        session->goaway.opaque = NULL;
        any = true;
    }
    return any;
}

/* The PING behind the notice of a drain: nghttp2 would let it overtake a GOAWAY that is not framed yet. */
static bool submit_ping(struct session *session)
{
    if (!session->ping_waits || http_state(session->machine, HTTP_STATE_OUTBOUND_QUEUE, 0) > 0)
        return false;
    session->ping_waits = false;
    session->unacked++;
    http_ping(session->machine, (const uint8_t *)SESSION_DRAIN_PING);
    return true;
}

/* Gathers what one write can take. Is there more? */
static enum err gather_from(struct session *session, bool *more)
{
    struct gather *g = session->worker->gather;
    struct http_sink sink;
    enum err err;

    gather_sink(g, &sink);
    gather_begin(g);
    err = http_drain(session->machine, &sink);
    if (!err && submit_ping(session))
        err = http_drain(session->machine, &sink);
    if (!err && !gather_is_full(g) && submit_marks(session))
        err = http_drain(session->machine, &sink);
    *more = gather_is_full(g);
    return err;
}

void session_on_write_error(struct session *session)
{
    output_free(&session->output);
    session->output_dead = true;
    transport_want(session->transport, true, false);
    session_await_hang_up(session);
}

static enum err send_gathered(struct session *session)
{
    session->bytes_out += (double)session->worker->gather->total;
    metrics->bytes_out[session_role(session)] += session->worker->gather->total;
    return output_send(&session->output, session->worker->gather, session->transport);
}

void session_flush_machine(struct session *session)
{
    bool more = true;

    while (more && !session->output_dead && session->machine) {
        enum err drained = gather_from(session, &more);

        if (send_gathered(session))
            session_on_write_error(session);
        if (drained || session->output.bytes >= session->options->limits.session_output)
            break;
    }
}

/* What the machine said is out, or waits for the peer to read. */
static void after_pump(struct session *session)
{
    bool blocked = !output_is_empty(&session->output);
    bool readable =
        !blocked || http_state(session->machine, HTTP_STATE_OUTBOUND_QUEUE, 0) < READ_WHILE_QUEUED;

    transport_want(session->transport, readable, blocked);
    if (blocked) {
        session_think_deadline(session);
        return;
    }
    if (http_is_over(session->machine) && (session->machine->end_code || !session->server)) {
        session_end(session, session->machine->end_code ? session_blame(session) : ENDED_NORMALLY,
                    session->machine->end_code,
                    session->machine->end_code ? session_error_name(session) : "",
                    session->machine->end_reason);
        session_go_on_ending(session);
        return;
    }
    if (session->closing && session->stream_count == 0 && list_is_empty(&session->dirty_link)) {
        if (!session->server) {
            session_end(session, ENDED_BY_HANDLER, HTTP_NO_ERROR, "", NULL);
            session_go_on_ending(session); /* here: 'close' comes before the peer heard of it */
            return;
        }
        session_await_hang_up(session);
    }
    if (http_is_over(
            session->machine)) /* the client said GOAWAY; what it sent before is still served */
        session_await_hang_up(session);
    session_think_deadline(session);
}

void session_pump(struct session *session)
{
    if (session->state == SESSION_ENDING) {
        session_go_on_ending(session);
        return;
    }
    if (session->state != SESSION_OPEN || session->output_dead)
        return;
    for (int writes = 0; writes < WRITES_MAX && output_is_empty(&session->output); writes++) {
        bool more;
        enum err drained = gather_from(session, &more);
        bool said = session->worker->gather->count > 0;

        session->activity += said;
        if (send_gathered(session)) {
            session_on_write_error(session);
            return;
        }
        if (drained) {
            session_end(session, session_blame(session), session->machine->end_code,
                        session_error_name(session),
                        session->machine->end_reason[0] ? session->machine->end_reason
                                                        : err_text(drained));
            return;
        }
        if (!said || !more)
            break;
        if (writes + 1 == WRITES_MAX)
            session_mark_dirty(session);
    }
    after_pump(session);
}
