/* allocator: memory for the Lua state. Small blocks come from lists by size: Lua says how large a
 * block was when it gives it back, so no block needs a head, and making and dropping the tables and strings of a
 * request costs a few instructions each. Memory that was a small block once stays with the lists. */
#ifndef SCRIPT_ALLOCATOR_H
#define SCRIPT_ALLOCATOR_H

#include <stddef.h>

struct allocator;

/* NULL when memory is out. Own: caller, until allocator_free(), after lua_close(). */
struct allocator *allocator_new(void);
void allocator_free(struct allocator *allocator);

/* A lua_Alloc; state is the allocator. */
void *allocator_call(void *state, void *block, size_t old_size, size_t new_size);

/* Bytes that Lua has now. */
size_t allocator_used(const struct allocator *allocator);

#endif
