#include "test.h"

#include "base/check.h"
#include "base/hash.h"

/* The key 00 01 .. 0f of the SipHash paper, and messages 00 01 02 .. as there. The results are those of
 * OpenSSL: openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:8 -macopt c-rounds:1
 *         -macopt d-rounds:3 -in MESSAGE SIPHASH
 * which prints the bytes from the lowest. */
static const uint64_t key0 = 0x0706050403020100u, key1 = 0x0f0e0d0c0b0a0908u;

static void test_vectors(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        uint64_t hash;
    } rows[] = {
        {0, 0xabac0158050fc4dcu},  {1, 0xc9f49bf37d57ca93u},  {7, 0xd3927d989bb11140u},
        {8, 0x369095118d299a8eu},  {9, 0x25a48eb36c063de4u},  {15, 0xd320d86d2a519956u},
        {16, 0xcc4fdd1a7d908b66u}, {63, 0x9d199062b7bbb3a8u},
    };
    unsigned char message[63];
    for (size_t i = 0; i < sizeof message; i++) message[i] = (unsigned char)i;
    for (size_t i = 0; i < RB_COUNT(rows); i++)
        assert_true(rb_hash_keyed(rb_str_make(message, rows[i].n), key0, key1) == rows[i].hash);
    assert_true(rb_hash_keyed(RB_STR_NONE, key0, key1) == rows[0].hash);
}

/* Python 3.11 hashes bytes in the same way; with PYTHONHASHSEED=0 the key is all zeros. */
static void test_vectors_of_python(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        uint64_t hash;
    } rows[] = {
        {"a", 0x407448d2b89b1813u},
        {"ringback", 0x99b5ad88379d704bu},
        {"0123456789", 0x52b62a4184e1c734u},
        {"\xff\x80\x01", 0x8f055ce2bb609de8u},
        {"Ringback rings the caller back", 0xc3b48e785c938998u},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++)
        assert_true(rb_hash_keyed(rb_str_of(rows[i].message), 0, 0) == rows[i].hash);
}

/* A bit more in the message or the key is another hash; where the message lies does not matter. */
static void test_keyed(void **state)
{
    (void)state;
    char message[2][40];
    for (size_t i = 0; i < sizeof message[0]; i++) message[0][i] = message[1][i] = (char)i;
    for (size_t n = 1; n < 32; n++) {
        rb_str s = rb_str_make(message[0], n);
        uint64_t hash = rb_hash_keyed(s, key0, key1);
        assert_true(hash != rb_hash_keyed(s, key0 ^ 1, key1));
        assert_true(hash != rb_hash_keyed(s, key0, key1 ^ 1));
        assert_true(hash != rb_hash_keyed(rb_str_make(message[0], n - 1), key0, key1));
        for (size_t shift = 0; shift < 8; shift++) {
            for (size_t i = 0; i < n; i++) message[1][shift + i] = message[0][i];
            assert_true(hash == rb_hash_keyed(rb_str_make(message[1] + shift, n), key0, key1));
        }
        message[1][n - 1 + 7] ^= 0x40;
        assert_true(hash != rb_hash_keyed(rb_str_make(message[1] + 7, n), key0, key1));
    }
}

static void test_process_key(void **state)
{
    (void)state;
    assert_true(rb_hash(RB_STR("a")) == rb_hash(rb_str_make("abc", 1)));
    assert_true(rb_hash(RB_STR("a")) != rb_hash(RB_STR("b")));
    assert_true(rb_hash(RB_STR("a")) != rb_hash_keyed(RB_STR("a"), 0, 0)); /* it has a key at all */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_vectors_of_python),
        cmocka_unit_test(test_keyed),
        cmocka_unit_test(test_process_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
