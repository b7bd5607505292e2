/* A page of events, at once or, when there is none yet, as soon as the first comes. */
#include "doors/native/native_private.h"
#include "hub/watcher.h"

enum { PAGE_BYTES_MAX = 1024 * 1024 }; /* one event more than fits in this is the last */

struct page {
    struct rb_watcher watcher;
    struct rb_timer timer;
    struct native_wait waiting;
    struct errand *errand;
    struct page_start start;
    struct rb_buf events; /* the elements of the array */
    struct rb_json_out out;
    unsigned count;
    bool has_gap;
    struct rb_position gap_after, gap_next;
};

static void stop(struct page *page)
{
    rb_list_remove(&page->waiting.node);
    rb_timer_stop(&page->timer);
    rb_watcher_stop(&page->watcher);
    rb_request_on_gone(page->errand->request, NULL);
}

static void answer(struct page *page)
{
    char text[RB_POSITION_TEXT_BYTES];
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_end_array(&page->out);
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "events");
    rb_json_put_raw(&out, rb_buf_str(&page->events));
    rb_json_put_key(&out, "position");
    rb_json_put_str(&out, rb_position_text(rb_sub_position(&page->watcher.sub), text));
    if (page->has_gap) {
        rb_json_put_key(&out, "gap");
        rb_json_begin_object(&out);
        gap_put(&out, page->gap_after, page->gap_next);
        rb_json_end_object(&out);
    }
    rb_json_end_object(&out);
    if (page->events.failed) body.failed = true;
    stop(page);
    rb_buf_fini(&page->events);
    errand_answer_json(page->errand, 200, &body);
}

/* ---- collecting ---- */

static void note_gap(struct page *page)
{
    if (!page->has_gap) page->gap_after = rb_sub_gap_after(&page->watcher.sub);
    page->gap_next = rb_sub_position(&page->watcher.sub);
    page->has_gap = true;
}

static void add_event(struct page *page, const struct rb_event *event)
{
    rb_json_begin_object(&page->out);
    event_put(&page->out, rb_sub_position(&page->watcher.sub), event, true);
    rb_json_end_object(&page->out);
    page->count++;
}

static bool collect(struct page *page)
{
    struct rb_log_entry *entry;
    while (page->count < page->start.limit && page->events.n < PAGE_BYTES_MAX) {
        switch (rb_sub_take(&page->watcher.sub, &entry)) {
        case RB_TAKE_NOTHING: return page->count > 0 || page->has_gap;
        case RB_TAKE_GAP: note_gap(page); break;
        case RB_TAKE_EVENT: add_event(page, entry->event); break;
        }
    }
    return true;
}

static void on_events(struct rb_watcher *watcher)
{
    struct page *page = RB_OUTER(watcher, struct page, watcher);
    if (collect(page)) answer(page);
}

static void on_timeout(struct rb_timer *timer)
{
    answer(RB_OUTER(timer, struct page, timer));
}

static void on_started(struct rb_watcher *watcher)
{
    struct page *page = RB_OUTER(watcher, struct page, watcher);
    bool may_wait = page->start.wait_ms > 0 && !native_here(page->errand->door)->is_closing;
    if (collect(page) || !may_wait)
        answer(page);
    else
        rb_timer_start(watcher->loop, &page->timer, page->start.wait_ms, on_timeout);
}

static const struct rb_watcher_ops watcher_ops = {.on_started = on_started, .on_events = on_events};

/* ---- ending early ---- */

static void give_up(struct page *page, rb_err why)
{
    stop(page);
    rb_buf_fini(&page->events);
    errand_fail(page->errand, why, NULL);
}

static void on_gone(struct rb_request *request)
{
    give_up(request->arg, RB_CLIENT_GONE); /* nobody reads it; the request ends with it */
}

/* The server closes. Until the subscription has its start there is no position to tell. */
static void end_waiting(struct native_wait *waiting)
{
    struct page *page = RB_OUTER(waiting, struct page, waiting);
    if (page->watcher.sub.is_started)
        answer(page);
    else
        give_up(page, RB_SHUTTING_DOWN);
}

void page_open(struct errand *errand, const struct page_start *start)
{
    struct rb_request *request = errand->request;
    struct page *page = rb_arena_new(&request->arena, struct page);
    page->errand = errand;
    page->start = *start;
    page->out.buf = &page->events;
    rb_json_begin_array(&page->out);
    page->waiting.end = end_waiting;
    rb_list_push_back(&native_here(errand->door)->waits, &page->waiting.node);
    request->arg = page;
    rb_request_on_gone(request, on_gone);
    page->watcher.sub.client = &errand->who->client;
    rb_watcher_start(errand->door->setup.hub, &page->watcher, start->topic, &start->start, &watcher_ops);
}
