/* h2_ids: what a client may still send on which stream, so that nghttp2 need not remember closed
 * streams for it: 300 bytes each, up to a hundred a session. Kept are only the ids of requests
 * that have not ended, and of ids that were skipped. RFC 9113 5.1 and 5.1.1. */
#include <string.h>

#include "base/mem.h"
#include "http/h2_internal.h"

#define UNENDED_AT_FIRST 16u
#define UNENDED_MAX 1024u /* beyond: the oldest are forgotten, that is, trusted */

void h2_ids_init(struct h2_ids *ids)
{
    *ids = (struct h2_ids){.next = 1};
}

void h2_ids_deinit(struct h2_ids *ids)
{
    mem_free(ids->unended);
    *ids = (struct h2_ids){0};
}

/* Where id is, or would be. */
static uint32_t place_of(const struct h2_ids *ids, uint32_t id)
{
    uint32_t low = 0, high = ids->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ids->unended[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct h2_ids *ids, uint32_t place, uint32_t id)
{
    return place < ids->count && ids->unended[place] == id;
}

static void forget_oldest(struct h2_ids *ids, uint32_t count)
{
    ids->trusted = ids->unended[count - 1];
    ids->count -= count;
    memmove(ids->unended, ids->unended + count, ids->count * sizeof(*ids->unended));
}

/* id is the highest so far. Want of memory is no error: the id is trusted then, and all below
 * it. */
static void add(struct h2_ids *ids, uint32_t id)
{
    if (ids->count == UNENDED_MAX)
        forget_oldest(ids, UNENDED_MAX / 2);
    if (ids->count == ids->cap) {
        uint32_t cap = ids->cap ? ids->cap * 2 : UNENDED_AT_FIRST;
        uint32_t *unended = mem_realloc(ids->unended, cap * sizeof(*unended));

        if (!unended) {
            ids->trusted = id;
            return;
        }
        ids->unended = unended;
        ids->cap = cap;
    }
    ids->unended[ids->count++] = id;
}

static void take_out(struct h2_ids *ids, uint32_t place)
{
    ids->count--;
    memmove(ids->unended + place, ids->unended + place + 1,
            (ids->count - place) * sizeof(*ids->unended));
    if (ids->count == 0 && ids->cap > UNENDED_AT_FIRST) {
        mem_free(ids->unended);
        ids->unended = NULL;
        ids->cap = 0;
    }
}

/* A frame on a stream that is not idle. */
static enum h2_verdict_of_id judge_known(struct h2_ids *ids, uint32_t id, bool is_end)
{
    uint32_t place = place_of(ids, id);

    if (is_at(ids, place, id)) {
        if (is_end)
            take_out(ids, place);
        return H2_ID_FINE;
    }
    return id <= ids->trusted ? H2_ID_FINE : H2_ID_ENDED;
}

enum h2_verdict_of_id h2_ids_headers(struct h2_ids *ids, uint32_t id, bool is_end)
{
    if (id >= ids->next) {
        if (id > ids->next)
            ids->gaps[ids->gap_at++ % H2_GAPS] = (struct h2_gap){ids->next, id - 2};
        ids->next = id + 2;
        if (!is_end)
            add(ids, id);
        return H2_ID_FINE;
    }
    for (size_t i = 0; i < H2_GAPS; i++)
        if (id >= ids->gaps[i].first && id <= ids->gaps[i].last)
            return H2_ID_SKIPPED;
    return judge_known(ids, id, is_end);
}

enum h2_verdict_of_id h2_ids_data(struct h2_ids *ids, uint32_t id, bool is_end)
{
    return id >= ids->next ? H2_ID_FINE
                           : judge_known(ids, id, is_end); /* of an idle one nghttp2 complains */
}

void h2_ids_reset(struct h2_ids *ids, uint32_t id)
{
    uint32_t place = place_of(ids, id);

    if (is_at(ids, place, id))
        take_out(ids, place);
}
