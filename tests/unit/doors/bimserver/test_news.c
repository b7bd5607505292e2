/* What is told at the end of a job, and to whom. */
#include "doors/bimserver/claims.h"
#include "doors/bimserver/news.h"
#include "doors/bimserver/projects.h"

#include "test.h"

/* "topic event data" of each, a line each. */
static rb_str told(const char *kind, enum rb_job_state state, rb_str announce, struct rb_arena *arena)
{
    struct rb_bimserver_door door = {.setup = {.checkin_kind = RB_STR("checkin")}};
    struct rb_announcer announcer = rb_bimserver_announcer(&door);
    struct rb_announcement out[RB_ANNOUNCEMENTS_MAX] = {0};
    struct rb_job_record job = {.number = 5, .tenant = RB_STR("t"), .kind = rb_str_of(kind), .state = state};
    unsigned count = announcer.announce(announcer.arg, &job, announce, arena, out);
    rb_str all = RB_STR("");
    for (unsigned i = 0; i < count; i++)
        all = rb_arena_fmt(arena, "%.*s%.*s %.*s %.*s\n", RB_STR_FMT(all), RB_STR_FMT(out[i].topic),
                           RB_STR_FMT(out[i].event.name), RB_STR_FMT(out[i].event.data));
    return all;
}

static void ends_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        enum rb_job_state state;
        struct bim_place place;
        const char *expected;
    } cases[] = {
        {"checkin",
         RB_JOB_STATE_FINISHED,
         {3, -1},
         "t/bim/projects/3/topics closedProgressOnProjectTopic {\"poid\":3,\"topicId\":5}\n"
         "t/bim/revisions newRevision {\"poid\":3,\"roid\":5}\n"
         "t/bim/projects/3/revisions newRevision {\"poid\":3,\"roid\":5}\n"},
        {"checkin",
         RB_JOB_STATE_FAILED,
         {3, -1},
         "t/bim/projects/3/topics closedProgressOnProjectTopic {\"poid\":3,\"topicId\":5}\n"},
        {RB_BIMSERVER_DOWNLOAD_KIND,
         RB_JOB_STATE_FINISHED,
         {-1, -1},
         "t/bim/topics closedProgressOnServerTopic {\"topicId\":5}\n"},
        {RB_BIMSERVER_TOPIC_KIND,
         RB_JOB_STATE_FINISHED,
         {3, 4},
         "t/bim/topics closedProgressOnServerTopic {\"topicId\":5}\n"
         "t/bim/projects/3/topics closedProgressOnProjectTopic {\"poid\":3,\"topicId\":5}\n"
         "t/bim/revisions/4/topics closedProgressOnRevisionTopic {\"poid\":3,\"roid\":4,\"topicId\":5}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        rb_str announce = bim_announce_text(&arena, cases[i].place);
        assert_str(told(cases[i].kind, cases[i].state, announce, &arena), cases[i].expected);
        rb_arena_fini(&arena);
    }
}

static void what_other_doors_announce_is_not_ours(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         "null",
                                         "{}",
                                         "{\"topic\":\"t/x\",\"event\":\"e\",\"open\":true}",
                                         "{\"bim\":7}",
                                         "{\"bim\":{\"poid\":1}}",
                                         "no JSON"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct rb_arena arena = {0};
        assert_str(told("checkin", RB_JOB_STATE_FINISHED, rb_str_of(others[i]), &arena), "");
        rb_arena_fini(&arena);
    }
}

static void news_have_their_topics(void **state)
{
    (void)state;
    static const struct {
        enum bim_news what;
        const char *expected;
    } cases[] = {
        {BIM_NEWS_PROJECTS, "t/bim/projects"},
        {BIM_NEWS_USERS, "t/bim/users"},
        {BIM_NEWS_REVISIONS, "t/bim/revisions"},
        {BIM_NEWS_REVISIONS_OF_PROJECT, "t/bim/projects/3/revisions"},
        {BIM_NEWS_DATA_OF_REVISION, "t/bim/revisions/4/data"},
        {BIM_NEWS_TOPICS, "t/bim/topics"},
        {BIM_NEWS_TOPICS_OF_PROJECT, "t/bim/projects/3/topics"},
        {BIM_NEWS_TOPICS_OF_REVISION, "t/bim/revisions/4/topics"},
    };
    struct rb_arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_str(bim_news_topic(&arena, RB_STR("t"), cases[i].what, (struct bim_place){3, 4}),
                   cases[i].expected);
    rb_arena_fini(&arena);
}

static void claims_are_one_at_a_time(void **state)
{
    (void)state;
    struct bim_claims *claims = bim_claims_new();
    assert_true(bim_claims_take(claims, RB_STR("t/1")));
    assert_false(bim_claims_take(claims, RB_STR("t/1")));
    assert_true(bim_claims_take(claims, RB_STR("t/2")));
    bim_claims_give_back(claims, RB_STR("t/1"));
    assert_true(bim_claims_take(claims, RB_STR("t/1")));
    bim_claims_free(claims);
}

static void projects_are_read_back(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    struct bim_project project;
    struct rb_identity who = {.tenant = RB_STR("t"), .client = RB_STR("anna")};
    struct rb_thing_record thing = {.number = 4};
    thing.body = bim_project_body(&arena, RB_STR("A \"house\""), RB_STR("ifc4"), &who, 77);
    assert_int_equal(bim_project_parse(&arena, RB_STR("t"), &thing, &project), RB_OK);
    assert_int_equal(project.poid, 4);
    assert_str(project.name, "A \"house\"");
    assert_str(project.schema, "ifc4");
    assert_int_equal(project.created_ms, 77);
    assert_int_equal(project.created_by, bim_user_oid(RB_STR("t"), RB_STR("anna")));
    thing.body = RB_STR("broken");
    assert_int_equal(bim_project_parse(&arena, RB_STR("t"), &thing, &project), RB_STORE_FAILED);
    rb_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_told),          cmocka_unit_test(what_other_doors_announce_is_not_ours),
        cmocka_unit_test(news_have_their_topics), cmocka_unit_test(claims_are_one_at_a_time),
        cmocka_unit_test(projects_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
