/* metrics: what a process counts. One list, METRICS_LIST, makes the fields of the set, the table of the export and
 * what docs/metrics.md is compared with. A set has one writer, the loop's thread of its process; others read it
 * while it is written, so each value is one aligned word. Counting is `metrics->field++` and no more. */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <stddef.h>
#include <stdint.h>

enum metrics_role { METRICS_SERVER, METRICS_CLIENT, METRICS_ROLES };

/* Ends of sessions and streams, in the order of enum ended_by (session/events.h). */
#define METRICS_OUTCOMES 8

/* TLS handshakes: version (1.2, 1.3) and whether the session was resumed. */
#define METRICS_TLS_KINDS 4

/* Final and informational answers, 100 to 599. */
#define METRICS_STATUS_FIRST 100
#define METRICS_STATUSES 500

/* Limits: what a configuration or an option calls them. */
#define METRICS_LIMITS(X)                                 \
    X(LIMIT_SESSIONS, "sessions")                         \
    X(LIMIT_HANDSHAKE_TIMEOUT, "handshake_timeout")       \
    X(LIMIT_UNKNOWN_PROTOCOL, "unknown_protocol_timeout") \
    X(LIMIT_HEADER_TIMEOUT, "header_timeout")             \
    X(LIMIT_IDLE_TIMEOUT, "idle_timeout")                 \
    X(LIMIT_STREAMS, "streams")                           \
    X(LIMIT_HEADER_LIST_SIZE, "header_list_size")         \
    X(LIMIT_HEADER_PAIRS, "header_pairs")                 \
    X(LIMIT_CONTINUATIONS, "continuations")               \
    X(LIMIT_SESSION_MEMORY, "session_memory")             \
    X(LIMIT_REJECTED_STREAMS, "rejected_streams")         \
    X(LIMIT_RESETS, "resets")                             \
    X(LIMIT_USELESS_FRAMES, "useless_frames")             \
    X(LIMIT_SETTINGS_FRAMES, "settings_frames")           \
    X(LIMIT_PINGS, "pings")                               \
    X(LIMIT_INVALID_FRAMES, "invalid_frames")             \
    X(LIMIT_OUTBOUND_FRAMES, "outbound_frames")           \
    X(LIMIT_STREAM_OUTPUT, "stream_output_max")           \
    X(LIMIT_DRAIN_TIMEOUT, "drain_timeout")               \
    X(LIMIT_START_TIMEOUT, "start_timeout")               \
    X(LIMIT_WATCHDOG_TIMEOUT, "watchdog_timeout")

#define METRICS_LIMIT_ENUM(name, text) name,
enum metrics_limit { METRICS_LIMITS(METRICS_LIMIT_ENUM) LIMITS_COUNT };
#undef METRICS_LIMIT_ENUM

/* Milliseconds by size: counts[i] of those up to bounds[i], the last of all others. */
#define HISTOGRAM_BUCKETS 16
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t sum_ms;
};

/* The bounds of a histogram's buckets, in ms; UINT32_MAX ends them. */
extern const uint32_t metrics_latency_bounds[], metrics_handler_bounds[], metrics_turn_bounds[];

static inline void histogram_add(struct histogram *histogram, const uint32_t *bounds, uint64_t ms)
{
    unsigned i = 0;

    while (ms > bounds[i] && bounds[i] != UINT32_MAX)
        i++;
    histogram->counts[i]++;
    histogram->sum_ms += ms;
}

/* COUNTER, GAUGE(field, name, help); COUNTERS, GAUGES(field, size, labels, name, help) are arrays, `labels` is one of
 * the lists of metrics_table.c; HISTOGRAM(field, bounds, name, help). */
#define METRICS_LIST(COUNTER, COUNTERS, GAUGE, GAUGES, HISTOGRAM)                                 \
    COUNTERS(sessions, METRICS_ROLES, role, "perigee_sessions_total",                             \
             "Connections accepted (server) or begun (client).")                                  \
    GAUGES(sessions_active, METRICS_ROLES, role, "perigee_sessions_active",                       \
           "Connections open now.")                                                               \
    COUNTER(sessions_refused, "perigee_sessions_refused_total",                                   \
            "Connections closed at once: over a limit, or no memory for them.")                   \
    COUNTERS(sessions_ended, METRICS_ROLES *METRICS_OUTCOMES, role_outcome,                       \
             "perigee_sessions_closed_total", "Connections that ended, by role and cause.")       \
    COUNTERS(streams, METRICS_ROLES, role, "perigee_streams_total",                               \
             "Streams opened: requests and pushes, served (server) or asked for (client).")       \
    GAUGES(streams_active, METRICS_ROLES, role, "perigee_streams_active", "Streams open now.")    \
    COUNTERS(streams_closed, METRICS_ROLES *METRICS_OUTCOMES, role_outcome,                       \
             "perigee_streams_closed_total", "Streams that ended, by role and cause.")            \
    COUNTERS(responses, METRICS_STATUSES, code, "perigee_responses_total",                        \
             "Header blocks sent in answer to requests, by status; 1xx come before a final one.") \
    HISTOGRAM(latency, metrics_latency_bounds, "perigee_stream_duration_seconds",                 \
              "Served streams, from the request's header block to the end, whole milliseconds.")  \
    HISTOGRAM(handler, metrics_handler_bounds, "perigee_handler_duration_seconds",                \
              "Runs of script code for a stream, until it gives way; by a clock of 4 ms.")        \
    HISTOGRAM(turn, metrics_turn_bounds, "perigee_loop_lag_seconds",                              \
              "Turns of the loop, what an event may have to wait for, whole milliseconds.")       \
    COUNTERS(bytes_in, METRICS_ROLES, role, "perigee_received_bytes_total",                       \
             "Bytes of HTTP/2 received, TLS and TCP aside.")                                      \
    COUNTERS(bytes_out, METRICS_ROLES, role, "perigee_sent_bytes_total",                          \
             "Bytes of HTTP/2 sent, TLS and TCP aside.")                                          \
    COUNTERS(body_in, METRICS_ROLES, role, "perigee_received_body_bytes_total",                   \
             "Bytes of bodies received.")                                                         \
    COUNTERS(body_out, METRICS_ROLES, role, "perigee_sent_body_bytes_total",                      \
             "Bytes of bodies written by scripts.")                                               \
    COUNTERS(tls_handshakes, METRICS_ROLES *METRICS_TLS_KINDS, role_tls,                          \
             "perigee_tls_handshakes_total", "TLS handshakes done.")                              \
    COUNTERS(tls_failed, METRICS_ROLES, role, "perigee_tls_handshakes_failed_total",              \
             "TLS handshakes that failed, or were given up before the end.")                      \
    COUNTERS(limits, LIMITS_COUNT, limit, "perigee_limit_hits_total",                             \
             "Times that a limit cut something off, by the limit's name.")                        \
    COUNTER(script_errors, "perigee_script_errors_total",                                         \
            "Errors that handlers, callbacks and listeners did not catch.")                       \
    GAUGE(lua_bytes, "perigee_lua_memory_bytes", "Memory that Lua has.")                          \
    GAUGE(servers, "perigee_servers_active", "Servers made by scripts.")                          \
    GAUGE(chunks, "perigee_chunks_active", "Pieces of bodies that wait to leave.")                \
    COUNTER(log_left_out, "perigee_log_lines_left_out_total",                                     \
            "Log lines not written because too many of a kind came.")                             \
    COUNTER(log_lost, "perigee_log_lines_lost_total",                                             \
            "Lines of both logs lost because they could not be written.")

struct metrics {
#define METRICS_ONE(field, name, help) uint64_t field;
#define METRICS_MANY(field, size, labels, name, help) uint64_t field[size];
#define METRICS_HISTOGRAM(field, bounds, name, help) struct histogram field;
    METRICS_LIST(METRICS_ONE, METRICS_MANY, METRICS_ONE, METRICS_MANY, METRICS_HISTOGRAM)
#undef METRICS_ONE
#undef METRICS_MANY
#undef METRICS_HISTOGRAM
};

/* Where this process counts: a set of its own at first. Never NULL. */
extern struct metrics *metrics;

/* Counts in `set` from now on, which gets what was counted so far. NULL: in the process's own again. */
void metrics_use(struct metrics *set);

static inline void metrics_hit(enum metrics_limit limit)
{
    metrics->limits[limit]++;
}

static inline void metrics_response(uint32_t status)
{
    if (status - METRICS_STATUS_FIRST < METRICS_STATUSES)
        metrics->responses[status - METRICS_STATUS_FIRST]++;
}

#endif
