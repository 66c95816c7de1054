/* log_file: opens what log_to() and the access log write to. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define MODE 0640
#define LINKS_MAX 8

/* A log's folder often belongs to the service's own user. A superuser that followed a link made by that user would
 * write into any file of the system; links by root, as /dev/stderr is, are fine. So no link is followed by its name,
 * which may be another one by then: it is looked at where it is held, and what it says is opened. */
static bool read_link(const char *path, char target[PATH_MAX])
{
    int link = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0, room = PATH_MAX - folder;
    struct stat status;
    ssize_t length = -1;

    if (link < 0)
        return false;
    memcpy(target, path, folder); /* what it is relative to */
    if (fstat(link, &status) == 0 && S_ISLNK(status.st_mode) && status.st_uid == 0)
        length = readlinkat(link, "", target + folder, room);
    close(link);
    if (length <= 0 || (size_t)length == room)
        return false;
    target[folder + (size_t)length] = '\0';
    if (target[folder] == '/')
        memmove(target, target + folder, (size_t)length + 1);
    return true;
}

static int open_as_root(const char *path, int flags, int links)
{
    /* The kernel's own links say no path. */
    bool is_magic = strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/dev/fd/", 8) == 0;
    int fd = open(path, is_magic ? flags : flags | O_NOFOLLOW, MODE);
    char target[PATH_MAX];

    if (fd >= 0 || errno != ELOOP || links == 0)
        return fd;
    if (read_link(path, target))
        return open_as_root(target, flags, links - 1);
    errno = ELOOP;
    return -1;
}

enum err log_file_open(const char *path, int *fd, struct failure *failure)
{
    /* O_NONBLOCK: a FIFO without a reader is an error (ENXIO) instead of a long wait. */
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

    *fd = geteuid() == 0 ? open_as_root(path, flags, LINKS_MAX) : open(path, flags, MODE);
    if (*fd < 0)
        return failure_errno(failure, errno, "the log %s cannot be opened", path);
    return OK;
}
