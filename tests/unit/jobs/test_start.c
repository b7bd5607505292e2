/* Starting, asking, listing: who gets what. */
#include "jobs_rig.h"

#include "store/faulty_disk.h"

static struct rb_jobs_call *with_key(struct rb_jobs_call *call, const char *key, const char *fingerprint)
{
    call->idempotency_key = rb_str_of(key);
    call->idempotency_fingerprint = rb_str_of(fingerprint);
    return call;
}

static struct rb_jobs_call *as(struct rb_jobs_call *call, const char *tenant, const char *client,
                               bool is_backend)
{
    call->tenant = rb_str_of(tenant);
    call->client = rb_str_of(client);
    call->is_backend = is_backend;
    return call;
}

/* ---- starting ---- */

static void what_cannot_be_started_is_refused(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("needs", "true");
    char *command[] = {kind->command[0], kind->command[1], kind->command[2], (char *)(uintptr_t) "{id}",
                       NULL};
    kind->command = command;
    kind->command_count = 4;
    rig_open();
    struct rb_jobs_call *call = rig_ask(rig_start_call("nothing", "{}"));
    assert_int_equal(call->err, RB_NOT_FOUND);
    assert_str(call->why, "there is no kind of jobs named nothing");
    call = rig_ask(rig_start_call("needs", "{}"));
    assert_int_equal(call->err, RB_UNPROCESSABLE);
    assert_str(call->why, "parameter id is missing");
    call = rig_ask(rig_start_call("needs", "{\"id\":\"-x\"}"));
    assert_int_equal(call->err, RB_UNPROCESSABLE);
    assert_int_equal(rig_ask(rig_start_call("needs", "nonsense"))->err, RB_BAD_JSON);
    assert_int_equal(rig_ask(rig_start_call("needs", "{\"id\":1}"))->err, RB_OK);
    assert_ptr_equal(rb_jobs_kind(rig.jobs, RB_STR("needs")), kind);
    assert_null(rb_jobs_kind(rig.jobs, RB_STR("nothing")));
    rig_close();
}

/* Which keeps them together in the store's indexes. */
static void ids_rise_with_time(void **state)
{
    (void)state;
    rig_kind("quick", "true");
    rig_open();
    rb_str last = RB_STR("");
    for (int i = 0; i < 20; i++) {
        rb_str id = rig_start("quick", "{}");
        assert_int_equal(id.n, 24);
        assert_null(memchr(id.p, '-', 7)); /* never like an option */
        assert_true(rb_str_cmp(last, id) < 0);
        assert_memory_not_equal(id.p + 7, last.n ? last.p + 7 : "00000000000000000", 17);
        last = id;
        rb_clock_test_advance_ms(i < 10 ? 1 : 100000007);
    }
    rig_close();
}

static void jobs_of_a_kind_run_in_their_order(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("order", "echo $1 >> $0");
    char *command[] = {kind->command[0],          kind->command[1],
                       kind->command[2],          (char *)(uintptr_t)rig_path("order"),
                       (char *)(uintptr_t) "{n}", NULL};
    kind->command = command;
    kind->command_count = 5;
    kind->concurrency = 1;
    rig_open();
    struct rb_jobs_call *calls[20];
    rb_str expected = RB_STR("");
    for (int i = 0; i < 20; i++) {
        rb_str params = rb_arena_fmt(&rig.arena, "{\"n\":%d}", i);
        calls[i] = rig_send(rig_start_call("order", params.p)); /* without waiting for the one before */
        expected = rb_arena_fmt(&rig.arena, "%.*s%d\n", RB_STR_FMT(expected), i);
    }
    for (int i = 0; i < 20; i++) assert_int_equal(rig_wait(calls[i])->err, RB_OK);
    rig_end(calls[19]->job.id, NULL);
    assert_str(rig_read(rig_path("order")), expected.p);
    rig_close();
}

static void a_full_queue_refuses(void **state)
{
    (void)state;
    struct rb_job_kind *kind = rig_kind("slow", "echo '{\"event\":\"ready\"}'; sleep 1000");
    kind->concurrency = 1;
    kind->queue_max = 2;
    rig_open();
    struct rb_jobs_call *calls[6];
    for (int i = 0; i < 6; i++) /* all at once: those being stored count too */
        calls[i] =
            rig_send(with_key(rig_start_call("slow", "{}"), rb_arena_fmt(&rig.arena, "key %d", i).p, "f"));
    for (int i = 0; i < 6; i++) assert_int_equal(rig_wait(calls[i])->err, i < 3 ? RB_OK : RB_QUEUE_FULL);
    /* Who asks again for what is there gets it all the same. */
    struct rb_jobs_call *again = rig_ask(with_key(rig_start_call("slow", "{}"), "key 2", "f"));
    assert_int_equal(again->err, RB_OK);
    assert_true(again->was_there);
    assert_true(rb_str_eq(again->job.id, calls[2]->job.id));
    assert_int_equal(rig_ask(with_key(rig_start_call("slow", "{}"), "key 2", "g"))->err,
                     RB_IDEMPOTENCY_MISMATCH);
    rig_until_event(calls[0]->job.id, "ready");
    assert_int_equal(rig_cancel(calls[1]->job.id), RB_OK);
    assert_int_equal(rig_ask(rig_start_call("slow", "{}"))->err, RB_OK);
    assert_int_equal(rig_ask(rig_start_call("slow", "{}"))->err, RB_QUEUE_FULL);
    rig_close();
}

static void a_tenant_has_so_many_jobs(void **state)
{
    (void)state;
    rig_kind("slow", "sleep 1000");
    rig_kind("other", "sleep 1000");
    rig.tenant_jobs_max = 3;
    rig_open();
    rb_str first = rig_start("slow", "{}");
    for (int i = 0; i < 2; i++) rig_start(i ? "slow" : "other", "{}");
    assert_int_equal(rig_ask(rig_start_call("other", "{}"))->err, RB_QUEUE_FULL);
    assert_int_equal(rig_ask(as(rig_start_call("other", "{}"), "umbrella", "x", false))->err, RB_OK);
    assert_int_equal(rig_cancel(first), RB_OK);
    rig_until_event(first, "cancelled"); /* one that has ended does not count */
    assert_int_equal(rig_ask(rig_start_call("other", "{}"))->err, RB_OK);
    assert_int_equal(rig_ask(rig_start_call("other", "{}"))->err, RB_QUEUE_FULL);
    rig_close();
}

static void a_repeated_request_gets_the_same_job(void **state)
{
    (void)state;
    rig_kind("slow", "echo '{\"event\":\"ready\"}'; sleep 1000");
    rig_kind("other", "true");
    rig_open();
    struct rb_jobs_call *calls[3];
    for (int i = 0; i < 3; i++) calls[i] = rig_send(with_key(rig_start_call("slow", "{}"), "k", "f"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig_wait(calls[i])->err, RB_OK);
        assert_int_equal(calls[i]->was_there, i > 0);
        assert_true(rb_str_eq(calls[i]->job.id, calls[0]->job.id));
    }
    rb_str id = calls[0]->job.id;
    rig_until_event(id, "ready");
    struct seen *seen = rig_watch(id);
    struct rb_jobs_call *late = rig_ask(with_key(rig_start_call("slow", "{}"), "k", "f"));
    assert_true(late->was_there);
    assert_int_equal(late->job.state, RB_JOB_STATE_RUNNING);
    assert_int_equal(rig_cancel(id), RB_OK);
    run_until(rig.front, seen_is_over, seen);
    assert_int_equal(seen_count(seen, "queued"), 1);
    rig_unwatch(seen);
    late = rig_ask(with_key(rig_start_call("slow", "{}"), "k", "f")); /* it is over */
    assert_int_equal(late->err, RB_OK);
    assert_true(late->was_there);
    assert_int_equal(late->job.state, RB_JOB_STATE_CANCELLED);
    assert_int_equal(rig_ask(with_key(rig_start_call("slow", "{}"), "k", "g"))->err, RB_IDEMPOTENCY_MISMATCH);
    assert_false(rig_ask(with_key(rig_start_call("other", "{}"), "k", "f"))->was_there);
    assert_false(rig_ask(with_key(as(rig_start_call("slow", "{}"), "t", "d", false), "k", "f"))->was_there);
    rig_close();
}

/* ---- asking ---- */

static rb_err get_as(int what, rb_str id, const char *tenant, const char *client, bool is_backend)
{
    struct rb_jobs_call *call = as(rig_call(), tenant, client, is_backend);
    call->what = what;
    call->id = id;
    return rig_ask(call)->err;
}

static void others_do_not_see_it(void **state)
{
    (void)state;
    rig_kind("slow", "echo '{\"event\":\"ready\"}'; sleep 1000");
    rig_kind("quick", "true");
    rig_open();
    rb_str open = rig_start("slow", "{}"), over = rig_start("quick", "{}");
    rig_until_event(open, "ready");
    rig_end(over, NULL);
    const struct {
        const char *tenant, *client;
        bool is_backend;
        rb_err err;
    } cases[] = {
        {"t", "c", false, RB_OK},        {"t", "c", true, RB_OK},         {"t", "d", true, RB_OK},
        {"t", "d", false, RB_NOT_FOUND}, {"u", "c", false, RB_NOT_FOUND}, {"u", "c", true, RB_NOT_FOUND},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        assert_int_equal(get_as(RB_JOBS_GET, open, cases[i].tenant, cases[i].client, cases[i].is_backend),
                         cases[i].err);
        assert_int_equal(get_as(RB_JOBS_GET, over, cases[i].tenant, cases[i].client, cases[i].is_backend),
                         cases[i].err);
    }
    assert_int_equal(get_as(RB_JOBS_GET, RB_STR("nothing"), "t", "c", true), RB_NOT_FOUND);
    assert_int_equal(get_as(RB_JOBS_CANCEL, RB_STR("nothing"), "t", "c", true), RB_NOT_FOUND);
    assert_int_equal(get_as(RB_JOBS_CANCEL, open, "t", "d", false), RB_NOT_FOUND);
    assert_int_equal(get_as(RB_JOBS_CANCEL, over, "t", "d", false), RB_NOT_FOUND);
    assert_int_equal(get_as(RB_JOBS_CANCEL, over, "t", "c", false), RB_CONFLICT);
    assert_int_equal(rig_get(open)->state, RB_JOB_STATE_RUNNING);
    rig_close();
}

static void jobs_are_found_by_number(void **state)
{
    (void)state;
    rig_kind("slow", "echo '{\"event\":\"ready\"}'; sleep 1000");
    rig_kind("quick", "true");
    rig_open();
    const rb_str ids[] = {rig_start("slow", "{}"), rig_start("quick", "{}")};
    rig_end(ids[1], NULL);
    for (int i = 0; i < 2; i++) {
        struct rb_jobs_call *call = rig_call();
        call->what = RB_JOBS_GET;
        call->number = rig_get(ids[i])->number;
        assert_int_equal(rig_ask(call)->err, RB_OK);
        assert_true(rb_str_eq(call->job.id, ids[i]));
    }
    struct rb_jobs_call *call = rig_call();
    call->what = RB_JOBS_GET;
    call->number = 12345;
    assert_int_equal(rig_ask(call)->err, RB_NOT_FOUND);
    rig_close();
}

static void lists_show_what_the_asker_may_see(void **state)
{
    (void)state;
    rig_kind("a", "true");
    rig_kind("b", "true");
    rig_open();
    static const struct {
        const char *kind, *tenant, *client;
    } made[] = {{"a", "t", "c"}, {"b", "t", "c"}, {"a", "t", "d"}, {"a", "u", "c"}};
    for (size_t i = 0; i < RB_COUNT(made); i++)
        assert_int_equal(
            rig_ask(as(rig_start_call(made[i].kind, "{}"), made[i].tenant, made[i].client, false))->err,
            RB_OK);
    static const struct {
        const char *tenant, *client;
        bool is_backend;
        const char *kind;
        uint32_t count;
    } cases[] = {
        {"t", "c", true, NULL, 3},  {"t", "c", false, NULL, 2}, {"t", "c", false, "a", 1},
        {"t", "x", false, NULL, 0}, {"u", "x", true, NULL, 1},  {"t", "x", true, "a", 2},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_jobs_call *call = as(rig_call(), cases[i].tenant, cases[i].client, cases[i].is_backend);
        call->what = RB_JOBS_LIST;
        call->query = (struct rb_job_query){
            .tenant = RB_STR("u"), .kind = rb_str_of(cases[i].kind), .state = -1, .limit = 50};
        assert_int_equal(rig_ask(call)->err, RB_OK);
        assert_int_equal(call->list_count, cases[i].count);
    }
    rig_close();
}

/* ---- a disk that is full ---- */

static void nothing_is_accepted_that_is_not_stored(void **state)
{
    (void)state;
    rig_kind("quick", "true");
    rig_open();
    atomic_store(&disk_write_code, SQLITE_FULL);
    assert_int_equal(rig_ask(rig_start_call("quick", "{}"))->err, RB_DISK_FULL);
    atomic_store(&disk_write_code, SQLITE_OK);
    rb_str id = rig_start("quick", "{}");
    assert_int_equal(rig_end(id, NULL)->number, 1);
    rig_close();
}

static bool go_file_was_seen(void)
{
    return rig_read(rig_path("went")).n > 0;
}

static void an_outcome_waits_for_the_disk(void **state)
{
    (void)state;
    struct rb_job_kind *kind =
        rig_kind("slow", "echo '{\"event\":\"ready\"}'; while [ ! -e $0/go ]; do sleep 0.01; done; "
                         "echo x > $RINGBACK_OUT/x; echo went > $0/went");
    char *command[] = {kind->command[0], kind->command[1], kind->command[2], rig.dir, NULL};
    kind->command = command;
    kind->command_count = 4;
    kind->concurrency = 1;
    rig_open();
    rb_str first = rig_start("slow", "{}"), second = rig_start("slow", "{}");
    rig_until_event(first, "ready");
    atomic_store(&disk_write_code, SQLITE_FULL);
    fclose(fopen(rig_path("go"), "w"));
    rig_until(go_file_was_seen);
    struct rb_jobs_call *call = rig_ask_about(RB_JOBS_CANCEL, first);
    assert_true(call->err == RB_DISK_FULL || call->err == RB_STORE_FAILED);
    rb_clock_test_advance_ms(10000);
    assert_int_equal(rig_get(first)->state, RB_JOB_STATE_RUNNING); /* as it is stored */
    assert_int_equal(rig_get(second)->state, RB_JOB_STATE_QUEUED); /* the slot is taken */
    struct seen *seen = rig_watch(first);
    atomic_store(&disk_write_code, SQLITE_OK);
    rb_clock_test_advance_ms(1000);
    run_until(rig.front, seen_is_over, seen);
    rig_unwatch(seen);
    assert_int_equal(seen_count(seen, "finished") + seen_count(seen, "cancelled"), 1);
    rig_end(second, NULL);
    rig_close();
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(what_cannot_be_started_is_refused, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(ids_rise_with_time, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(jobs_of_a_kind_run_in_their_order, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_full_queue_refuses, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_tenant_has_so_many_jobs, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_repeated_request_gets_the_same_job, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(others_do_not_see_it, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(jobs_are_found_by_number, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(lists_show_what_the_asker_may_see, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_accepted_that_is_not_stored, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(an_outcome_waits_for_the_disk, rig_set_up, rig_tear_down),
    };
    return cmocka_run_group_tests(all, install_faulty_disk, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, tests);
}
