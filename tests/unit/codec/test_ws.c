/* Reading frames on both sides: events, refusals, limits, memory; and that cutting the input anywhere changes
 * nothing. */
#include "test.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/ws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 70000 };

struct feeding {
    struct rb_ws_reader reader;
    struct rb_buf events;
    bool has_failed;
};

static void begin(struct feeding *f, bool is_server, uint32_t message_max)
{
    *f = (struct feeding){0};
    rb_ws_reader_init(&f->reader, is_server, message_max);
}

static void end(struct feeding *f)
{
    rb_ws_reader_fini(&f->reader);
    rb_buf_fini(&f->events);
}

static const char *name_of(enum rb_ws_opcode opcode)
{
    switch (opcode) {
    case RB_WS_CONTINUATION: break;
    case RB_WS_TEXT: return "text";
    case RB_WS_BINARY: return "binary";
    case RB_WS_CLOSE: return "close";
    case RB_WS_PING: return "ping";
    case RB_WS_PONG: return "pong";
    }
    return "?";
}

static void render(struct rb_buf *out, const struct rb_ws_event *event)
{
    rb_buf_add_fmt(out, "%s(", name_of(event->opcode));
    if (event->opcode == RB_WS_CLOSE) rb_buf_add_fmt(out, "%u,", event->close_code);
    if (event->payload.n > 40)
        rb_buf_add_fmt(out, "%zu bytes", event->payload.n);
    else
        rb_buf_add_str(out, event->payload);
    rb_buf_add_text(out, ") ");
}

/* Feeds an exact copy of one piece; all of it is used up unless the reader fails. */
static void feed(struct feeding *f, rb_str piece)
{
    if (f->has_failed) return;
    char *copy = malloc(piece.n ? piece.n : 1);
    assert_non_null(copy);
    if (piece.n) memcpy(copy, piece.p, piece.n);
    struct rb_ws_input input = {copy, piece.n};
    struct rb_ws_event event;
    rb_err err = RB_OK;
    enum rb_ws_step step;
    while ((step = rb_ws_next(&f->reader, &input, &event, &err)) == RB_WS_EVENT) render(&f->events, &event);
    if (step == RB_WS_FAILED) {
        f->has_failed = true;
        rb_buf_add_text(&f->events, rb_reason_name(err));
    } else {
        assert_int_equal(input.n, 0);
    }
    free(copy);
}

static void check(struct feeding *f, const char *expected)
{
    assert_str(rb_buf_str(&f->events), expected);
    end(f);
}

static void expect_limited(bool is_server, uint32_t message_max, rb_str input, const char *expected)
{
    struct feeding f;
    begin(&f, is_server, message_max);
    feed(&f, input);
    check(&f, expected);

    begin(&f, is_server, message_max);
    for (size_t i = 0; i < input.n; i++) feed(&f, rb_str_sub(input, i, 1));
    check(&f, expected);

    size_t stride = input.n > 2000 ? 997 : 1;
    for (size_t at = 0; at <= input.n; at += stride) {
        begin(&f, is_server, message_max);
        feed(&f, rb_str_sub(input, 0, at));
        feed(&f, rb_str_from(input, at));
        check(&f, expected);
    }
}

/* One frame as the peer of that side would send it: masked for a server. */
static void add_frame(struct rb_buf *out, bool for_server, unsigned first_byte, rb_str payload)
{
    static const unsigned char mask[4] = {0x37, 0xfa, 0x00, 0x3d};
    unsigned char header[RB_WS_HEADER_MAX];
    size_t n = rb_ws_put_header(header, RB_WS_CONTINUATION, false, payload.n, for_server ? mask : NULL);
    header[0] = (unsigned char)first_byte;
    rb_buf_add(out, header, n);
    rb_buf_add_str(out, payload);
    if (for_server) rb_ws_mask(out->p + out->n - payload.n, payload.n, mask, 0);
}

struct frame {
    unsigned first_byte; /* 0: no more frames */
    rb_str payload;
};

enum { FRAMES_MAX = 6, GO_ON = 0x100 /* a continuation that is not final: first byte 0 */ };

struct frames_case {
    struct frame frames[FRAMES_MAX];
    const char *expected;
};

static void expect_frames(const struct frames_case *c, uint32_t message_max)
{
    for (int is_server = 0; is_server <= 1; is_server++) {
        struct rb_buf input = {0};
        for (size_t i = 0; i < FRAMES_MAX && c->frames[i].first_byte; i++)
            add_frame(&input, is_server, c->frames[i].first_byte & 0xff, c->frames[i].payload);
        expect_limited(is_server, message_max, rb_buf_str(&input), c->expected);
        rb_buf_fini(&input);
    }
}

static const struct frames_case good[] = {
    {{{0x81, RB_STR("hello")}}, "text(hello) "},
    {{{0x82, RB_STR("\xff\x01")}}, "binary(\xff\x01) "},
    {{{0x81, RB_STR("")}}, "text() "},
    {{{0x82, RB_STR("")}, {0x81, RB_STR("x")}}, "binary() text(x) "},
    {{{0x81, RB_STR("a")}, {0x81, RB_STR("bc")}, {0x82, RB_STR("d")}}, "text(a) text(bc) binary(d) "},
    {{{0x01, RB_STR("he")}, {GO_ON, RB_STR("ll")}, {0x80, RB_STR("o")}, {0x81, RB_STR("x")}},
     "text(hello) text(x) "},
    {{{0x02, RB_STR("")}, {GO_ON, RB_STR("")}, {0x80, RB_STR("")}}, "binary() "},
    {{{0x01, RB_STR("")}, {0x80, RB_STR("x")}}, "text(x) "},
    {{{0x01, RB_STR("x")}, {0x80, RB_STR("")}}, "text(x) "},
    {{{0x01, RB_STR("h")},
      {0x89, RB_STR("p")},
      {GO_ON, RB_STR("e")},
      {0x8a, RB_STR("")},
      {0x80, RB_STR("y")}},
     "ping(p) pong() text(hey) "},
    {{{0x02, RB_STR("h")}, {0x88, RB_STR("\x03\xe8")}, {0x80, RB_STR("x")}}, "close(1000,) "},
    {{{0x89, RB_STR("")}, {0x8a, RB_STR("pong")}}, "ping() pong(pong) "},
    {{{0x88, RB_STR("")}}, "close(1005,) "},
    {{{0x88, RB_STR("\x03\xe9"
                    "bye")},
      {0x81, RB_STR("late")},
      {0xff, RB_STR("")}},
     "close(1001,bye) "},
    /* characters cut by fragments: U+00E9, U+20AC, U+1F600 */
    {{{0x01, RB_STR("\xc3")}, {0x80, RB_STR("\xa9")}}, "text(\xc3\xa9) "},
    {{{0x01, RB_STR("\xe2")}, {GO_ON, RB_STR("\x82")}, {0x80, RB_STR("\xac")}}, "text(\xe2\x82\xac) "},
    {{{0x01, RB_STR("\xf0\x9f")}, {0x89, RB_STR("\xff")}, {0x80, RB_STR("\x98\x80")}},
     "ping(\xff) text(\xf0\x9f\x98\x80) "},
};

static const struct frames_case bad[] = {
    /* reserved bits and opcodes */
    {{{0xc1, RB_STR("x")}}, "protocol_error"},
    {{{0xa1, RB_STR("x")}}, "protocol_error"},
    {{{0x91, RB_STR("x")}}, "protocol_error"},
    {{{0x83, RB_STR("x")}}, "protocol_error"},
    {{{0x87, RB_STR("x")}}, "protocol_error"},
    {{{0x8b, RB_STR("x")}}, "protocol_error"},
    {{{0x8f, RB_STR("x")}}, "protocol_error"},
    /* order of fragments */
    {{{0x80, RB_STR("x")}}, "protocol_error"},
    {{{GO_ON, RB_STR("x")}}, "protocol_error"},
    {{{0x01, RB_STR("x")}, {0x81, RB_STR("y")}}, "protocol_error"},
    {{{0x01, RB_STR("x")}, {0x02, RB_STR("y")}}, "protocol_error"},
    {{{0x01, RB_STR("")}, {0x81, RB_STR("y")}}, "protocol_error"},
    {{{0x81, RB_STR("x")}, {0x80, RB_STR("y")}}, "text(x) protocol_error"},
    {{{0x01, RB_STR("x")}, {0x80, RB_STR("")}, {0x80, RB_STR("y")}}, "text(x) protocol_error"},
    /* control frames */
    {{{0x09, RB_STR("x")}}, "protocol_error"},
    {{{0x08, RB_STR("")}}, "protocol_error"},
    {{{0x0a, RB_STR("")}}, "protocol_error"},
    {{{0x88, RB_STR("\x03")}}, "protocol_error"},
    {{{0x88, RB_STR("\x03\xe8\xff")}}, "bad_utf8"},
    {{{0x88, RB_STR("\x03\xe8\xc3")}}, "bad_utf8"},
    /* text */
    {{{0x81, RB_STR("\xff")}}, "bad_utf8"},
    {{{0x81, RB_STR("\xc0\xaf")}}, "bad_utf8"},
    {{{0x81, RB_STR("\xed\xa0\x80")}}, "bad_utf8"},
    {{{0x81, RB_STR("\xf4\x90\x80\x80")}}, "bad_utf8"},
    {{{0x81, RB_STR("\xe2\x82")}}, "bad_utf8"},
    {{{0x01, RB_STR("\xe2\x82")}, {0x80, RB_STR("")}}, "bad_utf8"},
    {{{0x01, RB_STR("\xe2")}, {0x89, RB_STR("p")}, {0x80, RB_STR("x")}}, "ping(p) bad_utf8"},
    {{{0x81, RB_STR("ok")}, {0x81, RB_STR("\x80")}, {0x81, RB_STR("x")}}, "text(ok) bad_utf8"},
};

static void reads_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < RB_COUNT(good); i++) expect_frames(&good[i], MESSAGE_MAX);
}

static void refuses_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < RB_COUNT(bad); i++) expect_frames(&bad[i], MESSAGE_MAX);
}

/* The examples of RFC 6455 section 5.7, and headers that no writer of ours would write. */
static void reads_raw_bytes(void **state)
{
    (void)state;
    static const struct {
        bool is_server;
        rb_str input;
        const char *expected;
    } cases[] = {
        {false, RB_STR("\x81\x05\x48\x65\x6c\x6c\x6f"), "text(Hello) "},
        {true, RB_STR("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "text(Hello) "},
        {false, RB_STR("\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f"), "text(Hello) "},
        {false, RB_STR("\x89\x05\x48\x65\x6c\x6c\x6f"), "ping(Hello) "},
        {true, RB_STR("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "pong(Hello) "},
        /* masked as the side demands, told by the second byte */
        {true, RB_STR("\x81\x05"), "protocol_error"},
        {true, RB_STR("\x81\x00"), "protocol_error"},
        {true, RB_STR("\x88\x00"), "protocol_error"},
        {false, RB_STR("\x81\x85"), "protocol_error"},
        {false, RB_STR("\x88\x80"), "protocol_error"},
        /* lengths in their shortest form */
        {false, RB_STR("\x82\x7e\x00\x7d"), "protocol_error"},
        {false, RB_STR("\x82\x7e\x00\x00"), "protocol_error"},
        {false, RB_STR("\x82\x7e\x00\x7e"), ""},
        {false, RB_STR("\x82\x7f\0\0\0\0\0\0\xff\xff"), "protocol_error"},
        {false, RB_STR("\x82\x7f\0\0\0\0\0\x01\0\0"), ""},
        {true, RB_STR("\x82\xff\0\0\0\0\0\0\xff\xff"), "protocol_error"},
        /* 64 bits: the high one must be zero */
        {true, RB_STR("\x82\xff\x80\0\0\0\0\0\0\0"), "protocol_error"},
        {true, RB_STR("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "protocol_error"},
        {true, RB_STR("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), "message_too_large"},
        {false, RB_STR("\x01\x01x\x80\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), "message_too_large"},
        /* long control frames, told by the second byte */
        {false, RB_STR("\x89\x7e"), "protocol_error"},
        {false, RB_STR("\x8a\x7f"), "protocol_error"},
        {true, RB_STR("\x88\xfe"), "protocol_error"},
        /* told by the first byte */
        {true, RB_STR("\xf1"), "protocol_error"},
        {true, RB_STR("\x80"), "protocol_error"},
        {true, RB_STR("\x09"), "protocol_error"},
        {true, RB_STR("G"), "protocol_error"}, /* GET */
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++)
        expect_limited(cases[i].is_server, MESSAGE_MAX, cases[i].input, cases[i].expected);
}

static char *filled(size_t n)
{
    char *p = malloc(n + 1);
    assert_non_null(p);
    memset(p, 'x', n);
    return p;
}

static void reads_every_length(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 7, 8, 9, 124, 125, 126, 127, 1000, 65535, 65536, MESSAGE_MAX};
    for (size_t i = 0; i < RB_COUNT(lengths); i++) {
        char *text = filled(lengths[i]), expected[60];
        if (lengths[i] > 40)
            snprintf(expected, sizeof expected, "text(%zu bytes) ", lengths[i]);
        else
            snprintf(expected, sizeof expected, "text(%.*s) ", (int)lengths[i], text);
        struct frames_case c = {{{0x81, {text, lengths[i]}}}, expected};
        expect_frames(&c, MESSAGE_MAX);
        free(text);
    }
    char *payload = filled(RB_WS_CONTROL_MAX);
    struct frames_case longest = {{{0x89, {payload, RB_WS_CONTROL_MAX}}}, "ping(125 bytes) "};
    expect_frames(&longest, 0); /* the limit is for messages */
    free(payload);
}

static void judges_close_codes(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= 65535; code++) {
        bool may = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                   (code >= 3000 && code <= 4999);
        assert_int_equal(rb_ws_close_code_is_valid(code), may);
        if (code % 251 != 0 && (code < 990 || code > 1020) && code / 2 != 1499 && code / 2 != 2499) continue;
        char frame[4] = {(char)0x88, 2, (char)(code >> 8), (char)code}, expected[40] = "protocol_error";
        if (may) snprintf(expected, sizeof expected, "close(%u,) ", code);
        expect_limited(false, MESSAGE_MAX, (rb_str){frame, sizeof frame}, expected);
    }
}

static void limits_messages(void **state)
{
    (void)state;
    static const struct frames_case cases[] = {
        {{{0x82, RB_STR("12345")}}, "binary(12345) "},
        {{{0x82, RB_STR("123456")}}, "message_too_large"},
        {{{0x02, RB_STR("12")}, {GO_ON, RB_STR("34")}, {0x80, RB_STR("5")}}, "binary(12345) "},
        {{{0x02, RB_STR("12")}, {GO_ON, RB_STR("34")}, {0x80, RB_STR("56")}}, "message_too_large"},
        {{{0x02, RB_STR("12345")}, {GO_ON, RB_STR("")}, {0x89, RB_STR("a long ping")}, {0x80, RB_STR("")}},
         "ping(a long ping) binary(12345) "},
        {{{0x82, RB_STR("12345")}, {0x82, RB_STR("12345")}}, "binary(12345) binary(12345) "},
        {{{0x02, RB_STR("12")}, {0x80, RB_STR("345")}, {0x82, RB_STR("12345")}},
         "binary(12345) binary(12345) "},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) expect_frames(&cases[i], 5);
    struct frames_case empty = {{{0x81, RB_STR("")}, {0x81, RB_STR("x")}}, "text() message_too_large"};
    expect_frames(&empty, 0);
    /* Refused when the length is read: neither mask nor payload has to come. */
    expect_limited(true, 5, RB_STR("\x82\x86"), "message_too_large");
    expect_limited(true, 200, RB_STR("\x82\xfe\x00\xc9"), "message_too_large");
    expect_limited(true, 200, RB_STR("\x82\xfe\x00\xc8"), "");
}

/* What lies whole in the input is given out there, whatever came before it; no memory is needed, unless a
 * header comes in pieces. */
static void copies_nothing(void **state)
{
    (void)state;
    struct rb_buf input = {0};
    add_frame(&input, true, 0x81, RB_STR("hello"));
    add_frame(&input, true, 0x89, RB_STR("ping"));
    add_frame(&input, true, 0x88,
              RB_STR("\x03\xe8"
                     "bye"));
    struct rb_ws_reader reader;
    struct rb_ws_event event;
    rb_err err;
    for (size_t header = 0; header <= 6; header++) { /* so much of the first header came before */
        struct rb_buf copy = {0};
        rb_buf_add_str(&copy, rb_buf_str(&input));
        rb_ws_reader_init(&reader, true, 100);
        rb_mem_fail_after(header > 0);
        struct rb_ws_input in = {copy.p, header};
        assert_int_equal(rb_ws_next(&reader, &in, &event, &err), RB_WS_MORE);
        in = (struct rb_ws_input){copy.p + header, copy.n - header};
        assert_int_equal(rb_ws_next(&reader, &in, &event, &err), RB_WS_EVENT);
        assert_ptr_equal(event.payload.p, copy.p + 6);
        assert_str(event.payload, "hello");
        assert_int_equal(rb_ws_next(&reader, &in, &event, &err), RB_WS_EVENT);
        assert_ptr_equal(event.payload.p, copy.p + 17);
        assert_str(event.payload, "ping");
        assert_int_equal(rb_ws_next(&reader, &in, &event, &err), RB_WS_EVENT);
        assert_ptr_equal(event.payload.p, copy.p + 29);
        assert_str(event.payload, "bye");
        assert_int_equal(rb_ws_next(&reader, &in, &event, &err), RB_WS_MORE);
        rb_mem_fail_after(-1);
        rb_ws_reader_fini(&reader);
        rb_buf_fini(&copy);
    }
    rb_buf_fini(&input);
}

/* Between messages a reader holds nothing; the last event's memory goes with the next call. */
static void keeps_nothing(void **state)
{
    (void)state;
    struct feeding f;
    begin(&f, false, 100);
    feed(&f, RB_STR("\x82\x01z"));
    assert_null(f.reader.partial);
    feed(&f, RB_STR("\x01\x01"
                    "a\x89\x02p"));
    assert_non_null(f.reader.partial);
    feed(&f, RB_STR("q\x80\x01"
                    "b"));
    assert_null(f.reader.partial);
    feed(&f, RB_STR("\x82\x03"
                    "12"));
    feed(&f, RB_STR("3\x8a\x02"
                    "1"));
    feed(&f, RB_STR("2"));
    assert_null(f.reader.partial);
    feed(&f, RB_STR("\x8a"));
    assert_non_null(f.reader.partial);
    feed(&f, RB_STR("\x00"));
    assert_null(f.reader.partial);
    check(&f, "binary(z) ping(pq) text(ab) binary(123) pong(12) pong() ");

    struct rb_ws_reader zeroed = {0};
    rb_ws_reader_fini(&zeroed);
    begin(&f, true, 100); /* given up in the middle of everything: fini frees it */
    feed(&f, RB_STR("\x01\x81\0\0\0\0a\x89\x82\0\0\0\0p"));
    end(&f);
}

/* A promised length alone costs no memory. */
static void trusts_no_promise(void **state)
{
    (void)state;
    struct feeding f;
    begin(&f, true, UINT32_MAX);
    feed(&f, RB_STR("\x82\xff\0\0\0\0\xff\xff\xff\xff\0\0\0\0"));
    assert_int_equal(f.reader.partial->message.cap, 0);
    feed(&f, RB_STR("xyz"));
    assert_true(f.reader.partial->message.cap < 1000);
    check(&f, "");
}

static void fails_for_ever(void **state)
{
    (void)state;
    struct feeding f;
    begin(&f, false, 100);
    feed(&f, RB_STR("\x81\x01\xff\x81\x01x"));
    f.has_failed = false;
    feed(&f, RB_STR("\x81\x01y"));
    check(&f, "bad_utf8bad_utf8");
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    struct rb_buf input = {0};
    char *text = filled(500);
    add_frame(&input, true, 0x01, (rb_str){text, 300});
    add_frame(&input, true, 0x89, RB_STR("ping"));
    add_frame(&input, true, 0x80, (rb_str){text, 200});
    bool did_succeed = false;
    for (long count = 0; !did_succeed; count++) {
        struct feeding f;
        assert_true(count < 100);
        begin(&f, true, 1000);
        rb_buf_reserve(&f.events, 1000);
        rb_mem_fail_after(count);
        for (size_t i = 0; i < input.n; i++) feed(&f, rb_str_sub(rb_buf_str(&input), i, 1));
        rb_mem_fail_after(-1);
        did_succeed = !f.has_failed;
        if (did_succeed)
            assert_str(rb_buf_str(&f.events), "ping(ping) text(500 bytes) ");
        else
            assert_true(rb_str_ends(rb_buf_str(&f.events), RB_STR("out_of_memory")));
        end(&f);
    }
    free(text);
    rb_buf_fini(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_frames),
        cmocka_unit_test(refuses_frames),
        cmocka_unit_test(reads_raw_bytes),
        cmocka_unit_test(reads_every_length),
        cmocka_unit_test(judges_close_codes),
        cmocka_unit_test(limits_messages),
        cmocka_unit_test(copies_nothing),
        cmocka_unit_test(keeps_nothing),
        cmocka_unit_test(trusts_no_promise),
        cmocka_unit_test(fails_for_ever),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
