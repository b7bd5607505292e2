/* Jobs: every column there and back, lists, idempotency. */
#include "store_fixture.h"

static struct rb_job_record full_job(void)
{
    struct rb_job_record job = a_job("job-1");
    job.role = RB_STR("backend");
    job.params = RB_STR("{\"a\":1}");
    job.announce = RB_STR("{\"door\":\"x\"}");
    job.idempotency_key = RB_STR("key");
    job.idempotency_fingerprint = RB_STR("print");
    job.state = RB_JOB_STATE_RUNNING;
    job.attempt = 3;
    job.cancel_requested = true;
    job.created_ms = 11;
    job.started_ms = 12;
    job.ended_ms = 13;
    job.not_before_ms = 14;
    job.expires_ms = 15;
    job.reason = RB_STR("job_timeout");
    job.message = RB_STR("too \xc3\xa4 slow");
    job.report = RB_STR("{\"progress\":50}");
    job.result_name = RB_STR("a.zip");
    job.result_type = RB_STR("application/zip");
    job.result_file = RB_STR("results/1/a.zip");
    job.result_bytes = 1234567890123;
    job.log_tail = RB_STR("line\n\0\xff\xfe");
    return job;
}

static void assert_same_str(rb_str a, rb_str b)
{
    assert_int_equal(a.p == NULL, b.p == NULL);
    assert_true(rb_str_eq(a, b));
}

static void assert_same_job(const struct rb_job_record *a, const struct rb_job_record *b)
{
    assert_int_equal(a->number, b->number);
    assert_same_str(a->id, b->id);
    assert_same_str(a->tenant, b->tenant);
    assert_same_str(a->client, b->client);
    assert_same_str(a->kind, b->kind);
    assert_same_str(a->role, b->role);
    assert_same_str(a->params, b->params);
    assert_same_str(a->announce, b->announce);
    assert_same_str(a->idempotency_key, b->idempotency_key);
    assert_same_str(a->idempotency_fingerprint, b->idempotency_fingerprint);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->cancel_requested, b->cancel_requested);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->started_ms, b->started_ms);
    assert_int_equal(a->ended_ms, b->ended_ms);
    assert_int_equal(a->not_before_ms, b->not_before_ms);
    assert_int_equal(a->expires_ms, b->expires_ms);
    assert_same_str(a->reason, b->reason);
    assert_same_str(a->message, b->message);
    assert_same_str(a->report, b->report);
    assert_same_str(a->result_name, b->result_name);
    assert_same_str(a->result_type, b->result_type);
    assert_same_str(a->result_file, b->result_file);
    assert_int_equal(a->result_bytes, b->result_bytes);
    assert_same_str(a->log_tail, b->log_tail);
}

static struct rb_job_record read_job(struct fixture *f, uint64_t number)
{
    struct reading r = {.arena = &f->arena, .number = number};
    assert_int_equal(rb_store_read_wait(f->store, read_job_by_number_fn, &r), RB_OK);
    return r.job;
}

static void test_every_column_comes_back(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record full = full_job(), least = a_job("job-2");
    least.role = RB_STR_NONE;
    full.number = insert_job(f, &full);
    least.number = insert_job(f, &least);
    assert_int_equal(full.number, 1);
    assert_int_equal(least.number, 2);
    reopen_store(f);
    struct rb_job_record found = read_job(f, full.number);
    assert_same_job(&found, &full);
    found = read_job(f, least.number);
    least.role = RB_STR("client");
    assert_same_job(&found, &least);

    struct reading r = {.arena = &f->arena, .text = RB_STR("job-1")};
    assert_int_equal(rb_store_read_wait(f->store, read_job_fn, &r), RB_OK);
    assert_same_job(&r.job, &full);
    r.text = RB_STR("job-3");
    assert_int_equal(rb_store_read_wait(f->store, read_job_fn, &r), RB_NOT_FOUND);
    r.number = 3;
    assert_int_equal(rb_store_read_wait(f->store, read_job_by_number_fn, &r), RB_NOT_FOUND);
}

static void test_parameters_that_come_later(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record full = full_job(), other = a_job("job-2");
    full.number = insert_job(f, &full);
    other.number = insert_job(f, &other);
    struct rb_tx *tx = rb_tx_new();
    rb_tx_job_params(tx, full.number, RB_STR("{\"b\":2}"));
    assert_int_equal(commit(f, tx), RB_OK);
    full.params = RB_STR("{\"b\":2}");
    struct rb_job_record found = read_job(f, full.number);
    assert_same_job(&found, &full);
    assert_str(read_job(f, other.number).params, "{}");
    tx = rb_tx_new();
    rb_tx_job_params(tx, 77, RB_STR("{}"));
    assert_int_equal(commit(f, tx), RB_NOT_FOUND);
}

/* Texts handed in may go at once: the transaction has copies. */
static char lent[200];
static size_t lent_bytes;

static rb_str lend(const char *text)
{
    rb_str s = rb_str_make(lent + lent_bytes, strlen(text));
    assert_true(lent_bytes + s.n <= sizeof lent);
    memcpy(lent + lent_bytes, text, s.n);
    lent_bytes += s.n;
    return s;
}

static void test_what_is_handed_in_is_copied(void **state)
{
    struct fixture *f = *state;
    struct rb_tx *tx = rb_tx_new();
    struct rb_job_record job = a_job("");
    job.id = lend("job-1");
    job.params = lend("[1]");
    job.log_tail = lend("log");
    struct rb_event_record event = {
        .topic = lend("topic"), .name = lend("name"), .data = lend("data"), .audience = lend("audience")};
    struct rb_token_record token = {
        .tenant = lend("t"), .client = lend("c"), .role = lend("r"), .label = lend("l")};
    rb_tx_job_insert(tx, &job);
    rb_tx_event_append(tx, &event);
    rb_tx_cursor_set(tx, event.topic, event.name, 1);
    rb_tx_token_insert(tx, &token);
    rb_tx_token_delete(tx, token.tenant, token.label); /* finds it only if both were kept well */
    job.number = 1;
    job.message = lend("message");
    rb_tx_job_update(tx, &job);
    memset(lent, 'x', sizeof lent);
    assert_int_equal(commit(f, tx), RB_OK);

    struct rb_job_record found = read_job(f, 1);
    assert_str(found.id, "job-1");
    assert_str(found.params, "[1]");
    assert_str(found.log_tail, "log");
    assert_str(found.message, "message");
    struct reading r = read_events(f, "topic", 0, 9);
    assert_int_equal(r.count, 1);
    assert_str(r.events[0].name, "name");
    assert_str(r.events[0].data, "data");
    assert_str(r.events[0].audience, "audience");
    r = (struct reading){.arena = &f->arena, .text = RB_STR("topic")};
    assert_int_equal(rb_store_read_wait(f->store, read_cursors_fn, &r), RB_OK);
    assert_int_equal(r.count, 1);
    assert_str(r.cursors[0].name, "name");
}

/* Empty is not the same as none. */
static void test_empty_texts_come_back_empty(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record job = a_job("job-1");
    job.message = job.log_tail = job.announce = RB_STR("");
    job.number = insert_job(f, &job);
    struct rb_job_record found = read_job(f, job.number);
    assert_same_job(&found, &job);
}

static void test_update_writes_what_may_change_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record first = a_job("job-1"), second = full_job();
    first.idempotency_key = RB_STR("first");
    first.number = insert_job(f, &first);

    second.number = first.number;
    second.id = second.tenant = second.client = second.kind = RB_STR("other");
    update_job(f, &second);

    struct rb_job_record expected = full_job(), found = read_job(f, first.number);
    expected.number = first.number;
    expected.id = first.id;
    expected.role = first.role;
    expected.params = first.params;
    expected.announce = first.announce;
    expected.idempotency_key = first.idempotency_key;
    expected.idempotency_fingerprint = first.idempotency_fingerprint;
    expected.created_ms = first.created_ms;
    assert_same_job(&found, &expected);

    second.number = 99;
    struct rb_tx *tx = rb_tx_new();
    rb_tx_job_update(tx, &second);
    assert_int_equal(commit(f, tx), RB_NOT_FOUND);
}

static void test_numbers_and_ids_are_never_used_again(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record job = a_job("job-1");
    uint64_t number = insert_job(f, &job);
    struct rb_tx *tx = rb_tx_new();
    rb_tx_job_delete(tx, number, RB_STR_NONE);
    rb_tx_job_delete(tx, 77, RB_STR("no such topic")); /* forgetting what is not there is no error */
    assert_int_equal(commit(f, tx), RB_OK);
    reopen_store(f);
    assert_int_equal(insert_job(f, &job), number + 1);

    tx = rb_tx_new();
    rb_tx_job_insert(tx, &job);
    assert_int_equal(commit(f, tx), RB_STORE_FAILED);
}

/* ---- idempotency ---- */

static void test_same_request_gives_the_same_job_and_skips_the_rest(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record job = full_job();
    uint64_t number = insert_job(f, &job);
    struct rb_event_record before = an_event("before", "1"), after = an_event("after", "2");

    struct rb_job_record again = full_job();
    again.id = RB_STR("job-2");
    struct rb_tx *tx = rb_tx_new();
    rb_tx_event_append(tx, &before);
    struct rb_tx_inserted *inserted = rb_tx_job_insert(tx, &again);
    rb_tx_event_append(tx, &after);
    assert_int_equal(rb_store_commit_wait(f->store, tx), RB_OK);
    assert_true(inserted->was_there);
    assert_int_equal(inserted->number, number);
    assert_str(inserted->id, "job-1");
    rb_tx_free(tx);
    assert_int_equal(read_events(f, "before", 0, 9).count, 1);
    assert_int_equal(read_events(f, "after", 0, 9).count, 0);
    assert_int_equal(read_open_jobs(f).count, 1);
}

static void test_another_body_under_the_same_key_undoes_everything(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record job = full_job(), other = full_job();
    insert_job(f, &job);
    other.id = RB_STR("job-2");
    other.idempotency_fingerprint = RB_STR("another");
    struct rb_event_record before = an_event("before", "1");
    struct rb_tx *tx = rb_tx_new();
    rb_tx_event_append(tx, &before);
    rb_tx_job_insert(tx, &other);
    assert_int_equal(commit(f, tx), RB_IDEMPOTENCY_MISMATCH);
    assert_int_equal(read_events(f, "before", 0, 9).count, 0);
    assert_int_equal(read_open_jobs(f).count, 1);
}

static void test_keys_count_per_tenant_client_and_kind(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record jobs[] = {full_job(), full_job(), full_job(), full_job(), a_job("5"), a_job("6")};
    jobs[1].tenant = jobs[2].client = jobs[3].kind = RB_STR("other");
    jobs[0].id = RB_STR("1"), jobs[1].id = RB_STR("2"), jobs[2].id = RB_STR("3"), jobs[3].id = RB_STR("4");
    for (size_t i = 0; i < 6; i++) insert_job(f, &jobs[i]);
    assert_int_equal(read_open_jobs(f).count, 6);
}

/* ---- lists ---- */

static void expect_numbers(const struct reading *r, const uint64_t *numbers, uint32_t count)
{
    assert_int_equal(r->count, count);
    for (uint32_t i = 0; i < count; i++) assert_int_equal(r->jobs[i].number, numbers[i]);
}

static void test_lists(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *id, *tenant, *client, *kind;
        enum rb_job_state state;
    } rows[] = {
        {"1", "t", "a", "x", RB_JOB_STATE_QUEUED},  {"2", "t", "b", "x", RB_JOB_STATE_FINISHED},
        {"3", "u", "a", "x", RB_JOB_STATE_RUNNING}, {"4", "t", "a", "y", RB_JOB_STATE_FAILED},
        {"5", "t", "a", "x", RB_JOB_STATE_RUNNING},
    };
    for (size_t i = 0; i < 5; i++) {
        struct rb_job_record job = full_job();
        job.idempotency_key = RB_STR_NONE;
        job.id = rb_str_of(rows[i].id);
        job.tenant = rb_str_of(rows[i].tenant);
        job.client = rb_str_of(rows[i].client);
        job.kind = rb_str_of(rows[i].kind);
        job.state = rows[i].state;
        insert_job(f, &job);
    }
    const struct {
        const char *tenant, *client, *kind;
        int state;
        uint64_t before;
        uint32_t limit;
        uint64_t numbers[5];
        uint32_t count;
    } cases[] = {
        {"t", NULL, NULL, -1, 0, 200, {5, 4, 2, 1}, 4},
        {"t", NULL, NULL, -1, 4, 200, {2, 1}, 2},
        {"t", NULL, NULL, -1, 0, 2, {5, 4}, 2},
        {"t", NULL, NULL, -1, 0, 0, {0}, 0},
        {"t", NULL, "y", -1, 0, 200, {4}, 1},
        {"t", NULL, NULL, RB_JOB_STATE_FINISHED, 0, 200, {2}, 1},
        {"t", NULL, NULL, RB_JOB_STATE_QUEUED, 0, 200, {1}, 1},
        {"t", "a", NULL, -1, 0, 200, {5, 4, 1}, 3},
        {"t", "a", NULL, -1, 5, 1, {4}, 1},
        {"t", "a", "x", RB_JOB_STATE_RUNNING, 0, 200, {5}, 1},
        {"u", NULL, NULL, -1, 0, UINT32_MAX, {3}, 1},
        {"v", NULL, NULL, -1, 0, 200, {0}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reading r = {.arena = &f->arena,
                            .query = {.tenant = rb_str_of(cases[i].tenant),
                                      .client = rb_str_of(cases[i].client),
                                      .kind = rb_str_of(cases[i].kind),
                                      .state = cases[i].state,
                                      .before = cases[i].before,
                                      .limit = cases[i].limit}};
        assert_int_equal(rb_store_read_wait(f->store, read_jobs_fn, &r), RB_OK);
        expect_numbers(&r, cases[i].numbers, cases[i].count);
        if (r.count == 0) continue;
        assert_null(r.jobs[0].params.p);
        assert_null(r.jobs[0].log_tail.p);
        assert_str(r.jobs[0].report, "{\"progress\":50}");
    }
    struct reading r = read_open_jobs(f);
    expect_numbers(&r, (const uint64_t[]){1, 3, 5}, 3);
    assert_str(r.jobs[0].params, "{\"a\":1}");
    assert_non_null(r.jobs[0].log_tail.p);
}

static void test_expired_jobs_are_final_and_over(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *id;
        enum rb_job_state state;
        uint64_t expires_ms;
    } rows[] = {
        {"1", RB_JOB_STATE_FINISHED, 300}, {"2", RB_JOB_STATE_RUNNING, 100},
        {"3", RB_JOB_STATE_FAILED, 0},     {"4", RB_JOB_STATE_CANCELLED, 200},
        {"5", RB_JOB_STATE_FINISHED, 301}, {"6", RB_JOB_STATE_EXPIRED, 250},
    };
    for (size_t i = 0; i < 6; i++) {
        struct rb_job_record job = a_job(rows[i].id);
        job.state = rows[i].state;
        job.expires_ms = rows[i].expires_ms;
        insert_job(f, &job);
    }
    struct reading r = {.arena = &f->arena, .number = 300, .limit = 10};
    assert_int_equal(rb_store_read_wait(f->store, read_expired_jobs_fn, &r), RB_OK);
    expect_numbers(&r, (const uint64_t[]){4, 6, 1}, 3);
    r.limit = 2;
    assert_int_equal(rb_store_read_wait(f->store, read_expired_jobs_fn, &r), RB_OK);
    expect_numbers(&r, (const uint64_t[]){4, 6}, 2);
}

static void test_many_rows_make_lists_grow(void **state)
{
    struct fixture *f = *state;
    struct rb_tx *tx = rb_tx_new();
    for (int i = 0; i < 300; i++) {
        struct rb_job_record job = a_job("");
        job.id = rb_arena_fmt(&tx->arena, "id-%d", i);
        rb_tx_job_insert(tx, &job);
    }
    assert_int_equal(commit(f, tx), RB_OK);
    struct reading r = read_open_jobs(f);
    assert_int_equal(r.count, 300);
    for (uint32_t i = 0; i < 300; i++) assert_int_equal(r.jobs[i].number, i + 1);
    assert_str(r.jobs[299].id, "id-299");
    r.query = (struct rb_job_query){.tenant = RB_STR("t"), .state = -1, .limit = 1000};
    assert_int_equal(rb_store_read_wait(f->store, read_jobs_fn, &r), RB_OK);
    assert_int_equal(r.count, 200);
}

static void test_state_names(void **state)
{
    (void)state;
    static const char *const names[] = {"queued", "running", "finished", "failed", "cancelled", "expired"};
    for (int i = 0; i < 6; i++) {
        enum rb_job_state found;
        assert_string_equal(rb_job_state_name((enum rb_job_state)i), names[i]);
        assert_true(rb_job_state_find(rb_str_of(names[i]), &found));
        assert_int_equal(found, i);
        assert_int_equal(rb_job_state_is_final(found), i >= 2);
    }
    enum rb_job_state untouched = RB_JOB_STATE_FAILED;
    assert_false(rb_job_state_find(RB_STR("Queued"), &untouched));
    assert_int_equal(untouched, RB_JOB_STATE_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_column_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parameters_that_come_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_handed_in_is_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_texts_come_back_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_update_writes_what_may_change_and_nothing_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_and_ids_are_never_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_same_request_gives_the_same_job_and_skips_the_rest, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_another_body_under_the_same_key_undoes_everything, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_keys_count_per_tenant_client_and_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expired_jobs_are_final_and_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_rows_make_lists_grow, set_up, tear_down),
        cmocka_unit_test(test_state_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
