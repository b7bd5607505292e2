/* A hub over a store of its own and a few loops, each with its thread. Tests act on a loop by calling on()
 * and wait with until(); nobody sleeps. */
#ifndef RB_HUB_RIG_H
#define RB_HUB_RIG_H

#include "test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "hub/hub.h"
#include "hub/watcher.h"

#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOPS = 4, GIVE_UP_S = 60 };

struct rig {
    char dir[200];
    struct rb_store *store;
    struct rb_loop *loops[LOOPS];
    pthread_t threads[LOOPS];
    struct rb_hub *hub;
};

static const struct rb_topic_rule rules[] = {
    {.pattern = {"t/durable/*", 11},
     .keep = {.count = 1000, .bytes = 1 << 30, .age_ms = 600000, .is_durable = true}},
    {.pattern = {"t/shelf/*", 9},
     .keep = {.count = 50, .bytes = 1 << 30, .age_ms = 600000, .is_durable = true}},
    {.pattern = {"t/last/*", 8}, .keep = {.count = 1, .bytes = 1 << 30, .age_ms = 600000}},
    {.pattern = {"t/kept/*", 8},
     .keep = {.count = 1, .bytes = 1 << 30, .age_ms = (uint64_t)1 << 40, .is_policys = true}},
    {.pattern = {"t/none/*", 8}, .keep = {.count = 0, .bytes = 1 << 30, .age_ms = 600000}},
    {.pattern = {"t/short/*", 9}, .keep = {.count = 1000, .bytes = 1 << 30, .age_ms = 20000}},
    {.pattern = {"**", 2}, .keep = {.count = 1000000, .bytes = 1 << 30, .age_ms = 600000}},
};

/* ---- acting on loops ---- */

struct visit {
    struct rb_mail mail;
    void (*act)(void *arg);
    void *arg;
    sem_t done;
};

static void on_visit(struct rb_mail *mail)
{
    struct visit *visit = RB_OUTER(mail, struct visit, mail);
    visit->act(visit->arg);
    sem_post(&visit->done);
}

static inline void on(struct rb_loop *loop, void (*act)(void *arg), void *arg)
{
    struct visit visit = {.mail = {.run = on_visit}, .act = act, .arg = arg};
    sem_init(&visit.done, 0, 0);
    rb_loop_post(loop, &visit.mail);
    sem_wait(&visit.done);
    sem_destroy(&visit.done);
}

struct question {
    bool (*is_true)(void *arg);
    void *arg;
    bool answer;
};

static void ask(void *arg)
{
    struct question *question = arg;
    question->answer = question->is_true(question->arg);
}

/* Asks on the loop again and again. */
static inline void until(struct rb_loop *loop, bool (*is_true)(void *arg), void *arg)
{
    struct question question = {.is_true = is_true, .arg = arg};
    uint64_t give_up_ns = rb_clock_real_ns() + GIVE_UP_S * 1000000000ull;
    for (;;) {
        on(loop, ask, &question);
        if (question.answer) return;
        if (rb_clock_real_ns() > give_up_ns) fail_msg("waited in vain");
        sched_yield();
    }
}

static void act_nothing(void *arg)
{
    (void)arg;
}

/* Letters that were under way have arrived, and those that they led to, and what these led to. */
static inline void settle(struct rig *rig)
{
    for (int round = 0; round < 6; round++)
        for (int i = 0; i < LOOPS; i++) on(rig->loops[i], act_nothing, NULL);
}

/* ---- life ---- */

static void *run_thread(void *loop)
{
    rb_loop_run(loop);
    return NULL;
}

static inline void start_hub(struct rig *rig)
{
    struct rb_buf why = {0};
    if (rb_store_open(rig->dir, true, &rig->store, &why)) fail_msg("%s", rb_buf_text(&why));
    for (int i = 0; i < LOOPS; i++) rig->loops[i] = rb_loop_new("test");
    rig->hub = rb_hub_new(rig->store, rig->loops, LOOPS, rules, RB_COUNT(rules));
    for (int i = 0; i < LOOPS; i++) pthread_create(&rig->threads[i], NULL, run_thread, rig->loops[i]);
}

/* Letters of a loop that ends may go to one that has ended; a load under way makes the longest chain of them.
 */
static inline void end_loops(struct rig *rig)
{
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < LOOPS; i++) rb_loop_end(rig->loops[i]);
}

static inline void stop_hub(struct rig *rig)
{
    settle(rig);
    for (int i = 0; i < LOOPS; i++) rb_loop_stop(rig->loops[i]);
    for (int i = 0; i < LOOPS; i++) pthread_join(rig->threads[i], NULL);
    end_loops(rig);
    rb_store_close(rig->store);
    end_loops(rig); /* what the store answered last */
    rb_hub_free(rig->hub);
    for (int i = 0; i < LOOPS; i++) rb_loop_free(rig->loops[i]);
}

static inline int make_rig(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    const char *base = getenv("TMPDIR");
    snprintf(rig->dir, sizeof rig->dir, "%s/rb-hub-XXXXXX", base && strlen(base) < 150 ? base : "/tmp");
    if (!mkdtemp(rig->dir)) return -1;
    start_hub(rig);
    *state = rig;
    return 0;
}

static inline int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static inline int end_rig(void **state)
{
    struct rig *rig = *state;
    stop_hub(rig);
    nftw(rig->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(rig);
    return 0;
}

#define ON_A_RIG(test) cmocka_unit_test_setup_teardown(test, make_rig, end_rig)

/* ---- publishing ---- */

struct published {
    rb_err err;
    struct rb_position position;
    sem_t done;
};

static void on_published(struct rb_publication *publication)
{
    struct published *published = publication->arg;
    published->err = publication->err;
    published->position = publication->position;
    sem_post(&published->done);
}

/* Waits until the event has its place. */
static inline struct rb_position publish_spec(struct rig *rig, const char *topic,
                                              const struct rb_event_spec *spec)
{
    struct published published = {0};
    sem_init(&published.done, 0, 0);
    rb_publication_send(
        rb_publication_new(rig->hub, rb_str_of(topic), spec, rig->loops[0], on_published, &published));
    sem_wait(&published.done);
    sem_destroy(&published.done);
    assert_int_equal(published.err, RB_OK);
    return published.position;
}

/* The event's data is the number. */
static inline struct rb_position publish(struct rig *rig, const char *topic, unsigned number)
{
    char data[16];
    snprintf(data, sizeof data, "%u", number);
    return publish_spec(rig, topic, &(struct rb_event_spec){.name = RB_STR("n"), .data = rb_str_of(data)});
}

static inline void publish_flags(struct rig *rig, const char *topic, const char *data, uint32_t flags)
{
    publish_spec(rig, topic,
                 &(struct rb_event_spec){.name = RB_STR("n"), .data = rb_str_of(data), .flags = flags});
}

/* ---- listening ---- What a subscription took: numbers of the data, G for a gap. */

struct listener {
    struct rb_watcher watcher;
    struct rig *rig;
    struct rb_loop *loop;
    const char *topic;
    struct rb_start start;
    struct rb_buf got; /* "1 2 G 3 " */
    struct rb_position started, last, gap_after, gap_next;
    unsigned events, gaps, starts;
    bool is_held; /* takes nothing */
    void (*when_started)(struct listener *listener);
};

static void listener_take(struct listener *listener)
{
    struct rb_log_entry *entry;
    enum rb_take taken;
    if (listener->is_held) return;
    while ((taken = rb_sub_take(&listener->watcher.sub, &entry)) != RB_TAKE_NOTHING) {
        listener->last = rb_sub_position(&listener->watcher.sub);
        if (taken == RB_TAKE_GAP) {
            listener->gaps++;
            listener->gap_after = rb_sub_gap_after(&listener->watcher.sub);
            listener->gap_next = listener->last;
            rb_buf_add_text(&listener->got, "G ");
            continue;
        }
        listener->events++;
        rb_buf_add_fmt(&listener->got, "%.*s ", RB_STR_FMT(entry->event->data));
    }
}

static void listener_on_events(struct rb_watcher *watcher)
{
    listener_take(RB_OUTER(watcher, struct listener, watcher));
}

static void listener_on_started(struct rb_watcher *watcher)
{
    struct listener *listener = RB_OUTER(watcher, struct listener, watcher);
    listener->starts++;
    listener->started = listener->last = rb_sub_position(&watcher->sub);
    if (listener->when_started) listener->when_started(listener);
}

static const struct rb_watcher_ops listener_ops = {.on_started = listener_on_started,
                                                   .on_events = listener_on_events};

static void act_listen(void *arg)
{
    struct listener *listener = arg;
    rb_watcher_start(listener->rig->hub, &listener->watcher, rb_str_of(listener->topic), &listener->start,
                     &listener_ops);
}

static void act_stop(void *arg)
{
    rb_watcher_stop(&((struct listener *)arg)->watcher);
}

static inline void act_take(void *arg)
{
    struct listener *listener = arg;
    listener->is_held = false;
    listener_take(listener);
}

static inline void act_listen_and_stop(void *arg)
{
    act_listen(arg);
    act_stop(arg);
}

static bool has_started(void *arg)
{
    return ((struct listener *)arg)->starts > 0;
}

static inline void listen_later(struct rig *rig, struct listener *listener, int loop, const char *topic,
                                struct rb_start start)
{
    listener->rig = rig;
    listener->loop = rig->loops[loop];
    listener->topic = topic;
    listener->start = start;
    on(listener->loop, act_listen, listener);
}

static inline void listen_at(struct rig *rig, struct listener *listener, int loop, const char *topic,
                             struct rb_start start)
{
    listen_later(rig, listener, loop, topic, start);
    until(listener->loop, has_started, listener);
}

static inline void hush(struct listener *listener)
{
    on(listener->loop, act_stop, listener);
    rb_buf_fini(&listener->got);
}

struct expected {
    struct listener *listener;
    const char *text;
};

static bool has_got(void *arg)
{
    struct expected *expected = arg;
    return expected->listener->got.n >= strlen(expected->text);
}

static inline void expect(struct rig *rig, struct listener *listener, const char *text)
{
    until(listener->loop, has_got, &(struct expected){listener, text});
    settle(rig);
    assert_string_equal(rb_buf_text(&listener->got), text);
}

#define START_NOW ((struct rb_start){.at = RB_START_NOW})
#define START_OLDEST ((struct rb_start){.at = RB_START_OLDEST})
#define START_AFTER(position_) ((struct rb_start){.at = RB_START_AFTER, .position = (position_)})

#endif
