/* net/socket: a transport over TCP, UNIX sockets and other descriptors. */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/socket.h"

/* Two connected TCP sockets over loopback. */
static void tcp_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listening = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(listening, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listening, 1), 0);
    getsockname(listening, (struct sockaddr *)&address, &length);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&address, length), 0);
    fds[1] = accept(listening, NULL, NULL);
    assert_true(fds[1] >= 0);
    close(listening);
}

static void unix_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static void take(void **state, struct peer *peer, int fd)
{
    struct transport *t;

    assert_int_equal(socket_transport_new(loop_of(state), fd, NULL, &t), OK);
    peer_start(peer, loop_of(state), t);
    assert_int_equal(peer->opened, 0);
}

static void take_both(void **state, void (*make)(int fds[2]), struct peer *a, struct peer *b)
{
    int fds[2];

    make(fds);
    take(state, a, fds[0]);
    take(state, b, fds[1]);
}

static void (*const kinds[])(int fds[2]) = {tcp_pair, unix_pair};

static void much_goes_both_ways(void **state)
{
    const size_t length = 5 * 1000 * 1000;
    uint8_t *to_b = pattern(length), *to_a = pattern(length - 1);

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct peer a, b;

        take_both(state, kinds[i], &a, &b);
        a.cut = 5000;
        peer_send(&a, to_b, length, true);
        peer_send(&b, to_a, length - 1, true);
        WAIT_FOR(a.loop, a.read_end && b.read_end);
        assert_int_equal(a.read_end, ERR_EOF);
        assert_int_equal(b.read_end, ERR_EOF);
        assert_true(peer_got(&b, to_b, length));
        assert_true(peer_got(&a, to_a, length - 1));
        assert_true(a.writable > 0);
        peer_end(&a);
        peer_end(&b);
    }
    free(to_a);
    free(to_b);
}

static void the_descriptor_is_made_fit(void **state)
{
    int fds[2], no_delay = 0;
    socklen_t length = sizeof(no_delay);
    struct peer a, b;

    tcp_pair(fds);
    take(state, &a, fds[0]);
    take(state, &b, fds[1]);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    getsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &no_delay, &length);
    assert_true(no_delay);
    peer_end(&a);
    peer_end(&b);
}

static void info_tells_both_addresses(void **state)
{
    char one[ADDRESS_TEXT_BYTES], other[ADDRESS_TEXT_BYTES];
    struct peer a, b;

    take_both(state, tcp_pair, &a, &b);
    assert_string_equal(address_host(&transport_info(a.t)->local, one), "127.0.0.1");
    assert_string_equal(address_text(&transport_info(a.t)->local, one),
                        address_text(&transport_info(b.t)->peer, other));
    assert_string_equal(address_text(&transport_info(a.t)->peer, one),
                        address_text(&transport_info(b.t)->local, other));
    assert_false(transport_info(a.t)->secure);
    assert_null(transport_info(a.t)->protocol);
    assert_int_equal(transport_failure(a.t)->err, OK);
    assert_int_equal(transport_unsent(a.t), 0);
    peer_end(&a);
    peer_end(&b);
    take_both(state, unix_pair, &a, &b);
    assert_string_equal(address_text(&transport_info(a.t)->peer, one), "unix:");
    peer_end(&a);
    peer_end(&b);
}

static void a_half_closed_peer_is_told_once_and_writing_goes_on(void **state)
{
    const size_t length = 3 * 1000 * 1000;
    uint8_t *bytes = pattern(length);

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct peer a, b;
        int events;

        take_both(state, kinds[i], &a, &b);
        peer_send(&a, "question", 8, true);
        WAIT_FOR(a.loop, b.read_end);
        assert_int_equal(b.read_end, ERR_EOF);
        assert_true(peer_got(&b, "question", 8));
        transport_want(b.t, true, false); /* of no use, and no harm */
        events = b.events;
        run_for(a.loop, 50);
        assert_int_equal(b.events, events);
        peer_send(&b, bytes, length, true);
        WAIT_FOR(a.loop, a.read_end);
        assert_int_equal(a.read_end, ERR_EOF);
        assert_true(peer_got(&a, bytes, length));
        events = a.events + b.events;
        transport_want(a.t, true, false);
        transport_want(b.t, true, false);
        run_for(a.loop, 50); /* both directions are over: a hang-up, which must not spin */
        assert_int_equal(a.events + b.events, events);
        peer_end(&a);
        peer_end(&b);
    }
    free(bytes);
}

static void a_reset_is_an_error_of_reading_and_of_writing(void **state)
{
    struct iovec piece = {.iov_base = (char[]){"x"}, .iov_len = 1};
    struct peer a, b;
    size_t taken;
    int events;

    take_both(state, tcp_pair, &a, &b);
    WAIT_FOR(a.loop, a.opened && b.opened);
    transport_abort(&b.t);
    WAIT_FOR(a.loop, a.read_end);
    assert_int_equal(a.read_end, ERR_IO);
    assert_string_equal(transport_failure(a.t)->code, "ECONNRESET");
    assert_int_equal(transport_failure(a.t)->sys_errno, ECONNRESET);
    events = a.events;
    transport_want(a.t, true, false);
    run_for(a.loop, 50);
    assert_int_equal(a.events, events);
    assert_int_equal(transport_write(a.t, &piece, 1, &taken), ERR_IO);
    assert_string_equal(transport_failure(a.t)->code, "ECONNRESET");
    transport_want(a.t, false, true);
    WAIT_FOR(a.loop, a.writable);
    peer_end(&a);
}

static void a_writer_that_waits_learns_of_the_reset(void **state)
{
    const size_t length = 50 * 1000 * 1000;
    uint8_t *bytes = pattern(length);

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct peer a, b;

        take_both(state, kinds[i], &a, &b);
        a.pauses = b.pauses = true;
        peer_want(&a);
        peer_want(&b);
        peer_send(&a, bytes, length, false);
        WAIT_FOR(a.loop, a.opened && b.opened);
        run_for(a.loop, 50);
        assert_true(a.out_sent < length);
        assert_int_equal(a.write_end, OK);
        transport_abort(&b.t);
        WAIT_FOR(a.loop, a.write_end);
        assert_int_equal(a.write_end, ERR_IO);
        assert_string_equal(transport_failure(a.t)->code, "ECONNRESET");
        peer_end(&a);
        peer_end(&b);
    }
    free(bytes);
}

static void writable_comes_once_per_want(void **state)
{
    struct peer a, b;

    take_both(state, tcp_pair, &a, &b);
    WAIT_FOR(a.loop, a.opened && b.opened);
    transport_want(a.t, true, true);
    WAIT_FOR(a.loop, a.writable == 1);
    run_for(a.loop, 50);
    assert_int_equal(a.writable, 1);
    peer_end(&a);
    peer_end(&b);
}

static void nothing_is_told_that_is_not_wanted(void **state)
{
    struct peer a, b;

    take_both(state, tcp_pair, &a, &b);
    a.pauses = true;
    peer_want(&a);
    peer_send(&b, "hello", 5, true);
    run_for(a.loop, 50);
    assert_int_equal(a.events, 1); /* OPEN */
    a.pauses = false;
    peer_want(&a);
    WAIT_FOR(a.loop, a.read_end);
    assert_true(peer_got(&a, "hello", 5));
    peer_end(&a);
    peer_end(&b);
}

struct late {
    struct deferred deferred;
    void **state;
    struct peer *peer;
    int fd;
};

static void on_late(struct deferred *deferred)
{
    struct late *late = list_entry(deferred, struct late, deferred);

    take(late->state, late->peer, late->fd);
}

static void open_comes_first_when_bytes_are_there_already(void **state)
{
    struct late late = {.state = state};
    struct peer a;
    int fds[2];

    tcp_pair(fds);
    assert_int_equal(write(fds[1], "hello", 5), 5);
    late.peer = &a;
    late.fd = fds[0];
    memset(&a, 0, sizeof(a));
    deferred_init(&late.deferred, on_late);
    deferred_put(loop_of(state),
                 &late.deferred); /* made there, it is polled before OPEN's own turn */
    close(fds[1]);
    WAIT_FOR(loop_of(state), a.read_end);
    assert_int_equal(a.opened, 1); /* and peer_on_event() saw it first */
    assert_true(peer_got(&a, "hello", 5));
    peer_end(&a);
}

static void pipes_of_the_system_work_too(void **state)
{
    const size_t length = 300000;
    uint8_t *bytes = pattern(length);
    struct peer reader, writer;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    take(state, &reader, fds[0]);
    take(state, &writer, fds[1]);
    writer.pauses = true;
    peer_want(&writer);
    peer_send(&writer, bytes, length, false);
    WAIT_FOR(reader.loop, writer.out_sent == length);
    transport_shutdown(writer.t); /* nothing to shut down there: closing does it */
    peer_end(&writer);
    WAIT_FOR(reader.loop, reader.read_end);
    assert_int_equal(reader.read_end, ERR_EOF);
    assert_true(peer_got(&reader, bytes, length));
    peer_end(&reader);
    free(bytes);
}

static void a_descriptor_that_cannot_be_polled_stays_the_callers(void **state)
{
    struct transport *t;
    FILE *file = tmpfile();

    assert_int_equal(socket_transport_new(loop_of(state), fileno(file), NULL, &t), ERR_IO);
    assert_null(t);
    assert_int_equal(fcntl(fileno(file), F_GETFD) >= 0, 1);
    fclose(file);
}

static void close_it(struct peer *peer, unsigned events)
{
    (void)events;
    transport_close(&peer->t);
}

static void it_may_be_closed_in_its_own_callback(void **state)
{
    struct peer a, b;

    take_both(state, tcp_pair, &a, &b);
    a.on_event = close_it;
    WAIT_FOR(a.loop, b.read_end);
    assert_null(a.t);
    assert_int_equal(a.events, 1);
    assert_int_equal(b.read_end, ERR_EOF);
    peer_end(&b);
}

static void closing_before_open_is_silent(void **state)
{
    struct peer a, b;

    take_both(state, tcp_pair, &a, &b);
    peer_end(&a);
    peer_end(&b);
    run_for(loop_of(state), 20);
    assert_int_equal(a.events + b.events, 0);
}

static void running_the_closing_frees_what_was_closed(void **state)
{
    struct peer a, b;

    take_both(state, tcp_pair, &a, &b);
    peer_end(&a);
    assert_int_equal(transport_live(), 2);
    loop_run_closing(b.loop); /* does not wait for b */
    assert_int_equal(transport_live(), 1);
    peer_end(&b);
}

static void an_unreferenced_transport_does_not_keep_the_loop_running(void **state)
{
    struct peer a, b;

    take_both(state, tcp_pair, &a, &b);
    WAIT_FOR(a.loop, a.opened && b.opened);
    transport_unref(a.t);
    transport_unref(b.t);
    loop_run(a.loop);
    assert_false(loop_is_stopping(a.loop)); /* out of work */
    transport_ref(a.t);
    peer_send(&b, "x", 1, false);
    WAIT_FOR(a.loop, a.got_length == 1);
    peer_end(&a);
    peer_end(&b);
}

static void a_failed_allocation_leaves_the_descriptor(void **state)
{
    struct transport *t;
    int fds[2];

    unix_pair(fds);
    mem_fail_at(1);
    assert_int_equal(socket_transport_new(loop_of(state), fds[0], NULL, &t), ERR_NOMEM);
    assert_null(t);
    assert_int_equal(write(fds[0], "x", 1), 1);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(much_goes_both_ways),
        LOOP_TEST(the_descriptor_is_made_fit),
        LOOP_TEST(info_tells_both_addresses),
        LOOP_TEST(a_half_closed_peer_is_told_once_and_writing_goes_on),
        LOOP_TEST(a_reset_is_an_error_of_reading_and_of_writing),
        LOOP_TEST(a_writer_that_waits_learns_of_the_reset),
        LOOP_TEST(writable_comes_once_per_want),
        LOOP_TEST(nothing_is_told_that_is_not_wanted),
        LOOP_TEST(open_comes_first_when_bytes_are_there_already),
        LOOP_TEST(pipes_of_the_system_work_too),
        LOOP_TEST(a_descriptor_that_cannot_be_polled_stays_the_callers),
        LOOP_TEST(it_may_be_closed_in_its_own_callback),
        LOOP_TEST(closing_before_open_is_silent),
        LOOP_TEST(running_the_closing_frees_what_was_closed),
        LOOP_TEST(an_unreferenced_transport_does_not_keep_the_loop_running),
        LOOP_TEST(a_failed_allocation_leaves_the_descriptor),
    };

    return cmocka_run_group_tests_name("socket", tests, NULL, NULL);
}
