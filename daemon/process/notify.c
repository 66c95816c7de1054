/* notify: one unconnected datagram socket, so that a manager that is executed anew is found again. */
#include "process/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "net/address.h"

#define PATIENCE_S 1

static int notify_fd = -1;

/* The manager's address; false when there is none, or one that is not of this protocol. */
static bool find_manager(struct address *address)
{
    const char *name = getenv("NOTIFY_SOCKET");

    return name && (name[0] == '/' || name[0] == '@') && !address_from_path(name, address);
}

bool notify_is_wanted(void)
{
    struct address address;

    return find_manager(&address);
}

static bool open_socket(void)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};

    if (notify_fd < 0) {
        notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (notify_fd >= 0)
            setsockopt(notify_fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    }
    return notify_fd >= 0;
}

bool notify_send(const char *text)
{
    struct address address;
    size_t length = strlen(text);
    ssize_t sent;

    if (!length || !find_manager(&address) || !open_socket())
        return false;
    do {
        sent = sendto(notify_fd, text, length, MSG_NOSIGNAL, &address.any, address.length);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)length;
}

/* `head`, then STATUS= with the text when there is one, cut at the limit. */
static bool send_with_status(const char *head, const char *status)
{
    char text[NOTIFY_TEXT_MAX];
    int used = snprintf(text, sizeof(text), "%s", head);

    if (status) {
        char *line = text + used;

        snprintf(line, sizeof(text) - (size_t)used, "%sSTATUS=%s", used ? "\n" : "", status);
        for (char *c = line + 1; *c; c++)
            if ((unsigned char)*c < ' ') /* its own line break is the first */
                *c = ' ';
    }
    return notify_send(text);
}

bool notify_ready(const char *status)
{
    return send_with_status("READY=1", status);
}

bool notify_reloading(const char *status)
{
    struct timespec now;
    char head[80];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(head, sizeof(head), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    return send_with_status(head, status);
}

bool notify_stopping(const char *status)
{
    return send_with_status("STOPPING=1", status);
}

bool notify_status(const char *format, ...)
{
    char status[NOTIFY_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(status, sizeof(status), format, arguments);
    va_end(arguments);
    return send_with_status("", status);
}

bool notify_watchdog(void)
{
    return notify_send("WATCHDOG=1");
}

bool notify_main_pid(int64_t pid)
{
    char text[40];

    snprintf(text, sizeof(text), "MAINPID=%" PRId64, pid);
    return notify_send(text);
}

bool notify_extend(uint64_t extra_us)
{
    char text[48];

    snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%" PRIu64, extra_us);
    return notify_send(text);
}

/* A variable that is a plain decimal number; false when it is not there or something else. */
static bool read_number(const char *name, uint64_t *out)
{
    const char *text = getenv(name);
    char *end;

    if (!text || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return !errno && !*end;
}

uint64_t notify_watchdog_us(void)
{
    uint64_t interval, pid;

    if (!read_number("WATCHDOG_USEC", &interval))
        return 0;
    /* It may be meant for another process that we inherited the environment from. */
    if (getenv("WATCHDOG_PID") && (!read_number("WATCHDOG_PID", &pid) || pid != (uint64_t)getpid()))
        return 0;
    return interval;
}

void notify_forget(void)
{
    if (notify_fd >= 0)
        close(notify_fd);
    notify_fd = -1;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}
