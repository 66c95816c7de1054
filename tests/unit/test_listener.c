/* net/listener: addresses of all kinds, errors in words, and running out of descriptors. */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "net/listener.h"

#define ACCEPTED_MAX 300

struct accepted {
    struct loop *loop;
    int fds[ACCEPTED_MAX];
    int count;
    struct address peer; /* of the latest */
    struct listener **pauses, **closes;
};

static void on_accept(void *owner, int fd, const struct address *peer)
{
    struct accepted *accepted = owner;

    assert_true(accepted->count < ACCEPTED_MAX);
    accepted->fds[accepted->count++] = fd;
    accepted->peer = *peer;
    if (accepted->pauses)
        listener_pause(*accepted->pauses);
    if (accepted->closes)
        listener_close(accepted->closes);
    loop_stop(accepted->loop);
}

static void close_accepted(struct accepted *accepted)
{
    while (accepted->count > 0)
        close(accepted->fds[--accepted->count]);
}

static struct listener *open_listener(void **state, const struct listener_options *options,
                                      struct accepted *accepted)
{
    struct listener *listener;
    struct failure failure;

    memset(accepted, 0, sizeof(*accepted));
    accepted->loop = loop_of(state);
    if (listener_open(accepted->loop, options, on_accept, accepted, &listener, &failure))
        fail_msg("%s", failure.text);
    return listener;
}

static struct failure refused(void **state, const struct listener_options *options)
{
    struct listener *listener = (struct listener *)state;
    struct failure failure = {0};

    assert_int_not_equal(
        listener_open(loop_of(state), options, on_accept, NULL, &listener, &failure), OK);
    assert_null(listener);
    assert_int_equal(listener_open(loop_of(state), options, on_accept, NULL, &listener, NULL),
                     failure.err);
    return failure;
}

/* A connection to it; the kernel completes it, accepted or not. */
static int dial(const struct address *to)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (connect(fd, &to->any, to->length)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int dial_ip(const char *host, uint16_t port)
{
    struct address address;

    assert_int_equal(address_from_ip(host, port, &address), OK);
    return dial(&address);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    if (fd >= 0)
        close(fd);
    return good;
}

static void serves_an_ipv4_address_on_a_port_of_the_systems_choice(void **state)
{
    struct listener_options options = {.host = "127.0.0.1", .fd = -1};
    struct accepted accepted;
    struct listener *listener = open_listener(state, &options, &accepted);
    char text[ADDRESS_TEXT_BYTES];
    int fd, no_delay = 0;
    socklen_t length = sizeof(no_delay);

    assert_int_not_equal(address_port(listener_address(listener)), 0);
    fd = dial(listener_address(listener));
    WAIT_FOR(accepted.loop, accepted.count == 1);
    assert_string_equal(address_host(&accepted.peer, text), "127.0.0.1");
    assert_true(fcntl(accepted.fds[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(accepted.fds[0], F_GETFD) & FD_CLOEXEC);
    getsockopt(accepted.fds[0], IPPROTO_TCP, TCP_NODELAY, &no_delay, &length);
    assert_true(no_delay);
    close(fd);
    close_accepted(&accepted);
    listener_close(&listener);
    assert_null(listener);
    listener_close(&listener);
}

static void without_a_host_both_families_are_served(void **state)
{
    struct listener_options options = {.fd = -1};
    struct accepted accepted;
    struct listener *listener = open_listener(state, &options, &accepted);
    uint16_t port = address_port(listener_address(listener));
    char text[ADDRESS_TEXT_BYTES];
    int v4, v6;

    v4 = dial_ip("127.0.0.1", port);
    WAIT_FOR(accepted.loop, accepted.count == 1);
    assert_string_equal(address_host(&accepted.peer, text), "127.0.0.1");
    assert_false(address_is_ipv6(&accepted.peer));
    if (has_ipv6()) {
        v6 = dial_ip("::1", port);
        WAIT_FOR(accepted.loop, accepted.count == 2);
        assert_string_equal(address_host(&accepted.peer, text), "::1");
        assert_true(address_is_ipv6(&accepted.peer));
        close(v6);
    }
    close(v4);
    close_accepted(&accepted);
    listener_close(&listener);
}

static void ipv6_only_leaves_ipv4_alone(void **state)
{
    struct listener_options options = {.host = "::", .fd = -1, .ipv6_only = true};
    struct accepted accepted;
    struct listener *listener;

    if (!has_ipv6())
        skip();
    listener = open_listener(state, &options, &accepted);
    assert_int_equal(dial_ip("127.0.0.1", address_port(listener_address(listener))), -1);
    listener_close(&listener);
}

static void a_taken_port_is_said_in_words(void **state)
{
    struct listener_options options = {.host = "127.0.0.1", .fd = -1};
    struct accepted accepted;
    struct listener *listener = open_listener(state, &options, &accepted);
    struct failure failure;
    char text[ADDRESS_TEXT_BYTES], sentence[200];

    options.port = address_port(listener_address(listener));
    failure = refused(state, &options);
    assert_int_equal(failure.err, ERR_IO);
    assert_int_equal(failure.sys_errno, EADDRINUSE);
    assert_string_equal(failure.code, "EADDRINUSE");
    snprintf(sentence, sizeof(sentence), "cannot listen on %s: Address already in use",
             address_text(listener_address(listener), text));
    assert_string_equal(failure.text, sentence);
    options.host = NULL; /* anywhere is there, too */
    failure = refused(state, &options);
    assert_string_equal(failure.code, "EADDRINUSE");
    listener_close(&listener);
}

static void a_bad_address_is_said_in_words(void **state)
{
    static const struct {
        const char *host, *path, *code, *words;
    } cases[] = {
        {"localhost", NULL, "ERR_INVALID_ADDRESS", "\"localhost\": expected an address"},
        {"192.0.2.1", NULL, "EADDRNOTAVAIL", "cannot listen on 192.0.2.1:0: "},
        {NULL, "", "ERR_INVALID_ADDRESS", "expected a path of 1 to 107 bytes"},
        {NULL, "/nonexistent/folder/socket", "ENOENT", "unix:/nonexistent/folder/socket: "},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct listener_options options = {.host = cases[i].host, .path = cases[i].path, .fd = -1};
        struct failure failure = refused(state, &options);

        assert_string_equal(failure.code, cases[i].code);
        if (!strstr(failure.text, cases[i].words))
            fail_msg("%s", failure.text);
    }
}

/* --- UNIX sockets */

static const char *scratch(char *out, size_t cap, const char *name)
{
    const char *folder = getenv("TMPDIR");

    snprintf(out, cap, "%s/%s.%d", folder ? folder : "/tmp", name, (int)getpid());
    unlink(out);
    return out;
}

static void a_unix_socket_is_unlinked_at_the_end(void **state)
{
    char path[100];
    struct listener_options options = {.path = scratch(path, sizeof(path), "socket"), .fd = -1};
    struct accepted accepted;
    struct listener *listener = open_listener(state, &options, &accepted);
    char text[ADDRESS_TEXT_BYTES];
    struct stat file;
    int fd;

    assert_string_equal(address_text(listener_address(listener), text) + 5, path);
    fd = dial(listener_address(listener));
    WAIT_FOR(accepted.loop, accepted.count == 1);
    assert_string_equal(address_text(&accepted.peer, text), "unix:");
    close(fd);
    close_accepted(&accepted);
    listener_close(&listener);
    assert_int_equal(stat(path, &file), -1);
}

static void a_stale_unix_socket_is_replaced(void **state)
{
    char path[100];
    struct listener_options options = {.path = scratch(path, sizeof(path), "stale"), .fd = -1};
    struct accepted accepted;
    struct listener *listener;
    struct address address;
    int stale = socket(AF_UNIX, SOCK_STREAM, 0), fd;

    address_from_path(path, &address);
    assert_int_equal(bind(stale, &address.any, address.length), 0);
    close(stale); /* what a crash leaves */
    listener = open_listener(state, &options, &accepted);
    fd = dial(&address);
    assert_true(fd >= 0);
    close(fd);
    listener_close(&listener);
}

static void a_unix_socket_that_answers_is_not_taken_away(void **state)
{
    char path[100];
    struct listener_options options = {.path = scratch(path, sizeof(path), "taken"), .fd = -1};
    struct accepted accepted;
    struct listener *listener = open_listener(state, &options, &accepted);
    struct failure failure = refused(state, &options);
    int fd;

    assert_string_equal(failure.code, "EADDRINUSE");
    fd = dial(listener_address(listener));
    assert_true(fd >= 0);
    WAIT_FOR(accepted.loop, accepted.count == 3); /* the two questions, too */
    close(fd);
    close_accepted(&accepted);
    listener_close(&listener);
}

static void a_file_that_is_no_socket_is_not_taken_away(void **state)
{
    char path[100];
    struct listener_options options = {.path = scratch(path, sizeof(path), "file"), .fd = -1};
    struct failure failure;
    struct stat file;

    close(open(path, O_CREAT | O_WRONLY, 0600));
    failure = refused(state, &options);
    assert_string_equal(failure.code, "EADDRINUSE");
    assert_int_equal(stat(path, &file), 0);
    unlink(path);
}

static void a_path_that_was_replaced_is_not_unlinked(void **state)
{
    char path[100];
    struct listener_options options = {.path = scratch(path, sizeof(path), "moved"), .fd = -1};
    struct accepted accepted, accepted_later;
    struct listener *listener = open_listener(state, &options, &accepted), *later;
    struct stat file;

    unlink(path);
    later = open_listener(state, &options, &accepted_later);
    listener_close(&listener);
    assert_int_equal(stat(path, &file), 0);
    listener_close(&later);
    assert_int_equal(stat(path, &file), -1);
}

static void an_abstract_name_needs_no_file(void **state)
{
    char name[100];
    struct listener_options options = {.path = name, .fd = -1};
    struct accepted accepted;
    struct listener *listener;
    struct failure failure;
    int fd;

    snprintf(name, sizeof(name), "@perigee-test-%d", (int)getpid());
    listener = open_listener(state, &options, &accepted);
    failure = refused(state, &options);
    assert_string_equal(failure.code, "EADDRINUSE");
    fd = dial(listener_address(listener));
    assert_true(fd >= 0);
    close(fd);
    listener_close(&listener);
}

/* --- inherited descriptors */

static void an_inherited_socket_is_taken_over(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct listener_options options = {.host = "not looked at"};
    struct accepted accepted;
    struct listener *listener;
    int fd;

    options.fd = socket(AF_INET, SOCK_STREAM, 0);
    bind(options.fd, (struct sockaddr *)&address, sizeof(address));
    listen(options.fd, 5);
    listener = open_listener(state, &options, &accepted);
    assert_true(fcntl(options.fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(options.fd, F_GETFD) & FD_CLOEXEC);
    fd = dial(listener_address(listener));
    WAIT_FOR(accepted.loop, accepted.count == 1);
    close(fd);
    close_accepted(&accepted);
    listener_close(&listener);
    assert_int_equal(fcntl(options.fd, F_GETFD), -1);
}

static void a_descriptor_that_does_not_listen_stays_the_callers(void **state)
{
    struct listener_options options = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct failure failure = refused(state, &options);

    assert_int_equal(failure.err, ERR_INVALID);
    assert_non_null(strstr(failure.text, "expected a listening socket"));
    assert_true(fcntl(options.fd, F_GETFD) >= 0);
    close(options.fd);
    failure = refused(state, &options);
    assert_string_equal(failure.code, "EBADF");
}

/* --- pausing */

static void a_paused_listener_lets_connections_wait(void **state)
{
    struct listener_options options = {.host = "127.0.0.1", .fd = -1};
    struct accepted accepted;
    struct listener *listener = open_listener(state, &options, &accepted);
    int fds[3];

    accepted.pauses = &listener; /* after the first */
    for (int i = 0; i < 3; i++)
        fds[i] = dial(listener_address(listener));
    run_for(accepted.loop, 50);
    assert_int_equal(accepted.count, 1);
    accepted.pauses = NULL;
    listener_resume(listener);
    WAIT_FOR(accepted.loop, accepted.count == 3);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close_accepted(&accepted);
    listener_close(&listener);
}

static void a_listener_may_be_closed_in_its_callback(void **state)
{
    struct listener_options options = {.host = "127.0.0.1", .fd = -1};
    struct accepted accepted;
    struct listener *listener = open_listener(state, &options, &accepted);
    int fds[3];

    accepted.closes = &listener;
    for (int i = 0; i < 3; i++)
        fds[i] = dial(listener_address(listener));
    run_for(accepted.loop, 50);
    assert_int_equal(accepted.count, 1);
    assert_null(listener);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close_accepted(&accepted);
}

static void it_counts_as_work_unless_unreferenced(void **state)
{
    struct listener_options options = {.host = "127.0.0.1", .fd = -1};
    struct accepted accepted;
    struct listener *listener = open_listener(state, &options, &accepted);

    wait_begin(accepted.loop, 50);
    loop_run(accepted.loop);
    assert_true(test_wait.expired); /* it ran until then */
    listener_pause(listener);
    wait_begin(accepted.loop, 50);
    loop_run(accepted.loop);
    assert_true(test_wait.expired);
    listener_unref(listener);
    loop_run(accepted.loop);
    assert_false(loop_is_stopping(accepted.loop));
    listener_resume(listener);
    loop_run(accepted.loop);
    assert_false(loop_is_stopping(accepted.loop));
    listener_ref(listener);
    listener_close(&listener);
}

static void many_connections_are_all_accepted(void **state)
{
    struct listener_options options = {.host = "127.0.0.1", .fd = -1};
    struct accepted accepted;
    struct listener *listener = open_listener(state, &options, &accepted);
    int fds[200];

    for (int i = 0; i < 200; i++)
        assert_true((fds[i] = dial(listener_address(listener))) >= 0);
    WAIT_FOR(accepted.loop, accepted.count > 0);
    assert_int_equal(accepted.count, 64); /* others get their chance */
    WAIT_FOR(accepted.loop, accepted.count == 200);
    for (int i = 0; i < 200; i++)
        close(fds[i]);
    close_accepted(&accepted);
    listener_close(&listener);
}

/* --- no descriptors */

static void without_descriptors_it_pauses_and_recovers(void **state)
{
    enum { CLIENTS = 40, ROOM = 5 };
    struct listener_options options = {.host = "127.0.0.1", .fd = -1};
    struct accepted accepted;
    struct listener *listener = open_listener(state, &options, &accepted);
    struct rlimit normal, low;
    struct captured log;
    int fds[CLIENTS];
    double cpu;
    char byte;

    log_setup(LOG_INFO, LOG_LOGFMT);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = dial(listener_address(listener));
    capture_begin(&log);
    getrlimit(RLIMIT_NOFILE, &normal);
    low = normal;
    low.rlim_cur = (rlim_t)dup(0) + ROOM;
    close((int)low.rlim_cur - ROOM);
    setrlimit(RLIMIT_NOFILE, &low);

    cpu = cpu_seconds();
    run_for(accepted.loop, 1000);
    cpu = cpu_seconds() - cpu;
    setrlimit(RLIMIT_NOFILE, &normal);
    assert_in_range(accepted.count, 1, ROOM);
    assert_true(cpu < 0.2); /* a spin would be 1 */

    WAIT_FOR(accepted.loop, accepted.count == CLIENTS); /* none was dropped */
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(write(accepted.fds[i], "x", 1), 1);
        assert_int_equal(read(fds[i], &byte, 1), 1);
        close(fds[i]);
    }
    run_for(accepted.loop, 20);
    capture_end(&log);
    assert_int_equal(count_of(log.text, "msg=\"accept paused\""), 1);
    assert_non_null(strstr(log.text, "reason=EMFILE backoff_ms=100"));
    assert_int_equal(count_of(log.text, "msg=\"accept resumed\""), 1);
    close_accepted(&accepted);
    listener_close(&listener);
}

/* --- memory */

static void a_failed_allocation_leaves_nothing(void **state)
{
    char path[100];
    struct listener_options options[] = {
        {.host = "127.0.0.1", .fd = -1},
        {.path = scratch(path, sizeof(path), "nomem"), .fd = -1},
    };

    for (size_t i = 0; i < COUNT(options); i++) {
        enum err err = ERR_NOMEM;

        for (uint64_t n = 1; err; n++) {
            struct listener *listener;
            struct failure failure = {0};

            mem_fail_at(n);
            err = listener_open(loop_of(state), &options[i], on_accept, NULL, &listener, &failure);
            mem_fail_at(0);
            assert_int_equal(err, failure.err);
            assert_true(err == OK || err == ERR_NOMEM);
            assert_true(n < 10);
            listener_close(&listener);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(serves_an_ipv4_address_on_a_port_of_the_systems_choice),
        LOOP_TEST(without_a_host_both_families_are_served),
        LOOP_TEST(ipv6_only_leaves_ipv4_alone),
        LOOP_TEST(a_taken_port_is_said_in_words),
        LOOP_TEST(a_bad_address_is_said_in_words),
        LOOP_TEST(a_unix_socket_is_unlinked_at_the_end),
        LOOP_TEST(a_stale_unix_socket_is_replaced),
        LOOP_TEST(a_unix_socket_that_answers_is_not_taken_away),
        LOOP_TEST(a_file_that_is_no_socket_is_not_taken_away),
        LOOP_TEST(a_path_that_was_replaced_is_not_unlinked),
        LOOP_TEST(an_abstract_name_needs_no_file),
        LOOP_TEST(an_inherited_socket_is_taken_over),
        LOOP_TEST(a_descriptor_that_does_not_listen_stays_the_callers),
        LOOP_TEST(a_paused_listener_lets_connections_wait),
        LOOP_TEST(a_listener_may_be_closed_in_its_callback),
        LOOP_TEST(it_counts_as_work_unless_unreferenced),
        LOOP_TEST(many_connections_are_all_accepted),
        LOOP_TEST(without_descriptors_it_pauses_and_recovers),
        LOOP_TEST(a_failed_allocation_leaves_nothing),
    };

    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
