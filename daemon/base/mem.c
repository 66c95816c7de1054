/* mem: counted malloc with a fault to order. */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static size_t live;
static uint64_t fail_in;

static inline int must_fail(void)
{
    return __builtin_expect(fail_in != 0, 0) && --fail_in == 0;
}

void *mem_alloc(size_t size)
{
    void *block = must_fail() ? NULL : malloc(size ? size : 1);

    live += block != NULL;
    return block;
}

void *mem_zalloc(size_t size)
{
    void *block = must_fail() ? NULL : calloc(1, size ? size : 1);

    live += block != NULL;
    return block;
}

void *mem_realloc(void *block, size_t size)
{
    void *moved = must_fail() ? NULL : realloc(block, size ? size : 1);

    live += moved && !block;
    return moved;
}

char *mem_copy(const void *bytes, size_t size)
{
    char *copy = mem_alloc(size + 1);

    if (!copy)
        return NULL;
    if (size)
        memcpy(copy, bytes, size);
    copy[size] = '\0';
    return copy;
}

void mem_free(void *block)
{
    live -= block != NULL;
    free(block);
}

size_t mem_live(void)
{
    return live;
}

void mem_fail_at(uint64_t n)
{
    fail_in = n;
}
