/* access_log: one line for each stream of a server, at its end; also for one that was pushed, reset, refused, or whose
 * request was malformed (then most of the line is "-"). One log per process, and off at first: then it costs a branch a
 * stream. Lines are written by a thread (base/log_writer.h); what goes wrong with that is said in the daemon's log. */
#ifndef SESSION_ACCESS_LOG_H
#define SESSION_ACCESS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "session/access_line.h"

struct session;
struct stream;

/* Is there one? Read it, never set it. */
extern bool access_log_is_on;

/* Lines go to fd, which is taken over, also on error. Before there are streams.  Err: ERR_NOMEM, ERR_IO. */
enum err access_log_open(int fd, enum access_format format);

/* From now on fd (taken over) is where lines go, also those that wait. Any thread; nothing when the log is off. */
void access_log_reopen(int fd);

/* Turns it off; waits at most two seconds until all is written. Twice is fine. */
void access_log_close(void);

/* The same without turning it off, before an _exit(). */
void access_log_flush(unsigned patience_ms);

/* Brings what both logs left out or lost into the metrics. The loop's thread, about once a second. */
void access_log_count(void);

/* For streams and sessions: a stream closes. Its transport is still there. */
void access_log_stream(const struct stream *stream, uint32_t code, enum ended_by by,
                       const char *reason);

/* A request never became a stream: it was malformed, or over a limit. */
void access_log_refused(struct session *session, uint32_t id, uint32_t code, const char *reason);

#endif
