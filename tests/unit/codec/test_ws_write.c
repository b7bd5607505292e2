/* Written frames: headers, masks, close frames; and the key of the handshake. */
#include "test.h"

#include "base/mem.h"
#include "codec/utf8.h"
#include "codec/ws.h"

#include <string.h>

static void writes_headers(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        rb_str header;
    } cases[] = {
        {0, RB_STR("\x82\x00")},
        {125, RB_STR("\x82\x7d")},
        {126, RB_STR("\x82\x7e\x00\x7e")},
        {65535, RB_STR("\x82\x7e\xff\xff")},
        {65536, RB_STR("\x82\x7f\0\0\0\0\0\x01\0\0")},
        {0x7fffffffffffffff, RB_STR("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")},
    };
    static const unsigned char mask[4] = {1, 2, 3, 4};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char header[RB_WS_HEADER_MAX];
        size_t n = rb_ws_put_header(header, RB_WS_BINARY, true, cases[i].length, NULL);
        assert_int_equal(n, cases[i].header.n);
        assert_memory_equal(header, cases[i].header.p, n);
        n = rb_ws_put_header(header, RB_WS_BINARY, true, cases[i].length, mask);
        assert_int_equal(n, cases[i].header.n + 4);
        assert_int_equal(header[1], (unsigned char)cases[i].header.p[1] | 0x80);
        assert_memory_equal(header + n - 4, mask, 4);
    }
    unsigned char header[RB_WS_HEADER_MAX];
    rb_ws_put_header(header, RB_WS_TEXT, false, 1, NULL);
    assert_int_equal(header[0], 0x01);
}

static void writes_frames(void **state)
{
    (void)state;
    struct rb_buf out = {0};
    rb_ws_put_frame(&out, RB_WS_TEXT, RB_STR("hi"));
    rb_ws_put_frame(&out, RB_WS_PONG, RB_STR_NONE);
    assert_true(rb_str_eq(rb_buf_str(&out), RB_STR("\x81\x02hi\x8a\x00")));
    rb_mem_fail_after(0); /* half a frame must not stay */
    size_t before = out.n;
    char large[1000] = {0};
    rb_ws_put_frame(&out, RB_WS_BINARY, (rb_str){large, sizeof large});
    rb_mem_fail_after(-1);
    assert_true(out.failed);
    assert_int_equal(out.n, before);
    rb_buf_fini(&out);
}

static void writes_close(void **state)
{
    (void)state;
    struct rb_buf out = {0};
    rb_ws_put_close(&out, 1000, RB_STR("bye"));
    assert_true(rb_str_eq(rb_buf_str(&out), RB_STR("\x88\x05\x03\xe8"
                                                   "bye")));
    static const uint16_t silent[] = {0, 999, 1004, 1005, 1006, 1015, 2999, 5000};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        rb_buf_clear(&out);
        rb_ws_put_close(&out, silent[i], RB_STR("bye"));
        assert_true(rb_str_eq(rb_buf_str(&out), RB_STR("\x88\x00")));
    }
    rb_buf_fini(&out);
}

/* Reasons of 121 to 126 bytes, with a character of 1 to 4 bytes across the end. */
static void cuts_reasons(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < 4; i++) {
        for (size_t ascii = 119; ascii <= 125; ascii++) {
            struct rb_buf reason = {0}, out = {0};
            for (size_t k = 0; k < ascii; k++) rb_buf_add_char(&reason, 'a');
            rb_buf_add_text(&reason, characters[i]);
            rb_ws_put_close(&out, 4000, rb_buf_str(&reason));
            rb_str sent = rb_str_from(rb_buf_str(&out), 4);
            size_t expected = reason.n <= 123 ? reason.n : ascii <= 123 ? ascii : 123;
            assert_int_equal(sent.n, expected);
            assert_int_equal((unsigned char)out.p[1], expected + 2);
            assert_true(rb_utf8_is_valid(sent));
            assert_true(rb_str_starts(rb_buf_str(&reason), sent));
            rb_buf_fini(&reason);
            rb_buf_fini(&out);
        }
    }
}

static void masks(void **state)
{
    (void)state;
    static const unsigned char mask[4] = {0x11, 0x22, 0x44, 0x88};
    for (size_t from = 0; from < 8; from++) {
        for (size_t n = 0; n < 40; n++) {
            for (uint32_t at = 0; at < 5; at++) {
                char text[64] = {0}, expected[64] = {0};
                for (size_t i = 0; i < n; i++) expected[from + i] = (char)mask[(at + i) % 4];
                rb_ws_mask(text + from, n, mask, at);
                assert_memory_equal(text, expected, sizeof text);
            }
        }
    }
}

static void accepts_keys(void **state)
{
    (void)state;
    static const struct {
        rb_str key;
        const char *accept; /* NULL: refused */
    } cases[] = {
        {RB_STR("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, /* RFC 6455 section 1.3 */
        {RB_STR("x3JJHMbDL1EzLkh9GBhXDw=="), "HSmrc0sMlYUkAGmm5OPpG2HaGWk="},
        {RB_STR(""), NULL},
        {RB_STR("dGhlIHNhbXBsZSBub25jZQ="), NULL},
        {RB_STR("dGhlIHNhbXBsZSBub25jZQ==="), NULL},
        {RB_STR("dGhlIHNhbXBsZSBub25jZQA="), NULL},
        {RB_STR("dGhlIHNhbXBsZSBub25jZQAA"), NULL},
        {RB_STR("dGhlIHNhbXBsZSBub25jZ==="), NULL},
        {RB_STR("dGhlIHNhbXBsZSBub25j Q=="), NULL},
        {RB_STR("dGhlIHNhbXBsZSBub25j-Q=="), NULL},
        {RB_STR("dGhlIHNhbXBsZSBub25j\0Q=="), NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char accept[RB_WS_ACCEPT_BYTES + 1] = "as before";
        assert_int_equal(rb_ws_accept(cases[i].key, accept), cases[i].accept != NULL);
        assert_string_equal(accept, cases[i].accept ? cases[i].accept : "as before");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_headers), cmocka_unit_test(writes_frames), cmocka_unit_test(writes_close),
        cmocka_unit_test(cuts_reasons),   cmocka_unit_test(masks),         cmocka_unit_test(accepts_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
