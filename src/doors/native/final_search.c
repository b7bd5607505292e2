/* Where is the final event of a job that is over? In its topic's log, or on its way there: the job's record
 * is stored together with the event, but each travels to this loop on its own. So the search waits a moment;
 * what is not found then is no longer kept. */
#include "doors/native/native_private.h"
#include "hub/watcher.h"

enum { ON_ITS_WAY_MS = 1000 };

struct search {
    struct rb_watcher watcher;
    struct rb_timer timer;
    struct native_wait waiting;
    struct errand *errand;
    final_found_fn *found;
    void *arg;
};

static void stop(struct search *search)
{
    rb_list_remove(&search->waiting.node);
    rb_timer_stop(&search->timer);
    rb_watcher_stop(&search->watcher);
    rb_request_on_gone(search->errand->request, NULL);
}

static void end(struct search *search, bool is_found, struct rb_position position)
{
    stop(search);
    search->found(search->arg, is_found, position);
}

static void on_events(struct rb_watcher *watcher)
{
    struct search *search = RB_OUTER(watcher, struct search, watcher);
    struct rb_log_entry *entry;
    enum rb_take taken;
    while ((taken = rb_sub_take(&watcher->sub, &entry)) != RB_TAKE_NOTHING) {
        if (taken != RB_TAKE_EVENT || !(entry->event->flags & RB_EVENT_FINAL)) continue;
        end(search, true, rb_sub_position(&watcher->sub));
        return;
    }
}

static void on_timeout(struct rb_timer *timer)
{
    end(RB_OUTER(timer, struct search, timer), false, (struct rb_position){0});
}

static void give_up(struct search *search, rb_err why)
{
    stop(search);
    errand_fail(search->errand, why, NULL);
}

static void end_waiting(struct native_wait *waiting)
{
    give_up(RB_OUTER(waiting, struct search, waiting), RB_SHUTTING_DOWN);
}

static void on_gone(struct rb_request *request)
{
    give_up(request->arg, RB_CLIENT_GONE); /* nobody reads it; the request ends with it */
}

static const struct rb_watcher_ops watcher_ops = {.on_events = on_events};

void final_search(struct errand *errand, rb_str topic, final_found_fn *found, void *arg)
{
    struct rb_request *request = errand->request;
    struct search *search = rb_arena_new(&request->arena, struct search);
    search->errand = errand;
    search->found = found;
    search->arg = arg;
    search->waiting.end = end_waiting;
    rb_list_push_back(&native_here(errand->door)->waits, &search->waiting.node);
    request->arg = search;
    rb_request_on_gone(request, on_gone);
    rb_watcher_start(errand->door->setup.hub, &search->watcher, topic,
                     &(struct rb_start){.at = RB_START_OLDEST}, &watcher_ops);
    rb_timer_start(rb_request_loop(request), &search->timer, ON_ITS_WAY_MS, on_timeout);
}
