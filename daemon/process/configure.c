/* configure: writes the settings document, and checks. */
#include "process/configure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/settings.h"
#include "process/privileges.h"
#include "process/run.h"
#include "script/configuration.h"

/* Problems go to standard error. Returns false when there is no configuration to go on with. */
static bool load(const struct arguments *arguments, struct configuration *out)
{
    const char *file = arguments->config ? arguments->config : ARGUMENTS_CONFIG_DEFAULT;
    struct failure failure;

    if (configuration_load(file, out, &failure)) {
        fprintf(stderr, "perigee: %s\n", failure.text);
        return false;
    }
    fputs(out->problems, stderr);
    return true;
}

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

int configure_main(const struct arguments *arguments)
{
    struct configuration configuration;
    bool good = load(arguments, &configuration) && configuration.good;

    if (good && !write_all(CONFIGURE_FD, configuration.document, configuration.document_length)) {
        fprintf(stderr, "perigee: the settings cannot be handed over: %s\n", strerror(errno));
        good = false;
    }
    configuration_free(&configuration);
    return good ? 0 : 1;
}

/* Scripts run as whom workers become. Root's own check would be a way for who may write a script to be root: an
 * upgrade checks, too. */
static bool become_worker_user(const struct settings *settings)
{
    const struct privileges privileges = {
        .user = settings ? settings_text(settings, "user") : NULL,
        .group = settings ? settings_text(settings, "group") : NULL,
        .allow_root = true,
    };
    struct failure failure;

    if (geteuid() != 0 || !privileges.user || !privileges_drop(&privileges, &failure))
        return true;
    fprintf(stderr, "perigee: %s\n", failure.text);
    return false;
}

/* Runs `perigee check SCRIPT ARGUMENTS` as a child: a script may end its process, or leave its state as it likes. */
static bool check_script(const char *script, char **arguments, const struct settings *settings,
                         bool quiet)
{
    size_t count = 0;
    int status = 0;
    char **argv;
    pid_t child;

    while (arguments && arguments[count])
        count++;
    argv = mem_zalloc((count + 5) * sizeof(*argv));
    if (!argv) {
        fprintf(stderr, "perigee: %s cannot be checked: out of memory\n", script);
        return false;
    }
    memcpy(argv, (const char *const[]){"perigee", "check", "--", script}, 4 * sizeof(*argv));
    if (count > 0)
        memcpy(argv + 4, arguments, count * sizeof(*argv));
    fflush(NULL);
    child = fork();
    if (child == 0) {
        if (quiet) /* standard output is for the settings */
            dup2(STDERR_FILENO, STDOUT_FILENO);
        if (become_worker_user(settings))
            execv("/proc/self/exe", argv);
        _exit(1);
    }
    mem_free(argv);
    if (child < 0) {
        fprintf(stderr, "perigee: %s cannot be checked: %s\n", script, strerror(errno));
        return false;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        fprintf(stderr, "perigee: the check of %s was ended by signal %d\n", script,
                WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What was configured, as workers will read it; NULL when it is not good. */
static struct settings *settings_of(const struct configuration *configuration)
{
    struct settings *settings = NULL;
    struct failure failure;

    if (configuration->good && settings_parse(configuration->document,
                                              configuration->document_length, &settings, &failure))
        fprintf(stderr, "perigee: %s\n", failure.text);
    return settings;
}

int check_main(const struct arguments *arguments)
{
    struct configuration configuration;
    struct settings *settings = NULL;
    bool good;

    if (arguments->script && !arguments->config && !arguments->print)
        return run_script(arguments);
    good = load(arguments, &configuration);
    if (good) {
        settings = settings_of(&configuration);
        for (const char *script = configuration.scripts; *script; script += strlen(script) + 1)
            good = check_script(script, configuration.arguments, settings, arguments->print) && good;
        if (arguments->print && configuration.good)
            good = write_all(STDOUT_FILENO, configuration.printed, strlen(configuration.printed)) &&
                   good;
        good = good && configuration.good;
    }
    configuration_free(&configuration);
    if (arguments->script)
        good = check_script(arguments->script, arguments->rest, settings, arguments->print) && good;
    settings_free(&settings);
    return good ? 0 : 1;
}
