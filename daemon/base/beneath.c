/* beneath: openat2() with RESOLVE_BENEATH, else a walk that follows nothing. */
#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ATTEMPTS_MAX 16 /* openat2() gives up with EAGAIN when something is renamed meanwhile */

static int open_resolved(int folder, const char *path, int flags, bool links, int *fd)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (links ? 0 : RESOLVE_NO_SYMLINKS),
    };
    int attempts = 0;

    do {
        *fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
    } while (*fd < 0 && (errno == EINTR || (errno == EAGAIN && ++attempts < ATTEMPTS_MAX)));
    return *fd < 0 ? errno : 0;
}

static int open_one(int folder, const char *name, int flags, int *fd)
{
    do {
        *fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC);
    } while (*fd < 0 && errno == EINTR);
    return *fd < 0 ? errno : 0;
}

/* Takes the next name off *path; skips slashes and ".". Returns 0, ENOENT when there is none, or why it is refused. */
static int next_name(const char **path, char name[NAME_MAX + 1])
{
    size_t length;

    do {
        *path += strspn(*path, "/");
        length = strcspn(*path, "/");
        if (length == 0)
            return ENOENT;
        if (length > NAME_MAX)
            return ENAMETOOLONG;
        memcpy(name, *path, length);
        name[length] = '\0';
        *path += length;
    } while (strcmp(name, ".") == 0);
    return strcmp(name, "..") == 0 ? EXDEV : 0;
}

int beneath_open_by_steps(int folder, const char *path, int flags, int *fd)
{
    char name[NAME_MAX + 1], next[NAME_MAX + 1];
    int at = folder, err, more;

    *fd = -1;
    if (*path == '\0')
        return ENOENT;
    if (*path == '/')
        return EXDEV;
    err = next_name(&path, name);
    if (err == ENOENT) /* "." */
        return open_one(folder, ".", flags, fd);
    while (!err) {
        bool is_folder = *path == '/'; /* also by a slash at the end */
        int step;

        more = next_name(&path, next);
        if (more == ENOENT) {
            err = open_one(at, name, is_folder ? flags | O_DIRECTORY : flags, fd);
            break;
        }
        err = more ? more : open_one(at, name, O_PATH | O_DIRECTORY, &step);
        if (err)
            break;
        if (at != folder)
            close(at);
        at = step;
        memcpy(name, next, sizeof(name));
    }
    if (at != folder)
        close(at);
    return err;
}

int beneath_open(int folder, const char *path, int flags, bool links, int *fd)
{
    int err = open_resolved(folder, path, flags, links, fd);

    /* No such call, or one that a sandbox denies. */
    if (err == ENOSYS || err == EPERM)
        err = beneath_open_by_steps(folder, path, flags, fd);
    return err;
}
