/* A timer sits on the level of the highest 6-bit digit in which its due time differs from now. Hence on every
 * level only slots ahead of the current one are occupied, and the first occupied slot of the lowest occupied
 * level is what comes next: on level 0 it is due, on a higher one its timers move down when time reaches the
 * slot's start. */
#include "loop/wheel.h"

static unsigned digit(uint64_t ms, unsigned level)
{
    return (unsigned)(ms >> (6 * level)) & (RB_WHEEL_SLOTS - 1);
}

void rb_wheel_init(struct rb_wheel *wheel, uint64_t now_ms)
{
    *wheel = (struct rb_wheel){.now_ms = now_ms};
    for (unsigned level = 0; level < RB_WHEEL_LEVELS; level++)
        for (unsigned slot = 0; slot < RB_WHEEL_SLOTS; slot++) rb_list_init(&wheel->slots[level][slot]);
}

/* The place for a due time ahead of now. */
static void place(struct rb_wheel *wheel, struct rb_timer *timer)
{
    unsigned level = (unsigned)(63 - __builtin_clzll(timer->due_ms ^ wheel->now_ms)) / 6;
    unsigned slot = digit(timer->due_ms, level);
    wheel->used[level] |= (uint64_t)1 << slot;
    rb_list_push_back(&wheel->slots[level][slot], &timer->node);
}

void rb_wheel_add(struct rb_wheel *wheel, struct rb_timer *timer)
{
    const uint64_t never_ms = ((uint64_t)1 << (6 * RB_WHEEL_LEVELS)) - 1;
    if (timer->due_ms <= wheel->now_ms) timer->due_ms = wheel->now_ms + 1;
    if (timer->due_ms > never_ms) timer->due_ms = never_ms;
    place(wheel, timer);
}

/* The start of the next occupied slot; stopped timers may have left some of them empty, which is found out
 * here. */
static bool find_next(struct rb_wheel *wheel, unsigned *out_level, unsigned *out_slot, uint64_t *out_start_ms)
{
    for (unsigned level = 0; level < RB_WHEEL_LEVELS; level++) {
        while (wheel->used[level]) {
            unsigned slot = (unsigned)__builtin_ctzll(wheel->used[level]);
            if (rb_list_is_empty(&wheel->slots[level][slot])) {
                wheel->used[level] &= ~((uint64_t)1 << slot);
                continue;
            }
            *out_level = level;
            *out_slot = slot;
            *out_start_ms = (wheel->now_ms >> (6 * (level + 1)) << (6 * (level + 1))) | (uint64_t)slot
                                                                                            << (6 * level);
            return true;
        }
    }
    return false;
}

uint64_t rb_wheel_next_ms(struct rb_wheel *wheel)
{
    unsigned level, slot;
    uint64_t start_ms;
    return find_next(wheel, &level, &slot, &start_ms) ? start_ms : UINT64_MAX;
}

static void run_or_move(struct rb_wheel *wheel, struct rb_list *timers)
{
    struct rb_list *node;
    while ((node = rb_list_pop_front(timers)) != NULL) {
        struct rb_timer *timer = RB_OUTER(node, struct rb_timer, node);
        if (timer->due_ms <= wheel->now_ms)
            timer->on_due(timer);
        else
            place(wheel, timer);
    }
}

void rb_wheel_advance(struct rb_wheel *wheel, uint64_t now_ms)
{
    unsigned level, slot;
    uint64_t start_ms;
    while (find_next(wheel, &level, &slot, &start_ms) && start_ms <= now_ms) {
        wheel->now_ms = start_ms;
        wheel->used[level] &= ~((uint64_t)1 << slot);
        struct rb_list timers;
        rb_list_move_all(&timers, &wheel->slots[level][slot]);
        run_or_move(wheel, &timers);
    }
    if (now_ms > wheel->now_ms) {
        /* Nothing lies between, so the digits may change only if what waits on higher levels keeps its place:
         * it does, since its slot starts after now_ms. */
        wheel->now_ms = now_ms;
    }
}
