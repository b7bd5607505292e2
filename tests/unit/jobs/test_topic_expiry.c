/* Durable topics that nobody uses: their events go when their time is over. */
#include "jobs_rig.h"

static void append(rb_str topic, unsigned count, uint64_t time_ms)
{
    struct rb_tx *tx = rb_tx_new();
    struct rb_event_record event = {
        .topic = topic, .name = RB_STR("n"), .data = RB_STR("1"), .time_ms = time_ms};
    for (unsigned i = 0; i < count; i++) rb_tx_event_append(tx, &event);
    assert_int_equal(rb_store_commit_wait(rig.store, tx), RB_OK);
    rb_tx_free(tx);
}

struct look {
    rb_str topic;
    uint32_t count;
};

static rb_err look_fn(struct rb_reader *reader, void *arg)
{
    struct look *look = arg;
    struct rb_event_record *events;
    uint64_t trimmed;
    return rb_read_events(reader, &rig.arena, look->topic, 0, 1000, &events, &look->count, &trimmed);
}

static uint32_t count_events(rb_str topic)
{
    struct look look = {.topic = topic};
    assert_int_equal(rb_store_read_wait(rig.store, look_fn, &look), RB_OK);
    return look.count;
}

static rb_str note(unsigned i)
{
    return rb_arena_fmt(&rig.arena, "t/notes/%u", i);
}

/* Time passes until it has happened. */
static void until_gone(rb_str topic)
{
    for (int steps = 0; count_events(topic) > 0; steps++) {
        assert_true(steps < 20000);
        rig_ask_about(RB_JOBS_GET, RB_STR("none")); /* a letter to the jobs' loop and back */
        rb_jobs_call_free(rig.calls[--rig.call_count]);
        rb_clock_test_advance_ms(500);
    }
}

enum { NOTES = 35 /* more than are trimmed together */, HOUR_MS = 3600000 };

static void events_that_nobody_uses_go_in_time(void **state)
{
    (void)state;
    rig_open();
    uint64_t now_ms = rb_clock_wall_ms();
    append(RB_STR("t/rooms/long"), 3, now_ms - 2 * HOUR_MS); /* kept for longer than that */
    for (unsigned i = 0; i < NOTES; i++) {
        append(note(i), 2, now_ms - 2 * HOUR_MS);
        if (i == 7) append(note(i), 1, now_ms + 20 * HOUR_MS);
    }
    append(note(NOTES), 1, now_ms + 10 * HOUR_MS); /* not yet over */
    append(RB_STR("t/notes/large"), 500, now_ms - 2 * HOUR_MS);
    until_gone(RB_STR("t/notes/large")); /* the last one looked at */
    for (unsigned i = 0; i < NOTES; i++) assert_int_equal(count_events(note(i)), i == 7);
    assert_int_equal(count_events(note(NOTES)), 1);
    assert_int_equal(count_events(RB_STR("t/rooms/long")), 3);

    rb_clock_test_advance_ms(11 * HOUR_MS);
    until_gone(note(NOTES)); /* in a later round */
    assert_int_equal(count_events(note(7)), 1);
    rig_close();
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(events_that_nobody_uses_go_in_time, rig_set_up, rig_tear_down),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, tests);
}
