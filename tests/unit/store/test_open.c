/* Opening: what is made, what is refused and in which words. */
#include "store_fixture.h"

#include "store/migrate.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void expect_refusal(struct fixture *f, bool as_server, rb_err err, const char *words)
{
    assert_int_equal(open_store(f, as_server), err);
    assert_null(f->store);
    if (!strstr(rb_buf_text(&f->why), words)) fail_msg("\"%s\" without \"%s\"", rb_buf_text(&f->why), words);
}

static void run_sql(struct fixture *f, const char *sql)
{
    char path[300];
    snprintf(path, sizeof path, "%s/ringback.db", f->dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_a_missing_directory_is_made_for_its_owner_only(void **state)
{
    struct fixture *f = *state;
    char base[200];
    memcpy(base, f->dir, sizeof base);
    strcat(f->dir, "/data");
    assert_int_equal(open_store(f, true), RB_OK);
    struct stat status;
    char path[300];
    assert_int_equal(stat(f->dir, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/ringback.db", f->dir);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    uint64_t epoch = rb_store_epoch(f->store);
    assert_int_not_equal(epoch, 0);
    reopen_store(f);
    assert_int_equal(rb_store_epoch(f->store), epoch);
    close_store(f);
    memcpy(f->dir, base, sizeof base);
}

static void test_each_database_has_its_epoch(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_store(f, true), RB_OK);
    uint64_t epoch = rb_store_epoch(f->store);
    close_store(f);
    char path[300];
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/ringback.db%s", f->dir, ends[i]);
        unlink(path);
    }
    assert_int_equal(open_store(f, true), RB_OK);
    assert_int_not_equal(rb_store_epoch(f->store), epoch);
}

static void test_a_directory_that_cannot_be(void **state)
{
    struct fixture *f = *state;
    size_t n = strlen(f->dir);
    strcat(f->dir, "/no/such");
    expect_refusal(f, true, RB_STORE_FAILED, "No such file or directory");
    strcpy(f->dir + n, "/file");
    FILE *file = fopen(f->dir, "w");
    assert_non_null(file);
    fclose(file);
    expect_refusal(f, true, RB_STORE_FAILED, "Not a directory");
    f->dir[n] = '\0';
}

static void test_one_server_at_a_time(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_store(f, true), RB_OK);
    pid_t child = fork();
    if (child == 0) {
        struct rb_store *second = NULL;
        struct rb_buf why = {0};
        char owner[40];
        snprintf(owner, sizeof owner, "(process %d)", (int)getppid());
        bool was_refused = rb_store_open(f->dir, true, &second, &why) == RB_LOCKED && !second;
        _exit(was_refused && strstr(rb_buf_text(&why), owner) ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect_refusal(f, true, RB_LOCKED, "Another server");
}

static void test_the_lock_goes_with_its_process(void **state)
{
    struct fixture *f = *state;
    pid_t child = fork();
    if (child == 0) {
        struct rb_store *store = NULL;
        struct rb_buf why = {0};
        _exit(rb_store_open(f->dir, true, &store, &why) == RB_OK ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(open_store(f, true), RB_OK);
}

static void test_what_is_not_ours_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *sql, *words;
    } cases[] = {
        {"CREATE TABLE other (a)", "made by another program"},
        {"DROP TABLE other; PRAGMA user_version = 3", "made by another program"},
        {"PRAGMA user_version = 0; PRAGMA application_id = 7", "made by another program"},
        {"PRAGMA application_id = 1380076337", "made by another program"}, /* our mark without a version */
        {"PRAGMA user_version = 1000", "version 1000, newer than this program"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_sql(f, cases[i].sql);
        expect_refusal(f, true, RB_NOT_A_STORE, cases[i].words);
        expect_refusal(f, false, RB_NOT_A_STORE, cases[i].words);
    }
    run_sql(f, "PRAGMA user_version = 0; PRAGMA application_id = 0"); /* empty again */
    assert_int_equal(open_store(f, true), RB_OK);
}

static void test_a_file_that_is_no_database(void **state)
{
    struct fixture *f = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/ringback.db", f->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) fputs("This is not a database. ", file);
    fclose(file);
    expect_refusal(f, true, RB_NOT_A_STORE, "not a database");
}

/* ---- steps ---- */

static int64_t get(struct rb_db *db, const char *sql)
{
    int64_t value = -1;
    assert_int_equal(rb_db_get_i64(db, sql, &value), RB_OK);
    return value;
}

static void test_steps_are_taken_once_and_all_or_none(void **state)
{
    struct fixture *f = *state;
    static const char *const steps[] = {
        "CREATE TABLE one (a); INSERT INTO one VALUES (1)",
        "INSERT INTO one VALUES (2)",
        "INSERT INTO one VALUES (3); INSERT INTO missing VALUES (1)",
    };
    struct rb_schema schemas[] = {{steps, 1}, {steps, 2}, {steps, 3}};
    char path[300];
    snprintf(path, sizeof path, "%s/steps.db", f->dir);
    struct rb_db db;
    assert_int_equal(rb_db_open(&db, path, RB_DB_WRITES), RB_OK);
    assert_int_equal(rb_migrate(&db, &schemas[0], false, &f->why), RB_OK); /* filling an empty one: anybody */
    assert_int_equal(get(&db, "PRAGMA user_version"), 1);
    assert_int_equal(rb_migrate(&db, &schemas[1], false, &f->why), RB_NOT_A_STORE);
    assert_non_null(strstr(rb_buf_text(&f->why), "start the server once"));
    assert_int_equal(rb_migrate(&db, &schemas[1], true, &f->why), RB_OK);
    assert_int_equal(rb_migrate(&db, &schemas[1], true, &f->why), RB_OK);
    assert_int_equal(get(&db, "SELECT sum(a) FROM one"), 3);
    assert_int_equal(rb_migrate(&db, &schemas[0], true, &f->why),
                     RB_NOT_A_STORE); /* newer than what we know */
    assert_int_equal(rb_migrate(&db, &schemas[2], true, &f->why), RB_STORE_FAILED);
    assert_int_equal(get(&db, "SELECT sum(a) FROM one"), 3);
    assert_int_equal(get(&db, "PRAGMA user_version"), 2);
    rb_db_close(&db);
}

/* A database as the releases before made it, with a job in it. */
static void make_old(struct fixture *f, unsigned version)
{
    char path[300];
    snprintf(path, sizeof path, "%s/ringback.db", f->dir);
    struct rb_schema schema = {rb_schema.steps, version};
    struct rb_db db;
    assert_int_equal(rb_db_open(&db, path, RB_DB_WRITES), RB_OK);
    assert_int_equal(rb_migrate(&db, &schema, true, &f->why), RB_OK);
    assert_int_equal(
        rb_db_exec(&db,
                   "INSERT INTO jobs (id, tenant, client, kind, state, attempt, cancel_requested, created_ms,"
                   " started_ms, ended_ms, not_before_ms, expires_ms, result_bytes, params, log_tail)"
                   " VALUES ('old', 't', 'c', 'k', 1, 2, 0, 5, 6, 0, 0, 0, 0, '{\"a\":1}', x'6c6f67')"),
        RB_OK);
    rb_db_close(&db);
}

static void test_old_databases_are_brought_up(void **state)
{
    struct fixture *f = *state;
    for (unsigned version = 1; version < rb_schema.count; version++) {
        make_old(f, version);
        expect_refusal(f, false, RB_NOT_A_STORE, "start the server once");
        assert_int_equal(open_store(f, true), RB_OK);
        struct reading r = read_open_jobs(f);
        assert_int_equal(r.count, 1);
        assert_str(r.jobs[0].id, "old");
        assert_str(r.jobs[0].role, "client");
        assert_str(r.jobs[0].params, "{\"a\":1}");
        assert_str(r.jobs[0].log_tail, "log");
        struct rb_job_record job = a_job("new");
        assert_int_equal(insert_job(f, &job), 2);
        close_store(f);
        run_sql(f, "PRAGMA journal_mode = DELETE");
        char path[300];
        snprintf(path, sizeof path, "%s/ringback.db", f->dir);
        assert_int_equal(unlink(path), 0);
    }
}

/* ---- a real disk that is full ---- A file system of 1 MiB in a name space of the child's own; needs to be
 * root. */

enum { CANNOT_MOUNT = 77 };

static rb_err append_kilobytes(struct rb_store *store, size_t kilobytes)
{
    struct rb_tx *tx = rb_tx_new();
    struct rb_event_record event = an_event("a", NULL);
    event.data = rb_str_make(rb_arena_alloc(&tx->arena, kilobytes << 10), kilobytes << 10);
    rb_tx_event_append(tx, &event);
    rb_err err = rb_store_commit_wait(store, tx);
    rb_tx_free(tx);
    return err;
}

#define EXPECT(cond)                                                                                         \
    if (!(cond)) return __LINE__

static int live_on_a_full_disk(struct fixture *f)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", f->dir, "tmpfs", 0, "size=1m") != 0)
        return CANNOT_MOUNT;
    EXPECT(open_store(f, true) == RB_OK);
    EXPECT(append_kilobytes(f->store, 100) == RB_OK);
    char path[300];
    snprintf(path, sizeof path, "%s/ballast", f->dir);
    FILE *ballast = fopen(path, "w");
    EXPECT(ballast != NULL);
    setvbuf(ballast, NULL, _IONBF, 0);
    while (fputc('x', ballast) != EOF) {
    }
    fclose(ballast);
    EXPECT(append_kilobytes(f->store, 400) == RB_DISK_FULL);
    EXPECT(append_kilobytes(f->store, 400) == RB_DISK_FULL);
    EXPECT(unlink(path) == 0);
    EXPECT(append_kilobytes(f->store, 200) == RB_OK);
    close_store(f);
    EXPECT(open_store(f, true) == RB_OK);
    struct reading r = {.arena = &f->arena, .text = RB_STR("a"), .limit = 10};
    EXPECT(rb_store_read_wait(f->store, read_events_fn, &r) == RB_OK);
    EXPECT(r.count == 2);
    close_store(f);
    return 0;
}

static void test_a_full_disk(void **state)
{
    struct fixture *f = *state;
    pid_t child = fork();
    if (child == 0) _exit(live_on_a_full_disk(f));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT_MOUNT) skip();
    assert_int_equal(WEXITSTATUS(status), 0); /* else the line */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* These children start threads, for which ThreadSanitizer wants parents that never had any. */
        cmocka_unit_test_setup_teardown(test_a_full_disk, set_up_dir, tear_down),
        cmocka_unit_test_setup_teardown(test_the_lock_goes_with_its_process, set_up_dir, tear_down),
        cmocka_unit_test_setup_teardown(test_a_missing_directory_is_made_for_its_owner_only, set_up_dir,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_each_database_has_its_epoch, set_up_dir, tear_down),
        cmocka_unit_test_setup_teardown(test_a_directory_that_cannot_be, set_up_dir, tear_down),
        cmocka_unit_test_setup_teardown(test_one_server_at_a_time, set_up_dir, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_ours_is_refused_and_left_alone, set_up_dir,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_no_database, set_up_dir, tear_down),
        cmocka_unit_test_setup_teardown(test_steps_are_taken_once_and_all_or_none, set_up_dir, tear_down),
        cmocka_unit_test_setup_teardown(test_old_databases_are_brought_up, set_up_dir, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
