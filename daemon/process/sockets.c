/* sockets: binds, keeps and hands over what the service listens on. */
#include "process/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "process/activation.h"
#include "process/control.h"
#include "process/privileges.h"

#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68
#endif

/* What a listener of the settings asks for. */
struct wanted {
    char key[160];
    const char *host, *unix_path;
    uint16_t port;
    bool shared;
    int backlog;
    bool ipv6_only;
    int64_t mode; /* of a UNIX socket; -1: as umask says */
};

void sockets_init(struct sockets *sockets)
{
    list_init(&sockets->groups);
}

static struct socket_group *add_group(struct sockets *sockets, const char *key)
{
    struct socket_group *group = mem_zalloc(sizeof(*group));

    if (!group)
        return NULL;
    snprintf(group->key, sizeof(group->key), "%s", key);
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        group->sockets[i].fd = -1;
    list_append(&sockets->groups, &group->link);
    return group;
}

/* Who comes from now on is not let in: the packet that opens a connection (SYN without ACK, RFC 9293 3.1: byte 13) is
 * dropped, so that workers can accept all that waits and close, and nobody is let in and then reset. Who asked meanwhile
 * asks again and is refused. */
static void refuse_new(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),          BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)))
        log_line(LOG_DEBUG, "connections that come late are reset", "reason", errno_name(errno),
                 NULL);
}

static void drop_group(struct socket_group *group)
{
    /* The manager's socket stays open there: who comes now waits for the next service. */
    bool goes_away = !group->from_manager && group->address.any.sa_family != AF_UNIX;

    list_remove(&group->link);
    for (unsigned i = 0; i < group->count && goes_away; i++)
        refuse_new(group->sockets[i].fd);
    for (unsigned i = group->count; i-- > 0;) /* the last first: see sockets_steer() */
        bound_socket_close(&group->sockets[i], false);
    mem_free(group);
}

static struct socket_group *find_group(struct sockets *sockets, const char *key)
{
    list_each(link, &sockets->groups)
    {
        struct socket_group *group = list_entry(link, struct socket_group, link);

        if (strcmp(group->key, key) == 0)
            return group;
    }
    return NULL;
}

/* A TCP listener without a host is "[::]:PORT", as the kernel says of its socket. */
static void key_of(const char *host, uint16_t port, const char *path, char out[160])
{
    if (path)
        snprintf(out, 160, "unix:%s", path);
    else if (!host || !*host)
        snprintf(out, 160, "[::]:%u", port);
    else
        snprintf(out, 160, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

enum err sockets_take_activated(struct sockets *sockets, struct failure *failure)
{
    unsigned count = activation_count();

    for (unsigned i = 0; i < count; i++) {
        struct listener_options options = {.fd = -1};
        char text[ADDRESS_TEXT_BYTES];
        struct socket_group *group;
        struct address address;
        enum err err = activation_take(i, &options.fd, &address);

        if (err)
            return failure_set(failure, err, "ERR_ACTIVATION",
                               "descriptor %d from the service manager is no listening socket "
                               "(expected ListenStream=)",
                               3 + (int)i);
        address_text(&address, text);
        if (find_group(sockets, text)) {
            log_line(LOG_WARN, "a second socket from the service manager for the same address",
                     "address", text, NULL);
            close(options.fd);
            continue;
        }
        group = add_group(sockets, text);
        if (!group)
            return failure_set(failure, ERR_NOMEM, "ENOMEM", "out of memory");
        group->shared = group->from_manager = true;
        group->uses = 1; /* the manager's: kept though no configuration asks for it now */
        err = bound_socket_open(&options, &group->sockets[0], failure);
        if (err)
            return err;
        group->address = group->sockets[0].address;
        group->count = 1;
    }
    return OK;
}

/* --- Binding. */

/* A port that somebody else has is an error, though SO_REUSEPORT would let us in. */
static enum err probe(const struct listener_options *options, struct failure *failure)
{
    struct listener_options alone = *options;
    struct bound_socket bound;
    enum err err;

    alone.reuse_port = false;
    err = bound_socket_open(&alone, &bound, failure);
    bound_socket_close(&bound, false);
    return err;
}

/* The service's own user and group may use it, though root bound it. Where the folder is that user's, the name may be
 * another file's by now, or a link: what is changed is the socket that was bound, or nothing. */
static void set_owner(const struct settings *settings, const struct bound_socket *bound,
                      int64_t mode)
{
    struct privileges privileges = {.user = settings_text(settings, "user"),
                                    .group = settings_text(settings, "group")};
    bool gives = geteuid() == 0 && (privileges.user || privileges.group), done = true;
    struct failure failure;
    struct stat file;
    char itself[32];
    uid_t uid;
    gid_t gid;
    int fd;

    if (!bound->path || (mode < 0 && !gives))
        return;
    fd = open(bound->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) || !S_ISSOCK(file.st_mode) || file.st_uid != geteuid() ||
        file.st_dev != bound->device || file.st_ino != bound->inode)
        done = false;
    snprintf(itself, sizeof(itself), "/proc/self/fd/%d", fd);
    if (done && mode >= 0)
        done = chmod(itself, (mode_t)mode) == 0;
    if (done && gives)
        done = privileges_ids(&privileges, &uid, &gid, &failure) == OK &&
               fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0;
    if (fd >= 0)
        close(fd);
    if (!done)
        log_line(LOG_WARN, "owner and mode of a socket not changed", "path", bound->path, NULL);
}

static enum err bind_one(struct socket_group *group, const struct wanted *wanted,
                         const struct settings *settings, struct failure *failure)
{
    struct listener_options options = {
        .fd = -1,
        .host = wanted->host,
        .port = wanted->port,
        .path = wanted->unix_path,
        .backlog = wanted->backlog,
        .ipv6_only = wanted->ipv6_only,
        .reuse_port = !group->shared,
    };
    struct bound_socket *bound = &group->sockets[group->count];
    enum err err = OK;

    if (group->count > 0)
        options.port = address_port(&group->address); /* port 0: the first one found it */
    else if (options.reuse_port)
        err = probe(&options, failure);
    if (err)
        return err;
    err = bound_socket_open(&options, bound, failure);
    if (err) {
        bound_socket_close(bound, false);
        return err;
    }
    if (group->count++ == 0)
        group->address = bound->address;
    set_owner(settings, bound, wanted->mode);
    return OK;
}

static const char *below(const char *folder, const char *name, char out[64])
{
    snprintf(out, 64, "%s.%s", folder, name);
    return out;
}

static void read_wanted(const struct settings *settings, const char *folder, bool admin,
                        struct wanted *out)
{
    char path[64];

    memset(out, 0, sizeof(*out));
    out->host = settings_text(settings, below(folder, "host", path));
    out->unix_path = settings_text(settings, below(folder, "path", path));
    out->port = (uint16_t)settings_number(settings, below(folder, "port", path), 0);
    out->backlog = (int)settings_number(settings, below(folder, "backlog", path), 0);
    out->ipv6_only = settings_flag(settings, below(folder, "ipv6_only", path), false);
    out->mode = settings_number(settings, below(folder, "mode", path), -1);
    out->shared = admin || out->unix_path;
    key_of(out->host, out->port, out->unix_path, out->key);
}

/* Without a host: what the service manager bound on IPv4 only is as good. */
static struct socket_group *find_wanted(struct sockets *sockets, const struct wanted *wanted)
{
    struct socket_group *group = find_group(sockets, wanted->key);
    char key[160];

    if (group || wanted->unix_path || (wanted->host && *wanted->host))
        return group;
    key_of("0.0.0.0", wanted->port, NULL, key);
    group = find_group(sockets, key);
    return group && group->from_manager ? group : NULL;
}

static enum err prepare_one(struct sockets *sockets, const struct settings *settings,
                            const struct wanted *wanted, unsigned slots, struct socket_group **out,
                            struct failure *failure)
{
    struct socket_group *group = find_wanted(sockets, wanted);
    unsigned had;
    enum err err = OK;

    *out = NULL;
    if (!group) {
        group = add_group(sockets, wanted->key);
        if (!group)
            return failure_set(failure, ERR_NOMEM, "ENOMEM", "out of memory");
        group->shared = wanted->shared;
    }
    had = group->count;
    while (!err && group->count < (group->shared ? 1 : slots))
        err = bind_one(group, wanted, settings, failure);
    if (err) {
        while (group->count > had)
            bound_socket_close(&group->sockets[--group->count], false);
        if (group->uses == 0)
            drop_group(group);
        return err;
    }
    group->uses++;
    *out = group;
    return OK;
}

/* Beside the control socket: another service of this user may have it. */
static bool is_default_admin(const struct wanted *wanted)
{
    char usual[108];

    control_default_path(usual);
    snprintf(strrchr(usual, '/'), sizeof("/admin.sock"), "/admin.sock");
    return wanted->unix_path && strcmp(wanted->unix_path, usual) == 0;
}

enum err sockets_prepare(struct sockets *sockets, const struct settings *settings, unsigned slots,
                         struct socket_plan *plan, struct failure *failure)
{
    unsigned count = settings_count(settings, "listen");
    struct wanted wanted;
    enum err err = OK;

    memset(plan, 0, sizeof(*plan));
    if (count > LISTENERS_MAX)
        return failure_set(failure, ERR_INVALID, "ERR_LISTEN", "more than %d listeners",
                           LISTENERS_MAX);
    for (unsigned i = 0; i < count && !err; i++) {
        char folder[32];

        snprintf(folder, sizeof(folder), "listen.%u", i + 1);
        read_wanted(settings, folder, false, &wanted);
        err = prepare_one(sockets, settings, &wanted, slots, &plan->listeners[i], failure);
        if (!err)
            plan->count++;
    }
    if (!err && settings_text(settings, "admin.address")) {
        read_wanted(settings, "admin", true, &wanted);
        if (wanted.unix_path && !control_make_folder(wanted.unix_path))
            err = failure_set(failure, ERR_IO, "EACCES", "the folder of %s belongs to another user",
                              wanted.unix_path);
        else
            err = prepare_one(sockets, settings, &wanted, 1, &plan->admin, failure);
        if (err && is_default_admin(&wanted)) {
            log_line(LOG_INFO, "no admin listener", "reason", failure->text, NULL);
            err = OK;
        }
    }
    if (err)
        sockets_release(sockets, plan);
    return err;
}

void sockets_release_listeners(struct sockets *sockets, struct socket_plan *plan)
{
    (void)sockets;
    for (unsigned i = 0; i < plan->count; i++)
        if (--plan->listeners[i]->uses == 0)
            drop_group(plan->listeners[i]);
    plan->count = 0;
}

void sockets_release(struct sockets *sockets, struct socket_plan *plan)
{
    sockets_release_listeners(sockets, plan);
    if (plan->admin && --plan->admin->uses == 0)
        drop_group(plan->admin);
    memset(plan, 0, sizeof(*plan));
}

void sockets_report_idle(struct sockets *sockets)
{
    list_each(link, &sockets->groups)
    {
        struct socket_group *group = list_entry(link, struct socket_group, link);

        if (group->from_manager && group->uses == 1)
            log_line(LOG_WARN, "no listener for a socket of the service manager", "address",
                     group->key, "expected", "an entry of listen with this address", NULL);
    }
}

void sockets_drop_unused(struct sockets *sockets)
{
    list_each(link, &sockets->groups)
    {
        struct socket_group *group = list_entry(link, struct socket_group, link);

        if (group->uses == 0)
            drop_group(group);
    }
}

/* --- Steering: the kernel spreads connections over all sockets of an address, in the order they began to listen. A
 * socket that is closed leaves its place to the last one, hence "the last first". The filter picks a place at random. */

void sockets_steer(struct sockets *sockets, unsigned slots)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, slots ? slots : 1),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog program = {.len = 3, .filter = code};
    int ignored = 0;

    list_each(link, &sockets->groups)
    {
        struct socket_group *group = list_entry(link, struct socket_group, link);
        int fd = group->sockets[0].fd;

        if (group->shared || group->count == 0)
            continue;
        if (slots > 0 &&
            setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)))
            log_line(LOG_DEBUG, "connections are not steered", "reason", errno_name(errno), NULL);
        else if (slots == 0)
            setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &ignored, sizeof(ignored));
    }
}

void sockets_trim(struct sockets *sockets, unsigned slots)
{
    list_each(link, &sockets->groups)
    {
        struct socket_group *group = list_entry(link, struct socket_group, link);

        while (!group->shared && group->count > slots)
            bound_socket_close(&group->sockets[--group->count], false);
    }
}

unsigned sockets_slots(const struct sockets *sockets)
{
    unsigned most = 0;

    list_each(link, &sockets->groups)
    {
        struct socket_group *group = list_entry(link, struct socket_group, link);

        if (!group->shared && group->count > most)
            most = group->count;
    }
    return most;
}

/* --- As text. */

static size_t put_group(const struct socket_group *group, char *out, size_t cap, size_t used)
{
    for (unsigned i = 0; i < group->count && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, "%s%d", i ? "," : "", group->sockets[i].fd);
    return used;
}

void socket_plan_text(const struct socket_plan *plan, char *out, size_t cap)
{
    size_t used = (size_t)snprintf(out, cap, "sockets=");

    for (unsigned i = 0; i < plan->count && used < cap; i++) {
        if (i > 0)
            used += (size_t)snprintf(out + used, cap - used, "|");
        used = put_group(plan->listeners[i], out, cap, used);
    }
    used += (size_t)snprintf(out + used, cap - used, " shared=");
    for (unsigned i = 0; i < plan->count && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, "%d", plan->listeners[i]->shared);
    if (plan->admin && used < cap)
        snprintf(out + used, cap - used, " admin=%d", plan->admin->sockets[0].fd);
}

void sockets_each(const struct sockets *sockets, void (*fn)(int fd))
{
    list_each(link, &sockets->groups)
    {
        struct socket_group *group = list_entry(link, struct socket_group, link);

        for (unsigned i = 0; i < group->count; i++)
            fn(group->sockets[i].fd);
    }
}

/* KEY=s|m|-,FD,FD;... with what would confuse the text as %XX. */
void sockets_save(const struct sockets *sockets, char *out, size_t cap)
{
    size_t used = 0;

    out[0] = '\0';
    list_each(link, &sockets->groups)
    {
        struct socket_group *group = list_entry(link, struct socket_group, link);

        for (const char *p = group->key; *p && used + 4 < cap; p++) {
            bool plain = *p > ' ' && *p < 0x7f && !strchr("=,;%", *p);

            used += (size_t)snprintf(out + used, cap - used, plain ? "%c" : "%%%02x",
                                     (unsigned char)*p);
        }
        if (used + 4 < cap)
            used += (size_t)snprintf(out + used, cap - used, "=%s,",
                                     group->from_manager ? "m"
                                     : group->shared     ? "s"
                                                         : "-");
        used = put_group(group, out, cap, used);
        if (used + 1 < cap)
            used += (size_t)snprintf(out + used, cap - used, ";");
    }
}

static void decode(const char *from, size_t length, char out[160])
{
    size_t used = 0;

    for (size_t i = 0; i < length && used < 159; i++) {
        char hex[3] = {0};

        if (from[i] == '%' && i + 2 < length) {
            memcpy(hex, from + i + 1, 2);
            out[used++] = (char)strtoul(hex, NULL, 16);
            i += 2;
        } else {
            out[used++] = from[i];
        }
    }
    out[used] = '\0';
}

static enum err restore_group(struct sockets *sockets, const char *text)
{
    const char *equals = strchr(text, '=');
    struct failure failure;
    struct socket_group *group;
    char key[160];

    if (!equals || !strchr("sm-", equals[1]) || equals[2] != ',')
        return ERR_INVALID;
    decode(text, (size_t)(equals - text), key);
    group = add_group(sockets, key);
    if (!group)
        return ERR_NOMEM;
    group->from_manager = equals[1] == 'm';
    group->shared = equals[1] != '-';
    group->uses = group->from_manager;
    group->reported = true;
    for (const char *p = equals + 3; *p && group->count < SLOTS_MAX;) {
        struct listener_options options = {.fd = (int)strtol(p, (char **)(uintptr_t)&p, 10)};
        struct bound_socket *bound = &group->sockets[group->count];
        struct stat file;

        if (bound_socket_open(&options, bound, &failure))
            return ERR_INVALID;
        group->count++;
        if (group->shared && !group->from_manager && strncmp(key, "unix:/", 6) == 0 &&
            lstat(key + 5, &file) == 0 && (bound->path = mem_copy(key + 5, strlen(key + 5)))) {
            bound->device = file.st_dev; /* ours to unlink, as before */
            bound->inode = file.st_ino;
        }
        if (*p == ',')
            p++;
        else if (*p)
            return ERR_INVALID;
    }
    if (group->count > 0)
        group->address = group->sockets[0].address;
    return OK;
}

enum err sockets_restore(struct sockets *sockets, const char *text)
{
    char *copy = mem_copy(text, strlen(text)), *rest = NULL;
    enum err err = copy ? OK : ERR_NOMEM;

    for (char *part = copy ? strtok_r(copy, ";", &rest) : NULL; part && !err;
         part = strtok_r(NULL, ";", &rest))
        err = restore_group(sockets, part);
    mem_free(copy);
    return err;
}

void sockets_close(struct sockets *sockets)
{
    list_each(link, &sockets->groups) drop_group(list_entry(link, struct socket_group, link));
}
