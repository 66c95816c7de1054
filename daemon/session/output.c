/* output: gathering, sending, keeping the rest. */
#include "session/output.h"

#include <string.h>

#include "base/mem.h"

#define LARGEST_COPY (16 * 1024 + 64) /* one frame that is no DATA */
#define COPY_BELOW 256 /* a smaller piece is cheaper to copy than to send on its own */

static void sink_copy(void *owner, const uint8_t *bytes, size_t length)
{
    struct gather *g = owner;
    uint8_t *at = g->arena + g->used;
    struct iovec *last = g->count ? &g->pieces[g->count - 1] : NULL;

    memcpy(at, bytes, length);
    g->used += length;
    g->total += length;
    if (last && !g->chunks[g->count - 1] && (uint8_t *)last->iov_base + last->iov_len == at) {
        last->iov_len += length;
        return;
    }
    g->chunks[g->count] = NULL;
    g->pieces[g->count++] = (struct iovec){.iov_base = at, .iov_len = length};
}

static void sink_refer(void *owner, void *stream, const struct http_piece *piece)
{
    struct gather *g = owner;

    (void)stream;
    if (piece->length == 0)
        return;
    if (piece->length < COPY_BELOW) {
        sink_copy(owner, piece->bytes, piece->length);
        return;
    }
    chunk_hold(piece->chunk);
    g->chunks[g->count] = piece->chunk;
    g->pieces[g->count++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)piece->bytes, .iov_len = piece->length};
    g->total += piece->length;
}

static size_t sink_room(void *owner)
{
    struct gather *g = owner;

    return gather_is_full(g) ? 0 : GATHER_BYTES - g->total;
}

bool gather_is_full(const struct gather *g)
{
    return g->total >= GATHER_BYTES || g->count > GATHER_PIECES - 4 ||
           g->used > GATHER_ARENA - LARGEST_COPY;
}

void gather_sink(struct gather *g, struct http_sink *sink)
{
    *sink =
        (struct http_sink){.owner = g, .copy = sink_copy, .refer = sink_refer, .room = sink_room};
}

void gather_begin(struct gather *g)
{
    g->spent = NULL;
    g->count = 0;
    g->used = g->total = 0;
}

void gather_spend(struct gather *g, struct chunk *chunk)
{
    chunk->next = g->spent;
    g->spent = chunk;
}

static void drop_chunks(struct gather *g)
{
    for (int i = 0; i < g->count; i++)
        if (g->chunks[i])
            chunk_drop(g->chunks[i]);
    g->count = 0;
    while (g->spent) {
        struct chunk *chunk = g->spent;

        g->spent = chunk->next;
        chunk->next = NULL;
        chunk_drop(chunk);
    }
}

/* Room for `more` segments behind those that wait. */
static enum err make_room(struct output *output, uint32_t more)
{
    struct segment *at;

    if (output->first > 0) {
        memmove(output->at, output->at + output->first, output->count * sizeof(*at));
        output->first = 0;
    }
    at = mem_realloc(output->at, (output->count + more) * sizeof(*at));
    if (!at)
        return ERR_NOMEM;
    output->at = at;
    output->cap = output->count + more;
    return OK;
}

/* Keeps what is behind the first `taken` bytes. Pieces of the arena, which the next pump writes over, move to one
 * chunk of their own. */
static enum err keep_rest(struct output *output, struct gather *g, size_t taken)
{
    struct chunk *moved = NULL;
    size_t arena_bytes = 0, skip = taken;
    uint8_t *to;
    int first = 0;

    while (first < g->count && skip >= g->pieces[first].iov_len)
        skip -= g->pieces[first++].iov_len;
    for (int i = first; i < g->count; i++)
        if (!g->chunks[i])
            arena_bytes += g->pieces[i].iov_len;
    if (arena_bytes) {
        moved = chunk_copy(g->arena, (uint32_t)arena_bytes);
        if (!moved)
            return ERR_NOMEM;
    }
    if (make_room(output, (uint32_t)(g->count - first))) {
        if (moved)
            chunk_drop(moved);
        return ERR_NOMEM;
    }
    to = moved ? (uint8_t *)(uintptr_t)moved->bytes : NULL;
    for (int i = first; i < g->count; i++, skip = 0) {
        struct segment *segment = &output->at[output->count++];
        const struct iovec *piece = &g->pieces[i];

        segment->chunk = g->chunks[i] ? g->chunks[i] : moved;
        chunk_hold(segment->chunk);
        segment->bytes = piece->iov_base;
        if (!g->chunks[i]) {
            memcpy(to, piece->iov_base, piece->iov_len);
            segment->bytes = to;
            to += piece->iov_len;
        }
        segment->bytes += skip;
        segment->length = piece->iov_len - skip;
        output->bytes += segment->length;
    }
    if (moved)
        chunk_drop(moved); /* the segments hold it */
    return OK;
}

enum err output_send(struct output *output, struct gather *g, struct transport *transport)
{
    size_t taken = 0;
    enum err err = OK;

    if (output_is_empty(output) && g->count > 0)
        err = transport_write(transport, g->pieces, g->count, &taken);
    if (err == ERR_AGAIN)
        err = OK;
    if (!err && taken < g->total)
        err = keep_rest(output, g, taken);
    drop_chunks(g);
    return err;
}

static void forget_first(struct output *output)
{
    chunk_drop(output->at[output->first].chunk);
    output->first++;
    if (--output->count == 0) {
        mem_free(output->at);
        *output = (struct output){0};
    }
}

enum err output_resend(struct output *output, struct transport *transport)
{
    while (output->count > 0) {
        struct iovec pieces[64];
        int count = 0;
        size_t taken = 0, offered = 0;
        enum err err;

        for (; count < 64 && (uint32_t)count < output->count; count++) {
            struct segment *segment = &output->at[output->first + (uint32_t)count];

            pieces[count] = (struct iovec){.iov_base = (void *)(uintptr_t)segment->bytes,
                                           .iov_len = segment->length};
            offered += segment->length;
        }
        err = transport_write(transport, pieces, count, &taken);
        if (err && err != ERR_AGAIN)
            return err;
        output->bytes -= taken;
        for (size_t left = taken; left > 0;) {
            struct segment *segment = &output->at[output->first];

            if (left < segment->length) {
                segment->bytes += left;
                segment->length -= left;
                break;
            }
            left -= segment->length;
            forget_first(output);
        }
        if (err == ERR_AGAIN || taken < offered)
            break;
    }
    return OK;
}

void output_free(struct output *output)
{
    while (output->count > 0)
        forget_first(output);
}
