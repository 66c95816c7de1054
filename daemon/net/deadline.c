/* deadline: a hashed wheel with one libuv timer behind it, which sleeps while nothing is set. */
#include <assert.h>

#include "base/clock.h"
#include "net/loop_internal.h"

#define TICK_SHIFT 6 /* 64 ms */

static void on_timer(uv_timer_t *timer);

void wheel_init(struct loop *loop)
{
    struct wheel *wheel = &loop->wheel;

    uv_timer_init(&loop->uv, &wheel->timer); /* cannot fail */
    uv_unref((uv_handle_t *)&wheel->timer);
    for (size_t i = 0; i < DEADLINE_SLOTS; i++)
        list_init(&wheel->slots[i]);
    wheel->next_tick = clock_ms() >> TICK_SHIFT;
    wheel->wake_tick = UINT64_MAX;
}

void wheel_clear(struct loop *loop)
{
    for (size_t i = 0; i < DEADLINE_SLOTS; i++)
        while (list_take(&loop->wheel.slots[i]))
            continue;
}

static struct list *slot_of(struct wheel *wheel, uint64_t tick)
{
    return &wheel->slots[tick % DEADLINE_SLOTS];
}

/* Wakes when all of `tick` has passed. */
static void wake_after(struct loop *loop, uint64_t tick)
{
    uint64_t at = (tick + 1) << TICK_SHIFT, now = uv_now(&loop->uv);

    loop->wheel.wake_tick = tick;
    uv_timer_start(&loop->wheel.timer, on_timer, at > now ? at - now : 0, 0);
}

/* Calls those of one slot that are due; the rest belongs to later rounds. */
static void run_slot(struct list *slot, uint64_t now)
{
    struct list round;
    struct list *link;

    list_init(&round);
    while ((link = list_take(slot)))
        list_append(&round, link);
    while ((link = list_take(&round))) {
        struct deadline *deadline = list_entry(link, struct deadline, link);

        if (deadline->due_ms > now)
            list_append(slot, link);
        else
            deadline->on_due(deadline); /* may set, clear and free any, this one too */
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct loop *loop = list_entry(timer, struct loop, wheel.timer);
    struct wheel *wheel = &loop->wheel;
    uint64_t now = clock_ms(), end = now >> TICK_SHIFT;
    uint64_t tick = wheel->next_tick;

    if (end > tick + DEADLINE_SLOTS)
        tick = end - DEADLINE_SLOTS;
    wheel->next_tick = end; /* what the callbacks set comes here or later */
    wheel->wake_tick = 0;   /* and waits until the timer is set below */
    for (; tick < end; tick++)
        run_slot(slot_of(wheel, tick), now);

    wheel->wake_tick = UINT64_MAX;
    for (tick = end; tick < end + DEADLINE_SLOTS; tick++) {
        if (!list_is_empty(slot_of(wheel, tick))) {
            wake_after(loop, tick);
            break;
        }
    }
}

void deadline_init(struct deadline *deadline, void (*on_due)(struct deadline *deadline))
{
    list_init(&deadline->link);
    deadline->due_ms = 0;
    deadline->on_due = on_due;
}

void deadline_set(struct loop *loop, struct deadline *deadline, uint64_t in_ms)
{
    uint64_t tick;

    assert(deadline->on_due);
    if (in_ms > UINT64_MAX / 2)
        in_ms = UINT64_MAX / 2;
    list_remove(&deadline->link);
    /* The clock, not the loop's idea of now, which a long turn leaves behind; one more for the
     * fraction that it cuts off. */
    deadline->due_ms = clock_ms() + in_ms + 1;
    tick = deadline->due_ms >> TICK_SHIFT;
    list_append(slot_of(&loop->wheel, tick), &deadline->link);
    if (tick < loop->wheel.wake_tick && !loop->closing)
        wake_after(loop, tick);
}

void deadline_clear(struct deadline *deadline)
{
    list_remove(&deadline->link);
}

bool deadline_is_set(const struct deadline *deadline)
{
    return !list_is_empty(&deadline->link);
}
