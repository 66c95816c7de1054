/* tls_pem: reads certificates and keys, and says what was expected and what was found. Of a key's text
 * nothing is ever shown but the label of its block. */
#include <stdio.h>
#include <string.h>

#include "net/tls_internal.h"

#define BEGIN "-----BEGIN "

const char *tls_reason(void)
{
    static char number[32];
    unsigned long code = ERR_get_error(); /* the first: those behind it say who passed it on */
    const char *text;

    ERR_clear_error();
    if (!code)
        return "unknown reason";
    text = ERR_reason_error_string(code);
    if (text)
        return text;
    snprintf(number, sizeof(number), "error %08lx", code);
    return number;
}

void tls_describe(struct failure *failure, const char *fallback, const char *what)
{
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_reason_error_string(error) : NULL;
    char code[sizeof(failure->code)];

    snprintf(code, sizeof(code), "%s", fallback);
    if (reason) {
        snprintf(code, sizeof(code), "ERR_SSL_%s", reason);
        for (char *c = code; *c; c++)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c == ' ' ? '_' : *c);
    }
    failure_set(failure, ERR_TLS, code, "%s: %s", what, tls_reason());
}

/* What a text that should be PEM is instead. */
static const char *describe(const char *text, char *out, size_t cap)
{
    const char *begin = text ? strstr(text, BEGIN) : NULL, *end;

    if (!text || !*text)
        snprintf(out, cap, "nothing");
    else if (!begin)
        snprintf(out, cap, "text without any PEM block");
    else if (!(end = strstr(begin + strlen(BEGIN), "-----")) || end - begin > 60)
        snprintf(out, cap, "a PEM block whose first line is damaged");
    else
        snprintf(out, cap, "a \"%.*s\" block", (int)(end - begin - (long)strlen(BEGIN)),
                 begin + strlen(BEGIN));
    return out;
}

/* Never asks on the terminal, as OpenSSL's own would. */
static int no_passphrase(char *out, int cap, int writing, void *unused)
{
    (void)out, (void)cap, (void)writing, (void)unused;
    return -1;
}

enum err tls_pem_certificates(const char *text, const char *what, const char *code,
                              struct stack_st_X509 **out, struct failure *failure)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(text ? text : "", -1);
    enum err err = ERR_NOMEM;
    char found[80];
    int count = 0;
    X509 *one;

    *out = NULL;
    if (!all || !bio) {
        failure_set(failure, err, "ENOMEM", "%s cannot be read: out of memory", what);
        goto done;
    }
    ERR_clear_error();
    while ((one = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
        count++;
        if (!sk_X509_push(all, one)) {
            X509_free(one);
            goto done;
        }
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        err = failure_set(failure, ERR_TLS, code, "certificate %d of %s cannot be read: %s",
                          count + 1, what, tls_reason());
    else if (count == 0)
        err = failure_set(failure, ERR_TLS, code,
                          "%s: expected a \"CERTIFICATE\" block in PEM, found %s", what,
                          describe(text, found, sizeof(found)));
    else
        err = OK;
done:
    BIO_free(bio);
    ERR_clear_error();
    if (err) {
        sk_X509_pop_free(all, X509_free);
        return err;
    }
    *out = all;
    return OK;
}

struct passphrase {
    const char *text; /* NULL: none was given */
    bool was_asked;
};

static int give_passphrase(char *out, int cap, int writing, void *data)
{
    struct passphrase *passphrase = data;
    size_t length = passphrase->text ? strlen(passphrase->text) : 0;

    (void)writing;
    passphrase->was_asked = true;
    if (!passphrase->text || length > (size_t)cap)
        return -1;
    memcpy(out, passphrase->text, length);
    return (int)length;
}

enum err tls_pem_key(const char *text, const char *passphrase, EVP_PKEY **out,
                     struct failure *failure)
{
    struct passphrase asked = {.text = passphrase};
    BIO *bio = BIO_new_mem_buf(text ? text : "", -1);
    enum err err = OK;
    char found[80];

    *out = NULL;
    if (!bio)
        return failure_set(failure, ERR_NOMEM, "ENOMEM",
                           "the private key cannot be read: out of memory");
    ERR_clear_error();
    *out = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked);
    BIO_free(bio);
    if (*out)
        err = OK;
    else if (asked.was_asked && !passphrase)
        err = failure_set(failure, ERR_TLS, "ERR_TLS_PASSPHRASE",
                          "the private key is encrypted: expected a passphrase, none was given");
    else if (asked.was_asked)
        err = failure_set(failure, ERR_TLS, "ERR_TLS_PASSPHRASE",
                          "the passphrase given does not open the private key");
    else if (!text || !strstr(text, "PRIVATE KEY-----"))
        err = failure_set(failure, ERR_TLS, "ERR_TLS_KEY",
                          "the private key: expected a \"PRIVATE KEY\" block in PEM, found %s",
                          describe(text, found, sizeof(found)));
    else
        err = failure_set(failure, ERR_TLS, "ERR_TLS_KEY", "the private key cannot be read: %s",
                          tls_reason());
    ERR_clear_error();
    return err;
}
