/* master_workers: the life of worker processes, seen from the master. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "process/master_internal.h"
#include "process/notify.h"

#define RESTART_CALM_MS 10000 /* a life that long clears the record */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 10000
#define EMPTY_MS 50 /* a slot without a worker for that long is covered by another */
#define MESSAGES_MAX 64
#define WHERE_MS 250        /* for the answer to MESSAGE_WHERE */
#define DRAIN_GRACE_MS 2000 /* behind the deadline, before SIGKILL */
#define TITLE_ROOM 160

/* When one that drains is not waited for any more. */
static uint64_t drain_end_ms(const struct worker_process *worker)
{
    return clock_ms() + master_limit(worker->generation, "drain_timeout", 30000) + DRAIN_GRACE_MS;
}

/* --- Start. */

/* In the child: becomes a worker. */
static void become_worker(struct master *master, struct generation *generation, uint32_t slot,
                          int page, int control)
{
    static char role[120 * 1024], sockets[sizeof(role) - 1024];
    char title[TITLE_ROOM];
    char *argv[] = {title, NULL};

    task_child_setup();
    unsetenv("PERIGEE_UPGRADE");
    notify_forget();
    socket_plan_text(&generation->plan, sockets, sizeof(sockets));
    snprintf(role, sizeof(role),
             "control=%d settings=%d region=%d page=%d log=%d access=%d slot=%u slots=%u "
             "generation=%u %s",
             control, generation->document, master->region_fd, page, generation->log,
             generation->access_log, slot, generation->slots, generation->number, sockets);
    setenv("PERIGEE_WORKER", role, 1);
    keep_open(control);
    keep_open(generation->document);
    keep_open(master->region_fd);
    keep_open(generation->log);
    keep_open(generation->access_log);
    sockets_each(&master->sockets, keep_open);
    /* Room for the title that it writes there. */
    memset(title, ' ', sizeof(title));
    memcpy(title, "perigee: worker", 15);
    title[sizeof(title) - 1] = '\0';
    execv("/proc/self/exe", argv);
    dprintf(STDERR_FILENO, "perigee: cannot start a worker: %s\n", strerror(errno));
    _exit(127);
}

static struct worker_process *worker_new(struct master *master, struct generation *generation,
                                         uint32_t slot)
{
    struct worker_process *worker = mem_zalloc(sizeof(*worker));

    if (!worker)
        return NULL;
    worker->generation = generation;
    worker->slot = slot;
    worker->page = worker->control = -1;
    worker->started_ms = clock_ms();
    generation->uses++;
    list_append(&master->workers, &worker->link);
    return worker;
}

static void worker_free(struct master *master, struct worker_process *worker)
{
    for (unsigned i = 1; i <= SLOTS_MAX; i++) {
        if (master->slots[i].worker == worker)
            master->slots[i].worker = NULL;
        if (master->slots[i].cover == worker)
            master->slots[i].cover = NULL;
    }
    if (worker->page >= 0)
        region_retire(master->region, worker->page);
    if (worker->control >= 0)
        close(worker->control);
    list_remove(&worker->link);
    generation_drop(master, worker->generation);
    mem_free(worker);
}

struct worker_process *worker_adopt(struct master *master, struct generation *generation, pid_t pid,
                                    uint32_t slot, int page, int control, enum life life)
{
    struct worker_process *worker = worker_new(master, generation, slot);

    if (!worker)
        return NULL;
    worker->pid = pid;
    worker->page = page;
    worker->control = control;
    worker->life = life;
    if (life != LIFE_READY)
        worker->end_ms = drain_end_ms(worker);
    if (life != LIFE_DRAINING && slot <= SLOTS_MAX)
        master->slots[slot].worker = worker;
    return worker;
}

enum err worker_spawn(struct master *master, struct generation *generation, uint32_t slot,
                      struct failure *failure)
{
    struct worker_process *worker = worker_new(master, generation, slot);
    int ends[2];

    if (!worker)
        return failure_set(failure, ERR_NOMEM, "ENOMEM", "cannot start a worker: out of memory");
    if (message_pair(ends)) {
        failure_errno(failure, errno, "cannot start a worker");
        worker_free(master, worker);
        return ERR_IO;
    }
    worker->control = ends[0];
    worker->page = region_take(master->region, 0, slot, generation->number);
    if (worker->page < 0) {
        failure_set(failure, ERR_FULL, "ERR_WORKERS",
                    "cannot start a worker: too many processes live");
        close(ends[1]);
        worker_free(master, worker);
        return ERR_FULL;
    }
    worker->pid = fork();
    if (worker->pid == 0)
        become_worker(master, generation, slot, worker->page, ends[1]);
    close(ends[1]);
    if (worker->pid < 0) {
        failure_errno(failure, errno, "cannot start a worker");
        worker_free(master, worker);
        return ERR_IO;
    }
    region_page(master->region, worker->page)->pid = worker->pid;
    worker->end_ms = worker->started_ms + master_limit(generation, "start_timeout", 10000);
    worker->kill_reason = "start_timeout: not ready in time";
    if (generation == master->current)
        master->slots[slot].worker = worker;
    log_line(LOG_DEBUG, "worker started", "slot", log_number(slot), "pid", log_number(worker->pid),
             "generation", log_number(generation->number), NULL);
    return OK;
}

void generation_drop(struct master *master, struct generation *generation)
{
    if (!generation || --generation->uses > 0)
        return;
    if (generation->holds_plan)
        sockets_release(&master->sockets, &generation->plan);
    settings_free(&generation->settings);
    if (generation->document >= 0)
        close(generation->document);
    logs_close(generation);
    mem_free(generation);
}

/* --- Messages. */

void worker_drain(struct worker_process *worker, uint64_t ms, bool service_ends)
{
    if (worker->life == LIFE_STARTING) {
        /* It serves nobody yet. */
        worker->life = LIFE_DRAINING;
        snprintf(worker->why, sizeof(worker->why), "not needed any more");
        kill(worker->pid, SIGKILL);
        return;
    }
    worker->life = LIFE_DRAINING;
    worker->end_ms = clock_ms() + ms + DRAIN_GRACE_MS;
    worker->kill_reason = "drain_timeout: it did not end in time";
    if (worker->control < 0 || message_send(worker->control, MESSAGE_DRAIN, service_ends, ms, NULL))
        kill(worker->pid, SIGTERM);
}

void workers_send_logs(struct master *master)
{
    list_each(link, &master->workers)
    {
        struct worker_process *worker = list_entry(link, struct worker_process, link);
        /* Old ones go on with the files of today. */
        const struct generation *of =
            worker->generation == master->next ? master->next : master->current;
        int descriptors[2];
        unsigned count = 0, which = 0;

        if (of->log >= 0) {
            descriptors[count++] = of->log;
            which |= 1;
        }
        if (of->access_log >= 0) {
            descriptors[count++] = of->access_log;
            which |= 2;
        }
        if (count > 0 && worker->control >= 0 &&
            message_send_descriptors(worker->control, MESSAGE_LOGS, which, descriptors, count))
            log_line(LOG_WARN, "worker did not take the new log files", "pid",
                     log_number(worker->pid), NULL);
    }
}

static void on_ready(struct master *master, struct worker_process *worker)
{
    if (worker->life != LIFE_STARTING)
        return;
    worker->life = LIFE_READY;
    worker->end_ms = 0;
    log_line(LOG_INFO, "worker ready", "slot", log_number(worker->slot), "pid",
             log_number(worker->pid), "generation", log_number(worker->generation->number),
             "after_ms", log_number((int64_t)(clock_ms() - worker->started_ms)), NULL);
    if (worker->generation == master->current)
        master->slots[worker->slot].settled = true;
    reload_on_worker_ready(master, worker);
}

/* It has ended, as we shall hear. Or else it is of no use: one of ours would drain now, another is not waited for. */
static void lose_control(struct worker_process *worker)
{
    close(worker->control);
    worker->control = -1;
    if (worker->end_ms == 0 && !worker->killed) {
        worker->end_ms = drain_end_ms(worker);
        worker->kill_reason = "it does not speak with the master any more";
    }
}

void workers_on_message(struct master *master, struct worker_process *worker)
{
    int descriptors[MESSAGE_DESCRIPTORS_MAX];
    struct message message;
    enum err err = OK;

    /* As many as a worker may say in one go: one that never stops must not keep the master from all else. */
    for (unsigned taken = 0; worker->control >= 0 && taken < MESSAGES_MAX; taken++) {
        err = message_take(worker->control, &message, descriptors);
        if (err)
            break;
        for (unsigned i = 0; i < MESSAGE_DESCRIPTORS_MAX; i++)
            if (descriptors[i] >= 0)
                close(descriptors[i]);
        switch (message.kind) {
        case MESSAGE_READY:
            on_ready(master, worker);
            break;
        case MESSAGE_FAILED:
            snprintf(worker->why, sizeof(worker->why), "%s", message.text);
            break;
        case MESSAGE_HELD:
            notify_status("Drain deadline reached in worker %u: %s", worker->slot, message.text);
            break;
        case MESSAGE_DRAINING:
            worker->drains = true; /* the tick that follows sees to it */
            break;
        case MESSAGE_NOTE:
            log_line(LOG_INFO, message.text, "slot", log_number(worker->slot), "pid",
                     log_number(worker->pid), NULL);
            break;
        }
    }
    if (err && err != ERR_AGAIN)
        lose_control(worker);
}

/* --- End and restart. */

static void describe_end(const struct worker_process *worker, int status, char *out, size_t cap)
{
    if (worker->why[0])
        snprintf(out, cap, "%s", worker->why);
    else if (worker->killed)
        snprintf(out, cap, "killed: %s", worker->kill_reason);
    else if (WIFSIGNALED(status))
        snprintf(out, cap, "signal %s", sigabbrev_np(WTERMSIG(status)) ?: "?");
    else
        snprintf(out, cap, "exit status %d", WEXITSTATUS(status));
}

/* At once after a life that was long enough, or the first time; then longer and longer. */
static uint64_t restart_delay(struct slot *slot, uint64_t lived_ms)
{
    uint64_t delay = 0;

    if (lived_ms >= RESTART_CALM_MS)
        slot->failures = 0;
    if (slot->failures > 0) {
        unsigned doublings = slot->failures - 1 < 7 ? slot->failures - 1 : 7;

        delay = (uint64_t)BACKOFF_FIRST_MS << doublings;
        if (delay > BACKOFF_MAX_MS)
            delay = BACKOFF_MAX_MS;
    }
    slot->failures++;
    return delay;
}

static void plan_restart(struct master *master, struct slot *slot, uint64_t lived_ms)
{
    uint64_t delay = restart_delay(slot, lived_ms);

    slot->restart_ms = clock_ms() + delay;
    region_state(master->region)->restarts++;
    if (delay > 0)
        log_line(LOG_WARN, "worker restart backs off", "slot", log_number(slot - master->slots),
                 "failures", log_number(slot->failures), "delay_ms", log_number((int64_t)delay),
                 NULL);
}

static void on_end(struct master *master, struct worker_process *worker, int status)
{
    uint64_t lived_ms = clock_ms() - worker->started_ms;
    struct slot *slot = &master->slots[worker->slot];
    bool holds_slot = slot->worker == worker;
    bool expected = worker->life == LIFE_DRAINING;
    char why[MESSAGE_TEXT_BYTES + 16];
    char lived[24];

    describe_end(worker, status, why, sizeof(why));
    snprintf(lived, sizeof(lived), "%llu", (unsigned long long)lived_ms);
    log_line(expected && !worker->killed && (worker->why[0] || WIFEXITED(status)) ? LOG_INFO
                                                                                  : LOG_ERROR,
             "worker ended", "slot", log_number(worker->slot), "pid", log_number(worker->pid),
             "generation", log_number(worker->generation->number), "reason", why, "lived_ms", lived,
             NULL);
    list_remove(&worker->link); /* it does not count any more */
    if (holds_slot) {
        slot->worker = NULL;
        if (!expected)
            slot->settled = true;
        if (!master->stopping)
            plan_restart(master, slot, lived_ms);
    }
    reload_on_worker_gone(master, worker, why);
    worker_free(master, worker);
    if (master->stopping && list_is_empty(&master->workers))
        master->over = true;
}

/* One that drains of its own will (SIGTERM from an administrator) leaves its slot to a new one. */
static void notice_own_drain(struct master *master, struct worker_process *worker)
{
    struct slot *slot = &master->slots[worker->slot];

    if (worker->life != LIFE_READY ||
        !worker->drains) /* its page is not asked: others can write there */
        return;
    worker->life = LIFE_DRAINING;
    worker->end_ms = drain_end_ms(worker);
    worker->kill_reason = "drain_timeout: it did not end in time";
    if (slot->worker == worker) {
        slot->worker = NULL;
        slot->restart_ms = clock_ms() + restart_delay(slot, clock_ms() - worker->started_ms);
    }
}

void workers_on_exit(struct master *master, pid_t pid, int status)
{
    list_each(link, &master->workers)
    {
        struct worker_process *worker = list_entry(link, struct worker_process, link);

        if (worker->pid != pid)
            continue;
        workers_on_message(master, worker); /* its last words */
        notice_own_drain(master, worker);
        on_end(master, worker, status);
        return;
    }
}

/* --- What has to be looked at as time passes. */

static void kill_worker(struct worker_process *worker, const char *reason)
{
    worker->killed = true;
    worker->kill_reason = reason;
    kill(worker->pid, SIGKILL);
}

/* A worker whose loop stands still cannot be asked; its first thread can, and then it is ended. */
static uint64_t watch_beat(struct master *master, struct worker_process *worker, uint64_t now_ms)
{
    uint64_t limit = master_limit(worker->generation, "watchdog_timeout", 10000), beat;
    char stood[24];

    if (worker->page < 0 || worker->life == LIFE_STARTING || limit == 0 || worker->killed)
        return 0;
    beat = region_page(master->region, worker->page)->beat_ms;
    if (beat != 0 && beat < master->resumed_ms)
        beat = master->resumed_ms; /* it has the whole time again */
    if (beat == 0 || beat + limit > now_ms) {
        worker->asked_ms = 0;
        return beat ? beat + limit : now_ms + limit;
    }
    if (worker->asked_ms == 0) {
        snprintf(stood, sizeof(stood), "%llu", (unsigned long long)(now_ms - beat));
        log_line(LOG_ERROR, "worker stands still", "slot", log_number(worker->slot), "pid",
                 log_number(worker->pid), "for_ms", stood, "limit", "watchdog_timeout", NULL);
        worker->asked_ms = now_ms;
        if (worker->control >= 0)
            message_send(worker->control, MESSAGE_WHERE, 0, 0, NULL);
    }
    if (now_ms - worker->asked_ms < WHERE_MS)
        return worker->asked_ms + WHERE_MS;
    region_state(master->region)->watchdog_kills++;
    kill_worker(worker, "watchdog_timeout: its loop stood still");
    return 0;
}

static struct worker_process *who_accepts(struct master *master, unsigned slot)
{
    list_each(link, &master->workers)
    {
        struct worker_process *worker = list_entry(link, struct worker_process, link);

        if (worker->life == LIFE_READY && !worker->killed && worker->asked_ms == 0 &&
            worker->control >= 0 && (slot == 0 || worker->slot == slot))
            return worker;
    }
    return NULL;
}

/* A newer one knows more of the sockets. */
static struct worker_process *who_can_cover(struct master *master, unsigned slot)
{
    struct worker_process *best = NULL;

    list_each(link, &master->workers)
    {
        struct worker_process *worker = list_entry(link, struct worker_process, link);

        if (worker->life == LIFE_READY && !worker->killed && worker->asked_ms == 0 &&
            worker->control >= 0 && worker->slot != slot &&
            (!best || worker->generation->number > best->generation->number))
            best = worker;
    }
    return best;
}

static uint64_t think_cover(struct master *master, unsigned number, uint64_t now_ms)
{
    struct slot *slot = &master->slots[number];

    if (who_accepts(master, number)) {
        slot->empty_ms = 0;
        if (slot->cover && slot->cover->control >= 0) {
            message_send(slot->cover->control, MESSAGE_UNCOVER, number, 0, NULL);
            log_line(LOG_DEBUG, "slot is served again", "slot", log_number(number), NULL);
        }
        slot->cover = NULL;
        return 0;
    }
    if (slot->empty_ms == 0)
        slot->empty_ms = now_ms;
    if (slot->cover && slot->cover->life == LIFE_READY && !slot->cover->killed &&
        slot->cover->asked_ms == 0)
        return 0;
    if (now_ms - slot->empty_ms < EMPTY_MS)
        return slot->empty_ms + EMPTY_MS;
    slot->cover = who_can_cover(master, number);
    if (slot->cover && message_send(slot->cover->control, MESSAGE_COVER, number, 0, NULL)) {
        slot->cover = NULL; /* it does not listen; soon another one is asked, or the same again */
        return now_ms + EMPTY_MS;
    }
    if (slot->cover) {
        log_line(LOG_DEBUG, "slot is covered", "slot", log_number(number), "by",
                 log_number(slot->cover->pid), NULL);
    }
    return 0;
}

static uint64_t think_restart(struct master *master, unsigned number, uint64_t now_ms)
{
    struct slot *slot = &master->slots[number];
    struct failure failure;

    if (slot->worker || slot->restart_ms == 0)
        return 0;
    if (slot->restart_ms > now_ms)
        return slot->restart_ms;
    slot->restart_ms = 0;
    if (worker_spawn(master, master->current, number, &failure)) {
        log_line(LOG_ERROR, "worker not started", "slot", log_number(number), "reason",
                 failure.text, NULL);
        slot->settled = true;
        plan_restart(master, slot, 0);
        return slot->restart_ms;
    }
    return 0;
}

uint64_t workers_tick(struct master *master, uint64_t now_ms)
{
    unsigned slots = sockets_slots(&master->sockets);
    uint64_t next = 0;

    list_each(link, &master->workers)
    {
        struct worker_process *worker = list_entry(link, struct worker_process, link);

        if (worker->end_ms && now_ms >= worker->end_ms && !worker->killed) {
            region_state(master->region)->start_timeouts += worker->life == LIFE_STARTING;
            kill_worker(worker, worker->kill_reason);
        }
        notice_own_drain(master, worker);
        if (!worker->killed)
            next = sooner(next, worker->end_ms);
        next = sooner(next, watch_beat(master, worker, now_ms));
    }
    if (master->stopping)
        return next;
    if (master->current)
        for (unsigned i = 1; i <= master->current->slots; i++)
            next = sooner(next, think_restart(master, i, now_ms));
    for (unsigned i = 1; i <= slots; i++)
        next = sooner(next, think_cover(master, i, now_ms));
    return next;
}
