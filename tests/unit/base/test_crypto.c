#include "test.h"

#include "base/check.h"
#include "base/crypto.h"

#include <stdio.h>

static const char *hex(const unsigned char *bytes, size_t n)
{
    static char text[2 * RB_SHA512_BYTES + 1];
    for (size_t i = 0; i < n; i++) snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

/* FIPS 180-4, the examples of its authors. */
static void test_digests(void **state)
{
    (void)state;
    static const struct {
        const char *data, *sha1, *sha256;
    } rows[] = {
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d",
         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    unsigned char out[RB_SHA256_BYTES];
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        rb_sha1(rb_str_of(rows[i].data), out);
        assert_string_equal(hex(out, RB_SHA1_BYTES), rows[i].sha1);
        rb_sha256(rb_str_of(rows[i].data), out);
        assert_string_equal(hex(out, RB_SHA256_BYTES), rows[i].sha256);
    }
    rb_sha1(RB_STR_NONE, out);
    assert_string_equal(hex(out, RB_SHA1_BYTES), rows[0].sha1);
}

/* RFC 4231, and the sample of an Envoy call (docs/doors/envoy.md). */
static void test_hmac(void **state)
{
    (void)state;
    unsigned char out[RB_SHA512_BYTES];
    rb_hmac_sha256(RB_STR("Jefe"), RB_STR("what do ya want for nothing?"), out);
    assert_string_equal(hex(out, RB_SHA256_BYTES),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    rb_hmac_sha512(RB_STR("Jefe"), RB_STR("what do ya want for nothing?"), out);
    assert_string_equal(hex(out, RB_SHA512_BYTES),
                        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
    rb_hmac_sha512(
        RB_STR("ringback-demo-secret"),
        RB_STR("{\"jsonrpc\":\"2.0\",\"method\":\"get_envoy_token\",\"id\":\"7\",\"params\":{\"reusable_"
               "minutes\":60,\"Task\":{\"task_context\":\"order-4711\",\"timeout\":10}}}"),
        out);
    assert_string_equal(hex(out, RB_SHA512_BYTES),
                        "3b5fa1644d6a2ce046d8259fe9815df1d48f6d57eda241e27b0c35f5559f65b5"
                        "d3033fd642bedf018d36f67bf7217a96de1caa50cca2f0e7d0a550f2f816c3fe");
    rb_hmac_sha256(RB_STR_NONE, RB_STR_NONE, out);
    assert_string_equal(hex(out, RB_SHA256_BYTES),
                        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 7914, section 12. */
static void test_scrypt(void **state)
{
    (void)state;
    unsigned char out[RB_SHA512_BYTES];
    struct rb_scrypt_cost cost = {.log2_n = 4, .r = 1, .p = 1};
    assert_true(rb_scrypt(RB_STR_NONE, RB_STR(""), cost, out, sizeof out));
    assert_string_equal(hex(out, sizeof out),
                        "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                        "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
    cost = (struct rb_scrypt_cost){.log2_n = 14, .r = 8, .p = 1};
    assert_true(rb_scrypt(RB_STR("pleaseletmein"), RB_STR("SodiumChloride"), cost, out, sizeof out));
    assert_string_equal(hex(out, sizeof out),
                        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
    cost.log2_n = 15; /* more memory than OpenSSL grants unasked */
    assert_true(rb_scrypt(RB_STR("x"), RB_STR("y"), cost, out, sizeof out));
    static const struct rb_scrypt_cost wrong[] = {{0, 8, 1},  {15, 0, 1},  {15, 8, 0},
                                                  {21, 8, 1}, {15, 33, 1}, {15, 8, 17}};
    for (size_t i = 0; i < RB_COUNT(wrong); i++)
        assert_false(rb_scrypt(RB_STR("x"), RB_STR("y"), wrong[i], out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_digests), cmocka_unit_test(test_hmac),
                                       cmocka_unit_test(test_scrypt)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
