/* arguments: the command line (DESIGN.md 1). */
#ifndef PROCESS_ARGUMENTS_H
#define PROCESS_ARGUMENTS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"
#include "session/access_log.h"

#define LISTEN_MAX 16
#define ARGUMENTS_CONFIG_DEFAULT "/etc/perigee/perigee.conf.lua" /* without -c */

enum command {
    COMMAND_RUN,
    COMMAND_CHECK,
    COMMAND_SERVE,
    COMMAND_RELOAD,
    COMMAND_STATUS,
    COMMAND_STOP,
    COMMAND_VERSION,
    COMMAND_HELP,
};

struct arguments {
    enum command command;
    const char *topic; /* of help, or NULL */
    const char *script;
    const char *config;  /* -c FILE, or NULL */
    const char *control; /* --control PATH, or NULL */
    bool json, print;
    char **rest; /* the script's own arguments; points into argv */
    char *listen[LISTEN_MAX + 1];
    int listen_count;
    const char *tls_certificate, *tls_key;
    bool exit_on_error;
    bool log_level_given, log_format_given; /* on the command line */
    enum log_level log_level;
    enum log_format log_format;
    const char *access_log; /* a path, "-" for standard output, NULL: none */
    enum access_format access_format;
};

/* Err: ERR_INVALID with one sentence that names the argument. */
enum err arguments_parse(int argc, char **argv, struct arguments *out, struct failure *failure);

/* The manual page in short; NULL for an unknown topic. */
const char *arguments_help(const char *topic);

#endif
