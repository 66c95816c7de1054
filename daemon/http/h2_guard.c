/* h2_guard: budgets against floods (HARDENING 1). */
#include "base/clock.h"
#include "http/h2_internal.h"

#define CREDIT_MAX 1000u
#define CREDIT_PER_PROGRESS 2u

static void bucket_init(struct h2_bucket *bucket, uint32_t burst, uint32_t rate)
{
    *bucket = (struct h2_bucket){
        .tokens = burst, .burst = burst, .rate = rate, .filled_ms = clock_ticks_ms()};
}

/* The clock is asked when the bucket is empty and not before: a peer that behaves never costs
 * that. */
static bool bucket_take(struct h2_bucket *bucket, uint32_t tokens)
{
    if (bucket->tokens < tokens) {
        uint64_t now = clock_ticks_ms();
        uint64_t gain = (now - bucket->filled_ms) * bucket->rate / 1000 + bucket->tokens;

        bucket->tokens = gain > bucket->burst ? bucket->burst : (uint32_t)gain;
        bucket->filled_ms = now;
    }
    if (bucket->tokens < tokens)
        return false;
    bucket->tokens -= tokens;
    return true;
}

void h2_guard_init(struct h2_guard *guard, const struct http_options *options)
{
    *guard = (struct h2_guard){0};
    bucket_init(&guard->resets, options->reset_burst, options->reset_rate);
    bucket_init(&guard->useless, options->useless_burst, options->useless_rate);
}

bool h2_guard_reset(struct h2_guard *guard)
{
    return bucket_take(&guard->resets, 1);
}

bool h2_guard_useless(struct h2_guard *guard, uint32_t frames)
{
    uint32_t paid = frames < guard->credit ? frames : guard->credit;

    guard->credit -= paid;
    return frames == paid || bucket_take(&guard->useless, frames - paid);
}

/* A download brings WINDOW_UPDATEs, a request PRIORITY, a stream of messages PINGs: as many as
 * that are no waste. */
void h2_guard_progress(struct h2_guard *guard)
{
    if (guard->credit < CREDIT_MAX)
        guard->credit += CREDIT_PER_PROGRESS;
}
