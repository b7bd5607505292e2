/* Files of a job by name, by the state in which it is. */
#include "files/files_fixture.h"

#include "base/mem.h"
#include "jobs/jobs.h"

static struct rb_job_record running(void)
{
    return (struct rb_job_record){.id = RB_STR("abcdef"), .attempt = 1, .state = RB_JOB_STATE_RUNNING};
}

static struct rb_job_record finished(void)
{
    return (struct rb_job_record){.id = RB_STR("abcdef"),
                                  .attempt = 1,
                                  .state = RB_JOB_STATE_FINISHED,
                                  .result_name = RB_STR("report.txt"),
                                  .result_file = RB_STR("results/ab/abcdef.1")};
}

static rb_err open_name(struct fixture *f, const struct rb_job_record *job, rb_str name, uint64_t *out_bytes)
{
    int fd = -1;
    rb_err err = rb_job_open_file(f->files, job, name, &fd, out_bytes);
    assert_int_equal(fd >= 0, err == RB_OK);
    if (fd >= 0) close(fd);
    return err;
}

static void while_it_runs(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record job = running();
    uint64_t bytes = 0;
    make_file(in_out(f, "a"), "12345");
    assert_int_equal(open_name(f, &job, RB_STR("a"), &bytes), RB_OK);
    assert_int_equal(bytes, 5);
    assert_int_equal(open_name(f, &job, RB_STR("b"), &bytes), RB_NOT_FOUND);
    assert_int_equal(open_name(f, &job, RB_STR("../abcdef.1/out/a"), &bytes), RB_BAD_NAME);
    assert_int_equal(open_name(f, &job, RB_STR(".."), &bytes), RB_BAD_NAME);
    assert_int_equal(open_name(f, &job, RB_STR(""), &bytes), RB_BAD_NAME);
    job.state = RB_JOB_STATE_QUEUED;
    assert_int_equal(open_name(f, &job, RB_STR("a"), &bytes), RB_NOT_FOUND);
    job.state = RB_JOB_STATE_FAILED;
    assert_int_equal(open_name(f, &job, RB_STR("a"), &bytes), RB_NOT_FOUND);
}

static void when_it_has_ended(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record job = finished();
    uint64_t bytes = 0;
    make_file(in_out(f, "a"), "12345");
    assert_int_equal(open_name(f, &job, RB_STR("report.txt"), &bytes), RB_NOT_FOUND); /* its time is over */
    make_dir(below(f, "results/ab"));
    make_file(below(f, "results/ab/abcdef.1"), "the result");
    assert_int_equal(open_name(f, &job, RB_STR("report.txt"), &bytes), RB_OK);
    assert_int_equal(bytes, 10);
    assert_int_equal(open_name(f, &job, RB_STR("a"), &bytes), RB_NOT_FOUND);
    assert_int_equal(open_name(f, &job, RB_STR("abcdef.1"), &bytes), RB_NOT_FOUND);
}

static void putting(void **state)
{
    struct fixture *f = *state;
    struct rb_job_record job = running();
    uint64_t bytes = 0;
    make_file(below(f, "source"), "123");
    int fd = open(below(f, "source"), O_RDONLY);
    assert_int_equal(rb_job_put_file(f->files, &job, RB_STR("in.txt"), fd), RB_OK);
    assert_int_equal(open_name(f, &job, RB_STR("in.txt"), &bytes), RB_OK);
    assert_int_equal(bytes, 3);
    assert_int_equal(rb_job_put_file(f->files, &job, RB_STR("../in.txt"), fd), RB_BAD_NAME);
    job.state = RB_JOB_STATE_FINISHED;
    assert_int_equal(rb_job_put_file(f->files, &job, RB_STR("late.txt"), fd), RB_NOT_FOUND);
    job = running();
    rb_files_drop_work_dir(f->files, RB_STR("abcdef"), 1);
    assert_int_equal(rb_job_put_file(f->files, &job, RB_STR("late.txt"), fd), RB_NOT_FOUND);
    close(fd);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RUN(while_it_runs),
        RUN(when_it_has_ended),
        RUN(putting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
