/* luv: libuv's Lua binding on our loop. Its callbacks come through our own call, so that they run in
 * a task and end with a turn; what would stop or take over the loop is replaced in lua/perigee/luv.lua. */
#include <luv/luv.h>
#include <stdio.h>

#include "base/log.h"
#include "script/script.h"
#include "script/script_internal.h"

/* luv's contract: a function and its arguments are on the stack and are taken off; results, if
 * asked for, are left there; a negative value is an error of lua_pcall(). */
static int on_callback(lua_State *lua, int arguments, int results, int flags)
{
    (void)flags;
    if (the_script->stopping) {
        lua_pop(lua, arguments + 1);
        return 0;
    }
    if (results != 0) { /* asked for an answer, so it cannot be a task that suspends */
        int top = lua_gettop(lua) - arguments - 1;
        int failed = lua_pcall(lua, arguments, results, 0);

        if (!failed)
            return lua_gettop(lua) - top;
        log_line(LOG_ERROR, "error in a callback", "error", lua_tostring(lua, -1), NULL);
        lua_pop(lua, 1);
        return -failed;
    }
    lua_rawgeti(lua, LUA_REGISTRYINDEX, the_script->callback_ref);
    lua_insert(lua, -2 - arguments);
    script_call(the_script, arguments + 1);
    worker_turn(&the_script->worker);
    return 0;
}

void script_open_luv(struct script *script)
{
    luv_set_loop(script->lua, loop_uv(script->loop));
    luv_set_callback(script->lua, on_callback);
    lua_pushcfunction(script->lua, luaopen_luv);
    lua_call(script->lua, 0, 1);
}
