/* Packets between master and worker, with descriptors. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/messages.h"
#include "support.h"

static void test_text(void **state)
{
    char longer[MESSAGE_TEXT_BYTES + 100];
    int ends[2], descriptors[MESSAGE_DESCRIPTORS_MAX];
    struct message message;

    (void)state;
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(message_pair(ends), OK);
    assert_int_equal(message_take(ends[0], &message, descriptors), ERR_AGAIN);
    assert_int_equal(message_send(ends[1], MESSAGE_READY, 0, 0, NULL), OK);
    assert_int_equal(message_send(ends[1], MESSAGE_FAILED, 7, UINT64_MAX, longer), OK);
    assert_int_equal(message_take(ends[0], &message, descriptors), OK);
    assert_int_equal(message.kind, MESSAGE_READY);
    assert_string_equal(message.text, "");
    assert_int_equal(message_take(ends[0], &message, descriptors), OK);
    assert_int_equal(message.kind, MESSAGE_FAILED);
    assert_int_equal(message.a, 7);
    assert_true(message.b == UINT64_MAX);
    assert_int_equal(strlen(message.text), MESSAGE_TEXT_BYTES - 1);
    close(ends[1]);
    assert_int_equal(message_take(ends[0], &message, descriptors), ERR_EOF);
    assert_int_equal(message_send(ends[0], MESSAGE_DRAIN, 0, 0, NULL), ERR_CLOSED);
    close(ends[0]);
}

static void test_descriptors(void **state)
{
    int ends[2], files[2], descriptors[MESSAGE_DESCRIPTORS_MAX];
    struct message message;
    char byte = 0;

    (void)state;
    assert_int_equal(message_pair(ends), OK);
    assert_int_equal(pipe(files), 0);
    assert_int_equal(message_send_descriptors(ends[0], MESSAGE_LOGS, 1, &files[1], 1), OK);
    close(files[1]);
    assert_int_equal(message_take(ends[1], &message, descriptors), OK);
    assert_int_equal(message.a, 1);
    assert_int_equal(descriptors[1], -1);
    assert_true(fcntl(descriptors[0], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(descriptors[0], "!", 1), 1);
    assert_int_equal(read(files[0], &byte, 1), 1);
    assert_int_equal(byte, '!');
    close(descriptors[0]);
    close(files[0]);
    close(ends[0]);
    close(ends[1]);
}

/* One that is not ours, and one that does not read. */
static void test_other(void **state)
{
    int ends[2], descriptors[MESSAGE_DESCRIPTORS_MAX];
    struct message message;
    enum err err = OK;

    (void)state;
    assert_int_equal(message_pair(ends), OK);
    assert_int_equal(send(ends[0], "x", 1, 0), 1);
    assert_int_equal(message_take(ends[1], &message, descriptors), ERR_PROTOCOL);
    for (int i = 0; i < 100000 && !err; i++)
        err = message_send(ends[0], MESSAGE_NOTE, 0, 0, "note");
    assert_int_equal(err, ERR_AGAIN);
    close(ends[0]);
    close(ends[1]);
}

/* A packet that is not ours leaves nothing open here. */
static void test_descriptors_of_others(void **state)
{
    const size_t sizes[] = {0, 1};
    struct message message;
    int descriptors[MESSAGE_DESCRIPTORS_MAX];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        union {
            struct cmsghdr head;
            char bytes[CMSG_SPACE(sizeof(int))];
        } control = {0};
        char one[] = "x";
        struct iovec bytes = {.iov_base = one, .iov_len = sizes[i]};
        struct msghdr packet = {.msg_iov = &bytes,
                                .msg_iovlen = 1,
                                .msg_control = control.bytes,
                                .msg_controllen = sizeof(control.bytes)};
        int ends[2], files[2];
        char byte;

        assert_int_equal(message_pair(ends), OK);
        assert_int_equal(pipe(files), 0);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &files[1], sizeof(int));
        assert_int_equal(sendmsg(ends[0], &packet, 0), sizes[i]);
        close(files[1]);
        assert_int_equal(message_take(ends[1], &message, descriptors),
                         sizes[i] ? ERR_PROTOCOL : ERR_EOF);
        assert_int_equal(descriptors[0], -1);
        /* The pipe's end of file: nobody has its other end. */
        assert_int_equal(fcntl(files[0], F_SETFL, O_NONBLOCK), 0);
        assert_int_equal(read(files[0], &byte, 1), 0);
        close(files[0]);
        close(ends[0]);
        close(ends[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_other),
        cmocka_unit_test(test_descriptors_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
