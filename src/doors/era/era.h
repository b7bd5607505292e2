/* The Era door: what clients of the Era Platform (Incoplax) expect of its web server, at
 * cloud.incoplax.com/docs/incoplax/latest/api/websocket and .../scripts/component_types/common/144.html:
 * sockets of users
 * (/ws) and of outside systems (/ws/token/v1), the file directory of a session (websocktemp), public links,
 * the search for live connections, and the operation with a websocket connection as one call.
 *
 * All state is the core's: connections, calls and searches are the hub's, sessions and users auth's, files
 * the files room's, scripts are jobs. */
#ifndef RB_DOORS_ERA_H
#define RB_DOORS_ERA_H

#include "auth/login.h"
#include "auth/session.h"
#include "files/links.h"
#include "files/scratch.h"
#include "http/http.h"
#include "http/outgoing.h"
#include "hub/hub.h"
#include "jobs/jobs.h"

enum rb_era_family { RB_ERA_TOKEN = 1, RB_ERA_USER = 2 }; /* bits */

/* Where a client's messages go that nothing here answers: to a job kind (parameters: connectionid,
 * integration_point, method, params), or to a URL (the same, posted as JSON). An answer that is an array of
 * two goes back on the socket. */
struct rb_era_hook {
    rb_str kind, url; /* one of them; both NONE: nowhere */
    uint64_t timeout_ms;
};

/* A capability that the configuration declares beside the built-in ones. */
struct rb_era_capability {
    rb_str name;
    unsigned families;               /* enum rb_era_family */
    rb_str roles;                    /* "a,b": one of them is needed; NONE: anybody */
    rb_str const *events, *requests; /* codes that it may send, without and with a reply */
    unsigned event_count, request_count;
    rb_str const *methods; /* of clients, that it claims */
    unsigned method_count;
    struct rb_era_hook hook; /* where those go */
};

/* Everything is borrowed for the door's life. */
struct rb_era_setup {
    struct rb_loop *const *loops; /* those that serve connections; each has a shard of the hub */
    unsigned loop_count;
    struct rb_hub *hub;
    struct rb_store *store;
    struct rb_files *files;
    struct rb_auth *auth;
    struct rb_logins *logins;
    struct rb_sessions *sessions;
    struct rb_scratches *scratches;
    struct rb_links *links;
    struct rb_outgoing *outgoing;
    rb_str const *origins;
    unsigned origin_count;
    rb_str default_tenant; /* of logins that name none; NONE: they must */
    rb_str site;
    const struct rb_era_capability *capabilities;
    unsigned capability_count;
    struct rb_era_hook unclaimed;
    rb_str incoming_kind; /* the job that is started for each new connection; NONE: none */
    rb_str shared_dir;    /* what "shared:<name>" means; NONE: nothing */
    uint32_t message_bytes_max;
    uint32_t login_timeout_ms, ping_interval_ms, silence_ms; /* 30 s, 30 s, 90 s */
    uint64_t upload_bytes_max;                               /* of one request to websocktemp */
    bool is_cookie_secure;                                   /* the session's cookie says Secure */
};

struct rb_era_door;
struct rb_era_door *rb_era_door_new(const struct rb_era_setup *setup);
void rb_era_set_jobs(struct rb_era_door *door, struct rb_jobs *jobs); /* before the loops run */
void rb_era_door_free(struct rb_era_door *door); /* when its connections are closed; NULL is fine */
rb_err rb_era_add_routes(struct rb_era_door *door, struct rb_router *router, struct rb_buf *why);
/* On each of the loops: tells this loop's clients, closes their sockets, opens no new ones. */
void rb_era_close_all(struct rb_era_door *door, rb_err why);

/* The pattern of the topics with the events of its connections, in all tenants, for the rules of what topics
 * keep. */
#define RB_ERA_TOPICS "*/era/**"

#endif
