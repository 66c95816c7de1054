/* tls_tickets: the key that session tickets are sealed with. What scripts share between servers is 48 bytes, as
 * in Node; OpenSSL's 80 are made from it. */
#include <string.h>

#include <openssl/sha.h>

#include "base/clock.h"
#include "net/tls_internal.h"

#define TICKET_KEY_MS (8u * 60 * 60 * 1000)
#define NAME_BYTES 16 /* sent with each ticket, so it is no secret */

static enum err install(struct tls_context *context, const uint8_t key[TLS_TICKET_KEY_BYTES])
{
    uint8_t keys[NAME_BYTES + SHA512_DIGEST_LENGTH]; /* name, MAC key and cipher key */
    bool done;

    memcpy(keys, key, NAME_BYTES);
    SHA512(key, TLS_TICKET_KEY_BYTES, keys + NAME_BYTES);
    ERR_clear_error();
    done = SSL_CTX_set_tlsext_ticket_keys(context->ssl, keys, sizeof(keys)) == 1;
    OPENSSL_cleanse(keys, sizeof(keys));
    ERR_clear_error();
    if (!done)
        return ERR_TLS;
    memmove(context->ticket_key, key, TLS_TICKET_KEY_BYTES);
    context->tickets_from_ms = clock_ms();
    return OK;
}

enum err tls_tickets_begin(struct tls_context *context)
{
    uint8_t key[TLS_TICKET_KEY_BYTES];
    enum err err = RAND_bytes(key, sizeof(key)) == 1 ? install(context, key) : ERR_TLS;

    OPENSSL_cleanse(key, sizeof(key));
    return err;
}

void tls_context_renew_tickets(struct tls_context *context)
{
    if (!context->server || context->tickets_stay ||
        clock_ms() - context->tickets_from_ms < TICKET_KEY_MS)
        return;
    /* A ticket of before is then a full handshake. When this fails, the key of before stays, until the
     * next time. */
    context->tickets_from_ms = clock_ms();
    tls_tickets_begin(context);
    ERR_clear_error();
}

void tls_context_ticket_key(const struct tls_context *context, uint8_t out[TLS_TICKET_KEY_BYTES])
{
    memcpy(out, context->ticket_key, TLS_TICKET_KEY_BYTES);
}

enum err tls_context_set_ticket_key(struct tls_context *context,
                                    const uint8_t key[TLS_TICKET_KEY_BYTES])
{
    enum err err = install(context, key);

    if (!err)
        context->tickets_stay = true;
    return err;
}

enum err tls_context_share_ticket_key(struct tls_context *context, const struct tls_context *other)
{
    enum err err = install(context, other->ticket_key);

    if (!err) {
        context->tickets_from_ms = other->tickets_from_ms;
        context->tickets_stay = other->tickets_stay;
    }
    return err;
}
