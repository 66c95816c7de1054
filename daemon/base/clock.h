/* clock: the time, in the units that the rest uses. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_ms(void);       /* monotonic milliseconds, exact */
uint64_t clock_ticks_ms(void); /* monotonic, cheap, up to 4 ms behind: for budgets, not for measuring */
uint64_t clock_us(void);       /* monotonic microseconds */

/* The IMF-fixdate of now ("Sun, 06 Nov 1994 08:49:37 GMT", RFC 9110 5.6.7), 29 bytes and a NUL.
 * Static memory that is rewritten at most once a second. */
const char *clock_http_date(void);

/* The second that the last clock_http_date() spoke of, since 1970; -1 before the first. */
int64_t clock_http_date_second(void);

/* UTC now as "2026-01-31T12:34:56.789Z" into out; returns out. cap is at least 25. */
char *clock_iso8601(char *out, size_t cap);

#endif
