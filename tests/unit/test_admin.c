/* process/admin: heads, however they come, and a listener on a loop. As a program of its own it is what
 * tests/e2e/test_admin.py talks to:
 *
 *   test_admin serve FD WORKERS    WORKERS processes answer on the listening socket FD; lines on standard input change
 *                                  what they tell: "ready N", "drain N" (worker N), "end" (of the service),
 *                                  "retire N" (kills it), "count N STREAMS". Each is answered by "done". */
#include "support.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "net/listener.h"
#include "process/admin.h"
#include "process/admin_request.h"

/* --- the reader of heads */

static const struct {
    const char *label, *head;
    unsigned status;
    const char *path;
} heads[] = {
    {"plain", "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 200, "/metrics"},
    {"1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 200, "/"},
    {"HEAD", "HEAD /readyz HTTP/1.1\r\nhost:\r\n\r\n", 200, "/readyz"},
    {"later 1.x", "GET / HTTP/1.9\r\nHost: a\r\n\r\n", 200, "/"},
    {"lone LF", "GET / HTTP/1.1\nHost: a\n\n", 200, "/"},
    {"blank line first", "\r\n\r\nGET / HTTP/1.0\r\n\r\n", 200, "/"},
    {"query", "GET /metrics?a=b HTTP/1.0\r\n\r\n", 200, "/metrics"},
    {"absolute form", "GET http://a.example:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n", 200, "/x"},
    {"other bytes in a value", "GET / HTTP/1.0\r\nA: \t\xc3\xa4~\r\n\r\n", 200, "/"},
    {"POST", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405, NULL},
    {"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, NULL},
    {"lower case is another method", "get / HTTP/1.0\r\n\r\n", 405, NULL},
    {"HTTP/2", "PRI * HTTP/2.0\r\n", 505, NULL},
    {"no version", "GET /\r\n", 400, NULL},
    {"two blanks", "GET  / HTTP/1.1\r\n", 400, NULL},
    {"blank behind", "GET / HTTP/1.1 \r\n", 400, NULL},
    {"tab for blank", "GET\t/ HTTP/1.1\r\n", 400, NULL},
    {"version of two digits", "GET / HTTP/1.10\r\n", 400, NULL},
    {"no method", " / HTTP/1.1\r\n", 400, NULL},
    {"method that is no token", "G@T / HTTP/1.1\r\n", 400, NULL},
    {"target without slash", "GET metrics HTTP/1.1\r\n", 400, NULL},
    {"asterisk", "GET * HTTP/1.1\r\n", 400, NULL},
    {"fragment", "GET /#a HTTP/1.1\r\n", 400, NULL},
    {"authority without path", "GET http://a HTTP/1.1\r\n", 400, NULL},
    {"bytes over 126 in the target", "GET /\xc3\xa4 HTTP/1.1\r\n", 400, NULL},
    {"no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400, NULL},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHOST: a\r\n\r\n", 400, NULL},
    {"blank before the colon", "GET / HTTP/1.0\r\nA : b\r\n", 400, NULL},
    {"no colon", "GET / HTTP/1.0\r\nA\r\n", 400, NULL},
    {"no name", "GET / HTTP/1.0\r\n: b\r\n", 400, NULL},
    {"folded", "GET / HTTP/1.0\r\nA: b\r\n c\r\n", 400, NULL},
    {"lone CR", "GET / HTTP/1.0\r\nA: b\rc", 400, NULL},
    {"control character", "GET / HTTP/1.0\r\nA: b\x01", 400, NULL},
    {"DEL", "GET /\x7f", 400, NULL},
    {"TLS", "\x16\x03\x01", 400, NULL},
};

/* Each gets its verdict at its last byte and none before, so it is the same however the network cuts it. */
static void test_heads_get_their_verdict(void **state)
{
    struct admin_request request;

    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        size_t length = strlen(heads[i].head);
        bool is_early = heads[i].head[0] == '\x16';

        for (size_t cut = 0; cut < length && !is_early; cut++) {
            char *part = malloc(cut + 1); /* the sanitizer watches its end */

            memcpy(part, heads[i].head, cut);
            if (admin_request_read(part, cut, &request) != 0)
                fail_msg("%s: a verdict after %zu bytes", heads[i].label, cut);
            free(part);
        }
        if (admin_request_read(heads[i].head, length, &request) != heads[i].status)
            fail_msg("%s: not %u", heads[i].label, heads[i].status);
        if (heads[i].path && (request.path_length != strlen(heads[i].path) ||
                              memcmp(request.path, heads[i].path, request.path_length) != 0))
            fail_msg("%s: path %.*s", heads[i].label, (int)request.path_length, request.path);
        assert_int_equal(request.is_head, memcmp(heads[i].head, "HEAD", 4) == 0);
    }
}

static void test_a_zero_byte_is_no_part_of_a_head(void **state)
{
    struct admin_request request;

    (void)state;
    assert_int_equal(admin_request_read("GET /\0", 6, &request), 400);
    assert_int_equal(admin_request_read("", 0, &request), 0);
}

static void test_a_head_has_its_limit(void **state)
{
    static const char begin[] = "GET / HTTP/1.0\r\nA: ";
    char bytes[ADMIN_HEAD_BYTES + 100];
    struct admin_request request;

    (void)state;
    memset(bytes, 'a', sizeof(bytes));
    assert_int_equal(admin_request_read(bytes, ADMIN_HEAD_BYTES - 1, &request), 0);
    assert_int_equal(admin_request_read(bytes, ADMIN_HEAD_BYTES, &request), 431);
    memcpy(bytes, begin, sizeof(begin) - 1);
    memcpy(bytes + ADMIN_HEAD_BYTES - 4, "\r\n\r\n", 4);
    assert_int_equal(admin_request_read(bytes, ADMIN_HEAD_BYTES, &request), 200);
    memcpy(bytes + ADMIN_HEAD_BYTES - 4, "aa\r\n\r\n", 6);
    assert_int_equal(admin_request_read(bytes, ADMIN_HEAD_BYTES, &request), 431);
    assert_int_equal(admin_request_read(bytes, ADMIN_HEAD_BYTES + 2, &request), 431);
}

/* --- on a loop */

static int make_listener(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof(*address);

    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)address, length), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
    return fd;
}

static int dial(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof(*address)), 0);
    return fd;
}

/* Lets the loop turn until the peer ended fd. */
static void read_all(struct loop *loop, int fd, char *out, size_t cap)
{
    size_t used = 0;

    for (int looks = 0; looks < 2000; looks++) {
        ssize_t got = recv(fd, out + used, cap - 1 - used, MSG_DONTWAIT);

        if (got == 0)
            break;
        if (got > 0)
            used += (size_t)got;
        else
            run_for(loop, 5);
    }
    out[used] = '\0';
}

struct served {
    struct listener *work; /* what keeps the loop turning: the admin listener does not */
    struct region *region;
    struct admin *admin;
    struct sockaddr_in address;
};

static void serve(void **state, struct served *served)
{
    struct listener_options work = {.host = "127.0.0.1", .fd = -1};
    struct failure failure;
    int fd;

    assert_int_equal(region_create(&served->region, &fd), OK);
    close(fd);
    fd = make_listener(&served->address);
    if (admin_open(loop_of(state), fd, served->region, &served->admin, &failure))
        fail_msg("%s", failure.text);
    if (listener_open(loop_of(state), &work, NULL, NULL, &served->work, &failure))
        fail_msg("%s", failure.text);
}

static void stop(struct served *served)
{
    admin_close(&served->admin);
    admin_close(&served->admin); /* NULL is fine */
    region_free(&served->region);
    listener_close(&served->work);
}

static void test_it_answers_and_hangs_up(void **state)
{
    char text[64 * 1024];
    struct served served;
    int fd;

    serve(state, &served);
    fd = dial(&served.address);
    assert_int_equal(send(fd, "GET /metrics HTTP/1.0\r\n\r\n", 25, 0), 25);
    read_all(loop_of(state), fd, text, sizeof(text));
    assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(text, "\r\nContent-Type: text/plain; version=0.0.4\r\n"));
    assert_non_null(strstr(text, "perigee_draining 0\n"));
    close(fd);
    run_for(loop_of(state), 50);
    stop(&served);
}

/* A loop with nothing but an admin listener is done, and closing takes along what is half way. */
static void test_it_is_no_work_and_leaves_nothing(void **state)
{
    struct served served;
    int idle, half;

    serve(state, &served);
    idle = dial(&served.address);
    half = dial(&served.address);
    assert_int_equal(send(half, "GET /", 5, 0), 5);
    run_for(loop_of(state), 50);
    listener_unref(served.work);
    loop_run(loop_of(state));
    assert_false(loop_is_stopping(loop_of(state)));
    stop(&served);
    close(idle);
    close(half);
}

/* Any allocation may fail: the one visit is lost, the next is served. */
static void test_want_of_memory_costs_one_visit(void **state)
{
    char text[64 * 1024];
    struct served served;
    bool served_whole = false;

    serve(state, &served);
    for (uint64_t n = 1; n < 20 && !served_whole; n++) {
        int fd = dial(&served.address);

        assert_int_equal(send(fd, "GET /metrics HTTP/1.0\r\n\r\n", 25, 0), 25);
        mem_fail_at(n);
        read_all(loop_of(state), fd, text, sizeof(text));
        mem_fail_at(0);
        served_whole = strstr(text, "perigee_log_lines_lost_total 0\n") != NULL;
        close(fd);
    }
    assert_true(served_whole);
    run_for(loop_of(state), 50);
    stop(&served);
}

/* Of a reload the new workers answer; at the end of the service there are no others. */
static void test_who_answers_in_a_drain(void **state)
{
    char text[4096];
    struct served served;
    int fd;

    serve(state, &served);
    atomic_store(&region_state(served.region)->draining, 1);
    admin_drain(served.admin);
    fd = dial(&served.address);
    assert_int_equal(send(fd, "GET /readyz HTTP/1.0\r\n\r\n", 24, 0), 24);
    read_all(loop_of(state), fd, text, sizeof(text));
    assert_memory_equal(text, "HTTP/1.1 503 ", 13);
    close(fd);
    atomic_store(&region_state(served.region)->draining, 0);
    admin_drain(served.admin);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&served.address, sizeof(served.address)), -1);
    close(fd);
    run_for(loop_of(state), 50);
    stop(&served);
}

/* Who was accepted is answered before the end, and who says nothing holds it up for so long and no longer. */
static void test_the_last_ones_are_answered(void **state)
{
    char text[4096];
    struct served served;
    int silent, late, refused;

    serve(state, &served);
    listener_unref(served.work);
    silent = dial(&served.address);
    late = dial(&served.address);
    listener_ref(served.work);
    run_for(loop_of(state), 50); /* both are accepted */
    listener_unref(served.work);
    assert_int_equal(send(late, "GET /healthz HTTP/1.0\r\n\r\n", 25, 0), 25);
    admin_finish(served.admin, 300);
    assert_true(recv(late, text, sizeof(text), MSG_DONTWAIT) > 0);
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    assert_int_equal(recv(silent, text, sizeof(text), MSG_DONTWAIT), -1); /* nor was it cut off */
    refused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(refused, (struct sockaddr *)&served.address, sizeof(served.address)),
                     -1);
    close(silent);
    admin_finish(served.admin, WAIT_LIMIT_MS); /* nobody waits any more */
    admin_finish(NULL, 1);
    stop(&served);
    close(late);
    close(refused);
}

static void test_what_does_not_listen_is_refused(void **state)
{
    struct admin *admin;
    struct region *region;
    struct failure failure;
    int fd, plain = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(region_create(&region, &fd), OK);
    close(fd);
    assert_int_equal(admin_open(loop_of(state), plain, region, &admin, &failure), ERR_INVALID);
    assert_null(admin);
    assert_true(fcntl(plain, F_GETFD) >= 0); /* still ours */
    close(plain);
    region_free(&region);
}

/* --- the program */

static struct loop *program_loop;

static void on_drain_signal(int signal_number)
{
    (void)signal_number;
    loop_wake_async(program_loop);
}

static void on_drain_wake(void *owner)
{
    admin_drain(owner);
}

static void beat(struct deadline *deadline)
{
    deadline_set(program_loop, deadline, 60000);
}

/* Lives until it is killed. */
static void program_worker(int listener, int region_fd, int page, int tell)
{
    struct deadline alive;
    struct listener_options keep = {.host = "127.0.0.1", .fd = -1};
    struct listener *kept;
    struct failure failure;
    struct region *region;
    struct admin *admin;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (loop_new(&program_loop) || region_attach(region_fd, &region) ||
        admin_open(program_loop, listener, region, &admin, &failure) ||
        listener_open(program_loop, &keep, NULL, NULL, &kept, &failure)) /* work for the loop */
        _exit(3);
    metrics_use(&region_page(region, page)->metrics);
    if (write(tell, "", 1) != 1)
        _exit(5);
    loop_on_wake(program_loop, on_drain_wake, admin);
    signal(SIGUSR1, on_drain_signal);
    deadline_init(&alive, beat);
    beat(&alive);
    loop_run(program_loop);
    _exit(4);
}

static int program(int listener, int workers)
{
    struct region *region;
    char line[100];
    pid_t pids[16] = {0};
    int fd, pages[16], news[2];

    if (workers < 1 || workers > 15 || pipe(news) || region_create(&region, &fd))
        return 2;
    atomic_store(&region_state(region)->slots, (uint32_t)workers);
    for (int i = 1; i <= workers; i++) {
        pages[i] = region_take(region, getpid(), (uint32_t)i, 1);
        pids[i] = fork();
        if (pids[i] == 0)
            program_worker(listener, fd, pages[i], news[1]);
        region_page(region, pages[i])->pid = pids[i];
        if (read(news[0], line, 1) != 1) /* the page is the worker's from now on */
            return 2;
    }
    close(listener); /* where no worker accepts, a connection is refused */
    while (fgets(line, sizeof(line), stdin)) {
        unsigned n = 1;
        unsigned long count = 0;
        char verb[20];

        if (sscanf(line, "%19s %u %lu", verb, &n, &count) < 1 || n < 1 || n > (unsigned)workers)
            return 2;
        if (strcmp(verb, "ready") == 0)
            atomic_store(&region_page(region, pages[n])->flags, PROCESS_READY);
        else if (strcmp(verb, "count") == 0)
            region_page(region, pages[n])->metrics.streams[METRICS_SERVER] += count;
        else if (strcmp(verb, "end") == 0)
            atomic_store(&region_state(region)->draining, 1);
        else if (strcmp(verb, "drain") == 0)
            kill(pids[n], SIGUSR1);
        else if (strcmp(verb, "retire") == 0) {
            kill(pids[n], SIGKILL);
            waitpid(pids[n], NULL, 0);
            region_retire(region, pages[n]);
        }
        printf("done\n");
        fflush(stdout);
    }
    for (int i = 1; i <= workers; i++)
        kill(pids[i], SIGKILL);
    while (wait(NULL) > 0)
        continue;
    region_free(&region);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads_get_their_verdict),
        cmocka_unit_test(test_a_zero_byte_is_no_part_of_a_head),
        cmocka_unit_test(test_a_head_has_its_limit),
        LOOP_TEST(test_it_answers_and_hangs_up),
        LOOP_TEST(test_it_is_no_work_and_leaves_nothing),
        LOOP_TEST(test_want_of_memory_costs_one_visit),
        LOOP_TEST(test_who_answers_in_a_drain),
        LOOP_TEST(test_the_last_ones_are_answered),
        LOOP_TEST(test_what_does_not_listen_is_refused),
    };

    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        return program(atoi(argv[2]), atoi(argv[3]));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
