/* master_control: the master's side of the control sockets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/bound_socket.h"
#include "process/control.h"
#include "process/master_internal.h"

#define CLIENTS_MAX 32
#define ASK_MS 2000    /* for the request */
#define ANSWER_MS 5000 /* for who does not read it */
#define PAUSE_MS 1000  /* without descriptors */

struct client {
    struct list link;
    int fd;
    enum request waits_for;
    unsigned turn;   /* which reload answers it */
    uint64_t due_ms; /* 0: none */
    size_t have;
    char line[CONTROL_LINE_BYTES];
    char *answer; /* what is still to be written */
    size_t length, written;
};

/* --- The sockets. */

static enum err open_one(const char *path, int *fd, struct failure *failure)
{
    struct listener_options options = {.fd = -1, .path = path, .backlog = 16};
    struct bound_socket bound;
    mode_t former = umask(0177);
    enum err err = bound_socket_open(&options, &bound, failure);

    umask(former);
    if (err) {
        bound_socket_close(&bound, false);
        return err;
    }
    mem_free(bound.path);
    *fd = bound.fd;
    return OK;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void remember(struct master *master, const char *path)
{
    struct stat file;
    bool there = lstat(path, &file) == 0;

    snprintf(master->control_path, sizeof(master->control_path), "%s", there ? path : "");
    master->control_device = there ? file.st_dev : 0;
    master->control_inode = there ? file.st_ino : 0;
}

static void forget(struct master *master)
{
    struct stat file;

    if (master->control_path[0] && lstat(master->control_path, &file) == 0 &&
        file.st_dev == master->control_device && file.st_ino == master->control_inode)
        unlink(master->control_path);
    master->control_path[0] = '\0';
    close_one(&master->control[0]);
}

void control_restore(struct master *master)
{
    struct address address = {.length = sizeof(address.storage)};
    char text[ADDRESS_TEXT_BYTES];

    /* The settings may name another path, which it did not get. */
    if (master->control[0] >= 0 &&
        getsockname(master->control[0], &address.any, &address.length) == 0 &&
        strncmp(address_text(&address, text), "unix:/", 6) == 0)
        remember(master, text + 5);
}

/* Is it a service of ours (or root's) that has that name? Anybody may take an abstract name. */
static bool is_ours(const char *name)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t length = sizeof(peer);
    struct address address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ours = fd >= 0 && !address_from_path(name, &address) &&
                !connect(fd, &address.any, address.length) &&
                !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) &&
                (peer.uid == geteuid() || peer.uid == 0);

    if (fd >= 0)
        close(fd);
    return ours;
}

static enum err open_by_name(struct master *master, struct failure *failure)
{
    char name[108];

    control_name(master->config, name);
    if (!open_one(name, &master->control[1], failure))
        return OK;
    if (failure->sys_errno != EADDRINUSE)
        return failure->err;
    if (is_ours(name))
        return failure_set(failure, ERR_STATE, "ERR_RUNNING",
                           "the service with the configuration %s runs already", master->config);
    log_line(LOG_WARN, "another user has the control socket's name", "name", name, NULL);
    return OK;
}

enum err control_open(struct master *master, const struct settings *settings,
                      struct failure *failure)
{
    const char *path = settings_text(settings, "control");
    int fd = -1;
    enum err err = master->control[1] < 0 ? open_by_name(master, failure) : OK;

    if (err)
        return err;
    if (!path || strcmp(path, master->control_path) == 0)
        return OK;
    if (!control_make_folder(path)) {
        log_line(LOG_WARN, "no control socket by path", "reason",
                 "the folder belongs to another user", "path", path, NULL);
        return OK;
    }
    if (open_one(path, &fd, failure)) {
        if (control_is_default(path)) {
            log_line(LOG_INFO, "no control socket by path", "reason", failure->text, NULL);
            return OK;
        }
        if (failure->sys_errno == EADDRINUSE)
            failure_set(failure, ERR_STATE, "ERR_RUNNING", "another service runs already at %s",
                        path);
        return ERR_IO;
    }
    forget(master);
    master->control[0] = fd;
    remember(master, path);
    return OK;
}

static void client_free(struct client *client)
{
    list_remove(&client->link);
    close(client->fd);
    mem_free(client->answer);
    mem_free(client);
}

void control_close(struct master *master)
{
    list_each(link, &master->clients) client_free(list_entry(link, struct client, link));
    forget(master);
    close_one(&master->control[1]);
}

/* --- One client. */

static void flush(struct client *client)
{
    while (client->written < client->length) {
        ssize_t sent = send(client->fd, client->answer + client->written,
                            client->length - client->written, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent <= 0)
            break;
        client->written += (size_t)sent;
    }
    client_free(client);
}

static void answer(struct client *client, bool ok, const char *text, size_t length)
{
    const char *verdict = ok ? "ok\n" : "error\n";
    size_t head = strlen(verdict);
    bool ends_line = length == 0 || text[length - 1] == '\n';

    client->waits_for = REQUEST_NONE;
    client->due_ms = clock_ms() + ANSWER_MS;
    client->answer = mem_alloc(head + length + 1);
    if (!client->answer) {
        client_free(client);
        return;
    }
    memcpy(client->answer, verdict, head);
    memcpy(client->answer + head, text, length);
    client->length = head + length;
    if (!ends_line)
        client->answer[client->length++] = '\n';
    flush(client);
}

static void answer_status(struct master *master, struct client *client, bool json)
{
    char *text = NULL;
    size_t length = region_status(master->region, json, (char[1]){0}, 1);

    text = mem_alloc(length + 1024);
    if (text) {
        length = region_status(master->region, json, text, length + 1024);
        answer(client, true, text, strlen(text));
    } else {
        answer(client, false, "out of memory", 13);
    }
    mem_free(text);
}

static void obey(struct master *master, struct client *client)
{
    const char *line = client->line;

    client->due_ms = 0;
    if (strcmp(line, "status") == 0 || strcmp(line, "status json") == 0) {
        answer_status(master, client, line[6] != '\0');
    } else if (strcmp(line, "stop") == 0) {
        client->waits_for = REQUEST_STOP;
        log_line(LOG_INFO, "stop asked for", "by", "control socket", NULL);
        master_stop(master, false);
    } else if (strcmp(line, "reload") == 0 && master->stopping) {
        answer(client, false, "the service is ending", 21);
    } else if (strcmp(line, "reload") == 0) {
        /* It is told of the reload that begins after this, when one is under way. */
        client->waits_for = REQUEST_RELOAD;
        client->turn = master->reloads_begun + 1;
        log_line(LOG_INFO, "reload asked for", "by", "control socket", NULL);
        master->reload_wanted = true;
        reload_go_on(master);
    } else {
        answer(client, false, "unknown request; known: reload, status, status json, stop", 57);
    }
}

/* A client that waits for its answer and went away is found out by its end of file. */
static void read_request(struct master *master, struct client *client)
{
    char ignored[256];
    ssize_t got;

    if (client->waits_for != REQUEST_NONE || client->answer) {
        got = recv(client->fd, ignored, sizeof(ignored), MSG_DONTWAIT);
        if (got == 0 && !client->answer)
            client->due_ms = 0; /* half closed: it may still read */
        else if (got < 0 && errno != EAGAIN && errno != EINTR)
            client_free(client);
        return;
    }
    got = recv(client->fd, client->line + client->have, sizeof(client->line) - 1 - client->have,
               MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        client_free(client);
        return;
    }
    client->have += (size_t)got;
    client->line[client->have] = '\0';
    if (strchr(client->line, '\n')) {
        *strchr(client->line, '\n') = '\0';
        obey(master, client);
    } else if (client->have == sizeof(client->line) - 1) {
        answer(client, false, "the request is too long", 23);
    }
}

/* The oldest that has not asked yet leaves its place. Returns 1 when there was one. */
static unsigned drop_silent_client(struct master *master)
{
    list_each(link, &master->clients)
    {
        struct client *client = list_entry(link, struct client, link);

        if (client->waits_for == REQUEST_NONE && !client->answer) {
            client_free(client);
            return 1;
        }
    }
    return 0;
}

static void accept_client(struct master *master, int listening)
{
    static const char refusal[] = "error\nonly root and the service's own user may ask\n";
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t length = sizeof(peer);
    struct client *client;
    unsigned count = 0;
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            master->control_pause_ms = clock_ms() + PAUSE_MS;
        return;
    }
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
    if (peer.uid != 0 && peer.uid != geteuid()) {
        log_line(LOG_WARN, "request of another user refused", "uid", log_number(peer.uid), NULL);
        send(fd, refusal, sizeof(refusal) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        close(fd);
        return;
    }
    list_each(link, &master->clients) count++;
    if (count >= CLIENTS_MAX)
        count -= drop_silent_client(master);
    client = count < CLIENTS_MAX ? mem_zalloc(sizeof(*client)) : NULL;
    if (!client) {
        close(fd);
        return;
    }
    client->fd = fd;
    client->due_ms = clock_ms() + ASK_MS;
    list_append(&master->clients, &client->link);
}

/* --- For the loop. */

unsigned control_poll(struct master *master, struct pollfd *polls, void **owners, unsigned room)
{
    unsigned count = 0;

    for (unsigned i = 0; i < 2 && count < room; i++) {
        if (master->control[i] < 0 || master->control_pause_ms)
            continue;
        owners[count] = &master->control[i];
        polls[count++] = (struct pollfd){.fd = master->control[i], .events = POLLIN};
    }
    list_each(link, &master->clients)
    {
        struct client *client = list_entry(link, struct client, link);

        if (count == room)
            break;
        owners[count] = link;
        polls[count++] = (struct pollfd){.fd = client->fd,
                                         .events = client->answer                      ? POLLOUT
                                                   : client->waits_for == REQUEST_NONE ? POLLIN
                                                                                       : 0};
    }
    return count;
}

void control_on_ready(struct master *master, void *owner, short events)
{
    if (owner == &master->control[0] || owner == &master->control[1]) {
        accept_client(master, *(int *)owner);
        return;
    }
    list_each(link, &master->clients)
    {
        struct client *client = list_entry(link, struct client, link);

        if (link != owner)
            continue; /* and when it is not in the list any more, nothing */
        if (client->answer)
            flush(client);
        else if (events & (POLLERR | POLLNVAL) ||
                 (events & POLLHUP && client->waits_for != REQUEST_NONE))
            client_free(client);
        else
            read_request(master, client);
        return;
    }
}

uint64_t control_tick(struct master *master, uint64_t now_ms)
{
    uint64_t next;

    if (master->control_pause_ms <= now_ms)
        master->control_pause_ms = 0;
    next = master->control_pause_ms;
    list_each(link, &master->clients)
    {
        struct client *client = list_entry(link, struct client, link);

        if (client->due_ms && client->due_ms <= now_ms)
            client_free(client);
        else if (client->due_ms && (next == 0 || client->due_ms < next))
            next = client->due_ms;
    }
    return next;
}

void control_answer(struct master *master, enum request request, bool ok, const char *text)
{
    list_each(link, &master->clients)
    {
        struct client *client = list_entry(link, struct client, link);

        if (client->waits_for == request &&
            (request != REQUEST_RELOAD || client->turn <= master->reloads_begun || master->stopping))
            answer(client, ok, text, strlen(text));
    }
}
