/* title: what `ps` and `top` show of this process. The kernel shows the memory that argv was put in, so
 * a title is written over it; arguments and environment move elsewhere first. */
#ifndef PROCESS_TITLE_H
#define PROCESS_TITLE_H

#include <stddef.h>

/* To be called before anything points into argv or the environment: argv's pointers, environ and glibc's
 * names of the program are changed to copies, which live until the process ends. Also names the process
 * (comm) "perigee", which a re-execution by /proc/self/exe would call "exe". Without memory for the copies
 * titles stay off. */
void title_init(int argc, char **argv);

/* Writes the title, cut to what fits. Before title_init() a no-op. Not thread-safe: one thread only. */
void title_set(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Bytes that a title may have; 0 while titles are off. */
size_t title_limit(void);

#endif
