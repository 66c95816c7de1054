/* messages: what master and worker say to each other over a SOCK_SEQPACKET pair, one struct message a packet. */
#ifndef PROCESS_MESSAGES_H
#define PROCESS_MESSAGES_H

#include <stdint.h>

#include "base/err.h"

enum message_kind {
    /* worker to master */
    MESSAGE_READY = 1, /* main chunks ran, every server listens */
    MESSAGE_FAILED,    /* text: why it cannot start; it exits with 1 */
    MESSAGE_HELD,      /* text: which handlers held it up at the drain deadline */
    MESSAGE_NOTE,      /* text: for the log */
    MESSAGE_DRAINING,  /* it accepts no more, of its own will or told to */
    /* master to worker */
    MESSAGE_DRAIN, /* b: milliseconds until the deadline; 0: end at once. a: 1 when the service ends: what waits in
                      * the queues of the sockets is accepted first, for nobody else will */
    MESSAGE_COVER, /* a: slot (1...) whose sockets to accept from too */
    MESSAGE_UNCOVER, /* a: slot; no longer. b: 1 when the slot is gone for good: its sockets are to be closed */
    MESSAGE_LOGS,  /* descriptors follow: daemon log (a has bit 0), access log (a has bit 1) */
    MESSAGE_WHERE, /* watchdog: say where the script stands; its first thread answers, in the log */
};

#define MESSAGE_TEXT_BYTES 2000
#define MESSAGE_DESCRIPTORS_MAX 2

struct message {
    uint32_t kind, a;
    uint64_t b;
    char text[MESSAGE_TEXT_BYTES]; /* NUL-terminated; what does not fit is cut */
};

/* A pair for one worker, both ends non-blocking and close-on-exec.  Err: ERR_IO, errno says why. */
enum err message_pair(int ends[2]);

/* Sends kind, a, b and text (NULL: none). Never waits.  Err: ERR_AGAIN when the other side does not read,
 * ERR_CLOSED when it is gone. */
enum err message_send(int fd, uint32_t kind, uint32_t a, uint64_t b, const char *text);

/* The same with up to MESSAGE_DESCRIPTORS_MAX descriptors, which stay the caller's. */
enum err message_send_descriptors(int fd, uint32_t kind, uint32_t a, const int *descriptors,
                                  unsigned count);

/* Takes one message. descriptors: those that came with it (close-on-exec, the caller's), -1 for the rest.
 * Err: ERR_AGAIN when none is there, ERR_EOF when the other side is gone, ERR_PROTOCOL for one that is not ours. */
enum err message_take(int fd, struct message *out, int descriptors[MESSAGE_DESCRIPTORS_MAX]);

#endif
