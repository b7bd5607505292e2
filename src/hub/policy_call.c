/* Set and push: what back ends do with a topic's policy. */
#include "hub/policy_private.h"

#include "base/clock.h"
#include "base/mem.h"

struct rb_policy_call *rb_policy_call_new(struct rb_hub *hub, enum rb_policy_call_kind kind, rb_str topic,
                                          void (*done)(struct rb_policy_call *), void *arg)
{
    struct rb_policy_call *call = rb_new(struct rb_policy_call);
    call->hub = hub;
    call->kind = kind;
    call->topic = rb_arena_copy(&call->arena, topic);
    call->done = done;
    call->arg = arg;
    return call;
}

void rb_policy_call_free(struct rb_policy_call *call)
{
    rb_arena_fini(&call->arena);
    rb_free(call);
}

static void on_back(struct rb_mail *mail)
{
    struct rb_policy_call *call = RB_OUTER(mail, struct rb_policy_call, mail);
    call->done(call);
}

/* Any thread. */
static void end(struct rb_policy_call *call, rb_err err)
{
    call->err = err;
    call->mail.run = on_back;
    rb_loop_post(call->loop, &call->mail);
}

/* ---- set ---- */

static void on_committed(struct rb_tx *tx, rb_err err)
{
    end(tx->arg, err);
    rb_tx_free(tx);
}

/* It holds from now on; the answer says whether it holds after a restart. A countdown that has run out begins
 * anew when the back end sets the topic up again: else its id would be dead for ever. */
static void set(struct task *task, struct rb_policy_call *call)
{
    struct rb_policy_record record;
    struct rb_tx *tx = rb_tx_new();
    task->called_ms = rb_clock_wall_ms();
    if (call->policy) {
        task->policy = *call->policy;
        task->is_stored = true;
        if (task->deadline_ms <= task->called_ms || !task->policy.is_deadline_shared) task->deadline_ms = 0;
        if (!task->policy.keeps_last) {
            rb_event_unref(task->last);
            task->last = NULL;
        }
    }
    if (call->owner.p) task_set_owner(task, call->owner);
    if (call->policy || task->is_stored) {
        task_fill_record(task, &record);
        rb_tx_policy_save(tx, &record);
    }
    if (call->ticket) rb_tx_ticket_insert(tx, call->ticket, call->ticket_alive_max);
    tx->done = on_committed;
    tx->arg = call;
    rb_store_commit(call->hub->store, tx);
}

/* ---- push ---- */

static void on_published(struct rb_publication *publication)
{
    struct rb_policy_call *call = publication->arg;
    call->position = publication->position;
    end(call, publication->err);
}

static void note_push(struct task *task, const struct rb_policy_call *call, struct rb_event *event)
{
    uint64_t timeout_ms = (uint64_t)call->spec.timeout_s * 1000;
    task->called_ms = rb_clock_wall_ms();
    task->is_completed = (call->spec.flags & RB_EVENT_FINAL) != 0;
    if (task->policy.is_deadline_shared && timeout_ms) task->deadline_ms = task->called_ms + timeout_ms;
    if (task->policy.keeps_last) {
        rb_event_unref(task->last);
        task->last = rb_event_ref(event);
    }
    if (task->is_stored) task_change(task);
}

static void push(struct task *task, struct rb_policy_call *call)
{
    bool is_theirs = task->is_stored && rb_str_eq(task->owner, call->owner);
    if (call->owner.p && !is_theirs) {
        end(call, RB_NOT_FOUND);
        return;
    }
    struct rb_publication *publication =
        rb_publication_new(call->hub, call->topic, &call->spec, task->shard->loop, on_published, call);
    if (!publication->err) note_push(task, call, publication->parts[0].event);
    call->holders = task->holder_count;
    rb_publication_send(publication);
}

/* ---- on its way ---- */

void policy_call_arrive(struct rb_mail *mail)
{
    struct rb_policy_call *call = RB_OUTER(mail, struct rb_policy_call, mail);
    struct task *task = task_for(home_of(call->hub, call->topic), call->topic, mail);
    if (!task) return;
    task_used(task);
    switch (call->kind) {
    case RB_POLICY_SET: set(task, call); break;
    case RB_POLICY_PUSH: push(task, call); break;
    }
}

void rb_policy_call_send(struct rb_policy_call *call)
{
    call->loop = rb_loop_current();
    call->mail.run = policy_call_arrive;
    rb_loop_post(home_of(call->hub, call->topic)->loop, &call->mail);
}
