/* loop: one libuv loop with what every connection of a worker shares: the read buffers, deadlines,
 * work put off to the end of the turn. One thread only, the one that runs it, except
 * loop_wake_async().
 *
 * The loop runs on a thread of its own with a stack of 256 MiB (virtual): LuaJIT's C recursion
 * needs it. net/loop_thread.h makes that thread. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

#define LOOP_BUFFER_BYTES (64 * 1024) /* what one read of one transport brings at the most */

struct loop;
struct uv_loop_s;

/* Own: caller, until loop_free().  Err: ERR_NOMEM, ERR_IO. */
enum err loop_new(struct loop **out);

/* Closes what is left open (handles of luv too), runs their close callbacks, frees, sets NULL. */
void loop_free(struct loop **loop);

/* Runs until no handle that counts as work is left or loop_stop() was called. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* For the end: runs what is due until no handle is half closed and no request of libuv (a file
 * operation, a look-up) is under way. false: after a second one still is. */
bool loop_run_closing(struct loop *loop);
/* Does loop_run() go on when no work is left? Not at first. */
void loop_hold(struct loop *loop, bool hold);
bool loop_is_stopping(const struct loop *loop);

/* From any thread: calls on_wake(owner) on the loop's thread soon; calls in between are merged. */
void loop_on_wake(struct loop *loop, void (*on_wake)(void *owner), void *owner);
void loop_wake_async(struct loop *loop);

/* libuv's loop, for net/ and for luv. */
struct uv_loop_s *loop_uv(struct loop *loop);

/* The shared read buffers, LOOP_BUFFER_BYTES each. What a read left there is good until the next
 * read of any transport. `cipher` is TLS's own. */
uint8_t *loop_plain_buffer(struct loop *loop);
uint8_t *loop_cipher_buffer(struct loop *loop);

/* Milliseconds, monotonic, as of the start of this loop iteration. */
uint64_t loop_now_ms(const struct loop *loop);

/* --- Deadlines: cheap to set and to move, many at a time, up to 100 ms late, never early. They do
 * not count as work. */
struct deadline {
    struct list link;
    uint64_t due_ms;
    void (*on_due)(struct deadline *deadline);
};

void deadline_init(struct deadline *deadline, void (*on_due)(struct deadline *deadline));
/* Moves it when it is set. */
void deadline_set(struct loop *loop, struct deadline *deadline, uint64_t in_ms);
void deadline_clear(struct deadline *deadline); /* twice is fine */
bool deadline_is_set(const struct deadline *deadline);

/* --- Deferred work: runs once, in the order put, before the loop waits for events again. A task
 * that is pending counts as work. A task put while the others run waits for the next iteration, after a
 * look at the descriptors (as Node's setImmediate). */
struct deferred {
    struct list link;
    void (*run)(struct deferred *deferred);
};

void deferred_init(struct deferred *deferred, void (*run)(struct deferred *deferred));
void deferred_put(struct loop *loop, struct deferred *deferred); /* once, however often it is put */
void deferred_cancel(struct deferred *deferred);

#endif
