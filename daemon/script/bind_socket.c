/* bind_socket: what a script asks about a connection, and the decisions that its handshake waits for. Classic
 * functions; a connection is named by its session's slot and generation. */
#include <string.h>

#include "net/tls_certificate.h"
#include "script/script_internal.h"
#include "session/server.h"

static struct session *session_at(lua_State *lua)
{
    return script_session((uint32_t)luaL_checknumber(lua, 1), (uint32_t)luaL_checknumber(lua, 2));
}

static void set_text(lua_State *lua, const char *key, const char *text)
{
    if (!text || !*text)
        return;
    lua_pushstring(lua, text);
    lua_setfield(lua, -2, key);
}

static void set_address(lua_State *lua, const struct address *address, const char *host_key,
                        const char *port_key, const char *family_key)
{
    char text[ADDRESS_TEXT_BYTES];

    if (address->length == 0)
        return;
    if (address->any.sa_family == AF_UNIX) {
        set_text(lua, host_key, address_text(address, text));
        return;
    }
    set_text(lua, host_key, address_host(address, text));
    lua_pushinteger(lua, address_port(address));
    lua_setfield(lua, -2, port_key);
    set_text(lua, family_key, strchr(address_host(address, text), ':') ? "IPv6" : "IPv4");
}

/* session_info(slot, generation): a table of facts about the transport, or nil. */
static int session_info(lua_State *lua)
{
    struct session *session = session_at(lua);
    const struct transport_info *info;

    if (!session || !session->transport)
        return 0;
    info = transport_info(session->transport);
    lua_newtable(lua);
    set_address(lua, &info->peer, "remoteAddress", "remotePort", "remoteFamily");
    set_address(lua, &info->local, "localAddress", "localPort", "localFamily");
    lua_pushboolean(lua, info->secure);
    lua_setfield(lua, -2, "encrypted");
    set_text(lua, "alpnProtocol", info->secure ? info->protocol : "h2c");
    set_text(lua, "servername", info->server_name);
    set_text(lua, "tlsVersion", info->tls_version);
    set_text(lua, "cipher", info->cipher);
    set_text(lua, "cipherStandardName", info->cipher_name);
    if (info->secure) {
        lua_pushboolean(lua, info->peer_verified);
        lua_setfield(lua, -2, "authorized");
        set_text(lua, "authorizationError", info->peer_error);
        lua_pushboolean(lua, info->resumed);
        lua_setfield(lua, -2, "resumed");
    }
    return 1;
}

/* session_counts(slot, generation) -> bytes read, bytes written | nothing */
static int session_counts(lua_State *lua)
{
    struct session *session = session_at(lua);

    if (!session)
        return 0;
    lua_pushnumber(lua, session->bytes_in);
    lua_pushnumber(lua, session->bytes_out);
    return 2;
}

/* Puts value at `name` of the table on top; a second one of that name makes a list. */
static void put(lua_State *lua, const char *name, const char *value, size_t length)
{
    lua_getfield(lua, -1, name);
    if (lua_isnil(lua, -1)) {
        lua_pop(lua, 1);
        lua_pushlstring(lua, value, length);
        lua_setfield(lua, -2, name);
        return;
    }
    if (!lua_istable(lua, -1)) {
        lua_newtable(lua);
        lua_insert(lua, -2);
        lua_rawseti(lua, -2, 1);
        lua_pushvalue(lua, -1);
        lua_setfield(lua, -3, name);
    }
    lua_pushlstring(lua, value, length);
    lua_rawseti(lua, -2, (int)lua_objlen(lua, -2) + 1);
    lua_pop(lua, 1);
}

/* session_certificate(slot, generation, own) -> table | nil. own: ours, else the peer's. */
static int session_certificate(lua_State *lua)
{
    struct certificate_facts *facts = lua_newuserdata(lua, sizeof(*facts));
    struct session *session = session_at(lua);

    if (!session || !session->transport ||
        !tls_certificate_describe(session->transport, lua_toboolean(lua, 3), facts))
        return 0;
    lua_newtable(lua);
    for (int i = 0; i < 2; i++) {
        lua_newtable(lua);
        lua_setfield(lua, -2, i == 0 ? "subject" : "issuer");
    }
    for (size_t i = 0; i < facts->count; i++) {
        const struct certificate_fact *fact = &facts->at[i];

        if (fact->group)
            lua_getfield(lua, -1, fact->group);
        put(lua, fact->name, fact->value, fact->length);
        if (fact->group)
            lua_pop(lua, 1);
    }
    lua_pushboolean(lua, facts->is_authority);
    lua_setfield(lua, -2, "ca");
    lua_pushinteger(lua, facts->bits);
    lua_setfield(lua, -2, "bits");
    return 1;
}

/* session_answer(slot, generation, context | nil, protocol | nil, code | nil, text, about_protocol): to
 * CONNECTION_HELLO. code and text: the handshake ends with that error. -> true when it waited for it. */
static int session_answers(lua_State *lua)
{
    struct session *session = session_at(lua);
    const char *code = luaL_optstring(lua, 5, NULL);
    struct failure failure;
    struct tls_answer answer = {
        .context = script_tls_context(lua, 3),
        .protocol = luaL_optstring(lua, 4, NULL),
        .is_about_protocol = lua_toboolean(lua, 7),
    };

    if (code) {
        failure_set(&failure, ERR_TLS, code, "%s", luaL_checkstring(lua, 6));
        answer.failure = &failure;
    }
    lua_pushboolean(lua, session && session_answer(session, &answer) == OK);
    return 1;
}

/* session_dismiss(slot, generation, text | nil): session.h. -> true | nil */
static int session_dismisses(lua_State *lua)
{
    struct session *session = session_at(lua);
    size_t length = 0;
    const char *text = luaL_optlstring(lua, 3, NULL, &length);

    if (!session || session_dismiss(session, text, length))
        return 0;
    lua_pushboolean(lua, true);
    return 1;
}

void bind_socket(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"session_info", session_info},
        {"session_counts", session_counts},
        {"session_certificate", session_certificate},
        {"session_answer", session_answers},
        {"session_dismiss", session_dismisses},
        {NULL, NULL},
    };

    luaL_register(lua, NULL, functions);
}
