/* metrics_table: METRICS_LIST as data. */
#include "metrics/metrics_table.h"

#define WORD(field) (offsetof(struct metrics, field) / sizeof(uint64_t))

static const char *const labels_role[METRICS_ROLES] = {"role=\"server\"", "role=\"client\""};

#define OUTCOMES(role)                                                                    \
    "role=\"" role "\",outcome=\"completed\"", "role=\"" role "\",outcome=\"peer\"",      \
        "role=\"" role "\",outcome=\"handler\"", "role=\"" role "\",outcome=\"session\"", \
        "role=\"" role "\",outcome=\"timeout\"", "role=\"" role "\",outcome=\"limit\"",   \
        "role=\"" role "\",outcome=\"shutdown\"", "role=\"" role "\",outcome=\"protocol\""

static const char *const labels_role_outcome[METRICS_ROLES * METRICS_OUTCOMES] = {
    OUTCOMES("server"), OUTCOMES("client")};

#define HANDSHAKES(role)                                     \
    "role=\"" role "\",version=\"1.2\",resumed=\"no\"",      \
        "role=\"" role "\",version=\"1.2\",resumed=\"yes\"", \
        "role=\"" role "\",version=\"1.3\",resumed=\"no\"",  \
        "role=\"" role "\",version=\"1.3\",resumed=\"yes\""

static const char *const labels_role_tls[METRICS_ROLES * METRICS_TLS_KINDS] = {
    HANDSHAKES("server"), HANDSHAKES("client")};

#define LIMIT_LABEL(name, text) "limit=\"" text "\"",
static const char *const labels_limit[LIMITS_COUNT] = {METRICS_LIMITS(LIMIT_LABEL)};

#define LIMIT_NAME(name, text) text,
const char *const metrics_limit_names[LIMITS_COUNT] = {METRICS_LIMITS(LIMIT_NAME)};

#define labels_code NULL
#define is_code_role 0
#define is_code_role_outcome 0
#define is_code_role_tls 0
#define is_code_limit 0
#define is_code_code 1

#define COUNTER(field, name, help) {name, help, METRIC_COUNTER, WORD(field), 1, NULL, NULL, 0},
#define COUNTERS(field, size, labels, name, help) \
    {name, help, METRIC_COUNTER, WORD(field), size, labels_##labels, NULL, is_code_##labels},
#define GAUGE(field, name, help) {name, help, METRIC_GAUGE, WORD(field), 1, NULL, NULL, 0},
#define GAUGES(field, size, labels, name, help) \
    {name, help, METRIC_GAUGE, WORD(field), size, labels_##labels, NULL, 0},
#define HISTOGRAM(field, bounds, name, help)                                                         \
    {name,   help, METRIC_HISTOGRAM, WORD(field), sizeof(struct histogram) / sizeof(uint64_t), NULL, \
     bounds, 0},

const struct metric metric_table[] = {METRICS_LIST(COUNTER, COUNTERS, GAUGE, GAUGES, HISTOGRAM)};
const size_t metric_table_count = sizeof(metric_table) / sizeof(metric_table[0]);
