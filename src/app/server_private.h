/* The parts of one process, for the files that make it up. */
#ifndef RB_APP_SERVER_PRIVATE_H
#define RB_APP_SERVER_PRIVATE_H

#include "app/server.h"
#include "auth/login.h"
#include "auth/session.h"
#include "doors/bimserver/bimserver.h"
#include "doors/envoy/envoy.h"
#include "doors/era/era.h"
#include "doors/native/native.h"
#include "doors/socketio/socketio.h"
#include "hub/policy.h"
#include "net/admission.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LOOPS_MAX = 64 };

/* A loop that serves connections, with its thread. */
struct serving {
    struct rb_server *server;
    struct rb_loop *loop;
    struct rb_net *net;
    struct rb_http *http;
    struct rb_listener *listener, *pb_listener; /* the second: of Protocol Buffers, NULL: none */
    int listen_fd, pb_fd;                       /* until the listener has it; -1 then, or none */
    pthread_t thread;
    bool has_thread;
    struct rb_mail drain_mail, close_mail;
    struct rb_timer close_timer;
    uint64_t close_until_ms;
};

struct rb_server {
    struct rb_server_setup setup;
    struct rb_arena arena;
    struct rb_admission *admission;
    uint32_t connections_max;
    struct rb_store *store;
    struct rb_files *files;
    struct rb_scratches *scratches;
    struct rb_links *links;
    struct rb_hub *hub;
    struct rb_auth *auth;
    struct rb_logins *logins;
    struct rb_sessions *sessions;
    struct rb_tickets *tickets;
    struct rb_signing *signing;
    struct rb_jobs *jobs;
    struct rb_router *router;
    struct rb_sio_door *socketio;
    struct rb_native *native;
    struct rb_envoy_door *envoy;         /* NULL: it is not open */
    struct rb_era_door *era;             /* likewise */
    struct rb_bimserver_door *bimserver; /* likewise */
    struct rb_outgoing *outgoing;        /* NULL: no door needs it */
    struct rb_loop *jobs_loop;
    struct rb_loop *loops[LOOPS_MAX];
    struct serving servings[LOOPS_MAX];
    unsigned loop_count;
    uint16_t port;
    bool is_running;
    _Atomic bool is_stopping;
    _Atomic unsigned open_servings;
    struct rb_mail all_closed; /* to the jobs loop: the last serving loop has ended */
};

/* server_open.c: every room, wired to the others; listening. False: `why` says what failed, and what is there
 * already is rb_server_close's. */
bool server_open_rooms(struct rb_server *server, struct rb_buf *why);
/* server.c: SIGINT and SIGTERM. arg is the server. */
void server_on_signal(void *arg, int number);

#endif
