/* The hub: topics, and the one path on which everything reaches a client.
 *
 * A topic is a named log. It has a home loop, by the hash of its name, which gives offsets and appends; other
 * loops with subscriptions hold a replica that the home feeds by mail, in order. A durable topic's events get
 * their offsets from the store (the row id) and reach the home after their commit. See hub/README.md for the
 * whole way of an event.
 *
 * Topic names here are complete: "tenant/topic". Any thread may publish; subscribing belongs to loops that
 * have a shard. */
#ifndef RB_HUB_HUB_H
#define RB_HUB_HUB_H

#include "hub/event.h"
#include "hub/topic_log.h"
#include "loop/loop.h"
#include "store/store.h"

struct rb_hub;

/* What topics keep: the first rule whose pattern fits. "*" stands for one path element, a last "**" for any
 * rest. */
struct rb_topic_rule {
    rb_str pattern; /* of the complete name */
    struct rb_keep keep;
};

/* Slices of the rules are borrowed for the hub's life; the last rule must fit everything. loops: those that
 * get a shard, at most 64. */
struct rb_hub *rb_hub_new(struct rb_store *store, struct rb_loop *const *loops, unsigned loop_count,
                          const struct rb_topic_rule *rules, unsigned rule_count);
/* Before the loops run: connections that a tenant may have announced; 0: no limit. */
void rb_hub_limit_tenants(struct rb_hub *hub, uint32_t connections_max);
void rb_hub_free(struct rb_hub *hub);                                      /* after the loops have ended */
const struct rb_keep *rb_hub_keep(const struct rb_hub *hub, rb_str topic); /* any thread */

/* ---- publishing ---- */

/* An event on its way into a topic, or several that go there together: they are stored, given their offsets
 * and delivered in this order with nothing between them, all or none. Either all of them are transient, or
 * none is. */
struct rb_publication {
    struct rb_mail mail;
    struct rb_hub *hub;
    rb_str topic;
    const struct rb_keep *keep;
    struct rb_loop *loop; /* where done is called; NULL: nobody wants to know */
    void (*done)(struct rb_publication
                     *publication); /* err and positions are set; the publication is freed after it */
    void *arg;
    rb_err err;                  /* RB_OUT_OF_MEMORY or what the store says; nothing was published then */
    struct rb_position position; /* of the last event */
    unsigned count;
    struct rb_publication_part {
        struct rb_event *event;
        uint64_t *row_id; /* in the transaction that stores it */
    } parts[];
};

/* Any thread. done may be NULL; it is called on the given loop. */
struct rb_publication *rb_publication_new(struct rb_hub *hub, rb_str topic, const struct rb_event_spec *spec,
                                          struct rb_loop *loop, void (*done)(struct rb_publication *),
                                          void *arg);
struct rb_publication *rb_publication_new_several(struct rb_hub *hub, rb_str topic,
                                                  const struct rb_event_spec *specs, unsigned count,
                                                  struct rb_loop *loop, void (*done)(struct rb_publication *),
                                                  void *arg);
/* Publishes: through the store when the topic is durable and the events not transient, in one transaction,
 * else straight to the topic's home. */
void rb_publication_send(struct rb_publication *publication);
/* For events that are stored together with something else: adds them to the caller's transaction, whose
 * `done` delivers, or, when it failed, fails the publication. Deliver from inside `done`: so events of all
 * transactions reach a topic's home in the order of their row ids, and one that came late would be taken for
 * one that is known. */
void rb_publication_store(struct rb_publication *publication, struct rb_tx *tx);
void rb_publication_deliver(struct rb_publication *publication);
/* Notes the events' places, so that the transaction may go before they are delivered; from `done` too. */
void rb_publication_stored(struct rb_publication *publication);
void rb_publication_fail(struct rb_publication *publication, rb_err err);
/* From inside its done, when there was no error: where the event of this index is. */
struct rb_position rb_publication_place(const struct rb_publication *publication, unsigned index);

/* ---- subscribing ---- */

struct rb_topic;
struct rb_sub;

struct rb_start {
    enum {
        RB_START_NOW,    /* what comes from now on */
        RB_START_OLDEST, /* all that is kept */
        RB_START_AFTER,  /* after `position` */
        RB_START_SINCE,  /* what was published at or after `since_ms` */
        RB_START_NAMED   /* where the cursor of the subscription's client was confirmed last, else as
                            RB_START_SINCE */
    } at;
    struct rb_position position;
    uint64_t since_ms;
};

struct rb_sub_ops {
    /* The position is known (rb_sub_position). Once, never from inside rb_sub_start. */
    void (*on_started)(struct rb_sub *sub);
    /* There is something to take. Only to be noted: no call into the hub, no closing. Not called again before
     * all was taken. */
    void (*on_ready)(struct rb_sub *sub);
};

/* A cursor in a topic, embedded in its owner, on one loop. */
struct rb_sub {
    const struct rb_sub_ops *ops;
    struct rb_topic *topic; /* NULL: not started, or stopped */
    const rb_str *client;   /* for audiences and named cursors; borrowed from the owner. NULL: nobody's */
    uint64_t cursor;        /* offset of the last event taken or passed over */
    struct rb_list topic_node;
    union {
        struct rb_sub_request *request; /* until it is started */
        struct rb_position *gap_after;  /* then: what is told with the next take; NULL: nothing */
    };
    bool is_started, is_ready, is_gap_told;
};

/* On a loop with a shard. sub is zeroed but for client. */
void rb_sub_start(struct rb_hub *hub, struct rb_sub *sub, rb_str topic, const struct rb_start *start,
                  const struct rb_sub_ops *ops);
void rb_sub_stop(struct rb_sub *sub); /* safe on a zeroed or stopped one; no callback comes afterwards */

rb_str rb_sub_topic_name(const struct rb_sub *sub);
struct rb_position rb_sub_position(const struct rb_sub *sub);

enum rb_take { RB_TAKE_NOTHING, RB_TAKE_EVENT, RB_TAKE_GAP };
/* The next event after the cursor, which moves. The entry is borrowed until the loop's next call into the
 * hub. With GAP: events between rb_sub_gap_after and rb_sub_position are lost; taking goes on behind them. */
enum rb_take rb_sub_take(struct rb_sub *sub, struct rb_log_entry **out_entry);
struct rb_position rb_sub_gap_after(const struct rb_sub *sub); /* after GAP, until the next take */
/* Whether more events than this are ahead of the cursor, or their data is more bytes. */
bool rb_sub_lags(const struct rb_sub *sub, unsigned count_max, uint64_t bytes_max);

/* Remembers durably, for RB_START_NAMED, that the subscription's client has got all up to this offset. */
void rb_sub_confirm(struct rb_sub *sub, uint64_t offset);
/* The same for a client without a subscription at hand. Any thread. */
void rb_hub_confirm(struct rb_hub *hub, rb_str topic, rb_str client, uint64_t offset);

/* ---- frames ---- How a door writes an event for its clients. One static object, or one for each namespace
 * and the like. */
struct rb_encoding {
    /* A ready frame; NULL when memory is out. topic is the complete name. Must depend on nothing but its
     * arguments. */
    struct rb_blob *(*encode)(const struct rb_encoding *encoding, rb_str topic, struct rb_position position,
                              const struct rb_event *event);
};
/* The entry's frame, made at the first call and then shared. Borrowed: take a reference. NULL when memory is
 * out. */
struct rb_blob *rb_sub_frame(struct rb_sub *sub, struct rb_log_entry *entry,
                             const struct rb_encoding *encoding);

/* The frames of the next several events as one blob, made once for all subscriptions that stand at the same
 * place and want the same encoding; the cursor moves behind them. NULL, and nothing moves, when there is no
 * such run: then take one by one. Borrowed, as above. */
struct rb_blob *rb_sub_take_run(struct rb_sub *sub, const struct rb_encoding *encoding);

#endif
