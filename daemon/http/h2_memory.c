/* h2_memory: nghttp2's allocator.
 *
 * Every session of nghttp2 has a block of 16,394 bytes in which it builds the frame that it sends next. A
 * server's holds nothing between two calls of h2_drain(), which copies each frame out at once, and no two
 * drains overlap: so all servers of the process share one such block. (A client's does hold something from
 * its birth to its first drain: the connection preface.) */
#include "base/mem.h"
#include "http/h2_internal.h"

#define FRAME_BLOCK_BYTES 16394u /* NGHTTP2_FRAMEBUF_CHUNKLEN; another size is not shared, and nothing is lost */

static void *frame_block;
static size_t frame_block_users;
static bool is_sharing; /* a server's session is being made */

static void *h2_malloc(size_t size, void *user)
{
    (void)user;
    if (is_sharing && size == FRAME_BLOCK_BYTES) {
        is_sharing = false; /* more of that size (long header blocks) are the session's own */
        if (!frame_block)
            frame_block = mem_alloc(size);
        frame_block_users += frame_block != NULL;
        return frame_block;
    }
    return mem_alloc(size);
}

static void h2_free(void *block, void *user)
{
    (void)user;
    if (block && block == frame_block) {
        if (--frame_block_users)
            return;
        frame_block = NULL;
    }
    mem_free(block);
}

static void *h2_calloc(size_t count, size_t size, void *user)
{
    (void)user;
    if (size && count > SIZE_MAX / size)
        return NULL;
    return mem_zalloc(count * size);
}

static void *h2_realloc(void *block, size_t size, void *user)
{
    (void)user;
    if (block && block == frame_block)
        return NULL; /* nghttp2 does that for frames over 16 KiB only, which we never ask for; it copes */
    return mem_realloc(block, size);
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
