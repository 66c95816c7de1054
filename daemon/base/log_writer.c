/* log_writer: two buffers. Who logs fills one while the thread empties the other; they change places under the lock.
 *
 * The thread sleeps in poll(), on an eventfd. After each round it lingers a little before it looks again, so a busy
 * process wakes it at most once per LINGER_MS, however many lines it puts. */
#include "base/log_writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define LINGER_MS 5
#define RETRY_MS 1000
#define HURRY_BYTES ((size_t)256 * 1024) /* so much waiting ends the lingering */
#define CALM_BYTES ((size_t)256 * 1024)  /* a buffer that held more gives its pages back */
#define FILE_LINE_MAX ((size_t)64 * 1024)

struct buffer {
    char *bytes; /* LOG_WRITER_LATE, of which the kernel backs what was touched */
    size_t used;
};

struct log_writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t written; /* for flush; `done` moved */
    void (*on_news)(void *owner, const struct log_writer_news *news);
    void *owner;
    int wake_fd;
    /* Under the lock: */
    struct buffer filling;
    size_t unwritten;                /* of the other buffer */
    uint64_t put, done;              /* bytes, ever: taken, and written or given up */
    uint64_t lost_lines, lost_bytes; /* not told yet */
    uint64_t ever_lost;              /* lines */
    int next_fd;                     /* -1: none */
    bool asleep;                     /* until it is woken, or for as long as a retry takes */
    bool failing, stopping;
    uint64_t stop_at_ms;
    /* The thread's own: */
    int fd;
    struct buffer emptying;
    size_t taken;      /* of it, written */
    size_t torn;       /* bytes of the line at `taken - torn` that are out already */
    int64_t torn_size; /* the file's size then; -1: no file */
    bool in_trouble;
    int trouble_errno;
    atomic_size_t line_max;
};

static void wake(struct log_writer *writer)
{
    uint64_t one = 1;

    while (write(writer->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

/* --- The thread. */

/* Pipes and sockets take lines of others between two writes. */
static bool is_stream(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

static void use_fd(struct log_writer *writer, int fd)
{
    if (writer->fd >= 0)
        close(writer->fd);
    writer->fd = fd;
    atomic_store(&writer->line_max, is_stream(fd) ? PIPE_BUF : FILE_LINE_MAX);
}

static int64_t file_size(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? (int64_t)status.st_size : -1;
}

/* A line that is half out is to be written once more, whole. */
static void rewind_torn_line(struct log_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->unwritten += writer->torn;
    writer->done -= writer->torn;
    pthread_mutex_unlock(&writer->lock);
    writer->taken -= writer->torn;
    writer->torn = 0;
}

static void tell(struct log_writer *writer, bool over)
{
    struct log_writer_news news = {.over = over, .sys_errno = writer->trouble_errno};

    if (over) {
        pthread_mutex_lock(&writer->lock);
        news.lost_lines = writer->lost_lines;
        news.lost_bytes = writer->lost_bytes;
        writer->lost_lines = writer->lost_bytes = 0;
        pthread_mutex_unlock(&writer->lock);
    }
    writer->in_trouble = !over;
    if (writer->on_news)
        writer->on_news(writer->owner, &news);
}

static void set_failing(struct log_writer *writer, bool failing)
{
    pthread_mutex_lock(&writer->lock);
    writer->failing = failing;
    pthread_mutex_unlock(&writer->lock);
}

/* What the others want of the thread. */
struct wish {
    bool stop, lost;
    int patience_ms; /* with stop */
};

/* Looks for it, and takes a new descriptor when there is one. */
static struct wish look(struct log_writer *writer)
{
    struct wish wish = {0};
    int fd;

    pthread_mutex_lock(&writer->lock);
    fd = writer->next_fd;
    writer->next_fd = -1;
    wish.lost = writer->lost_lines > 0;
    wish.stop = writer->stopping;
    if (wish.stop) {
        uint64_t now = clock_ms();

        wish.patience_ms = now < writer->stop_at_ms ? (int)(writer->stop_at_ms - now) : 0;
    }
    pthread_mutex_unlock(&writer->lock);
    if (fd >= 0) {
        rewind_torn_line(writer);
        use_fd(writer, fd);
    }
    return wish;
}

/* How much of what waits goes with one write: whole lines, as many as fit; of a line that is longer all of it. */
static size_t next_piece(const struct log_writer *writer)
{
    const char *bytes = writer->emptying.bytes + writer->taken;
    size_t left = writer->emptying.used - writer->taken;
    size_t max = atomic_load(&writer->line_max);
    const char *end;

    if (max > PIPE_BUF || left <= max)
        return left;
    end = memrchr(bytes, '\n', max);
    if (!end)
        end = memchr(bytes + max, '\n', left - max);
    return end ? (size_t)(end + 1 - bytes) : left;
}

/* Waits at most ms (-1: for ever) until it is woken or, with want_room, the descriptor takes bytes. true: it does. */
static bool wait_for(struct log_writer *writer, bool want_room, int ms)
{
    struct pollfd fds[2] = {{.fd = writer->wake_fd, .events = POLLIN},
                            {.fd = writer->fd, .events = POLLOUT}};
    uint64_t count;

    poll(fds, want_room ? 2 : 1, ms);
    if (fds[0].revents & POLLIN && read(writer->wake_fd, &count, sizeof(count)) < 0)
        return false;
    return want_room && fds[1].revents;
}

static void note_written(struct log_writer *writer, size_t length)
{
    const char *piece = writer->emptying.bytes + writer->taken;
    const char *last = memrchr(piece, '\n', length);

    writer->torn = last ? (size_t)(piece + length - (last + 1)) : writer->torn + length;
    writer->taken += length;
    writer->torn_size = writer->torn ? file_size(writer->fd) : -1;
    pthread_mutex_lock(&writer->lock);
    writer->unwritten -= length;
    writer->done += length;
    pthread_cond_broadcast(&writer->written);
    pthread_mutex_unlock(&writer->lock);
}

/* One write. 0 or an errno. */
static int write_piece(struct log_writer *writer)
{
    ssize_t length;

    /* Another process wrote behind our half line: it is spoilt, so the whole line once more. */
    if (writer->torn && writer->torn_size != file_size(writer->fd))
        rewind_torn_line(writer);
    length = write(writer->fd, writer->emptying.bytes + writer->taken, next_piece(writer));
    if (length < 0)
        return errno == EINTR ? 0 : errno;
    note_written(writer, (size_t)length);
    return 0;
}

static void begin_trouble(struct log_writer *writer, int sys_errno)
{
    if (writer->in_trouble)
        return;
    writer->trouble_errno = sys_errno;
    tell(writer, false);
}

/* Writes the buffer out. false: not all, and it is time to end. */
static bool empty(struct log_writer *writer)
{
    while (writer->taken < writer->emptying.used) {
        struct wish wish = look(writer);
        int failed;

        if (wish.lost)
            begin_trouble(writer, 0);
        if (!wait_for(writer, true, wish.stop ? wish.patience_ms : RETRY_MS)) {
            if (wish.stop && wish.patience_ms == 0)
                return false;
            continue;
        }
        failed = write_piece(writer);
        if (failed == EAGAIN)
            continue;
        set_failing(writer, failed != 0);
        if (failed) {
            begin_trouble(writer, failed);
            if (wish.stop)
                return false;
            wait_for(writer, false, RETRY_MS);
        }
    }
    return true;
}

static void give_pages_back(struct buffer *buffer)
{
    if (buffer->used > CALM_BYTES)
        madvise(buffer->bytes, LOG_WRITER_LATE, MADV_DONTNEED);
    buffer->used = 0;
}

/* Takes what was put meanwhile. false: nothing, so it may sleep (*end: or end). */
static bool change_buffers(struct log_writer *writer, bool *end)
{
    struct buffer full;
    bool any;

    give_pages_back(&writer->emptying);
    writer->taken = 0;
    pthread_mutex_lock(&writer->lock);
    full = writer->filling;
    any = full.used > 0;
    if (any) {
        writer->filling = writer->emptying;
        writer->emptying = full;
        writer->unwritten = full.used;
    }
    writer->asleep = !any && !writer->stopping;
    *end = !any && writer->stopping;
    pthread_mutex_unlock(&writer->lock);
    return any;
}

/* What is left when the time is up is lost, and said. */
static void give_up(struct log_writer *writer)
{
    struct buffer *rest[2] = {&writer->emptying, &writer->filling};

    rewind_torn_line(writer);
    pthread_mutex_lock(&writer->lock);
    for (int i = 0; i < 2; i++) {
        const char *at = rest[i]->bytes + (i == 0 ? writer->taken : 0);
        const char *end = rest[i]->bytes + rest[i]->used;

        writer->lost_bytes += (uint64_t)(end - at);
        while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
            writer->lost_lines++;
            writer->ever_lost++;
            at++;
        }
    }
    pthread_mutex_unlock(&writer->lock);
    tell(writer, true);
}

static void *run(void *arg)
{
    struct log_writer *writer = arg;
    bool end = false;

    while (!end) {
        if (!change_buffers(writer, &end)) {
            if (!end)
                wait_for(writer, false, -1);
            look(writer);
            continue;
        }
        if (!empty(writer)) {
            give_up(writer);
            break;
        }
        if (look(writer).lost)
            begin_trouble(writer, 0); /* it was only slow */
        if (writer->in_trouble)
            tell(writer, true); /* that may put a line */
        wait_for(writer, false, LINGER_MS);
    }
    return NULL;
}

/* --- The others. */

static void *map_buffer(void)
{
    void *bytes = mmap(NULL, LOG_WRITER_LATE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return bytes == MAP_FAILED ? NULL : bytes;
}

static void dispose(struct log_writer *writer)
{
    if (writer->filling.bytes)
        munmap(writer->filling.bytes, LOG_WRITER_LATE);
    if (writer->emptying.bytes)
        munmap(writer->emptying.bytes, LOG_WRITER_LATE);
    if (writer->fd >= 0)
        close(writer->fd);
    if (writer->next_fd >= 0)
        close(writer->next_fd);
    if (writer->wake_fd >= 0)
        close(writer->wake_fd);
    pthread_cond_destroy(&writer->written);
    pthread_mutex_destroy(&writer->lock);
    mem_free(writer);
}

static void init_sync(struct log_writer *writer)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->written, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* Signals are for other threads; SIGPIPE comes as EPIPE. */
static int start(struct log_writer *writer)
{
    sigset_t all, before;
    int status;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status = pthread_create(&writer->thread, NULL, run, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!status)
        pthread_setname_np(writer->thread, "log writer");
    return status;
}

enum err log_writer_new(int fd, void (*on_news)(void *owner, const struct log_writer_news *news),
                        void *owner, struct log_writer **out)
{
    struct log_writer *writer = mem_zalloc(sizeof(*writer));
    enum err err = ERR_NOMEM;

    *out = NULL;
    if (!writer) {
        close(fd);
        return ERR_NOMEM;
    }
    init_sync(writer);
    writer->on_news = on_news;
    writer->owner = owner;
    writer->fd = writer->next_fd = -1;
    use_fd(writer, fd);
    writer->torn_size = -1;
    writer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    writer->filling.bytes = map_buffer();
    writer->emptying.bytes = map_buffer();
    if (!writer->filling.bytes || !writer->emptying.bytes)
        goto done;
    err = ERR_IO;
    if (writer->wake_fd < 0 || start(writer))
        goto done;
    *out = writer;
    writer = NULL;
    err = OK;
done:
    if (writer)
        dispose(writer);
    return err;
}

bool log_writer_put(struct log_writer *writer, const char *line, size_t length)
{
    bool hurry = false, fits;
    size_t limit;

    pthread_mutex_lock(&writer->lock);
    limit = writer->failing ? LOG_WRITER_KEEP : LOG_WRITER_LATE;
    fits = length <= limit && writer->filling.used + writer->unwritten <= limit - length;
    if (fits) {
        size_t before = writer->filling.used;

        memcpy(writer->filling.bytes + before, line, length);
        writer->filling.used += length;
        writer->put += length;
        hurry = writer->asleep ||
                (before < HURRY_BYTES && writer->filling.used >= HURRY_BYTES && !writer->failing);
        writer->asleep = false;
    } else {
        writer->lost_lines++;
        writer->ever_lost++;
        writer->lost_bytes += length;
    }
    pthread_mutex_unlock(&writer->lock);
    if (hurry)
        wake(writer);
    return fits;
}

uint64_t log_writer_lost(struct log_writer *writer)
{
    uint64_t lost;

    pthread_mutex_lock(&writer->lock);
    lost = writer->ever_lost;
    pthread_mutex_unlock(&writer->lock);
    return lost;
}

size_t log_writer_line_max(struct log_writer *writer)
{
    return atomic_load_explicit(&writer->line_max, memory_order_relaxed);
}

void log_writer_reopen(struct log_writer *writer, int fd)
{
    int unused;

    pthread_mutex_lock(&writer->lock);
    unused = writer->next_fd;
    writer->next_fd = fd;
    pthread_mutex_unlock(&writer->lock);
    if (unused >= 0)
        close(unused);
    wake(writer);
}

/* clock_ms() is CLOCK_MONOTONIC, as the condition's clock. */
static struct timespec point_in_time(uint64_t ms)
{
    return (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

bool log_writer_flush(struct log_writer *writer, unsigned patience_ms)
{
    struct timespec until = point_in_time(clock_ms() + patience_ms);
    uint64_t target;
    bool done;

    pthread_mutex_lock(&writer->lock);
    target = writer->put;
    pthread_mutex_unlock(&writer->lock);
    wake(writer);
    pthread_mutex_lock(&writer->lock);
    while (writer->done < target &&
           pthread_cond_timedwait(&writer->written, &writer->lock, &until) == 0)
        continue;
    done = writer->done >= target;
    pthread_mutex_unlock(&writer->lock);
    return done;
}

void log_writer_free(struct log_writer **writer, unsigned patience_ms)
{
    struct log_writer *w = *writer;
    struct timespec until;

    *writer = NULL;
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    w->stop_at_ms = clock_ms() + patience_ms;
    pthread_mutex_unlock(&w->lock);
    wake(w);
    /* poll() said that there is room, and another process took it: then the thread waits in write() for ever, and is
     * left behind, which at the end of a process is no loss. */
    until = point_in_time(clock_ms() + patience_ms + RETRY_MS);
    if (pthread_clockjoin_np(w->thread, NULL, CLOCK_MONOTONIC, &until) == 0)
        dispose(w);
    else
        pthread_detach(w->thread);
}
