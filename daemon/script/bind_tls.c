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

struct tls_context **script_push_tls_context(lua_State *lua)
{
    struct tls_context **context = lua_newuserdata(lua, sizeof(struct tls_context *));

    *context = NULL;
    luaL_getmetatable(lua, TYPE);
    lua_setmetatable(lua, -2);
    return context;
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

#define MORE_MAX 8

static double number_of(lua_State *lua, const char *key)
{
    double number;

    lua_getfield(lua, 1, key);
    number = lua_tonumber(lua, -1);
    lua_pop(lua, 1);
    return number;
}

/* more: a list of {certificate=, key=, passphrase=, pfx=}. Their texts stay where the tables are. */
static size_t more_of(lua_State *lua, struct tls_identity more[MORE_MAX])
{
    size_t count;

    lua_getfield(lua, 1, "more");
    count = lua_istable(lua, -1) ? lua_objlen(lua, -1) : 0;
    count = count < MORE_MAX ? count : MORE_MAX;
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(lua, -1, (int)i + 1);
        lua_getfield(lua, -1, "certificate");
        lua_getfield(lua, -2, "key");
        lua_getfield(lua, -3, "passphrase");
        lua_getfield(lua, -4, "pfx");
        more[i].certificate = lua_tostring(lua, -4);
        more[i].key = lua_tostring(lua, -3);
        more[i].passphrase = lua_tostring(lua, -2);
        more[i].pfx = lua_tolstring(lua, -1, &more[i].pfx_length);
        lua_pop(lua, 5);
    }
    return count; /* the list stays on the stack */
}

/* tls_context(options) -> context | nil, code, text. options: the names of struct tls_options. */
static int native_tls_context(lua_State *lua)
{
    struct tls_identity more[MORE_MAX];
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
        .more = more,
        .signatures = text_of(lua, "signatures"),
        .crl = text_of(lua, "crl"),
        .session_tickets = true,
        .any_name = flag_of(lua, "any_name"),
        .client_order = flag_of(lua, "client_order"),
        .flags = (uint64_t)number_of(lua, "flags"),
        .session_timeout_s = (uint32_t)number_of(lua, "session_timeout_s"),
        .session_name = text_of(lua, "session_name"),
        .asks_name = flag_of(lua, "asks_name"),
        .asks_protocol = flag_of(lua, "asks_protocol"),
    };
    luaL_checkstack(lua, 8, "tls_context");
    options.more_count = more_of(lua, more);
    context = script_push_tls_context(lua);
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

/* tls_ticket_key(context) -> 48 bytes */
static int native_tls_ticket_key(lua_State *lua)
{
    uint8_t key[TLS_TICKET_KEY_BYTES];

    tls_context_ticket_key(script_tls_context(lua, 1), key);
    lua_pushlstring(lua, (const char *)key, sizeof(key));
    return 1;
}

/* tls_set_ticket_key(context, 48 bytes | another context) -> true | nil */
static int native_tls_set_ticket_key(lua_State *lua)
{
    struct tls_context *context = script_tls_context(lua, 1);
    enum err err;

    if (lua_isstring(lua, 2)) {
        size_t length;
        const char *key = lua_tolstring(lua, 2, &length);

        err = length == TLS_TICKET_KEY_BYTES
                  ? tls_context_set_ticket_key(context, (const uint8_t *)key)
                  : ERR_INVALID;
    } else {
        err = tls_context_share_ticket_key(context, script_tls_context(lua, 2));
    }
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
        {"tls_ticket_key", native_tls_ticket_key},
        {"tls_set_ticket_key", native_tls_set_ticket_key},
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
