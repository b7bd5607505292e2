/* The native door with everything below it, in a directory of its own: two serving loops, each with a port,
 * and a jobs loop. Tests talk to it over blocking sockets. Time is the test clock's.
 *
 * Main programs give their arguments to rig_main, since workers are started through the test program. */
#ifndef NATIVE_RIG_H
#define NATIVE_RIG_H

#include "test.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/native/native.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOPS = 2,
    PATIENCE_S = 30,
    PING_INTERVAL_MS = 25000,
    PING_TIMEOUT_MS = 20000,
    AUTH_TIMEOUT_MS = 10000
};
enum { MESSAGE_MAX = 1024 * 1024, SUBSCRIPTIONS_MAX = 20, WAIT_MAX_MS = 60000 };

struct serving {
    struct rb_loop *loop;
    struct rb_net *net;
    struct rb_http *http;
    struct rb_listener *listener;
    uint16_t port;
    pthread_t thread;
};

static struct rig {
    char dir[200];
    struct rb_store *store;
    struct rb_files *files;
    struct rb_hub *hub;
    struct rb_auth *auth;
    struct rb_tickets *tickets;
    struct rb_jobs *jobs;
    struct rb_native *native;
    struct rb_router *router;
    struct rb_loop *loops[LOOPS], *jobs_loop;
    pthread_t jobs_thread;
    struct serving servings[LOOPS];
    _Atomic bool is_ready;
} rig;

/* What tokens say; they are used as they are. */
static const struct {
    const char *token;
    struct rb_identity identity;
} people[] = {
    {"acme-crm", {{"acme", 4}, {"crm", 3}, RB_ROLE_BACKEND}},
    {"acme-ann", {{"acme", 4}, {"ann", 3}, RB_ROLE_CLIENT}},
    {"acme-bob", {{"acme", 4}, {"bob", 3}, RB_ROLE_CLIENT}},
    {"other-erp", {{"other", 5}, {"erp", 3}, RB_ROLE_BACKEND}},
    {"other-eve", {{"other", 5}, {"eve", 3}, RB_ROLE_CLIENT}},
};

/* ---- acting on loops ---- */

struct visit {
    struct rb_mail mail;
    void (*act)(void *arg);
    void *arg;
    sem_t done;
};

static void on_visit(struct rb_mail *mail)
{
    struct visit *visit = RB_OUTER(mail, struct visit, mail);
    visit->act(visit->arg);
    sem_post(&visit->done);
}

static inline void wait_for(sem_t *sem)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    while (sem_timedwait(sem, &until) != 0)
        if (errno != EINTR) fail_msg("nothing happened");
}

static inline void on(struct rb_loop *loop, void (*act)(void *arg), void *arg)
{
    struct visit visit = {.mail = {.run = on_visit}, .act = act, .arg = arg};
    sem_init(&visit.done, 0, 0);
    rb_loop_post(loop, &visit.mail);
    wait_for(&visit.done);
    sem_destroy(&visit.done);
}

static void act_nothing(void *arg)
{
    (void)arg;
}

/* Letters that were under way have arrived, and what they led to. */
static inline void settle(void)
{
    for (int round = 0; round < 6; round++)
        for (int i = 0; i < LOOPS; i++) on(rig.loops[i], act_nothing, NULL);
}

/* ---- opening ---- */

static inline void add_people(void)
{
    struct rb_tx *tx = rb_tx_new();
    for (size_t i = 0; i < RB_COUNT(people); i++)
        rb_token_add(tx, rb_str_of(people[i].token), &people[i].identity, people[i].identity.client, 0);
    assert_int_equal(rb_store_commit_wait(rig.store, tx), RB_OK);
    rb_tx_free(tx);
}

static inline void open_jobs(void)
{
    static char shell[] = "/bin/sh", run[] = "-c";
    static char quick_script[] = "echo working; echo '{\"progress\":50,\"title\":\"Half\"}'; "
                                 "printf result > \"$RINGBACK_OUT/result.txt\"";
    static char slow_script[] = "while :; do sleep 1; done", failing_script[] = "echo broken >&2; exit 3";
    static char *const quick[] = {shell, run, quick_script, NULL},
                       *const slow[] = {shell, run, slow_script, NULL},
                       *const failing[] = {shell, run, failing_script, NULL};
    static struct rb_job_kind kinds[3];
    static const struct rb_job_kind common = {.command_count = 3,
                                              .timeout_ms = 3600000,
                                              .kill_grace_ms = 1000,
                                              .queue_timeout_ms = 24 * 3600000,
                                              .concurrency = 2,
                                              .queue_max = 100,
                                              .attempts = 1,
                                              .result_bytes_max = 1000000,
                                              .result_keep_ms = 3600000,
                                              .log_bytes_max = 10000};
    struct rb_buf why = {0};
    for (size_t i = 0; i < RB_COUNT(kinds); i++) kinds[i] = common;
    kinds[0].name = RB_STR("quick");
    kinds[0].command = quick;
    kinds[1].name = RB_STR("slow");
    kinds[1].command = slow;
    kinds[2].name = RB_STR("failing");
    kinds[2].command = failing;
    struct rb_jobs_setup setup = {.loop = rig.jobs_loop,
                                  .store = rig.store,
                                  .hub = rig.hub,
                                  .files = rig.files,
                                  .kinds = kinds,
                                  .kind_count = RB_COUNT(kinds),
                                  .self_path = "/proc/self/exe"};
    assert_int_equal(rb_jobs_new(&setup, &rig.jobs, &why), RB_OK);
}

static bool say_ready(void *arg, rb_str *out_why_not)
{
    (void)arg;
    *out_why_not = RB_STR("It is only a test.");
    return atomic_load(&rig.is_ready);
}

static inline void open_door(void)
{
    static const rb_str origins[] = {{"https://app.example", 19}};
    struct rb_native_setup setup = {.loops = rig.loops,
                                    .loop_count = LOOPS,
                                    .hub = rig.hub,
                                    .jobs = rig.jobs,
                                    .files = rig.files,
                                    .auth = rig.auth,
                                    .tickets = rig.tickets,
                                    .origins = origins,
                                    .origin_count = 1,
                                    .wait_max_ms = WAIT_MAX_MS,
                                    .message_max_bytes = MESSAGE_MAX,
                                    .subscriptions_max = SUBSCRIPTIONS_MAX,
                                    .ping_interval_ms = PING_INTERVAL_MS,
                                    .ping_timeout_ms = PING_TIMEOUT_MS,
                                    .auth_timeout_ms = AUTH_TIMEOUT_MS,
                                    .dev_echo = true,
                                    .is_ready = say_ready};
    rig.native = rb_native_new(&setup);
    rig.router = rb_router_new();
    assert_int_equal(rb_native_add_routes(rig.native, rig.router), RB_OK);
}

static void *run_loop(void *loop)
{
    rb_loop_run(loop);
    return NULL;
}

static inline void open_serving(struct serving *serving, struct rb_loop *loop)
{
    static const struct rb_net_limits net_limits = {.output_max = 1024 * 1024, .write_timeout_ms = 600000};
    static const struct rb_http_limits limits = {.head = {.head_max = 16384, .target_max = 8192},
                                                 .body_max = 1024 * 1024,
                                                 .header_timeout_ms = 600000,
                                                 .body_timeout_ms = 600000,
                                                 .idle_timeout_ms = 600000,
                                                 .connections_max = 1000};
    int fd;
    struct rb_buf why = {0};
    serving->loop = loop;
    serving->net = rb_net_new(loop, &net_limits);
    serving->http = rb_http_new(serving->net, rig.router, &limits);
    if (!rb_listen_socket(RB_STR("127.0.0.1"), 0, 0, &fd, &serving->port, &why))
        fail_msg("%s", rb_buf_text(&why));
    serving->listener = rb_listener_open(loop, fd, rb_http_accept, serving->http);
    pthread_create(&serving->thread, NULL, run_loop, loop);
}

static inline void rig_open(void)
{
    static const struct rb_topic_rule rules[] = {
        {.pattern = {"*/jobs/*", 8}, .keep = {1000, 1 << 28, 3600000, true}},
        {.pattern = {"*/durable/*", 11}, .keep = {1000, 1 << 28, 3600000, true}},
        {.pattern = {"*/last/*", 8}, .keep = {1, 1 << 28, 3600000, false}},
        {.pattern = {"**", 2}, .keep = {1000, 1 << 28, 3600000, false}},
    };
    struct rb_buf why = {0};
    rb_clock_test_enable();
    rb_log_setup(RB_LOG_LEVEL_ERROR, false);
    if (rb_store_open(rig.dir, true, &rig.store, &why)) fail_msg("%s", rb_buf_text(&why));
    add_people();
    assert_int_equal(rb_files_open(rig.dir, &rig.files, &why), RB_OK);
    for (int i = 0; i < LOOPS; i++) rig.loops[i] = rb_loop_new("serving");
    rig.jobs_loop = rb_loop_new("jobs");
    rig.hub = rb_hub_new(rig.store, rig.loops, LOOPS, rules, RB_COUNT(rules));
    rig.auth = rb_auth_new(rig.store, rig.loops, LOOPS);
    rig.tickets = rb_tickets_new(rig.store);
    open_jobs();
    open_door();
    atomic_store(&rig.is_ready, true);
    for (int i = 0; i < LOOPS; i++) open_serving(&rig.servings[i], rig.loops[i]);
    pthread_create(&rig.jobs_thread, NULL, run_loop, rig.jobs_loop);
}

/* ---- closing ---- */

static void act_close_listener(void *arg)
{
    struct serving *serving = arg;
    rb_listener_close(serving->listener);
    serving->listener = NULL;
    rb_http_drain(serving->http);
}

static void act_close_all(void *arg)
{
    (void)arg;
    rb_native_close_all(rig.native, RB_SHUTTING_DOWN);
}

struct look {
    struct serving *serving;
    unsigned streams;
};

static void act_count(void *arg)
{
    struct look *look = arg;
    look->streams = rb_net_stream_count(look->serving->net);
}

/* Closing sockets wait for their peers, closed streams linger: both end as time passes. */
static inline void wait_for_streams(struct serving *serving, unsigned wanted)
{
    struct look look = {.serving = serving};
    uint64_t give_up_ns = rb_clock_real_ns() + PATIENCE_S * 1000000000ull;
    for (;;) {
        on(serving->loop, act_count, &look);
        if (look.streams == wanted) return;
        if (rb_clock_real_ns() > give_up_ns) fail_msg("%u streams are left", look.streams);
        rb_clock_test_advance_ms(100);
        sched_yield();
    }
}

static void on_jobs_stopped(void *arg)
{
    sem_post(arg);
}

static void act_stop_jobs(void *stopped)
{
    rb_jobs_stop(rig.jobs, on_jobs_stopped, stopped);
}

/* Several times, since what one loop's end leads to may go to another. */
static inline void end_loops(void)
{
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < LOOPS; i++) rb_loop_end(rig.loops[i]);
        rb_loop_end(rig.jobs_loop);
    }
}

static inline void rig_close(void)
{
    for (int i = 0; i < LOOPS; i++) on(rig.loops[i], act_close_listener, &rig.servings[i]);
    sem_t stopped;
    sem_init(&stopped, 0, 0);
    on(rig.jobs_loop, act_stop_jobs, &stopped);
    wait_for(&stopped); /* from then on it only answers */
    for (int i = 0; i < LOOPS; i++) on(rig.loops[i], act_close_all, NULL);
    for (int i = 0; i < LOOPS; i++) wait_for_streams(&rig.servings[i], 0);
    for (int i = 0; i < LOOPS; i++) rb_loop_stop(rig.loops[i]);
    for (int i = 0; i < LOOPS; i++) pthread_join(rig.servings[i].thread, NULL);
    rb_loop_stop(rig.jobs_loop);
    pthread_join(rig.jobs_thread, NULL);
    end_loops();
    rb_store_close(rig.store);
    end_loops();
    for (int i = 0; i < LOOPS; i++) {
        rb_http_free(rig.servings[i].http);
        rb_net_free(rig.servings[i].net);
    }
    rb_jobs_free(rig.jobs);
    rb_native_free(rig.native);
    rb_router_free(rig.router);
    rb_auth_free(rig.auth);
    rb_tickets_free(rig.tickets);
    rb_hub_free(rig.hub);
    rb_files_close(rig.files);
    for (int i = 0; i < LOOPS; i++) rb_loop_free(rig.loops[i]);
    rb_loop_free(rig.jobs_loop);
}

static inline int rig_set_up(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    rig = (struct rig){0};
    snprintf(rig.dir, sizeof rig.dir, "%s/rb-native-XXXXXX", base && strlen(base) < 150 ? base : "/tmp");
    if (!mkdtemp(rig.dir)) return -1;
    rig_open();
    return 0;
}

static inline int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static inline int rig_tear_down(void **state)
{
    (void)state;
    rig_close();
    nftw(rig.dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

#define ON_A_RIG(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

static inline int rig_main(int argc, char **argv, int (*tests)(void))
{
    if (argc > 1 && strcmp(argv[1], "worker-exec") == 0) return rb_worker_exec_main(argc, argv);
    return tests();
}

#endif
