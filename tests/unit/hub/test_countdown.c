#include "hub/countdown.h"
#include "hub_rig.h"

enum { COUNTDOWNS = 6 };

struct counted {
    struct rb_countdown countdown;
    unsigned ticks, dues;
    uint32_t last_left_s;
    bool stops_at_tick, restarts_when_due;
};

struct counting {
    struct rb_loop *loop;
    struct rb_countdowns all;
    struct counted counted[COUNTDOWNS];
};

static struct counting *counting;
static unsigned frames_made;

static struct rb_blob *make_frame(uint32_t left_s)
{
    frames_made++;
    char text[16];
    int n = snprintf(text, sizeof text, "%u", left_s);
    return rb_blob_copy(rb_str_make(text, (size_t)n));
}

static void on_tick(struct rb_countdown *countdown)
{
    struct counted *counted = RB_OUTER(countdown, struct counted, countdown);
    counted->ticks++;
    counted->last_left_s = rb_countdown_left_s(&counting->all, countdown);
    rb_countdown_frame(&counting->all, countdown);
    if (counted->stops_at_tick) rb_countdown_stop(&counting->all, countdown);
}

static void on_due(struct rb_countdown *countdown)
{
    struct counted *counted = RB_OUTER(countdown, struct counted, countdown);
    counted->dues++;
    if (!counted->restarts_when_due) return;
    counted->restarts_when_due = false;
    rb_countdown_start(&counting->all, countdown, 1000);
}

static const struct rb_countdown_ops ops = {.make_frame = make_frame, .on_tick = on_tick, .on_due = on_due};

/* ---- acting on the loop ---- */

static void act_init(void *arg)
{
    struct counting *c = arg;
    rb_countdowns_init(&c->all, c->loop, &ops);
}

static void act_fini(void *arg)
{
    struct counting *c = arg;
    for (int i = 0; i < COUNTDOWNS; i++) rb_countdown_stop(&c->all, &c->counted[i].countdown);
    rb_countdowns_fini(&c->all);
}

struct start {
    int which;
    uint64_t delay_ms;
};

static void act_start(void *arg)
{
    const struct start *start = arg;
    rb_countdown_start(&counting->all, &counting->counted[start->which].countdown, start->delay_ms);
}

static void begin(int which, uint64_t delay_ms)
{
    on(counting->loop, act_start, &(struct start){which, delay_ms});
}

/* In one turn of the loop. */
static void act_start_four(void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++) rb_countdown_start(&counting->all, &counting->counted[i].countdown, 3600000);
}

struct wish {
    int which;
    unsigned ticks, dues;
};

static bool is_granted(void *arg)
{
    const struct wish *wish = arg;
    const struct counted *counted = &counting->counted[wish->which];
    return counted->ticks >= wish->ticks && counted->dues >= wish->dues;
}

static void await(int which, unsigned ticks, unsigned dues)
{
    until(counting->loop, is_granted, &(struct wish){which, ticks, dues});
}

static int set_up(void **state)
{
    if (make_rig(state)) return -1;
    counting = calloc(1, sizeof *counting);
    counting->loop = ((struct rig *)*state)->loops[0];
    frames_made = 0;
    on(counting->loop, act_init, counting);
    return 0;
}

static int tear_down(void **state)
{
    on(counting->loop, act_fini, counting);
    free(counting);
    return end_rig(state);
}

/* ---- tests ---- */

static void who_ends_together_shares_a_frame(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) counting->counted[i].stops_at_tick = true;
    on(counting->loop, act_start_four, NULL);
    for (int i = 0; i < 4; i++) {
        await(i, 1, 0);
        assert_int_equal(counting->counted[i].last_left_s, 3600);
    }
    assert_int_equal(frames_made, 1);
    assert_int_equal(counting->all.groups.count, 0);
}

static void it_ends_once(void **state)
{
    (void)state;
    begin(0, 60000);
    begin(1, 120000);
    rb_clock_test_advance_ms(60200);
    await(0, 0, 1);
    await(1, 1, 0);
    assert_int_equal(counting->counted[0].dues, 1);
    assert_int_equal(counting->counted[1].dues, 0);
    assert_int_equal(counting->all.groups.count, 1);
}

static void starting_again_moves_the_end(void **state)
{
    (void)state;
    begin(0, 10000);
    begin(0, 3600000);
    rb_clock_test_advance_ms(20000);
    await(0, 1, 0);
    assert_int_equal(counting->counted[0].dues, 0);
    assert_true(counting->counted[0].last_left_s > 3570);
}

static void it_may_start_again_when_it_is_due(void **state)
{
    (void)state;
    counting->counted[0].restarts_when_due = true;
    begin(0, 5000);
    begin(1, 5000);
    rb_clock_test_advance_ms(6000);
    await(0, 0, 1);
    await(1, 0, 1);
    rb_clock_test_advance_ms(2000);
    await(0, 0, 2);
    assert_int_equal(counting->counted[1].dues, 1);
}

int main(void)
{
    rb_clock_test_enable();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_ends_together_shares_a_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_ends_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(starting_again_moves_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_may_start_again_when_it_is_due, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
