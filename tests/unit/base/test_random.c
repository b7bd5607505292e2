#include "test.h"

#include "base/random.h"

#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";

static void test_text(void **state)
{
    (void)state;
    char text[300];
    for (size_t n = 0; n < 260; n++) {
        memset(text, '#', sizeof text);
        rb_random_text(text, n);
        assert_int_equal(strlen(text), n);
        assert_int_equal(strspn(text, alphabet), n);
        assert_int_equal(text[n + 1], '#');
    }
}

/* Each of the 64 characters comes about as often as the others. The bounds are nine standard deviations wide.
 */
static void test_text_uses_its_alphabet(void **state)
{
    (void)state;
    enum { N = 64 * 400 };
    static char text[N + 1];
    int counts[256] = {0};
    rb_random_text(text, N);
    for (int i = 0; i < N; i++) counts[(unsigned char)text[i]]++;
    for (int i = 0; i < 64; i++) assert_in_range(counts[(unsigned char)alphabet[i]], 400 - 180, 400 + 180);
}

static void test_bytes(void **state)
{
    (void)state;
    unsigned char a[4096], b[4096]; /* more than the kernel gives without a possible interruption */
    memset(a, 0, sizeof a);
    rb_random_bytes(a, sizeof a);
    rb_random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + sizeof a - 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16); /* filled to its end */
    unsigned char one[3] = {7, 7, 7};
    rb_random_bytes(one, 0);
    assert_memory_equal(one, "\7\7\7", 3);
    assert_true(rb_random_u64() != rb_random_u64());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_uses_its_alphabet),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
