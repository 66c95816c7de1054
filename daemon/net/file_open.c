/* file_open: one job of the thread pool: find it, look what it is, open it when it is a regular file. */
#include "net/file_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/beneath.h"
#include "base/list.h"
#include "base/mem.h"

/* O_NONBLOCK, O_NOCTTY: should it be a FIFO or a terminal by now, we neither wait nor take it over. */
#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

struct job {
    uv_work_t work;
    file_open_on_done on_done;
    void *owner;
    int folder;
    bool links;
    struct file_opened opened;
    char path[];
};

static int open_path(const struct job *job, int flags, int *fd)
{
    if (job->folder >= 0)
        return beneath_open(job->folder, job->path, flags, job->links, fd);
    do {
        *fd = open(job->path, flags | O_CLOEXEC);
    } while (*fd < 0 && errno == EINTR);
    return *fd < 0 ? errno : 0;
}

/* Opens for reading what `place`, an O_PATH descriptor, stands for: the very same file. */
static int open_place(const struct job *job, int place, int *fd)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
    do {
        *fd = open(path, READ_FLAGS);
    } while (*fd < 0 && errno == EINTR);
    if (*fd >= 0)
        return 0;
    if (errno != ENOENT)
        return errno;
    return open_path(job, READ_FLAGS, fd); /* there is no /proc here */
}

/* On a thread of the pool: touches nothing but its job. What is no regular file is never opened: that alone can
 * do things (rewind a tape, wake the writer of a FIFO). */
static void on_work(uv_work_t *work)
{
    struct job *job = list_entry(work, struct job, work);
    struct file_opened *opened = &job->opened;
    int place;

    opened->sys_errno = open_path(job, O_PATH, &place);
    if (opened->sys_errno)
        return;
    if (fstat(place, &opened->stat))
        opened->sys_errno = errno;
    else if (S_ISREG(opened->stat.st_mode))
        opened->sys_errno = open_place(job, place, &opened->fd);
    close(place);
    /* Once more, because it may be another file (no /proc) or have changed since. */
    if (opened->fd >= 0 && fstat(opened->fd, &opened->stat))
        opened->sys_errno = errno;
    if (opened->fd >= 0 && (opened->sys_errno || !S_ISREG(opened->stat.st_mode))) {
        close(opened->fd);
        opened->fd = -1;
    }
}

static void on_worked(uv_work_t *work, int status)
{
    struct job *job = list_entry(work, struct job, work);

    (void)status; /* it is never cancelled */
    job->on_done(job->owner, &job->opened);
    mem_free(job);
}

enum err file_open(struct loop *loop, int folder, const char *path, bool links,
                   file_open_on_done on_done, void *owner)
{
    size_t length = strlen(path);
    struct job *job = mem_zalloc(sizeof(*job) + length + 1);

    if (!job)
        return ERR_NOMEM;
    memcpy(job->path, path, length);
    job->folder = folder;
    job->links = links;
    job->on_done = on_done;
    job->owner = owner;
    job->opened.fd = -1;
    uv_queue_work(loop_uv(loop), &job->work, on_work, on_worked); /* fails without on_work only */
    return OK;
}
