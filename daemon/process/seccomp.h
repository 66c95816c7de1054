/* seccomp: takes system calls away that no server needs and that make an accident or a break-in worse:
 * looking into other processes, mounts, modules, keys of the kernel, clocks, namespaces, io_uring ... (the
 * list is in the .c, in groups). A call on the list answers EPERM; everything else works, so that child
 * processes, memory-mapped databases and C modules do. Children inherit it. */
#ifndef PROCESS_SECCOMP_H
#define PROCESS_SECCOMP_H

#include <stdbool.h>

#include "base/err.h"

/* For all threads of the process, now and later. no_processes: execve, fork and their like too.
 * no_new_privs must be set. A kernel or machine without filters is logged as a warning and is OK.
 * Err: ERR_IO. */
enum err seccomp_start(bool no_processes, struct failure *failure);

#endif
