/* inheritance: PERIGEE_WORKER taken apart. */
#include "process/inheritance.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/close_range.h>

static enum err refuse(struct failure *failure, const char *at)
{
    return failure_set(
        failure, ERR_INVALID, "ERR_WORKER",
        "a worker is started by its master only: PERIGEE_WORKER is wrong at \"%.60s\"", at);
}

/* "9,10|11,12|13" up to a blank or the end; NULL when it is not of that form. */
static const char *parse_sockets(const char *at, struct inheritance *out)
{
    while (*at && *at != ' ') {
        struct inherited_listener *listener;
        char *end;

        if (out->listener_count == INHERITED_LISTENERS_MAX)
            return NULL;
        listener = &out->listeners[out->listener_count++];
        listener->first = out->socket_count;
        for (;; at = end + 1) {
            long fd = strtol(at, &end, 10);

            if (end == at || fd < -1 || fd > INT32_MAX || out->socket_count == INHERITED_SOCKETS_MAX)
                return NULL;
            out->sockets[out->socket_count++] = (int)fd;
            listener->count++;
            if (*end != ',')
                break;
        }
        at = *end == '|' ? end + 1 : end;
        if (*end && *end != '|' && *end != ' ')
            return NULL;
    }
    return at;
}

static const char *parse_shared(const char *at, struct inheritance *out)
{
    for (unsigned i = 0; *at == '0' || *at == '1'; i++, at++)
        if (i < INHERITED_LISTENERS_MAX)
            out->listeners[i].is_shared = *at == '1';
    return at;
}

static const char *parse_number(const char *at, const char *name, size_t length,
                                struct inheritance *out)
{
    const struct {
        const char *name;
        void *number;
    } numbers[] = {
        {"control", &out->control}, {"settings", &out->settings},
        {"region", &out->region},   {"page", &out->page},
        {"log", &out->log},         {"access", &out->access},
        {"admin", &out->admin},     {"slot", &out->slot},
        {"slots", &out->slots},     {"generation", &out->generation},
    };
    char *end;
    long number = strtol(at, &end, 10);

    if (end == at || number < -1 || number > INT32_MAX)
        return NULL;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (strlen(numbers[i].name) == length && memcmp(numbers[i].name, name, length) == 0)
            *(int *)numbers[i].number = (int)number; /* of both signs: the same size */
    return end;
}

enum err inheritance_parse(const char *text, struct inheritance *out, struct failure *failure)
{
    const char *at = text;

    memset(out, 0, sizeof(*out));
    out->control = out->settings = out->region = out->page = -1;
    out->log = out->access = out->admin = -1;
    while (*at) {
        const char *equals = strchr(at, '='), *next = NULL;
        size_t length;

        if (!equals)
            return refuse(failure, at);
        length = (size_t)(equals - at);
        if (length == 7 && memcmp(at, "sockets", 7) == 0)
            next = parse_sockets(equals + 1, out);
        else if (length == 6 && memcmp(at, "shared", 6) == 0)
            next = parse_shared(equals + 1, out);
        else
            next = parse_number(equals + 1, at, length, out);
        if (!next || (*next && *next != ' '))
            return refuse(failure, at);
        at = *next ? next + 1 : next;
    }
    if (out->control < 0 || out->settings < 0 || out->slot < 1 || out->slots < 1)
        return refuse(failure, text);
    return OK;
}

static int compare(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

void inheritance_secure(const struct inheritance *in)
{
    int known[INHERITED_SOCKETS_MAX + 6] = {in->control, in->settings, in->region,
                                            in->log,     in->access,   in->admin};
    unsigned next = 3;

    memcpy(known + 6, in->sockets, in->socket_count * sizeof(int));
    qsort(known, in->socket_count + 6, sizeof(int), compare);
    for (unsigned i = 0; i < in->socket_count + 6; i++) {
        if (known[i] < (int)next)
            continue; /* none, one of the three, or named twice */
        fcntl(known[i], F_SETFD, FD_CLOEXEC);
        if ((unsigned)known[i] > next)
            close_range(next, (unsigned)known[i] - 1, 0);
        next = (unsigned)known[i] + 1;
    }
    close_range(next, ~0U, 0);
}

int inheritance_socket(const struct inheritance *in, unsigned listener, unsigned slot)
{
    const struct inherited_listener *of;

    if (listener < 1 || listener > in->listener_count || slot < 1)
        return -1;
    of = &in->listeners[listener - 1];
    if (of->is_shared)
        return of->count > 0 ? in->sockets[of->first] : -1;
    return slot <= of->count ? in->sockets[of->first + slot - 1] : -1;
}

static void close_socket(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void inheritance_close_sockets(struct inheritance *in, unsigned slot)
{
    for (unsigned i = 0; i < in->listener_count; i++) {
        struct inherited_listener *of = &in->listeners[i];

        for (unsigned k = 0; k < of->count; k++)
            if (slot == 0 || (!of->is_shared && k + 1 == slot))
                close_socket(&in->sockets[of->first + k]);
    }
}
