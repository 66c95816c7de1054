/* arguments: reads the command line; whatever is wrong with it is one sentence. */
#include "process/arguments.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SERVICE_OPTIONS                                                             \
    "  -c, --config FILE    which service; default /etc/perigee/perigee.conf.lua\n" \
    "      --control PATH   its control socket, when it cannot be found from FILE\n"

static const char help_general[] =
    "usage: perigee [run] [options] SCRIPT [arguments]\n"
    "       perigee serve | reload | status | stop [-c FILE]\n"
    "       perigee check [-c FILE] [SCRIPT]\n"
    "       perigee --version | help [topic]\n"
    "\n"
    "  run     runs a Lua script: a program that makes its own servers, or one that\n"
    "          returns handlers (then http://localhost:8000 and https://localhost:8443)\n"
    "  serve   the service: master and workers, from the configuration file\n"
    "  check   says what is wrong with a script or a configuration, opens nothing\n"
    "  reload  the service takes its configuration, certificates and scripts anew\n"
    "  status  prints the service's workers with their sessions and streams\n"
    "  stop    ends the service; open streams finish first\n"
    "  help    this text, or that of a topic: run, serve, check, reload, status, stop\n";

static const char help_run[] =
    "usage: perigee [run] [options] SCRIPT [arguments]\n"
    "\n"
    "  --listen ADDRESS     where a script that returns handlers listens; repeatable:\n"
    "                       http://localhost:8000, https://[::1]:8443, :8000,\n"
    "                       unix:/run/app.sock; port 0 lets the system choose\n"
    "  --tls-cert FILE      certificate for https addresses (PEM, leaf first)\n"
    "  --tls-key FILE       its private key (PEM)\n"
    "  --exit-on-error      an error that no script catches ends the program, as in Node\n"
    "  --log-level LEVEL    error, warn (default), info, debug\n"
    "  --log-format FORMAT  logfmt (default), json\n"
    "  --access-log FILE    one line a request; - for standard output. SIGUSR1 reopens it\n"
    "  --access-format FMT  logfmt (default), common, combined, json\n"
    "\n"
    "Exit status: 0 done, 1 the script failed, 2 wrong usage.\n";

static const char help_serve[] =
    "usage: perigee serve [options]\n"
    "\n"
    "  -c, --config FILE    the configuration; default /etc/perigee/perigee.conf.lua\n"
    "      --log-level LEVEL, --log-format FORMAT   win over those of the file\n"
    "\n"
    "Stays in the foreground. Signals: SIGHUP reload, SIGUSR1 reopen log files, SIGUSR2\n"
    "go on as the binary that is installed now, SIGTERM and SIGINT end in order, twice at once.\n"
    "Exit status: 0 ended in order, 1 could not start, 2 wrong usage.\n";

static const char help_check[] =
    "usage: perigee check SCRIPT\n"
    "       perigee check [-c FILE] [--print]\n"
    "\n"
    "Compiles the script and runs its main chunk with listen, connect and timers\n"
    "recorded instead of done; or checks a configuration (default\n"
    "/etc/perigee/perigee.conf.lua) with its certificates and scripts. --print prints the\n"
    "settings in effect. Exit status: 0 when all is well, 1 when not.\n";

static const char help_reload[] =
    "usage: perigee reload [options]\n"
    "\n" SERVICE_OPTIONS "\n"
    "Waits until new workers serve. When the new configuration, a certificate or the script\n"
    "is bad, nothing is changed. Exit status: 0 reloaded, 1 not, with the reason.\n";

static const char help_status[] = "usage: perigee status [options]\n"
                                  "\n" SERVICE_OPTIONS "      --json           for machines\n"
                                  "\n"
                                  "Exit status: 0 when the service runs, 1 when not.\n";

static const char help_stop[] =
    "usage: perigee stop [options]\n"
    "\n" SERVICE_OPTIONS "\n"
    "Waits until the service has ended. Exit status: 0 when it has, 1 when not.\n";

/* What each command is called, what it takes, what `perigee help` says of it. */
static const struct {
    const char *name;
    enum command command;
    const char *help;
    bool takes_script, needs_script;
} commands[] = {
    {"run", COMMAND_RUN, help_run, true, true},
    {"serve", COMMAND_SERVE, help_serve, false, false},
    {"check", COMMAND_CHECK, help_check, true, false},
    {"reload", COMMAND_RELOAD, help_reload, false, false},
    {"status", COMMAND_STATUS, help_status, false, false},
    {"stop", COMMAND_STOP, help_stop, false, false},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const char *arguments_help(const char *topic)
{
    if (!topic)
        return help_general;
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(topic, commands[i].name) == 0)
            return commands[i].help;
    return NULL;
}

/* The value of "--name value" or "--name=value"; moves *i past it. NULL when it is another option. */
static const char *option_value(int argc, char **argv, int *i, const char *name, bool *missing)
{
    size_t length = strlen(name);

    if (strncmp(argv[*i], name, length) != 0)
        return NULL;
    if (argv[*i][length] == '=')
        return argv[*i] + length + 1;
    if (argv[*i][length] != '\0')
        return NULL;
    if (*i + 1 == argc) {
        *missing = true;
        return "";
    }
    return argv[++*i];
}

/* Options without a value. */
static bool parse_flag(const char *option, struct arguments *out)
{
    if (out->command == COMMAND_RUN && strcmp(option, "--exit-on-error") == 0)
        return out->exit_on_error = true;
    if (out->command == COMMAND_STATUS && strcmp(option, "--json") == 0)
        return out->json = true;
    if (out->command == COMMAND_CHECK && strcmp(option, "--print") == 0)
        return out->print = true;
    return false;
}

/* The options that a command knows, for its error. */
static const char *known_options(enum command command)
{
    switch (command) {
    case COMMAND_RUN:
        return "--listen, --tls-cert, --tls-key, --exit-on-error, --log-level, --log-format, "
               "--access-log, --access-format";
    case COMMAND_SERVE:
        return "--config, --log-level, --log-format";
    case COMMAND_CHECK:
        return "--config, --print, --log-level, --log-format";
    case COMMAND_STATUS:
        return "--config, --control, --json";
    default:
        return "--config, --control";
    }
}

/* Of what a command may be told with a value: fills *out. false: it does not know the option. */
static bool parse_valued(int argc, char **argv, int *i, struct arguments *out, bool *missing,
                         struct failure *failure)
{
    enum command command = out->command;
    bool is_client =
        command == COMMAND_RELOAD || command == COMMAND_STATUS || command == COMMAND_STOP;
    const char *value;

    failure->err = OK;
    if (command != COMMAND_RUN && ((value = option_value(argc, argv, i, "--config", missing)) ||
                                   (value = option_value(argc, argv, i, "-c", missing)))) {
        out->config = value;
    } else if (is_client && (value = option_value(argc, argv, i, "--control", missing))) {
        out->control = value;
    } else if (command == COMMAND_RUN && (value = option_value(argc, argv, i, "--listen", missing))) {
        if (out->listen_count == LISTEN_MAX)
            failure_set(failure, ERR_INVALID, "USAGE", "more than %d --listen", LISTEN_MAX);
        else
            out->listen[out->listen_count++] = (char *)(uintptr_t)value;
    } else if (command == COMMAND_RUN &&
               (value = option_value(argc, argv, i, "--tls-cert", missing))) {
        out->tls_certificate = value;
    } else if (command == COMMAND_RUN &&
               (value = option_value(argc, argv, i, "--tls-key", missing))) {
        out->tls_key = value;
    } else if (command == COMMAND_RUN &&
               (value = option_value(argc, argv, i, "--access-log", missing))) {
        out->access_log = value;
    } else if (command == COMMAND_RUN &&
               (value = option_value(argc, argv, i, "--access-format", missing))) {
        if (!*missing && !access_format_from_text(value, &out->access_format))
            failure_set(failure, ERR_INVALID, "USAGE",
                        "--access-format: expected logfmt, common, combined or json, found \"%s\"",
                        value);
    } else if (!is_client && (value = option_value(argc, argv, i, "--log-level", missing))) {
        out->log_level_given = true;
        if (!*missing && !log_level_from_text(value, &out->log_level))
            failure_set(failure, ERR_INVALID, "USAGE",
                        "--log-level: expected error, warn, info or debug, found \"%s\"", value);
    } else if (!is_client && (value = option_value(argc, argv, i, "--log-format", missing))) {
        out->log_format_given = true;
        if (!*missing && !log_format_from_text(value, &out->log_format))
            failure_set(failure, ERR_INVALID, "USAGE",
                        "--log-format: expected logfmt or json, found \"%s\"", value);
    } else {
        return false;
    }
    return true;
}

static enum err parse_option(int argc, char **argv, int *i, struct arguments *out,
                             struct failure *failure)
{
    const char *option = argv[*i];
    bool missing = false;

    if (parse_flag(option, out))
        return OK;
    if (!parse_valued(argc, argv, i, out, &missing, failure))
        return failure_set(failure, ERR_INVALID, "USAGE", "unknown option %s (known: %s)", option,
                           known_options(out->command));
    if (missing)
        return failure_set(failure, ERR_INVALID, "USAGE", "%s needs a value", option);
    return failure->err;
}

static bool is_any_of(const char *text, const char *a, const char *b, const char *c)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

enum err arguments_parse(int argc, char **argv, struct arguments *out, struct failure *failure)
{
    size_t which = 0; /* run, when no command is named */
    int i = 1;

    *out = (struct arguments){.log_level = LOG_WARN, .log_format = LOG_LOGFMT};
    if (argc < 2)
        return failure_set(failure, ERR_INVALID, "USAGE", "a script is expected");
    if (is_any_of(argv[1], "--version", "-v", "version")) {
        out->command = COMMAND_VERSION;
        return OK;
    }
    if (is_any_of(argv[1], "help", "--help", "-h")) {
        out->command = COMMAND_HELP;
        out->topic = argc > 2 ? argv[2] : NULL;
        return OK;
    }
    for (size_t at = 0; at < COMMANDS; at++) {
        if (strcmp(argv[1], commands[at].name) == 0) {
            which = at;
            i = 2;
        }
    }
    out->command = commands[which].command;
    for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
        enum err err;

        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            out->topic = commands[which].name;
            out->command = COMMAND_HELP;
            return OK;
        }
        err = parse_option(argc, argv, &i, out, failure);
        if (err)
            return err;
    }
    if (i >= argc && commands[which].needs_script)
        return failure_set(failure, ERR_INVALID, "USAGE", "a script is expected");
    if (i < argc && !commands[which].takes_script)
        return failure_set(failure, ERR_INVALID, "USAGE", "%s takes no argument, found \"%s\"",
                           commands[which].name, argv[i]);
    if (i < argc) {
        out->script = argv[i];
        out->rest = argv + i + 1;
    }
    return OK;
}
