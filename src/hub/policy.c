/* The life of a topic's policy at its home: loaded when it is first asked for, saved behind what changes it,
 * and out of the memory again when nobody has used it for a while.
 *
 * Letters that come while it is being loaded wait and run afterwards, in order. What was kept as the latest
 * event is then published anew into the topic's log, if that has nothing: so whoever joins finds it where all
 * events are found, and there is no second way. */
#include "hub/policy_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

struct replaced; /* holder.c */

rb_str task_name(const struct task *task)
{
    return rb_str_make(task->name, task->name_bytes);
}

bool rb_instances_find(rb_str name, enum rb_instances *out)
{
    static const char *const names[] = {"share", "replace", "refuse"};
    for (size_t i = 0; i < RB_COUNT(names); i++) {
        if (!rb_str_is(name, names[i])) continue;
        *out = (enum rb_instances)i;
        return true;
    }
    return false;
}

void task_set_owner(struct task *task, rb_str owner)
{
    if (rb_str_eq(task->owner, owner)) return;
    rb_free((char *)(uintptr_t)task->owner.p);
    task->owner = rb_str_make(rb_str_dup(owner), owner.n);
}

/* ---- saving ---- */

void task_fill_record(const struct task *task, struct rb_policy_record *out)
{
    *out = (struct rb_policy_record){.topic = task_name(task),
                                     .owner = task->owner,
                                     .called_ms = task->called_ms,
                                     .instances = task->policy.instances,
                                     .keeps_last = task->policy.keeps_last,
                                     .is_deadline_shared = task->policy.is_deadline_shared,
                                     .is_completed = task->is_completed,
                                     .timeout_ms = task->policy.timeout_ms,
                                     .deadline_ms = task->deadline_ms};
    if (!task->last) return;
    out->last_ms = task->last->time_ms;
    out->last_flags = task->last->flags;
    out->last_timeout_s = task->last->timeout_s;
    out->last_name = task->last->name;
    out->last_data = task->last->data;
}

static void on_saved(struct rb_mail *mail)
{
    struct rb_tx *tx = RB_OUTER(mail, struct rb_tx, mail);
    struct rb_shard *shard = tx->arg;
    shard->saves_open--;
    if (tx->err) RB_LOG_WARN("hub.policies_not_saved", RB_KV_REASON(tx->err));
    rb_tx_free(tx);
}

static void on_save_done(struct rb_tx *tx, rb_err err)
{
    (void)err; /* it is in the tx */
    struct rb_shard *shard = tx->arg;
    tx->mail.run = on_saved;
    rb_loop_post(shard->loop, &tx->mail);
}

static void commit(struct rb_shard *shard, struct rb_tx *tx)
{
    tx->done = on_save_done;
    tx->arg = shard;
    shard->saves_open++;
    rb_store_commit(shard->hub->store, tx);
}

/* All that have changed share a transaction. */
static void save(struct rb_shard *shard)
{
    if (rb_list_is_empty(&shard->tasks_to_save)) return;
    struct rb_tx *tx = rb_tx_new();
    struct rb_list *node;
    while ((node = rb_list_pop_front(&shard->tasks_to_save)) != NULL) {
        struct task *task = RB_OUTER(node, struct task, dirty_node);
        struct rb_policy_record record;
        task_fill_record(task, &record);
        rb_tx_policy_save(tx, &record);
        task->is_dirty = false;
    }
    commit(shard, tx);
}

static void on_save_timer(struct rb_timer *timer)
{
    save(RB_OUTER(timer, struct rb_shard, save_timer));
}

void task_change(struct task *task)
{
    struct rb_shard *shard = task->shard;
    task->is_stored = true;
    if (task->is_dirty) return;
    task->is_dirty = true;
    rb_list_push_back(&shard->tasks_to_save, &task->dirty_node);
    if (!rb_timer_is_running(&shard->save_timer))
        rb_timer_start(shard->loop, &shard->save_timer, RB_POLICY_SAVE_MS, on_save_timer);
}

void rb_hub_save_policies(struct rb_hub *hub)
{
    for (unsigned i = 0; i < hub->shard_count; i++) save(&hub->shards[i]);
}

/* ---- coming and going ---- */

static void on_sweep(struct rb_timer *timer);

static struct task *task_new(struct rb_shard *shard, rb_str topic)
{
    struct task *task = rb_alloc(sizeof *task + topic.n);
    task->shard = shard;
    task->name_bytes = topic.n;
    memcpy(task->name, topic.p, topic.n);
    rb_list_init(&task->holders);
    rb_list_init(&task->replaced);
    task->early_last = &task->early_first;
    task->used_ms = rb_loop_now_ms(shard->loop);
    rb_list_push_back(&shard->tasks_by_use, &task->node);
    rb_map_put(&shard->tasks, task_name(task), task);
    if (!rb_timer_is_running(&shard->sweep_timer))
        rb_timer_start(shard->loop, &shard->sweep_timer, RB_POLICY_SWEEP_MS, on_sweep);
    return task;
}

static void task_free(struct task *task)
{
    rb_map_remove(&task->shard->tasks, task_name(task));
    rb_list_remove(&task->node);
    rb_list_remove(&task->dirty_node);
    task_forget_replaced(task);
    rb_event_unref(task->last);
    rb_free((char *)(uintptr_t)task->owner.p);
    rb_free(task);
}

void task_used(struct task *task)
{
    rb_list_remove(&task->node);
    rb_list_push_back(&task->shard->tasks_by_use, &task->node);
    task->used_ms = rb_loop_now_ms(task->shard->loop);
}

/* What its topic has for no other reason goes with it. */
static void task_evict(struct task *task)
{
    static const struct rb_keep nothing = {0};
    struct rb_topic *topic = rb_map_get(&task->shard->topics, task_name(task));
    if (topic && topic->keep->is_policys)
        rb_topic_log_trim(&topic->log, &nothing, topic->ready_count > 0, rb_clock_wall_ms());
    task_free(task);
}

/* Those that are used hold their place in the store by being saved now and then. */
static void look_after(struct task *task)
{
    if (task->holder_count == 0 && !task->is_dirty && !task->is_loading) {
        task_evict(task);
        return;
    }
    task_used(task);
    if (!task->is_stored || task->holder_count == 0) return;
    uint64_t now_ms = rb_clock_wall_ms();
    if (task->called_ms + RB_POLICY_KEPT_MS / 4 > now_ms) return;
    task->called_ms = now_ms;
    task_change(task);
}

/* Tickets stay for a while after their end, so that who comes with one is told that it was one. */
static void sweep_store(struct rb_shard *shard)
{
    uint64_t now_ms = rb_clock_wall_ms();
    struct rb_tx *tx = rb_tx_new();
    rb_tx_tickets_sweep(tx, now_ms - RB_POLICY_KEPT_MS, now_ms - RB_POLICY_KEPT_MS);
    commit(shard, tx);
}

static void on_sweep(struct rb_timer *timer)
{
    struct rb_shard *shard = RB_OUTER(timer, struct rb_shard, sweep_timer);
    uint64_t now_ms = rb_loop_now_ms(shard->loop);
    while (shard->saves_open == 0 && !rb_list_is_empty(&shard->tasks_by_use)) { /* the store has them all */
        struct task *task = RB_OUTER(shard->tasks_by_use.next, struct task, node);
        if (task->used_ms + RB_POLICY_IDLE_MS > now_ms) break;
        look_after(task);
    }
    sweep_store(shard);
    if (shard->tasks.count > 0) rb_timer_start(shard->loop, timer, RB_POLICY_SWEEP_MS, on_sweep);
}

void policies_init(struct rb_shard *shard)
{
    rb_list_init(&shard->tasks_by_use);
    rb_list_init(&shard->tasks_to_save);
}

void policies_fini(struct rb_shard *shard)
{
    rb_timer_stop(&shard->save_timer);
    rb_timer_stop(&shard->sweep_timer);
    struct task *task;
    for (size_t at = 0; (task = rb_map_next(&shard->tasks, &at)) != NULL;) {
        RB_CHECK(task->holder_count == 0);
        task_free(task);
    }
    rb_map_fini(&shard->tasks);
}

/* ---- loading ---- */

struct load {
    struct task *task; /* those that load stay */
    struct rb_arena arena;
    struct rb_policy_record record;
};

static rb_err read(struct rb_reader *reader, void *arg)
{
    struct load *load = arg;
    return rb_read_policy(reader, &load->arena, task_name(load->task), &load->record);
}

/* The letter to the home of the topic, which is here, is ahead of whatever the answer to a holder sets off.
 */
static void restore_last(struct task *task, const struct rb_policy_record *record)
{
    struct rb_shard *shard = task->shard;
    struct rb_topic *topic = rb_map_get(&shard->topics, task_name(task));
    struct rb_event_spec spec = {.name = record->last_name,
                                 .data = record->last_data,
                                 .flags = record->last_flags,
                                 .timeout_s = record->last_timeout_s};
    if (topic && topic->log.count > 0) {
        task->last = rb_event_ref(rb_topic_log_at(&topic->log, topic->log.count - 1)->event);
        return;
    }
    struct rb_publication *again = rb_publication_new(shard->hub, task_name(task), &spec, NULL, NULL, NULL);
    if (!again->err) {
        again->parts[0].event->time_ms = record->last_ms;
        task->last = rb_event_ref(again->parts[0].event);
    }
    rb_publication_deliver(again);
}

static void take_over(struct task *task, const struct rb_policy_record *record)
{
    task->is_stored = true;
    task->policy = (struct rb_policy){.instances = (enum rb_instances)record->instances,
                                      .keeps_last = record->keeps_last,
                                      .is_deadline_shared = record->is_deadline_shared,
                                      .timeout_ms = record->timeout_ms};
    task->is_completed = record->is_completed;
    task->called_ms = record->called_ms;
    task->deadline_ms = record->deadline_ms;
    task_set_owner(task, record->owner);
    if (record->last_ms) restore_last(task, record);
}

/* A policy that cannot be read is taken for the default one: the log says so. */
static void on_loaded(void *arg, rb_err err)
{
    struct load *load = arg;
    struct task *task = load->task;
    if (!err) take_over(task, &load->record);
    if (err && err != RB_NOT_FOUND)
        RB_LOG_ERROR("hub.policy_not_read", RB_KV("topic", task_name(task)), RB_KV_REASON(err));
    rb_arena_fini(&load->arena);
    rb_free(load);
    task->is_loading = false;
    struct rb_mail *letter = task->early_first;
    task->early_first = NULL;
    task->early_last = &task->early_first;
    while (letter) {
        struct rb_mail *next = letter->next;
        letter->run(letter);
        letter = next;
    }
}

struct task *task_for(struct rb_shard *shard, rb_str topic, struct rb_mail *letter)
{
    struct task *task = rb_map_get(&shard->tasks, topic);
    if (!task) {
        struct load *load = rb_new(struct load);
        task = load->task = task_new(shard, topic);
        task->is_loading = true;
        rb_store_read(shard->hub->store, shard->loop, read, on_loaded, load);
    }
    if (!task->is_loading) return task;
    letter->next = NULL;
    *task->early_last = letter;
    task->early_last = &letter->next;
    return NULL;
}
