#include "codec/base64.h"

#include "base/mem.h"
#include "test.h"

#include <string.h>

/* RFC 4648 section 10, and bytes that meet the last two letters. */
static const struct {
    const char *bytes, *standard, *for_urls;
} pairs[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xbe", "+/++", "-_--"},
    {"\xff\xff", "//8=", "__8"},
};

static void both_alphabets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct rb_buf buf = {0};
        rb_base64_encode(&buf, rb_str_of(pairs[i].bytes));
        assert_str(rb_buf_str(&buf), pairs[i].standard);
        assert_int_equal(rb_base64_size(rb_str_of(pairs[i].bytes).n), buf.n);
        rb_buf_clear(&buf);
        rb_base64url_encode(&buf, rb_str_of(pairs[i].bytes));
        assert_str(rb_buf_str(&buf), pairs[i].for_urls);
        rb_buf_clear(&buf);
        assert_int_equal(rb_base64_decode(&buf, rb_str_of(pairs[i].standard)), RB_OK);
        assert_str(rb_buf_str(&buf), pairs[i].bytes);
        rb_buf_clear(&buf);
        assert_int_equal(rb_base64_decode(&buf, rb_str_of(pairs[i].for_urls)), RB_OK);
        assert_str(rb_buf_str(&buf), pairs[i].bytes);
        rb_buf_fini(&buf);
    }
}

static void every_byte_there_and_back(void **state)
{
    (void)state;
    char bytes[256 + 2];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)i;
    for (size_t n = 254; n <= sizeof bytes; n++) {
        struct rb_buf text = {0}, back = {0};
        rb_base64_encode(&text, (rb_str){bytes, n});
        assert_int_equal(rb_base64_decode(&back, rb_buf_str(&text)), RB_OK);
        assert_true(rb_str_eq(rb_buf_str(&back), (rb_str){bytes, n}));
        rb_buf_fini(&text);
        rb_buf_fini(&back);
    }
}

static void appends_and_skips_white_space(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    rb_buf_add_text(&buf, "x:");
    assert_int_equal(rb_base64_decode(&buf, RB_STR(" Zm9v\r\n\tYg =\f=\v\n")), RB_OK);
    assert_str(rb_buf_str(&buf), "x:foob");
    assert_int_equal(rb_base64_decode(&buf, RB_STR_NONE), RB_OK);
    rb_base64_encode(&buf, RB_STR_NONE);
    assert_str(rb_buf_str(&buf), "x:foob");
    rb_buf_fini(&buf);
}

static void refuses(void **state)
{
    (void)state;
    static const rb_str bad[] = {
        {"Z", 1},      {"Zm9vY", 5},    {"=", 1},          {"==", 2},
        {"Zg=", 3},    {"Zg===", 5},    {"Zm8==", 5},      {"Zm9v=", 5},
        {"Zm9v==", 6}, {"Zm9v====", 8}, {"Zg==Zg", 6},     {"Zh==", 4}, /* stray bits */
        {"Zm9=", 4},   {"Zm9", 3},      {"Zm9v!", 5},      {"Z=m8", 4},
        {"Zm\0v", 4},  {"Zm9.", 4},     {"Zm\xc3\xa4", 4}, {"Zm9v%3D%3D", 9},
    };
    struct rb_buf buf = {0};
    rb_buf_add_text(&buf, "kept");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (rb_base64_decode(&buf, bad[i]) != RB_BAD_REQUEST) fail_msg("case %zu", i);
        assert_str(rb_buf_str(&buf), "kept");
        assert_false(buf.failed);
    }
    rb_buf_fini(&buf);
}

/* What stands in the text's own place is what goes into a buffer, and a bad text stays as it was. */
static void in_place(void **state)
{
    (void)state;
    static const rb_str rows[] = {
        {"", 0},         {"Zm9v", 4},       {"Zm9vYg==", 8}, {"Z\nm\n9\nv\nYmE", 11},
        {"+/++-_--", 8}, {"Zm9v\nYg==", 9}, {"Zg=", 3},      {"Zm9v!", 5},
        {"====", 4},     {"Zm9vZm9vZ", 9},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rb_buf expected = {0};
        char text[16];
        if (rows[i].n > 0) memcpy(text, rows[i].p, rows[i].n);
        size_t n = 77;
        bool is_base64 = rb_base64_decode(&expected, rows[i]) == RB_OK;
        assert_int_equal(rb_base64_decode_in_place(text, rows[i].n, &n), is_base64);
        assert_int_equal(n, is_base64 ? expected.n : 77);
        assert_true(rb_str_eq((rb_str){text, is_base64 ? n : rows[i].n},
                              is_base64 ? rb_buf_str(&expected) : rows[i]));
        rb_buf_fini(&expected);
    }
}

static void limits_and_memory(void **state)
{
    (void)state;
    struct rb_buf buf;
    rb_buf_init(&buf, 6);
    assert_int_equal(rb_base64_decode(&buf, RB_STR("Z m 9 v Y m F y")),
                     RB_OK); /* just fits: blanks do not count */
    assert_int_equal(rb_base64_decode(&buf, RB_STR("Zg")), RB_OUT_OF_MEMORY);
    assert_true(buf.failed);
    assert_str(rb_buf_str(&buf), "foobar");
    rb_buf_fini(&buf);

    buf = (struct rb_buf){0};
    rb_mem_fail_after(0);
    assert_int_equal(rb_base64_decode(&buf, RB_STR("Zm9v")), RB_OUT_OF_MEMORY);
    rb_buf_clear(&buf);
    rb_base64_encode(&buf, RB_STR("foo"));
    rb_mem_fail_after(-1);
    assert_true(buf.failed);
    assert_int_equal(buf.n, 0);
    rb_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_alphabets),
        cmocka_unit_test(every_byte_there_and_back),
        cmocka_unit_test(appends_and_skips_white_space),
        cmocka_unit_test(refuses),
        cmocka_unit_test(in_place),
        cmocka_unit_test(limits_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
