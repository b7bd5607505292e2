#include "test.h"

#include "base/tally.h"

#include <pthread.h>
#include <stdio.h>

static void test_limit(void **state)
{
    (void)state;
    struct rb_tally *tally = rb_tally_new(2);
    assert_true(rb_tally_take(tally, RB_STR("a")));
    assert_true(rb_tally_take(tally, RB_STR("a")));
    assert_false(rb_tally_take(tally, RB_STR("a")));
    assert_true(rb_tally_take(tally, RB_STR("b"))); /* each key for itself */
    rb_tally_give(tally, RB_STR("a"));
    assert_true(rb_tally_take(tally, RB_STR("a")));
    assert_false(rb_tally_take(tally, RB_STR("a")));
    rb_tally_free(tally);
    rb_tally_free(NULL);
}

static void test_no_limit(void **state)
{
    (void)state;
    struct rb_tally *tally = rb_tally_new(0);
    for (int i = 0; i < 1000; i++) assert_true(rb_tally_take(tally, RB_STR("a")));
    rb_tally_give(tally, RB_STR("a"));
    rb_tally_free(tally);
}

/* More keys than shards; all that was given back can be taken again. */
static void test_many_keys(void **state)
{
    (void)state;
    struct rb_tally *tally = rb_tally_new(1);
    char key[16];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 500; i++)
            assert_true(
                rb_tally_take(tally, rb_str_make(key, (size_t)snprintf(key, sizeof key, "key%d", i))));
        for (int i = 0; i < 500; i++)
            rb_tally_give(tally, rb_str_make(key, (size_t)snprintf(key, sizeof key, "key%d", i)));
    }
    rb_tally_free(tally);
}

enum { THREADS = 4, TURNS = 20000, MOST = 3 };

static void *take_and_give(void *tally)
{
    for (int i = 0; i < TURNS; i++)
        if (rb_tally_take(tally, RB_STR("shared"))) rb_tally_give(tally, RB_STR("shared"));
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct rb_tally *tally = rb_tally_new(MOST);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, tally), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < MOST; i++) assert_true(rb_tally_take(tally, RB_STR("shared"))); /* none was lost */
    assert_false(rb_tally_take(tally, RB_STR("shared")));
    rb_tally_free(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_limit), cmocka_unit_test(test_no_limit),
                                       cmocka_unit_test(test_many_keys), cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
