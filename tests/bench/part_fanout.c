/* Fan-out: events published to one topic with many subscribers, one round after the other: publish, wait
 * until every subscriber has it, and again. Rounds are of one event (lockstep) or of many (bursts). */
#include "source.h"

#include <stdio.h>

enum { RIVALS_MAX = 3, STRAY_MS = 200 };

/* The same task for all rivals; the last of them is what Ringback's rate is divided by. */
struct task {
    const char *part;
    const char *name, *label; /* of the figures */
    unsigned events;          /* of a round */
    bool has_each;            /* also beside a loop with one send for each message */
    double goal;
};

static const struct task lockstep = {"fanout", "lockstep", "one event at a time", 1, false, 0.90};
static const struct task wide = {"wide", "wide", "one event at a time", 1, false, 0.95};
static const struct task bursts[] = {
    {"bursts", "bursts_32", "bursts of 32", 32, true, 0.90},
    {"bursts", "bursts_100", "bursts of 100", 100, true, 0.90},
    {"bursts", "bursts_1000", "bursts of 1,000", 1000, false, 0.90},
};

struct rival {
    struct source source;
    struct series rate, cpu;
};

struct match {
    struct bench *bench;
    unsigned subscribers, count; /* of rivals: Ringback first, then loops: one send for each, coalescing */
    bool fits;                   /* the client has descriptors for the subscribers of all at the same time */
    struct rival rivals[RIVALS_MAX];
};

/* ---- opening ---- */

static bool open_match(struct match *match, unsigned count)
{
    static const enum bare_form forms[] = {BARE_COALESCE, BARE_EACH};
    struct source *ringback = &match->rivals[0].source;
    match->fits = bench_can_hold(count * match->subscribers);
    match->count = 1;
    if (!source_open_ringback(ringback, match->bench, match->subscribers, EVENT_BYTES_DEFAULT)) return false;
    if (!source_gather(ringback, match->subscribers)) return false;
    source_learn(ringback);
    if (!match->fits) source_scatter(ringback);
    for (; match->count < count; match->count++) {
        struct source *bare = &match->rivals[match->count].source;
        enum bare_form form = forms[match->count - 1];
        if (!source_open_bare(bare, match->bench, form, ringback)) return false;
        if (match->fits && !source_gather(bare, match->subscribers)) return false;
    }
    return true;
}

static bool close_match(struct match *match)
{
    bool is_good = true;
    for (unsigned i = 0; i < RIVALS_MAX; i++)
        if (match->rivals[i].source.bench && !source_close(&match->rivals[i].source)) is_good = false;
    return is_good;
}

/* ---- running ---- */

static bool run_turn(struct match *match, struct rival *rival, unsigned events, struct samples *samples)
{
    struct turn turn;
    struct source *source = &rival->source;
    double seconds = match->bench->options.seconds / match->bench->options.rounds;
    if (!match->fits && !source_gather(source, match->subscribers)) return false;
    if (!source_run_turn(source, events, seconds, &turn, samples)) return false;
    if (!match->fits) source_scatter(source);
    series_add(&rival->rate, turn.per_second);
    series_add(&rival->cpu, turn.cpu_us_each);
    return true;
}

static void add_rate(struct match *match, const struct task *task, const char *suffix, const char *who,
                     const struct rival *rival, struct samples *samples_or_null)
{
    struct figure figure = {.part = task->part, .unit = "/s", .value = series_median(&rival->rate)};
    snprintf(figure.name, sizeof figure.name, "%s%s_per_second", task->name, suffix);
    snprintf(figure.label, sizeof figure.label, "%s, %u subscribers, %s", who, match->subscribers,
             task->label);
    int n = snprintf(figure.note, sizeof figure.note, "%.0f to %.0f; %.2f us of processor each",
                     series_min(&rival->rate), series_max(&rival->rate), series_median(&rival->cpu));
    if (samples_or_null)
        snprintf(figure.note + n, sizeof figure.note - (size_t)n, "; last has it after p50 %.1f, p99 %.1f ms",
                 samples_percentile_us(samples_or_null, 0.5) / 1e3,
                 samples_percentile_us(samples_or_null, 0.99) / 1e3);
    report_add(&match->bench->report, &figure);
}

static void add_ratio(struct match *match, const struct task *task)
{
    struct rival *ringback = &match->rivals[0], *bare = &match->rivals[1];
    struct series ratio = {0};
    for (unsigned i = 0; i < ringback->rate.count; i++)
        series_add(&ratio, ringback->rate.values[i] / bare->rate.values[i]);
    struct figure figure = {.part = task->part,
                            .unit = "",
                            .value = series_median(&ratio),
                            .goal_kind = GOAL_AT_LEAST,
                            .goal = task->goal};
    snprintf(figure.name, sizeof figure.name, "%s_ratio", task->name);
    snprintf(figure.label, sizeof figure.label, "  Ringback / bare loop, %u subscribers, %s",
             match->subscribers, task->label);
    snprintf(figure.note, sizeof figure.note, "%.2f to %.2f; of the processor %.2f times as much each",
             series_min(&ratio), series_max(&ratio),
             series_median(&ringback->cpu) / series_median(&bare->cpu));
    report_add(&match->bench->report, &figure);
}

static bool run_task(struct match *match, const struct task *task)
{
    struct samples samples = {0};
    unsigned rivals = task->has_each ? match->count : 2;
    bool is_good = true;
    for (unsigned i = 0; i < match->count; i++)
        match->rivals[i].rate = match->rivals[i].cpu = (struct series){0};
    for (unsigned i = 0; i < match->bench->options.rounds * rivals && is_good; i++) {
        struct rival *rival = &match->rivals[i % rivals];
        is_good = run_turn(match, rival, task->events, i % rivals == 0 ? &samples : NULL);
    }
    if (is_good) {
        add_rate(match, task, "", "Ringback", &match->rivals[0], &samples);
        add_rate(match, task, "_bare", "  bare loop", &match->rivals[1], NULL);
        if (task->has_each)
            add_rate(match, task, "_each", "  bare loop, a send for each", &match->rivals[2], NULL);
        add_ratio(match, task);
    }
    samples_fini(&samples);
    return is_good;
}

static bool run_match(struct bench *bench, unsigned subscribers, const struct task *tasks, unsigned count,
                      unsigned rivals)
{
    struct match match = {.bench = bench, .subscribers = subscribers};
    struct audience *audience = &match.rivals[0].source.audience;
    bool is_good = open_match(&match, rivals);
    for (unsigned i = 0; i < count && is_good; i++) is_good = run_task(&match, &tasks[i]);
    if (is_good) audience_listen(audience, STRAY_MS); /* whether anything comes that should not */
    if (is_good) is_good = audience_is_sound(audience, tasks->part, &bench->report);
    return close_match(&match) && is_good;
}

bool part_fanout(struct bench *bench)
{
    return run_match(bench, bench->options.subscribers, &lockstep, 1, 2);
}

bool part_wide(struct bench *bench)
{
    return run_match(bench, bench->options.wide, &wide, 1, 2);
}

bool part_bursts(struct bench *bench)
{
    return run_match(bench, bench->options.subscribers, bursts, sizeof bursts / sizeof bursts[0], RIVALS_MAX);
}
