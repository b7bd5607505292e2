#include "conn_rig.h"

static void test_reply(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    fake_open(rig, &fake, 1);
    for (int from = 0; from < LOOPS; from++) {
        struct asked asked = CALL(fake.id, "{\"a\":1}");
        asked.name = "sum";
        asked.timeout_ms = 500000;
        ask_later(rig, from, &asked);
        uint32_t number = await_call(&fake);
        expect_got(&fake, "call sum {\"a\":1} 500000;");
        assert_in_range(number, 1, INT32_MAX);
        assert_true(reply(&fake, number, false, " [1, 2.0]"));
        assert_int_equal(outcome(&asked), RB_OK);
        assert_string_equal(asked.reply, " [1, 2.0]");
        assert_false(reply(&fake, number, false, "again"));
        assert_int_equal(asked.done_count, 1);
        fake.call_count = 0;
    }
    assert_int_equal(numbers(rig).late_replies, LOOPS);
    fake_end(&fake);
}

static void test_error(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    fake_open(rig, &fake, 1);
    struct asked asked = CALL(fake.id, "1");
    ask_later(rig, 0, &asked);
    assert_true(reply(&fake, await_call(&fake), true, "\"no such file\""));
    assert_int_equal(outcome(&asked), RB_CALL_FAILED);
    assert_string_equal(asked.reply, "\"no such file\"");
    fake_end(&fake);
}

static void test_timeout(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    fake_open(rig, &fake, 1);
    struct asked asked = CALL(fake.id, "1");
    asked.timeout_ms = 1;
    assert_int_equal(ask_now(rig, 0, &asked), RB_CALL_TIMEOUT);
    assert_false(reply(&fake, await_call(&fake), false, "1"));
    assert_int_equal(numbers(rig).late_replies, 1);
    assert_int_equal(asked.done_count, 1);
    fake_end(&fake);
}

/* Several at once, answered in another order; and nobody answers another's. */
static void test_several(void **state)
{
    struct rig *rig = *state;
    struct fake fakes[2] = {0};
    struct asked asked[4];
    for (int i = 0; i < 2; i++) fake_open(rig, &fakes[i], 1);
    for (int i = 0; i < 4; i++) {
        asked[i] = CALL(fakes[i % 2].id, "1");
        ask_later(rig, i % LOOPS, &asked[i]);
        settle(rig);
    }
    uint32_t *ours = fakes[0].numbers, *theirs = fakes[1].numbers;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++) assert_int_not_equal(ours[i], theirs[k]);
    assert_false(reply(&fakes[0], theirs[0], false, "0"));
    assert_true(reply(&fakes[0], ours[1], false, "2"));
    assert_true(reply(&fakes[1], theirs[1], false, "3"));
    assert_true(reply(&fakes[1], theirs[0], false, "1"));
    assert_true(reply(&fakes[0], ours[0], false, "0"));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(outcome(&asked[i]), RB_OK);
        assert_int_equal(atoi(asked[i].reply), i);
    }
    for (int i = 0; i < 2; i++) fake_end(&fakes[i]);
}

static void lose_by(struct rig *rig, void (*act)(void *))
{
    struct fake fake = {0};
    struct asked asked[3];
    fake_open(rig, &fake, 1);
    for (int i = 0; i < 3; i++) {
        asked[i] = CALL(fake.id, "1");
        ask_later(rig, i, &asked[i]);
    }
    settle(rig);
    assert_int_equal(fake.call_count, 3);
    on(fake.loop, act, &fake);
    for (int i = 0; i < 3; i++) assert_int_equal(outcome(&asked[i]), RB_CONNECTION_LOST);
    assert_false(reply(&fake, fake.numbers[0], false, "1"));
    fake_end(&fake);
}

static void test_lost(void **state)
{
    lose_by(*state, act_part);
    lose_by(*state, act_withdraw);
}

static void test_refused(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {.refusal = RB_OUT_OF_MEMORY};
    fake_open(rig, &fake, 1);
    struct asked asked = CALL(fake.id, "1");
    assert_int_equal(ask_now(rig, 0, &asked), RB_OUT_OF_MEMORY);
    assert_false(reply(&fake, fake.numbers[0], false, "1"));
    fake_end(&fake);
}

static void test_too_many(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0}, other = {0};
    struct asked *asked = calloc(RB_CONN_CALLS_MAX, sizeof *asked);
    fake_open(rig, &fake, 1);
    fake_open(rig, &other, 1);
    for (int i = 0; i < RB_CONN_CALLS_MAX; i++) {
        asked[i] = CALL(fake.id, "1");
        ask_later(rig, i % LOOPS, &asked[i]);
    }
    settle(rig);
    assert_int_equal(fake.call_count, RB_CONN_CALLS_MAX);
    assert_int_equal(ask_now(rig, 0, &CALL(fake.id, "1")), RB_TOO_MANY_REQUESTS);
    struct asked elsewhere = CALL(other.id, "1");
    ask_later(rig, 0, &elsewhere);
    assert_true(reply(&other, await_call(&other), false, "1"));
    assert_int_equal(outcome(&elsewhere), RB_OK);
    assert_int_equal(fake.call_count, RB_CONN_CALLS_MAX);

    assert_true(reply(&fake, fake.numbers[7], false, "1")); /* room for one */
    struct asked one_more = CALL(fake.id, "1");
    ask_later(rig, 0, &one_more);
    settle(rig);
    assert_int_equal(fake.call_count, RB_CONN_CALLS_MAX + 1);
    fake_end(&fake);
    int done = 0;
    for (int i = 0; i < RB_CONN_CALLS_MAX; i++) done += outcome(&asked[i]) == RB_OK;
    assert_int_equal(done, 1);
    assert_int_equal(outcome(&one_more), RB_CONNECTION_LOST);
    fake_end(&other);
    free(asked);
}

/* A door may say how many. */
static void test_calls_max(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    struct rb_conn_ops few_ops = fake_ops;
    struct asked asked[2];
    few_ops.calls_max = 2;
    fake_init(rig, &fake, 1, &few_ops);
    on(fake.loop, act_announce, &fake);
    for (int i = 0; i < 2; i++) {
        asked[i] = CALL(fake.id, "1");
        ask_later(rig, 0, &asked[i]);
    }
    assert_int_equal(ask_now(rig, 0, &CALL(fake.id, "1")), RB_TOO_MANY_REQUESTS);
    for (int i = 0; i < 2; i++) assert_true(reply(&fake, fake.numbers[i], false, "1"));
    for (int i = 0; i < 2; i++) assert_int_equal(outcome(&asked[i]), RB_OK);
    fake_end(&fake);
}

/* Each is counted once, as what it came to. */
static void test_numbers(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    struct asked replied = {0}, failed = {0}, waiting[2];
    fake_open(rig, &fake, 1);
    replied = CALL(fake.id, "1");
    ask_later(rig, 0, &replied);
    reply(&fake, await_call(&fake), false, "1");
    assert_int_equal(outcome(&replied), RB_OK);
    failed = CALL(fake.id, "1");
    ask_later(rig, 0, &failed);
    settle(rig);
    reply(&fake, fake.numbers[1], true, "1");
    assert_int_equal(outcome(&failed), RB_CALL_FAILED);
    struct asked late = CALL(fake.id, "1");
    late.timeout_ms = 1;
    assert_int_equal(ask_now(rig, 0, &late), RB_CALL_TIMEOUT);
    for (int i = 0; i < 2; i++) {
        waiting[i] = CALL(fake.id, "1");
        ask_later(rig, 0, &waiting[i]);
    }
    settle(rig);
    struct rb_hub_numbers now = numbers(rig);
    assert_int_equal(now.connections, 1);
    assert_int_equal(now.calls_waiting, 2);
    fake_end(&fake);
    for (int i = 0; i < 2; i++) assert_int_equal(outcome(&waiting[i]), RB_CONNECTION_LOST);
    now = numbers(rig);
    assert_int_equal(now.connections, 0);
    assert_int_equal(now.calls_waiting, 0);
    assert_int_equal(now.calls_replied, 1);
    assert_int_equal(now.calls_failed, 1);
    assert_int_equal(now.calls_timeout, 1);
    assert_int_equal(now.calls_lost, 2);
    assert_int_equal(now.late_replies, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(test_reply),    ON_A_RIG(test_error),     ON_A_RIG(test_timeout),
        ON_A_RIG(test_several),  ON_A_RIG(test_lost),      ON_A_RIG(test_refused),
        ON_A_RIG(test_too_many), ON_A_RIG(test_calls_max), ON_A_RIG(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
