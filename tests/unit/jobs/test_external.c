/* Jobs whose work is done elsewhere: told of in calls, ended by them. */
#include "jobs_rig.h"

#include "jobs/progress.h"

static const char half[] = "{\"progress\":50,\"title\":\"Half\"}";
static const char half_shape[] =
    "{\"progress\":50,\"stage\":1,\"title\":\"Half\",\"warnings\":[],\"infos\":[],\"errors\":[]}";

static void it_runs_from_its_start_until_it_is_finished(void **state)
{
    (void)state;
    rig_external_kind("survey")->concurrency = 1;
    rig_open();
    rb_str first = rig_start("survey", "{\"room\":\"{a}\"}"), id = rig_start("survey", "{\"a\":[1]}");
    assert_int_equal(rig_report(first, half)->err, RB_OK);
    struct seen *seen = rig_watch(id);
    struct rb_jobs_call *call = rig_report(id, half);
    assert_int_equal(call->err, RB_OK);
    assert_int_equal(call->job.state, RB_JOB_STATE_RUNNING);
    assert_int_equal(call->job.attempt, 1);
    assert_str(call->job.report, half_shape);
    rig_get(id); /* what was published has arrived */
    assert_int_equal(rig_report(id, "{\"info\":\"note\",\"event\":\"part\",\"data\":[1]}")->err, RB_OK);
    call = rig_finish(id, RB_JOB_STATE_FINISHED, NULL, "{\"progress\":100}");
    assert_int_equal(call->err, RB_OK);
    assert_int_equal(call->job.state, RB_JOB_STATE_FINISHED);

    run_until(rig.front, seen_is_over, seen);
    rig_unwatch(seen);
    const struct rb_job_record *job = rig_get(id);
    const char *shape =
        "{\"progress\":100,\"stage\":1,\"title\":\"Half\",\"warnings\":[],\"infos\":[\"note\"],"
        "\"errors\":[]}";
    assert_str(job->report, shape);
    assert_null(job->reason.p);
    assert_null(job->result_file.p);
    assert_true(job->ended_ms >= job->started_ms && job->started_ms >= job->created_ms);
    static const char *const names[] = {"queued", "running",  "progress", "info",
                                        "part",   "progress", "finished"};
    assert_int_equal(seen->count, RB_COUNT(names));
    for (size_t i = 0; i < RB_COUNT(names); i++) assert_str(seen->events[i].name, names[i]);
    assert_str(seen->events[2].data, half_shape);
    assert_str(seen->events[4].data, "[1]");
    assert_str(seen->events[5].data, shape);
    assert_non_null(strstr(seen->events[6].data.p, shape));
    assert_int_equal(rig_get(first)->state, RB_JOB_STATE_RUNNING);
    rig_close();
}

/* ---- the pace of progress ---- */

/* The newest `progress` after this report; NONE: it was published with one before. */
static rb_str report_and_see(rb_str id, struct seen *seen, const char *report)
{
    unsigned before = seen_count(seen, "progress");
    assert_int_equal(rig_report(id, report)->err, RB_OK);
    rig_get(id); /* what was published has arrived */
    return seen_count(seen, "progress") > before ? seen_find(seen, "progress")->data : RB_STR_NONE;
}

static bool has_caught_up(void *arg)
{
    const struct seen_event *newest = seen_find(arg, "progress");
    return rb_str_starts(newest->data, RB_STR("{\"progress\":5,"));
}

static void progress_that_is_awaited_goes_out_at_once(void **state)
{
    (void)state;
    enum { INTERVAL_MS = 3600000 };
    static const struct {
        const char *report;
        bool is_seen;
    } cases[] = {
        {"{\"progress\":1}", true},   {"{\"progress\":2}", false},  {"{\"title\":\"A\"}", true},
        {"{\"title\":\"A\"}", false}, {"{\"progress\":3}", false},  {"{\"info\":\"i\"}", false},
        {"{\"title\":\"B\"}", true},  {"{\"progress\":100}", true}, {"{\"progress\":100}", false},
        {"{\"progress\":99}", false}, {"{\"progress\":100}", true},
    };
    struct rb_job_kind *kind = rig_external_kind("survey");
    kind->progress_interval_ms = INTERVAL_MS;
    kind->timeout_ms = 0;
    rig_open();
    rb_str id = rig_start("survey", "{}");
    struct seen *seen = rig_watch(id);
    for (size_t i = 0; i < RB_COUNT(cases); i++)
        if ((report_and_see(id, seen, cases[i].report).p != NULL) != cases[i].is_seen) fail_msg("%zu", i);
    /* The rest follows when its time has come, once. */
    assert_null(report_and_see(id, seen, "{\"progress\":4}").p);
    assert_null(report_and_see(id, seen, "{\"progress\":5}").p);
    rb_clock_test_advance_ms(INTERVAL_MS);
    run_until(rig.front, has_caught_up, seen);
    assert_null(report_and_see(id, seen, "{\"progress\":6}").p);
    rig_unwatch(seen);
    rig_close();
}

/* Titles are bounded as other events are; the newest is seen in the end all the same. */
static void floods_of_titles_are_cut(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_external_kind("survey");
    kind->progress_interval_ms = 3600000;
    rig_open();
    rb_str id = rig_start("survey", "{}");
    struct seen *seen = rig_watch(id);
    uint64_t begun_ms = rb_clock_ms();
    for (int i = 0; i < 150; i++)
        report_and_see(id, seen, rb_arena_fmt(&rig.arena, "{\"title\":\"%d\"}", i).p);
    uint64_t seconds = (rb_clock_ms() - begun_ms) / 1000 + 1;
    assert_in_range(seen_count(seen, "progress"), 1 + PROGRESS_EVENTS_MAX, 1 + seconds * PROGRESS_EVENTS_MAX);
    rig_finish(id, RB_JOB_STATE_FINISHED, NULL, NULL);
    run_until(rig.front, seen_is_over, seen);
    rig_unwatch(seen);
    assert_non_null(strstr(seen_find(seen, "progress")->data.p, "\"stage\":150,\"title\":\"149\""));
    assert_null(rig_get(id)->log_tail.p); /* none of them is lost by it */
    rig_close();
}

/* ---- its end ---- */

static void it_can_fail(void **state)
{
    (void)state;
    static const struct {
        const char *message, *report, *expected;
    } cases[] = {
        {"no\nelectricity", NULL, "no electricity"},
        {NULL, "{\"error\":\"no water\"}", "no water"},
        {"", "{\"error\":\"no gas\"}", "no gas"},
        {NULL, NULL, NULL},
    };
    struct rb_job_kind *kind = rig_external_kind("survey");
    kind->attempts = 3; /* whoever does it tries it once */
    rig_open();
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        rb_str id = rig_start("survey", "{}");
        assert_int_equal(rig_finish(id, RB_JOB_STATE_FAILED, cases[i].message, cases[i].report)->err, RB_OK);
        const struct rb_job_record *job = rig_get(id);
        assert_int_equal(job->state, RB_JOB_STATE_FAILED);
        assert_str(job->reason, "failed");
        assert_str(job->message, cases[i].expected ? cases[i].expected : rb_reason(RB_JOB_FAILED)->sentence);
        assert_int_equal(job->attempt, 1);
    }
    rig_close();
}

static void what_cannot_be_told(void **state)
{
    (void)state;
    rig_kind("own", "echo '{\"event\":\"ready\"}'; sleep 1000");
    rig_external_kind("survey");
    rig_open();
    rb_str own = rig_start("own", "{}"), open = rig_start("survey", "{}"), held = rig_hold("survey", "{}");
    rb_str over = rig_start("survey", "{}");
    rig_finish(over, RB_JOB_STATE_FINISHED, NULL, NULL);
    rig_until_event(own, "ready");
    const struct {
        rb_str id;
        const char *report;
        rb_err err;
        const char *why;
    } cases[] = {
        {own, half, RB_CONFLICT, "the job is not external"},
        {held, half, RB_CONFLICT, "the job is held"},
        {over, half, RB_CONFLICT, "the job is finished"},
        {RB_STR("000000000000000000000000"), half, RB_NOT_FOUND, NULL},
        {open, "{}", RB_UNPROCESSABLE, NULL},
        {open, "[1]", RB_UNPROCESSABLE, NULL},
        {open, "{\"progress\":", RB_UNPROCESSABLE, NULL},
        {open, "{\"event\":\"finished\"}", RB_UNPROCESSABLE, NULL},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_jobs_call *report = rig_report(cases[i].id, cases[i].report);
        struct rb_jobs_call *finish = rig_finish(cases[i].id, RB_JOB_STATE_FINISHED, NULL, cases[i].report);
        assert_int_equal(report->err, cases[i].err);
        assert_int_equal(finish->err, cases[i].err);
        if (!cases[i].why) continue;
        assert_str(report->why, cases[i].why);
        assert_str(finish->why, cases[i].why);
    }
    assert_int_equal(rig_get(open)->state, RB_JOB_STATE_RUNNING);
    rig_close();
}

static void strangers_tell_nothing(void **state)
{
    (void)state;
    rig_external_kind("survey");
    rig_open();
    rb_str id = rig_start("survey", "{}");
    static const struct {
        const char *tenant, *client;
        bool is_backend;
        rb_err err;
    } cases[] = {{"u", "c", true, RB_NOT_FOUND},
                 {"t", "d", false, RB_NOT_FOUND},
                 {"t", "c", false, RB_OK},
                 {"t", "d", true, RB_OK}};
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_jobs_call *call = rig_call();
        call->what = RB_JOBS_REPORT;
        call->id = id;
        call->tenant = rb_str_of(cases[i].tenant);
        call->client = rb_str_of(cases[i].client);
        call->is_backend = cases[i].is_backend;
        call->report = rb_str_of(half);
        assert_int_equal(rig_ask(call)->err, cases[i].err);
    }
    rig_close();
}

/* Sent without waiting for each other's answers: they come while the start is being stored. */
static void what_comes_early_waits_in_order(void **state)
{
    (void)state;
    rig_external_kind("survey");
    rig_open();
    rb_str id = rig_start("survey", "{}");
    struct rb_jobs_call *calls[4];
    for (int i = 0; i < 4; i++) {
        calls[i] = rig_call();
        calls[i]->what = i < 3 ? RB_JOBS_REPORT : RB_JOBS_FINISH;
        calls[i]->id = id;
        calls[i]->report = rb_arena_fmt(&rig.arena, "{\"info\":\"%d\"}", i);
        calls[i]->state = RB_JOB_STATE_FINISHED;
        rig_send(calls[i]);
    }
    for (int i = 0; i < 4; i++) assert_int_equal(rig_wait(calls[i])->err, RB_OK);
    assert_non_null(strstr(rig_get(id)->report.p, "\"infos\":[\"0\",\"1\",\"2\",\"3\"]"));
    rig_close();
}

static void it_can_be_cancelled(void **state)
{
    (void)state;
    rig_external_kind("survey");
    rig_open();
    rb_str id = rig_start("survey", "{}");
    rig_report(id, half);
    struct rb_jobs_call *call = rig_ask_about(RB_JOBS_CANCEL, id);
    assert_int_equal(call->err, RB_OK);
    assert_int_equal(call->job.state, RB_JOB_STATE_CANCELLED); /* there is nobody to wait for */
    assert_str(call->job.report, half_shape);
    assert_int_equal(rig_finish(id, RB_JOB_STATE_FINISHED, NULL, NULL)->err, RB_CONFLICT);
    rig_close();
}

static void its_time_counts(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_external_kind("survey");
    kind->timeout_ms = 60500;
    rig_open();
    rb_str id = rb_arena_copy(&rig.arena, rig_start("survey", "{}"));
    rig_until_event(id, "running");
    uint64_t started_ms = rig_get(id)->started_ms;
    rb_clock_test_advance_ms(40000);
    assert_int_equal(rig_get(id)->state, RB_JOB_STATE_RUNNING);
    rig_close();
    rig_open(); /* it has run all the time */
    assert_int_equal(rig_report(id, half)->err, RB_OK);
    assert_int_equal(rig_get(id)->started_ms, started_ms);
    rb_clock_test_advance_ms(21000);
    const struct rb_job_record *job = rig_end(id, NULL);
    assert_int_equal(job->state, RB_JOB_STATE_FAILED);
    assert_str(job->reason, "job_timeout");
    assert_str(job->message, "The job ran longer than 60.500 s.");
    rig_close();
}

static void so_many_are_open(void **state)
{
    (void)state;
    rig_external_kind("survey")->queue_max = 2;
    rig_open();
    rb_str id = rig_start("survey", "{}");
    rig_hold("survey", "{}");
    assert_int_equal(rig_ask(rig_start_call("survey", "{}"))->err, RB_QUEUE_FULL);
    rig_finish(id, RB_JOB_STATE_FINISHED, NULL, NULL);
    rig_start("survey", "{}");
    rig_close();
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(it_runs_from_its_start_until_it_is_finished, rig_set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(progress_that_is_awaited_goes_out_at_once, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(floods_of_titles_are_cut, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(it_can_fail, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_told, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(strangers_tell_nothing, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(what_comes_early_waits_in_order, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(it_can_be_cancelled, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(its_time_counts, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(so_many_are_open, rig_set_up, rig_tear_down),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, tests);
}
