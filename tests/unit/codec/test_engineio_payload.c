#include "test.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/engineio_payload.h"

#include <stdlib.h>
#include <string.h>

/* What a reader gives, written down so that it can be compared: the type's digit and the data, "b:" before
 * binary data; one packet after the other with " | " between, and " !" behind the last when the body is bad.
 */
static void describe(struct rb_buf *out, enum rb_eio_form form, char *body, size_t n)
{
    struct rb_eio_payload payload;
    struct rb_eio_item item;
    bool is_first = true;
    rb_eio_payload_begin(&payload, form, body, n);
    for (; rb_eio_payload_next(&payload, &item); is_first = false) {
        assert_int_equal(payload.err, RB_OK);
        if (!is_first) rb_buf_add_text(out, " | ");
        if (item.is_binary) assert_int_equal(item.type, RB_EIO_MESSAGE);
        rb_buf_add_text(out, item.is_binary ? "b:" : "");
        if (!item.is_binary) rb_buf_add_char(out, (char)('0' + item.type));
        rb_buf_add_str(out, item.data);
    }
    if (payload.err) {
        assert_int_equal(payload.err, RB_PROTOCOL_ERROR);
        rb_buf_add_text(out, " !");
    }
    assert_false(rb_eio_payload_next(&payload, &item)); /* over is over */
}

/* The body in memory of just its size, at every alignment, so that a step too far shows. */
static void assert_body(enum rb_eio_form form, rb_str body, const char *expected)
{
    for (size_t shift = 0; shift < 8; shift++) {
        char *memory = malloc(shift + body.n + (shift + body.n == 0));
        if (body.n > 0) memcpy(memory + shift, body.p, body.n);
        struct rb_buf seen = {0};
        describe(&seen, form, memory + shift, body.n);
        if (!rb_str_is(rb_buf_str(&seen), expected))
            fail_msg("\"%.*s\" was read as \"%.*s\", not \"%s\"", RB_STR_FMT(body),
                     RB_STR_FMT(rb_buf_str(&seen)), expected);
        rb_buf_fini(&seen);
        free(memory);
    }
}

struct body_row {
    rb_str body;
    const char *expected;
};

#define ROW(body, expected)                                                                                  \
    {                                                                                                        \
        {body, sizeof(body) - 1}, expected                                                                   \
    }

static void check_rows(enum rb_eio_form form, const struct body_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) assert_body(form, rows[i].body, rows[i].expected);
}

static void test_v4(void **state)
{
    (void)state;
    static const struct body_row rows[] = {
        ROW("4hello", "4hello"),
        ROW("4hello\x1e"
            "2\x1e"
            "4world",
            "4hello | 2 | 4world"),
        ROW("4hello\x1e"
            "bAQIDBA==",
            "4hello | b:\x01\x02\x03\x04"),
        ROW("bAQIDBA==\x1e"
            "4a\x1e"
            "bZm9v",
            "b:\x01\x02\x03\x04 | 4a | b:foo"),
        ROW("40{\"token\":\"T\"}\x1e"
            "42[\"x\"]",
            "40{\"token\":\"T\"} | 42[\"x\"]"),
        ROW("6\x1e"
            "1",
            "6 | 1"),
        ROW("1", "1"),
        ROW("3", "3"),
        ROW("4", "4"),
        ROW("42[\"\xe2\x82\xac\"]", "42[\"\xe2\x82\xac\"]"),
        /* base64 as clients write it */
        ROW("b", "b:"),
        ROW("bZm9vYg", "b:foob"),
        ROW("bZm9v\nYmFy\n", "b:foobar"),
        ROW("bZm9v\r\nYg==\r\n", "b:foob"),
        ROW("b-_--", "b:\xfb\xff\xbe"),
        ROW("b+/++\x1e"
            "2",
            "b:\xfb\xff\xbe | 2"),
        /* what v3 writes is no binary data here */
        ROW("b4AQIDBA==", " !"),
        /* bad ones, and what came before them */
        ROW("", " !"),
        ROW("\x1e", " !"),
        ROW("\x1e"
            "4a",
            " !"),
        ROW("4a\x1e", "4a !"),
        ROW("4a\x1e\x1e"
            "4b",
            "4a !"),
        ROW("abc", " !"),
        ROW("4a\x1e"
            "7\x1e"
            "4b",
            "4a !"),
        ROW("2\x1e"
            "b!!!!\x1e"
            "2",
            "2 !"),
        ROW("2\x1e"
            "bZm9vYg=\x1e"
            "2",
            "2 !"),
        ROW("2\x1e"
            "bZ",
            "2 !"),
        ROW("2\x1e"
            "4\xff",
            "2 !"),
        ROW("2\x1e"
            "4\xe2\x82\x1e"
            "4",
            "2 !"),
        ROW("2\x1e"
            "b\xe2\x82\xac",
            "2 !"),
    };
    check_rows(RB_EIO_V4, rows, RB_COUNT(rows));
}

#define EURO "\xe2\x82\xac"
#define CLEF "\xf0\x9d\x84\x9e" /* two units */

static void test_v3_text(void **state)
{
    (void)state;
    static const struct body_row rows[] = {
        ROW("6:4hello2:4" EURO, "4hello | 4" EURO),
        ROW("2:4" EURO "6:4hello", "4" EURO " | 4hello"),
        ROW("10:b4AQIDBA==", "b:\x01\x02\x03\x04"),
        ROW("2:4" EURO "10:b4AQIDBA==", "4" EURO " | b:\x01\x02\x03\x04"),
        ROW("10:b4AQIDBA==2:4" EURO "1:2", "b:\x01\x02\x03\x04 | 4" EURO " | 2"),
        ROW("3:4" CLEF "1:2", "4" CLEF " | 2"),
        ROW("5:4" CLEF CLEF, "4" CLEF CLEF),
        ROW("1:2", "2"),
        ROW("2:b4", "b:"),
        ROW("6:2probe", "2probe"),
        ROW("001:2", "2"),
        ROW("11:b4Zm9v\nYg==", "b:foob"),
        ROW("3:4\x1e:1:2", "4\x1e: | 2"),
        /* bad ones */
        ROW("", " !"),
        ROW("2", " !"),
        ROW(":2", " !"),
        ROW("4hello", " !"),
        ROW("1", " !"),
        ROW("1:", " !"),
        ROW("0:", " !"),
        ROW("1:20:", "2 !"),
        ROW("1:22", "2 !"),
        ROW("1:2 1:2", "2 !"),
        ROW("2:2", " !"),
        ROW("-1:2", " !"),
        ROW("+1:2", " !"),
        ROW(" 1:2", " !"),
        ROW("1 :2", " !"),
        ROW("1.0:2", " !"),
        ROW("1e0:2", " !"),
        ROW("1:7", " !"),
        ROW("1:b", " !"),
        ROW("5:bZm9v", " !"),
        ROW("6:b2Zm9v", " !"), /* binary data that is no message */
        ROW("6:b4Zm9!", " !"),
        ROW("4:4" EURO, " !"), /* counted in bytes */
        ROW("2:4" CLEF, " !"), /* ends between the surrogates */
        ROW("1:22:4" CLEF "", "2 !"),
        ROW("2:4\xff", " !"),
        ROW("2:4\xe2\x82", " !"),
        ROW("18446744073709551616:2", " !"),
        ROW("18446744073709551617:2", " !"),
        ROW("99999999999999999999999999:2", " !"),
    };
    check_rows(RB_EIO_V3_TEXT, rows, RB_COUNT(rows));
}

static void test_v3_bytes(void **state)
{
    (void)state;
    static const struct body_row rows[] = {
        ROW("\x00\x04\xff"
            "4" EURO "\x01\x05\xff\x04\x01\x02\x03\x04",
            "4" EURO " | b:\x01\x02\x03\x04"),
        ROW("\x01\x05\xff\x04\x01\x02\x03\x04\x00\x06\xff"
            "4hello",
            "b:\x01\x02\x03\x04 | 4hello"),
        ROW("\x00\x01\xff"
            "2",
            "2"),
        ROW("\x01\x01\xff\x04", "b:"),
        ROW("\x01\x01\x02\xff\x04"
            "hello world",
            "b:hello world"),
        ROW("\x01\x00\x00\x02\xff\x04x", "b:x"),
        ROW("\x01\x03\xff\x04\xff\x01", "b:\xff\x01"),
        ROW("\x00\x0a", " !"),
        ROW("\x00\x06\xff"
            "b4Zm9v\x00\x01\xff"
            "2",
            "b:foo | 2"),
        /* bad ones */
        ROW("", " !"),
        ROW("\x00", " !"),
        ROW("\x00\x01", " !"),
        ROW("\x00\x01\xff", " !"),
        ROW("\x00\xff"
            "2",
            " !"),
        ROW("\x00\x00\xff", " !"),
        ROW("\x01\x00\xff", " !"),
        ROW("\x02\x01\xff"
            "2",
            " !"),
        ROW("\x00"
            "1\xff"
            "2",
            " !"),
        ROW("\x00\x0a\xff"
            "2345678901",
            " !"),
        ROW("\x00\x02\xff"
            "2",
            " !"),
        ROW("\x00\x01\xff"
            "7",
            " !"),
        ROW("\x00\x02\xff"
            "4\xff",
            " !"),
        ROW("\x01\x02\xff"
            "4a",
            " !"), /* the digit of text */
        ROW("\x01\x02\xff\x02x", " !"),
        ROW("\x00\x01\xff"
            "2\x00",
            "2 !"),
        ROW("\x00\x01\xff"
            "22",
            "2 !"),
        ROW("\x00\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff"
            "2",
            " !"),
        /* 2^64 + 1 */
        ROW("\x00\x01\x08\x04\x04\x06\x07\x04\x04\x00\x07\x03\x07\x00\x09\x05\x05\x01\x06\x01\x07\xff"
            "2",
            " !"),
        ROW("1:2", " !"),
    };
    check_rows(RB_EIO_V3_BYTES, rows, RB_COUNT(rows));
}

/* ---- writing ---- */

struct out_packet {
    bool is_binary;
    rb_str packet;
};

#define TEXT(s) false, RB_STR(s)
#define BYTES(s) true, RB_STR(s)

/* The examples of the protocol's pages, both ways. */
static void test_examples_written(void **state)
{
    (void)state;
    static const struct {
        enum rb_eio_form form;
        struct {
            bool is_binary;
            rb_str packet;
        } packets[3];
        rb_str body;
    } rows[] = {
        {RB_EIO_V4,
         {{false, {"4hello", 6}}, {false, {"2", 1}}, {false, {"4world", 6}}},
         {"4hello\x1e"
          "2\x1e"
          "4world",
          15}},
        {RB_EIO_V4,
         {{false, {"4hello", 6}}, {true, {"\x01\x02\x03\x04", 4}}},
         {"4hello\x1e"
          "bAQIDBA==",
          16}},
        {RB_EIO_V3_TEXT, {{false, {"4hello", 6}}, {false, {"4" EURO, 4}}}, {"6:4hello2:4" EURO, 14}},
        {RB_EIO_V3_TEXT,
         {{false, {"4" EURO, 4}}, {true, {"\x01\x02\x03\x04", 4}}},
         {"2:4" EURO "10:b4AQIDBA==", 19}},
        {RB_EIO_V3_TEXT, {{false, {"4" CLEF, 5}}}, {"3:4" CLEF, 7}},
        {RB_EIO_V3_BYTES,
         {{false, {"4" EURO, 4}}, {true, {"\x01\x02\x03\x04", 4}}},
         {"\x00\x04\xff"
          "4" EURO "\x01\x05\xff\x04\x01\x02\x03\x04",
          15}},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_buf body = {0};
        for (size_t k = 0; k < 3 && (k == 0 || rows[i].packets[k].packet.n > 0); k++)
            rb_eio_payload_put(&body, rows[i].form, k == 0, rows[i].packets[k].is_binary,
                               rows[i].packets[k].packet);
        if (!rb_str_eq(rb_buf_str(&body), rows[i].body))
            fail_msg("row %zu: \"%.*s\"", i, RB_STR_FMT(rb_buf_str(&body)));
        rb_buf_fini(&body);
    }
}

/* The packets that come back are the ones that were written, and each is as large as was said. */
static void check_round_trip(enum rb_eio_form form, const struct out_packet *packets, size_t count)
{
    struct rb_buf body = {0};
    for (size_t i = 0; i < count; i++) {
        size_t before = body.n;
        rb_eio_payload_put(&body, form, i == 0, packets[i].is_binary, packets[i].packet);
        assert_int_equal(body.n - before,
                         rb_eio_payload_size(form, i == 0, packets[i].is_binary, packets[i].packet));
    }
    assert_false(body.failed);
    struct rb_eio_payload payload;
    struct rb_eio_item item;
    size_t at = 0;
    rb_eio_payload_begin(&payload, form, body.p, body.n);
    for (; rb_eio_payload_next(&payload, &item); at++) {
        assert_true(at < count);
        assert_int_equal(item.is_binary, packets[at].is_binary);
        rb_str packet = packets[at].packet;
        if (!item.is_binary) {
            assert_int_equal(item.type, packet.p[0] - '0');
            packet = rb_str_from(packet, 1);
        }
        assert_true(rb_str_eq(item.data, packet));
    }
    assert_int_equal(payload.err, RB_OK);
    assert_int_equal(at, count);
    rb_buf_fini(&body);
}

static void test_round_trips(void **state)
{
    (void)state;
    char bytes[1100], text[1100];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)i;
    memset(text, '4', sizeof text);
    for (int form = RB_EIO_V4; form <= RB_EIO_V3_BYTES; form++) {
        struct out_packet packets[] = {
            {TEXT("42[\"x\",\"" EURO CLEF "\"]")},
            {BYTES("\x01\x02\x03\x04")},
            {BYTES("")},
            {TEXT("2")},
            {true, {bytes, sizeof bytes}},
            {TEXT("4")},
        };
        for (size_t count = 1; count <= RB_COUNT(packets); count++)
            check_round_trip((enum rb_eio_form)form, packets, count);
        /* Lengths around where their digits become more. */
        for (size_t n = 1; n <= sizeof text; n += n < 120 ? 1 : 97) {
            struct out_packet pair[] = {{false, {text, n}}, {true, {bytes, n}}};
            check_round_trip((enum rb_eio_form)form, pair, 2);
            check_round_trip((enum rb_eio_form)form, pair + 1, 1);
        }
        struct out_packet edges[] = {{false, {text, 999}},
                                     {false, {text, 1000}},
                                     {true, {bytes, 998}},
                                     {true, {bytes, 999}},
                                     {true, {bytes, 1000}}};
        check_round_trip((enum rb_eio_form)form, edges, RB_COUNT(edges));
    }
}

/* A body cut off anywhere gives a head of its packets and nothing else. */
static void test_cut_off(void **state)
{
    (void)state;
    for (int form = RB_EIO_V4; form <= RB_EIO_V3_BYTES; form++) {
        struct rb_buf body = {0};
        rb_eio_payload_put(&body, (enum rb_eio_form)form, true, false, RB_STR("4" EURO "a"));
        size_t first = body.n;
        rb_eio_payload_put(&body, (enum rb_eio_form)form, false, true, RB_STR("foobar"));
        rb_eio_payload_put(&body, (enum rb_eio_form)form, false, false, RB_STR("4b"));
        for (size_t n = first; n < body.n; n++) {
            char *cut = malloc(n);
            memcpy(cut, body.p, n);
            struct rb_buf seen = {0};
            describe(&seen, (enum rb_eio_form)form, cut, n);
            if (!rb_str_starts(rb_buf_str(&seen), RB_STR("4" EURO "a")))
                fail_msg("form %d cut at %zu: \"%.*s\"", form, n, RB_STR_FMT(rb_buf_str(&seen)));
            rb_buf_fini(&seen);
            free(cut);
        }
        rb_buf_fini(&body);
    }
}

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        bool is_v3, has_binary, wants_base64;
        enum rb_eio_form form;
        const char *type;
    } rows[] = {
        {false, false, false, RB_EIO_V4, "text/plain; charset=UTF-8"},
        {false, true, false, RB_EIO_V4, "text/plain; charset=UTF-8"},
        {false, true, true, RB_EIO_V4, "text/plain; charset=UTF-8"}, /* Swift says b64=1 in v4 */
        {true, false, false, RB_EIO_V3_TEXT, "text/plain; charset=UTF-8"},
        {true, false, true, RB_EIO_V3_TEXT, "text/plain; charset=UTF-8"},
        {true, true, false, RB_EIO_V3_BYTES, "application/octet-stream"},
        {true, true, true, RB_EIO_V3_TEXT, "text/plain; charset=UTF-8"},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        enum rb_eio_form form = rb_eio_form_of(rows[i].is_v3, rows[i].has_binary, rows[i].wants_base64);
        assert_int_equal(form, rows[i].form);
        assert_string_equal(rb_eio_form_media_type(form), rows[i].type);
    }
}

/* The handshake on polling: in v3 the packet has its length before it. */
static void test_open_packet(void **state)
{
    (void)state;
    struct rb_buf packet = {0}, body = {0};
    rb_eio_put_open(&packet, &(struct rb_eio_open){.sid = RB_STR("KVzyIfB2MTJikIFdAAAA"),
                                                   .offers_websocket = true,
                                                   .ping_interval_ms = 25000,
                                                   .ping_timeout_ms = 20000,
                                                   .max_payload_bytes = 1000000});
    rb_eio_payload_put(&body, RB_EIO_V3_TEXT, true, false, rb_buf_str(&packet));
    assert_str(rb_buf_str(&body), "118:0{\"sid\":\"KVzyIfB2MTJikIFdAAAA\",\"upgrades\":[\"websocket\"],"
                                  "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
    rb_buf_fini(&packet);
    rb_buf_fini(&body);
}

static void test_frames(void **state)
{
    (void)state;
    static const struct {
        rb_str message;
        bool is_text, is_v3;
        rb_err err;
        bool is_binary;
        enum rb_eio_packet_type type;
        rb_str data;
    } rows[] = {
        {{"42[\"x\"]", 7}, true, false, RB_OK, false, RB_EIO_MESSAGE, {"2[\"x\"]", 6}},
        {{"42[\"x\"]", 7}, true, true, RB_OK, false, RB_EIO_MESSAGE, {"2[\"x\"]", 6}},
        {{"2probe", 6}, true, false, RB_OK, false, RB_EIO_PING, {"probe", 5}},
        {{"\x01\x02", 2}, false, false, RB_OK, true, RB_EIO_MESSAGE, {"\x01\x02", 2}},
        {{"\x04\x01\x02", 3}, false, true, RB_OK, true, RB_EIO_MESSAGE, {"\x01\x02", 2}},
        {{"\x04", 1}, false, true, RB_OK, true, RB_EIO_MESSAGE, {"", 0}},
        {{"", 0}, false, false, RB_OK, true, RB_EIO_MESSAGE, {"", 0}},
        {{"bAQIDBA==", 9}, true, false, RB_OK, true, RB_EIO_MESSAGE, {"\x01\x02\x03\x04", 4}},
        {{"b4AQIDBA==", 10}, true, true, RB_OK, true, RB_EIO_MESSAGE, {"\x01\x02\x03\x04", 4}},
        {{"b", 1}, true, false, RB_OK, true, RB_EIO_MESSAGE, {"", 0}},
        {{"", 0}, true, false, RB_PROTOCOL_ERROR, false, 0, {"", 0}},
        {{"", 0}, true, true, RB_PROTOCOL_ERROR, false, 0, {"", 0}},
        {{"7", 1}, true, false, RB_PROTOCOL_ERROR, false, 0, {"", 0}},
        {{"", 0}, false, true, RB_PROTOCOL_ERROR, false, 0, {"", 0}},
        {{"4a", 2}, false, true, RB_PROTOCOL_ERROR, false, 0, {"", 0}},
        {{"b!!!!", 5}, true, false, RB_PROTOCOL_ERROR, false, 0, {"", 0}},
        {{"b", 1}, true, true, RB_PROTOCOL_ERROR, false, 0, {"", 0}},
        {{"bZm9v", 5}, true, true, RB_PROTOCOL_ERROR, false, 0, {"", 0}},
    };
    struct rb_buf scratch = {0};
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_eio_item item = {.data = RB_STR("untouched")};
        rb_err err = rb_eio_read_frame(rows[i].message, rows[i].is_text, rows[i].is_v3, &scratch, &item);
        if (err != rows[i].err) fail_msg("row %zu: %s", i, rb_reason_name(err));
        if (err) {
            assert_str(item.data, "untouched");
            continue;
        }
        assert_int_equal(item.is_binary, rows[i].is_binary);
        assert_int_equal(item.type, rows[i].type);
        assert_true(rb_str_eq(item.data, rows[i].data));
    }
    rb_buf_fini(&scratch);
    struct rb_eio_item item;
    rb_mem_fail_after(0);
    rb_err err = rb_eio_read_frame(RB_STR("bZm9v"), true, false, &scratch, &item);
    rb_mem_fail_after(-1);
    assert_int_equal(err, RB_OUT_OF_MEMORY);
    assert_int_equal(rb_eio_read_frame(RB_STR("bZm9v"), true, false, &scratch, &item), RB_OK);
    rb_buf_fini(&scratch);
}

static void test_frames_written(void **state)
{
    (void)state;
    static const struct {
        void (*put)(struct rb_buf *out, bool is_v3, rb_str bytes);
        bool is_text, is_v3;
        const char *expected;
    } rows[] = {
        {rb_eio_put_binary, false, false, "\x01\x02\x03"},
        {rb_eio_put_binary, false, true, "\x04\x01\x02\x03"},
        {rb_eio_put_base64, true, false, "bAQID"},
        {rb_eio_put_base64, true, true, "b4AQID"},
    };
    struct rb_buf frame = {0}, scratch = {0};
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_eio_item item;
        rows[i].put(&frame, rows[i].is_v3, RB_STR("\x01\x02\x03"));
        assert_str(rb_buf_str(&frame), rows[i].expected);
        assert_int_equal(
            rb_eio_read_frame(rb_buf_str(&frame), rows[i].is_text, rows[i].is_v3, &scratch, &item), RB_OK);
        assert_true(item.is_binary);
        assert_str(item.data, "\x01\x02\x03");
        rb_buf_clear(&frame);
    }
    rb_buf_fini(&frame);
    rb_buf_fini(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v4),          cmocka_unit_test(test_v3_text),
        cmocka_unit_test(test_v3_bytes),    cmocka_unit_test(test_examples_written),
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_forms),       cmocka_unit_test(test_open_packet),
        cmocka_unit_test(test_frames),      cmocka_unit_test(test_frames_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
