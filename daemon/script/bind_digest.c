/* bind_digest: message digests as userdata, for lua/perigee/digest.lua. */
#include "crypto/digest.h"
#include "script/script_internal.h"

#define TYPE "perigee.digest"
#define RANDOM_MAX_BYTES (1024 * 1024)

static struct digest **digest_at(lua_State *lua)
{
    return luaL_checkudata(lua, 1, TYPE);
}

/* digest_new(name[, key]) -> digest | nil when the name is unknown */
static int native_digest_new(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    size_t key_length = 0;
    const char *key = lua_isnoneornil(lua, 2) ? NULL : luaL_checklstring(lua, 2, &key_length);
    struct digest **digest = lua_newuserdata(lua, sizeof(*digest));
    enum err err;

    *digest = NULL;
    luaL_getmetatable(lua, TYPE);
    lua_setmetatable(lua, -2);
    err = digest_new(name, (const uint8_t *)key, key_length, digest);
    if (err == ERR_NOMEM)
        return luaL_error(lua, "out of memory");
    return err ? 0 : 1;
}

/* digest_update(digest, bytes) -> true | nil after digest_final() */
static int native_digest_update(lua_State *lua)
{
    struct digest **digest = digest_at(lua);
    size_t length;
    const char *bytes = luaL_checklstring(lua, 2, &length);

    if (digest_update(*digest, (const uint8_t *)bytes, length))
        return 0;
    lua_pushboolean(lua, true);
    return 1;
}

/* digest_final(digest) -> raw bytes | nil the second time */
static int native_digest_final(lua_State *lua)
{
    struct digest **digest = digest_at(lua);
    uint8_t bytes[DIGEST_MAX_BYTES];
    size_t length;

    if (digest_final(*digest, bytes, &length))
        return 0;
    lua_pushlstring(lua, (const char *)bytes, length);
    return 1;
}

static int on_gc(lua_State *lua)
{
    digest_free(digest_at(lua));
    return 0;
}

/* random(n) -> n unpredictable bytes */
static int native_random(lua_State *lua)
{
    lua_Number wanted = luaL_checknumber(lua, 1);
    size_t length = (size_t)wanted;
    void *bytes;

    luaL_argcheck(lua, wanted >= 0 && wanted <= RANDOM_MAX_BYTES, 1, "0 to 1048576 bytes expected");
    bytes = lua_newuserdata(lua, length ? length : 1);
    if (random_bytes(bytes, length))
        return luaL_error(lua, "the system has no random bytes");
    lua_pushlstring(lua, bytes, length);
    return 1;
}

void bind_digest(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"digest_new", native_digest_new},
        {"digest_update", native_digest_update},
        {"digest_final", native_digest_final},
        {"random", native_random},
        {NULL, NULL},
    };

    luaL_newmetatable(lua, TYPE);
    lua_pushcfunction(lua, on_gc);
    lua_setfield(lua, -2, "__gc");
    lua_pop(lua, 1);
    luaL_register(lua, NULL, functions);
}
