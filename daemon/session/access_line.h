/* access_line: what the access log says of one exchange, as a line. Knows no stream, so that tests can ask for any. */
#ifndef SESSION_ACCESS_LINE_H
#define SESSION_ACCESS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "session/events.h"

#define ACCESS_LINE_MAX (16 * 1024) /* bytes of one line */
#define ACCESS_LINE_MIN 4096        /* the least that access_line() needs: PIPE_BUF */

enum access_format {
    ACCESS_LOGFMT,   /* key=value, as the daemon's log */
    ACCESS_COMMON,   /* the common log format of CERN's and all later servers */
    ACCESS_COMBINED, /* the same with referer and user agent */
    ACCESS_JSON,     /* one object a line */
};

struct access_text {
    const char *bytes; /* NULL: there was none */
    size_t length;
};

struct access_record {
    struct timespec ended;   /* UTC */
    struct access_text peer; /* with its port where the format has a place for it */
    const char *tls;         /* "TLSv1.3"; NULL: clear text */
    struct access_text method, authority, path, referer, agent;
    uint32_t status;              /* 0: no answer began */
    uint64_t bytes_in, bytes_out; /* of the bodies */
    uint64_t us;                  /* from the request's header block to the end */
    uint32_t session, stream;     /* the numbers that the daemon's log has too */
    bool pushed;
    enum ended_by by; /* of what follows, ENDED_NORMALLY: nothing to tell */
    uint32_t code;
    const char *reason; /* or NULL */
};

/* "logfmt", "common", "combined", "json"; false when the text is none of them. */
bool access_format_from_text(const char *text, enum access_format *out);

/* Fills out, cap of ACCESS_LINE_MIN to ACCESS_LINE_MAX bytes, with a whole line and its '\n'; returns its length. Values
 * that are too long are cut, and the line says so (cut=true; the two old formats: "..."). Not thread-safe. */
size_t access_line(const struct access_record *record, enum access_format format, char *out,
                   size_t cap);

#endif
