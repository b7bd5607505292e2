#include "hub/watcher.h"

static void on_task(struct rb_task *task)
{
    struct rb_watcher *watcher = RB_OUTER(task, struct rb_watcher, task);
    watcher->ops->on_events(watcher);
}

static void on_ready(struct rb_sub *sub)
{
    struct rb_watcher *watcher = RB_OUTER(sub, struct rb_watcher, sub);
    rb_loop_before_sleep(watcher->loop, &watcher->task);
}

static void on_started(struct rb_sub *sub)
{
    struct rb_watcher *watcher = RB_OUTER(sub, struct rb_watcher, sub);
    if (watcher->ops->on_started) watcher->ops->on_started(watcher);
}

static const struct rb_sub_ops sub_ops = {.on_started = on_started, .on_ready = on_ready};

void rb_watcher_start(struct rb_hub *hub, struct rb_watcher *watcher, rb_str topic,
                      const struct rb_start *start, const struct rb_watcher_ops *ops)
{
    watcher->task.run = on_task;
    watcher->ops = ops;
    watcher->loop = rb_loop_current();
    rb_sub_start(hub, &watcher->sub, topic, start, &sub_ops);
}

void rb_watcher_stop(struct rb_watcher *watcher)
{
    rb_loop_forget_task(&watcher->task);
    rb_sub_stop(&watcher->sub);
}
