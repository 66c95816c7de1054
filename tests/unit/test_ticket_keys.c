/* Keys of session tickets over a reload. */
#include <sys/mman.h>

#include "process/ticket_keys.h"
#include "support.h"

#define K24 "000102030405060708090a0b"
#define OLD K24 K24 K24 K24
#define N24 "f0f1f2f3f4f5f6f7f8f9fafb"
#define NEW N24 N24 N24 N24

/* One listener with these texts. ca NULL: none. */
static int document(const char *address, const char *ca, const char *key)
{
    char text[1024];
    int length = snprintf(text, sizeof(text),
                          "perigee-settings 1\nlisten# n 1\n1\nlisten.1.address s %zu\n%s\n",
                          strlen(address), address);
    int fd = memfd_create("test", MFD_CLOEXEC);

    if (ca)
        length += snprintf(text + length, sizeof(text) - (size_t)length,
                           "listen.1.tls.client_ca s %zu\n%s\n", strlen(ca), ca);
    length += snprintf(text + length, sizeof(text) - (size_t)length,
                       "listen.1.tls.ticket_key s 96\n%s\n", key);
    assert_int_equal(write(fd, text, (size_t)length), length);
    return fd;
}

static struct settings *read_and_close(int fd)
{
    struct settings *settings = NULL;
    struct failure failure;

    if (settings_read(fd, &settings, &failure))
        fail_msg("%s", failure.text);
    close(fd);
    return settings;
}

static void check(const char *address, const char *ca, const char *old_address, const char *old_ca,
                  bool keeps)
{
    struct settings *old = read_and_close(document(old_address, old_ca, OLD)), *result;
    int fd = document(address, ca, NEW);

    assert_int_equal(ticket_keys_keep(fd, old), keeps);
    result = read_and_close(fd);
    assert_string_equal(settings_text(result, "listen.1.tls.ticket_key"), keeps ? OLD : NEW);
    assert_string_equal(settings_text(result, "listen.1.address"), address);
    settings_free(&result);
    settings_free(&old);
}

static void test_keep(void **state)
{
    int fd = document(":443", NULL, NEW);

    (void)state;
    check(":443", NULL, ":443", NULL, true);
    check(":443", "ca", ":443", "ca", true);
    check(":444", NULL, ":443", NULL, false);
    /* Who had to show no certificate then, or another one, has to now. */
    check(":443", "ca", ":443", NULL, false);
    check(":443", NULL, ":443", "ca", false);
    check(":443", "other", ":443", "ca", false);
    assert_int_equal(ticket_keys_keep(fd, NULL), 0);
    close(fd);
}

static void test_rubbish(void **state)
{
    struct settings *old = read_and_close(document(":443", NULL, OLD));
    int fd = memfd_create("test", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(ticket_keys_keep(fd, old), 0);
    assert_int_equal(write(fd, "rubbish", 7), 7);
    assert_int_equal(ticket_keys_keep(fd, old), 0);
    assert_int_equal(ticket_keys_keep(-1, old), 0);
    close(fd);
    settings_free(&old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keep), cmocka_unit_test(test_rubbish)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
