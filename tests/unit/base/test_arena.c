#include "test.h"

#include "base/arena.h"
#include "base/buf.h"

#include <stdalign.h>
#include <string.h>

static void assert_zeroed(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) assert_int_equal(p[i], 0);
}

/* Pieces of many sizes: aligned, zeroed, and none touches another. */
static void test_pieces(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    struct rb_arena arena = {0};
    unsigned char *pieces[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size_t n = i * i % 700 + (i % 50 == 0 ? 5000 : 0);
        pieces[i] = rb_arena_alloc(&arena, n);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        assert_zeroed(pieces[i], n);
        memset(pieces[i], (int)i & 0xff, n);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t n = i * i % 700 + (i % 50 == 0 ? 5000 : 0);
        for (size_t k = 0; k < n; k++) assert_int_equal(pieces[i][k], i & 0xff);
    }
    rb_arena_fini(&arena);
    assert_null(arena.blocks);
    rb_arena_fini(&arena);
}

static void test_typed(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    long double *number = rb_arena_new(&arena, long double);
    uint64_t *numbers = rb_arena_array(&arena, uint64_t, 1000);
    *number = 1;
    assert_zeroed((unsigned char *)numbers, 1000 * sizeof *numbers);
    assert_non_null(rb_arena_alloc(&arena, 0));
    rb_arena_fini(&arena);
}

static void test_text(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    char source[] = "abc";
    rb_str copy = rb_arena_copy(&arena, rb_str_make(source, 2));
    source[0] = 'x';
    assert_str(copy, "ab");
    assert_int_equal(copy.p[2], '\0');
    assert_str(rb_arena_copy(&arena, RB_STR_NONE), "");
    copy = rb_arena_copy(&arena, RB_STR("sixteen bytes :)")); /* as much as alignment would give for free */
    memset(rb_arena_alloc(&arena, 16), 'x', 16);
    assert_int_equal(copy.p[16], '\0');

    rb_str text = rb_arena_fmt(&arena, "%s-%05d", "job", 42);
    assert_str(text, "job-00042");
    assert_int_equal(text.p[text.n], '\0');
    assert_str(rb_arena_fmt(&arena, "%s", ""), "");
    rb_str wide = rb_arena_fmt(&arena, "%4999d", 1); /* more than a block */
    assert_int_equal(wide.n, 4999);
    assert_true(rb_str_ends(wide, RB_STR("  1")));
    assert_str(text, "job-00042");
    rb_arena_fini(&arena);
}

static void note_end(const void *arg)
{
    struct rb_buf *log = *(struct rb_buf *const *)arg;
    rb_buf_add_fmt(log, "%zu", log->n);
}

/* What is asked for is called once, the last one first, and can still read the arena. */
static void test_ends(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    struct rb_buf log = {0};
    for (int i = 0; i < 3; i++) {
        struct rb_buf **noted = rb_arena_new(&arena, struct rb_buf *);
        *noted = &log;
        rb_arena_at_end(&arena, note_end, noted);
        rb_arena_alloc(&arena, 3000);
    }
    assert_int_equal(log.n, 0);
    rb_arena_fini(&arena);
    assert_str(rb_buf_str(&log), "012");
    rb_arena_fini(&arena);
    assert_int_equal(log.n, 3);
    rb_buf_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_typed),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
