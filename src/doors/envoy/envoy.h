/* The Envoy door: what back ends and clients of Apeshift Envoy expect (apeshift.com/docs/env). Back ends POST
 * signed JSON-RPC: get_envoy_token makes a ticket for a task, invoke_envoy pushes a message to all of its
 * clients. Clients open a WebSocket with the token and get messages, and a tick each second.
 *
 * A task is a topic with a policy (hub/policy.h): TENANT/envoy/TASK_ID. All of its state is the hub's. */
#ifndef RB_DOORS_ENVOY_H
#define RB_DOORS_ENVOY_H

#include "auth/signing.h"
#include "auth/ticket.h"
#include "http/http.h"
#include "hub/hub.h"

/* Everything is borrowed for the door's life. */
struct rb_envoy_setup {
    struct rb_loop *const *loops; /* those that serve connections; each has a shard of the hub */
    unsigned loop_count;
    struct rb_hub *hub;
    struct rb_store *store;
    struct rb_tickets *tickets;
    struct rb_signing *signing;
    rb_str const *origins; /* whose pages may open sockets */
    unsigned origin_count;
    rb_str path;                /* of the door; begins and ends with '/' */
    uint32_t body_bytes_max;    /* of a call */
    uint32_t message_bytes_max; /* as JSON text */
    uint32_t context_bytes_max; /* of task_context, likewise */
    uint32_t sockets_max;       /* of a task */
    uint32_t tokens_max;        /* of a task, not expired */
    uint32_t calls_per_s;       /* of an account; 0: any number */
    uint32_t refusals_per_min;  /* of an address: then upgrades are answered with 429; 0: never */
};

struct rb_envoy_door;
struct rb_envoy_door *rb_envoy_door_new(const struct rb_envoy_setup *setup);
void rb_envoy_door_free(struct rb_envoy_door *door); /* when its connections are closed; NULL is fine */
rb_err rb_envoy_add_routes(struct rb_envoy_door *door, struct rb_router *router, struct rb_buf *why);
/* On each of the loops: tells this loop's clients, closes their sockets, opens no new ones. */
void rb_envoy_close_all(struct rb_envoy_door *door, rb_err why);

/* The pattern of its topics in all tenants, for the rules of what topics keep: the latest event, as long as
 * the topic's policy wants it. */
#define RB_ENVOY_TOPICS "*/envoy/*"

#endif
