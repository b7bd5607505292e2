#include "test.h"

#include "base/random.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Each child draws its own. */
static void test_fork(void **state)
{
    (void)state;
    uint64_t values[3];
    int pipes[2];
    rb_random_u64();
    assert_int_equal(pipe(pipes), 0);
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            uint64_t value = rb_random_u64();
            _exit(write(pipes[1], &value, sizeof value) == sizeof value ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(read(pipes[0], &values[i], sizeof values[i]), sizeof values[i]);
    }
    values[2] = rb_random_u64();
    assert_true(values[0] != values[1] && values[1] != values[2] && values[0] != values[2]);
    close(pipes[0]);
    close(pipes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_uses_its_alphabet),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
