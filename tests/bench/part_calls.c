/* Calls: back ends ask live connections and wait for the answer. Many callers at a time, each with one call
 * under way to whichever connection is next; then one caller alone, which is what a call costs when nothing
 * else goes on. Every reply must be the one to its own call. */
#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "link.h"
#include "measure.h"
#include "server.h"
#include "upgrade.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 1000,
    CALLERS_MAX = 64,
    READY_MAX = 256,
    READ_BYTES = 65536,
    STALL_MS = 10000,
    ID_BYTES = 32
};

/* A client that answers what it is asked. */
struct callee {
    int fd;
    struct rb_ws_reader reader;
    char id[ID_BYTES];
};

struct caller {
    struct link link;
    bool is_busy;
    uint64_t number, begun_ns; /* of the call under way */
};

struct calls {
    struct bench *bench;
    struct server server;
    int epoll_fd;
    struct callee *callees;
    unsigned callee_count, callee_wanted;
    struct caller callers[CALLERS_MAX];
    unsigned caller_count;
    uint64_t begun, done;
    struct samples samples;
};

static bool broken(const struct calls *calls, const char *what)
{
    return report_fail(&calls->bench->report, "calls: %s", what);
}

/* ---- who is asked ---- */

static bool member(rb_str text, const char *name, struct rb_buf *out)
{
    struct rb_arena arena = {0};
    struct rb_json doc;
    rb_str value;
    if (rb_json_parse(&doc, text, NULL) != RB_OK) return false;
    rb_json_val json = rb_json_get(rb_json_root(&doc), name);
    bool is_good = rb_json_type(json) != RB_JSON_NONE;
    value = rb_json_string(json, &arena, &value) ? value : rb_json_raw(json);
    rb_buf_clear(out);
    rb_buf_add_str(out, value);
    rb_json_fini(&doc);
    rb_arena_fini(&arena);
    return is_good;
}

/* With what it was asked. */
static bool reply(struct callee *callee, rb_str text)
{
    struct rb_buf call = {0}, data = {0}, answer = {0};
    bool is_good = member(text, "call", &call) && member(text, "data", &data);
    rb_buf_add_fmt(&answer, "{\"op\":\"reply\",\"call\":\"%s\",\"data\":%s}", rb_buf_text(&call),
                   rb_buf_text(&data));
    is_good = is_good && frame_send(callee->fd, RB_WS_TEXT, rb_buf_str(&answer));
    rb_buf_fini(&call);
    rb_buf_fini(&data);
    rb_buf_fini(&answer);
    return is_good;
}

static bool take_text(struct callee *callee, rb_str text)
{
    struct rb_buf id = {0};
    if (callee->id[0]) return reply(callee, text);
    bool is_good = member(text, "connection", &id) && id.n < ID_BYTES;
    if (is_good) memcpy(callee->id, rb_buf_text(&id), id.n + 1);
    rb_buf_fini(&id);
    return is_good;
}

static bool read_callee(struct callee *callee, int flags)
{
    static char bytes[READ_BYTES];
    ssize_t n = recv(callee->fd, bytes, sizeof bytes, flags);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) return false;
    struct rb_ws_input input = {bytes, (size_t)n};
    struct rb_ws_event event;
    rb_err err;
    for (;;) {
        switch (rb_ws_next(&callee->reader, &input, &event, &err)) {
        case RB_WS_MORE: return true;
        case RB_WS_FAILED: return false;
        case RB_WS_EVENT:
            if (event.opcode == RB_WS_TEXT && !take_text(callee, event.payload)) return false;
        }
    }
}

static bool add_callee(struct calls *calls)
{
    struct callee *callee = &calls->callees[calls->callee_count];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = callee};
    callee->fd = link_connect(calls->server.port, 0);
    if (callee->fd < 0) return broken(calls, "no connection");
    calls->callee_count++;
    rb_ws_reader_init(&callee->reader, false, READ_BYTES);
    bool is_good = upgrade_send(callee->fd, "/v1/socket", calls->server.client_token) &&
                   upgrade_read(callee->fd) &&
                   frame_send(callee->fd, RB_WS_TEXT, RB_STR("{\"op\":\"whoami\"}"));
    while (is_good && !callee->id[0]) is_good = read_callee(callee, 0);
    return (is_good && epoll_ctl(calls->epoll_fd, EPOLL_CTL_ADD, callee->fd, &event) == 0) ||
           broken(calls, "a socket does not say its id");
}

/* ---- who asks ---- */

static bool call_next(struct calls *calls, struct caller *caller)
{
    struct rb_buf target = {0}, body = {0}, request = {0};
    caller->number = calls->begun++;
    rb_buf_add_fmt(&target, "/v1/connections/%s/call",
                   calls->callees[caller->number % calls->callee_count].id);
    rb_buf_add_fmt(&body, "{\"name\":\"bench\",\"data\":%llu}", (unsigned long long)caller->number);
    link_put_request(&request, "POST", rb_buf_text(&target), calls->server.backend_token, rb_buf_str(&body));
    caller->is_busy = true;
    caller->begun_ns = rb_clock_real_ns();
    bool is_good = link_send(caller->link.fd, rb_buf_str(&request));
    rb_buf_fini(&target);
    rb_buf_fini(&body);
    rb_buf_fini(&request);
    return is_good;
}

static bool is_own_reply(const struct caller *caller, const struct link_answer *answer)
{
    char expected[48];
    snprintf(expected, sizeof expected, "{\"data\":%llu}", (unsigned long long)caller->number);
    return answer->status == 200 && rb_str_is(answer->body, expected);
}

static bool read_caller(struct calls *calls, struct caller *caller)
{
    struct link_answer answer;
    switch (link_read_answer(&caller->link, MSG_DONTWAIT, &answer)) {
    case LINK_MORE: return true;
    case LINK_CLOSED: return broken(calls, "a caller's connection is gone");
    case LINK_ANSWER: break;
    }
    if (!is_own_reply(caller, &answer)) return broken(calls, "a call was not answered with its reply");
    samples_add(&calls->samples, rb_clock_real_ns() - caller->begun_ns);
    caller->is_busy = false;
    calls->done++;
    return true;
}

static bool is_caller(const struct calls *calls, const void *p)
{
    const char *at = p, *first = (const char *)calls->callers;
    return at >= first && at < first + sizeof calls->callers;
}

static bool take_ready(struct calls *calls)
{
    struct epoll_event ready[READY_MAX];
    int count = epoll_wait(calls->epoll_fd, ready, READY_MAX, STALL_MS);
    if (count <= 0) return bench_is_interrupted() || broken(calls, "nothing comes any more");
    for (int i = 0; i < count; i++) {
        void *who = ready[i].data.ptr;
        bool is_good = is_caller(calls, who)
                           ? read_caller(calls, who)
                           : read_callee(who, MSG_DONTWAIT) || broken(calls, "a socket was closed");
        if (!is_good) return false;
    }
    return true;
}

static bool add_caller(struct calls *calls)
{
    struct caller *caller = &calls->callers[calls->caller_count];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
    if (!link_open(&caller->link, calls->server.port)) return broken(calls, "no connection");
    calls->caller_count++;
    return epoll_ctl(calls->epoll_fd, EPOLL_CTL_ADD, caller->link.fd, &event) == 0;
}

/* ---- measuring ---- */

static bool run(struct calls *calls, unsigned callers, double seconds)
{
    uint64_t begun_ns = rb_clock_real_ns();
    calls->begun = calls->done = 0;
    while (measure_seconds_since(begun_ns) < seconds || calls->done < calls->begun) {
        bool is_over = measure_seconds_since(begun_ns) >= seconds || bench_is_interrupted();
        for (unsigned i = 0; i < callers && !is_over; i++)
            if (!calls->callers[i].is_busy && !call_next(calls, &calls->callers[i]))
                return broken(calls, "a caller's connection is gone");
        if (calls->done < calls->begun && !take_ready(calls)) return false;
        if (bench_is_interrupted()) return false;
    }
    return true;
}

static bool measure(struct calls *calls, unsigned callers)
{
    double seconds = calls->bench->options.seconds, cpu_us = measure_cpu_us(calls->server.pid);
    uint64_t begun_ns = rb_clock_real_ns();
    if (!run(calls, callers, seconds)) return false;
    double rate = (double)calls->done / measure_seconds_since(begun_ns);
    cpu_us = (measure_cpu_us(calls->server.pid) - cpu_us) / (double)calls->done;
    struct figure figure = {.part = "calls", .unit = "/s", .value = rate};
    snprintf(figure.name, sizeof figure.name, "calls_per_second_%u", callers);
    snprintf(figure.label, sizeof figure.label, "calls to %u connections, %u caller%s", calls->callee_count,
             callers, callers == 1 ? "" : "s");
    snprintf(figure.note, sizeof figure.note, "p50 %.0f us, p99 %.0f us; %.1f us of processor each",
             samples_percentile_us(&calls->samples, 0.5), samples_percentile_us(&calls->samples, 0.99),
             cpu_us);
    report_add(&calls->bench->report, &figure);
    samples_fini(&calls->samples);
    calls->samples = (struct samples){0};
    return true;
}

static bool open_all(struct calls *calls)
{
    const struct bench_options *options = &calls->bench->options;
    unsigned callers = options->callers < CALLERS_MAX ? options->callers : CALLERS_MAX;
    calls->callee_wanted = options->subscribers < CONNECTIONS_MAX ? options->subscribers : CONNECTIONS_MAX;
    calls->callees = rb_new_array(struct callee, calls->callee_wanted);
    if (!server_start(&calls->server, calls->bench, calls->bench->is_pinned ? "threads: 1\n" : NULL))
        return false;
    while (calls->callee_count < calls->callee_wanted)
        if (!add_callee(calls)) return false;
    while (calls->caller_count < callers)
        if (!add_caller(calls)) return false;
    return true;
}

bool part_calls(struct bench *bench)
{
    struct calls calls = {.bench = bench, .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .server.output = -1};
    bool is_good = open_all(&calls) && measure(&calls, calls.caller_count) && measure(&calls, 1);
    for (unsigned i = 0; i < calls.callee_count; i++) {
        close(calls.callees[i].fd);
        rb_ws_reader_fini(&calls.callees[i].reader);
    }
    for (unsigned i = 0; i < calls.caller_count; i++) link_close(&calls.callers[i].link);
    rb_free(calls.callees);
    samples_fini(&calls.samples);
    close(calls.epoll_fd);
    return server_stop(&calls.server, bench) && is_good;
}
