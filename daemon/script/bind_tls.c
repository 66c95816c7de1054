/* bind_tls: TLS contexts as userdata; the certificates' text never stays in Lua. */
#include "base/mem.h"
#include "crypto/certificate.h"
#include "script/script_internal.h"

#define TYPE "perigee.tls_context"

struct tls_context *script_tls_context(lua_State *lua, int index)
{
    if (lua_isnoneornil(lua, index))
        return NULL;
    return *(struct tls_context **)luaL_checkudata(lua, index, TYPE);
}

static const char *text_of(lua_State *lua, const char *key)
{
    const char *text;

    lua_getfield(lua, 1, key);
    text = lua_isstring(lua, -1) ? lua_tostring(lua, -1) : NULL;
    return text; /* stays on the stack: the table may be the only other holder */
}

static bool flag_of(lua_State *lua, const char *key)
{
    bool flag;

    lua_getfield(lua, 1, key);
    flag = lua_toboolean(lua, -1);
    lua_pop(lua, 1);
    return flag;
}

/* tls_context(options) -> context | nil, code, text. options: the names of struct tls_options. */
static int native_tls_context(lua_State *lua)
{
    struct tls_context **context;
    struct tls_options options;
    struct failure failure;

    luaL_checktype(lua, 1, LUA_TTABLE);
    options = (struct tls_options){
        .server = flag_of(lua, "server"),
        .certificate = text_of(lua, "certificate"),
        .key = text_of(lua, "key"),
        .passphrase = text_of(lua, "passphrase"),
        .ca = text_of(lua, "ca"),
        .min_version = text_of(lua, "min_version"),
        .max_version = text_of(lua, "max_version"),
        .ciphers = text_of(lua, "ciphers"),
        .groups = text_of(lua, "groups"),
        .alpn = text_of(lua, "alpn"),
        .request_certificate = flag_of(lua, "request_certificate"),
        .verify_peer = flag_of(lua, "verify_peer"),
        .session_tickets = true,
    };
    context = lua_newuserdata(lua, sizeof(struct tls_context *));
    *context = NULL;
    luaL_getmetatable(lua, TYPE);
    lua_setmetatable(lua, -2);
    if (tls_context_new(&options, context, &failure))
        return script_push_failure(lua, &failure);
    return 1;
}

/* tls_add_name(context, name, other) -> true | nil */
static int native_tls_add_name(lua_State *lua)
{
    enum err err = tls_context_add_name(script_tls_context(lua, 1), luaL_checkstring(lua, 2),
                                        script_tls_context(lua, 3));

    if (err)
        return 0;
    lua_pushboolean(lua, true);
    return 1;
}

static int on_gc(lua_State *lua)
{
    tls_context_drop(luaL_checkudata(lua, 1, TYPE));
    return 0;
}

/* development_certificate() -> certificate, key (PEM) | nil */
static int native_development_certificate(lua_State *lua)
{
    char *certificate = NULL, *key = NULL;

    if (certificate_make_development(&certificate, &key))
        return 0;
    lua_pushstring(lua, certificate);
    lua_pushstring(lua, key);
    mem_free(certificate);
    mem_free(key);
    return 2;
}

/* certificate_lasts(pem, seconds) -> boolean */
static int native_certificate_lasts(lua_State *lua)
{
    lua_pushboolean(lua, certificate_check_time(luaL_checkstring(lua, 1),
                                                (long)luaL_checknumber(lua, 2)) == OK);
    return 1;
}

void bind_tls(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"tls_context", native_tls_context},
        {"tls_add_name", native_tls_add_name},
        {"development_certificate", native_development_certificate},
        {"certificate_lasts", native_certificate_lasts},
        {NULL, NULL},
    };

    luaL_newmetatable(lua, TYPE);
    lua_pushcfunction(lua, on_gc);
    lua_setfield(lua, -2, "__gc");
    lua_pop(lua, 1);
    luaL_register(lua, NULL, functions);
}
