/* clock: monotonic time for deadlines, wall time for people and for the Date header. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t read_clock(clockid_t id, uint64_t per_second)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * per_second + (uint64_t)now.tv_nsec / (1000000000u / per_second);
}

uint64_t clock_ms(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000);
}

uint64_t clock_ticks_ms(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE, 1000);
}

uint64_t clock_us(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000000);
}

static time_t date_second = -1;

int64_t clock_http_date_second(void)
{
    return date_second;
}

const char *clock_http_date(void)
{
    /* Not strftime: the names are English in every locale. */
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static char text[64];
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec == date_second)
        return text;
    gmtime_r(&now.tv_sec, &tm);
    snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
             tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    date_second = now.tv_sec;
    return text;
}

char *clock_iso8601(char *out, size_t cap)
{
    struct timespec now;
    struct tm tm;
    size_t used;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    used = strftime(out, cap, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + used, cap - used, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000);
    return out;
}
