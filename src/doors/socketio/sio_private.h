/* What the files of this door share. */
#ifndef RB_SIO_PRIVATE_H
#define RB_SIO_PRIVATE_H

#include "codec/engineio.h"
#include "codec/socketio.h"
#include "doors/socketio/socketio.h"
#include "http/socket.h"
#include "hub/conn.h"

enum { SID_CHARACTERS = 20, SPACES_MAX = 32 };

/* One for each namespace: events look different in each. */
struct sio_encoding {
    struct rb_encoding encoding;
    rb_str nsp;
};

struct links_here {
    struct rb_loop *loop;
    struct rb_list links;
};

struct rb_sio_door {
    struct rb_sio_setup setup;
    struct sio_encoding *encodings; /* as setup.namespaces */
    struct process_call *calls;     /* as setup.routes */
    struct rb_jobs *jobs;
    struct links_here *links; /* as setup.loops */
};

enum space_state { SPACE_CHECKING, SPACE_JOINED };

/* A namespace joined over a link. */
struct sio_space {
    struct rb_list node; /* in link->spaces */
    struct sio_link *link;
    const struct sio_encoding *encoding;
    enum space_state state;
    struct rb_auth_check *check;        /* while CHECKING */
    const struct rb_identity *identity; /* once JOINED */
    char sid[SID_CHARACTERS + 1];
};

/* A room joined: how far its client is known to have got. */
struct room_sub {
    struct rb_conn_sub base;
    uint64_t start;     /* cursor at the start */
    uint64_t mark;      /* cursor when the last ping went out */
    uint64_t confirmed; /* the last one confirmed */
};

enum link_state {
    LINK_OPENING,    /* until the open packet is out: what came together with the request waits */
    LINK_IDLE,       /* between a pong and the next ping */
    LINK_WANTS_PONG, /* a ping is out */
    LINK_CLOSING
};

struct sio_link {
    uint32_t magic;
    enum link_state state;
    bool was_extended; /* the pong deadline, once, by another packet */
    bool was_joined;   /* some namespace was: the connect timeout is over for good */
    unsigned space_count;
    struct rb_sio_door *door;
    struct rb_socket socket;
    struct rb_conn conn;
    struct rb_list node; /* in the loop's links */
    struct rb_list spaces;
    struct sio_space *checking; /* packets wait in backlog meanwhile, so that all are handled in order */
    struct rb_buf backlog;      /* messages, each behind its length (uint32_t) */
    struct rb_timer heartbeat;
    struct rb_timer connect_timeout;
    struct rb_task failure; /* closes the link from outside a pull */
    rb_err failure_why;
    uint64_t opened_ms; /* wall clock */
    char *host;         /* of the request: lower case, no port, dots as underscores */
    char sid[SID_CHARACTERS + 1];
};

/* door.c */
void links_add(struct rb_sio_door *door, struct sio_link *link);

/* link.c */
void link_open(struct rb_request *request, struct rb_sio_door *door);
void link_close(struct sio_link *link, rb_err why);
void link_send(struct sio_link *link,
               struct rb_buf *take_packet); /* one Engine.IO packet as a text message */
void link_replay(struct sio_link *link);    /* the check is over: what waited comes now */

/* space.c: Socket.IO packets */
void space_packet(struct sio_link *link, rb_str text);
void space_free(struct sio_space *space);

/* rooms.c */
bool room_event(struct sio_space *space, rb_str name, rb_json_val args, const struct rb_sio_packet *packet);
bool room_tenant_matches(const struct rb_sio_door *door, rb_str tenant, rb_str alias);
char *room_host_alias(rb_str host); /* heap */
/* Whether the configuration gives this host to another tenant. */
bool room_host_is_foreign(const struct rb_sio_door *door, rb_str tenant, rb_str host_alias);
const struct rb_sio_room *room_of_kind(const struct rb_sio_door *door, rb_str kind);
/* The template with the values that `value` finds for its names; NONE when one is missing or no fit name. */
rb_str room_topic(struct rb_arena *arena, rb_str tenant, const struct rb_sio_room *room,
                  rb_str (*value)(void *arg, rb_str name), void *arg);

/* announce.c */
rb_str announce_text(struct rb_arena *arena, rb_str topic, rb_str event, bool is_open);
bool announce_is_open(rb_str announce); /* anybody of the tenant may have the result */

/* params.c: RB_BAD_JSON, RB_UNPROCESSABLE (too many) */
rb_err params_of(struct rb_request *request, rb_str pattern, rb_str *out_json);

/* calls.c */
rb_err calls_add_routes(struct rb_sio_door *door, struct rb_router *router, struct rb_buf *why);
void calls_free(struct rb_sio_door *door);

#endif
