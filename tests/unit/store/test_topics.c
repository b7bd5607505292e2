/* Events: order, trimming with its sweeping, forgetting; cursors. */
#include "store_fixture.h"

#include "store/topics.h"

static void append_many(struct fixture *f, const char *topic, int count)
{
    struct rb_tx *tx = rb_tx_new();
    struct rb_event_record event = an_event(topic, "0");
    for (int i = 0; i < count; i++) rb_tx_event_append(tx, &event);
    assert_int_equal(commit(f, tx), RB_OK);
}

static void trim(struct fixture *f, const char *topic, uint64_t up_to_id)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_events_trim(tx, rb_str_of(topic), up_to_id);
    assert_int_equal(commit(f, tx), RB_OK);
}

/* The file itself, past the store: only when that is closed. */
static sqlite3 *open_file(struct fixture *f)
{
    char path[300];
    snprintf(path, sizeof path, "%s/ringback.db", f->dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    return db;
}

static int64_t count_in_file(struct fixture *f, const char *sql)
{
    sqlite3 *db = open_file(f);
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

static void test_events_come_back_in_order(void **state)
{
    struct fixture *f = *state;
    struct rb_event_record first = an_event("a", "{\"x\":1}");
    first.time_ms = 42;
    first.name = RB_STR("changed");
    first.audience = RB_STR("client-7");
    first.flags = 5;
    struct rb_event_record other = an_event("b", "2"), last = an_event("a", "3");
    uint64_t ids[3] = {append_event(f, &first), append_event(f, &other), append_event(f, &last)};
    assert_true(ids[0] > 0 && ids[0] < ids[1] && ids[1] < ids[2]);

    reopen_store(f);
    struct reading r = read_events(f, "a", 0, 10);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.trimmed, 0);
    assert_int_equal(r.events[0].id, ids[0]);
    assert_str(r.events[0].topic, "a");
    assert_int_equal(r.events[0].time_ms, 42);
    assert_str(r.events[0].name, "changed");
    assert_str(r.events[0].data, "{\"x\":1}");
    assert_str(r.events[0].audience, "client-7");
    assert_int_equal(r.events[0].flags, 5);
    assert_int_equal(r.events[1].id, ids[2]);
    assert_null(r.events[1].audience.p);

    assert_int_equal(read_events(f, "a", ids[0], 10).count, 1);
    assert_int_equal(read_events(f, "a", ids[2], 10).count, 0);
    assert_int_equal(read_events(f, "a", UINT64_MAX, 10).count, 0);
    assert_int_equal(read_events(f, "nobody wrote here", 0, 10).count, 0);
    append_many(f, "a", 50);
    r = read_events(f, "a", ids[2], 20);
    assert_int_equal(r.count, 20);
    for (uint32_t i = 1; i < r.count; i++) assert_true(r.events[i].id > r.events[i - 1].id);
}

static void test_trimming_says_what_is_gone(void **state)
{
    struct fixture *f = *state;
    append_many(f, "a", 5); /* 1..5 */
    append_many(f, "b", 1); /* 6 */
    append_many(f, "a", 2); /* 7, 8 */
    static const struct {
        uint64_t up_to, trimmed, first;
        uint32_t count;
    } steps[] = {
        {0, 0, 1, 7},          {2, 2, 3, 5}, {1, 2, 3, 5}, /* never back */
        {6, 5, 7, 2},                                      /* 6 is another topic's */
        {UINT64_MAX, 8, 0, 0},                             /* not into the future */
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        trim(f, "a", steps[i].up_to);
        struct reading r = read_events(f, "a", 0, 100);
        assert_int_equal(r.trimmed, steps[i].trimmed);
        assert_int_equal(r.count, steps[i].count);
        if (r.count) assert_int_equal(r.events[0].id, steps[i].first);
    }
    trim(f, "nobody wrote here", 9);
    struct rb_event_record event = an_event("a", "1");
    assert_int_equal(append_event(f, &event), 9); /* ids are not used again */
    struct reading r = read_events(f, "a", 0, 100);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.trimmed, 8);
    assert_int_equal(read_events(f, "b", 0, 100).trimmed, 0);
}

static void test_large_trimmings_are_seen_at_once_and_swept_later(void **state)
{
    struct fixture *f = *state;
    append_many(f, "a", 1500);
    append_many(f, "b", 3);
    trim(f, "a", 1490);
    struct reading r = read_events(f, "a", 0, 2000); /* perhaps still being swept */
    assert_int_equal(r.count, 10);
    assert_int_equal(r.trimmed, 1490);
    /* Each commit sweeps another 200, whether the writer finds time in between or not. */
    for (int i = 0; i < 8; i++) trim(f, "b", 0);
    close_store(f);
    assert_int_equal(count_in_file(f, "SELECT count(*) FROM events"), 13);
    assert_int_equal(count_in_file(f, "SELECT count(*) FROM topics WHERE is_swept = 0"), 0);
}

static void test_sweeping_goes_on_after_a_restart(void **state)
{
    struct fixture *f = *state;
    append_many(f, "a", 1000);
    close_store(f);
    count_in_file(f, "UPDATE topics SET trimmed_id = 999, is_swept = 0 RETURNING 1");
    assert_int_equal(open_store(f, true), RB_OK);
    assert_int_equal(read_events(f, "a", 0, 2000).count, 1);
    for (int i = 0; i < 6; i++) trim(f, "b", 0);
    close_store(f);
    assert_int_equal(count_in_file(f, "SELECT count(*) FROM events"), 1);
}

/* The parts, without a writer that sweeps at its own pace: a smaller trimming comes while a larger one is not
 * yet swept. */
static void test_a_smaller_trimming_does_not_end_the_sweeping(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    char path[300];
    snprintf(path, sizeof path, "%s/ringback.db", f->dir);
    struct rb_db db;
    assert_int_equal(rb_db_open(&db, path, RB_DB_WRITES), RB_OK);
    struct rb_event_record event = an_event("a", "1");
    uint64_t id = 0;
    assert_int_equal(rb_db_exec(&db, "BEGIN"), RB_OK);
    while (id < 700) assert_int_equal(rb_topic_append(&db, &event, &id), RB_OK);
    bool has_unswept = false;
    assert_int_equal(rb_topic_trim(&db, event.topic, 650, &has_unswept), RB_OK); /* 200 go, 450 are left */
    assert_true(has_unswept);
    assert_int_equal(rb_topic_trim(&db, event.topic, 210, &has_unswept), RB_OK);
    for (int sweeps = 0; has_unswept; sweeps++) {
        assert_int_equal(rb_topic_sweep(&db, &has_unswept), RB_OK);
        assert_true(sweeps < 5);
    }
    int64_t count = 0;
    assert_int_equal(rb_db_get_i64(&db, "SELECT count(*) FROM events", &count), RB_OK);
    assert_int_equal(count, 50);
    assert_int_equal(rb_db_exec(&db, "COMMIT"), RB_OK);
    rb_db_close(&db);
}

/* Old rows that cannot be deleted are no reason to refuse new ones. */
static void test_trouble_with_sweeping_harms_nobody(void **state)
{
    struct fixture *f = *state;
    append_many(f, "a", 1000);
    close_store(f);
    count_in_file(f, "UPDATE topics SET trimmed_id = 999, is_swept = 0 RETURNING 1");
    sqlite3 *db = open_file(f);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TRIGGER keep BEFORE DELETE ON events"
                                  " BEGIN SELECT RAISE(ABORT, 'meant to be'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(open_store(f, true), RB_OK);
    append_many(f, "a", 3);
    append_many(f, "a", 3);
    assert_int_equal(read_events(f, "a", 0, 2000).count, 7);
    close_store(f);
    assert_int_equal(count_in_file(f, "SELECT count(*) FROM events"), 1006);
}

static void test_deleting_a_job_forgets_its_topic(void **state)
{
    struct fixture *f = *state;
    static const int sizes[] = {3, 1000}; /* at once, and by sweeping */
    for (int i = 0; i < 2; i++) {
        struct rb_job_record job = a_job("job");
        uint64_t number = insert_job(f, &job);
        append_many(f, "job", sizes[i]);
        append_many(f, "other", 1);
        struct rb_tx *tx = rb_tx_new();
        rb_tx_cursor_set(tx, RB_STR("job"), RB_STR("me"), 2);
        rb_tx_job_delete(tx, number, RB_STR("job"));
        assert_int_equal(commit(f, tx), RB_OK);
        struct reading r = read_events(f, "job", 0, 2000);
        assert_int_equal(r.count, 0);
        assert_int_equal(r.trimmed, 0);
    }
    append_many(f, "job", 1); /* a new topic of this name has nothing of the old one */
    assert_int_equal(read_events(f, "job", 0, 2000).count, 1);
    for (int i = 0; i < 6; i++) trim(f, "other", 0);
    close_store(f);
    assert_int_equal(count_in_file(f, "SELECT count(*) FROM jobs"), 0);
    assert_int_equal(count_in_file(f, "SELECT count(*) FROM cursors"), 0);
    assert_int_equal(count_in_file(f, "SELECT count(*) FROM events"), 3);
    assert_int_equal(count_in_file(f, "SELECT count(*) FROM topics"), 2);
}

/* ---- going through all topics ---- */

struct going {
    struct fixture *f;
    uint64_t after, topic_id, up_to_ms;
    uint32_t limit, count;
    struct rb_topic_record *topics;
    uint64_t oldest_ms, last_old_id;
};

static rb_err go_through_fn(struct rb_reader *reader, void *arg)
{
    struct going *going = arg;
    rb_err err =
        rb_read_topics(reader, &going->f->arena, going->after, going->limit, &going->topics, &going->count);
    if (err == RB_OK) err = rb_read_oldest_event_ms(reader, &going->oldest_ms);
    if (err == RB_OK)
        err = rb_read_last_old_event(reader, going->topic_id, going->up_to_ms, &going->last_old_id);
    return err;
}

static struct going go_through(struct fixture *f, uint64_t after, uint32_t limit, uint64_t topic_id,
                               uint64_t up_to_ms)
{
    struct going going = {.f = f, .after = after, .limit = limit, .topic_id = topic_id, .up_to_ms = up_to_ms};
    assert_int_equal(rb_store_read_wait(f->store, go_through_fn, &going), RB_OK);
    return going;
}

static void test_topics_are_gone_through(void **state)
{
    struct fixture *f = *state;
    struct going going = go_through(f, 0, 10, 1, 1000);
    assert_int_equal(going.count, 0);
    assert_int_equal(going.oldest_ms, UINT64_MAX);
    assert_int_equal(going.last_old_id, 0);

    static const struct {
        const char *topic;
        uint64_t time_ms;
    } events[] = {{"a", 20}, {"b", 10}, {"a", 30}, {"a", 30}, {"a", 50}, {"a", 25}, {"c", 5}};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        struct rb_event_record event = an_event(events[i].topic, "1");
        event.time_ms = events[i].time_ms;
        append_event(f, &event); /* its id is i + 1 */
    }
    going = go_through(f, 0, 2, 0, 0);
    assert_int_equal(going.count, 2);
    assert_str(going.topics[0].name, "a");
    assert_str(going.topics[1].name, "b");
    assert_int_equal(going.oldest_ms, 20); /* the first that came */
    uint64_t a = going.topics[0].id;
    going = go_through(f, going.topics[1].id, 2, 0, 0);
    assert_int_equal(going.count, 1);
    assert_str(going.topics[0].name, "c");
    assert_int_equal(go_through(f, going.topics[0].id, 2, 0, 0).count, 0);

    static const struct {
        uint64_t up_to_ms, last_old_id;
    } steps[] = {{19, 0}, {20, 1}, {29, 1},
                 {30, 4}, {49, 4}, /* what came after a younger one stays with it */
                 {50, 6}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        assert_int_equal(go_through(f, 0, 1, a, steps[i].up_to_ms).last_old_id, steps[i].last_old_id);
}

static void set_cursor(struct fixture *f, const char *topic, const char *name, uint64_t id)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_cursor_set(tx, rb_str_of(topic), rb_str_of(name), id);
    assert_int_equal(commit(f, tx), RB_OK);
}

static struct reading read_cursors(struct fixture *f, const char *topic)
{
    struct reading r = {.arena = &f->arena, .text = rb_str_of(topic)};
    assert_int_equal(rb_store_read_wait(f->store, read_cursors_fn, &r), RB_OK);
    return r;
}

static void test_cursors_only_go_forward(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t set, expected;
    } steps[] = {{5, 5}, {3, 5}, {5, 5}, {9, 9}, {0, 0}, {2, 2}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        set_cursor(f, "a", "me", steps[i].set);
        struct reading r = read_cursors(f, "a");
        assert_int_equal(r.count, steps[i].expected != 0);
        if (r.count) assert_int_equal(r.cursors[0].id, steps[i].expected);
    }
    set_cursor(f, "a", "also me", 7);
    set_cursor(f, "b", "me", 8);
    set_cursor(f, "no topic", "me", 0);
    struct reading r = read_cursors(f, "a");
    assert_int_equal(r.count, 2);
    assert_str(r.cursors[0].name, "also me");
    assert_int_equal(r.cursors[0].id, 7);
    assert_str(r.cursors[1].name, "me");
    assert_int_equal(r.cursors[1].id, 2);
    assert_int_equal(read_cursors(f, "b").count, 1);
    assert_int_equal(read_cursors(f, "c").count, 0);
}

/* No statement may scan or sort: the shape of the tables is worth nothing if the planner sees it otherwise.
 */
static void test_every_statement_uses_an_index(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    static const struct {
        const char *name, *sql;
    } statements[] = {
#define STATEMENT(NAME, sql) {#NAME, "EXPLAIN QUERY PLAN " sql},
        RB_STATEMENTS(STATEMENT)
#undef STATEMENT
    };
    sqlite3 *db = open_file(f);
    int steps = 0;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        bool is_for_people = strstr(statements[i].name, "S_OF_TENANT") && !strstr(statements[i].name, "JOBS");
        if (is_for_people) continue; /* all of them */
        sqlite3_stmt *statement;
        assert_int_equal(sqlite3_prepare_v2(db, statements[i].sql, -1, &statement, NULL), SQLITE_OK);
        for (; sqlite3_step(statement) == SQLITE_ROW; steps++) {
            const char *step = (const char *)sqlite3_column_text(statement, 3);
            if (strstr(step, "SCAN") && strstr(step, "USING INDEX jobs_open")) continue; /* all there are */
            if (strcmp(step, "SCAN CONSTANT ROW") == 0) continue;                        /* no table */
            if (strstr(step, "SCAN (subquery")) continue; /* of what an index has found, limited */
            if (strstr(step, "TEMP B-TREE") || strstr(step, "SCAN"))
                fail_msg("%s: %s", statements[i].name, step);
        }
        sqlite3_finalize(statement);
    }
    assert_true(steps > 15);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_events_come_back_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trimming_says_what_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_trimmings_are_seen_at_once_and_swept_later, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sweeping_goes_on_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_smaller_trimming_does_not_end_the_sweeping, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trouble_with_sweeping_harms_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deleting_a_job_forgets_its_topic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_topics_are_gone_through, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cursors_only_go_forward, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_statement_uses_an_index, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
