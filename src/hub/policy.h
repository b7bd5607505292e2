/* Policies: what a topic has for the holders of tickets, and how far it has come with them.
 *
 * Whether several may be connected at a time, how long each may stay, whether the latest event is kept for
 * who comes later, whether it was the final one. All of it is decided at the topic's home, in one place and
 * order:
 *
 *   set    a back end says how it shall be, and usually makes a ticket with it; answered after the commit
 *   push   a back end publishes: keeps the event as the latest, moves the deadline, completes or reopens
 *   admit  a connection with a ticket wants to join: is let in, perhaps in place of others, or refused
 *
 * Events themselves go the way of all events (hub.h): pushed ones are published, holders subscribe. A topic
 * without a policy has the default one: any number of holders, no deadline, nothing kept beyond the topic's
 * rule.
 *
 * A policy is in memory while its topic is used and for a while after; the store has it then. Set is durable
 * when it is answered. What pushes change is written behind, within RB_POLICY_SAVE_MS, so that a kill may
 * lose the last second of it, and no push waits for the disk. */
#ifndef RB_HUB_POLICY_H
#define RB_HUB_POLICY_H

#include "base/handle.h"
#include "hub/hub.h"

enum {
    RB_POLICY_SAVE_MS = 1000,
    RB_POLICY_IDLE_MS = 10 * 60 * 1000,      /* unused so long, it leaves the memory */
    RB_POLICY_KEPT_MS = 24 * 60 * 60 * 1000, /* unused so long, and without tickets, the store forgets it */
    RB_POLICY_COMEBACK_MS = 10 * 1000,       /* a replaced ticket waits so long, see admit */
    RB_POLICY_SWEEP_MS = 60 * 1000
};

enum rb_instances {                       /* the numbers stand in databases */
                    RB_INSTANCES_SHARE,   /* any number of holders at a time */
                    RB_INSTANCES_REPLACE, /* one: who comes ends those before (RB_REPLACED) */
                    RB_INSTANCES_REFUSE   /* one: who comes second is refused (RB_TAKEN) */
};
bool rb_instances_find(rb_str name, enum rb_instances *out); /* "share", "replace", "refuse" */

struct rb_policy {
    enum rb_instances instances;
    bool keeps_last;         /* the latest event pushed is kept, over restarts too */
    bool is_deadline_shared; /* the countdown is the topic's, not each connection's */
    uint64_t timeout_ms;     /* of the countdown; 0: there is none */
};

/* ---- set and push ---- */

enum rb_policy_call_kind { RB_POLICY_SET, RB_POLICY_PUSH };

struct rb_policy_call {
    struct rb_mail mail;
    struct rb_hub *hub;
    struct rb_arena arena; /* for its slices; freed with it */
    enum rb_policy_call_kind kind;
    rb_str topic; /* complete name */
    rb_str owner; /* SET: whose it is from now on. PUSH: whose it must be; NONE: any, and one without policy
                     too */

    const struct rb_policy *policy;        /* SET: NULL leaves it as it is */
    const struct rb_ticket_record *ticket; /* SET: NULL: none is made */
    uint32_t ticket_alive_max;             /* 0: any number */
    struct rb_event_spec spec; /* PUSH: with RB_EVENT_FINAL the topic is completed, else open again */

    struct rb_loop *loop;                      /* where done is called */
    void (*done)(struct rb_policy_call *call); /* once; the call is then the callee's to free */
    void *arg;

    /* RB_OK; PUSH: RB_NOT_FOUND (no policy, or another owner's); SET: RB_TOO_MANY_REQUESTS (tickets); what
     * publishing and the store say. */
    rb_err err;
    unsigned holders;            /* PUSH: connected now */
    struct rb_position position; /* PUSH */
};
struct rb_policy_call *rb_policy_call_new(struct rb_hub *hub, enum rb_policy_call_kind kind, rb_str topic,
                                          void (*done)(struct rb_policy_call *), void *arg);
void rb_policy_call_send(struct rb_policy_call *call); /* on a loop */
void rb_policy_call_free(struct rb_policy_call *call);

/* ---- admit ---- */

/* A connection's place among the holders of a topic: from the asking on to its end. */
struct rb_holder {
    struct rb_mail mail;
    struct rb_hub *hub;
    struct rb_list node; /* at the home: among the holders */
    struct task *task;   /* the home's; NULL: not admitted */
    struct rb_loop *loop;
    void (*done)(struct rb_holder *holder); /* NULL: ended before */
    void *arg;
    struct rb_handle conn;   /* announced: this is how a newer holder reaches it */
    unsigned char ticket[8]; /* of its hash */
    uint32_t holders_max;

    /* The outcome: RB_OK, RB_REPLACED (it was, less than RB_POLICY_COMEBACK_MS ago, by one that is there),
     * RB_TAKEN, RB_TOO_MANY_CONNECTIONS, RB_DEADLINE (the topic's countdown has run out). */
    rb_err err;
    bool is_completed; /* admitted all the same: there may be something kept */
    bool keeps_last;   /* subscribe from the start of what is kept, else from now */
    uint64_t left_ms;  /* of the countdown; 0: there is none */
    size_t topic_bytes;
    char topic[];
};
/* On the connection's loop; `done` comes later, there, never from inside. It is ended in any case. */
struct rb_holder *rb_holder_ask(struct rb_hub *hub, rb_str topic, const unsigned char ticket_hash[32],
                                const struct rb_handle *conn, uint32_t holders_max,
                                void (*done)(struct rb_holder *), void *arg);
/* Before the answer (done is not called then) or after it. The memory is not the caller's any more. NULL is
 * fine. */
void rb_holder_end(struct rb_holder *holder);

/* ---- all ---- */

/* Saves what was not, when all loops have ended and before the store is closed. */
void rb_hub_save_policies(struct rb_hub *hub);

#endif
