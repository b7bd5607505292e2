/* Packed bytes: however the input is cut, and whatever room there is, the same comes out when it is unpacked.
 */
#include "test.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/deflate.h"
#include "codec/inflate.h"

#include <string.h>

enum { BYTES = 200 * 1000 };

/* What packs well at first, and then not at all. */
static char *make_input(void)
{
    char *bytes = rb_alloc(BYTES);
    uint32_t noise = 1;
    for (size_t i = 0; i < BYTES; i++) {
        noise = noise * 1664525u + 1013904223u;
        bytes[i] = (char)(i < BYTES / 2 ? "#1=IFCWALL();\n"[i % 14] : (int)(noise >> 24));
    }
    return bytes;
}

static void feed(struct rb_deflate *deflate, rb_str input, bool is_last, size_t room_n, struct rb_buf *out)
{
    char *room = rb_alloc(room_n);
    size_t n = room_n;
    while (input.n > 0 || n == room_n) {
        rb_deflate_next(deflate, &input, is_last, room, room_n, &n);
        assert_true(n <= room_n);
        rb_buf_add(out, room, n);
    }
    rb_free(room);
}

static void expect_whole(rb_str packed, rb_str expected)
{
    struct rb_inflate *inflate = rb_inflate_new(RB_INFLATE_GZIP, expected.n);
    char *room = rb_alloc(expected.n + 1);
    size_t n;
    assert_int_equal(rb_inflate_next(inflate, &packed, room, expected.n + 1, &n), RB_OK);
    assert_int_equal(packed.n, 0);
    assert_true(rb_inflate_is_complete(inflate));
    assert_true(rb_str_eq(rb_str_make(room, n), expected));
    rb_free(room);
    rb_inflate_free(inflate);
}

static void comes_back_the_same(void **state)
{
    (void)state;
    static const struct {
        size_t bytes, piece, room;
    } cases[] = {
        {0, 1, 64},
        {1, 1, 1},
        {1000, 1000, 7},
        {BYTES, 1, 4096},
        {BYTES, 65536, 65536},
        {BYTES, BYTES, 100},
        {BYTES / 2, 4096, 4096},
    };
    char *input = make_input();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_deflate *deflate = rb_deflate_new();
        struct rb_buf packed = {0};
        rb_str all = {input, cases[i].bytes};
        for (size_t at = 0; at < all.n; at += cases[i].piece)
            feed(deflate, rb_str_sub(all, at, cases[i].piece), false, cases[i].room, &packed);
        feed(deflate, RB_STR(""), true, cases[i].room, &packed);
        expect_whole(rb_buf_str(&packed), all);
        if (cases[i].bytes == BYTES / 2) assert_true(packed.n < 1000);
        rb_buf_fini(&packed);
        rb_deflate_free(deflate);
    }
    rb_free(input);
    rb_deflate_free(NULL);
}

static void the_last_piece_may_bring_bytes(void **state)
{
    (void)state;
    struct rb_deflate *deflate = rb_deflate_new();
    struct rb_buf packed = {0};
    feed(deflate, RB_STR("hello "), false, 64, &packed);
    feed(deflate, RB_STR("world"), true, 64, &packed);
    expect_whole(rb_buf_str(&packed), RB_STR("hello world"));
    rb_buf_fini(&packed);
    rb_deflate_free(deflate);
}

static void memory_that_is_out_is_said(void **state)
{
    (void)state;
    for (int left = 0; left < 4; left++) {
        rb_mem_fail_after(left);
        struct rb_deflate *deflate = rb_deflate_new();
        rb_mem_fail_after(-1);
        assert_null(deflate);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_the_same),
        cmocka_unit_test(the_last_piece_may_bring_bytes),
        cmocka_unit_test(memory_that_is_out_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
