/* certificate: the development certificate, the same that certs/make makes: its own authority, for localhost only. */
#include "crypto/certificate.h"

#include <stdbool.h>
#include <string.h>
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

/* NULL when there is none. Own: caller, X509_free(). */
static X509 *read_first(const char *certificate)
{
    char no_passphrase[] = ""; /* else OpenSSL asks on the terminal */
    BIO *bio = BIO_new_mem_buf(certificate, -1);
    X509 *read = bio ? PEM_read_bio_X509(bio, NULL, NULL, no_passphrase) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return read;
}

enum err certificate_check_time(const char *certificate, long seconds)
{
    X509 *read = read_first(certificate);
    time_t now = time(NULL), until = now + seconds;
    enum err err = ERR_INVALID;

    if (read)
        err = X509_cmp_time(X509_get0_notBefore(read), &now) <= 0 &&
                      X509_cmp_time(X509_get0_notAfter(read), &until) > 0
                  ? OK
                  : ERR_TIMEOUT;
    X509_free(read);
    ERR_clear_error();
    return err;
}

/* --- what a certificate says */

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm parts;

    return ASN1_TIME_to_tm(time, &parts) ? (int64_t)timegm(&parts) : 0;
}

static bool is_host_name(const char *name, size_t length)
{
    if (length == 0 || length > 253 || memchr(name, '\0', length))
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == '_' || (c == '*' && i == 0)))
            return false;
    }
    return true;
}

/* Appends a name with its NUL; the last byte of names stays the list's end. */
static void add_host_name(struct certificate_summary *out, size_t *used, const ASN1_STRING *text)
{
    const char *name = (const char *)ASN1_STRING_get0_data(text);
    size_t length = (size_t)ASN1_STRING_length(text);

    if (!is_host_name(name, length) || *used + length + 2 > sizeof(out->names))
        return;
    memcpy(out->names + *used, name, length);
    *used += length + 1;
}

static void find_names(const X509 *certificate, struct certificate_summary *out)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    const X509_NAME *subject = X509_get_subject_name(certificate);
    size_t used = 0;
    int at;

    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);

        if (one->type == GEN_DNS)
            add_host_name(out, &used, one->d.dNSName);
    }
    at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (!all && at >= 0) /* a common name counts only where there are no others (RFC 6125 6.4.4) */
        add_host_name(out, &used, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    GENERAL_NAMES_free(all);
}

enum err certificate_summarize(const char *certificate, struct certificate_summary *out)
{
    X509 *read = read_first(certificate);
    BIO *bio;

    memset(out, 0, sizeof(*out));
    if (!read)
        return ERR_INVALID;
    out->begins_s = seconds_of(X509_get0_notBefore(read));
    out->ends_s = seconds_of(X509_get0_notAfter(read));
    find_names(read, out);
    bio = BIO_new(BIO_s_mem());
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(read), 0, XN_FLAG_RFC2253) >= 0)
        BIO_read(bio, out->subject, (int)sizeof(out->subject) - 1);
    BIO_free(bio);
    X509_free(read);
    ERR_clear_error();
    return OK;
}
