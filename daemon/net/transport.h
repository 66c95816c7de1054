/* transport: a byte stream with one owner. TCP and UNIX sockets and inherited descriptors (net/socket.h),
 * in-memory pairs (net/pipe.h), TLS over any of them (net/tls.h) stand behind it.
 *
 * No call made by the owner ever calls the owner back before it returns: events come from the
 * loop. After transport_close() none comes. */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "base/err.h"
#include "net/address.h"
#include "net/loop.h"

struct transport;

enum transport_event {
    /* Ready for bytes (TLS: the handshake is done). Comes once, first, and from the loop also when a
     * plain socket was ready at once. */
    TRANSPORT_OPEN = 1,
    TRANSPORT_READABLE = 2, /* transport_read() has something to say (bytes, end or error) */
    TRANSPORT_WRITABLE = 4, /* all that waited inside is out; more can be taken */
    /* Instead of OPEN: the handshake failed or the peer left; see transport_failure(). */
    TRANSPORT_FAILED = 8,
    TRANSPORT_HELLO = 16, /* before OPEN: a TLS client's hello waits for tls_answer() (net/tls.h) */
};

typedef void (*transport_on_event)(void *owner, unsigned events); /* events: a set of the above */

/* Facts for scripts and logs. Text belongs to the transport; NULL where there is none. */
struct transport_info {
    struct address local, peer;
    bool secure;
    const char *protocol;    /* ALPN name that was agreed: "h2"; NULL on clear text */
    const char *server_name; /* SNI that the client sent (server) or that was asked for (client) */
    const char *tls_version; /* "TLSv1.3" */
    const char *cipher;      /* OpenSSL's name: "ECDHE-ECDSA-AES128-GCM-SHA256" */
    const char *cipher_name; /* the RFCs': "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" */
    bool resumed, peer_verified;
    const char *
        peer_error; /* why the peer's certificate is not verified, in Node's names; NULL: nobody looked */
};

/* Sets who hears. Wants nothing yet: call transport_want(). */
void transport_set_owner(struct transport *t, transport_on_event on_event, void *owner);

/* Which of READABLE and WRITABLE the owner wants to hear. Wanting to read is how the end of the
 * peer is noticed. WRITABLE comes once per want: it is cleared when it was told. */
void transport_want(struct transport *t, bool readable, bool writable);

/* Reads at most LOOP_BUFFER_BYTES. *bytes points into the loop's plain buffer (or the pair's) and is good until the
 * next read of any transport; one read takes out all that the transport holds decoded, so an
 * edge is never lost.
 * After ERR_EOF and errors nothing more is told as readable; asking again gives the same answer.
 * Err: ERR_AGAIN, ERR_EOF (in order; TLS: close_notify or plain end), ERR_IO, ERR_TLS, ERR_NOMEM
 * (see transport_failure()). */
enum err transport_read(struct transport *t, const uint8_t **bytes, size_t *length);

/* Takes bytes in order; *taken may be less than offered (then want WRITABLE). Bytes that were
 * taken leave without further calls. Nothing is kept of the caller's memory.
 * Err: ERR_AGAIN with *taken 0 (TLS also before TRANSPORT_OPEN), ERR_IO (the peer is gone:
 * ECONNRESET), ERR_CLOSED (after transport_shutdown()), ERR_TLS, ERR_NOMEM. After an error other than
 * ERR_AGAIN the connection is lost. */
enum err transport_write(struct transport *t, const struct iovec *pieces, int count, size_t *taken);

/* Ends our direction after what was taken: TCP FIN, TLS close_notify and FIN. Reading goes on. */
void transport_shutdown(struct transport *t);

/* Ends at once and frees; sets *t to NULL. Unsent bytes are dropped. NULL is fine. */
void transport_close(struct transport **t);

/* Drops the connection so that the peer sees a reset instead of an end (tests, attack defence). */
void transport_abort(struct transport **t);

const struct transport_info *transport_info(const struct transport *t);
const struct failure *transport_failure(const struct transport *t); /* the last one; err OK when none */
size_t transport_unsent(const struct transport *t); /* bytes taken that the kernel has not yet */

/* Does it count as work that keeps the loop running? Yes at first, while anything is wanted of it. A
 * pipe (net/pipe.h) counts only while it has news to tell: nobody but this loop could bring more. */
void transport_ref(struct transport *t);
void transport_unref(struct transport *t);

/* Transports that live now (a TLS transport and the one below count as two). */
size_t transport_live(void);

#endif
