/* block: one header block as it came, in one allocation that holds no pointers: offsets count
 * from the block's first byte. So a copy of its `size` bytes (a Lua string, say) is as good as
 * the block. */
#ifndef HTTP_BLOCK_H
#define HTTP_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FIELD_SENSITIVE 1u /* came, or is to be sent, as never indexed (RFC 7541 6.2.3) */

struct http_block_field {
    uint32_t name, name_length, value, value_length, flags;
};

struct http_block {
    uint32_t size;  /* of the whole allocation, bytes */
    uint32_t count; /* fields, in wire order, pseudo headers with them */
    struct http_block_field fields[];
};

/* The first field of that name (lower case, exact), or -1. *same (may be NULL) is how many have
 * it. */
int http_block_find(const struct http_block *block, const char *name, size_t length, uint32_t *same);

static inline const char *http_block_bytes(const struct http_block *block, uint32_t offset)
{
    return (const char *)block + offset;
}

/* --- Making one. The builder's memory is reused from block to block. */
struct http_block_builder {
    struct http_block_field *fields;
    uint32_t count, fields_cap;
    char *bytes;
    uint32_t used, bytes_cap;
};

void http_block_begin(struct http_block_builder *builder); /* of a zeroed or a used builder */
enum err http_block_add(struct http_block_builder *builder, const void *name, size_t name_length,
                        const void *value, size_t value_length, uint32_t flags); /* ERR_NOMEM */
/* Own: caller, mem_free().  Err: ERR_NOMEM. */
enum err http_block_finish(struct http_block_builder *builder, struct http_block **out);
void http_block_builder_free(struct http_block_builder *builder);

#endif
