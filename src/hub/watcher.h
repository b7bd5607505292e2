/* A subscription for code of ours that wants to act on a topic's events (wait for a job's end, collect a
 * page). One loop. */
#ifndef RB_HUB_WATCHER_H
#define RB_HUB_WATCHER_H

#include "hub/hub.h"

struct rb_watcher;

struct rb_watcher_ops {
    void (*on_started)(struct rb_watcher *watcher); /* may be NULL; may stop it */
    /* There is something to take from watcher->sub with rb_sub_take: take until nothing is left, or stop it.
     */
    void (*on_events)(struct rb_watcher *watcher);
};

struct rb_watcher {
    struct rb_sub sub;
    struct rb_task task;
    const struct rb_watcher_ops *ops;
    struct rb_loop *loop;
};

/* watcher is zeroed; client as in struct rb_sub. */
void rb_watcher_start(struct rb_hub *hub, struct rb_watcher *watcher, rb_str topic,
                      const struct rb_start *start, const struct rb_watcher_ops *ops);
void rb_watcher_stop(struct rb_watcher *watcher); /* safe on a zeroed one; then its memory may go */

#endif
