/* chunk: reference counts, a pool for the usual small sizes, the list of anchors to give back. */
#include "session/chunk.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "metrics/metrics.h"

#define SMALL_BYTES 448 /* copied bytes that fit a pooled chunk */
#define POOL_MAX 1024

static struct chunk *pool;
static unsigned pooled;

/* Anchored chunks that nobody refers to wait here until the script asks. */
static struct chunk *released;

static struct chunk *chunk_make(size_t room)
{
    struct chunk *chunk;

    if (room <= SMALL_BYTES && pool) {
        chunk = pool;
        pool = chunk->next;
        pooled--;
    } else {
        chunk = mem_alloc(sizeof(*chunk) + (room <= SMALL_BYTES ? SMALL_BYTES : room));
        if (!chunk)
            return NULL;
    }
    metrics->chunks++;
    *chunk = (struct chunk){.refs = 1};
    return chunk;
}

static void chunk_unmake(struct chunk *chunk, bool small)
{
    metrics->chunks--;
    if (!small || pooled >= POOL_MAX) {
        mem_free(chunk);
        return;
    }
    chunk->next = pool;
    pool = chunk;
    pooled++;
}

struct chunk *chunk_copy(const void *bytes, uint32_t length)
{
    struct chunk *chunk = chunk_make(length);

    if (!chunk)
        return NULL;
    memcpy(chunk + 1, bytes, length);
    chunk->bytes = (const uint8_t *)(chunk + 1);
    chunk->length = length;
    return chunk;
}

struct chunk *chunk_anchor(const void *bytes, uint32_t length, uint32_t anchor)
{
    struct chunk *chunk = chunk_make(0);

    if (!chunk)
        return NULL;
    chunk->bytes = bytes;
    chunk->length = length;
    chunk->anchor = anchor;
    return chunk;
}

void chunk_drop(struct chunk *chunk)
{
    if (--chunk->refs > 0)
        return;
    if (chunk->anchor) {
        chunk->next = released;
        released = chunk;
    } else {
        chunk_unmake(chunk, chunk->length <= SMALL_BYTES);
    }
}

uint32_t chunk_released(void)
{
    struct chunk *chunk = released;
    uint32_t anchor;

    if (!chunk)
        return 0;
    released = chunk->next;
    anchor = chunk->anchor;
    chunk_unmake(chunk, true);
    return anchor;
}

void chunk_pool_free(void)
{
    while (chunk_released())
        continue;
    while (pool) {
        struct chunk *next = pool->next;

        mem_free(pool);
        pool = next;
    }
    pooled = 0;
}
