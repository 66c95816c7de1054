/* log: structured lines for the person who runs the server, on standard error.
 *
 *   log_line(LOG_WARN, "accept paused", "reason", "EMFILE", "backoff_ms", "100", NULL);
 *   time=2026-01-31T12:34:56.789Z level=warn msg="accept paused" reason=EMFILE backoff_ms=100
 *
 * One line is one write(2), so lines of several processes never mix. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_OFF = -1 };
enum log_format { LOG_LOGFMT, LOG_JSON };

void log_setup(enum log_level level, enum log_format format);

/* Is a line of this level written at all? Ask before costly preparation. */
bool log_wants(enum log_level level);

/* "error", "warn", "info", "debug" to a level; false when the text is none of them. */
bool log_level_from_text(const char *text, enum log_level *out);
bool log_format_from_text(const char *text, enum log_format *out); /* "logfmt", "json" */

/* message, then pairs of key and text value, then NULL. A NULL value leaves its pair out.
 * A line over 8 KiB is cut and says so (cut=true). */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

/* A number as text for log_line(), in one of eight rotating static buffers. */
const char *log_number(int64_t n);

#endif
