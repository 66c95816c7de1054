/* live: how many of each thing exist now. A test asks for zero at the end; `perigee status` shows them. */
#ifndef METRICS_LIVE_H
#define METRICS_LIVE_H

#include <stdint.h>

struct live {
    int64_t sessions, streams, chunks, servers;
};

/* One set per process. */
extern struct live live;

#endif
