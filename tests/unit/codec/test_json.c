/* The parser: what is JSON and what is not, limits, repeated keys, memory. Reading values: test_json_value.c.
 */
#include "codec/json.h"

#include "base/mem.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        literal, sizeof(literal) - 1                                                                         \
    }

static rb_err parse_and_forget(rb_str text, const struct rb_json_limits *limits, size_t *out_error_at)
{
    struct rb_json doc;
    rb_err err = rb_json_parse(&doc, text, limits);
    if (err != RB_OK) assert_null(doc.nodes);
    if (out_error_at) *out_error_at = doc.error_at;
    rb_json_fini(&doc);
    return err;
}

static const rb_str accepted[] = {
    TEXT("null"),
    TEXT("true"),
    TEXT("false"),
    TEXT(" \t\r\n1\n\r\t "),
    TEXT("\"\""),
    TEXT("[]"),
    TEXT("{}"),
    TEXT("[ \n]"),
    TEXT("{\t}"),
    TEXT("[[],[[]],{}]"),
    TEXT("[1 , 2,\n3]"),
    TEXT("{\"\":0}"),
    TEXT("{ \"a\" : [ ] , \"b\" : { } }"),
    TEXT("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":2}}"), /* the same key, in different objects */
    TEXT("[{\"a\":1},{\"a\":1}]"),
    TEXT("{\"a\":1,\"A\":2,\"a \":3,\"\":4,\"aa\":5}"),
    TEXT("{\"\\u0061b\":1,\"\\u0061c\":2}"),
    /* numbers */
    TEXT("0"),
    TEXT("-0"),
    TEXT("-0.0e-0"),
    TEXT("10"),
    TEXT("-1"),
    TEXT("0.5"),
    TEXT("1e5"),
    TEXT("1E+05"),
    TEXT("1.25e-0009"),
    TEXT("0e0"),
    TEXT("123456789012345678901234567890"),
    TEXT("1e400"), /* grammar only: whether it fits is asked later */
    TEXT("-1e-400"),
    /* strings */
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    TEXT("\"\\u0000\""),
    TEXT("\"\\u00e9\\uD7FF\\ue000\\uFFFF\\uFFFE\""),
    TEXT("\"\\ud83d\\udd14\""),
    TEXT("\"\\uDBFF\\uDFFF\""),
    TEXT("\"\\\\u00zz\""),
    TEXT("\"\x7f\""),
    TEXT("\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x94 \xe2\x80\xa8\""),
    TEXT("\"\xef\xbb\xbf\""), /* a byte order mark inside is a character */
    TEXT("\"a long string of more than sixteen plain bytes\""),
    TEXT("\"/* not a comment */ // neither\""),
};

static void accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        struct rb_json doc;
        rb_err err = rb_json_parse(&doc, accepted[i], NULL);
        if (err != RB_OK)
            fail_msg("%.*s: %s at %zu", RB_STR_FMT(accepted[i]), rb_reason_name(err), doc.error_at);
        rb_json_fini(&doc);
    }
}

static const struct {
    rb_str text;
    size_t error_at;
    rb_err err; /* RB_OK stands for RB_BAD_JSON, the usual one */
} refused[] = {
    {TEXT(""), 0},
    {TEXT(" "), 1},
    {TEXT("\n\t"), 2},
    {TEXT("\xef\xbb\xbf{}"), 0}, /* byte order mark */
    {TEXT("\xef\xbb\xbf"), 0},
    {TEXT("\xff"), 0},
    {TEXT("\0"), 0},
    {TEXT("1\0"), 1},
    {TEXT("\f1"), 0},
    {TEXT("\xc2\xa0"
          "1"),
     0}, /* no-break space */
    {TEXT("1 2"), 2},
    {TEXT("[]]"), 2},
    {TEXT("{}}"), 2},
    {TEXT("\"a\"\"b\""), 3},
    {TEXT("[1] // x"), 4},
    {TEXT("/* x */1"), 0},
    {TEXT("[1/**/]"), 2},
    {TEXT("# x"), 0},
    /* words */
    {TEXT("nul"), 0},
    {TEXT("nulll"), 4},
    {TEXT("Null"), 0},
    {TEXT("tru"), 0},
    {TEXT("True"), 0},
    {TEXT("falsy"), 0},
    {TEXT("undefined"), 0},
    {TEXT("NaN"), 0},
    {TEXT("[nul]"), 1},
    {TEXT("Infinity"), 0},
    {TEXT("-Infinity"), 1},
    {TEXT("truefalse"), 4},
    /* arrays */
    {TEXT("["), 1},
    {TEXT("[ "), 2},
    {TEXT("[1"), 2},
    {TEXT("[1,"), 3},
    {TEXT("[1,]"), 3},
    {TEXT("[,1]"), 1},
    {TEXT("[,]"), 1},
    {TEXT("[1,,2]"), 3},
    {TEXT("[1 2]"), 3},
    {TEXT("[1}"), 2},
    {TEXT("[\"a\":1]"), 4},
    {TEXT("[[1]"), 4},
    {TEXT("]"), 0},
    {TEXT("[1,\n2\n,3"), 8},
    /* objects */
    {TEXT("{"), 1},
    {TEXT("{\"a\""), 4},
    {TEXT("{\"a\":"), 5},
    {TEXT("{\"a\":1"), 6},
    {TEXT("{\"a\":1,"), 7},
    {TEXT("{\"a\":1,}"), 7},
    {TEXT("{,}"), 1},
    {TEXT("{\"a\"}"), 4},
    {TEXT("{\"a\",1}"), 4},
    {TEXT("{\"a\":}"), 5},
    {TEXT("{\"a\"::1}"), 5},
    {TEXT("{\"a\" 1}"), 5},
    {TEXT("{a:1}"), 1},
    {TEXT("{'a':1}"), 1},
    {TEXT("{1:1}"), 1},
    {TEXT("{null:1}"), 1},
    {TEXT("{\"a\":1]"), 6},
    {TEXT("{\"a\":1 \"b\":2}"), 7},
    {TEXT("{\"a\":1,,\"b\":2}"), 7},
    {TEXT("{[]:1}"), 1},
    {TEXT("}"), 0},
    /* numbers */
    {TEXT("-"), 1},
    {TEXT("--1"), 1},
    {TEXT("+1"), 0},
    {TEXT("01"), 1},
    {TEXT("-01"), 2},
    {TEXT("00"), 1},
    {TEXT(".5"), 0},
    {TEXT("-.5"), 1},
    {TEXT("1."), 2},
    {TEXT("[1.]"), 3},
    {TEXT("1.e5"), 2},
    {TEXT("1e"), 2},
    {TEXT("1e+"), 3},
    {TEXT("1e-x"), 3},
    {TEXT("1e1.5"), 3},
    {TEXT("1.5.5"), 3},
    {TEXT("1ee5"), 2},
    {TEXT("0x10"), 1},
    {TEXT("1_000"), 1},
    {TEXT("1,5"), 1},
    {TEXT("1f"), 1},
    {TEXT("\xef\xbc\x91"), 0}, /* a full-width digit */
    /* strings */
    {TEXT("\""), 1},
    {TEXT("\"abc"), 4},
    {TEXT("\"abcdefgh"), 9},
    {TEXT("'a'"), 0},
    {TEXT("\"\\"), 2},
    {TEXT("\"\\\""), 3},
    {TEXT("\"\\x41\""), 1},
    {TEXT("\"\\a\""), 1},
    {TEXT("\"\\'\""), 1},
    {TEXT("\"\\U0041\""), 1},
    {TEXT("\"\\\xc3\xa9\""), 1},
    {TEXT("\"\\u"), 1},
    {TEXT("\"\\u00\""), 1},
    {TEXT("\"\\u004"), 1},
    {TEXT("\"\\u00g0\""), 1},
    {TEXT("\"\\u 041\""), 1},
    {TEXT("\"\\u+041\""), 1},
    {TEXT("\"\n\""), 1},
    {TEXT("\"12345678\t\""), 9},
    {TEXT("\"\0\""), 1},
    {TEXT("\"\x1f\""), 1},
    {TEXT("{\"a\nb\":1}"), 3},
    /* surrogates that stand alone */
    {TEXT("\"\\ud800\""), 1},
    {TEXT("\"\\udbff"), 1},
    {TEXT("\"\\udc00\""), 1},
    {TEXT("\"\\udfff\\ud800\""), 1},
    {TEXT("\"\\ud800\\ud800\""), 1},
    {TEXT("\"\\ud800\\u0041\""), 1},
    {TEXT("\"\\ud800abcdef\""), 1},
    {TEXT("\"\\ud800\\n12345\""), 1},
    {TEXT("\"\\ud83d\\udd1\""), 1},
    {TEXT("\"\\ud83d\\udd1x\""), 1},
    {TEXT("\"x\\ud83d\xf0\x9f\x94\x94\""), 2},
    /* bytes that are not UTF-8 */
    {TEXT("\"\xff\""), 1, RB_BAD_UTF8},
    {TEXT("\"\x80\""), 1, RB_BAD_UTF8},
    {TEXT("\"12345678\xc3\""), 9, RB_BAD_UTF8},
    {TEXT("\"\xc3\xa9\xe2\x82\""), 3, RB_BAD_UTF8},
    {TEXT("\"\xe2\x82"), 1, RB_BAD_UTF8},
    {TEXT("\"\xc0\xaf\""), 1, RB_BAD_UTF8},
    {TEXT("\"\xed\xa0\x80\""), 1, RB_BAD_UTF8},
    {TEXT("\"\xf4\x90\x80\x80\""), 1, RB_BAD_UTF8},
    {TEXT("{\"\xff\":1}"), 2, RB_BAD_UTF8},
    /* keys that occur twice: at the second one */
    {TEXT("{\"a\":1,\"a\":2}"), 7},
    {TEXT("{\"a\":1,\"b\":2,\"a\":1}"), 13},
    {TEXT("{\"\":1,\"\":2}"), 6},
    {TEXT("{\"a\":1,\"\\u0061\":2}"), 7},
    {TEXT("{\"\\u0061\":1,\"a\":2}"), 12},
    {TEXT("{\"\\u00e9\":1,\"\xc3\xa9\":2}"), 12},
    {TEXT("{\"\\ud83d\\udd14\":1,\"\xf0\x9f\x94\x94\":2}"), 18},
    {TEXT("{\"\\n\":1,\"\\u000A\":2}"), 8},
    {TEXT("{\"/\":1,\"\\/\":2}"), 7},
    {TEXT("{\"long enough to be compared by words\":1,\"long enough to be compared by words\":2}"), 41},
    {TEXT("{\"a\":{\"b\":1,\"b\":1}}"), 12},
    {TEXT("[{},{\"a\":[{\"x\":1}],\"a\":1}]"), 19},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        rb_err expected = refused[i].err == RB_OK ? RB_BAD_JSON : refused[i].err;
        size_t at = 999;
        rb_err err = parse_and_forget(refused[i].text, NULL, &at);
        if (err != expected || at != refused[i].error_at)
            fail_msg("%.*s: %s at %zu", RB_STR_FMT(refused[i].text), rb_reason_name(err), at);
    }
    assert_int_equal(parse_and_forget(RB_STR_NONE, NULL, NULL), RB_BAD_JSON);
}

/* Whatever is cut off at the end of a container or string, it is no JSON any more, and nothing behind it is
 * read: the copy is exactly as long as the cut, for AddressSanitizer to see. */
static void every_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        rb_str text = accepted[i];
        bool is_closed = text.n > 0 && (text.p[0] == '[' || text.p[0] == '{' || text.p[0] == '"');
        for (size_t n = 0; n < text.n; n++) {
            char *cut = rb_alloc(n);
            for (size_t k = 0; k < n; k++) cut[k] = text.p[k];
            size_t at = 0;
            rb_err err = parse_and_forget((rb_str){cut, n}, NULL, &at);
            if (is_closed && err == RB_OK) fail_msg("%.*s cut at %zu", RB_STR_FMT(text), n);
            assert_true(at <= n);
            rb_free(cut);
        }
    }
}

/* Each byte value at each place of a string that the eight-byte steps meet differently. */
static void every_byte_at_every_place_of_a_string(void **state)
{
    (void)state;
    for (size_t place = 1; place <= 20; place++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[] = "\"abcdefghijklmnopqrst\"";
            text[place] = (char)byte;
            rb_err expected = byte >= 0x80                                 ? RB_BAD_UTF8
                              : byte < 0x20 || byte == '"' || byte == '\\' ? RB_BAD_JSON
                                                                           : RB_OK;
            /* These end the string at its end, or begin an escape that the next letter may make good. */
            if (byte == '"' && place == 20) expected = RB_BAD_JSON;
            if (byte == '\\') expected = place < 20 && strchr("bfnrt", text[place + 1]) ? RB_OK : RB_BAD_JSON;
            rb_err err = parse_and_forget((rb_str){text, sizeof text - 1}, NULL, NULL);
            if (err != expected) fail_msg("byte %d at %zu: %s", byte, place, rb_reason_name(err));
        }
    }
}

/* ---- Limits ---- */

static rb_err parse_nested(unsigned depth, const char *open, const char *close, unsigned depth_max)
{
    struct rb_buf buf = {0};
    for (unsigned i = 0; i < depth; i++) rb_buf_add_text(&buf, open);
    rb_buf_add_text(&buf, "1");
    for (unsigned i = 0; i < depth; i++) rb_buf_add_text(&buf, close);
    rb_err err = parse_and_forget(rb_buf_str(&buf), &(struct rb_json_limits){.depth_max = depth_max}, NULL);
    rb_buf_fini(&buf);
    return err;
}

static void depth(void **state)
{
    (void)state;
    static const struct {
        unsigned depth, depth_max;
        rb_err err;
    } cases[] = {
        {0, 1, RB_OK},        {1, 1, RB_OK},           {2, 1, RB_TOO_DEEP},
        {3, 3, RB_OK},        {4, 3, RB_TOO_DEEP},     {64, 0, RB_OK},
        {65, 0, RB_TOO_DEEP}, {65, 1000, RB_TOO_DEEP}, {100000, 0, RB_TOO_DEEP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse_nested(cases[i].depth, "[", "]", cases[i].depth_max), cases[i].err);
        assert_int_equal(parse_nested(cases[i].depth, "{\"k\":", "}", cases[i].depth_max), cases[i].err);
        assert_int_equal(parse_nested(cases[i].depth, "[1,[],", ",2]", cases[i].depth_max),
                         cases[i].depth == cases[i].depth_max ? RB_TOO_DEEP
                         : cases[i].depth == 64               ? RB_TOO_DEEP
                                                              : cases[i].err);
    }
    /* Breadth is not depth. */
    struct rb_json_limits flat = {.depth_max = 2};
    assert_int_equal(parse_and_forget(RB_STR("[[],[],{},[1],{\"a\":1}]"), &flat, NULL), RB_OK);
    size_t at;
    assert_int_equal(parse_and_forget(RB_STR("[[],[[]]]"), &flat, &at), RB_TOO_DEEP);
    assert_int_equal(at, 5);
}

static void size(void **state)
{
    (void)state;
    struct rb_json_limits limits = {.bytes_max = 5};
    size_t at;
    assert_int_equal(parse_and_forget(RB_STR("[1,2]"), &limits, NULL), RB_OK);
    assert_int_equal(parse_and_forget(RB_STR("[1,2] "), &limits, &at), RB_BODY_TOO_LARGE);
    assert_int_equal(at, 5);

    size_t default_max = 16u << 20;
    char *blank = rb_alloc(default_max + 1);
    for (size_t i = 0; i <= default_max; i++) blank[i] = ' ';
    blank[0] = '7';
    assert_int_equal(parse_and_forget((rb_str){blank, default_max}, NULL, NULL), RB_OK);
    assert_int_equal(parse_and_forget((rb_str){blank, default_max + 1}, NULL, NULL), RB_BODY_TOO_LARGE);
    limits.bytes_max = SIZE_MAX; /* clamped: what the tape cannot count is refused before it is looked at */
    assert_int_equal(parse_and_forget((rb_str){blank, 1u << 28}, &limits, &at), RB_BODY_TOO_LARGE);
    assert_int_equal(at, (1u << 28) - 1);
    rb_free(blank);
}

static void the_densest_texts_fit_their_tape(void **state)
{
    (void)state;
    static const char *const items[] = {"1", "[]", "[1]", "\"\"", "{}", "{\"\":1}"};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        for (size_t n = 1; n < 2000; n += n / 3 + 1) {
            struct rb_buf buf = {0};
            rb_buf_add_char(&buf, '[');
            for (size_t k = 0; k < n; k++) rb_buf_add_fmt(&buf, k ? ",%s" : "%s", items[i]);
            rb_buf_add_char(&buf, ']');
            struct rb_json doc;
            assert_int_equal(rb_json_parse(&doc, rb_buf_str(&buf), NULL), RB_OK);
            assert_int_equal(rb_json_count(rb_json_root(&doc)), n);
            rb_json_fini(&doc);
            rb_buf_fini(&buf);
        }
    }
}

/* ---- Repeated keys in objects of all sizes ---- */

/* Keys "k0" to "k<count-1>"; the last one is written as `last` instead, if that is not NULL. */
static rb_err parse_keys(unsigned count, const char *last)
{
    struct rb_buf buf = {0};
    for (unsigned i = 0; i < count; i++) {
        rb_buf_add_char(&buf, i ? ',' : '{');
        if (i + 1 == count && last)
            rb_buf_add_fmt(&buf, "\"%s\":0", last);
        else
            rb_buf_add_fmt(&buf, "\"k%u\":0", i);
    }
    rb_buf_add_char(&buf, '}');
    rb_err err = parse_and_forget(rb_buf_str(&buf), NULL, NULL);
    rb_buf_fini(&buf);
    return err;
}

static void repeated_keys(void **state)
{
    (void)state;
    static const unsigned counts[] = {2, 3, 8, 15, 16, 17, 18, 31, 32, 33, 100, 1000, 5000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        assert_int_equal(parse_keys(counts[i], NULL), RB_OK);
        assert_int_equal(parse_keys(counts[i], "other"), RB_OK);
        assert_int_equal(parse_keys(counts[i], "\\u006bx"), RB_OK);
        assert_int_equal(parse_keys(counts[i], "k0"), RB_BAD_JSON);
        assert_int_equal(parse_keys(counts[i], "k\\u0030"), RB_BAD_JSON);
        assert_int_equal(parse_keys(counts[i], "\\u006b0"), RB_BAD_JSON);
    }
    char before[16];
    for (unsigned n = 2; n < 40; n++) {
        snprintf(before, sizeof before, "k%u", n - 2);
        assert_int_equal(parse_keys(n, before), RB_BAD_JSON);
    }
}

/* Comparing each with each would take an hour here: the test would run into its time limit. */
static void many_keys_take_linear_time(void **state)
{
    (void)state;
    assert_int_equal(parse_keys(1000000, NULL), RB_OK);
}

static void duplicates_when_allowed(void **state)
{
    (void)state;
    struct rb_json_limits limits = {.allow_duplicates = true};
    struct rb_json doc;
    assert_int_equal(rb_json_parse(&doc, RB_STR("{\"a\":1,\"b\":2,\"\\u0061\":3}"), &limits), RB_OK);
    uint64_t value = 0;
    assert_true(rb_json_u64(rb_json_get(rb_json_root(&doc), "a"), &value));
    assert_int_equal(value, 3);
    assert_true(rb_json_u64(rb_json_get(rb_json_root(&doc), "b"), &value));
    assert_int_equal(value, 2);
    assert_int_equal(rb_json_count(rb_json_root(&doc)), 3);
    rb_json_fini(&doc);
}

/* ---- Memory ---- */

static void each_allocation_failing(void **state)
{
    (void)state;
    /* Dense enough for the tape to grow, and with keys enough (some coded) for the set and its scratch. */
    struct rb_buf buf = {0};
    rb_buf_add_char(&buf, '{');
    for (unsigned i = 0; i < 200; i++) rb_buf_add_fmt(&buf, "\"%u\":[1,1,1,1,1,1],", i);
    rb_buf_add_text(&buf, "\"\\u0061\":{\"\\n\":1,\"\\t\":2}}");
    long needed = 0;
    for (rb_err err = RB_OUT_OF_MEMORY; err != RB_OK; needed++) {
        assert_true(needed < 100);
        rb_mem_fail_after(needed);
        err = parse_and_forget(rb_buf_str(&buf), NULL, NULL);
        rb_mem_fail_after(-1);
        assert_true(err == RB_OK || err == RB_OUT_OF_MEMORY);
    }
    assert_true(needed > 6); /* tape and its growth, a set and its scratch, twice */
    rb_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_byte_at_every_place_of_a_string),
        cmocka_unit_test(depth),
        cmocka_unit_test(size),
        cmocka_unit_test(the_densest_texts_fit_their_tape),
        cmocka_unit_test(repeated_keys),
        cmocka_unit_test(many_keys_take_linear_time),
        cmocka_unit_test(duplicates_when_allowed),
        cmocka_unit_test(each_allocation_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
