/* main: arguments, then floor 4. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perigee_build.h"
#include "process/arguments.h"
#include "process/configure.h"
#include "process/run.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int help(const char *topic)
{
    const char *text = arguments_help(topic);

    if (!text) {
        fprintf(stderr, "perigee: no help on \"%s\" (topics: run, check)\n", topic);
        return EXIT_USAGE;
    }
    fputs(text, stdout);
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct failure failure;

    char as_check[] = "check";
    bool configures = argc > 1 && strcmp(argv[1], "configure") == 0 && getenv("PERIGEE_CONFIGURE");

    if (configures)
        argv[1] = as_check; /* it takes the same options */
    if (arguments_parse(argc, argv, &arguments, &failure)) {
        fprintf(stderr, "perigee: %s\n%s", failure.text, arguments_help(NULL));
        return EXIT_USAGE;
    }
    log_setup(arguments.log_level, arguments.log_format);
    switch (arguments.command) {
    case COMMAND_VERSION:
        printf("perigee %s\n%s\n", PERIGEE_VERSION, PERIGEE_BUILD_LIBS);
        return EXIT_DONE;
    case COMMAND_HELP:
        return help(arguments.topic);
    case COMMAND_CHECK:
        return configures ? configure_main(&arguments) : check_main(&arguments);
    default:
        break;
    }
    return run_script(&arguments);
}
