#include "test.h"

#include "base/check.h"
#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

static void test_format(void **state)
{
    (void)state;
    static const struct {
        uint64_t wall_ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {999, "1970-01-01T00:00:00.999Z"},
        {1000, "1970-01-01T00:00:01.000Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1709164800001, "2024-02-29T00:00:00.001Z"},
        {1795316865123, "2026-11-22T03:07:45.123Z"},
        {2147483648000, "2038-01-19T03:14:08.000Z"},
        {4102444799999, "2099-12-31T23:59:59.999Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    setenv("TZ", "ELSEWHERE-9", 1); /* which must not matter */
    tzset();
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        char text[RB_CLOCK_TEXT_BYTES];
        rb_clock_format(rows[i].wall_ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

/* How long the machine may take between two readings before the tests here call it wrong. */
enum { SLACK_MS = 60000 };

static void test_readings(void **state)
{
    (void)state;
    assert_false(rb_clock_is_test());
    uint64_t ms = rb_clock_ms(), ns = rb_clock_real_ns();
    assert_in_range(ns / 1000000, ms, ms + SLACK_MS);
    assert_true(rb_clock_ms() >= ms);
    assert_true(rb_clock_real_ns() >= ns);
    assert_true(rb_clock_wall_ms() > 1700000000000u); /* milliseconds since 1970 */
}

static void test_advance(void **state)
{
    (void)state;
    const uint64_t hour_ms = 3600000;
    uint64_t ms = rb_clock_ms(), wall_ms = rb_clock_wall_ms(), ns = rb_clock_real_ns();
    rb_clock_test_advance_ms(hour_ms);
    assert_true(rb_clock_is_test());
    rb_clock_test_advance_ms(0);
    rb_clock_test_advance_ms(hour_ms);
    assert_in_range(rb_clock_ms() - ms, 2 * hour_ms, 2 * hour_ms + SLACK_MS);
    assert_in_range(rb_clock_wall_ms() - wall_ms, 2 * hour_ms, 2 * hour_ms + SLACK_MS);
    assert_in_range((rb_clock_real_ns() - ns) / 1000000, 0, SLACK_MS);
}

static void test_speed(void **state)
{
    (void)state;
    rb_clock_test_speed(100000);
    uint64_t ms = rb_clock_ms(), wall_ms = rb_clock_wall_ms(), ns = rb_clock_real_ns();
    while (rb_clock_real_ns() - ns < 1000000) continue;
    assert_true(rb_clock_ms() - ms >= 99000); /* a millisecond of the world */
    assert_true(rb_clock_wall_ms() - wall_ms >= 99000);
    rb_clock_test_speed(1);
    ms = rb_clock_ms();
    assert_in_range(rb_clock_ms() - ms, 0, SLACK_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_readings),
        cmocka_unit_test(test_advance),
        cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
