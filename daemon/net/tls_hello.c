/* tls_hello: lets the owner decide about certificate and protocol. OpenSSL shows the ClientHello before anything
 * is chosen; the handshake stops there until tls_answer(), and then goes on from the loop. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "net/tls_internal.h"

static unsigned number16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* The first host name of the extension (RFC 6066 3), or NULL: what is wrong with it OpenSSL will say. */
static const uint8_t *find_name(const uint8_t *bytes, size_t length, size_t *name_length)
{
    if (length < 5 || number16(bytes) != length - 2 || bytes[2] != TLSEXT_NAMETYPE_host_name)
        return NULL;
    *name_length = number16(bytes + 3);
    if (*name_length == 0 || *name_length > length - 5 || memchr(bytes + 5, 0, *name_length))
        return NULL;
    return bytes + 5;
}

/* The list of the extension (RFC 7301 3.1) without the length in front, when its form is right. */
static const uint8_t *find_protocols(const uint8_t *bytes, size_t length, size_t *list_length)
{
    if (length < 4 || number16(bytes) != length - 2)
        return NULL;
    bytes += 2;
    length -= 2;
    for (size_t at = 0; at < length; at += 1u + bytes[at])
        if (bytes[at] == 0 || bytes[at] >= length - at)
            return NULL;
    *list_length = length;
    return bytes;
}

/* Keeps what the hello says.  Err: ERR_NOMEM. */
static enum err keep_hello(struct tls *tls)
{
    const uint8_t *bytes, *part;
    size_t length, part_length = 0;
    char *copy;

    if (SSL_client_hello_get0_ext(tls->ssl, TLSEXT_TYPE_server_name, &bytes, &length) &&
        (part = find_name(bytes, length, &part_length))) {
        copy = mem_copy(part, part_length);
        if (!copy)
            return ERR_NOMEM;
        tls->hello.name = copy;
    }
    if (SSL_client_hello_get0_ext(tls->ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
                                  &bytes, &length) &&
        (part = find_protocols(bytes, length, &part_length))) {
        copy = mem_copy(part, part_length);
        if (!copy)
            return ERR_NOMEM;
        tls->hello.protocols = (uint8_t *)copy;
        tls->hello.protocols_length = part_length;
        tls->hello.has_protocols = true;
    }
    return OK;
}

static int on_hello(SSL *ssl, int *alert, void *unused)
{
    struct tls *tls = SSL_get_app_data(ssl);

    (void)unused;
    if (tls->refused) { /* by the answer */
        *alert = tls->refused_protocol ? SSL_AD_NO_APPLICATION_PROTOCOL : SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (tls->hello_state ==
        TLS_HELLO_ANSWERED) /* also for the second hello after a HelloRetryRequest */
        return SSL_CLIENT_HELLO_SUCCESS;
    if (keep_hello(tls)) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (!(tls->context->asks_name && tls->hello.name) &&
        !(tls->context->asks_protocol && tls->hello.has_protocols)) {
        tls_hello_forget(tls); /* nothing to ask about */
        tls->hello_state = TLS_HELLO_ANSWERED;
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    tls->hello_state = TLS_HELLO_ASKED;
    return SSL_CLIENT_HELLO_RETRY;
}

void tls_hello_install(struct tls_context *context)
{
    if (context->asks_name || context->asks_protocol)
        SSL_CTX_set_client_hello_cb(context->ssl, on_hello, NULL);
}

void tls_hello_forget(struct tls *tls)
{
    mem_free((void *)tls->hello.name);
    mem_free((void *)tls->hello.protocols);
    memset(&tls->hello, 0, sizeof(tls->hello));
}

static bool waits(const struct transport *t)
{
    const struct tls *tls = list_entry(t, struct tls, base);

    return t->kind == &tls_kind && tls->state == TLS_HANDSHAKE &&
           tls->hello_state == TLS_HELLO_ASKED;
}

const struct tls_hello *tls_hello(const struct transport *t)
{
    return waits(t) ? &list_entry(t, struct tls, base)->hello : NULL;
}

enum err tls_answer(struct transport *t, const struct tls_answer *answer)
{
    struct tls *tls = tls_of(t);

    if (!waits(t))
        return ERR_STATE;
    assert(!answer->context || answer->context->server);
    if (answer->protocol) {
        tls->agreed = mem_copy(answer->protocol, strlen(answer->protocol));
        if (!tls->agreed)
            return ERR_NOMEM;
    }
    if (answer->context) {
        tls_context_hold(answer->context);
        tls->chosen = answer->context;
    }
    if (answer->failure) {
        t->failure = *answer->failure;
        tls->refused = true;
        tls->refused_protocol = answer->is_about_protocol;
    }
    tls->hello_state = TLS_HELLO_ANSWERED;
    tls_hello_forget(tls);
    deferred_put(t->loop, &tls->turn);
    return OK;
}
