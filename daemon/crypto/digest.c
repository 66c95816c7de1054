/* digest: OpenSSL's digests, plain or keyed. */
#include "crypto/digest.h"

#include <limits.h>
#include <stdbool.h>

#include "base/mem.h"
#include "crypto/openssl.h"

struct digest {
    EVP_MD_CTX *plain; /* one of the two */
    EVP_MAC_CTX *keyed;
    bool done;
};

static enum err start_plain(struct digest *digest, const EVP_MD *md)
{
    digest->plain = EVP_MD_CTX_new();
    if (!digest->plain)
        return ERR_NOMEM;
    return EVP_DigestInit_ex2(digest->plain, md, NULL) ? OK : ERR_NOT_FOUND;
}

static enum err start_keyed(struct digest *digest, const EVP_MD *md, const uint8_t *key,
                            size_t length)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string("digest", (char *)EVP_MD_get0_name(md), 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    digest->keyed = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac); /* the context holds it */
    if (!digest->keyed)
        return ERR_NOMEM;
    return EVP_MAC_init(digest->keyed, key, length, params) ? OK : ERR_NOT_FOUND;
}

enum err digest_new(const char *name, const uint8_t *key, size_t key_length, struct digest **out)
{
    struct digest *digest = mem_zalloc(sizeof(*digest));
    EVP_MD *md = NULL;
    enum err err = ERR_NOMEM;

    *out = NULL;
    if (!digest)
        goto done;
    err = ERR_NOT_FOUND;
    md = EVP_MD_fetch(NULL, name, NULL);
    /* Not one without a size of its own (SHAKE): what comes out would be an accident. */
    if (!md || (EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF) || EVP_MD_get_size(md) <= 0)
        goto done;
    err = key ? start_keyed(digest, md, key, key_length) : start_plain(digest, md);
    if (err)
        goto done;
    *out = digest;
    digest = NULL;
done:
    digest_free(&digest);
    EVP_MD_free(md);
    ERR_clear_error();
    return err;
}

void digest_free(struct digest **digest)
{
    struct digest *d = *digest;

    *digest = NULL;
    if (!d)
        return;
    EVP_MD_CTX_free(d->plain);
    EVP_MAC_CTX_free(d->keyed);
    mem_free(d);
}

enum err digest_update(struct digest *digest, const uint8_t *bytes, size_t length)
{
    int good;

    if (digest->done)
        return ERR_STATE;
    if (digest->keyed)
        good = EVP_MAC_update(digest->keyed, bytes, length);
    else
        good = EVP_DigestUpdate(digest->plain, bytes, length);
    return good ? OK : ERR_NOMEM;
}

enum err digest_final(struct digest *digest, uint8_t out[DIGEST_MAX_BYTES], size_t *length)
{
    unsigned plain_length = 0;
    int good;

    *length = 0;
    if (digest->done)
        return ERR_STATE;
    digest->done = true;
    if (digest->keyed) {
        good = EVP_MAC_final(digest->keyed, out, length, DIGEST_MAX_BYTES);
    } else {
        good = EVP_DigestFinal_ex(digest->plain, out, &plain_length);
        *length = plain_length;
    }
    return good ? OK : ERR_NOMEM;
}

enum err random_bytes(uint8_t *out, size_t length)
{
    while (length > 0) {
        int some = length < INT_MAX ? (int)length : INT_MAX;

        if (RAND_bytes(out, some) != 1) {
            ERR_clear_error();
            return ERR_IO;
        }
        out += some;
        length -= (size_t)some;
    }
    return OK;
}
