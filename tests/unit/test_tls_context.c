/* net/tls_context: options that are wrong are said in one clear sentence. */
#include "identity.h"

#include "net/tls_context.h"

static struct identity server, other, authority;

static int make_identities(void **state)
{
    (void)state;
    identity_make(&authority, &(struct identity_options){.name = "authority", .authority = true});
    identity_make(&server,
                  &(struct identity_options){.name = "localhost", .names = "DNS:localhost"});
    identity_make(&other, &(struct identity_options){.name = "other", .issuer = &authority});
    return 0;
}

static int free_identities(void **state)
{
    (void)state;
    identity_free(&authority);
    identity_free(&server);
    identity_free(&other);
    return 0;
}

static struct tls_options server_options(void)
{
    return (struct tls_options){.server = true,
                                .certificate = server.certificate,
                                .key = server.key,
                                .alpn = "h2",
                                .session_tickets = true};
}

static void must_work(const struct tls_options *options)
{
    size_t before = mem_live();
    struct tls_context *context;
    struct failure failure;

    if (tls_context_new(options, &context, &failure))
        fail_msg("%s", failure.text);
    tls_context_drop(&context);
    assert_null(context);
    tls_context_drop(&context);
    assert_int_equal(mem_live(), before);
    assert_int_equal(ERR_peek_error(), 0);
}

/* The whole sentence, or its beginning when `sentence` ends with "...". */
static void must_fail(const struct tls_options *options, const char *code, const char *sentence)
{
    size_t before = mem_live(), length = strlen(sentence);
    struct tls_context *context = (struct tls_context *)&before;
    struct failure failure = {0};
    enum err err = tls_context_new(options, &context, &failure);

    assert_int_not_equal(err, OK);
    assert_int_equal(err, failure.err);
    assert_null(context);
    assert_string_equal(failure.code, code);
    if (length > 3 && strcmp(sentence + length - 3, "...") == 0 && strlen(failure.text) > length - 3)
        failure.text[length - 3] = '\0', strcat(failure.text, "...");
    assert_string_equal(failure.text, sentence);
    assert_int_equal(mem_live(), before);
    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(tls_context_new(options, &context, NULL), err);
}

static void good_options_work(void **state)
{
    struct tls_options options = server_options();
    char chain[10000];

    (void)state;
    must_work(&options);
    options.min_version = "TLSv1.3";
    options.groups = "P-256:X25519";
    options.ca = authority.certificate;
    options.request_certificate = options.verify_peer = true;
    must_work(&options);
    options = (struct tls_options){0}; /* a client that checks nothing */
    must_work(&options);
    options.verify_peer = true;
    options.ca = authority.certificate;
    options.alpn = "h2,http/1.1";
    must_work(&options);
    options = server_options();
    snprintf(chain, sizeof(chain), "a comment\n%s\nanother\n%s", other.certificate,
             authority.certificate);
    options.certificate = chain;
    options.key = other.key;
    must_work(&options);
}

static void a_certificate_that_is_none_is_refused(void **state)
{
    struct tls_options options = server_options();
    char damaged[5000];

    (void)state;
    options.certificate = NULL;
    must_fail(&options, "ERR_TLS_CERT",
              "the certificate: expected a \"CERTIFICATE\" block in PEM, found nothing");
    options.certificate = "";
    must_fail(&options, "ERR_TLS_CERT",
              "the certificate: expected a \"CERTIFICATE\" block in PEM, found nothing");
    options.certificate = "what is this?";
    must_fail(
        &options, "ERR_TLS_CERT",
        "the certificate: expected a \"CERTIFICATE\" block in PEM, found text without any PEM block");
    options.certificate = server.key;
    must_fail(
        &options, "ERR_TLS_CERT",
        "the certificate: expected a \"CERTIFICATE\" block in PEM, found a \"PRIVATE KEY\" block");
    options.certificate = "-----BEGIN CERTIFICATE";
    must_fail(
        &options, "ERR_TLS_CERT",
        "the certificate: expected a \"CERTIFICATE\" block in PEM, found a PEM block whose first "
        "line is damaged");
    strcpy(damaged, server.certificate);
    damaged[100] = '!';
    options.certificate = damaged;
    must_fail(&options, "ERR_TLS_CERT", "certificate 1 of the certificate cannot be read: ...");
    snprintf(damaged, sizeof(damaged), "%s%.300s", server.certificate, authority.certificate);
    must_fail(&options, "ERR_TLS_CERT", "certificate 2 of the certificate cannot be read: ...");
}

static void a_key_that_is_none_is_refused(void **state)
{
    struct tls_options options = server_options();
    char damaged[2000];

    (void)state;
    options.key = NULL;
    must_fail(&options, "ERR_TLS_KEY",
              "the private key: expected a \"PRIVATE KEY\" block in PEM, found nothing");
    options.key = server.certificate;
    must_fail(
        &options, "ERR_TLS_KEY",
        "the private key: expected a \"PRIVATE KEY\" block in PEM, found a \"CERTIFICATE\" block");
    strcpy(damaged, server.key);
    damaged[60] = '!';
    options.key = damaged;
    must_fail(&options, "ERR_TLS_KEY", "the private key cannot be read: ...");
    options = (struct tls_options){.certificate = server.certificate}; /* a client needs both, too */
    must_fail(&options, "ERR_TLS_KEY",
              "the private key: expected a \"PRIVATE KEY\" block in PEM, found nothing");
}

static void a_key_of_another_certificate_is_refused(void **state)
{
    struct tls_options options = server_options();

    (void)state;
    options.key = other.key;
    must_fail(&options, "ERR_TLS_KEY_MISMATCH",
              "the private key does not match the certificate (subject CN=localhost)");
}

static void an_encrypted_key_needs_its_passphrase(void **state)
{
    struct tls_options options = server_options();
    BIO *bio = BIO_new(BIO_s_mem());
    char key[2000];

    (void)state;
    PEM_write_bio_PKCS8PrivateKey(bio, server.pair, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
    identity_text(bio, key, sizeof(key));
    options.key = key;
    must_fail(&options, "ERR_TLS_PASSPHRASE",
              "the private key is encrypted: expected a passphrase, none was given");
    options.passphrase = "wrong";
    must_fail(&options, "ERR_TLS_PASSPHRASE", "the passphrase given does not open the private key");
    options.passphrase = "secret";
    must_work(&options);
    bio = BIO_new(BIO_s_mem()); /* the older form */
    PEM_write_bio_PrivateKey_traditional(bio, server.pair, EVP_aes_128_cbc(),
                                         (const unsigned char *)"secret", 6, NULL, NULL);
    identity_text(bio, key, sizeof(key));
    must_work(&options);
    options.passphrase = NULL;
    must_fail(&options, "ERR_TLS_PASSPHRASE",
              "the private key is encrypted: expected a passphrase, none was given");
}

static void authorities_that_are_none_are_refused(void **state)
{
    struct tls_options options = {.verify_peer = true};

    (void)state;
    options.ca = "garbage";
    must_fail(
        &options, "ERR_TLS_CA",
        "the trusted authority (ca): expected a \"CERTIFICATE\" block in PEM, found text without "
        "any PEM block");
}

static void versions_are_checked(void **state)
{
    struct tls_options options = server_options();

    (void)state;
    options.min_version = "TLSv1.1";
    must_fail(&options, "ERR_TLS_VERSION",
              "the lowest TLS version: expected \"TLSv1.2\" or \"TLSv1.3\", found \"TLSv1.1\"");
    options.min_version = "TLSv1.3";
    options.max_version = "tls1.2";
    must_fail(&options, "ERR_TLS_VERSION",
              "the highest TLS version: expected \"TLSv1.2\" or \"TLSv1.3\", found \"tls1.2\"");
    options.max_version = "TLSv1.2";
    must_fail(&options, "ERR_TLS_VERSION",
              "the lowest TLS version, TLSv1.3, is above the highest, TLSv1.2");
}

static void ciphers_and_groups_are_checked(void **state)
{
    struct tls_options options = server_options();
    static const char *const bad[] = {"", "nothing", "TLS_NOTHING",
                                      "TLS_AES_128_GCM_SHA256:nothing"};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        char sentence[200];

        options.ciphers = bad[i];
        snprintf(sentence, sizeof(sentence),
                 "ciphers: expected names of suites with \":\" between, none is known in \"%s\"",
                 bad[i]);
        must_fail(&options, "ERR_TLS_CIPHERS", sentence);
    }
    options.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_256_GCM_SHA384:nothing";
    must_work(&options);
    options.ciphers = "TLS_AES_256_GCM_SHA384";
    must_work(&options);
    options.groups = "P-257";
    must_fail(&options, "ERR_TLS_GROUPS",
              "groups: expected known names with \":\" between such as \"X25519:P-256\", found "
              "\"P-257\"");
}

static void protocol_lists_are_checked(void **state)
{
    static const char *const bad[] = {",", "h2,", ",h2", "h2,,http/1.1"};
    struct tls_options options = server_options();

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        char sentence[200];

        options.alpn = bad[i];
        snprintf(sentence, sizeof(sentence),
                 "alpn: expected names of 1 to 255 bytes with \",\" between, found \"%s\"", bad[i]);
        must_fail(&options, "ERR_TLS_ALPN", sentence);
    }
    options.alpn = "";
    must_work(&options);
}

static void names_are_checked_and_held(void **state)
{
    static const char *const bad[] = {"", "*", "*.", "a.*.b", "*a.b", "*.*.b"};
    struct tls_options options = server_options(), client = {0};
    size_t before = mem_live();
    struct tls_context *a, *b, *c, *again;
    char name[300];

    (void)state;
    assert_int_equal(tls_context_new(&options, &a, NULL), OK);
    assert_int_equal(tls_context_new(&options, &b, NULL), OK);
    assert_int_equal(tls_context_new(&client, &c, NULL), OK);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(tls_context_add_name(a, bad[i], b), ERR_INVALID);
    memset(name, 'a', sizeof(name));
    name[254] = '\0';
    assert_int_equal(tls_context_add_name(a, name, b), ERR_INVALID);
    assert_int_equal(tls_context_add_name(a, "example.org", a), ERR_INVALID);
    assert_int_equal(tls_context_add_name(a, "example.org", c), ERR_INVALID);
    for (uint64_t n = 1; n <= 2; n++) {
        mem_fail_at(n);
        assert_int_equal(tls_context_add_name(a, "example.org", b), ERR_NOMEM);
    }
    assert_int_equal(tls_context_add_name(a, "example.org", b), OK);
    assert_int_equal(tls_context_add_name(a, "*.example.org", b), OK);
    assert_int_equal(tls_context_add_name(a, "EXAMPLE.org", b), OK);
    tls_context_drop(&b);
    tls_context_hold(a);
    again = a;
    tls_context_drop(&again);
    tls_context_drop(&a);
    tls_context_drop(&c);
    assert_int_equal(mem_live(), before);
}

static void signatures_revocations_and_session_names_are_checked(void **state)
{
    struct tls_options options = server_options();

    (void)state;
    options.signatures = "ECDSA+SHA256:RSA-PSS+SHA256";
    must_work(&options);
    options.signatures = "nothing";
    must_fail(&options, "ERR_TLS_SIGNATURES",
              "signatures: expected known names with \":\" between such as \"ECDSA+SHA256\", found "
              "\"nothing\"");
    options = server_options();
    options.crl = server.certificate;
    must_fail(&options, "ERR_TLS_CRL", "the crl: expected an \"X509 CRL\" block in PEM...");
    options = server_options();
    options.session_name = "a name of 33 bytes, which is more";
    must_fail(&options, "ERR_TLS_SESSION",
              "the name of the sessions: expected at most 32 bytes, found 33");
    options.session_name = "mine";
    options.session_timeout_s = 100;
    options.client_order = true;
    must_work(&options);
}

static void a_server_needs_a_certificate_or_somebody_to_ask(void **state)
{
    struct tls_identity more = {.certificate = server.certificate, .key = server.key};
    struct tls_options options = server_options();

    (void)state;
    options.certificate = options.key = NULL;
    must_fail(&options, "ERR_TLS_CERT", "the certificate: expected...");
    options.asks_name = true;
    must_work(&options);
    options.asks_name = false;
    options.more = &more;
    options.more_count = 1;
    must_work(&options);
    more.key = other.key;
    must_fail(&options, "ERR_TLS_KEY_MISMATCH",
              "the private key does not match the certificate (subject CN=localhost)");
    more = (struct tls_identity){.pfx = "nothing", .pfx_length = 7};
    must_fail(&options, "ERR_TLS_PFX", "the pfx: expected PKCS #12 in binary form...");
}

static void ticket_keys_are_set_and_shared(void **state)
{
    struct tls_options options = server_options();
    uint8_t keys[3][TLS_TICKET_KEY_BYTES], mine[TLS_TICKET_KEY_BYTES] = {1, 2, 3};
    struct tls_context *a, *b;

    (void)state;
    assert_int_equal(tls_context_new(&options, &a, NULL), OK);
    assert_int_equal(tls_context_new(&options, &b, NULL), OK);
    tls_context_ticket_key(a, keys[0]);
    tls_context_ticket_key(b, keys[1]);
    assert_memory_not_equal(keys[0], keys[1], sizeof(mine));
    assert_int_equal(tls_context_share_ticket_key(b, a), OK);
    tls_context_ticket_key(b, keys[1]);
    assert_memory_equal(keys[0], keys[1], sizeof(mine));
    assert_int_equal(tls_context_set_ticket_key(a, mine), OK);
    tls_context_ticket_key(a, keys[2]);
    assert_memory_equal(keys[2], mine, sizeof(mine));
    tls_context_ticket_key(b, keys[1]);
    assert_memory_equal(keys[0], keys[1], sizeof(mine));
    tls_context_drop(&a);
    tls_context_drop(&b);
}

static void a_failed_allocation_leaves_nothing(void **state)
{
    struct tls_options options = server_options();
    enum err err = ERR_NOMEM;

    (void)state;
    options.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_256_GCM_SHA384";
    for (uint64_t n = 1; err; n++) {
        size_t before = mem_live();
        struct tls_context *context;
        struct failure failure = {0};

        mem_fail_at(n);
        err = tls_context_new(&options, &context, &failure);
        mem_fail_at(0);
        assert_int_equal(err, failure.err);
        assert_true(err == OK || err == ERR_NOMEM);
        assert_true(n < 10);
        tls_context_drop(&context);
        assert_int_equal(mem_live(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_options_work),
        cmocka_unit_test(a_certificate_that_is_none_is_refused),
        cmocka_unit_test(a_key_that_is_none_is_refused),
        cmocka_unit_test(a_key_of_another_certificate_is_refused),
        cmocka_unit_test(an_encrypted_key_needs_its_passphrase),
        cmocka_unit_test(authorities_that_are_none_are_refused),
        cmocka_unit_test(versions_are_checked),
        cmocka_unit_test(ciphers_and_groups_are_checked),
        cmocka_unit_test(protocol_lists_are_checked),
        cmocka_unit_test(names_are_checked_and_held),
        cmocka_unit_test(signatures_revocations_and_session_names_are_checked),
        cmocka_unit_test(a_server_needs_a_certificate_or_somebody_to_ask),
        cmocka_unit_test(ticket_keys_are_set_and_shared),
        cmocka_unit_test(a_failed_allocation_leaves_nothing),
    };

    return cmocka_run_group_tests_name("tls_context", tests, make_identities, free_identities);
}
