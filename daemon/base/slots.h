/* slots: numbered places for objects that outsiders know by number. A place is reused, its
 * generation is not: a pair of slot and generation that is out of date finds nothing. Slot 0 is
 * never given out, so 0 can mean "none". */
#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct slot {
    void *object;
    uint32_t generation;
    uint32_t next_free;
};

struct slots {
    struct slot *at;
    uint32_t size, limit, used, first_free;
};

/* limit: the most objects at one time. Nothing is allocated before the first put. */
void slots_init(struct slots *s, uint32_t limit);
void slots_deinit(struct slots *s);

/* Err: ERR_FULL at the limit, ERR_NOMEM. */
enum err slots_put(struct slots *s, void *object, uint32_t *slot, uint32_t *generation);
void slots_remove(struct slots *s, uint32_t slot);

/* The object, or NULL when it is gone. */
static inline void *slots_get(const struct slots *s, uint32_t slot, uint32_t generation)
{
    if (slot >= s->size || s->at[slot].generation != generation)
        return NULL;
    return s->at[slot].object;
}

#endif
