/* The native door: the v1 API over plain HTTP, server-sent events, long-polling and a WebSocket. The API that
 * everything else is explained by; docs/native-api.md is its manual.
 *
 * Credentials are bearer tokens, in the Authorization header or, on the WebSocket, in the first message;
 * never in a URL. Names of topics are the tenant's own: what a client calls "t" is the hub's "TENANT/t". */
#ifndef RB_DOORS_NATIVE_H
#define RB_DOORS_NATIVE_H

#include "auth/auth.h"
#include "auth/session.h"
#include "auth/ticket.h"
#include "files/files.h"
#include "files/links.h"
#include "files/scratch.h"
#include "http/http.h"
#include "hub/hub.h"
#include "jobs/jobs.h"

/* Everything is borrowed for the door's life. */
struct rb_native_setup {
    struct rb_loop *const *loops; /* those that serve connections; each has a shard of the hub */
    unsigned loop_count;
    struct rb_hub *hub;
    struct rb_jobs *jobs;
    struct rb_files *files;
    struct rb_auth *auth;
    struct rb_tickets *tickets;
    struct rb_sessions *sessions;
    struct rb_scratches *scratches;
    struct rb_links *links;
    rb_str const *origins;
    unsigned origin_count;
    uint64_t wait_max_ms;       /* longest wait that a client may ask for */
    uint32_t message_max_bytes; /* of a WebSocket message, of a body that publishes */
    uint32_t event_max_bytes;   /* of the data of one event; 0: no limit of its own */
    uint32_t subscriptions_max; /* of one connection */
    uint32_t ping_interval_ms, ping_timeout_ms, auth_timeout_ms;
    uint64_t upload_max_bytes; /* of one file put into a scratch */
    uint64_t link_ttl_ms;      /* of a link that asks for nothing else */
    bool dev_echo;             /* serve /echo */
    /* For /readyz; any loop. out_why_not: one sentence, static or as long as the door. */
    bool (*is_ready)(void *arg, rb_str *out_why_not);
    void *ready_arg;
};

struct rb_native;
struct rb_native *rb_native_new(const struct rb_native_setup *setup);
void rb_native_free(struct rb_native *door); /* when its connections are closed; NULL is fine */
rb_err rb_native_add_routes(struct rb_native *door, struct rb_router *router); /* RB_CONFLICT */
/* On each of the loops: closes what this door has open there (WebSockets with the close code of `why`, event
 * streams, waiting requests) and opens nothing new of that sort afterwards. */
void rb_native_close_all(struct rb_native *door, rb_err why);

#endif
