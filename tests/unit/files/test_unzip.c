/* Archives: what is in them comes out, and nowhere else; of those that are not what they seem nothing stays.
 * And single files that are packed. */
#include "files_fixture.h"

#include "base/mem.h"
#include "codec/inflate.h"
#include "files/spool_make.h"
#include "files/unzip.h"

#include <dirent.h>
#include <zip.h>

static const struct rb_unzip_limits limits = {.entries_max = 5, .bytes_max = 3 << 20, .ratio_max = 10};

struct entry {
    const char *name;
    size_t bytes; /* of 'x' */
};

/* Made by libzip, which does not mind the names. */
static rb_str make_zip(struct fixture *f, const struct entry *entries)
{
    rb_str path = rb_files_spool_path(f->files, &f->arena);
    zip_t *zip = zip_open(path.p, ZIP_CREATE | ZIP_EXCL, NULL);
    assert_non_null(zip);
    for (; entries->name; entries++) {
        char *bytes = rb_arena_alloc(&f->arena, entries->bytes + 1);
        memset(bytes, 'x', entries->bytes);
        zip_source_t *source = zip_source_buffer(zip, bytes, entries->bytes, 0);
        if (entries->name[strlen(entries->name) - 1] == '/') {
            zip_source_free(source);
            assert_true(zip_dir_add(zip, entries->name, 0) >= 0);
        } else {
            assert_true(zip_file_add(zip, entries->name, source, ZIP_FL_ENC_UTF_8) >= 0);
        }
    }
    assert_int_equal(zip_close(zip), 0);
    return path;
}

static unsigned spooled(struct fixture *f)
{
    DIR *dir = opendir(below(f, "spool"));
    unsigned count = 0;
    assert_non_null(dir);
    while (readdir(dir)) count++;
    closedir(dir);
    return count - 2;
}

static bool is_wanted(void *arg, rb_str name)
{
    (void)arg;
    return !rb_str_ends(name, RB_STR(".txt"));
}

static rb_err unzip(struct fixture *f, rb_str path, struct rb_unzipped **out, unsigned *out_count)
{
    rb_buf_clear(&f->why);
    return rb_unzip(f->files, &f->arena, path, &limits, is_wanted, NULL, out, out_count, &f->why);
}

static void what_is_wanted_comes_out_in_its_order(void **state)
{
    struct fixture *f = *state;
    static const struct entry entries[] = {{"north/", 0},   {"north/../../../b.ifc", 100}, {"/etc/a.ifc", 0},
                                           {"read.txt", 5}, {"..\\c\nd.ifc", 7},           {0}};
    static const struct {
        const char *name;
        size_t bytes;
    } expected[] = {{"b.ifc", 100}, {"a.ifc", 0}, {"c_d.ifc", 7}};
    struct rb_unzipped *files = NULL;
    unsigned count = 0;
    assert_int_equal(unzip(f, make_zip(f, entries), &files, &count), RB_OK);
    assert_int_equal(count, 3);
    rb_str spool = rb_str_of(below(f, "spool/"));
    for (unsigned i = 0; i < count; i++) {
        struct stat stat;
        assert_str(files[i].name, expected[i].name);
        assert_int_equal(files[i].bytes, expected[i].bytes);
        assert_true(rb_str_starts(files[i].path, spool));
        assert_int_equal(rb_str_find(rb_str_from(files[i].path, spool.n), '/'), -1);
        assert_int_equal(lstat(files[i].path.p, &stat), 0);
        assert_int_equal(stat.st_size, expected[i].bytes);
        assert_int_equal(unlink(files[i].path.p), 0);
    }
    assert_int_equal(spooled(f), 1);
}

static void limits_hold_and_nothing_stays(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct entry entries[7];
        rb_err err;
    } cases[] = {
        {{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}}, RB_OK},
        {{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e.txt", 1}, {"f.txt", 1}}, RB_BODY_TOO_LARGE},
        {{{"a", 1 << 20}}, RB_OK},                       /* packed a thousandfold, but not beyond a MiB */
        {{{"a", 1}, {"b", 2 << 20}}, RB_BODY_TOO_LARGE}, /* beyond it */
        {{{"a.txt", 2 << 20}}, RB_OK},                   /* is not looked at */
        {{{"a", 1 << 20}, {"b", 1 << 20}, {"c", 1 << 20}}, RB_OK},
        {{{"a", 1 << 20}, {"b", 1 << 20}, {"c", 1 << 20}, {"d", 1}}, RB_BODY_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_unzipped *files = NULL;
        unsigned count = 0, before = spooled(f);
        rb_str path = make_zip(f, cases[i].entries);
        rb_err err = unzip(f, path, &files, &count);
        if (err != cases[i].err) fail_msg("case %zu: %s", i, rb_reason_name(err));
        assert_int_equal(err == RB_OK, f->why.n == 0);
        for (unsigned j = 0; j < count; j++) assert_int_equal(unlink(files[j].path.p), 0);
        assert_int_equal(spooled(f), before + 1);
    }
}

/* Overwrites, from the end for a negative place. */
static void spoil(rb_str path, off_t at, const void *bytes, size_t n)
{
    int fd = open(path.p, O_RDWR);
    struct stat stat;
    assert_int_equal(fstat(fd, &stat), 0);
    assert_int_equal(pwrite(fd, bytes, n, at < 0 ? stat.st_size + at : at), n);
    close(fd);
}

static void damage_is_said(void **state)
{
    struct fixture *f = *state;
    static const struct entry entries[] = {{"a.ifc", 3000}, {0}};
    static const struct {
        off_t at;
        const char *bytes;
        size_t n;
        rb_err err;
    } cases[] = {
        {-22, "XX", 2, RB_BAD_REQUEST},                  /* no end record */
        {-12, "\xff\xff", 2, RB_BODY_TOO_LARGE},         /* which says too many entries */
        {-10, "\xff\xff\xff\x7f", 4, RB_BODY_TOO_LARGE}, /* or too large a directory */
        {-42, "PK\6\7", 4, RB_BODY_TOO_LARGE},           /* the 64-bit form */
        {-6, "\xff\xff\xff\x7f", 4, RB_BAD_REQUEST},     /* a directory that is nowhere */
        {40, "\xff\xff\xff\xff", 4, RB_BAD_REQUEST},     /* nothing that can be unpacked */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_unzipped *files = NULL;
        unsigned count = 0, before = spooled(f);
        rb_str path = make_zip(f, entries);
        spoil(path, cases[i].at, cases[i].bytes, cases[i].n);
        rb_err err = unzip(f, path, &files, &count);
        if (err != cases[i].err) fail_msg("case %zu: %s: %s", i, rb_reason_name(err), rb_buf_text(&f->why));
        assert_true(f->why.n > 0);
        assert_null(files);
        assert_int_equal(spooled(f), before + 1);
    }
    struct rb_unzipped *files = NULL;
    unsigned count = 0;
    assert_int_equal(unzip(f, RB_STR("/nowhere/at/all"), &files, &count), RB_STORE_FAILED);
}

static void memory_that_is_out_is_said(void **state)
{
    struct fixture *f = *state;
    static const struct entry entries[] = {{"a.ifc", 3000}, {0}};
    rb_str path = make_zip(f, entries);
    for (long left = 0;; left++) {
        struct rb_unzipped *files = NULL;
        unsigned count = 0;
        rb_mem_fail_after(left);
        rb_err err = unzip(f, path, &files, &count);
        rb_mem_fail_after(-1);
        if (err == RB_OK) {
            assert_true(left > 0);
            assert_int_equal(unlink(files[0].path.p), 0);
            return;
        }
        assert_int_equal(err, RB_OUT_OF_MEMORY);
        assert_int_equal(spooled(f), 1);
    }
}

/* ---- one file ---- */

static int open_sample(struct fixture *f, size_t bytes)
{
    rb_str path = rb_files_spool_path(f->files, &f->arena);
    char *text = rb_arena_alloc(&f->arena, bytes + 1);
    for (size_t i = 0; i < bytes; i++) text[i] = "#12=IFCWALL();\n"[i % 15];
    assert_int_equal(rb_spool_write(path, (rb_str){text, bytes}, &f->why), RB_OK);
    int fd = open(path.p, O_RDONLY);
    assert_true(fd >= 0);
    return fd;
}

static void a_file_is_packed_with_gzip(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, 65536, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int fd = open_sample(f, sizes[i]);
        rb_str path = rb_files_spool_path(f->files, &f->arena);
        assert_int_equal(rb_spool_gzip(path, fd, &f->why), RB_OK);
        int packed = open(path.p, O_RDONLY);
        char *bytes = rb_arena_alloc(&f->arena, sizes[i] + 1000),
             *room = rb_arena_alloc(&f->arena, sizes[i] + 1);
        ssize_t n = read(packed, bytes, sizes[i] + 1000);
        struct rb_inflate *inflate = rb_inflate_new(RB_INFLATE_GZIP, sizes[i]);
        rb_str input = {bytes, (size_t)n};
        size_t out;
        assert_int_equal(rb_inflate_next(inflate, &input, room, sizes[i] + 1, &out), RB_OK);
        assert_true(rb_inflate_is_complete(inflate));
        assert_int_equal(out, sizes[i]);
        rb_inflate_free(inflate);
        close(packed);
        assert_int_equal(rb_spool_gzip(path, fd, &f->why), RB_STORE_FAILED); /* there is one already */
        close(fd);
    }
}

static void packing_may_lack_memory(void **state)
{
    struct fixture *f = *state;
    int fd = open_sample(f, 1000);
    rb_str path = rb_files_spool_path(f->files, &f->arena);
    for (long left = 0; left < 3; left++) {
        rb_mem_fail_after(left);
        rb_err err = rb_spool_gzip(path, fd, &f->why);
        rb_mem_fail_after(-1);
        assert_int_equal(err, RB_OUT_OF_MEMORY);
        assert_int_equal(access(path.p, F_OK), -1);
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_wanted_comes_out_in_its_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_hold_and_nothing_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_is_out_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_packed_with_gzip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packing_may_lack_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
