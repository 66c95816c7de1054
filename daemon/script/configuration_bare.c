/* configuration_bare: the state in which a configuration file runs. It has no library, only `env "NAME"`; texts have
 * no methods, because no library gives them any. Memory, instructions and CPU time are bounded: with the JIT
 * off the count hook sees every loop. */
#include <luajit.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "script/configuration_internal.h"

#define MEMORY_BYTES (32u * 1024 * 1024)
#define INSTRUCTIONS 10000000u
#define HOOK_STEP 100 /* instructions; few, because one of them may copy megabytes */
#define CPU_MS 2000
#define DEPTH_MAX 16     /* of tables in tables */
#define VALUES_MAX 50000 /* tables count as one each */
#define TEXT_MAX_BYTES (64u * 1024)

struct bare {
    lua_State *lua;  /* the bare one */
    lua_State *into; /* gets the result */
    const char *text;
    size_t length;
    size_t memory;
    uint64_t instructions, cpu_start_ms;
    unsigned values;
    const char *refused; /* why the result cannot be taken; NULL: it can */
};

/* Not by base/mem.h, whose blocks a test lets fail: LuaJIT does not survive that while it makes a state. */
static void *allocate(void *state, void *block, size_t old_size, size_t new_size)
{
    struct bare *bare = state;
    void *moved;

    if (new_size == 0) {
        free(block);
        bare->memory -= old_size;
        return NULL;
    }
    if (new_size > old_size && bare->memory + (new_size - old_size) > MEMORY_BYTES)
        return NULL;
    moved = realloc(block, new_size);
    if (moved)
        bare->memory += new_size - old_size;
    return moved;
}

static struct bare *bare_of(lua_State *lua)
{
    void *state;

    lua_getallocf(lua, &state);
    return state;
}

static uint64_t cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static void on_count(lua_State *lua, lua_Debug *unused)
{
    struct bare *bare = bare_of(lua);

    (void)unused;
    bare->instructions += HOOK_STEP;
    if (bare->instructions <= INSTRUCTIONS && cpu_ms() - bare->cpu_start_ms <= CPU_MS)
        return;
    luaL_where(lua, 0); /* the function that was interrupted, not the one that called it */
    lua_pushfstring(lua, "the file runs for too long (over %d million instructions, or %d seconds)",
                    (int)(INSTRUCTIONS / 1000000), CPU_MS / 1000);
    lua_concat(lua, 2);
    lua_error(lua);
}

/* env "NAME" -> text or nil */
static int bare_env(lua_State *lua)
{
    if (lua_type(lua, 1) != LUA_TSTRING)
        return luaL_error(lua, "env expects the name of a variable (a text), found a %s",
                          luaL_typename(lua, 1));
    lua_pushstring(lua, getenv(lua_tostring(lua, 1)));
    return 1;
}

/* A misspelt variable would be nil, and its setting silently the default. */
static int on_unknown_name(lua_State *lua)
{
    return luaL_error(
        lua, "the name \"%s\" is not known: a configuration has no libraries, only env \"NAME\"",
        lua_tostring(lua, 2));
}

static int of_unknown_type(lua_State *lua)
{
    (void)lua;
    return 0;
}

static bool copy(struct bare *bare, int index, int depth);

static bool copy_table(struct bare *bare, int index, int depth)
{
    if (depth == DEPTH_MAX) {
        bare->refused = "tables in tables are nested too deeply, or one holds itself";
        return false;
    }
    lua_newtable(bare->into);
    lua_pushnil(bare->lua);
    while (lua_next(bare->lua, index)) {
        int key = lua_gettop(bare->lua) - 1;

        if (!copy(bare, key, depth + 1))
            return false;
        if (!copy(bare, key + 1, depth + 1))
            return false;
        lua_rawset(bare->into, -3);
        lua_settop(bare->lua, key);
    }
    return true;
}

/* Pushes a copy of the value at index; what a setting can never be becomes a function. */
static bool copy(struct bare *bare, int index, int depth)
{
    lua_State *from = bare->lua, *into = bare->into;
    size_t length;
    const char *text;

    if (++bare->values > VALUES_MAX) {
        bare->refused = "the file returns too much";
        return false;
    }
    switch (lua_type(from, index)) {
    case LUA_TNIL:
        lua_pushnil(into);
        return true;
    case LUA_TBOOLEAN:
        lua_pushboolean(into, lua_toboolean(from, index));
        return true;
    case LUA_TNUMBER:
        lua_pushnumber(into, lua_tonumber(from, index));
        return true;
    case LUA_TSTRING:
        text = lua_tolstring(from, index, &length);
        if (length > TEXT_MAX_BYTES) {
            bare->refused = "a text has more than 64 KiB";
            return false;
        }
        lua_pushlstring(into, text, length);
        return true;
    case LUA_TTABLE:
        return copy_table(bare, index, depth);
    default:
        lua_pushcfunction(into, of_unknown_type);
        return true;
    }
}

/* Protected: compiles, runs, copies. */
static int run(lua_State *lua)
{
    struct bare *bare = lua_touserdata(lua, 1);

    lua_register(lua, "env", bare_env);
    lua_newtable(lua);
    lua_pushcfunction(lua, on_unknown_name);
    lua_setfield(lua, -2, "__index");
    lua_setmetatable(lua, LUA_GLOBALSINDEX);
    luaL_checkstack(lua, 4 * DEPTH_MAX + 8, "configuration");
    lua_sethook(lua, on_count, LUA_MASKCOUNT, HOOK_STEP);
    if (luaL_loadbufferx(lua, bare->text, bare->length, "=configuration", "t"))
        return lua_error(lua);
    lua_call(lua, 0, 1);
    lua_sethook(lua, NULL, 0, 0);
    copy(bare, lua_gettop(lua), 0);
    return 0;
}

int configuration_evaluate(lua_State *lua)
{
    struct bare bare = {.into = lua, .cpu_start_ms = cpu_ms()};
    int top;

    bare.text = luaL_checklstring(lua, 1, &bare.length);
    luaL_checkstack(lua, 4 * DEPTH_MAX + 8, "configuration");
    top = lua_gettop(lua);
    bare.lua = lua_newstate(allocate, &bare);
    if (!bare.lua) {
        lua_pushnil(lua);
        lua_pushliteral(lua, "not enough memory");
        return 2;
    }
    luaJIT_setmode(bare.lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    if (lua_cpcall(bare.lua, run, &bare)) {
        const char *why = lua_tostring(bare.lua, -1);

        lua_settop(lua, top);
        lua_pushnil(lua);
        lua_pushstring(lua, why ? why : "an error without a text");
    } else if (bare.refused) {
        lua_settop(lua, top);
        lua_pushnil(lua);
        lua_pushstring(lua, bare.refused);
    }
    lua_close(bare.lua);
    return lua_gettop(lua) - top;
}
