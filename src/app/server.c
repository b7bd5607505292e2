#include "app/server.h"

#include "app/descriptors.h"
#include "app/setup.h"
#include "app/test_clock.h"
#include "auth/login.h"
#include "auth/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/native/native.h"
#include "hub/policy.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOPS_MAX = 64, CLOSE_GRACE_MS = 3000, CLOSE_STEP_MS = 20 };
enum { SESSION_IDLE_MS = 60 * 60 * 1000, SESSION_GRACE_MS = 30 * 1000 };

/* A loop that serves connections, with its thread. */
struct serving {
    struct rb_server *server;
    struct rb_loop *loop;
    struct rb_net *net;
    struct rb_http *http;
    struct rb_listener *listener;
    int listen_fd; /* until the listener has it; -1 then */
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
    struct rb_envoy_door *envoy; /* NULL: it is not open */
    struct rb_era_door *era;     /* likewise, and outgoing */
    struct rb_outgoing *outgoing;
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

/* ---- opening ---- */

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
        server->servings[i] = (struct serving){.server = server, .loop = server->loops[i], .listen_fd = -1};
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

static void make_era(struct rb_server *server)
{
    server->outgoing = rb_outgoing_new();
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
                                  .announcer = rb_sio_announcer(server->socketio),
                                  .tenant_jobs_max = (uint32_t)config->limits.jobs_per_tenant,
                                  .url = rb_setup_url(config, server->port, &server->arena),
                                  .self_path =
                                      rb_arena_copy(&server->arena, rb_str_make(self_path, (size_t)n)).p};
    setup.kinds = rb_setup_kinds(config, setup.self_path, &server->arena, &setup.kind_count);
    if (rb_jobs_new(&setup, &server->jobs, why) != RB_OK) return false;
    rb_sio_set_jobs(server->socketio, server->jobs);
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
    if (!server->setup.config->socketio.is_enabled) return true;
    return rb_sio_add_routes(server->socketio, server->router, why) == RB_OK;
}

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
    return true;
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
    }
}

static void on_signal(void *arg, int number);

bool rb_server_open(const struct rb_server_setup *setup, struct rb_server **out_server, struct rb_buf *why)
{
    struct rb_server *server = rb_new(struct rb_server);
    server->setup = *setup;
    open_loops(server);
    server->admission = rb_descriptors_share_out(setup->config, server->loop_count, &server->connections_max);
    bool is_open = open_listeners(server, why) && open_data(server, why);
    if (is_open) {
        open_hub(server);
        open_sessions(server);
        make_socketio(server);
        is_open = open_jobs(server, why);
    }
    if (is_open) {
        make_native(server);
        is_open = open_doors(server, why);
    }
    if (!is_open) {
        rb_server_close(server);
        return false;
    }
    open_servings(server);
    /* Already here: whoever is told that the server is there may end it at once. */
    rb_loop_on_signal(server->jobs_loop, SIGINT, on_signal, server);
    rb_loop_on_signal(server->jobs_loop, SIGTERM, on_signal, server);
    *out_server = server;
    return true;
}

unsigned rb_server_port(const struct rb_server *server)
{
    return server->port;
}

unsigned rb_server_loop_count(const struct rb_server *server)
{
    return server->loop_count;
}

struct rb_store *rb_server_store(struct rb_server *server)
{
    return server->store;
}

/* ---- stopping ---- First no new connections, then the workers end and what became of their jobs is told to
 * who still listens, then clients are closed, then the loops stop. */

static void on_all_closed(struct rb_mail *mail)
{
    struct rb_server *server = RB_OUTER(mail, struct rb_server, all_closed);
    rb_loop_stop(server->jobs_loop);
}

static void on_close_step(struct rb_timer *timer)
{
    struct serving *serving = RB_OUTER(timer, struct serving, close_timer);
    struct rb_server *server = serving->server;
    if (rb_net_stream_count(serving->net) > 0 && rb_clock_ms() < serving->close_until_ms) {
        rb_timer_start(serving->loop, timer, CLOSE_STEP_MS, on_close_step);
        return;
    }
    rb_http_end(serving->http);
    rb_loop_stop(serving->loop);
    if (atomic_fetch_sub(&server->open_servings, 1) > 1) return;
    server->all_closed.run = on_all_closed;
    rb_loop_post(server->jobs_loop, &server->all_closed);
}

static void on_close(struct rb_mail *mail)
{
    struct serving *serving = RB_OUTER(mail, struct serving, close_mail);
    rb_sio_close_links(serving->server->socketio, RB_SHUTTING_DOWN);
    rb_native_close_all(serving->server->native, RB_SHUTTING_DOWN);
    rb_envoy_close_all(serving->server->envoy, RB_SHUTTING_DOWN);
    rb_era_close_all(serving->server->era, RB_SHUTTING_DOWN);
    serving->close_until_ms = rb_clock_ms() + CLOSE_GRACE_MS;
    rb_timer_start(serving->loop, &serving->close_timer, CLOSE_STEP_MS, on_close_step);
}

static void on_drain(struct rb_mail *mail)
{
    struct serving *serving = RB_OUTER(mail, struct serving, drain_mail);
    rb_listener_close(serving->listener);
    serving->listener = NULL;
    rb_http_drain(serving->http);
}

static void on_jobs_stopped(void *arg)
{
    struct rb_server *server = arg;
    for (unsigned i = 0; i < server->loop_count; i++) {
        server->servings[i].close_mail.run = on_close;
        rb_loop_post(server->loops[i], &server->servings[i].close_mail);
    }
}

static void on_signal(void *arg, int number)
{
    struct rb_server *server = arg;
    if (!server->is_running || atomic_exchange(&server->is_stopping, true)) return;
    RB_LOG_INFO("server.stopping", RB_KV_TEXT("signal", number == SIGINT ? "SIGINT" : "SIGTERM"));
    for (unsigned i = 0; i < server->loop_count; i++) {
        server->servings[i].drain_mail.run = on_drain;
        rb_loop_post(server->loops[i], &server->servings[i].drain_mail);
    }
    rb_jobs_stop(server->jobs, on_jobs_stopped, server);
}

/* ---- running ---- */

static void *serve(void *arg)
{
    struct serving *serving = arg;
    rb_loop_run(serving->loop);
    return NULL;
}

void rb_server_run(struct rb_server *server)
{
    atomic_store(&server->open_servings, server->loop_count);
    server->is_running = true;
    for (unsigned i = 0; i < server->loop_count; i++) {
        struct serving *serving = &server->servings[i];
        RB_CHECK(pthread_create(&serving->thread, NULL, serve, serving) == 0);
        serving->has_thread = true;
    }
    rb_loop_run(server->jobs_loop);
    server->is_running = false;
    for (unsigned i = 0; i < server->loop_count; i++) pthread_join(server->servings[i].thread, NULL);
    RB_LOG_INFO("server.stopped");
}

/* ---- closing ---- Letters and work under way may still lead from one room to another, so all of that ends
 * before anything is freed. */

enum {
    LETTER_HOPS_MAX = 4
}; /* a letter may cause another on a loop that has just ended, and so on, but not for long */

static void end_loops(struct rb_server *server)
{
    rb_logins_close(server->logins); /* checks that wait for others would be more hops */
    for (int hop = 0; hop < LETTER_HOPS_MAX; hop++) {
        for (unsigned i = 0; i < server->loop_count; i++) rb_loop_end(server->loops[i]);
        rb_loop_end(server->jobs_loop);
    }
}

void rb_server_close(struct rb_server *server)
{
    if (!server) return;
    rb_outgoing_free(server->outgoing);
    end_loops(server);
    if (server->hub) rb_hub_save_policies(server->hub);
    if (server->store) rb_store_close(server->store);
    end_loops(server);
    for (unsigned i = 0; i < server->loop_count; i++) {
        struct serving *serving = &server->servings[i];
        if (serving->listen_fd >= 0) close(serving->listen_fd);
        rb_listener_close(serving->listener);
        rb_http_free(serving->http);
        rb_net_free(serving->net);
    }
    rb_admission_free(server->admission);
    rb_jobs_free(server->jobs);
    rb_native_free(server->native);
    rb_envoy_door_free(server->envoy);
    rb_era_door_free(server->era);
    rb_sio_door_free(server->socketio);
    rb_router_free(server->router);
    rb_auth_free(server->auth);
    rb_tickets_free(server->tickets);
    rb_signing_free(server->signing);
    rb_logins_free(server->logins);
    rb_sessions_free(server->sessions);
    rb_hub_free(server->hub);
    rb_links_free(server->links);
    rb_scratches_free(server->scratches);
    rb_files_close(server->files);
    for (unsigned i = 0; i < server->loop_count; i++) rb_loop_free(server->loops[i]);
    rb_loop_free(server->jobs_loop);
    rb_arena_fini(&server->arena);
    rb_free(server);
}
