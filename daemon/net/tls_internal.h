/* tls_internal: what the files of TLS share. tls.c is the transport, tls_bytes.c its reading and
 * writing, tls_bio.c moves ciphertext, tls_context.c makes the settings out of options, tls_identity.c those
 * about certificates, tls_tickets.c the key of session tickets, tls_pem.c reads keys and certificates, tls_choose.c
 * decides about certificate and protocol, tls_hello.c lets the owner decide, tls_verify.c looks at the
 * peer's certificate, tls_certificate.c puts it into words. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include "net/loop_internal.h"
#include "net/openssl.h"
#include "net/tls.h"
#include "net/transport_internal.h"

/* What one read takes from below. With the rest of a record that OpenSSL holds already (under
 * 16 KiB), it never is more plain text than one read of ours may bring. */
#define TLS_READ_BYTES (LOOP_BUFFER_BYTES - LOOP_RECORD_BYTES)
/* Above this much unsent nothing is read: a peer that makes us answer (key updates) must listen. */
#define TLS_PENDING_MAX_BYTES (2 * LOOP_OUTPUT_BYTES)

struct tls_name {
    char *pattern; /* lower case: "example.org" or "*.example.org" */
    struct tls_context *context;
};

struct tls_context {
    unsigned references;
    bool server;
    bool checks_peer; /* the peer's certificate is looked at at all */
    bool asks_name, asks_protocol;
    bool any_name;
    SSL_CTX *ssl;
    char *protocols;         /* ALPN names one behind the other, each with its NUL; "" ends them */
    uint8_t *protocols_wire; /* the same as RFC 7301 sends them */
    size_t protocols_length; /* of protocols_wire; 0: no ALPN */
    struct tls_name *names;
    size_t names_count;
    uint8_t ticket_key[TLS_TICKET_KEY_BYTES];
    uint64_t tickets_from_ms; /* since when the ticket key is in use */
    bool tickets_stay;        /* it was set, and is never changed by us */
};

enum tls_hello_state {
    TLS_HELLO_NONE,
    TLS_HELLO_ASKED, /* the handshake waits */
    TLS_HELLO_ANSWERED,
};

enum tls_state {
    TLS_HANDSHAKE, /* from the first byte on */
    TLS_OPEN,
    TLS_FAILED, /* in the handshake */
    TLS_CLOSED, /* by the owner */
};

struct tls {
    struct transport base;
    struct transport *below;
    struct tls_context *context;
    SSL *ssl;
    enum tls_state state;
    struct deferred turn; /* news that `below` will not bring */
    char *server_name;

    const uint8_t *input; /* ciphertext for the BIO, while OpenSSL is called */
    size_t input_length;
    uint8_t *early; /* ciphertext that came with the end of the handshake, until it is read */
    size_t early_length;
    uint8_t *pending; /* ciphertext that `below` refused: `pending_length` from `pending_from` on */
    size_t pending_from, pending_length;

    enum tls_hello_state hello_state;
    struct tls_hello hello;     /* while it waits; in memory of its own */
    struct tls_context *chosen; /* by the answer, or NULL */
    char *agreed;               /* protocol of the answer, or NULL */

    enum err read_end;          /* the last word of reading, once there is one */
    enum err write_error;       /* the last word of writing */
    int verify_code, name_code; /* X509_V_..: what is wrong with the peer's chain, with its name */
    bool started;               /* the client sent its hello */
    bool refused; /* the peer's certificate ended the handshake, and base.failure says why */
    bool refused_protocol; /* with refused: the script wants none of the client's */
    bool told_end;         /* read_end was read */
    bool write_ended;      /* by the owner */
    bool notified;         /* close_notify is out */
    bool shut;             /* `below` was shut down */
    bool wants_read, wants_write;
    int busy; /* callbacks under way: not freed under them */
};

static inline struct tls *tls_of(struct transport *t)
{
    return list_entry(t, struct tls, base);
}

/* --- tls.c */

extern const struct transport_kind tls_kind;

/* Brings what is asked of `below` up to date. */
void tls_watch(struct tls *tls);

/* --- tls_bytes.c: two calls of the transport */

enum err tls_read(struct transport *t, uint8_t *into, size_t capacity, size_t *length);
enum err tls_write(struct transport *t, const struct iovec *pieces, int count, size_t *taken);

/* --- tls_context.c */

/* A failure with OpenSSL's reason behind `what`.  Returns ERR_TLS. */
enum err tls_fail(struct failure *failure, const char *code, const char *what);

/* --- tls_identity.c: certificates, keys and authorities of the options.  Err: as tls_context_new(). */

enum err tls_identities_set(struct tls_context *context, const struct tls_options *options,
                            struct failure *failure);
enum err tls_authorities_set(struct tls_context *context, const struct tls_options *options,
                             struct failure *failure);

/* --- tls_tickets.c */

/* Server: a first key of our own.  Err: ERR_TLS. */
enum err tls_tickets_begin(struct tls_context *context);
/* Server: another key for tickets, when this one is ours and was in use for 8 hours. */
void tls_context_renew_tickets(struct tls_context *context);

/* --- tls_hello.c */

void tls_hello_install(struct tls_context *context);
void tls_hello_forget(struct tls *tls); /* its memory; what was answered stays */

/* --- tls_bio.c */

/* A new BIO for tls, or NULL. */
BIO *tls_bio_new(struct tls *tls);

/* Sends what OpenSSL has put out; what `below` does not take becomes pending. Failing is noted in write_error. */
void tls_flush(struct tls *tls);

/* Sends what is pending. */
void tls_send_pending(struct tls *tls);

/* Keeps what is left of the input for the next read.  Err: ERR_NOMEM. */
enum err tls_keep_input(struct tls *tls);

/* --- tls_pem.c */

/* The certificates of a PEM text, at least one. Own: caller, sk_X509_pop_free(). `what` is the text's name for a
 * person, `code` the failure's.  Err: ERR_TLS, ERR_NOMEM. */
enum err tls_pem_certificates(const char *text, const char *what, const char *code,
                              struct stack_st_X509 **out, struct failure *failure);

/* The private key of a PEM text. Own: caller, EVP_PKEY_free().  Err: ERR_TLS. */
enum err tls_pem_key(const char *text, const char *passphrase, EVP_PKEY **out,
                     struct failure *failure);

/* OpenSSL's words for what went wrong first; static memory. Its queue of errors is emptied. */
const char *tls_reason(void);

/* Code and words from OpenSSL's first error: ERR_SSL_ and its reason, `fallback` for one that is not about TLS; the
 * words stand behind `what`. Its queue of errors is emptied. */
void tls_describe(struct failure *failure, const char *fallback, const char *what);

/* --- tls_choose.c: each decision of a server about a connection is made in one function. */

/* Err: ERR_INVALID and failure for a list that is not one, ERR_NOMEM. */
enum err tls_protocols_set(struct tls_context *context, const char *list, struct failure *failure);
/* The context's own text for a name of `length` bytes, or NULL. */
const char *tls_protocol_find(const struct tls_context *context, const uint8_t *name, size_t length);
void tls_choose_install(struct tls_context *context);
void tls_names_free(struct tls_context *context);

/* --- tls_verify.c */

/* request: a server asks its client for a certificate. require: one that is not good ends the handshake, and
 * tls->base.failure says why. */
void tls_verify_install(struct tls_context *context, bool request, bool require);

/* What is wrong with the peer's certificate, in Node's names; NULL: nothing, or nobody looked. */
const char *tls_verify_error(const struct tls *tls);

#endif
