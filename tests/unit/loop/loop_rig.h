/* A loop that is run until a condition holds. It looks every millisecond; twenty real seconds are taken for
 * never. */
#ifndef RB_LOOP_RIG_H
#define RB_LOOP_RIG_H

#include "base/clock.h"
#include "loop/loop.h"

#include "test.h"

struct wait {
    struct rb_timer timer;
    struct rb_loop *loop;
    bool (*is_done)(void *arg);
    void *arg;
    uint64_t give_up_ns;
    bool is_late;
};

static void wait_look(struct rb_timer *timer)
{
    struct wait *wait = RB_OUTER(timer, struct wait, timer);
    wait->is_late = rb_clock_real_ns() > wait->give_up_ns;
    if (wait->is_late || wait->is_done(wait->arg))
        rb_loop_stop(wait->loop);
    else
        rb_timer_start(wait->loop, timer, 1, wait_look);
}

static inline void run_until(struct rb_loop *loop, bool (*is_done)(void *arg), void *arg)
{
    struct wait wait = {
        .loop = loop, .is_done = is_done, .arg = arg, .give_up_ns = rb_clock_real_ns() + 20 * 1000000000ull};
    rb_timer_start(loop, &wait.timer, 0, wait_look);
    rb_loop_run(loop);
    rb_timer_stop(&wait.timer);
    if (wait.is_late) fail_msg("waited in vain");
}

#endif
