#include "test.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/socketio_binary.h"

#include <stdlib.h>
#include <string.h>

#define P0 "{\"_placeholder\":true,\"num\":0}"
#define P1 "{\"_placeholder\":true,\"num\":1}"
#define P9 "{\"_placeholder\":true,\"num\":9}"
#define FOO "{\"$binary\":\"Zm9v\"}"
#define BAR "{\"$binary\":\"YmFy\"}"
#define EMPTY "{\"$binary\":\"\"}"

enum { MAX = 100000 };

static const struct rb_sio_attachments foo_bar_empty = {.count = 3,
                                                        .items = {{"foo", 3}, {"bar", 3}, {NULL, 0}}};

static rb_err inline_into(struct rb_buf *out, const char *text, size_t bytes_max)
{
    struct rb_json doc;
    assert_int_equal(rb_json_parse(&doc, rb_str_of(text), &(struct rb_json_limits){.allow_duplicates = true}),
                     RB_OK);
    rb_err err = rb_sio_attachments_inline(rb_json_root(&doc), &foo_bar_empty, bytes_max, out);
    rb_json_fini(&doc);
    return err;
}

static void test_inline(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected; /* NULL: a protocol error */
    } rows[] = {
        {"[\"x\"," P0 "]", "[\"x\"," FOO "]"},
        {"[\"x\"," P0 "," P1 "]", "[\"x\"," FOO "," BAR "]"},
        {"[\"x\"," P1 "," P0 "]", "[\"x\"," BAR "," FOO "]"},
        {"[\"x\"," P0 "," P0 "]", "[\"x\"," FOO "," FOO "]"},
        {"[\"x\",{\"_placeholder\":true,\"num\":2}]", "[\"x\"," EMPTY "]"},
        {"[\"x\"]", "[\"x\"]"}, /* attachments nobody names */
        {P0, FOO},
        {"[\"x\",{\"a\":[[" P0 "]],\"b\":{\"c\":" P1 "}},1]",
         "[\"x\",{\"a\":[[" FOO "]],\"b\":{\"c\":" BAR "}},1]"},
        {" [ \"x\" , " P0 " , 1.50 ,\"\\u00e9\" ] ", "[ \"x\" , " FOO " , 1.50 ,\"\\u00e9\" ]"},
        {"[\"x\",{ \"num\" : 0 , \"_placeholder\" : true }]", "[\"x\"," FOO "]"},
        {"[\"x\",{\"_placeholder\":true,\"num\":1,\"more\":[" P0 "]}]", "[\"x\"," BAR "]"},
        {"[\"x\",{\"\\u005fplaceholder\":true,\"num\":1}]", "[\"x\"," BAR "]"},
        {"[\"x\",{\"_placeholder\":1,\"_placeholder\":true,\"num\":9,\"num\":1}]", "[\"x\"," BAR "]"},
        /* what is none */
        {"[\"x\",{\"_placeholder\":false,\"num\":0}]", "[\"x\",{\"_placeholder\":false,\"num\":0}]"},
        {"[\"x\",{\"_placeholder\":1,\"num\":0}]", "[\"x\",{\"_placeholder\":1,\"num\":0}]"},
        {"[\"x\",{\"_placeholder\":\"true\",\"num\":0}]", "[\"x\",{\"_placeholder\":\"true\",\"num\":0}]"},
        {"[\"x\",{\"num\":0}]", "[\"x\",{\"num\":0}]"},
        {"[\"_placeholder\",true]", "[\"_placeholder\",true]"},
        {"[\"x\",{}]", "[\"x\",{}]"},
        {"[\"x\"," BAR "]", "[\"x\"," BAR "]"},
        /* num */
        {"[\"x\",{\"_placeholder\":true,\"num\":3}]", NULL},
        {"[\"x\"," P9 "]", NULL},
        {"[\"x\",{\"_placeholder\":true,\"num\":-1}]", NULL},
        {"[\"x\",{\"_placeholder\":true,\"num\":0.5}]", NULL},
        {"[\"x\",{\"_placeholder\":true,\"num\":\"0\"}]", NULL},
        {"[\"x\",{\"_placeholder\":true,\"num\":null}]", NULL},
        {"[\"x\",{\"_placeholder\":true}]", NULL},
        {"[\"x\",{\"_placeholder\":true,\"num\":18446744073709551616}]", NULL},
        {"[\"x\"," P0 ",{\"_placeholder\":true,\"num\":4294967296}]", NULL},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_buf out = {0};
        rb_buf_add_text(&out, "kept:");
        rb_err err = inline_into(&out, rows[i].text, MAX);
        if (err != (rows[i].expected ? RB_OK : RB_PROTOCOL_ERROR))
            fail_msg("%s: %s", rows[i].text, rb_reason_name(err));
        assert_false(out.failed);
        rb_str seen = rb_buf_str(&out);
        assert_true(rb_str_starts(seen, RB_STR("kept:")));
        assert_str(rb_str_from(seen, 5), rows[i].expected ? rows[i].expected : "");
        rb_buf_fini(&out);
    }
}

/* Little text may stand for very much: the limit is on what comes out, exactly. */
static void test_inline_limits(void **state)
{
    (void)state;
    const char *text = "[\"x\"," P0 "," P0 "," P1 "]";
    size_t exact = strlen("[\"x\"," FOO "," FOO "," BAR "]");
    struct rb_buf out = {0};
    rb_buf_add_text(&out, "kept");
    for (size_t max = 0; max < exact; max++) {
        assert_int_equal(inline_into(&out, text, max), RB_MESSAGE_TOO_LARGE);
        assert_str(rb_buf_str(&out), "kept");
    }
    assert_int_equal(inline_into(&out, text, exact), RB_OK);
    assert_int_equal(out.n, 4 + exact);
    rb_buf_fini(&out);

    rb_buf_init(&out, 20);
    assert_int_equal(inline_into(&out, text, MAX), RB_OUT_OF_MEMORY);
    assert_false(out.failed);
    assert_int_equal(out.n, 0);
    rb_buf_fini(&out);
}

static void test_extract(void **state)
{
    (void)state;
    static const struct {
        const char *json, *expected;
        uint32_t count;
        const char *first, *last;
    } rows[] = {
        {"", "", 0, NULL, NULL},
        {"1,2,{\"a\":\"b\"}", "1,2,{\"a\":\"b\"}", 0, NULL, NULL},
        {FOO, P0, 1, "foo", "foo"},
        {"[" FOO "]", "[" P0 "]", 1, "foo", "foo"},
        {"[\"x\"," FOO "," BAR "]", "[\"x\"," P0 "," P1 "]", 2, "foo", "bar"},
        {BAR "," FOO, P0 "," P1, 2, "bar", "foo"},
        {"[1],[" FOO "]", "[1],[" P0 "]", 1, "foo", "foo"},
        {FOO "," FOO, P0 "," P1, 2, "foo", "foo"},
        {EMPTY, P0, 1, "", ""},
        {"{\"a\":{\"b\":[" FOO "]},\"c\":1.50}", "{\"a\":{\"b\":[" P0 "]},\"c\":1.50}", 1, "foo", "foo"},
        {"[ { \n\"$binary\"\t:\r \"Zm9v\" } ]", "[ " P0 " ]", 1, "foo", "foo"},
        {"{\"$binary\":\"Zm9vYg\"}", P0, 1, "foob", "foob"},
        {"{\"$binary\":\"-_--\"}", P0, 1, "\xfb\xff\xbe", "\xfb\xff\xbe"},
        {"{\"$binary\":\"\\/\\/8=\"}", P0, 1, "\xff\xff", "\xff\xff"},
        {"{\"$binary\":\"\\u002b\\u002F++\"}", P0, 1, "\xfb\xff\xbe", "\xfb\xff\xbe"},
        {"{\"$binary\":\"Zm9v\\nYg\\u003d=\"}", P0, 1, "foob", "foob"},
        /* no base64: it stays, and the next one is the first */
        {"[{\"$binary\":\"Zm9v!\"}," FOO "]", "[{\"$binary\":\"Zm9v!\"}," P0 "]", 1, "foo", "foo"},
        {"{\"$binary\":\"\\ud800\"}", "{\"$binary\":\"\\ud800\"}", 0, NULL, NULL},
        {"{\"$binary\":\"Z\\\"\"}", "{\"$binary\":\"Z\\\"\"}", 0, NULL, NULL},
        /* not exactly that one key with a string */
        {"{\"$binary\":\"Zm9v\",\"a\":1}", "{\"$binary\":\"Zm9v\",\"a\":1}", 0, NULL, NULL},
        {"{\"a\":1,\"$binary\":\"Zm9v\"}", "{\"a\":1,\"$binary\":\"Zm9v\"}", 0, NULL, NULL},
        {"{\"$binary\":\"Zm9v\",\"$binary\":\"Zm9v\"}", "{\"$binary\":\"Zm9v\",\"$binary\":\"Zm9v\"}", 0,
         NULL, NULL},
        {"{\"$binary\":1}", "{\"$binary\":1}", 0, NULL, NULL},
        {"{\"$binary\":null}", "{\"$binary\":null}", 0, NULL, NULL},
        {"{\"$binary\":{\"$binary\":\"Zm9v\"}}", "{\"$binary\":" P0 "}", 1, "foo", "foo"},
        {"{\"$binary\":[" FOO "]}", "{\"$binary\":[" P0 "]}", 1, "foo", "foo"},
        {"\"$binary\",\"Zm9v\"", "\"$binary\",\"Zm9v\"", 0, NULL, NULL},
        {"[\"$binary\"]", "[\"$binary\"]", 0, NULL, NULL},
        {"{\"a\":\"$binary\"}", "{\"a\":\"$binary\"}", 0, NULL, NULL},
        {"{\"$binary2\":\"Zm9v\"}", "{\"$binary2\":\"Zm9v\"}", 0, NULL, NULL},
        {"{\"\\u0024binary\":\"Zm9v\"}", "{\"\\u0024binary\":\"Zm9v\"}", 0, NULL, NULL},
        /* inside of strings */
        {"\"{\\\"$binary\\\":\\\"Zm9v\\\"}\"", "\"{\\\"$binary\\\":\\\"Zm9v\\\"}\"", 0, NULL, NULL},
        {"[\"{\",\"$binary\",\":\\\"Zm9v\\\"}\"]", "[\"{\",\"$binary\",\":\\\"Zm9v\\\"}\"]", 0, NULL, NULL},
        {"[\"\\\\\"," FOO "]", "[\"\\\\\"," P0 "]", 1, "foo", "foo"},
        /* text that is no JSON does no harm */
        {"\"$binary\"", "\"$binary\"", 0, NULL, NULL},
        {"{\"$binary\"", "{\"$binary\"", 0, NULL, NULL},
        {"{\"$binary\":", "{\"$binary\":", 0, NULL, NULL},
        {"{\"$binary\":\"", "{\"$binary\":\"", 0, NULL, NULL},
        {"{\"$binary\":\"Zm9v\\", "{\"$binary\":\"Zm9v\\", 0, NULL, NULL},
        {"{\"$binary\":\"Zm9v\"", "{\"$binary\":\"Zm9v\"", 0, NULL, NULL},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        for (size_t shift = 0; shift < 8; shift++) {
            size_t n = strlen(rows[i].json);
            char *memory = malloc(shift + n + (shift + n == 0));
            memcpy(memory + shift, rows[i].json, n);
            struct rb_arena arena = {0};
            rb_str json;
            struct rb_sio_attachments found;
            assert_int_equal(rb_sio_attachments_extract((rb_str){memory + shift, n}, &arena, &json, &found),
                             RB_OK);
            assert_str(json, rows[i].expected);
            assert_int_equal(found.count, rows[i].count);
            if (found.count == 0) {
                assert_ptr_equal(json.p, memory + shift); /* nothing was copied */
            } else {
                assert_str(found.items[0], rows[i].first);
                assert_str(found.items[found.count - 1], rows[i].last);
            }
            rb_arena_fini(&arena);
            free(memory);
        }
    }
}

static void test_extract_many(void **state)
{
    (void)state;
    struct rb_buf json = {0};
    struct rb_arena arena = {0};
    rb_str out = RB_STR("untouched");
    struct rb_sio_attachments found = {.count = 77};
    for (int i = 0; i < RB_SIO_ATTACHMENTS_MAX; i++) rb_buf_add_text(&json, i == 0 ? FOO : "," BAR);
    assert_int_equal(rb_sio_attachments_extract(rb_buf_str(&json), &arena, &out, &found), RB_OK);
    assert_int_equal(found.count, 10);
    assert_true(rb_str_ends(out, RB_STR(P9)));

    rb_buf_add_text(&json, ",{\"$binary\":\"no base64\\u0000\"}");
    assert_int_equal(rb_sio_attachments_extract(rb_buf_str(&json), &arena, &out, &found), RB_OK);
    assert_int_equal(found.count, 10);

    rb_buf_add_text(&json, "," FOO);
    out = RB_STR("untouched");
    found.count = 77;
    assert_int_equal(rb_sio_attachments_extract(rb_buf_str(&json), &arena, &out, &found),
                     RB_MESSAGE_TOO_LARGE);
    assert_str(out, "untouched");
    assert_int_equal(found.count, 77);

    rb_mem_fail_after(0);
    rb_err err = rb_sio_attachments_extract(RB_STR("{\"$binary\":\"\\/\\/8=\"}"), &arena, &out, &found);
    rb_mem_fail_after(-1);
    assert_int_equal(err, RB_OUT_OF_MEMORY);
    rb_arena_fini(&arena);
    rb_buf_fini(&json);
}

/* Out and in again gives the same text. */
static void test_round_trip(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "[\"x\"," FOO "]",
        "[\"x\"," FOO "," BAR "," EMPTY ",{\"a\":[" FOO "]}]",
        "[\"x\",{\"$binary\":\"//8=\"},\"{\\\"$binary\\\":1}\"]",
        "[\"x\"]",
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_arena arena = {0};
        struct rb_buf back = {0};
        struct rb_json doc;
        rb_str json;
        struct rb_sio_attachments found;
        assert_int_equal(rb_sio_attachments_extract(rb_str_of(rows[i]), &arena, &json, &found), RB_OK);
        assert_int_equal(rb_json_parse(&doc, json, NULL), RB_OK);
        assert_int_equal(rb_sio_attachments_inline(rb_json_root(&doc), &found, MAX, &back), RB_OK);
        assert_str(rb_buf_str(&back), rows[i]);
        rb_json_fini(&doc);
        rb_buf_fini(&back);
        rb_arena_fini(&arena);
    }
}

/* ---- assembly ---- */

static rb_err start(struct rb_sio_assembly *assembly, const char *text, size_t bytes_max)
{
    struct rb_sio_packet packet;
    assert_int_equal(rb_sio_read(rb_str_of(text), &packet), RB_OK);
    char *copy = strdup(text); /* gone after init: it must have its own */
    rb_err err = rb_sio_assembly_init(assembly, rb_str_of(copy), &packet, bytes_max);
    free(copy);
    return err;
}

static void test_assembly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *attachments[3];
        enum rb_sio_packet_type type;
        const char *nsp;
        bool has_ack_id;
        const char *json;
    } rows[] = {
        {"51-[\"x\"," P0 "]", {"foo"}, RB_SIO_EVENT, "/", false, "[\"x\"," FOO "]"},
        {"52-/nsp,7[\"x\"," P0 "," P1 "]",
         {"foo", "bar"},
         RB_SIO_EVENT,
         "/nsp",
         true,
         "[\"x\"," FOO "," BAR "]"},
        {"52-[\"x\"," P0 "," P1 "]", {"", "bar"}, RB_SIO_EVENT, "/", false, "[\"x\"," EMPTY "," BAR "]"},
        {"61-7[" P0 "]", {"foo"}, RB_SIO_ACK, "/", true, "[" FOO "]"},
        {"63-7[" P1 "]", {"foo", "bar", "baz"}, RB_SIO_ACK, "/", true, "[" BAR "]"},
        {"51-[\"x\",{\"a\":1,\"a\":" P0 "}]",
         {"foo"},
         RB_SIO_EVENT,
         "/",
         false,
         "[\"x\",{\"a\":1,\"a\":" FOO "}]"},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_sio_assembly assembly;
        assert_int_equal(start(&assembly, rows[i].text, MAX), RB_OK);
        for (size_t k = 0; k < 3 && rows[i].attachments[k]; k++) {
            assert_false(rb_sio_assembly_is_complete(&assembly));
            assert_int_equal(rb_sio_assembly_add(&assembly, rb_str_of(rows[i].attachments[k])), RB_OK);
        }
        assert_true(rb_sio_assembly_is_complete(&assembly));
        struct rb_buf json = {0};
        rb_buf_add_text(&json, "kept");
        struct rb_sio_packet packet;
        assert_int_equal(rb_sio_assembly_finish(&assembly, MAX, &json, &packet), RB_OK);
        assert_int_equal(packet.type, rows[i].type);
        assert_int_equal(packet.attachments, 0);
        assert_str(packet.nsp, rows[i].nsp);
        assert_int_equal(packet.has_ack_id, rows[i].has_ack_id);
        if (packet.has_ack_id) assert_int_equal(packet.ack_id, 7);
        assert_str(packet.json, rows[i].json);
        struct rb_json doc;
        assert_int_equal(rb_sio_check(&packet, &doc), RB_OK);
        rb_json_fini(&doc);
        rb_buf_fini(&json);
        rb_sio_assembly_fini(&assembly);
    }
}

static void test_assembly_limits(void **state)
{
    (void)state;
    const char *text = "52-[\"x\"," P0 "," P1 "]";
    size_t n = strlen(text);
    struct rb_sio_assembly assembly = {0};
    rb_sio_assembly_fini(&assembly);
    assert_int_equal(start(&assembly, text, n - 1), RB_MESSAGE_TOO_LARGE);
    rb_sio_assembly_fini(&assembly);

    assert_int_equal(start(&assembly, text, n + 6), RB_OK);
    assert_int_equal(rb_sio_assembly_add(&assembly, RB_STR("foo")), RB_OK);
    assert_int_equal(rb_sio_assembly_add(&assembly, RB_STR("four")), RB_MESSAGE_TOO_LARGE);
    assert_false(rb_sio_assembly_is_complete(&assembly));
    assert_int_equal(rb_sio_assembly_add(&assembly, RB_STR("bar")), RB_OK);
    struct rb_buf json = {0};
    struct rb_sio_packet packet;
    assert_int_equal(rb_sio_assembly_finish(&assembly, 10, &json, &packet), RB_MESSAGE_TOO_LARGE);
    assert_int_equal(json.n, 0);
    rb_buf_fini(&json);
    rb_sio_assembly_fini(&assembly);

    rb_mem_fail_after(0);
    rb_err err = start(&assembly, text, MAX);
    rb_mem_fail_after(-1);
    assert_int_equal(err, RB_OUT_OF_MEMORY);
    rb_sio_assembly_fini(&assembly);
}

static rb_err assemble(struct rb_buf *json)
{
    struct rb_sio_packet packet;
    struct rb_sio_assembly assembly;
    rb_str text = RB_STR("52-[\"x\"," P0 "," P1 "]");
    assert_int_equal(rb_sio_read(text, &packet), RB_OK);
    rb_err err = rb_sio_assembly_init(&assembly, text, &packet, MAX);
    for (int i = 0; i < 2 && err == RB_OK; i++) err = rb_sio_assembly_add(&assembly, RB_STR("foo"));
    if (err == RB_OK) err = rb_sio_assembly_finish(&assembly, MAX, json, &packet);
    rb_sio_assembly_fini(&assembly);
    return err;
}

/* Each allocation fails in turn. */
static void test_assembly_without_memory(void **state)
{
    (void)state;
    rb_err err = RB_OUT_OF_MEMORY;
    for (long count = 0; err != RB_OK; count++) {
        struct rb_buf json = {0};
        assert_true(count < 50);
        rb_mem_fail_after(count);
        err = assemble(&json);
        rb_mem_fail_after(-1);
        if (err != RB_OK) assert_int_equal(err, RB_OUT_OF_MEMORY);
        assert_int_equal(json.n > 0, err == RB_OK);
        rb_buf_fini(&json);
    }
}

static void test_assembly_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        rb_err err;
    } rows[] = {
        {"51-[\"x\"," P1 "]", RB_PROTOCOL_ERROR},
        {"51-[\"x\"," P0 "]]", RB_BAD_JSON},
        {"51-[\"x\"", RB_BAD_JSON},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_sio_assembly assembly;
        struct rb_buf json = {0};
        struct rb_sio_packet packet = {.ack_id = 77};
        assert_int_equal(start(&assembly, rows[i].text, MAX), RB_OK);
        assert_int_equal(rb_sio_assembly_add(&assembly, RB_STR("foo")), RB_OK);
        assert_int_equal(rb_sio_assembly_finish(&assembly, MAX, &json, &packet), rows[i].err);
        assert_int_equal(packet.ack_id, 77);
        assert_int_equal(json.n, 0);
        rb_buf_fini(&json);
        rb_sio_assembly_fini(&assembly);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inline),
        cmocka_unit_test(test_inline_limits),
        cmocka_unit_test(test_extract),
        cmocka_unit_test(test_extract_many),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_assembly),
        cmocka_unit_test(test_assembly_limits),
        cmocka_unit_test(test_assembly_refused),
        cmocka_unit_test(test_assembly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
