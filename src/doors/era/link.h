/* One socket of this door, for the files that serve it. It belongs to one loop. */
#ifndef RB_ERA_LINK_H
#define RB_ERA_LINK_H

#include "doors/era/era_private.h"
#include "http/socket.h"

enum {
    CAPABILITIES_MAX = 100,       /* of one setup */
    CAPABILITY_BYTES_MAX = 255,   /* of a key */
    APPLICATION_BYTES_MAX = 1024, /* of appPath */
    CALLS_MAX = 64,               /* requests of the server that wait for their reply */
    WORKS_MAX = 64,               /* requests of the client that are under way */
    SUBSCRIPTIONS_MAX = 64,
    OBJECTS_MAX = 100, /* of a subscription */
    LEASE_MS = 120 * 1000,
    RENEW_MS = 40 * 1000 /* a sign of life renews when the last renewal is so long ago */
};

enum link_state {
    LINK_NEW,      /* of a user who has not said who it is */
    LINK_CHECKING, /* its login is looked at */
    LINK_OPEN,
    LINK_LOST, /* to be cut: no memory */
    LINK_CLOSING
};

struct era_login; /* login.c */

/* What the latest setup has brought; NULL where there is nothing. */
struct era_setup {
    char *application;
    char *asked; /* its `capabilities`, a JSON array of their keys, until it is known who asks */
    char *on;    /* "a,b": what is switched on */
};

/* Who an API client is, beyond its session. NULL where there is nothing. */
struct era_point {
    char *id, *type, *token;
};

struct era_link {
    uint8_t state;   /* enum link_state */
    uint8_t family;  /* enum rb_era_family */
    bool is_pinged;  /* since it was heard of last */
    bool is_started; /* authorized, and its socket is there */
    struct era_here *here;
    struct rb_socket socket;
    struct rb_conn conn;
    struct rb_timer timer;      /* to the end of the time for a login; then to the next look at its life */
    struct rb_list node;        /* in the loop's links */
    uint64_t heard_ms;          /* loop time */
    uint64_t renewed_ms;        /* wall clock */
    struct rb_session *session; /* attached; NULL: nobody has logged in */
    struct era_point point;     /* of the token family */
    struct era_setup setup;
    struct era_login *login; /* CHECKING */
    struct rb_list works;    /* struct era_work */
    struct rb_list subscriptions;
    uint8_t work_count, subscription_count;
};

/* ---- link.c ---- */
struct era_link *era_link_new(struct era_here *here, enum rb_era_family family);
/* Takes over the request; false: it was answered otherwise, and the link is gone. */
bool era_link_accept(struct era_link *link, struct rb_request *request);
void era_link_free(struct era_link *link); /* one that was never accepted */
/* It is this session's from now on (the reference is taken). RB_TOO_MANY_CONNECTIONS, RB_UNAUTHENTICATED (the
 * session has ended): nothing has changed then, and the reference is still the caller's. */
rb_err era_link_authorize(struct era_link *link, struct rb_session *session);
/* What follows from that, once its socket is there. */
void era_link_started(struct era_link *link);
void era_link_close(struct era_link *link, rb_err why, uint16_t code);
void era_link_shut(struct rb_list *node, rb_err why);
const struct rb_identity *era_link_who(const struct era_link *link); /* of one that is authorized */
void era_link_id(const struct era_link *link, char out[RB_HANDLE_TEXT_BYTES]);
/* Members, for hooks: connectionid, and `user` and `login`, or `integration_point`. Not the session's id,
 * which opens the session: what jobs are started with is stored, and shown. */
void era_link_put_origin(struct rb_json_out *out, const struct era_link *link);
void era_link_send(struct era_link *link, struct rb_buf *take_text);

/* ---- connect.c: handlers of upgrades; arg is the door ---- */
void era_connect_user(struct rb_request *request, void *arg);
void era_connect_token(struct rb_request *request, void *arg);

/* ---- replying (reply.c) ---- A reply is sent if, and only if, its request had a qid. */
struct era_reply {
    struct rb_buf text;
    struct rb_json_out out;
};
/* Then members, `result` among them, then send. */
void era_reply_begin(struct era_reply *reply, rb_str method, rb_str qid);
void era_reply_send(struct era_reply *reply, struct era_link *link, rb_str qid);
void era_reply_ok(struct era_link *link, rb_str method, rb_str qid);
/* detail NONE: the reason's sentence. Without a qid: as the message `error`. */
void era_fail(struct era_link *link, rb_str method, rb_str qid, rb_err err, rb_str detail);
void era_fail_text(struct era_link *link, const struct rb_era_message *message, rb_err err,
                   const char *detail);
void era_fail_message(struct era_link *link, rb_err err); /* of what was no message */

/* ---- what is under way for a link (reply.c) ---- */
struct era_work {
    struct rb_list node;
    struct era_link *link; /* NULL: it has gone, and nobody waits any more */
    rb_str method, qid;    /* behind each other, on the heap */
    /* The link goes: what can be stopped is stopped. May free the work, after era_work_end. */
    void (*leave)(struct era_work *work);
};
/* False: there are WORKS_MAX; answered. */
bool era_work_begin(struct era_work *work, struct era_link *link, const struct rb_era_message *message,
                    void (*leave)(struct era_work *work));
void era_work_end(struct era_work *work); /* twice is fine */
void era_works_leave(struct era_link *link);

/* ---- methods.c ---- */
void era_methods_run(struct era_link *link, const struct rb_era_message *message, struct rb_arena *arena);
typedef void era_method_fn(struct era_link *link, const struct rb_era_message *message,
                           struct rb_arena *arena);
era_method_fn era_handle_login, era_handle_setup;                           /* login.c, capabilities.c */
era_method_fn era_handle_connection_info, era_handle_ping, era_handle_test; /* info.c */
era_method_fn era_handle_start_svcscript, era_handle_abort_svcscript;       /* svcscript.c */
era_method_fn era_handle_callrecord_get_path;                               /* callrecord.c */
era_method_fn era_handle_subscribe;                                         /* subscr.c */

/* ---- login.c ---- */
void era_login_cancel(struct era_link *link);

/* ---- capabilities.c ---- */
/* The member `capabilities` of a reply: what becomes of those that the setup asks for. Of an authorized link
 * these are its capabilities from now on, and the question is forgotten; before, nothing is refused. Without
 * a setup: no member. */
void era_setup_answer(struct rb_json_out *out, struct era_link *link);
void era_setup_fini(struct era_setup *setup);
/* The declared one of this family that claims a method; NULL: none. */
const struct rb_era_capability *era_capability_claiming(const struct rb_era_door *door,
                                                        enum rb_era_family family, rb_str method);
bool era_link_has_role(const struct era_link *link, const char *role); /* or is a back end */

/* ---- subscr.c ---- */
void era_subscriptions_end(struct era_link *link);
struct rb_blob *era_subscription_gap(struct rb_conn_sub *sub);

/* ---- notices.c ---- */
enum era_class { ERA_REGISTRAR_EVENTS, ERA_JOB_EVENTS, ERA_CLASSES };
const char *era_class_name(enum era_class class);
/* Of topics of this class, each event as so many messages: one for each subscription. */
const struct rb_encoding *era_notices(const struct notices *all, enum era_class class, unsigned times);
struct rb_blob *era_gap_notice(const struct rb_encoding *encoding, rb_str topic, uint64_t now_ms);
struct notices *era_notices_new(void);
void era_notices_free(struct notices *all);

/* ---- presence.c ---- The events of connections, published while anybody is subscribed to such. */
rb_str era_presence_topic(struct rb_arena *arena, rb_str tenant, rb_str owner_id); /* owner_id NONE: of all */
void era_presence_tell(struct era_link *link, const char *type, const char *why);  /* why NULL: none */

/* ---- hooks.c ---- */
bool era_hook_is_set(const struct rb_era_hook *hook);
void era_hook_run(struct era_link *link, const struct rb_era_hook *hook,
                  const struct rb_era_message *message);
void era_incoming_run(struct era_link *link);

#endif
