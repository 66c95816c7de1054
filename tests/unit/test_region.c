/* metrics/region: pages and the retired sum, what survives execve, and readers beside a master that folds. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "metrics/metrics_table.h"
#include "metrics/region.h"

static struct region *make(int *fd)
{
    struct region *region;

    assert_int_equal(region_create(&region, fd), OK);
    return region;
}

static void count(struct region *region, int page, uint64_t requests)
{
    struct metrics *set = &region_page(region, page)->metrics;

    set->streams[METRICS_SERVER] += requests;
    set->responses[200 - METRICS_STATUS_FIRST] += requests;
    set->latency.counts[0] += requests;
    set->latency.sum_ms += requests;
    set->streams_active[METRICS_SERVER] = 3;
}

static void test_pages_are_added_up(void **state)
{
    struct metrics sum;
    int fd, one, two;
    struct region *region = make(&fd);

    (void)state;
    region_sum(region, &sum);
    for (size_t i = 0; i < sizeof(sum) / 8; i++)
        assert_int_equal(metrics_words(&sum)[i], 0);
    one = region_take(region, 100, 1, 1);
    two = region_take(region, 101, 2, 1);
    assert_int_not_equal(one, two);
    assert_int_equal(region_page(region, two)->pid, 101);
    assert_int_equal(region_page(region, two)->slot, 2);
    count(region, one, 5);
    count(region, two, 7);
    region_sum(region, &sum);
    assert_int_equal(sum.streams[METRICS_SERVER], 12);
    assert_int_equal(sum.latency.sum_ms, 12);
    assert_int_equal(sum.streams_active[METRICS_SERVER], 6);
    region_free(&region);
    assert_null(region);
    close(fd);
}

/* What a process counted stays when it is gone, what it had at the moment does not, and its page begins at zero. */
static void test_retired_pages_keep_their_counts(void **state)
{
    struct metrics sum;
    int fd, page;
    struct region *region = make(&fd);

    (void)state;
    for (int i = 0; i < 2 * REGION_PAGES; i++) {
        page = region_take(region, 100 + i, 1, 1);
        assert_int_equal(region_page(region, page)->metrics.streams[METRICS_SERVER], 0);
        assert_int_equal(atomic_load(&region_page(region, page)->flags), 0);
        atomic_store(&region_page(region, page)->flags, PROCESS_READY);
        count(region, page, 2);
        region_retire(region, page);
        region_retire(region, page); /* twice is harmless */
    }
    region_sum(region, &sum);
    assert_int_equal(sum.streams[METRICS_SERVER], 4 * REGION_PAGES);
    assert_int_equal(sum.responses[100], 4 * REGION_PAGES);
    assert_int_equal(sum.latency.counts[0], 4 * REGION_PAGES);
    assert_int_equal(sum.streams_active[METRICS_SERVER], 0);
    region_retire(region, -1);
    region_retire(region, REGION_PAGES);
    region_free(&region);
    close(fd);
}

static void test_a_full_region_says_so(void **state)
{
    int fd;
    struct region *region = make(&fd);

    (void)state;
    for (int i = 0; i < REGION_PAGES; i++)
        assert_int_equal(region_take(region, 1, 1, 1), i);
    assert_int_equal(region_take(region, 1, 1, 1), -1);
    region_retire(region, 17);
    assert_int_equal(region_take(region, 2, 1, 1), 17);
    assert_null(region_page(region, -1));
    assert_null(region_page(region, REGION_PAGES));
    region_free(&region);
    close(fd);
}

/* The descriptor is all that an execve() or a new process has of it. */
static void test_attaching_sees_the_same(void **state)
{
    struct region *again;
    struct metrics sum;
    int fd, page;
    struct region *region = make(&fd);

    (void)state;
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    page = region_take(region, 100, 1, 1);
    count(region, page, 5);
    atomic_store(&region_state(region)->reloads, 4);
    assert_int_equal(region_attach(fd, &again), OK);
    region_free(&region);
    close(fd);
    region_sum(again, &sum);
    assert_int_equal(sum.streams[METRICS_SERVER], 5);
    assert_int_equal(atomic_load(&region_state(again)->reloads), 4);
    assert_int_equal(region_page(again, page)->pid, 100);
    region_free(&again);
}

static void test_its_size_is_sealed(void **state)
{
    int fd;
    struct region *region = make(&fd);
    off_t size = lseek(fd, 0, SEEK_END);

    (void)state;
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, size + 4096), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    region_free(&region);
    close(fd);
}

static void test_what_is_no_region_is_refused(void **state)
{
    int fd, made, null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct region *region = make(&made);
    off_t size = lseek(made, 0, SEEK_END);
    uint32_t other = 77;

    (void)state;
    region_free(&region);
    assert_int_equal(region_attach(null, &region), ERR_STATE);
    assert_null(region);
    assert_int_equal(region_attach(-1, &region), ERR_IO);
    fd = memfd_create("other", MFD_CLOEXEC);
    assert_int_equal(region_attach(fd, &region), ERR_STATE);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(region_attach(fd, &region), ERR_STATE); /* right in size only */
    assert_int_equal(pwrite(made, &other, 4, 8), 4);         /* the layout's number */
    assert_int_equal(region_attach(made, &region), ERR_STATE);
    close(fd);
    close(made);
    close(null);
}

static void test_want_of_memory_is_an_answer(void **state)
{
    struct region *region;
    int fd;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(region_create(&region, &fd), ERR_NOMEM);
    mem_fail_at(0);
    assert_int_equal(fd, -1);
    assert_null(region);
}

/* The reader's looks, counted in a word of the state that is of no other use here. */
static _Atomic uint64_t *looks_of(struct region *region)
{
    return &region_state(region)->upgrades;
}

/* 0: a total never was below what it had been, nor above what was counted. */
static int watch_totals(struct region *region, uint64_t most)
{
    struct metrics sum;
    uint64_t before = 0;

    while (!atomic_load(&region_state(region)->draining)) {
        region_sum(region, &sum);
        if (sum.streams[METRICS_SERVER] < before || sum.streams[METRICS_SERVER] > most)
            return 1;
        before = sum.streams[METRICS_SERVER];
        atomic_fetch_add(looks_of(region), 1);
    }
    return 0;
}

/* Another process reads without a pause. Each page is retired once it has been seen, so in the middle of a look, and
 * nothing else is counted meanwhile that could hide that it was missed. */
static void test_totals_never_fall_beside_a_fold(void **state)
{
    enum { LIVES = 1500, LIVES_LEAST = 200, EACH = 1000 };
    int fd, result = 0;
    struct region *region = make(&fd);
    pid_t reader, ended = 0;
    uint64_t until;

    (void)state;
    reader = fork();
    if (reader == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(watch_totals(region, (uint64_t)LIVES * EACH));
    }
    until = clock_ms() + 2000; /* on a busy machine fewer have to do */
    for (int i = 0; i < LIVES && !ended && (i < LIVES_LEAST || clock_ms() < until); i++) {
        int page = region_take(region, 2, 2, 1);
        uint64_t looks;

        assert_true(page >= 0);
        region_page(region, page)->metrics.streams[METRICS_SERVER] = EACH;
        looks = atomic_load(looks_of(region));
        while (atomic_load(looks_of(region)) < looks + 2 && !ended) {
            sched_yield();
            ended = waitpid(reader, &result, WNOHANG);
        }
        region_retire(region, page);
    }
    atomic_store(&region_state(region)->draining, 1);
    if (!ended)
        assert_int_equal(waitpid(reader, &result, 0), reader);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    region_free(&region);
    close(fd);
}

/* A master that died in the middle of a fold leaves the mark behind: readers answer all the same. */
static void test_an_endless_fold_does_not_hold_readers_up(void **state)
{
    struct metrics sum;
    int fd, page;
    struct region *region = make(&fd), *again;
    uint32_t odd = 1;

    (void)state;
    page = region_take(region, 1, 1, 1);
    count(region, page, 5);
    /* The fold count stands behind the magic and four numbers. */
    assert_int_equal(pwrite(fd, &odd, 4, 24), 4);
    region_sum(region, &sum);
    assert_int_equal(sum.streams[METRICS_SERVER], 5);
    /* The next master's first fold makes it whole again. */
    assert_int_equal(region_attach(fd, &again), OK);
    region_keep(again, page);
    region_retire(again, page);
    assert_int_equal(pread(fd, &odd, 4, 24), 4);
    assert_int_equal(odd % 2, 0);
    region_sum(region, &sum);
    assert_int_equal(sum.streams[METRICS_SERVER], 5);
    region_free(&again);
    region_free(&region);
    close(fd);
}

/* A worker in a stranger's hands writes all over the memory: the master still has its pages, and an answer. */
static void test_a_hostile_writer_takes_no_page(void **state)
{
    int fd, page;
    struct region *region = make(&fd), *again;
    struct metrics sum;
    uint8_t *bytes;
    off_t size = lseek(fd, 0, SEEK_END);

    (void)state;
    page = region_take(region, 1, 1, 1);
    bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    memset(bytes + 24, 0xff, (size_t)size - 24); /* all behind the magic and the sizes */
    assert_int_equal(region_take(region, 2, 2, 1), page + 1);
    region_retire(region, page);
    assert_int_equal(region_take(region, 3, 1, 1), page);
    region_sum(region, &sum);
    /* The next master knows which are taken, too. */
    memset(bytes + 24, 0xff, (size_t)size - 24);
    assert_int_equal(region_attach(fd, &again), OK);
    region_keep(again, page);
    region_drop_unkept(again);
    assert_int_equal(region_take(again, 4, 2, 1), page + 1);
    assert_int_equal(region_take(again, 4, 3, 1), page + 2);
    munmap(bytes, (size_t)size);
    region_free(&again);
    region_free(&region);
    close(fd);
}

static void test_ready_is_a_worker_that_serves(void **state)
{
    int fd, one, two;
    struct region *region = make(&fd);

    (void)state;
    assert_false(region_is_ready(region));
    one = region_take(region, 1, 1, 1);
    two = region_take(region, 2, 2, 1);
    assert_false(region_is_ready(region));
    atomic_store(&region_page(region, one)->flags, PROCESS_READY);
    assert_true(region_is_ready(region));
    atomic_store(&region_page(region, one)->flags, PROCESS_READY | PROCESS_DRAINING);
    assert_false(region_is_ready(region));
    atomic_store(&region_page(region, two)->flags, PROCESS_READY);
    assert_true(region_is_ready(region));
    atomic_store(&region_state(region)->draining, 1);
    assert_false(region_is_ready(region));
    atomic_store(&region_state(region)->draining, 0);
    region_retire(region, two);
    assert_false(region_is_ready(region));
    region_free(&region);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_are_added_up),
        cmocka_unit_test(test_retired_pages_keep_their_counts),
        cmocka_unit_test(test_a_full_region_says_so),
        cmocka_unit_test(test_attaching_sees_the_same),
        cmocka_unit_test(test_its_size_is_sealed),
        cmocka_unit_test(test_what_is_no_region_is_refused),
        cmocka_unit_test(test_want_of_memory_is_an_answer),
        cmocka_unit_test(test_totals_never_fall_beside_a_fold),
        cmocka_unit_test(test_an_endless_fold_does_not_hold_readers_up),
        cmocka_unit_test(test_a_hostile_writer_takes_no_page),
        cmocka_unit_test(test_ready_is_a_worker_that_serves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
