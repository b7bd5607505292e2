/* The Socket.IO door: Engine.IO v4 (v3 where allowed) and Socket.IO v5 over long-polling and WebSocket, rooms
 * by configuration, and the REST calls that start jobs whose outcome is announced in a room ("API endpoints
 * with sockets").
 *
 * Protocols: Engine.IO protocol v4 and Socket.IO protocol v5 (github.com/socketio/socket.io, docs/); the Rigi
 * dialect: help.xtm.cloud/rigi, "API endpoints with sockets". A link is one Engine.IO conversation; a space
 * is a namespace joined over it by one client. Rooms are topics; what happened while nobody was joined is in
 * the topic's log. */
#ifndef RB_DOORS_SOCKETIO_H
#define RB_DOORS_SOCKETIO_H

#include "auth/auth.h"
#include "files/files.h"
#include "http/http.h"
#include "jobs/jobs.h"

/* Who joins a room says `join` with an object; its fields fill the topic's template. Who leaves says `leave`
 * with the same object, or with the bare value of the field `key`. */
struct rb_sio_room {
    rb_str join, leave; /* event names */
    rb_str topic;       /* "projects/{projectId}", within the tenant */
    rb_str key;
    rb_str tenant_field; /* the field that names the tenant by its host, dots as underscores; NONE: not looked
                            at */
    bool tenant_is_host; /* it must be the name of the request's Host, or one of the tenant's hosts; else only
                            the latter */
    rb_str const *publish; /* events that members may send to all of the room */
    unsigned publish_count;
    rb_str const *kinds; /* job kinds whose outcome is announced here, as events named like the kind */
    unsigned kind_count;
    bool to_whole_room; /* results go to everybody; else to the client that started the job, unless that was a
                           back end */
    uint64_t keep_ms;   /* how old a result may be when somebody joins */
};

struct rb_sio_route {
    enum rb_http1_method method;
    rb_str pattern;
    rb_str kind;
};

struct rb_sio_tenant {
    rb_str name;
    rb_str const *hosts;
    unsigned host_count;
};

/* Who gets what it takes to recover (`pid`, and an offset as last argument of each event): clients that do
 * not know of it would hand the offset to their application. */
enum rb_sio_recovery {
    RB_SIO_RECOVERY_OFF,
    RB_SIO_RECOVERY_ASKED, /* clients whose auth payload has "recovery": true */
    RB_SIO_RECOVERY_ALWAYS
};

/* Everything is borrowed for the door's life. */
struct rb_sio_setup {
    struct rb_loop *const *loops; /* those that serve connections */
    unsigned loop_count;
    struct rb_hub *hub;
    struct rb_files *files;
    struct rb_auth *auth;
    rb_str path; /* "/socket.io/" */
    bool has_v3; /* Engine.IO v3 too */
    bool has_polling;
    bool is_conformance; /* the conformance application instead of rooms; no tokens */
    enum rb_sio_recovery recovery;
    uint64_t recovery_ms; /* how long an interrupted client can be recovered */
    uint32_t upgrade_timeout_ms, close_timeout_ms;
    uint32_t subscriptions_max; /* rooms of one client in one namespace */
    uint32_t ping_interval_ms, ping_timeout_ms, connect_timeout_ms, payload_bytes_max;
    rb_str const *namespaces;
    unsigned namespace_count;
    rb_str const *origins;
    unsigned origin_count;
    bool cors_credentials;
    const struct rb_sio_room *rooms;
    unsigned room_count;
    const struct rb_sio_route *routes;
    unsigned route_count;
    rb_str const *download_paths;
    unsigned download_path_count;
    const struct rb_sio_tenant *tenants;
    unsigned tenant_count;
    uint64_t sync_timeout_ms;
    bool sync_timeout_cancels;
};

struct rb_sio_door;
struct rb_sio_door *rb_sio_door_new(const struct rb_sio_setup *setup);
void rb_sio_door_free(struct rb_sio_door *door);
void rb_sio_set_jobs(struct rb_sio_door *door,
                     struct rb_jobs *jobs); /* the jobs need the announcer first, so this comes later */
void rb_sio_set_http(struct rb_sio_door *door, unsigned loop_index,
                     struct rb_http *http); /* before the loops run: requests are moved between them */
rb_err rb_sio_add_routes(struct rb_sio_door *door, struct rb_router *router, struct rb_buf *why);
/* For rb_jobs_setup: what is announced in rooms when a job ends. */
struct rb_announcer rb_sio_announcer(struct rb_sio_door *door);
/* On one of the hub's loops: closes its links, so that clients reconnect by themselves (no DISCONNECT is
 * sent). */
void rb_sio_close_links(struct rb_sio_door *door, rb_err why);

#endif
