/* crypto/certificate: the development certificate is what it says, and its time can be asked for. */
#include "support.h"

#include "crypto/certificate.h"
#include "crypto/openssl.h"

#define DAY_S (24L * 60 * 60)

static X509 *read_certificate(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(certificate);
    return certificate;
}

static void it_is_for_localhost_in_all_its_forms(void **state)
{
    size_t before = mem_live();
    char *certificate, *key;
    EVP_PKEY *pair;
    BIO *bio;
    X509 *x509;

    (void)state;
    assert_int_equal(certificate_make_development(&certificate, &key), OK);
    x509 = read_certificate(certificate);
    bio = BIO_new_mem_buf(key, -1);
    pair = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(pair);
    assert_int_equal(X509_check_private_key(x509, pair), 1);
    assert_int_equal(X509_verify(x509, pair), 1); /* signed by itself */
    assert_true(EVP_PKEY_is_a(pair, "EC"));
    assert_int_equal(EVP_PKEY_get_bits(pair), 256);
    assert_int_equal(X509_check_host(x509, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(x509, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(x509, "::1", 0), 1);
    assert_int_equal(X509_check_host(x509, "example.org", 0, 0, NULL), 0);
    assert_int_not_equal(X509_check_ca(x509), 0);
    EVP_PKEY_free(pair);
    BIO_free(bio);
    X509_free(x509);
    mem_free(certificate);
    mem_free(key);
    assert_int_equal(mem_live(), before);
}

static void two_are_never_the_same(void **state)
{
    char *certificates[2], *keys[2];
    X509 *x509[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(certificate_make_development(&certificates[i], &keys[i]), OK);
        x509[i] = read_certificate(certificates[i]);
    }
    assert_string_not_equal(keys[0], keys[1]);
    assert_int_not_equal(
        ASN1_INTEGER_cmp(X509_get0_serialNumber(x509[0]), X509_get0_serialNumber(x509[1])), 0);
    for (int i = 0; i < 2; i++) {
        X509_free(x509[i]);
        mem_free(certificates[i]);
        mem_free(keys[i]);
    }
}

static void it_is_good_for_90_days(void **state)
{
    char *certificate, *key;

    (void)state;
    assert_int_equal(certificate_make_development(&certificate, &key), OK);
    assert_int_equal(certificate_check_time(certificate, 0), OK);
    assert_int_equal(certificate_check_time(certificate, 90 * DAY_S - 60), OK);
    assert_int_equal(certificate_check_time(certificate, 90 * DAY_S + 60), ERR_TIMEOUT);
    mem_free(certificate);
    mem_free(key);
}

static void text_that_is_no_certificate_is_invalid(void **state)
{
    static const char *const texts[] = {
        "", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(certificate_check_time(texts[i], 0), ERR_INVALID);
}

static void a_failed_allocation_leaves_nothing(void **state)
{
    size_t before = mem_live();
    char *certificate, *key;

    (void)state;
    for (uint64_t n = 1; n <= 2; n++) {
        mem_fail_at(n);
        assert_int_equal(certificate_make_development(&certificate, &key), ERR_NOMEM);
        assert_null(certificate);
        assert_null(key);
        assert_int_equal(mem_live(), before);
    }
    mem_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_for_localhost_in_all_its_forms),
        cmocka_unit_test(two_are_never_the_same),
        cmocka_unit_test(it_is_good_for_90_days),
        cmocka_unit_test(text_that_is_no_certificate_is_invalid),
        cmocka_unit_test(a_failed_allocation_leaves_nothing),
    };

    return cmocka_run_group_tests_name("certificate", tests, NULL, NULL);
}
