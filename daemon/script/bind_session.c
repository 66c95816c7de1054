/* bind_session: what a Session object of the Lua half calls; by FFI but for session_streams(). */
#include "base/api.h"
#include "script/script_internal.h"

PERIGEE_API int perigee_session_request(uint32_t slot, uint32_t generation, uint32_t end);
PERIGEE_API int perigee_session_goaway(uint32_t slot, uint32_t generation, uint32_t code,
                                       double last_id, const char *opaque, uint32_t length);
PERIGEE_API int perigee_session_finish(uint32_t slot, uint32_t generation);
PERIGEE_API int perigee_session_destroy(uint32_t slot, uint32_t generation, uint32_t code);
PERIGEE_API int perigee_session_ping(uint32_t slot, uint32_t generation, const char *payload);
PERIGEE_API void perigee_settings_begin(void);
PERIGEE_API int perigee_setting_add(uint32_t id, uint32_t value);
PERIGEE_API int perigee_session_settings(uint32_t slot, uint32_t generation);
PERIGEE_API double perigee_session_setting(uint32_t slot, uint32_t generation, uint32_t remote,
                                           uint32_t id);
PERIGEE_API uint32_t perigee_session_name(uint32_t slot, uint32_t generation);
PERIGEE_API double perigee_session_number(uint32_t slot, uint32_t generation, uint32_t which);
PERIGEE_API double perigee_session_count(uint32_t slot, uint32_t generation, uint32_t which);
PERIGEE_API int perigee_session_next_id(uint32_t slot, uint32_t generation, uint32_t id);
PERIGEE_API int perigee_session_altsvc(uint32_t slot, uint32_t generation, uint32_t id,
                                       const char *origin, uint32_t origin_length,
                                       const char *value, uint32_t value_length);
PERIGEE_API int perigee_session_origin(uint32_t slot, uint32_t generation, const char *origins,
                                       uint32_t length);
PERIGEE_API int perigee_session_window(uint32_t slot, uint32_t generation, uint32_t size);
PERIGEE_API double perigee_session_activity(uint32_t slot, uint32_t generation);
PERIGEE_API void perigee_session_ref(uint32_t slot, uint32_t generation, uint32_t hold);
PERIGEE_API int perigee_stream_push(uint32_t slot, uint32_t generation);

static int hand_out(enum err err, const struct stream *stream)
{
    if (err)
        return err;
    perigee_shared.slot = stream->slot;
    perigee_shared.generation = stream->generation;
    perigee_shared.id = stream->id;
    return OK;
}

/* The number that log lines have for it; a new one when it has none, or is not there yet (a client that connects). */
uint32_t perigee_session_name(uint32_t slot, uint32_t generation)
{
    struct session *session = script_session(slot, generation);

    return session ? session_number(session) : session_new_number();
}

/* Client: opens a stream with the fields given before; its slot, generation and id in shared.
 * Err: ERR_CLOSED, ERR_FULL, ERR_NOMEM. */
int perigee_session_request(uint32_t slot, uint32_t generation, uint32_t end)
{
    struct session *session = script_session(slot, generation);
    struct stream *stream = NULL;
    enum err err;

    if (!session)
        return ERR_CLOSED;
    err = session_request(session, the_script->fields, the_script->field_count, end, &stream);
    return hand_out(err, stream);
}

/* Server: promises a stream on that one, with the fields given before. Results and errors as above, and ERR_STATE. */
int perigee_stream_push(uint32_t slot, uint32_t generation)
{
    struct stream *on = script_stream(slot, generation), *stream = NULL;
    enum err err;

    if (!on)
        return ERR_CLOSED;
    err = session_push(on, the_script->fields, the_script->field_count, &stream);
    return hand_out(err, stream);
}

/* last_id below 0: the last one handed up.  Err: ERR_CLOSED, ERR_NOMEM. */
int perigee_session_goaway(uint32_t slot, uint32_t generation, uint32_t code, double last_id,
                           const char *opaque, uint32_t length)
{
    struct session *session = script_session(slot, generation);

    if (!session)
        return ERR_CLOSED;
    return session_goaway(session, code, (int64_t)last_id, (const uint8_t *)opaque, length);
}

/* Ends in order: GOAWAY(NO_ERROR) unless one went before, then when no stream is left (session.h). */
int perigee_session_finish(uint32_t slot, uint32_t generation)
{
    struct session *session = script_session(slot, generation);

    return session ? session_close(session) : ERR_CLOSED;
}

int perigee_session_destroy(uint32_t slot, uint32_t generation, uint32_t code)
{
    struct session *session = script_session(slot, generation);

    if (!session)
        return ERR_CLOSED;
    session_destroy(session, code, ENDED_BY_HANDLER, NULL);
    return OK;
}

/* payload: 8 bytes. */
int perigee_session_ping(uint32_t slot, uint32_t generation, const char *payload)
{
    struct session *session = script_session(slot, generation);

    if (!session || session->state != SESSION_OPEN)
        return ERR_CLOSED;
    session_mark_dirty(session);
    session->unacked++;
    return http_ping(session->machine, (const uint8_t *)payload);
}

void perigee_settings_begin(void)
{
    the_script->setting_count = 0;
}

/* Err: ERR_FULL. */
int perigee_setting_add(uint32_t id, uint32_t value)
{
    struct script *script = the_script;

    if (script->setting_count == sizeof(script->settings) / sizeof(script->settings[0]))
        return ERR_FULL;
    script->settings[script->setting_count++] = (struct http_setting_entry){id, value};
    return OK;
}

/* Sends the settings given before. */
int perigee_session_settings(uint32_t slot, uint32_t generation)
{
    struct session *session = script_session(slot, generation);

    if (!session || session->state != SESSION_OPEN)
        return ERR_CLOSED;
    session_mark_dirty(session);
    session->unacked++;
    return http_settings(session->machine, the_script->settings, the_script->setting_count);
}

/* A setting that is in force, ours or the peer's; -1 when there is no session. */
double perigee_session_setting(uint32_t slot, uint32_t generation, uint32_t remote, uint32_t id)
{
    struct session *session = script_session(slot, generation);

    if (!session || session->state != SESSION_OPEN)
        return -1;
    return http_setting(session->machine, remote, id);
}

/* which: enum http_state, 0x100 bytes received, 0x101 bytes sent; -1 when there is no session, or (http_state) no
 * machine. */
double perigee_session_number(uint32_t slot, uint32_t generation, uint32_t which)
{
    struct session *session = script_session(slot, generation);

    if (session && which >= 0x100)
        return which == 0x100 ? session->bytes_in : session->bytes_out;
    if (!session || session->state != SESSION_OPEN)
        return -1;
    return http_state(session->machine, (enum http_state)which, 0);
}

/* which: 0 bytes in, 1 bytes out, 2 frames in, 3 frames out, 4 streams ever, 5 most at a time, 6 ended, 7 ms
 * they were open in all. Also of one that is gone, until the script has heard so; then -1. */
double perigee_session_count(uint32_t slot, uint32_t generation, uint32_t which)
{
    struct session *session = script_session(slot, generation);
    const struct session_counts *counts;

    if (!session)
        return -1;
    counts = session_count(session);
    switch (which) {
    case 0:
        return session->bytes_in;
    case 1:
        return session->bytes_out;
    case 2:
        return counts->frames_in;
    case 3:
        return counts->frames_out;
    case 4:
        return counts->streams;
    case 5:
        return counts->most_streams;
    case 6:
        return counts->ended_streams;
    default:
        return counts->stream_ms;
    }
}

/* Err: ERR_CLOSED, ERR_RANGE. */
int perigee_session_next_id(uint32_t slot, uint32_t generation, uint32_t id)
{
    struct session *session = script_session(slot, generation);

    if (!session || session->state != SESSION_OPEN)
        return ERR_CLOSED;
    return http_next_id(session->machine, id);
}

/* See http_altsvc().  Err: its errors, ERR_CLOSED. */
int perigee_session_altsvc(uint32_t slot, uint32_t generation, uint32_t id, const char *origin,
                           uint32_t origin_length, const char *value, uint32_t value_length)
{
    struct session *session = script_session(slot, generation);

    if (!session || session->state != SESSION_OPEN)
        return ERR_CLOSED;
    session_mark_dirty(session);
    return http_altsvc(session->machine, id, origin, origin_length, value, value_length);
}

/* See http_origin().  Err: its errors, ERR_CLOSED. */
int perigee_session_origin(uint32_t slot, uint32_t generation, const char *origins, uint32_t length)
{
    struct session *session = script_session(slot, generation);

    if (!session || session->state != SESSION_OPEN)
        return ERR_CLOSED;
    session_mark_dirty(session);
    return http_origin(session->machine, (const uint8_t *)origins, length);
}

int perigee_session_window(uint32_t slot, uint32_t generation, uint32_t size)
{
    struct session *session = script_session(slot, generation);

    if (!session || session->state != SESSION_OPEN)
        return ERR_CLOSED;
    session_mark_dirty(session);
    return http_window(session->machine, size);
}

/* A count of reads and writes, for idle timers; -1 when there is no session. */
double perigee_session_activity(uint32_t slot, uint32_t generation)
{
    struct session *session = script_session(slot, generation);

    return session ? (double)session->activity : -1.0;
}

/* hold 1: it counts as work that keeps the program running. */
void perigee_session_ref(uint32_t slot, uint32_t generation, uint32_t hold)
{
    struct session *session = script_session(slot, generation);

    if (session)
        session_hold(session, hold);
}

static void append_streams(lua_State *lua, const struct list *streams, const struct session *session)
{
    list_each(link, streams)
    {
        const struct stream *stream = list_entry(link, struct stream, link);

        if (stream->session != session)
            continue;
        lua_pushnumber(lua, stream->slot);
        lua_rawseti(lua, -2, (int)lua_objlen(lua, -2) + 1);
    }
}

/* session_streams(slot, generation): the slots of its streams, those too of whose end the script has not heard. */
static int session_streams(lua_State *lua)
{
    struct session *session =
        script_session((uint32_t)luaL_checknumber(lua, 1), (uint32_t)luaL_checknumber(lua, 2));

    lua_newtable(lua);
    if (session) {
        append_streams(lua, &session->worker->dead_streams, session);
        append_streams(lua, &session->streams, session);
    }
    return 1;
}

void bind_session(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"session_streams", session_streams},
        {NULL, NULL},
    };

    luaL_register(lua, NULL, functions);
}
