/* inheritance: what a worker gets from its master beside its name: numbers of descriptors in PERIGEE_WORKER.
 *
 *   control=3 settings=4 region=5 page=7 log=6 access=8 slot=1 slots=2 generation=3 sockets=9,10|11,12|13 shared=001 admin=14
 *
 * sockets: for each listener of the settings one for each slot, or one alone where it is shared. -1 or absent: none. */
#ifndef PROCESS_INHERITANCE_H
#define PROCESS_INHERITANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define INHERITED_LISTENERS_MAX 64
#define INHERITED_SOCKETS_MAX 8192 /* of all listeners: so many of them for 128 workers */

struct inherited_listener {
    unsigned first, count; /* in sockets[] */
    bool is_shared;
};

struct inheritance {
    int control, settings, region, page, log, access, admin;
    uint32_t slot, slots, generation;
    struct inherited_listener listeners[INHERITED_LISTENERS_MAX];
    unsigned listener_count, socket_count;
    int sockets[INHERITED_SOCKETS_MAX];
};

/* Err: ERR_INVALID with a sentence that quotes what is wrong. */
enum err inheritance_parse(const char *text, struct inheritance *out, struct failure *failure);

/* What a later program must not have is closed on exec; descriptors above 2 that nobody named are closed now. */
void inheritance_secure(const struct inheritance *inheritance);

/* The descriptor of listener's socket for slot, both from 1, or -1. */
int inheritance_socket(const struct inheritance *inheritance, unsigned listener, unsigned slot);

/* Closes the sockets of a slot that is gone for good (0: of all, the shared ones too): as long as anybody holds them,
 * connections are queued there. */
void inheritance_close_sockets(struct inheritance *inheritance, unsigned slot);

#endif
