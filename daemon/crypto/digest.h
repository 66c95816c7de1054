/* digest: message digests, keyed digests and random bytes for scripts and tickets. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DIGEST_MAX_BYTES 64

struct digest;

/* name: "sha256", "sha1", "sha384", "sha512", "sha512-256", "sha3-256", "md5", ... as OpenSSL knows it, any case,
 * "SHA-256" too. key NULL: a plain digest; else HMAC over it (key may be empty).
 * Own: caller, until digest_free().  Err: ERR_NOT_FOUND for an unknown name or one without a size of its own
 * (SHAKE), ERR_NOMEM. */
enum err digest_new(const char *name, const uint8_t *key, size_t key_length, struct digest **out);
void digest_free(struct digest **digest); /* NULL is fine */

/* Err: ERR_STATE after final. */
enum err digest_update(struct digest *digest, const uint8_t *bytes, size_t length);

/* Writes the result, *length bytes. Err: ERR_STATE the second time. */
enum err digest_final(struct digest *digest, uint8_t out[DIGEST_MAX_BYTES], size_t *length);

/* Fills out with unpredictable bytes.  Err: ERR_IO. */
enum err random_bytes(uint8_t *out, size_t length);

#endif
