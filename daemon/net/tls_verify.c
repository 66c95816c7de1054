/* tls_verify: looks at the peer's certificate inside the handshake, and has Node's names for what is wrong. */
#include <stdio.h>
#include <string.h>

#include "net/tls_internal.h"

static bool is_about_name(int code)
{
    return code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

/* Goes on after each mistake, so that the one which remains is the one that Node names: the last about the
 * chain, else the one about the name. */
static int on_step(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *tls = SSL_get_app_data(ssl);
    int code = X509_STORE_CTX_get_error(store);

    if (!good && is_about_name(code))
        tls->name_code = code;
    else if (!good)
        tls->verify_code = code;
    return 1;
}

static const char *node_name(int code)
{
    switch (code) {
#define NAME(name)          \
    case X509_V_ERR_##name: \
        return #name
        NAME(UNABLE_TO_GET_ISSUER_CERT);
        NAME(UNABLE_TO_GET_CRL);
        NAME(UNABLE_TO_DECRYPT_CERT_SIGNATURE);
        NAME(UNABLE_TO_DECRYPT_CRL_SIGNATURE);
        NAME(UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY);
        NAME(CERT_SIGNATURE_FAILURE);
        NAME(CRL_SIGNATURE_FAILURE);
        NAME(CERT_NOT_YET_VALID);
        NAME(CERT_HAS_EXPIRED);
        NAME(CRL_NOT_YET_VALID);
        NAME(CRL_HAS_EXPIRED);
        NAME(ERROR_IN_CERT_NOT_BEFORE_FIELD);
        NAME(ERROR_IN_CERT_NOT_AFTER_FIELD);
        NAME(ERROR_IN_CRL_LAST_UPDATE_FIELD);
        NAME(ERROR_IN_CRL_NEXT_UPDATE_FIELD);
        NAME(OUT_OF_MEM);
        NAME(DEPTH_ZERO_SELF_SIGNED_CERT);
        NAME(SELF_SIGNED_CERT_IN_CHAIN);
        NAME(UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
        NAME(UNABLE_TO_VERIFY_LEAF_SIGNATURE);
        NAME(CERT_CHAIN_TOO_LONG);
        NAME(CERT_REVOKED);
        NAME(INVALID_CA);
        NAME(PATH_LENGTH_EXCEEDED);
        NAME(INVALID_PURPOSE);
        NAME(CERT_UNTRUSTED);
        NAME(CERT_REJECTED);
#undef NAME
    }
    return is_about_name(code) ? "ERR_TLS_CERT_ALTNAME_INVALID" : "UNSPECIFIED";
}

/* "localhost, 127.0.0.1", as many as fit. */
static void list_names(X509 *certificate, char *out, size_t cap)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t used = 0;

    out[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && used < cap; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const char *comma = used ? ", " : "";

        if (name->type == GEN_DNS) {
            used += (size_t)snprintf(out + used, cap - used, "%s%.*s", comma,
                                     ASN1_STRING_length(name->d.dNSName),
                                     (const char *)ASN1_STRING_get0_data(name->d.dNSName));
        } else if (name->type == GEN_IPADD) {
            struct address address = {0};
            char text[ADDRESS_TEXT_BYTES];
            int length = ASN1_STRING_length(name->d.iPAddress);
            const uint8_t *bytes = ASN1_STRING_get0_data(name->d.iPAddress);

            if (length != 4 && length != 16)
                continue;
            address_from_ip(length == 4 ? "0.0.0.0" : "::", 0, &address);
            if (length == 4)
                memcpy(&((struct sockaddr_in *)&address.storage)->sin_addr, bytes, 4);
            else
                memcpy(&((struct sockaddr_in6 *)&address.storage)->sin6_addr, bytes, 16);
            used += (size_t)snprintf(out + used, cap - used, "%s%s", comma,
                                     address_host(&address, text));
        }
    }
    GENERAL_NAMES_free(names);
    if (!out[0])
        snprintf(out, cap, "none");
}

static void describe_refusal(struct tls *tls, X509 *certificate)
{
    int code = tls->verify_code;
    char names[160];

    tls->refused = true;
    if (!is_about_name(code)) {
        failure_set(&tls->base.failure, ERR_TLS, node_name(code),
                    "the peer's certificate was refused: %s", X509_verify_cert_error_string(code));
        return;
    }
    list_names(certificate, names, sizeof(names));
    failure_set(&tls->base.failure, ERR_TLS, node_name(code),
                "the peer's certificate is not for %.100s, it is for: %s", tls->server_name, names);
}

static int on_certificate(X509_STORE_CTX *store, void *unused)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *tls = SSL_get_app_data(ssl);
    bool required = SSL_get_verify_mode(ssl) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT;

    (void)unused;
    if (!tls->context->server)
        required = SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER;
    tls->verify_code = tls->name_code = X509_V_OK;
    if (!tls->context->checks_peer)
        tls->verify_code = X509_V_ERR_CERT_UNTRUSTED;
    else if (X509_verify_cert(store) <= 0 && tls->verify_code == X509_V_OK)
        tls->verify_code = X509_STORE_CTX_get_error(store);
    if (tls->verify_code == X509_V_OK)
        tls->verify_code = tls->name_code;
    X509_STORE_CTX_set_error(store, tls->verify_code); /* the alert follows from it */
    if (tls->verify_code == X509_V_OK || !required)
        return 1;
    describe_refusal(tls, X509_STORE_CTX_get0_cert(store));
    return 0;
}

const char *tls_verify_error(const struct tls *tls)
{
    long code;

    if (tls->context->server && !(SSL_get_verify_mode(tls->ssl) & SSL_VERIFY_PEER))
        return NULL;
    if (!SSL_get0_peer_certificate(tls->ssl))
        return node_name(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT); /* Node's word for none at all */
    code = SSL_get_verify_result(tls->ssl);
    return code == X509_V_OK ? NULL : node_name((int)code);
}

void tls_verify_install(struct tls_context *context, bool request, bool require)
{
    int mode = SSL_VERIFY_NONE;

    if (context->server && (request || require))
        mode = SSL_VERIFY_PEER | (require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    else if (require)
        mode = SSL_VERIFY_PEER;
    SSL_CTX_set_verify(context->ssl, mode, on_step);
    SSL_CTX_set_cert_verify_callback(context->ssl, on_certificate, NULL);
}
