/* The words of the door: codes of errors, notices of events, variables of scripts. */
#include "test.h"

#include "codec/ws.h"
#include "doors/era/link.h"
#include "doors/era/script.h"
#include "hub/event.h"

static void codes(void **state)
{
    (void)state;
    static const struct {
        rb_err err;
        unsigned code;
    } cases[] = {
        {RB_BAD_REQUEST, 1400},        {RB_BAD_JSON, 1400},           {RB_UNPROCESSABLE, 1400},
        {RB_UNSUPPORTED_MEDIA, 1400},  {RB_CALL_UNSUPPORTED, 1400},   {RB_UNAUTHENTICATED, 1401},
        {RB_FORBIDDEN, 1403},          {RB_ORIGIN_REFUSED, 1403},     {RB_NOT_FOUND, 1404},
        {RB_NO_SUCH_CONNECTION, 1404}, {RB_METHOD_NOT_ALLOWED, 1405}, {RB_CALL_TIMEOUT, 1408},
        {RB_REQUEST_TIMEOUT, 1408},    {RB_CONFLICT, 1409},           {RB_CONNECTION_LOST, 1410},
        {RB_QUOTA_EXCEEDED, 1413},     {RB_BODY_TOO_LARGE, 1413},     {RB_TOO_MANY_REQUESTS, 1429},
        {RB_QUEUE_FULL, 1429},         {RB_CALL_FAILED, 1500},        {RB_DISK_FULL, 1500},
        {RB_STORE_FAILED, 1503},       {RB_SHUTTING_DOWN, 1503},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) assert_int_equal(era_code(cases[i].err), cases[i].code);
}

/* Every reason has a code of the list. */
static void codes_of_all(void **state)
{
    (void)state;
    static const unsigned known[] = {1400, 1401, 1403, 1404, 1405, 1408, 1409, 1410, 1413, 1429, 1500, 1503};
    for (int err = RB_OK + 1; err < RB_REASON_COUNT; err++) {
        unsigned code = era_code((rb_err)err), i = 0;
        while (i < RB_COUNT(known) && known[i] != code) i++;
        assert_true(i < RB_COUNT(known));
    }
}

/* The texts of so many frames, one behind the other. */
static void assert_frames(const struct rb_blob *blob, unsigned times, const char *text)
{
    struct rb_buf copy = {0};
    struct rb_ws_reader reader;
    struct rb_ws_event event;
    rb_err err;
    rb_buf_add_str(&copy, rb_blob_str(blob));
    struct rb_ws_input input = {copy.p, copy.n};
    rb_ws_reader_init(&reader, false, 1 << 20);
    for (unsigned i = 0; i < times; i++) {
        assert_int_equal(rb_ws_next(&reader, &input, &event, &err), RB_WS_EVENT);
        assert_int_equal(event.opcode, RB_WS_TEXT);
        assert_str(event.payload, text);
    }
    assert_int_equal(rb_ws_next(&reader, &input, &event, &err), RB_WS_MORE);
    rb_ws_reader_fini(&reader);
    rb_buf_fini(&copy);
}

static void notices(void **state)
{
    (void)state;
    static const struct {
        enum era_class class;
        unsigned times;
        const char *text;
    } cases[] = {
        {ERA_REGISTRAR_EVENTS, 1,
         "[\"notify\",{\"class\":\"registrarevents\",\"type\":\"t\",\"eventts\":17,\"data\":{\"a\": 1.50}}]"},
        {ERA_JOB_EVENTS, 3,
         "[\"notify\",{\"class\":\"jobevents\",\"type\":\"t\",\"eventts\":17,\"data\":{\"job_id\":\"j1\","
         "\"data\":"
         "{\"a\": 1.50}}}]"},
        {ERA_JOB_EVENTS, SUBSCRIPTIONS_MAX + 1,
         "[\"notify\",{\"class\":\"jobevents\",\"type\":\"t\",\"eventts\":17,\"data\":{\"job_id\":\"j1\","
         "\"data\":"
         "{\"a\": 1.50}}}]"},
    };
    struct notices *all = era_notices_new();
    struct rb_event *event =
        rb_event_new(&(struct rb_event_spec){.name = RB_STR("t"), .data = RB_STR("{\"a\": 1.50}")}, 17);
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        const struct rb_encoding *encoding = era_notices(all, cases[i].class, cases[i].times);
        struct rb_blob *blob =
            encoding->encode(encoding, RB_STR("acme/jobs/j1"), (struct rb_position){1, 1}, event);
        assert_frames(blob, cases[i].times, cases[i].text);
        rb_blob_unref(blob);
    }
    struct rb_blob *gap =
        era_gap_notice(era_notices(all, ERA_REGISTRAR_EVENTS, 2), RB_STR("acme/era/connections"), 5);
    assert_frames(
        gap, 2, "[\"notify\",{\"class\":\"registrarevents\",\"type\":\"clear\",\"eventts\":5,\"data\":{}}]");
    rb_blob_unref(gap);
    rb_event_unref(event);
    era_notices_free(all);
}

static void variables(void **state)
{
    (void)state;
    static const struct {
        const char *result;
        bool is_variables;
        rb_str message, reason;
        const char *text;
    } cases[] = {
        {"[1, 2.50]", false, RB_STR_NONE, RB_STR_NONE,
         "{\"job_id\":\"j\",\"state\":\"failed\",\"result\":[1, 2.50],\"error\":null}"},
        {"",
         false,
         {"no", 2},
         {"failed", 6},
         "{\"job_id\":\"j\",\"state\":\"failed\",\"result\":null,\"error\":\"no\"}"},
        {"{\"a\":1.50,\"state\":7,\"result\":[]}",
         true,
         RB_STR_NONE,
         {"failed", 6},
         "{\"job_id\":\"j\",\"state\":\"failed\",\"a\":1.50,\"result\":[],\"error\":\"failed\"}"},
        {"{\"a\":1}", false, RB_STR_NONE, RB_STR_NONE,
         "{\"job_id\":\"j\",\"state\":\"failed\",\"result\":{\"a\":1},\"error\":null}"},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_job_record job = {.id = RB_STR("j"),
                                    .state = RB_JOB_STATE_FAILED,
                                    .message = cases[i].message,
                                    .reason = cases[i].reason};
        struct era_script_end end = {.job = &job,
                                     .result = rb_str_of(cases[i].result),
                                     .is_variables = cases[i].is_variables};
        struct rb_buf text = {0};
        struct rb_json_out out = {.buf = &text};
        rb_json_begin_object(&out);
        era_script_put_variables(&out, &end);
        rb_json_end_object(&out);
        assert_str(rb_buf_str(&text), cases[i].text);
        rb_buf_fini(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(codes), cmocka_unit_test(codes_of_all),
                                       cmocka_unit_test(notices), cmocka_unit_test(variables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
