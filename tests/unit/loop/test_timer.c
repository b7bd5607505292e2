#include "loop/loop.h"

#include "loop_rig.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rb_loop *loop;

static int make_loop(void **state)
{
    (void)state;
    loop = rb_loop_new("test");
    return 0;
}

static int free_loop(void **state)
{
    (void)state;
    rb_loop_free(loop);
    return 0;
}

/* ---- timers ---- */

enum { REAL_TIMERS = 25 };
static struct timed {
    struct rb_timer timer;
    uint64_t due_ns;
} timed[REAL_TIMERS];
static unsigned timed_done;
static uint64_t latest_us;

static void on_timed(struct rb_timer *timer)
{
    uint64_t now_ns = rb_clock_real_ns(), due_ns = RB_OUTER(timer, struct timed, timer)->due_ns;
    assert_true(now_ns / 1000000 >= due_ns / 1000000);
    uint64_t late_us = now_ns > due_ns ? (now_ns - due_ns) / 1000 : 0;
    if (late_us > latest_us) latest_us = late_us;
    if (++timed_done == REAL_TIMERS) rb_loop_stop(loop);
}

/* Runs before any test that makes the clock a test clock. */
static void real_timers_are_never_early(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REAL_TIMERS; i++) {
        timed[i].due_ns = rb_clock_real_ns() + (uint64_t)i * 5 * 1000000;
        rb_timer_start(loop, &timed[i].timer, (uint64_t)i * 5, on_timed);
    }
    rb_loop_run(loop);
    print_message("latest of %d timers: %u us\n", REAL_TIMERS, (unsigned)latest_us);
}

static char fired[16];
static struct rb_timer far[4];

static void on_far(struct rb_timer *timer)
{
    assert_true(rb_clock_ms() >= timer->due_ms);
    assert_true(rb_clock_ms() - rb_loop_now_ms(loop) < 10000); /* not the due time: the time of the turn */
    fired[strlen(fired)] = (char)('0' + (timer - far));
    if (timer == &far[1]) rb_timer_stop(&far[2]);
    if (timer == &far[3]) rb_loop_stop(loop);
}

static bool leap(void *arg)
{
    int *leaps = arg;
    if (++*leaps % 10 == 0) rb_clock_test_advance_ms(45ull * 60 * 1000);
    return fired[0] && fired[strlen(fired) - 1] == '3';
}

static void timers_follow_the_test_clock(void **state)
{
    (void)state;
    rb_clock_test_enable();
    rb_timer_start(loop, &far[3], 5ull * 3600 * 1000, on_far);
    rb_timer_start(loop, &far[2], 2ull * 3600 * 1000, on_far);
    rb_timer_start(loop, &far[1], 3600ull * 1000, on_far);
    rb_timer_start(loop, &far[0], 5, on_far);
    int leaps = 0;
    run_until(loop, leap, &leaps);
    assert_string_equal(fired, "013");
}

static bool look_thrice(void *arg)
{
    return ++*(int *)arg == 3;
}

static void an_endless_delay_is_not_the_past(void **state)
{
    (void)state;
    rb_timer_start(loop, &far[0], UINT64_MAX, on_far);
    memset(fired, 0, sizeof fired);
    int looks = 0;
    run_until(loop, look_thrice, &looks);
    assert_string_equal(fired, "");
    assert_true(rb_timer_is_running(&far[0]));
    rb_timer_stop(&far[0]);
}

/* ---- the time of the turn ---- */

static int pair[2];
static uint64_t behind_ms;

static void on_byte(struct rb_watch *watch, unsigned events)
{
    (void)events;
    behind_ms = rb_clock_ms() - rb_loop_now_ms(loop);
    rb_watch_set(loop, watch, 0);
    rb_loop_stop(loop);
}

static void sleep_long(struct rb_task *task)
{
    (void)task;
    rb_clock_test_advance_ms(60000); /* as if the loop had waited for a minute before the byte came */
    assert_int_equal(write(pair[1], "x", 1), 1);
}

static void now_is_the_time_of_the_turn_not_of_the_one_before(void **state)
{
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct rb_watch watch = {.fd = pair[0], .on_ready = on_byte};
    rb_watch_set(loop, &watch, RB_READABLE);
    struct rb_task task = {.run = sleep_long};
    rb_loop_before_sleep(loop, &task);
    rb_loop_run(loop);
    assert_true(behind_ms < 30000);
    close(pair[0]);
    close(pair[1]);
}

static struct rb_timer due;
static bool was_due_when_told;

/* Reads the time, so that the loop knows it, and then lets so much of it pass that the timer is due before
 * anything else happens: in the world as well, since the loop sleeps by the world's clock. */
static void on_byte_before_due(struct rb_watch *watch, unsigned events)
{
    (void)events;
    uint64_t from_ns = rb_clock_real_ns(), known_ms = rb_loop_now_ms(loop);
    assert_true(known_ms < due.due_ms);
    rb_clock_test_advance_ms(60000);
    while (rb_clock_real_ns() - from_ns < 5 * 1000000) {
    }
    rb_watch_set(loop, watch, 0);
}

static void on_due(struct rb_timer *timer)
{
    was_due_when_told = rb_loop_now_ms(loop) >= timer->due_ms;
    rb_loop_stop(loop);
}

static void whoever_is_due_is_not_told_of_a_time_before(void **state)
{
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct rb_watch watch = {.fd = pair[0], .on_ready = on_byte_before_due};
    rb_watch_set(loop, &watch, RB_READABLE);
    assert_int_equal(write(pair[1], "x", 1), 1);
    rb_timer_start(loop, &due, 60000, on_due);
    rb_loop_run(loop);
    assert_true(was_due_when_told);
    close(pair[0]);
    close(pair[1]);
}

static void *leap_ahead(void *arg)
{
    (void)arg;
    rb_clock_test_advance_ms(3600 * 1000);
    return NULL;
}

static pthread_t leaper;

static void start_leaper(struct rb_task *task)
{
    (void)task;
    assert_int_equal(pthread_create(&leaper, NULL, leap_ahead, NULL), 0);
}

static void on_lonely(struct rb_timer *timer)
{
    (void)timer;
    rb_loop_stop(loop);
}

static void a_sleeping_loop_notices_that_the_test_clock_leapt(void **state)
{
    (void)state;
    struct rb_timer lonely = {.due_ms = 0};
    struct rb_task task = {.run = start_leaper};
    rb_timer_start(loop, &lonely, 3600 * 1000, on_lonely); /* in an hour */
    rb_loop_before_sleep(loop, &task);
    rb_loop_run(loop);
    pthread_join(leaper, NULL);
}

int main(void)
{
#define ON_A_LOOP(test) cmocka_unit_test_setup_teardown(test, make_loop, free_loop)
    const struct CMUnitTest tests[] = {
        ON_A_LOOP(real_timers_are_never_early),
        ON_A_LOOP(timers_follow_the_test_clock),
        ON_A_LOOP(an_endless_delay_is_not_the_past),
        ON_A_LOOP(now_is_the_time_of_the_turn_not_of_the_one_before),
        ON_A_LOOP(whoever_is_due_is_not_told_of_a_time_before),
        ON_A_LOOP(a_sleeping_loop_notices_that_the_test_clock_leapt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
