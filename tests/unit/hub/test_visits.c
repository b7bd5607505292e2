#include "conn_rig.h"

static rb_err visit_look(struct rb_conn *conn, struct rb_conn_errand *errand)
{
    struct fake *fake = fake_of(conn);
    if (rb_loop_current() != fake->loop) abort();
    errand->reply = rb_arena_fmt(&errand->arena, "%s saw %s", fake->door, fake->client);
    return RB_OK;
}

static rb_err visit_refuse(struct rb_conn *conn, struct rb_conn_errand *errand)
{
    (void)conn;
    errand->kind = RB_CONN_SEND; /* which does not happen */
    return RB_FORBIDDEN;
}

static rb_err visit_send(struct rb_conn *conn, struct rb_conn_errand *errand)
{
    errand->kind = RB_CONN_SEND;
    errand->name = rb_arena_fmt(&errand->arena, "to-%s", fake_of(conn)->client);
    errand->data = RB_STR("{}");
    return RB_OK;
}

static rb_err visit_call(struct rb_conn *conn, struct rb_conn_errand *errand)
{
    (void)conn;
    errand->kind = RB_CONN_CALL;
    errand->timeout_ms = 5000;
    return RB_OK;
}

static void test_look(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {.client = "ann", .door = "era"};
    fake_open(rig, &fake, 1);
    for (int from = 0; from < LOOPS; from++) {
        struct asked asked = VISIT(fake.id, visit_look);
        assert_int_equal(ask_now(rig, from, &asked), RB_OK);
        assert_string_equal(asked.reply, "era saw ann");
    }
    expect_got(&fake, "");
    fake_end(&fake);
}

static void test_doors(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {.door = "era"};
    fake_open(rig, &fake, 1);
    struct asked asked = VISIT(fake.id, visit_look);
    asked.door = "era";
    assert_int_equal(ask_now(rig, 0, &asked), RB_OK);
    asked = VISIT(fake.id, visit_look);
    asked.door = "native";
    assert_int_equal(ask_now(rig, 0, &asked), RB_CALL_UNSUPPORTED);
    assert_string_equal(asked.reply, "");
    asked = VISIT(fake.id, visit_look);
    asked.tenant = "other";
    assert_int_equal(ask_now(rig, 0, &asked), RB_NO_SUCH_CONNECTION);
    fake_end(&fake);
}

static void test_what_it_becomes(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {.client = "ann"};
    fake_open(rig, &fake, 1);
    assert_int_equal(ask_now(rig, 0, &VISIT(fake.id, visit_refuse)), RB_FORBIDDEN);
    expect_got(&fake, "");
    assert_int_equal(ask_now(rig, 0, &VISIT(fake.id, visit_send)), RB_OK);
    expect_got(&fake, "send to-ann {};");
    struct asked asked = VISIT(fake.id, visit_call);
    ask_later(rig, 0, &asked);
    assert_true(reply(&fake, await_call(&fake), true, "\"no\""));
    assert_int_equal(outcome(&asked), RB_CALL_FAILED);
    assert_string_equal(asked.reply, "\"no\"");
    expect_got(&fake, "call n  5000;");
    assert_int_equal(numbers(rig).calls_failed, 1);
    fake_end(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_A_RIG(test_look), ON_A_RIG(test_doors),
                                       ON_A_RIG(test_what_it_becomes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
