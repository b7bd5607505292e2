/* Compressed bytes: however they are cut, and whatever room there is, the same comes out. What is damaged,
 * cut short or larger than allowed is said to be. */
#include "test.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/inflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HELLO "hello hello hello hello\n"
#define GZIP_HELLO                                                                                           \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9"                                           \
    "\x57\xc8\x40\x27\xb9\x00\x00\x88\x59\x0b\x18\x00\x00\x00"
#define GZIP_EMPTY "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"
#define ZLIB_HELLO "\x78\xda\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\xb9\x00\x70\xbe\x08\xbb"
/* the same with a dictionary that we do not have */
#define ZLIB_DICTIONARY "\x78\xf9\x06\x2c\x02\x15\xcb\x00\x11\x0a\x18\x24\x17\x00\x70\xbe\x08\xbb"

/* Feeds one piece, with so much room at a time. */
static rb_err feed(struct rb_inflate *inflate, rb_str piece, size_t room_n, struct rb_buf *out)
{
    char *copy = malloc(piece.n ? piece.n : 1), *room = malloc(room_n);
    assert_true(copy && room);
    if (piece.n) memcpy(copy, piece.p, piece.n);
    rb_str input = {copy, piece.n};
    size_t n = 0;
    rb_err err;
    do {
        err = rb_inflate_next(inflate, &input, room, room_n, &n);
        assert_true(n <= room_n);
        rb_buf_add(out, room, n);
    } while (!err && (input.n > 0 || n == room_n));
    free(room);
    free(copy);
    return err;
}

struct row {
    enum rb_inflate_form form;
    rb_str input;
    uint64_t max;
    rb_err err;
    bool is_complete;
    const char *output; /* NULL: whatever */
};

/* The input in two pieces, cut there, or byte by byte with 0. */
static void expect(const struct row *row, size_t cut, size_t room_n)
{
    struct rb_inflate *inflate = rb_inflate_new(row->form, row->max);
    struct rb_buf out = {0};
    rb_err err = RB_OK;
    size_t step = cut ? cut : 1;
    for (size_t at = 0; !err && at < row->input.n; at += step) {
        if (at > 0 && cut) step = row->input.n - at;
        err = feed(inflate, rb_str_sub(row->input, at, step), room_n, &out);
    }
    assert_int_equal(err, row->err);
    if (!err) assert_int_equal(rb_inflate_is_complete(inflate), row->is_complete);
    if (row->output) assert_str(rb_buf_str(&out), row->output);
    assert_true(out.n <= row->max);
    rb_buf_fini(&out);
    rb_inflate_free(inflate);
}

#define BYTES(text)                                                                                          \
    {                                                                                                        \
        text, sizeof(text) - 1                                                                               \
    }

static const struct row rows[] = {
    {RB_INFLATE_GZIP, BYTES(GZIP_HELLO), 24, RB_OK, true, HELLO},
    {RB_INFLATE_GZIP, BYTES(GZIP_HELLO), UINT64_MAX, RB_OK, true, HELLO},
    {RB_INFLATE_GZIP, BYTES(GZIP_EMPTY), 0, RB_OK, true, ""},
    {RB_INFLATE_GZIP, BYTES(GZIP_HELLO GZIP_EMPTY GZIP_HELLO), 48, RB_OK, true, HELLO HELLO},
    {RB_INFLATE_ZLIB, BYTES(ZLIB_HELLO), 24, RB_OK, true, HELLO},
    /* cut short */
    {RB_INFLATE_GZIP, BYTES(""), 24, RB_OK, false, ""},
    {RB_INFLATE_GZIP, BYTES("\x1f"), 24, RB_OK, false, ""},
    {RB_INFLATE_GZIP, {GZIP_HELLO, sizeof GZIP_HELLO - 2}, 24, RB_OK, false, HELLO},
    {RB_INFLATE_ZLIB, {ZLIB_HELLO, sizeof ZLIB_HELLO - 2}, 24, RB_OK, false, HELLO},
    {RB_INFLATE_GZIP, BYTES(GZIP_HELLO "\x1f\x8b"), 24, RB_OK, false, HELLO},
    /* too large */
    {RB_INFLATE_GZIP, BYTES(GZIP_HELLO), 23, RB_BODY_TOO_LARGE, false, "hello hello hello hello"},
    {RB_INFLATE_GZIP, BYTES(GZIP_HELLO), 0, RB_BODY_TOO_LARGE, false, ""},
    {RB_INFLATE_GZIP, BYTES(GZIP_HELLO GZIP_HELLO), 47, RB_BODY_TOO_LARGE, false, NULL},
    /* damaged */
    {RB_INFLATE_GZIP, BYTES("hello"), 24, RB_BAD_REQUEST, false, ""},
    {RB_INFLATE_ZLIB, BYTES("hello"), 24, RB_BAD_REQUEST, false, ""},
    {RB_INFLATE_GZIP, BYTES(ZLIB_HELLO), 24, RB_BAD_REQUEST, false, ""},
    {RB_INFLATE_ZLIB, BYTES(GZIP_HELLO), 24, RB_BAD_REQUEST, false, ""},
    {RB_INFLATE_ZLIB, BYTES(ZLIB_DICTIONARY), 24, RB_BAD_REQUEST, false, ""},
    {RB_INFLATE_GZIP, BYTES(GZIP_HELLO "xy"), 24, RB_BAD_REQUEST, false, HELLO},
    {RB_INFLATE_GZIP, BYTES(GZIP_HELLO "\0\0"), 24, RB_BAD_REQUEST, false, HELLO},
    {RB_INFLATE_ZLIB, BYTES(ZLIB_HELLO ZLIB_HELLO), 48, RB_BAD_REQUEST, false, HELLO},
};

static void whole_and_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        for (size_t cut = 0; cut <= rows[i].input.n; cut++) {
            expect(&rows[i], cut, 1);
            expect(&rows[i], cut, 24);
            expect(&rows[i], cut, 100);
        }
    }
}

/* One byte that is not what it was. In the head some bytes mean nothing to us. */
static void damaged_anywhere(void **state)
{
    (void)state;
    enum { HEAD_BYTES = 10 };
    char bytes[sizeof GZIP_HELLO - 1];
    for (size_t i = HEAD_BYTES; i < sizeof bytes; i++) {
        memcpy(bytes, GZIP_HELLO, sizeof bytes);
        bytes[i] ^= 0x55;
        struct rb_inflate *inflate = rb_inflate_new(RB_INFLATE_GZIP, 1000);
        struct rb_buf out = {0};
        rb_err err = feed(inflate, rb_str_make(bytes, sizeof bytes), 100, &out);
        assert_true(err == RB_BAD_REQUEST || !rb_inflate_is_complete(inflate));
        rb_buf_fini(&out);
        rb_inflate_free(inflate);
    }
}

/* A megabyte of zeros in a kilobyte: no more than allowed comes out, and no more than there is room for at
 * once. */
static void bombs(void **state)
{
    (void)state;
    enum { BYTES_ALL = 1000000, BYTES_MAX = 100000 };
    uLongf n = compressBound(BYTES_ALL);
    Bytef *zeros = calloc(1, BYTES_ALL), *packed = malloc(n);
    assert_true(zeros && packed);
    assert_int_equal(compress2(packed, &n, zeros, BYTES_ALL, 9), Z_OK);
    assert_true(n < 2000);
    struct row row = {RB_INFLATE_ZLIB, {(char *)packed, n}, BYTES_MAX, RB_BODY_TOO_LARGE, false, NULL};
    expect(&row, n, 4096);
    row = (struct row){RB_INFLATE_ZLIB, {(char *)packed, n}, BYTES_ALL, RB_OK, true, NULL};
    expect(&row, n, 4096);
    expect(&row, n / 2, 65536);
    expect(&row, 0, 65536);
    row.max--;
    row.err = RB_BODY_TOO_LARGE;
    expect(&row, n, 4096);
    free(packed);
    free(zeros);
}

static void no_memory(void **state)
{
    (void)state;
    bool is_done = false;
    for (long count = 0; !is_done; count++) {
        rb_mem_fail_after(count);
        struct rb_inflate *inflate = rb_inflate_new(RB_INFLATE_GZIP, 100);
        rb_err err = RB_OUT_OF_MEMORY;
        rb_str input = RB_STR(GZIP_HELLO);
        char room[100];
        size_t n = 0;
        if (inflate) err = rb_inflate_next(inflate, &input, room, sizeof room, &n);
        rb_mem_fail_after(-1);
        assert_true(err == RB_OK || err == RB_OUT_OF_MEMORY);
        is_done = err == RB_OK;
        rb_inflate_free(inflate);
        assert_true(count < 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_cut),
        cmocka_unit_test(damaged_anywhere),
        cmocka_unit_test(bombs),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
