/* master_reload: a new configuration, from the check to the drain of the old workers. Nothing that serves is touched
 * until the first new worker has shown that the script runs. The service's start is the same way, with nothing to
 * fall back on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "process/master_internal.h"
#include "process/notify.h"
#include "process/privileges.h"
#include "process/ticket_keys.h"

#define RETIRE_MS 1000 /* the queues of slots that go away are accepted from for that long */

/* --- Failure. */

/* Each line of a checker's output is a problem of its own; a script's traceback is one. */
static void log_refusal(const char *text, bool many)
{
    const char *message = "reload refused, the old configuration stays";
    char *copy = many ? mem_copy(text, strlen(text)) : NULL, *rest = NULL;

    if (!many)
        log_line(LOG_ERROR, message, "reason", text, NULL);
    for (char *line = copy ? strtok_r(copy, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        log_line(LOG_ERROR, message, "reason", line, NULL);
    mem_free(copy);
}

static void finish_reload(struct master *master)
{
    master->phase = PHASE_IDLE;
    task_clear(&master->task);
    if (master->started)
        notify_ready(NULL);
    master_say_state(master);
}

/* Drops what was begun. Sockets of slots that only the new configuration has are closed: nothing was steered there. */
static void drop_next(struct master *master)
{
    struct generation *next = master->next;

    master->next = NULL;
    if (!next)
        return;
    list_each(link, &master->workers)
    {
        struct worker_process *worker = list_entry(link, struct worker_process, link);

        if (worker->generation == next)
            worker_drain(worker, 0, false);
    }
    if (next->holds_plan)
        sockets_release(&master->sockets, &next->plan);
    next->holds_plan = false;
    generation_drop(master, next);
    if (master->current && master->retire_ms == 0) {
        sockets_trim(&master->sockets, master->current->slots);
        sockets_steer(&master->sockets, master->current->slots);
    }
}

static void fail_reload(struct master *master, const char *text)
{
    bool first = !master->current;

    drop_next(master);
    if (first) {
        /* The service does not start. */
        fprintf(stderr, "%s%s%s", strncmp(text, "perigee: ", 9) == 0 ? "" : "perigee: ", text,
                text[0] && text[strlen(text) - 1] == '\n' ? "" : "\n");
        master->phase = PHASE_IDLE;
        master->status = 1;
        master->over = true;
        return;
    }
    log_refusal(text, master->phase == PHASE_CONFIGURING);
    region_state(master->region)->reloads_failed++;
    finish_reload(master);
    control_answer(master, REQUEST_RELOAD, false, text);
    reload_go_on(master);
}

void reload_abort(struct master *master, const char *why)
{
    if (master->phase == PHASE_IDLE)
        return;
    task_clear(&master->task);
    drop_next(master);
    master->phase = PHASE_IDLE;
    control_answer(master, REQUEST_RELOAD, false, why);
}

/* --- Step 1: a process of its own evaluates the configuration. */

void reload_start(struct master *master)
{
    const char *argv[] = {"perigee", "configure", "-c", master->config, NULL};
    struct failure failure;

    master->reload_wanted = false;
    master->reloads_begun++;
    if (master->started)
        notify_reloading("Reloading");
    if (task_start(&master->task, "/proc/self/exe", (char *const *)argv, true,
                   "PERIGEE_CONFIGURE=1", &failure)) {
        fail_reload(master, failure.text);
        return;
    }
    master->phase = PHASE_CONFIGURING;
}

void reload_go_on(struct master *master)
{
    if (master->stopping || master->phase != PHASE_IDLE || !master->current)
        return;
    if (master->upgrade_wanted)
        upgrade_start(master);
    else if (master->reload_wanted)
        reload_start(master);
}

/* --- Step 2: what the master itself needs of it. */

static bool open_log(const char *path, int *fd, struct failure *failure)
{
    *fd = -1;
    if (!path || strcmp(path, "off") == 0 || strcmp(path, "stderr") == 0)
        return true;
    return log_file_open(path, fd, failure) == OK;
}

bool logs_open(struct generation *generation, struct failure *failure)
{
    const char *access = settings_text(generation->settings, "log.access");
    int log = -1, access_log = -1;

    if (!open_log(settings_text(generation->settings, "log.file"), &log, failure))
        return false;
    if (access && strcmp(access, "stderr") == 0) {
        access_log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    } else if (!open_log(access, &access_log, failure)) {
        if (log >= 0)
            close(log);
        return false;
    }
    logs_close(generation);
    generation->log = log;
    generation->access_log = access_log;
    return true;
}

void logs_close(struct generation *generation)
{
    if (generation->log >= 0)
        close(generation->log);
    if (generation->access_log >= 0)
        close(generation->access_log);
    generation->log = generation->access_log = -1;
}

void logs_use(const struct master *master, const struct generation *generation)
{
    const char *level_text = settings_text(generation->settings, "log.level");
    const char *format_text = settings_text(generation->settings, "log.format");
    enum log_level level = LOG_INFO;
    enum log_format format = LOG_LOGFMT;

    if (master->arguments->log_level_given)
        level = master->arguments->log_level;
    else if (level_text)
        log_level_from_text(level_text, &level);
    if (master->arguments->log_format_given)
        format = master->arguments->log_format;
    else if (format_text)
        log_format_from_text(format_text, &format);
    log_setup(level, format);
    log_to(generation->log >= 0 ? generation->log : STDERR_FILENO);
}

static void seal(int document)
{
    fcntl(document, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}

/* In a folder of another user's the name may be that of any file: one of ours with another name, say. */
static int open_pid_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    struct stat file;

    if (fd < 0 || (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_nlink == 1))
        return fd;
    close(fd);
    errno = EINVAL;
    return -1;
}

/* The lock tells a file that a service left behind from one that a service holds. */
static bool write_pid_file(struct master *master, const struct settings *settings,
                           struct failure *failure)
{
    const char *path = settings_text(settings, "pid_file");
    char text[24] = "";
    int fd, length;

    if (strcmp(path ? path : "", master->pid_file) == 0)
        return true;
    fd = path ? open_pid_file(path) : -1;
    if (path && fd < 0) {
        failure_errno(failure, errno, "cannot write the PID file %s", path);
        return false;
    }
    if (path && flock(fd, LOCK_EX | LOCK_NB)) {
        length = (int)read(fd, text, sizeof(text) - 1);
        failure_set(failure, ERR_STATE, "ERR_RUNNING", "the PID file %s is held by process %d",
                    path, length > 0 ? atoi(text) : 0);
        close(fd);
        return false;
    }
    length = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (path && (ftruncate(fd, 0) || pwrite(fd, text, (size_t)length, 0) != length)) {
        failure_errno(failure, errno, "cannot write the PID file %s", path);
        close(fd);
        return false;
    }
    if (master->pid_file[0])
        unlink(master->pid_file);
    if (master->pid_fd >= 0)
        close(master->pid_fd);
    master->pid_fd = fd;
    snprintf(master->pid_file, sizeof(master->pid_file), "%s", path ? path : "");
    return true;
}

static struct generation *make_generation(struct master *master, struct failure *failure)
{
    struct generation *next = mem_zalloc(sizeof(*next));

    if (!next) {
        failure_set(failure, ERR_NOMEM, "ENOMEM", "out of memory");
        return NULL;
    }
    next->uses = 1;
    next->log = next->access_log = -1;
    next->document = master->task.document;
    master->task.document = -1;
    next->ticket_keys_ms = clock_ms();
    if (master->current && next->ticket_keys_ms - master->current->ticket_keys_ms < TICKET_KEYS_MS &&
        ticket_keys_keep(next->document, master->current->settings) > 0)
        next->ticket_keys_ms = master->current->ticket_keys_ms;
    seal(next->document);
    if (settings_read(next->document, &next->settings, failure)) {
        generation_drop(master, next);
        return NULL;
    }
    next->number = ++master->generations;
    next->slots = (unsigned)settings_number(next->settings, "workers", 1);
    if (next->slots > SLOTS_MAX)
        next->slots = SLOTS_MAX;
    return next;
}

static bool prepare(struct master *master, struct failure *failure)
{
    struct generation *next = make_generation(master, failure);
    unsigned had = sockets_slots(&master->sockets);
    struct privileges privileges;

    master->next = next;
    if (!next)
        return false;
    privileges = privileges_of(next->settings);
    if (privileges_check(&privileges, failure) || !logs_open(next, failure))
        return false;
    if (!master->current) /* what is said from here on belongs there */
        logs_use(master, next);
    /* New connections go on to the sockets that are served now, until the new workers are there. */
    if (master->current && next->slots > had)
        sockets_steer(&master->sockets, master->current->slots);
    if (sockets_prepare(&master->sockets, next->settings, next->slots > had ? next->slots : had,
                        &next->plan, failure))
        return false;
    next->holds_plan = true;
    if (master->current && next->slots > had)
        sockets_steer(&master->sockets, master->current->slots);
    return master->current || (control_open(master, next->settings, failure) == OK &&
                               write_pid_file(master, next->settings, failure));
}

static void report_listeners(struct generation *generation)
{
    for (unsigned i = 0; i < generation->plan.count; i++) {
        struct socket_group *group = generation->plan.listeners[i];
        char text[ADDRESS_TEXT_BYTES];

        if (group->reported)
            continue;
        group->reported = true;
        log_line(LOG_INFO, "listening", "address", address_text(&group->address, text), "from",
                 group->from_manager ? "service manager" : NULL, NULL);
    }
}

/* --- Step 3 and on: it is the current one now. */

static void commit(struct master *master)
{
    struct generation *old = master->current;
    struct service_state *state = region_state(master->region);
    struct failure failure;

    master->current = master->next;
    master->next = NULL;
    master->replacing = true;
    logs_use(master, master->current);
    if (old && (control_open(master, master->current->settings, &failure) ||
                !write_pid_file(master, master->current->settings, &failure)))
        log_line(LOG_ERROR, "not taken from the new configuration", "reason", failure.text, NULL);
    state->slots = master->current->slots;
    state->generation = master->current->number;
    report_listeners(master->current);
    sockets_report_idle(&master->sockets);
    for (unsigned i = 1; i <= SLOTS_MAX; i++) {
        master->slots[i].worker = NULL;
        master->slots[i].restart_ms = i <= master->current->slots ? clock_ms() : 0;
        master->slots[i].failures = 0;
        master->slots[i].settled = false;
    }
    if (old) {
        if (old->holds_plan) /* what nobody asks for any more closes with the old workers */
            sockets_release(&master->sockets, &old->plan);
        old->holds_plan = false;
        generation_drop(master, old);
    }
}

static bool all_settled(const struct master *master)
{
    for (unsigned i = 1; i <= master->current->slots; i++)
        if (!master->slots[i].settled)
            return false;
    return true;
}

static bool any_ready(const struct master *master)
{
    for (unsigned i = 1; i <= master->current->slots; i++)
        if (master->slots[i].worker && master->slots[i].worker->life == LIFE_READY)
            return true;
    return false;
}

static void drain_old(struct master *master)
{
    list_each(link, &master->workers)
    {
        struct worker_process *worker = list_entry(link, struct worker_process, link);

        if (worker->generation != master->current && worker->life != LIFE_DRAINING)
            worker_drain(worker, master_limit(worker->generation, "drain_timeout", 30000), false);
    }
}

/* The new workers serve: the old ones may go. */
static void replace_old(struct master *master)
{
    master->replacing = false;
    sockets_steer(&master->sockets, master->current->slots);
    master->retire_ms =
        sockets_slots(&master->sockets) > master->current->slots ? clock_ms() + RETIRE_MS : 0;
    drain_old(master);
    if (master->started) {
        region_state(master->region)->reloads++;
        log_line(LOG_INFO, "reloaded", "generation", log_number(master->current->number), "workers",
                 log_number(master->current->slots), NULL);
    } else {
        log_line(LOG_INFO, "started", "workers", log_number(master->current->slots), "pid",
                 log_number(getpid()), NULL);
    }
    master->started = true;
}

/* The last step, when every slot had its chance. Where no worker became ready, what serves goes on to serve, and the
 * first that does become ready brings this to its end. */
static void think_done(struct master *master)
{
    bool ready = any_ready(master);
    char text[MESSAGE_TEXT_BYTES + 64];

    if (!master->replacing || !all_settled(master) || (!ready && master->phase != PHASE_STARTING))
        return;
    if (ready) {
        replace_old(master);
        snprintf(text, sizeof(text), "reloaded, %u workers", master->current->slots);
    } else {
        snprintf(text, sizeof(text), "no new worker became ready, they are tried again: %s",
                 master->last_why);
        log_line(LOG_ERROR, "no worker became ready, they are tried again", "reason",
                 master->last_why, NULL);
    }
    finish_reload(master);
    control_answer(master, REQUEST_RELOAD, ready, text);
    reload_go_on(master);
}

/* The check's warnings, a line each. */
static void report_notes(char *text)
{
    char *rest = text;

    for (char *note; (note = strsep(&rest, "\n"));)
        if (*note)
            log_line(LOG_WARN, "configuration", "note", note, NULL);
}

void reload_on_task(struct master *master)
{
    struct failure failure = {.err = OK};

    if (master->phase != PHASE_CONFIGURING)
        return;
    if (!task_succeeded(&master->task)) {
        fail_reload(master, master->task.used ? master->task.text
                                              : "the configuration's check ended unexpectedly");
        return;
    }
    if (!prepare(master, &failure)) {
        fail_reload(master, failure.text);
        return;
    }
    if (master->task.used)
        report_notes(master->task.text);
    if (!master->current) {
        /* The start: a script that fails is tried again and again, and the log says why. */
        commit(master);
        master->phase = PHASE_STARTING;
        return;
    }
    master->phase = PHASE_TRYING;
    if (worker_spawn(master, master->next, 1, &failure))
        fail_reload(master, failure.text);
}

void reload_on_worker_ready(struct master *master, struct worker_process *worker)
{
    if (master->phase == PHASE_TRYING && worker->generation == master->next) {
        commit(master);
        master->slots[worker->slot].worker = worker;
        master->slots[worker->slot].restart_ms = 0;
        master->slots[worker->slot].settled = true;
        master->phase = PHASE_STARTING;
    }
    think_done(master);
}

void reload_on_worker_gone(struct master *master, struct worker_process *worker, const char *why)
{
    if (master->phase == PHASE_TRYING && worker->generation == master->next) {
        char text[MESSAGE_TEXT_BYTES + 64];

        snprintf(text, sizeof(text), "the new worker did not become ready: %s", why);
        fail_reload(master, text);
        return;
    }
    if (worker->life != LIFE_DRAINING)
        snprintf(master->last_why, sizeof(master->last_why), "%s", why);
    think_done(master);
}
