/* Many subscriptions come and go on all loops while events are published from all of them: each subscription
 * must see its topic's events without loss, without doubles, in order, whatever it meets on the way (a
 * snapshot under way, a replica that parts, an event before its join). */
#include "hub_rig.h"

enum { TOPICS = 5, SLOTS = 12, STEPS = 3000, STEPS_DURABLE = 400 };

struct actor;

/* A place for one subscription after the other, each of which goes on where the one before stopped. */
struct slot {
    struct rb_watcher watcher;
    struct actor *actor;
    unsigned topic;
    bool is_used, is_started, has_position;
    struct rb_position position; /* of the last event taken, or of the start */
    uint64_t next_number[LOOPS]; /* per publisher: what must come next; 0: not known yet */
    uint64_t seen;
};

struct actor {
    struct rig *rig;
    struct rb_loop *loop;
    const char *prefix;
    unsigned index, steps;
    unsigned published[TOPICS], settled;
    bool is_offset_plus_one;
    uint64_t random;
    struct slot slots[SLOTS];
    struct rb_mail step;
    bool is_done, has_failed;
};

static unsigned draw(struct actor *actor, unsigned below)
{
    actor->random ^= actor->random << 13;
    actor->random ^= actor->random >> 7;
    actor->random ^= actor->random << 17;
    return (unsigned)(actor->random % below);
}

static void blame(struct slot *slot, const char *what, uint64_t number, uint64_t wanted)
{
    slot->actor->has_failed = true;
    print_message("loop %u topic %u: %s: %llu instead of %llu\n", slot->actor->index, slot->topic, what,
                  (unsigned long long)number, (unsigned long long)wanted);
}

/* The data is publisher * 1000000 + number. Numbers of one publisher rise by one, in the order of its calls.
 * The last event has none. */
static void check_event(struct slot *slot, const struct rb_event *event)
{
    uint64_t value;
    if (rb_str_u64(event->data, UINT64_MAX, &value)) {
        uint64_t number = value % 1000000, *next = &slot->next_number[value / 1000000];
        if (*next && number != *next) blame(slot, "number", number, *next);
        *next = number + 1;
    }
    if (slot->actor->is_offset_plus_one && event->offset != slot->position.offset + 1)
        blame(slot, "offset", event->offset, slot->position.offset + 1);
    if (event->offset <= slot->position.offset) blame(slot, "order", event->offset, slot->position.offset);
    slot->seen++;
}

static void on_events(struct rb_watcher *watcher)
{
    struct slot *slot = RB_OUTER(watcher, struct slot, watcher);
    struct rb_log_entry *entry;
    enum rb_take taken;
    while ((taken = rb_sub_take(&watcher->sub, &entry)) != RB_TAKE_NOTHING) {
        if (taken == RB_TAKE_GAP)
            blame(slot, "gap", rb_sub_position(&watcher->sub).offset, slot->position.offset);
        else
            check_event(slot, entry->event);
        slot->position = rb_sub_position(&watcher->sub);
    }
}

static void on_started(struct rb_watcher *watcher)
{
    struct slot *slot = RB_OUTER(watcher, struct slot, watcher);
    struct rb_position position = rb_sub_position(&watcher->sub);
    if (slot->has_position && position.offset != slot->position.offset)
        blame(slot, "start", position.offset, slot->position.offset);
    slot->position = position;
    slot->has_position = slot->is_started = true;
}

static const struct rb_watcher_ops ops = {.on_started = on_started, .on_events = on_events};

static void use(struct slot *slot)
{
    char name[40];
    struct rb_start start = START_NOW;
    if (!slot->has_position) {
        slot->topic = draw(slot->actor, TOPICS);
        if (draw(slot->actor, 2)) start = START_OLDEST;
        memset(slot->next_number, 0, sizeof slot->next_number);
    } else {
        start = START_AFTER(slot->position);
    }
    snprintf(name, sizeof name, "%s%u", slot->actor->prefix, slot->topic);
    slot->is_used = true;
    rb_watcher_start(slot->actor->rig->hub, &slot->watcher, rb_str_of(name), &start, &ops);
}

/* Now and then the place is given to another topic. */
static void leave(struct slot *slot)
{
    rb_watcher_stop(&slot->watcher);
    slot->is_used = slot->is_started = false;
    if (draw(slot->actor, 8) == 0) slot->has_position = false;
}

static void on_settled(struct rb_publication *publication)
{
    struct actor *actor = publication->arg;
    if (publication->err) actor->has_failed = true;
    actor->settled++;
}

static void publish_one(struct actor *actor, unsigned topic)
{
    char name[40], data[24];
    snprintf(name, sizeof name, "%s%u", actor->prefix, topic);
    snprintf(data, sizeof data, "%u", actor->index * 1000000 + ++actor->published[topic]);
    struct rb_event_spec spec = {.name = RB_STR("n"), .data = rb_str_of(data)};
    rb_publication_send(
        rb_publication_new(actor->rig->hub, rb_str_of(name), &spec, actor->loop, on_settled, actor));
}

static void on_step(struct rb_mail *mail)
{
    struct actor *actor = RB_OUTER(mail, struct actor, step);
    struct slot *slot = &actor->slots[draw(actor, SLOTS)];
    switch (draw(actor, 3)) {
    case 0: publish_one(actor, draw(actor, TOPICS)); break;
    case 1:
        if (!slot->is_used) use(slot);
        break;
    case 2:
        if (slot->is_used) leave(slot);
        break;
    }
    actor->is_done = --actor->steps == 0;
    if (!actor->is_done) rb_loop_post(actor->loop, &actor->step);
}

static void act_go_on(void *arg)
{
    struct actor *actor = arg;
    rb_loop_post(actor->loop, &actor->step);
}

/* At the end all places are used, so that each meets its topic's last event. */
static void act_use_all(void *arg)
{
    struct actor *actor = arg;
    for (unsigned i = 0; i < SLOTS; i++)
        if (!actor->slots[i].is_used) use(&actor->slots[i]);
}

static bool is_done(void *arg)
{
    struct actor *actor = arg;
    unsigned published = 0;
    for (unsigned i = 0; i < TOPICS; i++) published += actor->published[i];
    return actor->is_done && actor->settled == published;
}

struct last {
    struct actor *actor;
    const uint64_t *offsets; /* of the newest event of each topic */
};

static bool has_all(void *arg)
{
    struct last *last = arg;
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &last->actor->slots[i];
        if (!slot->is_started || slot->position.offset < last->offsets[slot->topic]) return false;
    }
    return true;
}

static void act_stop_all(void *arg)
{
    struct actor *actor = arg;
    for (unsigned i = 0; i < SLOTS; i++) rb_watcher_stop(&actor->slots[i].watcher);
}

static void run_actors(struct rig *rig, const char *prefix, unsigned steps, bool is_offset_plus_one)
{
    struct actor *actors = calloc(LOOPS, sizeof *actors);
    uint64_t offsets[TOPICS], seen = 0;
    for (unsigned i = 0; i < LOOPS; i++) {
        struct actor *actor = &actors[i];
        *actor = (struct actor){.rig = rig,
                                .loop = rig->loops[i],
                                .prefix = prefix,
                                .index = i,
                                .steps = steps,
                                .is_offset_plus_one = is_offset_plus_one,
                                .random = rb_random_u64() | 1,
                                .step = {.run = on_step}};
        for (unsigned s = 0; s < SLOTS; s++) actor->slots[s].actor = actor;
    }
    for (unsigned i = 0; i < LOOPS; i++) on(rig->loops[i], act_go_on, &actors[i]);
    for (unsigned i = 0; i < LOOPS; i++) until(rig->loops[i], is_done, &actors[i]);
    for (unsigned i = 0; i < LOOPS; i++) on(rig->loops[i], act_use_all, &actors[i]);
    for (unsigned t = 0; t < TOPICS; t++) {
        char name[40];
        snprintf(name, sizeof name, "%s%u", prefix, t);
        offsets[t] = publish_spec(rig, name, &(struct rb_event_spec){.name = RB_STR("last")}).offset;
    }
    for (unsigned i = 0; i < LOOPS; i++) {
        until(rig->loops[i], has_all, &(struct last){&actors[i], offsets});
        on(rig->loops[i], act_stop_all, &actors[i]);
        for (unsigned s = 0; s < SLOTS; s++) seen += actors[i].slots[s].seen;
        assert_false(actors[i].has_failed);
    }
    assert_true(seen > steps);
    free(actors);
}

static void test_memory_topics(void **state)
{
    for (int round = 0; round < 5; round++) {
        char prefix[20];
        snprintf(prefix, sizeof prefix, "t/race%d-", round);
        run_actors(*state, prefix, STEPS, true);
    }
}

static void test_durable_topics(void **state)
{
    run_actors(*state, "t/durable/race", STEPS_DURABLE, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(test_memory_topics),
        ON_A_RIG(test_durable_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
