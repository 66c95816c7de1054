/* log_flood: token buckets in two small tables, found by a hash. An error that falls into a taken place throws out the
 * one there, whose bucket is full when it comes back; the message's own bucket bounds what that can add. */
#include "base/log_flood.h"

#include <stddef.h>
#include <string.h>

#define MESSAGES 64u
#define ERRORS 64u
#define MESSAGE_BURST 100u
#define MESSAGE_EVERY_MS 100u
#define ERROR_BURST 10u
#define ERROR_EVERY_MS 1000u
#define QUIET_MS 1000u
#define HASHED_MAX 256u /* bytes of an error that tell it from others */

struct bucket {
    uint64_t hash; /* 0: a free place */
    uint64_t filled_ms;
    uint32_t tokens;
};

struct message {
    struct bucket bucket;
    uint64_t refused_ms, left_out;
    enum log_level level;
    char text[96];
};

static struct message messages[MESSAGES];
static struct bucket errors[ERRORS];
static uint64_t all_left_out; /* the sum: zero most of the time, and then there is nothing to settle */

/* FNV-1a. */
static uint64_t hash_on(uint64_t hash, const char *text)
{
    for (size_t i = 0; text[i] && i < HASHED_MAX; i++)
        hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3u;
    return hash ? hash : 1;
}

static bool take(struct bucket *bucket, uint32_t burst, uint32_t every_ms, uint64_t now_ms)
{
    uint64_t new_tokens = (now_ms - bucket->filled_ms) / every_ms;

    if (new_tokens > 0) {
        bucket->filled_ms += new_tokens * every_ms;
        new_tokens += bucket->tokens;
        bucket->tokens = new_tokens > burst ? burst : (uint32_t)new_tokens;
    }
    if (bucket->tokens == 0)
        return false;
    bucket->tokens--;
    return true;
}

static void occupy(struct bucket *bucket, uint64_t hash, uint32_t burst, uint64_t now_ms)
{
    *bucket = (struct bucket){.hash = hash, .filled_ms = now_ms, .tokens = burst};
}

/* Its place, a free one, or that of a message with nothing to settle; NULL when all 64 have. */
static struct message *find(uint64_t hash)
{
    struct message *idle = NULL;

    for (size_t i = 0; i < MESSAGES; i++) {
        struct message *message = &messages[(hash + i) % MESSAGES];

        if (message->bucket.hash == hash || message->bucket.hash == 0)
            return message;
        if (!idle && message->left_out == 0)
            idle = message;
    }
    return idle;
}

bool log_flood_admits(enum log_level level, const char *message, const char *error, uint64_t now_ms,
                      uint64_t *left_out)
{
    uint64_t hash = hash_on(0xcbf29ce484222325u, message);
    uint64_t with_error = hash_on(hash, error ? error : "");
    struct message *known = find(hash);
    struct bucket *own = &errors[with_error % ERRORS];

    *left_out = 0;
    if (!known)
        return true;
    if (known->bucket.hash != hash) {
        *known = (struct message){.level = level};
        occupy(&known->bucket, hash, MESSAGE_BURST, now_ms);
        strncpy(known->text, message, sizeof(known->text) - 1);
    }
    if (own->hash != with_error)
        occupy(own, with_error, ERROR_BURST, now_ms);
    if (!take(own, ERROR_BURST, ERROR_EVERY_MS, now_ms) ||
        !take(&known->bucket, MESSAGE_BURST, MESSAGE_EVERY_MS, now_ms)) {
        known->refused_ms = now_ms;
        known->left_out++;
        all_left_out++;
        return false;
    }
    *left_out = known->left_out;
    all_left_out -= known->left_out;
    known->left_out = 0;
    return true;
}

const char *log_flood_settle(uint64_t now_ms, bool all, enum log_level *level, uint64_t *left_out)
{
    if (all_left_out == 0)
        return NULL;
    for (size_t i = 0; i < MESSAGES; i++) {
        struct message *message = &messages[i];

        if (message->left_out == 0 || (!all && now_ms - message->refused_ms < QUIET_MS))
            continue;
        *level = message->level;
        *left_out = message->left_out;
        all_left_out -= message->left_out;
        message->left_out = 0;
        return message->text;
    }
    return NULL;
}

void log_flood_reset(void)
{
    memset(messages, 0, sizeof(messages));
    memset(errors, 0, sizeof(errors));
    all_left_out = 0;
}
