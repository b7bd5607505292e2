/* Memory of a subscribed WebSocket: the slope of the server's resident memory between 5/19 of the connections
 * and all of them. The first part is left out, since what is made once for all is made with it. Twice, with a
 * server each: idle, and where each had an event. Then most clients leave, and what is given back shows
 * whether memory that many connections took is free for others again.
 *
 * Of the process alone: the kernel's memory for the sockets comes to it. */
#include "source.h"

#include <stdio.h>

enum { SETTLE_MS = 500 };

struct memories {
    struct process_memory none, few, many;
};

static bool join(struct source *source, unsigned wanted, bool has_traffic, struct process_memory *out)
{
    struct audience *audience = &source->audience;
    struct report *report = &source->bench->report;
    if (!audience_join(audience, source->server.port, source->server.client_token, wanted - audience->count))
        return report_fail(report, "memory: only %u of %u connections were subscribed", audience->count,
                           wanted);
    if (has_traffic && !source_run_round(source, 1)) return false;
    audience_listen(audience, SETTLE_MS);
    *out = measure_settled_memory(source->pid);
    audience_listen(audience, 1); /* pings that came meanwhile */
    return audience_is_sound(audience, "memory", report) && !bench_is_interrupted();
}

static unsigned few_of(const struct bench *bench)
{
    return bench->options.connections * 5 / 19;
}

static void add_slope(struct bench *bench, const struct memories *memories, const char *name,
                      const char *label)
{
    unsigned many = bench->options.connections, few = few_of(bench);
    struct figure slope = {.part = "memory",
                           .unit = "bytes",
                           .value = (memories->many.rss - memories->few.rss) / (many - few),
                           .goal_kind = GOAL_AT_MOST,
                           .goal = 512};
    snprintf(slope.name, sizeof slope.name, "%s", name);
    snprintf(slope.label, sizeof slope.label, "%s", label);
    snprintf(slope.note, sizeof slope.note,
             "slope from %u to %u connections; RSS %.1f MiB with none, %.1f, %.1f with all", few, many,
             memories->none.rss / 1048576, memories->few.rss / 1048576, memories->many.rss / 1048576);
    report_add(&bench->report, &slope);
}

/* Nine of ten leave. */
static bool leave(struct source *source, const struct memories *memories)
{
    struct bench *bench = source->bench;
    unsigned rest = source->audience.count / 10;
    double growth = memories->many.rss - memories->none.rss;
    audience_leave(&source->audience, rest);
    for (unsigned s = 0; s < bench->options.away_s && !bench_is_interrupted(); s++)
        audience_listen(&source->audience, 1000);
    double rss = measure_memory(source->pid).rss;
    struct figure back = {.part = "memory",
                          .name = "given_back",
                          .label = "given back of the growth, after nine of ten left",
                          .unit = "",
                          .value = (memories->many.rss - rss) / growth,
                          .goal_kind = GOAL_AT_LEAST,
                          .goal = 0.85};
    snprintf(back.note, sizeof back.note, "after %u s: RSS %.1f MiB, of %.1f with all", bench->options.away_s,
             rss / 1048576, memories->many.rss / 1048576);
    report_add(&bench->report, &back);
    return audience_is_sound(&source->audience, "memory", &bench->report);
}

static bool measure(struct source *source, bool has_traffic, struct memories *out)
{
    struct bench *bench = source->bench;
    out->none = measure_settled_memory(source->pid);
    return join(source, few_of(bench), has_traffic, &out->few) &&
           join(source, bench->options.connections, has_traffic, &out->many);
}

static bool measure_idle(struct bench *bench)
{
    struct source source;
    struct memories memories;
    bool is_good = source_open_ringback(&source, bench, bench->options.connections, EVENT_BYTES_DEFAULT) &&
                   measure(&source, false, &memories);
    if (is_good) add_slope(bench, &memories, "connection_bytes", "memory of an idle subscribed WebSocket");
    return source_close(&source) && is_good;
}

static bool measure_used(struct bench *bench)
{
    struct source source;
    struct memories memories;
    bool is_good = source_open_ringback(&source, bench, bench->options.connections, EVENT_BYTES_DEFAULT) &&
                   measure(&source, true, &memories);
    if (is_good) {
        add_slope(bench, &memories, "used_connection_bytes",
                  "  the same after an event was delivered to all");
        is_good = leave(&source, &memories);
    }
    return source_close(&source) && is_good;
}

bool part_memory(struct bench *bench)
{
    return measure_idle(bench) && measure_used(bench);
}
