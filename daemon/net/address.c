/* address: texts to socket addresses and back. */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

static const struct sockaddr_in *as_v4(const struct address *address)
{
    return (const struct sockaddr_in *)&address->storage;
}

static const struct sockaddr_in6 *as_v6(const struct address *address)
{
    return (const struct sockaddr_in6 *)&address->storage;
}

static enum err from_v6(const char *host, uint16_t port, struct address *out)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;
    char bare[INET6_ADDRSTRLEN];
    const char *scope = strchr(host, '%');
    size_t length = scope ? (size_t)(scope - host) : strlen(host);

    if (length >= sizeof(bare))
        return ERR_INVALID;
    memcpy(bare, host, length);
    bare[length] = '\0';
    if (inet_pton(AF_INET6, bare, &v6->sin6_addr) != 1)
        return ERR_INVALID;
    if (scope) {
        char *end;

        v6->sin6_scope_id = if_nametoindex(scope + 1);
        if (!v6->sin6_scope_id) { /* not the name of an interface: its number */
            v6->sin6_scope_id = (uint32_t)strtoul(scope + 1, &end, 10);
            if (!v6->sin6_scope_id || *end)
                return ERR_INVALID;
        }
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out->length = sizeof(*v6);
    return OK;
}

enum err address_from_ip(const char *host, uint16_t port, struct address *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->storage;
    enum err err = OK;

    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        out->length = sizeof(*v4);
    } else {
        err = from_v6(host, port, out);
    }
    if (err)
        memset(out, 0, sizeof(*out));
    return err;
}

enum err address_from_path(const char *path, struct address *out)
{
    struct sockaddr_un *local = (struct sockaddr_un *)&out->storage;
    bool is_abstract = path[0] == '@';
    /* A path brings its NUL along, an abstract name has one in front and none behind. */
    size_t length = strlen(path) + !is_abstract;

    memset(out, 0, sizeof(*out));
    if (length < 2)
        return ERR_INVALID;
    if (length > sizeof(local->sun_path))
        return ERR_RANGE;
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path, length);
    if (is_abstract)
        local->sun_path[0] = '\0';
    out->length = (socklen_t)(PATH_OFFSET + length);
    return OK;
}

static bool is_name(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == '_'))
            return false;
    }
    return true;
}

static bool parse_port(const char *text, size_t length, uint16_t *port)
{
    unsigned value = 0;

    if (length < 1 || length > 5)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (value > UINT16_MAX)
        return false;
    *port = (uint16_t)value;
    return true;
}

/* Splits what stands behind the scheme. Returns NULL, or what was expected instead. */
static const char *parse_host_port(const char *rest, char *host, uint16_t *port)
{
    size_t length = strlen(rest), host_length;
    const char *name = rest, *colon;

    if (length > 0 && rest[length - 1] == '/')
        length--;
    colon = memrchr(rest, ':', length);
    if (rest[0] == '[') {
        const char *bracket = memchr(rest, ']', length);
        struct address ignored;

        if (!bracket || bracket + 1 != colon)
            return "expected [address]:port";
        name = rest + 1;
        host_length = (size_t)(bracket - name);
        if (host_length >= ADDRESS_TEXT_BYTES)
            return "the address is too long";
        memcpy(host, name, host_length);
        host[host_length] = '\0';
        if (!strchr(host, ':') || address_from_ip(host, 0, &ignored))
            return "expected an IPv6 address between the brackets";
    } else {
        host_length = colon ? (size_t)(colon - rest) : 0;
        if (memchr(rest, ':', host_length))
            return "an IPv6 address needs brackets: [::1]:8000";
        if (host_length >= ADDRESS_TEXT_BYTES)
            return "the host is too long";
        if (!is_name(rest, host_length))
            return "expected a host name or an address before the port";
        memcpy(host, rest, host_length);
        host[host_length] = '\0';
    }
    rest += length;
    if (!colon)
        colon = rest - length - 1;
    if (!parse_port(colon + 1, (size_t)(rest - colon - 1), port))
        return "expected a port from 0 to 65535";
    return NULL;
}

enum err address_parse_listen(const char *text, char host[ADDRESS_TEXT_BYTES], uint16_t *port,
                              const char **path, bool *secure, struct failure *failure)
{
    const char *rest = text, *problem;

    host[0] = '\0';
    *port = 0;
    *path = NULL;
    *secure = false;
    if (strncasecmp(rest, "https://", 8) == 0) {
        *secure = true;
        rest += 8;
    } else if (strncasecmp(rest, "http://", 7) == 0) {
        rest += 7;
    }
    if (strncmp(rest, "unix:", 5) == 0) {
        struct address ignored;
        enum err err = address_from_path(rest + 5, &ignored);

        problem = err == ERR_RANGE ? "the path is longer than 107 bytes"
                  : err            ? "expected a path behind unix:"
                                   : NULL;
        *path = rest + 5;
    } else {
        problem = parse_host_port(rest, host, port);
    }
    if (!problem)
        return OK;
    host[0] = '\0';
    *path = NULL;
    return failure_set(failure, ERR_INVALID, "ERR_INVALID_ADDRESS",
                       "\"%.200s\" is not an address to listen on: %s", text, problem);
}

static bool is_mapped(const struct address *address)
{
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&as_v6(address)->sin6_addr);
}

static void path_text(const struct address *address, char *out)
{
    const struct sockaddr_un *local = (const struct sockaddr_un *)&address->storage;
    size_t length = address->length > PATH_OFFSET ? address->length - PATH_OFFSET : 0;
    char name[sizeof(local->sun_path) + 1];

    if (length > sizeof(local->sun_path))
        length = sizeof(local->sun_path);
    memcpy(name, local->sun_path, length);
    name[length] = '\0';
    if (length > 0 && !name[0]) {
        for (size_t i = 0; i < length; i++)
            if (!name[i])
                name[i] = '@';
    }
    snprintf(out, ADDRESS_TEXT_BYTES, "unix:%s", name);
}

const char *address_host(const struct address *address, char out[ADDRESS_TEXT_BYTES])
{
    const struct sockaddr_in6 *v6 = as_v6(address);

    out[0] = '\0';
    if (!address->length)
        return out;
    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &as_v4(address)->sin_addr, out, ADDRESS_TEXT_BYTES);
    } else if (is_mapped(address)) {
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, ADDRESS_TEXT_BYTES);
    } else if (address->any.sa_family == AF_INET6) {
        char interface[IF_NAMESIZE];
        size_t used;

        inet_ntop(AF_INET6, &v6->sin6_addr, out, ADDRESS_TEXT_BYTES);
        used = strlen(out);
        if (v6->sin6_scope_id && if_indextoname(v6->sin6_scope_id, interface))
            snprintf(out + used, ADDRESS_TEXT_BYTES - used, "%%%s", interface);
        else if (v6->sin6_scope_id)
            snprintf(out + used, ADDRESS_TEXT_BYTES - used, "%%%u", v6->sin6_scope_id);
    } else if (address->any.sa_family == AF_UNIX) {
        path_text(address, out);
    }
    return out;
}

const char *address_text(const struct address *address, char out[ADDRESS_TEXT_BYTES])
{
    char host[ADDRESS_TEXT_BYTES];
    bool brackets = address->length && address->any.sa_family == AF_INET6;

    address_host(address, host);
    if (!address->length || address->any.sa_family == AF_UNIX)
        snprintf(out, ADDRESS_TEXT_BYTES, "%s", host);
    else
        snprintf(out, ADDRESS_TEXT_BYTES, "%s%s%.100s%s:%u", brackets ? "[" : "",
                 is_mapped(address) ? "::ffff:" : "", host, brackets ? "]" : "",
                 address_port(address));
    return out;
}

uint16_t address_port(const struct address *address)
{
    if (!address->length)
        return 0;
    if (address->any.sa_family == AF_INET)
        return ntohs(as_v4(address)->sin_port);
    if (address->any.sa_family == AF_INET6)
        return ntohs(as_v6(address)->sin6_port);
    return 0;
}

bool address_is_ipv6(const struct address *address)
{
    return address->length && address->any.sa_family == AF_INET6 && !is_mapped(address);
}
