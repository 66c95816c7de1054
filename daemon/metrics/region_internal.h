/* region_internal: the memory, and a text in the making, for those who print it. */
#ifndef METRICS_REGION_INTERNAL_H
#define METRICS_REGION_INTERNAL_H

#include "metrics/region.h"

struct region_memory {
    uint64_t magic;
    uint32_t layout, page_bytes, metrics_bytes, pages;
    _Atomic uint32_t fold; /* odd while a page is taken, or its counters move: a reader begins again */
    struct service_state state;
    struct metrics retired;
    _Atomic uint8_t
        taken[REGION_PAGES]; /* 1: there is such a process. Apart, so that nobody touches unused pages */
    struct process_page page[REGION_PAGES];
};

/* Workers write to the memory too, and a worker may be in a stranger's hands: what the master decides by is its own. */
struct region {
    struct region_memory *memory;
    bool taken[REGION_PAGES]; /* the master's; the memory's is for readers */
};

/* A worker as a reader saw it; of the counters only what a line shows. */
struct process_view {
    pid_t pid;
    uint32_t slot, generation, flags;
    uint64_t started_ms, beat_ms;
    uint64_t sessions, streams, requests, lua_bytes;
};

struct region_view {
    struct metrics sum;
    unsigned count;
    struct process_view process[REGION_PAGES]; /* by slot, the older generation first */
};

/* All of one moment, as far as folding goes. */
void region_look(struct region *region, struct region_view *view);

/* Text that may be longer than its place. */
struct text {
    char *out;
    size_t cap, used; /* used: as if there were room */
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
