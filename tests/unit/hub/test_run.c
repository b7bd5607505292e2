/* Runs: frames of several events as one blob, shared by subscriptions that stand at the same place. All on
 * the test's own thread, step by step. */
#include "test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "hub/hub_private.h"
#include "hub/watcher.h"

#include <stdio.h>
#include <string.h>

enum { SUBS = 5 };

struct stage {
    struct rb_loop *loop;
    struct rb_hub *hub;
    unsigned sub_count;
    struct rb_watcher watchers[SUBS];
    struct rb_sub *subs[SUBS]; /* theirs; number 0 is ann's */
    struct rb_mail begin;
};

/* ---- encodings ---- A frame is the data between brackets; a wide one is of a letter for its offset. */

static unsigned encoded;

static struct rb_blob *encode(const struct rb_encoding *encoding, rb_str topic, struct rb_position position,
                              const struct rb_event *event)
{
    (void)encoding, (void)topic, (void)position;
    struct rb_buf text = {0};
    rb_buf_add_fmt(&text, "[%.*s]", RB_STR_FMT(event->data));
    struct rb_blob *frame = rb_blob_copy(rb_buf_str(&text));
    rb_buf_fini(&text);
    encoded++;
    return frame;
}

enum { WIDE_BYTES = 100 * 1024 };

static struct rb_blob *encode_wide(const struct rb_encoding *encoding, rb_str topic,
                                   struct rb_position position, const struct rb_event *event)
{
    (void)encoding, (void)topic, (void)position;
    struct rb_blob *frame = rb_blob_new(WIDE_BYTES);
    memset(frame->p, 'a' + (int)(position.offset % 26), WIDE_BYTES);
    (void)event;
    return frame;
}

static struct rb_blob *encode_nothing(const struct rb_encoding *encoding, rb_str topic,
                                      struct rb_position position, const struct rb_event *event)
{
    (void)encoding, (void)topic, (void)position, (void)event;
    return NULL;
}

static const rb_str ann = {"ann", 3};
static const struct rb_encoding plain = {.encode = encode}, other = {.encode = encode},
                                wide = {.encode = encode_wide}, failing = {.encode = encode_nothing};

/* ---- the stage ---- */

static struct rb_topic *topic_here(struct stage *stage)
{
    return stage->subs[0]->topic;
}

/* An event as its home gets it; the subscriptions take nothing by themselves. */
static void add(struct stage *stage, const char *data, const char *audience, uint32_t flags)
{
    struct rb_topic *topic = topic_here(stage);
    struct rb_event_spec spec = {.name = RB_STR("n"), .data = rb_str_of(data), .flags = flags};
    if (audience) spec.audience = rb_str_of(audience);
    struct rb_event *event = rb_event_new(&spec, rb_clock_wall_ms());
    event->offset = topic->log.last_offset + 1;
    topic_append(topic, event);
}

static void add_numbers(struct stage *stage, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        char data[16];
        snprintf(data, sizeof data, "%u", i);
        add(stage, data, NULL, 0);
    }
}

static struct rb_blob *expect_run(struct rb_sub *sub, const struct rb_encoding *encoding, const char *text)
{
    struct rb_blob *run = rb_sub_take_run(sub, encoding);
    if (!text)
        assert_null(run);
    else
        assert_str(rb_blob_str(run), text);
    return run;
}

static void expect_event(struct rb_sub *sub, const char *data)
{
    struct rb_log_entry *entry;
    assert_int_equal(rb_sub_take(sub, &entry), RB_TAKE_EVENT);
    assert_str(entry->event->data, data);
}

static void expect_nothing(struct rb_sub *sub)
{
    struct rb_log_entry *entry;
    assert_null(rb_sub_take_run(sub, &plain));
    assert_int_equal(rb_sub_take(sub, &entry), RB_TAKE_NOTHING);
}

static void finish(struct stage *stage)
{
    for (unsigned i = 0; i < stage->sub_count; i++) {
        struct rb_log_entry *entry;
        while (rb_sub_take(stage->subs[i], &entry) != RB_TAKE_NOTHING) continue;
    }
    assert_null(topic_here(stage)->runs);
}

/* ---- scenes ---- */

static void scene_shared(struct stage *stage)
{
    encoded = 0;
    add_numbers(stage, 1, 3);
    struct rb_blob *run = expect_run(stage->subs[0], &plain, "[1][2][3]");
    for (unsigned i = 1; i < SUBS; i++) assert_ptr_equal(rb_sub_take_run(stage->subs[i], &plain), run);
    assert_int_equal(encoded, 3);
    for (unsigned i = 0; i < SUBS; i++) expect_nothing(stage->subs[i]);
    assert_null(topic_here(stage)->runs); /* nobody has anything to take */
}

static void scene_single(struct stage *stage)
{
    add_numbers(stage, 1, 1);
    expect_run(stage->subs[0], &plain, NULL);
    expect_event(stage->subs[0], "1");
    add_numbers(stage, 2, 2);
    expect_run(stage->subs[0], &plain, NULL); /* another one than the others' */
    expect_run(stage->subs[1], &plain, "[1][2]");
    finish(stage);
}

/* Two protocols, and subscriptions at two places: nobody's run is another's loss. */
static void scene_cache(struct stage *stage)
{
    add_numbers(stage, 1, 4);
    expect_event(stage->subs[3], "1");
    expect_event(stage->subs[4], "1");
    struct rb_blob *all = expect_run(stage->subs[0], &plain, "[1][2][3][4]");
    struct rb_blob *others = expect_run(stage->subs[1], &other, "[1][2][3][4]");
    struct rb_blob *rest = expect_run(stage->subs[3], &plain, "[2][3][4]");
    assert_ptr_not_equal(all, others);
    assert_ptr_equal(rb_sub_take_run(stage->subs[2], &plain), all);
    assert_ptr_equal(rb_sub_take_run(stage->subs[4], &plain), rest);
    finish(stage);
}

/* More than fits into one run goes out as several, each made once though the subscriptions take all of theirs
 * one after the other. */
static void scene_long(struct stage *stage)
{
    enum { RUNS = 4, EACH = 5 };
    struct rb_blob *runs[RUNS];
    add_numbers(stage, 1, RUNS * EACH);
    for (unsigned r = 0; r < RUNS; r++) {
        runs[r] = rb_sub_take_run(stage->subs[0], &wide);
        assert_int_equal(runs[r]->n, EACH * WIDE_BYTES);
        assert_int_equal(runs[r]->p[0], 'a' + (int)(r * EACH + 1) % 26);
    }
    expect_nothing(stage->subs[0]);
    for (unsigned i = 1; i < SUBS; i++)
        for (unsigned r = 0; r < RUNS; r++) assert_ptr_equal(rb_sub_take_run(stage->subs[i], &wide), runs[r]);
    finish(stage);
}

/* More runs than are kept: they are right all the same. */
static void scene_very_long(struct stage *stage)
{
    enum { RUNS = 20, EACH = 5 };
    add_numbers(stage, 1, RUNS * EACH);
    for (unsigned i = 0; i < SUBS; i++)
        for (unsigned r = 0; r < RUNS; r++) {
            struct rb_blob *run = rb_sub_take_run(stage->subs[i], &wide);
            assert_int_equal(run->n, EACH * WIDE_BYTES);
            assert_int_equal(run->p[run->n - 1], 'a' + (int)((r + 1) * EACH) % 26);
        }
    finish(stage);
}

static void scene_audience(struct stage *stage)
{
    add_numbers(stage, 1, 2);
    add(stage, "3", "ann", 0);
    add_numbers(stage, 4, 5);
    for (unsigned i = 0; i < SUBS; i++) {
        expect_run(stage->subs[i], &plain, "[1][2]");
        expect_run(stage->subs[i], &plain, NULL);
        if (i == 0) {
            expect_event(stage->subs[i], "3");
            expect_run(stage->subs[i], &plain, "[4][5]");
        } else {
            expect_event(stage->subs[i], "4"); /* passes 3 over */
            expect_event(stage->subs[i], "5");
        }
        expect_nothing(stage->subs[i]);
    }
}

/* What is superseded while the run is there must not be in it; what is so before is passed over. */
static void scene_replaceable(struct stage *stage)
{
    add_numbers(stage, 1, 1);
    add(stage, "10", NULL, RB_EVENT_REPLACEABLE);
    add_numbers(stage, 2, 3);
    add(stage, "20", NULL, RB_EVENT_REPLACEABLE);
    for (unsigned i = 0; i < SUBS; i++) {
        expect_run(stage->subs[i], &plain, "[1][2][3]");
        if (i == 0) expect_event(stage->subs[i], "20");
        if (i == 2) add(stage, "30", NULL, RB_EVENT_REPLACEABLE);
        if (i != 1) continue;
        expect_run(stage->subs[i], &plain, NULL);
        expect_event(stage->subs[i], "20");
    }
    for (unsigned i = 0; i < SUBS; i++) {
        expect_event(stage->subs[i], "30");
        expect_nothing(stage->subs[i]);
    }
}

/* Nobody gets what has fallen off the log from a run that is still there; nor does it stay for long. */
static void scene_gap(struct stage *stage)
{
    struct rb_topic *topic = topic_here(stage);
    struct rb_log_entry *entry;
    struct rb_blob *rest = NULL;
    add_numbers(stage, 1, 4);
    struct rb_blob *all = rb_blob_ref(expect_run(stage->subs[0], &plain, "[1][2][3][4]"));
    struct rb_keep three = *topic->keep;
    three.count = 3;
    rb_topic_log_trim(&topic->log, &three, false, rb_clock_wall_ms());
    for (unsigned i = 1; i < SUBS; i++) {
        expect_run(stage->subs[i], &plain, NULL);
        assert_int_equal(rb_sub_take(stage->subs[i], &entry), RB_TAKE_GAP);
        expect_event(stage->subs[i], "2");
        struct rb_blob *run = expect_run(stage->subs[i], &plain, "[3][4]");
        assert_true(i == 1 || run == rest);
        rest = run;
        assert_int_equal(all->refs, i == 1 ? 2 : 1);
        run_trim(topic);
    }
    rb_blob_unref(all);
    finish(stage);
}

/* No half frames, and no empty runs: what cannot be had as a run is left to be taken one by one. */
static void scene_no_memory(struct stage *stage)
{
    add_numbers(stage, 1, 3);
    expect_run(stage->subs[0], &failing, NULL);
    encoded = 0;
    for (long after = 0; after < 9; after++) {
        rb_mem_fail_after(after);
        struct rb_blob *run = rb_sub_take_run(stage->subs[1], &plain);
        rb_mem_fail_after(-1);
        if (!run) continue;
        assert_true(rb_str_starts(RB_STR("[1][2][3]"), rb_blob_str(run)));
        break;
    }
    assert_true(encoded >= 3);
    finish(stage);
}

/* However much has come in a turn, nothing of it goes before its end: somebody who starts meanwhile does not
 * make the others lose it. */
static void scene_turn(struct stage *stage)
{
    struct rb_topic *topic = topic_here(stage);
    add_numbers(stage, 1, RB_LAG_COUNT_MAX + 1);
    topic_trim(topic);
    assert_int_equal(topic->log.count, RB_LAG_COUNT_MAX + 1);
    rb_loop_forget_task(&topic->turn_end);
    topic_trim(topic);
    assert_int_equal(topic->log.count, RB_LAG_COUNT_MAX);
    finish(stage);
}

/* Few subscriptions are served frame by frame. */
static void scene_few(struct stage *stage)
{
    add_numbers(stage, 1, 3);
    expect_run(stage->subs[0], &plain, NULL);
    expect_event(stage->subs[0], "1");
    finish(stage);
}

/* ---- the theatre ---- */

/* Only the scenes take. */
static void on_events(struct rb_watcher *watcher)
{
    (void)watcher;
}

static const struct rb_watcher_ops ops = {.on_events = on_events};

static void on_begin(struct rb_mail *mail)
{
    struct stage *stage = RB_OUTER(mail, struct stage, begin);
    struct rb_start now = {.at = RB_START_NOW};
    for (unsigned i = 0; i < stage->sub_count; i++) {
        stage->subs[i] = &stage->watchers[i].sub;
        if (i == 0) stage->subs[i]->client = &ann;
        rb_watcher_start(stage->hub, &stage->watchers[i], RB_STR("t/run"), &now, &ops);
    }
    rb_loop_stop(stage->loop);
}

/* The loop runs until all have started, and stands still during the scene. */
static void perform(void (*play)(struct stage *stage), unsigned sub_count)
{
    static const struct rb_topic_rule all[] = {
        {.pattern = {"**", 2}, .keep = {.count = 1000, .bytes = 1 << 30, .age_ms = 600000}}};
    struct stage stage = {.loop = rb_loop_new("test"), .sub_count = sub_count, .begin = {.run = on_begin}};
    stage.hub = rb_hub_new(NULL, &stage.loop, 1, all, RB_COUNT(all));
    rb_loop_post(stage.loop, &stage.begin);
    rb_loop_run(stage.loop);
    play(&stage);
    for (unsigned i = 0; i < sub_count; i++) rb_watcher_stop(&stage.watchers[i]);
    rb_loop_end(stage.loop);
    rb_hub_free(stage.hub);
    rb_loop_free(stage.loop);
}

#define SCENE(name, subs)                                                                                    \
    static void test_##name(void **state)                                                                    \
    {                                                                                                        \
        (void)state;                                                                                         \
        perform(scene_##name, subs);                                                                         \
    }
SCENE(shared, SUBS)
SCENE(single, SUBS)
SCENE(cache, SUBS)
SCENE(long, SUBS)
SCENE(very_long, SUBS)
SCENE(audience, SUBS)
SCENE(replaceable, SUBS)
SCENE(gap, SUBS)
SCENE(no_memory, SUBS)
SCENE(turn, SUBS)
SCENE(few, 3)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared),      cmocka_unit_test(test_single),
        cmocka_unit_test(test_cache),       cmocka_unit_test(test_long),
        cmocka_unit_test(test_very_long),   cmocka_unit_test(test_audience),
        cmocka_unit_test(test_replaceable), cmocka_unit_test(test_gap),
        cmocka_unit_test(test_no_memory),   cmocka_unit_test(test_turn),
        cmocka_unit_test(test_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
