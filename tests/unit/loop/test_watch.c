#include "loop/loop.h"

#include "loop_rig.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MANY = 700 }; /* more than one batch of the loop's epoll */

static struct rb_loop *loop;
static unsigned control_calls;

/* In the place of the C library's: what the loop asks of the kernel is counted. */
int epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
    control_calls++;
    return (int)syscall(SYS_epoll_ctl, epoll_fd, op, fd, event);
}

static struct end {
    struct rb_watch watch;
    int peer;
    unsigned ready, events;
} ends[MANY];
static unsigned ready_total;

static void open_end(struct end *end, void (*on_ready)(struct rb_watch *, unsigned), unsigned events)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    *end = (struct end){.watch = {.fd = pair[0], .on_ready = on_ready}, .peer = pair[1]};
    rb_watch_set(loop, &end->watch, events);
}

static void close_end(struct end *end)
{
    rb_watch_set(loop, &end->watch, 0);
    rb_watch_set(loop, &end->watch, 0); /* stopped already: nothing */
    close(end->watch.fd);
    if (end->peer >= 0) close(end->peer);
}

static void say(struct end *end)
{
    assert_int_equal(write(end->peer, "x", 1), 1);
}

static int make_loop(void **state)
{
    (void)state;
    rb_clock_test_enable();
    loop = rb_loop_new("test");
    ready_total = 0;
    return 0;
}

static int free_loop(void **state)
{
    (void)state;
    rb_loop_free(loop);
    return 0;
}

static void swallow(struct rb_watch *watch, unsigned events)
{
    struct end *end = RB_OUTER(watch, struct end, watch);
    char c;
    assert_int_equal(events & RB_READABLE, RB_READABLE);
    assert_int_equal(read(watch->fd, &c, 1), 1);
    end->ready++;
    ready_total++;
}

static bool all_were_ready(void *arg)
{
    (void)arg;
    return ready_total == MANY;
}

static void more_sockets_than_a_batch_are_all_served(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++) open_end(&ends[i], swallow, RB_READABLE);
    for (int i = 0; i < MANY; i++) say(&ends[i]);
    run_until(loop, all_were_ready, NULL);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(ends[i].ready, 1);
        close_end(&ends[i]);
    }
}

/* Whichever of the two comes first ends the other, memory and all. */
static void end_the_other(struct rb_watch *watch, unsigned events)
{
    struct end *end = RB_OUTER(watch, struct end, watch), *other = end == &ends[0] ? &ends[1] : &ends[0];
    assert_true(events & RB_READABLE);
    end->ready++;
    close_end(other);
    memset(&other->watch, 0xee, sizeof other->watch);
    rb_watch_set(loop, watch, 0);
    rb_loop_stop(loop);
}

static void a_watch_stopped_in_the_same_batch_is_not_called(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) open_end(&ends[i], end_the_other, RB_READABLE);
    say(&ends[0]), say(&ends[1]);
    rb_loop_run(loop);
    assert_int_equal(ends[0].ready + ends[1].ready, 1);
    close_end(&ends[ends[0].ready ? 0 : 1]);
}

/* Stops the other and starts it again at once: it must be told of its byte all the same. */
static void restart_the_other(struct rb_watch *watch, unsigned events)
{
    struct end *end = RB_OUTER(watch, struct end, watch), *other = end == &ends[0] ? &ends[1] : &ends[0];
    bool is_first = !other->ready;
    swallow(watch, events);
    if (is_first) {
        rb_watch_set(loop, &other->watch, 0);
        rb_watch_set(loop, &other->watch, RB_READABLE);
    } else {
        rb_loop_stop(loop);
    }
}

static void a_watch_started_again_in_the_same_batch_is_called_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) open_end(&ends[i], restart_the_other, RB_READABLE);
    say(&ends[0]), say(&ends[1]);
    rb_loop_run(loop);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ends[i].ready, 1);
        close_end(&ends[i]);
    }
}

/* The first to be called moves the other, which has its event in this batch, and then itself. */
static struct end moved[2];
static unsigned ready_at_sleep;

static void on_moved(struct rb_watch *watch, unsigned events)
{
    assert_true(watch == &moved[0].watch || watch == &moved[1].watch);
    swallow(watch, events);
    if (ready_total == 2) rb_loop_stop(loop);
}

static void note_ready(struct rb_task *task)
{
    (void)task;
    ready_at_sleep = ready_total;
}

static struct rb_task before_sleep = {.run = note_ready};

static void move_both(struct rb_watch *watch, unsigned events)
{
    (void)watch, (void)events;
    rb_loop_before_sleep(loop, &before_sleep);
    for (int i = 0; i < 2; i++) {
        control_calls = 0;
        rb_watch_move(loop, &moved[i].watch, &ends[i].watch);
        assert_int_equal(control_calls, 1);
        moved[i].watch.on_ready = on_moved;
        moved[i].peer = ends[i].peer;
        memset(&ends[i].watch, 0xee, sizeof ends[i].watch);
    }
}

static void a_moved_watch_keeps_what_it_watches(void **state)
{
    (void)state;
    memset(moved, 0, sizeof moved);
    for (int i = 0; i < 2; i++) open_end(&ends[i], move_both, RB_READABLE);
    say(&ends[0]), say(&ends[1]);
    rb_loop_run(loop);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(moved[i].ready, 1);
        assert_int_equal(moved[i].watch.events, RB_READABLE);
        close_end(&moved[i]);
    }
    assert_int_equal(ready_at_sleep, 1); /* the one whose event was in the batch did not wait for the next */
    struct rb_watch idle = {.fd = -1}, to = {.fd = 7}; /* one that watches nothing moves too */
    rb_watch_move(loop, &to, &idle);
    assert_int_equal(to.fd, -1);
}

static void note_events(struct rb_watch *watch, unsigned events)
{
    struct end *end = RB_OUTER(watch, struct end, watch);
    end->events |= events;
    if (++end->ready == 1) rb_loop_stop(loop);
}

static void hang_ups_are_readable_and_room_is_writable(void **state)
{
    (void)state;
    static const struct {
        unsigned watched, expected;
        bool is_hung_up, is_half_closed;
    } cases[] = {
        {RB_WRITABLE, RB_WRITABLE, false, false},
        {RB_READABLE | RB_WRITABLE, RB_WRITABLE, false, false},
        {RB_READABLE, RB_READABLE, false, true},
        {RB_READABLE, RB_READABLE | RB_WRITABLE, true, false},
        {RB_WRITABLE, RB_READABLE | RB_WRITABLE, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_end(&ends[0], note_events, cases[i].watched);
        if (cases[i].is_half_closed) shutdown(ends[0].peer, SHUT_WR);
        if (cases[i].is_hung_up) {
            close(ends[0].peer);
            ends[0].peer = -1;
        }
        rb_loop_run(loop);
        assert_int_equal(ends[0].events, cases[i].expected);
        close_end(&ends[0]);
    }
}

int main(void)
{
#define ON_A_LOOP(test) cmocka_unit_test_setup_teardown(test, make_loop, free_loop)
    const struct CMUnitTest tests[] = {
        ON_A_LOOP(more_sockets_than_a_batch_are_all_served),
        ON_A_LOOP(a_watch_stopped_in_the_same_batch_is_not_called),
        ON_A_LOOP(a_watch_started_again_in_the_same_batch_is_called_once),
        ON_A_LOOP(a_moved_watch_keeps_what_it_watches),
        ON_A_LOOP(hang_ups_are_readable_and_room_is_writable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
