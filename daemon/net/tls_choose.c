/* tls_choose: which certificate and which protocol a connection gets, each decided in one function.
 * OpenSSL asks for them while it handles the ClientHello. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "net/tls_internal.h"

/* --- protocols (ALPN, RFC 7301) */

enum err tls_protocols_set(struct tls_context *context, const char *list, struct failure *failure)
{
    size_t length = list ? strlen(list) : 0;
    uint8_t *wire;
    char *names;

    if (length == 0)
        return OK;
    names = mem_alloc(length + 2);
    wire = mem_alloc(length + 1);
    context->protocols = names;
    context->protocols_wire = wire;
    if (!names || !wire)
        return failure_set(failure, ERR_NOMEM, "ENOMEM", "alpn: out of memory");
    for (const char *at = list;; at++) {
        size_t one = strcspn(at, ",");

        if (one < 1 || one > 255)
            return failure_set(
                failure, ERR_INVALID, "ERR_TLS_ALPN",
                "alpn: expected names of 1 to 255 bytes with \",\" between, found \"%.200s\"", list);
        *wire++ = (uint8_t)one;
        memcpy(wire, at, one);
        wire += one;
        memcpy(names, at, one);
        names += one;
        *names++ = '\0';
        at += one;
        if (!*at)
            break;
    }
    *names = '\0';
    context->protocols_length = length + 1;
    return OK;
}

const char *tls_protocol_find(const struct tls_context *context, const uint8_t *name, size_t length)
{
    if (context->protocols_length == 0)
        return NULL;
    for (const char *ours = context->protocols; *ours; ours += strlen(ours) + 1)
        if (strlen(ours) == length && memcmp(ours, name, length) == 0)
            return ours;
    return NULL;
}

static bool is_offered(const char *name, const uint8_t *offer, size_t offer_length)
{
    size_t length = strlen(name);

    for (size_t at = 0; at < offer_length; at += 1 + offer[at]) /* OpenSSL checked the form */
        if (offer[at] == length && memcmp(offer + at + 1, name, length) == 0)
            return true;
    return false;
}

/* The decision: the first of ours that the client offers, NULL when there is none. */
static const char *choose_protocol(const struct tls *tls, const uint8_t *offer, size_t offer_length)
{
    for (const char *ours = tls->context->protocols; *ours; ours += strlen(ours) + 1)
        if (is_offered(ours, offer, offer_length))
            return ours;
    return NULL;
}

static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                        const unsigned char *offer, unsigned offer_length, void *unused)
{
    struct tls *tls = SSL_get_app_data(ssl);
    const char *name;

    (void)unused;
    if (tls->context->asks_protocol) {
        name = tls->agreed;
    } else if (tls->context->protocols_length == 0) {
        return SSL_TLSEXT_ERR_NOACK;
    } else {
        name = choose_protocol(tls, offer, offer_length);
    }
    if (!name)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol */
    *out = (const unsigned char *)name;
    *out_length = (unsigned char)strlen(name);
    return SSL_TLSEXT_ERR_OK;
}

/* --- certificates (SNI, RFC 6066 3) */

static struct tls_name *find_name(const struct tls_context *context, const char *pattern)
{
    for (size_t i = 0; i < context->names_count; i++)
        if (strcasecmp(context->names[i].pattern, pattern) == 0)
            return &context->names[i];
    return NULL;
}

enum err tls_context_add_name(struct tls_context *context, const char *name,
                              struct tls_context *other)
{
    size_t length = strlen(name);
    const char *bare = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
    struct tls_name *names = find_name(context, name);
    char *pattern;

    if (!context->server || !other->server || other == context || length > 253 || !*bare ||
        strchr(bare, '*'))
        return ERR_INVALID;
    tls_context_hold(other);
    if (names) {
        tls_context_drop(&names->context);
        names->context = other;
        return OK;
    }
    pattern = mem_copy(name, length);
    names =
        pattern ? mem_realloc(context->names, (context->names_count + 1) * sizeof(*names)) : NULL;
    if (!names) {
        mem_free(pattern);
        tls_context_drop(&other);
        return ERR_NOMEM;
    }
    context->names = names;
    names[context->names_count++] = (struct tls_name){.pattern = pattern, .context = other};
    return OK;
}

void tls_names_free(struct tls_context *context)
{
    for (size_t i = 0; i < context->names_count; i++) {
        mem_free(context->names[i].pattern);
        tls_context_drop(&context->names[i].context);
    }
    mem_free(context->names);
}

/* The decision: whose certificate a client sees that asked for name (NULL: for none). */
static struct tls_context *choose_context(const struct tls *tls, const char *name)
{
    char pattern[256] = "*";
    const char *dot = name ? strchr(name, '.') : NULL;
    struct tls_name *found;

    if (tls->context->asks_name)
        return tls->chosen ? tls->chosen : tls->context;
    found = name ? find_name(tls->context, name) : NULL;
    if (!found && dot && dot != name && strlen(dot) < sizeof(pattern) - 1) {
        strcpy(pattern + 1, dot); /* "*" stands for the first label, and that alone */
        found = find_name(tls->context, pattern);
    }
    return found ? found->context : tls->context;
}

static int on_server_name(SSL *ssl, int *alert, void *unused)
{
    struct tls *tls = SSL_get_app_data(ssl);
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct tls_context *chosen = choose_context(tls, name);

    (void)unused;
    /* Its certificate, but the authorities for clients stay those of the listener. */
    if (chosen != tls->context &&
        (!SSL_set_SSL_CTX(ssl, chosen->ssl) ||
         !SSL_set1_verify_cert_store(ssl, SSL_CTX_get_cert_store(tls->context->ssl)))) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return name ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void tls_choose_install(struct tls_context *context)
{
    if (context->server) {
        /* Also without protocols of its own: OpenSSL asks the context that SNI switched to. */
        SSL_CTX_set_alpn_select_cb(context->ssl, on_protocols, NULL);
        SSL_CTX_set_tlsext_servername_callback(context->ssl, on_server_name);
        tls_hello_install(context);
    } else if (context->protocols_length > 0) {
        /* Zero is its success; it can fail for lack of memory only, and then no name is agreed. */
        SSL_CTX_set_alpn_protos(context->ssl, context->protocols_wire,
                                (unsigned)context->protocols_length);
    }
}
