/* What an operation may be asked for, in all spellings, and how its outcome is told. */
#include "test.h"

#include "base/check.h"
#include "doors/era/operation.h"

#include <stdio.h>
#include <string.h>

static struct rb_arena arena;
static rb_str why;

static int forget(void **state)
{
    (void)state;
    rb_arena_fini(&arena);
    return 0;
}

static struct operation_form read_well(const char *json)
{
    struct operation_form form;
    rb_err err = operation_read(rb_str_of(json), &arena, &form, &why);
    if (err) fail_msg("%s: %s, %.*s", json, rb_reason_name(err), RB_STR_FMT(why));
    return form;
}

static void codes_have_three_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        int kind, direction, files;
        bool is_waiting;
    } table[] = {
        {"operation", "0", 0, 0, 0, 0},
        {"operation", "\"sendtokenmsg\"", 0, 0, 0, 0},
        {"operation", "null", 0, 0, 0, 0},
        {"operation", "\"\"", 0, 0, 0, 0},
        {"operation", "1", 1, 0, 0, 0},
        {"operation", "\"1\"", 1, 0, 0, 0},
        {"operation", "\"ws_temp_file\"", 1, 0, 0, 0},
        {"operation", "2", 2, 0, 0, 0},
        {"operation", "\"websocktemp\"", 2, 0, 0, 0},
        {"direction", "\"token message\"", 0, 0, 0, 0},
        {"direction", "\"token_message\"", 0, 0, 0, 0},
        {"direction", "1", 0, 1, 0, 0},
        {"direction", "\"token plugin event\"", 0, 1, 0, 0},
        {"direction", "\"token_plugin_event\"", 0, 1, 0, 0},
        {"direction", "\"token_plugin event\"", 0, 1, 0, 0},
        {"direction", "\"2\"", 0, 2, 0, 0},
        {"direction", "\"user api event\"", 0, 2, 0, 0},
        {"direction", "\"user_api_event\"", 0, 2, 0, 0},
        {"syncMode", "\"yes\"", 0, 0, 0, 1},
        {"syncMode", "true", 0, 0, 0, 1},
        {"syncMode", "\"true\"", 0, 0, 0, 1},
        {"syncMode", "1", 0, 0, 0, 1},
        {"syncMode", "\"1\"", 0, 0, 0, 1},
        {"syncMode", "\"no\"", 0, 0, 0, 0},
        {"syncMode", "false", 0, 0, 0, 0},
        {"syncMode", "\"false\"", 0, 0, 0, 0},
        {"syncMode", "0", 0, 0, 0, 0},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        char json[300];
        snprintf(json, sizeof json,
                 "{\"conn\":\"c\",\"eventName\":\"e\",\"capabilityName\":\"x\",\"filePath\":\"p\",\"%s\":%s}",
                 table[i].key, table[i].value);
        struct operation_form form = read_well(json);
        if ((int)form.kind != table[i].kind || (int)form.direction != table[i].direction ||
            form.is_waiting != table[i].is_waiting)
            fail_msg("%s", json);
    }
}

static void files_have_four_actions(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum operation_files files;
    } table[] = {
        {"null", FILES_LIST},
        {"0", FILES_LIST},
        {"\"get_coll\"", FILES_LIST},
        {"1", FILES_GET},
        {"\"get_file\"", FILES_GET},
        {"2", FILES_PUT},
        {"\"put_file\"", FILES_PUT},
        {"3", FILES_DELETE},
        {"\"delete_file\"", FILES_DELETE},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        char json[300];
        snprintf(json, sizeof json,
                 "{\"operation\":2,\"conn\":\"c\",\"websocktempFileName\":\"a.bin\",\"websocktempFilePath\":"
                 "\"shared:x\",\"websocktempMethod\":%s}",
                 table[i].value);
        struct operation_form form = read_well(json);
        assert_int_equal(form.files, table[i].files);
        assert_str(form.name, "a.bin");
        assert_str(form.path, "shared:x");
    }
}

static void values_are_converted(void **state)
{
    (void)state;
    struct operation_form form =
        read_well("{\"conn\":7,\"eventName\":12,\"timeoutSec\":\"2.5\",\"transfer\":3,"
                  "\"title\":{\"x\":1},\"comment\":[1]}");
    assert_str(form.connection, "7");
    assert_str(form.code, "12");
    assert_int_equal(form.timeout_ms, 2500);
    assert_true(form.has_timeout);
    assert_str(form.transfers[TRANSFER], "3");
    form = read_well("{\"conn\":\"c\",\"eventName\":\"e\",\"timeoutSec\":\"\"}");
    assert_int_equal(form.timeout_ms, 10000);
    assert_false(form.has_timeout);
    assert_int_equal(read_well("{\"conn\":\"c\",\"eventName\":\"e\",\"timeoutSec\":0.1}").timeout_ms, 100);
    assert_int_equal(read_well("{\"conn\":\"c\",\"eventName\":\"e\",\"timeoutSec\":3600}").timeout_ms,
                     3600000);
}

static void content_is_json(void **state)
{
    (void)state;
    static const struct {
        const char *sync, *content, *expected;
    } table[] = {
        {"no", "{\"a\": 1}", "{\"a\": 1}"},
        {"no", "[1,2]", "[1,2]"},
        {"no", "5", "5"},
        {"no", "1e400", "1e400"},
        {"no", "\"text\"", "\"text\""},
        {"no", "\"{\\\"a\\\":1}\"", "{\"a\":1}"},
        {"no", "\"[1]\"", "[1]"},
        {"no", "\"{broken\"", "\"{broken\""},
        {"no", "\"17\"", "\"17\""},
        {"no", "null", "null"},
        {"yes", "{}", "{}"},
        {"yes", "null", "{}"},
        {"yes", "\"{\\\"unit\\\":\\\"mm\\\"}\"", "{\"unit\":\"mm\"}"},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        char json[300];
        snprintf(json, sizeof json, "{\"conn\":\"c\",\"eventName\":\"e\",\"syncMode\":\"%s\",\"content\":%s}",
                 table[i].sync, table[i].content);
        assert_str(read_well(json).content, table[i].expected);
    }
    assert_int_equal(read_well("{\"conn\":\"c\",\"eventName\":\"e\"}").content.n, 0);
    assert_str(read_well("{\"conn\":\"c\",\"eventName\":\"e\",\"syncMode\":1}").content, "{}");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
    } table[] = {
        {"[]", "The body is an object"},
        {"{\"eventName\":\"e\"}", "conn: "},
        {"{\"conn\":{},\"eventName\":\"e\"}", "conn: "},
        {"{\"conn\":\"c\"}", "eventName: "},
        {"{\"conn\":\"c\",\"eventName\":\"a\\nb\"}", "eventName: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"operation\":3}", "operation: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"operation\":-1}", "operation: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"operation\":\"send\"}", "operation: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"operation\":\"sendtokenmsgs\"}", "operation: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"direction\":[]}", "direction: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"direction\":\"token-message\"}", "direction: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"direction\":1}", "capabilityName: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"direction\":2}", "capabilityName: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"syncMode\":2}", "syncMode: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"syncMode\":1,\"content\":[1]}", "content: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"syncMode\":1,\"content\":\"x\"}", "content: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"syncMode\":1,\"content\":\"[1]\"}", "content: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"timeoutSec\":0}", "timeoutSec: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"timeoutSec\":0.09}", "timeoutSec: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"timeoutSec\":3601}", "timeoutSec: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"timeoutSec\":\"soon\"}", "timeoutSec: "},
        {"{\"conn\":\"c\",\"eventName\":\"e\",\"timeoutSec\":true}", "timeoutSec: "},
        {"{\"conn\":\"c\",\"operation\":1}", "filePath: "},
        {"{\"conn\":\"c\",\"operation\":2,\"websocktempMethod\":1}", "websocktempFileName: "},
        {"{\"conn\":\"c\",\"operation\":2,\"websocktempMethod\":3,\"websocktempFileName\":\"a/b\"}",
         "websocktempFileName: "},
        {"{\"conn\":\"c\",\"operation\":2,\"websocktempMethod\":2,\"websocktempFileName\":\"a\"}",
         "websocktempFilePath: "},
        {"{\"conn\":\"c\",\"operation\":2,\"websocktempMethod\":4}", "websocktempMethod: "},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct operation_form form;
        rb_err err = operation_read(rb_str_of(table[i].json), &arena, &form, &why);
        if (err != RB_BAD_REQUEST || !rb_str_starts(why, rb_str_of(table[i].why)))
            fail_msg("%s: %s, %.*s", table[i].json, rb_reason_name(err), RB_STR_FMT(why));
    }
    struct operation_form form;
    assert_int_equal(operation_read(RB_STR("{\"conn\":"), &arena, &form, &why), RB_BAD_JSON);
    assert_str(why, "At byte 8 of the body.");
}

static void outcomes_are_told(void **state)
{
    (void)state;
    static const char *const steps = "{\"conn\":\"c\",\"eventName\":\"e\",\"resultVariable\":\"r\","
                                     "\"errorVariable\":\"x\",\"transfer\":\"ok\","
                                     "\"transferTimeout\":\"late\",\"transferError\":\"bad\"}";
    static const char *const plain = "{\"conn\":\"c\",\"eventName\":\"e\"}";
    static const char *const only_error = "{\"conn\":\"c\",\"eventName\":\"e\",\"transferError\":\"bad\"}";
    static const char *const only_ok = "{\"conn\":\"c\",\"eventName\":\"e\",\"transfer\":\"ok\"}";
    static const char error[] = "\"error\":{\"error_code\":1408,\"error_message\":\"m\"}}";
    static const struct {
        const char *form;
        enum operation_transfer transfer;
        const char *result, *expected;
    } table[] = {
        {plain, TRANSFER, NULL, "{\"transfer\":\"transfer\"}"},
        {plain, TRANSFER, "[1]", "{\"transfer\":\"transfer\",\"result\":[1]}"},
        {plain, TRANSFER_TIMEOUT, NULL, "{\"transfer\":\"transferTimeout\","},
        {plain, TRANSFER_ERROR, NULL, "{\"transfer\":\"transferError\","},
        {steps, TRANSFER, "1",
         "{\"transfer\":\"transfer\",\"next\":\"ok\",\"resultVariable\":\"r\",\"errorVariable\":\"x\","
         "\"result\":1}"},
        {steps, TRANSFER_TIMEOUT, NULL,
         "{\"transfer\":\"transferTimeout\",\"next\":\"late\",\"resultVariable\":\"r\",\"errorVariable\":"
         "\"x\","},
        {steps, TRANSFER_ERROR, NULL,
         "{\"transfer\":\"transferError\",\"next\":\"bad\",\"resultVariable\":\"r\",\"errorVariable\":"
         "\"x\","},
        {only_error, TRANSFER_TIMEOUT, NULL, "{\"transfer\":\"transferTimeout\",\"next\":\"bad\","},
        {only_ok, TRANSFER_TIMEOUT, NULL, "{\"transfer\":\"transferTimeout\",\"next\":null,"},
        {only_ok, TRANSFER_ERROR, NULL, "{\"transfer\":\"transferError\",\"next\":null,"},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct rb_buf out = {0};
        char expected[400];
        struct operation_form form = read_well(table[i].form);
        struct operation_outcome outcome = {.transfer = table[i].transfer,
                                            .result = rb_str_of(table[i].result),
                                            .code = 1408,
                                            .message = RB_STR("m")};
        operation_put(&out, &form, &outcome);
        snprintf(expected, sizeof expected, "%s%s", table[i].expected,
                 table[i].transfer == TRANSFER ? "" : error);
        assert_str(rb_buf_str(&out), expected);
        rb_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(codes_have_three_spellings, forget),
        cmocka_unit_test_teardown(files_have_four_actions, forget),
        cmocka_unit_test_teardown(values_are_converted, forget),
        cmocka_unit_test_teardown(content_is_json, forget),
        cmocka_unit_test_teardown(what_is_wrong_is_named, forget),
        cmocka_unit_test_teardown(outcomes_are_told, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
