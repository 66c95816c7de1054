/* configuration: evaluates and checks a configuration file of the service and makes the settings document of it.
 *
 * The file runs in a bare Lua state of its own (configuration_bare.c); the checks, in lua/perigee/config, run in a
 * second one, which knows the system (bind_configuration.c) and has no loop. Both live only while
 * configuration_load() does. */
#ifndef SCRIPT_CONFIGURATION_H
#define SCRIPT_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct configuration {
    bool good; /* no errors; there may be warnings */
    char *problems; /* errors and warnings as lines "FILE:LINE: where: what\n", in the file's order; "" when none */
    char *document; /* what config/settings.h reads; NULL unless good */
    size_t document_length;
    char *printed; /* the effective settings as a configuration file; NULL unless good */
    char *scripts; /* absolute paths of all scripts that could be read, each with its NUL; "" ends them */
    char **arguments; /* of the scripts; NULL-terminated; NULL: none */
};

/* file: as the user wrote it; messages begin with it. Everything in *out is the caller's until
 * configuration_free(), also on error.
 * Err: ERR_NOMEM, ERR_INVALID (the Lua half does not load; the failure says why). A file with errors is OK. */
enum err configuration_load(const char *file, struct configuration *out, struct failure *failure);
void configuration_free(struct configuration *configuration); /* overwrites the keys */

#endif
