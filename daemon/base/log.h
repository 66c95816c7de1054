/* log: structured lines for the person who runs the server, on standard error or in a file.
 *
 *   log_line(LOG_WARN, "accept paused", "reason", "EMFILE", "backoff_ms", "100", NULL);
 *   time=2026-01-31T12:34:56.789Z level=warn msg="accept paused" reason=EMFILE backoff_ms=100
 *
 * One line is one write(2), so lines of several processes never mix. On the journal of systemd ($JOURNAL_STREAM) a
 * line begins with its priority ("<4>") and has no time: the journal has both. Any thread may log; what sets things
 * up belongs to the first one. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_OFF = -1 };
enum log_format { LOG_LOGFMT, LOG_JSON };

void log_setup(enum log_level level, enum log_format format);

/* A line for which a pipe or socket has no room is lost, and counted, after a short wait: for who must not stand still. */
void log_never_wait(void);

/* Adds "key=value" behind the message of each line from now on ("worker", "2"); at most four. value NULL takes it
 * away, another one replaces it. Copied. */
void log_identify(const char *key, const char *value);

/* Opens a log for appending, made with mode 0640 when it is not there; close-on-exec. A superuser does not follow a
 * symbolic link that somebody else made. Not even a FIFO without a reader makes it wait.
 * Own: caller.  Err: ERR_IO with a sentence that names the path. */
enum err log_file_open(const char *path, int *fd, struct failure *failure);

/* Lines go to a duplicate of fd from now on, those that still wait included. */
void log_to(int fd);

/* Hands lines to a log_writer from now on, so that nobody who logs ever waits. Own threads are needed for that:
 * after the last fork().  Err: ERR_NOMEM, ERR_IO: lines are written as before. */
enum err log_background_start(void);

/* The contrary: waits at most patience_ms for what is under way; lines are then written by who logs. */
void log_background_stop(unsigned patience_ms);

/* Says what was left out and waits at most patience_ms until all is written: before an _exit() or abort(). */
void log_flush(unsigned patience_ms);

/* Is a line of this level written at all? Ask before costly preparation. */
bool log_wants(enum log_level level);

/* "error", "warn", "info", "debug" to a level; false when the text is none of them. */
bool log_level_from_text(const char *text, enum log_level *out);
bool log_format_from_text(const char *text, enum log_format *out); /* "logfmt", "json" */

/* message, then pairs of key and text value, then NULL; at most 16 pairs. A NULL value leaves its pair out.
 * A line over 8 KiB (a pipe or socket: over PIPE_BUF) is cut and says so (cut=true).
 *
 * Floods: of lines with the same message and error ten are written at once, then one a second; of lines with the
 * same message a hundred, then ten a second. The next one that is written says how many were left out
 * (left_out=123). Debug lines are not counted. */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

struct log_pair {
    const char *key, *value; /* value NULL: left out */
    size_t length;           /* of the value */
};

/* The same with a list of pairs. bounded: floods are cut short as above; a script's own lines are not. */
void log_pairs(enum log_level level, const char *message, const struct log_pair *pairs,
               size_t count, bool bounded);

/* Says what was left out of floods that are over. Cheap; to be called about once a second. */
void log_settle(void);

/* Lines of this process until now: left out of floods, and lost because they could not be written. */
void log_counts(uint64_t *left_out, uint64_t *lost);

/* A number as text for log_line(), in one of eight rotating buffers of the thread. */
const char *log_number(int64_t n);

#endif
