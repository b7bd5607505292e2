/* Directories, sweeping, opening. */
#include "files_fixture.h"

#include "base/mem.h"
#include "files/files_private.h"

static void work_dirs_are_fresh(void **state)
{
    struct fixture *f = *state;
    rb_str again;
    make_file(in_out(f, "old"), "x");
    assert_int_equal(rb_files_make_work_dir(f->files, &f->arena, RB_STR("abcdef"), 1, &again, &f->why),
                     RB_OK);
    assert_true(rb_str_eq(again, f->work_dir));
    assert_true(again.p[0] == '/');
    assert_true(exists(in_out(f, "")));
    assert_false(exists(in_out(f, "old")));
    assert_true(rb_str_starts(again, rb_files_work_root(f->files, &f->arena)));
}

static void dropping_takes_what_was_made_unwritable(void **state)
{
    struct fixture *f = *state;
    make_dir(in_out(f, "locked"));
    make_file(in_out(f, "locked/x"), "x");
    chmod(in_out(f, "locked"), 0);
    rb_files_drop_work_dir(f->files, RB_STR("abcdef"), 1);
    assert_false(exists(f->work_dir.p));
    rb_files_drop_work_dir(f->files, RB_STR("abcdef"), 1); /* nothing there: fine */
}

static void dropping_does_not_follow_links(void **state)
{
    struct fixture *f = *state;
    make_dir(below(f, "other"));
    make_file(below(f, "other/x"), "x");
    assert_int_equal(symlink(below(f, "other"), in_out(f, "link")), 0);
    rb_files_drop_work_dir(f->files, RB_STR("abcdef"), 1);
    assert_false(exists(f->work_dir.p));
    assert_true(exists(below(f, "other/x")));
}

static void usage_counts_files_and_stops(void **state)
{
    struct fixture *f = *state;
    make_file(in_out(f, "a"), "12345");
    make_dir(in_out(f, "d"));
    make_file(in_out(f, "d/b"), "123");
    assert_int_equal(symlink("/usr", in_out(f, "link")), 0);
    assert_int_equal(rb_files_usage(in_out(f, ""), 100), 8);
    assert_int_equal(rb_files_usage(in_out(f, ""), 8), 8);
    assert_int_equal(rb_files_usage(in_out(f, ""), 7), 8);
    assert_int_equal(rb_files_usage(in_out(f, "none"), 7), 0);
}

static bool is_kept(void *arg, rb_str path)
{
    unsigned *asked = arg;
    ++*asked;
    return rb_str_is(path, "results/ab/abcdef.1");
}

static void sweeping_leaves_only_what_is_known(void **state)
{
    struct fixture *f = *state;
    unsigned asked = 0;
    make_dir(below(f, "results/ab"));
    make_dir(below(f, "results/xy"));
    make_file(below(f, "results/ab/abcdef.1"), "kept");
    make_file(below(f, "results/ab/abcdef.2"), "not");
    make_file(below(f, "results/xy/xyz.1"), "not");
    rb_files_sweep(f->files, is_kept, &asked);
    assert_int_equal(asked, 3);
    assert_true(exists(below(f, "results/ab/abcdef.1")));
    assert_false(exists(below(f, "results/ab/abcdef.2")));
    assert_false(exists(below(f, "results/xy/xyz.1")));
    assert_false(exists(f->work_dir.p));
    rb_files_remove(f->files, RB_STR("results/ab/abcdef.1"));
    rb_files_remove(f->files, RB_STR("results/ab/abcdef.1"));
    assert_false(exists(below(f, "results/ab/abcdef.1")));
}

/* ---- opening ---- */

static struct {
    struct rb_loop *loop;
    struct fixture *f;
    struct rb_mail mail;
    const char *path;
    rb_err err;
    int fd;
    uint64_t bytes;
} opening;

static void on_open(struct rb_file_open *open)
{
    assert_ptr_equal(open->arg, &opening);
    assert_ptr_equal(rb_loop_current(), opening.loop);
    opening.err = open->err;
    opening.fd = open->fd;
    opening.bytes = open->bytes;
    rb_free(open);
    rb_loop_stop(opening.loop);
}

static void start_opening(struct rb_mail *mail)
{
    (void)mail;
    char path[100];
    snprintf(path, sizeof path, "%s", opening.path);
    rb_files_open_result(opening.f->files, opening.loop, rb_str_of(path), on_open, &opening);
    memset(path, 'x', sizeof path); /* it was copied */
}

static void results_are_opened_on_the_pool(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *path;
        rb_err err;
        uint64_t bytes;
    } cases[] = {
        {"results/ab/abcdef.1", RB_OK, 5},
        {"results/ab/abcdef.2", RB_EXPIRED, 0},
        {"results/ab/link", RB_STORE_FAILED, 0},
        {"results/ab", RB_STORE_FAILED, 0},
    };
    make_dir(below(f, "results/ab"));
    make_file(below(f, "results/ab/abcdef.1"), "hello");
    assert_int_equal(symlink("abcdef.1", below(f, "results/ab/link")), 0);
    opening.loop = rb_loop_new("test");
    opening.f = f;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        opening.path = cases[i].path;
        opening.mail.run = start_opening;
        rb_loop_post(opening.loop, &opening.mail);
        rb_loop_run(opening.loop);
        assert_int_equal(opening.err, cases[i].err);
        if (cases[i].err == RB_OK) {
            assert_int_equal(opening.bytes, cases[i].bytes);
            close(opening.fd);
        } else {
            assert_int_equal(opening.fd, -1);
        }
    }
    rb_loop_free(opening.loop);
}

static void opening_says_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct rb_files *files = NULL;
    make_file(below(f, "file"), "x");
    assert_int_equal(rb_files_open(below(f, "file"), &files, &f->why), RB_STORE_FAILED);
    assert_true(f->why.n > 0);
    assert_null(files);
}

static void media_types_go_by_the_ending(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type;
    } cases[] = {
        {"a.json", "application/json"},
        {"A.JSON", "application/json"},
        {"a.tar.gz", "application/gzip"},
        {"a.xliff", "application/xliff+xml"},
        {"a.ifc", "application/x-step"},
        {".json", "application/octet-stream"}, /* a name, not an ending */
        {"a.unknown", "application/octet-stream"},
        {"json", "application/octet-stream"},
        {"", "application/octet-stream"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_str(rb_files_media_type(rb_str_of(cases[i].name)), cases[i].type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(work_dirs_are_fresh, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dropping_takes_what_was_made_unwritable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dropping_does_not_follow_links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(usage_counts_files_and_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sweeping_leaves_only_what_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(results_are_opened_on_the_pool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(opening_says_what_is_wrong, set_up, tear_down),
        cmocka_unit_test(media_types_go_by_the_ending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
