/* log: formats one line in a buffer of its own and writes it whole, or has it written. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_flood.h"
#include "base/log_text.h"
#include "base/log_writer.h"

#define LINE_MAX_BYTES 8192
#define CUT_ROOM 24     /* for the mark of a cut line and its end */
#define PREFIX_BYTES 3u /* "<4>", of the journal */
#define PAIRS_MAX 16
#define IDENTITY_MAX 4
#define FULL_PIPE_MS 100 /* how long one line may wait for room in a pipe */

static enum log_level max_level = LOG_WARN;
static enum log_format line_format = LOG_LOGFMT;

static struct {
    char key[16], value[48];
} identity[IDENTITY_MAX];
static unsigned identity_count;

/* Where lines go. */
static struct {
    pthread_mutex_t lock;
    int fd;
    bool known;                /* what follows was found out */
    bool is_journal;           /* systemd's */
    bool is_stream;            /* a pipe or a socket */
    bool never_waits;          /* for who reads a stream */
    size_t line_max;           /* bytes that leave in one piece */
    struct log_writer *writer; /* NULL: written here and now */
    uint64_t ever_left_out, ever_lost;
    uint64_t lost; /* lines that could not be written here */
    bool torn;     /* the last one only in part */
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* --- Settings. */

/* $JOURNAL_STREAM names the journal's socket by device and inode (systemd.exec(5)). */
static bool is_the_journal(const struct stat *status)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;

    return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 && device == status->st_dev &&
           inode == status->st_ino;
}

static void know_sink(void)
{
    struct stat status = {0};

    sink.known = true;
    sink.is_journal = fstat(sink.fd, &status) == 0 && is_the_journal(&status);
    sink.is_stream = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
    sink.line_max = sink.is_stream ? PIPE_BUF : LINE_MAX_BYTES;
}

void log_setup(enum log_level level, enum log_format format)
{
    max_level = level;
    line_format = format;
    pthread_mutex_lock(&sink.lock);
    know_sink();
    log_flood_reset();
    pthread_mutex_unlock(&sink.lock);
}

void log_never_wait(void)
{
    sink.never_waits = true;
}

void log_identify(const char *key, const char *value)
{
    unsigned i = 0;

    pthread_mutex_lock(&sink.lock);
    while (i < identity_count && strcmp(identity[i].key, key) != 0)
        i++;
    if (value && i < IDENTITY_MAX) {
        snprintf(identity[i].key, sizeof(identity[i].key), "%s", key);
        snprintf(identity[i].value, sizeof(identity[i].value), "%s", value);
        if (i == identity_count)
            identity_count++;
    } else if (!value && i < identity_count) {
        memmove(&identity[i], &identity[i + 1], (--identity_count - i) * sizeof(identity[0]));
    }
    pthread_mutex_unlock(&sink.lock);
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
    static _Thread_local char buffers[8][24];
    static _Thread_local unsigned next;
    char *text = buffers[next++ % 8];

    snprintf(text, sizeof(buffers[0]), "%" PRId64, n);
    return text;
}

/* --- One line. */

/* Bytes outside the names that both formats can read as a key. */
static void put_key(struct log_text *line, const char *key)
{
    for (const char *p = key; *p; p++) {
        char c = *p;
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == '.';

        log_text_put(line, is_fine ? &c : "_", 1);
    }
}

/* The whole pair, or as much of its value as fits, or nothing of it. */
static void put_pair(struct log_text *line, const char *key, const char *value, size_t length)
{
    size_t start = line->used;
    bool first = start == 0 || line->at[start - 1] == '{';
    bool complete = false;

    if (line->cut)
        return;
    if (line_format == LOG_JSON) {
        log_text_put(line, ",\"" + first, 2 - (size_t)first);
        put_key(line, key);
        log_text_put(line, "\":\"", 3);
        line->cut = line->cut || line->used == line->cap;
        line->cap--;
        if (!line->cut)
            complete = log_text_escape(line, value, length, SIZE_MAX);
        line->cap++;
        log_text_put(line, "\"", 1);
    } else {
        log_text_put(line, " ", start > (sink.is_journal ? PREFIX_BYTES : 0));
        put_key(line, key);
        log_text_put(line, "=", 1);
        if (!line->cut)
            complete = log_text_value(line, value, length, SIZE_MAX);
    }
    if (line->cut) /* not even its key had room */
        line->used = start;
    line->cut = line->cut || !complete;
}

static void put_text(struct log_text *line, const char *key, const char *value)
{
    put_pair(line, key, value, strlen(value));
}

/* line->cap leaves room for the mark of a cut line and for its end. */
static void format_line(struct log_text *line, enum log_level level, const char *message,
                        const struct log_pair *pairs, size_t count, uint64_t left_out)
{
    static const char priorities[] = {'3', '4', '6', '7'};
    char now[32];

    if (sink.is_journal) {
        char prefix[PREFIX_BYTES] = {'<', priorities[level], '>'};

        log_text_put(line, prefix, sizeof(prefix));
    }
    if (line_format == LOG_JSON)
        log_text_put(line, "{", 1);
    if (!sink.is_journal)
        put_text(line, "time", clock_iso8601(now, sizeof(now)));
    put_text(line, "level", level_names[level]);
    put_text(line, "msg", message);
    for (unsigned i = 0; i < identity_count; i++)
        put_text(line, identity[i].key, identity[i].value);
    if (left_out > 0)
        put_text(line, "left_out", log_number((int64_t)left_out));
    for (size_t i = 0; i < count; i++)
        if (pairs[i].value)
            put_pair(line, pairs[i].key, pairs[i].value, pairs[i].length);

    line->cap += CUT_ROOM;
    if (line->cut) {
        line->cut = false;
        put_text(line, "cut", "true");
    }
    if (line_format == LOG_JSON)
        log_text_put(line, "}", 1);
    log_text_put(line, "\n", 1);
}

/* 0 or an errno. */
static int write_whole(const char *bytes, size_t length)
{
    struct pollfd room = {.fd = sink.fd, .events = POLLOUT};
    bool waited = sink.never_waits && sink.is_stream;

    /* Who was too slow for the last line gets no more time. */
    if (waited && poll(&room, 1, sink.lost ? 0 : FULL_PIPE_MS) == 0)
        return EAGAIN;
    for (;;) {
        ssize_t written = write(sink.fd, bytes, length);

        if (written >= 0) {
            sink.torn = (size_t)written < length;
            return sink.torn ? ENOSPC : 0;
        }
        if (errno == EAGAIN && !waited) {
            waited = true;
            poll(&room, 1, FULL_PIPE_MS);
        } else if (errno != EINTR) {
            return errno;
        }
    }
}

static void write_line(enum log_level level, const char *message, const struct log_pair *pairs,
                       size_t count, uint64_t left_out)
{
    char bytes[LINE_MAX_BYTES];
    struct log_text line = {.at = bytes, .cap = sink.line_max - CUT_ROOM};

    format_line(&line, level, message, pairs, count, left_out);
    if (sink.writer) {
        log_writer_put(sink.writer, bytes, line.used);
        return;
    }
    if ((sink.torn && write_whole("\n", 1)) || write_whole(bytes, line.used)) {
        sink.lost++;
        sink.ever_lost++;
    }
}

/* The same under the lock: what was lost in between is said first. */
static void locked_line(enum log_level level, const char *message, const struct log_pair *pairs,
                        size_t count, uint64_t left_out)
{
    uint64_t lost = sink.lost;

    if (!sink.known)
        know_sink();
    if (lost > 0 && !sink.writer) {
        const char *number = log_number((int64_t)lost);
        struct log_pair pair = {.key = "lost_lines", .value = number, .length = strlen(number)};

        write_line(LOG_WARN, "lines of this log were lost", &pair, 1, 0);
        if (sink.lost == lost) /* that one is out */
            sink.lost = 0;
    }
    write_line(level, message, pairs, count, left_out);
}

static void settle(bool all)
{
    enum log_level level = LOG_OFF;
    uint64_t left_out = 0;
    const char *message;

    while ((message = log_flood_settle(clock_ms(), all, &level, &left_out)))
        locked_line(level, message, NULL, 0, left_out);
}

void log_settle(void)
{
    pthread_mutex_lock(&sink.lock);
    settle(false);
    pthread_mutex_unlock(&sink.lock);
}

/* What tells floods of one message apart. */
static const char *error_of(const struct log_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i].key, "error") == 0 || strcmp(pairs[i].key, "reason") == 0)
            return pairs[i].value;
    return NULL;
}

void log_pairs(enum log_level level, const char *message, const struct log_pair *pairs,
               size_t count, bool bounded)
{
    uint64_t left_out = 0;

    if (!log_wants(level))
        return;
    pthread_mutex_lock(&sink.lock);
    if (!bounded || level == LOG_DEBUG ||
        log_flood_admits(level, message, error_of(pairs, count), clock_ms(), &left_out)) {
        settle(false);
        locked_line(level, message, pairs, count, left_out);
    } else {
        sink.ever_left_out++;
    }
    pthread_mutex_unlock(&sink.lock);
}

void log_counts(uint64_t *left_out, uint64_t *lost)
{
    pthread_mutex_lock(&sink.lock);
    *left_out = sink.ever_left_out;
    *lost = sink.ever_lost + (sink.writer ? log_writer_lost(sink.writer) : 0);
    pthread_mutex_unlock(&sink.lock);
}

void log_line(enum log_level level, const char *message, ...)
{
    struct log_pair pairs[PAIRS_MAX];
    size_t count = 0;
    const char *key;
    va_list list;

    if (!log_wants(level))
        return;
    va_start(list, message);
    while ((key = va_arg(list, const char *)) && count < PAIRS_MAX) {
        const char *value = va_arg(list, const char *);

        if (value)
            pairs[count++] = (struct log_pair){.key = key, .value = value, .length = strlen(value)};
    }
    va_end(list);
    log_pairs(level, message, pairs, count, true);
}

/* --- Where to. */

void log_to(int fd)
{
    int own = fd == STDERR_FILENO ? fd : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int former = -1;

    if (own < 0)
        return; /* out of descriptors: the former one is better than none */
    pthread_mutex_lock(&sink.lock);
    if (sink.fd != STDERR_FILENO)
        former = sink.fd;
    sink.fd = own;
    know_sink();
    if (sink.writer) {
        int given = fcntl(own, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

        if (given >= 0)
            log_writer_reopen(sink.writer, given);
    }
    pthread_mutex_unlock(&sink.lock);
    if (former >= 0)
        close(former);
}

/* Are they the same file? */
static bool is_stderr(int fd)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && fstat(STDERR_FILENO, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* On the writer's thread. While the log itself cannot be written, standard error may be better off. */
static void on_news(void *owner, const struct log_writer_news *news)
{
    char text[200];
    bool same;

    (void)owner;
    if (news->over) {
        log_line(LOG_WARN, "the log is written again", "lost_lines",
                 log_number((int64_t)news->lost_lines), "lost_bytes",
                 log_number((int64_t)news->lost_bytes), NULL);
        return;
    }
    pthread_mutex_lock(&sink.lock);
    same = is_stderr(sink.fd);
    pthread_mutex_unlock(&sink.lock);
    if (same)
        return;
    snprintf(text, sizeof(text), "perigee: the log cannot be written: %s\n",
             news->sys_errno ? errno_name(news->sys_errno) : "too slow");
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return; /* nobody is left to tell */
}

enum err log_background_start(void)
{
    struct log_writer *writer = NULL;
    int fd = fcntl(sink.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    enum err err;

    if (fd < 0)
        return ERR_IO;
    err = log_writer_new(fd, on_news, NULL, &writer);
    if (err)
        return err;
    pthread_mutex_lock(&sink.lock);
    sink.writer = writer;
    pthread_mutex_unlock(&sink.lock);
    return OK;
}

void log_background_stop(unsigned patience_ms)
{
    struct log_writer *writer;

    pthread_mutex_lock(&sink.lock);
    settle(true);
    writer = sink.writer;
    sink.writer = NULL;
    if (writer)
        sink.ever_lost += log_writer_lost(writer);
    pthread_mutex_unlock(&sink.lock);
    log_writer_free(&writer,
                    patience_ms); /* not under the lock: its thread may have something to say */
}

void log_flush(unsigned patience_ms)
{
    struct log_writer *writer;

    pthread_mutex_lock(&sink.lock);
    settle(true);
    writer = sink.writer;
    pthread_mutex_unlock(&sink.lock);
    if (writer)
        log_writer_flush(writer, patience_ms);
}
