/* allocator: lists of small blocks cut from slabs; larger ones from the heap. */
#include "script/allocator.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define STEP 16u
#define SMALL_MAX 1024u
#define CLASSES (SMALL_MAX / STEP)
#define SLAB_BYTES (64u * 1024)

struct free_block {
    struct free_block *next;
};

struct slab {
    struct slab *next;
    uint64_t align; /* the blocks behind it are aligned to 16 */
};

struct allocator {
    struct free_block *free[CLASSES + 1];
    struct slab *slabs;
    char *fresh, *fresh_end; /* of the newest slab: not yet cut */
    size_t used;
};

struct allocator *allocator_new(void)
{
    return mem_zalloc(sizeof(struct allocator));
}

void allocator_free(struct allocator *allocator)
{
    if (!allocator)
        return;
    while (allocator->slabs) {
        struct slab *slab = allocator->slabs;

        allocator->slabs = slab->next;
        mem_free(slab);
    }
    mem_free(allocator);
}

size_t allocator_used(const struct allocator *allocator)
{
    return allocator->used;
}

static inline size_t class_of(size_t size)
{
    return (size + STEP - 1) / STEP;
}

/* A new slab; what was left of the old one goes to the list of its size. */
static void *cut_new_slab(struct allocator *a, size_t bytes)
{
    size_t left = (size_t)(a->fresh_end - a->fresh);
    struct slab *slab;

    slab = mem_alloc(SLAB_BYTES);
    if (!slab)
        return NULL;
    if (left >= STEP) {
        struct free_block *rest = (struct free_block *)(void *)a->fresh;

        rest->next = a->free[left / STEP];
        a->free[left / STEP] = rest;
    }
    slab->next = a->slabs;
    a->slabs = slab;
    a->fresh = (char *)(slab + 1) + bytes;
    a->fresh_end = (char *)slab + SLAB_BYTES;
    return slab + 1;
}

static inline void *take(struct allocator *a, size_t size)
{
    size_t class = class_of(size);
    struct free_block *block = a->free[class];
    char *fresh = a->fresh;

    if (block) {
        a->free[class] = block->next;
        return block;
    }
    if ((size_t)(a->fresh_end - fresh) >= class * STEP) {
        a->fresh = fresh + class * STEP;
        return fresh;
    }
    return cut_new_slab(a, class * STEP);
}

static inline void give(struct allocator *a, void *block, size_t size)
{
    struct free_block *free_block = block;

    free_block->next = a->free[class_of(size)];
    a->free[class_of(size)] = free_block;
}

void *allocator_call(void *state, void *block, size_t old_size, size_t new_size)
{
    struct allocator *a = state;
    void *moved;

    if (new_size == 0) {
        if (!block)
            return NULL;
        a->used -= old_size;
        if (old_size <= SMALL_MAX)
            give(a, block, old_size);
        else
            mem_free(block);
        return NULL;
    }
    if (block && old_size > SMALL_MAX && new_size > SMALL_MAX) {
        moved = mem_realloc(block, new_size);
    } else if (block && old_size <= SMALL_MAX && class_of(old_size) == class_of(new_size)) {
        moved = block;
    } else {
        moved = new_size <= SMALL_MAX ? take(a, new_size) : mem_alloc(new_size);
        if (moved && block) {
            memcpy(moved, block, old_size < new_size ? old_size : new_size);
            if (old_size <= SMALL_MAX)
                give(a, block, old_size);
            else
                mem_free(block);
        }
    }
    if (moved)
        a->used += new_size - (block ? old_size : 0);
    return moved;
}
