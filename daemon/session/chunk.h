/* chunk: bytes on their way out, written once, referred to by the stream's queue and by the output
 * of its session. Small ones are copied; large ones stay where the script has them, behind an anchor:
 * a number that goes back to the script when the last reference is dropped. */
#ifndef SESSION_CHUNK_H
#define SESSION_CHUNK_H

#include <stddef.h>
#include <stdint.h>

struct chunk {
    struct chunk *next; /* in the stream's queue */
    const uint8_t *bytes;
    uint32_t length, taken; /* taken: bytes that are framed */
    uint32_t refs, anchor;  /* anchor 0: the bytes are ours, behind the struct */
};

/* One reference. NULL when memory is out. */
struct chunk *chunk_copy(const void *bytes, uint32_t length);
struct chunk *chunk_anchor(const void *bytes, uint32_t length, uint32_t anchor);

static inline void chunk_hold(struct chunk *chunk)
{
    chunk->refs++;
}

void chunk_drop(struct chunk *chunk);

/* An anchor whose bytes are needed no more, or 0. */
uint32_t chunk_released(void);

/* Frees what is kept for reuse (at the end of the process). */
void chunk_pool_free(void);

#endif
