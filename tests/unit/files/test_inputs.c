/* Inputs of jobs: into their place, found, removed, swept. */
#include "files_fixture.h"

#include "files/inputs.h"

static rb_err put(struct fixture *f, const char *job_id, const char *text)
{
    make_file(below(f, "incoming"), text);
    return rb_inputs_put(f->files, rb_str_of(job_id), rb_str_of(below(f, "incoming")), &f->why);
}

static void an_input_has_its_place(void **state)
{
    struct fixture *f = *state;
    assert_null(rb_inputs_find(f->files, &f->arena, RB_STR("abcdef")).p);
    assert_int_equal(put(f, "abcdef", "first"), RB_OK);
    assert_false(exists(below(f, "incoming")));
    rb_str path = rb_inputs_find(f->files, &f->arena, RB_STR("abcdef"));
    assert_str(path, realpath(below(f, "inputs/ab/abcdef"), rb_arena_alloc(&f->arena, 4096)));
    struct stat status;
    assert_int_equal(stat(path.p, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0400);
    assert_int_equal(status.st_size, 5);
    assert_int_equal(put(f, "abcdef", "the second"), RB_OK); /* replaces, though it is read-only */
    assert_int_equal(stat(path.p, &status), 0);
    assert_int_equal(status.st_size, 10);
    rb_inputs_remove(f->files, RB_STR("abcdef"));
    assert_false(exists(path.p));
    rb_inputs_remove(f->files, RB_STR("abcdef")); /* fine */
}

static void what_cannot_be_placed_is_removed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f, "abcdef", "x"), RB_OK);
    rb_inputs_remove(f->files, RB_STR("abcdef"));
    assert_int_equal(rb_inputs_put(f->files, RB_STR("abcdef"), rb_str_of(below(f, "none")), &f->why),
                     RB_STORE_FAILED);
    assert_true(f->why.n > 0);
    make_file(below(f, "inputs/xy"), "in the way");
    assert_int_equal(put(f, "xyzzy", "x"), RB_STORE_FAILED);
    assert_false(exists(below(f, "incoming")));
}

static bool is_known(void *arg, rb_str job_id)
{
    unsigned *asked = arg;
    ++*asked;
    return rb_str_is(job_id, "abcdef");
}

static void inputs_that_nobody_knows_are_swept(void **state)
{
    struct fixture *f = *state;
    unsigned asked = 0;
    rb_inputs_sweep(f->files, is_known, &asked); /* nothing there: fine */
    assert_int_equal(put(f, "abcdef", "known"), RB_OK);
    assert_int_equal(put(f, "abxxxx", "unknown"), RB_OK);
    assert_int_equal(put(f, "zzzzzz", "unknown"), RB_OK);
    make_dir(below(f, "inputs/ab/strange"));
    make_file(below(f, "inputs/ab/strange/x"), "x");
    assert_int_equal(symlink("/etc", below(f, "inputs/ln")), 0);
    rb_inputs_sweep(f->files, is_known, &asked);
    assert_int_equal(asked, 4);
    assert_true(exists(below(f, "inputs/ab/abcdef")));
    assert_false(exists(below(f, "inputs/ab/abxxxx")));
    assert_false(exists(below(f, "inputs/zz/zzzzzz")));
    assert_false(exists(below(f, "inputs/ab/strange")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_input_has_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_placed_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(inputs_that_nobody_knows_are_swept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
