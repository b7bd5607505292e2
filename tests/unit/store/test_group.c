/* Group commit: many callers share an fsync, each gets an answer of its own, and a disk that fails keeps
 * nothing half. */
#include "store_fixture.h"

#include "faulty_disk.h"

#include <pthread.h>
#include <semaphore.h>

/* ---- holding the writer: what is queued meanwhile becomes one group ---- */

struct gate {
    sem_t is_held, is_open;
};

static void wait_at_gate(struct rb_tx *tx, rb_err err)
{
    (void)err;
    struct gate *gate = tx->arg;
    rb_tx_free(tx);
    sem_post(&gate->is_held);
    sem_wait(&gate->is_open);
}

static void hold_writer(struct fixture *f, struct gate *gate)
{
    sem_init(&gate->is_held, 0, 0);
    sem_init(&gate->is_open, 0, 0);
    struct rb_tx *tx = rb_tx_new();
    tx->done = wait_at_gate;
    tx->arg = gate;
    rb_store_commit(f->store, tx);
    sem_wait(&gate->is_held);
}

static void release_writer(struct gate *gate)
{
    sem_post(&gate->is_open);
}

/* ---- collecting answers ---- */

struct answers {
    sem_t came;
    rb_err errs[1000];
    unsigned order[1000]; /* the place of each in the order of answers */
    unsigned syncs[1000]; /* that had been made when it came */
    unsigned count;
};

struct question {
    struct answers *answers;
    unsigned index;
};

static void note_answer(struct rb_tx *tx, rb_err err)
{
    struct question *question = tx->arg;
    struct answers *answers = question->answers;
    answers->errs[question->index] = err;
    answers->order[question->index] = answers->count++;
    answers->syncs[question->index] = atomic_load(&disk_syncs);
    rb_tx_free(tx);
    sem_post(&answers->came);
}

static void ask(struct fixture *f, struct answers *answers, unsigned index, struct rb_tx *tx)
{
    struct question *question = rb_arena_new(&tx->arena, struct question);
    *question = (struct question){answers, index};
    tx->done = note_answer;
    tx->arg = question;
    rb_store_commit(f->store, tx);
}

static void wait_for(struct answers *answers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) sem_wait(&answers->came);
}

static struct rb_tx *event_tx(const char *topic, const char *data)
{
    struct rb_tx *tx = rb_tx_new();
    struct rb_event_record event = an_event(topic, data);
    rb_tx_event_append(tx, &event);
    return tx;
}

/* ---- tests ---- */

static void test_a_failing_transaction_does_not_harm_its_neighbours(void **state)
{
    struct fixture *f = *state;
    struct answers answers = {0};
    sem_init(&answers.came, 0, 0);
    struct gate gate;
    hold_writer(f, &gate);
    uint64_t commits = rb_store_commits(f->store);
    for (unsigned i = 0; i < 600; i++) {
        struct rb_tx *tx = event_tx(i % 3 == 1 ? "undone" : "kept", "1");
        struct rb_job_record missing = {.number = 1000};
        if (i % 3 == 1) rb_tx_job_update(tx, &missing);
        ask(f, &answers, i, tx);
    }
    release_writer(&gate);
    wait_for(&answers, 600);
    for (unsigned i = 0; i < 600; i++) {
        assert_int_equal(answers.errs[i], i % 3 == 1 ? RB_NOT_FOUND : RB_OK);
        assert_int_equal(answers.order[i], i);
    }
    assert_int_equal(rb_store_commits(f->store) - commits, 2); /* of 512 and 88 */
    assert_int_equal(read_events(f, "kept", 0, 1000).count, 400);
    assert_int_equal(read_events(f, "undone", 0, 1000).count, 0);
}

static void test_answers_come_after_the_sync(void **state)
{
    struct fixture *f = *state;
    struct answers answers = {0};
    sem_init(&answers.came, 0, 0);
    for (unsigned i = 0; i < 20; i++) {
        unsigned syncs = atomic_load(&disk_syncs);
        ask(f, &answers, i, event_tx("a", "1"));
        wait_for(&answers, 1);
        assert_true(answers.syncs[i] > syncs);
    }
}

enum { THREADS = 64, INSERTS = 50 };

struct inserting {
    struct fixture *f;
    unsigned index, failures;
};

static void *insert_jobs(void *arg)
{
    struct inserting *me = arg;
    for (int i = 0; i < INSERTS; i++) {
        char id[32];
        snprintf(id, sizeof id, "%u-%d", me->index, i);
        struct rb_job_record job = a_job(id);
        struct rb_tx *tx = rb_tx_new();
        struct rb_tx_inserted *inserted = rb_tx_job_insert(tx, &job);
        if (rb_store_commit_wait(me->f->store, tx) != RB_OK || inserted->number == 0) me->failures++;
        rb_tx_free(tx);
    }
    return NULL;
}

static void test_many_threads_share_few_commits(void **state)
{
    struct fixture *f = *state;
    struct inserting inserting[THREADS];
    pthread_t threads[THREADS];
    uint64_t commits = rb_store_commits(f->store);
    /* The gate lets the first group be all threads; after that each waits for the others' sync, as under
     * load. */
    struct gate gate;
    hold_writer(f, &gate);
    for (unsigned i = 0; i < THREADS; i++) {
        inserting[i] = (struct inserting){.f = f, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, insert_jobs, &inserting[i]), 0);
    }
    release_writer(&gate);
    unsigned failures = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        failures += inserting[i].failures;
    }
    assert_int_equal(failures, 0);
    commits = rb_store_commits(f->store) - commits;
    print_message("%d inserts in %u commits\n", THREADS * INSERTS, (unsigned)commits);
    assert_true(commits < THREADS * INSERTS / 4);
    struct reading r = read_open_jobs(f);
    assert_int_equal(r.count, THREADS * INSERTS);
    for (uint32_t i = 1; i < r.count; i++) assert_true(r.jobs[i].number > r.jobs[i - 1].number);
}

/* Writing and syncing fail in turn: the whole group is told, nothing of it is there, and the next one goes
 * through. */
static void test_a_failing_disk_keeps_nothing_and_is_tried_again(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int write_code, sync_code;
        rb_err err;
    } cases[] = {
        {SQLITE_FULL, SQLITE_OK, RB_DISK_FULL},
        {SQLITE_IOERR_WRITE, SQLITE_OK, RB_STORE_FAILED},
        {SQLITE_OK, SQLITE_IOERR_FSYNC, RB_STORE_FAILED},
    };
    struct answers answers = {0};
    sem_init(&answers.came, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        struct gate gate;
        hold_writer(f, &gate);
        atomic_store(&disk_write_code, cases[i].write_code);
        atomic_store(&disk_sync_code, cases[i].sync_code);
        uint64_t commits = rb_store_commits(f->store);
        for (unsigned n = 0; n < 5; n++) {
            struct rb_tx *tx = event_tx("lost", "1");
            struct rb_job_record missing = {.number = 1000};
            if (n == 3) rb_tx_job_update(tx, &missing);
            ask(f, &answers, n, tx);
        }
        release_writer(&gate);
        wait_for(&answers, 5);
        for (unsigned n = 0; n < 5; n++) assert_int_equal(answers.errs[n], cases[i].err);
        assert_int_equal(rb_store_commits(f->store), commits);
        atomic_store(&disk_write_code, SQLITE_OK);
        atomic_store(&disk_sync_code, SQLITE_OK);
        assert_int_equal(commit(f, event_tx("kept", "1")), RB_OK);
    }
    reopen_store(f);
    assert_int_equal(read_events(f, "lost", 0, 100).count, 0);
    assert_int_equal(read_events(f, "kept", 0, 100).count, 3);
}

/* A transaction larger than SQLite's cache is written to the WAL before its commit, and fails in the middle.
 */
static void test_a_disk_that_fills_in_the_middle(void **state)
{
    struct fixture *f = *state;
    struct rb_tx *tx = event_tx("lost", "1");
    for (int i = 0; i < 40; i++) {
        struct rb_event_record event = an_event("lost", NULL);
        event.data = rb_str_make(rb_arena_alloc(&tx->arena, 500000), 500000);
        rb_tx_event_append(tx, &event);
    }
    atomic_store(&disk_write_code, SQLITE_FULL);
    assert_int_equal(commit(f, tx), RB_DISK_FULL);
    atomic_store(&disk_write_code, SQLITE_OK);
    assert_int_equal(commit(f, event_tx("kept", "1")), RB_OK);
    assert_int_equal(read_events(f, "lost", 0, 100).count, 0);
    assert_int_equal(read_events(f, "kept", 0, 100).count, 1);
}

static void test_closing_answers_what_is_queued(void **state)
{
    struct fixture *f = *state;
    struct answers answers = {0};
    sem_init(&answers.came, 0, 0);
    for (unsigned i = 0; i < 700; i++) ask(f, &answers, i, event_tx("a", "1"));
    close_store(f);
    assert_int_equal(answers.count, 700);
    assert_int_equal(open_store(f, true), RB_OK);
    assert_int_equal(read_events(f, "a", 0, 1000).count, 700);
}

/* ---- the WAL ---- */

static const char *large_data(void)
{
    static char data[100000];
    memset(data, '1', sizeof data - 1);
    return data;
}

static long size_of(struct fixture *f, const char *name)
{
    char path[300];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    assert_int_equal(stat(path, &status), 0);
    return (long)status.st_size;
}

struct flood {
    struct fixture *f;
    unsigned left, under_way;
    sem_t is_over;
};

static void go_on(struct rb_tx *tx, rb_err err)
{
    struct flood *flood = tx->arg;
    rb_tx_free(tx);
    if (err == RB_OK && flood->left > 0) {
        flood->left--;
        tx = event_tx("a", large_data());
        tx->done = go_on;
        tx->arg = flood;
        rb_store_commit(flood->f->store, tx);
    } else if (--flood->under_way == 0) {
        sem_post(&flood->is_over);
    }
}

/* It is moved into the database while the store runs, also when somebody waits at any time: the next are
 * queued before the writer has answered all. */
static void test_the_wal_stays_small_under_load(void **state)
{
    struct fixture *f = *state;
    struct flood flood = {.f = f, .left = 400, .under_way = 2};
    struct gate gate;
    sem_init(&flood.is_over, 0, 0);
    hold_writer(f, &gate);
    for (int i = 0; i < 2; i++) {
        struct rb_tx *tx = event_tx("a", "1");
        tx->done = go_on;
        tx->arg = &flood;
        rb_store_commit(f->store, tx);
    }
    release_writer(&gate);
    sem_wait(&flood.is_over);
    assert_int_equal(flood.left, 0);
    assert_true(size_of(f, "ringback.db-wal") < 6 << 20);
    close_store(f);
    assert_int_equal(size_of(f, "ringback.db-wal"), 0);
    assert_true(size_of(f, "ringback.db") > 40000000);
}

static rb_err write_while_reading(struct rb_reader *reader, void *arg)
{
    struct fixture *f = arg;
    struct reading r = {.arena = &f->arena, .text = RB_STR("a"), .limit = 10};
    rb_err err = read_events_fn(reader, &r);
    for (int i = 0; i < 800; i++) assert_int_equal(commit(f, event_tx("b", large_data())), RB_OK);
    return err;
}

/* Who reads for long makes the WAL grow, but stops nobody, and afterwards it is small again. */
static void test_a_long_read_stops_nobody(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(commit(f, event_tx("a", "1")), RB_OK);
    assert_int_equal(rb_store_read_wait(f->store, write_while_reading, f), RB_OK);
    assert_true(size_of(f, "ringback.db-wal") > 64 << 20);
    for (int i = 0; i < 100; i++) assert_int_equal(commit(f, event_tx("b", large_data())), RB_OK);
    assert_true(size_of(f, "ringback.db-wal") <= 17 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_failing_transaction_does_not_harm_its_neighbours, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_answers_come_after_the_sync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_threads_share_few_commits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failing_disk_keeps_nothing_and_is_tried_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_disk_that_fills_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closing_answers_what_is_queued, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_wal_stays_small_under_load, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_long_read_stops_nobody, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, install_faulty_disk, NULL);
}
