/* The door as a whole: its paths, and what is open on which loop. */
#include "doors/bimserver/door.h"

#include "base/mem.h"
#include "doors/bimserver/claims.h"
#include "doors/bimserver/endpoints.h"
#include "doors/bimserver/files_web.h"
#include "doors/bimserver/link.h"

enum { PB_REQUEST_MS = 60 * 1000, PB_IDLE_MS = 60 * 60 * 1000 };

/* ---- who calls ---- */

static void on_token(void *arg, rb_err err, const struct rb_identity *who)
{
    bim_call_authorized(arg, err, who);
}

static void authorize(struct bim_call *call)
{
    rb_auth_check(call->host->door->setup.auth, call->token, on_token, call);
}

/* ---- life ---- */

struct rb_bimserver_door *rb_bimserver_door_new(const struct rb_bimserver_setup *setup)
{
    struct rb_bimserver_door *door = rb_new(struct rb_bimserver_door);
    door->setup = *setup;
    door->endpoints = bim_endpoints_new();
    door->claims = bim_claims_new();
    door->host = (struct bim_host){
        .door = door, .handlers = bim_handlers, .version = setup->version, .authorize = authorize};
    door->web = (struct bim_web){.host = &door->host,
                                 .path = setup->path,
                                 .site = setup->site,
                                 .body_max = setup->body_bytes_max,
                                 .admit = bim_admit};
    door->heres = rb_new_array(struct bim_here, setup->loop_count);
    for (unsigned i = 0; i < setup->loop_count; i++) {
        struct bim_here *here = &door->heres[i];
        here->door = door;
        here->loop = setup->loops[i];
        rb_list_init(&here->streams);
        rb_list_init(&here->bots);
    }
    return door;
}

void rb_bimserver_set_jobs(struct rb_bimserver_door *door, struct rb_jobs *jobs)
{
    door->jobs = jobs;
}

void rb_bimserver_door_free(struct rb_bimserver_door *door)
{
    if (!door) return;
    for (unsigned i = 0; i < door->setup.loop_count; i++) {
        bim_pb_server_free(door->heres[i].pb);
        bim_pushes_fini(&door->heres[i].pushes);
    }
    bim_claims_free(door->claims);
    bim_endpoints_free(door->endpoints);
    rb_free(door->heres);
    rb_free(door);
}

struct bim_here *bim_here(struct rb_bimserver_door *door)
{
    return &door->heres[rb_loop_place(door->setup.loops, door->setup.loop_count)];
}

void rb_bimserver_close_all(struct rb_bimserver_door *door, rb_err why)
{
    if (!door) return;
    struct bim_here *here = bim_here(door);
    here->is_closing = true;
    RB_LIST_EACH(node, &here->streams) bim_link_shut(node, why);
    bim_bots_close(here);
    if (here->pb) bim_pb_server_close(here->pb);
}

/* ---- Protocol Buffers ---- */

void *rb_bimserver_open_pb(struct rb_bimserver_door *door, unsigned loop, struct rb_net *net,
                           struct rb_admission *admission, uint32_t connections_max)
{
    struct bim_pb_setup setup = {.host = &door->host,
                                 .net = net,
                                 .admission = admission,
                                 .message_max = door->setup.pb_message_bytes_max,
                                 .connections_max = connections_max,
                                 .request_ms = PB_REQUEST_MS,
                                 .idle_ms = PB_IDLE_MS};
    return door->heres[loop].pb = bim_pb_server_new(&setup);
}

void rb_bimserver_accept_pb(void *arg, int take_fd, const struct sockaddr_storage *peer)
{
    bim_pb_accept(arg, take_fd, peer);
}

/* ---- routes ---- */

rb_err rb_bimserver_add_routes(struct rb_bimserver_door *door, struct rb_router *router, struct rb_buf *why)
{
    static const struct rb_route stream = {.handler = bim_link_connect, .on_head = bim_on_head};
    rb_err err = bim_web_add_routes(&door->web, router);
    if (!err) err = bim_add_route(&door->web, router, RB_HTTP1_GET, "stream", &stream);
    if (!err) err = bim_add_file_routes(door, router);
    if (err) rb_buf_add_text(why, "bimserver: one of its paths is taken by something else");
    return err;
}
