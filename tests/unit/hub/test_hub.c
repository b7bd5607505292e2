#include "hub/hub_private.h"
#include "hub_rig.h"

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
            listeners[loop][i].watcher.sub.client = RB_STR("c");
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

static void publish_flags(struct rig *rig, const char *topic, const char *data, uint32_t flags)
{
    publish_spec(rig, topic,
                 &(struct rb_event_spec){.name = RB_STR("n"), .data = rb_str_of(data), .flags = flags});
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
        ann[i].watcher.sub.client = RB_STR("ann");
        listen_at(rig, &ann[i], i, "t/a", START_NOW);
    }
    bob.watcher.sub.client = RB_STR("bob");
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

static void act_listen_and_stop(void *arg)
{
    act_listen(arg);
    act_stop(arg);
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
            listener.watcher.sub.client = RB_STR("c");
            on(listener.loop, act_listen_and_stop, &listener);
            settle(rig);
            assert_int_equal(listener.starts, 0);
        }
}

/* ---- durable topics ---- */

static void restart(struct rig *rig)
{
    stop_hub(rig);
    start_hub(rig);
}

static void test_durable_survives(void **state)
{
    struct rig *rig = *state;
    struct rb_position at[6];
    for (unsigned i = 1; i <= 5; i++) at[i] = publish(rig, "t/durable/a", i);
    publish_flags(rig, "t/durable/a", "99", RB_EVENT_TRANSIENT);
    restart(rig);
    for (int loop = 0; loop < LOOPS; loop++) {
        struct listener oldest = {0}, after = {0}, now = {0};
        listen_at(rig, &oldest, loop, "t/durable/a", START_OLDEST);
        listen_at(rig, &after, loop, "t/durable/a", START_AFTER(at[3]));
        listen_at(rig, &now, loop, "t/durable/a", START_NOW);
        expect(rig, &oldest, "1 2 3 4 5 ");
        expect(rig, &after, "4 5 ");
        expect(rig, &now, "");
        assert_int_equal(after.last.epoch, at[5].epoch);
        assert_int_equal(after.last.offset, at[5].offset);
        hush(&oldest);
        hush(&after);
        hush(&now);
    }
    struct rb_position next = publish(rig, "t/durable/a", 6);
    assert_int_equal(next.epoch, at[5].epoch);
    assert_true(next.offset > at[5].offset);
}

/* Transient events lie between stored ones, and their positions are good after a restart too. */
static void test_transient_between_stored(void **state)
{
    struct rig *rig = *state;
    struct listener listener = {0}, again = {0};
    listen_at(rig, &listener, 1, "t/durable/a", START_OLDEST);
    struct rb_event_spec progress = {.name = RB_STR("n"),
                                     .data = RB_STR("50"),
                                     .flags = RB_EVENT_TRANSIENT | RB_EVENT_REPLACEABLE};
    struct rb_position first = publish(rig, "t/durable/a", 1);
    struct rb_position between = publish_spec(rig, "t/durable/a", &progress);
    struct rb_position second = publish(rig, "t/durable/a", 2);
    assert_true(first.offset < between.offset && between.offset < second.offset);
    expect(rig, &listener, "1 50 2 ");
    hush(&listener);
    restart(rig);
    listen_at(rig, &again, 2, "t/durable/a", START_AFTER(between));
    expect(rig, &again, "2 ");
    hush(&again);
}

static void publish_together(struct rig *rig, const char *topic, unsigned from, unsigned count,
                             struct rb_position *out)
{
    struct published published[16] = {0};
    struct rb_publication *publications[16];
    for (unsigned i = 0; i < count; i++) {
        char data[16];
        snprintf(data, sizeof data, "%u", from + i);
        struct rb_event_spec spec = {.name = RB_STR("n"), .data = rb_str_of(data)};
        sem_init(&published[i].done, 0, 0);
        publications[i] =
            rb_publication_new(rig->hub, rb_str_of(topic), &spec, rig->loops[1], on_published, &published[i]);
    }
    rb_publications_send(publications, count);
    for (unsigned i = 0; i < count; i++) {
        sem_wait(&published[i].done);
        assert_int_equal(published[i].err, RB_OK);
        out[i] = published[i].position;
    }
}

static void test_published_together(void **state)
{
    struct rig *rig = *state;
    static const char *const topics[] = {"t/a", "t/durable/a"};
    for (size_t t = 0; t < RB_COUNT(topics); t++) {
        struct rb_position at[16];
        struct listener listener = {0};
        uint64_t commits = rb_store_commits(rig->store);
        listen_at(rig, &listener, 2, topics[t], START_NOW);
        publish_together(rig, topics[t], 1, 10, at);
        expect(rig, &listener, "1 2 3 4 5 6 7 8 9 10 ");
        for (unsigned i = 1; i < 10; i++) assert_true(at[i].offset > at[i - 1].offset);
        assert_int_equal(rb_store_commits(rig->store) - commits, t == 1);
        hush(&listener);
    }
}

/* Subscriptions of all loops meet a home that is still loading, while events go on to come. */
static void test_joins_while_loading(void **state)
{
    struct rig *rig = *state;
    enum { KEPT = 400, MORE = 100, EACH = 8 };
    for (unsigned i = 1; i <= KEPT; i++) publish(rig, "t/durable/a", i);
    restart(rig);
    struct listener listeners[LOOPS * EACH] = {0};
    struct rb_buf expected = {0};
    for (unsigned i = 1; i <= KEPT + MORE; i++) rb_buf_add_fmt(&expected, "%u ", i);
    for (unsigned i = 0; i < MORE; i++) {
        char data[16];
        snprintf(data, sizeof data, "%u", KEPT + 1 + i);
        struct rb_event_spec spec = {.name = RB_STR("n"), .data = rb_str_of(data)};
        rb_publication_send(rb_publication_new(rig->hub, RB_STR("t/durable/a"), &spec, NULL, NULL, NULL));
        if (i < LOOPS * EACH) listen_later(rig, &listeners[i], (int)(i % LOOPS), "t/durable/a", START_OLDEST);
    }
    for (unsigned i = 0; i < LOOPS * EACH; i++) {
        expect(rig, &listeners[i], rb_buf_text(&expected));
        hush(&listeners[i]);
    }
    rb_buf_fini(&expected);
}

static bool home_has_three(void *arg)
{
    struct rb_shard *shard = home_of(((struct rig *)arg)->hub, RB_STR("t/durable/a"));
    struct rb_topic *home = rb_map_get(&shard->topics, RB_STR("t/durable/a"));
    return home && home->log.count == 3;
}

/* An event that was stored before the load, and is delivered after it. */
static void test_known_event_comes_late(void **state)
{
    struct rig *rig = *state;
    struct listener listener = {0};
    struct rb_event_spec spec = {.name = RB_STR("n"), .data = RB_STR("2")};
    publish(rig, "t/durable/a", 1);
    struct rb_publication *late =
        rb_publication_new(rig->hub, RB_STR("t/durable/a"), &spec, NULL, NULL, NULL);
    struct rb_tx *tx = rb_tx_new();
    rb_publication_store(late, tx);
    assert_int_equal(rb_store_commit_wait(rig->store, tx), RB_OK);
    listen_at(rig, &listener, 1, "t/durable/a", START_OLDEST);
    expect(rig, &listener, "1 2 ");
    rb_publication_deliver(late);
    rb_tx_free(tx);
    publish(rig, "t/durable/a", 3);
    expect(rig, &listener, "1 2 3 ");
    until(home_of(rig->hub, RB_STR("t/durable/a"))->loop, home_has_three, rig);
    hush(&listener);
}

static bool has_no_members(void *arg)
{
    struct rb_shard *shard = home_of(((struct rig *)arg)->hub, RB_STR("t/durable/a"));
    struct rb_topic *home = rb_map_get(&shard->topics, RB_STR("t/durable/a"));
    return home && home->state == TOPIC_LIVE && home->members == 0;
}

/* Who parts before its join could be answered is no member afterwards. */
static void test_part_while_loading(void **state)
{
    struct rig *rig = *state;
    struct listener listeners[LOOPS] = {0};
    for (int i = 0; i < LOOPS; i++) {
        listeners[i] = (struct listener){.rig = rig, .loop = rig->loops[i], .topic = "t/durable/a"};
        on(rig->loops[i], act_listen_and_stop, &listeners[i]);
    }
    settle(rig);
    until(home_of(rig->hub, RB_STR("t/durable/a"))->loop, has_no_members, rig);
}

static rb_err count_events(struct rb_reader *reader, void *arg)
{
    struct rb_arena arena = {0};
    struct rb_event_record *events;
    uint64_t trimmed;
    rb_err err = rb_read_events(reader, &arena, RB_STR("t/shelf/a"), 0, 10000, &events, arg, &trimmed);
    rb_arena_fini(&arena);
    return err;
}

static bool few_are_stored(void *arg)
{
    struct rig *rig = arg;
    uint32_t count = 0;
    rb_clock_test_advance_ms(500);
    assert_int_equal(rb_store_read_wait(rig->store, count_events, &count), RB_OK);
    return count < 500;
}

/* Retention holds although nobody ever subscribes. */
static void test_durable_is_trimmed_without_listeners(void **state)
{
    struct rig *rig = *state;
    rb_clock_test_enable();
    for (unsigned i = 0; i < 1000; i++) publish(rig, "t/shelf/a", i);
    until(rig->loops[0], few_are_stored, rig);
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

/* ---- named cursors ---- */

static void act_confirm(void *arg)
{
    struct listener *listener = arg;
    rb_sub_confirm(&listener->watcher.sub, listener->watcher.sub.cursor);
}

static void listen_named(struct rig *rig, struct listener *listener, int loop, const char *topic)
{
    listener->watcher.sub.client = RB_STR("ann");
    listen_at(rig, listener, loop, topic, (struct rb_start){.at = RB_START_NAMED});
}

static void test_named_cursors(void **state)
{
    struct rig *rig = *state;
    static const char *const topics[] = {"t/a", "t/durable/a"};
    for (size_t t = 0; t < RB_COUNT(topics); t++) {
        struct listener first = {0}, second = {0}, third = {0}, stranger = {0};
        struct rb_position at[5];
        for (unsigned i = 1; i <= 3; i++) at[i] = publish(rig, topics[t], i);
        listen_named(rig, &first, 0, topics[t]);
        expect(rig, &first, "1 2 3 ");
        on(first.loop, act_confirm, &first);
        hush(&first);
        rb_hub_confirm(rig->hub, rb_str_of(topics[t]), RB_STR("ann"), at[1].offset); /* never backwards */
        publish(rig, topics[t], 4);
        settle(rig);
        for (int loop = 0; loop < LOOPS; loop++) {
            struct listener again = {0};
            listen_named(rig, &again, loop, topics[t]);
            expect(rig, &again, "4 ");
            hush(&again);
        }
        stranger.watcher.sub.client = RB_STR("bob");
        listen_at(rig, &stranger, 1, topics[t], (struct rb_start){.at = RB_START_NAMED});
        expect(rig, &stranger, "1 2 3 4 ");
        hush(&stranger);
        restart(rig);
        if (t == 0) continue; /* memory */
        listen_named(rig, &second, 3, topics[t]);
        expect(rig, &second, "4 ");
        on(second.loop, act_confirm, &second);
        hush(&second);
        restart(rig);
        listen_named(rig, &third, 2, topics[t]);
        expect(rig, &third, "");
        hush(&third);
    }
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
        ON_A_RIG(test_stop_when_started),
        ON_A_RIG(test_stop_other_when_started),
        ON_A_RIG(test_stop_before_start),
        ON_A_RIG(test_durable_survives),
        ON_A_RIG(test_transient_between_stored),
        ON_A_RIG(test_published_together),
        ON_A_RIG(test_joins_while_loading),
        ON_A_RIG(test_known_event_comes_late),
        ON_A_RIG(test_part_while_loading),
        ON_A_RIG(test_named_cursors),
        /* From here on with a test clock. */
        ON_A_RIG(test_durable_is_trimmed_without_listeners),
        ON_A_RIG(test_age_and_new_life),
        ON_A_RIG(test_age_at_replicas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
