/* Memory of an idle subscribed WebSocket: the slope of the server's resident memory between an eighth of the
 * connections and all of them. The first eighth is left out, since what is made once for all is made with it.
 * Of the process alone: the kernel's memory for the sockets comes to it. */
#include "audience.h"
#include "measure.h"
#include "server.h"

#include <stdio.h>

enum { SETTLE_MS = 500 };

static bool join(struct bench *bench, struct audience *audience, const struct server *server, unsigned wanted,
                 struct process_memory *out)
{
    if (!audience_join(audience, server->port, server->client_token, wanted - audience->count))
        return report_fail(&bench->report, "memory: only %u of %u connections were subscribed",
                           audience->count, wanted);
    audience_listen(audience, SETTLE_MS);
    *out = measure_settled_memory(server->pid);
    audience_listen(audience, 1); /* pings that came meanwhile */
    return audience_is_sound(audience, "memory", &bench->report) && !bench_is_interrupted();
}

static void add_figures(struct report *report, unsigned few, unsigned many,
                        const struct process_memory memories[3])
{
    struct figure slope = {.part = "memory",
                           .name = "connection_bytes",
                           .label = "memory of an idle subscribed WebSocket",
                           .unit = "bytes",
                           .value = (memories[2].rss - memories[1].rss) / (many - few)};
    struct figure total = {.part = "memory",
                           .name = "loaded_memory_mib",
                           .label = "memory of the server with all of them",
                           .unit = "MiB",
                           .value = memories[2].rss / 1048576};
    snprintf(slope.note, sizeof slope.note, "from %u to %u connections; %.0f of it own memory", few, many,
             (memories[2].own_bytes - memories[1].own_bytes) / (many - few));
    snprintf(total.note, sizeof total.note, "RSS; before the first connection %.1f",
             memories[0].rss / 1048576);
    report_add(report, &slope);
    report_add(report, &total);
}

bool part_memory(struct bench *bench)
{
    unsigned many = bench->options.connections, few = many / 8;
    struct process_memory memories[3];
    struct audience audience;
    struct server server;
    if (!server_start(&server, bench, NULL)) return false;
    audience_init(&audience, many);
    memories[0] = measure_settled_memory(server.pid);
    bool is_good = join(bench, &audience, &server, few, &memories[1]) &&
                   join(bench, &audience, &server, many, &memories[2]);
    if (is_good) add_figures(&bench->report, few, many, memories);
    audience_fini(&audience);
    return server_stop(&server, bench) && is_good;
}
