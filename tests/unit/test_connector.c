/* net/connector: names, literal addresses, both families, and giving up. */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/clock.h"
#include "net/address.h"
#include "net/connector.h"

struct outcome {
    struct loop *loop;
    int calls, fd;
    struct failure failure;
};

static void on_done(void *owner, int fd, const struct failure *failure)
{
    struct outcome *outcome = owner;

    outcome->calls++;
    outcome->fd = fd;
    assert_int_equal(fd < 0, failure != NULL);
    if (failure)
        outcome->failure = *failure;
    loop_stop(outcome->loop);
}

static struct connector *start(void **state, const char *host, uint16_t port, const char *path,
                               struct outcome *outcome)
{
    struct connector_target target = {.path = path, .host = host, .port = port};
    struct connector *connector;

    memset(outcome, 0, sizeof(*outcome));
    outcome->loop = loop_of(state);
    outcome->fd = -1;
    assert_int_equal(connector_start(outcome->loop, &target, on_done, outcome, &connector), OK);
    assert_non_null(connector);
    assert_int_equal(outcome->calls, 0);
    return connector;
}

static void run(void **state, const char *host, uint16_t port, const char *path,
                struct outcome *outcome)
{
    start(state, host, port, path, outcome);
    WAIT_FOR(outcome->loop, outcome->calls > 0);
    run_for(outcome->loop, 5);
    assert_int_equal(outcome->calls, 1);
}

/* A socket bound to host, listening when backlog >= 0 (else its port is refused). *port 0: any. -1: no IPv6. */
static int serve(const char *host, uint16_t *port, int backlog)
{
    struct address address;
    int fd, yes = 1;

    assert_int_equal(address_from_ip(host, *port, &address), OK);
    fd = socket(address.any.sa_family, SOCK_STREAM, 0);
    if (fd >= 0 && address_is_ipv6(&address))
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    if (fd < 0 || bind(fd, &address.any, address.length)) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (backlog >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    getsockname(fd, &address.any, &address.length);
    *port = address_port(&address);
    return fd;
}

static void connects_to_literal_addresses(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};

    for (size_t i = 0; i < COUNT(hosts); i++) {
        uint16_t port = 0;
        int server = serve(hosts[i], &port, 5), peer;
        struct outcome outcome;
        char byte;

        if (server < 0)
            continue; /* no IPv6 here */
        run(state, hosts[i], port, NULL, &outcome);
        assert_true(outcome.fd >= 0);
        assert_true(fcntl(outcome.fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(outcome.fd, F_GETFD) & FD_CLOEXEC);
        peer = accept(server, NULL, NULL);
        assert_int_equal(write(outcome.fd, "x", 1), 1);
        assert_int_equal(read(peer, &byte, 1), 1);
        close(peer);
        close(outcome.fd);
        close(server);
    }
}

static void localhost_finds_a_server_on_either_family(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    static const char *const names[] = {"localhost", "LOCALHOST", "app.localhost", "localhost."};

    for (size_t i = 0; i < COUNT(hosts) * COUNT(names); i++) {
        uint16_t port = 0;
        int server = serve(hosts[i % 2], &port, 5);
        struct outcome outcome;

        if (server < 0)
            continue;
        run(state, names[i / 2], port, NULL, &outcome);
        assert_true(outcome.fd >= 0);
        close(outcome.fd);
        close(server);
    }
}

static void a_refused_connection_names_the_address(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "127.1"};
    uint16_t port = 0;
    int taken = serve("127.0.0.1", &port, -1);
    char sentence[100];

    snprintf(sentence, sizeof(sentence), "connect ECONNREFUSED 127.0.0.1:%u", port);
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct outcome outcome;

        run(state, hosts[i], port, NULL, &outcome);
        assert_int_equal(outcome.fd, -1);
        assert_int_equal(outcome.failure.err, ERR_IO);
        assert_int_equal(outcome.failure.sys_errno, ECONNREFUSED);
        assert_string_equal(outcome.failure.code, "ECONNREFUSED");
        assert_string_equal(outcome.failure.text, sentence);
    }
    close(taken);
}

static void a_name_goes_through_the_resolver(void **state)
{
    uint16_t port = 0;
    int server = serve("127.0.0.1", &port, 5);
    struct outcome outcome;

    run(state, "127.1", port, NULL, &outcome); /* no literal for us, and no question to a server */
    assert_true(outcome.fd >= 0);
    close(outcome.fd);
    close(server);
}

static void a_name_that_cannot_be_is_not_found(void **state)
{
    char longest[300];
    const char *const hosts[] = {"", longest};

    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct outcome outcome;

        run(state, hosts[i], 80, NULL, &outcome);
        assert_int_equal(outcome.failure.err, ERR_NOT_FOUND);
        assert_string_equal(outcome.failure.code, "ENOTFOUND");
        assert_memory_equal(outcome.failure.text, "getaddrinfo ENOTFOUND ", 22);
    }
}

static void connects_to_unix_sockets(void **state)
{
    static const struct connector_target wrong[] = {
        {.path = ""}, {.host = "127.0.0.1", .port = 1, .local_host = "localhost"}};
    char name[100];
    struct address address;
    struct outcome outcome;
    struct connector *connector;
    int server = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(name, sizeof(name), "@perigee-connector-%d", (int)getpid());
    address_from_path(name, &address);
    run(state, NULL, 0, name, &outcome);
    assert_string_equal(outcome.failure.code, "ECONNREFUSED");
    bind(server, &address.any, address.length);
    listen(server, 5);
    run(state, NULL, 0, name, &outcome);
    assert_true(outcome.fd >= 0);
    close(outcome.fd);
    close(server);
    run(state, NULL, 0, "/nonexistent/socket", &outcome);
    assert_string_equal(outcome.failure.text, "connect ENOENT unix:/nonexistent/socket");
    memset(name, 'x', sizeof(name));
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_int_equal(connector_start(loop_of(state), &wrong[i], on_done, NULL, &connector),
                         ERR_INVALID);
        assert_null(connector);
    }
}

/* Tries target; the address that the peer sees, or the failure's text. */
static const char *come_from(void **state, const struct connector_target *target, int server,
                             char out[ADDRESS_TEXT_BYTES])
{
    struct outcome outcome = {.loop = loop_of(state), .fd = -1};
    struct address address = {.length = sizeof(address.storage)};
    struct connector *connector;

    assert_int_equal(connector_start(outcome.loop, target, on_done, &outcome, &connector), OK);
    WAIT_FOR(outcome.loop, outcome.calls > 0);
    run_for(outcome.loop, 5);
    if (outcome.fd < 0) {
        snprintf(out, ADDRESS_TEXT_BYTES, "%.100s", outcome.failure.code);
        return out;
    }
    close(accept(server, &address.any, &address.length));
    close(outcome.fd);
    return address_text(&address, out);
}

static void comes_from_where_it_is_told_to(void **state)
{
    uint16_t port = 0, free_port = 0;
    int server = serve("127.0.0.1", &port, 5), other = serve("127.0.0.3", &free_port, -1);
    struct connector_target target = {.host = "localhost", .port = port};
    char text[ADDRESS_TEXT_BYTES], want[ADDRESS_TEXT_BYTES];

    close(other);
    target.local_host = "127.0.0.3";
    target.family = AF_INET;
    assert_memory_equal(come_from(state, &target, server, text), "127.0.0.3:", 10);
    target.local_port = free_port;
    snprintf(want, sizeof(want), "127.0.0.3:%u", free_port);
    assert_string_equal(come_from(state, &target, server, text), want);
    target.local_host = "192.0.2.1"; /* not of this machine */
    assert_string_equal(come_from(state, &target, server, text), "EADDRNOTAVAIL");
    target = (struct connector_target){.host = "127.0.0.1", .port = port, .family = AF_INET6};
    assert_string_equal(come_from(state, &target, server, text), "ENOTFOUND");
    target.host = "localhost"; /* nobody listens on ::1 */
    assert_string_not_equal(come_from(state, &target, server, text), "");
    assert_int_not_equal(text[0], '1');
    close(server);
}

/* Fills the queue of a listening socket, so that the next connection gets no answer. */
static void fill_queue(const char *host, uint16_t port, int fds[3])
{
    struct address address;

    address_from_ip(host, port, &address);
    for (int i = 0; i < 3; i++) {
        fds[i] = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fds[i], &address.any, address.length);
    }
}

static void a_connector_that_is_let_go_does_not_hold_the_loop(void **state)
{
    uint16_t port = 0;
    int server = serve("127.0.0.1", &port, 0), fds[3];
    struct outcome outcome;
    struct connector *connector;

    fill_queue("127.0.0.1", port, fds);
    connector = start(state, "127.0.0.1", port, NULL, &outcome);
    connector_hold(connector, false);
    uv_run(loop_uv(loop_of(state)), UV_RUN_DEFAULT); /* comes back although nothing happened */
    assert_int_equal(outcome.calls, 0);
    connector_cancel(&connector);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close(server);
}

static void a_slow_address_is_joined_by_the_next(void **state)
{
    uint16_t port = 0;
    int slow = serve("::1", &port, 0), fast, waiting[3];
    uint64_t before;
    struct outcome outcome;

    if (slow < 0)
        skip();
    fast = serve("127.0.0.1", &port, 5);
    if (fast < 0) { /* somebody else's */
        close(slow);
        skip();
    }
    fill_queue("::1", port, waiting);
    before = clock_ms();
    run(state, "localhost", port, NULL, &outcome);
    assert_true(outcome.fd >= 0);
    assert_in_range(clock_ms() - before, 240, 5000);
    close(outcome.fd);
    close(slow);
    close(fast);
    for (int i = 0; i < 3; i++)
        close(waiting[i]);
}

static void a_cancelled_connector_is_silent(void **state)
{
    static const struct {
        const char *host;
        int backlog;
        bool runs;
    } cases[] = {
        {"127.0.0.1", 5, false},  /* connected or under way */
        {"127.0.0.1", -1, false}, /* refused or under way */
        {"127.1", 5, false},      /* in the resolver */
        {"127.0.0.1", 0, true},   /* waiting for an answer */
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint16_t port = 0;
        int server = serve("127.0.0.1", &port, cases[i].backlog), waiting[3];
        struct outcome outcome;
        struct connector *connector;

        if (cases[i].runs)
            fill_queue("127.0.0.1", port, waiting);
        connector = start(state, cases[i].host, port, NULL, &outcome);
        if (cases[i].runs)
            run_for(outcome.loop, 30);
        connector_cancel(&connector);
        assert_null(connector);
        connector_cancel(&connector);
        run_for(outcome.loop, 30);
        assert_int_equal(outcome.calls, 0);
        close(server);
        for (int w = 0; cases[i].runs && w < 3; w++)
            close(waiting[w]);
    }
}

static void a_cancelled_connector_of_a_unix_socket_leaves_no_descriptor(void **state)
{
    char name[100];
    struct address address;
    struct outcome outcome;
    struct connector *connector;
    int server = socket(AF_UNIX, SOCK_STREAM, 0), next;

    snprintf(name, sizeof(name), "@perigee-cancel-%d", (int)getpid());
    address_from_path(name, &address);
    bind(server, &address.any, address.length);
    listen(server, 5);
    next = dup(0);
    close(next);
    connector = start(state, NULL, 0, name, &outcome); /* connected at once, told never */
    connector_cancel(&connector);
    run_for(outcome.loop, 5);
    assert_int_equal(outcome.calls, 0);
    assert_int_equal(dup(0), next);
    close(next);
    close(server);
}

static void it_counts_as_work(void **state)
{
    uint16_t port = 0;
    int server = serve("127.0.0.1", &port, 5);
    struct outcome outcome;

    start(state, "127.1", port, NULL, &outcome);
    loop_run(outcome.loop);
    assert_int_equal(outcome.calls, 1);
    close(outcome.fd);
    close(server);
}

static void a_failed_allocation_is_told_or_returned(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "127.1"};
    uint16_t port = 0;
    int server = serve("127.0.0.1", &port, 50);

    for (size_t i = 0; i < COUNT(hosts); i++) {
        for (uint64_t n = 1; n <= 4; n++) {
            struct outcome outcome = {.loop = loop_of(state), .fd = -1};
            struct connector_target target = {.host = hosts[i], .port = port};
            struct connector *connector;
            enum err err;

            mem_fail_at(n);
            err = connector_start(outcome.loop, &target, on_done, &outcome, &connector);
            if (err) {
                assert_int_equal(err, ERR_NOMEM);
                assert_null(connector);
            } else {
                WAIT_FOR(outcome.loop, outcome.calls == 1);
                if (outcome.fd < 0)
                    assert_string_equal(outcome.failure.code, "ENOMEM");
                else
                    close(outcome.fd);
            }
            mem_fail_at(0);
            run_for(outcome.loop, 5);
        }
    }
    close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(connects_to_literal_addresses),
        LOOP_TEST(localhost_finds_a_server_on_either_family),
        LOOP_TEST(a_refused_connection_names_the_address),
        LOOP_TEST(a_name_goes_through_the_resolver),
        LOOP_TEST(a_name_that_cannot_be_is_not_found),
        LOOP_TEST(connects_to_unix_sockets),
        LOOP_TEST(comes_from_where_it_is_told_to),
        LOOP_TEST(a_connector_that_is_let_go_does_not_hold_the_loop),
        LOOP_TEST(a_slow_address_is_joined_by_the_next),
        LOOP_TEST(a_cancelled_connector_is_silent),
        LOOP_TEST(a_cancelled_connector_of_a_unix_socket_leaves_no_descriptor),
        LOOP_TEST(it_counts_as_work),
        LOOP_TEST(a_failed_allocation_is_told_or_returned),
    };

    return cmocka_run_group_tests_name("connector", tests, NULL, NULL);
}
