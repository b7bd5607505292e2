#include "app/server_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <signal.h>
#include <unistd.h>

enum { CLOSE_GRACE_MS = 3000, CLOSE_STEP_MS = 20 };

/* ---- opening ---- */

bool rb_server_open(const struct rb_server_setup *setup, struct rb_server **out_server, struct rb_buf *why)
{
    struct rb_server *server = rb_new(struct rb_server);
    server->setup = *setup;
    if (!server_open_rooms(server, why)) {
        rb_server_close(server);
        return false;
    }
    /* Already here: whoever is told that the server is there may end it at once. */
    rb_loop_on_signal(server->jobs_loop, SIGINT, server_on_signal, server);
    rb_loop_on_signal(server->jobs_loop, SIGTERM, server_on_signal, server);
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
    rb_bimserver_close_all(serving->server->bimserver, RB_SHUTTING_DOWN);
    serving->close_until_ms = rb_clock_ms() + CLOSE_GRACE_MS;
    rb_timer_start(serving->loop, &serving->close_timer, CLOSE_STEP_MS, on_close_step);
}

static void on_drain(struct rb_mail *mail)
{
    struct serving *serving = RB_OUTER(mail, struct serving, drain_mail);
    rb_listener_close(serving->listener);
    rb_listener_close(serving->pb_listener);
    serving->listener = serving->pb_listener = NULL;
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

void server_on_signal(void *arg, int number)
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
        if (serving->pb_fd >= 0) close(serving->pb_fd);
        rb_listener_close(serving->listener);
        rb_listener_close(serving->pb_listener);
        rb_http_free(serving->http);
        rb_net_free(serving->net);
    }
    rb_admission_free(server->admission);
    rb_jobs_free(server->jobs);
    rb_native_free(server->native);
    rb_envoy_door_free(server->envoy);
    rb_era_door_free(server->era);
    rb_bimserver_door_free(server->bimserver);
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
