/* access_line: the formats. */
#include "session/access_line.h"

#include <stdio.h>
#include <string.h>

#include "base/log_text.h"
#include "http/code.h"

/* The most that one value takes of a line. Their sum, and less than 500 bytes of keys and numbers, fit into
 * ACCESS_LINE_MIN, so that a line never ends in the middle. */
#define METHOD_MAX 64
#define AUTHORITY_MAX 256
#define PEER_MAX 128
#define REASON_MAX 200
#define PATH_MAX_OF(cap) ((cap)*3 / 8)
#define FIELD_MAX_OF(cap) ((cap) / 8)

#define LITERAL(text) (text), sizeof(text) - 1

bool access_format_from_text(const char *text, enum access_format *out)
{
    static const char *const names[] = {"logfmt", "common", "combined", "json"};

    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum access_format)i;
            return true;
        }
    }
    return false;
}

static const char *by_name(enum ended_by by)
{
    static const char *const names[] = {NULL,      "peer",  "handler",  "session",
                                        "timeout", "limit", "shutdown", "protocol"};

    return (size_t)by < sizeof(names) / sizeof(names[0]) ? names[by] : NULL;
}

/* Most lines share their second with the one before. */
static void put_time(struct log_text *line, const struct timespec *at)
{
    static time_t known_second = -1;
    static char text[sizeof("2026-01-31T12:34:56.")];
    unsigned ms = (unsigned)(at->tv_nsec / 1000000);
    char fraction[] = {(char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10),
                       'Z'};

    if (at->tv_sec != known_second) {
        struct tm tm;

        gmtime_r(&at->tv_sec, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &tm);
        known_second = at->tv_sec;
    }
    log_text_put(line, text, sizeof(text) - 1);
    log_text_put(line, fraction, sizeof(fraction));
}

/* The same for "[31/Jan/2026:12:34:56 +0000]", whose names are English in every locale. */
static void put_common_time(struct log_text *line, const struct timespec *at)
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static time_t known_second = -1;
    static char text[64];

    if (at->tv_sec != known_second) {
        struct tm tm;

        gmtime_r(&at->tv_sec, &tm);
        snprintf(text, sizeof(text), "[%02d/%s/%04d:%02d:%02d:%02d +0000]", tm.tm_mday,
                 months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        known_second = at->tv_sec;
    }
    log_text_put(line, text, strlen(text));
}

/* --- logfmt and JSON. */

struct writer {
    struct log_text line;
    bool json, cut;
};

/* ` key=` or `,"key":`. */
#define PUT_KEY(w, key)                                         \
    do {                                                        \
        if ((w)->json)                                          \
            log_text_put(&(w)->line, LITERAL(",\"" key "\":")); \
        else                                                    \
            log_text_put(&(w)->line, LITERAL(" " key "="));     \
    } while (0)

static void put_none(struct writer *w)
{
    log_text_put(&w->line, w->json ? "null" : "-", w->json ? 4 : 1);
}

static void put_value(struct writer *w, const struct access_text *value, size_t max)
{
    bool complete;

    if (!value->bytes) {
        put_none(w);
        return;
    }
    if (w->json) {
        log_text_put(&w->line, LITERAL("\""));
        complete = log_text_escape(&w->line, value->bytes, value->length, max);
        log_text_put(&w->line, LITERAL("\""));
    } else {
        complete = log_text_value(&w->line, value->bytes, value->length, max);
    }
    w->cut = w->cut || !complete;
}

static void put_plain(struct writer *w, const char *text)
{
    put_value(w, &(struct access_text){text, text ? strlen(text) : 0}, REASON_MAX);
}

/* Milliseconds with three digits behind the point. */
static void put_ms(struct log_text *line, uint64_t us)
{
    unsigned rest = (unsigned)(us % 1000);
    char fraction[] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                       (char)('0' + rest % 10)};

    log_text_number(line, us / 1000);
    log_text_put(line, fraction, sizeof(fraction));
}

static void put_end(struct writer *w, const struct access_record *record)
{
    const char *code = http_code_name(record->code);

    PUT_KEY(w, "by");
    put_plain(w, by_name(record->by));
    PUT_KEY(w, "code");
    if (code)
        put_plain(w, code);
    else
        log_text_number(&w->line, record->code);
    if (record->reason) {
        PUT_KEY(w, "reason");
        put_plain(w, record->reason);
    }
}

static void put_pairs(struct writer *w, const struct access_record *record)
{
    size_t cap = w->line.cap;

    log_text_put(&w->line, w->json ? "{\"time\":\"" : "time=", w->json ? 9 : 5);
    put_time(&w->line, &record->ended);
    log_text_put(&w->line, "\"", w->json);
    PUT_KEY(w, "peer");
    put_value(w, &record->peer, PEER_MAX);
    PUT_KEY(w, "protocol");
    log_text_put(&w->line, w->json ? "\"HTTP/2.0\"" : "HTTP/2.0", w->json ? 10 : 8);
    PUT_KEY(w, "tls");
    put_plain(w, record->tls);
    PUT_KEY(w, "method");
    put_value(w, &record->method, METHOD_MAX);
    PUT_KEY(w, "authority");
    put_value(w, &record->authority, AUTHORITY_MAX);
    PUT_KEY(w, "path");
    put_value(w, &record->path, PATH_MAX_OF(cap));
    PUT_KEY(w, "status");
    if (record->status)
        log_text_number(&w->line, record->status);
    else
        put_none(w);
    PUT_KEY(w, "bytes_in");
    log_text_number(&w->line, record->bytes_in);
    PUT_KEY(w, "bytes_out");
    log_text_number(&w->line, record->bytes_out);
    PUT_KEY(w, "ms");
    put_ms(&w->line, record->us);
    PUT_KEY(w, "session");
    log_text_number(&w->line, record->session);
    PUT_KEY(w, "stream");
    log_text_number(&w->line, record->stream);
    if (record->pushed) {
        PUT_KEY(w, "pushed");
        log_text_put(&w->line, LITERAL("true"));
    }
    if (record->by != ENDED_NORMALLY)
        put_end(w, record);
    if (w->json) {
        PUT_KEY(w, "referer");
        put_value(w, &record->referer, FIELD_MAX_OF(cap));
        PUT_KEY(w, "agent");
        put_value(w, &record->agent, FIELD_MAX_OF(cap));
    }
    if (w->cut) {
        PUT_KEY(w, "cut");
        log_text_put(&w->line, LITERAL("true"));
    }
    log_text_put(&w->line, w->json ? "}\n" : "\n", w->json ? 2 : 1);
}

/* --- Common and combined. */

static void put_common_value(struct log_text *line, const struct access_text *value, size_t max)
{
    if (!value->bytes || value->length == 0)
        log_text_put(line, LITERAL("-"));
    else if (!log_text_escape_common(line, value->bytes, value->length, max))
        log_text_put(line, LITERAL("..."));
}

/* A part of the request line, in which blanks separate. */
static void put_word(struct log_text *line, const struct access_text *value, size_t max)
{
    size_t end = line->used + max;
    struct access_text rest = *value;

    for (;;) {
        const char *blank = rest.bytes ? memchr(rest.bytes, ' ', rest.length) : NULL;
        struct access_text word = {rest.bytes, blank ? (size_t)(blank - rest.bytes) : rest.length};

        if (!blank || line->used + word.length + 4 > end) {
            put_common_value(line, &rest, line->used < end ? end - line->used : 0);
            return;
        }
        log_text_escape_common(line, word.bytes, word.length, end - line->used);
        log_text_put(line, LITERAL("\\x20"));
        rest.bytes = blank + 1;
        rest.length -= word.length + 1;
        if (rest.length == 0)
            return;
    }
}

/* These formats want a number where no answer began: those that other servers write. */
static unsigned status_of(const struct access_record *record)
{
    if (record->status)
        return record->status;
    if (record->by == ENDED_BY_PROTOCOL)
        return 400;
    if (record->by == ENDED_BY_LIMIT)
        return 503;
    return record->by == ENDED_BY_HANDLER ? 444
                                          : 499; /* closed without an answer; the client left */
}

static void put_common(struct log_text *line, const struct access_record *record, bool combined)
{
    size_t cap = line->cap;

    put_common_value(line, &record->peer, PEER_MAX);
    log_text_put(line, LITERAL(" - - "));
    put_common_time(line, &record->ended);
    log_text_put(line, LITERAL(" \""));
    put_word(line, &record->method, METHOD_MAX);
    log_text_put(line, LITERAL(" "));
    put_word(line, record->path.bytes ? &record->path : &record->authority, PATH_MAX_OF(cap));
    log_text_put(line, LITERAL(" HTTP/2.0\" "));
    log_text_number(line, status_of(record));
    log_text_put(line, LITERAL(" "));
    log_text_number(line, record->bytes_out);
    if (combined) {
        log_text_put(line, LITERAL(" \""));
        put_common_value(line, &record->referer, FIELD_MAX_OF(cap));
        log_text_put(line, LITERAL("\" \""));
        put_common_value(line, &record->agent, FIELD_MAX_OF(cap));
        log_text_put(line, LITERAL("\""));
    }
    log_text_put(line, LITERAL("\n"));
}

size_t access_line(const struct access_record *record, enum access_format format, char *out,
                   size_t cap)
{
    struct writer w = {.line = {.at = out, .cap = cap}, .json = format == ACCESS_JSON};

    if (format == ACCESS_LOGFMT || format == ACCESS_JSON)
        put_pairs(&w, record);
    else
        put_common(&w.line, record, format == ACCESS_COMBINED);
    return w.line.used;
}
