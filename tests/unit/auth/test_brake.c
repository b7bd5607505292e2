#include "auth/brake.h"

#include "base/clock.h"
#include "test.h"

#include <stdio.h>

static void windows(void **state)
{
    (void)state;
    struct rb_brake *brake = rb_brake_new(1000, 2);
    uint64_t wait_ms = 0;
    rb_str key = RB_STR("10.0.0.1");
    assert_false(rb_brake_is_on(brake, key, &wait_ms));
    rb_brake_count(brake, key);
    assert_false(rb_brake_is_on(brake, key, &wait_ms));
    rb_brake_count(brake, key);
    assert_true(rb_brake_is_on(brake, key, &wait_ms));
    assert_true(wait_ms > 0 && wait_ms <= 1000);
    assert_false(rb_brake_is_on(brake, RB_STR("10.0.0.2"), &wait_ms));
    rb_clock_test_advance_ms(1000);
    assert_false(rb_brake_is_on(brake, key, &wait_ms));
    rb_brake_count(brake, key);
    assert_false(rb_brake_is_on(brake, key, &wait_ms));
    rb_brake_free(brake);
}

static void a_release_lasts_a_window(void **state)
{
    (void)state;
    struct rb_brake *brake = rb_brake_new(1000, 1);
    uint64_t wait_ms;
    rb_str key = RB_STR("k");
    rb_brake_count(brake, key);
    assert_true(rb_brake_is_on(brake, key, &wait_ms));
    rb_brake_release(brake, key);
    for (int i = 0; i < 5; i++) rb_brake_count(brake, key);
    assert_false(rb_brake_is_on(brake, key, &wait_ms));
    rb_clock_test_advance_ms(1000);
    rb_brake_count(brake, key);
    assert_true(rb_brake_is_on(brake, key, &wait_ms));
    rb_brake_free(brake);
}

static void never_on(void **state)
{
    (void)state;
    struct rb_brake *brake = rb_brake_new(1000, 0);
    uint64_t wait_ms;
    for (int i = 0; i < 100; i++) rb_brake_count(brake, RB_STR("k"));
    assert_false(rb_brake_is_on(brake, RB_STR("k"), &wait_ms));
    rb_brake_free(brake);
}

/* The oldest are forgotten. */
static void bounded(void **state)
{
    (void)state;
    struct rb_brake *brake = rb_brake_new(1000000, 1);
    uint64_t wait_ms;
    char key[32];
    for (int i = 0; i < RB_BRAKE_KEYS_MAX + 1; i++) {
        snprintf(key, sizeof key, "%d", i);
        rb_brake_count(brake, rb_str_of(key));
    }
    assert_true(rb_brake_is_on(brake, rb_str_of(key), &wait_ms));
    assert_false(rb_brake_is_on(brake, RB_STR("0"), &wait_ms));
    rb_brake_free(brake);
}

int main(void)
{
    rb_clock_test_enable();
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows), cmocka_unit_test(a_release_lasts_a_window),
                                       cmocka_unit_test(never_on), cmocka_unit_test(bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
