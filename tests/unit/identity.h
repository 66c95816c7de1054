/* identity: certificates of any kind for the tests of TLS, made on the spot. */
#ifndef TESTS_UNIT_IDENTITY_H
#define TESTS_UNIT_IDENTITY_H

#include "support.h"

#include "net/openssl.h"

#define HOUR_S 3600L

struct identity {
    X509 *x509;
    EVP_PKEY *pair;
    char certificate[4096], key[1024]; /* PEM */
};

struct identity_options {
    const char *name;              /* CN */
    const char *names;             /* "DNS:a,IP:127.0.0.1"; NULL: none */
    const struct identity *issuer; /* NULL: itself */
    bool authority;
    long from_s, until_s; /* from now; 0, 0: an hour each way */
};

static inline void identity_extend(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_true(X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
}

static inline void identity_text(BIO *bio, char *out, size_t cap)
{
    int length = BIO_read(bio, out, (int)cap - 1);

    assert_in_range(length, 1, cap - 2);
    out[length] = '\0';
    BIO_free(bio);
}

static inline void identity_make(struct identity *out, const struct identity_options *options)
{
    static long serial = 1000;
    const struct identity *issuer = options->issuer ? options->issuer : out;
    X509_NAME *name;
    BIO *bio;

    out->pair = EVP_EC_gen("P-256");
    out->x509 = X509_new();
    X509_set_version(out->x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(out->x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(out->x509), options->from_s ? options->from_s : -HOUR_S);
    X509_gmtime_adj(X509_getm_notAfter(out->x509), options->until_s ? options->until_s : HOUR_S);
    name = X509_get_subject_name(out->x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)options->name, -1, -1, 0);
    X509_set_issuer_name(out->x509, X509_get_subject_name(issuer->x509));
    X509_set_pubkey(out->x509, out->pair);
    identity_extend(out->x509, issuer->x509, NID_subject_key_identifier, "hash");
    if (options->issuer)
        identity_extend(out->x509, issuer->x509, NID_authority_key_identifier, "keyid");
    identity_extend(out->x509, issuer->x509, NID_basic_constraints,
                    options->authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (options->names)
        identity_extend(out->x509, issuer->x509, NID_subject_alt_name, options->names);
    assert_true(X509_sign(out->x509, issuer->pair, EVP_sha256()));

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, out->x509);
    identity_text(bio, out->certificate, sizeof(out->certificate));
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, out->pair, NULL, NULL, 0, NULL, NULL);
    identity_text(bio, out->key, sizeof(out->key));
}

static inline void identity_free(struct identity *identity)
{
    X509_free(identity->x509);
    EVP_PKEY_free(identity->pair);
}

#endif
