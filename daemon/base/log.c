/* log: formats one line in a buffer of its own and writes it whole. */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES 8192
#define CUT_ROOM 16 /* for the mark of a cut line and its end */
#define ESCAPE_MAX 6

static enum log_level max_level = LOG_WARN;
static enum log_format line_format = LOG_LOGFMT;

struct line {
    size_t used;
    bool cut;
    char bytes[LINE_MAX_BYTES];
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_setup(enum log_level level, enum log_format format)
{
    max_level = level;
    line_format = format;
}

bool log_wants(enum log_level level)
{
    return level <= max_level;
}

bool log_level_from_text(const char *text, enum log_level *out)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_from_text(const char *text, enum log_format *out)
{
    if (strcmp(text, "logfmt") == 0)
        *out = LOG_LOGFMT;
    else if (strcmp(text, "json") == 0)
        *out = LOG_JSON;
    else
        return false;
    return true;
}

const char *log_number(int64_t n)
{
    static char buffers[8][24];
    static unsigned next;
    char *text = buffers[next++ % 8];

    snprintf(text, sizeof(buffers[0]), "%" PRId64, n);
    return text;
}

static void put(struct line *line, const char *bytes, size_t len)
{
    size_t room = sizeof(line->bytes) - CUT_ROOM - line->used;

    if (line->cut)
        return;
    if (len > room) {
        line->cut = true;
        len = len <= ESCAPE_MAX ? 0 : room; /* never half an escape */
    }
    memcpy(line->bytes + line->used, bytes, len);
    line->used += len;
}

/* Quotes as JSON does; both formats read it. Bytes over 0x7f pass as they are. */
static void put_quoted(struct line *line, const char *text)
{
    put(line, "\"", 1);
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        char escape[8];

        if (c == '"' || c == '\\')
            snprintf(escape, sizeof(escape), "\\%c", c);
        else if (c == '\n')
            snprintf(escape, sizeof(escape), "\\n");
        else if (c == '\t')
            snprintf(escape, sizeof(escape), "\\t");
        else if (c < 0x20 || c == 0x7f)
            snprintf(escape, sizeof(escape), "\\u%04x", c);
        else
            snprintf(escape, sizeof(escape), "%c", c);
        put(line, escape, strlen(escape));
    }
    put(line, "\"", 1);
}

static bool needs_quotes(const char *text)
{
    if (!*text)
        return true;
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return true;
    }
    return false;
}

static void put_pair(struct line *line, const char *key, const char *value)
{
    if (line_format == LOG_JSON) {
        put(line, line->used > 1 ? "," : "", line->used > 1);
        put_quoted(line, key);
        put(line, ":", 1);
        put_quoted(line, value);
        return;
    }
    put(line, " ", line->used > 0);
    put(line, key, strlen(key));
    put(line, "=", 1);
    if (needs_quotes(value))
        put_quoted(line, value);
    else
        put(line, value, strlen(value));
}

void log_line(enum log_level level, const char *message, ...)
{
    struct line line;
    char now[32];
    const char *key;
    va_list pairs;

    if (!log_wants(level))
        return;
    line.used = 0;
    line.cut = false;
    if (line_format == LOG_JSON)
        put(&line, "{", 1);
    put_pair(&line, "time", clock_iso8601(now, sizeof(now)));
    put_pair(&line, "level", level_names[level]);
    put_pair(&line, "msg", message);
    va_start(pairs, message);
    while ((key = va_arg(pairs, const char *))) {
        const char *value = va_arg(pairs, const char *);

        if (value)
            put_pair(&line, key, value);
    }
    va_end(pairs);

    if (line.cut) { /* CUT_ROOM holds this */
        const char *mark = line_format == LOG_JSON ? "\"" : " cut=true";

        memcpy(line.bytes + line.used, mark, strlen(mark));
        line.used += strlen(mark);
    }
    if (line_format == LOG_JSON)
        line.bytes[line.used++] = '}';
    line.bytes[line.used++] = '\n';
    /* Nobody is left to tell when standard error is gone. */
    while (write(STDERR_FILENO, line.bytes, line.used) < 0 && errno == EINTR)
        continue;
}
