/* slots: free places are a stack, so that few cache lines are in use; generations tell old from new. */
#include "base/slots.h"

#include <string.h>

#include "base/mem.h"

#define FIRST_SIZE 64

void slots_init(struct slots *s, uint32_t limit)
{
    memset(s, 0, sizeof(*s));
    s->limit = limit;
}

void slots_deinit(struct slots *s)
{
    mem_free(s->at);
    memset(s, 0, sizeof(*s));
}

static void push_free(struct slots *s, uint32_t slot)
{
    s->at[slot].next_free = s->first_free;
    s->first_free = slot;
}

static enum err grow(struct slots *s)
{
    uint64_t size = s->size ? (uint64_t)s->size * 2 : FIRST_SIZE;
    struct slot *at;

    if (size > (uint64_t)s->limit + 1)
        size = (uint64_t)s->limit + 1;
    if (size <= s->size || s->limit == 0)
        return ERR_FULL;
    at = mem_realloc(s->at, (size_t)size * sizeof(*at));
    if (!at)
        return ERR_NOMEM;
    memset(at + s->size, 0, (size_t)(size - s->size) * sizeof(*at));
    s->at = at;
    for (uint32_t i = (uint32_t)size - 1; i >= (s->size ? s->size : 1); i--) {
        at[i].generation = 1;
        push_free(s, i);
    }
    s->size = (uint32_t)size;
    return OK;
}

enum err slots_put(struct slots *s, void *object, uint32_t *slot, uint32_t *generation)
{
    enum err err;
    uint32_t i;

    if (!s->first_free) {
        err = grow(s);
        if (err)
            return err;
    }
    i = s->first_free;
    s->first_free = s->at[i].next_free;
    s->at[i].object = object;
    s->used++;
    *slot = i;
    *generation = s->at[i].generation;
    return OK;
}

void slots_remove(struct slots *s, uint32_t slot)
{
    s->at[slot].object = NULL;
    s->at[slot].generation++;
    s->used--;
    push_free(s, slot);
}
