/* fields: the rules of names, values and authorities, by table. */
#include "http/fields.h"

#include <stdint.h>
#include <string.h>

enum {
    TOKEN = 1,     /* RFC 9110 5.6.2, without capitals: HTTP/2 sends names in lower case */
    FORBIDDEN = 2, /* in a value: controls but TAB, and DEL */
    HOST = 4,      /* RFC 3986 3.2.2 and 3.2.3: reg-name, IP-literal, port; no userinfo */
};

static const uint8_t classes[256] = {
    [0 ... 8] = FORBIDDEN,
    [10 ... 31] = FORBIDDEN,
    [127] = FORBIDDEN,
    ['!'] = TOKEN | HOST,
    ['#'] = TOKEN,
    ['$'] = TOKEN | HOST,
    ['%'] = TOKEN | HOST,
    ['&'] = TOKEN | HOST,
    ['\''] = TOKEN | HOST,
    ['('] = HOST,
    [')'] = HOST,
    ['*'] = TOKEN | HOST,
    ['+'] = TOKEN | HOST,
    [','] = HOST,
    ['-'] = TOKEN | HOST,
    ['.'] = TOKEN | HOST,
    ['0' ... '9'] = TOKEN | HOST,
    [':'] = HOST,
    [';'] = HOST,
    ['='] = HOST,
    ['A' ... 'Z'] = HOST,
    ['['] = HOST,
    [']'] = HOST,
    ['^'] = TOKEN,
    ['_'] = TOKEN | HOST,
    ['`'] = TOKEN,
    ['a' ... 'z'] = TOKEN | HOST,
    ['|'] = TOKEN,
    ['~'] = TOKEN | HOST,
};

/* RFC 9113 8.2.2. The length comes first: most names are told by it alone. */
static bool is_connection_specific(const char *name, size_t length)
{
    switch (length) {
    case 7:
        return memcmp(name, "upgrade", 7) == 0;
    case 10:
        return memcmp(name, "connection", 10) == 0 || memcmp(name, "keep-alive", 10) == 0;
    case 14:
        return memcmp(name, "http2-settings", 14) == 0;
    case 16:
        return memcmp(name, "proxy-connection", 16) == 0;
    case 17:
        return memcmp(name, "transfer-encoding", 17) == 0;
    default:
        return false;
    }
}

enum err http_check_name(const char *name, size_t length)
{
    size_t i = length > 1 && name[0] == ':'; /* which pseudo headers may go where is the caller's */

    if (length == 0)
        return ERR_FIELD_NAME;
    for (; i < length; i++)
        if (!(classes[(uint8_t)name[i]] & TOKEN))
            return ERR_FIELD_NAME;
    return is_connection_specific(name, length) ? ERR_FIELD_CONNECTION : OK;
}

enum err http_check_value(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (classes[(uint8_t)value[i]] & FORBIDDEN)
            return ERR_FIELD_VALUE;
    return OK;
}

bool http_authority_is_sane(const char *authority, size_t length)
{
    if (length == 0 || authority[0] == ':')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!(classes[(uint8_t)authority[i]] & HOST))
            return false;
    return true;
}
