/* net/address: texts to addresses and back. */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "net/address.h"

static void reads_and_writes_ip_addresses(void **state)
{
    static const struct {
        const char *host, *text, *back;
        bool ipv6;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1:8000", "127.0.0.1", false},
        {"0.0.0.0", "0.0.0.0:8000", "0.0.0.0", false},
        {"::1", "[::1]:8000", "::1", true},
        {"::", "[::]:8000", "::", true},
        {"2001:DB8::0:1", "[2001:db8::1]:8000", "2001:db8::1", true},
        {"::ffff:1.2.3.4", "[::ffff:1.2.3.4]:8000", "1.2.3.4", false},
        {"fe80::1%lo", "[fe80::1%lo]:8000", "fe80::1%lo", true},
        {"fe80::1%4711", "[fe80::1%4711]:8000", "fe80::1%4711", true},
    };
    char out[ADDRESS_TEXT_BYTES];
    struct address address;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(address_from_ip(cases[i].host, 8000, &address), OK);
        assert_string_equal(address_text(&address, out), cases[i].text);
        assert_string_equal(address_host(&address, out), cases[i].back);
        assert_int_equal(address_port(&address), 8000);
        assert_int_equal(address_is_ipv6(&address), cases[i].ipv6);
    }
}

static void refuses_what_is_no_ip_address(void **state)
{
    static const char *const cases[] = {
        "",
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "[::1]",
        "::1%",
        "::1%nosuchthing",
        "::1%4x",
        ":::",
        "1.2.3.4 ",
        "1:2:3:4:5:6:7:8:9",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff:0000:1111",
    };
    struct address address;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(address_from_ip(cases[i], 1, &address), ERR_INVALID);
        assert_int_equal(address.length, 0);
    }
}

static void reads_and_writes_unix_paths(void **state)
{
    char out[ADDRESS_TEXT_BYTES], longest[108], too_long[109];
    struct address address;
    struct sockaddr_un *local = (struct sockaddr_un *)&address.storage;

    (void)state;
    assert_int_equal(address_from_path("/run/x", &address), OK);
    assert_string_equal(address_text(&address, out), "unix:/run/x");
    assert_string_equal(address_host(&address, out), "unix:/run/x");
    assert_int_equal(address_port(&address), 0);
    assert_false(address_is_ipv6(&address));

    assert_int_equal(address_from_path("@name", &address), OK);
    assert_int_equal(local->sun_path[0], 0);
    assert_int_equal(address.length, offsetof(struct sockaddr_un, sun_path) + 5);
    assert_string_equal(address_text(&address, out), "unix:@name");

    memset(longest, 'x', sizeof(longest));
    longest[107] = '\0';
    assert_int_equal(address_from_path(longest, &address), OK);
    assert_string_equal(address_text(&address, out) + 5, longest);
    memset(too_long, 'x', sizeof(too_long));
    too_long[108] = '\0';
    assert_int_equal(address_from_path(too_long, &address), ERR_RANGE);
    too_long[0] = '@'; /* an abstract name has no NUL behind it */
    assert_int_equal(address_from_path(too_long, &address), OK);
    assert_string_equal(address_text(&address, out) + 5, too_long);
    assert_int_equal(address_from_path("", &address), ERR_INVALID);
    assert_int_equal(address_from_path("@", &address), ERR_INVALID);
}

static void a_nameless_address_has_a_text_too(void **state)
{
    struct address address = {0};
    char out[ADDRESS_TEXT_BYTES];

    (void)state;
    assert_string_equal(address_text(&address, out), "");
    assert_string_equal(address_host(&address, out), "");
    assert_int_equal(address_port(&address), 0);
    address.length = sizeof(sa_family_t); /* what accept(2) says of an unbound UNIX peer */
    address.any.sa_family = AF_UNIX;
    assert_string_equal(address_text(&address, out), "unix:");
}

static void splits_what_a_person_writes(void **state)
{
    static const struct {
        const char *text, *host;
        unsigned port;
        const char *path;
        bool secure;
    } cases[] = {
        {"8000", "", 8000, NULL, false},
        {":8000", "", 8000, NULL, false},
        {"0", "", 0, NULL, false},
        {"65535", "", 65535, NULL, false},
        {"localhost:80", "localhost", 80, NULL, false},
        {"127.0.0.1:80", "127.0.0.1", 80, NULL, false},
        {"[::1]:80", "::1", 80, NULL, false},
        {"[fe80::1%lo]:80", "fe80::1%lo", 80, NULL, false},
        {"http://localhost:8000", "localhost", 8000, NULL, false},
        {"http://localhost:8000/", "localhost", 8000, NULL, false},
        {"https://localhost:8443/", "localhost", 8443, NULL, true},
        {"HTTPS://[::]:1/", "::", 1, NULL, true},
        {"https://:443", "", 443, NULL, true},
        {"unix:/run/x", "", 0, "/run/x", false},
        {"unix:@x", "", 0, "@x", false},
        {"https://unix:/run/x", "", 0, "/run/x", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char host[ADDRESS_TEXT_BYTES];
        uint16_t port = 1;
        const char *path = "x";
        bool secure = true;
        struct failure failure = {.text = ""};

        if (address_parse_listen(cases[i].text, host, &port, &path, &secure, &failure))
            fail_msg("%s: %s", cases[i].text, failure.text);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
        if (cases[i].path)
            assert_string_equal(path, cases[i].path);
        else
            assert_null(path);
        assert_int_equal(secure, cases[i].secure);
    }
}

static void refuses_with_a_sentence_that_quotes_the_text(void **state)
{
    static const char *const cases[][2] = {
        {"", "expected a port"},
        {"localhost", "expected a port"},
        {"localhost:", "expected a port"},
        {":", "expected a port"},
        {"65536", "expected a port"},
        {"-1", "expected a port"},
        {"80x", "expected a port"},
        {"000080", "expected a port"},
        {"http://", "expected a port"},
        {"https:///", "expected a port"},
        {"::1:80", "brackets"},
        {"::1", "brackets"},
        {"[::1]", "expected [address]:port"},
        {"[::1]80", "expected [address]:port"},
        {"[::1", "expected [address]:port"},
        {"[127.0.0.1]:80", "IPv6"},
        {"[localhost]:80", "IPv6"},
        {"a b:80", "host name"},
        {"user@host:80", "host name"},
        {"localhost:80/path", "expected a port"},
        {"ftp://localhost:80", "brackets"},
        {"unix:", "expected a path"},
        {"unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "longer than 107"},
    };
    char host[ADDRESS_TEXT_BYTES], quoted[300];
    uint16_t port;
    const char *path;
    bool secure;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct failure failure = {0};

        if (address_parse_listen(cases[i][0], host, &port, &path, &secure, &failure) != ERR_INVALID)
            fail_msg("taken: %s", cases[i][0]);
        snprintf(quoted, sizeof(quoted), "\"%s\"", cases[i][0]);
        if (!strstr(failure.text, quoted) || !strstr(failure.text, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], failure.text);
        assert_string_equal(failure.code, "ERR_INVALID_ADDRESS");
        assert_string_equal(host, "");
        assert_null(path);
    }
    assert_int_equal(address_parse_listen("x", host, &port, &path, &secure, NULL), ERR_INVALID);
}

static void refuses_hosts_that_do_not_fit(void **state)
{
    char text[400], host[ADDRESS_TEXT_BYTES];
    uint16_t port;
    const char *path;
    bool secure;

    (void)state;
    memset(text, 'a', sizeof(text));
    strcpy(text + ADDRESS_TEXT_BYTES - 1, ":80");
    assert_int_equal(address_parse_listen(text, host, &port, &path, &secure, NULL), OK);
    memset(text, 'a', sizeof(text));
    strcpy(text + ADDRESS_TEXT_BYTES, ":80");
    assert_int_equal(address_parse_listen(text, host, &port, &path, &secure, NULL), ERR_INVALID);
    text[0] = '[';
    strcpy(text + 300, "]:80");
    assert_int_equal(address_parse_listen(text, host, &port, &path, &secure, NULL), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_ip_addresses),
        cmocka_unit_test(refuses_what_is_no_ip_address),
        cmocka_unit_test(reads_and_writes_unix_paths),
        cmocka_unit_test(a_nameless_address_has_a_text_too),
        cmocka_unit_test(splits_what_a_person_writes),
        cmocka_unit_test(refuses_with_a_sentence_that_quotes_the_text),
        cmocka_unit_test(refuses_hosts_that_do_not_fit),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
