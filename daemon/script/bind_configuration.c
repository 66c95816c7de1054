/* bind_configuration: what the checks of a configuration ask the system. Failures are nil and a text. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/certificate.h"
#include "crypto/digest.h"
#include "script/configuration_internal.h"
#include "script/script_internal.h"

#define FILE_MAX_BYTES (1024 * 1024) /* configurations, certificates, keys */

static int push_error(lua_State *lua, int why)
{
    lua_pushnil(lua);
    lua_pushstring(lua, strerror(why));
    return 2;
}

/* Reads all of it, up to FILE_MAX_BYTES. Returns 0 or an errno. */
static int read_all(int fd, char *bytes, size_t *length)
{
    struct stat about;

    *length = 0;
    if (fstat(fd, &about))
        return errno;
    if (S_ISDIR(about.st_mode))
        return EISDIR;
    if (!S_ISREG(about.st_mode))
        return EINVAL;
    for (;;) {
        ssize_t got = read(fd, bytes + *length, FILE_MAX_BYTES + 1 - *length);

        if (got < 0 && errno != EINTR)
            return errno;
        if (got == 0)
            return 0;
        if (got > 0 && (*length += (size_t)got) > FILE_MAX_BYTES)
            return EFBIG;
    }
}

/* read_file(path) -> text | nil, why. Regular files only: nothing is waited for. */
static int native_read_file(lua_State *lua)
{
    const char *path = luaL_checkstring(lua, 1);
    char *bytes = lua_newuserdata(lua, FILE_MAX_BYTES + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), why;
    size_t length;

    if (fd < 0)
        return push_error(lua, errno);
    why = read_all(fd, bytes, &length);
    close(fd);
    if (why) {
        lua_pushnil(lua);
        lua_pushstring(lua, why == EFBIG    ? "it is larger than 1 MiB"
                            : why == EINVAL ? "it is not a regular file"
                                            : strerror(why));
        return 2;
    }
    lua_pushlstring(lua, bytes, length);
    explicit_bzero(bytes, length); /* it may have been a key */
    return 1;
}

/* about(path) -> {type = "file" | "folder" | "other", mode =, readable =, writable =} | nil, why */
static int native_about(lua_State *lua)
{
    const char *path = luaL_checkstring(lua, 1);
    struct stat about;

    if (stat(path, &about))
        return push_error(lua, errno);
    lua_newtable(lua);
    lua_pushstring(lua, S_ISREG(about.st_mode)   ? "file"
                        : S_ISDIR(about.st_mode) ? "folder"
                                                 : "other");
    lua_setfield(lua, -2, "type");
    lua_pushnumber(lua, about.st_mode & 07777);
    lua_setfield(lua, -2, "mode");
    lua_pushboolean(lua, faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0);
    lua_setfield(lua, -2, "readable");
    lua_pushboolean(lua, faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0);
    lua_setfield(lua, -2, "writable");
    return 1;
}

/* address(text) -> {host =, port =, path =, secure =, literal =} | nil, why. host is in its normal form; literal is
 * false when it is a name. */
static int native_address(lua_State *lua)
{
    char host[ADDRESS_TEXT_BYTES], normal[ADDRESS_TEXT_BYTES];
    const char *path, *named = host;
    struct address address;
    struct failure failure;
    bool secure, literal;
    uint16_t port;

    if (address_parse_listen(luaL_checkstring(lua, 1), host, &port, &path, &secure, &failure)) {
        lua_pushnil(lua);
        lua_pushstring(lua, failure.text);
        return 2;
    }
    literal = host[0] == '\0' || address_from_ip(host, port, &address) == OK;
    if (literal && host[0])
        named = address_host(&address, normal);
    lua_newtable(lua);
    lua_pushstring(lua, named);
    lua_setfield(lua, -2, "host");
    lua_pushinteger(lua, port);
    lua_setfield(lua, -2, "port");
    lua_pushstring(lua, path);
    lua_setfield(lua, -2, "path");
    lua_pushboolean(lua, secure);
    lua_setfield(lua, -2, "secure");
    lua_pushboolean(lua, literal);
    lua_setfield(lua, -2, "literal");
    return 1;
}

/* certificate(pem) -> {subject =, begins =, ends =, names = {...}} | nil */
static int native_certificate(lua_State *lua)
{
    struct certificate_summary *summary;
    int at = 0;

    summary = lua_newuserdata(lua, sizeof(*summary));
    if (certificate_summarize(luaL_checkstring(lua, 1), summary))
        return 0;
    lua_newtable(lua);
    lua_pushstring(lua, summary->subject);
    lua_setfield(lua, -2, "subject");
    lua_pushnumber(lua, (double)summary->begins_s);
    lua_setfield(lua, -2, "begins");
    lua_pushnumber(lua, (double)summary->ends_s);
    lua_setfield(lua, -2, "ends");
    lua_newtable(lua);
    for (const char *name = summary->names; *name; name += strlen(name) + 1) {
        lua_pushstring(lua, name);
        lua_rawseti(lua, -2, ++at);
    }
    lua_setfield(lua, -2, "names");
    return 1;
}

/* A number that is given instead of a name. */
static bool is_number(const char *text, double *number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    *number = (double)value;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && value < UINT32_MAX;
}

/* user(name or number) -> its number | nil */
static int native_user(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    const struct passwd *found = getpwnam(name);
    double number;

    if (!found && !is_number(name, &number))
        return 0;
    lua_pushnumber(lua, found ? found->pw_uid : number);
    return 1;
}

static int native_group(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    const struct group *found = getgrnam(name);
    double number;

    if (!found && !is_number(name, &number))
        return 0;
    lua_pushnumber(lua, found ? found->gr_gid : number);
    return 1;
}

/* uid() -> the effective user's number */
static int native_uid(lua_State *lua)
{
    lua_pushnumber(lua, geteuid());
    return 1;
}

/* processors() -> how many this process may run on */
static int native_processors(lua_State *lua)
{
    cpu_set_t set;
    long count = 0;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        count = CPU_COUNT(&set);
    if (count < 1) /* more than the set has room for */
        count = sysconf(_SC_NPROCESSORS_ONLN);
    lua_pushnumber(lua, count < 1 ? 1 : (double)count);
    return 1;
}

static int native_environment(lua_State *lua)
{
    lua_pushstring(lua, getenv(luaL_checkstring(lua, 1)));
    return 1;
}

static int native_now(lua_State *lua)
{
    lua_pushnumber(lua, (double)time(NULL));
    return 1;
}

/* absolute(path) -> the same from the root on, without following links | nil, why */
static int native_absolute(lua_State *lua)
{
    const char *path = luaL_checkstring(lua, 1);
    char here[PATH_MAX];

    if (path[0] == '/') {
        lua_pushvalue(lua, 1);
        return 1;
    }
    if (!getcwd(here, sizeof(here)))
        return push_error(lua, errno);
    lua_pushfstring(lua, "%s/%s", strcmp(here, "/") == 0 ? "" : here, path);
    return 1;
}

/* random(n) -> n unpredictable bytes in hexadecimal, n up to 64 | nil, why */
static int native_random(lua_State *lua)
{
    static const char digits[] = "0123456789abcdef";
    size_t count = (size_t)luaL_checkinteger(lua, 1);
    uint8_t bytes[64];
    char text[2 * sizeof(bytes)];

    luaL_argcheck(lua, count <= sizeof(bytes), 1, "up to 64");
    if (random_bytes(bytes, count))
        return push_error(lua, EIO);
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    lua_pushlstring(lua, text, 2 * count);
    return 1;
}

void bind_configuration(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"evaluate", configuration_evaluate},
        {"read_file", native_read_file},
        {"about", native_about},
        {"address", native_address},
        {"certificate", native_certificate},
        {"user", native_user},
        {"group", native_group},
        {"uid", native_uid},
        {"processors", native_processors},
        {"environment", native_environment},
        {"now", native_now},
        {"absolute", native_absolute},
        {"random", native_random},
        {NULL, NULL},
    };

    luaL_register(lua, NULL, functions);
}
