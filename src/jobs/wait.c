#include "jobs/wait.h"

#include "base/mem.h"

struct rb_job_wait {
    struct rb_watcher watcher;
    struct rb_timer timer;
    void (*done)(void *arg, rb_err err);
    void *arg;
};

static void end(struct rb_job_wait *wait, rb_err err)
{
    void (*done)(void *, rb_err) = wait->done;
    void *arg = wait->arg;
    rb_job_wait_cancel(wait);
    done(arg, err);
}

static void on_events(struct rb_watcher *watcher)
{
    struct rb_job_wait *wait = RB_OUTER(watcher, struct rb_job_wait, watcher);
    struct rb_log_entry *entry;
    enum rb_take taken;
    while ((taken = rb_sub_take(&watcher->sub, &entry)) != RB_TAKE_NOTHING) {
        if (taken != RB_TAKE_EVENT || !(entry->event->flags & RB_EVENT_FINAL)) continue;
        end(wait, RB_OK);
        return;
    }
}

static void on_timeout(struct rb_timer *timer)
{
    end(RB_OUTER(timer, struct rb_job_wait, timer), RB_WAIT_TIMEOUT);
}

static const struct rb_watcher_ops watcher_ops = {.on_events = on_events};

struct rb_job_wait *rb_job_wait_start(struct rb_hub *hub, rb_str topic, uint64_t timeout_ms,
                                      void (*done)(void *arg, rb_err err), void *arg)
{
    struct rb_job_wait *wait = rb_new(struct rb_job_wait);
    wait->done = done;
    wait->arg = arg;
    rb_watcher_start(hub, &wait->watcher, topic, &(struct rb_start){.at = RB_START_OLDEST}, &watcher_ops);
    rb_timer_start(rb_loop_current(), &wait->timer, timeout_ms, on_timeout);
    return wait;
}

void rb_job_wait_cancel(struct rb_job_wait *wait)
{
    if (!wait) return;
    rb_timer_stop(&wait->timer);
    rb_watcher_stop(&wait->watcher);
    rb_free(wait);
}
