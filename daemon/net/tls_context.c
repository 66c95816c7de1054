/* tls_context: makes OpenSSL's settings out of options. */
#include "net/tls_context.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "net/tls_internal.h"

/* Those of TLS 1.2 that are not on RFC 9113's list of prohibited suites (appendix A) and that a certificate of
 * today can have. AES-128 first: it is the cheapest that is good. */
#define DEFAULT_CIPHERS                                          \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define DEFAULT_SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define DEFAULT_GROUPS "X25519:P-256:P-384:P-521"
#define SESSION_ID_CONTEXT "perigee"

enum err tls_fail(struct failure *failure, const char *code, const char *what)
{
    return failure_set(failure, ERR_TLS, code, "%s: %s", what, tls_reason());
}

/* --- versions and suites */

static enum err parse_version(const char *name, const char *text, int fallback, int *out,
                              struct failure *failure)
{
    if (!text)
        *out = fallback;
    else if (strcmp(text, "TLSv1.2") == 0)
        *out = TLS1_2_VERSION;
    else if (strcmp(text, "TLSv1.3") == 0)
        *out = TLS1_3_VERSION;
    else
        return failure_set(failure, ERR_TLS, "ERR_TLS_VERSION",
                           "%s: expected \"TLSv1.2\" or \"TLSv1.3\", found \"%.100s\"", name, text);
    return OK;
}

static enum err set_versions(SSL_CTX *ssl, const struct tls_options *options,
                             struct failure *failure)
{
    int min = 0, max = 0;

    if (parse_version("the lowest TLS version", options->min_version, TLS1_2_VERSION, &min,
                      failure) ||
        parse_version("the highest TLS version", options->max_version, TLS1_3_VERSION, &max,
                      failure))
        return ERR_TLS;
    if (min > max)
        return failure_set(failure, ERR_TLS, "ERR_TLS_VERSION",
                           "the lowest TLS version, %s, is above the highest, %s",
                           options->min_version,
                           options->max_version ? options->max_version : "TLSv1.3");
    if (!SSL_CTX_set_min_proto_version(ssl, min) || !SSL_CTX_set_max_proto_version(ssl, max))
        return tls_fail(failure, "ERR_TLS_VERSION", "the TLS versions cannot be set");
    return OK;
}

static bool has_suites(SSL_CTX *ssl, int version)
{
    STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ssl);

    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++)
        if ((strcmp(SSL_CIPHER_get_version(sk_SSL_CIPHER_value(all, i)), "TLSv1.3") == 0) ==
            (version == TLS1_3_VERSION))
            return true;
    return false;
}

/* As Node does: one list for both, names with "TLS_" in front are suites of TLS 1.3. A version for
 * which nothing is named is out, when the other is allowed. */
static enum err set_mixed_ciphers(SSL_CTX *ssl, const char *mixed, struct failure *failure)
{
    size_t length = strlen(mixed);
    char *lists = mem_zalloc(2 * (length + 1)), *suites = lists, *ciphers;
    bool good;

    if (!lists)
        return failure_set(failure, ERR_NOMEM, "ENOMEM", "ciphers: out of memory");
    ciphers = lists + length + 1;
    for (const char *at = mixed; *at; at += *at == ':') {
        size_t one = strcspn(at, ":");
        char *list = strncmp(at, "TLS_", 4) == 0 ? suites : ciphers;

        if (*list && one > 0)
            strcat(list, ":");
        strncat(list, at, one);
        at += one;
    }
    ERR_clear_error();
    good =
        (!*suites || (SSL_CTX_set_ciphersuites(ssl, suites) && has_suites(ssl, TLS1_3_VERSION))) &&
        (!*ciphers || (SSL_CTX_set_cipher_list(ssl, ciphers) && has_suites(ssl, TLS1_2_VERSION))) &&
        (*suites || *ciphers);
    if (good && !*suites && SSL_CTX_get_min_proto_version(ssl) == TLS1_2_VERSION)
        SSL_CTX_set_max_proto_version(ssl, TLS1_2_VERSION);
    if (good && !*ciphers && SSL_CTX_get_max_proto_version(ssl) == TLS1_3_VERSION)
        SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION);
    mem_free(lists);
    ERR_clear_error();
    if (good)
        return OK;
    return failure_set(
        failure, ERR_TLS, "ERR_TLS_CIPHERS",
        "ciphers: expected names of suites with \":\" between, none is known in \"%.200s\"", mixed);
}

static enum err set_ciphers(SSL_CTX *ssl, const struct tls_options *options, struct failure *failure)
{
    enum err err = OK;

    if (!SSL_CTX_set_cipher_list(ssl, DEFAULT_CIPHERS) ||
        !SSL_CTX_set_ciphersuites(ssl, DEFAULT_SUITES))
        return tls_fail(failure, "ERR_TLS_CIPHERS", "the default ciphers cannot be set");
    if (options->ciphers)
        err = set_mixed_ciphers(ssl, options->ciphers, failure);
    if (!err && !SSL_CTX_set1_groups_list(ssl, options->groups ? options->groups : DEFAULT_GROUPS)) {
        ERR_clear_error();
        err =
            failure_set(failure, ERR_TLS, "ERR_TLS_GROUPS",
                        "groups: expected known names with \":\" between such as \"X25519:P-256\", "
                        "found \"%.150s\"",
                        options->groups);
    }
    if (!err && options->signatures && !SSL_CTX_set1_sigalgs_list(ssl, options->signatures)) {
        ERR_clear_error();
        err = failure_set(failure, ERR_TLS, "ERR_TLS_SIGNATURES",
                          "signatures: expected known names with \":\" between such as "
                          "\"ECDSA+SHA256\", found \"%.150s\"",
                          options->signatures);
    }
    return err;
}

/* --- the rest */

static void set_habits(SSL_CTX *ssl, const struct tls_options *options)
{
    uint64_t flags = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | options->flags;
    long modes = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;

    if (!options->client_order)
        flags |= SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
    if (!options->session_tickets)
        flags |= SSL_OP_NO_TICKET;
    if (!options->ca)
        modes |=
            SSL_MODE_NO_AUTO_CHAIN; /* the chain is what was given, and nothing is searched for it */
    SSL_CTX_set_options(ssl, flags);
    SSL_CTX_set_mode(ssl, modes);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ssl, options->session_tickets ? 1 : 0);
    if (options->session_timeout_s)
        SSL_CTX_set_timeout(ssl, (long)options->session_timeout_s);
}

static enum err name_sessions(SSL_CTX *ssl, const struct tls_options *options,
                              struct failure *failure)
{
    const char *name = options->session_name ? options->session_name : SESSION_ID_CONTEXT;

    if (SSL_CTX_set_session_id_context(ssl, (const unsigned char *)name, (unsigned)strlen(name)))
        return OK;
    return failure_set(failure, ERR_TLS, "ERR_TLS_SESSION",
                       "the name of the sessions: expected at most 32 bytes, found %zu",
                       strlen(name));
}

static void destroy(struct tls_context *context)
{
    tls_names_free(context);
    SSL_CTX_free(context->ssl);
    mem_free(context->protocols);
    mem_free(context->protocols_wire);
    OPENSSL_cleanse(context->ticket_key, sizeof(context->ticket_key));
    mem_free(context);
}

enum err tls_context_new(const struct tls_options *options, struct tls_context **out,
                         struct failure *failure)
{
    struct tls_context *context;
    enum err err;

    *out = NULL;
    context = mem_zalloc(sizeof(*context));
    if (!context)
        return failure_set(failure, ERR_NOMEM, "ENOMEM", "TLS: out of memory");
    context->references = 1;
    context->server = options->server;
    context->checks_peer = options->ca || options->verify_peer || !options->server;
    context->any_name = options->any_name;
    context->asks_name = options->server && options->asks_name;
    context->asks_protocol = options->server && options->asks_protocol;
    ERR_clear_error();
    context->ssl = SSL_CTX_new(options->server ? TLS_server_method() : TLS_client_method());
    if (!context->ssl) {
        err = tls_fail(failure, "ERR_TLS", "OpenSSL cannot be set up");
        goto done;
    }
    set_habits(context->ssl, options);
    err = set_versions(context->ssl, options, failure);
    if (!err)
        err = set_ciphers(context->ssl, options, failure);
    if (!err)
        err = tls_identities_set(context, options, failure);
    if (!err)
        err = tls_authorities_set(context, options, failure);
    if (!err)
        err = name_sessions(context->ssl, options, failure);
    if (!err && options->server && tls_tickets_begin(context))
        err = tls_fail(failure, "ERR_TLS", "the key of the session tickets cannot be made");
    if (!err)
        err = tls_protocols_set(context, options->alpn, failure);
    if (err)
        goto done;
    tls_verify_install(context, options->request_certificate, options->verify_peer);
    tls_choose_install(context);
    *out = context;
    context = NULL;
done:
    if (context)
        destroy(context);
    ERR_clear_error();
    return err;
}

void tls_context_hold(struct tls_context *context)
{
    context->references++;
}

void tls_context_drop(struct tls_context **context)
{
    struct tls_context *c = *context;

    *context = NULL;
    if (!c)
        return;
    assert(c->references > 0);
    if (--c->references == 0)
        destroy(c);
}
