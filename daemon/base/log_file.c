/* log_file: opens what log_to() and the access log write to. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define MODE 0640

/* A log's folder often belongs to the service's own user. A superuser that followed a link made by that user would
 * write into any file of the system; links by root, as /dev/stderr is, are fine. */
static bool may_follow(const char *path)
{
    struct stat status;

    return geteuid() != 0 || lstat(path, &status) < 0 || !S_ISLNK(status.st_mode) ||
           status.st_uid == 0;
}

enum err log_file_open(const char *path, int *fd, struct failure *failure)
{
    /* O_NONBLOCK: a FIFO without a reader is an error (ENXIO) instead of a long wait. */
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

    if (!may_follow(path))
        flags |= O_NOFOLLOW;
    *fd = open(path, flags, MODE);
    if (*fd < 0)
        return failure_errno(failure, errno, "the log %s cannot be opened", path);
    return OK;
}
