/* activation: reads the variables once, then hands the sockets out. */
#include "process/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define NAME_BYTES 64

static struct {
    bool is_read;
    unsigned count;
    bool taken[ACTIVATION_MAX];
    char names[ACTIVATION_MAX][NAME_BYTES]; /* "": none given */
} activation;

static bool read_number(const char *text, unsigned long most, unsigned long *out)
{
    char *end;

    if (!text || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoul(text, &end, 10);
    return !errno && !*end && *out <= most;
}

/* "one:two:three", one for each descriptor. */
static void read_names(const char *text)
{
    for (unsigned i = 0; text && i < activation.count; i++) {
        size_t length = strcspn(text, ":");

        snprintf(activation.names[i], NAME_BYTES, "%.*s", (int)length, text);
        text = text[length] ? text + length + 1 : NULL;
    }
}

static void read_environment(void)
{
    unsigned long pid, count;

    activation.is_read = true;
    if (read_number(getenv("LISTEN_PID"), (unsigned long)INT32_MAX, &pid) &&
        (pid_t)pid == getpid() && read_number(getenv("LISTEN_FDS"), ACTIVATION_MAX, &count)) {
        activation.count = (unsigned)count;
        read_names(getenv("LISTEN_FDNAMES"));
    }
    for (unsigned i = 0; i < activation.count; i++)
        fcntl(FIRST_FD + (int)i, F_SETFD, FD_CLOEXEC);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

unsigned activation_count(void)
{
    if (!activation.is_read)
        read_environment();
    return activation.count;
}

/* What is wrong with a descriptor; NULL when it is a socket that a server can accept from. */
static const char *fault_of(int fd)
{
    struct stat file;
    int value;
    socklen_t length = sizeof(value);

    if (fstat(fd, &file))
        return "is not open";
    if (!S_ISSOCK(file.st_mode))
        return "is no socket";
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length) || value != SOCK_STREAM)
        return "is no stream socket (use ListenStream=)";
    length = sizeof(value);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &length) ||
        (value != AF_INET && value != AF_INET6 && value != AF_UNIX))
        return "is neither of IPv4, IPv6 nor UNIX";
    length = sizeof(value);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) || !value)
        return "does not listen (use Accept=no)";
    return NULL;
}

enum err activation_check(struct failure *failure)
{
    unsigned count = activation_count();

    for (unsigned i = 0; i < count; i++) {
        const char *fault = activation.taken[i] ? NULL : fault_of(FIRST_FD + (int)i);

        if (fault)
            return failure_set(failure, ERR_INVALID, "EINVAL",
                               "the service manager passed descriptor %u (\"%s\"), which %s",
                               FIRST_FD + i, activation_name(i), fault);
    }
    return OK;
}

enum err activation_take(unsigned i, int *fd, struct address *address)
{
    int flags, found = FIRST_FD + (int)i;

    *fd = -1;
    memset(address, 0, sizeof(*address));
    if (i >= activation_count())
        return ERR_RANGE;
    if (activation.taken[i])
        return ERR_STATE;
    if (fault_of(found))
        return ERR_INVALID;
    address->length = sizeof(address->storage);
    flags = fcntl(found, F_GETFL);
    if (flags < 0 || fcntl(found, F_SETFL, flags | O_NONBLOCK) ||
        getsockname(found, &address->any, &address->length)) {
        memset(address, 0, sizeof(*address));
        return ERR_INVALID;
    }
    activation.taken[i] = true;
    *fd = found;
    return OK;
}

const char *activation_name(unsigned i)
{
    if (i >= activation_count())
        return NULL;
    return activation.names[i][0] ? activation.names[i] : "unknown";
}

void activation_reset(void)
{
    memset(&activation, 0, sizeof(activation));
}
