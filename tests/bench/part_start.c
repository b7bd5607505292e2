/* How soon a server is there after it was started, and how much memory it has while nobody is connected. */
#include "base/clock.h"
#include "link.h"
#include "measure.h"
#include "server.h"

#include <stdio.h>

enum { STARTS = 5, TRIES_MAX = 2000, TRY_PAUSE_MS = 1 };

static bool is_ready(uint16_t port, rb_str request)
{
    struct link link;
    struct link_answer answer;
    bool is_good = link_open(&link, port) && link_exchange(&link, request, &answer) && answer.status == 200;
    link_close(&link);
    return is_good;
}

static bool await_ready(uint16_t port)
{
    struct rb_buf request = {0};
    link_put_request(&request, "GET", "/readyz", NULL, RB_STR_NONE);
    bool is_good = is_ready(port, rb_buf_str(&request));
    for (unsigned i = 0; !is_good && i < TRIES_MAX && !bench_is_interrupted(); i++) {
        measure_pause_ms(TRY_PAUSE_MS);
        is_good = is_ready(port, rb_buf_str(&request));
    }
    rb_buf_fini(&request);
    return is_good;
}

struct starts {
    struct samples announced, ready;
    struct process_memory memory; /* of the last */
};

static bool start_once(struct bench *bench, struct starts *starts, bool is_last)
{
    struct server server;
    if (!server_start(&server, bench, NULL)) return false;
    bool is_good = await_ready(server.port);
    samples_add(&starts->ready, rb_clock_real_ns() - server.forked_ns);
    samples_add(&starts->announced, server.announced_ns - server.forked_ns);
    if (!is_good) report_fail(&bench->report, "start: /readyz did not answer 200");
    if (is_good && is_last) starts->memory = measure_settled_memory(server.pid);
    return server_stop(&server, bench) && is_good;
}

static void add_time(struct report *report, const char *name, const char *label, struct samples *samples)
{
    struct figure figure = {.part = "start",
                            .unit = "ms",
                            .value = samples_percentile_us(samples, 0.5) / 1e3};
    snprintf(figure.name, sizeof figure.name, "%s", name);
    snprintf(figure.label, sizeof figure.label, "%s", label);
    snprintf(figure.note, sizeof figure.note, "median of %d; longest %.1f", STARTS,
             samples_percentile_us(samples, 1) / 1e3);
    report_add(report, &figure);
}

static void add_memory(struct report *report, const struct process_memory *memory)
{
    struct figure figure = {.part = "start",
                            .name = "idle_memory_mib",
                            .label = "memory of an idle server",
                            .unit = "MiB",
                            .value = memory->rss / 1048576};
    snprintf(figure.note, sizeof figure.note, "RSS; %.1f MiB of it nobody else's",
             memory->own_bytes / 1048576);
    report_add(report, &figure);
}

bool part_start(struct bench *bench)
{
    struct starts starts = {0};
    bool is_good = true;
    for (unsigned i = 0; i < STARTS && is_good && !bench_is_interrupted(); i++)
        is_good = start_once(bench, &starts, i == STARTS - 1);
    if (is_good) {
        add_time(&bench->report, "announced_ms", "from fork to the line that says where it listens",
                 &starts.announced);
        add_time(&bench->report, "ready_ms", "from fork to the first 200 of /readyz", &starts.ready);
        add_memory(&bench->report, &starts.memory);
    }
    samples_fini(&starts.announced);
    samples_fini(&starts.ready);
    return is_good;
}
