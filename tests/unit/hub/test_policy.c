#include "hub/policy.h"
#include "hub_rig.h"

#define TOPIC "t/kept/task"

/* ---- calls ---- */

struct calling {
    struct rig *rig;
    int loop;
    struct rb_policy_call *call;
    rb_err err;
    unsigned holders;
    sem_t done;
};

static void on_called(struct rb_policy_call *call)
{
    struct calling *calling = call->arg;
    calling->err = call->err;
    calling->holders = call->holders;
    rb_policy_call_free(call);
    sem_post(&calling->done);
}

static void act_call(void *arg)
{
    rb_policy_call_send(((struct calling *)arg)->call);
}

static struct calling *calling_new(struct rig *rig, int loop, enum rb_policy_call_kind kind,
                                   const char *owner)
{
    struct calling *calling = calloc(1, sizeof *calling);
    calling->rig = rig;
    calling->loop = loop;
    calling->call = rb_policy_call_new(rig->hub, kind, RB_STR(TOPIC), on_called, calling);
    calling->call->owner = rb_str_of(owner);
    sem_init(&calling->done, 0, 0);
    return calling;
}

static rb_err finish(struct calling *calling, unsigned *out_holders)
{
    on(calling->rig->loops[calling->loop], act_call, calling);
    sem_wait(&calling->done);
    sem_destroy(&calling->done);
    rb_err err = calling->err;
    if (out_holders) *out_holders = calling->holders;
    free(calling);
    return err;
}

static void set(struct rig *rig, struct rb_policy policy)
{
    struct calling *calling = calling_new(rig, 0, RB_POLICY_SET, "me");
    calling->call->policy = &policy;
    assert_int_equal(finish(calling, NULL), RB_OK);
}

static rb_err push_as(struct rig *rig, const char *owner, const char *data, uint32_t flags,
                      uint32_t timeout_s, unsigned *out_holders)
{
    struct calling *calling = calling_new(rig, 1, RB_POLICY_PUSH, owner);
    calling->call->spec = (struct rb_event_spec){
        .name = RB_STR("n"), .data = rb_str_of(data), .flags = flags, .timeout_s = timeout_s};
    return finish(calling, out_holders);
}

static unsigned push(struct rig *rig, const char *data, uint32_t flags, uint32_t timeout_s)
{
    unsigned holders = 0;
    assert_int_equal(push_as(rig, "me", data, flags, timeout_s, &holders), RB_OK);
    return holders;
}

/* ---- holders ---- */

struct asking {
    struct rig *rig;
    int loop;
    unsigned char hash[32];
    struct rb_handle conn;
    struct rb_holder *admission;
    rb_err err;
    bool is_completed, keeps_last;
    uint64_t left_ms;
    sem_t done;
};

static void on_admitted(struct rb_holder *admission)
{
    struct asking *asking = admission->arg;
    asking->err = admission->err;
    asking->is_completed = admission->is_completed;
    asking->keeps_last = admission->keeps_last;
    asking->left_ms = admission->left_ms;
    sem_post(&asking->done);
}

static void act_ask(void *arg)
{
    struct asking *asking = arg;
    asking->admission =
        rb_holder_ask(asking->rig->hub, RB_STR(TOPIC), asking->hash, &asking->conn, 3, on_admitted, asking);
}

static void act_end(void *arg)
{
    rb_holder_end(((struct asking *)arg)->admission);
}

static void act_ask_and_end(void *arg)
{
    act_ask(arg);
    act_end(arg);
}

static struct asking *admit(struct rig *rig, int loop, unsigned char ticket)
{
    struct asking *asking = calloc(1, sizeof *asking);
    asking->rig = rig;
    asking->loop = loop;
    asking->hash[0] = ticket;
    sem_init(&asking->done, 0, 0);
    on(rig->loops[loop], act_ask, asking);
    sem_wait(&asking->done);
    return asking;
}

static void leave(struct asking *asking)
{
    on(asking->rig->loops[asking->loop], act_end, asking);
    settle(asking->rig);
    sem_destroy(&asking->done);
    free(asking);
}

static void admit_and_leave(struct rig *rig, unsigned char ticket, rb_err expected)
{
    struct asking *asking = admit(rig, 2, ticket);
    assert_int_equal(asking->err, expected);
    leave(asking);
}

static void restart(struct rig *rig)
{
    settle(rig);
    for (int i = 0; i < LOOPS; i++) rb_loop_stop(rig->loops[i]);
    for (int i = 0; i < LOOPS; i++) pthread_join(rig->threads[i], NULL);
    end_loops(rig);
    rb_hub_save_policies(rig->hub);
    rb_store_close(rig->store);
    end_loops(rig);
    rb_hub_free(rig->hub);
    for (int i = 0; i < LOOPS; i++) rb_loop_free(rig->loops[i]);
    start_hub(rig);
}

/* ---- tests ---- */

static void a_topic_without_policy_lets_everybody_in(void **state)
{
    struct rig *rig = *state;
    struct asking *one = admit(rig, 0, 1), *two = admit(rig, 1, 1);
    assert_int_equal(one->err, RB_OK);
    assert_int_equal(two->err, RB_OK);
    assert_int_equal(one->left_ms, 0);
    assert_false(one->keeps_last || one->is_completed);
    assert_int_equal(push_as(rig, "me", "1", 0, 1, NULL), RB_NOT_FOUND);
    assert_int_equal(push_as(rig, NULL, "1", 0, 1, NULL), RB_OK);
    leave(one);
    leave(two);
}

static void who_may_push(void **state)
{
    struct rig *rig = *state;
    set(rig, (struct rb_policy){0});
    assert_int_equal(push_as(rig, "you", "1", 0, 1, NULL), RB_NOT_FOUND);
    struct asking *one = admit(rig, 0, 1), *two = admit(rig, 3, 2);
    assert_int_equal(push(rig, "1", 0, 1), 2);
    leave(one);
    assert_int_equal(push(rig, "1", 0, 1), 1);
    leave(two);
    assert_int_equal(push(rig, "1", 0, 1), 0);
}

static void instances(void **state)
{
    struct rig *rig = *state;
    set(rig, (struct rb_policy){.instances = RB_INSTANCES_REFUSE});
    struct asking *one = admit(rig, 0, 1);
    admit_and_leave(rig, 2, RB_TAKEN);
    leave(one);
    admit_and_leave(rig, 2, RB_OK);

    set(rig, (struct rb_policy){.instances = RB_INSTANCES_REPLACE});
    one = admit(rig, 0, 1);
    struct asking *two = admit(rig, 1, 2);
    assert_int_equal(two->err, RB_OK);
    assert_int_equal(push(rig, "1", 0, 1), 1);
    leave(one);
    assert_int_equal(push(rig, "1", 0, 1), 1);
    admit_and_leave(rig, 1, RB_REPLACED);
    rb_clock_test_advance_ms(RB_POLICY_COMEBACK_MS);
    one = admit(rig, 0, 1);
    assert_int_equal(one->err, RB_OK);
    leave(two);
    leave(one);
    admit_and_leave(rig, 2, RB_OK); /* nobody is there */
}

static void as_many_as_allowed(void **state)
{
    struct rig *rig = *state;
    struct asking *all[3];
    for (int i = 0; i < 3; i++) all[i] = admit(rig, i, 1);
    admit_and_leave(rig, 1, RB_TOO_MANY_CONNECTIONS);
    for (int i = 0; i < 3; i++) leave(all[i]);
    admit_and_leave(rig, 1, RB_OK);
}

static void who_leaves_before_the_answer_is_not_counted(void **state)
{
    struct rig *rig = *state;
    set(rig, (struct rb_policy){0});
    struct asking asking = {.rig = rig, .hash = {1}};
    for (int i = 0; i < 20; i++) on(rig->loops[i % LOOPS], act_ask_and_end, &asking);
    settle(rig);
    assert_int_equal(push(rig, "1", 0, 1), 0);
}

static void deadlines(void **state)
{
    struct rig *rig = *state;
    set(rig, (struct rb_policy){.timeout_ms = 60000});
    struct asking *asking = admit(rig, 0, 1);
    assert_int_equal(asking->left_ms, 60000);
    leave(asking);
    set(rig, (struct rb_policy){.timeout_ms = 60000, .is_deadline_shared = true});
    admit_and_leave(rig, 1, RB_OK);
    rb_clock_test_advance_ms(40000);
    asking = admit(rig, 0, 1);
    assert_true(asking->left_ms > 10000 && asking->left_ms <= 20000);
    leave(asking);
    rb_clock_test_advance_ms(20000);
    admit_and_leave(rig, 1, RB_DEADLINE);
    push(rig, "1", 0, 100);
    asking = admit(rig, 0, 1);
    assert_true(asking->left_ms > 90000 && asking->left_ms <= 100000);
    leave(asking);
    rb_clock_test_advance_ms(100000);
    admit_and_leave(rig, 1, RB_DEADLINE);
    set(rig, (struct rb_policy){.timeout_ms = 60000, .is_deadline_shared = true}); /* anew */
    admit_and_leave(rig, 1, RB_OK);
}

static void completed_and_open_again(void **state)
{
    struct rig *rig = *state;
    set(rig, (struct rb_policy){.instances = RB_INSTANCES_REFUSE, .keeps_last = true});
    push(rig, "1", RB_EVENT_FINAL, 0);
    struct asking *one = admit(rig, 0, 1), *two = admit(rig, 1, 1);
    assert_true(one->is_completed && two->is_completed && one->keeps_last);
    leave(one);
    leave(two);
    push(rig, "2", 0, 5);
    one = admit(rig, 0, 1);
    assert_false(one->is_completed);
    leave(one);
}

static void the_latest_survives_a_restart(void **state)
{
    struct rig *rig = *state;
    struct listener late = {0};
    set(rig, (struct rb_policy){.keeps_last = true, .timeout_ms = 1000});
    push(rig, "1", 0, 5);
    push(rig, "2", RB_EVENT_FINAL, 0);
    restart(rig);
    struct asking *asking = admit(rig, 1, 1);
    assert_true(asking->is_completed && asking->keeps_last);
    assert_int_equal(asking->left_ms, 1000);
    listen_at(rig, &late, 1, TOPIC, START_OLDEST);
    expect(rig, &late, "2 ");
    push(rig, "3", 0, 5);
    expect(rig, &late, "2 3 ");
    hush(&late);
    leave(asking);
    assert_int_equal(push_as(rig, "you", "1", 0, 1, NULL), RB_NOT_FOUND);
}

static void what_nobody_uses_leaves_the_memory(void **state)
{
    struct rig *rig = *state;
    struct listener late = {0};
    set(rig, (struct rb_policy){.keeps_last = true});
    push(rig, "1", 0, 5);
    settle(rig);
    static const uint64_t steps_ms[] = {RB_POLICY_SAVE_MS, RB_POLICY_IDLE_MS, RB_POLICY_SWEEP_MS,
                                        RB_POLICY_SWEEP_MS};
    for (size_t i = 0; i < RB_COUNT(steps_ms); i++) {
        rb_clock_test_advance_ms(steps_ms[i]);
        settle(rig);
    }
    admit_and_leave(rig, 1, RB_OK); /* and comes back when it is asked for */
    listen_at(rig, &late, 1, TOPIC, START_OLDEST);
    expect(rig, &late, "1 ");
    hush(&late);
}

int main(void)
{
    rb_clock_test_enable();
    const struct CMUnitTest tests[] = {
        ON_A_RIG(a_topic_without_policy_lets_everybody_in),
        ON_A_RIG(who_may_push),
        ON_A_RIG(instances),
        ON_A_RIG(as_many_as_allowed),
        ON_A_RIG(who_leaves_before_the_answer_is_not_counted),
        ON_A_RIG(deadlines),
        ON_A_RIG(completed_and_open_again),
        ON_A_RIG(the_latest_survives_a_restart),
        ON_A_RIG(what_nobody_uses_leaves_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
