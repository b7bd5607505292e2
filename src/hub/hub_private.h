/* What the files of this room share: topics as a shard sees them. */
#ifndef RB_HUB_PRIVATE_H
#define RB_HUB_PRIVATE_H

#include "base/handle.h"
#include "base/map.h"
#include "base/tally.h"
#include "hub/hub.h"

enum { SHARDS_MAX = 64 };

/* A durable event's offset is its row id, shifted, so that transient events have room between two stored
 * ones. */
enum { TRANSIENT_BITS = 20 };

struct rb_shard {
    struct rb_hub *hub;
    struct rb_loop *loop;
    unsigned index;
    struct rb_map topics; /* by name: homes and replicas alike */
    uint64_t last_join_id;

    /* The registry (registry_private.h). */
    struct rb_handles conns; /* struct rb_conn: announced connections, and seats of those that retired */
    struct rb_map callees;   /* struct callee, by connection: those with calls under way */
    struct rb_map guests;    /* struct guest, by connection: those with the id of another loop's table */
    uint32_t last_call;      /* number */

    /* Policies (policy_private.h), of topics whose home this is. */
    struct rb_map tasks;         /* struct task, by topic */
    struct rb_list tasks_by_use; /* the one used longest ago first */
    struct rb_list tasks_to_save;
    unsigned saves_open; /* under way to the store */
    struct rb_timer save_timer, sweep_timer;
};

/* Of the whole hub, for who looks at it (numbers.c). */
enum hub_count {
    COUNT_CALL_REPLIED,
    COUNT_CALL_FAILED,
    COUNT_CALL_TIMEOUT,
    COUNT_CALL_LOST,
    COUNT_LATE_REPLY,
    COUNT_RECEIPT_QUEUED,
    COUNT_RECEIPT_WRITTEN,
    COUNT_RECEIPT_ACKNOWLEDGED,
    COUNT_RECEIPT_EXPIRED,
    COUNT_RECEIPT_LOST,
    HUB_COUNTS
};

struct rb_hub {
    struct rb_store *store;
    struct rb_tally *tenants; /* their connections; NULL: not limited */
    const struct rb_topic_rule *rules;
    unsigned rule_count;
    unsigned shard_count;
    _Atomic uint64_t conn_count, calls_waiting, receipts_waiting;
    _Atomic uint64_t counts[HUB_COUNTS];
    struct rb_shard shards[SHARDS_MAX];
};

enum topic_state {
    TOPIC_OPENING, /* a home loads its events from the store; a replica waits for its home's snapshot */
    TOPIC_LIVE
};

struct rb_topic {
    struct rb_shard *shard;
    const struct rb_keep *keep;
    enum topic_state state;
    bool is_home;
    bool was_idle;    /* homes: at the last upkeep */
    bool is_settling; /* while the requests are told that it is live */
    uint64_t epoch;
    struct rb_topic_log log;
    struct rb_task turn_end; /* trims what the turn has brought, behind its output */
    struct runs *runs;       /* run.c; NULL: there are none */
    struct rb_list subs;     /* started */
    struct rb_list requests; /* subscriptions that wait for the topic to be live */
    unsigned sub_count, ready_count;

    uint64_t join_id; /* replicas: of the join whose snapshot they wait for */

    /* Homes only. */
    uint64_t members;                          /* shards with a replica, a bit each */
    struct rb_mail *early_first, **early_last; /* letters that came while opening, in order */
    bool is_outrun;                            /* while those run that the load has overtaken */
    struct rb_map cursors;                     /* cursor.c: how far clients have confirmed */
    struct rb_timer upkeep;                    /* trims by age; ends the topic when it is idle */
    uint64_t stored_trim;                      /* up to which row id the store was told to forget */

    size_t name_bytes;
    char name[];
};

/* A subscription on its way to its start: first, for a named cursor, to the topic's home and back; then until
 * the topic is live. */
struct rb_sub_request {
    struct rb_list node; /* in topic->requests */
    struct rb_task task; /* starts it in a live topic, not from inside rb_sub_start */
    struct rb_sub *sub;  /* NULL: stopped while the letter about it travels */
    struct rb_start start;
    bool waits_for_cursor;
};

rb_str topic_name(const struct rb_topic *topic);
struct rb_shard *shard_here(struct rb_hub *hub);
struct rb_shard *home_of(struct rb_hub *hub, rb_str topic);
void *letter_new(size_t bytes,
                 void (*run)(struct rb_mail *)); /* a struct that begins with a struct rb_mail */

/* topic.c: the part that homes and replicas share */
struct rb_topic *topic_new(struct rb_shard *shard, rb_str name, bool is_home);
void topic_free(struct rb_topic *topic);
struct rb_topic *topic_of(struct rb_shard *shard, rb_str name); /* home or replica; made when there is none */
void topic_append(struct rb_topic *topic, struct rb_event *take_event);
void topic_go_live(struct rb_topic *topic); /* a replica may be gone afterwards */
void topic_trim(struct rb_topic *topic);    /* unless this turn's output is still to come */
void topic_left(struct rb_topic *topic);    /* a local subscription or request has gone */
bool topic_has_locals(const struct rb_topic *topic);

/* publication.c */
void publication_arrived(struct rb_publication *publication, uint64_t epoch);

/* sub.c */
void sub_begin(struct rb_sub_request *request); /* the topic is live */
void sub_mark_ready(struct rb_sub *sub);
void sub_found_cursor(struct rb_sub_request *request, bool is_known, struct rb_position position);

/* run.c */
void run_drop(struct rb_topic *topic); /* all of them */
void run_trim(struct rb_topic *topic); /* those that begin before what the log has */

/* home.c */
struct rb_topic *home_open(struct rb_shard *shard, rb_str name);
void home_receive(struct rb_mail *publication);
void home_left(struct rb_topic *home);
bool home_defer(struct rb_topic *home,
                struct rb_mail *letter); /* true: it is opening, and the letter runs again afterwards */

/* replica.c */
void replica_join(struct rb_topic *replica);
void replica_part(struct rb_topic *replica);
void home_feed(struct rb_topic *home, const struct rb_publication_part *parts, unsigned count);

/* cursor.c: named cursors, kept by homes */
void home_add_cursor(struct rb_topic *home, rb_str client, uint64_t offset);
void home_drop_cursors(struct rb_topic *home);
void home_forget_cursors(struct rb_topic *home, struct rb_tx *tx); /* those that say nothing any more */
void cursor_ask(struct rb_hub *hub, rb_str topic, rb_str client, struct rb_sub_request *request);

#endif
