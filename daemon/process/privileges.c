/* privileges: from root to nobody in particular, with no way back. */
#include "process/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "process/seccomp.h"

#define ENTRY_BYTES (64u * 1024) /* one entry of the user or group data base */
#define ENTRY_MAX (1024u * 1024) /* a group may have very many members */
#define CAPABILITY_MAX 63        /* two words of 32 */

struct identity {
    uid_t uid;
    gid_t gid;
    char name[256]; /* for initgroups(); "": a number without an entry, no further groups */
};

/* "123" as an id. (id_t)-1 means "leave it" to the system calls and is none. */
static bool number_of(const char *text, id_t *out)
{
    unsigned long value;
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno || *end || value >= UINT32_MAX)
        return false;
    *out = (id_t)value;
    return true;
}

/* Looks a user up by name, else by id. One of the two reentrant calls with a buffer that grows. */
static enum err find_user(const char *name, uid_t uid, struct identity *out, bool *found)
{
    struct passwd entry, *result = NULL;
    size_t size = ENTRY_BYTES;
    char *buffer = mem_alloc(size);
    int status = ERANGE;

    *found = false;
    while (buffer && status == ERANGE && size <= ENTRY_MAX) {
        status = name ? getpwnam_r(name, &entry, buffer, size, &result)
                      : getpwuid_r(uid, &entry, buffer, size, &result);
        if (status == ERANGE) {
            mem_free(buffer);
            size *= 2;
            buffer = mem_alloc(size);
        }
    }
    if (result) {
        out->uid = result->pw_uid;
        out->gid = result->pw_gid;
        snprintf(out->name, sizeof(out->name), "%s", result->pw_name);
        *found = true;
    }
    mem_free(buffer);
    return buffer ? OK : ERR_NOMEM;
}

static enum err find_group(const char *name, gid_t *out, bool *found)
{
    struct group entry, *result = NULL;
    size_t size = ENTRY_BYTES;
    char *buffer = mem_alloc(size);
    int status = ERANGE;

    *found = false;
    while (buffer && status == ERANGE && size <= ENTRY_MAX) {
        status = getgrnam_r(name, &entry, buffer, size, &result);
        if (status == ERANGE) {
            mem_free(buffer);
            size *= 2;
            buffer = mem_alloc(size);
        }
    }
    if (result) {
        *out = result->gr_gid;
        *found = true;
    }
    mem_free(buffer);
    return buffer ? OK : ERR_NOMEM;
}

static enum err out_of_memory(struct failure *failure)
{
    return failure_set(failure, ERR_NOMEM, "ENOMEM", "out of memory");
}

/* Who a worker will be. */
static enum err resolve(const struct privileges *wish, struct identity *out, struct failure *failure)
{
    bool found = false;
    id_t number;

    memset(out, 0, sizeof(*out));
    out->uid = geteuid();
    out->gid = getegid();
    if (wish->user) {
        if (find_user(wish->user, 0, out, &found))
            return out_of_memory(failure);
        if (!found && number_of(wish->user, &number)) {
            if (find_user(NULL, number, out, &found))
                return out_of_memory(failure);
            out->uid = number;
            if (!found && !wish->group)
                return failure_set(failure, ERR_INVALID, "EPERM",
                                   "user %s has no entry, so that its group is not known; name a "
                                   "group too",
                                   wish->user);
            found = true;
        }
        if (!found)
            return failure_set(failure, ERR_INVALID, "EPERM",
                               "there is no user \"%.200s\"; create it or change `user` in the "
                               "configuration",
                               wish->user);
    }
    if (wish->group) {
        if (find_group(wish->group, &out->gid, &found))
            return out_of_memory(failure);
        if (!found && number_of(wish->group, &number)) {
            out->gid = number;
            found = true;
        }
        if (!found)
            return failure_set(failure, ERR_INVALID, "EPERM",
                               "there is no group \"%.200s\"; create it or change `group` in the "
                               "configuration",
                               wish->group);
    }
    return OK;
}

static enum err check(const struct privileges *wish, struct identity *identity,
                      struct failure *failure)
{
    bool is_root = geteuid() == 0;
    enum err err = resolve(wish, identity, failure);

    if (err)
        return err;
    if (identity->uid == 0 && !wish->allow_root && !wish->user && is_root) /* `user` named: told */
        return failure_set(
            failure, ERR_INVALID, "EPERM",
            "scripts would run as root: set user = \"perigee\" (or another one that "
            "is not root) in the configuration, start perigee as such a user, or, when "
            "scripts must be root, set user = \"root\" or, for a trial, PERIGEE_ALLOW_ROOT=1 in "
            "the environment");
    if (!is_root && (identity->uid != geteuid() || identity->gid != getegid()))
        return failure_set(failure, ERR_INVALID, "EPERM",
                           "cannot become user \"%s\"%s%s%s: only root can; start perigee as root or "
                           "as that user, or leave `user` and `group` out",
                           wish->user ? wish->user : "(as now)", wish->group ? ", group \"" : "",
                           wish->group ? wish->group : "", wish->group ? "\"" : "");
    return OK;
}

struct privileges privileges_of(const struct settings *settings)
{
    return (struct privileges){
        .user = settings_text(settings, "user"),
        .group = settings_text(settings, "group"),
        .allow_root =
            settings_flag(settings, "security.root", false) || getenv("PERIGEE_ALLOW_ROOT"),
        .no_processes = !settings_flag(settings, "security.processes", true),
        .set_umask = settings_number(settings, "umask", -1) >= 0,
        .umask = (mode_t)settings_number(settings, "umask", 0),
    };
}

enum err privileges_check(const struct privileges *wish, struct failure *failure)
{
    struct identity identity;

    return check(wish, &identity, failure);
}

enum err privileges_ids(const struct privileges *wish, uid_t *uid, gid_t *gid,
                        struct failure *failure)
{
    struct identity identity;
    enum err err = check(wish, &identity, failure);

    *uid = identity.uid;
    *gid = identity.gid;
    return err;
}

/* --- the drop */

/* What a program that is executed later could get back. Without CAP_SETPCAP (a unit may have taken it) the
 * bounding set stays; no_new_privs keeps its promise alone then. */
static void empty_bounding_set(void)
{
    for (int capability = 0; capability <= CAPABILITY_MAX; capability++)
        if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1)
            prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static bool has_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct has[2];

    return syscall(SYS_capget, &header, has) || has[0].permitted || has[0].effective ||
           has[0].inheritable || has[1].permitted || has[1].effective || has[1].inheritable;
}

static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2];

    if (!has_capabilities()) /* a unit's system call filter may refuse to be asked for nothing */
        return true;
    memset(none, 0, sizeof(none));
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, none) == 0;
}

/* Nothing of root is left, and nothing of it comes back when asked for. */
static bool is_dropped(const struct identity *identity)
{
    uid_t real, effective, saved;
    gid_t group, effective_group, saved_group;

    if (getresuid(&real, &effective, &saved) || getresgid(&group, &effective_group, &saved_group))
        return false;
    return real == identity->uid && effective == real && saved == real && group == identity->gid &&
           effective_group == group && saved_group == group && !has_capabilities() && setuid(0);
}

static enum err set_groups(const struct identity *identity, struct failure *failure)
{
    if (identity->name[0] ? initgroups(identity->name, identity->gid) : setgroups(1, &identity->gid))
        return failure_errno(failure, errno, "cannot set the groups of user %u", identity->uid);
    if (setresgid(identity->gid, identity->gid, identity->gid))
        return failure_errno(failure, errno, "cannot become group %u", identity->gid);
    return OK;
}

static enum err become(const struct identity *identity, struct failure *failure)
{
    enum err err;

    empty_bounding_set();
    err = set_groups(identity, failure);
    if (err)
        return err;
    if (setresuid(identity->uid, identity->uid, identity->uid))
        return failure_errno(failure, errno, "cannot become user %u", identity->uid);
    if (!drop_capabilities())
        return failure_errno(failure, errno, "cannot give capabilities up");
    if (!is_dropped(identity))
        return failure_set(failure, ERR_STATE, "EPERM",
                           "root's privileges could not be given up for good");
    return OK;
}

enum err privileges_drop(const struct privileges *wish, struct failure *failure)
{
    struct identity identity;
    enum err err = check(wish, &identity, failure);

    if (err)
        return err;
    if (wish->set_umask)
        umask(wish->umask);
    if (geteuid() == 0 && identity.uid != 0) {
        err = become(&identity, failure);
    } else if (geteuid() == 0) {
        if (identity.gid != getegid())
            err = set_groups(&identity, failure);
    } else if (!drop_capabilities()) { /* a unit's AmbientCapabilities= */
        err = failure_errno(failure, errno, "cannot give capabilities up");
    }
    if (err)
        return err;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return failure_errno(failure, errno, "cannot set no_new_privs");
    privileges_hide_memory();
    return seccomp_start(wish->no_processes, failure);
}

void privileges_hide_memory(void)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void privileges_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        log_line(LOG_WARN, "the limit of descriptors cannot be raised", "error", errno_name(errno),
                 NULL);
}
