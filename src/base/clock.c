#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic uint64_t advanced_ms;
static double speed = 1;
static _Atomic bool is_test;
static uint64_t sped_up_since_ns;

static uint64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t rb_clock_real_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

/* How far the test clock is ahead of the world. */
static uint64_t ahead_ms(void)
{
    uint64_t ahead = atomic_load_explicit(&advanced_ms, memory_order_relaxed);
    if (speed > 1) ahead += (uint64_t)((double)(rb_clock_real_ns() - sped_up_since_ns) / 1e6 * (speed - 1));
    return ahead;
}

uint64_t rb_clock_ms(void)
{
    return read_ns(CLOCK_MONOTONIC) / 1000000u + ahead_ms();
}

uint64_t rb_clock_wall_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000u + ahead_ms();
}

bool rb_clock_is_test(void)
{
    return atomic_load_explicit(&is_test, memory_order_relaxed);
}

void rb_clock_test_enable(void)
{
    atomic_store(&is_test, true);
}

void rb_clock_test_speed(double factor)
{
    rb_clock_test_enable();
    speed = factor;
    sped_up_since_ns = rb_clock_real_ns();
}

void rb_clock_test_advance_ms(uint64_t ms)
{
    rb_clock_test_enable();
    atomic_fetch_add(&advanced_ms, ms);
}

void rb_clock_format(uint64_t wall_ms, char *out)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, RB_CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, RB_CLOCK_TEXT_BYTES - n, ".%03uZ", (unsigned)(wall_ms % 1000));
}
