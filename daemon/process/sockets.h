/* sockets: what the service listens on. Per TCP listener one SO_REUSEPORT socket for each worker slot, per UNIX
 * socket, and per socket that the service manager handed over, one for all. The master keeps them open over restarts,
 * reloads and upgrades, so that a connection that waits in a queue outlives every worker. */
#ifndef PROCESS_SOCKETS_H
#define PROCESS_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/list.h"
#include "config/settings.h"
#include "net/bound_socket.h"

#define SLOTS_MAX 128 /* as many as the setting `workers` takes */
#define LISTENERS_MAX 64

/* One listener's sockets. */
struct socket_group {
    struct list link;
    char key[160]; /* what the configuration asks for, normalised: "[::1]:443", "unix:/run/x" */
    struct address address; /* as bound: port 0 is resolved */
    bool shared;            /* one socket for all slots */
    bool from_manager;      /* handed over by the service manager: not ours to unlink */
    bool reported;          /* its address is in the log */
    unsigned uses;          /* plans that hold it */
    unsigned count;         /* of sockets */
    struct bound_socket sockets[SLOTS_MAX];
};

struct sockets {
    struct list groups;
};

/* What one configuration listens on. */
struct socket_plan {
    unsigned count;
    struct socket_group *listeners[LISTENERS_MAX]; /* in the order of the settings */
    struct socket_group *admin;                    /* NULL: none */
};

void sockets_init(struct sockets *sockets);

/* Sockets from the service manager ($LISTEN_FDS) join the pool. Err: ERR_INVALID for one that does not listen. */
enum err sockets_take_activated(struct sockets *sockets, struct failure *failure);

/* Finds or binds all that the settings ask for, for that many slots. Sockets that are there stay as they are; nothing
 * that is added gets connections before sockets_steer(). plan: holds the groups until sockets_release().
 * Err: ERR_IO, ERR_INVALID with the address in words; then nothing was added. */
enum err sockets_prepare(struct sockets *sockets, const struct settings *settings, unsigned slots,
                         struct socket_plan *plan, struct failure *failure);
void sockets_release(struct sockets *sockets, struct socket_plan *plan);

/* For the end of the service: the listeners only, so that who comes later is refused at once; the admin listener and
 * what the service manager has stay. */
void sockets_release_listeners(struct sockets *sockets, struct socket_plan *plan);

/* Says in the log which sockets of the service manager no listener asks for: who connects there waits for ever. */
void sockets_report_idle(struct sockets *sockets);

/* Closes groups that no plan holds (of an upgrade). */
void sockets_drop_unused(struct sockets *sockets);

/* New TCP connections go to the first `slots` sockets of each group only (Linux 4.5; where the kernel does not, they
 * go to all). 0: to all. */
void sockets_steer(struct sockets *sockets, unsigned slots);

/* Closes what lies above that many slots. */
void sockets_trim(struct sockets *sockets, unsigned slots);

/* The most slots that any group has a socket for. */
unsigned sockets_slots(const struct sockets *sockets);

/* "9,10|11,12|13 shared=001 admin=14": for a worker (PERIGEE_WORKER). */
void socket_plan_text(const struct socket_plan *plan, char *out, size_t cap);

/* Calls with each descriptor that is open: to hand them to a program that is about to be executed. */
void sockets_each(const struct sockets *sockets, void (*fn)(int fd));

/* For an upgrade: all groups as one text without spaces, and back. Err: ERR_INVALID. */
void sockets_save(const struct sockets *sockets, char *out, size_t cap);
enum err sockets_restore(struct sockets *sockets, const char *text);

/* Closes all; unlinks the UNIX sockets that were made here. */
void sockets_close(struct sockets *sockets);

#endif
