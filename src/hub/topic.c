/* What homes and replicas have in common: a log, subscriptions with cursors in it, and marking those ready
 * for which there is something. An append marks each subscription at most once until it has taken everything,
 * so that a burst costs one mark and one write a subscriber.
 *
 * The log is trimmed once a turn, behind the turn's output: however much comes at once, nobody has a gap in
 * it who takes it as fast as it comes. Until then the turn's events cost what they have cost as letters. */
#include "base/clock.h"
#include "base/mem.h"
#include "hub/hub_private.h"

#include <string.h>

rb_str topic_name(const struct rb_topic *topic)
{
    return (rb_str){topic->name, topic->name_bytes};
}

/* ---- trimming ---- */

static void trim(struct rb_topic *topic)
{
    rb_topic_log_trim(&topic->log, topic->keep, topic->ready_count > 0, rb_clock_wall_ms());
}

static void on_turn_end(struct rb_task *task)
{
    struct rb_topic *topic = RB_OUTER(task, struct rb_topic, turn_end);
    trim(topic);
    run_trim(topic);
}

void topic_trim(struct rb_topic *topic)
{
    bool is_owed = topic->ready_count > 0 && rb_list_is_linked(&topic->turn_end.node);
    if (!is_owed) trim(topic);
}

/* ---- coming and going ---- */

struct rb_topic *topic_new(struct rb_shard *shard, rb_str name, bool is_home)
{
    struct rb_topic *topic = rb_alloc(sizeof *topic + name.n);
    topic->shard = shard;
    topic->keep = rb_hub_keep(shard->hub, name);
    topic->is_home = is_home;
    topic->early_last = &topic->early_first;
    topic->turn_end.run = on_turn_end;
    topic->name_bytes = name.n;
    memcpy(topic->name, name.p, name.n);
    rb_list_init(&topic->subs);
    rb_list_init(&topic->requests);
    rb_map_put(&shard->topics, topic_name(topic), topic);
    return topic;
}

void topic_free(struct rb_topic *topic)
{
    rb_map_remove(&topic->shard->topics, topic_name(topic));
    rb_timer_stop(&topic->upkeep);
    rb_loop_forget_task(&topic->turn_end);
    run_drop(topic);
    rb_topic_log_fini(&topic->log);
    home_drop_cursors(topic);
    rb_free(topic);
}

struct rb_topic *topic_of(struct rb_shard *shard, rb_str name)
{
    struct rb_topic *topic = rb_map_get(&shard->topics, name);
    if (topic) return topic;
    if (home_of(shard->hub, name) == shard) return home_open(shard, name);
    topic = topic_new(shard, name, false);
    replica_join(topic);
    return topic;
}

bool topic_has_locals(const struct rb_topic *topic)
{
    return topic->is_settling || topic->sub_count > 0 || !rb_list_is_empty(&topic->requests);
}

/* ---- events ---- */

void topic_append(struct rb_topic *topic, struct rb_event *take_event)
{
    rb_topic_log_append(&topic->log, take_event);
    if (topic->ready_count < topic->sub_count) {
        RB_LIST_EACH(node, &topic->subs) sub_mark_ready(RB_OUTER(node, struct rb_sub, topic_node));
    }
    /* Behind what those that were marked have asked for. */
    rb_loop_before_sleep(topic->shard->loop, &topic->turn_end);
}

/* Who is told of its start may stop at once: the topic stays until all have been told. */
void topic_go_live(struct rb_topic *topic)
{
    topic->state = TOPIC_LIVE;
    topic->is_settling = true;
    struct rb_list waiting;
    struct rb_list *node;
    rb_list_move_all(&waiting, &topic->requests);
    while ((node = rb_list_pop_front(&waiting)) != NULL) {
        struct rb_sub_request *request = RB_OUTER(node, struct rb_sub_request, node);
        if (request->waits_for_cursor)
            rb_list_push_back(&topic->requests, node);
        else
            sub_begin(request);
    }
    topic->is_settling = false;
    topic_trim(topic);
    topic_left(topic);
}

void topic_left(struct rb_topic *topic)
{
    if (topic_has_locals(topic)) return;
    if (topic->is_home)
        home_left(topic);
    else
        replica_part(topic);
}
