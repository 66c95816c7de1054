/* bound_socket: makes a listening socket, and says in words why it could not. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/bound_socket.h"
#include "net/socket.h"

#define DEFAULT_BACKLOG 511

static void set_flag(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof(value));
}

static enum err refuse(struct failure *failure, const struct address *address, int code)
{
    char text[ADDRESS_TEXT_BYTES];
    uint16_t port = address_port(address);

    failure_errno(failure, code, "cannot listen on %s", address_text(address, text));
    if (code == EACCES && port > 0 && port < 1024) {
        size_t used = strlen(failure->text);

        snprintf(failure->text + used, sizeof(failure->text) - used,
                 " (a port below 1024 needs root, CAP_NET_BIND_SERVICE or socket activation)");
    }
    return ERR_IO;
}

/* bind(2), listen(2), and the address that came out of it. */
static enum err bind_and_listen(struct bound_socket *bound, const struct address *address,
                                int backlog, struct failure *failure)
{
    if (bind(bound->fd, &address->any, address->length) ||
        listen(bound->fd, backlog > 0 ? backlog : DEFAULT_BACKLOG))
        return refuse(failure, address, errno);
    bound->address.length = sizeof(bound->address.storage);
    if (getsockname(bound->fd, &bound->address.any, &bound->address.length))
        return refuse(failure, address, errno);
    return OK;
}

/* --- TCP */

static enum err open_tcp(const struct listener_options *options, const struct address *address,
                         struct bound_socket *bound, struct failure *failure)
{
    int family = address->any.sa_family;

    bound->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bound->fd < 0)
        return refuse(failure, address, errno);
    set_flag(bound->fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (options->reuse_port)
        set_flag(bound->fd, SOL_SOCKET, SO_REUSEPORT, 1);
    set_flag(bound->fd, IPPROTO_TCP, TCP_NODELAY, 1); /* those accepted inherit it */
    if (family == AF_INET6)
        set_flag(bound->fd, IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6_only);
    if (options->keep_alive)
        socket_keep_alive(bound->fd, options->keep_alive_s);
    return bind_and_listen(bound, address, options->backlog, failure);
}

static enum err open_host(const struct listener_options *options, struct bound_socket *bound,
                          struct failure *failure)
{
    bool anywhere = !options->host || !*options->host;
    const char *host = anywhere ? "::" : options->host;
    struct address address;
    enum err err;

    if (address_from_ip(host, options->port, &address))
        return failure_set(
            failure, ERR_INVALID, "ERR_INVALID_ADDRESS",
            "cannot listen on \"%.200s\": expected an address such as 127.0.0.1 or ::1", host);
    err = open_tcp(options, &address, bound, failure);
    if (!err || !anywhere || options->ipv6_only ||
        (failure->sys_errno != EAFNOSUPPORT && failure->sys_errno != EADDRNOTAVAIL))
        return err;
    if (bound->fd >= 0)
        close(bound->fd);
    address_from_ip("0.0.0.0", options->port, &address); /* a system without IPv6 */
    return open_tcp(options, &address, bound, failure);
}

/* --- UNIX */

/* Is there a socket at address that nobody listens on any more? */
static bool is_stale(const struct address *address, const char *path)
{
    struct stat file;
    bool refused;
    int fd;

    if (lstat(path, &file) || !S_ISSOCK(file.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    refused = connect(fd, &address->any, address->length) && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static enum err open_path(const struct listener_options *options, struct bound_socket *bound,
                          struct failure *failure)
{
    const char *path = options->path;
    bool is_file = path[0] != '@';
    struct address address;
    struct stat file;
    enum err err;

    err = address_from_path(path, &address);
    if (err)
        return failure_set(failure, err == ERR_RANGE ? ERR_INVALID : err, "ERR_INVALID_ADDRESS",
                           "cannot listen on \"unix:%.200s\": expected a path of 1 to 107 bytes",
                           path);
    bound->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bound->fd < 0)
        return refuse(failure, &address, errno);
    if (is_file) {
        bound->path = mem_copy(path, strlen(path));
        if (!bound->path)
            return failure_set(failure, ERR_NOMEM, "ENOMEM", "cannot listen: out of memory");
    }
    err = bind_and_listen(bound, &address, options->backlog, failure);
    if (err && failure->sys_errno == EADDRINUSE && is_file && is_stale(&address, path)) {
        unlink(path);
        err = bind_and_listen(bound, &address, options->backlog, failure);
    }
    if (err || (is_file && lstat(path, &file))) {
        mem_free(bound->path); /* not ours to unlink */
        bound->path = NULL;
    } else if (is_file) {
        bound->device = file.st_dev;
        bound->inode = file.st_ino;
        if (options->readable_all || options->writable_all)
            chmod(path, (file.st_mode & 07777) | (options->readable_all ? 0444 : 0) |
                            (options->writable_all ? 0222 : 0));
    }
    return err;
}

/* --- inherited */

static enum err take_over(const struct listener_options *options, struct bound_socket *bound,
                          struct failure *failure)
{
    int listens = 0, flags;
    socklen_t length = sizeof(listens);

    bound->fd = options->fd;
    if (getsockopt(bound->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length))
        return failure_errno(failure, errno, "cannot listen on descriptor %d", bound->fd);
    if (!listens)
        return failure_set(
            failure, ERR_INVALID, "EINVAL",
            "cannot listen on descriptor %d: expected a listening socket, this one is not",
            bound->fd);
    bound->address.length = sizeof(bound->address.storage);
    flags = fcntl(bound->fd, F_GETFL);
    if (getsockname(bound->fd, &bound->address.any, &bound->address.length) || flags < 0 ||
        fcntl(bound->fd, F_SETFL, flags | O_NONBLOCK) || fcntl(bound->fd, F_SETFD, FD_CLOEXEC))
        return failure_errno(failure, errno, "cannot listen on descriptor %d", bound->fd);
    if (bound->address.any.sa_family != AF_UNIX)
        set_flag(bound->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return OK;
}

enum err bound_socket_open(const struct listener_options *options, struct bound_socket *out,
                           struct failure *failure)
{
    memset(out, 0, sizeof(*out));
    out->fd = -1;
    if (options->fd >= 0)
        return take_over(options, out, failure);
    if (options->path)
        return open_path(options, out, failure);
    return open_host(options, out, failure);
}

void bound_socket_close(struct bound_socket *bound, bool keep_open)
{
    struct stat file;

    /* First the name, so that nobody connects to a socket that is about to go. */
    if (bound->path && lstat(bound->path, &file) == 0 && file.st_dev == bound->device &&
        file.st_ino == bound->inode)
        unlink(bound->path);
    mem_free(bound->path);
    bound->path = NULL;
    if (bound->fd >= 0 && !keep_open)
        close(bound->fd);
    bound->fd = -1;
}
