/* ticket_keys: overwrites keys in a settings document, in place: all are 96 bytes of text. */
#include "process/ticket_keys.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define KEY_TEXT_BYTES 96

static bool same(const struct settings *a, unsigned i, const struct settings *b, unsigned j,
                 const char *name)
{
    const char *left = settings_text_at(a, name, "listen", i);
    const char *right = settings_text_at(b, name, "listen", j);

    return left && right ? strcmp(left, right) == 0 : left == right;
}

/* The same listener in the old settings; 0: none. */
static unsigned find(const struct settings *new, unsigned at, const struct settings *old)
{
    static const char *const names[] = {"address", "tls.client_certificate", "tls.client_ca",
                                        "tls.client_crl"};

    for (unsigned i = 1; i <= settings_count(old, "listen"); i++) {
        size_t alike = 0;

        while (alike < sizeof(names) / sizeof(names[0]) && same(new, at, old, i, names[alike]))
            alike++;
        if (alike == sizeof(names) / sizeof(names[0]))
            return i;
    }
    return 0;
}

/* Behind the head of its record, "listen.N.tls.ticket_key s 96\n". */
static char *find_key(char *bytes, size_t length, unsigned listener)
{
    char head[64];
    int head_length =
        snprintf(head, sizeof(head), "\nlisten.%u.tls.ticket_key s %d\n", listener, KEY_TEXT_BYTES);
    char *at = memmem(bytes, length, head, (size_t)head_length);

    if (!at || (size_t)(bytes + length - at) < (size_t)head_length + KEY_TEXT_BYTES)
        return NULL;
    return at + head_length;
}

unsigned ticket_keys_keep(int document, const struct settings *old)
{
    struct settings *new = NULL;
    struct failure failure;
    struct stat file;
    unsigned kept = 0;
    char *bytes;

    if (!old || fstat(document, &file) || file.st_size == 0 ||
        settings_read(document, &new, &failure))
        return 0;
    bytes = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, document, 0);
    for (unsigned i = 1; bytes != MAP_FAILED && i <= settings_count(new, "listen"); i++) {
        unsigned former = find(new, i, old);
        const char *key = former ? settings_text_at(old, "tls.ticket_key", "listen", former) : NULL;
        char *place = key && strlen(key) == KEY_TEXT_BYTES &&
                              settings_text_at(new, "tls.ticket_key", "listen", i)
                          ? find_key(bytes, (size_t)file.st_size, i)
                          : NULL;

        if (place) {
            memcpy(place, key, KEY_TEXT_BYTES);
            kept++;
        }
    }
    if (bytes != MAP_FAILED)
        munmap(bytes, (size_t)file.st_size);
    settings_free(&new);
    return kept;
}
