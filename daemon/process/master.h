/* master: `perigee serve`. One process that starts workers and looks after them (ARCHITECTURE.md, Processes). */
#ifndef PROCESS_MASTER_H
#define PROCESS_MASTER_H

#include "process/arguments.h"

/* Runs the service in the foreground until it is told to end. Returns the exit status: 0 ended in order, 1 could not
 * start (said on standard error). */
int master_main(const struct arguments *arguments, char **argv);

#endif
