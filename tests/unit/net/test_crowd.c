#include "net_rig.h"

#include "net/net_private.h"

#include <malloc.h>
#include <stdatomic.h>

enum { CROWD = 2000, STEP_MS = 1000 };

static _Atomic unsigned trims;
static unsigned expected_trims;

/* In the place of the C library's. */
int malloc_trim(size_t pad)
{
    assert_int_equal(pad, 0);
    trims++;
    return 1;
}

static struct crowd crowd;

static int make_crowd(void **state)
{
    (void)state;
    rb_clock_test_enable();
    loop = rb_loop_new("test");
    crowd = (struct crowd){.loop = loop};
    trims = expected_trims = 0;
    return 0;
}

static int end_crowd(void **state)
{
    (void)state;
    rb_timer_stop(&crowd.timer);
    rb_loop_free(loop); /* after all work that was set off */
    assert_int_equal(trims, expected_trims);
    return 0;
}

static void become(unsigned count)
{
    while (crowd.count < count) crowd_enter(&crowd);
    while (crowd.count > count) crowd_leave(&crowd);
}

static void steps(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        rb_clock_test_advance_ms(STEP_MS);
        turn();
    }
}

static bool are_trimmed(void *arg)
{
    (void)arg;
    return trims >= expected_trims;
}

static void expect_trim(void)
{
    expected_trims++;
    run_until(loop, are_trimmed, NULL);
}

static void who_has_left_is_noticed_once(void **state)
{
    (void)state;
    become(CROWD);
    become(CROWD / 2 - 1);
    steps(1);
    expect_trim();
    become(300);
    steps(5); /* of the rest, fewer than a crowd have left */
    become(CROWD);
    become(0);
    steps(2);
    expect_trim();
}

static void half_may_leave(void **state)
{
    (void)state;
    become(CROWD);
    become(CROWD / 2);
    steps(5);
}

static void few_are_no_crowd(void **state)
{
    (void)state;
    become(999);
    become(0);
    steps(5);
    become(1000);
    become(0);
    steps(2);
    expect_trim();
}

static void who_is_leaving_is_waited_for(void **state)
{
    (void)state;
    become(CROWD);
    for (unsigned count = 900; count > 100; count -= 100) {
        become(count);
        steps(1);
        assert_true(rb_timer_is_running(&crowd.timer));
    }
    steps(1);
    expect_trim();
}

/* A few more go than come: that is no longer the crowd that leaves. */
static void coming_and_going_does_not_put_it_off(void **state)
{
    (void)state;
    become(CROWD);
    become(500);
    steps(1);
    assert_true(rb_timer_is_running(&crowd.timer));
    become(510);
    become(490);
    steps(1);
    assert_false(rb_timer_is_running(&crowd.timer));
    expect_trim();
}

static void who_comes_back_keeps_the_memory(void **state)
{
    (void)state;
    become(CROWD);
    become(500);
    become(1500);
    steps(5);
    become(500); /* and leaves again */
    steps(2);
    expect_trim();
}

/* ---- streams ---- */

static void streams_are_counted(void **state)
{
    (void)state;
    assert_int_equal(rb_net_stream_count(net), 0);
    open_pair(SOCK_STREAM, 0);
    assert_int_equal(net->crowd.count, 1);
    int fd = rb_stream_detach(&owner->stream);
    assert_int_equal(net->crowd.count, 0);
    peer_close();
    char c;
    assert_int_equal(recv(fd, &c, 1, 0), 0); /* the descriptor is ours, and the peer has gone */
    turn();
    assert_int_equal(owner->ends + owner->closes, 0);
    close(fd);
    open_pair(SOCK_STREAM, 0);
    CALL(owner, rb_stream_abort(&owner->stream, RB_IDLE));
    run_until(loop, is_closed, owner);
    assert_int_equal(rb_net_stream_count(net), 0);
    assert_int_equal(net->crowd.peak, 1);
}

int main(void)
{
#define ON_A_CROWD(test) cmocka_unit_test_setup_teardown(test, make_crowd, end_crowd)
    const struct CMUnitTest tests[] = {
        ON_A_CROWD(who_has_left_is_noticed_once),
        ON_A_CROWD(half_may_leave),
        ON_A_CROWD(few_are_no_crowd),
        ON_A_CROWD(who_is_leaving_is_waited_for),
        ON_A_CROWD(coming_and_going_does_not_put_it_off),
        ON_A_CROWD(who_comes_back_keeps_the_memory),
        ON_A_RIG(streams_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
