/* metrics: the set that counts. */
#include "metrics/metrics.h"

#include <string.h>

static struct metrics own;
struct metrics *metrics = &own;

/* The clock behind the handlers' ticks in 4 ms on most systems, the others' in one. */
const uint32_t metrics_latency_bounds[] = {1,   2,    5,    10,   20,    50,    100,   200,
                                           500, 1000, 2000, 5000, 10000, 30000, 60000, UINT32_MAX};
const uint32_t metrics_turn_bounds[] = {2,   5,    10,   20,   50,    100,       200,
                                        500, 1000, 2000, 5000, 10000, UINT32_MAX};
const uint32_t metrics_handler_bounds[] = {5,   10,   20,   50,   100,   200,
                                           500, 1000, 2000, 5000, 10000, UINT32_MAX};

_Static_assert(sizeof(metrics_latency_bounds) / sizeof(uint32_t) <= HISTOGRAM_BUCKETS,
               "every bound has its bucket");
_Static_assert(sizeof(struct metrics) % sizeof(uint64_t) == 0, "a set is words and nothing else");

void metrics_use(struct metrics *set)
{
    if (!set)
        set = &own;
    if (set == metrics)
        return;
    memcpy(set, metrics, sizeof(*set));
    metrics = set;
}
