/* What the hub knows of one live client link, whatever its transport: who it is and what it is subscribed to.
 *
 * Embedded in a door's connection; one loop. Its subscriptions' events are written when the transport asks
 * for output: the log is read at the cursors then, so a slow client holds positions, not copies.
 * Subscriptions take turns. */
#ifndef RB_HUB_CONN_H
#define RB_HUB_CONN_H

#include "hub/hub.h"
#include "net/stream.h"

struct rb_conn;
struct rb_conn_sub;

struct rb_conn_ops {
    size_t sub_bytes; /* of the door's struct that begins with a struct rb_conn_sub, zeroed at the start; 0:
                         just that */
    /* Something is to be taken: have the transport call rb_conn_pull before the loop sleeps. Only to be
     * noted. */
    void (*want_output)(struct rb_conn *conn);
    /* A subscription has its start. */
    void (*on_subscribed)(struct rb_conn *conn, struct rb_conn_sub *sub);
    /* Events between gap_after and the subscription's position are lost. The frame that says so, or NULL to
     * be silent here (a door without such a word closes the connection afterwards). From inside pull: must
     * not close or send. */
    struct rb_blob *(*on_gap)(struct rb_conn *conn, struct rb_conn_sub *sub);
    /* An event was put into the output. From inside pull, as above; may be NULL. */
    void (*on_event)(struct rb_conn *conn, struct rb_conn_sub *sub, const struct rb_event *event);
    /* A frame could not be made: memory is out. From inside pull: close later. */
    void (*on_lost)(struct rb_conn *conn);
};

struct rb_conn {
    const struct rb_conn_ops *ops;
    struct rb_hub *hub;
    struct rb_list subs;    /* struct rb_conn_sub, by sub.owner_node */
    struct rb_list pending; /* those with something to take, by sub.pending_node */
    unsigned sub_count;
    bool is_held; /* nothing is taken while held: the client is not ready for it yet */
};

struct rb_conn_sub {
    struct rb_sub sub;
    struct rb_conn *conn;
    const struct rb_encoding *encoding;
    uint64_t request; /* the door's: what asked for it */
};

void rb_conn_init(struct rb_conn *conn, struct rb_hub *hub, const struct rb_conn_ops *ops);
void rb_conn_fini(struct rb_conn *conn); /* ends all subscriptions; safe on a zeroed one */

/* client is borrowed for the life of the connection. NULL when the connection is subscribed to that topic
 * already. */
struct rb_conn_sub *rb_conn_subscribe(struct rb_conn *conn, rb_str topic, rb_str client,
                                      const struct rb_start *start, const struct rb_encoding *encoding,
                                      uint64_t request);
void rb_conn_unsubscribe(struct rb_conn_sub *sub);
struct rb_conn_sub *rb_conn_find(struct rb_conn *conn,
                                 rb_str topic); /* complete name; NULL when there is none */
void rb_conn_hold(struct rb_conn *conn, bool is_held);

/* For the transport's on_pull. */
void rb_conn_pull(struct rb_conn *conn, struct rb_gather *gather);

#endif
