/* service: what a script gets in a worker of `perigee serve`: the settings instead of a command line, the master's
 * sockets instead of its own, and a drain instead of a signal. */
#ifndef SCRIPT_SERVICE_H
#define SCRIPT_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"
#include "metrics/region.h"
#include "script/script.h"

enum script_news {
    SCRIPT_READY,   /* all main chunks ran, every server listens */
    SCRIPT_FAILED,  /* text: why it cannot serve; the loop is told to stop */
    SCRIPT_HELD,    /* text: which handlers held it up at the drain's deadline */
    SCRIPT_DRAINED, /* nothing is left; the loop is told to stop */
};

struct script_service {
    const struct settings *settings;
    uint32_t slot, slots; /* this worker's, from 1; how many there are */
    /* The socket of a listener of the settings for a slot, both from 1, or -1. One that is shared (is_shared()) is the
     * same for every slot. It stays the owner's: servers accept from duplicates. */
    int (*socket)(void *owner, unsigned listener, unsigned slot);
    bool (*is_shared)(void *owner, unsigned listener);
    struct script_now *now; /* where whose code runs is noted; NULL: where only we see it */
    void (*on_news)(void *owner, enum script_news news, const char *text);
    void *owner;
};

/* Starts the scripts of the settings; they go on in the loop. service: kept, until script_free(). */
void script_serve(struct script *script, const struct script_service *service);

/* Stops to accept; sessions leave in two steps; open streams have in_ms milliseconds. Again: a new deadline. */
void script_drain(struct script *script, double in_ms);

/* Accepts from the sockets of that slot too, or no longer. */
void script_cover(struct script *script, unsigned slot, bool cover);

/* Whose code runs, for the watchdog: "GET /slow", "stream 3", "app.lua:12 …". Called on another thread while the loop's is
 * stuck: it looks at memory that may change under it, and answers "" for what it cannot find out. Costs at most half
 * a second. Once at a time. */
struct script_place {
    char request[256]; /* method and path */
    char where[512];   /* the script's lines, innermost first */
    uint32_t stream;   /* its id; 0: no stream's code */
    uint64_t busy_ms;  /* since the code was entered */
};
void script_find_place(struct script *script, struct script_place *out);

#endif
