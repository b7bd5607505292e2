/* Connections that came with a ticket: their place among the holders of the topic (hub/policy.h), and their
 * countdown. In a map of the loop, since most connections have none of this. */
#ifndef RB_NATIVE_HOLDER_H
#define RB_NATIVE_HOLDER_H

#include "doors/native/native_private.h"
#include "hub/countdown.h"
#include "hub/policy.h"

/* A connection has so long to close by itself after a final event. */
enum { HOLDER_GOODBYE_MS = 2000, HOLDERS_MAX = 100000 /* of a topic */ };

struct holder {
    struct native_here *here;
    struct rb_conn *conn; /* announced */
    struct rb_holder *place;
    struct rb_countdown countdown;
    bool is_finished;
    void (*on_admitted)(struct holder *holder,
                        rb_err err);                   /* as rb_holder.err; never from inside holder_ask */
    void (*on_end)(struct holder *holder, rb_err why); /* RB_OK: the topic is completed; RB_DEADLINE */
};

struct holder *holder_ask(struct native_here *here, struct rb_conn *conn, rb_str topic,
                          const unsigned char ticket_hash[32],
                          void (*on_admitted)(struct holder *, rb_err err),
                          void (*on_end)(struct holder *, rb_err why));
struct holder *holder_of(struct native_here *here, const struct rb_conn *conn); /* NULL: it has no ticket */
rb_str holder_topic(const struct holder *holder);
uint64_t holder_left_s(const struct holder *holder); /* 0: no countdown runs */
/* For rb_conn_ops.on_event. */
void holder_note(struct rb_conn *conn, struct holder *holder, const struct rb_event *event);
void holder_free(struct holder *holder); /* NULL is fine */

void holders_init(struct native_here *here);
void holders_fini(struct native_here *here);

#endif
