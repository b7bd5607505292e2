/* Reading what the parser left: raw slices, lookups, walking, strings, numbers. */
#include "codec/json.h"

#include "test.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rb_json_val parse(struct rb_json *doc, const char *text)
{
    rb_err err = rb_json_parse(doc, rb_str_of(text), NULL);
    if (err != RB_OK) fail_msg("%s: %s at %zu", text, rb_reason_name(err), doc->error_at);
    return rb_json_root(doc);
}

static void raw_slices_byte_for_byte(void **state)
{
    (void)state;
    struct rb_json doc;
    const char *text =
        " { \"n\" : 1.50E+2 ,\"s\":\"\\u00e9\\/\xc3\xa9\", \"o\":{ \"b\":1 , \"a\" : [ ] }\n,\"a\":[1, 2 ,"
        "[3 ]],\"t\":true,\"f\":false,\"z\":null,\"e\":{}} ";
    static const struct {
        const char *key, *raw;
        enum rb_json_type type;
    } cases[] = {
        {"n", "1.50E+2", RB_JSON_NUMBER},
        {"s", "\"\\u00e9\\/\xc3\xa9\"", RB_JSON_STRING},
        {"o", "{ \"b\":1 , \"a\" : [ ] }", RB_JSON_OBJECT},
        {"a", "[1, 2 ,[3 ]]", RB_JSON_ARRAY},
        {"t", "true", RB_JSON_TRUE},
        {"f", "false", RB_JSON_FALSE},
        {"z", "null", RB_JSON_NULL},
        {"e", "{}", RB_JSON_OBJECT},
        {"missing", "", RB_JSON_NONE},
        {"", "", RB_JSON_NONE},
    };
    rb_json_val root = parse(&doc, text);
    assert_int_equal(rb_json_raw(root).n, strlen(text) - 2);
    assert_ptr_equal(rb_json_raw(root).p, text + 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rb_json_val value = rb_json_get(root, cases[i].key);
        assert_int_equal(rb_json_type(value), cases[i].type);
        assert_str(rb_json_raw(value), cases[i].raw);
    }
    rb_json_fini(&doc);
}

static void walks_containers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *elements; /* each as "key=raw;" */
    } cases[] = {
        {"[]", ""},
        {"{}", ""},
        {"1", ""},
        {"\"x\"", ""},
        {"[1]", "=1;"},
        {"[1,2,3]", "=1;=2;=3;"},
        {"[[],[1,[2]],{\"a\":[]},3]", "=[];=[1,[2]];={\"a\":[]};=3;"},
        {"[1,[]]", "=1;=[];"},
        {"[[[]]]", "=[[]];"},
        {"{\"a\":1}", "a=1;"},
        {"{\"a\":{\"x\":1,\"y\":2},\"\\u0062\":[1,2],\"\":3}", "a={\"x\":1,\"y\":2};b=[1,2];=3;"},
        {"{\"a\":{},\"b\":{}}", "a={};b={};"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_json doc;
        struct rb_buf seen = {0};
        struct rb_arena arena = {0};
        rb_json_val root = parse(&doc, cases[i].text);
        bool is_array = rb_json_type(root) == RB_JSON_ARRAY;
        uint32_t count = 0;
        for (rb_json_val v = rb_json_first(root); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v)) {
            assert_int_equal(rb_json_key(v, &arena).p == NULL, is_array);
            rb_buf_add_str(&seen, rb_json_key(v, &arena));
            rb_buf_add_char(&seen, '=');
            rb_buf_add_str(&seen, rb_json_raw(v));
            rb_buf_add_char(&seen, ';');
            rb_json_val at = rb_json_at(root, count++);
            if (is_array) assert_ptr_equal(rb_json_raw(at).p, rb_json_raw(v).p);
            if (!is_array) assert_int_equal(rb_json_type(at), RB_JSON_NONE);
        }
        assert_str(rb_buf_str(&seen), cases[i].elements);
        assert_int_equal(rb_json_count(root), count);
        assert_int_equal(rb_json_type(rb_json_at(root, count)), RB_JSON_NONE);
        rb_buf_fini(&seen);
        rb_arena_fini(&arena);
        rb_json_fini(&doc);
    }
}

/* Each last child ends its own container, whatever is around it: the whole document comes out in order. */
static void collect(rb_json_val v, struct rb_buf *seen, unsigned depth)
{
    assert_true(depth < 10);
    rb_buf_add_char(seen, "?nft0s[{"[rb_json_type(v)]);
    uint32_t count = 0;
    for (rb_json_val each = rb_json_first(v); each.doc; each = rb_json_next(each)) {
        assert_true(count++ < rb_json_count(v));
        collect(each, seen, depth + 1);
    }
    if (rb_json_type(v) >= RB_JSON_ARRAY) rb_buf_add_char(seen, '.');
}

static void walks_all_levels(void **state)
{
    (void)state;
    static const struct {
        const char *text, *seen;
    } cases[] = {
        {"[[[1]]]", "[[[0..."},
        {"[1,[2,[3,[]]]]", "[0[0[0[...."},
        {"[[[1],2],3]", "[[[0.0.0."},
        {"[0,{\"a\":{\"b\":{\"c\":[]}}},null]", "[0{{{[....n."},
        {"{\"a\":[{\"b\":[true]},\"x\"],\"c\":{\"d\":false}}", "{[{[t..s.{f.."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_json doc;
        struct rb_buf seen = {0};
        collect(parse(&doc, cases[i].text), &seen, 0);
        assert_str(rb_buf_str(&seen), cases[i].seen);
        rb_buf_fini(&seen);
        rb_json_fini(&doc);
    }
}

static void nothing_has_nothing(void **state)
{
    (void)state;
    struct rb_json doc = {0};
    struct rb_arena arena = {0};
    rb_str text = RB_STR("kept");
    rb_json_val none = rb_json_root(&doc);
    assert_int_equal(rb_json_type(none), RB_JSON_NONE);
    assert_null(rb_json_raw(none).p);
    assert_int_equal(rb_json_type(rb_json_get(none, "a")), RB_JSON_NONE);
    assert_int_equal(rb_json_count(none), 0);
    assert_int_equal(rb_json_type(rb_json_first(none)), RB_JSON_NONE);
    assert_int_equal(rb_json_type(rb_json_next(none)), RB_JSON_NONE);
    assert_int_equal(rb_json_type(rb_json_at(none, 0)), RB_JSON_NONE);
    assert_null(rb_json_key(none, &arena).p);
    assert_false(rb_json_string(none, &arena, &text));
    assert_str(text, "kept");
    rb_json_fini(&doc);

    assert_int_equal(rb_json_parse(&doc, RB_STR("[1"), NULL), RB_BAD_JSON);
    assert_int_equal(rb_json_type(rb_json_root(&doc)), RB_JSON_NONE);
    rb_json_val root = parse(&doc, "[{\"a\":1}]");
    assert_int_equal(rb_json_type(rb_json_get(root, "a")), RB_JSON_NONE); /* an array */
    assert_int_equal(rb_json_type(rb_json_next(root)), RB_JSON_NONE);
    assert_null(rb_json_key(root, &arena).p);
    assert_null(rb_json_key(rb_json_first(root), &arena).p);
    rb_json_fini(&doc);
}

static void strings(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        rb_str decoded;
        bool is_borrowed;
    } cases[] = {
        {"\"\"", RB_STR(""), true},
        {"\"plain \xe2\x82\xac\"", RB_STR("plain \xe2\x82\xac"), true},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", RB_STR("\"\\/\b\f\n\r\t"), false},
        {"\"a\\u0000b\"", RB_STR("a\0b"), false},
        {"\"\\u0041\\u00e9\\u20AC\\uffff\"", RB_STR("A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf"), false},
        {"\"<\\ud83d\\udd14>\"", RB_STR("<\xf0\x9f\x94\x94>"), false},
        {"\"\\ud800\\udc00\\udbff\\udfff\"", RB_STR("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), false},
        {"\"\\\\u0041\"", RB_STR("\\u0041"), false},
        {"\"ends in \\n\"", RB_STR("ends in \n"), false},
    };
    struct rb_arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_json doc;
        rb_str out;
        assert_true(rb_json_string(parse(&doc, cases[i].json), &arena, &out));
        if (!rb_str_eq(out, cases[i].decoded)) fail_msg("%s", cases[i].json);
        assert_int_equal(out.p == cases[i].json + 1, cases[i].is_borrowed);
        rb_json_fini(&doc);
    }
    rb_arena_fini(&arena);
}

static void coded_keys_are_found(void **state)
{
    (void)state;
    struct rb_json doc;
    rb_json_val root =
        parse(&doc, "{\"\\u0061\":1,\"b\\n\":2,\"\\u0000\":3,\"ab\":4,\"\\u00e9\\ud83d\\udd14\":5}");
    static const struct {
        const char *key, *raw;
    } cases[] = {
        {"a", "1"},  {"b\n", "2"}, {"ab", "4"},      {"\xc3\xa9\xf0\x9f\x94\x94", "5"},
        {"", ""},    {"b", ""},    {"\xc3\xa9", ""}, {"\\u0061", ""},
        {"abc", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_str(rb_json_raw(rb_json_get(root, cases[i].key)), cases[i].raw);
    rb_json_fini(&doc);
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool is_u64, is_i64;
        uint64_t u64;
        int64_t i64;
    } cases[] = {
        {"0", true, true, 0, 0},
        {"-0", true, true, 0, 0},
        {"42", true, true, 42, 42},
        {"-1", false, true, 0, -1},
        {"9223372036854775807", true, true, INT64_MAX, INT64_MAX},
        {"9223372036854775808", true, false, (uint64_t)INT64_MAX + 1, 0},
        {"-9223372036854775808", false, true, 0, INT64_MIN},
        {"-9223372036854775809", false, false, 0, 0},
        {"18446744073709551615", true, false, UINT64_MAX, 0},
        {"18446744073709551616", false, false, 0, 0},
        {"-18446744073709551615", false, false, 0, 0},
        {"99999999999999999999999", false, false, 0, 0},
        {"1.0", false, false, 0, 0},
        {"1e2", false, false, 0, 0},
        {"-0.0", false, false, 0, 0},
        {"\"1\"", false, false, 0, 0},
        {"true", false, false, 0, 0},
        {"null", false, false, 0, 0},
        {"[1]", false, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_json doc;
        rb_json_val v = parse(&doc, cases[i].json);
        uint64_t u64 = 77;
        int64_t i64 = 77;
        if (rb_json_u64(v, &u64) != cases[i].is_u64 || rb_json_i64(v, &i64) != cases[i].is_i64)
            fail_msg("%s", cases[i].json);
        assert_true(u64 == (cases[i].is_u64 ? cases[i].u64 : 77));
        assert_true(i64 == (cases[i].is_i64 ? cases[i].i64 : 77));
        rb_json_fini(&doc);
    }
}

static void doubles(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        double value;
    } cases[] = {
        {"0", 0.0},
        {"1", 1.0},
        {"-1.5", -1.5},
        {"0.1", 0.1},
        {"100000000000000000000000", 1e23},
        {"1e22", 1e22},
        {"1e23", 1e23}, /* the first power of ten that is no double */
        {"8.5e-7", 8.5e-7},
        {"123456789012345", 123456789012345.0},
        {"0.000000000000000000001", 1e-21},
        {"9007199254740993", 9007199254740992.0}, /* half way: to even */
        {"9007199254740993.0000000000000000000000000000000000001", 9007199254740994.0},
        {"1.7976931348623157e308", DBL_MAX},
        {"17976931348623157e292", DBL_MAX},
        {"2.2250738585072014E-308", DBL_MIN},
        {"5e-324", 4.9406564584124654e-324},
        {"2e-324", 0.0},
        {"1e-400", 0.0},
        {"0e999999999999999999999", 0.0},
        {"1e-999999999999999999999", 0.0},
        {"0.00000000000000000000000000001e29", 1.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_json doc;
        double value = 77;
        if (!rb_json_double(parse(&doc, cases[i].json), &value) || value != cases[i].value)
            fail_msg("%s: %.17g", cases[i].json, value);
        rb_json_fini(&doc);
    }
    static const char *const refused[] = {
        "1e400", "-1e309", "1.7976931348623159e308", "1e999999999999999999999", "\"1\"", "null", "[]"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct rb_json doc;
        double value = 77;
        if (rb_json_double(parse(&doc, refused[i]), &value)) fail_msg("%s", refused[i]);
        assert_true(value == 77);
        rb_json_fini(&doc);
    }
    struct rb_json doc;
    double value = 77;
    assert_true(rb_json_double(parse(&doc, "-0.0"), &value));
    assert_true(value == 0 && signbit(value));
    rb_json_fini(&doc);
}

/* More digits than are kept: `head`, then `count` times `digit`, then `tail`. */
static double long_number(const char *head, char digit, size_t count, const char *tail)
{
    struct rb_buf buf = {0};
    struct rb_json doc;
    double value = 77;
    rb_buf_add_text(&buf, head);
    for (size_t i = 0; i < count; i++) rb_buf_add_char(&buf, digit);
    rb_buf_add_text(&buf, tail);
    assert_true(rb_json_double(parse(&doc, rb_buf_text(&buf)), &value));
    rb_json_fini(&doc);
    rb_buf_fini(&buf);
    return value;
}

static void endless_numbers(void **state)
{
    (void)state;
    assert_true(long_number("1", '0', 5000, "e-5000") == 1.0);
    assert_true(long_number("0.", '0', 5000, "1e5001") == 1.0);
    assert_true(long_number("0.", '3', 5000, "") == 1.0 / 3);
    assert_true(long_number("", '9', 5000, "e-5000") == 1.0);
    assert_true(long_number("12", '0', 5000, ".5e-5001") == 1.2);
    /* Exactly half way goes to even, unless a digit far beyond all that are kept says otherwise. */
    assert_true(long_number("9007199254740993.", '0', 5000, "") == 9007199254740992.0);
    assert_true(long_number("9007199254740993.", '0', 5000, "1") == 9007199254740994.0);
}

static void doubles_as_strtod_reads_them(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u; /* xorshift: the same numbers each time */
    for (int i = 0; i < 20000; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        char text[64];
        snprintf(text, sizeof text, "%s%u.%0*ue%d", seed & 1 ? "-" : "", (unsigned)(seed >> 8 & 0xffff),
                 1 + (int)(seed >> 1 & 15), (unsigned)(seed >> 32), (int)(seed >> 24 & 0xff) - 128);
        struct rb_json doc;
        double value;
        assert_true(rb_json_double(parse(&doc, text), &value));
        if (value != strtod(text, NULL)) fail_msg("%s: %.17g", text, value);
        rb_json_fini(&doc);
    }
}

static void booleans(void **state)
{
    (void)state;
    struct rb_json doc;
    bool value = false;
    rb_json_val root = parse(&doc, "[true,false,null,1,\"true\"]");
    assert_true(rb_json_bool(rb_json_at(root, 0), &value));
    assert_true(value);
    assert_true(rb_json_bool(rb_json_at(root, 1), &value));
    assert_false(value);
    for (uint32_t i = 2; i < 6; i++) assert_false(rb_json_bool(rb_json_at(root, i), &value));
    rb_json_fini(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_slices_byte_for_byte),
        cmocka_unit_test(walks_containers),
        cmocka_unit_test(walks_all_levels),
        cmocka_unit_test(nothing_has_nothing),
        cmocka_unit_test(strings),
        cmocka_unit_test(coded_keys_are_found),
        cmocka_unit_test(integers),
        cmocka_unit_test(doubles),
        cmocka_unit_test(endless_numbers),
        cmocka_unit_test(doubles_as_strtod_reads_them),
        cmocka_unit_test(booleans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
