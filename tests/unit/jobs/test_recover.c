/* Stopping, dying, and going on. The server that dies is a process of its own, this program called with
 * "serve DIR", and is killed. */
#include "jobs_rig.h"

#include <signal.h>
#include <sys/wait.h>

/* Both servers have these; the one that dies has "gone" too. All say their ready and wait, but `quick` and
 * `survey`, whose work is done elsewhere. */
static void add_kinds(void)
{
#define SCRIPT                                                                                               \
    "sh -c 'echo $$ > $RINGBACK_OUT/child; exec sleep 1000' & "                                              \
    "while [ ! -s $RINGBACK_OUT/child ]; do sleep 0.01; done; "                                              \
    "cp $RINGBACK_OUT/child $0/child.$RINGBACK_KIND; echo $$ > $0/worker.$RINGBACK_KIND; "                   \
    "echo '{\"progress\":50}'; echo '{\"event\":\"ready\"}'; wait"
    static const struct {
        const char *name, *script;
    } kinds[] = {{"again", SCRIPT}, {"once", SCRIPT}, {"busy", "trap '' TERM; " SCRIPT}};
    for (size_t i = 0; i < RB_COUNT(kinds); i++) {
        struct rb_job_kind *kind = rig_kind(kinds[i].name, kinds[i].script);
        char **command = rb_arena_array(&rig.arena, char *, 5);
        memcpy(command, kind->command, 3 * sizeof command[0]);
        command[3] = rig.dir;
        kind->command = command;
        kind->command_count = 4;
        kind->concurrency = 1;
        kind->retry = i == 0;
        if (i == 2) kind->kill_grace_ms = 1000000;
    }
    rig_kind("quick", "echo done > $RINGBACK_OUT/done");
    rig_external_kind("survey");
}

/* ---- the server that dies ---- */

enum { IDS = 9 };

/* Writes the ids of its jobs, a line each, when they are as the test wants them. */
static _Noreturn void serve(const char *dir)
{
    snprintf(rig.dir, sizeof rig.dir, "%s", dir);
    add_kinds();
    rig_kind("gone", "echo '{\"event\":\"ready\"}'; sleep 1000");
    rig_open();
    rb_str quick = rig_start("quick", "{}"), again = rig_start("again", "{}"), once = rig_start("once", "{}");
    rb_str waiting = rig_start("once", "{}"), gone = rig_start("gone", "{}"), busy = rig_start("busy", "{}");
    rb_str survey = rig_start("survey", "{}"), held = rig_hold("quick", "{}");
    rb_str cancelled = rig_start("survey", "{}");
    assert_int_equal(rig_report(survey, "{\"progress\":50,\"title\":\"Half\"}")->err, RB_OK);
    assert_int_equal(rig_cancel(cancelled), RB_OK);
    rig_end(quick, NULL);
    rig_until_event(again, "ready");
    rig_until_event(once, "ready");
    rig_until_event(gone, "ready");
    rig_until_event(busy, "ready");
    assert_int_equal(rig_cancel(busy), RB_OK); /* it is asked to end, and does not */
    const rb_str ids[IDS] = {quick, again, once, waiting, gone, busy, survey, held, cancelled};
    for (size_t i = 0; i < RB_COUNT(ids); i++) printf("%.*s\n", RB_STR_FMT(ids[i]));
    fflush(stdout);
    for (;;) pause();
}

static void die_with_jobs(rb_str ids[IDS])
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipes[1], 1);
        execl("/proc/self/exe", "test", "serve", rig.dir, (char *)NULL);
        _exit(1);
    }
    close(pipes[1]);
    FILE *lines = fdopen(pipes[0], "r");
    for (int i = 0; i < IDS; i++) {
        char line[100];
        if (!fgets(line, sizeof line, lines)) fail_msg("the server did not get far");
        ids[i] = rb_arena_copy(&rig.arena, rb_str_sub(rb_str_of(line), 0, strlen(line) - 1));
    }
    fclose(lines);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static const char *died_with_it;

static bool worker_is_gone(void)
{
    return !rig_is_alive(rig_read(died_with_it));
}

static void a_killed_server_loses_nothing(void **state)
{
    (void)state;
    rb_str ids[IDS];
    die_with_jobs(ids);
    const rb_str quick = ids[0], again = ids[1], once = ids[2], waiting = ids[3], gone = ids[4],
                 busy = ids[5], survey = ids[6], held = ids[7], cancelled = ids[8];
    rb_str children[3] = {rig_read(rig_path("child.again")), rig_read(rig_path("child.once")),
                          rig_read(rig_path("child.busy"))};
    died_with_it = rig_path("worker.again");
    rig.front = rb_loop_new("front");
    rig_until(worker_is_gone); /* without anybody's doing, and without its child */
    rb_loop_free(rig.front);
    for (int i = 0; i < 3; i++) assert_true(rig_is_alive(children[i]));
    mkdir(rig_path("results/zz"), 0700); /* as if it had died between result and record */
    fclose(fopen(rig_path("results/zz/zzz.1"), "w"));
    add_kinds();
    rig_open();
    for (int i = 0; i < 3; i++) assert_false(rig_is_alive(children[i])); /* what the workers had started */
    assert_null(rig_read(rig_path("results/zz/zzz.1")).p);

    assert_str(rig_result(rig_get(quick)), "done\n");
    struct seen *seen;
    const struct rb_job_record *job = rig_end(once, &seen);
    assert_int_equal(job->state, RB_JOB_STATE_FAILED);
    assert_str(job->reason, "interrupted");
    assert_str(job->message, "The server stopped while the job ran.");
    assert_int_equal(seen_count(seen, "failed"), 1);
    job = rig_end(gone, NULL);
    assert_int_equal(job->state, RB_JOB_STATE_FAILED);
    assert_str(job->reason, "spawn_failed");
    assert_str(job->message, "The kind gone is no longer configured.");
    assert_int_equal(rig_end(busy, NULL)->state, RB_JOB_STATE_CANCELLED);

    job = rig_get(survey);
    assert_int_equal(job->state, RB_JOB_STATE_RUNNING);
    assert_int_equal(job->attempt, 1);
    assert_int_equal(rig_report(survey, "{\"progress\":70}")->err, RB_OK);
    assert_int_equal(rig_finish(survey, RB_JOB_STATE_FINISHED, NULL, NULL)->err, RB_OK);
    job = rig_end(survey, &seen);
    assert_int_equal(job->state, RB_JOB_STATE_FINISHED);
    assert_true(rb_str_starts(job->report, RB_STR("{\"progress\":70,")));
    assert_int_equal(seen_count(seen, "running"), 1);
    assert_int_equal(rig_get(cancelled)->state, RB_JOB_STATE_CANCELLED);
    assert_int_equal(rig_get(held)->state, RB_JOB_STATE_QUEUED);
    assert_int_equal(rig_release(held, NULL)->err, RB_OK);
    assert_str(rig_result(rig_end(held, NULL)), "done\n");

    rig_until_event(again, "ready");
    job = rig_get(again);
    assert_int_equal(job->state, RB_JOB_STATE_RUNNING);
    assert_int_equal(job->attempt, 2);
    rig_until_event(waiting, "ready");
    assert_int_equal(rig_get(waiting)->attempt, 1);
    seen = rig_watch(again);
    run_until(rig.front, seen_has_wanted, (seen->wanted = "running", seen));
    assert_int_equal(seen_count(seen, "queued"), 2);
    rig_unwatch(seen);
    rig_close();
}

static void a_server_that_stops_ends_its_workers(void **state)
{
    (void)state;
    add_kinds();
    rig_open();
    rb_str again = rb_arena_copy(&rig.arena, rig_start("again", "{}"));
    rb_str once = rb_arena_copy(&rig.arena, rig_start("once", "{}"));
    rb_str waiting = rb_arena_copy(&rig.arena, rig_start("once", "{}"));
    rig_until_event(again, "ready");
    rig_until_event(once, "ready");
    rb_str child = rig_read(rig_path("child.again"));
    assert_true(rig_is_alive(child));
    rig_close();
    assert_false(rig_is_alive(child));
    remove(rig_path("child.again"));

    rig.kind_count = 0;
    add_kinds();
    rig_open();
    const struct rb_job_record *job = rig_end(once, NULL);
    assert_int_equal(job->state, RB_JOB_STATE_FAILED);
    assert_str(job->reason, "interrupted");
    assert_non_null(strstr(job->report.p, "\"progress\":50"));
    rig_until_event(waiting, "ready");
    rig_until_event(again, "ready");
    assert_int_equal(rig_get(again)->attempt, 2);
    rig_close();
}

static void a_stopping_server_starts_nothing(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("stubborn", "trap '' TERM; echo '{\"event\":\"ready\"}'; "
                                                    "while [ ! -e $0/go ]; do sleep 0.01; done");
    char *command[] = {kind->command[0], kind->command[1], kind->command[2], rig.dir, NULL};
    kind->command = command;
    kind->command_count = 4;
    kind->kill_grace_ms = 1000000;
    rig_open();
    rig_until_event(rig_start("stubborn", "{}"), "ready");
    rig_begin_stop();
    assert_int_equal(rig_ask(rig_start_call("stubborn", "{}"))->err, RB_SHUTTING_DOWN);
    fclose(fopen(rig_path("go"), "w"));
    rig_end_stop();
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(a_killed_server_loses_nothing, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_stops_ends_its_workers, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_stopping_server_starts_nothing, rig_set_up, rig_tear_down),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "serve") == 0) serve(argv[2]);
    return rig_main(argc, argv, tests);
}
