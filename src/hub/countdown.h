/* Countdowns: deadlines of many connections, and a tick a second for each until then, at no allocation for
 * one connection and tick.
 *
 * Countdowns that end at the same time are a group. A group ticks when a whole number of seconds is left, so
 * one frame, made once, says it to all of them. Ends are rounded up to an eighth of a second; so connections
 * that come at different times tick at different times, and no turn of the loop has to write to all. One
 * timer a loop drives it, while there are countdowns. Embedded in its owner; one loop. */
#ifndef RB_HUB_COUNTDOWN_H
#define RB_HUB_COUNTDOWN_H

#include "base/blob.h"
#include "base/map.h"
#include "loop/loop.h"

enum { RB_COUNTDOWN_PHASES = 8, RB_COUNTDOWN_PHASE_MS = 1000 / RB_COUNTDOWN_PHASES };

struct rb_countdown_group;

struct rb_countdown {
    struct rb_list node; /* in its group */
    struct rb_countdown_group *group;
};

struct rb_countdown_ops {
    /* The frame that says how much is left; NULL when memory is out. Made when first asked for. NULL: no
     * frames. */
    struct rb_blob *(*make_frame)(uint32_t left_s);
    /* Another second is over. May stop or start this countdown, no other. NULL: nobody wants to know. */
    void (*on_tick)(struct rb_countdown *countdown);
    /* Time is over; the countdown is stopped. May start or stop any. */
    void (*on_due)(struct rb_countdown *countdown);
};

/* All of one kind on one loop. */
struct rb_countdowns {
    struct rb_loop *loop;
    const struct rb_countdown_ops *ops;
    struct rb_map groups;                       /* by their end */
    struct rb_list phases[RB_COUNTDOWN_PHASES]; /* groups by the eighth of a second in which they tick */
    struct rb_timer timer;
    uint64_t at; /* the last eighth of a second that was looked at */
};

void rb_countdowns_init(struct rb_countdowns *all, struct rb_loop *loop, const struct rb_countdown_ops *ops);
void rb_countdowns_fini(struct rb_countdowns *all); /* all are stopped */

/* Starts it, or starts it anew. At least RB_COUNTDOWN_PHASE_MS. */
void rb_countdown_start(struct rb_countdowns *all, struct rb_countdown *countdown, uint64_t delay_ms);
void rb_countdown_stop(struct rb_countdowns *all, struct rb_countdown *countdown); /* safe on a stopped one */
static inline bool rb_countdown_is_running(const struct rb_countdown *countdown)
{
    return countdown->group != NULL;
}
/* Of a running one: whole seconds, rounded down; and the frame that says so, borrowed until the loop's next
 * turn. */
uint32_t rb_countdown_left_s(const struct rb_countdowns *all, const struct rb_countdown *countdown);
struct rb_blob *rb_countdown_frame(const struct rb_countdowns *all, const struct rb_countdown *countdown);

#endif
