/* base/log_writer: order, pipes, full disks, readers that are stuck, reopening. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log_writer.h"

#define PATIENCE_MS WAIT_LIMIT_MS

static struct {
    atomic_int begun, over;
    atomic_int sys_errno;
    _Atomic uint64_t lost_lines, lost_bytes;
} news;

static void on_news(void *owner, const struct log_writer_news *what)
{
    (void)owner;
    if (!what->over) {
        atomic_store(&news.sys_errno, what->sys_errno);
        atomic_fetch_add(&news.begun, 1);
        return;
    }
    atomic_fetch_add(&news.lost_lines, what->lost_lines);
    atomic_fetch_add(&news.lost_bytes, what->lost_bytes);
    atomic_fetch_add(&news.over, 1);
}

static void await(atomic_int *what, int least)
{
    struct timespec pause = {.tv_nsec = 2000000};
    uint64_t until = clock_ms() + PATIENCE_MS;

    while (atomic_load(what) < least) {
        assert_true(clock_ms() < until);
        nanosleep(&pause, NULL);
    }
}

static int setup(void **state)
{
    (void)state;
    memset(&news, 0, sizeof(news));
    return 0;
}

static struct log_writer *make(int fd)
{
    struct log_writer *writer;

    assert_int_equal(log_writer_new(fd, on_news, NULL, &writer), OK);
    return writer;
}

/* A file without a name, and its duplicate, as the writer gets it. */
static int file_pair(int *own)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    *own = dup(fileno(file));
    fclose(file);
    assert_int_equal(fcntl(*own, F_SETFL, O_APPEND), 0);
    return dup(*own);
}

static size_t line_of(char *line, unsigned long number, size_t width)
{
    return (size_t)sprintf(line, "%0*lu\n", (int)width - 1, number);
}

static void put(struct log_writer *writer, unsigned long number, size_t width)
{
    char line[8192];

    log_writer_put(writer, line, line_of(line, number, width));
}

/* The numbers first to last - 1 stand in the file, each on a line of its own, from *at on. */
static void assert_numbers(int fd, off_t *at, unsigned long first, unsigned long last, size_t width)
{
    char want[8192], found[8192];

    for (unsigned long i = first; i < last; i++) {
        size_t length = line_of(want, i, width);

        assert_int_equal(pread(fd, found, length, *at), length);
        assert_memory_equal(found, want, length);
        *at += (off_t)length;
    }
}

static off_t size_of(int fd)
{
    struct stat status;

    assert_int_equal(fstat(fd, &status), 0);
    return status.st_size;
}

static void lines_keep_their_order(void **state)
{
    struct log_writer *writer;
    off_t at = 0;
    int own;

    (void)state;
    writer = make(file_pair(&own));
    for (unsigned long i = 0; i < 20000; i++) {
        put(writer, i, 100);
        if (i % 4000 == 0)
            assert_true(log_writer_flush(writer, PATIENCE_MS));
    }
    log_writer_free(&writer, PATIENCE_MS);
    assert_null(writer);
    assert_numbers(own, &at, 0, 20000, 100);
    assert_int_equal(size_of(own), at);
    assert_int_equal(news.begun, 0);
    close(own);
}

struct putter {
    struct log_writer *writer;
    unsigned long first;
};

static void *put_many(void *arg)
{
    struct putter *putter = arg;

    for (unsigned long i = 0; i < 5000; i++)
        put(putter->writer, putter->first + i, 64);
    return NULL;
}

static void two_threads_may_put(void **state)
{
    struct putter putters[2];
    pthread_t threads[2];
    unsigned long seen[2] = {0, 0};
    int own;

    (void)state;
    putters[0] = (struct putter){make(file_pair(&own)), 0};
    putters[1] = (struct putter){putters[0].writer, 1000000};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, &putters[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    log_writer_free(&putters[0].writer, PATIENCE_MS);
    assert_int_equal(size_of(own), 2 * 5000 * 64);
    for (off_t at = 0; at < size_of(own); at += 64) {
        char line[65] = "";
        unsigned long number;
        bool second;

        assert_int_equal(pread(own, line, 64, at), 64);
        number = strtoul(line, NULL, 10);
        second = number >= 1000000;
        assert_int_equal(number - (second ? 1000000 : 0), seen[second]++);
    }
    close(own);
}

/* A packet pipe (O_DIRECT) keeps writes apart: each must be whole lines and not over PIPE_BUF. */
static void a_pipe_gets_whole_lines_of_at_most_pipe_buf(void **state)
{
    struct log_writer *writer;
    unsigned long next = 0;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_DIRECT), 0);
    writer = make(ends[1]);
    assert_int_equal(log_writer_line_max(writer), PIPE_BUF);
    for (unsigned long i = 0; i < 500; i++)
        put(writer, i, 100 + i % 1000);
    while (next < 500) {
        char packet[2 * PIPE_BUF], line[2048];
        ssize_t length = read(ends[0], packet, sizeof(packet)), at = 0;

        assert_in_range(length, 1, PIPE_BUF);
        while (at < length) {
            size_t wanted = line_of(line, next, 100 + next % 1000);

            assert_true(at + (ssize_t)wanted <= length);
            assert_memory_equal(packet + at, line, wanted);
            at += (ssize_t)wanted;
            next++;
        }
    }
    log_writer_free(&writer, PATIENCE_MS);
    close(ends[0]);
}

static void a_stuck_reader_holds_nobody_up(void **state)
{
    struct log_writer *writer;
    unsigned long kept = 0, lines = 2 * LOG_WRITER_LATE / 1000;
    char line[1001];
    uint64_t began = clock_ms();
    FILE *reader;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    writer = make(ends[1]);
    for (unsigned long i = 0; i < lines; i++) {
        bool taken = log_writer_put(writer, line, line_of(line, i, 1000));

        assert_true(taken || kept >= LOG_WRITER_KEEP / 1000);
        kept += taken;
        if (!taken)
            break;
    }
    assert_in_range(kept, LOG_WRITER_LATE / 1000 - 1,
                    LOG_WRITER_LATE / 1000 + 200); /* and the pipe's */
    assert_true(clock_ms() - began < PATIENCE_MS / 4);
    await(&news.begun, 1); /* it is said while it lasts */
    assert_int_equal(news.sys_errno, 0);
    assert_false(log_writer_flush(writer, 1));

    /* It reads again: what was kept comes in order, and then the news. */
    reader = fdopen(ends[0], "r");
    for (unsigned long i = 0; i < kept; i++) {
        char found[1001];

        assert_int_equal(fread(found, 1, 1000, reader), 1000);
        line_of(line, i, 1000);
        assert_memory_equal(found, line, 1000);
    }
    await(&news.over, 1);
    assert_int_equal(news.lost_lines, 1);
    assert_int_equal(news.lost_bytes, 1000);
    log_writer_free(&writer, PATIENCE_MS);
    fclose(reader);
}

static void the_end_does_not_wait_for_a_stuck_reader(void **state)
{
    struct log_writer *writer;
    uint64_t began;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    writer = make(ends[1]);
    for (unsigned long i = 0; i < 1000; i++)
        put(writer, i, 1000);
    began = clock_ms();
    log_writer_free(&writer, 50);
    assert_in_range(clock_ms() - began, 40, PATIENCE_MS / 4);
    assert_int_equal(news.over, 1);
    assert_in_range(news.lost_lines, 900, 1000); /* the pipe holds 64 KiB */
    assert_int_equal(news.lost_bytes, news.lost_lines * 1000);
    close(ends[0]);
}

static void a_full_disk_keeps_a_mib_and_counts_the_rest(void **state)
{
    struct log_writer *writer = make(open("/dev/full", O_WRONLY | O_APPEND | O_CLOEXEC));
    unsigned long kept = 0;
    char line[1001];
    off_t at = 0;
    int own;

    (void)state;
    put(writer, kept++, 1000);
    await(&news.begun, 1);
    assert_int_equal(news.sys_errno, ENOSPC);
    while (log_writer_put(writer, line, line_of(line, kept, 1000)))
        kept++;
    assert_int_equal(kept, LOG_WRITER_KEEP / 1000);
    for (int i = 0; i < 9; i++)
        assert_false(log_writer_put(writer, line, 1000));

    /* A new file: nothing of what was kept is lost, and the loss is told once. */
    log_writer_reopen(writer, file_pair(&own));
    assert_true(log_writer_flush(writer, PATIENCE_MS));
    await(&news.over, 1);
    put(writer, kept++, 1000);
    log_writer_free(&writer, PATIENCE_MS);
    assert_numbers(own, &at, 0, kept, 1000);
    assert_int_equal(size_of(own), at);
    assert_int_equal(news.begun, 1);
    assert_int_equal(news.over, 1);
    assert_int_equal(news.lost_lines, 10);
    assert_int_equal(news.lost_bytes, 10000);
    close(own);
}

static void the_end_gives_a_full_disk_up_at_once(void **state)
{
    struct log_writer *writer = make(open("/dev/full", O_WRONLY | O_APPEND | O_CLOEXEC));
    uint64_t began;

    (void)state;
    put(writer, 1, 100);
    await(&news.begun, 1);
    put(writer, 2, 100);
    began = clock_ms();
    log_writer_free(&writer, PATIENCE_MS);
    assert_true(clock_ms() - began < PATIENCE_MS / 4);
    assert_int_equal(news.lost_lines, 2);
    assert_int_equal(news.lost_bytes, 200);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The disk was full in the middle of a line: its rest comes first when there is room. */
static void a_line_that_fitted_in_part_is_completed(void **state)
{
    struct log_writer *writer;
    off_t at = 0;
    int own;

    (void)state;
    writer = make(file_pair(&own));
    limit_files(250);
    for (unsigned long i = 0; i < 5; i++)
        put(writer, i, 100);
    await(&news.begun, 1);
    assert_int_equal(news.sys_errno, EFBIG);
    assert_int_equal(size_of(own), 250);
    limit_files(RLIM_INFINITY);
    assert_true(log_writer_flush(writer, PATIENCE_MS));
    log_writer_free(&writer, PATIENCE_MS);
    assert_numbers(own, &at, 0, 5, 100);
    assert_int_equal(size_of(own), at);
    close(own);
}

/* Unless another process wrote behind it meanwhile: then once more as a whole. */
static void a_line_that_was_spoilt_is_written_again(void **state)
{
    struct log_writer *writer;
    off_t at = 0;
    int own;

    (void)state;
    writer = make(file_pair(&own));
    limit_files(250);
    for (unsigned long i = 0; i < 5; i++)
        put(writer, i, 100);
    await(&news.begun, 1);
    limit_files(RLIM_INFINITY);
    assert_int_equal(write(own, "other\n", 6), 6);
    assert_true(log_writer_flush(writer, PATIENCE_MS));
    log_writer_free(&writer, PATIENCE_MS);
    assert_numbers(own, &at, 0, 2, 100);
    at = 256;
    assert_numbers(own, &at, 2, 5, 100);
    assert_int_equal(size_of(own), at);
    close(own);
}

static void reopening_loses_nothing(void **state)
{
    struct log_writer *writer;
    int own[20];
    unsigned long next = 0;

    (void)state;
    writer = make(file_pair(&own[0]));
    for (int file = 0; file < 20; file++) {
        if (file > 0)
            log_writer_reopen(writer, file_pair(&own[file]));
        for (int i = 0; i < 1000; i++)
            put(writer, next++, 100);
    }
    log_writer_free(&writer, PATIENCE_MS);
    next = 0;
    for (int file = 0; file < 20; file++) {
        off_t at = 0;
        unsigned long lines = (unsigned long)size_of(own[file]) / 100;

        assert_numbers(own[file], &at, next, next + lines, 100);
        assert_int_equal(size_of(own[file]), at);
        next += lines;
        close(own[file]);
    }
    assert_int_equal(next, 20000);
}

/* logrotate compresses the old file: nothing may be written there once the new one has a line. */
static void an_idle_writer_takes_the_new_file_at_once(void **state)
{
    struct log_writer *writer;
    int old, new;

    (void)state;
    writer = make(file_pair(&old));
    put(writer, 1, 100);
    assert_true(log_writer_flush(writer, PATIENCE_MS));
    log_writer_reopen(writer, file_pair(&new));
    put(writer, 2, 100);
    assert_true(log_writer_flush(writer, PATIENCE_MS));
    assert_int_equal(size_of(old), 100);
    assert_int_equal(size_of(new), 100);
    log_writer_free(&writer, PATIENCE_MS);
    close(old);
    close(new);
}

static void nothing_is_left_when_it_cannot_be_made(void **state)
{
    size_t before = mem_live();
    struct log_writer *writer;
    int fd = dup(STDERR_FILENO);

    (void)state;
    mem_fail_at(1);
    assert_int_equal(log_writer_new(fd, NULL, NULL, &writer), ERR_NOMEM);
    mem_fail_at(0);
    assert_null(writer);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* closed */
    assert_int_equal(mem_live(), before);
    log_writer_free(&writer, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_keep_their_order, setup),
        cmocka_unit_test_setup(two_threads_may_put, setup),
        cmocka_unit_test_setup(a_pipe_gets_whole_lines_of_at_most_pipe_buf, setup),
        cmocka_unit_test_setup(a_stuck_reader_holds_nobody_up, setup),
        cmocka_unit_test_setup(the_end_does_not_wait_for_a_stuck_reader, setup),
        cmocka_unit_test_setup(a_full_disk_keeps_a_mib_and_counts_the_rest, setup),
        cmocka_unit_test_setup(the_end_gives_a_full_disk_up_at_once, setup),
        cmocka_unit_test_setup(a_line_that_fitted_in_part_is_completed, setup),
        cmocka_unit_test_setup(a_line_that_was_spoilt_is_written_again, setup),
        cmocka_unit_test_setup(reopening_loses_nothing, setup),
        cmocka_unit_test_setup(an_idle_writer_takes_the_new_file_at_once, setup),
        cmocka_unit_test_setup(nothing_is_left_when_it_cannot_be_made, setup),
    };

    return cmocka_run_group_tests_name("log_writer", tests, NULL, NULL);
}
