/* events: a growing array that keeps its memory from turn to turn. */
#include "session/events.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define LAST_WORDS_MS 1000
#define FIRST_EVENTS 256
#define KEEP_EVENTS 8192 /* a larger array is given back after the batch */

/* An event that cannot be recorded would be a lie to the script about what its peers did. */
static void *must(void *block)
{
    if (!block) {
        log_line(LOG_ERROR, "out of memory for events", NULL);
        log_flush(LAST_WORDS_MS);
        abort();
    }
    return block;
}

struct event *events_add(struct events *events, enum event_kind kind, uint32_t slot,
                         uint32_t generation)
{
    struct event *event;

    if (events->count == events->cap) {
        events->cap = events->cap ? events->cap * 2 : FIRST_EVENTS;
        events->at = must(mem_realloc(events->at, events->cap * sizeof(*events->at)));
    }
    event = &events->at[events->count++];
    *event = (struct event){.kind = kind, .slot = slot, .generation = generation};
    return event;
}

const struct event *events_next(struct events *events)
{
    return events->cursor < events->count ? &events->at[events->cursor++] : NULL;
}

void events_own(struct events *events, void *block)
{
    if (events->owned_count == events->owned_cap) {
        events->owned_cap = events->owned_cap ? events->owned_cap * 2 : 16;
        events->owned = must(mem_realloc(events->owned, events->owned_cap * sizeof(*events->owned)));
    }
    events->owned[events->owned_count++] = block;
}

const uint8_t *events_copy(struct events *events, const void *bytes, uint32_t length)
{
    char *copy = must(mem_copy(bytes, length));

    events_own(events, copy);
    return (const uint8_t *)copy;
}

const uint8_t *events_join(struct events *events, const void *first, size_t first_length,
                           const void *second, size_t second_length)
{
    uint8_t *both = must(mem_alloc(first_length + second_length + 1));

    if (first_length)
        memcpy(both, first, first_length);
    if (second_length)
        memcpy(both + first_length, second, second_length);
    events_own(events, both);
    return both;
}

void events_clear(struct events *events)
{
    for (uint32_t i = 0; i < events->owned_count; i++)
        mem_free(events->owned[i]);
    events->owned_count = 0;
    events->count = events->cursor = 0;
    if (events->cap > KEEP_EVENTS) {
        mem_free(events->at);
        events->at = NULL;
        events->cap = 0;
    }
}

void events_free(struct events *events)
{
    events_clear(events);
    mem_free(events->at);
    mem_free(events->owned);
    memset(events, 0, sizeof(*events));
}
