/* configuration: the state of the checks, and what they say as C has it. */
#include "script/configuration.h"

#include <luajit.h>
#include <string.h>

#include "base/mem.h"
#include "script/configuration_internal.h"
#include "script/script_internal.h"

struct loading {
    const char *file;
    struct configuration *out;
    bool no_memory;
};

/* The modules of the checks find each other and the system; nothing else of the Lua half is loaded. */
static void open_state(lua_State *lua)
{
    luaL_openlibs(lua);
    lua_newtable(lua);
    bind_configuration(lua);
    bind_tls(lua);
    lua_getfield(lua, LUA_REGISTRYINDEX, "_LOADED");
    lua_pushvalue(lua, -2);
    lua_setfield(lua, -2, "perigee.native");
    lua_pop(lua, 2);
    lua_getglobal(lua, "package");
    lua_getfield(lua, -1, "loaders");
    lua_pushcfunction(lua, script_find_module);
    lua_rawseti(lua, -2, 2); /* in place of the one that looks for files */
    lua_pop(lua, 2);
}

static char *text_of(struct loading *loading, lua_State *lua, int index, size_t *length)
{
    const char *text = lua_tolstring(lua, index, length);
    char *copy;

    if (!text)
        return NULL;
    copy = mem_copy(text, *length);
    if (!copy)
        loading->no_memory = true;
    return copy;
}

/* A list of texts, one behind the other, each with its NUL. */
static char *list_of(struct loading *loading, lua_State *lua, int index)
{
    size_t length = 0, at = 0, count = lua_objlen(lua, index);
    char *list;

    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(lua, index, (int)i);
        length += lua_objlen(lua, -1) + 1;
        lua_pop(lua, 1);
    }
    list = mem_zalloc(length + 1);
    if (!list) {
        loading->no_memory = true;
        return NULL;
    }
    for (size_t i = 1; i <= count; i++) {
        const char *text;

        lua_rawgeti(lua, index, (int)i);
        text = lua_tolstring(lua, -1, &length);
        memcpy(list + at, text, length);
        at += length + 1;
        lua_pop(lua, 1);
    }
    return list;
}

/* Pointers into a list of `count` texts, which belongs to the first of them. NULL when there is none. */
static char **pointers_to(struct loading *loading, char *list, size_t count)
{
    char **pointers = list && count > 0 ? mem_zalloc((count + 1) * sizeof(*pointers)) : NULL;
    char *at = list;

    if (!pointers) {
        loading->no_memory = loading->no_memory || count > 0;
        mem_free(list);
        return NULL;
    }
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        pointers[i] = at;
    return pointers;
}

/* Protected. perigee.config's load() answers {good=, problems=, document=, printed=, scripts=, arguments=}. */
static int load(lua_State *lua)
{
    struct loading *loading = lua_touserdata(lua, 1);
    struct configuration *out = loading->out;
    size_t length;
    int result;

    open_state(lua);
    lua_getglobal(lua, "require");
    lua_pushliteral(lua, "perigee.config");
    lua_call(lua, 1, 1);
    lua_getfield(lua, -1, "load");
    lua_pushstring(lua, loading->file);
    lua_call(lua, 1, 1);
    result = lua_gettop(lua);
    for (const char *const *name = (const char *const[]){"good", "problems", "document", "printed",
                                                         "scripts", "arguments", NULL};
         *name; name++)
        lua_getfield(lua, result, *name);
    out->good = lua_toboolean(lua, result + 1);
    out->problems = text_of(loading, lua, result + 2, &length);
    out->document = text_of(loading, lua, result + 3, &out->document_length);
    out->printed = text_of(loading, lua, result + 4, &length);
    out->scripts = list_of(loading, lua, result + 5);
    if (lua_istable(lua, result + 6))
        out->arguments =
            pointers_to(loading, list_of(loading, lua, result + 6), lua_objlen(lua, result + 6));
    return 0;
}

enum err configuration_load(const char *file, struct configuration *out, struct failure *failure)
{
    struct loading loading = {.file = file, .out = out};
    lua_State *lua = luaL_newstate();
    enum err err = OK;

    *out = (struct configuration){0};
    if (!lua)
        return failure_set(failure, ERR_NOMEM, "ENOMEM",
                           "the configuration cannot be read: out of memory");
    /* It runs once, and memory that cannot be executed would make the JIT panic. */
    luaJIT_setmode(lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    if (lua_cpcall(lua, load, &loading)) {
        const char *why = lua_tostring(lua, -1);

        err = failure_set(failure, ERR_INVALID, "CONFIGURATION",
                          "the configuration cannot be checked: %s", why ? why : "unknown reason");
    } else if (loading.no_memory) {
        err = failure_set(failure, ERR_NOMEM, "ENOMEM",
                          "the configuration cannot be read: out of memory");
    }
    lua_close(lua);
    return err;
}

void configuration_free(struct configuration *configuration)
{
    if (configuration->document)
        explicit_bzero(configuration->document, configuration->document_length);
    mem_free(configuration->document);
    mem_free(configuration->problems);
    mem_free(configuration->printed);
    mem_free(configuration->scripts);
    if (configuration->arguments)
        mem_free(configuration->arguments[0]); /* the list itself, see pointers_to() */
    mem_free(configuration->arguments);
    *configuration = (struct configuration){0};
}
