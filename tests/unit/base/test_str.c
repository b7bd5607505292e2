#include "test.h"

#include "base/check.h"
#include "base/mem.h"

#include <string.h>

static void test_comparing(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool eq, ieq, starts, ends; /* a starts or ends with b */
        int cmp;
    } rows[] = {
        {"", "", true, true, true, true, 0},
        {"", NULL, true, true, true, true, 0},
        {NULL, "a", false, false, false, false, -1},
        {"a", NULL, false, false, true, true, 1},
        {"abc", "abc", true, true, true, true, 0},
        {"abc", "ABC", false, true, false, false, 1},
        {"abc", "ab", false, false, true, false, 1},
        {"abc", "bc", false, false, false, true, -1},
        {"ab", "abc", false, false, false, false, -1},
        {"[", "{", false, false, false, false, -1}, /* no letters: case does not make them equal */
        {"@", "`", false, false, false, false, -1},
        {"\xc3\x89", "\xc3\xa9", false, false, false, false, -1},
        {"a", "\xff", false, false, false, false, -1}, /* bytes compare as unsigned */
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        rb_str a = rb_str_of(rows[i].a), b = rb_str_of(rows[i].b);
        assert_int_equal(rb_str_eq(a, b), rows[i].eq);
        assert_int_equal(rb_str_eq_secret(a, b), rows[i].eq);
        assert_int_equal(rb_str_ieq(a, b), rows[i].ieq);
        assert_int_equal(rb_str_starts(a, b), rows[i].starts);
        assert_int_equal(rb_str_ends(a, b), rows[i].ends);
        int cmp = rb_str_cmp(a, b);
        assert_int_equal((cmp > 0) - (cmp < 0), rows[i].cmp);
        cmp = rb_str_cmp(b, a);
        assert_int_equal((cmp < 0) - (cmp > 0), rows[i].cmp);
    }
    assert_true(rb_str_is(RB_STR("a"), "a"));
    assert_false(rb_str_is(RB_STR("a\0b"), "a"));
    assert_false(rb_str_eq(RB_STR("a\0b"), RB_STR("a\0c")));
    assert_false(rb_str_eq_secret(RB_STR("a\0b"), RB_STR("a\0c")));
}

static void test_parts(void **state)
{
    (void)state;
    rb_str s = RB_STR("hello");
    assert_str(rb_str_from(s, 2), "llo");
    assert_str(rb_str_from(s, 5), "");
    assert_str(rb_str_from(s, 6), "");
    assert_str(rb_str_sub(s, 1, 3), "ell");
    assert_str(rb_str_sub(s, 3, 100), "lo");
    assert_str(rb_str_sub(s, 100, 1), "");
    assert_null(rb_str_from(RB_STR_NONE, 1).p);
    assert_int_equal(rb_str_find(s, 'l'), 2);
    assert_int_equal(rb_str_find(s, 'x'), -1);
    assert_int_equal(rb_str_find(RB_STR_NONE, 'x'), -1);
    assert_int_equal(rb_str_find(RB_STR("a\0b"), 'b'), 2);
}

static void test_trim(void **state)
{
    (void)state;
    static const struct {
        const char *s, *trimmed;
    } rows[] = {
        {"", ""},    {" ", ""},    {" \t a b \t", "a b"},  {"a", "a"},
        {" a", "a"}, {"a\t", "a"}, {"\r\na\n", "\r\na\n"}, /* not blanks of one line */
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++)
        assert_str(rb_str_trim(rb_str_of(rows[i].s)), rows[i].trimmed);
    assert_int_equal(rb_str_trim(RB_STR_NONE).n, 0);
}

static void test_split(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        const char *parts[4]; /* up to NULL */
    } rows[] = {
        {NULL, {NULL}},          {"", {"", NULL}},
        {"a", {"a", NULL}},      {"a,b", {"a", "b", NULL}},
        {",", {"", "", NULL}},   {"a,", {"a", "", NULL}},
        {",a", {"", "a", NULL}}, {"a,,b", {"a", "", "b", NULL}},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        rb_str rest = rb_str_of(rows[i].s), head;
        size_t n = 0;
        while (rb_str_split(&rest, ',', &head)) {
            assert_non_null(rows[i].parts[n]);
            assert_str(head, rows[i].parts[n++]);
        }
        assert_null(rows[i].parts[n]);
    }
}

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *list, *name;
        bool is_in;
    } rows[] = {
        {"a", "a", true},       {"a,b,c", "a", true},  {"a,b,c", "c", true}, {"a,bc,d", "bc", true},
        {"a,bc,d", "b", false}, {"a,b", "a,b", false}, {"a,,b", "", false},  {"a", "", false},
        {"", "", false},        {NULL, "a", false},    {NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(rb_str_lists(rb_str_of(rows[i].list), rb_str_of(rows[i].name)), rows[i].is_in);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        uint64_t max;
        bool is_number;
        uint64_t value;
    } rows[] = {
        {"0", 0, true, 0},
        {"007", 10, true, 7},
        {"10", 10, true, 10},
        {"11", 10, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"18446744073709551620", UINT64_MAX, false, 0},
        {"99999999999999999999999", UINT64_MAX, false, 0},
        {"0000000000000000000000000000000001", UINT64_MAX, true, 1},
        {"", UINT64_MAX, false, 0},
        {"-1", UINT64_MAX, false, 0},
        {"+1", UINT64_MAX, false, 0},
        {" 1", UINT64_MAX, false, 0},
        {"1 ", UINT64_MAX, false, 0},
        {"1.0", UINT64_MAX, false, 0},
        {"0x1", UINT64_MAX, false, 0},
        {"1:", UINT64_MAX, false, 0},
        {"1/", UINT64_MAX, false, 0},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        uint64_t value = 77;
        if (rb_str_u64(rb_str_of(rows[i].s), rows[i].max, &value) != rows[i].is_number)
            fail_msg("\"%s\"", rows[i].s);
        assert_int_equal(value, rows[i].is_number ? rows[i].value : 77);
    }
}

static void test_dup(void **state)
{
    (void)state;
    assert_null(rb_str_dup(RB_STR_NONE));
    char *copy = rb_str_dup(rb_str_make("abc", 2));
    assert_string_equal(copy, "ab");
    rb_free(copy);
    copy = rb_str_dup(RB_STR(""));
    assert_string_equal(copy, "");
    rb_free(copy);
    copy = rb_str_dup(RB_STR("a\0b"));
    assert_memory_equal(copy, "a\0b", 4);
    rb_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparing), cmocka_unit_test(test_parts),   cmocka_unit_test(test_trim),
        cmocka_unit_test(test_split),     cmocka_unit_test(test_numbers), cmocka_unit_test(test_dup),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
