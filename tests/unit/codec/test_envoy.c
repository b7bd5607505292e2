#include "codec/envoy.h"

#include "test.h"

#include <string.h>

static void trailing_commas(void **state)
{
    (void)state;
    static const struct {
        const char *text, *result;
    } cases[] = {
        {"{\"a\":1,}", "{\"a\":1 }"},
        {"[1, 2 ,\r\n ]", "[1, 2  \r\n ]"},
        {"{\"a\":[1,],}", "{\"a\":[1 ] }"},
        {"{\"a\":{},\n}", "{\"a\":{} \n}"},
        {"{\"a\":\"x,}\",}", "{\"a\":\"x,}\" }"},
        {"{\"a\":\"\\\",}\"}", "{\"a\":\"\\\",}\"}"},
        {"{\"a\":\"\\\\\",}", "{\"a\":\"\\\\\" }"},
        {"{,}", "{,}"},
        {"[,]", "[,]"},
        {"[1,,]", "[1,,]"},
        {"{\"a\":,}", "{\"a\":,}"},
        {"[1,2]", "[1,2]"},
        {",", ","},
        {"", ""},
        {"\"\\", "\"\\"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        strcpy(text, cases[i].text);
        rb_envoy_drop_trailing_commas(text, strlen(text));
        assert_string_equal(text, cases[i].result);
    }
}

static void envelopes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rb_envoy_error error;
        const char *id, *method, *params;
    } cases[] = {
        {"{\"method\":\"m\",\"params\":{\"a\":1},\"id\":7}", RB_ENVOY_OK, "7", "m", "{\"a\":1}"},
        {"{\"Method\":\"m\",\"Params\":[],\"Id\":\"2\"}", RB_ENVOY_OK, "\"2\"", "m", "[]"},
        {"{\"METHOD\":\"m\"}", RB_ENVOY_OK, "null", "m", NULL},
        {"{\"Method\":\"x\",\"method\":\"m\",\"id\":null}", RB_ENVOY_OK, "null", "m", NULL},
        {"{\"method\":null,\"Method\":\"m\",\"id\":{\"a\":1}}", RB_ENVOY_OK, "null", "m", NULL},
        {"{\"id\":3}", RB_ENVOY_BAD_ENVELOPE, "3", "", NULL},
        {"{\"method\":\"\"}", RB_ENVOY_BAD_ENVELOPE, "null", "", NULL},
        {"{\"method\":1}", RB_ENVOY_BAD_ENVELOPE, "null", "", NULL},
        {"[{\"method\":\"m\"}]", RB_ENVOY_BAD_ENVELOPE, "null", "", NULL},
        {"\"m\"", RB_ENVOY_BAD_ENVELOPE, "null", "", NULL},
        {"", RB_ENVOY_NOT_JSON, "null", "", NULL},
        {"{", RB_ENVOY_NOT_JSON, "null", "", NULL},
        {"{\"method\":\"m\",}", RB_ENVOY_NOT_JSON, "null", "", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        struct rb_envoy_call call;
        assert_int_equal(rb_envoy_call_read(&call, rb_str_of(cases[i].text), &arena), cases[i].error);
        assert_str(call.id, cases[i].id);
        if (!cases[i].error) assert_str(call.method, cases[i].method);
        if (cases[i].params) assert_str(rb_json_raw(call.params), cases[i].params);
        rb_envoy_call_fini(&call);
        rb_arena_fini(&arena);
    }
}

static void client_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *text, *token;
    } cases[] = {
        {"{\"ClientToken\":\"a/+=\"}", "a/+="},
        {"{\"clientToken\":\"t\"}", "t"},
        {"{\"ClientToken\":\"\\u0061\"}", "a"},
        {"{\"ClientToken\":1}", ""},
        {"{}", ""},
        {"\"t\"", ""},
        {"t", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        assert_str(rb_envoy_client_token(rb_str_of(cases[i].text), &arena), cases[i].token);
        rb_arena_fini(&arena);
    }
}

static void ticks(void **state)
{
    (void)state;
    static const struct {
        uint32_t left_s;
        const char *text;
    } cases[] = {{0, "00:00"},       {58, "00:58"},      {60, "01:00"},        {3599, "59:59"},
                 {3600, "01:00:00"}, {3661, "01:01:01"}, {172800, "48:00:00"}, {2592000, "720:00:00"}};
    char out[RB_ENVOY_TICKS_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_str(rb_envoy_ticks(cases[i].left_s, out), cases[i].text);
}

static void frames_and_replies(void **state)
{
    (void)state;
    static const struct {
        struct rb_envoy_frame frame;
        const char *text;
    } cases[] = {
        {{.ticks = {"00:58", 5}},
         "{\"Error\":\"\",\"Ticks\":\"00:58\",\"Message\":\"\",\"Completed\":false}"},
        {{.ticks = {"00:00", 5}, .message = {"\"a\\u0062\"", 9}, .is_completed = true},
         "{\"Error\":\"\",\"Ticks\":\"00:00\",\"Message\":\"a\\u0062\",\"Completed\":true}"},
        {{.error = "timeout", .message = {"{\"a\":1}", 7}},
         "{\"Error\":\"timeout\",\"Ticks\":\"\",\"Message\":\"{\\\"a\\\":1}\",\"Completed\":false}"},
    };
    struct rb_buf buf = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rb_buf_clear(&buf);
        rb_envoy_put_frame(&buf, &cases[i].frame);
        assert_str(rb_buf_str(&buf), cases[i].text);
    }
    rb_buf_clear(&buf);
    rb_envoy_put_result(&buf, RB_STR("\"2\""), RB_STR("{\"status\":\"success\"}"));
    assert_str(rb_buf_str(&buf),
               "{\"id\":\"2\",\"jsonrpc\":\"2.0\",\"error\":null,\"result\":{\"status\":\"success\"}}");
    rb_buf_clear(&buf);
    rb_envoy_put_error(&buf, RB_STR("null"), RB_ENVOY_UNKNOWN_TASK, RB_STR("none"));
    assert_str(rb_buf_str(&buf),
               "{\"id\":null,\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32004,\"message\":\"none\"},"
               "\"result\":null}");
    rb_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trailing_commas),    cmocka_unit_test(envelopes),
        cmocka_unit_test(client_tokens),      cmocka_unit_test(ticks),
        cmocka_unit_test(frames_and_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
