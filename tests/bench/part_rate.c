/* A fixed rate that is more than one send for each event and subscriber can bear: whoever lets events gather
 * while he is busy keeps up. Events are due at fixed times, whether or not the last is through; how long a
 * delivery takes counts from when its event was due. The bare loop beside it is the coalescing one. */
#include "base/clock.h"
#include "source.h"

#include <stdio.h>

enum { PER_SECOND = 400, DRAIN_MS = 20000, RIVALS = 2 };

struct rival {
    struct source source;
    struct series kept, p50, p99, cpu;
};

static uint64_t due_ns(uint64_t begun_ns, unsigned event)
{
    return begun_ns + (uint64_t)event * 1000000000 / PER_SECOND;
}

/* Publishes what is due; an event that no publisher is free for comes with the next. */
static bool publish_due(struct source *source, uint64_t begun_ns, unsigned events, unsigned *sent)
{
    uint64_t now_ns = rb_clock_real_ns();
    if (!source_take_answers(source, false)) return false;
    while (*sent < events && due_ns(begun_ns, *sent) <= now_ns) {
        audience_add_event(&source->audience, due_ns(begun_ns, *sent));
        if (!source_publish(source, 1)) {
            source->audience.next--;
            return true;
        }
        (*sent)++;
    }
    return true;
}

static bool is_sound(struct source *source)
{
    return audience_is_sound(&source->audience, source->whose, &source->bench->report);
}

static bool run_events(struct source *source, uint64_t begun_ns, unsigned events)
{
    enum { WAIT_NS = 1000000 };
    static const uint64_t late_ns = 20000000000;
    audience_begin_round(&source->audience, 0);
    for (unsigned sent = 0; sent < events;) {
        if (!publish_due(source, begun_ns, events, &sent)) return false;
        uint64_t now_ns = rb_clock_real_ns(), next_ns = due_ns(begun_ns, sent);
        uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
        audience_read(&source->audience, wait_ns < WAIT_NS ? wait_ns : WAIT_NS);
        if (bench_is_interrupted() || source->audience.closed > 0) return is_sound(source) && false;
        if (now_ns > next_ns + late_ns)
            return report_fail(&source->bench->report, "rate: %s is far behind", source->whose);
    }
    if (!audience_await_round(&source->audience, DRAIN_MS)) return is_sound(source);
    return source_take_answers(source, true);
}

static bool run_turn(struct rival *rival, double seconds)
{
    struct source *source = &rival->source;
    struct samples samples = {0};
    unsigned events = (unsigned)(seconds * PER_SECOND);
    double cpu_us = measure_cpu_us(source->pid);
    uint64_t begun_ns = rb_clock_real_ns();
    source->audience.latencies = &samples;
    bool is_good = run_events(source, begun_ns, events);
    source->audience.latencies = NULL;
    double took_s = measure_seconds_since(begun_ns),
           cpu_share = (measure_cpu_us(source->pid) - cpu_us) / 1e6 / took_s;
    if (is_good) {
        series_add(&rival->kept, events / took_s);
        series_add(&rival->p50, samples_percentile_us(&samples, 0.5) / 1e3);
        series_add(&rival->p99, samples_percentile_us(&samples, 0.99) / 1e3);
        series_add(&rival->cpu, cpu_share);
    }
    samples_fini(&samples);
    return is_good && !bench_is_interrupted();
}

/* ---- what comes out ---- */

static void add_rate(struct report *report, const struct rival *rival, const char *name, const char *label,
                     double goal)
{
    struct figure figure = {.part = "rate",
                            .unit = "/s",
                            .value = series_median(&rival->kept),
                            .goal_kind = goal > 0 ? GOAL_AT_LEAST : GOAL_NONE,
                            .goal = goal};
    snprintf(figure.name, sizeof figure.name, "%s", name);
    snprintf(figure.label, sizeof figure.label, "%s", label);
    snprintf(figure.note, sizeof figure.note,
             "%.0f to %.0f; %.0f %% of a core; delivered after p50 %.2f, p99 %.2f ms (%.2f to %.2f)",
             series_min(&rival->kept), series_max(&rival->kept), 100 * series_median(&rival->cpu),
             series_median(&rival->p50), series_median(&rival->p99), series_min(&rival->p99),
             series_max(&rival->p99));
    report_add(report, &figure);
}

static void add_figures(struct report *report, const struct rival rivals[RIVALS])
{
    struct series ratio = {0};
    for (unsigned i = 0; i < rivals[0].p99.count; i++)
        series_add(&ratio, rivals[0].p99.values[i] / rivals[1].p99.values[i]);
    struct figure figure = {.part = "rate",
                            .name = "rate_p99_ratio",
                            .label = "  p99 of the delivery, Ringback / coalescing bare loop",
                            .unit = "",
                            .value = series_median(&ratio),
                            .goal_kind = GOAL_AT_MOST,
                            .goal = 1.5};
    snprintf(figure.note, sizeof figure.note, "%.2f to %.2f", series_min(&ratio), series_max(&ratio));
    /* The last delivery comes after the last event was due, so a little is missing when it keeps up. */
    add_rate(report, &rivals[0], "rate_per_second", "events to all subscribers, 400 each second are due",
             0.97 * PER_SECOND);
    add_rate(report, &rivals[1], "rate_bare_per_second", "  the same by a coalescing bare loop", 0);
    report_add(report, &figure);
}

static bool measure(struct bench *bench, struct rival rivals[RIVALS])
{
    struct source *ringback = &rivals[0].source, *bare = &rivals[1].source;
    unsigned count = bench->options.subscribers;
    if (!source_open_ringback(ringback, bench, count, EVENT_BYTES_DEFAULT)) return false;
    if (!source_gather(ringback, count)) return false;
    source_learn(ringback);
    if (!source_open_bare(bare, bench, BARE_COALESCE, ringback) || !source_gather(bare, count)) return false;
    for (unsigned i = 0; i < RIVALS * bench->options.rounds; i++)
        if (!run_turn(&rivals[i % RIVALS], 2 * bench->options.seconds / bench->options.rounds)) return false;
    add_figures(&bench->report, rivals);
    return true;
}

bool part_rate(struct bench *bench)
{
    struct rival rivals[RIVALS] = {0};
    bool is_good = measure(bench, rivals);
    for (unsigned i = 0; i < RIVALS; i++)
        if (rivals[i].source.bench && !source_close(&rivals[i].source)) is_good = false;
    return is_good;
}
