/* net/loop_thread: the big stack, signals on the calling thread, and a prompt end. */
#include "support.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>

#include "net/loop_thread.h"

struct run {
    pthread_t caller;
    sem_t heard;
    int signals[16];
    int count;
};

static void on_signal(void *arg, int signo)
{
    struct run *run = arg;

    assert_true(pthread_equal(pthread_self(), run->caller));
    if (run->count < 16)
        run->signals[run->count++] = signo;
    sem_post(&run->heard);
}

static void run_init(struct run *run)
{
    memset(run, 0, sizeof(*run));
    run->caller = pthread_self();
    sem_init(&run->heard, 0, 0);
}

static int use_stack(void *arg)
{
    volatile char deep[200 * 1024 * 1024];
    pthread_attr_t attributes;
    size_t size = 0;

    (void)arg;
    deep[0] = 1; /* its far end */
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstacksize(&attributes, &size);
    pthread_attr_destroy(&attributes);
    return size >= (size_t)256 * 1024 * 1024 && deep[0] == 1 ? 42 : 1;
}

static void the_function_has_256_mib_of_stack_and_its_result_comes_back(void **state)
{
    struct run run;
    int result = 0;

    (void)state;
    run_init(&run);
    assert_int_equal(loop_thread_run(use_stack, on_signal, &run, &result), OK);
    assert_int_equal(result, 42);
    assert_int_equal(run.count, 0);
}

static int send_signals(void *arg)
{
    static const int sent[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    struct run *run = arg;
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (size_t i = 0; i < COUNT(sent); i++) {
        if (!sigismember(&blocked, sent[i]))
            return 1;
        kill(getpid(), sent[i]);
        sem_wait(&run->heard);
    }
    kill(getpid(), SIGRTMIN); /* a stranger's must not end the wait: this thread goes on */
    kill(getpid(), SIGPIPE);
    kill(getpid(), SIGTERM);
    sem_wait(&run->heard);
    return 7;
}

static void signals_are_told_on_the_calling_thread(void **state)
{
    static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGTERM};
    struct run run;
    int result = 0;

    (void)state;
    run_init(&run);
    assert_int_equal(loop_thread_run(send_signals, on_signal, &run, &result), OK);
    assert_int_equal(result, 7);
    assert_int_equal(run.count, COUNT(wanted));
    assert_memory_equal(run.signals, wanted, sizeof(wanted));
}

static int return_at_once(void *arg)
{
    (void)arg;
    return 3;
}

static void an_early_return_is_never_missed(void **state)
{
    struct run run;

    (void)state;
    for (int i = 0; i < 200; i++) {
        int result = 0;

        run_init(&run);
        assert_int_equal(loop_thread_run(return_at_once, on_signal, &run, &result), OK);
        assert_int_equal(result, 3);
    }
}

/* --- a descriptor beside the signals */

struct watched {
    struct run run;
    int ends[2];
    pthread_t caller;
    sem_t read;
    int bytes;
};

static bool on_readable(void *arg)
{
    struct watched *watched = arg;
    char byte;
    ssize_t got = read(watched->ends[0], &byte, 1);

    assert_true(pthread_equal(pthread_self(), watched->caller));
    watched->bytes += got == 1;
    sem_post(&watched->read);
    return got == 1;
}

static void on_signal_too(void *arg, int signo)
{
    on_signal(&((struct watched *)arg)->run, signo);
}

/* Is "stuck", as seen from the loop: it only waits. */
static int feed(void *arg)
{
    struct watched *watched = arg;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(write(watched->ends[1], "x", 1), 1);
        sem_wait(&watched->read);
        kill(getpid(), SIGTERM);
        sem_wait(&watched->run.heard);
    }
    close(watched->ends[1]);
    sem_wait(&watched->read); /* the end is told once, and the descriptor not looked at any more */
    kill(getpid(), SIGTERM);
    sem_wait(&watched->run.heard);
    return 5;
}

static void a_descriptor_is_told_on_the_calling_thread(void **state)
{
    struct watched watched = {.caller = pthread_self()};
    struct loop_thread_watch watch = {.on_readable = on_readable};
    int result = 0, left = 0;

    (void)state;
    run_init(&watched.run);
    sem_init(&watched.read, 0, 0);
    assert_int_equal(pipe(watched.ends), 0);
    watch.fd = watched.ends[0];
    assert_int_equal(loop_thread_run_watching(feed, on_signal_too, &watch, &watched, &result), OK);
    assert_int_equal(result, 5);
    assert_int_equal(watched.bytes, 3);
    assert_int_equal(watched.run.count, 4);
    sem_getvalue(&watched.read, &left);
    assert_int_equal(left, 0);
    close(watched.ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_function_has_256_mib_of_stack_and_its_result_comes_back),
        cmocka_unit_test(signals_are_told_on_the_calling_thread),
        cmocka_unit_test(an_early_return_is_never_missed),
        cmocka_unit_test(a_descriptor_is_told_on_the_calling_thread),
    };

    return cmocka_run_group_tests_name("loop_thread", tests, NULL, NULL);
}
