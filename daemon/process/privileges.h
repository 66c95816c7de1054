/* privileges: what a process that runs scripts may do. The master may be root (it binds ports, reads keys,
 * opens logs); workers never are, unless the configuration says so.
 *
 * A drop, in this order: umask; when root: the capability bounding set, groups, group, user, all
 * capability sets; then no_new_privs, not dumpable (no core file with keys in it, no ptrace by others of
 * the same user), and the system call filter of process/seccomp.h, for all threads. */
#ifndef PROCESS_PRIVILEGES_H
#define PROCESS_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "config/settings.h"

struct privileges {
    const char *user;  /* name or number; NULL: stay who we are */
    const char *group; /* name or number; NULL: the user's own group */
    bool allow_root;   /* security.root: scripts may run as root */
    bool no_processes; /* security.processes = false: no execve, no fork */
    bool set_umask;
    mode_t umask;
};

/* What the settings ask for; the texts are theirs. PERIGEE_ALLOW_ROOT in the environment is being told, too. */
struct privileges privileges_of(const struct settings *settings);

/* Can a worker become what is asked for? For the master, at start and reload. Changes nothing.
 * Err: ERR_INVALID with a sentence that says what to do: no such user or group, scripts would run as
 * root, another user is asked for without being root. */
enum err privileges_check(const struct privileges *, struct failure *);

/* Becomes it, for good, and makes sure: afterwards there is no way back. Before any other thread is there
 * and before scripts. With allow_root and no user, root keeps its identity and capabilities; the rest is
 * done too. As somebody else than root: no_new_privs and what follows it.
 * Err: as above, ERR_IO when the system refuses; the process must then end. */
enum err privileges_drop(const struct privileges *, struct failure *);

/* RLIMIT_NOFILE: the soft limit becomes the hard one. */
void privileges_raise_descriptors(void);

/* The ids that the drop ends with (for files that workers open by themselves: chown). Without a user and
 * group: those of this process. Err: as privileges_check(). */
enum err privileges_ids(const struct privileges *, uid_t *uid, gid_t *gid, struct failure *);

/* The master holds keys: no core file, and its memory is closed to others of its user. */
void privileges_hide_memory(void);

#endif
