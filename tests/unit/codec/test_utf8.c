#include "codec/utf8.h"

#include "test.h"

static const struct {
    const char *text;
    size_t n;
    bool is_valid;
    size_t first; /* rb_utf8_length */
} cases[] = {
#define CASE(literal, valid, first)                                                                          \
    {                                                                                                        \
        literal, sizeof(literal) - 1, valid, first                                                           \
    }
    CASE("", true, 0),
    CASE("plain ASCII, longer than eight bytes\x7f", true, 1),
    CASE("\0", true, 1),
    CASE("\xc2\x80", true, 2),
    CASE("\xdf\xbf", true, 2),
    CASE("\xe0\xa0\x80", true, 3),
    CASE("\xed\x9f\xbf", true, 3),
    CASE("\xee\x80\x80", true, 3),
    CASE("\xef\xbf\xbf", true, 3),
    CASE("\xf0\x90\x80\x80", true, 4),
    CASE("\xf4\x8f\xbf\xbf", true, 4),
    CASE("12345678\xe2\x82\xac 12345678\xf0\x9f\x94\x94.", true, 1),
    CASE("\x80", false, 0),
    CASE("\xbf", false, 0),
    CASE("\xc0\x80", false, 0),         /* overlong zero */
    CASE("\xc1\xbf", false, 0),         /* overlong */
    CASE("\xe0\x9f\xbf", false, 0),     /* overlong */
    CASE("\xf0\x8f\xbf\xbf", false, 0), /* overlong */
    CASE("\xed\xa0\x80", false, 0),     /* surrogate */
    CASE("\xed\xbf\xbf", false, 0),     /* surrogate */
    CASE("\xf4\x90\x80\x80", false, 0), /* above U+10FFFF */
    CASE("\xf5\x80\x80\x80", false, 0),
    CASE("\xff", false, 0),
    CASE("\xfe", false, 0),
    CASE("\xc2", false, 0), /* cut */
    CASE("\xe2\x82", false, 0),
    CASE("\xf0\x9f\x94", false, 0),
    CASE("\xc2\x41", false, 0),
    CASE("\xe2\x82\x41", false, 0),
    CASE("\xf0\x9f\x94\xc2", false, 0),
    CASE("\xe2\x82\xac\x80", false, 3), /* one continuation too many */
    CASE("12345678\xff", false, 1),
    CASE("\xe2\x82"
         "12345678\xac",
         false, 0),
    CASE("1234567\xe2\x82", false, 1),
#undef CASE
};

static void whole_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rb_str s = {cases[i].text, cases[i].n};
        if (rb_utf8_is_valid(s) != cases[i].is_valid) fail_msg("case %zu: validity", i);
        if (rb_utf8_length(s) != cases[i].first) fail_msg("case %zu: length", i);
    }
    assert_true(rb_utf8_is_valid(RB_STR_NONE));
    assert_int_equal(rb_utf8_length(RB_STR_NONE), 0);
}

static bool is_valid_in_pieces(rb_str s, size_t split)
{
    uint32_t at = 0;
    return rb_utf8_feed(&at, rb_str_sub(s, 0, split)) && rb_utf8_feed(&at, rb_str_from(s, split)) && at == 0;
}

static bool is_valid_byte_by_byte(rb_str s)
{
    uint32_t at = 0;
    for (size_t i = 0; i < s.n; i++)
        if (!rb_utf8_feed(&at, rb_str_sub(s, i, 1))) return false;
    return at == 0;
}

static void split_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rb_str s = {cases[i].text, cases[i].n};
        for (size_t split = 0; split <= s.n; split++)
            if (is_valid_in_pieces(s, split) != cases[i].is_valid) fail_msg("case %zu at %zu", i, split);
        if (is_valid_byte_by_byte(s) != cases[i].is_valid) fail_msg("case %zu byte by byte", i);
    }
}

static void refuses_as_soon_as_it_can(void **state)
{
    (void)state;
    uint32_t at = 0;
    assert_true(rb_utf8_feed(&at, RB_STR("\xf4")));
    assert_false(rb_utf8_feed(&at, RB_STR("\x90"))); /* no third byte could help */
    at = 0;
    assert_true(rb_utf8_feed(&at, RB_STR("ok \xe2\x82")));
    assert_true(at != 0);
    assert_true(rb_utf8_feed(&at, RB_STR("\xac")));
    assert_int_equal(at, 0);
}

static void every_code_point_there_and_back(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        if (code == 0xd800) code = 0xe000;
        char bytes[4];
        size_t n = rb_utf8_put(bytes, code);
        rb_buf_clear(&buf);
        rb_utf8_add(&buf, code);
        if (rb_utf8_length((rb_str){bytes, n}) != n || !rb_str_eq(rb_buf_str(&buf), (rb_str){bytes, n}))
            fail_msg("U+%04X", code);
    }
    rb_buf_clear(&buf);
    rb_utf8_add(&buf, 0x20ac);
    assert_str(rb_buf_str(&buf), "\xe2\x82\xac");
    rb_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_texts),
        cmocka_unit_test(split_anywhere),
        cmocka_unit_test(refuses_as_soon_as_it_can),
        cmocka_unit_test(every_code_point_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
