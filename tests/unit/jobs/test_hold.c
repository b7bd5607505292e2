/* Jobs that are held until their release, and the inputs that come with calls. */
#include "jobs_rig.h"

#include <fcntl.h>

/* Copies parameters and input to its results. */
static struct rb_job_kind *copying_kind(void)
{
    struct rb_job_kind *kind = rig_kind("copy", "cat > $RINGBACK_OUT/copy; "
                                                "[ -z \"$RINGBACK_INPUT\" ] || cat \"$RINGBACK_INPUT\" >> "
                                                "$RINGBACK_OUT/copy; echo \"$0\" >> $RINGBACK_OUT/copy");
    char **command = rb_arena_array(&rig.arena, char *, 5);
    memcpy(command, kind->command, 3 * sizeof command[0]);
    command[3] = (char *)(uintptr_t) "{name}";
    kind->command = command;
    kind->command_count = 4;
    return kind;
}

/* A file as a door leaves it. */
static rb_str spool(const char *name, const char *text)
{
    mkdir(rig_path("spool"), 0700);
    rb_str path = rb_str_of(rig_path(rb_arena_fmt(&rig.arena, "spool/%s", name).p));
    FILE *file = fopen(path.p, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static rb_str input_path(rb_str id)
{
    return rb_str_of(rig_path(rb_arena_fmt(&rig.arena, "inputs/%.2s/%.*s", id.p, RB_STR_FMT(id)).p));
}

static const char *gone_path;

static bool is_gone(void)
{
    return access(gone_path, F_OK) != 0;
}

/* What is removed is removed on the pool. */
static void assert_gone(rb_str path)
{
    gone_path = path.p;
    rig_until(is_gone);
}

static struct rb_jobs_call *release_with(rb_str id, const char *params, rb_str input)
{
    struct rb_jobs_call *call = rig_call();
    call->what = RB_JOBS_RELEASE;
    call->id = id;
    call->params = rb_str_of(params);
    call->input = input;
    return rig_ask(call);
}

/* ---- holding ---- */

static void it_waits_for_its_release(void **state)
{
    (void)state;
    copying_kind()->concurrency = 1;
    rig_open();
    rb_str id = rig_hold("copy", NULL);
    rig_end(rig_start("copy", "{\"name\":\"passes\"}"), NULL); /* it holds nobody up */
    assert_int_equal(rig_get(id)->state, RB_JOB_STATE_QUEUED);
    struct rb_jobs_call *call = rig_release(id, "{}");
    assert_int_equal(call->err, RB_UNPROCESSABLE);
    assert_str(call->why, "parameter name is missing");
    call = rig_release(id, "{\"name\":\"n\"}");
    assert_int_equal(call->err, RB_OK);
    assert_str(call->job.params, "{\"name\":\"n\"}");
    struct seen *seen;
    const struct rb_job_record *job = rig_end(id, &seen);
    assert_int_equal(job->state, RB_JOB_STATE_FINISHED);
    assert_str(rig_result(job), "{\"name\":\"n\"}\nn\n");
    assert_str(job->params, "{\"name\":\"n\"}");
    assert_int_equal(seen_count(seen, "queued"), 1);
    assert_int_equal(rig_release(id, "{\"name\":\"n\"}")->err, RB_CONFLICT);
    rig_close();
}

static void without_parameters_it_keeps_its_own(void **state)
{
    (void)state;
    copying_kind();
    rig_open();
    rb_str id = rig_hold("copy", "{\"name\":\"own\"}");
    assert_int_equal(rig_release(id, NULL)->err, RB_OK);
    assert_str(rig_result(rig_end(id, NULL)), "{\"name\":\"own\"}\nown\n");
    rig_close();
}

static void what_is_not_held_is_not_released(void **state)
{
    (void)state;
    rig_kind("slow", "echo '{\"event\":\"ready\"}'; sleep 1000")->concurrency = 1;
    rig_external_kind("survey");
    rig_open();
    rb_str running = rig_start("slow", "{}"), waiting = rig_start("slow", "{}");
    rb_str elsewhere = rig_start("survey", "{}");
    rig_until_event(running, "ready");
    const rb_str ids[] = {running, waiting, elsewhere};
    for (size_t i = 0; i < RB_COUNT(ids); i++) {
        struct rb_jobs_call *call = rig_release(ids[i], "{}");
        assert_int_equal(call->err, RB_CONFLICT);
        assert_str(call->why, "the job is not held");
    }
    assert_int_equal(rig_release(RB_STR("000000000000000000000000"), "{}")->err, RB_NOT_FOUND);
    rig_close();
}

static void it_expires_and_can_be_cancelled(void **state)
{
    (void)state;
    copying_kind()->queue_timeout_ms = 60000;
    rig_open();
    rb_str cancelled = rig_hold("copy", NULL), expired = rig_hold("copy", NULL);
    assert_int_equal(rig_cancel(cancelled), RB_OK);
    assert_int_equal(rig_get(cancelled)->state, RB_JOB_STATE_CANCELLED);
    rb_clock_test_advance_ms(61000);
    assert_int_equal(rig_end(expired, NULL)->state, RB_JOB_STATE_EXPIRED);
    assert_int_equal(rig_release(expired, "{\"name\":\"n\"}")->err, RB_CONFLICT);
    rig_close();
}

/* Its time in the queue begins with its release. */
static void it_waits_anew_once_released(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("slow", "echo '{\"event\":\"ready\"}'; sleep 1000");
    kind->concurrency = 1;
    kind->queue_timeout_ms = 60000;
    rig_open();
    rb_str running = rig_start("slow", "{}"), id = rig_hold("slow", NULL);
    rig_until_event(running, "ready");
    rb_clock_test_advance_ms(40000);
    assert_int_equal(rig_release(id, "{}")->err, RB_OK);
    rb_clock_test_advance_ms(40000);
    rig_cancel(running);
    rig_until_event(id, "running");
    rig_close();
}

static void it_is_held_across_restarts(void **state)
{
    (void)state;
    copying_kind();
    rig_external_kind("survey");
    rig_open();
    rb_str id = rb_arena_copy(&rig.arena, rig_hold("copy", NULL));
    rb_str elsewhere = rb_arena_copy(&rig.arena, rig_hold("survey", NULL));
    rig_close();
    rig_open();
    assert_int_equal(rig_get(id)->state, RB_JOB_STATE_QUEUED);
    assert_int_equal(rig_release(id, "{\"name\":\"late\"}")->err, RB_OK);
    assert_str(rig_result(rig_end(id, NULL)), "{\"name\":\"late\"}\nlate\n");
    assert_int_equal(rig_release(elsewhere, "{\"a\":1}")->err, RB_OK);
    assert_int_equal(rig_finish(elsewhere, RB_JOB_STATE_FINISHED, NULL, NULL)->err, RB_OK);
    assert_str(rig_get(elsewhere)->params, "{\"a\":1}");
    rig_close();
}

/* ---- inputs ---- */

static void a_worker_reads_its_input(void **state)
{
    (void)state;
    copying_kind()->result_keep_ms = 1000;
    rig_open();
    struct rb_jobs_call *call = rig_start_call("copy", "{\"name\":\"n\"}");
    rb_str path = call->input = spool("one", "the input\n");
    assert_int_equal(rig_ask(call)->err, RB_OK);
    rb_str id = call->job.id;
    assert_int_equal(access(path.p, F_OK), -1);
    struct stat stat_of;
    assert_int_equal(stat(input_path(id).p, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0400);
    assert_str(rig_result(rig_end(id, NULL)), "{\"name\":\"n\"}\nthe input\nn\n");

    rb_str held = rig_hold("copy", NULL);
    assert_int_equal(release_with(held, "{\"name\":\"h\"}", spool("two", "another\n"))->err, RB_OK);
    assert_str(rig_result(rig_end(held, NULL)), "{\"name\":\"h\"}\nanother\nh\n");
    rb_clock_test_advance_ms(70000); /* it goes with its job */
    assert_gone(input_path(id));
    assert_gone(input_path(held));
    rig_close();
}

static void an_input_survives_a_restart_with_its_job(void **state)
{
    (void)state;
    copying_kind();
    rig_open();
    struct rb_jobs_call *call = rig_start_call("copy", NULL);
    call->is_held = true;
    call->input = spool("one", "kept\n");
    rb_str id = rb_arena_copy(&rig.arena, rig_ask(call)->job.id);
    rb_str stray = input_path(RB_STR("zzzzzz")), kept = input_path(id);
    rig_close();
    mkdir(rig_path("inputs/zz"), 0700);
    fclose(fopen(stray.p, "w"));
    rig_open();
    assert_int_equal(access(stray.p, F_OK), -1);
    assert_int_equal(access(kept.p, F_OK), 0);
    assert_int_equal(rig_release(id, "{\"name\":\"n\"}")->err, RB_OK);
    assert_str(rig_result(rig_end(id, NULL)), "{\"name\":\"n\"}\nkept\nn\n");
    rig_close();
}

static void an_input_goes_when_its_call_fails(void **state)
{
    (void)state;
    copying_kind()->queue_max = 1;
    rig.tenant_jobs_max = 3;
    rig_open();
    rb_str held = rig_hold("copy", NULL);
    const struct {
        int what;
        const char *kind, *params;
        rb_err err;
    } cases[] = {
        {RB_JOBS_START, "none", "{}", RB_NOT_FOUND},
        {RB_JOBS_START, "copy", "{}", RB_UNPROCESSABLE},
        {RB_JOBS_RELEASE, NULL, "{}", RB_UNPROCESSABLE},
        {RB_JOBS_RELEASE, NULL, "{", RB_BAD_JSON},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_jobs_call *call = rig_call();
        call->what = (__typeof__(call->what))cases[i].what;
        call->id = held;
        call->kind = rb_str_of(cases[i].kind);
        call->params = rb_str_of(cases[i].params);
        rb_str path = call->input = spool("refused", "x");
        assert_int_equal(rig_ask(call)->err, cases[i].err);
        assert_gone(path);
    }
    assert_gone(input_path(held));
    struct rb_jobs_call *call = rig_start_call("copy", "{\"name\":\"n\"}");
    call->input = rb_str_of(rig_path("spool/never-was"));
    assert_int_equal(rig_ask(call)->err, RB_STORE_FAILED);
    rig_close();
    rig.tenant_jobs_max = 0;
}

static void a_repeated_start_needs_no_second_input(void **state)
{
    (void)state;
    copying_kind();
    rig_open();
    rb_str id = RB_STR_NONE;
    for (int i = 0; i < 2; i++) {
        struct rb_jobs_call *call = rig_start_call("copy", "{\"name\":\"n\"}");
        call->idempotency_key = RB_STR("key");
        call->idempotency_fingerprint = RB_STR("print");
        rb_str path = call->input = spool("same", "x\n");
        assert_int_equal(rig_ask(call)->err, RB_OK);
        assert_int_equal(call->was_there, i == 1);
        assert_gone(path);
        if (i == 0) id = rig_end(call->job.id, NULL)->id;
        assert_true(rb_str_eq(call->job.id, id));
    }
    rig_close();
    /* The second one's place was another's, and is free again. */
    unsigned count = 0;
    FILE *list = popen(rb_arena_fmt(&rig.arena, "find %s/inputs -type f | wc -l", rig.dir).p, "r");
    assert_int_equal(fscanf(list, "%u", &count), 1);
    pclose(list);
    assert_int_equal(count, 1);
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(it_waits_for_its_release, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(without_parameters_it_keeps_its_own, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_held_is_not_released, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(it_expires_and_can_be_cancelled, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(it_waits_anew_once_released, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(it_is_held_across_restarts, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_worker_reads_its_input, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(an_input_survives_a_restart_with_its_job, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(an_input_goes_when_its_call_fails, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_repeated_start_needs_no_second_input, rig_set_up, rig_tear_down),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, tests);
}
