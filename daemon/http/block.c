/* block: builds header blocks and looks into them. */
#include "http/block.h"

#include <string.h>

#include "base/mem.h"

#define FIELDS_AT_FIRST 32u
#define BYTES_AT_FIRST 2048u

int http_block_find(const struct http_block *block, const char *name, size_t length, uint32_t *same)
{
    uint32_t found = 0;
    int first = -1;

    for (uint32_t i = 0; i < block->count; i++) {
        const struct http_block_field *field = &block->fields[i];

        if (field->name_length != length ||
            memcmp(http_block_bytes(block, field->name), name, length) != 0)
            continue;
        if (first < 0)
            first = (int)i;
        found++;
        if (!same)
            break;
    }
    if (same)
        *same = found;
    return first;
}

void http_block_begin(struct http_block_builder *builder)
{
    builder->count = builder->used = 0;
}

static enum err more_fields(struct http_block_builder *builder)
{
    uint32_t cap = builder->fields_cap ? builder->fields_cap * 2 : FIELDS_AT_FIRST;
    struct http_block_field *fields;

    if (cap > UINT32_MAX / sizeof(*fields))
        return ERR_NOMEM;
    fields = mem_realloc(builder->fields, cap * sizeof(*fields));
    if (!fields)
        return ERR_NOMEM;
    builder->fields = fields;
    builder->fields_cap = cap;
    return OK;
}

static enum err more_bytes(struct http_block_builder *builder, size_t wanted)
{
    size_t cap = builder->bytes_cap ? builder->bytes_cap : BYTES_AT_FIRST;
    char *bytes;

    while (cap - builder->used < wanted)
        cap *= 2;
    if (cap > UINT32_MAX / 2) /* offsets are 32 bits, and the fields come before the bytes */
        return ERR_NOMEM;
    bytes = mem_realloc(builder->bytes, cap);
    if (!bytes)
        return ERR_NOMEM;
    builder->bytes = bytes;
    builder->bytes_cap = (uint32_t)cap;
    return OK;
}

/* Room for one more field. The lengths are not trusted yet. */
static enum err more_room(struct http_block_builder *builder, size_t name_length,
                          size_t value_length)
{
    if (name_length > UINT32_MAX / 4 || value_length > UINT32_MAX / 4)
        return ERR_NOMEM;
    if (builder->count == builder->fields_cap && more_fields(builder))
        return ERR_NOMEM;
    if (builder->bytes_cap - builder->used < name_length + value_length || !builder->bytes)
        return more_bytes(builder, name_length + value_length);
    return OK;
}

enum err http_block_add(struct http_block_builder *builder, const void *name, size_t name_length,
                        const void *value, size_t value_length, uint32_t flags)
{
    size_t room = builder->bytes_cap - builder->used;
    struct http_block_field *field;
    uint32_t at = builder->used;
    char *bytes;

    if (builder->count == builder->fields_cap || name_length > room ||
        value_length > room - name_length)
        if (more_room(builder, name_length, value_length))
            return ERR_NOMEM;
    bytes = builder->bytes + at;
    if (name_length)
        memcpy(bytes, name, name_length);
    if (value_length)
        memcpy(bytes + name_length, value, value_length);
    field = &builder->fields[builder->count++];
    *field = (struct http_block_field){
        .name = at,
        .name_length = (uint32_t)name_length,
        .value = at + (uint32_t)name_length,
        .value_length = (uint32_t)value_length,
        .flags = flags,
    };
    builder->used = field->value + field->value_length;
    return OK;
}

enum err http_block_finish(struct http_block_builder *builder, struct http_block **out)
{
    size_t head = sizeof(struct http_block) + builder->count * sizeof(struct http_block_field);
    struct http_block *block;

    *out = NULL;
    if (head + builder->used > UINT32_MAX)
        return ERR_NOMEM;
    block = mem_alloc(head + builder->used);
    if (!block)
        return ERR_NOMEM;
    block->size = (uint32_t)(head + builder->used);
    block->count = builder->count;
    for (uint32_t i = 0; i < builder->count; i++) {
        block->fields[i] = builder->fields[i];
        block->fields[i].name += (uint32_t)head;
        block->fields[i].value += (uint32_t)head;
    }
    if (builder->used)
        memcpy((char *)block + head, builder->bytes, builder->used);
    *out = block;
    return OK;
}

void http_block_builder_free(struct http_block_builder *builder)
{
    mem_free(builder->fields);
    mem_free(builder->bytes);
    *builder = (struct http_block_builder){0};
}
