/* tls_context: certificates, versions, suites and names for TLS, shared by many connections.
 * TLS 1.2 and 1.3; no renegotiation, no compression, ALPN; the suites of TLS 1.2 are those that RFC 9113 9.2.2 lets
 * HTTP/2 use. SSL_MODE_RELEASE_BUFFERS. read_ahead stays off (it made TLS 3.4 times dearer). */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct tls_context;

/* Texts are PEM in memory unless said otherwise, NUL-terminated, not kept. NULL: not set. */
struct tls_options {
    bool server;
    const char *certificate; /* leaf first, then the chain. Must for a server */
    const char *key;         /* private key of the leaf. Must for a server */
    const char *passphrase;  /* of the key */
    const char *ca;          /* trusted authorities; NULL: the system's (client), none (server) */
    const char *min_version; /* "TLSv1.2" (default) or "TLSv1.3" */
    const char *max_version; /* the same; default TLSv1.3 */
    const char *ciphers; /* TLS 1.2 list and 1.3 suites mixed, as Node's option; default: ours */
    const char *groups;  /* "X25519:P-256" ... */
    const char *alpn;    /* names in order of preference, "," between: "h2" or "h2,http/1.1" */
    bool request_certificate; /* server: ask the client for one */
    bool verify_peer; /* client: check chain and name. Server: refuse a client without a good one */
    bool session_tickets; /* server: hand them out (to be said: true is what a server wants) */
};

/* Own: caller, counted: each tls transport holds its own reference.
 * Err: ERR_TLS and failure: a code such as ERR_TLS_CERT, ERR_TLS_KEY, ERR_TLS_KEY_MISMATCH, ERR_TLS_CA,
 * ERR_TLS_CIPHERS, ERR_TLS_GROUPS, ERR_TLS_VERSION, ERR_TLS_PASSPHRASE and a sentence that says what was expected and what was found
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

#endif
