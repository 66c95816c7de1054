/* tls_identity: what a context shows of itself, certificates with their keys, and whom it trusts. */
#include <string.h>

#include "net/tls_internal.h"

/* --- certificates */

static const char *subject_of(X509 *certificate, char *out, size_t cap)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int used = 0;

    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0)
        used = BIO_read(bio, out, (int)cap - 1);
    out[used > 0 ? used : 0] = '\0';
    BIO_free(bio);
    return out;
}

/* What an identity is, read; each part is NULL when it is not there. */
struct parts {
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain;
};

static void parts_free(struct parts *parts)
{
    X509_free(parts->leaf);
    EVP_PKEY_free(parts->key);
    sk_X509_pop_free(parts->chain, X509_free);
}

static enum err read_pfx(const struct tls_identity *identity, struct parts *out,
                         struct failure *failure)
{
    const uint8_t *bytes = (const uint8_t *)identity->pfx;
    PKCS12 *pfx = d2i_PKCS12(NULL, &bytes, (long)identity->pfx_length);
    enum err err = OK;

    if (!pfx)
        return tls_fail(failure, "ERR_TLS_PFX", "the pfx: expected PKCS #12 in binary form");
    if (!PKCS12_parse(pfx, identity->passphrase, &out->key, &out->leaf, &out->chain)) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == PKCS12_R_MAC_VERIFY_FAILURE)
            err = failure_set(failure, ERR_TLS, "ERR_TLS_PASSPHRASE",
                              "the passphrase given does not open the pfx");
        else
            err = tls_fail(failure, "ERR_TLS_PFX", "the pfx cannot be read");
    } else if (!out->key || !out->leaf) {
        err = failure_set(failure, ERR_TLS, "ERR_TLS_PFX",
                          "the pfx: expected a certificate with its private key, found %s",
                          out->leaf  ? "only the certificate"
                          : out->key ? "only the key"
                                     : "neither");
    }
    PKCS12_free(pfx);
    return err;
}

static enum err read_pem(const struct tls_identity *identity, struct parts *out,
                         struct failure *failure)
{
    enum err err = tls_pem_certificates(identity->certificate, "the certificate", "ERR_TLS_CERT",
                                        &out->chain, failure);

    if (!err)
        err = tls_pem_key(identity->key, identity->passphrase, &out->key, failure);
    if (!err)
        out->leaf = sk_X509_shift(out->chain);
    return err;
}

static enum err use_identity(SSL_CTX *ssl, const struct tls_identity *identity,
                             struct failure *failure)
{
    struct parts parts = {0};
    char subject[120];
    enum err err;

    ERR_clear_error();
    err = identity->pfx ? read_pfx(identity, &parts, failure) : read_pem(identity, &parts, failure);
    if (err)
        goto done;
    if (!X509_check_private_key(parts.leaf, parts.key)) {
        err = failure_set(failure, ERR_TLS, "ERR_TLS_KEY_MISMATCH",
                          "the private key does not match the certificate (subject %s)",
                          subject_of(parts.leaf, subject, sizeof(subject)));
        goto done;
    }
    ERR_clear_error();
    if (!SSL_CTX_use_certificate(ssl, parts.leaf) || !SSL_CTX_set1_chain(ssl, parts.chain))
        err = tls_fail(failure, "ERR_TLS_CERT", "the certificate cannot be used");
    else if (!SSL_CTX_use_PrivateKey(ssl, parts.key))
        err = tls_fail(failure, "ERR_TLS_KEY", "the private key cannot be used");
done:
    ERR_clear_error();
    parts_free(&parts);
    return err;
}

enum err tls_identities_set(struct tls_context *context, const struct tls_options *options,
                            struct failure *failure)
{
    struct tls_identity first = {.certificate = options->certificate,
                                 .key = options->key,
                                 .passphrase = options->passphrase};
    bool others_do = options->more_count > 0 || options->asks_name || !options->server;
    enum err err = OK;

    if (first.certificate || first.key || !others_do)
        err = use_identity(context->ssl, &first, failure);
    for (size_t i = 0; !err && i < options->more_count; i++)
        err = use_identity(context->ssl, &options->more[i], failure);
    return err;
}

/* --- authorities */

static enum err set_revoked(X509_STORE *store, const char *text, struct failure *failure)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509_CRL *one = NULL;
    int count = 0;
    bool added = true;

    if (!bio)
        return failure_set(failure, ERR_NOMEM, "ENOMEM", "the crl cannot be read: out of memory");
    while (added && (one = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
        added = X509_STORE_add_crl(store, one);
        X509_CRL_free(one);
        count++;
    }
    BIO_free(bio);
    if (!added || count == 0)
        return tls_fail(failure, "ERR_TLS_CRL", "the crl: expected an \"X509 CRL\" block in PEM");
    ERR_clear_error();
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return OK;
}

enum err tls_authorities_set(struct tls_context *context, const struct tls_options *options,
                             struct failure *failure)
{
    SSL_CTX *ssl = context->ssl;
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    STACK_OF(X509) *authorities = NULL;
    enum err err = OK;

    if (options->crl)
        err = set_revoked(store, options->crl, failure);
    if (err)
        return err;
    if (!options->ca) {
        if (!options->server && !SSL_CTX_set_default_verify_paths(ssl))
            err = tls_fail(failure, "ERR_TLS_CA", "the system's authorities cannot be loaded");
        return err;
    }
    err = tls_pem_certificates(options->ca, "the trusted authority (ca)", "ERR_TLS_CA",
                               &authorities, failure);
    for (int i = 0; !err && i < sk_X509_num(authorities); i++) {
        X509 *one = sk_X509_value(authorities, i);

        if (!X509_STORE_add_cert(store, one) ||
            (options->server && !SSL_CTX_add_client_CA(ssl, one)))
            err = tls_fail(failure, "ERR_TLS_CA", "the trusted authority (ca) cannot be used");
    }
    sk_X509_pop_free(authorities, X509_free);
    return err;
}
