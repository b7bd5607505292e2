/* Bodies: data and end, the limits of chunk framing, and that cutting the input anywhere changes nothing. */
#include "test.h"

#include "base/check.h"
#include "codec/http1.h"

#include <stdlib.h>
#include <string.h>

struct feeding {
    struct rb_http1_body body;
    struct rb_buf data;
    size_t consumed;
    enum rb_http1_step step;
    rb_err err;
};

static void begin(struct feeding *f, enum rb_http1_framing framing, uint64_t length)
{
    struct rb_http1_head head = {.framing = framing, .length = length};
    *f = (struct feeding){0};
    rb_http1_body_init(&f->body, &head);
}

/* Feeds an exact copy of one piece until it is used up or the body has ended. */
static void feed(struct feeding *f, rb_str piece)
{
    char *copy = malloc(piece.n ? piece.n : 1);
    assert_non_null(copy);
    if (piece.n) memcpy(copy, piece.p, piece.n);
    rb_str rest = {copy, piece.n};
    do {
        size_t consumed;
        rb_str data;
        f->step = rb_http1_body_feed(&f->body, rest, &consumed, &data, &f->err);
        if (f->step == RB_HTTP1_FAILED) break;
        assert_true(consumed > 0 || rest.n == 0 || f->step == RB_HTTP1_DONE);
        assert_true(data.n == 0 || (data.p >= rest.p && data.p + data.n <= rest.p + consumed));
        rb_buf_add_str(&f->data, data);
        rest = rb_str_from(rest, consumed);
        f->consumed += consumed;
    } while (f->step == RB_HTTP1_MORE && rest.n > 0);
    free(copy);
}

static void check(struct feeding *f, const char *expected)
{
    struct rb_buf text = {0};
    if (f->step == RB_HTTP1_FAILED)
        rb_buf_add_text(&text, rb_reason_name(f->err));
    else
        rb_buf_add_fmt(&text, "%.*s %s %zu", RB_STR_FMT(rb_buf_str(&f->data)),
                       f->step == RB_HTTP1_DONE ? "done" : "more", f->consumed);
    assert_str(rb_buf_str(&text), expected);
    rb_buf_fini(&text);
    rb_buf_fini(&f->data);
}

static void expect(enum rb_http1_framing framing, uint64_t length, rb_str input, const char *expected)
{
    struct feeding f;
    begin(&f, framing, length);
    feed(&f, input);
    check(&f, expected);

    begin(&f, framing, length);
    feed(&f, RB_STR_NONE);
    for (size_t i = 0; i < input.n && f.step == RB_HTTP1_MORE; i++) feed(&f, rb_str_sub(input, i, 1));
    check(&f, expected);

    for (size_t at = 0; at <= input.n; at++) {
        begin(&f, framing, length);
        feed(&f, rb_str_sub(input, 0, at));
        if (f.step == RB_HTTP1_MORE) feed(&f, rb_str_from(input, at));
        check(&f, expected);
    }
}

static void reads_length(void **state)
{
    (void)state;
    expect(RB_HTTP1_LENGTH, 5, RB_STR("hello"), "hello done 5");
    expect(RB_HTTP1_LENGTH, 5, RB_STR("helloGET /"), "hello done 5");
    expect(RB_HTTP1_LENGTH, 5, RB_STR("hell"), "hell more 4");
    expect(RB_HTTP1_LENGTH, 0, RB_STR("GET /"), " done 0");
    expect(RB_HTTP1_LENGTH, 0, RB_STR(""), " done 0");
    expect(RB_HTTP1_NO_BODY, 0, RB_STR("GET /"), " done 0");
    expect(RB_HTTP1_NO_BODY, 0, RB_STR(""), " done 0");
    expect(RB_HTTP1_UNTIL_CLOSE, 0, RB_STR("all of it"), "all of it more 9");
}

static void reads_chunks(void **state)
{
    (void)state;
    static const struct {
        rb_str input;
        const char *expected;
    } cases[] = {
        {RB_STR("0\r\n\r\n"), " done 5"},
        {RB_STR("0\r\n\r\nGET /"), " done 5"},
        {RB_STR("5\r\nhello\r\n0\r\n\r\n"), "hello done 15"},
        {RB_STR("2\r\nhe\r\n03\r\nllo\r\n000\r\n\r\n"), "hello done 23"},
        {RB_STR("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), "01234567890123456789 done 35"},
        {RB_STR("0000000000000001\r\nx\r\n0\r\n\r\n"), "x done 26"},
        {RB_STR("1;a=b;c=\"d e\"\r\nx\r\n0;z\r\n\r\n"), "x done 25"},
        {RB_STR("1;\t\xff\r\nx\r\n0\r\n\r\n"), "x done 14"},
        {RB_STR("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\nrest"), "x done 21"},
        {RB_STR("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n done 12"},
        {RB_STR("5\r\nhel"), "hel more 6"},
        {RB_STR("5\r\nhello"), "hello more 8"},
        {RB_STR("0\r\n"), " more 3"},
        {RB_STR("ffffffffffffffff\r\nx"), "x more 19"},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++)
        expect(RB_HTTP1_CHUNKED, 0, cases[i].input, cases[i].expected);
}

static void refuses_chunks(void **state)
{
    (void)state;
    static const rb_str cases[] = {
        RB_STR("\r\n"),
        RB_STR(";a\r\n"),
        RB_STR("5\n"),
        RB_STR("5\r\r\n"),
        RB_STR("5\rx"),
        RB_STR(" 5\r\n"),
        RB_STR("5 \r\n"),
        RB_STR("5 ;a\r\n"),
        RB_STR("5\t\r\n"),
        RB_STR("+5\r\n"),
        RB_STR("-5\r\n"),
        RB_STR("0x5\r\n"),
        RB_STR("5,\r\n"),
        RB_STR("g\r\n"),
        RB_STR("5_0\r\n"),
        RB_STR("00000000000000001\r\n"), /* 17 digits, whatever their value */
        RB_STR("10000000000000000\r\n"),
        RB_STR("1;a\nx\r\n0\r\n\r\n"), /* the lone LF at which some servers end an extension */
        RB_STR("1;a\rx"),
        RB_STR("1;a\0\r\n"),
        RB_STR("1;a\x7f\r\n"),
        RB_STR("1\r\nxy"),
        RB_STR("1\r\nx\n0\r\n"),
        RB_STR("1\r\nx\r0\r\n"),
        RB_STR("1\r\nx\rx0\r\n\r\n"),
        RB_STR("1\r\nx0\r\n\r\n"),
        RB_STR("1\r\nx\r\n\r\n"),
        RB_STR("0\r\n\n"),
        RB_STR("0\r\n\rx"),
        RB_STR("0\r\nA\r\n\r\n"),
        RB_STR("0\r\nA : b\r\n\r\n"),
        RB_STR("0\r\n: b\r\n\r\n"),
        RB_STR("0\r\nA: b\r\n c\r\n\r\n"),
        RB_STR("0\r\nA: b\n\r\n"),
        RB_STR("0\r\nA: b\rC: d\r\n\r\n"),
        RB_STR("0\r\nA: b\rC\r\n"),
        RB_STR("0\r\nA: \0\r\n\r\n"),
        RB_STR("0\r\nGET / HTTP/1.1\r\n"),
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) expect(RB_HTTP1_CHUNKED, 0, cases[i], "bad_request");
}

static void fails_for_ever(void **state)
{
    (void)state;
    struct feeding f;
    begin(&f, RB_HTTP1_CHUNKED, 0);
    feed(&f, RB_STR("x"));
    assert_int_equal(f.step, RB_HTTP1_FAILED);
    feed(&f, RB_STR("0\r\n\r\n"));
    assert_int_equal(f.step, RB_HTTP1_FAILED);
    feed(&f, RB_STR_NONE);
    assert_int_equal(f.step, RB_HTTP1_FAILED);
}

/* Extensions of several chunks and the trailers, `extra` bytes of them in all. */
static void add_extra_body(struct rb_buf *out, unsigned extra)
{
    unsigned in_extensions = extra / 2, in_trailers = extra - in_extensions;
    rb_buf_add_text(out, "1;");
    for (unsigned i = 0; i < in_extensions / 2; i++) rb_buf_add_char(out, 'e');
    rb_buf_add_text(out, "\r\nx\r\n0;");
    for (unsigned i = in_extensions / 2; i < in_extensions; i++) rb_buf_add_char(out, 'e');
    rb_buf_add_text(out, "\r\nT:");
    for (unsigned i = 2; i < in_trailers; i++) rb_buf_add_char(out, 't');
    rb_buf_add_text(out, "\r\n\r\n");
}

static void limits_extra(void **state)
{
    (void)state;
    struct rb_buf text = {0}, expected = {0};
    add_extra_body(&text, RB_HTTP1_CHUNK_EXTRA_MAX);
    rb_buf_add_fmt(&expected, "x done %zu", text.n);
    expect(RB_HTTP1_CHUNKED, 0, rb_buf_str(&text), rb_buf_text(&expected));
    rb_buf_clear(&text);
    add_extra_body(&text, RB_HTTP1_CHUNK_EXTRA_MAX + 1);
    expect(RB_HTTP1_CHUNKED, 0, rb_buf_str(&text), "bad_request");
    rb_buf_fini(&text);
    rb_buf_fini(&expected);
}

static void is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct rb_http1_body) <= 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_length),   cmocka_unit_test(reads_chunks), cmocka_unit_test(refuses_chunks),
        cmocka_unit_test(fails_for_ever), cmocka_unit_test(limits_extra), cmocka_unit_test(is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
