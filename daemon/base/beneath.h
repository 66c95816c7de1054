/* beneath: opens what lies below a folder, wherever a path, or a symbolic link on the way, tries to lead. These
 * calls may wait for a disk: not on a loop's thread. */
#ifndef BASE_BENEATH_H
#define BASE_BENEATH_H

#include <stdbool.h>

/* Opens path, relative to the folder. flags: open(2)'s; O_CLOEXEC is added. links: follow symbolic links that stay
 * below the folder (false: refuse them all). A kernel without openat2() refuses them in either case.
 * Returns 0, or an errno: EXDEV (it would leave the folder), ELOOP or ENOTDIR (a link that is not followed), those
 * of open(2).  Own: *fd, the caller; -1 on error. */
int beneath_open(int folder, const char *path, int flags, bool links, int *fd);

/* The same, folder by folder, as it is done where there is no openat2(). No links, no "..". */
int beneath_open_by_steps(int folder, const char *path, int flags, int *fd);

#endif
