/* output: bytes between a machine and its transport. A pump gathers what the machine says in the
 * worker's one gather and offers it in one write; only what the transport refuses is kept, by
 * reference where it can be, in the session's output. An idle session's output owns nothing. */
#ifndef SESSION_OUTPUT_H
#define SESSION_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "http/machine.h"
#include "net/transport.h"
#include "session/chunk.h"

#define GATHER_PIECES 256
#define GATHER_ARENA (64 * 1024)  /* for frame headers and control frames */
#define GATHER_BYTES (256 * 1024) /* of one write */

struct gather {
    struct iovec pieces[GATHER_PIECES];
    struct chunk *chunks[GATHER_PIECES]; /* held; NULL where the piece lies in the arena */
    struct chunk *spent;                 /* framed to their last byte; dropped after the write */
    int count;
    size_t used, total; /* of the arena; bytes in all */
    uint8_t arena[GATHER_ARENA];
};

struct segment {
    struct chunk *chunk;
    const uint8_t *bytes;
    size_t length;
};

struct output {
    struct segment *at;
    uint32_t first, count, cap;
    size_t bytes;
};

/* The sink for http_drain(); g is its owner. */
void gather_sink(struct gather *g, struct http_sink *sink);
void gather_begin(struct gather *g);
bool gather_is_full(const struct gather *g);

/* Takes over a reference that is dropped when what was gathered is sent or kept. */
void gather_spend(struct gather *g, struct chunk *chunk);

/* Offers what was gathered to the transport and keeps what it refuses; behind what is kept already it
 * is kept whole. Err: what transport_write() says, then nothing more is kept; ERR_NOMEM. */
enum err output_send(struct output *output, struct gather *g, struct transport *transport);

/* Offers again what was kept. */
enum err output_resend(struct output *output, struct transport *transport);

static inline bool output_is_empty(const struct output *output)
{
    return output->count == 0;
}

void output_free(struct output *output);

#endif
