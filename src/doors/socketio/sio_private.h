/* What the files of this door share. */
#ifndef RB_SIO_PRIVATE_H
#define RB_SIO_PRIVATE_H

#include "doors/socketio/link.h"
#include "doors/socketio/socketio.h"
#include "doors/socketio/space.h"

/* What the door has on one loop. */
struct links_here {
    struct rb_sio_door *door;
    struct rb_loop *loop;
    struct rb_http *http;
    unsigned index;
    struct rb_handles table;  /* of links, by sid */
    struct rb_list links;     /* alive */
    struct rb_list ending;    /* closed in this turn */
    struct rb_list farewells; /* closed; on polling, until the client has fetched its end */
    struct rb_task end_task;
    struct recoveries *recoveries;
    bool is_closing; /* no new links */
};

struct rb_sio_door {
    struct rb_sio_setup setup;
    struct link_endpoint socketio, engineio; /* the second in the conformance application only */
    struct sio_namespace *namespaces;        /* as setup.namespaces */
    struct process_call *calls;              /* as setup.routes */
    struct rb_jobs *jobs;
    struct links_here *heres; /* as setup.loops */
};

/* door.c */
struct links_here *links_here(struct rb_sio_door *door); /* of this loop */

/* requests.c: all requests on an endpoint's path: judged, moved to the link's loop, given to a transport */
rb_err requests_add_routes(struct link_endpoint *endpoint, struct rb_router *router);

/* rooms.c */
void room_event(struct sio_space *space, const struct sio_event *event);
bool room_tenant_matches(const struct rb_sio_door *door, rb_str tenant, rb_str alias);
char *room_host_alias(rb_str host); /* heap */
/* Whether the configuration gives this host to another tenant. */
bool room_host_is_foreign(const struct rb_sio_door *door, rb_str tenant, rb_str host_alias);
const struct rb_sio_room *room_of_kind(const struct rb_sio_door *door, rb_str kind);
/* The template with the values that `value` finds for its names; NONE when one is missing or no fit name. */
rb_str room_topic(struct rb_arena *arena, rb_str tenant, const struct rb_sio_room *room,
                  rb_str (*value)(void *arg, rb_str name), void *arg);

/* conformance.c: the application that test suites of the protocols expect (`ringback dev --conformance`) */
extern const struct link_ops conformance_engine_ops; /* echoes every message */
void conformance_joined(struct sio_space *space, rb_str auth_json);
void conformance_event(struct sio_space *space, const struct sio_event *event);

/* announce.c */
rb_str announce_text(struct rb_arena *arena, rb_str topic, rb_str event, bool is_open);
bool announce_is_open(rb_str announce); /* anybody of the tenant may have the result */

/* params.c: RB_BAD_JSON, RB_UNPROCESSABLE (too many) */
rb_err params_of(struct rb_request *request, rb_str pattern, rb_str *out_json);

/* calls.c */
rb_err calls_add_routes(struct rb_sio_door *door, struct rb_router *router, struct rb_buf *why);
void calls_free(struct rb_sio_door *door);

#endif
