/* worker_process: the role of a process that the master of `perigee serve` started: it serves, until its master says or
 * is gone. */
#ifndef PROCESS_WORKER_PROCESS_H
#define PROCESS_WORKER_PROCESS_H

/* With PERIGEE_WORKER in the environment (process/inheritance.h). Returns the exit status. */
int worker_main(int argc, char **argv);

#endif
