/* The registry of live connections: who is connected, and the way to one connection from any thread.
 *
 * Every struct rb_conn that a door has announced (rb_conn_announce) has a place in the table of its loop and
 * so an id. What is sent to an id travels as a letter to that loop, meets the connection there or not, and
 * comes back to the asker's loop with its outcome. Another tenant's connection answers like one that does not
 * exist.
 *
 * A call is a request to one connection that waits for its reply. The hub numbers it, keeps its deadline, and
 * ends it exactly once: as reply, as the client's error, as timeout, or at once when the connection goes.
 * Late and second replies are counted and dropped.
 *
 * Limits: calls under way to one connection (RB_CONN_CALLS_MAX, or what its door says; RB_TOO_MANY_REQUESTS);
 * names 1 to 255 bytes and data as the asker's door limits them. */
#ifndef RB_HUB_REGISTRY_H
#define RB_HUB_REGISTRY_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/handle.h"
#include "hub/conn.h"

enum { RB_CONN_CALLS_MAX = 256, RB_CONN_PAGE_MAX = 1000, RB_CONN_TOPICS_SHOWN = 100 };

/* What a door says of its connection when asked (rb_conn_ops.describe). Slices are borrowed until the next
 * call into the connection. */
struct rb_conn_facts {
    rb_str tenant, client;
    const char *door;      /* "native", "socketio" */
    const char *transport; /* "websocket", "polling", "sse" */
    /* Its socket, which is asked for address and port when somebody wants to know them: that costs a system
     * call, so doors leave it to the hub. NULL: none at the moment. */
    struct rb_stream *stream;
    rb_str address; /* NONE when there is no socket at the moment */
    rb_str space;   /* the door's own subdivision, for Socket.IO the namespace; NONE: none */

    /* Where the door has them; NONE and 0: not. */
    rb_str owner; /* "user", "token": what kind of client */
    rb_str user_id, login, point_id;
    rb_str session;      /* its id */
    rb_str application;  /* what the client says it is */
    rb_str capabilities; /* that are switched on, "a,b" */
    rb_str site;
    uint16_t port;       /* of the peer */
    uint64_t renewed_ms; /* wall clock: when it was last heard of */
    uint32_t lease_ms;   /* it is taken for gone when it was not renewed for so long */
};

/* ---- one connection ---- */

enum rb_conn_errand_kind {
    RB_CONN_SEND,  /* a message; done when it is in the connection's output */
    RB_CONN_CALL,  /* a request; done when it has ended */
    RB_CONN_CLOSE, /* close it for `why` */
    RB_CONN_SHOW,  /* only what is known of it */
    RB_CONN_VISIT  /* code of the asker runs there: `visit` */
};

/* How far a message must have come for its errand to be done. It ends earlier as RB_CALL_TIMEOUT (with
 * `reached`), RB_CONNECTION_LOST and so on. */
enum rb_receipt {
    RB_RECEIPT_QUEUED,      /* it is in the connection's output */
    RB_RECEIPT_WRITTEN,     /* the kernel has all of it */
    RB_RECEIPT_ACKNOWLEDGED /* the client has replied, whatever: goes as a call */
};

struct rb_conn_row; /* below */

/* Something for one connection, on its way there and back. */
struct rb_conn_errand {
    struct rb_mail mail;
    struct rb_hub *hub;
    struct rb_arena arena; /* for its slices; freed with it */
    enum rb_conn_errand_kind kind;
    struct rb_handle to;
    rb_str tenant;           /* the connection must be of this one */
    rb_str name, data;       /* SEND, CALL: data is one JSON value, or empty: none */
    uint64_t timeout_ms;     /* CALL; SEND for a receipt other than QUEUED */
    enum rb_receipt receipt; /* SEND */
    /* VISIT: on the connection's loop, which is one of the door `door` (else RB_CALL_UNSUPPORTED); what it
     * returns ends the errand, with what it put into `reply` (in the arena). door NULL: of any. It may turn
     * the errand into a SEND or CALL, by setting kind, name, data, timeout_ms: that goes on when it returns
     * RB_OK. Must not end the connection. */
    rb_err (*visit)(struct rb_conn *conn, struct rb_conn_errand *errand);
    const char *door;
    rb_err why; /* CLOSE */

    struct rb_loop *loop;                        /* where done is called: the one that sent it */
    void (*done)(struct rb_conn_errand *errand); /* once; the errand is then the callee's to free */
    void *arg;

    /* The outcome: RB_OK; RB_NO_SUCH_CONNECTION (unknown, stale, or of another tenant); RB_CONNECTION_LOST
     * (it went while the call waited); RB_CALL_TIMEOUT; RB_CALL_FAILED (the client answered with an error,
     * `reply` is its text as JSON); RB_CALL_UNSUPPORTED (its protocol cannot do that); RB_TOO_MANY_REQUESTS;
     * RB_OUT_OF_MEMORY. With RB_CALL_UNSUPPORTED nothing was sent. */
    rb_err err;
    enum rb_receipt reached; /* SEND */
    rb_str reply;            /* CALL: JSON, in the arena */
    struct rb_conn_row *row; /* SHOW: in the arena */

    /* The hub's, while a call waits. */
    struct rb_list call_node;
    struct rb_timer deadline;
    struct rb_conn *conn;
    struct rb_conn_receipt *receipt_waiting; /* NULL: none is */
    uint32_t number;
    bool is_waiting;   /* and counted so */
    bool is_forwarded; /* by the loop that its id names, to where the connection was continued */
};

struct rb_conn_errand *rb_conn_errand_new(struct rb_hub *hub, enum rb_conn_errand_kind kind,
                                          void (*done)(struct rb_conn_errand *), void *arg);
/* On a loop with a shard. `done` comes later, never from inside this. */
void rb_conn_errand_send(struct rb_conn_errand *errand);
void rb_conn_errand_free(struct rb_conn_errand *errand);

/* For doors, on the connection's loop: the client answered call `number` with this JSON (or, is_error, with
 * an error text as JSON). False when there is no such call any more. */
bool rb_conn_reply(struct rb_conn *conn, uint32_t number, bool is_error, rb_str json);

/* ---- all connections ---- */

struct rb_conn_row {
    char id[RB_HANDLE_TEXT_BYTES];
    struct rb_conn_facts facts; /* its slices are in the arena too, and it has no stream */
    char since[RB_CLOCK_TEXT_BYTES], renewed[RB_CLOCK_TEXT_BYTES]; /* RFC 3339, UTC; empty: not known */
    uint64_t since_ms;                                             /* wall clock, when it was announced */
    unsigned topic_count; /* of all; at most RB_CONN_TOPICS_SHOWN are in topics */
    rb_str *topics;       /* within the tenant */
};

/* A search, loop after loop; each looks at so many connections at a time that nobody waits for it. */
struct rb_conn_search {
    struct rb_mail mail;
    struct rb_hub *hub;
    struct rb_arena arena;
    rb_str tenant;
    rb_str client, door, topic; /* filters; NONE: any. topic: the complete name */
    rb_str session, capability, application, address;
    const struct rb_filter *filter; /* beside them (codec/filter.h), over what rb_conn_property knows; NULL:
                                       none. The asker's until done */
    unsigned limit;                 /* 1..RB_CONN_PAGE_MAX */
    uint64_t at;                    /* where to begin: 0, or next_at of the page before */
    struct rb_loop *loop;
    void (*done)(struct rb_conn_search *search); /* once, on the loop that sent it */
    void *arg;

    struct rb_conn_row *rows; /* in the arena */
    unsigned row_count;
    uint64_t next_at; /* 0: that was all */

    bool needs_address, needs_times; /* the hub's: the filter looks at them */
};
struct rb_conn_search *rb_conn_search_new(struct rb_hub *hub, void (*done)(struct rb_conn_search *),
                                          void *arg);
void rb_conn_search_send(struct rb_conn_search *search);
void rb_conn_search_free(struct rb_conn_search *search);

/* What is known of a connection by name, for filters and masks: the fields of the Era registrar (user_id,
 * connection_id, session_id, app, caps, peer_address, peer_port, ttl, ownertype, domain, login,
 * integration_point_id, site, node, since, renewed) and our own words for them (id, client, session,
 * application, capabilities, address, door, transport, space). False: no such field. A field that this
 * connection has not is RB_FILTER_NULL. */
struct rb_filter_value;
bool rb_conn_property(const struct rb_conn_row *row, rb_str name, struct rb_filter_value *out);

/* ---- succession ---- A connection may break and be continued by another, maybe on another loop, under the
 * id of the first (recovery). */

/* In place of rb_conn_fini, on an announced connection: its calls end as RB_CONNECTION_LOST, its
 * subscriptions end, its id stays reserved; what is sent to it meanwhile ends as RB_CONNECTION_LOST. */
void rb_conn_retire(struct rb_conn *conn, struct rb_handle *out_id);
/* In place of rb_conn_announce: `conn` has the id of the one that retired. When it ends, so does the id. (An
 * id that was released already leads nowhere: on its own loop, where that is seen, conn gets another.) */
void rb_conn_inherit(struct rb_conn *conn, const struct rb_handle *former);
/* Nobody will continue it. Any loop with a shard. */
void rb_hub_release(struct rb_hub *hub, const struct rb_handle *former);

/* ---- numbers ---- Any thread. */
uint64_t rb_hub_connection_count(const struct rb_hub *hub);

/* Of all tenants, since the start. A message that waits for its acknowledgement is none of the calls. */
struct rb_hub_numbers {
    uint64_t connections, calls_waiting, receipts_waiting; /* now */
    uint64_t calls_replied, calls_failed, calls_timeout, calls_lost, late_replies;
    uint64_t receipts_queued, receipts_written, receipts_acknowledged, receipts_expired, receipts_lost;
};
void rb_hub_numbers(const struct rb_hub *hub, struct rb_hub_numbers *out);

#endif
