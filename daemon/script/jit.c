/* jit: is LuaJIT's compiler on? Where memory must never become executable (systemd's
 * MemoryDenyWriteExecute=, hardened kernels) its first trace would end the process, so it stays off there. */
#include <luajit.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "script/script_internal.h"

/* Does what the compiler does with its memory: write, then execute. */
static bool may_generate_code(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool may;

    if (page == MAP_FAILED)
        return true; /* short of memory: another matter */
    may = mprotect(page, size, PROT_READ | PROT_EXEC) == 0;
    munmap(page, size);
    return may;
}

/* jit.on() while it must stay off: says so. With a function it only marks that function: harmless. */
static int jit_on(lua_State *lua)
{
    if (lua_isnone(lua, 1)) {
        log_line(LOG_WARN, "jit.on() does nothing here: no memory may become executable", NULL);
        return 0;
    }
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, lua_gettop(lua) - 1, 0);
    return 0;
}

static void keep_off(lua_State *lua)
{
    lua_getglobal(lua, "jit");
    lua_getfield(lua, -1, "on");
    lua_pushcclosure(lua, jit_on, 1);
    lua_setfield(lua, -2, "on");
    lua_pop(lua, 1);
}

void script_choose_jit(lua_State *lua)
{
    const char *wish = getenv("PERIGEE_JIT");

    if (!may_generate_code()) {
        log_line(LOG_WARN,
                 "scripts are interpreted, about three times slower: no memory may become "
                 "executable here (MemoryDenyWriteExecute=yes?)",
                 NULL);
        keep_off(lua);
    } else if (!wish || strcmp(wish, "off") != 0) {
        return;
    }
    luaJIT_setmode(lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
}
