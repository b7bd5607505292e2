/* Single files of a worker's directory, whatever the worker has made of it. */
#include "files_fixture.h"

#include "base/mem.h"

#define JOB RB_STR("abcdef")

static rb_err open_it(struct fixture *f, const char *name, rb_str *out_text)
{
    int fd;
    uint64_t bytes;
    rb_err err = rb_files_open_work_file(f->files, JOB, 1, rb_str_of(name), &fd, &bytes);
    if (err) return err;
    char *text = rb_arena_alloc(&f->arena, 4096);
    assert_int_equal(read(fd, text, 4096), (ssize_t)bytes);
    *out_text = rb_str_make(text, bytes);
    close(fd);
    return RB_OK;
}

static const char *in_work(struct fixture *f, const char *name)
{
    return rb_arena_fmt(&f->arena, "%.*s/%s", RB_STR_FMT(f->work_dir), name).p;
}

static void results_come_first(void **state)
{
    struct fixture *f = *state;
    rb_str text;
    assert_int_equal(open_it(f, "a", &text), RB_NOT_FOUND);
    make_file(in_work(f, "a"), "beside");
    assert_int_equal(open_it(f, "a", &text), RB_OK);
    assert_str(text, "beside");
    make_file(in_out(f, "a"), "result");
    assert_int_equal(open_it(f, "a", &text), RB_OK);
    assert_str(text, "result");
    int fd;
    uint64_t bytes;
    assert_int_equal(rb_files_open_work_file(f->files, JOB, 2, RB_STR("a"), &fd, &bytes), RB_NOT_FOUND);
    assert_int_equal(rb_files_open_work_file(f->files, RB_STR("other"), 1, RB_STR("a"), &fd, &bytes),
                     RB_NOT_FOUND);
}

static void only_regular_files(void **state)
{
    struct fixture *f = *state;
    rb_str text;
    make_file(below(f, "secret"), "secret");
    assert_int_equal(symlink(below(f, "secret"), in_out(f, "link")), 0);
    assert_int_equal(symlink(below(f, "secret"), in_work(f, "link")), 0);
    assert_int_equal(mkfifo(in_out(f, "pipe"), 0600), 0); /* nobody writes to it: must not wait */
    make_dir(in_out(f, "dir"));
    assert_int_equal(open_it(f, "link", &text), RB_NOT_FOUND);
    assert_int_equal(open_it(f, "pipe", &text), RB_NOT_FOUND);
    assert_int_equal(open_it(f, "dir", &text), RB_NOT_FOUND);
    assert_int_equal(open_it(f, "out", &text), RB_NOT_FOUND);
}

/* The worker puts a link where its directories were. */
static void directories_are_not_followed(void **state)
{
    struct fixture *f = *state;
    rb_str text;
    make_dir(below(f, "other"));
    make_file(below(f, "other/a"), "of somebody else");
    int fd = open(below(f, "other/a"), O_RDONLY);
    assert_int_equal(rmdir(in_out(f, "")), 0);
    assert_int_equal(symlink(below(f, "other"), in_work(f, "out")), 0);
    assert_int_equal(open_it(f, "a", &text), RB_NOT_FOUND);
    assert_int_equal(unlink(in_work(f, "out")), 0);
    assert_int_equal(rmdir(f->work_dir.p), 0);
    assert_int_equal(symlink(below(f, "other"), f->work_dir.p), 0);
    assert_int_equal(open_it(f, "a", &text), RB_NOT_FOUND);
    assert_int_equal(rb_files_put_work_file(f->files, JOB, 1, RB_STR("b"), fd), RB_NOT_FOUND);
    assert_false(exists(below(f, "other/b")));
    close(fd);
}

static void putting(void **state)
{
    struct fixture *f = *state;
    make_file(below(f, "source"), "from the client");
    make_file(below(f, "secret"), "secret");
    int fd = open(below(f, "source"), O_RDONLY);
    assert_int_equal(rb_files_put_work_file(f->files, JOB, 1, RB_STR("a"), fd), RB_OK);
    assert_str(read_all(f, in_work(f, "a")), "from the client");
    make_file(in_work(f, "a"), "the worker's own");
    assert_int_equal(rb_files_put_work_file(f->files, JOB, 1, RB_STR("a"), fd), RB_OK);
    assert_str(read_all(f, in_work(f, "a")), "from the client");
    assert_int_equal(symlink(below(f, "secret"), in_work(f, "link")),
                     0); /* is replaced, not written through */
    assert_int_equal(rb_files_put_work_file(f->files, JOB, 1, RB_STR("link"), fd), RB_OK);
    assert_str(read_all(f, in_work(f, "link")), "from the client");
    assert_str(read_all(f, below(f, "secret")), "secret");
    assert_int_equal(rb_files_put_work_file(f->files, JOB, 1, RB_STR("out"), fd), RB_CONFLICT);
    assert_int_equal(rb_files_put_work_file(f->files, JOB, 2, RB_STR("a"), fd), RB_NOT_FOUND);
    assert_int_equal(rb_files_usage(f->work_dir.p, 1000),
                     2 * strlen("from the client")); /* and nothing else */
    close(fd);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RUN(results_come_first),
        RUN(only_regular_files),
        RUN(directories_are_not_followed),
        RUN(putting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
