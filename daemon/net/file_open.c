/* file_open: one job of the thread pool: open, fstat, and away with what is no regular file. */
#include "net/file_open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/beneath.h"
#include "base/list.h"
#include "base/mem.h"

/* O_NONBLOCK: a FIFO opens at once; O_NOCTTY: a terminal does not become ours. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

struct job {
    uv_work_t work;
    file_open_on_done on_done;
    void *owner;
    int folder;
    bool links;
    struct file_opened opened;
    char path[];
};

/* On a thread of the pool: touches nothing but its job. */
static void on_work(uv_work_t *work)
{
    struct job *job = list_entry(work, struct job, work);
    struct file_opened *opened = &job->opened;

    if (job->folder >= 0) {
        opened->sys_errno =
            beneath_open(job->folder, job->path, OPEN_FLAGS, job->links, &opened->fd);
    } else {
        opened->fd = open(job->path, OPEN_FLAGS);
        opened->sys_errno = opened->fd < 0 ? errno : 0;
    }
    if (opened->sys_errno)
        return;
    if (fstat(opened->fd, &opened->stat))
        opened->sys_errno = errno;
    if (opened->sys_errno || !S_ISREG(opened->stat.st_mode)) {
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
