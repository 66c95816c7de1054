/* bind_server: classic functions behind a Server object. A server is named by slot and generation. */
#include "script/script_internal.h"
#include "session/server.h"

static struct server *server_at(lua_State *lua)
{
    return slots_get(&the_script->worker.servers, (uint32_t)luaL_checknumber(lua, 1),
                     (uint32_t)luaL_checknumber(lua, 2));
}

/* server_new(options) -> slot, generation | nil, code, text. options: bind_options.c. */
static int native_server_new(lua_State *lua)
{
    struct session_options options;
    struct failure failure;
    struct server *server;

    luaL_checktype(lua, 1, LUA_TTABLE);
    script_read_options(lua, 1, true, &options);
    if (server_new(&the_script->worker, &options, &server)) {
        failure_set(&failure, ERR_NOMEM, "ENOMEM", "out of memory");
        return script_push_failure(lua, &failure);
    }
    lua_pushnumber(lua, server->slot);
    lua_pushnumber(lua, server->generation);
    return 2;
}

/* server_listen(slot, generation, {host=, port=, path=, fd=, backlog=, ipv6_only=, readable_all=, writable_all=})
 * -> true | nil, code, text, errno */
static int native_server_listen(lua_State *lua)
{
    struct server *server = server_at(lua);
    struct listener_options listen = {.fd = -1};
    struct failure failure;

    luaL_checktype(lua, 3, LUA_TTABLE);
    if (!server || server->listener) {
        failure_set(&failure, ERR_STATE, "ERR_SERVER_ALREADY_LISTEN", "the server listens already");
        return script_push_failure(lua, &failure);
    }
    lua_getfield(lua, 3, "host");
    listen.host = lua_tostring(lua, -1);
    lua_getfield(lua, 3, "port");
    listen.port = (uint16_t)lua_tointeger(lua, -1);
    lua_getfield(lua, 3, "path");
    listen.path = lua_tostring(lua, -1);
    lua_getfield(lua, 3, "fd");
    if (lua_isnumber(lua, -1))
        listen.fd = (int)lua_tointeger(lua, -1);
    lua_getfield(lua, 3, "backlog");
    listen.backlog = (int)lua_tointeger(lua, -1);
    lua_getfield(lua, 3, "ipv6_only");
    listen.ipv6_only = lua_toboolean(lua, -1);
    lua_getfield(lua, 3, "reuse_port");
    listen.reuse_port = lua_toboolean(lua, -1);
    lua_getfield(lua, 3, "readable_all");
    listen.readable_all = lua_toboolean(lua, -1);
    lua_getfield(lua, 3, "writable_all");
    listen.writable_all = lua_toboolean(lua, -1);
    listen.keep_alive = server->options.keep_alive;
    listen.keep_alive_s = server->options.keep_alive_s;
    if (server_listen(server, &listen, &failure)) {
        script_push_failure(lua, &failure);
        lua_pushinteger(lua, failure.sys_errno);
        return 4;
    }
    lua_pushboolean(lua, true);
    return 1;
}

/* server_address(slot, generation) -> host, port, family | path | nothing */
static int native_server_address(lua_State *lua)
{
    struct server *server = server_at(lua);
    char text[ADDRESS_TEXT_BYTES];
    const struct address *address;

    if (!server || !server->listener)
        return 0;
    address = listener_address(server->listener);
    if (address->any.sa_family == AF_UNIX) {
        lua_pushstring(lua, address_text(address, text));
        return 1;
    }
    lua_pushstring(lua, address_host(address, text));
    lua_pushinteger(lua, address_port(address));
    lua_pushstring(lua, address_is_ipv6(address) ? "IPv6" : "IPv4");
    return 3;
}

/* server_stop(slot, generation): no new connections. */
static int native_server_stop(lua_State *lua)
{
    struct server *server = server_at(lua);

    if (server)
        server_stop_listening(server);
    return 0;
}

/* server_forget(slot, generation): the Lua object is gone or done. */
static int native_server_forget(lua_State *lua)
{
    struct server *server = server_at(lua);

    if (server)
        server_forget(server);
    return 0;
}

/* server_count(slot, generation) -> connections, in a handshake too */
static int native_server_count(lua_State *lua)
{
    struct server *server = server_at(lua);

    lua_pushnumber(lua, server ? server->sessions : 0);
    return 1;
}

/* server_tell(slot, generation, news): the script wants to hear that (enum connection_news). */
static int native_server_tell(lua_State *lua)
{
    struct server *server = server_at(lua);

    if (server)
        server->tells |= 1u << luaL_checkint(lua, 3);
    return 0;
}

/* server_tls(slot, generation, context): for connections that come from now on. */
static int native_server_tls(lua_State *lua)
{
    struct server *server = server_at(lua);

    if (server)
        server_set_tls(server, script_tls_context(lua, 3));
    return 0;
}

/* server_limit(slot, generation, most): most connections at a time; nil: no bound. */
static int native_server_limit(lua_State *lua)
{
    struct server *server = server_at(lua);

    if (server)
        server->max_sessions = (uint32_t)luaL_optnumber(lua, 3, UINT32_MAX);
    return 0;
}

/* server_settings(slot, generation, {settings=, max_header_list_bytes=}): for sessions that begin later. */
static int native_server_settings(lua_State *lua)
{
    struct server *server = server_at(lua);

    luaL_checktype(lua, 3, LUA_TTABLE);
    if (server)
        script_read_settings(lua, 3, &server->options);
    return 0;
}

/* server_ref(slot, generation, hold): does it keep the program running? */
static int native_server_ref(lua_State *lua)
{
    struct server *server = server_at(lua);

    if (!server || !server->listener)
        return 0;
    if (lua_toboolean(lua, 3))
        listener_ref(server->listener);
    else
        listener_unref(server->listener);
    return 0;
}

/* server_close_early(slot, generation): ends connections that the script has not heard of yet. */
static int native_server_close_early(lua_State *lua)
{
    struct server *server = server_at(lua);

    if (server)
        server_close_early(server);
    return 0;
}

/* parse_listen(text) -> {host=, port=, path=, secure=} | nil, code, text */
static int native_parse_listen(lua_State *lua)
{
    char host[ADDRESS_TEXT_BYTES];
    struct failure failure;
    const char *path;
    uint16_t port;
    bool secure;

    if (address_parse_listen(luaL_checkstring(lua, 1), host, &port, &path, &secure, &failure))
        return script_push_failure(lua, &failure);
    lua_newtable(lua);
    if (host[0]) {
        lua_pushstring(lua, host);
        lua_setfield(lua, -2, "host");
    }
    lua_pushinteger(lua, port);
    lua_setfield(lua, -2, "port");
    if (path) {
        lua_pushstring(lua, path);
        lua_setfield(lua, -2, "path");
    }
    lua_pushboolean(lua, secure);
    lua_setfield(lua, -2, "secure");
    return 1;
}

void bind_server(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"server_new", native_server_new},
        {"server_listen", native_server_listen},
        {"server_address", native_server_address},
        {"server_stop", native_server_stop},
        {"server_forget", native_server_forget},
        {"server_count", native_server_count},
        {"server_limit", native_server_limit},
        {"server_tell", native_server_tell},
        {"server_tls", native_server_tls},
        {"server_settings", native_server_settings},
        {"server_ref", native_server_ref},
        {"server_close_early", native_server_close_early},
        {"parse_listen", native_parse_listen},
        {NULL, NULL},
    };

    luaL_register(lua, NULL, functions);
}
