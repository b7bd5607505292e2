#include "net_rig.h"

static bool reads_and_sends_on(void *arg)
{
    (void)arg;
    static char noise[5000];
    if (send(peer, noise, sizeof noise, MSG_NOSIGNAL) < 0 && errno != EAGAIN) peer_saw_reset = true;
    peer_read(20 * 1000);
    return peer_saw_end || peer_saw_reset;
}

static void a_peer_that_keeps_sending_gets_everything(void **state)
{
    (void)state;
    open_tcp(0);
    owner->pull_bytes = 60 * 1000;
    owner->pull_frame_bytes = 10 * 1000;
    CALL(owner, rb_stream_pull(&owner->stream));
    turn();
    for (int i = 0; i < 9; i++) SEND(owner, 10 * 1000);
    CALL(owner, rb_stream_close(&owner->stream, RB_SHUTTING_DOWN));
    size_t promised = out_at;
    SEND(owner, 1000); /* too late */
    CALL(owner, rb_stream_pull(&owner->stream));
    run_until(loop, reads_and_sends_on, NULL);
    assert_int_equal(in_at, promised);
    assert_false(peer_saw_reset);
    assert_int_equal(owner->closes, 0);
    assert_int_equal(owner->data_calls, 0); /* read away */
    peer_close();
    run_until(loop, is_closed, owner);
    assert_int_equal(owner->why, RB_SHUTTING_DOWN);
}

static void a_full_queue_goes_out_before_the_end(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 4000);
    for (int i = 0; i < 9; i++) SEND(owner, 10 * 1000);
    turn();
    assert_true(rb_stream_queued(&owner->stream) > 0);
    CALL(owner, rb_stream_close(&owner->stream, RB_IDLE));
    turn();
    assert_int_equal(owner->closes, 0);
    read_all();
    turn();
    peer_read(1);
    assert_true(peer_saw_end);
    assert_int_equal(owner->closes, 0); /* it lingers */
    peer_close();
    run_until(loop, is_closed, owner);
    assert_int_equal(owner->why, RB_IDLE);
}

static void lingering_ends_in_time(void **state)
{
    (void)state;
    static struct owner other;
    struct owner *first = owner;
    open_pair(SOCK_STREAM, 0);
    int first_peer = peer;
    CALL(owner, rb_stream_close(&owner->stream, RB_OK));
    turn();
    rb_clock_test_advance_ms(1500);
    owner = &other;
    open_pair(SOCK_STREAM, 0);
    CALL(owner, rb_stream_close(&owner->stream, RB_IDLE));
    turn();
    assert_int_equal(first->closes + other.closes, 0);
    rb_clock_test_advance_ms(800);
    run_until(loop, is_closed, first);
    assert_int_equal(first->why, RB_OK);
    assert_int_equal(other.closes, 0);
    rb_clock_test_advance_ms(1700);
    run_until(loop, is_closed, &other);
    assert_int_equal(other.why, RB_IDLE);
    owner = first;
    close(first_peer);
}

static void a_flush_that_stalls_is_given_up(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 4000);
    SEND(owner, OUTPUT_MAX);
    CALL(owner, rb_stream_close(&owner->stream, RB_SHUTTING_DOWN));
    turn();
    rb_clock_test_advance_ms(TIMEOUT_MS + 10);
    run_until(loop, is_closed, owner);
    assert_int_equal(owner->why, RB_SHUTTING_DOWN); /* the first reason stays */
}

static void an_abort_drops_what_waits(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 4000);
    SEND(owner, 50 * 1000);
    turn();
    SEND(owner, 50);
    CALL(owner, rb_stream_abort(&owner->stream, RB_FORBIDDEN));
    CALL(owner, rb_stream_abort(&owner->stream, RB_IDLE));
    CALL(owner, rb_stream_close(&owner->stream, RB_IDLE));
    SEND(owner, 10);
    CALL(owner, rb_stream_set_read(&owner->stream, true));
    assert_int_equal(owner->closes, 0);
    run_until(loop, is_closed, owner);
    assert_int_equal(owner->why, RB_FORBIDDEN);
    peer_read(SIZE_MAX);
    assert_true(peer_saw_end && in_at < 50 * 1000);
}

static void an_abort_ends_what_flushes_and_what_lingers(void **state)
{
    (void)state;
    for (int lingers = 0; lingers < 2; lingers++) {
        owner->closes = 0;
        open_pair(SOCK_STREAM, 4000);
        if (!lingers) SEND(owner, 50 * 1000);
        CALL(owner, rb_stream_close(&owner->stream, RB_EXPIRED));
        turn();
        assert_int_equal(owner->stream.state, lingers ? RB_STREAM_LINGERING : RB_STREAM_FLUSHING);
        CALL(owner, rb_stream_close(&owner->stream, RB_IDLE));
        CALL(owner, rb_stream_abort(&owner->stream, RB_IDLE));
        turn();
        assert_int_equal(owner->closes, 1);
        assert_int_equal(owner->why, RB_EXPIRED);
        peer_close();
    }
}

/* One that rests, one to be flushed, one that is blocked, one that flushes, one that lingers. */
static void all_of_a_net_can_be_ended_at_once(void **state)
{
    (void)state;
    enum { N = 5 };
    static struct owner many[N];
    struct owner *first = owner;
    int peers[N];
    memset(many, 0, sizeof many);
    for (int i = N - 1; i >= 0; i--) {
        owner = &many[i];
        open_pair(SOCK_STREAM, 4000);
        peers[i] = peer;
        if (i == 2 || i == 3) SEND(owner, 50 * 1000);
        if (i >= 3) CALL(owner, rb_stream_close(&owner->stream, RB_EXPIRED));
        if (i > 1) turn();
    }
    SEND(&many[1], 10);
    assert_int_equal(many[4].stream.state, RB_STREAM_LINGERING);
    rb_net_abort_all(net, RB_SHUTTING_DOWN);
    for (int i = 0; i < N; i++) assert_int_equal(many[i].closes, 0);
    turn();
    for (int i = 0; i < N; i++) {
        assert_int_equal(many[i].closes, 1);
        assert_int_equal(many[i].why, i >= 3 ? RB_EXPIRED : RB_SHUTTING_DOWN);
        close(peers[i]);
    }
    peer = -1;
    owner = first;
}

static void close_it(struct owner *of)
{
    rb_stream_close(&of->stream, RB_PROTOCOL_ERROR);
}

static void abort_it(struct owner *of)
{
    rb_stream_send(&of->stream, next_frame(10));
    rb_stream_abort(&of->stream, RB_PROTOCOL_ERROR);
}

static void an_owner_may_end_a_stream_when_data_comes(void **state)
{
    (void)state;
    void (*const ways[])(struct owner *) = {close_it, abort_it};
    for (int i = 0; i < 4; i++) {
        owner->closes = 0;
        open_pair(SOCK_STREAM, 0);
        owner->when_data = ways[i % 2];
        assert_int_equal(send(peer, "data", 4, 0), 4);
        if (i / 2) peer_close(); /* and a hang-up in the same turn */
        turn();
        peer_close();
        run_until(loop, is_closed, owner);
        assert_int_equal(owner->why, RB_PROTOCOL_ERROR);
        assert_int_equal(owner->data_calls, i + 1);
    }
}

static void a_reset_is_a_client_that_is_gone(void **state)
{
    (void)state;
    for (int is_blocked = 0; is_blocked < 3; is_blocked++) {
        owner->closes = 0;
        open_tcp(2000);
        if (is_blocked == 1) { /* nothing is read, much waits */
            CALL(owner, rb_stream_set_read(&owner->stream, false));
            int size = 4000;
            setsockopt(owner->stream.watch.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
            SEND(owner, OUTPUT_MAX);
            turn();
            assert_true(rb_stream_queued(&owner->stream) > 0);
        }
        struct linger at_once = {.l_onoff = 1};
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        if (is_blocked == 2) SEND(owner, 10);
        peer_close();
        run_until(loop, is_closed, owner);
        assert_int_equal(owner->why, RB_CLIENT_GONE);
        assert_int_equal(owner->ends, 0);
    }
}

static void the_end_is_told_once_and_leaves_time_to_answer(void **state)
{
    (void)state;
    open_tcp(0);
    assert_int_equal(send(peer, "last words", 10, 0), 10);
    shutdown(peer, SHUT_WR);
    turn();
    assert_str(rb_buf_str(&owner->got), "last words");
    assert_int_equal(owner->ends, 1);
    for (int i = 0; i < 4; i++) { /* an owner that lets it read again after a pause, as it does for others */
        CALL(owner, rb_stream_set_read(&owner->stream, i % 2));
        turn();
    }
    assert_int_equal(owner->ends, 1);
    SEND(owner, 5000);
    read_all();
    CALL(owner, rb_stream_close(&owner->stream, RB_OK));
    run_until(loop, is_closed, owner); /* the peer is done: no lingering */
    assert_int_equal(owner->why, RB_OK);
}

static void what_is_not_to_be_read_waits(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 0);
    CALL(owner, rb_stream_set_read(&owner->stream, false));
    assert_int_equal(send(peer, "later", 5, 0), 5);
    turn();
    SEND(owner, 5); /* output does not start reading again */
    read_all();
    assert_int_equal(owner->got.n, 0);
    CALL(owner, rb_stream_set_read(&owner->stream, true));
    turn();
    assert_str(rb_buf_str(&owner->got), "later");
}

/* ---- another owner ---- */

static struct owner *heir;

static void move_it(struct owner *of)
{
    rb_stream_move(&heir->stream, &of->stream, &own_ops);
    memset(&of->stream, 0xee, sizeof of->stream);
}

static void send_and_move(struct owner *of)
{
    rb_stream_send(&of->stream, next_frame(700));
    move_it(of);
    rb_stream_send(&heir->stream, next_frame(7));
    heir->pull_bytes = 70;
    heir->pull_frame_bytes = 7;
    rb_stream_pull(&heir->stream);
}

static void a_stream_moves_with_what_it_has_to_say(void **state)
{
    (void)state;
    struct owner *first = owner;
    static const struct {
        size_t queued_before; /* more than the kernel takes: it is blocked */
        void (*move)(struct owner *);
    } cases[] = {{0, move_it}, {0, send_and_move}, {40 * 1000, move_it}, {40 * 1000, send_and_move}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct owner next;
        next = (struct owner){0};
        heir = &next;
        owner = first;
        open_pair(SOCK_STREAM, 4000);
        if (cases[i].queued_before) SEND(owner, cases[i].queued_before);
        turn();
        owner->when_data = cases[i].move;
        assert_int_equal(send(peer, "move", 4, 0), 4);
        turn();
        assert_int_equal(send(peer, "more", 4, 0), 4);
        owner = heir;
        turn();
        read_all();
        turn();
        assert_str(rb_buf_str(&heir->got), "more");
        SEND(heir, 50 * 1000); /* stays behind */
        turn();
        rb_clock_test_advance_ms(TIMEOUT_MS + 1);
        run_until(loop, is_closed, heir);
        assert_int_equal(heir->why, RB_SLOW_READER);
        rb_buf_fini(&heir->got);
        peer_close();
        in_at = out_at = 0;
    }
    owner = first;
    assert_int_equal(owner->closes, 0);
}

static void a_blocked_stream_that_moved_is_still_timed(void **state)
{
    (void)state;
    static struct owner next;
    next = (struct owner){0};
    heir = &next;
    open_pair(SOCK_STREAM, 4000);
    SEND(owner, 50 * 1000);
    turn();
    move_it(owner);
    rb_clock_test_advance_ms(TIMEOUT_MS + 1);
    run_until(loop, is_closed, heir);
    assert_int_equal(heir->why, RB_SLOW_READER);
}

static void one_that_is_closing_moves_too(void **state)
{
    (void)state;
    static struct owner next;
    next = (struct owner){0};
    heir = &next;
    open_pair(SOCK_STREAM, 4000);
    SEND(owner, 100);
    CALL(owner, rb_stream_abort(&owner->stream, RB_IDLE));
    move_it(owner);
    run_until(loop, is_closed, heir);
    assert_int_equal(heir->why, RB_IDLE);
    assert_int_equal(owner->closes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(a_peer_that_keeps_sending_gets_everything),
        ON_A_RIG(a_full_queue_goes_out_before_the_end),
        ON_A_RIG(lingering_ends_in_time),
        ON_A_RIG(a_flush_that_stalls_is_given_up),
        ON_A_RIG(an_abort_drops_what_waits),
        ON_A_RIG(an_abort_ends_what_flushes_and_what_lingers),
        ON_A_RIG(all_of_a_net_can_be_ended_at_once),
        ON_A_RIG(an_owner_may_end_a_stream_when_data_comes),
        ON_A_RIG(a_reset_is_a_client_that_is_gone),
        ON_A_RIG(the_end_is_told_once_and_leaves_time_to_answer),
        ON_A_RIG(what_is_not_to_be_read_waits),
        ON_A_RIG(a_stream_moves_with_what_it_has_to_say),
        ON_A_RIG(a_blocked_stream_that_moved_is_still_timed),
        ON_A_RIG(one_that_is_closing_moves_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
