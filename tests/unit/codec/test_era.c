#include "codec/era.h"

#include "base/mem.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static void messages(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        rb_err err;
        const char *method, *params, *qid;
    } cases[] = {
        {"[\"m\",{\"qid\":1,\"x\":5}]", RB_OK, "m", "{\"qid\":1,\"x\":5}", "1"},
        {" [ \"m\" , { \"qid\" : \"x\" } ] ", RB_OK, "m", "{ \"qid\" : \"x\" }", "\"x\""},
        {"[\"m\",{}]", RB_OK, "m", "{}", ""},
        {"[\"m\",{\"qid\":null}]", RB_OK, "m", "{\"qid\":null}", "null"},
        {"[\"m\",{\"qid\":0.19082918216295153}]", RB_OK, "m", "{\"qid\":0.19082918216295153}",
         "0.19082918216295153"},
        {"[\"m\",{\"qid\":930293482233}]", RB_OK, "m", "{\"qid\":930293482233}", "930293482233"},
        {"[\"m\",{\"qid\":1e400}]", RB_OK, "m", "{\"qid\":1e400}", "1e400"},
        {"[\"m\",{\"qid\":[1, {\"a\":2}]}]", RB_OK, "m", "{\"qid\":[1, {\"a\":2}]}", "[1, {\"a\":2}]"},
        {"[\"m\",{\"q\\u0069d\":7}]", RB_OK, "m", "{\"q\\u0069d\":7}", "7"},
        {"[\"a\\u0062\\\"\",{}]", RB_OK, "ab\"", "{}", ""},
        {"", RB_BAD_JSON, "", NULL, ""},
        {"[\"m\",{}", RB_BAD_JSON, "", NULL, ""},
        {"[\"m\",{}]x", RB_BAD_JSON, "", NULL, ""},
        {"[\"m\",{\"a\":1,\"a\":2}]", RB_BAD_JSON, "", NULL, ""},
        {"[\"m\",{\"a\":\"\xff\"}]", RB_BAD_UTF8, "", NULL, ""},
        {"{\"m\":{}}", RB_BAD_REQUEST, "", NULL, ""},
        {"\"m\"", RB_BAD_REQUEST, "", NULL, ""},
        {"[]", RB_BAD_REQUEST, "", NULL, ""},
        {"[\"m\"]", RB_BAD_REQUEST, "", NULL, ""},
        {"[\"m\",{},{}]", RB_BAD_REQUEST, "", NULL, ""},
        {"[\"m\",[]]", RB_BAD_REQUEST, "", NULL, ""},
        {"[\"m\",null]", RB_BAD_REQUEST, "", NULL, ""},
        {"[1,{}]", RB_BAD_REQUEST, "", NULL, ""},
        {"[\"\",{}]", RB_BAD_REQUEST, "", NULL, ""},
        {"[{},\"m\"]", RB_BAD_REQUEST, "", NULL, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        struct rb_era_message message;
        assert_int_equal(rb_era_read(&message, rb_str_of(cases[i].text), &arena), cases[i].err);
        assert_str(message.method, cases[i].method);
        assert_str(message.qid, cases[i].qid);
        if (cases[i].params) assert_str(rb_json_raw(message.params), cases[i].params);
        rb_era_message_fini(&message);
        rb_arena_fini(&arena);
    }
}

static rb_err read_long(size_t name_bytes, size_t qid_bytes)
{
    static char text[4096];
    struct rb_arena arena = {0};
    struct rb_era_message message;
    int n = snprintf(text, sizeof text, "[\"%0*d\",{\"qid\":\"%0*d\"}]", (int)name_bytes, 0,
                     (int)qid_bytes - 2, 0);
    rb_err err = rb_era_read(&message, rb_str_make(text, (size_t)n), &arena);
    rb_era_message_fini(&message);
    rb_arena_fini(&arena);
    return err;
}

static void limits(void **state)
{
    (void)state;
    assert_int_equal(read_long(RB_ERA_METHOD_BYTES_MAX, RB_ERA_QID_BYTES_MAX), RB_OK);
    assert_int_equal(read_long(RB_ERA_METHOD_BYTES_MAX + 1, 8), RB_BAD_NAME);
    assert_int_equal(read_long(8, RB_ERA_QID_BYTES_MAX + 1), RB_BAD_NAME);
}

static void replies(void **state)
{
    (void)state;
    static const struct {
        const char *method, *qid, *text;
    } cases[] = {
        {"ping", "1e400",
         "[\"ping_result\",{\"qid\":1e400,\"result\":\"error\",\"errorcode\":1404,\"errormsg\":\"no "
         "\\\"x\\\"\"}]"},
        {"a\"b", "[1, {\"a\":2}]",
         "[\"a\\\"b_result\",{\"qid\":[1, {\"a\":2}],\"result\":\"error\",\"errorcode\":1404,"
         "\"errormsg\":\"no \\\"x\\\"\"}]"},
        {"m", "", "[\"m_result\",{\"result\":\"error\",\"errorcode\":1404,\"errormsg\":\"no \\\"x\\\"\"}]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_buf text = {0};
        struct rb_json_out out = {.buf = &text};
        rb_era_begin_reply(&out, rb_str_of(cases[i].method), rb_str_of(cases[i].qid));
        rb_era_put_error(&out, 1404, RB_STR("no \"x\""));
        rb_era_end(&out);
        assert_str(rb_buf_str(&text), cases[i].text);
        rb_buf_fini(&text);
    }
}

static void what_the_server_says_first(void **state)
{
    (void)state;
    struct rb_buf text = {0};
    rb_era_put_message(&text, RB_STR("job_done"), RB_STR("[1, 2.50]"));
    assert_str(rb_buf_str(&text), "[\"job_done\",[1, 2.50]]");
    rb_buf_clear(&text);
    rb_era_put_message(&text, RB_STR("x"), RB_STR_NONE);
    assert_str(rb_buf_str(&text), "[\"x\",{}]");
    rb_buf_clear(&text);
    rb_era_put_notice(&text, &(struct rb_era_notice){"c", RB_STR("t"), RB_STR("{\"a\": 1}"), 17});
    assert_str(rb_buf_str(&text),
               "[\"notify\",{\"class\":\"c\",\"type\":\"t\",\"eventts\":17,\"data\":{\"a\": 1}}]");
    rb_buf_fini(&text);
}

static void requests(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        rb_err err;
        const char *text;
    } cases[] = {
        {"{\"unit\":\"mm\",\"n\": 1.50}", RB_OK,
         "[\"ask\",{\"qid\":\"rb-7-1c8f0927\",\"unit\":\"mm\",\"n\":1.50}]"},
        {"{\"qid\":5,\"a\":{\"qid\":6}}", RB_OK, "[\"ask\",{\"qid\":\"rb-7-1c8f0927\",\"a\":{\"qid\":6}}]"},
        {"{}", RB_OK, "[\"ask\",{\"qid\":\"rb-7-1c8f0927\"}]"},
        {"", RB_OK, "[\"ask\",{\"qid\":\"rb-7-1c8f0927\"}]"},
        {"[]", RB_UNPROCESSABLE, ""},
        {"null", RB_UNPROCESSABLE, ""},
        {"7", RB_UNPROCESSABLE, ""},
        {"{", RB_UNPROCESSABLE, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_buf text = {0};
        assert_int_equal(rb_era_put_request(&text, 7, RB_STR("ask"), rb_str_of(cases[i].data)), cases[i].err);
        assert_str(rb_buf_str(&text), cases[i].text);
        rb_buf_fini(&text);
    }
}

static void replies_of_clients(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rb_era_reply kind;
        bool is_failed;
        const char *json;
    } cases[] = {
        {"[\"ask_result\",{\"qid\":\"rb-7-1c8f0927\",\"result\":\"ok\",\"w\": 70.0}]", RB_ERA_REPLY, false,
         "{\"result\":\"ok\",\"w\":70.0}"},
        {"[\"ask_result\",{\"qid\":\"rb-7-1c8f0927\"}]", RB_ERA_REPLY, false, "{}"},
        {"[\"ask_result\",{\"qid\":\"rb-7-1c8f0927\",\"result\":\"error\",\"errormsg\":\"no\\n\"}]",
         RB_ERA_REPLY, true, "\"no\\n\""},
        {"[\"ask_result\",{\"qid\":\"rb-7-1c8f0927\",\"result\":\"error\"}]", RB_ERA_REPLY, true,
         "\"error\""},
        {"[\"other_result\",{\"qid\":\"rb-7-1c8f0927\"}]", RB_ERA_STRANGE_REPLY, false, NULL},
        {"[\"ask_result\",{\"qid\":\"rb-7-1c8f0928\"}]", RB_ERA_STRANGE_REPLY, false, NULL},
        {"[\"ask_result\",{\"qid\":\"rb-07-1c8f0927\"}]", RB_ERA_STRANGE_REPLY, false, NULL},
        {"[\"ask_result\",{\"qid\":\"rb-7-\"}]", RB_ERA_STRANGE_REPLY, false, NULL},
        {"[\"ask_result\",{\"qid\":\"rb-7\"}]", RB_ERA_STRANGE_REPLY, false, NULL},
        {"[\"ask_result\",{\"qid\":\"rb-\"}]", RB_ERA_STRANGE_REPLY, false, NULL},
        {"[\"ask_result\",{\"qid\":\"rb-4294967296-1c8f0927\"}]", RB_ERA_STRANGE_REPLY, false, NULL},
        {"[\"ask_result\",{\"qid\":\"\"}]", RB_ERA_STRANGE_REPLY, false, NULL},
        {"[\"ask_result\",{\"qid\":7}]", RB_ERA_STRANGE_REPLY, false, NULL},
        {"[\"ask_result\",{}]", RB_ERA_STRANGE_REPLY, false, NULL},
        {"[\"_result\",{\"qid\":\"rb-7-1c8f0927\"}]", RB_ERA_STRANGE_REPLY, false, NULL},
        {"[\"ask\",{\"qid\":\"rb-7-1c8f0927\"}]", RB_ERA_NO_REPLY, false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        struct rb_era_message message;
        struct rb_buf json = {0};
        uint32_t number = 0;
        assert_int_equal(rb_era_read(&message, rb_str_of(cases[i].text), &arena), RB_OK);
        assert_int_equal(rb_era_reply_read(&message, &number), cases[i].kind);
        assert_int_equal(number, cases[i].kind == RB_ERA_REPLY ? 7 : 0);
        if (cases[i].json) {
            assert_int_equal(rb_era_reply_failed(&message), cases[i].is_failed);
            rb_era_put_reply(&json, &message);
            assert_str(rb_buf_str(&json), cases[i].json);
        }
        rb_buf_fini(&json);
        rb_era_message_fini(&message);
        rb_arena_fini(&arena);
    }
}

/* Each allocation fails in turn: an error or a failed buffer, and nothing is left over. */
static void without_memory(void **state)
{
    (void)state;
    bool is_done = false;
    for (long count = 0; !is_done; count++) {
        struct rb_arena arena = {0};
        struct rb_era_message message;
        struct rb_buf text = {0};
        rb_mem_fail_after(count);
        rb_err err = rb_era_put_request(&text, 7, RB_STR("ask"), RB_STR("{\"a\":[1,{\"b\":2}]}"));
        bool is_written = err == RB_OK && !text.failed;
        if (err) assert_int_equal(err, RB_OUT_OF_MEMORY);
        rb_err read_err = rb_era_read(&message, RB_STR("[\"m\",{\"qid\":1}]"), &arena);
        rb_mem_fail_after(-1);
        if (read_err) assert_int_equal(read_err, RB_OUT_OF_MEMORY);
        is_done = is_written && read_err == RB_OK;
        rb_era_message_fini(&message);
        rb_buf_fini(&text);
        rb_arena_fini(&arena);
        assert_true(count < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages),       cmocka_unit_test(limits),
        cmocka_unit_test(replies),        cmocka_unit_test(what_the_server_says_first),
        cmocka_unit_test(requests),       cmocka_unit_test(replies_of_clients),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
