/* main: arguments, then floor 4. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perigee_build.h"
#include "process/arguments.h"
#include "process/configure.h"
#include "process/control.h"
#include "process/master.h"
#include "process/run.h"
#include "process/title.h"
#include "process/worker_process.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int help(const char *topic)
{
    const char *text = arguments_help(topic);

    if (!text) {
        fprintf(stderr,
                "perigee: no help on \"%s\" (topics: run, serve, check, reload, status, stop)\n",
                topic);
        return EXIT_USAGE;
    }
    fputs(text, stdout);
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct failure failure;

    if (getenv("PERIGEE_WORKER")) { /* started by a master, as the next */
        title_init(argc, argv);
        return worker_main(argc, argv);
    }
    if (getenv("PERIGEE_CONFIGURE") && argc == 4) {
        arguments = (struct arguments){.config = argv[3]};
        return configure_main(&arguments);
    }
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        title_init(argc, argv); /* before anything points into argv */
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
        return check_main(&arguments);
    case COMMAND_SERVE:
        return master_main(&arguments, argv);
    case COMMAND_RELOAD:
    case COMMAND_STATUS:
    case COMMAND_STOP:
        return control_main(&arguments);
    case COMMAND_RUN:
        break;
    }
    return run_script(&arguments);
}
