#include "net_rig.h"

/* ---- how output is handed over ---- */

static void a_turn_makes_one_hand_over(void **state)
{
    (void)state;
    static const struct {
        unsigned frames;
        size_t pull_bytes;
        size_t records[4]; /* a SOCK_SEQPACKET socket tells what was handed over at once */
    } cases[] = {
        {1, 0, {10}},        {10, 0, {100}},       {0, 50, {50}},
        {10, 50, {150}},     {60, 100, {640, 60}}, /* 64 parts at most */
        {64, 10, {640, 10}}, {100, 0, {640, 360}}, {0, 0, {0}},
    };
    open_pair(SOCK_SEQPACKET, 0);
    owner->pull_frame_bytes = 10;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned f = 0; f < cases[i].frames; f++) SEND(owner, 10);
        SEND(owner, 0); /* which is nothing */
        owner->pull_bytes = cases[i].pull_bytes;
        CALL(owner, rb_stream_pull(&owner->stream));
        turn();
        for (unsigned r = 0; r < 4 && cases[i].records[r]; r++) {
            char record[4096];
            assert_int_equal(recv(peer, record, sizeof record, 0), cases[i].records[r]);
            for (size_t at = 0; at < cases[i].records[r]; at++)
                assert_int_equal(record[at], pattern(in_at + at));
            in_at += cases[i].records[r];
        }
        assert_int_equal(in_at, out_at);
        assert_int_equal(rb_stream_queued(&owner->stream), 0);
    }
}

static size_t at_last_pull, longest_pull;

static void note_length(struct owner *of)
{
    (void)of;
    if (out_at - at_last_pull > longest_pull) longest_pull = out_at - at_last_pull;
    at_last_pull = out_at;
}

static void a_gather_is_limited_in_bytes(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 0);
    owner->pull_bytes = 1000 * 1000;
    owner->pull_frame_bytes = 100 * 1000;
    owner->when_pull = note_length;
    CALL(owner, rb_stream_pull(&owner->stream));
    turn();
    read_all();
    assert_int_equal(longest_pull, 300 * 1000); /* there was room until the third */
}

/* ---- a peer that reads slowly ---- */

static bool read_a_little(void *arg)
{
    unsigned *looks = arg;
    peer_read(7777);
    if (++*looks % 3 == 0 && rb_stream_queued(&owner->stream) < OUTPUT_MAX / 2) {
        for (unsigned i = 1; i < 12; i++) SEND(owner, i * 37);
        owner->pull_bytes += 3000;
        CALL(owner, rb_stream_pull(&owner->stream));
    }
    return in_at > 300 * 1000;
}

static void nothing_is_lost_or_reordered_for_a_slow_reader(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        if (kind == 0)
            open_pair(SOCK_STREAM, 4000);
        else
            open_tcp(4000);
        out_at = in_at = 0;
        owner->pull_frame_bytes = 1234;
        owner->pull_bytes = 50 * 1000;
        SEND(owner, 80 * 1000);
        unsigned looks = 0;
        run_until(loop, read_a_little, &looks);
        read_all();
        assert_int_equal(rb_stream_queued(&owner->stream), 0);
        assert_int_equal(owner->closes, 0);
        CALL(owner, rb_stream_abort(&owner->stream, RB_OK));
        run_until(loop, is_closed, owner);
        owner->closes = 0;
        peer_close();
    }
}

/* The queue is a ring: it grows while its first entry is anywhere. */
static void a_queue_grows_while_it_turns(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 4000);
    for (size_t i = 0; i < 40; i++) {
        for (size_t n = 0; n < 1 + i % 3; n++) SEND(owner, 1000);
        turn();
        peer_read(1000);
    }
    assert_true(rb_stream_queued(&owner->stream) > 20 * 1000);
    read_all();
}

static void a_queue_that_grows_too_long_ends_the_stream(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 4000);
    SEND(owner, 3 * OUTPUT_MAX); /* one alone may be longer */
    turn();
    assert_int_equal(owner->closes, 0);
    peer_read(2 * OUTPUT_MAX + OUTPUT_MAX / 2);
    read_all();
    SEND(owner, OUTPUT_MAX - 1);
    SEND(owner, 1);
    assert_int_equal(rb_stream_queued(&owner->stream), OUTPUT_MAX);
    turn();
    while (rb_stream_queued(&owner->stream) <= OUTPUT_MAX) SEND(owner, 5000);
    SEND(owner, 5000);
    assert_int_equal(owner->closes, 0);
    run_until(loop, is_closed, owner);
    assert_int_equal(owner->why, RB_OUTPUT_FULL);
}

/* ---- time without progress ---- */

static void block(void)
{
    open_pair(SOCK_STREAM, 4000);
    SEND(owner, OUTPUT_MAX - 1000);
    turn();
    assert_true(rb_stream_queued(&owner->stream) > 0);
}

static void a_peer_that_takes_nothing_is_a_slow_reader(void **state)
{
    (void)state;
    block();
    rb_clock_test_advance_ms(TIMEOUT_MS - 5000);
    turn();
    SEND(owner, 10); /* no progress */
    CALL(owner, rb_stream_pull(&owner->stream));
    turn();
    assert_int_equal(owner->closes, 0);
    rb_clock_test_advance_ms(5000);
    run_until(loop, is_closed, owner);
    assert_int_equal(owner->why, RB_SLOW_READER);
}

static void progress_gives_a_slow_reader_more_time(void **state)
{
    (void)state;
    block();
    while (in_at < out_at - 3000) {
        rb_clock_test_advance_ms(TIMEOUT_MS * 3 / 4);
        turn();
        assert_int_equal(owner->closes, 0);
        while (peer_read(2000) > 0) continue;
        turn();
    }
    read_all();
    rb_clock_test_advance_ms(TIMEOUT_MS * 2); /* nothing waits: no hurry */
    turn();
    assert_int_equal(owner->closes, 0);
}

static void drain_and_let_time_pass(struct owner *of)
{
    (void)of;
    peer_read(SIZE_MAX);
    rb_clock_test_advance_ms(TIMEOUT_MS / 20);
}

static void a_stream_that_is_never_done_makes_progress_too(void **state)
{
    (void)state;
    block();
    owner->pull_frame_bytes = 10;
    owner->pull_bytes = 64 * 10 * 100;
    owner->when_pull =
        drain_and_let_time_pass; /* from now on the peer takes all at once, and every share is used up */
    read_all();
    assert_int_equal(owner->closes, 0);
    assert_true(owner->pulls >= 100);
}

/* The kernel took all of every share, and yet has no room for more: nobody tried to write when time began to
 * count. */
static void a_share_used_up_does_not_hide_a_slow_reader(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 200 * 1000); /* a Unix socket is writable while a quarter is used */
    owner->pull_frame_bytes = 500;
    owner->pull_bytes = 1000 * 1000;
    CALL(owner, rb_stream_pull(&owner->stream));
    turn();
    assert_true(owner->pulls == 4 && owner->pull_bytes > 0);
    rb_clock_test_advance_ms(TIMEOUT_MS + 10);
    run_until(loop, is_closed, owner);
    assert_int_equal(owner->why, RB_SLOW_READER);
}

/* ---- reading stops before the queue is full ---- */

static void answer_at_length(struct owner *of)
{
    rb_stream_send(&of->stream, next_frame(10 * 1000));
}

static unsigned asked;

static bool ask(void *arg)
{
    (void)arg;
    assert_int_equal(send(peer, "?", 1, 0), 1);
    assert_int_equal(owner->closes, 0);
    assert_true(rb_stream_queued(&owner->stream) <= OUTPUT_MAX / 2 + 10 * 1000);
    return ++asked == 60;
}

static bool all_is_read(void *arg)
{
    (void)arg;
    peer_read(5000);
    return owner->got.n == asked && in_at == out_at;
}

static void a_peer_that_asks_and_does_not_read_is_not_read(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 4000);
    owner->when_data = answer_at_length;
    run_until(loop, ask, NULL);
    assert_true(owner->got.n >= 5 && owner->got.n < 20);
    run_until(loop, all_is_read, NULL); /* reading goes on when there is room */
    assert_int_equal(owner->closes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(a_turn_makes_one_hand_over),
        ON_A_RIG(a_gather_is_limited_in_bytes),
        ON_A_RIG(nothing_is_lost_or_reordered_for_a_slow_reader),
        ON_A_RIG(a_queue_grows_while_it_turns),
        ON_A_RIG(a_queue_that_grows_too_long_ends_the_stream),
        ON_A_RIG(a_peer_that_takes_nothing_is_a_slow_reader),
        ON_A_RIG(progress_gives_a_slow_reader_more_time),
        ON_A_RIG(a_stream_that_is_never_done_makes_progress_too),
        ON_A_RIG(a_share_used_up_does_not_hide_a_slow_reader),
        ON_A_RIG(a_peer_that_asks_and_does_not_read_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
