/* Events of durable topics whose time is over. A topic in use trims itself (hub/home.c); one that nobody uses
 * any more would keep its rows for ever. So all topics are gone through in the background, in the order of
 * their making, a page at a time: their names are held against the hub's rules, and only where a rule's age
 * may be over somebody looks at events. What is found is trimmed a few topics at a time, since others wait
 * for the same commits.
 *
 * Age is all that can come to be over without anybody doing anything. It is not about jobs, and here because
 * this loop serves no connections, and because the stop of the jobs waits for what is under way. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/jobs_private.h"

enum { ROUND_PERIOD_MS = 600000, PAGE_PAUSE_MS = 100, PAGE_TOPICS = 1000, TRIMS_MAX = 10 };

struct page {
    struct rb_jobs *jobs;
    struct rb_arena arena;
    uint64_t now_ms, oldest_ms;
    uint64_t passed;  /* the last topic looked at */
    bool is_last_one; /* of this round */
    struct {
        rb_str topic;
        uint64_t up_to_id;
    } trims[TRIMS_MAX];
    unsigned trim_count;
};

static void start_page(struct rb_jobs *jobs);

static void on_due(struct rb_timer *timer)
{
    start_page(RB_OUTER(timer, struct rb_jobs, topic_expiry));
}

static void end_page(struct page *page)
{
    struct rb_jobs *jobs = page->jobs;
    bool is_last_one = page->is_last_one;
    jobs->topics_passed = is_last_one ? 0 : page->passed;
    rb_arena_fini(&page->arena);
    rb_free(page);
    rb_timer_start(jobs->setup.loop, &jobs->topic_expiry, is_last_one ? ROUND_PERIOD_MS : PAGE_PAUSE_MS,
                   on_due);
    jobs_return(jobs);
}

static void on_trims_stored(struct rb_mail *mail)
{
    struct rb_tx *tx = RB_OUTER(mail, struct rb_tx, mail);
    struct page *page = tx->arg;
    page->is_last_one |= tx->err != RB_OK; /* the next round tries again */
    rb_tx_free(tx);
    end_page(page);
}

static void on_tx_done(struct rb_tx *tx, rb_err err)
{
    (void)err; /* in tx->err */
    struct page *page = tx->arg;
    tx->mail.run = on_trims_stored;
    rb_loop_post(page->jobs->setup.loop, &tx->mail);
}

static rb_err look_at(struct rb_reader *reader, struct page *page, const struct rb_topic_record *topic)
{
    uint64_t age_ms = rb_hub_keep(page->jobs->setup.hub, topic->name)->age_ms, up_to_id = 0;
    if (age_ms >= page->now_ms || page->oldest_ms > page->now_ms - age_ms) return RB_OK;
    rb_err err = rb_read_last_old_event(reader, topic->id, page->now_ms - age_ms, &up_to_id);
    if (err != RB_OK || up_to_id == 0) return err;
    page->trims[page->trim_count].topic = topic->name;
    page->trims[page->trim_count++].up_to_id = up_to_id;
    return RB_OK;
}

static rb_err read_page(struct rb_reader *reader, void *arg)
{
    struct page *page = arg;
    struct rb_topic_record *topics;
    uint32_t count, seen = 0;
    rb_err err = rb_read_oldest_event_ms(reader, &page->oldest_ms);
    if (err == RB_OK) err = rb_read_topics(reader, &page->arena, page->passed, PAGE_TOPICS, &topics, &count);
    if (err != RB_OK) return err;
    for (; seen < count && page->trim_count < TRIMS_MAX && err == RB_OK; seen++) {
        err = look_at(reader, page, &topics[seen]);
        page->passed = topics[seen].id;
    }
    page->is_last_one = seen == count && count < PAGE_TOPICS;
    return err;
}

static void on_page_read(void *arg, rb_err err)
{
    struct page *page = arg;
    if (err != RB_OK) {
        RB_LOG_WARN("topic.expiry_failed", RB_KV_REASON(err));
        page->is_last_one = true;
    }
    if (err != RB_OK || page->trim_count == 0) {
        end_page(page);
        return;
    }
    struct rb_tx *tx = rb_tx_new();
    for (unsigned i = 0; i < page->trim_count; i++)
        rb_tx_events_trim(tx, page->trims[i].topic, page->trims[i].up_to_id);
    tx->done = on_tx_done;
    tx->arg = page;
    rb_store_commit(page->jobs->setup.store, tx);
}

static void start_page(struct rb_jobs *jobs)
{
    if (jobs->is_stopping) return;
    struct page *page = rb_new(struct page);
    *page = (struct page){.jobs = jobs, .now_ms = rb_clock_wall_ms(), .passed = jobs->topics_passed};
    jobs_depart(jobs);
    rb_store_read(jobs->setup.store, jobs->setup.loop, read_page, on_page_read, page);
}

void topic_expiry_start(struct rb_jobs *jobs)
{
    start_page(jobs);
}
