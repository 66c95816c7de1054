/* title: finds the block of strings behind argv and environ, moves its contents, writes into it. */
#include "process/title.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"

static struct {
    char *begin;
    size_t size; /* with the NUL at its end */
} area;

/* Walks strings that lie one behind the other. Returns the end of the last one that does. */
static char *walk(char **strings, char *end)
{
    for (; *strings; strings++)
        if (*strings == end)
            end += strlen(end) + 1;
    return end;
}

static size_t count_of(char **strings)
{
    size_t count = 0;

    while (strings[count])
        count++;
    return count;
}

/* A copy of every string, in a block of their own that begins with the pointers. */
static char **copy_strings(char **strings)
{
    size_t count = count_of(strings), bytes = 0;
    char **copies, *place;

    for (size_t i = 0; i < count; i++)
        bytes += strlen(strings[i]) + 1;
    copies = mem_alloc((count + 1) * sizeof(*copies) + bytes);
    if (!copies)
        return NULL;
    place = (char *)(copies + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(strings[i]) + 1;

        copies[i] = memcpy(place, strings[i], length);
        place += length;
    }
    copies[count] = NULL;
    return copies;
}

/* A name inside argv's memory, pointed to by glibc: the same place in the copy. */
static char *moved(char *name, char **from, char **to)
{
    for (; *from; from++, to++)
        if (name >= *from && name <= *from + strlen(*from))
            return *to + (name - *from);
    return name;
}

void title_init(int argc, char **argv)
{
    char **arguments, **environment, *end;

    prctl(PR_SET_NAME, "perigee");
    if (area.begin || argc < 1 || !argv[0])
        return;
    end = walk(argv, argv[0]);
    end = walk(environ, end);
    arguments = copy_strings(argv);
    environment = arguments ? copy_strings(environ) : NULL;
    if (!environment) {
        mem_free(arguments);
        return;
    }
    program_invocation_name = moved(program_invocation_name, argv, arguments);
    program_invocation_short_name = moved(program_invocation_short_name, argv, arguments);
    area.begin = argv[0];
    area.size = (size_t)(end - argv[0]);
    /* The array of pointers lies below the strings and stays where it is. */
    for (int i = 0; i < argc; i++)
        argv[i] = arguments[i];
    environ = environment;
}

void title_set(const char *format, ...)
{
    va_list arguments;
    int length;

    if (area.size < 2)
        return;
    va_start(arguments, format);
    length = vsnprintf(area.begin, area.size, format, arguments);
    va_end(arguments);
    if (length < 0)
        length = 0;
    if ((size_t)length <
        area.size) /* nothing of a longer former title, argument or variable is left */
        memset(area.begin + length, 0, area.size - (size_t)length);
}

size_t title_limit(void)
{
    return area.size ? area.size - 1 : 0;
}
