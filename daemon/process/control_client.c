/* control_client: `perigee reload`, `status`, `stop`. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "net/address.h"
#include "process/control.h"

/* FNV-1a, 64 bits: a name, not a secret. */
static unsigned long long hash(const char *text)
{
    unsigned long long h = 14695981039346656037ull;

    for (const char *p = text; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211ull;
    return h;
}

void control_name(const char *config, char out[108])
{
    snprintf(out, 108, "@perigee/%016llx", hash(config));
}

void control_default_path(char out[108])
{
    const char *runtime = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");

    if (runtime && *runtime == '/' && !strchr(runtime, ':') && strlen(runtime) < 90)
        snprintf(out, 108, "%s/control.sock", runtime);
    else if (geteuid() == 0)
        snprintf(out, 108, "/run/perigee/control.sock");
    else if (user && *user == '/' && strlen(user) < 80)
        snprintf(out, 108, "%s/perigee/control.sock", user);
    else
        snprintf(out, 108, "/tmp/perigee-%u/control.sock", (unsigned)geteuid());
}

bool control_make_folder(const char *path)
{
    char folder[108], ours[40];
    struct stat status;
    bool is_public;
    char *slash;

    snprintf(ours, sizeof(ours), "/tmp/perigee-%u/", (unsigned)geteuid());
    is_public = strncmp(path, ours, strlen(ours)) == 0;
    snprintf(folder, sizeof(folder), "%s", path);
    slash = strrchr(folder, '/');
    if (slash && slash != folder) {
        *slash = '\0';
        mkdir(folder, is_public ? 0700 : 0755);
    }
    return !is_public || (lstat(folder, &status) == 0 && S_ISDIR(status.st_mode) &&
                          status.st_uid == geteuid() && !(status.st_mode & 022));
}

bool control_is_default(const char *path)
{
    char usual[108];

    control_default_path(usual);
    return strcmp(path, usual) == 0;
}

/* --- Finding the master. */

/* foreign: as root, take an answer of another user's, too: that of a service which is not root's. */
static int connect_to(const char *path, bool foreign)
{
    struct address address;
    struct ucred peer;
    socklen_t length = sizeof(peer);
    int fd;

    if (address_from_path(path, &address))
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, &address.any, address.length) ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) ||
        (peer.uid != 0 && peer.uid != geteuid() && !(foreign && geteuid() == 0))) {
        close(fd);
        return -1;
    }
    return fd;
}

static int find_master(const struct arguments *arguments, char looked[PATH_MAX])
{
    const char *given = arguments->config ? arguments->config : ARGUMENTS_CONFIG_DEFAULT;
    char path[108], config[PATH_MAX];
    int fd = -1;

    if (arguments->control) {
        snprintf(looked, PATH_MAX, "%s", arguments->control);
        return connect_to(arguments->control, true);
    }
    snprintf(looked, PATH_MAX, "%s", given);
    if (!realpath(given, config))
        snprintf(config, sizeof(config), "%s", given);
    control_name(config, path);
    /* Anybody may take that name: root asks there for root's service first, and last for somebody's. */
    fd = connect_to(path, false);
    if (fd < 0 && !arguments->config) { /* from another network namespace, say */
        char usual[108];

        control_default_path(usual);
        fd = connect_to(usual, true);
        if (fd < 0 && geteuid() != 0)
            fd = connect_to("/run/perigee/control.sock", true);
    }
    return fd < 0 ? connect_to(path, true) : fd;
}

/* --- Asking. */

static const char *request_of(const struct arguments *arguments)
{
    switch (arguments->command) {
    case COMMAND_RELOAD:
        return "reload\n";
    case COMMAND_STOP:
        return "stop\n";
    default:
        return arguments->json ? "status json\n" : "status\n";
    }
}

/* A script's words may be among it, and a terminal obeys some: only lines and tabs are let through. */
static void print(const char *bytes, size_t length, FILE *to)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];

        fputc((c < ' ' && c != '\n' && c != '\t') || c == 0x7f ? '?' : c, to);
    }
}

/* The first line says which; the rest goes to standard output or error. */
static int print_answer(int fd, bool asked, const char *command)
{
    char bytes[4096];
    char verdict[8] = "";
    size_t have = 0;
    bool known = false, good = false;
    ssize_t got;

    while ((got = read(fd, bytes, sizeof(bytes))) > 0 || (got < 0 && errno == EINTR)) {
        char *at = bytes, *end = bytes + (got > 0 ? got : 0);

        for (; !known && at < end; at++) {
            known = *at == '\n';
            if (!known && have < sizeof(verdict) - 1)
                verdict[have++] = *at;
        }
        good = known && strcmp(verdict, "ok") == 0;
        if (known && !good && at > bytes && at - bytes <= (ssize_t)sizeof(verdict))
            fprintf(stderr, "perigee: %s failed:\n", command);
        print(at, (size_t)(end - at), good ? stdout : stderr);
    }
    if (!known) {
        fputs(asked ? "perigee: the service ended without an answer\n"
                    : "perigee: the service takes no request\n",
              stderr);
        return 1;
    }
    return good ? 0 : 1;
}

int control_main(const struct arguments *arguments)
{
    const char *request = request_of(arguments);
    char looked[PATH_MAX];
    int fd = find_master(arguments, looked), status;
    bool asked;

    if (fd < 0) {
        fprintf(stderr,
                arguments->control ? "perigee: no service answers at %s\n"
                                   : "perigee: no service runs with the configuration %s\n",
                looked);
        return 1;
    }
    /* Who is refused may find its request unwanted, and the reason there. */
    asked = send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request);
    status = print_answer(fd, asked,
                          arguments->command == COMMAND_RELOAD ? "reload"
                          : arguments->command == COMMAND_STOP ? "stop"
                                                               : "status");
    close(fd);
    return status;
}
