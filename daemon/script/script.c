/* script: the state's life and the entry into it. */
#include "script/script.h"

#include <stdlib.h>
#include <string.h>

#include "base/api.h"
#include "base/log.h"
#include "base/mem.h"
#include "script/allocator.h"
#include "script/embedded.h"
#include "script/script_internal.h"

#define LAST_WORDS_MS 1000 /* for the log, when the process is lost */

struct script *the_script;
PERIGEE_API struct script_shared perigee_shared;
static struct script_now own_now;
struct script_now *script_now = &own_now;

/* The error's text with a traceback, in place of the error. Tables of ours have __tostring. */
static int on_error(lua_State *lua)
{
    const char *text = lua_tostring(lua, 1);

    if (!text) {
        if (!luaL_callmeta(lua, 1, "__tostring"))
            lua_pushfstring(lua, "(error object is a %s value)", luaL_typename(lua, 1));
        text = lua_tostring(lua, -1);
    }
    luaL_traceback(lua, lua, text, 1);
    return 1;
}

void script_call(struct script *script, int arguments)
{
    lua_State *lua = script->lua;
    int handler = lua_gettop(lua) - arguments;

    lua_pushcfunction(lua, on_error);
    lua_insert(lua, handler);
    if (lua_pcall(lua, arguments, 0, handler)) {
        /* Scripts' errors are caught in Lua; what comes here is ours, or memory. */
        metrics->script_errors++;
        log_line(LOG_ERROR, "error in the Lua half", "error", lua_tostring(lua, -1), NULL);
        lua_pop(lua, 1);
    }
    lua_remove(lua, handler);
    perigee_enter(0, 0, 0);
    metrics->lua_bytes = allocator_used(script->allocator);
}

static void call_ref(struct script *script, int ref)
{
    lua_rawgeti(script->lua, LUA_REGISTRYINDEX, ref);
    script_call(script, 0);
}

/* The worker's hook: lets the script hear the batch. */
static void dispatch(void *owner)
{
    struct script *script = owner;
    uint32_t before = script->worker.events.cursor;

    call_ref(script, script->dispatch_ref);
    if (script->worker.events.cursor == before) /* it could not even begin: never the same again */
        script->worker.events.cursor++;
}

static void on_wake(void *owner)
{
    struct script *script = owner;
    int signals = atomic_load(&script->signals);
    bool first = script->signals_heard == 0;

    if (signals == script->signals_heard)
        return;
    script->signals_heard = signals;
    if (!first || signals > 1) {
        loop_stop(script->loop);
        return;
    }
    lua_rawgeti(script->lua, LUA_REGISTRYINDEX, script->signal_ref);
    lua_pushinteger(script->lua, atomic_load(&script->last_signal));
    script_call(script, 1);
    worker_turn(&script->worker);
}

void script_on_signal(struct script *script, int signal_number)
{
    atomic_store(&script->last_signal, signal_number);
    atomic_fetch_add(&script->signals, 1);
    loop_wake_async(script->loop);
}

/* package.loaders' last word on names of ours; with PERIGEE_LUA the tree's copy wins. */
int script_find_module(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    const char *tree = getenv("PERIGEE_LUA");

    for (size_t i = 0; i < embedded_module_count; i++) {
        const struct embedded_module *module = &embedded_modules[i];
        int failed;

        if (strcmp(module->name, name) != 0)
            continue;
        if (tree && *tree) {
            const char *file;

            luaL_gsub(lua, name, ".", "/");
            file = lua_pushfstring(lua, "%s/%s.lua", tree, lua_tostring(lua, -1));
            failed = luaL_loadfile(lua, file);
            if (failed == LUA_ERRFILE) {
                file = lua_pushfstring(lua, "%s/%s/init.lua", tree, lua_tostring(lua, -3));
                failed = luaL_loadfile(lua, file);
            }
        } else {
            const char *chunk = lua_pushfstring(lua, "=perigee:%s", name);

            failed = luaL_loadbuffer(lua, module->text, module->length, chunk);
        }
        if (failed)
            return lua_error(lua);
        return 1;
    }
    lua_pushfstring(lua, "\n\tno module '%s' in the binary", name);
    return 1;
}

/* Runs protected: fills the state and stores what C calls later. */
static int open_state(lua_State *lua)
{
    struct script *script = lua_touserdata(lua, 1);

    luaL_openlibs(lua);
    script_choose_jit(lua); /* behind it: opening the libraries turns the compiler on */
    lua_newtable(lua);
    bind_server(lua);
    bind_client(lua);
    bind_session(lua);
    bind_socket(lua);
    bind_tls(lua);
    bind_digest(lua);
    bind_file(lua);
    bind_system(lua);
    bind_service(lua);
    lua_pushcfunction(lua, script_find_module);
    lua_setfield(lua, -2, "find_module");
    script_open_luv(script);
    lua_setfield(lua, -2, "luv");
    lua_getfield(lua, LUA_REGISTRYINDEX, "_LOADED");
    lua_pushvalue(lua, -2);
    lua_setfield(lua, -2, "perigee.native");
    lua_pop(lua, 2);

    /* The first module replaces require() and the other globals that are ours. */
    lua_pushcfunction(lua, script_find_module);
    lua_pushliteral(lua, "perigee.start");
    lua_call(lua, 1, 1);
    if (!lua_isfunction(lua, -1))
        return luaL_error(lua, "perigee.start is not in the binary");
    lua_call(lua, 0, 1);
    lua_getfield(lua, -1, "stop");
    script->stop_ref = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_getfield(lua, -1, "start");
    script->start_ref = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_getfield(lua, -1, "service");
    script->service_ref = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_getfield(lua, -1, "signal");
    script->signal_ref = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_getfield(lua, -1, "callback");
    script->callback_ref = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_getfield(lua, -1, "dispatch");
    script->dispatch_ref = luaL_ref(lua, LUA_REGISTRYINDEX);
    return 0;
}

/* An error outside any protected call: a bug of ours, or memory out at the worst moment. */
static int on_panic(lua_State *lua)
{
    log_line(LOG_ERROR, "panic in Lua", "error", lua_tostring(lua, -1), NULL);
    log_flush(LAST_WORDS_MS);
    return 0;
}

/* With our allocator where LuaJIT takes one (64-bit builds do), else with its own. */
static lua_State *make_state(struct script *script)
{
    lua_State *lua;

    script->allocator = allocator_new();
    if (!script->allocator)
        return NULL;
    lua = lua_newstate(allocator_call, script->allocator);
    if (!lua)
        return luaL_newstate();
    lua_atpanic(lua, on_panic);
    return lua;
}

enum err script_new(struct loop *loop, struct script **out)
{
    struct script *script;
    enum err err = ERR_NOMEM;

    *out = NULL;
    script = mem_zalloc(sizeof(*script));
    if (!script)
        return ERR_NOMEM;
    the_script = script;
    script->loop = loop;
    err = worker_init(&script->worker, loop, dispatch, script);
    if (err)
        goto done;
    loop_on_wake(loop, on_wake, script);
    err = ERR_NOMEM;
    script->lua = make_state(script);
    if (!script->lua)
        goto done;
    err = ERR_INVALID;
    lua_pushcfunction(script->lua, on_error);
    lua_pushcfunction(script->lua, open_state);
    lua_pushlightuserdata(script->lua, script);
    if (lua_pcall(script->lua, 1, 0, 1)) {
        log_line(LOG_ERROR, "the Lua half does not start", "error", lua_tostring(script->lua, -1),
                 NULL);
        goto done;
    }
    lua_settop(script->lua, 0);
    *out = script;
    script = NULL;
    err = OK;
done:
    script_free(&script);
    return err;
}

bool script_free(struct script **script)
{
    struct script *s = *script;

    if (!s)
        return true;
    worker_deinit(&s->worker);
    /* luv's handles must be closed and its requests done while the state lives: their callbacks look into it. */
    s->stopping = true;
    if (s->lua && s->stop_ref)
        call_ref(s, s->stop_ref);
    if (!loop_run_closing(s->loop))
        return false;
    if (s->lua)
        lua_close(s->lua);
    allocator_free(s->allocator);
    chunk_pool_free();
    loop_on_wake(s->loop, NULL, NULL);
    mem_free(s);
    the_script = NULL;
    script_now = &own_now;
    *script = NULL;
    return true;
}

static void push_texts(lua_State *lua, char **texts)
{
    lua_newtable(lua);
    for (int i = 0; texts && texts[i]; i++) {
        lua_pushstring(lua, texts[i]);
        lua_rawseti(lua, -2, i + 1);
    }
}

void script_start(struct script *script, const struct script_options *options)
{
    lua_State *lua = script->lua;

    lua_rawgeti(lua, LUA_REGISTRYINDEX, script->start_ref);
    lua_newtable(lua);
    lua_pushstring(lua, options->path);
    lua_setfield(lua, -2, "path");
    push_texts(lua, options->arguments);
    lua_setfield(lua, -2, "arguments");
    push_texts(lua, options->listen);
    lua_setfield(lua, -2, "listen");
    lua_pushstring(lua, options->tls_certificate);
    lua_setfield(lua, -2, "certificate");
    lua_pushstring(lua, options->tls_key);
    lua_setfield(lua, -2, "key");
    lua_pushboolean(lua, options->check);
    lua_setfield(lua, -2, "check");
    lua_pushboolean(lua, options->exit_on_error);
    lua_setfield(lua, -2, "exit_on_error");
    script_call(script, 1);
    worker_turn(&script->worker);
}

int script_status(const struct script *script)
{
    return script->status;
}

int script_push_failure(lua_State *lua, const struct failure *failure)
{
    lua_pushnil(lua);
    lua_pushstring(lua, failure->code);
    lua_pushstring(lua, failure->text);
    return 3;
}
