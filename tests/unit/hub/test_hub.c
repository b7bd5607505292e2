#include "hub/hub_private.h"
#include "hub_rig.h"

static const rb_str anybody = {"c", 1}, ann_name = {"ann", 3}, bob_name = {"bob", 3};

/* ---- rules ---- */

static void test_rules(void **state)
{
    (void)state;
    static const struct rb_topic_rule some[] = {
        {.pattern = {"*/jobs/*", 8}, .keep = {.count = 1}},
        {.pattern = {"*/builds/*/log", 14}, .keep = {.count = 2}},
        {.pattern = {"acme/**", 7}, .keep = {.count = 3}},
        {.pattern = {"**", 2}, .keep = {.count = 4}},
    };
    static const struct {
        const char *topic;
        unsigned count;
    } table[] = {
        {"acme/jobs/1", 1},
        {"other/jobs/1", 1},
        {"acme/jobs/1/2", 3},
        {"other/jobs", 4},
        {"acme/builds/7/log", 2},
        {"acme/builds/7", 3},
        {"acme/x", 3},
        {"acme/x/y/z", 3},
        {"acmes/x", 4},
        {"other/builds//log", 2},
        {"x", 4},
    };
    struct rb_loop *loop = rb_loop_new("test");
    struct rb_hub *hub = rb_hub_new(NULL, &loop, 1, some, RB_COUNT(some));
    for (size_t i = 0; i < RB_COUNT(table); i++)
        if (rb_hub_keep(hub, rb_str_of(table[i].topic))->count != table[i].count)
            fail_msg("%s: %u", table[i].topic, rb_hub_keep(hub, rb_str_of(table[i].topic))->count);
    rb_hub_free(hub);
    rb_loop_free(loop);
}

/* ---- live, and where subscriptions start ---- */

static void test_live_on_all_loops(void **state)
{
    struct rig *rig = *state;
    struct listener listeners[LOOPS] = {0};
    for (int i = 0; i < LOOPS; i++) listen_at(rig, &listeners[i], i, "t/a", START_NOW);
    for (unsigned i = 1; i <= 3; i++) publish(rig, "t/a", i);
    for (int i = 0; i < LOOPS; i++) expect(rig, &listeners[i], "1 2 3 ");
    for (int i = 0; i < LOOPS; i++) hush(&listeners[i]);
}

static void test_starts(void **state)
{
    struct rig *rig = *state;
    struct rb_position at[6];
    for (unsigned i = 1; i <= 5; i++) at[i] = publish(rig, "t/a", i);
    struct rb_position foreign = {at[1].epoch + 1, 3}, beyond = {at[5].epoch, at[5].offset + 100};
    const struct {
        struct rb_start start;
        const char *text;
    } table[] = {
        {START_NOW, "6 "},
        {START_OLDEST, "1 2 3 4 5 6 "},
        {START_AFTER(at[3]), "4 5 6 "},
        {START_AFTER(at[5]), "6 "},
        {START_AFTER(beyond), "6 "},
        {START_AFTER(foreign), "G 1 2 3 4 5 6 "},
        {(struct rb_start){.at = RB_START_SINCE, .since_ms = 0}, "1 2 3 4 5 6 "},
        {(struct rb_start){.at = RB_START_SINCE, .since_ms = UINT64_MAX}, "6 "},
        {(struct rb_start){.at = RB_START_NAMED, .since_ms = UINT64_MAX}, "6 "},
    };
    struct listener listeners[LOOPS][RB_COUNT(table)] = {0};
    for (int loop = 0; loop < LOOPS; loop++)
        for (size_t i = 0; i < RB_COUNT(table); i++) {
            listeners[loop][i].watcher.sub.client = &anybody;
            listen_at(rig, &listeners[loop][i], loop, "t/a", table[i].start);
        }
    publish(rig, "t/a", 6);
    for (int loop = 0; loop < LOOPS; loop++)
        for (size_t i = 0; i < RB_COUNT(table); i++) {
            expect(rig, &listeners[loop][i], table[i].text);
            hush(&listeners[loop][i]);
        }
}

static void test_gap_after_trim(void **state)
{
    struct rig *rig = *state;
    struct rb_position at[6];
    for (unsigned i = 1; i <= 5; i++) at[i] = publish(rig, "t/last/a", i);
    for (int loop = 0; loop < LOOPS; loop++) {
        struct listener behind = {0}, near = {0}, oldest = {0};
        listen_at(rig, &behind, loop, "t/last/a", START_AFTER(at[2]));
        listen_at(rig, &near, loop, "t/last/a", START_AFTER(at[4]));
        listen_at(rig, &oldest, loop, "t/last/a", START_OLDEST);
        expect(rig, &behind, "G 5 ");
        expect(rig, &near, "5 ");
        expect(rig, &oldest, "5 ");
        assert_int_equal(behind.gap_after.offset, at[2].offset);
        assert_int_equal(behind.gap_next.offset, at[4].offset);
        assert_int_equal(behind.gap_next.epoch, at[4].epoch);
        hush(&behind);
        hush(&near);
        hush(&oldest);
    }
}

static void test_keeps_nothing(void **state)
{
    struct rig *rig = *state;
    struct listener here[LOOPS] = {0}, late = {0};
    for (int i = 0; i < LOOPS; i++) listen_at(rig, &here[i], i, "t/none/a", START_NOW);
    publish(rig, "t/none/a", 1);
    publish(rig, "t/none/a", 2);
    for (int i = 0; i < LOOPS; i++) expect(rig, &here[i], "1 2 ");
    listen_at(rig, &late, 1, "t/none/a", START_OLDEST);
    publish(rig, "t/none/a", 3);
    expect(rig, &late, "3 ");
    for (int i = 0; i < LOOPS; i++) hush(&here[i]);
    hush(&late);
}

/* Who lags gets the newest progress only; who does not, all of it. */
static void test_replaceable(void **state)
{
    struct rig *rig = *state;
    for (int loop = 0; loop < LOOPS; loop++) {
        char topic[16];
        snprintf(topic, sizeof topic, "t/p%d", loop);
        struct listener quick = {0}, slow = {.is_held = true}, late = {0};
        listen_at(rig, &quick, loop, topic, START_NOW);
        listen_at(rig, &slow, loop, topic, START_NOW);
        publish_flags(rig, topic, "1", 0);
        expect(rig, &quick, "1 ");
        publish_flags(rig, topic, "10", RB_EVENT_REPLACEABLE);
        expect(rig, &quick, "1 10 ");
        publish_flags(rig, topic, "20", RB_EVENT_REPLACEABLE);
        expect(rig, &quick, "1 10 20 ");
        publish_flags(rig, topic, "2", 0);
        publish_flags(rig, topic, "30", RB_EVENT_REPLACEABLE);
        expect(rig, &quick, "1 10 20 2 30 ");
        on(slow.loop, act_take, &slow);
        expect(rig, &slow, "1 2 30 ");
        listen_at(rig, &late, loop, topic, START_OLDEST);
        expect(rig, &late, "1 2 30 ");
        hush(&quick);
        hush(&slow);
        hush(&late);
    }
}

static void test_audience(void **state)
{
    struct rig *rig = *state;
    struct listener ann[LOOPS] = {0}, bob = {0}, nobody = {0};
    for (int i = 0; i < LOOPS; i++) {
        ann[i].watcher.sub.client = &ann_name;
        listen_at(rig, &ann[i], i, "t/a", START_NOW);
    }
    bob.watcher.sub.client = &bob_name;
    listen_at(rig, &bob, 1, "t/a", START_NOW);
    listen_at(rig, &nobody, 2, "t/a", START_NOW);
    struct rb_event_spec for_ann = {.name = RB_STR("n"), .data = RB_STR("2"), .audience = RB_STR("ann")};
    publish(rig, "t/a", 1);
    struct rb_position second = publish_spec(rig, "t/a", &for_ann);
    for (int i = 0; i < LOOPS; i++) expect(rig, &ann[i], "1 2 ");
    expect(rig, &bob, "1 ");
    expect(rig, &nobody, "1 ");
    assert_int_equal(bob.watcher.sub.cursor, second.offset); /* passed over */
    publish(rig, "t/a", 3);
    expect(rig, &bob, "1 3 ");
    for (int i = 0; i < LOOPS; i++) hush(&ann[i]);
    hush(&bob);
    hush(&nobody);
}

/* ---- a flood ---- */

enum { FLOOD = 6, FLOOD_EACH = 1000 };
_Static_assert(FLOOD *FLOOD_EACH > RB_LAG_COUNT_MAX, "more than is held for those that lag");

static void act_flood(void *arg)
{
    struct rig *rig = arg;
    struct rb_event_spec specs[FLOOD_EACH];
    for (unsigned i = 0; i < FLOOD_EACH; i++) specs[i] = (struct rb_event_spec){.name = RB_STR("n")};
    for (unsigned i = 0; i < FLOOD; i++)
        rb_publication_send(rb_publication_new_several(rig->hub, RB_STR("t/last/flood"), specs, FLOOD_EACH,
                                                       NULL, NULL, NULL));
}

static bool has_the_flood(void *arg)
{
    return ((struct listener *)arg)->last.offset >= FLOOD * FLOOD_EACH;
}

/* In one turn comes more than is held for those that lag. Who takes it in that turn loses nothing; who does
 * not, all but the newest, and is told. The topic itself keeps one event. */
static void test_flood(void **state)
{
    struct rig *rig = *state;
    struct listener quick[LOOPS] = {0}, slow[LOOPS] = {0};
    for (int i = 0; i < LOOPS; i++) {
        slow[i].is_held = true;
        listen_at(rig, &quick[i], i, "t/last/flood", START_NOW);
        listen_at(rig, &slow[i], i, "t/last/flood", START_NOW);
    }
    on(home_of(rig->hub, RB_STR("t/last/flood"))->loop, act_flood, rig);
    for (int i = 0; i < LOOPS; i++) {
        until(quick[i].loop, has_the_flood, &quick[i]);
        assert_int_equal(quick[i].gaps, 0);
        assert_int_equal(quick[i].events, FLOOD * FLOOD_EACH);
        settle(rig);
        on(slow[i].loop, act_take, &slow[i]);
        assert_int_equal(slow[i].gaps, 1);
        assert_int_equal(slow[i].events, RB_LAG_COUNT_MAX);
        struct listener late = {0};
        listen_at(rig, &late, i, "t/last/flood", START_OLDEST);
        assert_int_equal(late.started.offset, FLOOD * FLOOD_EACH - 1);
        hush(&late);
        hush(&quick[i]);
        hush(&slow[i]);
    }
}

/* ---- stopping while starting ---- */

static void stop_at_once(struct listener *listener)
{
    rb_watcher_stop(&listener->watcher);
}

static void act_listen_twice(void *arg)
{
    struct listener *pair = arg;
    act_listen(&pair[0]);
    act_listen(&pair[1]);
}

/* Two wait for the same snapshot, or load; each stops as soon as it is told of its start. */
static void test_stop_when_started(void **state)
{
    struct rig *rig = *state;
    static const char *const topics[] = {"t/a", "t/durable/a"};
    for (size_t t = 0; t < RB_COUNT(topics); t++) {
        for (int loop = 0; loop < LOOPS; loop++) {
            struct listener pair[2] = {0};
            for (int i = 0; i < 2; i++) {
                pair[i] = (struct listener){.rig = rig,
                                            .loop = rig->loops[loop],
                                            .topic = topics[t],
                                            .start = START_OLDEST,
                                            .when_started = stop_at_once};
            }
            on(rig->loops[loop], act_listen_twice, pair);
            until(rig->loops[loop], has_started, &pair[0]);
            until(rig->loops[loop], has_started, &pair[1]);
        }
    }
}

static struct listener *other;

static void stop_other(struct listener *listener)
{
    (void)listener;
    rb_watcher_stop(&other->watcher);
}

static void test_stop_other_when_started(void **state)
{
    struct rig *rig = *state;
    for (int loop = 0; loop < LOOPS; loop++) {
        struct listener pair[2] = {0};
        for (int i = 0; i < 2; i++)
            pair[i] = (struct listener){
                .rig = rig, .loop = rig->loops[loop], .topic = "t/durable/b", .start = START_OLDEST};
        pair[0].when_started = stop_other;
        other = &pair[1];
        on(rig->loops[loop], act_listen_twice, pair);
        until(rig->loops[loop], has_started, &pair[0]);
        settle(rig);
        assert_int_equal(pair[1].starts, 0);
        hush(&pair[0]);
    }
}

/* Before it could start: nothing is called, nothing is left. */
static void test_stop_before_start(void **state)
{
    struct rig *rig = *state;
    static const int starts[] = {RB_START_NOW, RB_START_NAMED};
    for (size_t s = 0; s < RB_COUNT(starts); s++)
        for (int loop = 0; loop < LOOPS; loop++) {
            struct listener listener = {.rig = rig, .loop = rig->loops[loop], .topic = "t/durable/c"};
            listener.start.at = starts[s];
            listener.watcher.sub.client = &anybody;
            on(listener.loop, act_listen_and_stop, &listener);
            settle(rig);
            assert_int_equal(listener.starts, 0);
        }
}

/* ---- age, and the end of topics ---- */

static bool is_new_life(void *arg)
{
    struct listener *listener = arg;
    rb_clock_test_advance_ms(1000);
    if (listener->starts == 0) return false;
    bool is_new = listener->started.epoch != listener->start.position.epoch;
    act_stop(listener);
    listener->starts = 0;
    if (!is_new) act_listen(listener);
    return is_new;
}

static void test_age_and_new_life(void **state)
{
    struct rig *rig = *state;
    rb_clock_test_enable();
    struct rb_position at = publish(rig, "t/short/a", 1);
    for (int loop = 0; loop < LOOPS; loop++) {
        struct listener fresh = {0};
        listen_at(rig, &fresh, loop, "t/short/a", START_OLDEST);
        expect(rig, &fresh, "1 ");
        hush(&fresh);
    }
    rb_clock_test_advance_ms(21000);
    struct listener late = {0};
    listen_at(rig, &late, 1, "t/short/a", START_OLDEST);
    expect(rig, &late, "");
    hush(&late);
    /* Nobody there, nothing kept: the topic goes; who comes back later meets a new epoch. */
    struct listener later = {.rig = rig, .loop = rig->loops[2], .topic = "t/short/a"};
    later.start = START_AFTER(at);
    for (int i = 0; i < 40; i++) {
        rb_clock_test_advance_ms(1000);
        settle(rig);
    }
    on(later.loop, act_listen, &later);
    until(later.loop, is_new_life, &later);
    rb_buf_fini(&later.got);
}

/* A replica is not trimmed by a timer, but who starts there gets nothing too old. */
static void test_age_at_replicas(void **state)
{
    struct rig *rig = *state;
    rb_clock_test_enable();
    struct listener stays[LOOPS] = {0};
    for (int i = 0; i < LOOPS; i++) listen_at(rig, &stays[i], i, "t/short/b", START_NOW);
    publish(rig, "t/short/b", 1);
    for (int i = 0; i < LOOPS; i++) expect(rig, &stays[i], "1 ");
    rb_clock_test_advance_ms(21000);
    for (int i = 0; i < LOOPS; i++) {
        struct listener late = {0};
        listen_at(rig, &late, i, "t/short/b", START_OLDEST);
        expect(rig, &late, "");
        hush(&late);
    }
    for (int i = 0; i < LOOPS; i++) hush(&stays[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        ON_A_RIG(test_live_on_all_loops),
        ON_A_RIG(test_starts),
        ON_A_RIG(test_gap_after_trim),
        ON_A_RIG(test_keeps_nothing),
        ON_A_RIG(test_replaceable),
        ON_A_RIG(test_audience),
        ON_A_RIG(test_flood),
        ON_A_RIG(test_stop_when_started),
        ON_A_RIG(test_stop_other_when_started),
        ON_A_RIG(test_stop_before_start),
        /* From here on with a test clock. */
        ON_A_RIG(test_age_and_new_life),
        ON_A_RIG(test_age_at_replicas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
