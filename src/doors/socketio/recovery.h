/* Connection state recovery: an interrupted client comes back over a new link and gets what it missed, in
 * order, without duplicates, under its old id. As socket.io-client speaks it: the CONNECT answer has a
 * private id
 * (`pid`), each event an offset as its last argument, and a reconnecting client names both.
 *
 * The client's offset says what it has got of one room. Where it stood in its other rooms at that moment is
 * in the trail: what was taken from which room, in order, since the client last confirmed everything with a
 * pong. With one room there is no trail. What cannot be continued without a hole is not continued: the client
 * then gets new ids and no rooms, and sees that it was not recovered. */
#ifndef RB_SIO_RECOVERY_H
#define RB_SIO_RECOVERY_H

#include "doors/socketio/space.h"

struct sio_recovery; /* of one space */

/* ---- offsets ---- */
/* Appends the offset text of an event of a topic (complete name): short, without quotes or escapes, the same
 * for all clients. */
void recovery_put_offset(struct rb_buf *out, rb_str topic, uint64_t offset);
/* The offset of what this client was sent last, for events that are in no room; "0" before the first. */
void recovery_put_last(struct rb_buf *out, const struct sio_space *space);

/* ---- joining ---- */
/* From the auth payload of a CONNECT: NULL when this client cannot recover (configuration, v3, it did not
 * ask). Copies `pid` and `offset`, if it has them. */
struct sio_recovery *recovery_new(const struct sio_link *link, rb_json_val auth);
void recovery_free(struct sio_recovery *recovery); /* NULL is fine; a question under way is forgotten */
/* The client is known now (space->identity). True: it names a pid, and the state it left is being looked for;
 * space_recovered comes later, never from inside this, unless the link closes before. False: it joins like
 * any other. */
bool recovery_ask(struct sio_space *space);
enum { RECOVERY_PID_BYTES = 48 };
void recovery_pid(const struct sio_space *space, char out[RECOVERY_PID_BYTES]); /* of a joined space */

/* ---- while it is joined ---- */
void recovery_joined(struct sio_space *space); /* it has its id */
/* What it missed and has not been sent yet: the next frame, owned by the caller; NULL: nothing is left of it.
 * It goes before anything that is taken of the conn. */
struct rb_blob *recovery_missed(struct sio_space *space);
/* rb_conn_ops.on_taken */
void recovery_taken(struct sio_space *space, struct rb_conn_sub *sub, uint64_t after, uint64_t upto);
void recovery_subscribed(struct sio_space *space, struct room_sub *room); /* rb_conn_ops.on_subscribed */
void recovery_gap(struct sio_space *space); /* rb_conn_ops.on_gap, while it is RECOVERING */
/* A ping goes out. False: what the rooms' cursors have passed is not all in front of it. */
bool recovery_mark(struct sio_space *space);
void recovery_confirmed(struct sio_space *space); /* its pong: room_sub.confirmed has moved */

/* ---- the end of its link ---- */
/* Keeps its state for the configured time if the reason is one after which clients come back by themselves;
 * the space's conn has then retired, and the space is LEFT. It is freed afterwards in any case. */
void recovery_park(struct sio_space *space, rb_err why);

/* ---- the door's ---- */
struct recoveries; /* those that wait for their clients on one loop */
struct recoveries *recoveries_new(struct links_here *here);
void recoveries_close(struct recoveries *recoveries); /* nobody will come back any more */
void recoveries_free(struct recoveries *recoveries);  /* closed; when the loops have ended */

#endif
