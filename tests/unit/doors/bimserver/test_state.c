/* What clients are told of a job: from its record, from events of its topic, and the frames of both. */
#include "doors/bimserver/bimserver.h"
#include "doors/bimserver/push.h"
#include "doors/bimserver/state.h"

#include "test.h"

#include <string.h>

#define STATE(body) "{\"__type\":\"SLongActionState\"," body "}"
#define CHECKIN(body) "{\"__type\":\"SLongCheckinActionState\"," body "}"

static const struct bim_topic work = {.number = 5, .start_ms = 100, .title = {"Work", 4}};
static const struct bim_topic model = {
    .number = 5, .start_ms = 100, .is_checkin = true, .title = {"Checkin", 7}};
static const struct bim_topic load = {
    .number = 5, .start_ms = 100, .title = {"Done preparing", 14}, .end_title = {"Done", 4}};

static rb_str state_text(const struct bim_topic *topic, const struct bim_state *state,
                         enum bim_dialect dialect, struct rb_arena *arena)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    bim_state_put(&out, topic, state, dialect);
    rb_str copy = rb_arena_copy(arena, rb_buf_str(&text));
    rb_buf_fini(&text);
    return copy;
}

/* ---- records ---- */

static void records_become_states(void **state)
{
    (void)state;
    static const struct {
        const struct bim_topic *topic;
        enum rb_job_state state;
        const char *report, *reason, *message;
        uint64_t ended_ms;
        enum bim_dialect dialect;
        const char *expected;
    } cases[] = {
        {&work, RB_JOB_STATE_QUEUED, "{\"progress\":40}", "", "", 0, BIM_NEW,
         STATE("\"end\":null,\"errors\":[],\"infos\":[],\"oid\":-1,\"progress\":-1,\"rid\":0,\"stage\":0,"
               "\"start\":100,\"state\":\"STARTED\",\"title\":\"Work\",\"topicId\":5,\"uuid\":null,"
               "\"warnings\":[]")},
        {&work, RB_JOB_STATE_RUNNING,
         "{\"progress\":40.9,\"stage\":2,\"title\":\"Half\",\"warnings\":[\"w\"],\"infos\":[\"i\"],"
         "\"errors\":"
         "[\"e\"]}",
         "", "", 0, BIM_NEW,
         STATE("\"end\":null,\"errors\":[\"e\"],\"infos\":[\"i\"],\"oid\":-1,\"progress\":40,\"rid\":0,"
               "\"stage\":2,\"start\":100,\"state\":\"STARTED\",\"title\":\"Half\",\"topicId\":5,"
               "\"uuid\":null,\"warnings\":[\"w\"]")},
        {&work, RB_JOB_STATE_RUNNING, "{\"progress\":null,\"stage\":0,\"title\":null}", "", "", 0, BIM_OLD,
         STATE("\"end\":null,\"errors\":[],\"infos\":[],\"oid\":-1,\"progress\":-1,\"rid\":0,\"stage\":0,"
               "\"start\":100,\"state\":\"STARTED\",\"title\":\"Work\",\"warnings\":[]")},
        {&model, RB_JOB_STATE_FINISHED, "{\"progress\":90,\"stage\":3,\"title\":\"Checkin of a.ifc\"}", "",
         "", 200, BIM_NEW,
         CHECKIN("\"deserializeErrorCode\":0,\"end\":200,\"errors\":[],\"infos\":[],\"oid\":-1,"
                 "\"progress\":100,\"rid\":0,\"roid\":5,\"stage\":3,\"start\":100,\"state\":\"FINISHED\","
                 "\"title\":\"Checkin of a.ifc\",\"topicId\":5,\"uuid\":null,\"warnings\":[]")},
        {&model, RB_JOB_STATE_FINISHED, "", "", "", 200, BIM_OLD,
         STATE("\"end\":200,\"errors\":[],\"infos\":[],\"oid\":-1,\"progress\":100,\"rid\":0,\"stage\":0,"
               "\"start\":100,\"state\":\"FINISHED\",\"title\":\"Checkin\",\"warnings\":[]")},
        {&model, RB_JOB_STATE_FAILED,
         "{\"progress\":90,\"stage\":1,\"title\":\"t\",\"errors\":[\"a\",\"b\"]}", "failed", "b", 200,
         BIM_NEW,
         CHECKIN("\"deserializeErrorCode\":0,\"end\":200,\"errors\":[\"a\",\"b\"],\"infos\":[],\"oid\":-1,"
                 "\"progress\":0,\"rid\":0,\"roid\":0,\"stage\":2,\"start\":100,\"state\":\"AS_ERROR\","
                 "\"title\":\"b\",\"topicId\":5,\"uuid\":null,\"warnings\":[]")},
        {&work, RB_JOB_STATE_CANCELLED, "", "cancelled", "", 200, BIM_NEW,
         STATE("\"end\":200,\"errors\":[\"The job was cancelled.\"],\"infos\":[],\"oid\":-1,\"progress\":0,"
               "\"rid\":0,\"stage\":1,\"start\":100,\"state\":\"AS_ERROR\",\"title\":\"The job was "
               "cancelled.\",\"topicId\":5,\"uuid\":null,\"warnings\":[]")},
        {&load, RB_JOB_STATE_FINISHED, "{\"progress\":null,\"stage\":1,\"title\":\"Downloading...\"}", "", "",
         200, BIM_NEW,
         STATE("\"end\":200,\"errors\":[],\"infos\":[],\"oid\":-1,\"progress\":100,\"rid\":0,\"stage\":2,"
               "\"start\":100,\"state\":\"FINISHED\",\"title\":\"Done\",\"topicId\":5,\"uuid\":null,"
               "\"warnings\":[]")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        struct bim_state found;
        struct rb_job_record job = {.number = 5,
                                    .state = cases[i].state,
                                    .report = rb_str_of(cases[i].report),
                                    .reason = rb_str_of(cases[i].reason),
                                    .message = rb_str_of(cases[i].message),
                                    .ended_ms = cases[i].ended_ms};
        bim_state_of_record(cases[i].topic, &job, &arena, &found);
        assert_str(state_text(cases[i].topic, &found, cases[i].dialect, &arena), cases[i].expected);
        rb_arena_fini(&arena);
    }
}

static void topics_are_described(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *params, *title, *end_title;
        bool is_checkin;
    } cases[] = {
        {"checkin", "{}", "Checkin", NULL, true},
        {"export", "{}", "export", NULL, false},
        {RB_BIMSERVER_DOWNLOAD_KIND, "{}", "Done preparing", "Done", false},
        {RB_BIMSERVER_TOPIC_KIND, "{\"description\":\"My work\"}", "My work", NULL, false},
        {RB_BIMSERVER_TOPIC_KIND, "{}", "", NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        struct bim_topic topic;
        struct rb_job_record job = {.number = 7,
                                    .created_ms = 9,
                                    .kind = rb_str_of(cases[i].kind),
                                    .params = rb_str_of(cases[i].params)};
        bim_topic_of(&job, RB_STR("checkin"), &arena, &topic);
        assert_int_equal(topic.number, 7);
        assert_int_equal(topic.start_ms, 9);
        assert_int_equal(topic.is_checkin, cases[i].is_checkin);
        assert_str(topic.title, cases[i].title);
        assert_str(topic.end_title, cases[i].end_title);
        rb_arena_fini(&arena);
    }
}

static void no_kind_is_no_checkin(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    struct bim_topic topic;
    bim_topic_of(&(struct rb_job_record){.kind = RB_STR(""), .params = RB_STR("{}")}, RB_STR_NONE, &arena,
                 &topic);
    assert_false(topic.is_checkin);
    rb_arena_fini(&arena);
}

/* ---- events ---- */

static struct rb_event *event_of(const char *name, const char *data)
{
    struct rb_event_spec spec = {.name = rb_str_of(name), .data = rb_str_of(data)};
    return rb_event_new(&spec, 300);
}

static void events_become_states(void **state)
{
    (void)state;
    static const struct {
        const char *name, *data, *title;
        int state;
        int64_t progress;
        uint64_t stage, end_ms;
    } cases[] = {
        {"queued", "{\"message\":\"no\"}", "Work", BIM_STARTED, -1, 0, 0},
        {"running", "{}", "Work", BIM_STARTED, -1, 0, 0},
        {"progress", "{\"progress\":12,\"stage\":1,\"title\":\"One\"}", "One", BIM_STARTED, 12, 1, 0},
        {"finished", "{\"report\":{\"progress\":12,\"stage\":1,\"title\":\"One\"}}", "One", BIM_FINISHED, 100,
         1, 300},
        {"finished", "{\"report\":null}", "Work", BIM_FINISHED, 100, 0, 300},
        {"failed", "{\"message\":\"broken\",\"report\":{\"stage\":1}}", "broken", BIM_AS_ERROR, 0, 2, 300},
        {"expired", "{\"reason\":\"job_expired\",\"report\":null}",
         "The job waited in the queue longer than its kind allows.", BIM_AS_ERROR, 0, 1, 300},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        struct bim_state found;
        struct rb_event *event = event_of(cases[i].name, cases[i].data);
        assert_true(bim_state_of_event(&work, event, &arena, &found));
        assert_int_equal(found.state, cases[i].state);
        assert_int_equal(found.progress, cases[i].progress);
        assert_int_equal(found.stage, cases[i].stage);
        assert_int_equal(found.end_ms, cases[i].end_ms);
        assert_str(found.title, cases[i].title);
        rb_event_unref(event);
        rb_arena_fini(&arena);
    }
}

static void other_events_say_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"info", "warning", "error", "custom"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct rb_arena arena = {0};
        struct bim_state found;
        struct rb_event *event = event_of(names[i], "{\"message\":\"x\"}");
        assert_false(bim_state_of_event(&work, event, &arena, &found));
        rb_event_unref(event);
        rb_arena_fini(&arena);
    }
}

/* ---- frames ---- */

static rb_str encoded(const struct rb_encoding *encoding, const char *name, const char *data,
                      struct rb_arena *arena)
{
    struct rb_event *event = event_of(name, data);
    struct rb_blob *frame = encoding->encode(encoding, RB_STR("t/jobs/j"), (struct rb_position){0}, event);
    rb_str text = rb_arena_copy(arena, rb_blob_str(frame));
    rb_blob_unref(frame);
    rb_event_unref(event);
    return text;
}

static bool contains(rb_str text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static void frames_speak_the_dialect(void **state)
{
    (void)state;
    struct bim_pushes pushes = {0};
    struct rb_arena arena = {0};
    const struct rb_encoding *new = bim_push_of(&pushes, RB_STR("j"), &model, BIM_NEW),
                             *old = bim_push_of(&pushes, RB_STR("j"), &model, BIM_OLD);
    rb_str text = encoded(new, "running", "{}", &arena);
    assert_true(contains(text,
                         "{\"request\":{\"interface\":\"NotificationInterface\",\"method\":\"progress\","
                         "\"parameters\":{\"topicId\":5,\"state\":{\"__type\":"
                         "\"SLongCheckinActionState\","));
    text = encoded(old, "running", "{}", &arena);
    assert_true(contains(text, "{\"request\":{\"interface\":\"Bimsie1NotificationInterface\","));
    assert_true(contains(text, "\"state\":{\"__type\":\"SLongActionState\","));
    assert_int_equal(encoded(new, "info", "{\"message\":\"x\"}", &arena).n, 0);
    bim_push_let_go(&pushes, new);
    bim_push_let_go(&pushes, old);
    bim_pushes_fini(&pushes);
    rb_arena_fini(&arena);
}

static void the_last_state_comes_twice(void **state)
{
    (void)state;
    struct bim_pushes pushes = {0};
    struct rb_arena arena = {0};
    const struct rb_encoding *encoding = bim_push_of(&pushes, RB_STR("j"), &work, BIM_NEW);
    rb_str text = encoded(encoding, "finished", "{\"report\":null}", &arena);
    assert_int_equal(text.n % 2, 0);
    assert_memory_equal(text.p, text.p + text.n / 2, text.n / 2);
    bim_push_let_go(&pushes, encoding);
    bim_pushes_fini(&pushes);
    rb_arena_fini(&arena);
}

/* Logs may know an encoding by its address when nobody has it any more: what is at that address later must
 * not be of the other dialect. */
static void encodings_are_shared_and_keep_their_place(void **state)
{
    (void)state;
    struct bim_pushes pushes = {0};
    const struct rb_encoding *first = bim_push_of(&pushes, RB_STR("a"), &work, BIM_NEW);
    assert_ptr_equal(bim_push_of(&pushes, RB_STR("a"), &work, BIM_NEW), first);
    const struct rb_encoding *other = bim_push_of(&pushes, RB_STR("b"), &work, BIM_NEW);
    assert_ptr_not_equal(other, first);
    bim_push_let_go(&pushes, first);
    assert_ptr_equal(bim_push_of(&pushes, RB_STR("a"), &work, BIM_NEW), first);
    bim_push_let_go(&pushes, first);
    bim_push_let_go(&pushes, first);
    assert_ptr_equal(bim_push_of(&pushes, RB_STR("c"), &model, BIM_NEW), first);
    assert_ptr_equal(bim_push_of(&pushes, RB_STR("c"), &model, BIM_OLD), first + 1);
    bim_pushes_fini(&pushes);
}

static void news_are_calls(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    rb_str text = encoded(&bim_news_encodings[BIM_NEW], "newRevision", "{\"poid\":1,\"roid\":2}", &arena);
    assert_true(contains(text, "{\"request\":{\"interface\":\"NotificationInterface\",\"method\":"
                               "\"newRevision\",\"parameters\":{\"poid\":1,\"roid\":2}}}"));
    text = encoded(&bim_news_encodings[BIM_OLD], "newProject", "{\"poid\":1}", &arena);
    assert_true(contains(text, "\"interface\":\"Bimsie1NotificationInterface\",\"method\":\"newProject\""));
    rb_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_become_states),
        cmocka_unit_test(topics_are_described),
        cmocka_unit_test(no_kind_is_no_checkin),
        cmocka_unit_test(events_become_states),
        cmocka_unit_test(other_events_say_nothing),
        cmocka_unit_test(frames_speak_the_dialect),
        cmocka_unit_test(the_last_state_comes_twice),
        cmocka_unit_test(encodings_are_shared_and_keep_their_place),
        cmocka_unit_test(news_are_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
