/* The parts of the door that do nothing but read and write text. */
#include "test.h"

#include "base/mem.h"
#include "doors/native/native_private.h"

#include <stdio.h>
#include <string.h>

/* Good until the next one is made. */
static struct rb_http1_head head_with(const char *name, const char *first, const char *second)
{
    static struct rb_http1_header headers[2];
    headers[0] = (struct rb_http1_header){rb_str_of(name), rb_str_of(first)};
    headers[1] = (struct rb_http1_header){rb_str_of(name), rb_str_of(second)};
    return (struct rb_http1_head){.headers = headers, .header_count = second ? 2 : 1};
}

static void test_prefer_wait(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool is_found;
        uint64_t seconds;
    } table[] = {
        {"wait=10", NULL, true, 10},
        {"WAIT = 10", NULL, true, 10},
        {"wait=\"7\"", NULL, true, 7},
        {"respond-async, wait=0", NULL, true, 0},
        {"respond-async", "wait=5", true, 5},
        {"wait=5; x=1, wait=6", NULL, true, 5},
        {"wait=x, wait=6", NULL, true, 6},
        {"handling=lenient; wait=9", NULL, false, 0},
        {"wait", NULL, false, 0},
        {"wait=", NULL, false, 0},
        {"wait=-1", NULL, false, 0},
        {"wait=4294967296", NULL, false, 0},
        {"waits=1", NULL, false, 0},
        {"", NULL, false, 0},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct rb_http1_head head = head_with("Prefer", table[i].first, table[i].second);
        uint64_t seconds = 0;
        if (prefer_wait(&head, &seconds) != table[i].is_found || seconds != table[i].seconds)
            fail_msg("%s: %llu", table[i].first, (unsigned long long)seconds);
    }
}

static void test_prefers_event_stream(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool is_stream;
    } table[] = {
        {"text/event-stream", NULL, true},
        {"Text/Event-Stream", NULL, true},
        {"text/event-stream, */*", NULL, true},
        {"text/event-stream;q=0.5, */*", NULL, true},
        {"application/json;q=0.4, text/event-stream;q=0.5", NULL, true},
        {"application/json;q=0.512, text/event-stream; q=0.513", NULL, true},
        {"application/json", "text/event-stream", false},
        {"application/json, text/event-stream;q=0.9", NULL, false},
        {"text/event-stream;q=0", NULL, false},
        {"text/event-stream;q=0.000", NULL, false},
        {"text/event-stream;q=0.001", NULL, true},
        {"text/*", NULL, false},
        {"*/*", NULL, false},
        {"", NULL, false},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct rb_http1_head head = head_with("Accept", table[i].first, table[i].second);
        if (prefers_event_stream(&head) != table[i].is_stream) fail_msg("%s", table[i].first);
    }
    assert_false(prefers_event_stream(&(struct rb_http1_head){0}));
}

/* ---- jobs ---- */

static const struct rb_job_record queued = {.number = 7,
                                            .id = {"j1", 2},
                                            .tenant = {"acme", 4},
                                            .client = {"ann", 3},
                                            .kind = {"export", 6},
                                            .params = {"{ \"a\":1.0}", 10},
                                            .created_ms = 1000};

static const struct rb_job_record finished = {.number = 6,
                                              .id = {"j0", 2},
                                              .client = {"ann", 3},
                                              .kind = {"export", 6},
                                              .state = RB_JOB_STATE_FINISHED,
                                              .attempt = 2,
                                              .created_ms = 1000,
                                              .started_ms = 2000,
                                              .ended_ms = 3500,
                                              .report = {"{\"progress\":50}", 15},
                                              .reason = {"ok", 2},
                                              .message = {"a \"b\"", 5},
                                              .result_name = {"x.zip", 5},
                                              .result_type = {"application/zip", 15},
                                              .result_file = {"results/j0/j0.2", 15},
                                              .result_bytes = 12};

#define QUEUED                                                                                               \
    "{\"id\":\"j1\",\"number\":7,\"kind\":\"export\",\"client\":\"ann\",\"state\":\"queued\",\"attempt\":0," \
    "\"params\":{ \"a\":1.0},\"created_at\":\"1970-01-01T00:00:01.000Z\",\"started_at\":null,"               \
    "\"ended_at\":null,\"progress\":null,\"reason\":null,\"message\":null,\"result\":null,"                  \
    "\"links\":{\"events\":\"/v1/jobs/j1/events\",\"log\":\"/v1/jobs/j1/log\"}}"
#define FINISHED                                                                                             \
    "{\"id\":\"j0\",\"number\":6,\"kind\":\"export\",\"client\":\"ann\",\"state\":\"finished\",\"attempt\":" \
    "2,"                                                                                                     \
    "\"created_at\":\"1970-01-01T00:00:01.000Z\",\"started_at\":\"1970-01-01T00:00:02.000Z\","               \
    "\"ended_at\":\"1970-01-01T00:00:03.500Z\",\"progress\":{\"progress\":50},\"reason\":\"ok\","            \
    "\"message\":\"a \\\"b\\\"\",\"result\":{\"name\":\"x.zip\",\"type\":\"application/zip\",\"bytes\":12,"  \
    "\"url\":\"/v1/jobs/j0/result\"},"                                                                       \
    "\"links\":{\"events\":\"/v1/jobs/j0/events\",\"log\":\"/v1/jobs/j0/log\"}}"

static void test_job_body(void **state)
{
    (void)state;
    struct rb_buf body = {0};
    job_body_put(&(struct rb_json_out){.buf = &body}, &queued);
    assert_string_equal(rb_buf_text(&body), QUEUED);
    rb_buf_clear(&body);
    job_body_put(&(struct rb_json_out){.buf = &body}, &finished);
    assert_string_equal(rb_buf_text(&body), FINISHED);
    rb_buf_fini(&body);
}

static void test_job_list(void **state)
{
    (void)state;
    const struct rb_job_record jobs[] = {queued, finished};
    static const struct {
        uint32_t count;
        bool has_more;
        const char *text;
    } table[] = {
        {0, false, "{\"jobs\":[],\"next\":null}"},
        {0, true, "{\"jobs\":[],\"next\":null}"},
        {2, false, "{\"jobs\":[" QUEUED "," FINISHED "],\"next\":null}"},
        {1, true, "{\"jobs\":[" QUEUED "],\"next\":\"7\"}"},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct rb_buf body = {0};
        job_list_put(&body, jobs, table[i].count, table[i].has_more);
        assert_string_equal(rb_buf_text(&body), table[i].text);
        rb_buf_fini(&body);
    }
}

/* ---- events ---- */

static struct rb_event *event_of(uint32_t flags, const char *data)
{
    return rb_event_new(
        &(struct rb_event_spec){.name = RB_STR("a\"b"), .data = rb_str_of(data), .flags = flags}, 1000);
}

static void expect_frame(struct rb_blob *frame, size_t header, const char *text)
{
    assert_str(rb_str_from(rb_blob_str(frame), header), text);
    rb_blob_unref(frame);
}

static void test_event_frames(void **state)
{
    (void)state;
    struct rb_event *event = event_of(0, "{\"x\": 1}"), *final = event_of(RB_EVENT_FINAL, "[1,\n2]");
    const struct rb_encoding *socket = &native_socket_encoding;
    struct rb_position position = {0xab, 12};
    rb_str topic = RB_STR("acme/rooms/1");
    expect_frame(socket->encode(socket, topic, position, event), 2,
                 "{\"op\":\"event\",\"topic\":\"rooms/1\",\"position\":\"ab:12\",\"name\":\"a\\\"b\","
                 "\"data\":{\"x\": 1}}");
    expect_frame(socket->encode(socket, topic, position, final), 2,
                 "{\"op\":\"event\",\"topic\":\"rooms/1\",\"position\":\"ab:12\",\"name\":\"a\\\"b\","
                 "\"data\":[1,\n2],\"final\":true}");
    expect_frame(native_plain_encoding.encode(&native_plain_encoding, topic, position, event), 0,
                 "id: ab:12\nevent: a\"b\ndata: {\"x\": 1}\n\n");
    expect_frame(native_chunked_encoding.encode(&native_chunked_encoding, topic, position, final), 0,
                 "29\r\nid: ab:12\nevent: a\"b\ndata: [1,\ndata: 2]\n\n\r\n");
    expect_frame(socket_gap_frame(topic, position, (struct rb_position){1, 2}), 2,
                 "{\"op\":\"gap\",\"topic\":\"rooms/1\",\"after\":\"ab:12\",\"next\":\"1:2\"}");
    expect_frame(stream_gap_frame(false, position, (struct rb_position){1, 2}), 0,
                 "id: 1:2\nevent: gap\ndata: {\"after\":\"ab:12\",\"next\":\"1:2\"}\n\n");
    rb_event_unref(event);
    rb_event_unref(final);
}

/* No half frame when memory runs out, wherever. */
static void test_frames_without_memory(void **state)
{
    (void)state;
    struct rb_event *event = event_of(0, "{\"x\": 1}");
    const struct rb_encoding *const encodings[] = {&native_socket_encoding, &native_plain_encoding,
                                                   &native_chunked_encoding};
    for (size_t i = 0; i < RB_COUNT(encodings); i++) {
        struct rb_blob *frame = NULL;
        for (long after = 0; !frame; after++) {
            assert_true(after < 50);
            rb_mem_fail_after(after);
            frame = encodings[i]->encode(encodings[i], RB_STR("acme/a"), (struct rb_position){1, 2}, event);
        }
        rb_mem_fail_after(-1);
        rb_blob_unref(frame);
    }
    rb_event_unref(event);
}

static void test_page_event(void **state)
{
    (void)state;
    struct rb_event *event = event_of(RB_EVENT_FINAL, "null");
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    event_put(&out, (struct rb_position){1, 2}, event, true);
    rb_json_end_object(&out);
    assert_string_equal(rb_buf_text(&text),
                        "{\"position\":\"1:2\",\"time\":\"1970-01-01T00:00:01.000Z\",\"name\":\"a\\\"b\","
                        "\"data\":null,\"final\":true}");
    rb_buf_fini(&text);
    rb_event_unref(event);
}

/* ---- what publishers say ---- */

static void test_event_spec(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        rb_err err;
        const char *name, *data, *audience;
        uint32_t flags;
    } table[] = {
        {"{\"name\":\"n\"}", RB_OK, "n", "", "", 0},
        {"{\"data\": [1, 2] ,\"name\":\"\\u00e4\"}", RB_OK, "\xc3\xa4", "[1, 2]", "", 0},
        {"{\"name\":\"n\",\"data\":null,\"final\":true}", RB_OK, "n", "null", "", RB_EVENT_FINAL},
        {"{\"name\":\"n\",\"final\":false,\"audience\":\"ann\"}", RB_OK, "n", "", "ann", 0},
        {"{\"name\":\"n\",\"data\": 1234567890 }", RB_OK, "n", "1234567890", "", 0},
        {"{\"name\":\"n\",\"data\":12345678901}", RB_MESSAGE_TOO_LARGE, "", "", "", 0},
        {"[]", RB_UNPROCESSABLE, "", "", "", 0},
        {"{}", RB_BAD_NAME, "", "", "", 0},
        {"{\"name\":7}", RB_BAD_NAME, "", "", "", 0},
        {"{\"name\":\"\"}", RB_BAD_NAME, "", "", "", 0},
        {"{\"name\":\"a\\nb\"}", RB_BAD_NAME, "", "", "", 0},
        {"{\"name\":\"n\",\"final\":\"yes\"}", RB_UNPROCESSABLE, "", "", "", 0},
        {"{\"name\":\"n\",\"audience\":null}", RB_BAD_NAME, "", "", "", 0},
        {"{\"name\":\"n\",\"audience\":\"a/b\"}", RB_BAD_NAME, "", "", "", 0},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct rb_json doc;
        struct rb_arena arena = {0};
        struct rb_event_spec spec = {0};
        const char *detail = NULL;
        assert_int_equal(rb_json_parse(&doc, rb_str_of(table[i].text), NULL), RB_OK);
        assert_int_equal(event_spec_read(rb_json_root(&doc), &arena, 10, &spec, &detail), table[i].err);
        assert_int_equal(detail != NULL, table[i].err != RB_OK);
        assert_str(spec.name, table[i].name);
        assert_str(spec.data, table[i].data);
        assert_str(spec.audience, table[i].audience);
        assert_int_equal(spec.flags, table[i].flags);
        rb_arena_fini(&arena);
        rb_json_fini(&doc);
    }
    assert_true(rb_topic_name_is_reserved(RB_STR("jobs/1")));
    assert_false(rb_topic_name_is_reserved(RB_STR("job/1")));
    assert_false(rb_topic_name_is_reserved(RB_STR("my/jobs/1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefer_wait),  cmocka_unit_test(test_prefers_event_stream),
        cmocka_unit_test(test_job_body),     cmocka_unit_test(test_job_list),
        cmocka_unit_test(test_event_frames), cmocka_unit_test(test_frames_without_memory),
        cmocka_unit_test(test_page_event),   cmocka_unit_test(test_event_spec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
