#include "test.h"

#include "base/check.h"
#include "base/crypto.h"

#include <stdio.h>

static const char *hex(const unsigned char *bytes, size_t n)
{
    static char text[2 * RB_SHA256_BYTES + 1];
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_digests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
