/* log_writer: a thread that writes whole lines to one descriptor, so that who logs never waits for a slow disk
 * or a reader that is stuck. Lines leave in the order they were put. A pipe or socket gets at most PIPE_BUF
 * bytes with one write, so that the lines of several processes do not mix; a file should be open with O_APPEND.
 *
 * What cannot be written is kept: up to LOG_WRITER_KEEP while the descriptor refuses it (ENOSPC, EIO, EPIPE …; it
 * is tried again once a second), up to LOG_WRITER_LATE while it merely takes its time. Lines beyond that are
 * dropped and counted. put, wake, flush and reopen may be called from any thread. */
#ifndef BASE_LOG_WRITER_H
#define BASE_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define LOG_WRITER_KEEP ((size_t)1 << 20) /* bytes */
#define LOG_WRITER_LATE ((size_t)4 << 20)

struct log_writer;

/* What the owner is told, once for each time of trouble: when it begins, and when all that waited is out again
 * or the writer is freed. */
struct log_writer_news {
    bool over;
    int sys_errno;                   /* 0: nothing failed, it is too slow */
    uint64_t lost_lines, lost_bytes; /* over: dropped meanwhile */
};

/* Starts the thread. fd is taken over, also on error. on_news (or NULL) is called on the writer's thread, without
 * a lock; it may log elsewhere, and even put a line here.
 * Own: caller, until log_writer_free().  Err: ERR_NOMEM, ERR_IO. */
enum err log_writer_new(int fd, void (*on_news)(void *owner, const struct log_writer_news *news),
                        void *owner, struct log_writer **out);

/* Takes a copy of one whole line, its '\n' with it; never waits. false: it was dropped. */
bool log_writer_put(struct log_writer *writer, const char *line, size_t length);

/* The longest line that leaves in one piece: PIPE_BUF for pipes and sockets, else far more. Bytes. */
size_t log_writer_line_max(struct log_writer *writer);

/* From the next line on, and for all that still waits, fd (taken over) is where lines go. */
void log_writer_reopen(struct log_writer *writer, int fd);

/* Waits until all that was put before is written, at most patience_ms. Is it? */
bool log_writer_flush(struct log_writer *writer, unsigned patience_ms);

/* Lines dropped until now, ever. Any thread. */
uint64_t log_writer_lost(struct log_writer *writer);

/* Writes what waits, for at most patience_ms, ends the thread, closes the descriptor, sets NULL. NULL is fine.
 * What is still there then is lost, and counted in the last news. */
void log_writer_free(struct log_writer **writer, unsigned patience_ms);

#endif
