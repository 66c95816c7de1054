/* h2_memory: nghttp2's allocator.
 *
 * Small blocks (streams, queued frames, copied fields: five for each request) come from lists of
 * free ones, which takes a tenth off a request: malloc's own fast path holds seven blocks of a
 * size, a turn frees them by the dozen.
 *
 * Every session of nghttp2 has a block of 16,394 bytes in which it builds the frame that it
 * sends next. A server's holds nothing between two calls of h2_drain(), which copies each frame
 * out at once, and no two drains overlap: so all servers of the process share one such block. (A
 * client's does hold something from its birth to its first drain: the connection preface.) */
#include <stdalign.h>
#include <string.h>

#include "base/mem.h"
#include "http/h2_internal.h"

#define FRAME_BLOCK_BYTES \
    16394u /* NGHTTP2_FRAMEBUF_CHUNKLEN; another size is not shared, and nothing is lost */

#define CLASS_BYTES 64u
#define CLASSES 8u      /* of 64 to 512 bytes; larger blocks are not kept */
#define FREE_BLOCKS 256 /* of one class, at the most */

/* A sanitizer must see each block come and go. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_POOLED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define IS_POOLED 0
#endif
#endif
#ifndef IS_POOLED
#define IS_POOLED 1
#endif

/* Before the bytes that nghttp2 gets. */
struct block {
    alignas(16) struct block *next; /* while it is free */
    size_t size;                    /* usable bytes */
};

static struct block *block_of(void *bytes)
{
    return (struct block *)bytes - 1;
}

static struct block *free_blocks[CLASSES + 1];
static uint32_t free_counts[CLASSES + 1];

static void *frame_block;
static size_t frame_block_users;
static bool is_sharing; /* a server's session is being made */

static size_t class_of(size_t size)
{
    return (size + CLASS_BYTES - 1) / CLASS_BYTES;
}

static void *h2_malloc(size_t size, void *user)
{
    size_t class = class_of(size);
    struct block *block;

    (void)user;
    if (IS_POOLED && class <= CLASSES) {
        block = free_blocks[class];
        if (block) {
            free_blocks[class] = block->next;
            free_counts[class]--;
            return block + 1;
        }
        size = class * CLASS_BYTES;
    }
    if (size > SIZE_MAX - sizeof(*block))
        return NULL;
    block = mem_alloc(sizeof(*block) + size);
    if (!block)
        return NULL;
    block->size = size;
    return block + 1;
}

static void h2_free(void *bytes, void *user)
{
    struct block *block;
    size_t class;

    (void)user;
    if (!bytes)
        return;
    if (bytes == frame_block) {
        if (--frame_block_users == 0) {
            mem_free(frame_block);
            frame_block = NULL;
        }
        return;
    }
    block = block_of(bytes);
    class = class_of(block->size);
    if (IS_POOLED && class <= CLASSES && free_counts[class] < FREE_BLOCKS) {
        block->next = free_blocks[class];
        free_blocks[class] = block;
        free_counts[class]++;
        return;
    }
    mem_free(block);
}

static void *h2_calloc(size_t count, size_t size, void *user)
{
    void *bytes;

    if (size && count > SIZE_MAX / size)
        return NULL;
    bytes = h2_malloc(count * size, user);
    if (bytes)
        memset(bytes, 0, count * size);
    return bytes;
}

/* The frame block is asked for in this way, once while a session is made. */
static void *share_frame_block(void)
{
    is_sharing = false; /* more of that size (long header blocks) are the session's own */
    if (!frame_block)
        frame_block = mem_alloc(FRAME_BLOCK_BYTES);
    frame_block_users += frame_block != NULL;
    return frame_block;
}

static void *h2_realloc(void *bytes, size_t size, void *user)
{
    size_t had;
    void *moved;

    if (!bytes)
        return is_sharing && size == FRAME_BLOCK_BYTES ? share_frame_block() : h2_malloc(size, user);
    if (bytes == frame_block)
        return NULL; /* for frames over 16 KiB, which we never ask for; nghttp2 goes on with what it has */
    had = block_of(bytes)->size;
    if (size <= had)
        return bytes;
    moved = h2_malloc(size, user);
    if (!moved)
        return NULL;
    memcpy(moved, bytes, had);
    h2_free(bytes, user);
    return moved;
}

nghttp2_mem *h2_memory_begin(bool is_server)
{
    static nghttp2_mem memory = {
        .malloc = h2_malloc, .free = h2_free, .calloc = h2_calloc, .realloc = h2_realloc};

    is_sharing = is_server;
    return &memory;
}

void h2_memory_end(void)
{
    is_sharing = false;
}

void h2_memory_trim(void)
{
    for (size_t class = 0; class <= CLASSES; class ++) {
        while (free_blocks[class]) {
            struct block *block = free_blocks[class];

            free_blocks[class] = block->next;
            mem_free(block);
        }
        free_counts[class] = 0;
    }
}
