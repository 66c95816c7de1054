/* tls_context: certificates, versions, suites and names for TLS, shared by many connections.
 * TLS 1.2 and 1.3; no renegotiation, no compression, ALPN; the suites of TLS 1.2 are those that RFC 9113 9.2.2 lets
 * HTTP/2 use. SSL_MODE_RELEASE_BUFFERS. read_ahead stays off (it made TLS 3.4 times dearer). */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tls_context;

/* Another certificate with its key, for a server that has one of each kind (ECDSA and RSA). */
struct tls_identity {
    const char *certificate, *key, *passphrase; /* as in struct tls_options */
    const char *pfx; /* instead of certificate and key: PKCS #12, as binary bytes */
    size_t pfx_length;
};

/* Texts are PEM in memory unless said otherwise, NUL-terminated, not kept. NULL: not set. */
struct tls_options {
    bool server;
    const char *certificate; /* leaf first, then the chain. Must for a server (or `more`, or asks_name) */
    const char *key;         /* private key of the leaf. The same */
    const char *passphrase; /* of the key */
    const struct tls_identity *more;
    size_t more_count;
    const char *ca;          /* trusted authorities; NULL: the system's (client), none (server) */
    const char *min_version; /* "TLSv1.2" (default) or "TLSv1.3" */
    const char *max_version; /* the same; default TLSv1.3 */
    const char *ciphers;    /* TLS 1.2 list and 1.3 suites mixed, as Node's option; default: ours */
    const char *groups;     /* "X25519:P-256" ... */
    const char *signatures; /* "ECDSA+SHA256:RSA-PSS+SHA256" ..., default: OpenSSL's */
    const char *
        crl; /* certificates that were taken back; then every certificate of a chain is looked up */
    const char *alpn;         /* names in order of preference, "," between: "h2" or "h2,http/1.1" */
    bool request_certificate; /* server: ask the client for one */
    bool verify_peer; /* client: check chain and name. Server: refuse a client without a good one */
    bool any_name; /* client: check the chain and not the name; the caller looks at it (net/tls_certificate.h) */
    bool session_tickets; /* server: hand them out (to be said: true is what a server wants) */
    bool client_order;    /* server: the client's order of suites counts, not ours */
    uint64_t flags;       /* SSL_OP_... of OpenSSL, besides ours */
    uint32_t session_timeout_s; /* how long a session can be resumed; 0: OpenSSL's default */
    const char *session_name; /* server: sessions of another name are not resumed; up to 32 bytes */
    /* Server: a ClientHello is told as TRANSPORT_HELLO and waits for tls_answer(), which says whose certificate
     * the client sees (then no name of tls_context_add_name() counts), which protocol is agreed on. */
    bool asks_name, asks_protocol;
};

/* Own: caller, counted: each tls transport holds its own reference.
 * Err: ERR_TLS and failure: a code such as ERR_TLS_CERT, ERR_TLS_KEY, ERR_TLS_KEY_MISMATCH, ERR_TLS_CA,
 * ERR_TLS_CIPHERS, ERR_TLS_GROUPS, ERR_TLS_SIGNATURES, ERR_TLS_CRL, ERR_TLS_PFX, ERR_TLS_VERSION, ERR_TLS_PASSPHRASE,
 * ERR_TLS_SESSION and a sentence that says what was expected and what was found
 * ("the private key does not match the certificate (subject CN=localhost)"); ERR_INVALID with
 * ERR_TLS_ALPN; ERR_NOMEM. */
enum err tls_context_new(const struct tls_options *options, struct tls_context **out,
                         struct failure *failure);
void tls_context_hold(struct tls_context *context);
void tls_context_drop(struct tls_context **context); /* NULL is fine */

/* Server: connections whose SNI matches name ("example.org", "*.example.org": one label, any case) use
 * `other`'s certificate, and nothing else of it: protocols, versions and the authorities for client certificates
 * stay the context's. The last call for the same name wins. other is held and must not be the context itself.
 * Err: ERR_NOMEM, ERR_INVALID. */
enum err tls_context_add_name(struct tls_context *context, const char *name,
                              struct tls_context *other);

#define TLS_TICKET_KEY_BYTES 48

/* Server: the key of session tickets. One that was set stays until it is set again; ours is changed every 8 hours. */
void tls_context_ticket_key(const struct tls_context *context, uint8_t out[TLS_TICKET_KEY_BYTES]);
/* Err: ERR_TLS, and the key of before stays. */
enum err tls_context_set_ticket_key(struct tls_context *context,
                                    const uint8_t key[TLS_TICKET_KEY_BYTES]);
/* The same key as `other`, with its age: sessions survive a change of certificates.  Err: ERR_TLS. */
enum err tls_context_share_ticket_key(struct tls_context *context, const struct tls_context *other);

#endif
