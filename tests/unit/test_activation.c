/* process/activation: sockets from a service manager are counted, named, checked and handed out once. */
#include "support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "child.h"
#include "process/activation.h"

static int listening(int family, int type, const char *path)
{
    struct address address;
    int fd = socket(family, type, 0);

    if (path)
        address_from_path(path, &address);
    else
        address_from_ip(family == AF_INET ? "127.0.0.1" : "::1", 0, &address);
    if (fd < 0 || bind(fd, &address.any, address.length))
        return -1;
    if (type == SOCK_STREAM && listen(fd, 8))
        return -1;
    return fd;
}

/* Puts fd where the manager would, as it would: not close-on-exec, blocking. */
static void put(int fd, int at)
{
    CHECK(fd >= 0);
    CHECK(fd == at || dup2(fd, at) == at);
    if (fd != at)
        close(fd);
}

static void announce(const char *count, const char *names)
{
    char pid[32];

    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", count, 1);
    if (names)
        setenv("LISTEN_FDNAMES", names, 1);
    else
        unsetenv("LISTEN_FDNAMES");
    activation_reset();
}

static void take_three(void)
{
    struct address address;
    struct failure failure = {0};
    char text[ADDRESS_TEXT_BYTES], name[64];
    int fd;

    snprintf(name, sizeof(name), "@perigee-activation-%d", (int)getpid());
    /* From the highest, so that none is overwritten by the next. */
    put(listening(AF_UNIX, SOCK_STREAM, name), 20);
    put(listening(AF_INET6, SOCK_STREAM, NULL), 21);
    put(listening(AF_INET, SOCK_STREAM, NULL), 22);
    put(20, 5);
    put(21, 4);
    put(22, 3);
    announce("3", "https::admin");
    CHECK(activation_count() == 3);
    CHECK(!getenv("LISTEN_FDS") && !getenv("LISTEN_PID") && !getenv("LISTEN_FDNAMES"));
    CHECK(activation_count() == 3); /* also the second time */
    CHECK(activation_check(&failure) == OK);
    CHECK(strcmp(activation_name(0), "https") == 0);
    CHECK(strcmp(activation_name(1), "unknown") == 0);
    CHECK(strcmp(activation_name(2), "admin") == 0);
    CHECK(!activation_name(3));
    for (int i = 3; i < 6; i++)
        CHECK(fcntl(i, F_GETFD) & FD_CLOEXEC);

    CHECK(activation_take(2, &fd, &address) == OK && fd == 5);
    CHECK(strncmp(address_text(&address, text), "unix:@perigee-activation-", 25) == 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(activation_take(0, &fd, &address) == OK && fd == 3);
    CHECK(strncmp(address_text(&address, text), "127.0.0.1:", 10) == 0);
    CHECK(address_port(&address) != 0);
    CHECK(activation_take(1, &fd, &address) == OK && fd == 4);
    CHECK(strncmp(address_text(&address, text), "[::1]:", 6) == 0);

    CHECK(activation_take(0, &fd, &address) == ERR_STATE && fd == -1 && address.length == 0);
    CHECK(activation_take(3, &fd, &address) == ERR_RANGE && fd == -1);
    CHECK(activation_check(&failure) == OK);
}

static void sockets_are_handed_out_once_with_their_addresses(void **state)
{
    (void)state;
    assert_int_equal(in_child(take_three), 0);
}

static void refuse_others(void)
{
    static const struct {
        const char *says;
        int family, type;
    } cases[] = {
        {"is not open", 0, 0},
        {"is no socket", 0, 1},
        {"is no stream socket", AF_INET, SOCK_DGRAM},
        {"does not listen", AF_INET, SOCK_STREAM},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct failure failure = {0};
        struct address address;
        int fd;

        close(3);
        if (cases[i].family)
            put(socket(cases[i].family, cases[i].type, 0), 3);
        else if (cases[i].type)
            put(open("/dev/null", O_RDONLY), 3);
        announce("1", "web");
        CHECK(activation_check(&failure) == ERR_INVALID);
        if (!strstr(failure.text, cases[i].says) || !strstr(failure.text, "3 (\"web\")"))
            fprintf(stderr, "# %s\n", failure.text);
        CHECK(strstr(failure.text, cases[i].says) && strstr(failure.text, "3 (\"web\")"));
        CHECK(activation_take(0, &fd, &address) == ERR_INVALID && fd == -1);
    }
}

static void what_cannot_be_listened_on_is_refused_by_name(void **state)
{
    (void)state;
    assert_int_equal(in_child(refuse_others), 0);
}

static void ignore_wrong_environments(void)
{
    static const char *const counts[] = {"", "-1", "0", "x", "1x", "257", "99999999999999999999"};

    for (size_t i = 0; i < COUNT(counts); i++) {
        announce(counts[i], NULL);
        CHECK(activation_count() == 0);
        CHECK(!getenv("LISTEN_FDS"));
    }
    announce("1", NULL);
    setenv("LISTEN_PID", "1", 1); /* for our parent: not for us */
    CHECK(activation_count() == 0);
    CHECK(!getenv("LISTEN_FDS") && !getenv("LISTEN_PID"));
    announce("1", NULL);
    unsetenv("LISTEN_PID");
    CHECK(activation_count() == 0);
    unsetenv("LISTEN_FDS");
    activation_reset();
    CHECK(activation_count() == 0);
    CHECK(activation_check(NULL) == OK);
}

static void an_environment_for_others_is_ignored(void **state)
{
    (void)state;
    assert_int_equal(in_child(ignore_wrong_environments), 0);
}

static void cut_names(void)
{
    char names[400];

    put(listening(AF_INET, SOCK_STREAM, NULL), 3);
    memset(names, 'n', sizeof(names) - 1);
    names[sizeof(names) - 1] = '\0';
    announce("1", names);
    CHECK(activation_count() == 1);
    CHECK(strlen(activation_name(0)) == 63);
    announce("1", "one:two:three"); /* more names than sockets */
    CHECK(strcmp(activation_name(0), "one") == 0);
    CHECK(!activation_name(1));
}

static void names_of_any_length_and_number_do_no_harm(void **state)
{
    (void)state;
    assert_int_equal(in_child(cut_names), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_are_handed_out_once_with_their_addresses),
        cmocka_unit_test(what_cannot_be_listened_on_is_refused_by_name),
        cmocka_unit_test(an_environment_for_others_is_ignored),
        cmocka_unit_test(names_of_any_length_and_number_do_no_harm),
    };

    return cmocka_run_group_tests_name("activation", tests, NULL, NULL);
}
