#include "conn_rig.h"

/* ---- marks ---- What the connection's transport would do with them. */

static struct rb_mark *marks; /* that wait, of the one connection that a test has */
static unsigned mark_count;
static bool marks_are_reached_at_once;

static void fake_mark(struct rb_conn *conn, struct rb_mark *mark)
{
    (void)conn;
    mark_count++;
    if (marks_are_reached_at_once)
        mark->reached(mark, true);
    else
        rb_marks_add(&marks, mark);
}

static void act_write(void *arg)
{
    (void)arg;
    rb_marks_reach(marks, true);
    marks = NULL;
}

static void act_break(void *arg)
{
    (void)arg;
    rb_marks_reach(marks, false);
    marks = NULL;
}

static const struct rb_conn_ops marked_ops = {.want_output = fake_want_output,
                                              .on_subscribed = fake_subscribed,
                                              .describe = fake_describe,
                                              .on_send = fake_send,
                                              .on_call = fake_call,
                                              .on_mark = fake_mark};

static void marked_open(struct rig *rig, struct fake *fake)
{
    mark_count = 0;
    marks_are_reached_at_once = false;
    fake_init(rig, fake, 1, &marked_ops);
    on(fake->loop, act_announce, fake);
}

static bool is_waiting(struct asked *asked)
{
    return asked->done_count == 0;
}

/* ---- how far it came ---- */

static void test_queued(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    marked_open(rig, &fake);
    struct asked asked = RECEIPT(fake.id, RB_RECEIPT_QUEUED);
    assert_int_equal(ask_now(rig, 0, &asked), RB_OK);
    assert_int_equal(asked.reached, RB_RECEIPT_QUEUED);
    assert_int_equal(mark_count, 0);
    assert_int_equal(numbers(rig).receipts_queued, 1);
    fake_end(&fake);
}

static void test_written(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    struct asked asked[3];
    marked_open(rig, &fake);
    for (int i = 0; i < 3; i++) { /* several at one place */
        asked[i] = RECEIPT(fake.id, RB_RECEIPT_WRITTEN);
        ask_later(rig, i, &asked[i]);
    }
    settle(rig);
    for (int i = 0; i < 3; i++) assert_true(is_waiting(&asked[i]));
    expect_got(&fake, "send n ;send n ;send n ;");
    assert_int_equal(numbers(rig).receipts_waiting, 3);
    on(fake.loop, act_write, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(outcome(&asked[i]), RB_OK);
        assert_int_equal(asked[i].reached, RB_RECEIPT_WRITTEN);
    }
    marks_are_reached_at_once = true;
    struct asked at_once = RECEIPT(fake.id, RB_RECEIPT_WRITTEN);
    assert_int_equal(ask_now(rig, 0, &at_once), RB_OK);
    assert_int_equal(at_once.reached, RB_RECEIPT_WRITTEN);
    assert_int_equal(numbers(rig).receipts_written, 4);
    assert_int_equal(numbers(rig).receipts_waiting, 0);
    fake_end(&fake);
}

static void test_never_written(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    marked_open(rig, &fake);
    struct asked asked = RECEIPT(fake.id, RB_RECEIPT_WRITTEN);
    ask_later(rig, 0, &asked);
    settle(rig);
    on(fake.loop, act_break, NULL);
    assert_int_equal(outcome(&asked), RB_CONNECTION_LOST);
    assert_int_equal(asked.reached, RB_RECEIPT_QUEUED);
    assert_int_equal(numbers(rig).receipts_lost, 1);
    fake_end(&fake);
}

/* What is said of the mark later reaches nobody. */
static void test_written_too_late(void **state)
{
    struct rig *rig = *state;
    void (*const later[])(void *) = {act_write, act_break};
    for (size_t i = 0; i < RB_COUNT(later); i++) {
        struct fake fake = {0};
        marked_open(rig, &fake);
        struct asked asked = RECEIPT(fake.id, RB_RECEIPT_WRITTEN);
        asked.timeout_ms = 1;
        assert_int_equal(ask_now(rig, 0, &asked), RB_CALL_TIMEOUT);
        assert_int_equal(asked.reached, RB_RECEIPT_QUEUED);
        on(fake.loop, later[i], NULL);
        settle(rig);
        assert_int_equal(asked.done_count, 1);
        fake_end(&fake);
    }
    assert_int_equal(numbers(rig).receipts_expired, 2);
    assert_int_equal(numbers(rig).receipts_written + numbers(rig).receipts_lost, 0);
}

/* Nothing is sent by who cannot say what was asked. */
static void test_what_a_protocol_has_not(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0}, mute = {0};
    fake_open(rig, &fake, 1);
    assert_int_equal(ask_now(rig, 0, &RECEIPT(fake.id, RB_RECEIPT_WRITTEN)), RB_CALL_UNSUPPORTED);
    expect_got(&fake, "");
    fake_init(rig, &mute, 1, &mute_ops);
    on(mute.loop, act_announce, &mute);
    for (enum rb_receipt receipt = RB_RECEIPT_QUEUED; receipt <= RB_RECEIPT_ACKNOWLEDGED; receipt++)
        assert_int_equal(ask_now(rig, 0, &RECEIPT(mute.id, receipt)), RB_CALL_UNSUPPORTED);
    fake_end(&fake);
    fake_end(&mute);
}

static void test_refused(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {.refusal = RB_CONNECTION_LOST};
    marked_open(rig, &fake);
    for (enum rb_receipt receipt = RB_RECEIPT_QUEUED; receipt <= RB_RECEIPT_ACKNOWLEDGED; receipt++)
        assert_int_equal(ask_now(rig, 0, &RECEIPT(fake.id, receipt)), RB_CONNECTION_LOST);
    assert_int_equal(mark_count, 0);
    assert_int_equal(numbers(rig).receipts_lost, 3);
    fake_end(&fake);
}

/* ---- acknowledgements ---- */

static void test_acknowledged(void **state)
{
    struct rig *rig = *state;
    for (int is_written = 0; is_written <= 1; is_written++)
        for (int is_error = 0; is_error <= 1; is_error++) {
            struct fake fake = {0};
            marked_open(rig, &fake);
            struct asked asked = RECEIPT(fake.id, RB_RECEIPT_ACKNOWLEDGED);
            ask_later(rig, 0, &asked);
            uint32_t number = await_call(&fake);
            if (is_written) on(fake.loop, act_write, NULL);
            settle(rig);
            assert_true(is_waiting(&asked));
            assert_true(reply(&fake, number, is_error, "\"whatever\""));
            assert_int_equal(outcome(&asked), RB_OK);
            assert_int_equal(asked.reached, RB_RECEIPT_ACKNOWLEDGED);
            if (!is_written) on(fake.loop, act_write, NULL);
            fake_end(&fake);
        }
    assert_int_equal(numbers(rig).receipts_acknowledged, 4);
    assert_int_equal(numbers(rig).calls_replied + numbers(rig).calls_failed, 0);
}

static void test_not_acknowledged(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    marked_open(rig, &fake);
    for (int is_written = 0; is_written <= 1; is_written++) {
        struct asked asked = RECEIPT(fake.id, RB_RECEIPT_ACKNOWLEDGED);
        marks_are_reached_at_once = is_written;
        asked.timeout_ms = 1;
        assert_int_equal(ask_now(rig, 0, &asked), RB_CALL_TIMEOUT);
        assert_int_equal(asked.reached, is_written ? RB_RECEIPT_WRITTEN : RB_RECEIPT_QUEUED);
    }
    assert_false(reply(&fake, fake.numbers[0], false, "1"));
    assert_int_equal(numbers(rig).late_replies, 1);
    assert_int_equal(numbers(rig).receipts_expired, 2);
    struct asked lost = RECEIPT(fake.id, RB_RECEIPT_ACKNOWLEDGED);
    ask_later(rig, 0, &lost);
    settle(rig);
    fake_end(&fake);
    assert_int_equal(outcome(&lost), RB_CONNECTION_LOST);
    assert_int_equal(lost.reached, RB_RECEIPT_WRITTEN);
    assert_int_equal(numbers(rig).receipts_waiting + numbers(rig).calls_waiting, 0);
    act_break(NULL); /* of the one that was not written */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(test_queued),
        ON_A_RIG(test_written),
        ON_A_RIG(test_never_written),
        ON_A_RIG(test_written_too_late),
        ON_A_RIG(test_what_a_protocol_has_not),
        ON_A_RIG(test_refused),
        ON_A_RIG(test_acknowledged),
        ON_A_RIG(test_not_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
