/* worker_process: the first thread hears signals and the master, even while a script is stuck; what the loop has to do
 * for them waits in a queue, which the second thread takes on its next turn. */
#include "process/worker_process.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/log_flood.h"
#include "base/log_writer.h"
#include "base/mem.h"
#include "config/settings.h"
#include "metrics/region.h"
#include "net/loop.h"
#include "net/loop_thread.h"
#include "process/admin.h"
#include "process/inheritance.h"
#include "process/messages.h"
#include "process/privileges.h"
#include "process/title.h"
#include "script/script.h"
#include "script/service.h"
#include "session/access_log.h"

#define PATIENCE_S 1 /* between the order to end at once and the end by force */
#define BEAT_MAX_MS 1000
#define BEAT_MIN_MS 50
#define FLUSH_MS 200
#define DELIVERY_MS 1000 /* for the master to take a message that it must hear */

#define ADMIN_FINISH_MS 250    /* for those whom this worker accepted last */
#define DRAIN_TIMEOUT_MS 30000 /* where the settings say nothing */
#define WATCHDOG_TIMEOUT_MS 10000

struct order {
    struct list link;
    uint32_t kind, a; /* enum message_kind of those to a worker */
    uint64_t b;
};

struct serving {
    struct inheritance inheritance;
    struct settings *settings;
    struct region *region;
    struct process_page *page;
    pthread_mutex_t
        lock; /* orders, loop and script: the first thread must not meet one that is being freed */
    struct list orders;
    struct loop *loop;     /* NULL while it does not live */
    struct script *script; /* the same */
    struct admin *admin;   /* NULL: none */
    struct deadline beat;
    uint64_t beat_every_ms;
    uint64_t shown_at_ms, shown_sessions; /* in the title */
    int signals;                          /* heard by the first thread */
    bool is_draining;                     /* seen by the loop's */
    bool shown_draining;
};

/* --- To the master. */

/* What must not be lost: waits for the master to take it, but not for ever. */
static void tell(struct serving *serving, enum message_kind kind, const char *text)
{
    struct pollfd writable = {.fd = serving->inheritance.control, .events = POLLOUT};

    if (message_send(writable.fd, kind, 0, 0, text) == ERR_AGAIN &&
        poll(&writable, 1, DELIVERY_MS) > 0)
        message_send(writable.fd, kind, 0, 0, text);
}

static void fail(struct serving *serving, const char *text)
{
    log_line(LOG_ERROR, "the worker cannot serve", "reason", text, NULL);
    tell(serving, MESSAGE_FAILED, text);
}

static void on_news(void *owner, enum script_news news, const char *text)
{
    struct serving *serving = owner;

    switch (news) {
    case SCRIPT_READY:
        atomic_fetch_or(&serving->page->flags, PROCESS_READY);
        tell(serving, MESSAGE_READY, "");
        break;
    case SCRIPT_FAILED:
        fail(serving, text);
        break;
    case SCRIPT_HELD:
        metrics_hit(LIMIT_DRAIN_TIMEOUT);
        tell(serving, MESSAGE_HELD, text);
        break;
    case SCRIPT_DRAINED:
        log_line(LOG_INFO, "drained", NULL);
        break;
    }
}

/* --- Orders, from the first thread to the loop's. */

static void put_order(struct serving *serving, uint32_t kind, uint32_t a, uint64_t b)
{
    struct order *order = mem_zalloc(sizeof(*order));

    if (!order)
        return;
    list_init(&order->link);
    order->kind = kind;
    order->a = a;
    order->b = b;
    pthread_mutex_lock(&serving->lock);
    list_append(&serving->orders, &order->link);
    if (serving->loop)
        loop_wake_async(serving->loop);
    pthread_mutex_unlock(&serving->lock);
}

static struct order *take_order(struct serving *serving)
{
    struct list *link;

    pthread_mutex_lock(&serving->lock);
    link = list_take(&serving->orders);
    pthread_mutex_unlock(&serving->lock);
    return link ? list_entry(link, struct order, link) : NULL;
}

static void drain(struct serving *serving, uint64_t in_ms)
{
    bool first = !serving->is_draining;

    if (in_ms == 0) {
        loop_stop(serving->loop);
        return;
    }
    serving->is_draining = true;
    atomic_fetch_or(&serving->page->flags, PROCESS_DRAINING);
    /* First: then the sockets end with the servers, as soon as their queues were seen empty. */
    inheritance_close_sockets(&serving->inheritance, 0);
    script_drain(serving->script, (double)in_ms);
    if (first && serving->admin)
        admin_drain(serving->admin);
    if (first)
        tell(serving, MESSAGE_DRAINING, "");
}

static void carry_out(struct serving *serving, struct order *order)
{
    switch (order->kind) {
    case MESSAGE_DRAIN:
        drain(serving, order->b);
        break;
    case MESSAGE_COVER:
    case MESSAGE_UNCOVER:
        if (!serving->is_draining)
            script_cover(serving->script, order->a, order->kind == MESSAGE_COVER);
        if (order->kind == MESSAGE_UNCOVER && order->b && order->a != 0)
            inheritance_close_sockets(&serving->inheritance, order->a);
        break;
    }
    mem_free(order);
}

static void on_wake(void *owner)
{
    struct serving *serving = owner;
    struct order *order;

    while ((order = take_order(serving)))
        carry_out(serving, order);
}

/* --- The beat. */

static void show_title(struct serving *serving, uint64_t now)
{
    uint64_t sessions = metrics->sessions_active[METRICS_SERVER];

    if (serving->shown_at_ms && serving->shown_sessions == sessions &&
        serving->shown_draining == serving->is_draining)
        return;
    serving->shown_at_ms = now;
    serving->shown_sessions = sessions;
    serving->shown_draining = serving->is_draining;
    title_set("perigee: worker %u of %u, %s%llu session%s", serving->inheritance.slot,
              serving->inheritance.slots, serving->is_draining ? "draining, " : "",
              (unsigned long long)sessions, sessions == 1 ? "" : "s");
}

static void on_beat(struct deadline *deadline)
{
    struct serving *serving = list_entry(deadline, struct serving, beat);
    uint64_t now = clock_ms();

    atomic_store(&serving->page->beat_ms, now);
    log_settle();
    access_log_count();
    if (now - serving->shown_at_ms >= 1000)
        show_title(serving, now);
    deadline_set(serving->loop, deadline, serving->beat_every_ms);
}

static void begin_to_beat(struct serving *serving)
{
    uint64_t every = (uint64_t)settings_number(serving->settings, "limits.watchdog_timeout",
                                               WATCHDOG_TIMEOUT_MS) /
                     10;

    serving->beat_every_ms = every < BEAT_MIN_MS   ? BEAT_MIN_MS
                             : every > BEAT_MAX_MS ? BEAT_MAX_MS
                                                   : every;
    deadline_init(&serving->beat, on_beat);
    on_beat(&serving->beat);
}

/* --- The loop's thread. */

static int socket_of(void *owner, unsigned listener, unsigned slot)
{
    return inheritance_socket(&((struct serving *)owner)->inheritance, listener, slot);
}

static bool is_shared(void *owner, unsigned listener)
{
    const struct inheritance *inheritance = &((struct serving *)owner)->inheritance;

    return listener >= 1 && listener <= inheritance->listener_count &&
           inheritance->listeners[listener - 1].is_shared;
}

static void set_living(struct serving *serving, struct loop *loop, struct script *script)
{
    pthread_mutex_lock(&serving->lock);
    serving->loop = loop;
    serving->script = script;
    pthread_mutex_unlock(&serving->lock);
}

/* Without it the service serves all the same. */
static void open_admin(struct serving *serving, struct loop *loop)
{
    struct failure failure;

    if (serving->inheritance.admin >= 0 && serving->region &&
        admin_open(loop, serving->inheritance.admin, serving->region, &serving->admin, &failure))
        log_line(LOG_ERROR, "no admin listener", "reason", failure.text, NULL);
}

static int serve(void *arg)
{
    struct serving *serving = arg;
    struct script_service service = {
        .settings = serving->settings,
        .slot = serving->inheritance.slot,
        .slots = serving->inheritance.slots,
        .socket = socket_of,
        .is_shared = is_shared,
        .now = &serving->page->now,
        .on_news = on_news,
        .owner = serving,
    };
    struct loop *loop = NULL;
    struct script *script = NULL;
    int status = 1;

    if (loop_new(&loop)) {
        fail(serving, "the event loop cannot start");
        return 1;
    }
    if (script_new(loop, &script)) {
        fail(serving, "the Lua half cannot start");
    } else {
        loop_on_wake(loop, on_wake, serving);
        loop_hold(loop, true); /* the master says when it is over, not the script */
        set_living(serving, loop, script);
        begin_to_beat(serving);
        open_admin(serving, loop);
        script_serve(script, &service);
        loop_wake_async(loop); /* for orders that came early */
        if (!loop_is_stopping(loop))
            loop_run(loop);
        loop_hold(loop, false);
        loop_on_wake(loop, NULL, NULL); /* orders that come late are nobody's */
        status = script_status(script);
        deadline_clear(&serving->beat);
        admin_finish(serving->admin, ADMIN_FINISH_MS);
        admin_close(&serving->admin);
        set_living(serving, NULL, NULL);
        if (!script_free(&script)) {
            fflush(NULL);
            access_log_flush(FLUSH_MS);
            log_flush(FLUSH_MS);
            _exit(status);
        }
    }
    loop_free(&loop);
    return status;
}

/* --- The first thread. */

static void end_by_force(int signal_number)
{
    (void)signal_number;
    _exit(128 + SIGKILL);
}

static void end_at_once(struct serving *serving)
{
    put_order(serving, MESSAGE_DRAIN, 0, 0);
    signal(SIGALRM, end_by_force); /* a handler may be busy */
    alarm(PATIENCE_S);
}

static void drain_by_ourselves(struct serving *serving, const char *why)
{
    log_line(LOG_INFO, "draining", "because", why, NULL);
    put_order(
        serving, MESSAGE_DRAIN, 0,
        (uint64_t)settings_number(serving->settings, "limits.drain_timeout", DRAIN_TIMEOUT_MS));
}

static void on_signal(void *arg, int signal_number)
{
    struct serving *serving = arg;

    if (signal_number != SIGINT && signal_number != SIGTERM)
        return;
    serving->signals++;
    if (serving->signals == 1)
        drain_by_ourselves(serving, signal_number == SIGINT ? "SIGINT" : "SIGTERM");
    else if (serving->signals == 2)
        end_at_once(serving);
}

/* The watchdog asks, and is about to kill us. */
static void say_where(struct serving *serving)
{
    struct script_place place = {0};
    uint64_t beat = atomic_load(&serving->page->beat_ms);

    pthread_mutex_lock(&serving->lock);
    if (serving->script)
        script_find_place(serving->script, &place);
    pthread_mutex_unlock(&serving->lock);
    log_line(LOG_ERROR, "the loop does not come back", "stuck_ms",
             log_number(beat ? (int64_t)(clock_ms() - beat) : 0), "request",
             place.request[0] ? place.request : NULL, "stream",
             place.stream ? log_number(place.stream) : NULL, "busy_ms",
             log_number((int64_t)place.busy_ms), "at", place.where[0] ? place.where : "unknown",
             NULL);
}

/* The files were moved away: lines go to new ones. which: bit 0 the daemon's log, bit 1 the access log, in that order. */
static void take_logs(uint32_t which, const int *descriptors)
{
    if (which & 1 && descriptors[0] >= 0) {
        log_to(descriptors[0]);
        close(descriptors[0]);
    }
    descriptors += which & 1;
    if (which & 2 && descriptors[0] >= 0)
        access_log_reopen(descriptors[0]);
}

static void hear(struct serving *serving, const struct message *message, const int *descriptors)
{
    switch (message->kind) {
    case MESSAGE_DRAIN:
        if (message->b == 0)
            end_at_once(serving);
        else
            put_order(serving, MESSAGE_DRAIN, 0, message->b);
        break;
    case MESSAGE_COVER:
    case MESSAGE_UNCOVER:
        put_order(serving, message->kind, message->a, message->b);
        break;
    case MESSAGE_LOGS:
        take_logs(message->a, descriptors);
        break;
    case MESSAGE_WHERE:
        say_where(serving);
        log_flush(FLUSH_MS);
        break;
    }
}

static bool on_control(void *arg)
{
    struct serving *serving = arg;
    int descriptors[MESSAGE_DESCRIPTORS_MAX];
    struct message message;
    enum err err;

    while ((err = message_take(serving->inheritance.control, &message, descriptors)) == OK)
        hear(serving, &message, descriptors);
    if (err != ERR_EOF)
        return true;
    drain_by_ourselves(serving, "the master is gone");
    return false;
}

/* --- Start. */

static enum err take_settings(struct serving *serving, struct failure *failure)
{
    enum err err = settings_read(serving->inheritance.settings, &serving->settings, failure);
    const char *text;
    enum log_level level = LOG_INFO;
    enum log_format format = LOG_LOGFMT;

    if (err)
        return err;
    text = settings_text(serving->settings, "log.level");
    if (text)
        log_level_from_text(text, &level);
    text = settings_text(serving->settings, "log.format");
    if (text)
        log_format_from_text(text, &format);
    log_setup(level, format);
    if (serving->inheritance.log >= 0)
        log_to(serving->inheritance.log);
    log_identify("worker", log_number(serving->inheritance.slot));
    return OK;
}

/* Their writers are threads: after the privileges are dropped. */
static enum err start_logs(const struct serving *serving, struct failure *failure)
{
    const char *text = settings_text(serving->settings, "log.access_format");
    enum access_format format = ACCESS_COMBINED;

    if (text)
        access_format_from_text(text, &format);
    log_background_start();
    if (serving->inheritance.access >= 0 && access_log_open(serving->inheritance.access, format))
        return failure_set(failure, ERR_IO, "ERR_WORKER", "the access log's writer cannot start");
    return OK;
}

static enum err take_page(struct serving *serving, struct failure *failure)
{
    static struct process_page own_page; /* without a region nobody else looks */
    enum err err = OK;

    if (serving->inheritance.region < 0) {
        serving->page = &own_page;
        return OK;
    }
    err = region_attach(serving->inheritance.region, &serving->region);
    if (!err)
        serving->page = region_page(serving->region, serving->inheritance.page);
    if (!serving->page)
        return failure_set(failure, ERR_STATE, "ERR_WORKER",
                           "the memory that is shared with the master is not what was expected: %s",
                           err ? err_text(err) : "no such page");
    metrics_use(&serving->page->metrics);
    return OK;
}

static enum err drop_privileges(const struct settings *settings, struct failure *failure)
{
    const struct privileges privileges = privileges_of(settings);

    privileges_raise_descriptors();
    return privileges_drop(&privileges, failure);
}

static enum err prepare(struct serving *serving, struct failure *failure)
{
    enum err err = take_settings(serving, failure);

    if (!err)
        err = take_page(serving, failure);
    if (!err)
        err = drop_privileges(serving->settings, failure);
    if (!err)
        err = start_logs(serving, failure);
    return err;
}

static bool ends_in_order;

/* exit() of a library, or of a script by way of FFI: everybody's streams end with it. */
static void on_exit_unasked(void)
{
    if (ends_in_order)
        return;
    log_line(LOG_ERROR, "something called exit(): the worker ends with all its streams", NULL);
    access_log_flush(FLUSH_MS);
    log_flush(FLUSH_MS);
}

static int run(struct serving *serving)
{
    const struct loop_thread_watch watch = {serving->inheritance.control, on_control};
    struct failure failure;
    int status = 1;

    if (prepare(serving, &failure)) {
        fail(serving, failure.text);
        return 1;
    }
    /* A person or a pipe sees each line when it is printed. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    atexit(on_exit_unasked);
    if (loop_thread_run_watching(serve, on_signal, &watch, serving, &status))
        fail(serving,
             "the loop's thread cannot start: it needs 256 MiB of address space (ulimit -v)");
    ends_in_order = true;
    return status;
}

int worker_main(int argc, char **argv)
{
    (void)argc;
    (void)argv; /* main() has put the title there */
    static struct serving serving = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const char *text = getenv("PERIGEE_WORKER");
    struct failure failure;
    struct order *order;
    int status;

    list_init(&serving.orders);
    if (inheritance_parse(text ? text : "", &serving.inheritance, &failure)) {
        fprintf(stderr, "perigee: %s\n", failure.text);
        return 2;
    }
    unsetenv("PERIGEE_WORKER");
    inheritance_secure(&serving.inheritance);
    status = run(&serving);
    access_log_close();
    log_flush(0);
    log_background_stop(FLUSH_MS);
    while ((order = take_order(&serving)))
        mem_free(order);
    settings_free(&serving.settings);
    metrics_use(NULL);
    region_free(&serving.region);
    return status;
}
