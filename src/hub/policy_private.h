/* What the files of policies share: a topic with a policy, as its home has it. Everything here belongs to the
 * home's loop. */
#ifndef RB_HUB_POLICY_PRIVATE_H
#define RB_HUB_POLICY_PRIVATE_H

#include "hub/hub_private.h"
#include "hub/policy.h"

struct task {
    struct rb_shard *shard;
    bool is_loading;
    bool is_stored; /* it has a row, or will have one: it is more than a question for one that is not there */
    bool is_dirty;
    bool is_completed;
    struct rb_policy policy;
    rb_str owner;           /* on the heap; NONE: nobody */
    uint64_t called_ms;     /* wall clock */
    uint64_t deadline_ms;   /* wall clock; shared ones that run, else 0 */
    struct rb_event *last;  /* kept; NULL: none */
    struct rb_list holders; /* struct rb_holder */
    uint32_t holder_count;
    struct rb_list replaced;                   /* struct replaced, oldest first */
    struct rb_mail *early_first, **early_last; /* letters that came while loading */
    uint64_t used_ms;                          /* loop time */
    struct rb_list node;                       /* among the shard's, by use */
    struct rb_list dirty_node;
    size_t name_bytes;
    char name[];
};

rb_str task_name(const struct task *task);

/* policy.c: the life of tasks */
/* The task of this topic, once it is loaded; NULL: the letter runs again then. */
struct task *task_for(struct rb_shard *shard, rb_str topic, struct rb_mail *letter);
void task_used(struct task *task);
void task_change(struct task *task); /* it is to be saved */
void task_set_owner(struct task *task, rb_str owner);
void task_fill_record(const struct task *task, struct rb_policy_record *out);
void task_forget_replaced(struct task *task);

/* holder.c */
void holder_arrive(struct rb_mail *mail);

/* policy_call.c */
void policy_call_arrive(struct rb_mail *mail);

/* policy.c: for hub.c */
void policies_init(struct rb_shard *shard);
void policies_fini(struct rb_shard *shard);

#endif
