/* master_upgrade: going on as the binary that is installed now. The process stays: its id, children, sockets and the
 * shared counters; execve(2) brings the new program, which adopts the workers of the old one and replaces them by a
 * reload. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "process/master_internal.h"

#define STATE_BYTES (120 * 1024) /* one variable of the environment may have 128 KiB */
#define VERSION 1

void upgrade_start(struct master *master)
{
    const char *argv[] = {master->binary, "check", "-c", master->config, NULL};
    struct failure failure;

    master->upgrade_wanted = false;
    if (task_start(&master->task, master->binary, (char *const *)argv, false, NULL, &failure)) {
        log_line(LOG_ERROR, "upgrade refused, the old binary goes on", "reason", failure.text, NULL);
        region_state(master->region)->upgrades_failed++;
        reload_go_on(master); /* who asked for a reload meanwhile waits for it */
        return;
    }
    master->phase = PHASE_CHECKING;
}

static void close_on_exec(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Every descriptor that the new program is told of. */
static void for_each_kept(struct master *master, void (*fn)(int fd))
{
    fn(master->region_fd);
    fn(master->current->document);
    fn(master->current->log);
    fn(master->current->access_log);
    fn(master->pid_fd);
    fn(master->control[0]);
    fn(master->control[1]);
    sockets_each(&master->sockets, fn);
    list_each(link, &master->workers) fn(list_entry(link, struct worker_process, link)->control);
}

/* "1 region=5 settings=6 ... workers=PID:SLOT:GENERATION:PAGE:CONTROL:LIFE,... sockets=..." */
static char *save(struct master *master)
{
    char *text = mem_alloc(STATE_BYTES);
    size_t used;

    if (!text)
        return NULL;
    used = (size_t)snprintf(text, STATE_BYTES,
                            "%d region=%d settings=%d log=%d access=%d control=%d control2=%d "
                            "pid=%d "
                            "generation=%u slots=%u generations=%u workers=",
                            VERSION, master->region_fd, master->current->document,
                            master->current->log, master->current->access_log, master->control[0],
                            master->control[1], master->pid_fd, master->current->number,
                            master->current->slots, master->generations);
    list_each(link, &master->workers)
    {
        struct worker_process *worker = list_entry(link, struct worker_process, link);

        used += (size_t)snprintf(text + used, STATE_BYTES - used, "%d:%u:%u:%d:%d:%d,",
                                 (int)worker->pid, worker->slot, worker->generation->number,
                                 worker->page, worker->control, (int)worker->life);
    }
    used += (size_t)snprintf(text + used, STATE_BYTES - used, " sockets=");
    sockets_save(&master->sockets, text + used, STATE_BYTES - used);
    return text;
}

void upgrade_on_task(struct master *master)
{
    struct service_state *state = region_state(master->region);
    char *text;

    master->phase = PHASE_IDLE;
    if (!task_succeeded(&master->task)) {
        log_line(LOG_ERROR, "upgrade refused, the old binary goes on", "binary", master->binary,
                 "reason", master->task.used ? master->task.text : "its check ended unexpectedly",
                 NULL);
        state->upgrades_failed++;
        task_clear(&master->task);
        reload_go_on(master);
        return;
    }
    task_clear(&master->task);
    text = save(master);
    if (text) {
        log_line(LOG_INFO, "upgrading", "binary", master->binary, NULL);
        master->reloads_begun++; /* what follows is what those who asked meanwhile wait for */
        control_answer(master, REQUEST_RELOAD, false,
                       "the service goes on as another binary; ask again");
        setenv("PERIGEE_UPGRADE", text, 1);
        for_each_kept(master, keep_open);
        state->upgrades++;
        execv(master->binary, master->argv);
        state->upgrades--;
        for_each_kept(master, close_on_exec);
        unsetenv("PERIGEE_UPGRADE");
    }
    log_line(LOG_ERROR, "upgrade failed, the old binary goes on", "binary", master->binary,
             "reason", text ? errno_name(errno) : "out of memory", NULL);
    state->upgrades_failed++;
    mem_free(text);
    reload_go_on(master);
}

/* --- The other side. */

/* The value behind " NAME=" up to the next blank; NULL when it is not there. */
static const char *value_of(const char *text, const char *name)
{
    char look_for[32];
    const char *at;

    snprintf(look_for, sizeof(look_for), " %s=", name);
    at = strstr(text, look_for);
    return at ? at + strlen(look_for) : NULL;
}

static int number_of(const char *text, const char *name)
{
    const char *value = value_of(text, name);

    return value ? atoi(value) : -1;
}

static struct generation *restore_generation(const char *text, unsigned number)
{
    struct generation *generation = mem_zalloc(sizeof(*generation));

    if (!generation)
        return NULL;
    generation->uses = 1;
    generation->number = number;
    generation->document = generation->log = generation->access_log = -1;
    generation->slots = (unsigned)number_of(text, "slots");
    if (generation->slots > SLOTS_MAX)
        generation->slots = 1;
    return generation;
}

/* Those of earlier generations drain; they need no settings. */
static void restore_workers(struct master *master, const char *text, bool pages_hold)
{
    struct generation *old = restore_generation(text, 0);
    const char *at = value_of(text, "workers");
    unsigned slot, number;
    int pid, page, control, life, length;

    while (old && at &&
           sscanf(at, "%d:%u:%u:%d:%d:%d,%n", &pid, &slot, &number, &page, &control, &life,
                  &length) == 6) {
        struct generation *of = number == master->current->number ? master->current : old;

        if (slot >= 1 && slot <= SLOTS_MAX &&
            worker_adopt(master, of, pid, slot, pages_hold ? page : -1, control, (enum life)life) &&
            pages_hold)
            region_keep(master->region, page);
        close_on_exec(control);
        at += length;
    }
    region_drop_unkept(master->region);
    generation_drop(master, old);
}

static void restore_path(const struct settings *settings, const char *name, char *out, size_t cap)
{
    const char *path = settings_text(settings, name);

    snprintf(out, cap, "%s", path ? path : "");
}

bool upgrade_adopt(struct master *master, const char *text)
{
    const char *sockets = value_of(text, "sockets");
    struct generation *current;
    struct failure failure = {.text = "out of memory"};
    bool restored = false, pages_hold = true;

    if (atoi(text) != VERSION || !sockets) {
        fprintf(
            stderr,
            "perigee: the state in PERIGEE_UPGRADE is not of a version that this binary knows\n");
        return false;
    }
    master->region_fd = number_of(text, "region");
    close_on_exec(master->region_fd);
    if (region_attach(master->region_fd, &master->region)) {
        /* Its layout is another one. The old workers go on writing to theirs; the sums begin anew. */
        log_line(LOG_WARN, "counters begin anew: the new binary counts other things", NULL);
        close(master->region_fd);
        master->region = NULL;
        pages_hold = false;
        if (region_create(&master->region, &master->region_fd))
            return false;
    }
    master->control[0] = number_of(text, "control");
    master->control[1] = number_of(text, "control2");
    master->pid_fd = number_of(text, "pid");
    master->generations = (unsigned)number_of(text, "generations");
    current = restore_generation(text, (unsigned)number_of(text, "generation"));
    if (current) {
        master->current = current;
        current->document = number_of(text, "settings");
        current->log = number_of(text, "log");
        current->access_log = number_of(text, "access");
        if (!settings_read(current->document, &current->settings, &failure) &&
            !sockets_restore(&master->sockets, sockets) &&
            !sockets_prepare(&master->sockets, current->settings, current->slots, &current->plan,
                             &failure)) {
            current->holds_plan = true;
            current->ticket_keys_ms = clock_ms();
            logs_use(master, current);
            control_restore(master);
            if (master->pid_fd >= 0)
                restore_path(current->settings, "pid_file", master->pid_file,
                             sizeof(master->pid_file));
            restore_workers(master, text, pages_hold);
            sockets_drop_unused(&master->sockets);
            for_each_kept(master, close_on_exec);
            restored = true;
        }
    }
    if (!restored)
        fprintf(stderr, "perigee: the state in PERIGEE_UPGRADE could not be restored: %s\n",
                failure.text);
    unsetenv("PERIGEE_UPGRADE");
    master->started = true; /* for the service manager nothing began */
    log_line(LOG_INFO, "upgraded", "pid", log_number(getpid()), NULL);
    return restored;
}
