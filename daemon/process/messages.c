/* messages: packets, with descriptors where needed. */
#include "process/messages.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr head; /* for its alignment */
    char bytes[CMSG_SPACE(MESSAGE_DESCRIPTORS_MAX * sizeof(int))];
};

enum err message_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) ? ERR_IO : OK;
}

static enum err send_packet(int fd, const struct message *message, size_t length,
                            const int *descriptors, unsigned count)
{
    union control control;
    struct iovec bytes = {.iov_base = (void *)(uintptr_t)message, .iov_len = length};
    struct msghdr packet = {.msg_iov = &bytes, .msg_iovlen = 1};
    ssize_t sent;

    if (count > 0) {
        struct cmsghdr *head;

        memset(&control, 0, sizeof(control));
        packet.msg_control = control.bytes;
        packet.msg_controllen = CMSG_SPACE(count * sizeof(int));
        head = CMSG_FIRSTHDR(&packet);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), descriptors, count * sizeof(int));
    }
    do
        sent = sendmsg(fd, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return OK;
    return errno == EAGAIN || errno == ENOBUFS ? ERR_AGAIN : ERR_CLOSED;
}

enum err message_send(int fd, uint32_t kind, uint32_t a, uint64_t b, const char *text)
{
    struct message message = {.kind = kind, .a = a, .b = b};

    if (text)
        snprintf(message.text, sizeof(message.text), "%s", text);
    return send_packet(fd, &message, offsetof(struct message, text) + strlen(message.text) + 1,
                       NULL, 0);
}

enum err message_send_descriptors(int fd, uint32_t kind, uint32_t a, const int *descriptors,
                                  unsigned count)
{
    struct message message = {.kind = kind, .a = a};

    return send_packet(fd, &message, offsetof(struct message, text) + 1, descriptors, count);
}

static void take_descriptors(struct msghdr *packet, int descriptors[MESSAGE_DESCRIPTORS_MAX])
{
    for (struct cmsghdr *head = CMSG_FIRSTHDR(packet); head; head = CMSG_NXTHDR(packet, head)) {
        size_t count;

        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (count > MESSAGE_DESCRIPTORS_MAX)
            count = MESSAGE_DESCRIPTORS_MAX; /* the buffer holds no more */
        memcpy(descriptors, CMSG_DATA(head), count * sizeof(int));
    }
}

static void drop_descriptors(int descriptors[MESSAGE_DESCRIPTORS_MAX])
{
    for (unsigned i = 0; i < MESSAGE_DESCRIPTORS_MAX; i++) {
        if (descriptors[i] >= 0)
            close(descriptors[i]);
        descriptors[i] = -1;
    }
}

enum err message_take(int fd, struct message *out, int descriptors[MESSAGE_DESCRIPTORS_MAX])
{
    union control control;
    struct iovec bytes = {.iov_base = out, .iov_len = sizeof(*out)};
    struct msghdr packet = {.msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    ssize_t got;

    for (unsigned i = 0; i < MESSAGE_DESCRIPTORS_MAX; i++)
        descriptors[i] = -1;
    memset(out, 0, sizeof(*out));
    do
        got = recvmsg(fd, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? ERR_AGAIN : ERR_EOF;
    take_descriptors(&packet, descriptors);
    out->text[sizeof(out->text) - 1] = '\0';
    if ((size_t)got > offsetof(struct message, text))
        return OK;
    drop_descriptors(descriptors); /* an empty packet can bring some, too */
    return got == 0 ? ERR_EOF : ERR_PROTOCOL;
}
