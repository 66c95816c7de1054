/* tls_certificate: takes a certificate apart, in the forms that Node's manual shows. */
#include "net/tls_certificate.h"

#include <stdio.h>
#include <string.h>

#include "net/tls_internal.h"

/* Room for `length` bytes of text, or NULL. */
static char *room(struct certificate_facts *facts, size_t length)
{
    char *at = facts->text + facts->used;

    if (length > sizeof(facts->text) - facts->used)
        return NULL;
    facts->used += length;
    return at;
}

static void add(struct certificate_facts *facts, const char *group, const char *name,
                const void *value, size_t length)
{
    struct certificate_fact *fact = &facts->at[facts->count];
    char *copy;

    if (facts->count == CERTIFICATE_FACTS_MAX || strlen(name) >= sizeof(fact->name))
        return;
    copy = room(facts, length);
    if (!copy)
        return;
    memcpy(copy, value, length);
    fact->group = group;
    strcpy(fact->name, name);
    fact->value = copy;
    fact->length = length;
    facts->count++;
}

/* What was printed into bio, which is emptied. */
static void add_printed(struct certificate_facts *facts, const char *name, BIO *bio)
{
    char *text;
    long length = BIO_get_mem_data(bio, &text);

    if (length > 0)
        add(facts, NULL, name, text, (size_t)length);
    (void)BIO_reset(bio);
}

/* CN, O, OU, ... one fact each, in the order of the certificate. */
static void add_name(struct certificate_facts *facts, const char *group, X509_NAME *name)
{
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(entry);
        int nid = OBJ_obj2nid(object), length;
        char number[24];
        uint8_t *value;

        if (nid == NID_undef)
            OBJ_obj2txt(number, sizeof(number), object, 1);
        length = ASN1_STRING_to_UTF8(&value, X509_NAME_ENTRY_get_data(entry));
        if (length < 0)
            continue;
        add(facts, group, nid == NID_undef ? number : OBJ_nid2sn(nid), value, (size_t)length);
        OPENSSL_free(value);
    }
}

static void add_hash(struct certificate_facts *facts, const char *name, X509 *certificate,
                     const EVP_MD *digest)
{
    char text[3 * EVP_MAX_MD_SIZE + 1];
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned length;

    if (!X509_digest(certificate, digest, hash, &length))
        return;
    for (unsigned i = 0; i < length; i++)
        snprintf(text + (size_t)3 * i, 4, "%02X:", hash[i]);
    add(facts, NULL, name, text, (size_t)3 * length - 1);
}

static void add_serial(struct certificate_facts *facts, X509 *certificate)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *text = number ? BN_bn2hex(number) : NULL;

    if (text)
        add(facts, NULL, "serialNumber", text, strlen(text));
    OPENSSL_free(text);
    BN_free(number);
}

/* "DNS:localhost, IP Address:127.0.0.1"; names with a comma or a quote inside cannot pass for two. */
static void add_names(struct certificate_facts *facts, X509 *certificate, BIO *bio)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        bool plain = true;

        if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI) {
            const char *text = (const char *)ASN1_STRING_get0_data(name->d.ia5);
            int length = ASN1_STRING_length(name->d.ia5);

            for (int c = 0; c < length; c++)
                plain &= text[c] > ' ' && text[c] < 127 && !strchr(",\"\\'", text[c]);
        }
        if (i > 0)
            BIO_puts(bio, ", ");
        if (plain)
            GENERAL_NAME_print(bio, name);
        else
            BIO_puts(bio, "<unprintable>");
    }
    GENERAL_NAMES_free(names);
    add_printed(facts, "subjectaltname", bio);
}

static void add_raw(struct certificate_facts *facts, X509 *certificate)
{
    uint8_t *der = NULL;
    int length = i2d_X509(certificate, &der);

    if (length > 0)
        add(facts, NULL, "raw", der, (size_t)length);
    OPENSSL_free(der);
}

static void describe(X509 *certificate, BIO *bio, struct certificate_facts *facts)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);

    add_raw(facts, certificate);
    add_name(facts, "subject", X509_get_subject_name(certificate));
    add_name(facts, "issuer", X509_get_issuer_name(certificate));
    add_names(facts, certificate, bio);
    ASN1_TIME_print(bio, X509_get0_notBefore(certificate));
    add_printed(facts, "valid_from", bio);
    ASN1_TIME_print(bio, X509_get0_notAfter(certificate));
    add_printed(facts, "valid_to", bio);
    add_hash(facts, "fingerprint", certificate, EVP_sha1());
    add_hash(facts, "fingerprint256", certificate, EVP_sha256());
    add_hash(facts, "fingerprint512", certificate, EVP_sha512());
    add_serial(facts, certificate);
    facts->is_authority = X509_check_ca(certificate) == 1;
    facts->bits = key ? EVP_PKEY_get_bits(key) : 0;
}

bool tls_certificate_describe(const struct transport *t, bool own, struct certificate_facts *out)
{
    const struct tls *tls = list_entry(t, struct tls, base);
    X509 *certificate;
    BIO *bio;

    out->count = out->used = 0;
    if (t->kind != &tls_kind)
        return false;
    certificate = own ? SSL_get_certificate(tls->ssl) : SSL_get0_peer_certificate(tls->ssl);
    bio = certificate ? BIO_new(BIO_s_mem()) : NULL;
    if (!bio)
        return false;
    describe(certificate, bio, out);
    BIO_free(bio);
    ERR_clear_error();
    return true;
}
