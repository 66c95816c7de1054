/* log_flood: which lines of a flood are written. Not thread-safe: the log has a lock around it. */
#ifndef BASE_LOG_FLOOD_H
#define BASE_LOG_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

/* May a line be written? error: what tells lines of the same message apart, or NULL. *left_out: how many of its kind
 * were not, since the last one that was. */
bool log_flood_admits(enum log_level level, const char *message, const char *error, uint64_t now_ms,
                      uint64_t *left_out);

/* The next message of which lines were left out and that was not heard for a second (all: or was); NULL: none. */
const char *log_flood_settle(uint64_t now_ms, bool all, enum log_level *level, uint64_t *left_out);

/* Forgets everything (tests). */
void log_flood_reset(void);

#endif
