/* The two-way directory of a session: names, replacing, quotas, and what becomes of the files on disk. */
#include "files_fixture.h"

#include "base/mem.h"
#include "files/scratch.h"

#include <dirent.h>
#include <pthread.h>

enum { BYTES_MAX = 100, FILES_MAX = 4 };

struct rig {
    struct fixture *f;
    struct rb_scratches *scratches;
};

static struct rig rig;
#define ANN RB_STR("session-of-ann")
#define BOB RB_STR("session-of-bob")

static int start(void **state)
{
    if (set_up(state)) return -1;
    rig.f = *state;
    rig.scratches = rb_scratches_new(rig.f->files, BYTES_MAX, FILES_MAX);
    return 0;
}

static int stop(void **state)
{
    rb_scratches_free(rig.scratches);
    return tear_down(state);
}

static unsigned count_names(const char *path)
{
    unsigned count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static unsigned on_disk(void)
{
    return count_names(below(rig.f, "scratch"));
}

static rb_str uploaded(const char *text)
{
    const char *path = below(rig.f, "spool/upload");
    make_file(path, text);
    return rb_str_of(path);
}

static rb_err put(rb_str session, enum rb_scratch_put how, const char *name, const char *text)
{
    rb_str path = uploaded(text);
    rb_err err = rb_scratch_put(rig.scratches, session, how, rb_str_of(name), path, NULL);
    assert_false(exists(path.p)); /* taken, or removed */
    return err;
}

static rb_str read_fd(int take_fd)
{
    char *text = rb_arena_alloc(&rig.f->arena, 4096);
    ssize_t n = pread(take_fd, text, 4096, 0);
    assert_true(n >= 0);
    close(take_fd);
    return rb_str_make(text, (size_t)n);
}

static int open_file(rb_str session, const char *name)
{
    int fd;
    struct rb_scratch_file file;
    assert_int_equal(rb_scratch_open(rig.scratches, session, rb_str_of(name), &fd, &file), RB_OK);
    return fd;
}

#define assert_holds(session, name, text) assert_str(read_fd(open_file(session, name)), text)

/* ---- names ---- */

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_valid;
    } cases[] = {
        {"a", true},
        {"a b.txt", true},
        {"...", true},
        {".hidden", true},
        {"-rf", true},
        {"CON", true},
        {"a:b|c*?\"<>", true},
        {"%2e%2e%2f", true}, /* it was decoded once, by whoever came before */
        {"..%5c", true},
        {"\xc3\xa9", true},
        {"e\xcc\x81", true},        /* another name than the one before */
        {"\xe2\x80\xae.txt", true}, /* only a label */
        {"\xe2\x88\x95", true},     /* looks like a slash */
        {"\xc2\xa0", true},         /* the first behind the controls */
        {"\xf0\x9f\x98\x80", true},
        {"", false},
        {".", false},
        {"..", false},
        {"/", false},
        {"a/b", false},
        {"/etc/passwd", false},
        {"../x", false},
        {"a\\b", false},
        {"..\\x", false},
        {"a\nb", false},
        {"\x01", false},
        {"a\x7f", false},
        {"\xc2\x80", false},
        {"\xc2\x9f", false},
        {"\xff", false},
        {"\xc0\xae\xc0\xae", false}, /* an overlong ".." */
        {"\xc0\xaf", false},
        {"\xed\xa0\x80", false}, /* a surrogate */
        {"\xe2\x82", false},     /* cut */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool is_valid = rb_scratch_name_is_valid(rb_str_of(cases[i].name));
        if (is_valid != cases[i].is_valid) fail_msg("%zu: \"%s\"", i, cases[i].name);
        rb_err expected = cases[i].is_valid ? RB_OK : RB_BAD_NAME;
        assert_int_equal(put(ANN, RB_SCRATCH_PUT, cases[i].name, "x"), expected);
        if (cases[i].is_valid) rb_scratch_delete(rig.scratches, ANN, rb_str_of(cases[i].name));
    }
    char longest[257];
    memset(longest, 'n', sizeof longest);
    assert_true(rb_scratch_name_is_valid(rb_str_make(longest, 255)));
    assert_false(rb_scratch_name_is_valid(rb_str_make(longest, 256)));
    assert_false(rb_scratch_name_is_valid(RB_STR_NONE));
    assert_false(rb_scratch_name_is_valid(RB_STR("a\0b")));
    assert_int_equal(on_disk(), 0);
}

/* ---- what is in it ---- */

static void put_and_read(void **state)
{
    (void)state;
    struct rb_scratch_file *files, found;
    uint32_t count;
    assert_int_equal(put(ANN, RB_SCRATCH_CREATE, "b", "bb"), RB_OK);
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "a", "a"), RB_OK);
    assert_int_equal(put(BOB, RB_SCRATCH_CREATE, "b", "of bob"), RB_OK);
    rb_scratch_list(rig.scratches, ANN, &rig.f->arena, &files, &count);
    assert_int_equal(count, 2);
    assert_str(files[0].name, "a");
    assert_str(files[1].name, "b");
    assert_int_equal(files[1].bytes, 2);
    assert_true(files[1].modified_ms > 0);
    assert_true(files[0].version != files[1].version);
    assert_int_equal(rb_scratch_find(rig.scratches, ANN, RB_STR("b"), &found), RB_OK);
    assert_int_equal(found.version, files[1].version);
    assert_holds(ANN, "b", "bb");
    assert_holds(BOB, "b", "of bob");
    assert_int_equal(rb_scratch_find(rig.scratches, BOB, RB_STR("a"), &found), RB_NOT_FOUND);
    rb_scratch_list(rig.scratches, RB_STR("nobody"), &rig.f->arena, &files, &count);
    assert_int_equal(count, 0);
    assert_int_equal(on_disk(), 3);
}

static void create_and_replace(void **state)
{
    (void)state;
    struct rb_scratch_file first, second;
    assert_int_equal(put(ANN, RB_SCRATCH_REPLACE, "a", "x"), RB_NOT_FOUND);
    assert_int_equal(on_disk(), 0);
    assert_int_equal(
        rb_scratch_put(rig.scratches, ANN, RB_SCRATCH_CREATE, RB_STR("a"), uploaded("one"), &first), RB_OK);
    assert_false(first.is_replacement);
    assert_int_equal(put(ANN, RB_SCRATCH_CREATE, "a", "two"), RB_CONFLICT);
    assert_holds(ANN, "a", "one");
    int reader = open_file(ANN, "a");
    assert_int_equal(rb_scratch_put(rig.scratches, ANN, RB_SCRATCH_REPLACE, RB_STR("a"), uploaded("three"),
                                    &second),
                     RB_OK);
    assert_true(second.is_replacement);
    assert_true(second.version != first.version);
    assert_str(second.name, "a");
    assert_int_equal(second.bytes, 5);
    assert_holds(ANN, "a", "three");
    assert_str(read_fd(reader), "one"); /* to its end */
    assert_int_equal(on_disk(), 1);
}

static void deleting(void **state)
{
    (void)state;
    int fd;
    struct rb_scratch_file file;
    assert_int_equal(rb_scratch_delete(rig.scratches, ANN, RB_STR("a")), RB_NOT_FOUND);
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "a", "x"), RB_OK);
    assert_int_equal(rb_scratch_delete(rig.scratches, BOB, RB_STR("a")), RB_NOT_FOUND);
    assert_int_equal(rb_scratch_delete(rig.scratches, ANN, RB_STR("a")), RB_OK);
    assert_int_equal(rb_scratch_delete(rig.scratches, ANN, RB_STR("a")), RB_NOT_FOUND);
    assert_int_equal(rb_scratch_open(rig.scratches, ANN, RB_STR("a"), &fd, &file), RB_NOT_FOUND);
    assert_int_equal(on_disk(), 0);
    assert_int_equal(rb_scratch_room(rig.scratches, ANN), BYTES_MAX);
}

/* ---- quotas ---- */

static const char *bytes_of(size_t n)
{
    char *text = rb_arena_alloc(&rig.f->arena, n + 1);
    memset(text, 'x', n);
    return text;
}

static void quota_of_bytes(void **state)
{
    (void)state;
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "a", bytes_of(101)), RB_QUOTA_EXCEEDED);
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "a", bytes_of(100)), RB_OK);
    assert_int_equal(rb_scratch_room(rig.scratches, ANN), 0);
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "b", "x"), RB_QUOTA_EXCEEDED);
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "b", ""), RB_OK);
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "a", bytes_of(100)), RB_OK); /* what goes makes room */
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "a", bytes_of(60)), RB_OK);
    assert_int_equal(rb_scratch_room(rig.scratches, ANN), 40);
    assert_int_equal(put(ANN, RB_SCRATCH_REPLACE, "b", bytes_of(41)), RB_QUOTA_EXCEEDED);
    assert_int_equal(put(BOB, RB_SCRATCH_PUT, "b", bytes_of(41)), RB_OK);
    assert_holds(ANN, "b", "");
    assert_int_equal(on_disk(), 3);
}

static void quota_of_files(void **state)
{
    (void)state;
    static const char *const all[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < FILES_MAX; i++) assert_int_equal(put(ANN, RB_SCRATCH_CREATE, all[i], ""), RB_OK);
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "e", ""), RB_QUOTA_EXCEEDED);
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "d", "again"), RB_OK);
    assert_int_equal(rb_scratch_delete(rig.scratches, ANN, RB_STR("a")), RB_OK);
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "e", ""), RB_OK);
}

/* ---- sources ---- */

static void only_files_come_in(void **state)
{
    (void)state;
    const char *path = below(rig.f, "spool/x");
    make_file(below(rig.f, "secret"), "secret");
    assert_int_equal(symlink(below(rig.f, "secret"), path), 0);
    assert_int_equal(rb_scratch_put(rig.scratches, ANN, RB_SCRATCH_PUT, RB_STR("a"), rb_str_of(path), NULL),
                     RB_STORE_FAILED);
    assert_false(exists(path));
    assert_true(exists(below(rig.f, "secret")));
    assert_int_equal(rb_scratch_put(rig.scratches, ANN, RB_SCRATCH_PUT, RB_STR("a"),
                                    rb_str_of(below(rig.f, "spool")), NULL),
                     RB_STORE_FAILED);
    assert_true(exists(below(rig.f, "spool")));
}

static void copies(void **state)
{
    (void)state;
    struct rb_scratch_file file;
    char first;
    make_file(below(rig.f, "source"), "the source");
    int fd = open(below(rig.f, "source"), O_RDONLY), dir_fd = open(rig.f->dir, O_RDONLY);
    assert_int_equal(read(fd, &first, 1), 1);
    assert_int_equal(rb_scratch_put_copy(rig.scratches, ANN, RB_SCRATCH_CREATE, RB_STR("a"), fd, &file),
                     RB_OK);
    assert_int_equal(file.bytes, 10);
    make_file(below(rig.f, "source"), "changed");
    assert_holds(ANN, "a", "the source");
    assert_int_equal(rb_scratch_put_copy(rig.scratches, ANN, RB_SCRATCH_CREATE, RB_STR("a"), fd, &file),
                     RB_CONFLICT);
    make_file(below(rig.f, "source"), bytes_of(101));
    assert_int_equal(rb_scratch_put_copy(rig.scratches, ANN, RB_SCRATCH_PUT, RB_STR("b"), fd, &file),
                     RB_QUOTA_EXCEEDED);
    assert_int_equal(rb_scratch_put_copy(rig.scratches, ANN, RB_SCRATCH_PUT, RB_STR("../b"), fd, &file),
                     RB_BAD_NAME);
    assert_int_equal(rb_scratch_put_copy(rig.scratches, ANN, RB_SCRATCH_PUT, RB_STR("b"), dir_fd, &file),
                     RB_STORE_FAILED);
    assert_int_equal(on_disk(), 1);
    close(fd);
    close(dir_fd);
}

/* ---- the end ---- */

static void dropping(void **state)
{
    (void)state;
    struct rb_loop *loop = rb_loop_new("test");
    struct rb_scratch_file found;
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "a", "1"), RB_OK);
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "b", "2"), RB_OK);
    assert_int_equal(put(BOB, RB_SCRATCH_PUT, "a", "3"), RB_OK);
    int reader = open_file(ANN, "a");
    rb_scratch_drop(rig.scratches, loop, ANN);
    assert_int_equal(rb_scratch_find(rig.scratches, ANN, RB_STR("a"), &found), RB_NOT_FOUND);
    assert_int_equal(rb_scratch_room(rig.scratches, ANN), BYTES_MAX);
    assert_int_equal(put(ANN, RB_SCRATCH_CREATE, "a", "new"), RB_OK);
    rb_scratch_drop(rig.scratches, loop, RB_STR("nobody"));
    rb_loop_end(loop); /* what was on its way to the pool is done */
    assert_holds(ANN, "a", "new");
    assert_holds(BOB, "a", "3");
    assert_str(read_fd(reader), "1");
    assert_int_equal(on_disk(), 2);
    rb_loop_free(loop);
}

static void nothing_stays_behind(void **state)
{
    (void)state;
    assert_int_equal(put(ANN, RB_SCRATCH_PUT, "a", "1"), RB_OK);
    rb_scratches_free(rig.scratches);
    rig.scratches = NULL;
    assert_int_equal(on_disk(), 0);
}

/* Whatever stands there when the server starts. */
static void planted(void **state)
{
    (void)state;
    static const char *const dirs[] = {"scratch", "spool", "links"};
    struct rb_files *again;
    make_dir(below(rig.f, "other"));
    make_file(below(rig.f, "other/precious"), "precious");
    for (size_t i = 0; i < 3; i++) {
        const char *inner = rb_arena_fmt(&rig.f->arena, "%s/%s/link", rig.f->dir, dirs[i]).p;
        const char *dir = rb_arena_fmt(&rig.f->arena, "%s/%s/d", rig.f->dir, dirs[i]).p;
        assert_int_equal(symlink(below(rig.f, "other"), inner), 0);
        make_dir(dir);
        make_file(rb_arena_fmt(&rig.f->arena, "%s/x", dir).p, "left");
    }
    assert_int_equal(rb_files_open(rig.f->dir, &again, &rig.f->why), RB_OK);
    rb_files_close(again);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(count_names(below(rig.f, dirs[i])), 0);
        assert_int_equal(rmdir(below(rig.f, dirs[i])), 0);
        assert_int_equal(symlink(below(rig.f, "other"), below(rig.f, dirs[i])), 0); /* the directory itself */
    }
    assert_int_equal(rb_files_open(rig.f->dir, &again, &rig.f->why), RB_OK);
    rb_files_close(again);
    for (size_t i = 0; i < 3; i++) {
        struct stat stat;
        assert_int_equal(lstat(below(rig.f, dirs[i]), &stat), 0);
        assert_true(S_ISDIR(stat.st_mode));
    }
    assert_str(read_all(rig.f, below(rig.f, "other/precious")), "precious");
    assert_int_equal(count_names(below(rig.f, "other")), 1);
}

/* ---- many at once ---- */

enum { THREADS = 4, ROUNDS = 300 };

static void *one_of_many(void *arg)
{
    unsigned number = *(unsigned *)arg;
    char path[300], text[41] = {0};
    const char *const all[] = {"a", "b", "c"}; /* all three are too much */
    snprintf(path, sizeof path, "%s/spool/%u", rig.f->dir, number);
    memset(text, (int)('0' + number), 40);
    for (unsigned i = 0; i < ROUNDS; i++) {
        rb_str name = rb_str_of(all[i % 3]);
        struct rb_scratch_file file;
        int fd;
        make_file(path, text);
        rb_err err = rb_scratch_put(rig.scratches, ANN, RB_SCRATCH_PUT, name, rb_str_of(path), &file);
        assert_true(err == RB_OK || err == RB_QUOTA_EXCEEDED);
        if (rb_scratch_open(rig.scratches, ANN, name, &fd, &file) == RB_OK) {
            char seen[64];
            assert_int_equal(read(fd, seen, sizeof seen), 40); /* whole, and of one writer */
            for (int k = 1; k < 40; k++) assert_int_equal(seen[k], seen[0]);
            close(fd);
        }
        if (i % 7 == number) rb_scratch_delete(rig.scratches, ANN, name);
        assert_true(rb_scratch_room(rig.scratches, ANN) <= BYTES_MAX);
    }
    return NULL;
}

static void many_at_once(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    unsigned numbers[THREADS];
    struct rb_scratch_file *files;
    uint32_t count;
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    rb_scratch_list(rig.scratches, ANN, &rig.f->arena, &files, &count);
    assert_int_equal(rb_scratch_room(rig.scratches, ANN), BYTES_MAX - 40 * count);
    assert_int_equal(on_disk(), count);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        RUN(names),
        RUN(put_and_read),
        RUN(create_and_replace),
        RUN(deleting),
        RUN(quota_of_bytes),
        RUN(quota_of_files),
        RUN(only_files_come_in),
        RUN(copies),
        RUN(dropping),
        RUN(nothing_stays_behind),
        RUN(planted),
        RUN(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
