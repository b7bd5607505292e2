#include "test.h"

#include "base/check.h"
#include "base/str.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAGIC = 0x5a5a0001, OTHER = 0x5a5a0002 };

struct thing {
    uint32_t magic;
    int value;
};

static void break_a_check(void *argument)
{
    RB_CHECK(argument != NULL);
}

static void recover(void *object)
{
    (void)RB_RECOVER(struct thing, object, MAGIC);
}

/* Runs it in a child; true when that was aborted with `said` on its standard error. */
static bool is_aborted(void (*run)(void *), void *argument, const char *said)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL); /* cmocka has a handler of its own */
        run(argument);
        _exit(0);
    }
    close(ends[1]);
    char text[1000];
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], text + n, sizeof text - n)) > 0;) n += (size_t)got;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    bool found = false;
    for (size_t i = 0; i < n && !found; i++)
        found = rb_str_starts(rb_str_make(text + i, n - i), rb_str_of(said));
    return found && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_checks(void **state)
{
    (void)state;
    RB_CHECK(1 + 1 == 2);
    assert_true(is_aborted(break_a_check, NULL, "argument != NULL"));
    assert_true(is_aborted(break_a_check, NULL, "test_check.c:"));
}

static void test_recovering(void **state)
{
    (void)state;
    struct thing good = {.magic = MAGIC, .value = 7}, other = {.magic = OTHER};
    assert_int_equal(RB_RECOVER(struct thing, &good, MAGIC)->value, 7);
    assert_false(is_aborted(recover, &good, ""));
    assert_true(is_aborted(recover, &other, "another kind"));
    assert_true(is_aborted(recover, NULL, "another kind"));
}

static void test_outer(void **state)
{
    (void)state;
    struct thing thing = {.value = 7};
    assert_ptr_equal(RB_OUTER(&thing.value, struct thing, value), &thing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_recovering),
        cmocka_unit_test(test_outer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
