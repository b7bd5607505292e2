/* Topics that survive: events in the store, retention there, named cursors. */
#include "hub/hub_private.h"
#include "hub_rig.h"

static const rb_str ann_name = {"ann", 3}, bob_name = {"bob", 3};

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

struct together {
    struct published published;
    struct rb_position at[16];
};

static void on_published_together(struct rb_publication *publication)
{
    struct together *together = publication->arg;
    together->published.err = publication->err;
    for (unsigned i = 0; i < publication->count && !publication->err; i++)
        together->at[i] = rb_publication_place(publication, i);
    sem_post(&together->published.done);
}

static rb_err publish_together(struct rig *rig, const char *topic, unsigned from, unsigned count,
                               uint32_t flags, struct together *out)
{
    char data[16][16];
    struct rb_event_spec specs[16];
    for (unsigned i = 0; i < count; i++) {
        snprintf(data[i], sizeof data[i], "%u", from + i);
        specs[i] = (struct rb_event_spec){.name = RB_STR("n"), .data = rb_str_of(data[i]), .flags = flags};
    }
    sem_init(&out->published.done, 0, 0);
    rb_publication_send(rb_publication_new_several(rig->hub, rb_str_of(topic), specs, count, rig->loops[1],
                                                   on_published_together, out));
    sem_wait(&out->published.done);
    return out->published.err;
}

static void test_published_together(void **state)
{
    struct rig *rig = *state;
    static const char *const topics[] = {"t/a", "t/durable/a"};
    for (size_t t = 0; t < RB_COUNT(topics); t++) {
        struct together together;
        struct listener listeners[LOOPS] = {0}, after = {0};
        uint64_t commits = rb_store_commits(rig->store);
        for (int i = 0; i < LOOPS; i++) listen_at(rig, &listeners[i], i, topics[t], START_NOW);
        assert_int_equal(publish_together(rig, topics[t], 1, 10, 0, &together), RB_OK);
        for (unsigned i = 1; i < 10; i++) assert_true(together.at[i].offset > together.at[i - 1].offset);
        assert_int_equal(rb_store_commits(rig->store) - commits, t == 1);
        for (int i = 0; i < LOOPS; i++) {
            expect(rig, &listeners[i], "1 2 3 4 5 6 7 8 9 10 ");
            hush(&listeners[i]);
        }
        listen_at(rig, &after, 3, topics[t], START_AFTER(together.at[6]));
        expect(rig, &after, "8 9 10 ");
        hush(&after);
    }
}

/* However far its memory reaches, a publication is whole or not at all. */
static void test_no_memory_for_one_of_several(void **state)
{
    struct rig *rig = *state;
    static const char *const topics[] = {"t/a", "t/durable/a"};
    for (size_t t = 0; t < RB_COUNT(topics); t++) {
        struct together together;
        struct listener listener = {0};
        listen_at(rig, &listener, 2, topics[t], START_NOW);
        for (long after = 0; after < 3; after++) {
            rb_mem_fail_after(after);
            assert_int_equal(publish_together(rig, topics[t], 1, 3, 0, &together), RB_OUT_OF_MEMORY);
            rb_mem_fail_after(-1);
        }
        assert_int_equal(publish_together(rig, topics[t], 4, 3, 0, &together), RB_OK);
        expect(rig, &listener, "4 5 6 ");
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

static struct rb_topic *home_named(struct rig *rig, const char *name)
{
    return rb_map_get(&home_of(rig->hub, rb_str_of(name))->topics, rb_str_of(name));
}

static bool home_has_three(void *arg)
{
    struct rb_topic *home = home_named(arg, "t/durable/a");
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

struct overtaken {
    struct rb_publication *progress, *final;
};

/* Both letters are there before the load, which the first one starts, can be over. */
static void act_send_both(void *arg)
{
    struct overtaken *overtaken = arg;
    rb_publication_send(overtaken->progress);
    rb_publication_deliver(overtaken->final);
}

/* A transient event waits for its topic's load, which meets a stored event that was published after it. */
static void test_load_overtakes_transient(void **state)
{
    struct rig *rig = *state;
    struct listener listener = {0};
    struct rb_event_spec progress = {.name = RB_STR("n"), .data = RB_STR("50"), .flags = RB_EVENT_TRANSIENT};
    struct rb_event_spec final = {.name = RB_STR("n"), .data = RB_STR("2"), .flags = RB_EVENT_FINAL};
    struct published published = {0};
    sem_init(&published.done, 0, 0);
    publish(rig, "t/durable/a", 1);
    struct overtaken overtaken = {rb_publication_new(rig->hub, RB_STR("t/durable/a"), &progress,
                                                     rig->loops[0], on_published, &published),
                                  rb_publication_new(rig->hub, RB_STR("t/durable/a"), &final, NULL, NULL,
                                                     NULL)};
    struct rb_tx *tx = rb_tx_new();
    rb_publication_store(overtaken.final, tx);
    assert_int_equal(rb_store_commit_wait(rig->store, tx), RB_OK);
    on(home_of(rig->hub, RB_STR("t/durable/a"))->loop, act_send_both, &overtaken);
    sem_wait(&published.done);
    assert_int_equal(published.err, RB_GAP);
    rb_tx_free(tx);
    publish_flags(rig, "t/durable/a", "51", RB_EVENT_TRANSIENT); /* later ones have their place */
    listen_at(rig, &listener, 1, "t/durable/a", START_OLDEST);
    expect(rig, &listener, "1 2 51 ");
    hush(&listener);
    sem_destroy(&published.done);
}

static void act_fill_room(void *arg)
{
    struct rb_topic *home = home_named(arg, "t/durable/a");
    home->log.last_offset |= (1u << TRANSIENT_BITS) - 2;
}

/* A million transient events behind a stored one: more are refused, so that the next stored one has its
 * place. */
static void test_transient_room_is_full(void **state)
{
    struct rig *rig = *state;
    struct listener listener = {0};
    struct rb_event_spec spec = {.name = RB_STR("n"), .flags = RB_EVENT_TRANSIENT};
    listen_at(rig, &listener, 1, "t/durable/a", START_NOW);
    publish(rig, "t/durable/a", 1);
    on(home_of(rig->hub, RB_STR("t/durable/a"))->loop, act_fill_room, rig);
    struct together together; /* two are too many for room for one, and none of them is given it */
    assert_int_equal(publish_together(rig, "t/durable/a", 7, 2, RB_EVENT_TRANSIENT, &together),
                     RB_OVERLOADED);
    publish_flags(rig, "t/durable/a", "2", RB_EVENT_TRANSIENT);
    struct published published = {0};
    sem_init(&published.done, 0, 0);
    rb_publication_send(
        rb_publication_new(rig->hub, RB_STR("t/durable/a"), &spec, rig->loops[0], on_published, &published));
    sem_wait(&published.done);
    assert_int_equal(published.err, RB_OVERLOADED);
    publish(rig, "t/durable/a", 3);
    expect(rig, &listener, "1 2 3 ");
    hush(&listener);
}

struct upkeep {
    struct rig *rig;
    uint64_t due_ms;
};

static void act_read_upkeep(void *arg)
{
    struct upkeep *upkeep = arg;
    upkeep->due_ms = home_named(upkeep->rig, "t/durable/a")->upkeep.due_ms;
}

static uint64_t come_and_go(struct rig *rig)
{
    struct upkeep upkeep = {.rig = rig};
    struct listener listener = {0};
    listen_at(rig, &listener, 1, "t/durable/a", START_NOW);
    hush(&listener);
    settle(rig);
    on(home_of(rig->hub, RB_STR("t/durable/a"))->loop, act_read_upkeep, &upkeep);
    return upkeep.due_ms;
}

/* Else a topic whose clients come and go all the time would never be trimmed in the store. */
static void test_coming_and_going_puts_off_no_upkeep(void **state)
{
    uint64_t due_ms = come_and_go(*state);
    rb_clock_test_advance_ms(1000);
    assert_int_equal(come_and_go(*state), due_ms);
}

static bool has_no_members(void *arg)
{
    struct rb_topic *home = home_named(arg, "t/durable/a");
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

/* ---- named cursors ---- */

static void act_confirm(void *arg)
{
    struct listener *listener = arg;
    rb_sub_confirm(&listener->watcher.sub, listener->watcher.sub.cursor);
}

static void listen_named(struct rig *rig, struct listener *listener, int loop, const char *topic)
{
    listener->watcher.sub.client = &ann_name;
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
        stranger.watcher.sub.client = &bob_name;
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
        ON_A_RIG(test_durable_survives),
        ON_A_RIG(test_transient_between_stored),
        ON_A_RIG(test_published_together),
        ON_A_RIG(test_no_memory_for_one_of_several),
        ON_A_RIG(test_joins_while_loading),
        ON_A_RIG(test_known_event_comes_late),
        ON_A_RIG(test_load_overtakes_transient),
        ON_A_RIG(test_part_while_loading),
        ON_A_RIG(test_named_cursors),
        ON_A_RIG(test_transient_room_is_full),
        /* From here on with a test clock. */
        ON_A_RIG(test_coming_and_going_puts_off_no_upkeep),
        ON_A_RIG(test_durable_is_trimmed_without_listeners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
