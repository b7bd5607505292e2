/* Accepted means stored: whatever was answered before a SIGKILL is there after it. */
#include "store_fixture.h"

#include "base/random.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

enum { ROUNDS = 20, WRITERS = 4, REPORTS_MAX = 300 };

struct report {
    uint64_t number, event_id;
};

struct child {
    struct rb_store *store;
    int pipe_fd;
};

/* Reports each job and its event once they are answered; a report is one small write, so it is whole or not
 * there. */
static void *commit_and_report(void *arg)
{
    struct child *child = arg;
    for (;;) {
        char id[25];
        rb_random_text(id, 24);
        struct rb_job_record job = a_job(id);
        struct rb_event_record event = an_event("jobs", "1");
        struct rb_tx *tx = rb_tx_new();
        struct rb_tx_inserted *inserted = rb_tx_job_insert(tx, &job);
        uint64_t *event_id = rb_tx_event_append(tx, &event);
        if (rb_store_commit_wait(child->store, tx) != RB_OK) _exit(1);
        struct report report = {inserted->number, *event_id};
        rb_tx_free(tx);
        if (write(child->pipe_fd, &report, sizeof report) != sizeof report) _exit(1);
    }
    return NULL;
}

static _Noreturn void live_until_killed(const char *dir, int pipe_fd)
{
    struct child child = {.pipe_fd = pipe_fd};
    struct rb_buf why = {0};
    if (rb_store_open(dir, true, &child.store, &why) != RB_OK) _exit(1);
    pthread_t thread;
    for (int i = 1; i < WRITERS; i++) pthread_create(&thread, NULL, commit_and_report, &child);
    commit_and_report(&child);
    _exit(1);
}

/* Kills after a random number of reports, which is a random moment in the life of the others; then takes what
 * is still in the pipe. */
static size_t run_and_kill(const char *dir, struct report *reports, size_t max)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) live_until_killed(dir, ends[1]);
    close(ends[1]);
    size_t count = 0, kill_at = 1 + rb_random_u64() % REPORTS_MAX;
    while (count < max && read(ends[0], &reports[count], sizeof *reports) == sizeof *reports)
        if (++count == kill_at) kill(child, SIGKILL);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(count >= kill_at && count < max);
    return count;
}

static void expect_sound_file(const char *dir)
{
    char path[300];
    snprintf(path, sizeof path, "%s/ringback.db", dir);
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static rb_err find_reported(struct rb_reader *reader, void *arg)
{
    struct reading *r = arg;
    return rb_read_job_by_number(reader, r->arena, r->number, &r->job);
}

static void expect_reported(struct fixture *f, const struct report *report)
{
    struct reading r = {.arena = &f->arena, .number = report->number};
    assert_int_equal(rb_store_read_wait(f->store, find_reported, &r), RB_OK);
    r = read_events(f, "jobs", report->event_id - 1, 1);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.events[0].id, report->event_id);
}

static void test_what_was_answered_survives_a_kill(void **state)
{
    struct fixture *f = *state;
    static struct report reports[20000];
    size_t total = 0;
    for (int round = 0; round < ROUNDS; round++) {
        total += run_and_kill(f->dir, reports + total, sizeof reports / sizeof *reports - total);
        if (round % 5 == 0) expect_sound_file(f->dir);
        assert_int_equal(open_store(f, true), RB_OK);
        for (size_t i = 0; i < total; i++) expect_reported(f, &reports[i]);
        rb_arena_fini(&f->arena);
        close_store(f);
    }
    print_message("%zu answers in %d lives\n", total, ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_answered_survives_a_kill, set_up_dir, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
