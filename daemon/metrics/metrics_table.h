/* metrics_table: names and meaning of the fields of struct metrics, for those who add them up or print them. */
#ifndef METRICS_METRICS_TABLE_H
#define METRICS_METRICS_TABLE_H

#include "metrics/metrics.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
    const char *name, *help;
    enum metric_type type;
    size_t word, words;        /* where it is in the set, in units of uint64_t */
    const char *const *labels; /* `words` of them, as the text between braces; NULL: none */
    const uint32_t *bounds;    /* of a histogram */
    int statuses;              /* 1: by status; only those that are not 0 are worth a line */
};

extern const struct metric metric_table[];
extern const size_t metric_table_count;

/* enum metrics_limit as text. */
extern const char *const metrics_limit_names[LIMITS_COUNT];

static inline const uint64_t *metrics_words(const struct metrics *set)
{
    return (const uint64_t *)(const void *)set;
}

#endif
