/* admin_request: line by line over the head. */
#include "process/admin_request.h"

#include <string.h>
#include <strings.h>

struct line {
    const char *at;
    size_t length; /* without its end */
};

enum found { FOUND, NOT_YET, BAD };

/* The line at *at; moves *at behind its end. A lone CR, and any control character but a tab, is no part of a line. */
static enum found take_line(const char **at, const char *end, struct line *line)
{
    const char *begin = *at;

    for (const char *c = begin; c < end; c++) {
        unsigned char byte = (unsigned char)*c;
        bool is_cr = byte == '\r';

        if (byte >= ' ' && byte != 0x7f)
            continue;
        if (byte == '\t')
            continue;
        if (is_cr && c + 1 == end)
            return NOT_YET;
        if (byte != '\n' && !(is_cr && c[1] == '\n'))
            return BAD;
        *line = (struct line){begin, (size_t)(c - begin)};
        *at = c + 1 + is_cr;
        return FOUND;
    }
    return NOT_YET;
}

static bool is_token(const char *at, size_t length)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (size_t i = 0; i < length; i++)
        if (!at[i] || !strchr(allowed, at[i]))
            return false;
    return length > 0;
}

static bool equals(const char *at, size_t length, const char *text)
{
    return length == strlen(text) && memcmp(at, text, length) == 0;
}

/* "HTTP/1.1" and the like. *minor: of 1.x. */
static unsigned read_version(const char *at, size_t length, int *minor)
{
    if (length != 8 || memcmp(at, "HTTP/", 5) != 0 || at[5] < '0' || at[5] > '9' || at[6] != '.' ||
        at[7] < '0' || at[7] > '9')
        return 400;
    *minor = at[7] - '0';
    return at[5] == '1' ? 200 : 505;
}

/* A path, or an address with one (RFC 9112 3.2). */
static bool read_target(const char *at, size_t length, struct admin_request *out)
{
    const char *query;

    for (size_t i = 0; i < length; i++)
        if ((unsigned char)at[i] <= ' ' || (unsigned char)at[i] >= 0x7f || at[i] == '#')
            return false;
    if (length > 7 && strncasecmp(at, "http://", 7) == 0) {
        const char *slash = memchr(at + 7, '/', length - 7);

        if (!slash)
            return false;
        length -= (size_t)(slash - at);
        at = slash;
    }
    if (length == 0 || *at != '/')
        return false;
    query = memchr(at, '?', length);
    out->path = at;
    out->path_length = query ? (size_t)(query - at) : length;
    return true;
}

/* METHOD SP TARGET SP VERSION */
static unsigned read_request_line(const struct line *line, struct admin_request *out, int *minor)
{
    const char *end = line->at + line->length;
    const char *space = memchr(line->at, ' ', line->length);
    const char *target = space ? space + 1 : end;
    const char *version = memchr(target, ' ', (size_t)(end - target));
    bool is_get;
    unsigned status;

    if (!space || !version || !is_token(line->at, (size_t)(space - line->at)))
        return 400;
    is_get = equals(line->at, (size_t)(space - line->at), "GET");
    out->is_head = equals(line->at, (size_t)(space - line->at), "HEAD");
    status = read_version(version + 1, (size_t)(end - version - 1), minor);
    if (status != 200)
        return status;
    if (!is_get && !out->is_head)
        return 405;
    return read_target(target, (size_t)(version - target), out) ? 200 : 400;
}

/* NAME ":" anything. A folded line begins with a blank, which is no name: refused (RFC 9112 5.2). */
static bool read_field(const struct line *line, unsigned *hosts)
{
    const char *colon = memchr(line->at, ':', line->length);
    size_t name_length;

    if (!colon)
        return false;
    name_length = (size_t)(colon - line->at);
    if (!is_token(line->at, name_length))
        return false;
    if (name_length == 4 && strncasecmp(line->at, "host", 4) == 0)
        ++*hosts;
    return true;
}

unsigned admin_request_read(const char *bytes, size_t length, struct admin_request *out)
{
    const char *at = bytes, *end = bytes + (length < ADMIN_HEAD_BYTES ? length : ADMIN_HEAD_BYTES);
    struct line line;
    unsigned status = 0, hosts = 0;
    enum found found;
    int minor = 0;

    *out = (struct admin_request){0};
    while ((found = take_line(&at, end, &line)) == FOUND) {
        if (line.length == 0 && status)
            /* RFC 9112 3.2: one Host in 1.1, which 1.0 may leave out. */
            return hosts > 1 || (hosts == 0 && minor > 0) ? 400 : status;
        if (line.length == 0)
            continue; /* blank lines before a request do no harm (RFC 9112 2.2) */
        if (!status) {
            status = read_request_line(&line, out, &minor);
            if (status == 400 || status == 505)
                return status; /* whatever follows */
        } else if (!read_field(&line, &hosts)) {
            return 400;
        }
    }
    if (found == BAD)
        return 400;
    return length >= ADMIN_HEAD_BYTES ? 431 : 0;
}
