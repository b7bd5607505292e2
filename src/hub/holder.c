/* Who may join a topic with a ticket. The home decides, so it sees all who are there, whatever their loop.
 *
 * A holder that was replaced by another may not push that one out at once: else two clients that come back by
 * themselves would do so to each other for ever. Its ticket waits RB_POLICY_COMEBACK_MS, unless nobody is
 * there any more. */
#include "hub/policy_private.h"
#include "hub/registry.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

enum { REPLACED_MAX = 64 };

struct replaced {
    struct rb_list node;
    uint64_t until_ms;
    unsigned char ticket[8];
};

static void forget_oldest(struct task *task)
{
    rb_free(RB_OUTER(rb_list_pop_front(&task->replaced), struct replaced, node));
}

void task_forget_replaced(struct task *task)
{
    while (!rb_list_is_empty(&task->replaced)) forget_oldest(task);
}

static bool was_replaced(struct task *task, const unsigned char ticket[8])
{
    uint64_t now_ms = rb_loop_now_ms(task->shard->loop);
    bool was_found = false;
    while (!rb_list_is_empty(&task->replaced) &&
           RB_OUTER(task->replaced.next, struct replaced, node)->until_ms <= now_ms)
        forget_oldest(task);
    RB_LIST_EACH(node, &task->replaced)
    was_found |= memcmp(RB_OUTER(node, struct replaced, node)->ticket, ticket, 8) == 0;
    return was_found;
}

static void note_replaced(struct task *task, const unsigned char ticket[8])
{
    struct replaced *replaced = rb_new(struct replaced);
    unsigned count = 0;
    RB_LIST_EACH(node, &task->replaced) count++;
    if (count >= REPLACED_MAX) forget_oldest(task);
    replaced->until_ms = rb_loop_now_ms(task->shard->loop) + RB_POLICY_COMEBACK_MS;
    memcpy(replaced->ticket, ticket, 8);
    rb_list_push_back(&task->replaced, &replaced->node);
}

/* ---- at the home ---- */

static void part(struct rb_holder *holder)
{
    struct task *task = holder->task;
    if (rb_list_is_linked(&holder->node)) task->holder_count--;
    rb_list_remove(&holder->node);
}

static void replace(struct task *task, struct rb_holder *holder)
{
    note_replaced(task, holder->ticket);
    part(holder);
    struct rb_conn_errand *errand = rb_conn_errand_new(holder->hub, RB_CONN_CLOSE, rb_conn_errand_free, NULL);
    rb_str tenant;
    rb_str name = task_name(task);
    rb_str_split(&name, '/', &tenant);
    errand->to = holder->conn;
    errand->tenant = rb_arena_copy(&errand->arena, tenant);
    errand->why = RB_REPLACED;
    rb_conn_errand_send(errand);
}

static rb_err judge(struct task *task, const struct rb_holder *asking)
{
    if (task->holder_count >= asking->holders_max) return RB_TOO_MANY_CONNECTIONS;
    if (task->is_completed) return RB_OK; /* comes for what is kept, and goes */
    if (task->deadline_ms && task->deadline_ms <= rb_clock_wall_ms()) return RB_DEADLINE;
    if (task->holder_count == 0) return RB_OK;
    switch (task->policy.instances) {
    case RB_INSTANCES_SHARE: return RB_OK;
    case RB_INSTANCES_REPLACE: return was_replaced(task, asking->ticket) ? RB_REPLACED : RB_OK;
    case RB_INSTANCES_REFUSE: return RB_TAKEN;
    }
    RB_UNREACHABLE();
}

static void note_countdown(struct task *task, struct rb_holder *holder)
{
    const struct rb_policy *policy = &task->policy;
    uint64_t now_ms = rb_clock_wall_ms();
    holder->left_ms = policy->timeout_ms;
    if (!policy->is_deadline_shared || !policy->timeout_ms || task->is_completed) return;
    if (!task->deadline_ms) {
        task->deadline_ms = now_ms + policy->timeout_ms;
        task_change(task);
    }
    holder->left_ms = task->deadline_ms - now_ms;
}

static void let_in(struct task *task, struct rb_holder *holder)
{
    if (task->policy.instances == RB_INSTANCES_REPLACE && !task->is_completed)
        RB_LIST_EACH(node, &task->holders) replace(task, RB_OUTER(node, struct rb_holder, node));
    rb_list_push_back(&task->holders, &holder->node);
    task->holder_count++;
    holder->task = task;
    holder->is_completed = task->is_completed;
    holder->keeps_last = task->policy.keeps_last;
    note_countdown(task, holder);
}

/* ---- back at the connection ---- */

static void on_left(struct rb_mail *mail)
{
    struct rb_holder *holder = RB_OUTER(mail, struct rb_holder, mail);
    task_used(holder->task);
    part(holder);
    rb_free(holder);
}

static void leave(struct rb_holder *holder)
{
    if (!holder->task) {
        rb_free(holder);
        return;
    }
    holder->mail.run = on_left;
    rb_loop_post(home_of(holder->hub, rb_str_make(holder->topic, holder->topic_bytes))->loop, &holder->mail);
}

static void on_answer(struct rb_mail *mail)
{
    struct rb_holder *holder = RB_OUTER(mail, struct rb_holder, mail);
    void (*done)(struct rb_holder *) = holder->done;
    holder->loop = NULL; /* it has come back */
    if (done)
        done(holder);
    else
        leave(holder);
}

void holder_arrive(struct rb_mail *mail)
{
    struct rb_holder *holder = RB_OUTER(mail, struct rb_holder, mail);
    rb_str topic = rb_str_make(holder->topic, holder->topic_bytes);
    struct task *task = task_for(home_of(holder->hub, topic), topic, mail);
    if (!task) return;
    task_used(task);
    holder->err = judge(task, holder);
    if (!holder->err) let_in(task, holder);
    mail->run = on_answer;
    rb_loop_post(holder->loop, mail);
}

struct rb_holder *rb_holder_ask(struct rb_hub *hub, rb_str topic, const unsigned char ticket_hash[32],
                                const struct rb_handle *conn, uint32_t holders_max,
                                void (*done)(struct rb_holder *), void *arg)
{
    struct rb_holder *holder = rb_alloc(sizeof *holder + topic.n);
    holder->hub = hub;
    holder->loop = rb_loop_current();
    holder->done = done;
    holder->arg = arg;
    holder->conn = *conn;
    holder->holders_max = holders_max;
    holder->topic_bytes = topic.n;
    memcpy(holder->ticket, ticket_hash, sizeof holder->ticket);
    memcpy(holder->topic, topic.p, topic.n);
    holder->mail.run = holder_arrive;
    rb_loop_post(home_of(hub, topic)->loop, &holder->mail);
    return holder;
}

void rb_holder_end(struct rb_holder *holder)
{
    if (!holder) return;
    if (holder->loop)
        holder->done = NULL; /* on_answer sees to it */
    else
        leave(holder);
}
