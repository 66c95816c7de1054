/* certificate: the development certificate, the same that certs/make makes: its own authority, for localhost only. */
#include "crypto/certificate.h"

#include <stdbool.h>
#include <time.h>

#include "base/mem.h"
#include "crypto/openssl.h"

#define LIFE_S (90L * 24 * 60 * 60)
#define BEFORE_S 3600L /* a clock that is a little behind is no obstacle */

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool good;

    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    good = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return good;
}

static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool good = number && BN_rand(number, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
                BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));

    BN_free(number);
    return good;
}

static bool set_name(X509 *certificate)
{
    X509_NAME *name = X509_get_subject_name(certificate);

    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"localhost", -1,
                                      -1, 0) &&
           X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
                                      (const uint8_t *)"Perigee development", -1, -1, 0) &&
           X509_set_issuer_name(certificate, name);
}

static bool fill(X509 *certificate, EVP_PKEY *key)
{
    return X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
           set_name(certificate) && X509_set_pubkey(certificate, key) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -BEFORE_S) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), LIFE_S) &&
           add_extension(certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, NID_subject_key_identifier, "hash") &&
           X509_sign(certificate, key, EVP_sha256());
}

static char *text_of(BIO *bio)
{
    char *bytes;
    long length = BIO_get_mem_data(bio, &bytes);

    return mem_copy(bytes, (size_t)length);
}

enum err certificate_make_development(char **certificate, char **key)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *made = X509_new();
    BIO *certificate_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_secmem());
    enum err err = ERR_TLS;

    *certificate = *key = NULL;
    if (!pair || !made || !certificate_bio || !key_bio || !fill(made, pair) ||
        !PEM_write_bio_X509(certificate_bio, made) ||
        !PEM_write_bio_PrivateKey(key_bio, pair, NULL, NULL, 0, NULL, NULL))
        goto done;
    *certificate = text_of(certificate_bio);
    *key = text_of(key_bio);
    err = *certificate && *key ? OK : ERR_NOMEM;
    if (err) {
        mem_free(*certificate);
        mem_free(*key);
        *certificate = *key = NULL;
    }
done:
    BIO_free(certificate_bio);
    BIO_free(key_bio);
    X509_free(made);
    EVP_PKEY_free(pair);
    ERR_clear_error();
    return err;
}

enum err certificate_check_time(const char *certificate, long seconds)
{
    char no_passphrase[] = ""; /* else OpenSSL asks on the terminal */
    BIO *bio = BIO_new_mem_buf(certificate, -1);
    X509 *read = bio ? PEM_read_bio_X509(bio, NULL, NULL, no_passphrase) : NULL;
    time_t now = time(NULL), until = now + seconds;
    enum err err = ERR_INVALID;

    if (read)
        err = X509_cmp_time(X509_get0_notBefore(read), &now) <= 0 &&
                      X509_cmp_time(X509_get0_notAfter(read), &until) > 0
                  ? OK
                  : ERR_TIMEOUT;
    X509_free(read);
    BIO_free(bio);
    ERR_clear_error();
    return err;
}
