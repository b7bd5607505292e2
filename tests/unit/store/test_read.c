/* Reading from a loop: the query runs elsewhere, the answer comes back to the loop that asked. */
#include "store_fixture.h"

#include <pthread.h>

enum { READS = 40 };

struct asking {
    struct fixture *f;
    struct rb_loop *loop;
    struct reading readings[READS];
    struct rb_arena arenas[READS]; /* each read has its own: they run side by side */
    struct rb_mail start;
    unsigned answers, right_answers;
    bool is_elsewhere[READS];
};

struct one_read {
    struct asking *asking;
    unsigned index;
};

static rb_err read_one(struct rb_reader *reader, void *arg)
{
    struct one_read *one = arg;
    one->asking->is_elsewhere[one->index] = rb_loop_current() != one->asking->loop;
    return read_job_fn(reader, &one->asking->readings[one->index]);
}

static void on_read(void *arg, rb_err err)
{
    struct one_read *one = arg;
    struct asking *asking = one->asking;
    bool is_missing = one->index % 2 == 1;
    bool is_right = is_missing ? err == RB_NOT_FOUND
                               : err == RB_OK && rb_str_is(asking->readings[one->index].job.kind, "k");
    if (is_right && asking->is_elsewhere[one->index] && rb_loop_current() == asking->loop)
        asking->right_answers++;
    free(one);
    if (++asking->answers == READS) rb_loop_stop(asking->loop);
}

static void ask_all(struct rb_mail *mail)
{
    struct asking *asking = (struct asking *)(void *)((char *)mail - offsetof(struct asking, start));
    for (unsigned i = 0; i < READS; i++) {
        struct one_read *one = malloc(sizeof *one);
        *one = (struct one_read){asking, i};
        asking->readings[i] = (struct reading){.arena = &asking->arenas[i],
                                               .text = i % 2 ? RB_STR("missing") : RB_STR("there")};
        rb_store_read(asking->f->store, asking->loop, read_one, on_read, one);
    }
}

static void test_reads_come_back_to_their_loop(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record job = a_job("there");
    insert_job(f, &job);
    static struct asking asking;
    asking = (struct asking){.f = f, .loop = rb_loop_new("test"), .start = {.run = ask_all}};
    rb_loop_post(asking.loop, &asking.start);
    rb_loop_run(asking.loop);
    rb_loop_free(asking.loop);
    assert_int_equal(asking.answers, READS);
    assert_int_equal(asking.right_answers, READS);
    for (unsigned i = 0; i < READS; i++) rb_arena_fini(&asking.arenas[i]);
}

/* One read sees one state, however many queries it makes and whatever is committed in between. */
struct steady {
    struct fixture *f;
    struct reading first, second;
};

static rb_err read_write_read(struct rb_reader *reader, void *arg)
{
    struct steady *steady = arg;
    rb_err err = read_open_jobs_fn(reader, &steady->first);
    struct rb_job_record job = a_job("2");
    struct rb_tx *tx = rb_tx_new();
    rb_tx_job_insert(tx, &job);
    if (err == RB_OK) err = rb_store_commit_wait(steady->f->store, tx);
    rb_tx_free(tx);
    return err == RB_OK ? read_open_jobs_fn(reader, &steady->second) : err;
}

static void test_one_read_sees_one_state(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record job = a_job("1");
    insert_job(f, &job);
    struct steady steady = {.f = f, .first = {.arena = &f->arena}, .second = {.arena = &f->arena}};
    assert_int_equal(rb_store_read_wait(f->store, read_write_read, &steady), RB_OK);
    assert_int_equal(steady.first.count, 1);
    assert_int_equal(steady.second.count, 1);
    assert_int_equal(read_open_jobs(f).count, 2);
}

/* A reader cannot write, and its connection is fit for use after a read that failed in the middle. */
static rb_err fail_in_the_middle(struct rb_reader *reader, void *arg)
{
    rb_err err = read_open_jobs_fn(reader, arg);
    return err == RB_OK ? RB_CONFLICT : err;
}

static void test_a_read_may_fail(void **state)
{
    struct fixture *f = *state;
    struct reading r = {.arena = &f->arena};
    assert_int_equal(rb_store_read_wait(f->store, fail_in_the_middle, &r), RB_CONFLICT);
    struct rb_job_record job = a_job("1");
    insert_job(f, &job);
    assert_int_equal(read_open_jobs(f).count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_come_back_to_their_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_read_sees_one_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_read_may_fail, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
