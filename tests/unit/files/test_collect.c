/* Results: from what lies in out/ to what lies in results/. ZIPs are read back with libzip. */
#include "files_fixture.h"

#include <time.h>
#include <zip.h>

static rb_err collect(struct fixture *f, uint64_t bytes_max, struct rb_result *out)
{
    rb_buf_clear(&f->why);
    struct rb_collect wanted = {.work_dir = f->work_dir,
                                .job_id = RB_STR("abcdef"),
                                .kind = RB_STR("export"),
                                .attempt = 1,
                                .bytes_max = bytes_max,
                                .always_zip = f->always_zip};
    return rb_files_collect(f->files, &f->arena, &wanted, out, &f->why);
}

static void nothing_is_no_result(void **state)
{
    struct rb_result result = {.file_count = 9};
    assert_int_equal(collect(*state, 100, &result), RB_OK);
    assert_int_equal(result.file_count, 0);
    assert_null(result.path.p);
}

static void one_file_is_itself(void **state)
{
    struct fixture *f = *state;
    struct rb_result result;
    make_dir(in_out(f, "deep"));
    make_file(in_out(f, "deep/b\xc3\xa4r.pot"), "hello");
    chmod(in_out(f, "deep/b\xc3\xa4r.pot"), 0);
    assert_int_equal(collect(f, 5, &result), RB_OK);
    assert_int_equal(result.file_count, 1);
    assert_str(result.label, "b\xc3\xa4r.pot");
    assert_str(result.type, "text/x-gettext-translation-template; charset=utf-8");
    assert_str(result.path, "results/ab/abcdef.1");
    assert_int_equal(result.bytes, 5);
    assert_str(read_all(f, below(f, result.path.p)), "hello");
    assert_false(exists(in_out(f, "deep/b\xc3\xa4r.pot")));
}

static void labels_hold_no_traps(void **state)
{
    struct fixture *f = *state;
    struct rb_result result;
    make_file(in_out(f, "a\x01"
                        "b\\c\xff\r\n.PDF"),
              "x");
    assert_int_equal(collect(f, 100, &result), RB_OK);
    assert_str(result.label, "a_b_c___.PDF");
    assert_str(result.type, "application/pdf");
}

static zip_t *open_zip(struct fixture *f, const struct rb_result *result)
{
    int code;
    zip_t *zip = zip_open(below(f, result->path.p), ZIP_RDONLY | ZIP_CHECKCONS, &code);
    assert_non_null(zip);
    return zip;
}

static void assert_entry(zip_t *zip, zip_uint64_t index, const char *name, const char *text)
{
    char bytes[100];
    zip_stat_t stat;
    assert_int_equal(zip_stat_index(zip, index, 0, &stat), 0);
    assert_string_equal(stat.name, name);
    assert_int_equal(stat.comp_method, ZIP_CM_DEFLATE);
    assert_int_equal(stat.size, strlen(text));
    zip_file_t *file = zip_fopen_index(zip, index, 0);
    assert_non_null(file);
    assert_int_equal(zip_fread(file, bytes, sizeof bytes), strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
    zip_fclose(file);
}

static void one_file_is_a_zip_where_that_is_wanted(void **state)
{
    struct fixture *f = *state;
    struct rb_result result;
    make_file(in_out(f, "only.txt"), "hello");
    f->always_zip = true;
    assert_int_equal(collect(f, 100, &result), RB_OK);
    assert_str(result.label, "export.zip");
    assert_str(result.type, "application/zip");
    zip_t *zip = zip_open(below(f, result.path.p), ZIP_RDONLY, NULL);
    assert_non_null(zip);
    assert_int_equal(zip_get_num_entries(zip, 0), 1);
    assert_string_equal(zip_get_name(zip, 0, 0), "only.txt");
    zip_discard(zip);
}

static void several_files_are_a_sorted_zip(void **state)
{
    struct fixture *f = *state;
    struct rb_result result;
    make_file(in_out(f, "z.txt"), "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz");
    make_dir(in_out(f, "locale"));
    make_dir(in_out(f, "empty"));
    make_file(in_out(f, "locale/\xd1\x8f.mo"), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    make_file(in_out(f, "locale/de.mo"), "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    assert_int_equal(collect(f, 1000, &result), RB_OK);
    assert_int_equal(result.file_count, 3);
    assert_str(result.label, "export.zip");
    assert_str(result.type, "application/zip");
    zip_t *zip = open_zip(f, &result);
    assert_int_equal(zip_get_num_entries(zip, 0), 3);
    assert_entry(zip, 0, "locale/de.mo", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    assert_entry(zip, 1, "locale/\xd1\x8f.mo", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_entry(zip, 2, "z.txt", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz");
    zip_close(zip);
}

static void entries_keep_the_times_of_files(void **state)
{
    struct fixture *f = *state;
    struct rb_result result;
    struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    make_file(in_out(f, "a"), "aaaaaaaaaaaaaaaaaaaaaaaaaaa");
    make_file(in_out(f, "b"), "b");
    assert_int_equal(utimensat(AT_FDCWD, in_out(f, "a"), times, 0), 0);
    assert_int_equal(collect(f, 1000, &result), RB_OK);
    zip_t *zip = open_zip(f, &result);
    zip_stat_t stat;
    assert_int_equal(zip_stat(zip, "a", 0, &stat), 0);
    assert_int_equal(stat.mtime, 1000000000);
    zip_close(zip);
}

static void names_that_become_alike_stay_two_entries(void **state)
{
    struct fixture *f = *state;
    struct rb_result result;
    make_file(in_out(f, "a\\b"), "1");
    make_file(in_out(f, "a\xff"
                        "b"),
              "2");
    make_file(in_out(f, "a_b"), "3");
    assert_int_equal(collect(f, 1000, &result), RB_OK);
    zip_t *zip = open_zip(f, &result);
    assert_int_equal(zip_get_num_entries(zip, 0), 3);
    assert_true(zip_name_locate(zip, "a_b", 0) >= 0);
    assert_true(zip_name_locate(zip, "a_b~2", 0) >= 0);
    assert_true(zip_name_locate(zip, "a_b~3", 0) >= 0);
    zip_close(zip);
}

static void links_and_special_files_stay_out(void **state)
{
    struct fixture *f = *state;
    struct rb_result result;
    make_file(below(f, "secret"), "secret");
    make_dir(below(f, "secrets"));
    make_file(below(f, "secrets/s"), "secret");
    assert_int_equal(symlink(below(f, "secret"), in_out(f, "link")), 0);
    assert_int_equal(symlink(below(f, "secrets"), in_out(f, "dir")), 0);
    assert_int_equal(mkfifo(in_out(f, "fifo"), 0600), 0);
    assert_int_equal(collect(f, 1000, &result), RB_OK);
    assert_int_equal(result.file_count, 0);
    make_file(in_out(f, "real"), "r");
    assert_int_equal(collect(f, 1000, &result), RB_OK);
    assert_str(result.label, "real");
}

static void too_many_bytes_are_refused(void **state)
{
    struct fixture *f = *state;
    struct rb_result result = {.file_count = 77};
    make_file(in_out(f, "a"), "12345");
    make_file(in_out(f, "b"), "12345");
    assert_int_equal(collect(f, 9, &result), RB_JOB_OUTPUT_FULL);
    assert_str(rb_buf_str(&f->why), "the results are larger than 9 bytes");
    assert_int_equal(result.file_count, 77);
    assert_false(exists(below(f, "results/ab/abcdef.1")));
    assert_int_equal(collect(f, 10, &result), RB_OK);
}

static void too_many_files_are_refused(void **state)
{
    struct fixture *f = *state;
    struct rb_result result;
    int dir = open(in_out(f, ""), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i <= 10000; i++) {
        char name[20];
        snprintf(name, sizeof name, "%d", i);
        close(openat(dir, name, O_CREAT | O_WRONLY, 0600));
    }
    assert_int_equal(collect(f, 1000, &result), RB_JOB_OUTPUT_FULL);
    assert_str(rb_buf_str(&f->why), "the results are more than 10000 files");
    unlinkat(dir, "7", 0);
    close(dir);
    assert_int_equal(collect(f, 1000, &result), RB_OK);
    assert_int_equal(result.file_count, 10000);
}

/* A chain of directories, each inside the one before; mkdir with a whole path would meet the limit of paths.
 */
static void make_deep(const char *root, int levels)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < levels; i++) {
        assert_int_equal(mkdirat(fd, "d", 0700), 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = next;
    }
    close(openat(fd, "f", O_CREAT | O_WRONLY, 0600));
    close(fd);
}

static void too_deep_is_refused_and_still_removed(void **state)
{
    struct fixture *f = *state;
    struct rb_result result;
    static const int levels[] = {70, 3000}; /* more than our depth; a path longer than any may be */
    for (int i = 0; i < 2; i++) {
        rb_files_make_work_dir(f->files, &f->arena, RB_STR("abcdef"), 1, &f->work_dir, &f->why);
        make_deep(in_out(f, ""), levels[i]);
        assert_int_equal(collect(f, 1000, &result), RB_JOB_OUTPUT_FULL);
        assert_str(rb_buf_str(&f->why), "the results are nested too deeply, or have too long a name");
        assert_int_equal(rb_files_usage(in_out(f, ""), 1000), 1001);
        rb_files_drop_work_dir(f->files, RB_STR("abcdef"), 1);
        assert_false(exists(f->work_dir.p));
    }
}

static void what_stands_in_the_way_is_named(void **state)
{
    struct fixture *f = *state;
    struct rb_result result;
    make_file(in_out(f, "a"), "1");
    make_file(below(f, "results/ab"), "in the way");
    assert_int_equal(collect(f, 1000, &result), RB_STORE_FAILED);
    assert_true(rb_str_starts(rb_buf_str(&f->why), RB_STR("Cannot ")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_no_result, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_file_is_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(labels_hold_no_traps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_file_is_a_zip_where_that_is_wanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_files_are_a_sorted_zip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(entries_keep_the_times_of_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_that_become_alike_stay_two_entries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_and_special_files_stay_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_bytes_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_files_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_deep_is_refused_and_still_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stands_in_the_way_is_named, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
