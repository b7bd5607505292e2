/* Jobs that run to their own end: results, messages, limits, floods. */
#include "jobs_rig.h"

#include <signal.h>
#include <sys/resource.h>

static void a_job_runs_and_leaves_a_result(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("report", "cat > in.json\n"
                                                  "echo '{\"progress\":10,\"title\":\"Half\"}'\n"
                                                  "echo plain text\n"
                                                  "echo '{\"info\":\"note\"}'\n"
                                                  "echo '{\"warning\":\"hm\"}'\n"
                                                  "echo '{\"event\":\"part\",\"data\":{\"n\": 1}}'\n"
                                                  "cp in.json \"$RINGBACK_OUT/data.json\"\n"
                                                  "echo '{\"progress\":100}'\n");
    (void)kind;
    rig_open();
    rb_str id = rig_start("report", "{\"a\": [1, 2]}");
    assert_int_equal(id.n, 24);
    struct seen *seen;
    const struct rb_job_record *job = rig_end(id, &seen);
    assert_int_equal(job->state, RB_JOB_STATE_FINISHED);
    assert_int_equal(job->attempt, 1);
    assert_true(job->number > 0);
    assert_true(job->created_ms <= job->started_ms && job->started_ms <= job->ended_ms);
    assert_int_equal(job->expires_ms, job->ended_ms + kind->result_keep_ms);
    assert_null(job->reason.p);
    assert_null(job->message.p);
    assert_str(job->result_name, "data.json");
    assert_str(job->result_type, "application/json");
    assert_int_equal(job->result_bytes, strlen("{\"a\": [1, 2]}\n"));
    assert_str(rig_result(job), "{\"a\": [1, 2]}\n");
    assert_str(job->log_tail, "plain text\n");
    assert_str(job->report, "{\"progress\":100,\"stage\":1,\"title\":\"Half\",\"warnings\":[\"hm\"],"
                            "\"infos\":[\"note\"],\"errors\":[]}");

    assert_str(seen->events[0].name, "queued");
    assert_str(seen->events[1].name, "running");
    assert_str(seen_find(seen, "info")->data, "{\"message\":\"note\"}");
    assert_str(seen_find(seen, "warning")->data, "{\"message\":\"hm\"}");
    assert_str(seen_find(seen, "part")->data, "{\"n\": 1}");
    assert_str(seen_find(seen, "progress")->data, job->report.p);
    rb_str expected =
        rb_arena_fmt(&rig.arena,
                     "{\"id\":\"%.*s\",\"kind\":\"report\",\"state\":\"finished\",\"number\":%llu,"
                     "\"attempt\":1,\"reason\":null,\"message\":null,\"result\":{\"name\":"
                     "\"data.json\",\"type\":\"application/json\",\"bytes\":14},\"report\":%.*s}",
                     RB_STR_FMT(id), (unsigned long long)job->number, RB_STR_FMT(job->report));
    assert_str(seen_find(seen, "finished")->data, expected.p);
    rig_close();
    assert_null(rig_read(rig_path(rb_arena_fmt(&rig.arena, "work/%.*s.1/in.json", RB_STR_FMT(id)).p)).p);
}

static void the_environment_is_ours_alone(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("env", "env | sort > $RINGBACK_OUT/env; pwd >> $RINGBACK_OUT/env");
    char *environment[] = {(char *)(uintptr_t) "LANG=de_DE.UTF-8", (char *)(uintptr_t) "MINE=1",
                           (char *)(uintptr_t) "RINGBACK_JOB=forged", NULL};
    kind->environment = environment;
    setenv("SECRET", "of the server", 1);
    setenv("PATH", "/usr/bin:/bin", 1);
    rig_open();
    rb_str id = rig_start("env", "{}");
    rb_str text = rig_result(rig_end(id, NULL));
    rb_str work = rb_arena_fmt(&rig.arena, "%s/work/%.*s.1", rig.dir, RB_STR_FMT(id));
    rb_str expected = rb_arena_fmt(&rig.arena,
                                   "HOME=%s\nLANG=de_DE.UTF-8\nMINE=1\nPATH=/usr/bin:/bin\nPWD=%s\n"
                                   "RINGBACK_JOB=%.*s\nRINGBACK_KIND=env\nRINGBACK_OUT=%s/out\n"
                                   "RINGBACK_TENANT=t\n%s\n",
                                   work.p, work.p, RB_STR_FMT(id), work.p, work.p);
    assert_str(text, expected.p);
    rig_close();
}

/* ---- the token ---- */

struct check {
    rb_str token;
    bool is_done;
    rb_err err;
    rb_str who; /* "tenant client role job" */
};

static void on_checked(void *arg, rb_err err, const struct rb_identity *identity)
{
    struct check *check = arg;
    check->is_done = true;
    check->err = err;
    if (identity)
        check->who = rb_arena_fmt(&rig.arena, "%.*s %.*s %s %.*s", RB_STR_FMT(identity->tenant),
                                  RB_STR_FMT(identity->client), rb_role_name(identity->role),
                                  RB_STR_FMT(identity->job));
}

static void begin_check(void *arg)
{
    struct check *check = arg;
    rb_auth_check(rig.auth, check->token, on_checked, check);
}

static bool is_checked(void *arg)
{
    return ((struct check *)arg)->is_done;
}

static struct check check_token(rb_str token)
{
    struct check check = {.token = token};
    rig_on_front(begin_check, &check);
    run_until(rig.front, is_checked, &check);
    return check;
}

static void a_worker_has_a_token_while_it_runs(void **state)
{
    (void)state;
    static const struct {
        const char *role, *lent;
    } cases[] = {{NULL, "client"},
                 {"client", "client"},
                 {"backend", "backend"},
                 {"ticket", "client"},
                 {"?", "client"}};
    struct rb_job_kind *kind =
        rig_kind("lent", "echo $RINGBACK_TOKEN > $0/token; echo $RINGBACK_URL >> $0/token; "
                         "echo '{\"event\":\"ready\"}'; sleep 1000");
    char *command[] = {kind->command[0], kind->command[1], kind->command[2], rig.dir, NULL};
    kind->command = command;
    kind->command_count = 4;
    rig.wants_auth = true;
    rig_open();
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_jobs_call *call = rig_start_call("lent", "{}");
        call->role = cases[i].role;
        rb_str id = rig_ask(call)->job.id;
        rig_until_event(id, "ready");
        rb_str said = rig_read(rig_path("token")), token;
        rb_str_split(&said, '\n', &token);
        assert_true(rb_str_starts(token, RB_STR("rbj_")));
        assert_str(said, "http://127.0.0.1:8080\n");
        struct check check = check_token(token);
        assert_int_equal(check.err, RB_OK);
        assert_str(check.who, rb_arena_fmt(&rig.arena, "t c %s %.*s", cases[i].lent, RB_STR_FMT(id)).p);
        rig_cancel(id);
        rig_end(id, NULL);
        assert_int_equal(check_token(token).err, RB_UNAUTHENTICATED);
    }
    rig_close();
    rig.wants_auth = false;
}

static bool has_been_queued_again(void *arg)
{
    return seen_count(arg, "queued") == 2;
}

static void each_attempt_has_its_own(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("lent", "echo $RINGBACK_TOKEN > $0/token; exit 1");
    char *command[] = {kind->command[0], kind->command[1], kind->command[2], rig.dir, NULL};
    kind->command = command;
    kind->command_count = 4;
    kind->attempts = 2;
    kind->retry_backoff_ms = 3600000;
    rig.wants_auth = true;
    rig_open();
    rb_str id = rig_start("lent", "{}"), first, second;
    struct seen *seen = rig_watch(id);
    run_until(rig.front, has_been_queued_again, seen);
    rig_unwatch(seen);
    rb_str said = rig_read(rig_path("token"));
    rb_str_split(&said, '\n', &first);
    assert_int_equal(check_token(first).err, RB_UNAUTHENTICATED);
    rb_clock_test_advance_ms(3600000);
    rig_end(id, NULL);
    said = rig_read(rig_path("token"));
    rb_str_split(&said, '\n', &second);
    assert_false(rb_str_eq(first, second));
    assert_int_equal(check_token(second).err, RB_UNAUTHENTICATED);
    rig_close();
    rig.wants_auth = false;
}

static void parameters_come_as_arguments(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("args", "");
    char *command[] = {(char *)(uintptr_t) "/bin/sh",
                       (char *)(uintptr_t) "-c",
                       (char *)(uintptr_t) "printf '%s|' \"$@\" > $RINGBACK_OUT/args",
                       (char *)(uintptr_t) "sh",
                       (char *)(uintptr_t) "{a}",
                       (char *)(uintptr_t) "x={b}",
                       NULL};
    kind->command = command;
    kind->command_count = 6;
    rig_open();
    rb_str id = rig_start("args", "{\"a\":\"$(id) 'x\",\"b\":\"-1\"}");
    assert_str(rig_result(rig_end(id, NULL)), "$(id) 'x|x=-1|");
    rig_close();
}

static void limits_are_set(void **state)
{
    (void)state;
    struct rb_job_kind *kind =
        rig_kind("limits", "(ulimit -n; ulimit -v; ulimit -c; ulimit -f) > $RINGBACK_OUT/limits");
    kind->open_files_max = 77;
    kind->memory_bytes_max = 512 * 1024 * 1024;
    kind->result_bytes_max = 1024 * 1024 - 1; /* one byte more can be written, to be noticed */
    struct rlimit core = {RLIM_INFINITY, RLIM_INFINITY}, before;
    assert_int_equal(getrlimit(RLIMIT_CORE, &before), 0);
    setrlimit(RLIMIT_CORE, &core); /* where it is allowed */
    rig_open();
    assert_str(rig_result(rig_end(rig_start("limits", "{}"), NULL)), "77\n524288\n0\n2048\n");
    rig_close();
    setrlimit(RLIMIT_CORE, &before);
}

static void failures_have_a_reason_and_a_message(void **state)
{
    (void)state;
    static const struct {
        const char *script, *reason, *message;
    } cases[] = {
        {"printf '%s\\n' '{\"error\":\"no such\\nproject\"}'; echo noise >&2; exit 3", "failed",
         "no such project"},
        {"echo first >&2; echo ' oops\t' >&2; echo >&2; exit 1", "failed", "oops"},
        {"printf 'no end of line' >&2; exit 1", "failed", "no end of line"},
        {"echo out; exit 7", "failed", "exit status 7"},
        {"exit 127", "failed", "exit status 127"},
        {"kill -9 $$", "crashed", "ended by signal 9 (SIGKILL)"},
        {"kill -TERM $$", "crashed", "ended by signal 15 (SIGTERM)"},
        {"kill -XFSZ $$", "output_limit", "The worker wrote more results than its kind allows."},
    };
    struct rb_job_kind *kind = rig_kind("fails", "");
    rig_open();
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        ((char **)(uintptr_t)kind->command)[2] = (char *)(uintptr_t)cases[i].script;
        const struct rb_job_record *job = rig_end(rig_start("fails", "{}"), NULL);
        assert_int_equal(job->state, RB_JOB_STATE_FAILED);
        assert_str(job->reason, cases[i].reason);
        assert_str(job->message, cases[i].message);
        assert_null(job->result_file.p);
    }
    rig_close();
}

static void what_cannot_start_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *program, *message;
    } cases[] = {
        {"/does/not/exist", "cannot start /does/not/exist: No such file or directory"},
        {"does-not-exist-anywhere", "cannot start does-not-exist-anywhere: No such file or directory"},
        {"/etc/passwd", "cannot start /etc/passwd: Permission denied"},
    };
    struct rb_job_kind *kind = rig_kind("missing", "");
    kind->attempts = 3; /* does not help */
    rig_open();
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        ((char **)(uintptr_t)kind->command)[0] = (char *)(uintptr_t)cases[i].program;
        const struct rb_job_record *job = rig_end(rig_start("missing", "{}"), NULL);
        assert_int_equal(job->state, RB_JOB_STATE_FAILED);
        assert_str(job->reason, "spawn_failed");
        assert_str(job->message, cases[i].message);
        assert_int_equal(job->attempt, 1);
    }
    rig_close();
}

static void silence_is_fine(void **state)
{
    (void)state;
    rig_kind("silent", "exec >&- 2>&-; true");
    rig_open();
    struct seen *seen;
    const struct rb_job_record *job = rig_end(rig_start("silent", "{}"), &seen);
    assert_int_equal(job->state, RB_JOB_STATE_FINISHED);
    assert_null(job->report.p);
    assert_null(job->log_tail.p);
    assert_null(job->result_file.p);
    assert_int_equal(seen->count, 3);
    rig_close();
}

static void too_large_results_fail(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "head -c 3000 /dev/zero > $RINGBACK_OUT/one",                        /* stopped by the file limit */
        "for i in 1 2 3; do head -c 600 /dev/zero > $RINGBACK_OUT/$i; done", /* found at the end */
        "for i in 1 2; do head -c 600 /dev/zero > $RINGBACK_OUT/$i; done; exit 1", /* also when it fails */
        "i=0; while :; do i=$((i+1)); head -c 600 /dev/zero > $RINGBACK_OUT/$i; sleep 0.02; done", /* while it
                                                                                                      runs */
    };
    struct rb_job_kind *kind = rig_kind("large", "");
    kind->result_bytes_max = 1000;
    rig_open();
    for (size_t i = 0; i < RB_COUNT(scripts); i++) {
        ((char **)(uintptr_t)kind->command)[2] = (char *)(uintptr_t)scripts[i];
        const struct rb_job_record *job = rig_end(rig_start("large", "{}"), NULL);
        assert_int_equal(job->state, RB_JOB_STATE_FAILED);
        assert_str(job->reason, "output_limit");
        assert_null(job->result_file.p);
    }
    rig_close();
}

static void floods_are_survived(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind(
        "flood",
        "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); echo \"{\\\"progress\\\":$((i % 90))}\"; echo line $i; "
        "done; echo '{\"progress\":99}'");
    kind->log_bytes_max = 1000;
    rig_open();
    struct seen *seen;
    const struct rb_job_record *job = rig_end(rig_start("flood", "{}"), &seen);
    assert_int_equal(job->state, RB_JOB_STATE_FINISHED);
    assert_true(job->log_tail.n <= 1000);
    assert_true(rb_str_ends(job->log_tail, RB_STR("line 49999\nline 50000\n")));
    assert_true(rb_str_starts(job->report, RB_STR("{\"progress\":99,")));
    /* At its pace, and the last one always. */
    uint64_t ran_ms = job->ended_ms - job->started_ms;
    assert_true(seen_count(seen, "progress") <= ran_ms / 200 + 2);
    assert_str(seen_find(seen, "progress")->data, job->report.p);
    rig_close();
}

static void floods_of_events_are_cut(void **state)
{
    (void)state;
    rig_kind("chatter",
             "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo \"{\\\"info\\\":\\\"$i\\\"}\"; done");
    rig_open();
    struct seen *seen;
    const struct rb_job_record *job = rig_end(rig_start("chatter", "{}"), &seen);
    uint64_t ran_ms = job->ended_ms - job->started_ms;
    unsigned infos = seen_count(seen, "info");
    assert_true(infos >= 100 && infos <= (ran_ms / 1000 + 2) * 100);
    rb_str note =
        rb_arena_fmt(&rig.arena, "ringback: %u events were not published: more than 100 a second.\n",
                     20000 - infos);
    assert_str(job->log_tail, note.p);
    assert_non_null(
        strstr(job->report.p, "\"infos\":[\"19981\",")); /* the shape has the last ones all the same */
    rig_close();
}

static void a_running_job_shows_what_it_has_said(void **state)
{
    (void)state;
    rig_kind(
        "slow",
        "echo '{\"progress\":5,\"title\":\"Go\"}'; echo logged; echo '{\"event\":\"ready\"}'; sleep 100");
    rig_open();
    rb_str id = rig_start("slow", "{}");
    rig_until_event(id, "ready");
    const struct rb_job_record *job = rig_get(id);
    assert_int_equal(job->state, RB_JOB_STATE_RUNNING);
    assert_str(job->report,
               "{\"progress\":5,\"stage\":1,\"title\":\"Go\",\"warnings\":[],\"infos\":[],\"errors\":[]}");
    assert_str(job->log_tail, "logged\n");
    rig_close();
}

/* ---- announcements ---- */

static unsigned announce(void *arg, const struct rb_job_record *job, rb_str text, struct rb_arena *arena,
                         struct rb_announcement *out)
{
    assert_ptr_equal(arg, &rig);
    if (rb_str_is(text, "\"none\"")) return 0;
    rb_str data = rb_arena_fmt(arena, "{\"state\":\"%s\",\"said\":%.*s}", rb_job_state_name(job->state),
                               RB_STR_FMT(text));
    out[0] = (struct rb_announcement){RB_STR("t/rooms/12"), {.name = RB_STR("over"), .data = data}};
    out[1] = (struct rb_announcement){RB_STR("t/memory"), {.name = RB_STR("over"), .data = data}};
    return 2;
}

static struct rb_jobs_call *start_announced(const char *kind, const char *text)
{
    struct rb_jobs_call *call = rig_start_call(kind, "{}");
    call->announce = rb_str_of(text);
    rig_ask(call);
    assert_int_equal(call->err, RB_OK);
    return call;
}

static bool has_three_events(void *arg)
{
    struct seen *seen = arg;
    return seen->count == 3;
}

static void ends_are_announced_elsewhere(void **state)
{
    (void)state;
    rig_kind("good", "true");
    rig_kind("bad", "exit 1");
    rig.announcer = (struct rb_announcer){announce, &rig};
    rig_open();
    struct seen *room = rig_watch_topic(RB_STR("t/rooms/12")), *memory = rig_watch_topic(RB_STR("t/memory"));
    rig_end(start_announced("good", "1")->job.id, NULL);
    rig_end(start_announced("good", "\"none\"")->job.id, NULL);
    rig_end(start_announced("bad", "2")->job.id, NULL);
    rig_end(rig_start("good", "{}"), NULL); /* without announce: the door is not asked */
    rig_end(start_announced("good", "3")->job.id, NULL);
    run_until(rig.front, has_three_events, room);
    run_until(rig.front, has_three_events, memory);
    static const char *const expected[] = {"{\"state\":\"finished\",\"said\":1}",
                                           "{\"state\":\"failed\",\"said\":2}",
                                           "{\"state\":\"finished\",\"said\":3}"};
    for (int i = 0; i < 3; i++) {
        assert_str(room->events[i].data, expected[i]);
        assert_str(memory->events[i].data, expected[i]);
    }
    rig_unwatch(room);
    rig_unwatch(memory);
    rig_close();
    /* In the store they are there to stay; what a memory topic says is not kept. */
    rig_open();
    room = rig_watch_topic(RB_STR("t/rooms/12"));
    run_until(rig.front, has_three_events, room);
    rig_unwatch(room);
    memory = rig_watch_topic(RB_STR("t/memory"));
    assert_int_equal(memory->count, 0);
    rig_unwatch(memory);
    rig_close();
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(a_job_runs_and_leaves_a_result, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(the_environment_is_ours_alone, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_worker_has_a_token_while_it_runs, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(each_attempt_has_its_own, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(parameters_come_as_arguments, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(limits_are_set, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(failures_have_a_reason_and_a_message, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_start_says_why, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(silence_is_fine, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(too_large_results_fail, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(floods_are_survived, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(floods_of_events_are_cut, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_running_job_shows_what_it_has_said, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(ends_are_announced_elsewhere, rig_set_up, rig_tear_down),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, tests);
}
