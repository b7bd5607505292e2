/* Socket.IO above a link: namespaces joined, events, acks, binary data, rooms, recovery.
 *
 * A space is a namespace joined over a link by one client. It is what the hub calls a connection: it has an
 * id in the registry, which is the `sid` that its client sees (socket.id; clients of v3 make their own), and
 * the cursors of the rooms it is in.
 *
 * Protocols: Socket.IO protocol v5 (with Engine.IO v4) and v4 (with Engine.IO v3). */
#ifndef RB_SIO_SPACE_H
#define RB_SIO_SPACE_H

#include "codec/socketio.h"
#include "codec/socketio_binary.h"
#include "doors/socketio/link.h"
#include "hub/registry.h"

enum { SPACES_MAX = 32 };

/* How events look in a namespace, for each kind of client. */
struct sio_encoding {
    struct rb_encoding encoding;
    const struct sio_namespace *nsp;
    bool is_v3;       /* binary messages begin with the packet type */
    bool has_offsets; /* each event has its place as a last argument: for clients that can recover */
};

struct sio_namespace {
    rb_str name;
    struct sio_encoding plain, with_offsets, v3;
};

enum space_state {
    SPACE_CHECKING,   /* its token is being looked up */
    SPACE_RECOVERING, /* what its client left behind is being looked for */
    SPACE_JOINED,
    SPACE_LEFT /* we told the client to go; what it still says here is ignored */
};

struct sio_space {
    struct rb_conn conn;
    struct rb_list node; /* in link->upper.spaces */
    struct sio_link *link;
    const struct sio_namespace *nsp;
    enum space_state state;
    struct rb_auth_check *check; /* while CHECKING */
    const struct rb_identity *identity;
    struct sio_recovery *recovery; /* recovery.h; NULL: this client cannot recover */
};

/* A room joined: how far its client is known to have got. */
struct room_sub {
    struct rb_conn_sub base;
    const struct rb_sio_room *room;
    uint64_t start;     /* cursor at the start; before that, the wall clock from which on events count */
    uint64_t mark;      /* cursor when the last ping went out */
    uint64_t confirmed; /* the last one confirmed */
};

static inline struct room_sub *room_sub_of(struct rb_conn_sub *sub)
{
    return RB_OUTER(sub, struct room_sub, base);
}

#define ROOMS_EACH(it, space) for (struct rb_conn_sub *it = (space)->conn.subs; it; it = it->next)

/* A client's event, its arguments as JSON (binary data as {"$binary":"..."}). */
struct sio_event {
    rb_str name;
    rb_json_val args; /* with the name in front */
    bool has_ack_id;
    uint64_t ack_id;
};

/* ---- space.c: namespaces ---- */

extern const struct link_ops space_link_ops; /* Socket.IO above a link */

struct sio_space *space_find(struct sio_link *link, rb_str nsp); /* NULL: not there, or LEFT */
void space_init_conn(struct sio_space *space);
const struct rb_encoding *space_encoding(const struct sio_space *space);
/* The end of the way in: it has its id, and now its CONNECT answer. */
void space_welcome(struct sio_space *space);
/* What recovery_ask has come to: the state is back and the client is welcomed, or there is none. Goes on with
 * what waited: the space may be gone afterwards. */
void space_recovered(struct sio_space *space, bool is_recovered);
void space_free(struct sio_space *space);

void space_connect(struct sio_link *link, const struct rb_sio_packet *packet, const struct rb_json *doc);

/* ---- packets.c: packets from the client ---- */

void packets_text(struct sio_link *link, rb_str text); /* link_ops.on_text, on_binary */
void packets_binary(struct sio_link *link, rb_str data);
void packets_drop(struct sio_link *link); /* what has come of a binary packet */

/* ---- send.c: packets to the client ---- */

/* name and args as in rb_sio_put_event, binary data as {"$binary":"..."}. RB_MESSAGE_TOO_LARGE (too many
 * binary values), RB_OUT_OF_MEMORY: nothing was sent. */
rb_err space_send_event(struct sio_space *space, rb_str name, rb_str args);
rb_err space_send_call(struct sio_space *space, uint32_t number, rb_str name, rb_str args);
void space_send_ack(struct sio_space *space, uint64_t ack_id, rb_str args);
void space_namespace_init(struct sio_namespace *nsp, rb_str name); /* its encodings */

/* ---- events.c: packets from the client, once it has joined ---- */

void space_event(struct sio_space *space, const struct rb_sio_packet *packet, const struct rb_json *doc);
void space_ack(struct sio_space *space, const struct rb_sio_packet *packet, const struct rb_json *doc);

/* ---- conn.c: the hub's side ---- */

extern const struct rb_conn_ops space_conn_ops, space_conn_ops_recoverable;
void space_mark_rooms(struct sio_space *space);    /* what has gone out so far */
void space_confirm_rooms(struct sio_space *space); /* up to the mark has arrived */
void space_confirm_all(struct sio_space *space);   /* it leaves of its own will: all has */

#endif
