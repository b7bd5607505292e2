/* What a crowd leaves behind when it goes.
 *
 * The C library keeps the memory of connections that have left, for others that may come. After a crowd that
 * is a lot, and what else runs on the machine could use it. Giving it back costs the time to walk through all
 * free memory, during which allocating on the loop may have to wait (two milliseconds after 20,000
 * connections), so it is done off the loop, once for each crowd that has left, and not while it still leaves.
 * Only whole pages can go: where those who stay are scattered among those who left, little does. */
#include "net/net_private.h"

#include <malloc.h>

enum {
    CROWD_MIN = 1000,     /* what fewer leave behind is about a megabyte: not worth the walk */
    LEFT_DIVISOR = 2,     /* it has left when fewer than half are there: more may be a common ebb */
    LEAVING_DIVISOR = 16, /* it is leaving while more than so small a part goes in a step */
    STEP_MS = 1000,       /* longer than it takes the rooms above to let go of what a connection had */
};

static void give_back(void *arg)
{
    (void)arg;
    malloc_trim(0);
}

static bool has_left(const struct crowd *crowd)
{
    return crowd->peak >= CROWD_MIN && crowd->count < crowd->peak / LEFT_DIVISOR;
}

static void on_step(struct rb_timer *timer);

static void look_again(struct crowd *crowd)
{
    crowd->count_before = crowd->count;
    rb_timer_start(crowd->loop, &crowd->timer, STEP_MS, on_step);
}

static void on_step(struct rb_timer *timer)
{
    struct crowd *crowd = RB_OUTER(timer, struct crowd, timer);
    if (!has_left(crowd)) return; /* it is back */
    if (crowd->count < crowd->count_before - crowd->count_before / LEAVING_DIVISOR) {
        look_again(crowd);
        return;
    }
    crowd->peak = crowd->count;
    rb_loop_work(crowd->loop, give_back, NULL, NULL);
}

void crowd_enter(struct crowd *crowd)
{
    crowd->count++;
    if (crowd->count > crowd->peak) crowd->peak = crowd->count;
}

void crowd_leave(struct crowd *crowd)
{
    crowd->count--;
    if (has_left(crowd) && !rb_timer_is_running(&crowd->timer)) look_again(crowd);
}
