/* bind_system: log, counters, the end of the program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics/metrics_table.h"
#include "script/script_internal.h"
#include "session/access_log.h"
#include "session/server.h"

#define PAIRS_MAX 24
#define PATIENCE_MS 1000 /* for what the logs hold back */

/* From the third argument on: key, value, key, value, …; texts. A nil value leaves its pair out. */
static int write_log(lua_State *lua, bool bounded)
{
    struct log_pair pairs[PAIRS_MAX];
    enum log_level level = LOG_INFO;
    size_t count = 0;

    log_level_from_text(luaL_checkstring(lua, 1), &level);
    if (!log_wants(level))
        return 0;
    for (int i = 3; i < lua_gettop(lua) && count < PAIRS_MAX; i += 2) {
        struct log_pair *pair = &pairs[count];

        if (lua_isnil(lua, i + 1))
            continue;
        pair->key = luaL_checkstring(lua, i);
        pair->value = luaL_checklstring(lua, i + 1, &pair->length);
        count++;
    }
    log_pairs(level, luaL_checkstring(lua, 2), pairs, count, bounded);
    return 0;
}

/* log(level, message, key, value, ...): floods are cut short. */
static int native_log(lua_State *lua)
{
    return write_log(lua, true);
}

/* log_all(level, message, key, value, ...): every line, for what a script says itself. */
static int native_log_all(lua_State *lua)
{
    return write_log(lua, false);
}

/* log_wants(level) -> boolean */
static int native_log_wants(lua_State *lua)
{
    enum log_level level = LOG_INFO;

    lua_pushboolean(lua, log_level_from_text(luaL_checkstring(lua, 1), &level) && log_wants(level));
    return 1;
}

static void set_count(lua_State *lua, const char *key, double count)
{
    lua_pushnumber(lua, count);
    lua_setfield(lua, -2, key);
}

/* live() -> table of counts of what exists now */
static int native_live(lua_State *lua)
{
    const struct worker *worker = &the_script->worker;
    double listeners = 0;

    for (uint32_t i = 1; i < worker->servers.size; i++) {
        struct server *server = worker->servers.at[i].object;

        listeners += server && server->listener;
    }
    lua_newtable(lua);
    set_count(lua, "sessions",
              (double)(metrics->sessions_active[METRICS_SERVER] +
                       metrics->sessions_active[METRICS_CLIENT]));
    set_count(lua, "streams",
              (double)(metrics->streams_active[METRICS_SERVER] +
                       metrics->streams_active[METRICS_CLIENT]));
    set_count(lua, "chunks", (double)metrics->chunks);
    set_count(lua, "transports", (double)transport_live());
    set_count(lua, "listeners", listeners);
    set_count(lua, "servers", (double)metrics->servers);
    set_count(lua, "blocks", (double)mem_live());
    return 1;
}

/* count(name): one more "script_errors", or hit of the limit of that name. */
static int native_count(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);

    if (strcmp(name, "script_errors") == 0)
        metrics->script_errors++;
    for (int i = 0; i < LIMITS_COUNT; i++)
        if (strcmp(name, metrics_limit_names[i]) == 0)
            metrics_hit((enum metrics_limit)i);
    return 0;
}

/* set_status(n): the exit status when the program ends. */
static int native_set_status(lua_State *lua)
{
    the_script->status = (int)luaL_checkinteger(lua, 1);
    return 0;
}

/* stop(): leaves the loop at the end of this turn. */
static int native_stop(lua_State *lua)
{
    (void)lua;
    loop_stop(the_script->loop);
    return 0;
}

/* exit(n): ends the process here, as os.exit() of plain Lua does. */
static int native_exit(lua_State *lua)
{
    int status = (int)luaL_optinteger(lua, 1, 0);

    fflush(NULL);
    access_log_flush(PATIENCE_MS);
    log_flush(PATIENCE_MS);
    _exit(status);
}

/* clock() -> monotonic milliseconds with fractions */
static int native_clock(lua_State *lua)
{
    lua_pushnumber(lua, (double)clock_us() / 1000.0);
    return 1;
}

void bind_system(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"log", native_log},   {"log_all", native_log_all},       {"log_wants", native_log_wants},
        {"live", native_live}, {"set_status", native_set_status}, {"stop", native_stop},
        {"exit", native_exit}, {"clock", native_clock},           {"count", native_count},
        {NULL, NULL},
    };

    luaL_register(lua, NULL, functions);
}
