#include "test.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/engineio.h"
#include "codec/socketio.h"

#include <string.h>

/* Reads a wire message (with its Engine.IO digit) and checks it; *out_doc is the caller's when the result is
 * RB_OK. */
static rb_err take(const char *wire, struct rb_sio_packet *out, struct rb_json *out_doc)
{
    struct rb_eio_packet message;
    assert_int_equal(rb_eio_read(rb_str_of(wire), &message), RB_OK);
    assert_int_equal(message.type, RB_EIO_MESSAGE);
    rb_err err = rb_sio_read(message.data, out);
    return err != RB_OK ? err : rb_sio_check(out, out_doc);
}

static void test_parts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rb_sio_packet_type type;
        uint32_t attachments;
        const char *nsp;
        bool has_ack_id;
        uint64_t ack_id;
        const char *json;
    } rows[] = {
        {"0", RB_SIO_CONNECT, 0, "/", false, 0, ""},
        {"0{}", RB_SIO_CONNECT, 0, "/", false, 0, "{}"},
        {"0{\"token\":\"T\",\"withCredentials\":true}", RB_SIO_CONNECT, 0, "/", false, 0,
         "{\"token\":\"T\",\"withCredentials\":true}"},
        {"0/,", RB_SIO_CONNECT, 0, "/", false, 0, ""},
        {"0/,{\"token\":\"T\"}", RB_SIO_CONNECT, 0, "/", false, 0, "{\"token\":\"T\"}"},
        {"0/", RB_SIO_CONNECT, 0, "/", false, 0, ""},
        {"0/custom", RB_SIO_CONNECT, 0, "/custom", false, 0, ""},
        {"0/custom,", RB_SIO_CONNECT, 0, "/custom", false, 0, ""},
        {"0/custom,{\"a\":1}", RB_SIO_CONNECT, 0, "/custom", false, 0, "{\"a\":1}"},
        {"0/mw?x=1,{}", RB_SIO_CONNECT, 0, "/mw?x=1", false, 0, "{}"},
        {"0/a b\xc3\xa9,{}", RB_SIO_CONNECT, 0, "/a b\xc3\xa9", false, 0, "{}"},
        {"012{}", RB_SIO_CONNECT, 0, "/", true, 12, "{}"}, /* an id that means nothing */
        {"0mw,", RB_SIO_CONNECT, 0, "/", false, 0, "mw,"},
        {"1", RB_SIO_DISCONNECT, 0, "/", false, 0, ""},
        {"1/,", RB_SIO_DISCONNECT, 0, "/", false, 0, ""},
        {"1/custom", RB_SIO_DISCONNECT, 0, "/custom", false, 0, ""},
        {"1/custom,", RB_SIO_DISCONNECT, 0, "/custom", false, 0, ""},
        {"2[\"x\"]", RB_SIO_EVENT, 0, "/", false, 0, "[\"x\"]"},
        {"2/nsp,[\"x\",1]", RB_SIO_EVENT, 0, "/nsp", false, 0, "[\"x\",1]"},
        {"212[\"x\"]", RB_SIO_EVENT, 0, "/", true, 12, "[\"x\"]"},
        {"20[\"x\"]", RB_SIO_EVENT, 0, "/", true, 0, "[\"x\"]"},
        {"2007[\"x\"]", RB_SIO_EVENT, 0, "/", true, 7, "[\"x\"]"},
        {"200000000000000000000000000007[\"x\"]", RB_SIO_EVENT, 0, "/", true, 7, "[\"x\"]"},
        {"2/nsp,12[\"x\"]", RB_SIO_EVENT, 0, "/nsp", true, 12, "[\"x\"]"},
        {"29007199254740991[\"x\"]", RB_SIO_EVENT, 0, "/", true, 9007199254740991u, "[\"x\"]"},
        {"2-1[\"x\"]", RB_SIO_EVENT, 0, "/", false, 0, "-1[\"x\"]"},
        {"21.5[\"x\"]", RB_SIO_EVENT, 0, "/", true, 1, ".5[\"x\"]"},
        {"2 1[\"x\"]", RB_SIO_EVENT, 0, "/", false, 0, " 1[\"x\"]"},
        {"312[]", RB_SIO_ACK, 0, "/", true, 12, "[]"},
        {"3/nsp,12[{\"ok\":true}]", RB_SIO_ACK, 0, "/nsp", true, 12, "[{\"ok\":true}]"},
        {"3[1]", RB_SIO_ACK, 0, "/", false, 0, "[1]"}, /* answers nothing */
        {"4{\"message\":\"m\"}", RB_SIO_CONNECT_ERROR, 0, "/", false, 0, "{\"message\":\"m\"}"},
        {"4", RB_SIO_CONNECT_ERROR, 0, "/", false, 0, ""},
        {"51-[\"x\"]", RB_SIO_BINARY_EVENT, 1, "/", false, 0, "[\"x\"]"},
        {"510-[\"x\"]", RB_SIO_BINARY_EVENT, 10, "/", false, 0, "[\"x\"]"},
        {"52-/nsp,13[\"x\"]", RB_SIO_BINARY_EVENT, 2, "/nsp", true, 13, "[\"x\"]"},
        {"61-12[{\"_placeholder\":true,\"num\":0}]", RB_SIO_BINARY_ACK, 1, "/", true, 12,
         "[{\"_placeholder\":true,\"num\":0}]"},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_sio_packet packet;
        rb_err err = rb_sio_read(rb_str_of(rows[i].text), &packet);
        if (err != RB_OK) fail_msg("\"%s\" was refused", rows[i].text);
        assert_int_equal(packet.type, rows[i].type);
        assert_int_equal(packet.attachments, rows[i].attachments);
        assert_str(packet.nsp, rows[i].nsp);
        assert_int_equal(packet.has_ack_id, rows[i].has_ack_id);
        assert_int_equal(packet.ack_id, rows[i].ack_id);
        assert_str(packet.json, rows[i].json);
    }
}

static void test_parts_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "abc",
        "7",
        "8[\"x\"]",
        "/",
        " 2[\"x\"]",
        "-1",
        /* no JSON where there must be some */
        "2",
        "212",
        "2/nsp",
        "2/nsp,",
        "3",
        "312",
        "3/nsp,12",
        "51-",
        "61-12",
        /* attachments */
        "5",
        "6",
        "5[\"x\"]",
        "51[\"x\"]",
        "5-[\"x\"]",
        "50-[\"x\"]",
        "511-[\"x\"]",
        "5-1-[\"x\"]",
        "5+1-[\"x\"]",
        "51.0-[\"x\"]",
        "5 1-[\"x\"]",
        "5x-[\"x\"]",
        "599999999999999999999999-[\"x\"]",
        "60-1[]",
        /* ack ids */
        "29007199254740992[\"x\"]",
        "299999999999999999999[\"x\"]",
        "318446744073709551616[]",
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_sio_packet packet = {.ack_id = 77};
        if (rb_sio_read(rb_str_of(rows[i]), &packet) != RB_PROTOCOL_ERROR)
            fail_msg("\"%s\" was read", rows[i]);
        assert_int_equal(packet.ack_id, 77);
    }
}

/* What a client may send: whole wire messages. */
static void test_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *wire;
        enum rb_json_type root;
    } rows[] = {
        {"40", RB_JSON_NONE},
        {"40{}", RB_JSON_OBJECT},
        {"40/,", RB_JSON_NONE},
        {"40/,{\"token\":\"T\"}", RB_JSON_OBJECT},
        {"40/custom", RB_JSON_NONE},
        {"4012{}", RB_JSON_OBJECT}, /* an id that means nothing */
        {"40/a,5", RB_JSON_NONE},
        {"40{\"token\":\"T\",\"withCredentials\":true,\"other\":[1]}", RB_JSON_OBJECT},
        {"40{\"a\":1,\"a\":2}", RB_JSON_OBJECT},
        {"41", RB_JSON_NONE},
        {"41/,", RB_JSON_NONE},
        {"41/custom", RB_JSON_NONE},
        {"41/custom,", RB_JSON_NONE},
        {"42[\"joinProcessRoom\",{\"projectId\":12,\"tenantId\":\"acme_rigi_io\"}]", RB_JSON_ARRAY},
        {"42[\"leaveProcessRoom\",12]", RB_JSON_ARRAY},
        {"420[\"x\"]", RB_JSON_ARRAY},
        {"42[1,2]", RB_JSON_ARRAY},
        {"42[-1.5e3]", RB_JSON_ARRAY},
        {"42[\"\"]", RB_JSON_ARRAY},
        {"42[\"Connect\"]", RB_JSON_ARRAY},
        {"42[\"connect \"]", RB_JSON_ARRAY},
        {"42[\"connected\"]", RB_JSON_ARRAY},
        {"42[\"x\",\"connect\"]", RB_JSON_ARRAY},
        {"42 [ \"x\" ] ", RB_JSON_ARRAY},
        {"42[\"\\u00e9\\ud83d\\ude00\",\"\\u003c\"]", RB_JSON_ARRAY},
        {"4312[]", RB_JSON_ARRAY},
        {"43999[1]", RB_JSON_ARRAY},
        {"43[1]", RB_JSON_ARRAY},
        {"43/nsp,0[null]", RB_JSON_ARRAY},
        {"451-[\"x\",{\"_placeholder\":true,\"num\":0}]", RB_JSON_ARRAY},
        {"461-3[{\"_placeholder\":true,\"num\":0}]", RB_JSON_ARRAY},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_sio_packet packet;
        struct rb_json doc;
        if (take(rows[i].wire, &packet, &doc) != RB_OK) fail_msg("\"%s\" was refused", rows[i].wire);
        assert_int_equal(rb_json_type(rb_json_root(&doc)), rows[i].root);
        rb_json_fini(&doc);
    }
}

/* Bad input: every one of these ends the link. */
static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *wire;
        rb_err err;
    } rows[] = {
        {"4", RB_PROTOCOL_ERROR},
        {"4abc", RB_PROTOCOL_ERROR},
        {"47", RB_PROTOCOL_ERROR},
        {"48[\"x\"]", RB_PROTOCOL_ERROR},
        {"42", RB_PROTOCOL_ERROR},
        {"4212", RB_PROTOCOL_ERROR},
        {"4312", RB_PROTOCOL_ERROR},
        {"42{}", RB_PROTOCOL_ERROR},
        {"42[]", RB_PROTOCOL_ERROR},
        {"42[true]", RB_PROTOCOL_ERROR},
        {"42[null]", RB_PROTOCOL_ERROR},
        {"42[[\"x\"]]", RB_PROTOCOL_ERROR},
        {"42\"x\"", RB_PROTOCOL_ERROR},
        {"42[\"connect\"]", RB_PROTOCOL_ERROR},
        {"42[\"connect_error\"]", RB_PROTOCOL_ERROR},
        {"42[\"disconnect\"]", RB_PROTOCOL_ERROR},
        {"42[\"disconnecting\",1]", RB_PROTOCOL_ERROR},
        {"42[\"newListener\"]", RB_PROTOCOL_ERROR},
        {"42[\"removeListener\"]", RB_PROTOCOL_ERROR},
        {"42[\"\\u0063onnect\"]", RB_PROTOCOL_ERROR},
        {"42["
         "\"\\u0072\\u0065\\u006d\\u006f\\u0076\\u0065\\u004c\\u0069\\u0073\\u0074\\u0065\\u006e\\u0065\\u007"
         "2\"]",
         RB_PROTOCOL_ERROR},
        {"42[\"a\"]x", RB_BAD_JSON},
        {"42abc[\"x\"]", RB_BAD_JSON},
        {"42-1[\"x\"]", RB_BAD_JSON},
        {"421.5[\"x\"]", RB_BAD_JSON},
        {"42 1[\"x\"]", RB_BAD_JSON},
        {"42[\"x\",]", RB_BAD_JSON},
        {"42[\"x\"", RB_BAD_JSON},
        {"42[\"x\",NaN]", RB_BAD_JSON},
        {"40[\"a\"]", RB_PROTOCOL_ERROR},
        {"40null", RB_PROTOCOL_ERROR},
        {"40\"x\"", RB_PROTOCOL_ERROR},
        {"40{a}", RB_BAD_JSON},
        {"40mw,", RB_BAD_JSON},
        {"40 ", RB_BAD_JSON},
        {"41{\"a\":1}", RB_PROTOCOL_ERROR},
        {"41[]", RB_PROTOCOL_ERROR},
        {"41null", RB_PROTOCOL_ERROR},
        {"4312{}", RB_PROTOCOL_ERROR},
        {"4312null", RB_PROTOCOL_ERROR},
        {"44", RB_PROTOCOL_ERROR},
        {"44{\"message\":\"m\"}", RB_PROTOCOL_ERROR},
        {"450-[\"x\"]", RB_PROTOCOL_ERROR},
        {"45-[\"x\"]", RB_PROTOCOL_ERROR},
        {"451[\"x\"]", RB_PROTOCOL_ERROR},
        {"4511-[\"x\"]", RB_PROTOCOL_ERROR},
        {"451-[\"connect\"]", RB_PROTOCOL_ERROR},
        {"451-{}", RB_PROTOCOL_ERROR},
        {"461-1{}", RB_PROTOCOL_ERROR},
        {"42[\"\xff\"]", RB_BAD_UTF8},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_sio_packet packet;
        struct rb_json doc = {0};
        rb_err err = take(rows[i].wire, &packet, &doc);
        if (err != rows[i].err)
            fail_msg("\"%s\": %s instead of %s", rows[i].wire, rb_reason_name(err),
                     rb_reason_name(rows[i].err));
        assert_null(doc.nodes);
    }
}

static void test_deep_and_out_of_memory(void **state)
{
    (void)state;
    struct rb_sio_packet packet;
    struct rb_json doc = {0};
    char deep[2 * 100 + 16] = "42[\"x\",";
    memset(deep + 7, '[', 100);
    memset(deep + 107, ']', 101);
    assert_int_equal(take(deep, &packet, &doc), RB_TOO_DEEP);

    rb_mem_fail_after(0);
    rb_err err = take("42[\"x\",{\"a\":[1,2,3]}]", &packet, &doc);
    rb_mem_fail_after(-1);
    assert_int_equal(err, RB_OUT_OF_MEMORY);
    assert_null(doc.nodes);
}

/* The document that comes with the packet is what a door reads: parsed once, raw slices as they came. */
static void test_document(void **state)
{
    (void)state;
    struct rb_sio_packet packet;
    struct rb_json doc;
    assert_int_equal(take("42/nsp,5[\"n\",{\"a\": 1.50},[ ]]", &packet, &doc), RB_OK);
    struct rb_arena arena = {0};
    rb_str name;
    rb_json_val root = rb_json_root(&doc);
    assert_int_equal(rb_json_count(root), 3);
    assert_true(rb_json_string(rb_json_first(root), &arena, &name));
    assert_str(name, "n");
    assert_str(rb_json_raw(rb_json_at(root, 1)), "{\"a\": 1.50}");
    rb_arena_fini(&arena);
    rb_json_fini(&doc);
}

static void assert_written(struct rb_buf *buf, const char *expected)
{
    assert_false(buf->failed);
    assert_str(rb_buf_str(buf), expected);
    rb_buf_clear(buf);
}

/* The sample client of the public article on sockets, end to end, as it goes over the wire. */
static void test_transcript(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    struct rb_arena arena = {0};
    struct rb_sio_packet packet;
    struct rb_json doc;
    rb_str text;
    uint64_t number;

    assert_int_equal(take("40{\"token\":\"T\",\"withCredentials\":true}", &packet, &doc), RB_OK);
    assert_int_equal(packet.type, RB_SIO_CONNECT);
    assert_str(packet.nsp, "/");
    assert_true(rb_json_string(rb_json_get(rb_json_root(&doc), "token"), &arena, &text));
    assert_str(text, "T");
    rb_json_fini(&doc);
    rb_sio_put_connect(&buf, packet.nsp, RB_STR("s1"));
    assert_written(&buf, "40{\"sid\":\"s1\"}");

    assert_int_equal(take("42[\"joinProcessRoom\",{\"projectId\":12,\"tenantId\":\"acme_rigi_io\"}]", &packet,
                          &doc),
                     RB_OK);
    assert_int_equal(packet.type, RB_SIO_EVENT);
    assert_false(packet.has_ack_id);
    rb_json_val name = rb_json_first(rb_json_root(&doc));
    assert_true(rb_json_string(name, &arena, &text));
    assert_str(text, "joinProcessRoom");
    rb_json_val args = rb_json_next(name);
    assert_true(rb_json_u64(rb_json_get(args, "projectId"), &number));
    assert_int_equal(number, 12);
    assert_true(rb_json_string(rb_json_get(args, "tenantId"), &arena, &text));
    assert_str(text, "acme_rigi_io");
    rb_json_fini(&doc);

    rb_sio_put_event(&buf, packet.nsp, false, 0, RB_STR("process_export_target"),
                     RB_STR("{\"downloadId\":\"4711\"}"));
    assert_written(&buf, "42[\"process_export_target\",{\"downloadId\":\"4711\"}]");

    assert_int_equal(take("42[\"leaveProcessRoom\",12]", &packet, &doc), RB_OK);
    assert_true(rb_json_u64(rb_json_at(rb_json_root(&doc), 1), &number));
    assert_int_equal(number, 12);
    rb_json_fini(&doc);

    rb_sio_put_disconnect(&buf, packet.nsp);
    assert_written(&buf, "41");
    rb_arena_fini(&arena);
    rb_buf_fini(&buf);
}

/* What the known client libraries send, each in its own way. */
static void test_lines_of_clients(void **state)
{
    (void)state;
    static const struct {
        const char *wire;
        enum rb_eio_packet_type type;
        enum rb_sio_packet_type packet; /* with a message */
    } rows[] = {
        {"40{\"token\":\"T\"}", RB_EIO_MESSAGE, RB_SIO_CONNECT},                /* C# 4 */
        {"40{\"token\":\"abc\"}", RB_EIO_MESSAGE, RB_SIO_CONNECT},              /* Python */
        {"40{}", RB_EIO_MESSAGE, RB_SIO_CONNECT},                               /* Python, no auth */
        {"40", RB_EIO_MESSAGE, RB_SIO_CONNECT},                                 /* Java */
        {"40/,{\"token\":\"T\"}", RB_EIO_MESSAGE, RB_SIO_CONNECT},              /* Swift */
        {"40{\"pid\":\"P\",\"offset\":\"O\"}", RB_EIO_MESSAGE, RB_SIO_CONNECT}, /* JS, coming back */
        {"42[\"x\"]", RB_EIO_MESSAGE, RB_SIO_EVENT},
        {"420[\"x\",{\"a\":1}]", RB_EIO_MESSAGE, RB_SIO_EVENT},
        {"430[]", RB_EIO_MESSAGE, RB_SIO_ACK},
        {"41", RB_EIO_MESSAGE, RB_SIO_DISCONNECT},
        {"41/,", RB_EIO_MESSAGE, RB_SIO_DISCONNECT}, /* Swift */
        {"2probe", RB_EIO_PING, 0},
        {"3", RB_EIO_PONG, 0},
        {"5", RB_EIO_UPGRADE, 0},
        {"6", RB_EIO_NOOP, 0}, /* Swift */
        {"1", RB_EIO_CLOSE, 0},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_eio_packet message;
        assert_int_equal(rb_eio_read(rb_str_of(rows[i].wire), &message), RB_OK);
        assert_int_equal(message.type, rows[i].type);
        if (message.type != RB_EIO_MESSAGE) continue;
        struct rb_sio_packet packet;
        struct rb_json doc;
        assert_int_equal(take(rows[i].wire, &packet, &doc), RB_OK);
        assert_int_equal(packet.type, rows[i].packet);
        assert_str(packet.nsp, "/");
        rb_json_fini(&doc);
    }
}

/* A name longer than any reserved one, escaped or not, is taken without looking at it. */
static void test_long_names(void **state)
{
    (void)state;
    struct rb_buf wire = {0};
    rb_buf_add_text(&wire, "42[\"");
    for (int i = 0; i < 10000; i++) rb_buf_add_text(&wire, "\\u0063");
    rb_buf_add_text(&wire, "\"]");
    struct rb_sio_packet packet;
    struct rb_json doc;
    assert_int_equal(take(rb_buf_text(&wire), &packet, &doc), RB_OK);
    rb_json_fini(&doc);
    rb_buf_fini(&wire);
}

static void test_writing(void **state)
{
    (void)state;
    const rb_str root = RB_STR("/"), nsp = RB_STR("/nsp");
    struct rb_buf buf = {0};

    rb_sio_put_connect(&buf, root, RB_STR("wTvN1jYiHrzbGcBGAAAB"));
    assert_written(&buf, "40{\"sid\":\"wTvN1jYiHrzbGcBGAAAB\"}");
    rb_sio_put_connect(&buf, nsp, RB_STR("s"));
    assert_written(&buf, "40/nsp,{\"sid\":\"s\"}");

    rb_sio_put_connect_error(&buf, root, RB_STR("Not authorized"));
    assert_written(&buf, "44{\"message\":\"Not authorized\"}");
    rb_sio_put_connect_error(&buf, RB_STR("/random"), RB_STR("Invalid namespace"));
    assert_written(&buf, "44/random,{\"message\":\"Invalid namespace\"}");
    rb_sio_put_connect_error(&buf, root, RB_STR("a \"b\"\n"));
    assert_written(&buf, "44{\"message\":\"a \\\"b\\\"\\n\"}");

    rb_sio_put_event(&buf, root, false, 99, RB_STR("process_export_target"),
                     RB_STR("{\"downloadId\":\"4711\"}"));
    assert_written(&buf, "42[\"process_export_target\",{\"downloadId\":\"4711\"}]");
    rb_sio_put_event(&buf, nsp, true, 0, RB_STR("x"), RB_STR("1,[2],{\"a\":1.50}"));
    assert_written(&buf, "42/nsp,0[\"x\",1,[2],{\"a\":1.50}]");
    rb_sio_put_event(&buf, root, true, 2147483647, RB_STR("a\x1e"), RB_STR_NONE);
    assert_written(&buf, "422147483647[\"a\\u001e\"]");

    rb_sio_put_ack(&buf, root, 12, RB_STR("{\"ok\":true}"));
    assert_written(&buf, "4312[{\"ok\":true}]");
    rb_sio_put_ack(&buf, nsp, 0, RB_STR_NONE);
    assert_written(&buf, "43/nsp,0[]");
    rb_sio_put_ack(&buf, root, RB_SIO_ACK_ID_MAX, RB_STR("1,2"));
    assert_written(&buf, "439007199254740991[1,2]");

    rb_sio_put_disconnect(&buf, root);
    assert_written(&buf, "41");
    rb_sio_put_disconnect(&buf, nsp);
    assert_written(&buf, "41/nsp,");

    rb_sio_put(&buf, &(struct rb_sio_packet){.type = RB_SIO_BINARY_EVENT,
                                             .attachments = 2,
                                             .nsp = nsp,
                                             .has_ack_id = true,
                                             .ack_id = 7,
                                             .json = RB_STR("[\"x\"]")});
    assert_written(&buf, "452-/nsp,7[\"x\"]");
    rb_buf_fini(&buf);
}

static void test_writing_connect_and_binary(void **state)
{
    (void)state;
    const rb_str root = RB_STR("/"), nsp = RB_STR("/nsp");
    struct rb_buf buf = {0};

    rb_sio_put_connect_pid(&buf, root, RB_STR("A"), RB_STR("P"));
    assert_written(&buf, "40{\"sid\":\"A\",\"pid\":\"P\"}");
    rb_sio_put_connect_pid(&buf, nsp, RB_STR("A"), RB_STR("P"));
    assert_written(&buf, "40/nsp,{\"sid\":\"A\",\"pid\":\"P\"}");

    rb_sio_put_connect_error_data(&buf, RB_STR("/mw"), RB_STR("not authorized"), RB_STR("{\"a\":1}"));
    assert_written(&buf, "44/mw,{\"message\":\"not authorized\",\"data\":{\"a\":1}}");
    rb_sio_put_connect_error_data(&buf, root, RB_STR("m"), RB_STR("null"));
    assert_written(&buf, "44{\"message\":\"m\",\"data\":null}");

    rb_sio_put_binary_event(&buf, root, false, 0, RB_STR("x"), RB_STR("1"), 2);
    assert_written(&buf, "452-[\"x\",1]");
    rb_sio_put_binary_event(&buf, nsp, true, 7, RB_STR("x"), RB_STR_NONE, 10);
    assert_written(&buf, "4510-/nsp,7[\"x\"]");
    rb_sio_put_binary_event(&buf, nsp, true, 7, RB_STR("x"), RB_STR_NONE, 0);
    assert_written(&buf, "42/nsp,7[\"x\"]");
    rb_sio_put_binary_ack(&buf, root, 7, RB_STR("1"), 1);
    assert_written(&buf, "461-7[1]");
    rb_sio_put_binary_ack(&buf, nsp, 7, RB_STR("1"), 0);
    assert_written(&buf, "43/nsp,7[1]");
    rb_buf_fini(&buf);
}

/* What the older revision has otherwise. */
static void test_v4(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    rb_sio_put_connect_v4(&buf, RB_STR("/"));
    assert_written(&buf, "40");
    rb_sio_put_connect_v4(&buf, RB_STR("/nsp"));
    assert_written(&buf, "40/nsp,");
    rb_sio_put_connect_error_v4(&buf, RB_STR("/nsp"), RB_STR("\"text\""));
    assert_written(&buf, "44/nsp,\"text\"");
    rb_sio_put_connect_error_v4(&buf, RB_STR("/"), RB_STR("{\"message\":\"m\"}"));
    assert_written(&buf, "44{\"message\":\"m\"}");
    rb_buf_fini(&buf);

    static const struct {
        const char *wire, *name, *query; /* query NULL: there is none */
    } rows[] = {
        {"40/nsp?token=1,", "/nsp", "token=1"},
        {"40/nsp?token=1", "/nsp", "token=1"},
        {"40/nsp,", "/nsp", NULL},
        {"40/nsp", "/nsp", NULL},
        {"40/nsp?,", "/nsp", ""},
        {"40/nsp?a=1&b=?2,", "/nsp", "a=1&b=?2"},
        {"40/?token=1,", "/", "token=1"},
        {"40/nsp?a=%2C,", "/nsp", "a=%2C"},
        {"40", "/", NULL},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_sio_packet packet;
        struct rb_json doc;
        rb_str name, query;
        assert_int_equal(take(rows[i].wire, &packet, &doc), RB_OK);
        rb_sio_split_query(packet.nsp, &name, &query);
        assert_str(name, rows[i].name);
        assert_int_equal(query.p != NULL, rows[i].query != NULL);
        assert_str(query, rows[i].query);
        rb_json_fini(&doc);
    }
}

static void test_writing_without_memory(void **state)
{
    (void)state;
    struct rb_buf buf;
    rb_buf_init(&buf, 10);
    rb_sio_put_event(&buf, RB_STR("/"), false, 0, RB_STR("name"), RB_STR("{\"a\":1}"));
    assert_true(buf.failed);
    rb_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_parts_refused),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_deep_and_out_of_memory),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_transcript),
        cmocka_unit_test(test_lines_of_clients),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_writing_connect_and_binary),
        cmocka_unit_test(test_v4),
        cmocka_unit_test(test_writing_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
