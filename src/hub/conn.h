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
struct rb_conn_facts; /* hub/registry.h */
struct rb_handle;     /* base/handle.h */

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
    /* An event, or a run of them, was taken: the cursor has moved from `after` to `upto`. From inside pull or
     * take, as above; may be NULL. Unlike on_event it leaves runs as they are. */
    void (*on_taken)(struct rb_conn *conn, struct rb_conn_sub *sub, uint64_t after, uint64_t upto);
    /* A frame could not be made: memory is out. From inside pull: close later. */
    void (*on_lost)(struct rb_conn *conn);

    /* For connections that are announced. name and data are borrowed during the call. None of these may end
     * the connection (rb_conn_fini) from inside. */

    /* Who it is and how it is connected. Asked of each connection that a search passes: must be cheap. */
    void (*describe)(struct rb_conn *conn, struct rb_conn_facts *out);
    /* A message for this client, in order with its other output; data is one JSON value, or empty: none.
     * RB_OK when it is in the output. NULL: the protocol has no messages (RB_CALL_UNSUPPORTED). */
    rb_err (*on_send)(struct rb_conn *conn, rb_str name, rb_str data);
    /* The same for a request, whose reply is to be handed to rb_conn_reply with this number (31 bits, never
     * 0). NULL: the protocol has no replies (RB_CALL_UNSUPPORTED). */
    rb_err (*on_call)(struct rb_conn *conn, uint32_t number, rb_str name, rb_str data, uint64_t timeout_ms);
    unsigned calls_max; /* under way to one connection; 0: RB_CONN_CALLS_MAX */
    /* Puts a mark behind what was sent so far. NULL: the stream that describe names is marked; without one
     * there are no receipts of the kind WRITTEN (RB_CALL_UNSUPPORTED). */
    void (*on_mark)(struct rb_conn *conn, struct rb_mark *mark);
    /* Close it for this reason. NULL: RB_CALL_UNSUPPORTED. */
    void (*on_close)(struct rb_conn *conn, rb_err why);
};

struct rb_conn {
    const struct rb_conn_ops *ops;
    struct rb_hub *hub;
    struct rb_conn_sub *subs;         /* by next, in the order in which they came */
    struct rb_conn_sub *last_pending; /* of those with something to take, a ring by next_pending: its next has
                                         the next turn. NULL: none has */
    uint32_t sub_count;
    uint32_t slot : 24;    /* in its loop's table, while it is announced */
    bool is_held : 1;      /* nothing is taken while held: the client is not ready for it yet */
    bool is_announced : 1; /* it has an id */
    bool is_guest : 1;     /* its id is of another loop's table (succession) */
    bool is_counted : 1;   /* among its tenant's connections */
};

struct rb_conn_sub {
    struct rb_sub sub;
    struct rb_conn *conn;
    struct rb_conn_sub *next, *next_pending; /* next_pending NULL: it has nothing to take */
    const struct rb_encoding *encoding;
    uint64_t request; /* the door's: what asked for it */
};

/* Idle subscriptions are many: a malloc chunk of 112 bytes each. */
_Static_assert(sizeof(struct rb_conn_sub) <= 104, "one more byte costs sixteen");

void rb_conn_init(struct rb_conn *conn, struct rb_hub *hub, const struct rb_conn_ops *ops);
/* Ends all subscriptions, and what being announced has brought; safe on a zeroed one. */
void rb_conn_fini(struct rb_conn *conn);

/* Gives it a place in the registry, and so an id by which it can be found, sent to and called
 * (hub/registry.h). Once it is known who it is; needs `describe`. False: its tenant has as many connections
 * as it may (RB_TOO_MANY_CONNECTIONS), and this one is to be closed. */
__attribute__((warn_unused_result)) bool rb_conn_announce(struct rb_conn *conn);
/* The id goes, and calls under way end as RB_CONNECTION_LOST, although the connection lives on for a while:
 * its door is closing it. Safe on one that is not announced. */
void rb_conn_withdraw(struct rb_conn *conn);
void rb_conn_id(const struct rb_conn *conn, struct rb_handle *out); /* of an announced one */

/* client is borrowed for the life of the connection. NULL when the connection is subscribed to that topic
 * already. */
struct rb_conn_sub *rb_conn_subscribe(struct rb_conn *conn, rb_str topic, const rb_str *client,
                                      const struct rb_start *start, const struct rb_encoding *encoding,
                                      uint64_t request);
void rb_conn_unsubscribe(struct rb_conn_sub *sub);
struct rb_conn_sub *rb_conn_find(struct rb_conn *conn,
                                 rb_str topic); /* complete name; NULL when there is none */
void rb_conn_hold(struct rb_conn *conn, bool is_held);

/* For the transport's on_pull. */
void rb_conn_pull(struct rb_conn *conn, struct rb_gather *gather);
/* The same for transports that are not streams: the next single frame, of an event or a gap, never a run.
 * Referenced. NULL: there is nothing to take, or the connection is held. */
struct rb_blob *rb_conn_take(struct rb_conn *conn);
/* The next event of one subscription, for a door that writes it for this connection alone; on_event and
 * on_taken are not called. Borrowed as from rb_sub_take. NULL: there is none, or a gap is before it. Not from
 * inside pull. */
const struct rb_event *rb_conn_take_event(struct rb_conn_sub *sub);

#endif
