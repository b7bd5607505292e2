#include "net_rig.h"

struct noted {
    struct rb_mark mark;
    size_t at;        /* what stands before it ends there */
    unsigned reached; /* how often */
    bool is_written;
};

/* It is told when the kernel has all that stands before it, so the peer will get that whatever comes. */
static void on_reached(struct rb_mark *mark, bool is_written)
{
    struct noted *noted = RB_OUTER(mark, struct noted, mark);
    noted->reached++;
    noted->is_written = is_written;
}

static void put(struct noted *noted)
{
    *noted = (struct noted){.mark.reached = on_reached, .at = out_at};
    CALL(owner, rb_stream_mark(&owner->stream, &noted->mark));
}

static void where_nothing_waits_it_is_reached_at_once(void **state)
{
    (void)state;
    struct noted noted;
    open_pair(SOCK_STREAM, 0);
    put(&noted);
    assert_int_equal(noted.reached, 1);
    assert_true(noted.is_written);
    SEND(owner, 10);
    put(&noted);
    assert_int_equal(noted.reached, 0); /* which has yet to be handed over */
    turn();
    assert_int_equal(noted.reached, 1);
    assert_true(noted.is_written);
}

enum { MARKS = 30 };

/* None is reached before the bytes in front of it have been taken, or after the peer has read behind it. */
static void marks_follow_what_stands_before_them(void **state)
{
    (void)state;
    struct noted noted[MARKS];
    open_pair(SOCK_STREAM, 4000);
    for (size_t i = 0; i < MARKS; i++) {
        if (i % 3) SEND(owner, i * 300); /* else two at the same place */
        put(&noted[i]);
    }
    for (size_t still = MARKS; still > 0;) {
        turn();
        still = 0;
        for (size_t i = 0; i < MARKS; i++) {
            size_t waiting = rb_stream_queued(&owner->stream);
            assert_int_equal(noted[i].reached, noted[i].at + waiting <= out_at);
            if (!noted[i].reached)
                still++;
            else
                assert_true(noted[i].is_written);
        }
        peer_read(1500);
    }
    read_all();
}

/* What the owner adds itself has been read from it by the time the mark is put, or comes later. */
static void what_is_pulled_counts_too(void **state)
{
    (void)state;
    struct noted noted;
    open_pair(SOCK_STREAM, 4000);
    owner->pull_frame_bytes = 50 * 1000;
    owner->pull_bytes = 50 * 1000;
    CALL(owner, rb_stream_pull(&owner->stream));
    turn();
    put(&noted);
    assert_int_equal(noted.reached, 0);
    read_all();
    turn();
    assert_int_equal(noted.reached, 1);
    assert_true(noted.is_written);
}

static void a_stream_that_ends_gives_them_up(void **state)
{
    (void)state;
    struct noted before, noted, after;
    open_pair(SOCK_STREAM, 4000);
    SEND(owner, 50 * 1000);
    put(&before);
    SEND(owner, 10);
    put(&noted);
    turn();
    CALL(owner, rb_stream_abort(&owner->stream, RB_IDLE));
    put(&after);
    assert_int_equal(after.reached, 1);
    assert_false(after.is_written);
    assert_int_equal(noted.reached, 0);
    run_until(loop, is_closed, owner);
    assert_int_equal(before.reached, 1);
    assert_int_equal(noted.reached, 1);
    assert_false(before.is_written || noted.is_written);
}

static void one_that_closes_still_reaches_them(void **state)
{
    (void)state;
    struct noted noted, after;
    open_pair(SOCK_STREAM, 4000);
    SEND(owner, 50 * 1000);
    put(&noted);
    CALL(owner, rb_stream_close(&owner->stream, RB_OK));
    put(&after);
    assert_int_equal(after.reached, 1);
    assert_false(after.is_written);
    read_all();
    turn();
    assert_int_equal(noted.reached, 1);
    assert_true(noted.is_written);
}

static void a_peer_that_has_gone_takes_nothing(void **state)
{
    (void)state;
    struct noted noted;
    open_pair(SOCK_STREAM, 4000);
    SEND(owner, 50 * 1000);
    put(&noted);
    turn();
    peer_close();
    run_until(loop, is_closed, owner);
    assert_int_equal(noted.reached, 1);
    assert_false(noted.is_written);
}

static void they_move_with_their_stream(void **state)
{
    (void)state;
    struct noted noted;
    open_pair(SOCK_STREAM, 4000);
    SEND(owner, 50 * 1000);
    put(&noted);
    turn();
    struct owner *second = calloc(1, sizeof *second), *first = owner;
    rb_stream_move(&second->stream, &first->stream, &own_ops);
    owner = second;
    read_all();
    turn();
    assert_int_equal(noted.reached, 1);
    assert_true(noted.is_written);
    CALL(owner, rb_stream_abort(&owner->stream, RB_OK));
    run_until(loop, is_closed, owner);
    owner = first;
    owner->closes = 1;
    free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(where_nothing_waits_it_is_reached_at_once),
        ON_A_RIG(marks_follow_what_stands_before_them),
        ON_A_RIG(what_is_pulled_counts_too),
        ON_A_RIG(a_stream_that_ends_gives_them_up),
        ON_A_RIG(one_that_closes_still_reaches_them),
        ON_A_RIG(a_peer_that_has_gone_takes_nothing),
        ON_A_RIG(they_move_with_their_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
