/* bind_file: opening files on the thread pool, anywhere or below a folder, for lua/http2/file_response.lua and
 * lua/perigee/static.lua. Reading and closing is luv's. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "net/file_open.h"
#include "script/script_internal.h"

#define TYPE "perigee.folder"

struct request {
    int callback_ref, folder_ref; /* the folder must not be collected while a job works on it */
    struct file_opened opened;
};

static int *folder_at(lua_State *lua, int index)
{
    return luaL_checkudata(lua, index, TYPE);
}

static int on_gc(lua_State *lua)
{
    int *fd = folder_at(lua, 1);

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return 0;
}

/* Pushes code and text of an errno; returns 2. The texts are libuv's, as in Node. */
static int push_errno(lua_State *lua, int sys_errno)
{
    char text[128];

    lua_pushstring(lua, errno_name(sys_errno));
    lua_pushstring(lua, uv_strerror_r(-sys_errno, text, sizeof(text)));
    return 2;
}

/* folder_open(path) -> folder | nil, code, text. For the start of a program: it may wait for a disk. */
static int native_folder_open(lua_State *lua)
{
    const char *path = luaL_checkstring(lua, 1);
    int *fd = lua_newuserdata(lua, sizeof(*fd));

    *fd = -1;
    luaL_getmetatable(lua, TYPE);
    lua_setmetatable(lua, -2);
    *fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*fd >= 0)
        return 1;
    lua_pushnil(lua);
    return 1 + push_errno(lua, errno);
}

static const char *type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "directory";
    case S_IFIFO:
        return "fifo";
    case S_IFSOCK:
        return "socket";
    case S_IFCHR:
        return "char";
    case S_IFBLK:
        return "block";
    default:
        return "unknown";
    }
}

static void set_number(lua_State *lua, const char *key, double number)
{
    lua_pushnumber(lua, number);
    lua_setfield(lua, -2, key);
}

static void set_time(lua_State *lua, const char *key, const struct timespec *time)
{
    lua_createtable(lua, 0, 2);
    set_number(lua, "sec", (double)time->tv_sec);
    set_number(lua, "nsec", (double)time->tv_nsec);
    lua_setfield(lua, -2, key);
}

/* The names are those of luv.fs_fstat(). */
static void push_stat(lua_State *lua, const struct stat *stat)
{
    lua_createtable(lua, 0, 16);
    set_number(lua, "dev", (double)stat->st_dev);
    set_number(lua, "ino", (double)stat->st_ino);
    set_number(lua, "mode", (double)stat->st_mode);
    set_number(lua, "nlink", (double)stat->st_nlink);
    set_number(lua, "uid", (double)stat->st_uid);
    set_number(lua, "gid", (double)stat->st_gid);
    set_number(lua, "size", (double)stat->st_size);
    set_time(lua, "atime", &stat->st_atim);
    set_time(lua, "mtime", &stat->st_mtim);
    set_time(lua, "ctime", &stat->st_ctim);
    lua_pushstring(lua, type_name(stat->st_mode));
    lua_setfield(lua, -2, "type");
}

/* Runs protected: calls back as native_file_open() says. */
static int deliver(lua_State *lua)
{
    struct request *request = lua_touserdata(lua, 1);
    const struct file_opened *opened = &request->opened;

    lua_rawgeti(lua, LUA_REGISTRYINDEX, the_script->callback_ref);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, request->callback_ref);
    if (opened->sys_errno) {
        push_errno(lua, opened->sys_errno);
        lua_pushinteger(lua, -opened->sys_errno);
        lua_call(lua, 4, 0);
        return 0;
    }
    lua_pushnil(lua);
    lua_pushnil(lua);
    if (opened->fd >= 0)
        lua_pushinteger(lua, opened->fd);
    else
        lua_pushnil(lua);
    push_stat(lua, &opened->stat);
    request->opened.fd = -1; /* the callback's now */
    lua_call(lua, 5, 0);
    return 0;
}

static void on_done(void *owner, const struct file_opened *opened)
{
    struct request *request = owner;
    lua_State *lua = the_script->lua;

    request->opened = *opened;
    if (!the_script->stopping) {
        lua_pushcfunction(lua, deliver);
        lua_pushlightuserdata(lua, request);
        script_call(the_script, 1);
    }
    if (request->opened.fd >= 0)
        close(request->opened.fd);
    luaL_unref(lua, LUA_REGISTRYINDEX, request->callback_ref);
    luaL_unref(lua, LUA_REGISTRYINDEX, request->folder_ref);
    mem_free(request);
    if (!the_script->stopping)
        worker_turn(&the_script->worker);
}

/* file_open(folder | nil, path, links, callback): opens a regular file; callback(code, text, -errno) or
 * callback(nil, nil, fd, stat), fd nil when it is of another kind. folder: of native_folder_open(). */
static int native_file_open(lua_State *lua)
{
    int folder = lua_isnil(lua, 1) ? -1 : *folder_at(lua, 1);
    const char *path = luaL_checkstring(lua, 2);
    bool links = lua_toboolean(lua, 3);
    int callback_ref, folder_ref;
    struct request *request;
    enum err err = ERR_NOMEM;

    luaL_checktype(lua, 4, LUA_TFUNCTION);
    lua_settop(lua, 4);
    callback_ref = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_pushvalue(lua, 1);
    folder_ref = luaL_ref(lua, LUA_REGISTRYINDEX);
    request = mem_zalloc(sizeof(*request));
    if (request) {
        request->callback_ref = callback_ref;
        request->folder_ref = folder_ref;
        err = file_open(the_script->loop, folder, path, links, on_done, request);
    }
    if (!err)
        return 0;
    mem_free(request);
    luaL_unref(lua, LUA_REGISTRYINDEX, callback_ref);
    luaL_unref(lua, LUA_REGISTRYINDEX, folder_ref);
    return luaL_error(lua, "out of memory");
}

void bind_file(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"folder_open", native_folder_open},
        {"file_open", native_file_open},
        {NULL, NULL},
    };

    luaL_newmetatable(lua, TYPE);
    lua_pushcfunction(lua, on_gc);
    lua_setfield(lua, -2, "__gc");
    lua_pop(lua, 1);
    luaL_register(lua, NULL, functions);
}
