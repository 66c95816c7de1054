/* bind_service: the classic functions behind lua/perigee/service.lua. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "script/script_internal.h"
#include "script/service.h"
#include "session/server.h"

static const struct script_service *service_of(lua_State *lua)
{
    if (!the_script->service)
        luaL_error(lua, "this process is no worker");
    return the_script->service;
}

/* --- Settings. Keys and certificates never enter Lua. */

static bool is_secret(const char *path)
{
    size_t length = strlen(path);

    return strstr(path, ".tls.") || (length >= 4 && strcmp(path + length - 4, "_key") == 0);
}

/* setting(path) -> text, number, boolean or nil */
static int native_setting(lua_State *lua)
{
    const struct settings *settings = service_of(lua)->settings;
    const char *path = luaL_checkstring(lua, 1);
    const char *text = is_secret(path) ? NULL : settings_text(settings, path);
    int64_t number = settings_number(settings, path, INT64_MIN);

    if (text)
        lua_pushstring(lua, text);
    else if (number != INT64_MIN)
        lua_pushnumber(lua, (double)number);
    else if (settings_flag(settings, path, true) == settings_flag(settings, path, false))
        lua_pushboolean(lua, settings_flag(settings, path, true));
    else
        lua_pushnil(lua);
    return 1;
}

/* setting_count(path) -> entries of a list */
static int native_setting_count(lua_State *lua)
{
    lua_pushnumber(lua, settings_count(service_of(lua)->settings, luaL_checkstring(lua, 1)));
    return 1;
}

/* listener_tls(listener) -> context | nil, code, text */
static int native_listener_tls(lua_State *lua)
{
    const struct settings *settings = service_of(lua)->settings;
    unsigned listener = (unsigned)luaL_checknumber(lua, 1);
    struct failure failure;

    if (service_tls_context(settings, listener, script_push_tls_context(lua), &failure))
        return script_push_failure(lua, &failure);
    return 1;
}

/* --- Sockets. */

/* service_slot() -> own slot, slots */
static int native_service_slot(lua_State *lua)
{
    lua_pushnumber(lua, service_of(lua)->slot);
    lua_pushnumber(lua, service_of(lua)->slots);
    return 2;
}

/* service_is_shared(listener) -> boolean */
static int native_service_is_shared(lua_State *lua)
{
    const struct script_service *service = service_of(lua);

    lua_pushboolean(lua, service->is_shared(service->owner, (unsigned)luaL_checknumber(lua, 1)));
    return 1;
}

/* A duplicate of the socket, and a server that accepts from it. tag 0: its first or another one of the worker's own
 * slot, else the slot that is covered. */
static enum err listen_on(struct server *server, int fd, uint32_t tag, struct failure *failure)
{
    struct listener_options options = {.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)};
    enum err err;

    if (options.fd < 0)
        return failure_errno(failure, errno, "cannot listen on the service's socket");
    err = server->listener || tag > 0 ? server_listen_more(server, &options, tag, failure)
                                      : server_listen(server, &options, failure);
    if (err)
        close(options.fd);
    return err;
}

/* service_listen(server's slot, generation, listener, slot, tag) -> true | nil, code, text, errno. Without a socket of
 * that slot: true. */
static int native_service_listen(lua_State *lua)
{
    const struct script_service *service = service_of(lua);
    struct server *server =
        slots_get(&the_script->worker.servers, (uint32_t)luaL_checknumber(lua, 1),
                  (uint32_t)luaL_checknumber(lua, 2));
    int fd = service->socket(service->owner, (unsigned)luaL_checknumber(lua, 3),
                             (unsigned)luaL_checknumber(lua, 4));
    struct failure failure = {0};

    if (server && fd >= 0 && listen_on(server, fd, (uint32_t)luaL_checknumber(lua, 5), &failure)) {
        script_push_failure(lua, &failure);
        lua_pushinteger(lua, failure.sys_errno);
        return 4;
    }
    lua_pushboolean(lua, true);
    return 1;
}

/* service_stop(server's slot, generation): no new connections; those that wait already are taken. */
static int native_service_stop(lua_State *lua)
{
    struct server *server =
        slots_get(&the_script->worker.servers, (uint32_t)luaL_checknumber(lua, 1),
                  (uint32_t)luaL_checknumber(lua, 2));

    if (server) {
        server_accept_queued(server);
        server_stop_listening(server);
    }
    return 0;
}

/* service_uncover(server's slot, generation, tag) */
static int native_service_uncover(lua_State *lua)
{
    struct server *server =
        slots_get(&the_script->worker.servers, (uint32_t)luaL_checknumber(lua, 1),
                  (uint32_t)luaL_checknumber(lua, 2));

    if (server)
        server_stop_more(server, (uint32_t)luaL_checknumber(lua, 3));
    return 0;
}

/* listen_name{host=, port=, path=} -> "127.0.0.1:80", "unix:/run/x", ":80" for every address | nil for a host that is
 * a name. */
static int native_listen_name(lua_State *lua)
{
    char text[ADDRESS_TEXT_BYTES];
    struct address address;
    const char *host, *path;
    enum err err;

    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_getfield(lua, 1, "host");
    lua_getfield(lua, 1, "port");
    lua_getfield(lua, 1, "path");
    host = lua_tostring(lua, -3);
    path = lua_tostring(lua, -1);
    if (!path && (!host || !*host)) {
        lua_pushfstring(lua, ":%d", (int)lua_tointeger(lua, -2));
        return 1;
    }
    err = path ? address_from_path(path, &address)
               : address_from_ip(host, (uint16_t)lua_tointeger(lua, -2), &address);
    if (err)
        return 0;
    lua_pushstring(lua, address_text(&address, text));
    return 1;
}

/* --- The drain. */

/* session_drain(slot, generation) -> was it begun? */
static int native_session_drain(lua_State *lua)
{
    struct session *session =
        script_session((uint32_t)luaL_checknumber(lua, 1), (uint32_t)luaL_checknumber(lua, 2));

    lua_pushboolean(lua, session && session_drain(session) == OK);
    return 1;
}

/* session_shut(slot, generation, reason): ends it and its streams; closeInfo.by is "shutdown". */
static int native_session_shut(lua_State *lua)
{
    struct session *session =
        script_session((uint32_t)luaL_checknumber(lua, 1), (uint32_t)luaL_checknumber(lua, 2));

    if (session)
        session_destroy(session, HTTP_NO_ERROR, ENDED_BY_SHUTDOWN, luaL_checkstring(lua, 3));
    return 0;
}

/* server_tell_empty(slot, generation): EVENT_SERVER_EMPTY when no connection is left. */
static int native_server_tell_empty(lua_State *lua)
{
    struct server *server =
        slots_get(&the_script->worker.servers, (uint32_t)luaL_checknumber(lua, 1),
                  (uint32_t)luaL_checknumber(lua, 2));

    if (server)
        server_tell_empty(server);
    return 0;
}

/* service_news(news, text): enum script_news. */
static int native_service_news(lua_State *lua)
{
    const struct script_service *service = service_of(lua);

    service->on_news(service->owner, (enum script_news)luaL_checkint(lua, 1),
                     luaL_optstring(lua, 2, ""));
    return 0;
}

/* thread_address(coroutine) -> for perigee_enter(), which tells the watchdog whose code runs */
static int native_thread_address(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTHREAD);
    lua_pushnumber(lua, (double)(uintptr_t)lua_tothread(lua, 1));
    return 1;
}

void bind_service(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"setting", native_setting},
        {"setting_count", native_setting_count},
        {"listener_tls", native_listener_tls},
        {"service_slot", native_service_slot},
        {"service_is_shared", native_service_is_shared},
        {"service_listen", native_service_listen},
        {"service_stop", native_service_stop},
        {"service_uncover", native_service_uncover},
        {"listen_name", native_listen_name},
        {"session_drain", native_session_drain},
        {"session_shut", native_session_shut},
        {"server_tell_empty", native_server_tell_empty},
        {"service_news", native_service_news},
        {"thread_address", native_thread_address},
        {NULL, NULL},
    };

    luaL_register(lua, NULL, functions);
}

/* --- Into Lua: service.serve(), service.drain(ms), service.cover(slot, on). */

static void command(struct script *script, const char *name, int arguments)
{
    lua_State *lua = script->lua;

    lua_rawgeti(lua, LUA_REGISTRYINDEX, script->service_ref);
    lua_pushstring(lua, name);
    lua_insert(lua, -2 - arguments);
    lua_insert(lua, -2 - arguments);
    script_call(script, arguments + 1);
    worker_turn(&script->worker);
}

void script_serve(struct script *script, const struct script_service *service)
{
    script->service = service;
    if (service->now)
        script_now = service->now;
    command(script, "serve", 0);
}

void script_drain(struct script *script, double in_ms)
{
    lua_pushnumber(script->lua, in_ms);
    command(script, "drain", 1);
}

void script_cover(struct script *script, unsigned slot, bool cover)
{
    lua_pushnumber(script->lua, slot);
    lua_pushboolean(script->lua, cover);
    command(script, "cover", 2);
}
