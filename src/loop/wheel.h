/* The hierarchical timer wheel under rb_timer: ten levels of 64 slots, one millisecond a slot on the lowest;
 * what is due in more than 36 million years never is. No clock of its own: the loop says what time it is.
 * Starting and stopping are O(1), a timer moves at most nine times before it is due. */
#ifndef RB_LOOP_WHEEL_H
#define RB_LOOP_WHEEL_H

#include "loop/loop.h"

enum { RB_WHEEL_LEVELS = 10, RB_WHEEL_SLOTS = 64 };

struct rb_wheel {
    uint64_t now_ms;
    uint64_t used[RB_WHEEL_LEVELS]; /* a bit for each slot that may have timers */
    struct rb_list slots[RB_WHEEL_LEVELS][RB_WHEEL_SLOTS];
};

void rb_wheel_init(struct rb_wheel *wheel, uint64_t now_ms);
void rb_wheel_add(struct rb_wheel *wheel,
                  struct rb_timer *timer); /* due_ms is set; the past is due a millisecond from now */
/* Runs what is due up to now_ms, in order of due times. */
void rb_wheel_advance(struct rb_wheel *wheel, uint64_t now_ms);
/* When the wheel wants to be advanced next (never later than the next due time); UINT64_MAX when it is empty.
 */
uint64_t rb_wheel_next_ms(struct rb_wheel *wheel);

#endif
