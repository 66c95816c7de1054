/* region_status: what `perigee status` prints, for people as a process table, for machines as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "metrics/metrics_table.h"
#include "metrics/region_internal.h"
#include "perigee_build.h"

static const char *state_of(const struct process_view *process)
{
    if (process->flags & PROCESS_DRAINING)
        return "draining";
    return process->flags & PROCESS_READY ? "ready" : "starting";
}

/* As /readyz has it. A service whose workers all fail says "starting" too: they are tried again and again. */
static const char *service_state_of(struct service_state *state, const struct region_view *view)
{
    if (atomic_load(&state->draining))
        return "draining";
    for (unsigned i = 0; i < view->count; i++)
        if ((view->process[i].flags & (PROCESS_READY | PROCESS_DRAINING)) == PROCESS_READY)
            return "serving";
    return "starting";
}

static uint64_t age_ms(uint64_t now, uint64_t since_ms)
{
    return since_ms && now > since_ms ? now - since_ms : 0;
}

static double per_second(uint64_t count, uint64_t ms)
{
    return ms ? (double)count * 1000.0 / (double)ms : 0;
}

/* --- for people */

/* "42s", "5m 07s", "3h 05m", "12d 03h". */
static const char *duration(uint64_t ms, char out[24])
{
    uint64_t s = ms / 1000;

    if (s < 60)
        snprintf(out, 24, "%us", (unsigned)s);
    else if (s < 3600)
        snprintf(out, 24, "%um %02us", (unsigned)(s / 60), (unsigned)(s % 60));
    else if (s < 86400)
        snprintf(out, 24, "%uh %02um", (unsigned)(s / 3600), (unsigned)(s % 3600 / 60));
    else
        snprintf(out, 24, "%ud %02uh", (unsigned)(s / 86400), (unsigned)(s % 86400 / 3600));
    return out;
}

static const char *bytes_text(uint64_t bytes, char out[24])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes / 1024;
    unsigned unit = 0;

    if (bytes < 1024) {
        snprintf(out, 24, "%u B", (unsigned)bytes);
        return out;
    }
    for (; value >= 1024 && unit < 4; unit++)
        value /= 1024;
    snprintf(out, 24, "%.1f %s", value, units[unit]);
    return out;
}

static void add_heading(struct text *text, struct service_state *state,
                        const struct region_view *view, uint64_t now)
{
    uint32_t slots = atomic_load(&state->slots);
    uint64_t restarts = atomic_load(&state->restarts), failed = atomic_load(&state->reloads_failed);
    char up[24];

    text_add(text, "Perigee %s: %s, up %s, %u worker%s, generation %u", PERIGEE_VERSION,
             service_state_of(state, view),
             duration(age_ms(now, atomic_load(&state->started_ms)), up), slots,
             slots == 1 ? "" : "s", atomic_load(&state->generation));
    text_add(text, "\nworkers restarted %" PRIu64 ", reloads %" PRIu64, restarts,
             atomic_load(&state->reloads));
    if (failed)
        text_add(text, " (%" PRIu64 " more failed)", failed);
    text_add(text, ", upgrades %" PRIu64 "\n\n", atomic_load(&state->upgrades));
}

static void add_process(struct text *text, const struct process_view *process, uint64_t now)
{
    uint64_t up_ms = age_ms(now, process->started_ms);
    char up[24], memory[24];

    text_add(text, "%6u %8d  %-8s %9s %9" PRIu64 " %8" PRIu64 " %12" PRIu64 " %9.1f %11s %4u\n",
             process->slot, (int)process->pid, state_of(process), duration(up_ms, up),
             process->sessions, process->streams, process->requests,
             per_second(process->requests, up_ms), bytes_text(process->lua_bytes, memory),
             process->generation);
}

static uint64_t sum_of(const uint64_t *words, size_t count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += words[i];
    return sum;
}

/* digit 2: of 200 to 299. */
static uint64_t responses_of(const struct metrics *sum, unsigned digit)
{
    return sum_of(sum->responses + (digit - 1) * 100, 100);
}

static void add_totals(struct text *text, const struct metrics *sum)
{
    char in[24], out[24];
    bool any = false;

    text_add(text,
             "\nsessions  %" PRIu64 " accepted, %" PRIu64 " open, %" PRIu64 " refused\n"
             "streams   %" PRIu64 " opened, %" PRIu64 " open\n"
             "answers   1xx %" PRIu64 ", 2xx %" PRIu64 ", 3xx %" PRIu64 ", 4xx %" PRIu64
             ", 5xx %" PRIu64 "\n",
             sum->sessions[METRICS_SERVER], sum->sessions_active[METRICS_SERVER],
             sum->sessions_refused, sum->streams[METRICS_SERVER],
             sum->streams_active[METRICS_SERVER], responses_of(sum, 1), responses_of(sum, 2),
             responses_of(sum, 3), responses_of(sum, 4), responses_of(sum, 5));
    text_add(text, "bytes     %s in, %s out\n", bytes_text(sum->bytes_in[METRICS_SERVER], in),
             bytes_text(sum->bytes_out[METRICS_SERVER], out));
    text_add(text, "TLS       %" PRIu64 " handshakes, %" PRIu64 " failed\n",
             sum_of(sum->tls_handshakes, METRICS_TLS_KINDS), sum->tls_failed[METRICS_SERVER]);
    text_add(text, "errors    %" PRIu64 " of scripts\n", sum->script_errors);
    if (sum->log_left_out || sum->log_lost)
        text_add(text, "log       %" PRIu64 " lines left out, %" PRIu64 " lost\n",
                 sum->log_left_out, sum->log_lost);
    text_add(text, "limits    ");
    for (int i = 0; i < LIMITS_COUNT; i++) {
        if (!sum->limits[i])
            continue;
        text_add(text, "%s%s %" PRIu64, any ? ", " : "", metrics_limit_names[i], sum->limits[i]);
        any = true;
    }
    text_add(text, "%s\n", any ? "" : "none was hit");
}

static void add_table(struct text *text, struct service_state *state, const struct region_view *view)
{
    uint64_t now = clock_ms();

    add_heading(text, state, view, now);
    text_add(text, "WORKER      PID  STATE       UPTIME  SESSIONS  STREAMS     REQUESTS     REQ/S"
                   "     LUA MEM  GEN\n");
    for (unsigned i = 0; i < view->count; i++)
        add_process(text, &view->process[i], now);
    if (view->count == 0)
        text_add(text, "(no worker runs)\n");
    add_totals(text, &view->sum);
}

/* --- for machines */

static void add_json_workers(struct text *text, const struct region_view *view, uint64_t now)
{
    text_add(text, ",\"workers\":[");
    for (unsigned i = 0; i < view->count; i++) {
        const struct process_view *process = &view->process[i];
        uint64_t up_ms = age_ms(now, process->started_ms);

        text_add(text,
                 "%s{\"worker\":%u,\"pid\":%d,\"state\":\"%s\",\"uptime_ms\":%" PRIu64
                 ",\"generation\":%u,\"sessions\":%" PRIu64 ",\"streams\":%" PRIu64
                 ",\"requests\":%" PRIu64 ",\"requests_per_second\":%.1f,\"lua_memory\":%" PRIu64,
                 i ? "," : "", process->slot, (int)process->pid, state_of(process), up_ms,
                 process->generation, process->sessions, process->streams, process->requests,
                 per_second(process->requests, up_ms), process->lua_bytes);
        if (process->beat_ms)
            text_add(text, ",\"beat_age_ms\":%" PRIu64, age_ms(now, process->beat_ms));
        text_add(text, "}");
    }
    text_add(text, "]");
}

static void add_json_totals(struct text *text, const struct metrics *sum)
{
    text_add(text,
             ",\"totals\":{\"sessions_accepted\":%" PRIu64 ",\"sessions\":%" PRIu64
             ",\"sessions_refused\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"streams\":%" PRIu64
             ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64 ",\"body_bytes_in\":%" PRIu64
             ",\"body_bytes_out\":%" PRIu64,
             sum->sessions[METRICS_SERVER], sum->sessions_active[METRICS_SERVER],
             sum->sessions_refused, sum->streams[METRICS_SERVER],
             sum->streams_active[METRICS_SERVER], sum->bytes_in[METRICS_SERVER],
             sum->bytes_out[METRICS_SERVER], sum->body_in[METRICS_SERVER],
             sum->body_out[METRICS_SERVER]);
    text_add(text,
             ",\"tls_handshakes\":%" PRIu64 ",\"tls_handshakes_failed\":%" PRIu64
             ",\"script_errors\":%" PRIu64 ",\"log_lines_left_out\":%" PRIu64
             ",\"log_lines_lost\":%" PRIu64 ",\"responses\":{",
             sum_of(sum->tls_handshakes, METRICS_TLS_KINDS), sum->tls_failed[METRICS_SERVER],
             sum->script_errors, sum->log_left_out, sum->log_lost);
    for (unsigned i = 0, any = 0; i < METRICS_STATUSES; i++)
        if (sum->responses[i])
            text_add(text, "%s\"%u\":%" PRIu64, any++ ? "," : "", METRICS_STATUS_FIRST + i,
                     sum->responses[i]);
    text_add(text, "},\"limit_hits\":{");
    for (unsigned i = 0; i < LIMITS_COUNT; i++)
        text_add(text, "%s\"%s\":%" PRIu64, i ? "," : "", metrics_limit_names[i], sum->limits[i]);
    text_add(text, "}}");
}

static void add_json(struct text *text, struct service_state *state, const struct region_view *view)
{
    uint64_t now = clock_ms();

    text_add(text,
             "{\"version\":\"%s\",\"state\":\"%s\",\"started\":%" PRIu64 ",\"uptime_ms\":%" PRIu64
             ",\"slots\":%u,\"generation\":%u,\"restarts\":%" PRIu64 ",\"reloads\":%" PRIu64
             ",\"reloads_failed\":%" PRIu64 ",\"upgrades\":%" PRIu64 ",\"upgrades_failed\":%" PRIu64,
             PERIGEE_VERSION, service_state_of(state, view), atomic_load(&state->started_s),
             age_ms(now, atomic_load(&state->started_ms)), atomic_load(&state->slots),
             atomic_load(&state->generation), atomic_load(&state->restarts),
             atomic_load(&state->reloads), atomic_load(&state->reloads_failed),
             atomic_load(&state->upgrades), atomic_load(&state->upgrades_failed));
    add_json_workers(text, view, now);
    add_json_totals(text, &view->sum);
    text_add(text, "}\n");
}

size_t region_status(struct region *region, bool json, char *out, size_t cap)
{
    struct text text = {.out = out, .cap = cap};
    struct region_view view;

    region_look(region, &view);
    if (json)
        add_json(&text, region_state(region), &view);
    else
        add_table(&text, region_state(region), &view);
    return text.used;
}
