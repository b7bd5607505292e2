/* Connections whose transport takes frame by frame (rb_conn_take), and what they are told of it. */
#include "conn_rig.h"

struct taker {
    struct fake fake;
    struct rb_buf frames, moves;
    unsigned wants, losses, events;
    bool is_silent; /* about gaps */
};

static struct taker *taker_of(struct rb_conn *conn)
{
    return RB_OUTER(fake_of(conn), struct taker, fake);
}

static void taker_want_output(struct rb_conn *conn)
{
    taker_of(conn)->wants++;
}

static struct rb_blob *taker_gap(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    (void)sub;
    return taker_of(conn)->is_silent ? NULL : rb_blob_copy(RB_STR("G"));
}

static void taker_taken(struct rb_conn *conn, struct rb_conn_sub *sub, uint64_t after, uint64_t upto)
{
    rb_buf_add_fmt(&taker_of(conn)->moves, "%s%llu-%llu ",
                   rb_str_ends(rb_sub_topic_name(&sub->sub), RB_STR("b")) ? "b" : "",
                   (unsigned long long)after, (unsigned long long)upto);
}

static void taker_event(struct rb_conn *conn, struct rb_conn_sub *sub, const struct rb_event *event)
{
    (void)sub, (void)event;
    taker_of(conn)->events++;
}

static void taker_lost(struct rb_conn *conn)
{
    taker_of(conn)->losses++;
}

static const struct rb_conn_ops taker_ops = {.want_output = taker_want_output,
                                             .on_subscribed = fake_subscribed,
                                             .on_gap = taker_gap,
                                             .on_event = taker_event,
                                             .on_taken = taker_taken,
                                             .on_lost = taker_lost};

static struct rb_blob *encode(const struct rb_encoding *encoding, rb_str topic, struct rb_position position,
                              const struct rb_event *event)
{
    (void)encoding, (void)topic, (void)position;
    return rb_str_is(event->data, "13") ? NULL : rb_blob_copy(event->data); /* for which there is no memory */
}

static const struct rb_encoding encoding = {.encode = encode};

struct taking {
    struct taker *taker;
    int count;
    bool is_held;
};

static void act_take_frames(void *arg)
{
    struct taking *taking = arg;
    for (int i = 0; i < taking->count; i++) {
        struct rb_blob *frame = rb_conn_take(&taking->taker->fake.conn);
        rb_buf_add_fmt(&taking->taker->frames, "%.*s ", frame ? (int)frame->n : 1, frame ? frame->p : "-");
        rb_blob_unref(frame);
    }
}

static void take(struct taker *taker, int count, const char *frames)
{
    on(taker->fake.loop, act_take_frames, &(struct taking){.taker = taker, .count = count});
    assert_string_equal(rb_buf_text(&taker->frames), frames);
    rb_buf_clear(&taker->frames);
}

static void act_hold(void *arg)
{
    struct taking *taking = arg;
    rb_conn_hold(&taking->taker->fake.conn, taking->is_held);
}

static void expect_moves(struct taker *taker, const char *moves)
{
    assert_string_equal(rb_buf_text(&taker->moves), moves);
    rb_buf_clear(&taker->moves);
}

static void taker_open(struct rig *rig, struct taker *taker)
{
    fake_init(rig, &taker->fake, 1, &taker_ops);
}

static void taker_subscribe(struct rig *rig, struct taker *taker, const char *topic)
{
    on(taker->fake.loop, act_subscribe, &(struct subscribing){&taker->fake, topic, &encoding});
    settle(rig);
}

static void taker_end(struct taker *taker)
{
    fake_end(&taker->fake);
    rb_buf_fini(&taker->frames);
    rb_buf_fini(&taker->moves);
}

static void test_frame_by_frame(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    taker_open(rig, &taker);
    take(&taker, 1, "- ");
    taker_subscribe(rig, &taker, "t/a");
    take(&taker, 1, "- ");
    for (unsigned i = 1; i <= 3; i++) publish(rig, "t/a", i);
    settle(rig);
    assert_int_equal(taker.wants, 1);
    take(&taker, 2, "1 2 ");
    expect_moves(&taker, "0-1 1-2 ");
    on(taker.fake.loop, act_hold, &(struct taking){.taker = &taker, .is_held = true});
    take(&taker, 1, "- ");
    on(taker.fake.loop, act_hold, &(struct taking){.taker = &taker});
    assert_int_equal(taker.wants, 2);
    take(&taker, 2, "3 - ");
    expect_moves(&taker, "2-3 ");
    assert_int_equal(taker.events, 3);
    publish(rig, "t/a", 4);
    settle(rig);
    assert_int_equal(taker.wants, 3);
    take(&taker, 2, "4 - ");
    taker_end(&taker);
}

/* What is for others is passed over, and said so. */
static void test_moves_over_others(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    taker_open(rig, &taker);
    publish(rig, "t/a", 1);
    publish_spec(
        rig, "t/a",
        &(struct rb_event_spec){.name = RB_STR("n"), .data = RB_STR("2"), .audience = RB_STR("other")});
    publish(rig, "t/a", 3);
    taker_subscribe(rig, &taker, "t/a");
    take(&taker, 3, "1 3 - ");
    expect_moves(&taker, "0-1 1-3 ");
    taker_end(&taker);
}

static void test_turns(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    taker_open(rig, &taker);
    for (unsigned i = 1; i <= 4; i++) publish(rig, "t/a", i);
    for (unsigned i = 1; i <= 2; i++) publish(rig, "t/b", 10 + i);
    taker_subscribe(rig, &taker, "t/a");
    taker_subscribe(rig, &taker, "t/b");
    take(&taker, 7, "1 11 2 12 3 4 - ");
    expect_moves(&taker, "0-1 b0-1 1-2 b1-2 2-3 3-4 ");
    taker_end(&taker);
}

static void test_gaps(void **state)
{
    struct rig *rig = *state;
    for (int is_silent = 0; is_silent < 2; is_silent++) {
        struct taker taker = {.is_silent = is_silent};
        taker_open(rig, &taker);
        for (unsigned i = 1; i <= 3; i++) publish(rig, "t/last/x", i);
        on(taker.fake.loop, act_subscribe,
           &(struct subscribing){&taker.fake, "t/last/x", &encoding, .is_behind_a_gap = true});
        settle(rig);
        take(&taker, 3, is_silent ? "3 - - " : "G 3 - ");
        taker_end(&taker);
    }
}

/* Memory is out for one frame: the door is told, and nothing is taken in its place. */
static void test_lost(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    taker_open(rig, &taker);
    for (unsigned i = 12; i <= 14; i++) publish(rig, "t/a", i);
    taker_subscribe(rig, &taker, "t/a");
    take(&taker, 2, "12 - ");
    assert_int_equal(taker.losses, 1);
    expect_moves(&taker, "0-1 ");
    take(&taker, 2, "14 - ");
    expect_moves(&taker, "2-3 ");
    taker_end(&taker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(test_frame_by_frame), ON_A_RIG(test_moves_over_others),
        ON_A_RIG(test_turns),          ON_A_RIG(test_gaps),
        ON_A_RIG(test_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
