/* run: `perigee run` and `perigee check`: one process, one loop, one script. */
#ifndef PROCESS_RUN_H
#define PROCESS_RUN_H

#include "process/arguments.h"

/* Runs until nothing is left to wait for or a signal ends it. Returns the exit status. */
int run_script(const struct arguments *arguments);

#endif
