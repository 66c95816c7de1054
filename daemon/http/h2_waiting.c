/* h2_waiting: a client's requests between request() and the moment their HEADERS are framed.
 * nghttp2 holds the frames (until the peer's limit of streams lets them go); here is who must
 * hear of it when they never go. Ids rise, and nghttp2 lets requests go or fail in that order,
 * so the list is a window over an array. */
#include "base/mem.h"
#include "http/h2_internal.h"

#define WAITING_AT_FIRST 16u

enum err h2_waiting_reserve(struct h2_machine *m)
{
    uint32_t cap = m->waiting_cap ? m->waiting_cap * 2 : WAITING_AT_FIRST;
    struct h2_waiting *waiting;

    if (m->waiting_end < m->waiting_cap)
        return OK;
    if (m->waiting_first > m->waiting_cap / 2) { /* room at the front: cheaper than more */
        m->waiting_end -= m->waiting_first;
        for (uint32_t i = 0; i < m->waiting_end; i++)
            m->waiting[i] = m->waiting[m->waiting_first + i];
        m->waiting_first = 0;
        return OK;
    }
    waiting = cap > UINT32_MAX / 2 / sizeof(*waiting)
                  ? NULL
                  : mem_realloc(m->waiting, cap * sizeof(*waiting));
    if (!waiting)
        return ERR_NOMEM;
    m->waiting = waiting;
    m->waiting_cap = cap;
    return OK;
}

void h2_waiting_add(struct h2_machine *m, uint32_t id, void *stream)
{
    m->waiting[m->waiting_end++] = (struct h2_waiting){.stream = stream, .id = id};
}

/* The place of id, or NULL. */
static struct h2_waiting *find(const struct h2_machine *m, uint32_t id)
{
    uint32_t low = m->waiting_first, high = m->waiting_end;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (m->waiting[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->waiting_end && m->waiting[low].id == id ? &m->waiting[low] : NULL;
}

static void forget_up_to(struct h2_machine *m, uint32_t id)
{
    while (m->waiting_first < m->waiting_end && m->waiting[m->waiting_first].id <= id)
        m->waiting_first++;
    if (m->waiting_first == m->waiting_end)
        m->waiting_first = m->waiting_end = 0;
}

void h2_waiting_left(struct h2_machine *m, uint32_t id)
{
    forget_up_to(m, id);
}

bool h2_waiting_closed(struct h2_machine *m, uint32_t id)
{
    struct h2_waiting *waiting;
    bool is_told;

    if (m->dead_from && id >= m->dead_from)
        return true;
    waiting = find(m, id);
    if (!waiting)
        return false;
    is_told = !waiting->stream;
    forget_up_to(m, id);
    return is_told;
}

bool h2_waiting_is_open(const struct h2_machine *m, uint32_t id)
{
    const struct h2_waiting *waiting = find(m, id);

    return waiting && !waiting->is_cancelled;
}

bool h2_waiting_cancel(struct h2_machine *m, uint32_t id, uint32_t code)
{
    struct h2_waiting *waiting = find(m, id);

    if (!waiting || waiting->is_cancelled)
        return false;
    waiting->is_cancelled = true;
    waiting->code = code;
    m->waiting_cancelled++;
    return true;
}

static void tell(struct h2_machine *m, struct h2_waiting *waiting, uint32_t code, bool by_us,
                 const char *reason)
{
    void *stream = waiting->stream;

    waiting->stream = NULL;
    if (!stream)
        return;
    h2_trailers_forget(m, waiting->id);
    m->base.callbacks->on_closed(m->base.owner, stream, code, by_us, reason);
}

void h2_waiting_tell_cancelled(struct h2_machine *m)
{
    for (uint32_t i = m->waiting_first; m->waiting_cancelled && i < m->waiting_end; i++) {
        if (m->waiting[i].is_cancelled && m->waiting[i].stream) {
            tell(m, &m->waiting[i], m->waiting[i].code, true, NULL);
            m->waiting_cancelled--;
        }
    }
    m->waiting_cancelled = 0;
}

void h2_waiting_close_all(struct h2_machine *m, bool by_us, const char *reason)
{
    h2_waiting_tell_cancelled(m);
    if (m->waiting_first == m->waiting_end)
        return;
    m->dead_from = m->waiting[m->waiting_first].id;
    for (uint32_t i = m->waiting_first; i < m->waiting_end; i++)
        tell(m, &m->waiting[i], HTTP_REFUSED_STREAM, by_us, reason);
    m->waiting_first = m->waiting_end = 0;
}
