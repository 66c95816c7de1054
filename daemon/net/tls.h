/* tls: a transport that encrypts over another one, through a BIO of our own on the loop's cipher
 * buffer: an idle connection owns no buffer. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "net/tls_context.h"
#include "net/transport.h"

/* Server: what a client said that waits for tls_answer(). Good until then. */
struct tls_hello {
    const char *name;         /* SNI; NULL: none */
    const uint8_t *protocols; /* ALPN's list as RFC 7301 sends it, each with its length in front */
    size_t protocols_length;
    bool has_protocols; /* there was such a list */
};

struct tls_answer {
    struct tls_context *context; /* whose certificate; NULL: the listener's own. Held */
    const char *
        protocol; /* one of the hello's, when the context asks for it; NULL: none will do (alert) */
    const struct failure *failure; /* ends the handshake with these words; NULL: go on. Copied */
    bool is_about_protocol;        /* the failure: its alert is no_application_protocol */
};

/* Behind TRANSPORT_HELLO. NULL when nothing waits. */
const struct tls_hello *tls_hello(const struct transport *t);
/* The handshake goes on from the loop. Without effect when nothing waits.  Err: ERR_STATE (nothing waits), ERR_NOMEM. */
enum err tls_answer(struct transport *t, const struct tls_answer *answer);

/* Takes `below` over (also on error, when it is closed) and starts the handshake as server or client, as the
 * context says. server_name (client): sent as SNI when it is a name, and checked against the
 * certificate when the context verifies. TRANSPORT_OPEN follows a finished handshake, else TRANSPORT_FAILED with a
 * failure: ECONNRESET when the peer left; ERR_SSL_ and OpenSSL's reason as Node spells it
 * (ERR_SSL_WRONG_VERSION_NUMBER), ERR_TLS_HANDSHAKE for what has none; ERR_TLS_CERT_ALTNAME_INVALID, or
 * Node's names for X509 results (DEPTH_ZERO_SELF_SIGNED_CERT, CERT_HAS_EXPIRED, SELF_SIGNED_CERT_IN_CHAIN,
 * UNABLE_TO_VERIFY_LEAF_SIGNATURE, ...) when verification failed.
 * A server with ALPN options refuses a client that offers ALPN without a common name (no_application_protocol alert,
 * RFC 7301 3.2); one that offers no ALPN at all gets protocol NULL.
 * Once open, an error of TLS is ERR_TLS of reading and writing, with a code as above (else ERR_TLS) and OpenSSL's reason.
 * below must not be a TLS transport itself.
 * Err: ERR_NOMEM, ERR_TLS. */
enum err tls_transport_new(struct loop *loop, struct transport *below, struct tls_context *context,
                           const char *server_name, struct transport **out);

#endif
