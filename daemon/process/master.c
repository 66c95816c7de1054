/* master: start, signals, the loop, the end. */
#include "process/master.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "process/activation.h"
#include "process/master_internal.h"
#include "process/notify.h"
#include "process/privileges.h"
#include "process/title.h"

#define DESCRIPTORS_MIN 256
#define POLLS_MAX 1024
#define LATE_MS 500 /* that late it was stopped itself, and the workers perhaps too */
#define SAY_MS 1000
#define RETIRE_AGAIN_MS 100
#define SAME_SIGNAL_MS 250   /* timeout(1) and others signal the process, then its whole group */
#define FORCE_MS 1000        /* between the second signal and the end by force */
#define STOP_MARGIN_MS 10000 /* behind the drain deadline, for the last steps */

static const int handled[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

uint64_t master_limit(const struct generation *generation, const char *name, uint64_t fallback)
{
    char path[64];

    snprintf(path, sizeof(path), "limits.%s", name);
    return generation && generation->settings
               ? (uint64_t)settings_number(generation->settings, path, (int64_t)fallback)
               : fallback;
}

void keep_open(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFD, 0);
}

/* --- What it says of itself. */

static void count(struct master *master, unsigned *workers, unsigned *draining, uint64_t *sessions,
                  uint64_t *streams)
{
    *workers = *draining = 0;
    *sessions = *streams = 0;
    list_each(link, &master->workers)
    {
        struct worker_process *worker = list_entry(link, struct worker_process, link);

        *workers += worker->life != LIFE_DRAINING;
        *draining += worker->life == LIFE_DRAINING;
        if (worker->page >= 0) {
            const struct metrics *of = &region_page(master->region, worker->page)->metrics;

            *sessions += of->sessions_active[METRICS_SERVER];
            *streams += of->streams_active[METRICS_SERVER];
        }
    }
}

void master_say_state(struct master *master)
{
    unsigned workers, draining;
    uint64_t sessions, streams;

    count(master, &workers, &draining, &sessions, &streams);
    master->told_ms = clock_ms();
    if (master->stopping) {
        title_set("perigee: master, draining, %llu streams left", (unsigned long long)streams);
        notify_status("Draining: %llu streams of %llu sessions left in %u workers",
                      (unsigned long long)streams, (unsigned long long)sessions, draining);
        return;
    }
    title_set("perigee: master, %u workers, %s", workers, master->config);
    if (!master->started) {
        notify_status("No worker serves yet%s%s", master->last_why[0] ? ": " : "", master->last_why);
        return;
    }
    if (draining > 0)
        notify_status("%u workers, %u old ones draining; %llu sessions, %llu streams", workers,
                      draining, (unsigned long long)sessions, (unsigned long long)streams);
    else
        notify_status("%u workers; %llu sessions, %llu streams", workers,
                      (unsigned long long)sessions, (unsigned long long)streams);
}

/* --- The end. */

static void drain_all(struct master *master, uint64_t ms)
{
    list_each(link, &master->workers)
    {
        struct worker_process *worker = list_entry(link, struct worker_process, link);

        if (worker->life != LIFE_DRAINING || ms == 0)
            worker_drain(worker, ms, true);
    }
}

/* again: a second signal, by somebody who does not want to wait. */
void master_stop(struct master *master, bool again)
{
    if (!master->stopping) {
        uint64_t ms = master_limit(master->current, "drain_timeout", 30000), sessions, streams;
        unsigned workers, draining;

        master->stopping = true;
        master->stopping_ms = clock_ms();
        reload_abort(master, "the service ends");
        count(master, &workers, &draining, &sessions, &streams);
        log_line(LOG_INFO, "draining", "streams", log_number((int64_t)streams), "sessions",
                 log_number((int64_t)sessions), "drain_timeout_ms", log_number((int64_t)ms), NULL);
        region_state(master->region)->draining = 1;
        notify_stopping("Draining");
        notify_extend((ms + STOP_MARGIN_MS) * 1000); /* the unit's patience may be shorter */
        /* First nobody new, then the queues are emptied. */
        if (master->current && master->current->holds_plan)
            sockets_release_listeners(&master->sockets, &master->current->plan);
        drain_all(master, ms);
        master_say_state(master);
    } else if (again && clock_ms() - master->stopping_ms >= SAME_SIGNAL_MS) {
        log_line(LOG_WARN, "ending at once", NULL);
        drain_all(master, 0);
        list_each(link, &master->workers) list_entry(link, struct worker_process, link)->end_ms =
            clock_ms() + FORCE_MS;
    }
    if (list_is_empty(&master->workers))
        master->over = true;
}

/* --- Signals. */

static void reap(struct master *master)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != master->task.pid) {
            workers_on_exit(master, pid, status);
            continue;
        }
        task_on_exit(&master->task, status);
        if (master->phase == PHASE_CHECKING)
            upgrade_on_task(master);
        else
            reload_on_task(master);
    }
}

static void reopen_logs(struct master *master)
{
    struct failure failure;

    if (!master->current)
        return;
    if (!logs_open(master->current, &failure)) {
        log_line(LOG_ERROR, "log files not reopened", "reason", failure.text, NULL);
        return;
    }
    /* One that is about to be taken was opened before the files were moved. */
    if (master->next && !logs_open(master->next, &failure))
        log_line(LOG_ERROR, "log files not reopened", "reason", failure.text, NULL);
    logs_use(master, master->current);
    workers_send_logs(master);
    log_line(LOG_INFO, "log files reopened", NULL);
}

static void on_signal(struct master *master, int signal_number)
{
    switch (signal_number) {
    case SIGCHLD:
        reap(master);
        break;
    case SIGHUP:
        log_line(LOG_INFO, "reload asked for", "by", "SIGHUP", NULL);
        master->reload_wanted = true;
        reload_go_on(master);
        break;
    case SIGUSR1:
        reopen_logs(master);
        break;
    case SIGUSR2:
        log_line(LOG_INFO, "upgrade asked for", "by", "SIGUSR2", NULL);
        master->upgrade_wanted = true;
        reload_go_on(master);
        break;
    case SIGINT:
    case SIGTERM:
        master_stop(master, true);
        break;
    }
}

static void take_signals(struct master *master)
{
    struct signalfd_siginfo info;

    while (read(master->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        on_signal(master, (int)info.ssi_signo);
}

/* --- The loop. */

static void dispatch(struct master *master, struct pollfd *polls, void **owners, unsigned count,
                     unsigned workers)
{
    if (polls[0].revents)
        take_signals(master);
    if (polls[1].revents)
        task_read(&master->task);
    for (unsigned i = 2; i < workers; i++) {
        /* One that is gone by now took its descriptor along. */
        bool lives = false;

        list_each(link, &master->workers) lives = lives || link == owners[i];
        if (polls[i].revents && lives)
            workers_on_message(master,
                               list_entry((struct list *)owners[i], struct worker_process, link));
    }
    for (unsigned i = workers; i < count; i++)
        if (polls[i].revents)
            control_on_ready(master, owners[i], polls[i].revents);
}

/* The sockets of slots that went away were accepted empty: they are closed. */
static void retire_slots(struct master *master)
{
    unsigned first = master->current->slots + 1;

    master->retire_ms = 0;
    if (master->next || master->replacing) {
        /* A reload is under way, which may want them. */
        master->retire_ms = clock_ms() + RETIRE_AGAIN_MS;
        return;
    }
    list_each(link, &master->workers)
    {
        struct worker_process *worker = list_entry(link, struct worker_process, link);

        for (unsigned i = first; i <= sockets_slots(&master->sockets); i++)
            if (worker->control >= 0)
                message_send(worker->control, MESSAGE_UNCOVER, i, 1, NULL);
    }
    for (unsigned i = first; i <= SLOTS_MAX; i++)
        memset(&master->slots[i], 0, sizeof(master->slots[i]));
    sockets_trim(&master->sockets, master->current->slots);
    /* They stay steered away from: a worker may be busy and let go of its copies later. */
}

static uint64_t tick(struct master *master)
{
    uint64_t now = clock_ms(), next = workers_tick(master, now);

    next = sooner(next, control_tick(master, now));
    task_tick(&master->task, now);
    next = sooner(next, master->task.due_ms);
    if (master->stopping)
        master->retire_ms = 0;
    if (master->retire_ms && now >= master->retire_ms)
        retire_slots(master);
    next = sooner(next, master->retire_ms);
    if (now - master->told_ms >=
        (master->watchdog_ms && master->watchdog_ms < SAY_MS ? master->watchdog_ms : SAY_MS)) {
        if (master->watchdog_ms)
            notify_watchdog();
        master_say_state(master);
    }
    next = sooner(next, master->told_ms + SAY_MS);
    if (master->watchdog_ms)
        next = sooner(next, master->told_ms + master->watchdog_ms);
    return next;
}

static void loop(struct master *master)
{
    static struct pollfd polls[POLLS_MAX];
    static void *owners[POLLS_MAX];

    while (!master->over) {
        uint64_t next = tick(master), now = clock_ms();
        unsigned count = 2, workers;

        if (master->over)
            break;
        polls[0] = (struct pollfd){.fd = master->signals, .events = POLLIN};
        polls[1] = (struct pollfd){.fd = master->task.output, .events = POLLIN};
        list_each(link, &master->workers)
        {
            struct worker_process *worker = list_entry(link, struct worker_process, link);

            if (worker->control < 0 || count == POLLS_MAX)
                continue;
            owners[count] = link;
            polls[count++] = (struct pollfd){.fd = worker->control, .events = POLLIN};
        }
        workers = count;
        count += control_poll(master, polls + count, owners + count, POLLS_MAX - count);
        if (poll(polls, count, next == 0 ? -1 : next <= now ? 0 : (int)(next - now)) > 0)
            dispatch(master, polls, owners, count, workers);
        if (next != 0 && clock_ms() > (next > now ? next : now) + LATE_MS)
            master->resumed_ms = clock_ms();
    }
}

/* --- The beginning. */

static bool find_paths(struct master *master, struct failure *failure)
{
    const char *given =
        master->arguments->config ? master->arguments->config : ARGUMENTS_CONFIG_DEFAULT;
    ssize_t length = readlink("/proc/self/exe", master->binary, sizeof(master->binary) - 1);
    static const char gone[] = " (deleted)";

    if (length < 0) {
        failure_errno(failure, errno, "cannot read /proc/self/exe (is /proc mounted?)");
        return false;
    }
    master->binary[length] = '\0';
    /* Replaced meanwhile: what is there now is what an upgrade goes on as. */
    if ((size_t)length > strlen(gone) && strcmp(master->binary + length - strlen(gone), gone) == 0)
        master->binary[(size_t)length - strlen(gone)] = '\0';
    if (!realpath(given, master->config)) {
        failure_errno(failure, errno, "cannot read the configuration %s", given);
        return false;
    }
    return true;
}

static bool check_descriptors(struct failure *failure)
{
    struct rlimit limit;

    privileges_raise_descriptors();
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= DESCRIPTORS_MIN)
        return true;
    failure_set(failure, ERR_INVALID, "EMFILE",
                "the descriptor limit is %llu; at least %d are needed (ulimit -n, LimitNOFILE=)",
                (unsigned long long)limit.rlim_cur, DESCRIPTORS_MIN);
    return false;
}

static bool open_signals(struct master *master, struct failure *failure)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++) {
        signal(handled[i], SIG_DFL); /* one that is ignored (nohup) never reaches a signalfd */
        sigaddset(&set, handled[i]);
    }
    sigprocmask(SIG_SETMASK, &set, NULL);
    master->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (master->signals >= 0)
        return true;
    failure_errno(failure, errno, "cannot wait for signals");
    return false;
}

/* Descriptors 0 to 2 are there, whatever the caller left open. */
static void open_standard_descriptors(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_WRONLY : O_RDONLY) != fd)
            return;
}

static bool make_region(struct master *master, struct failure *failure)
{
    struct service_state *state;

    if (region_create(&master->region, &master->region_fd)) {
        failure_errno(failure, errno, "no shared memory for the workers");
        return false;
    }
    state = region_state(master->region);
    state->started_ms = clock_ms();
    state->started_s = (uint64_t)time(NULL);
    return true;
}

static void init(struct master *master, const struct arguments *arguments, char **argv)
{
    memset(master, 0, sizeof(*master));
    master->arguments = arguments;
    master->argv = argv;
    master->signals = master->region_fd = master->pid_fd = -1;
    master->control[0] = master->control[1] = -1;
    master->task.output = master->task.document = -1;
    sockets_init(&master->sockets);
    list_init(&master->workers);
    list_init(&master->clients);
    master->watchdog_ms = notify_watchdog_us() / 2000;
}

static void finish(struct master *master)
{
    task_clear(&master->task);
    control_answer(master, REQUEST_STOP, true, "");
    control_answer(master, REQUEST_RELOAD, false, "the service has ended");
    control_close(master);
    generation_drop(master, master->current);
    sockets_close(&master->sockets);
    region_free(&master->region);
    if (master->pid_file[0])
        unlink(master->pid_file);
    if (master->pid_fd >= 0)
        close(master->pid_fd);
}

int master_main(const struct arguments *arguments, char **argv)
{
    static struct master master;
    const char *upgrade = getenv("PERIGEE_UPGRADE");
    struct failure failure = {.err = OK};
    bool ready = true;

    init(&master, arguments, argv);
    open_standard_descriptors();
    log_never_wait();
    ready = find_paths(&master, &failure) && check_descriptors(&failure) &&
            open_signals(&master, &failure);
    if (ready && upgrade)
        ready = upgrade_adopt(&master, upgrade);
    if (ready && !master.region && !make_region(&master, &failure))
        ready = false;
    if (ready && !master.current && sockets_take_activated(&master.sockets, &failure))
        ready = false;
    if (!ready) {
        fprintf(stderr, "perigee: %s\n", failure.text);
        return 1;
    }
    privileges_hide_memory();
    reap(&master); /* who ended between the two programs of an upgrade */
    reload_start(&master);
    loop(&master);
    finish(&master);
    if (master.status == 0)
        log_line(LOG_INFO, "ended", NULL);
    return master.status;
}
