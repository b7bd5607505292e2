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
    assert_int_equal(rb_hub_late_replies(rig->hub), LOOPS);
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
    assert_int_equal(rb_hub_late_replies(rig->hub), 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(test_reply), ON_A_RIG(test_error),   ON_A_RIG(test_timeout),  ON_A_RIG(test_several),
        ON_A_RIG(test_lost),  ON_A_RIG(test_refused), ON_A_RIG(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
