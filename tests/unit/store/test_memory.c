/* SQLite without memory: each of its allocations fails in turn, and the store says so, keeps nothing half and
 * goes on. */
#include "store_fixture.h"

#include "base/log.h"

#include <sqlite3.h>
#include <stdatomic.h>

static sqlite3_mem_methods real_memory;
static _Atomic long allocations_left = -1; /* negative: no limit */

/* The writer's thread allocates, too, so the last one is not to be given out twice. */
static bool is_out_of_memory(void)
{
    long left = atomic_load(&allocations_left);
    while (left > 0 && !atomic_compare_exchange_weak(&allocations_left, &left, left - 1)) continue;
    return left == 0;
}

static void *scarce_malloc(int bytes)
{
    return is_out_of_memory() ? NULL : real_memory.xMalloc(bytes);
}

static void *scarce_realloc(void *old, int bytes)
{
    return is_out_of_memory() ? NULL : real_memory.xRealloc(old, bytes);
}

static int make_memory_scarce(void **state)
{
    (void)state;
    rb_log_setup((enum rb_log_level)(RB_LOG_LEVEL_ERROR + 1),
                 false); /* hundreds of errors that are meant to be */
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK) return -1;
    sqlite3_mem_methods scarce = real_memory;
    scarce.xMalloc = scarce_malloc;
    scarce.xRealloc = scarce_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &scarce);
}

static void test_opening(void **state)
{
    struct fixture *f = *state;
    unsigned failures = 0;
    /* Steps grow, since SQLite repeats itself; the first hundreds are tried one by one. */
    for (long count = 0;; count += 1 + count / 50) {
        atomic_store(&allocations_left, count);
        rb_err err = open_store(f, true);
        atomic_store(&allocations_left, -1);
        if (err == RB_OK) break;
        assert_int_equal(err, RB_STORE_FAILED);
        assert_true(f->why.n > 0);
        failures++;
        assert_true(count < 100000);
    }
    print_message("opening failed in %u places\n", failures);
    assert_true(failures > 50);
    struct rb_job_record job = a_job("1");
    assert_int_equal(insert_job(f, &job), 1);
}

static void test_committing(void **state)
{
    struct fixture *f = *state;
    unsigned failures = 0, kept = 0;
    for (long count = 0; kept < 3; count += 1 + count / 50) {
        reopen_store(f); /* so that nothing is cached */
        char id[24];
        snprintf(id, sizeof id, "%ld", count);
        struct rb_job_record job = a_job(id);
        struct rb_event_record event = an_event("a", "1");
        struct rb_tx *tx = rb_tx_new();
        rb_tx_job_insert(tx, &job);
        rb_tx_event_append(tx, &event);
        rb_tx_cursor_set(tx, RB_STR("a"), RB_STR("me"), (uint64_t)count + 1);
        atomic_store(&allocations_left, count);
        rb_err err = commit(f, tx);
        atomic_store(&allocations_left, -1);
        if (err == RB_OK)
            kept++;
        else
            failures++;
        append_event(f, &(struct rb_event_record){.topic = RB_STR("after")}); /* the next one goes well */
        assert_int_equal(read_open_jobs(f).count, kept);
        assert_int_equal(read_events(f, "a", 0, 1000).count, kept);
    }
    print_message("committing failed in %u places, went well %u times\n", failures, kept);
    assert_true(failures > 50);
}

static void test_reading(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record job = a_job("1");
    insert_job(f, &job);
    unsigned failures = 0;
    for (long count = 0;; count++) {
        reopen_store(f);
        struct reading r = {.arena = &f->arena, .text = RB_STR("1")};
        atomic_store(&allocations_left, count);
        rb_err err = rb_store_read_wait(f->store, read_job_fn, &r);
        atomic_store(&allocations_left, -1);
        if (err == RB_OK) break;
        assert_int_equal(err, RB_STORE_FAILED);
        failures++;
        r.text = RB_STR("1");
        assert_int_equal(rb_store_read_wait(f->store, read_job_fn, &r), RB_OK);
        assert_str(r.job.kind, "k");
    }
    print_message("reading failed in %u places\n", failures);
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_opening, set_up_dir, tear_down),
        cmocka_unit_test_setup_teardown(test_committing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reading, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, make_memory_scarce, NULL);
}
