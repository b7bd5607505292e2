/* Jobs that are ended: cancelled, out of time, tried again. Minutes pass on the test clock. */
#include "jobs_rig.h"

#include <signal.h>

static rb_str watched_file; /* for conditions */

static bool file_is_there(void)
{
    return rig_read(watched_file.p).n > 0;
}

static rb_str read_when_there(rb_str path)
{
    watched_file = path;
    rig_until(file_is_there);
    return rig_read(path.p);
}

static rb_str in_work_dir(rb_str id, const char *name)
{
    return rb_arena_fmt(&rig.arena, "%s/work/%.*s.1/%s", rig.dir, RB_STR_FMT(id), name);
}

/* ---- cancelling ---- */

static void queued_jobs_are_cancelled_at_once(void **state)
{
    (void)state;
    rig_kind("slow", "echo '{\"event\":\"ready\"}'; sleep 100")->concurrency = 1;
    rig_open();
    rb_str first = rig_start("slow", "{}"), second = rig_start("slow", "{}");
    rig_until_event(first, "ready");
    struct rb_jobs_call *call = rig_ask_about(RB_JOBS_CANCEL, second);
    assert_int_equal(call->err, RB_OK);
    assert_int_equal(call->job.state, RB_JOB_STATE_CANCELLED);
    assert_str(call->job.reason, "cancelled");
    assert_int_equal(call->job.attempt, 0);
    assert_int_equal(rig_end(second, NULL)->state, RB_JOB_STATE_CANCELLED);
    assert_int_equal(rig_get(first)->state, RB_JOB_STATE_RUNNING);
    call = rig_ask_about(RB_JOBS_CANCEL, second); /* it is over */
    assert_int_equal(call->err, RB_CONFLICT);
    assert_str(call->why, "the job is cancelled");
    assert_int_equal(call->job.state, RB_JOB_STATE_CANCELLED);
    rig_close();
}

static void cancelling_ends_the_whole_group(void **state)
{
    (void)state;
    rig_kind("family",
             "sh -c 'echo $$ > child; sleep 1000' & echo $$ > parent; echo '{\"event\":\"ready\"}'; wait");
    rig_open();
    rb_str id = rig_start("family", "{}");
    rig_until_event(id, "ready");
    rb_str child = read_when_there(in_work_dir(id, "child")),
           parent = read_when_there(in_work_dir(id, "parent"));
    assert_true(rig_is_alive(child) && rig_is_alive(parent));
    struct rb_jobs_call *call = rig_ask_about(RB_JOBS_CANCEL, id);
    assert_int_equal(call->err, RB_OK);
    assert_true(call->job.cancel_requested);
    const struct rb_job_record *job = rig_end(id, NULL);
    assert_int_equal(job->state, RB_JOB_STATE_CANCELLED);
    assert_str(job->reason, "cancelled");
    assert_true(job->cancel_requested);
    assert_false(rig_is_alive(child));
    assert_false(rig_is_alive(parent));
    rig_close();
}

static void who_ignores_sigterm_gets_sigkill_after_the_grace(void **state)
{
    (void)state;
    rig_kind(
        "stubborn",
        "trap 'echo \"{\\\"event\\\":\\\"asked\\\"}\"' TERM; echo $$ > pid; echo '{\"event\":\"ready\"}'; "
        "while :; do sleep 0.01; done");
    rig.kinds[0].timeout_ms = 4000; /* over before the grace is: it was cancelled first */
    rig_open();
    rb_str id = rig_start("stubborn", "{}");
    rig_until_event(id, "ready");
    rb_str pid = read_when_there(in_work_dir(id, "pid"));
    assert_int_equal(rig_cancel(id), RB_OK);
    rig_until_event(id, "asked");
    assert_int_equal(rig_cancel(id), RB_OK); /* once more: nothing new */
    assert_int_equal(rig_get(id)->state, RB_JOB_STATE_RUNNING);
    assert_true(rig_is_alive(pid));
    rb_clock_test_advance_ms(5000);
    assert_int_equal(rig_end(id, NULL)->state, RB_JOB_STATE_CANCELLED);
    assert_false(rig_is_alive(pid));
    rig_close();
}

/* ---- what is left behind ---- */

static void the_rest_of_the_group_dies_with_the_worker(void **state)
{
    (void)state;
    rig_kind("leaver", "sh -c 'echo $$ > $RINGBACK_OUT/child; exec sleep 1000' & "
                       "while [ ! -s $RINGBACK_OUT/child ]; do sleep 0.01; done");
    rig_open();
    const struct rb_job_record *job = rig_end(rig_start("leaver", "{}"), NULL);
    assert_int_equal(job->state, RB_JOB_STATE_FINISHED);
    assert_false(rig_is_alive(rig_result(job)));
    rig_close();
}

static void strays_that_hold_the_output_are_not_waited_for(void **state)
{
    (void)state;
    rig_kind("stray", "setsid sh -c 'echo $$ > $RINGBACK_OUT/stray; exec sleep 1000' & "
                      "while [ ! -s $RINGBACK_OUT/stray ]; do sleep 0.01; done; echo said");
    rig_open();
    const struct rb_job_record *job = rig_end(rig_start("stray", "{}"), NULL);
    assert_int_equal(job->state, RB_JOB_STATE_FINISHED);
    assert_str(job->log_tail, "said\n");
    assert_true(job->ended_ms - job->started_ms >= 500);
    rb_str stray = rig_result(job);
    assert_true(rig_is_alive(stray));
    kill(atoi(stray.p), SIGKILL);
    rig_close();
}

/* ---- time ---- */

static void a_job_out_of_time_is_ended(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("slow", "echo '{\"event\":\"ready\"}'; sleep 10000");
    kind->timeout_ms = 1800500;
    rig_open();
    rb_str id = rig_start("slow", "{}");
    rig_until_event(id, "ready");
    rb_clock_test_advance_ms(1790000);
    assert_int_equal(rig_get(id)->state, RB_JOB_STATE_RUNNING);
    rb_clock_test_advance_ms(20000);
    const struct rb_job_record *job = rig_end(id, NULL);
    assert_int_equal(job->state, RB_JOB_STATE_FAILED);
    assert_str(job->reason, "job_timeout");
    assert_str(job->message, "The job ran longer than 1800.500 s.");
    rig_close();
}

static void a_job_that_waits_too_long_expires(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("slow", "echo '{\"event\":\"ready\"}'; sleep 10000");
    kind->concurrency = 1;
    kind->queue_timeout_ms = 600000;
    kind->timeout_ms = 0; /* no limit */
    rig_open();
    rb_str first = rig_start("slow", "{}"), second = rig_start("slow", "{}");
    rig_until_event(first, "ready");
    rb_clock_test_advance_ms(590000);
    assert_int_equal(rig_get(second)->state, RB_JOB_STATE_QUEUED);
    rb_clock_test_advance_ms(20000);
    const struct rb_job_record *job = rig_end(second, NULL);
    assert_int_equal(job->state, RB_JOB_STATE_EXPIRED);
    assert_str(job->reason, "job_expired");
    assert_int_equal(rig_get(first)->state, RB_JOB_STATE_RUNNING);
    rig_close();
}

/* ---- trying again ---- */

static unsigned wanted_queued;

static bool was_queued_often_enough(void *arg)
{
    return seen_count(arg, "queued") >= wanted_queued;
}

static void until_queued_again(rb_str id, unsigned times)
{
    struct seen *seen = rig_watch(id);
    wanted_queued = times + 1;
    run_until(rig.front, was_queued_often_enough, seen);
    rig_unwatch(seen);
}

static void failed_attempts_are_repeated_with_pauses(void **state)
{
    (void)state;
    struct rb_job_kind *kind =
        rig_kind("unsure", "echo run >> $COUNT; [ $(wc -l < $COUNT) -ge 3 ] && exit 0; "
                           "echo \"{\\\"error\\\":\\\"no luck\\\"}\"; exit 1");
    char *environment[] = {(char *)(uintptr_t)rb_arena_fmt(&rig.arena, "COUNT=%s", rig_path("count")).p,
                           NULL};
    kind->environment = environment;
    kind->attempts = 3;
    kind->retry_backoff_ms = 60000;
    kind->concurrency = 1;
    rig_open();
    rb_str id = rig_start("unsure", "{}");
    until_queued_again(id, 1);
    const struct rb_job_record *job = rig_get(id);
    assert_int_equal(job->state, RB_JOB_STATE_QUEUED);
    assert_int_equal(job->attempt, 1);
    assert_str(job->reason, "failed");
    assert_str(job->message, "no luck");
    assert_true(job->not_before_ms > rb_clock_wall_ms() + 30000);
    uint64_t first_not_before_ms = job->not_before_ms;
    rb_clock_test_advance_ms(61000);
    until_queued_again(id, 2);
    job = rig_get(id);
    assert_int_equal(job->attempt, 2);
    assert_true(job->not_before_ms > first_not_before_ms + 120000); /* twice the pause */
    rb_clock_test_advance_ms(61000);
    assert_int_equal(rig_get(id)->state, RB_JOB_STATE_QUEUED);
    rb_clock_test_advance_ms(61000);
    job = rig_end(id, NULL);
    assert_int_equal(job->state, RB_JOB_STATE_FINISHED);
    assert_int_equal(job->attempt, 3);
    assert_null(job->reason.p);
    assert_null(job->report.p); /* of the last attempt, which said nothing */
    rig_close();
}

static void the_last_attempt_decides(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("bad", "exit 9");
    kind->attempts = 3;
    kind->retry_backoff_ms = 0;
    rig_open();
    struct seen *seen;
    const struct rb_job_record *job = rig_end(rig_start("bad", "{}"), &seen);
    assert_int_equal(job->state, RB_JOB_STATE_FAILED);
    assert_int_equal(job->attempt, 3);
    static const char *const names[] = {"queued", "running", "queued", "running",
                                        "queued", "running", "failed"};
    assert_int_equal(seen->count, RB_COUNT(names));
    for (unsigned i = 0; i < seen->count; i++) assert_str(seen->events[i].name, names[i]);
    rig_close();
}

static void a_pause_holds_nobody_up_and_can_be_cancelled(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("some", "[ \"$0\" = good ]");
    char *command[] = {kind->command[0], kind->command[1], kind->command[2], (char *)(uintptr_t) "{how}",
                       NULL};
    kind->command = command;
    kind->command_count = 4;
    kind->attempts = 2;
    kind->retry_backoff_ms = 3600000;
    kind->concurrency = 1;
    rig_open();
    rb_str id = rig_start("some", "{\"how\":\"bad\"}");
    until_queued_again(id, 1);
    assert_int_equal(rig_end(rig_start("some", "{\"how\":\"good\"}"), NULL)->state, RB_JOB_STATE_FINISHED);
    assert_int_equal(rig_cancel(id), RB_OK);
    assert_int_equal(rig_end(id, NULL)->state, RB_JOB_STATE_CANCELLED);
    rig_close();
}

/* ---- expiry ---- */

static rb_str expiring;

static bool is_forgotten(void)
{
    rb_err err = rig_ask_about(RB_JOBS_GET, expiring)->err;
    if (err == RB_NOT_FOUND) return true;
    rb_jobs_call_free(rig.calls[--rig.call_count]);
    rb_clock_test_advance_ms(60000); /* a round may have been under way when the time was over */
    return false;
}

static void results_go_when_their_time_is_over(void **state)
{
    (void)state;
    rig_kind("report", "echo x > $RINGBACK_OUT/x")->result_keep_ms = 3600000;
    rig_open();
    expiring = rig_start("report", "{}");
    const struct rb_job_record *job = rig_end(expiring, NULL);
    rb_clock_test_advance_ms(3000000);
    assert_str(rig_result(rig_get(expiring)), "x\n");
    rb_clock_test_advance_ms(700000);
    while (!is_forgotten()) continue;
    assert_null(rig_read(rb_arena_fmt(&rig.arena, "%s/%s", rig.dir, job->result_file.p).p).p);
    rig_close();
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(queued_jobs_are_cancelled_at_once, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(cancelling_ends_the_whole_group, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(who_ignores_sigterm_gets_sigkill_after_the_grace, rig_set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(the_rest_of_the_group_dies_with_the_worker, rig_set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(strays_that_hold_the_output_are_not_waited_for, rig_set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(a_job_out_of_time_is_ended, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_job_that_waits_too_long_expires, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(failed_attempts_are_repeated_with_pauses, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(the_last_attempt_decides, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_pause_holds_nobody_up_and_can_be_cancelled, rig_set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(results_go_when_their_time_is_over, rig_set_up, rig_tear_down),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, tests);
}
