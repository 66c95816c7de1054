/* arguments: reads the command line; whatever is wrong with it is one sentence. */
#include "process/arguments.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char help_general[] =
    "usage: perigee [run] [options] SCRIPT [arguments]\n"
    "       perigee check SCRIPT\n"
    "       perigee --version | help [topic]\n"
    "\n"
    "  run    runs a Lua script: a program that makes its own servers, or one that\n"
    "         returns handlers (then http://localhost:8000 and https://localhost:8443)\n"
    "  check  loads the script without opening anything and says what is wrong\n"
    "  help   this text, or that of a topic: run, check\n";

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
    "\n"
    "Exit status: 0 done, 1 the script failed, 2 wrong usage.\n";

static const char help_check[] =
    "usage: perigee check SCRIPT\n"
    "\n"
    "Compiles the script and runs its main chunk with listen, connect and timers\n"
    "recorded instead of done. Exit status: 0 when all is well, 1 when not.\n";

const char *arguments_help(const char *topic)
{
    if (!topic)
        return help_general;
    if (strcmp(topic, "run") == 0)
        return help_run;
    if (strcmp(topic, "check") == 0)
        return help_check;
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

static enum err parse_option(int argc, char **argv, int *i, struct arguments *out,
                             struct failure *failure)
{
    const char *option = argv[*i], *value;
    bool missing = false;

    if (strcmp(option, "--exit-on-error") == 0) {
        out->exit_on_error = true;
        return OK;
    }
    if ((value = option_value(argc, argv, i, "--listen", &missing))) {
        if (out->listen_count == LISTEN_MAX)
            return failure_set(failure, ERR_INVALID, "USAGE", "more than %d --listen", LISTEN_MAX);
        out->listen[out->listen_count++] = (char *)(uintptr_t)value;
    } else if ((value = option_value(argc, argv, i, "--tls-cert", &missing))) {
        out->tls_certificate = value;
    } else if ((value = option_value(argc, argv, i, "--tls-key", &missing))) {
        out->tls_key = value;
    } else if ((value = option_value(argc, argv, i, "--log-level", &missing))) {
        if (!missing && !log_level_from_text(value, &out->log_level))
            return failure_set(failure, ERR_INVALID, "USAGE",
                               "--log-level: expected error, warn, info or debug, found \"%s\"",
                               value);
    } else if ((value = option_value(argc, argv, i, "--log-format", &missing))) {
        if (!missing && !log_format_from_text(value, &out->log_format))
            return failure_set(failure, ERR_INVALID, "USAGE",
                               "--log-format: expected logfmt or json, found \"%s\"", value);
    } else {
        return failure_set(failure, ERR_INVALID, "USAGE",
                           "unknown option %s (known: --listen, --tls-cert, --tls-key, "
                           "--exit-on-error, --log-level, --log-format)",
                           option);
    }
    if (missing)
        return failure_set(failure, ERR_INVALID, "USAGE", "%s needs a value", option);
    return OK;
}

enum err arguments_parse(int argc, char **argv, struct arguments *out, struct failure *failure)
{
    int i = 1;

    *out =
        (struct arguments){.command = COMMAND_RUN, .log_level = LOG_WARN, .log_format = LOG_LOGFMT};
    if (argc < 2)
        return failure_set(failure, ERR_INVALID, "USAGE", "a script is expected");
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0 ||
        strcmp(argv[1], "version") == 0) {
        out->command = COMMAND_VERSION;
        return OK;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        out->command = COMMAND_HELP;
        out->topic = argc > 2 ? argv[2] : NULL;
        return OK;
    }
    if (strcmp(argv[1], "run") == 0) {
        i = 2;
    } else if (strcmp(argv[1], "check") == 0) {
        out->command = COMMAND_CHECK;
        i = 2;
    }
    for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
        enum err err;

        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            out->topic = out->command == COMMAND_CHECK ? "check" : "run";
            out->command = COMMAND_HELP;
            return OK;
        }
        err = parse_option(argc, argv, &i, out, failure);
        if (err)
            return err;
    }
    if (i >= argc)
        return failure_set(failure, ERR_INVALID, "USAGE", "a script is expected");
    out->script = argv[i];
    out->rest = argv + i + 1;
    return OK;
}
