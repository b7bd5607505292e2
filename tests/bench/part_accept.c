/* Jobs accepted per second: callers on connections that they keep, each with one request under way. An answer
 * is a job on disk, so this is a measure of group commit, and of the disk.
 *
 * Twice: with a kind of which the first job never ends, so that nothing but accepting happens; and with the
 * demo's kind `noop`, four of which run /bin/true meanwhile and take processor, commits and disk from it. */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "link.h"
#include "measure.h"
#include "server.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READY_MAX = 256, STALL_S = 15 };

struct variant {
    const char *kind, *config, *name, *label;
    double goal, p99_goal_ms; /* 0: none */
};

static const struct variant variants[] = {
    {"held",
     "jobs:\n  held:\n    command: [/bin/sleep, \"3600\"]\n    concurrency: 1\n    queue_max: 1000000\n",
     "accepted_per_second", "jobs accepted, none of them runs", 5000, 20},
    {"noop", NULL, "accepted_while_running_per_second", "jobs accepted, while four at a time run /bin/true"},
};

struct caller {
    struct link link;
    uint64_t sent_ns;
};

struct crowd {
    struct bench *bench;
    int epoll_fd;
    struct caller *callers;
    unsigned count, under_way;
    struct rb_buf request;
    uint64_t sent, refused, until_ns, last_ns;
    struct samples samples; /* one an accepted job */
};

static bool wants_more(const struct crowd *crowd)
{
    unsigned most = crowd->bench->options.jobs_max;
    return !bench_is_interrupted() && (!most || crowd->sent < most) && crowd->last_ns < crowd->until_ns;
}

static bool call(struct crowd *crowd, struct caller *caller)
{
    caller->sent_ns = rb_clock_real_ns();
    crowd->sent++;
    crowd->under_way++;
    return link_send(caller->link.fd, rb_buf_str(&crowd->request));
}

static bool take_answers(struct crowd *crowd, struct caller *caller)
{
    struct link_answer answer;
    switch (link_read_answer(&caller->link, MSG_DONTWAIT, &answer)) {
    case LINK_MORE: return true;
    case LINK_CLOSED: return report_fail(&crowd->bench->report, "accept: the server closed a connection");
    case LINK_ANSWER: break;
    }
    crowd->last_ns = rb_clock_real_ns();
    crowd->under_way--;
    if (answer.status == 202)
        samples_add(&crowd->samples, crowd->last_ns - caller->sent_ns);
    else if (crowd->refused++ == 0)
        report_fail(&crowd->bench->report, "accept: answered %d instead of 202: %.200s", answer.status,
                    rb_buf_text(&caller->link.body));
    return !wants_more(crowd) || call(crowd, caller);
}

static bool open_callers(struct crowd *crowd, uint16_t port)
{
    for (unsigned i = 0; i < crowd->count; i++) {
        struct caller *caller = &crowd->callers[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
        if (!link_open(&caller->link, port) ||
            epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, caller->link.fd, &event) != 0)
            return report_fail(&crowd->bench->report, "accept: no connection");
    }
    return true;
}

static bool run_callers(struct crowd *crowd)
{
    struct epoll_event ready[READY_MAX];
    bool is_good = true;
    for (unsigned i = 0; i < crowd->count && is_good && wants_more(crowd); i++)
        is_good = call(crowd, &crowd->callers[i]);
    while (is_good && crowd->under_way > 0) {
        int n = epoll_wait(crowd->epoll_fd, ready, READY_MAX, 100);
        for (int i = 0; i < n && is_good; i++) is_good = take_answers(crowd, ready[i].data.ptr);
        if (measure_seconds_since(crowd->last_ns) > STALL_S)
            is_good = report_fail(&crowd->bench->report, "accept: no answer for %d s", STALL_S);
    }
    return is_good && crowd->refused == 0;
}

static void add_figures(struct crowd *crowd, const struct variant *variant, double seconds)
{
    double p99_ms = samples_percentile_us(&crowd->samples, 0.99) / 1e3;
    struct figure rate = {.part = "accept",
                          .unit = "/s",
                          .value = (double)crowd->samples.count / seconds,
                          .goal_kind = variant->goal > 0 ? GOAL_AT_LEAST : GOAL_NONE,
                          .goal = variant->goal};
    struct figure p99 = {.part = "accept",
                         .name = "accepted_p99_ms",
                         .label = "  until the answer, p99",
                         .unit = "ms",
                         .value = p99_ms,
                         .goal_kind = GOAL_AT_MOST,
                         .goal = variant->p99_goal_ms};
    snprintf(rate.name, sizeof rate.name, "%s", variant->name);
    snprintf(rate.label, sizeof rate.label, "%s", variant->label);
    snprintf(rate.note, sizeof rate.note, "%u callers; 202 after p50 %.2f ms, p99 %.2f ms", crowd->count,
             samples_percentile_us(&crowd->samples, 0.5) / 1e3, p99_ms);
    report_add(&crowd->bench->report, &rate);
    if (variant->goal > 0) report_add(&crowd->bench->report, &p99);
}

static bool measure_crowd(struct crowd *crowd, const struct server *server, const struct variant *variant)
{
    char target[64];
    snprintf(target, sizeof target, "/v1/jobs/%s", variant->kind);
    link_put_request(&crowd->request, "POST", target, server->client_token, RB_STR("{}"));
    if (!open_callers(crowd, server->port)) return false;
    uint64_t begun_ns = rb_clock_real_ns();
    crowd->last_ns = begun_ns;
    crowd->until_ns = begun_ns + (uint64_t)(crowd->bench->options.seconds * 1e9);
    if (!run_callers(crowd)) return false;
    add_figures(crowd, variant, (double)(crowd->last_ns - begun_ns) / 1e9);
    return true;
}

static bool measure_variant(struct bench *bench, const struct variant *variant)
{
    struct server server;
    unsigned count = bench->options.callers;
    if (!server_start(&server, bench, variant->config)) return false;
    struct crowd crowd = {.bench = bench,
                          .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                          .callers = rb_new_array(struct caller, count),
                          .count = count};
    bool is_good = measure_crowd(&crowd, &server, variant);
    for (unsigned i = 0; i < count; i++) link_close(&crowd.callers[i].link);
    close(crowd.epoll_fd);
    rb_free(crowd.callers);
    rb_buf_fini(&crowd.request);
    samples_fini(&crowd.samples);
    return server_stop(&server, bench) && is_good;
}

bool part_accept(struct bench *bench)
{
    bool is_good = true;
    for (size_t i = 0; i < RB_COUNT(variants) && is_good && !bench_is_interrupted(); i++)
        is_good = measure_variant(bench, &variants[i]);
    return is_good;
}
