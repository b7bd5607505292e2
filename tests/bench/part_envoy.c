/* The Envoy door. Idle: sockets with a ticket each and a task each, and a tick a second; what that costs in
 * processor time and memory, and the longest time that any of them went without a tick, which its clients
 * watch. Calls: how many invoke_envoy a second one back end gets through, with 1 and with 1,000 listeners of
 * the task, of whom each must get every message, in order. */
#include "link.h"
#include "measure.h"
#include "server.h"
#include "upgrade.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "codec/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    IDLE_SOCKETS_MAX = 15000,
    LISTENERS_MANY = 1000,
    READY_MAX = 512,
    READ_BYTES = 65536,
    MESSAGE_MAX = 1 << 16,
    SOCKETS_OF_A_SOURCE = 10000,
    SETTLE_MS = 1500
};

static const char config[] = "accounts: {bench: {tenant: demo, secret: bench-secret}}\n"
                             "envoy: {enabled: true, calls_per_second: 0, refusals_per_minute: 0}\n";

struct listener {
    int fd;
    struct rb_ws_reader reader;
    uint64_t ticked_ns; /* when a tick came last; 0: none came */
    uint64_t messages;
};

struct crowd {
    struct bench *bench;
    struct server server;
    struct link link; /* of the back end */
    int epoll_fd;
    struct listener *listeners;
    unsigned count;
    uint64_t ticks, messages, faults;
    uint64_t gap_ns_max; /* since it was set to 0 */
};

/* ---- the back end ---- */

static void put_call(struct rb_buf *out, rb_str body)
{
    unsigned char mac[RB_SHA512_BYTES];
    rb_hmac_sha512(RB_STR("bench-secret"), body, mac);
    rb_buf_add_fmt(
        out,
        "POST /envoy/ HTTP/1.1\r\nHost: bench\r\nContent-Length: %zu\r\npublic-id: bench\r\nsign: ", body.n);
    for (size_t i = 0; i < sizeof mac; i++) rb_buf_add_fmt(out, "%02x", mac[i]);
    rb_buf_add_text(out, "\r\n\r\n");
    rb_buf_add_str(out, body);
}

static bool call(struct crowd *crowd, rb_str body, struct link_answer *out)
{
    struct rb_buf request = {0};
    put_call(&request, body);
    bool is_good = link_exchange(&crowd->link, rb_buf_str(&request), out) && out->status == 200;
    rb_buf_fini(&request);
    return is_good || report_fail(&crowd->bench->report, "envoy: a call was not answered with 200");
}

/* token and id are in the arena. */
static bool make_task(struct crowd *crowd, unsigned number, struct rb_arena *arena, rb_str *token, rb_str *id)
{
    struct link_answer answer;
    struct rb_json doc;
    rb_str body =
        rb_arena_fmt(arena,
                     "{\"method\":\"get_envoy_token\",\"params\":{\"Task\":{\"task_context\":\"%u\","
                     "\"timeout\":600}}}",
                     number);
    if (!call(crowd, body, &answer) || rb_json_parse(&doc, answer.body, NULL) != RB_OK) return false;
    rb_json_val result = rb_json_get(rb_json_root(&doc), "result");
    bool is_good = rb_json_string(rb_json_get(result, "client_token"), arena, token) &&
                   rb_json_string(rb_json_get(result, "task_id"), arena, id);
    *token = rb_arena_copy(arena, *token);
    *id = rb_arena_copy(arena, *id);
    rb_json_fini(&doc);
    return is_good;
}

/* ---- the listeners ---- */

static void note_frame(struct crowd *crowd, struct listener *listener, rb_str text, uint64_t now_ns)
{
    bool is_tick = rb_str_ends(text, RB_STR("\"Message\":\"\",\"Completed\":false}"));
    if (is_tick) {
        if (listener->ticked_ns && now_ns - listener->ticked_ns > crowd->gap_ns_max)
            crowd->gap_ns_max = now_ns - listener->ticked_ns;
        listener->ticked_ns = now_ns;
        crowd->ticks++;
        return;
    }
    char expected[64];
    int n = snprintf(expected, sizeof expected, "\"Message\":\"%llu\",",
                     (unsigned long long)listener->messages++);
    if (memmem(text.p, text.n, expected, (size_t)n)) {
        crowd->messages++;
        return;
    }
    if (crowd->faults++ == 0)
        report_fail(&crowd->bench->report, "envoy: a listener got %.*s in place of %s", (int)text.n, text.p,
                    expected);
}

static bool read_listener(struct crowd *crowd, struct listener *listener, uint64_t now_ns)
{
    static char bytes[READ_BYTES];
    ssize_t n = recv(listener->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) return report_fail(&crowd->bench->report, "envoy: a socket was closed");
    struct rb_ws_input input = {bytes, (size_t)n};
    struct rb_ws_event event;
    rb_err err;
    for (;;) {
        switch (rb_ws_next(&listener->reader, &input, &event, &err)) {
        case RB_WS_MORE: return true;
        case RB_WS_FAILED: return report_fail(&crowd->bench->report, "envoy: a frame is broken");
        case RB_WS_EVENT:
            if (event.opcode != RB_WS_TEXT) return report_fail(&crowd->bench->report, "envoy: not a text");
            note_frame(crowd, listener, event.payload, now_ns);
        }
    }
}

static bool listen_once(struct crowd *crowd, int wait_ms)
{
    struct epoll_event ready[READY_MAX];
    int count = epoll_wait(crowd->epoll_fd, ready, READY_MAX, wait_ms);
    uint64_t now_ns = rb_clock_real_ns();
    for (int i = 0; i < count; i++)
        if (!read_listener(crowd, ready[i].data.ptr, now_ns)) return false;
    return true;
}

static bool listen_for(struct crowd *crowd, double seconds)
{
    uint64_t begun = rb_clock_real_ns();
    while (measure_seconds_since(begun) < seconds && !bench_is_interrupted())
        if (!listen_once(crowd, 20)) return false;
    return true;
}

static bool join(struct crowd *crowd, rb_str token)
{
    struct listener *listener = &crowd->listeners[crowd->count];
    struct rb_buf hello = {0};
    rb_buf_add_fmt(&hello, "{\"ClientToken\":\"%.*s\"}", RB_STR_FMT(token));
    listener->fd = link_connect(crowd->server.port, crowd->count / SOCKETS_OF_A_SOURCE);
    bool is_good = listener->fd >= 0 && upgrade_send(listener->fd, "/envoy/", NULL) &&
                   upgrade_read(listener->fd) && frame_send(listener->fd, RB_WS_TEXT, rb_buf_str(&hello));
    rb_buf_fini(&hello);
    if (!is_good)
        return report_fail(&crowd->bench->report, "envoy: only %u sockets were opened", crowd->count);
    rb_ws_reader_init(&listener->reader, false, MESSAGE_MAX);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
    epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, listener->fd, &event);
    crowd->count++;
    return listen_once(crowd, 0);
}

static bool all_ticked(const struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++)
        if (!crowd->listeners[i].ticked_ns) return false;
    return true;
}

static bool await_ticks(struct crowd *crowd)
{
    uint64_t begun = rb_clock_real_ns();
    while (!all_ticked(crowd)) {
        if (!listen_once(crowd, 20)) return false;
        if (measure_seconds_since(begun) > 30)
            return report_fail(&crowd->bench->report, "envoy: not all sockets got a tick");
    }
    return true;
}

/* ---- opening and closing ---- */

static bool crowd_open(struct crowd *crowd, struct bench *bench, unsigned capacity)
{
    *crowd = (struct crowd){.bench = bench, .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .link = {.fd = -1}};
    crowd->listeners = rb_new_array(struct listener, capacity);
    if (!server_start(&crowd->server, bench, config)) return false;
    return link_open(&crowd->link, crowd->server.port) || report_fail(&bench->report, "envoy: no connection");
}

static bool crowd_close(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++) {
        close(crowd->listeners[i].fd);
        rb_ws_reader_fini(&crowd->listeners[i].reader);
    }
    rb_free(crowd->listeners);
    close(crowd->epoll_fd);
    if (crowd->link.fd >= 0) link_close(&crowd->link);
    return server_stop(&crowd->server, crowd->bench);
}

/* ---- idle ---- */

static bool fill(struct crowd *crowd, unsigned wanted)
{
    struct rb_arena arena = {0};
    bool is_good = true;
    while (is_good && crowd->count < wanted && !bench_is_interrupted()) {
        rb_str token, id;
        is_good = make_task(crowd, crowd->count, &arena, &token, &id) && join(crowd, token);
    }
    rb_arena_fini(&arena);
    return is_good && await_ticks(crowd) && listen_for(crowd, SETTLE_MS / 1e3);
}

static void add_idle(struct crowd *crowd, double few, double many, unsigned few_count, double cpu_us,
                     double seconds, uint64_t ticks)
{
    struct report *report = &crowd->bench->report;
    struct figure gap = {.part = "envoy",
                         .name = "tick_gap_max",
                         .label = "Envoy: longest time of a socket without a tick",
                         .unit = "s",
                         .value = (double)crowd->gap_ns_max / 1e9,
                         .goal_kind = GOAL_AT_MOST,
                         .goal = 3};
    struct figure cpu = {.part = "envoy",
                         .name = "idle_cpu_percent",
                         .label = "Envoy: processor time of a tick a second for all",
                         .unit = "%",
                         .value = cpu_us / seconds / 1e4};
    struct figure memory = {.part = "envoy",
                            .name = "socket_bytes",
                            .label = "Envoy: memory of a ticket socket with a task of its own",
                            .unit = "bytes",
                            .value = (many - few) / (crowd->count - few_count)};
    snprintf(gap.note, sizeof gap.note, "%u sockets, %llu ticks in %.1f s", crowd->count,
             (unsigned long long)ticks, seconds);
    snprintf(cpu.note, sizeof cpu.note, "of one core, %u sockets, %.2f us a tick", crowd->count,
             cpu_us / (double)(ticks ? ticks : 1));
    snprintf(memory.note, sizeof memory.note, "slope from %u to %u sockets", few_count, crowd->count);
    report_add(report, &gap);
    report_add(report, &cpu);
    report_add(report, &memory);
}

static bool measure_idle(struct bench *bench)
{
    struct crowd crowd;
    unsigned many =
        bench->options.connections < IDLE_SOCKETS_MAX ? bench->options.connections : IDLE_SOCKETS_MAX;
    unsigned few = many / 3;
    bool is_good = crowd_open(&crowd, bench, many) && fill(&crowd, few);
    double memory_few = is_good ? measure_memory(crowd.server.pid).rss : 0;
    is_good = is_good && fill(&crowd, many);
    if (is_good) {
        double memory_many = measure_memory(crowd.server.pid).rss, cpu_us = measure_cpu_us(crowd.server.pid);
        uint64_t begun = rb_clock_real_ns(), ticks = crowd.ticks;
        crowd.gap_ns_max = 0;
        is_good = listen_for(&crowd, 2 * bench->options.seconds);
        double seconds = measure_seconds_since(begun);
        add_idle(&crowd, memory_few, memory_many, few, measure_cpu_us(crowd.server.pid) - cpu_us, seconds,
                 crowd.ticks - ticks);
    }
    return crowd_close(&crowd) && is_good;
}

/* ---- calls ---- */

static bool invoke_for(struct crowd *crowd, rb_str task_id, double seconds, uint64_t *out_calls)
{
    uint64_t begun = rb_clock_real_ns(), calls = 0;
    while (measure_seconds_since(begun) < seconds && !bench_is_interrupted()) {
        struct link_answer answer;
        struct rb_arena arena = {0};
        rb_str body =
            rb_arena_fmt(&arena,
                         "{\"method\":\"invoke_envoy\",\"params\":{\"task_id\":\"%.*s\",\"message\":\"%llu\","
                         "\"new_timeout\":60}}",
                         RB_STR_FMT(task_id), (unsigned long long)calls);
        bool is_good = call(crowd, body, &answer) && listen_once(crowd, 0);
        rb_arena_fini(&arena);
        if (!is_good) return false;
        calls++;
        while (crowd->messages < (calls > 32 ? calls - 32 : 0) * crowd->count) /* not further ahead */
            if (!listen_once(crowd, 20)) return false;
    }
    *out_calls = calls;
    while (crowd->messages < calls * crowd->count && crowd->faults == 0 &&
           measure_seconds_since(begun) < seconds + 20)
        if (!listen_once(crowd, 20)) return false;
    return crowd->messages == calls * crowd->count ||
           report_fail(&crowd->bench->report, "envoy: %llu messages are missing",
                       (unsigned long long)(calls * crowd->count - crowd->messages));
}

static bool measure_calls(struct bench *bench, unsigned listeners)
{
    struct crowd crowd;
    struct rb_arena arena = {0};
    rb_str token, id;
    uint64_t calls = 0;
    bool is_good = crowd_open(&crowd, bench, listeners) && make_task(&crowd, 0, &arena, &token, &id);
    while (is_good && crowd.count < listeners) is_good = join(&crowd, token);
    is_good = is_good && await_ticks(&crowd);
    uint64_t begun = rb_clock_real_ns();
    is_good = is_good && invoke_for(&crowd, id, bench->options.seconds, &calls);
    double seconds = measure_seconds_since(begun);
    bench->report.checked += crowd.messages;
    bench->report.faults += crowd.faults;
    struct figure figure = {.part = "envoy", .unit = "/s", .value = (double)calls / seconds};
    snprintf(figure.name, sizeof figure.name, "calls_per_second_%u", listeners);
    snprintf(figure.label, sizeof figure.label, "Envoy: invoke_envoy calls, %u listener%s", listeners,
             listeners == 1 ? "" : "s");
    snprintf(figure.note, sizeof figure.note, "one back end, one call at a time; %.0f messages/s delivered",
             (double)crowd.messages / seconds);
    if (is_good) report_add(&bench->report, &figure);
    rb_arena_fini(&arena);
    return crowd_close(&crowd) && is_good;
}

bool part_envoy(struct bench *bench)
{
    unsigned many = bench->options.subscribers < LISTENERS_MANY ? bench->options.subscribers : LISTENERS_MANY;
    return measure_idle(bench) && measure_calls(bench, 1) && measure_calls(bench, many);
}
