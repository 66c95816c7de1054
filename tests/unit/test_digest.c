/* crypto/digest: known answers, in one piece and in many. */
#include "support.h"

#include "crypto/digest.h"

static const char *hex(const uint8_t *bytes, size_t length)
{
    static char out[2 * DIGEST_MAX_BYTES + 1];

    for (size_t i = 0; i < length; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    out[2 * length] = '\0';
    return out;
}

static const char *digest_of(const char *name, const uint8_t *key, size_t key_length,
                             const void *bytes, size_t length, size_t step)
{
    struct digest *digest;
    uint8_t out[DIGEST_MAX_BYTES];
    size_t out_length;

    if (digest_new(name, key, key_length, &digest))
        fail_msg("%s is not known", name);
    for (size_t at = 0; at < length; at += step)
        assert_int_equal(digest_update(digest, (const uint8_t *)bytes + at,
                                       length - at < step ? length - at : step),
                         OK);
    assert_int_equal(digest_final(digest, out, &out_length), OK);
    digest_free(&digest);
    return hex(out, out_length);
}

static void known_digests_come_out_however_the_bytes_are_cut(void **state)
{
    static const struct {
        const char *name, *text, *want;
    } cases[] = {
        {"md5", "abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"sha1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"SHA-256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"Sha256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"sha384", "abc",
         "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
         "8086072ba1e7cc2358baeca134c825a7"},
        {"sha512", "abc",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
        {"sha512-256", "abc", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
        {"sha3-256", "abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
        {"sha256", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t step = 1; step <= 60; step += 13)
            assert_string_equal(
                digest_of(cases[i].name, NULL, 0, cases[i].text, strlen(cases[i].text), step),
                cases[i].want);
}

/* RFC 4231 section 4, cases 1 to 4, 6 and 7 (5 is a shortened result). */
static void hmac_gives_the_answers_of_rfc_4231(void **state)
{
    static uint8_t key_20[20], key_131[131], key_25[25], data_50_dd[50], data_50_cd[50];
    static const char large[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    static const char larger[] =
        "This is a test using a larger than block-size key and a larger than block-size data. "
        "The key needs to be hashed before being used by the HMAC algorithm.";
    const struct {
        const void *key, *data;
        size_t key_length, length;
        const char *sha256, *sha512;
    } cases[] = {
        {key_20, "Hi There", 20, 8,
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
         "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
         "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
        {"Jefe", "what do ya want for nothing?", 4, 28,
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
         "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
         "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
        {"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa",
         data_50_dd, 20, 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
         "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
         "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"},
        {key_25, data_50_cd, 25, 50,
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
         "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
         "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"},
        {key_131, large, 131, sizeof(large) - 1,
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
         "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
         "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
        {key_131, larger, 131, sizeof(larger) - 1,
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
         "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
         "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58"},
    };

    (void)state;
    memset(key_20, 0x0b, sizeof(key_20));
    memset(key_131, 0xaa, sizeof(key_131));
    memset(data_50_dd, 0xdd, sizeof(data_50_dd));
    memset(data_50_cd, 0xcd, sizeof(data_50_cd));
    for (size_t i = 0; i < sizeof(key_25); i++)
        key_25[i] = (uint8_t)(i + 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t step = 1; step <= 200; step += 99) {
            assert_string_equal(digest_of("sha256", cases[i].key, cases[i].key_length,
                                          cases[i].data, cases[i].length, step),
                                cases[i].sha256);
            assert_string_equal(digest_of("SHA512", cases[i].key, cases[i].key_length,
                                          cases[i].data, cases[i].length, step),
                                cases[i].sha512);
        }
    }
}

static void an_empty_key_is_a_key(void **state)
{
    (void)state;
    assert_string_equal(digest_of("sha256", (const uint8_t *)"", 0, "", 0, 1),
                        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void unknown_names_are_not_found(void **state)
{
    static const char *const names[] = {"", "sha257", "shake128", "null", "sha256 ", "provider=x"};
    struct digest *digest;
    size_t before = mem_live();

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(digest_new(names[i], NULL, 0, &digest), ERR_NOT_FOUND);
        assert_null(digest);
        assert_int_equal(digest_new(names[i], (const uint8_t *)"k", 1, &digest), ERR_NOT_FOUND);
    }
    assert_int_equal(mem_live(), before);
}

static void nothing_goes_on_after_the_end(void **state)
{
    static const uint8_t *const keys[] = {NULL, (const uint8_t *)"k"};
    uint8_t out[DIGEST_MAX_BYTES];
    struct digest *digest;
    size_t length;

    (void)state;
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_int_equal(digest_new("sha1", keys[i], 1, &digest), OK);
        assert_int_equal(digest_final(digest, out, &length), OK);
        assert_int_equal(length, 20);
        assert_int_equal(digest_final(digest, out, &length), ERR_STATE);
        assert_int_equal(length, 0);
        assert_int_equal(digest_update(digest, out, 1), ERR_STATE);
        digest_free(&digest);
        digest_free(&digest);
    }
}

static void random_bytes_differ(void **state)
{
    uint8_t a[64] = {0}, b[64] = {0};

    (void)state;
    assert_int_equal(random_bytes(a, sizeof(a)), OK);
    assert_int_equal(random_bytes(b, sizeof(b)), OK);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_int_equal(random_bytes(a, 0), OK);
}

static void a_failed_allocation_makes_no_digest(void **state)
{
    struct digest *digest;
    size_t before = mem_live();

    (void)state;
    mem_fail_at(1);
    assert_int_equal(digest_new("sha256", NULL, 0, &digest), ERR_NOMEM);
    assert_null(digest);
    assert_int_equal(mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests_come_out_however_the_bytes_are_cut),
        cmocka_unit_test(hmac_gives_the_answers_of_rfc_4231),
        cmocka_unit_test(an_empty_key_is_a_key),
        cmocka_unit_test(unknown_names_are_not_found),
        cmocka_unit_test(nothing_goes_on_after_the_end),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(a_failed_allocation_makes_no_digest),
    };

    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
