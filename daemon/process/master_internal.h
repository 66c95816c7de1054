/* master_internal: what the master's files share. One process, one thread, no Lua, no byte from the network:
 *   master.c          start, signals, the loop, the end
 *   master_workers.c  worker processes: start, messages, end and restart, cover, watchdog
 *   master_reload.c   a new configuration: checked, tried, taken or dropped
 *   master_upgrade.c  going on as another binary
 *   master_control.c  the control socket */
#ifndef PROCESS_MASTER_INTERNAL_H
#define PROCESS_MASTER_INTERNAL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "config/settings.h"
#include "metrics/region.h"
#include "process/arguments.h"
#include "process/messages.h"
#include "process/sockets.h"
#include "process/task.h"

/* One configuration with what belongs to it; lives as long as a worker of it. */
struct generation {
    unsigned number, slots, uses;
    struct settings *settings;
    int document;            /* memfd of the settings, as workers read it */
    int log, access_log;     /* descriptors; -1: standard error, off */
    uint64_t ticket_keys_ms; /* since when its ticket keys are used */
    struct socket_plan plan;
    bool holds_plan;
};

enum life {
    LIFE_STARTING,
    LIFE_READY,
    LIFE_DRAINING, /* told to, or of its own will */
};

struct worker_process {
    struct list link;
    struct generation *generation;
    enum life life;
    pid_t pid;
    uint32_t slot;
    int page;    /* of the region; -1: none */
    int control; /* our end of the pair; -1: the worker closed it */
    uint64_t started_ms;
    uint64_t end_ms;   /* killed then: start_timeout, or the drain deadline and a grace; 0: not */
    uint64_t asked_ms; /* watchdog: since when it was asked where it stands; 0: it beats */
    bool drains;       /* it said so */
    bool killed;       /* by us; kill_reason says why */
    const char *kill_reason;
    char why[MESSAGE_TEXT_BYTES]; /* MESSAGE_FAILED */
};

/* The place of one worker of the current generation. */
struct slot {
    struct worker_process *worker;
    uint64_t restart_ms;          /* when an empty slot is filled; 0: not planned */
    uint64_t empty_ms;            /* since when nobody accepts from its sockets; 0: somebody does */
    struct worker_process *cover; /* who was told to accept from them meanwhile */
    unsigned failures;            /* lives under RESTART_CALM_MS, in a row */
    bool settled;                 /* its first worker of this generation became ready, or failed */
};

enum phase {
    PHASE_IDLE,
    PHASE_CONFIGURING, /* the configuration is read and checked by a process of its own */
    PHASE_TRYING,      /* the first new worker runs the script */
    PHASE_STARTING,    /* the others follow; then the old ones drain */
    PHASE_CHECKING,    /* upgrade: the new binary checks the configuration */
};

enum request { REQUEST_NONE, REQUEST_RELOAD, REQUEST_STOP };

struct client; /* of the control socket */

struct master {
    const struct arguments *arguments;
    char **argv;
    char config[4096]; /* absolute path */
    char binary[4096]; /* the file this program was started from */
    int signals;       /* signalfd */
    int region_fd;
    struct region *region;
    struct sockets sockets;
    struct list workers;              /* all that live */
    struct slot slots[SLOTS_MAX + 1]; /* from 1 */
    struct generation *current, *next;
    unsigned generations, reloads_begun;
    struct task task;
    enum phase phase;
    bool started;   /* the service manager heard READY */
    bool replacing; /* workers of an older generation are to drain when a new one serves */
    bool stopping;
    uint64_t stopping_ms;              /* since when */
    char last_why[MESSAGE_TEXT_BYTES]; /* of a worker that did not become ready */
    bool reload_wanted, upgrade_wanted;
    uint64_t retire_ms; /* when the sockets of slots that went away are closed; 0: none */
    uint64_t told_ms;   /* last STATUS, WATCHDOG */
    uint64_t watchdog_ms;
    uint64_t resumed_ms; /* when it was last found to have been stopped (SIGSTOP, a frozen machine); 0: never */
    int control[2];            /* listening: by path, by configuration; -1: none */
    uint64_t control_pause_ms; /* no descriptors: nobody is accepted until then; 0: all is well */
    char control_path[108], pid_file[4096];
    dev_t control_device; /* of the socket at control_path: another one there is not ours to unlink */
    ino_t control_inode;
    int pid_fd; /* locked while we run; -1: none */
    struct list clients;
    int status;
    bool over;
};

/* The earlier of two moments; 0 is none. */
static inline uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* --- master.c */
void master_say_state(struct master *master); /* STATUS and the title */
void master_stop(struct master *master, bool again);
void keep_open(int fd); /* over the next exec; -1 is fine */
uint64_t master_limit(const struct generation *generation, const char *name, uint64_t fallback);

/* --- master_workers.c */
/* Err: ERR_IO, ERR_FULL with the reason in words. */
enum err worker_spawn(struct master *master, struct generation *generation, uint32_t slot,
                      struct failure *failure);
void worker_drain(struct worker_process *worker, uint64_t ms, bool service_ends);
void workers_on_exit(struct master *master, pid_t pid, int status);
void workers_on_message(struct master *master, struct worker_process *worker);
uint64_t workers_tick(struct master *master, uint64_t now_ms); /* when it wants to be called again */
void workers_send_logs(struct master *master);
struct worker_process *worker_adopt(struct master *master, struct generation *generation, pid_t pid,
                                    uint32_t slot, int page, int control, enum life life);
void generation_drop(struct master *master, struct generation *generation);

/* --- master_reload.c */
void reload_start(struct master *master);
void reload_on_task(struct master *master); /* its process has ended */
void reload_on_worker_ready(struct master *master, struct worker_process *worker);
void reload_on_worker_gone(struct master *master, struct worker_process *worker, const char *why);
void reload_go_on(struct master *master); /* when what was waited for may be there */
void reload_abort(struct master *master, const char *why);
/* Opens the files that its settings name, anew; on failure the former stay. */
bool logs_open(struct generation *generation, struct failure *failure);
void logs_close(struct generation *generation);
/* The master's own lines go there, in the settings' level and format, unless the command line said others. */
void logs_use(const struct master *master, const struct generation *generation);

/* --- master_upgrade.c */
void upgrade_start(struct master *master);
void upgrade_on_task(struct master *master);
bool upgrade_adopt(struct master *master,
                   const char *text); /* of PERIGEE_UPGRADE; false: not ours */

/* --- master_control.c */
enum err control_open(struct master *master, const struct settings *settings,
                      struct failure *failure);
void control_restore(struct master *master); /* control[] came from the binary before this one */
void control_close(struct master *master);
unsigned control_poll(struct master *master, struct pollfd *polls, void **owners, unsigned room);
void control_on_ready(struct master *master, void *owner, short events);
uint64_t control_tick(struct master *master, uint64_t now_ms);
/* Answers all who asked for that. */
void control_answer(struct master *master, enum request request, bool ok, const char *text);
bool control_answers(const char *path, pid_t *pid); /* is somebody there? */

#endif
