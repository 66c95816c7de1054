/* file_open: opens a regular file for reading on libuv's thread pool, so that a slow disk holds up nobody else.
 * What else may lie at the path (a FIFO, a device, a socket, a folder) is told apart without being opened. */
#ifndef NET_FILE_OPEN_H
#define NET_FILE_OPEN_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"
#include "net/loop.h"

struct file_opened {
    int fd;           /* the callback's from now on; -1 when it failed or is no regular file */
    int sys_errno;    /* 0: stat is filled */
    struct stat stat; /* of what is there, regular file or not */
};

typedef void (*file_open_on_done)(void *owner, const struct file_opened *opened);

/* Calls on_done(owner, …) once, on a later turn of the loop. folder: a descriptor, valid until then: the path is
 * relative and never leads out of it (base/beneath.h has `links`); -1: anywhere, links are followed.
 * Err: ERR_NOMEM, on_done is not called then. */
enum err file_open(struct loop *loop, int folder, const char *path, bool links,
                   file_open_on_done on_done, void *owner);

#endif
