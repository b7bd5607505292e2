/* How the parts of a process are made and wired, from the ground up. */
#include "app/descriptors.h"
#include "app/server_private.h"
#include "app/setup.h"
#include "app/test_clock.h"

#include <sched.h>
#include <unistd.h>

enum { SESSION_IDLE_MS = 60 * 60 * 1000, SESSION_GRACE_MS = 30 * 1000 };

/* ---- what everything stands on ---- */

static unsigned loops_wanted(const struct rb_config *config)
{
    cpu_set_t cores; /* those that this process may use */
    unsigned count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? (unsigned)CPU_COUNT(&cores) : 1;
    unsigned wanted = config->threads ? (unsigned)config->threads : count;
    return wanted < LOOPS_MAX ? wanted : LOOPS_MAX;
}

static bool is_ready(void *arg, rb_str *out_why_not)
{
    struct rb_server *server = arg;
    if (!atomic_load(&server->is_stopping)) return true;
    *out_why_not = RB_STR("The server is stopping.");
    return false;
}

static bool open_data(struct rb_server *server, struct rb_buf *why)
{
    const struct rb_config *config = server->setup.config;
    if (rb_store_open(config->data.p, true, &server->store, why) != RB_OK) return false;
    if (rb_files_open(config->data.p, &server->files, why) != RB_OK) return false;
    server->scratches = rb_scratches_new(server->files, config->files.scratch_bytes_max,
                                         (uint32_t)config->files.scratch_files_max);
    server->links = rb_links_new(server->files);
    rb_links_run(server->links, server->jobs_loop);
    return true;
}

static void on_deserted(void *arg, rb_str session)
{
    struct rb_server *server = arg;
    rb_scratch_drop(server->scratches, rb_loop_current(), session);
}

static void open_sessions(struct rb_server *server)
{
    struct rb_sessions_setup setup = {
        .idle_ms = SESSION_IDLE_MS, .grace_ms = SESSION_GRACE_MS, .on_deserted = on_deserted, .arg = server};
    server->logins = rb_logins_new(server->store);
    server->sessions = rb_sessions_new(&setup);
    rb_sessions_run(server->sessions, server->jobs_loop);
}

static void open_loops(struct rb_server *server)
{
    server->jobs_loop = rb_loop_new("rb-jobs");
    server->loop_count = loops_wanted(server->setup.config);
    for (unsigned i = 0; i < server->loop_count; i++) {
        server->loops[i] = rb_loop_new("rb-loop");
        server->servings[i] =
            (struct serving){.server = server, .loop = server->loops[i], .listen_fd = -1, .pb_fd = -1};
    }
}

static void open_hub(struct rb_server *server)
{
    unsigned rule_count;
    struct rb_topic_rule *rules = rb_setup_topic_rules(server->setup.config, &server->arena, &rule_count);
    server->hub = rb_hub_new(server->store, server->loops, server->loop_count, rules, rule_count);
    rb_hub_limit_tenants(server->hub, (uint32_t)server->setup.config->limits.connections_per_tenant);
    server->auth = rb_auth_new(server->store, server->loops, server->loop_count);
    server->tickets = rb_tickets_new(server->store);
    unsigned account_count;
    const struct rb_account_record *accounts =
        rb_setup_accounts(server->setup.config, &server->arena, &account_count);
    server->signing =
        rb_signing_new(server->store, server->loops, server->loop_count, accounts, account_count);
}

/* ---- doors ---- */

static void make_envoy(struct rb_server *server)
{
    struct rb_envoy_setup setup = {.loops = server->loops,
                                   .loop_count = server->loop_count,
                                   .hub = server->hub,
                                   .store = server->store,
                                   .tickets = server->tickets,
                                   .signing = server->signing};
    rb_setup_envoy(server->setup.config, &setup);
    server->envoy = rb_envoy_door_new(&setup);
}

static void make_bimserver(struct rb_server *server)
{
    struct rb_bimserver_setup setup = {.loops = server->loops,
                                       .loop_count = server->loop_count,
                                       .hub = server->hub,
                                       .store = server->store,
                                       .files = server->files,
                                       .auth = server->auth,
                                       .logins = server->logins,
                                       .outgoing = server->outgoing};
    rb_setup_bimserver(server->setup.config, &setup);
    server->bimserver = rb_bimserver_door_new(&setup);
}

static void make_era(struct rb_server *server)
{
    struct rb_era_setup setup = {.loops = server->loops,
                                 .loop_count = server->loop_count,
                                 .hub = server->hub,
                                 .store = server->store,
                                 .files = server->files,
                                 .auth = server->auth,
                                 .logins = server->logins,
                                 .sessions = server->sessions,
                                 .scratches = server->scratches,
                                 .links = server->links,
                                 .outgoing = server->outgoing};
    rb_setup_era(server->setup.config, &server->arena, &setup);
    server->era = rb_era_door_new(&setup);
    rb_era_set_jobs(server->era, server->jobs);
}

static void make_socketio(struct rb_server *server)
{
    struct rb_sio_setup setup = {.loops = server->loops,
                                 .loop_count = server->loop_count,
                                 .hub = server->hub,
                                 .files = server->files,
                                 .auth = server->auth};
    rb_setup_socketio(server->setup.config, &server->arena, &setup);
    setup.is_conformance = server->setup.is_conformance;
    server->socketio = rb_sio_door_new(&setup);
}

static bool open_jobs(struct rb_server *server, struct rb_buf *why)
{
    char self_path[4096];
    ssize_t n = readlink("/proc/self/exe", self_path, sizeof self_path - 1);
    if (n <= 0) {
        rb_buf_add_text(why, "cannot find this program in /proc/self/exe");
        return false;
    }
    const struct rb_config *config = server->setup.config;
    struct rb_jobs_setup setup = {.loop = server->jobs_loop,
                                  .store = server->store,
                                  .hub = server->hub,
                                  .files = server->files,
                                  .auth = server->auth,
                                  .announcers = {rb_sio_announcer(server->socketio)},
                                  .announcer_count = 1,
                                  .tenant_jobs_max = (uint32_t)config->limits.jobs_per_tenant,
                                  .url = rb_setup_url(config, server->port, &server->arena),
                                  .self_path =
                                      rb_arena_copy(&server->arena, rb_str_make(self_path, (size_t)n)).p};
    if (server->bimserver)
        setup.announcers[setup.announcer_count++] = rb_bimserver_announcer(server->bimserver);
    setup.kinds = rb_setup_kinds(config, setup.self_path, &server->arena, &setup.kind_count);
    if (rb_jobs_new(&setup, &server->jobs, why) != RB_OK) return false;
    rb_sio_set_jobs(server->socketio, server->jobs);
    if (server->bimserver) rb_bimserver_set_jobs(server->bimserver, server->jobs);
    return true;
}

static void make_native(struct rb_server *server)
{
    const struct rb_config *config = server->setup.config;
    struct rb_native_setup setup = {.loops = server->loops,
                                    .loop_count = server->loop_count,
                                    .hub = server->hub,
                                    .jobs = server->jobs,
                                    .files = server->files,
                                    .auth = server->auth,
                                    .tickets = server->tickets,
                                    .sessions = server->sessions,
                                    .scratches = server->scratches,
                                    .links = server->links,
                                    .upload_max_bytes = config->files.upload_bytes_max,
                                    .link_ttl_ms = config->files.link_ttl_ms,
                                    .origins = config->origins.items,
                                    .origin_count = (unsigned)config->origins.count,
                                    .wait_max_ms = config->http.wait_ms_max,
                                    .message_max_bytes = (uint32_t)config->websocket.message_bytes_max,
                                    .event_max_bytes = (uint32_t)config->topics.message_bytes_max,
                                    .subscriptions_max = (uint32_t)config->connection.subscriptions_max,
                                    .ping_interval_ms = (uint32_t)config->websocket.ping_interval_ms,
                                    .ping_timeout_ms = (uint32_t)config->websocket.ping_timeout_ms,
                                    .auth_timeout_ms = (uint32_t)config->websocket.auth_timeout_ms,
                                    .dev_echo = server->setup.is_dev,
                                    .is_ready = is_ready,
                                    .ready_arg = server};
    server->native = rb_native_new(&setup);
}

static bool open_doors(struct rb_server *server, struct rb_buf *why)
{
    server->router = rb_router_new();
    if (rb_native_add_routes(server->native, server->router) != RB_OK) return false;
    if (rb_links_add_routes(server->links, server->router) != RB_OK) return false;
    if (server->setup.has_clock_control) rb_test_clock_add_route(server->router);
    if (server->setup.config->envoy.is_enabled) {
        make_envoy(server);
        if (rb_envoy_add_routes(server->envoy, server->router, why) != RB_OK) return false;
    }
    if (server->setup.config->era.is_enabled) {
        make_era(server);
        if (rb_era_add_routes(server->era, server->router, why) != RB_OK) return false;
    }
    if (server->bimserver && rb_bimserver_add_routes(server->bimserver, server->router, why) != RB_OK)
        return false;
    if (!server->setup.config->socketio.is_enabled) return true;
    return rb_sio_add_routes(server->socketio, server->router, why) == RB_OK;
}

/* ---- listening ---- */

static bool open_listeners(struct rb_server *server, struct rb_buf *why)
{
    const struct rb_config *config = server->setup.config;
    rb_str host = config->listen.host;
    server->port = (uint16_t)config->listen.port;
    if (server->port && !rb_listen_is_free(host, server->port, why)) return false;
    for (unsigned i = 0; i < server->loop_count; i++)
        if (!rb_listen_socket(host, server->port, (uint32_t)config->connection.send_buffer_bytes,
                              &server->servings[i].listen_fd, &server->port, why))
            return false;
    uint16_t pb_port = config->bimserver.is_enabled ? (uint16_t)config->bimserver.protobuf_port : 0;
    if (pb_port && !rb_listen_is_free(host, pb_port, why)) return false;
    for (unsigned i = 0; pb_port && i < server->loop_count; i++)
        if (!rb_listen_socket(host, pb_port, (uint32_t)config->connection.send_buffer_bytes,
                              &server->servings[i].pb_fd, &pb_port, why))
            return false;
    return true;
}

static void open_pb(struct rb_server *server, unsigned i)
{
    struct serving *serving = &server->servings[i];
    if (serving->pb_fd < 0) return;
    void *pb =
        rb_bimserver_open_pb(server->bimserver, i, serving->net, server->admission, server->connections_max);
    serving->pb_listener = rb_listener_open(serving->loop, serving->pb_fd, rb_bimserver_accept_pb, pb);
    rb_listener_set_gate(serving->pb_listener, rb_admission_is_open, server->admission);
    serving->pb_fd = -1;
}

static void open_servings(struct rb_server *server)
{
    const struct rb_config *config = server->setup.config;
    struct rb_net_limits net_limits = {.output_max = config->connection.output_bytes_max,
                                       .write_timeout_ms = (uint32_t)config->http.write_timeout_ms,
                                       .admission = server->admission};
    struct rb_http_limits http_limits = {
        .head = {.head_max = config->http.head_bytes_max, .target_max = config->http.target_bytes_max},
        .body_max = config->http.body_bytes_max,
        .header_timeout_ms = (uint32_t)config->http.header_timeout_ms,
        .body_timeout_ms = (uint32_t)config->http.body_timeout_ms,
        .idle_timeout_ms = (uint32_t)config->http.idle_timeout_ms,
        .connections_max = server->connections_max,
        .admission = server->admission,
    };
    for (unsigned i = 0; i < server->loop_count; i++) {
        struct serving *serving = &server->servings[i];
        serving->net = rb_net_new(serving->loop, &net_limits);
        serving->http = rb_http_new(serving->net, server->router, &http_limits);
        rb_sio_set_http(server->socketio, i, serving->http);
        serving->listener =
            rb_listener_open(serving->loop, serving->listen_fd, rb_http_accept, serving->http);
        rb_listener_set_gate(serving->listener, rb_admission_is_open, server->admission);
        serving->listen_fd = -1;
        open_pb(server, i);
    }
}

/* ---- all of it ---- */

bool server_open_rooms(struct rb_server *server, struct rb_buf *why)
{
    open_loops(server);
    server->admission =
        rb_descriptors_share_out(server->setup.config, server->loop_count, &server->connections_max);
    if (!open_listeners(server, why) || !open_data(server, why)) return false;
    open_hub(server);
    open_sessions(server);
    make_socketio(server);
    const struct rb_config *config = server->setup.config;
    if (config->era.is_enabled || config->bimserver.is_enabled) server->outgoing = rb_outgoing_new();
    if (config->bimserver.is_enabled) make_bimserver(server);
    if (!open_jobs(server, why)) return false;
    make_native(server);
    if (!open_doors(server, why)) return false;
    open_servings(server);
    return true;
}
