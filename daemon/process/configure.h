/* configure: the one who reads configuration files: the internal role of the master's child, and `perigee check`. */
#ifndef PROCESS_CONFIGURE_H
#define PROCESS_CONFIGURE_H

#include "process/arguments.h"

#define CONFIGURE_FD 3 /* gets the settings document (config/settings.h) */

/* The child of the master: arguments->config is the file (NULL: the default one). Writes the document to CONFIGURE_FD,
 * errors and warnings to standard error, one a line. Returns the exit status: 0, or 1 when there are errors (then
 * nothing is written to CONFIGURE_FD). */
int configure_main(const struct arguments *arguments);

/* `perigee check [-c FILE] [--print] [SCRIPT]`: a script, or a configuration with its certificates and scripts.
 * Returns the exit status: 0 when all is well. */
int check_main(const struct arguments *arguments);

#endif
