/* region_prometheus: the region in Prometheus's text format 0.0.4. Every family is there with HELP and TYPE, also when
 * nothing of it happened yet, but statuses that were never sent have no line. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "metrics/metrics_table.h"
#include "metrics/region_internal.h"
#include "perigee_build.h"

static void family(struct text *text, const char *name, const char *type, const char *help)
{
    text_add(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void number(struct text *text, const char *name, const char *labels, uint64_t value)
{
    if (labels)
        text_add(text, "%s{%s} %" PRIu64 "\n", name, labels, value);
    else
        text_add(text, "%s %" PRIu64 "\n", name, value);
}

/* ms as seconds. */
static void seconds(struct text *text, uint64_t ms)
{
    text_add(text, "%" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));
}

static void add_histogram(struct text *text, const struct metric *metric, const uint64_t *words)
{
    const struct histogram *histogram = (const struct histogram *)(const void *)words;
    uint64_t count = 0;
    unsigned i = 0;

    for (; metric->bounds[i] != UINT32_MAX; i++) {
        count += histogram->counts[i];
        text_add(text, "%s_bucket{le=\"", metric->name);
        text_add(text, "%g", metric->bounds[i] / 1000.0);
        text_add(text, "\"} %" PRIu64 "\n", count);
    }
    count += histogram->counts[i];
    text_add(text, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", metric->name, count, metric->name);
    seconds(text, histogram->sum_ms);
    text_add(text, "\n%s_count %" PRIu64 "\n", metric->name, count);
}

static void add_metric(struct text *text, const struct metric *metric, const struct metrics *sum)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const uint64_t *words = metrics_words(sum) + metric->word;
    char label[32];

    family(text, metric->name, types[metric->type], metric->help);
    if (metric->type == METRIC_HISTOGRAM) {
        add_histogram(text, metric, words);
        return;
    }
    for (size_t i = 0; i < metric->words; i++) {
        if (!metric->statuses) {
            number(text, metric->name, metric->labels ? metric->labels[i] : NULL, words[i]);
        } else if (words[i]) {
            snprintf(label, sizeof(label), "code=\"%zu\"", METRICS_STATUS_FIRST + i);
            number(text, metric->name, label, words[i]);
        }
    }
}

static void add_state(struct text *text, struct service_state *state)
{
    family(text, "perigee_build_info", "gauge", "Always 1; the label says what runs.");
    number(text, "perigee_build_info", "version=\"" PERIGEE_VERSION "\"", 1);
    family(text, "perigee_start_time_seconds", "gauge",
           "When the service was started, in seconds since 1970.");
    number(text, "perigee_start_time_seconds", NULL, atomic_load(&state->started_s));
    family(text, "perigee_generation", "gauge",
           "Generation of the newest workers: how often they were started together.");
    number(text, "perigee_generation", NULL, atomic_load(&state->generation));
    family(text, "perigee_draining", "gauge", "1 while the service drains before its end.");
    number(text, "perigee_draining", NULL, atomic_load(&state->draining));
    family(text, "perigee_worker_restarts_total", "counter",
           "Workers started in place of one that ended unasked.");
    number(text, "perigee_worker_restarts_total", NULL, atomic_load(&state->restarts));
    family(text, "perigee_reloads_total", "counter", "Reloads asked for, by what became of them.");
    number(text, "perigee_reloads_total", "result=\"done\"", atomic_load(&state->reloads));
    number(text, "perigee_reloads_total", "result=\"failed\"", atomic_load(&state->reloads_failed));
    family(text, "perigee_upgrades_total", "counter",
           "Changes of the binary asked for, by what became of them.");
    number(text, "perigee_upgrades_total", "result=\"done\"", atomic_load(&state->upgrades));
    number(text, "perigee_upgrades_total", "result=\"failed\"",
           atomic_load(&state->upgrades_failed));
}

/* --- by worker: the processes of one slot together, an old one that drains with its successor */

static unsigned slot_end(const struct region_view *view, unsigned from)
{
    unsigned end = from;

    while (end < view->count && view->process[end].slot == view->process[from].slot)
        end++;
    return end;
}

#define BY_WORKER(text, view, name, help, field)                                                    \
    do {                                                                                            \
        family(text, name, "gauge", help);                                                          \
        for (unsigned at = 0, end; at < (view)->count; at = end) {                                  \
            uint64_t sum = 0;                                                                       \
                                                                                                    \
            end = slot_end(view, at);                                                               \
            for (unsigned i = at; i < end; i++)                                                     \
                sum += (view)->process[i].field;                                                    \
            text_add(text, "%s{worker=\"%u\"} %" PRIu64 "\n", name, (view)->process[at].slot, sum); \
        }                                                                                           \
    } while (0)

/* The newest of a slot is the one whose loop matters. */
static void add_beats(struct text *text, const struct region_view *view)
{
    uint64_t now = clock_ms();

    family(text, "perigee_worker_beat_age_seconds", "gauge",
           "How long ago the worker's loop gave its last sign of life.");
    for (unsigned at = 0, end; at < view->count; at = end) {
        const struct process_view *process;

        end = slot_end(view, at);
        process = &view->process[end - 1];
        if (!process->beat_ms)
            continue;
        text_add(text, "perigee_worker_beat_age_seconds{worker=\"%u\"} ", process->slot);
        seconds(text, now > process->beat_ms ? now - process->beat_ms : 0);
        text_add(text, "\n");
    }
}

static void add_workers(struct text *text, const struct region_view *view)
{
    uint64_t starting = 0, ready = 0, draining = 0;

    for (unsigned i = 0; i < view->count; i++) {
        if (view->process[i].flags & PROCESS_DRAINING)
            draining++;
        else if (view->process[i].flags & PROCESS_READY)
            ready++;
        else
            starting++;
    }
    family(text, "perigee_workers", "gauge", "Worker processes, by state.");
    number(text, "perigee_workers", "state=\"starting\"", starting);
    number(text, "perigee_workers", "state=\"ready\"", ready);
    number(text, "perigee_workers", "state=\"draining\"", draining);
    BY_WORKER(text, view, "perigee_worker_sessions", "Connections to clients open now.", sessions);
    BY_WORKER(text, view, "perigee_worker_streams", "Streams of clients open now.", streams);
    BY_WORKER(text, view, "perigee_worker_lua_memory_bytes", "Memory that the worker's Lua has.",
              lua_bytes);
    add_beats(text, view);
}

size_t region_prometheus(struct region *region, char *out, size_t cap)
{
    struct text text = {.out = out, .cap = cap};
    struct region_view view;

    region_look(region, &view);
    add_state(&text, region_state(region));
    add_workers(&text, &view);
    for (size_t i = 0; i < metric_table_count; i++)
        add_metric(&text, &metric_table[i], &view.sum);
    return text.used;
}
