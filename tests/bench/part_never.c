/* A tenth of the subscribers never read. Two servers, one with them and one without; the rest of the
 * subscribers is the same, and gets events of 4 KiB in lockstep, in turns. */
#include "source.h"

#include <stdio.h>

enum { DATA_BYTES = 4096, SHARE = 10, STUFF_S = 2, RIVALS = 2, OUTPUT_MAX_MIB = 1 };

struct rival {
    struct source source;
    struct series rate, cpu;
};

struct contest {
    struct bench *bench;
    struct rival rivals[RIVALS]; /* with them, without */
    struct audience never;
    double tcp_bytes;
};

/* They come, and events go round until they have what their sockets hold. */
static bool gather(struct contest *contest)
{
    struct bench *bench = contest->bench;
    struct source *with = &contest->rivals[0].source, *without = &contest->rivals[1].source;
    unsigned never = (bench->options.subscribers + SHARE - 1) / SHARE,
             others = bench->options.subscribers - never;
    double stuff_s = STUFF_S < bench->options.seconds ? STUFF_S : bench->options.seconds;
    struct turn turn;
    if (!source_open_ringback(with, bench, others, DATA_BYTES) || !source_gather(with, others)) return false;
    if (!source_open_ringback(without, bench, others, DATA_BYTES) || !source_gather(without, others))
        return false;
    audience_init(&contest->never, never);
    if (!audience_join(&contest->never, with->server.port, with->server.client_token, never))
        return report_fail(&bench->report, "never: only %u connections subscribed", contest->never.count);
    contest->tcp_bytes = measure_tcp_memory();
    return source_run_turn(with, 1, stuff_s, &turn, NULL) &&
           source_run_turn(without, 1, stuff_s, &turn, NULL);
}

static void add_rate(struct contest *contest, const struct rival *rival, const char *name, const char *label)
{
    struct figure figure = {.part = "never", .unit = "/s", .value = series_median(&rival->rate)};
    snprintf(figure.name, sizeof figure.name, "%s", name);
    snprintf(figure.label, sizeof figure.label, "%s, %u subscribers", label, rival->source.audience.count);
    snprintf(figure.note, sizeof figure.note, "%.0f to %.0f; %.2f us of processor each",
             series_min(&rival->rate), series_max(&rival->rate), series_median(&rival->cpu));
    report_add(&contest->bench->report, &figure);
}

static void add_memory(struct contest *contest)
{
    double with = measure_rss_max(contest->rivals[0].source.pid);
    double without = measure_rss_max(contest->rivals[1].source.pid);
    struct figure figure = {.part = "never",
                            .name = "never_memory_mib",
                            .label = "  memory of the server for those who never read",
                            .unit = "MiB",
                            .value = (with - without) / 1048576,
                            .goal_kind = GOAL_AT_MOST,
                            .goal = OUTPUT_MAX_MIB * contest->never.count};
    snprintf(
        figure.note, sizeof figure.note,
        "RSS at most %.1f MiB, without them %.1f; goal: connection.output_max each; TCP holds %.0f MiB more",
        with / 1048576, without / 1048576, (measure_tcp_memory() - contest->tcp_bytes) / 1048576);
    report_add(&contest->bench->report, &figure);
}

static void add_figures(struct contest *contest)
{
    struct rival *with = &contest->rivals[0], *without = &contest->rivals[1];
    struct series ratio = {0};
    for (unsigned i = 0; i < with->rate.count; i++)
        series_add(&ratio, with->rate.values[i] / without->rate.values[i]);
    struct figure figure = {.part = "never",
                            .name = "never_ratio",
                            .label = "  rate of the others, with / without those who never read",
                            .unit = "",
                            .value = series_median(&ratio),
                            .goal_kind = GOAL_AT_LEAST,
                            .goal = 0.98};
    snprintf(figure.note, sizeof figure.note, "%.2f to %.2f", series_min(&ratio), series_max(&ratio));
    add_rate(contest, with, "never_per_second", "deliveries of 4 KiB beside a tenth that never read");
    add_rate(contest, without, "never_without_per_second", "  the same without them");
    report_add(&contest->bench->report, &figure);
    add_memory(contest);
}

static bool measure(struct contest *contest)
{
    struct bench_options *options = &contest->bench->options;
    if (!gather(contest)) return false;
    for (unsigned i = 0; i < RIVALS * options->rounds; i++) {
        struct rival *rival = &contest->rivals[i % RIVALS];
        struct turn turn;
        if (!source_run_turn(&rival->source, 1, options->seconds / options->rounds, &turn, NULL))
            return false;
        series_add(&rival->rate, turn.per_second);
        series_add(&rival->cpu, turn.cpu_us_each);
    }
    add_figures(contest);
    return true;
}

bool part_never(struct bench *bench)
{
    struct contest contest = {.bench = bench};
    bool is_good = measure(&contest);
    audience_fini(&contest.never);
    for (unsigned i = 0; i < RIVALS; i++)
        if (contest.rivals[i].source.bench && !source_close(&contest.rivals[i].source)) is_good = false;
    return is_good;
}
