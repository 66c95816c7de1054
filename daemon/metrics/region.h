/* region: the counters of all processes of a service, in one memory that master and workers share: a page for each
 * worker process, the sum of those that are no more, and the service's state. A page has one writer, its worker; the
 * rest is the master's. Any of them may read at any time. It lives in a memfd that cannot change its size, so it
 * outlives the master's execve(). Workers can write to all of it; the master takes nothing from there but numbers to
 * show and signs of life. */
#ifndef METRICS_REGION_H
#define METRICS_REGION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "metrics/metrics.h"

#define REGION_PAGES 256

struct region;

/* Whose code runs in a worker and since when (clock_ticks_ms()); 0, 0: no stream's. Not exact to a reader: the two
 * halves may be of two runs. */
struct script_now {
    uint32_t slot, generation;
    double started_ms;
};

enum process_flags {
    PROCESS_READY = 1,    /* its servers listen */
    PROCESS_DRAINING = 2, /* it accepts no more */
};

struct process_page {
    _Atomic uint64_t beat_ms; /* clock_ms() of the loop's last beat; 0: none yet */
    _Atomic uint32_t flags;   /* enum process_flags; the worker's */
    pid_t pid;                /* the master's, as the next three */
    uint32_t slot, generation;
    uint64_t started_ms; /* clock_ms() */
    struct script_now now;
    struct metrics metrics;
};

/* What the master tells about the service. Zero at first. */
struct service_state {
    _Atomic uint32_t draining; /* 1: the service is about to end */
    _Atomic uint32_t slots;
    _Atomic uint32_t generation;
    _Atomic uint64_t started_ms; /* clock_ms() of the service's start, upgrades do not change it */
    _Atomic uint64_t started_s;  /* the same since 1970 */
    _Atomic uint64_t restarts;   /* workers started in place of one that ended unasked */
    _Atomic uint64_t reloads, reloads_failed;
    _Atomic uint64_t upgrades, upgrades_failed;
    _Atomic uint64_t watchdog_kills, start_timeouts; /* counted as hits of the limits' names */
};

/* The master makes it. *fd: the caller's to hand on and to close; the region does not need it.
 * Err: ERR_NOMEM, ERR_IO (errno). */
enum err region_create(struct region **out, int *fd);

/* A worker, or the master after an upgrade. fd stays the caller's.
 * Err: ERR_STATE (another build's layout, or no region at all), ERR_NOMEM, ERR_IO. */
enum err region_attach(int fd, struct region **out);

/* The master after an upgrade: this page is taken, by a worker that it adopts. */
void region_keep(struct region *region, int page);

/* And behind them all: what only seems to be taken is given up. */
void region_drop_unkept(struct region *region);

/* Unmaps it; what the others see stays. NULL is fine. */
void region_free(struct region **region);

/* Master: a page for a process that is about to be, zeroed. Returns its index, -1 when all are taken. */
int region_take(struct region *region, pid_t pid, uint32_t slot, uint32_t generation);

/* Master: the process of that page is no more. Its counters go into the sum of the retired, and no reader sees them
 * twice or not at all. */
void region_retire(struct region *region, int page);

/* NULL when there is no such page. It need not be taken. */
struct process_page *region_page(struct region *region, int page);
struct service_state *region_state(struct region *region);

/* Counters of all processes that are and were, gauges of those that are. */
void region_sum(struct region *region, struct metrics *sum);

/* A worker is ready and the service does not drain. */
bool region_is_ready(struct region *region);

/* Write text to out, cut at cap and with a NUL (cap > 0). Return the length of all of it: when that is >= cap, ask
 * again with more. region_status(): a table for people, or one JSON object; region_prometheus(): text format 0.0.4. */
size_t region_status(struct region *region, bool json, char *out, size_t cap);
size_t region_prometheus(struct region *region, char *out, size_t cap);

#endif
