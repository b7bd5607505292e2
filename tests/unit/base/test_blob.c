#include "test.h"

#include "base/blob.h"
#include "base/mem.h"

#include <pthread.h>
#include <string.h>

static void test_making(void **state)
{
    (void)state;
    struct rb_blob *blob = rb_blob_copy(RB_STR("a\0b"));
    assert_int_equal(blob->n, 3);
    assert_memory_equal(blob->p, "a\0b", 3);
    assert_true(rb_str_eq(rb_blob_str(blob), RB_STR("a\0b")));
    rb_blob_unref(blob);

    blob = rb_blob_new(5);
    memcpy(blob->p, "hello", 5);
    assert_str(rb_blob_str(blob), "hello");
    rb_blob_unref(blob);

    blob = rb_blob_copy(RB_STR_NONE);
    assert_str(rb_blob_str(blob), "");
    rb_blob_unref(blob);

    rb_blob_unref(NULL);
    assert_null(rb_blob_str(NULL).p);
}

static void test_counting(void **state)
{
    (void)state;
    struct rb_blob *blob = rb_blob_copy(RB_STR("x"));
    assert_ptr_equal(rb_blob_ref(blob), blob);
    assert_int_equal(blob->refs, 2);
    rb_blob_unref(blob);
    assert_str(rb_blob_str(blob), "x");
    rb_blob_unref(blob);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    rb_mem_fail_after(0);
    struct rb_blob *made = rb_blob_new(10), *copied = rb_blob_copy(RB_STR("x"));
    rb_mem_fail_after(-1);
    assert_null(made);
    assert_null(copied);
}

/* A thread that owns one reference, makes and drops many more, and drops its own at the end. */
static void *borrow(void *argument)
{
    struct rb_blob *blob = argument;
    size_t right = 0;
    for (int i = 0; i < 20000; i++) {
        struct rb_blob *more = rb_blob_ref(blob);
        right += rb_str_is(rb_blob_str(more), "shared");
        rb_blob_unref(more);
    }
    rb_blob_unref(blob);
    return (void *)right;
}

/* Two threads; whichever is last frees it: the leak check and the thread sanitizer say whether that was so.
 */
static void test_two_threads(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct rb_blob *blob = rb_blob_copy(RB_STR("shared"));
        pthread_t threads[2];
        assert_int_equal(pthread_create(&threads[0], NULL, borrow, rb_blob_ref(blob)), 0);
        assert_int_equal(pthread_create(&threads[1], NULL, borrow, blob), 0);
        for (int i = 0; i < 2; i++) {
            void *right;
            assert_int_equal(pthread_join(threads[i], &right), 0);
            assert_int_equal((size_t)right, 20000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_making),
        cmocka_unit_test(test_counting),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
