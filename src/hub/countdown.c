#include "hub/countdown.h"

#include "base/mem.h"

struct rb_countdown_group {
    uint64_t end;        /* in eighths of a second of the loop's time */
    struct rb_list node; /* in its phase */
    struct rb_list members;
    struct rb_blob *frame; /* NULL: not asked for */
    uint32_t frame_left_s; /* what it says */
};

static struct rb_countdown_group *group_at(struct rb_list *node)
{
    return RB_OUTER(node, struct rb_countdown_group, node);
}

static rb_str key_of(const struct rb_countdown_group *group)
{
    return rb_str_make(&group->end, sizeof group->end);
}

static uint64_t now_at(const struct rb_countdowns *all)
{
    return rb_loop_now_ms(all->loop) / RB_COUNTDOWN_PHASE_MS;
}

static uint32_t left_s(const struct rb_countdown_group *group, uint64_t at)
{
    return group->end <= at ? 0 : (uint32_t)((group->end - at) / RB_COUNTDOWN_PHASES);
}

void rb_countdowns_init(struct rb_countdowns *all, struct rb_loop *loop, const struct rb_countdown_ops *ops)
{
    *all = (struct rb_countdowns){.loop = loop, .ops = ops};
    for (int i = 0; i < RB_COUNTDOWN_PHASES; i++) rb_list_init(&all->phases[i]);
}

void rb_countdowns_fini(struct rb_countdowns *all)
{
    RB_CHECK(all->groups.count == 0);
    rb_timer_stop(&all->timer);
    rb_map_fini(&all->groups);
}

/* ---- groups ---- */

static struct rb_countdown_group *group_of(struct rb_countdowns *all, uint64_t end)
{
    struct rb_countdown_group *group = rb_map_get(&all->groups, rb_str_make(&end, sizeof end));
    if (group) return group;
    group = rb_new(struct rb_countdown_group);
    group->end = end;
    rb_list_init(&group->members);
    rb_list_push_back(&all->phases[end % RB_COUNTDOWN_PHASES], &group->node);
    rb_map_put(&all->groups, key_of(group), group);
    return group;
}

static void drop_if_empty(struct rb_countdowns *all, struct rb_countdown_group *group)
{
    if (!rb_list_is_empty(&group->members)) return;
    rb_map_remove(&all->groups, key_of(group));
    rb_list_remove(&group->node);
    rb_blob_unref(group->frame);
    rb_free(group);
    if (all->groups.count == 0) rb_timer_stop(&all->timer);
}

/* ---- time ---- */

static void end_group(struct rb_countdowns *all, struct rb_countdown_group *group)
{
    struct rb_list due;
    rb_list_move_all(&due, &group->members);
    RB_LIST_EACH(node, &due) RB_OUTER(node, struct rb_countdown, node)->group = NULL;
    drop_if_empty(all, group);
    struct rb_list *node;
    while ((node = rb_list_pop_front(&due)) != NULL)
        all->ops->on_due(RB_OUTER(node, struct rb_countdown, node));
}

/* A stand-in keeps the group while its last member may leave. */
static void tick_group(struct rb_countdowns *all, struct rb_countdown_group *group)
{
    struct rb_list stand_in;
    if (!all->ops->on_tick) return;
    rb_list_push_front(&group->members, &stand_in);
    RB_LIST_EACH(node, &group->members)
    if (node != &stand_in) all->ops->on_tick(RB_OUTER(node, struct rb_countdown, node));
    rb_list_remove(&stand_in);
    drop_if_empty(all, group);
}

/* A group's end is known before it; ticks of seconds that were missed are left out. What on_due starts has
 * its end behind `at`, and may be met in this walk: then it ticks, which is harmless. */
static void look_at_phase(struct rb_countdowns *all, unsigned phase, uint64_t at)
{
    struct rb_list met, *node;
    rb_list_move_all(&met, &all->phases[phase]);
    while ((node = rb_list_pop_front(&met)) != NULL) {
        struct rb_countdown_group *group = group_at(node);
        rb_list_push_back(&all->phases[phase], node);
        if (group->end <= at)
            end_group(all, group);
        else
            tick_group(all, group);
    }
}

static void start_timer(struct rb_countdowns *all);

static void on_phase(struct rb_timer *timer)
{
    struct rb_countdowns *all = RB_OUTER(timer, struct rb_countdowns, timer);
    uint64_t at = now_at(all), steps = at - all->at;
    if (steps > RB_COUNTDOWN_PHASES) steps = RB_COUNTDOWN_PHASES;
    all->at = at;
    for (uint64_t i = 0; i < steps; i++) look_at_phase(all, (at - i) % RB_COUNTDOWN_PHASES, at);
    if (all->groups.count > 0) start_timer(all);
}

static void start_timer(struct rb_countdowns *all)
{
    uint64_t now_ms = rb_loop_now_ms(all->loop);
    rb_timer_start(all->loop, &all->timer, (all->at + 1) * RB_COUNTDOWN_PHASE_MS - now_ms, on_phase);
}

/* ---- one ---- */

void rb_countdown_start(struct rb_countdowns *all, struct rb_countdown *countdown, uint64_t delay_ms)
{
    uint64_t end_ms = rb_loop_now_ms(all->loop) + delay_ms;
    uint64_t end = (end_ms + RB_COUNTDOWN_PHASE_MS - 1) / RB_COUNTDOWN_PHASE_MS;
    if (end <= now_at(all)) end = now_at(all) + 1;
    rb_countdown_stop(all, countdown);
    countdown->group = group_of(all, end);
    rb_list_push_back(&countdown->group->members, &countdown->node);
    if (rb_timer_is_running(&all->timer)) return;
    all->at = now_at(all);
    start_timer(all);
}

void rb_countdown_stop(struct rb_countdowns *all, struct rb_countdown *countdown)
{
    struct rb_countdown_group *group = countdown->group;
    rb_list_remove(&countdown->node); /* of one that is due, from among the due */
    countdown->group = NULL;
    if (group) drop_if_empty(all, group);
}

uint32_t rb_countdown_left_s(const struct rb_countdowns *all, const struct rb_countdown *countdown)
{
    return left_s(countdown->group, now_at(all));
}

struct rb_blob *rb_countdown_frame(const struct rb_countdowns *all, const struct rb_countdown *countdown)
{
    struct rb_countdown_group *group = countdown->group;
    uint32_t left = left_s(group, now_at(all));
    if (group->frame && group->frame_left_s == left) return group->frame;
    rb_blob_unref(group->frame);
    group->frame = all->ops->make_frame(left);
    group->frame_left_s = left;
    return group->frame;
}
