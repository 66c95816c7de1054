/* bind_client: classic functions that begin a client session, or a pair without a network. */
#include <unistd.h>

#include "net/pipe.h"
#include "net/socket.h"
#include "script/script_internal.h"
#include "session/server.h"

static int hand_out(lua_State *lua, enum err err, const struct session *session)
{
    struct failure failure;

    if (err) {
        failure_set(&failure, err, "ERR_HTTP2_NO_MEM", "%s", err_text(err));
        return script_push_failure(lua, &failure);
    }
    lua_pushnumber(lua, session->slot);
    lua_pushnumber(lua, session->generation);
    return 2;
}

/* The text of that key; it stays on the stack. */
static const char *text_at(lua_State *lua, const char *key)
{
    lua_getfield(lua, 1, key);
    return lua_tostring(lua, -1);
}

static int number_at(lua_State *lua, const char *key)
{
    int number;

    lua_getfield(lua, 1, key);
    number = (int)lua_tointeger(lua, -1);
    lua_pop(lua, 1);
    return number;
}

/* connect({host=, port=, path=, servername=, family=, local_host=, local_port=, ...options})
 * -> slot, generation | nil, code, text */
static int native_connect(lua_State *lua)
{
    struct session_options options;
    struct session *session;
    struct connector_target target;
    enum err err;

    luaL_checktype(lua, 1, LUA_TTABLE);
    script_read_options(lua, 1, false, &options);
    target = (struct connector_target){
        .path = text_at(lua, "path"),
        .host = text_at(lua, "host"),
        .port = (uint16_t)number_at(lua, "port"),
        .local_host = text_at(lua, "local_host"),
        .local_port = (uint16_t)number_at(lua, "local_port"),
    };
    switch (number_at(lua, "family")) {
    case 4:
        target.family = AF_INET;
        break;
    case 6:
        target.family = AF_INET6;
        break;
    }
    err = session_connect(&the_script->worker, &options, &target, text_at(lua, "servername"),
                          &session);
    return hand_out(lua, err, session);
}

/* connect_pair(server slot, server generation, options) -> slot, generation: a client whose peer is
 * a new session of that server, over memory. */
static int native_connect_pair(lua_State *lua)
{
    struct server *server =
        slots_get(&the_script->worker.servers, (uint32_t)luaL_checknumber(lua, 1),
                  (uint32_t)luaL_checknumber(lua, 2));
    struct transport *ours, *theirs;
    struct session_options options;
    struct session *session = NULL;
    enum err err = ERR_CLOSED;

    luaL_checktype(lua, 3, LUA_TTABLE);
    script_read_options(lua, 3, false, &options);
    if (server)
        err = pipe_transport_pair(the_script->loop, 256 * 1024, &ours, &theirs);
    if (!err) {
        err = session_accept(&the_script->worker, server, &server->options, theirs, NULL);
        if (err)
            transport_close(&ours);
        else
            err = session_connect_over(&the_script->worker, &options, ours, NULL, &session);
    }
    return hand_out(lua, err, session);
}

/* connect_over(fd, {servername=, ...options}) -> slot, generation | nil, code, text: a client on a connected
 * socket; fd is duplicated. */
static int native_connect_over(lua_State *lua)
{
    int fd = dup((int)luaL_checkinteger(lua, 1));
    struct session_options options;
    struct transport *transport;
    struct session *session = NULL;
    struct failure failure;
    enum err err = fd < 0 ? ERR_INVALID : OK;

    luaL_checktype(lua, 2, LUA_TTABLE);
    script_read_options(lua, 2, false, &options);
    if (!err)
        err = socket_transport_new(the_script->loop, fd, NULL, &transport);
    if (err) {
        if (fd >= 0)
            close(fd);
        failure_set(&failure, err, "ERR_INVALID_FD", "not a connected socket: %s", err_text(err));
        return script_push_failure(lua, &failure);
    }
    lua_getfield(lua, 2, "servername");
    err = session_connect_over(&the_script->worker, &options, transport, lua_tostring(lua, -1),
                               &session);
    return hand_out(lua, err, session);
}

/* adopt(server slot, server generation, fd): a server session on a connected socket; fd is
 * duplicated. -> its slot, generation | nil, code, text */
static int native_adopt(lua_State *lua)
{
    struct server *server =
        slots_get(&the_script->worker.servers, (uint32_t)luaL_checknumber(lua, 1),
                  (uint32_t)luaL_checknumber(lua, 2));
    int fd = dup((int)luaL_checkinteger(lua, 3));
    struct session *session = NULL;
    struct transport *transport;
    struct failure failure;
    enum err err = fd < 0 || !server ? ERR_INVALID : OK;

    if (!err)
        err = socket_transport_new(the_script->loop, fd, NULL, &transport);
    if (err && fd >= 0)
        close(fd);
    if (!err)
        err = session_accept(&the_script->worker, server, &server->options, transport, &session);
    if (err) {
        failure_set(&failure, err, "ERR_INVALID_FD", "not a connected socket: %s", err_text(err));
        return script_push_failure(lua, &failure);
    }
    return hand_out(lua, OK, session);
}

void bind_client(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"connect", native_connect},
        {"connect_pair", native_connect_pair},
        {"connect_over", native_connect_over},
        {"adopt", native_adopt},
        {NULL, NULL},
    };

    luaL_register(lua, NULL, functions);
}
