/* What a client that comes and subscribes costs the server's processor: connection, upgrade, token, one
 * message, its answer. Beside it a bare loop that accepts, answers the upgrade, reads one
 * message and answers it. */
#include "audience.h"
#include "bare.h"
#include "base/clock.h"
#include "server.h"

#include <stdio.h>

enum { CONNECTIONS = 5000, RIVALS = 2 };

struct rival {
    const char *whose;
    pid_t pid;
    uint16_t port;
    const char *token;
    struct bare *bare_or_null;
    struct audience audience;
    struct series cpu, rate;
};

static bool await_messages(struct rival *rival, unsigned count)
{
    return !rival->bare_or_null ||
           bare_await(rival->bare_or_null, count, (rival->cpu.count + 1) * (uint64_t)count);
}

static bool run_turn(struct bench *bench, struct rival *rival, unsigned count)
{
    double cpu_us = measure_cpu_us(rival->pid);
    uint64_t begun_ns = rb_clock_real_ns();
    bool is_good =
        audience_join(&rival->audience, rival->port, rival->token, count) && await_messages(rival, count);
    double seconds = measure_seconds_since(begun_ns);
    measure_await_idle(rival->pid);
    cpu_us = measure_cpu_us(rival->pid) - cpu_us;
    audience_leave(&rival->audience, 0);
    measure_await_idle(rival->pid);
    if (!is_good)
        return report_fail(&bench->report, "connect: %s did not take all connections", rival->whose);
    series_add(&rival->cpu, cpu_us / count);
    series_add(&rival->rate, count / seconds);
    return !bench_is_interrupted();
}

static void add_cost(struct report *report, const struct rival *rival, const char *name, const char *label)
{
    struct figure figure = {.part = "connect", .unit = "us", .value = series_median(&rival->cpu)};
    snprintf(figure.name, sizeof figure.name, "%s", name);
    snprintf(figure.label, sizeof figure.label, "%s", label);
    snprintf(figure.note, sizeof figure.note, "%.1f to %.1f; %.0f connections a second",
             series_min(&rival->cpu), series_max(&rival->cpu), series_median(&rival->rate));
    report_add(report, &figure);
}

static void add_figures(struct report *report, const struct rival rivals[RIVALS])
{
    struct series ratio = {0};
    for (unsigned i = 0; i < rivals[0].cpu.count; i++)
        series_add(&ratio, rivals[0].cpu.values[i] / rivals[1].cpu.values[i]);
    struct figure figure = {.part = "connect",
                            .name = "connect_ratio",
                            .label = "  Ringback / bare loop, processor of a connect with subscribe",
                            .unit = "",
                            .value = series_median(&ratio),
                            .goal_kind = GOAL_AT_MOST,
                            .goal = 1.3};
    snprintf(figure.note, sizeof figure.note, "%.2f to %.2f", series_min(&ratio), series_max(&ratio));
    add_cost(report, &rivals[0], "connect_us", "processor of a connect with subscribe");
    add_cost(report, &rivals[1], "connect_bare_us", "  a bare loop that answers the upgrade and the message");
    report_add(report, &figure);
}

static bool measure(struct bench *bench, struct rival rivals[RIVALS])
{
    unsigned count = CONNECTIONS < bench->options.wide ? CONNECTIONS : bench->options.wide;
    bool is_good = true;
    for (unsigned i = 0; i < RIVALS; i++) audience_init(&rivals[i].audience, count);
    rivals[1].audience.is_unanswered = true;
    for (unsigned i = 0; i < RIVALS * bench->options.rounds && is_good; i++)
        is_good = run_turn(bench, &rivals[i % RIVALS], count);
    if (is_good) add_figures(&bench->report, rivals);
    for (unsigned i = 0; i < RIVALS; i++) audience_fini(&rivals[i].audience);
    return is_good;
}

bool part_connect(struct bench *bench)
{
    struct server server;
    struct bare bare;
    if (!bare_open(&bare, BARE_ANSWER))
        return report_fail(&bench->report, "connect: the bare loop does not start");
    bool is_good = server_start(&server, bench, bench->is_pinned ? "threads: 1\n" : NULL);
    if (is_good) {
        struct rival rivals[RIVALS] = {
            {.whose = "Ringback", .pid = server.pid, .port = server.port, .token = server.client_token},
            {.whose = "the bare loop",
             .pid = bare.pid,
             .port = bare.port,
             .token = "none",
             .bare_or_null = &bare},
        };
        is_good = measure(bench, rivals);
        if (!server_stop(&server, bench)) is_good = false;
    }
    bare_stop(&bare);
    return is_good;
}
