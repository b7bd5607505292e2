#include "test.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"

#include <string.h>

static void test_appending(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    assert_str(rb_buf_str(&buf), "");
    assert_string_equal(rb_buf_text(&buf), "");
    rb_buf_add(&buf, "abc", 2);
    rb_buf_add(&buf, NULL, 0);
    rb_buf_add_str(&buf, RB_STR("-"));
    rb_buf_add_str(&buf, RB_STR_NONE);
    rb_buf_add_text(&buf, "text");
    rb_buf_add_char(&buf, '!');
    rb_buf_add_fmt(&buf, "%d%s", 42, "x");
    rb_buf_add_fmt(&buf, "%s", "");
    assert_str(rb_buf_str(&buf), "ab-text!42x");
    assert_string_equal(rb_buf_text(&buf), "ab-text!42x");
    assert_int_equal(buf.n, 11);
    rb_buf_fini(&buf);
    rb_buf_fini(&buf);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {7, "7"},
        {10, "10"},
        {-1, "-1"},
        {-10, "-10"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    struct rb_buf buf = {0};
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        rb_buf_clear(&buf);
        rb_buf_add_i64(&buf, rows[i].value);
        assert_str(rb_buf_str(&buf), rows[i].text);
    }
    rb_buf_clear(&buf);
    rb_buf_add_u64(&buf, UINT64_MAX);
    assert_str(rb_buf_str(&buf), "18446744073709551615");
    rb_buf_fini(&buf);
}

static void test_growth(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    for (int i = 0; i < 100000; i++) rb_buf_add_char(&buf, (char)('a' + i % 26));
    assert_int_equal(buf.n, 100000);
    for (int i = 0; i < 100000; i++) assert_int_equal(buf.p[i], 'a' + i % 26);
    char *before = buf.p;
    rb_buf_clear(&buf);
    rb_buf_add_text(&buf, "again");
    assert_ptr_equal(buf.p, before); /* clear keeps the memory */
    rb_buf_fini(&buf);
}

/* Every way to append, with one byte of room and with none. */
static void test_limit(void **state)
{
    (void)state;
    struct rb_buf buf;
    for (int way = 0; way < 5; way++) {
        rb_buf_init(&buf, 4);
        rb_buf_add_text(&buf, "abc");
        for (int round = 0; round < 2; round++) {
            if (way == 0) rb_buf_add(&buf, "x", 1);
            if (way == 1) rb_buf_add_char(&buf, 'x');
            if (way == 2) rb_buf_add_u64(&buf, 7);
            if (way == 3) rb_buf_add_i64(&buf, 7);
            if (way == 4) rb_buf_add_fmt(&buf, "%c", 'x');
            assert_int_equal(buf.n, 4);
            assert_int_equal(buf.failed, round == 1);
            assert_int_equal(buf.limit, 4);
        }
        rb_buf_fini(&buf);
    }
    rb_buf_init(&buf, 4);
    rb_buf_add_text(&buf, "abcd");
    assert_false(buf.failed);
    assert_string_equal(rb_buf_text(&buf), "abcd"); /* the zero is not counted */
    assert_false(buf.failed);
    assert_false(rb_buf_reserve(&buf, SIZE_MAX - 1));
    assert_true(buf.failed);
    rb_buf_fini(&buf);
}

static void test_failure_sticks(void **state)
{
    (void)state;
    struct rb_buf buf;
    rb_buf_init(&buf, 5);
    rb_buf_add_text(&buf, "abc");
    rb_buf_add_text(&buf, "def"); /* all or nothing */
    assert_true(buf.failed);
    rb_buf_add_text(&buf, "g"); /* would fit, but something is missing before it */
    rb_buf_add_fmt(&buf, "%d", 1);
    assert_false(rb_buf_reserve(&buf, 0));
    assert_str(rb_buf_str(&buf), "abc");
    assert_string_equal(rb_buf_text(&buf), "");
    rb_buf_clear(&buf);
    rb_buf_add_text(&buf, "12345");
    assert_false(buf.failed);
    assert_str(rb_buf_str(&buf), "12345");
    rb_buf_fini(&buf);
    assert_int_equal(buf.limit, 5);
}

/* Each allocation fails in turn: the buffer ends failed, or whole. */
static void test_out_of_memory(void **state)
{
    (void)state;
    int failures = 0;
    for (long allowed = 0;; allowed++) {
        struct rb_buf buf = {0};
        rb_mem_fail_after(allowed);
        for (int i = 0; i < 100; i++) rb_buf_add_fmt(&buf, "%s", "0123456789");
        const char *text = rb_buf_text(&buf);
        rb_mem_fail_after(-1);
        assert_int_equal(buf.n % 10, 0);
        bool failed = buf.failed;
        assert_int_equal(strlen(text), failed ? 0 : 1000);
        rb_buf_fini(&buf);
        if (!failed) break;
        failures++;
    }
    assert_true(failures > 2);
}

static void test_drop_front(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    rb_buf_drop_front(&buf, 0);
    rb_buf_add_text(&buf, "abcdef");
    rb_buf_drop_front(&buf, 2);
    assert_str(rb_buf_str(&buf), "cdef");
    rb_buf_drop_front(&buf, 0);
    rb_buf_drop_front(&buf, 4);
    assert_str(rb_buf_str(&buf), "");
    rb_buf_add_text(&buf, "x");
    assert_str(rb_buf_str(&buf), "x");
    rb_buf_fini(&buf);
}

static void test_take(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    char *text = rb_buf_take(&buf);
    assert_string_equal(text, "");
    rb_free(text);
    rb_buf_add_text(&buf, "mine now");
    text = rb_buf_take(&buf);
    assert_string_equal(text, "mine now");
    assert_int_equal(buf.n, 0);
    assert_null(buf.p);
    rb_free(text);
    rb_buf_add_text(&buf, "next");
    assert_str(rb_buf_str(&buf), "next");
    rb_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appending),      cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_growth),         cmocka_unit_test(test_limit),
        cmocka_unit_test(test_failure_sticks), cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_drop_front),     cmocka_unit_test(test_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
