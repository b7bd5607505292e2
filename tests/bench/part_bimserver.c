/* The BIMserver door: one topic that many endpoints of /stream have registered for. A client gives the topic
 * a state, and the clock runs until the last endpoint has been called with it; then the next. Every endpoint
 * must get every state, once, in order, with the same bytes as all others. */
#include "link.h"
#include "measure.h"
#include "server.h"
#include "upgrade.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ENDPOINTS_OF_A_SOURCE = 10000,
    READY_MAX = 512,
    READ_BYTES = 65536,
    MESSAGE_MAX = 1 << 16,
    ROUND_MS_MIN = 15, /* a job may have 100 titles a second */
    PATIENCE_S = 20
};

static const char config[] = "bimserver: {enabled: true}\n";

struct endpoint {
    int fd;
    struct rb_ws_reader reader;
    uint64_t id; /* 0: not told yet */
    uint64_t states;
};

struct crowd {
    struct bench *bench;
    struct server server;
    struct link link; /* of the client that registers and gives states */
    int epoll_fd;
    struct endpoint *endpoints;
    unsigned count, registered;
    uint64_t topic;
    uint64_t round, received; /* the state under way, and how many have it */
    struct rb_buf frame;      /* as the first of them got it */
};

static bool broken(const struct crowd *crowd, const char *what)
{
    return report_fail(&crowd->bench->report, "bimserver: %s", what);
}

/* ---- calls ---- */

/* The number that is the result, 0 for none. */
static bool call(struct crowd *crowd, const char *method, rb_str parameters, uint64_t *out_result)
{
    struct rb_buf request = {0}, body = {0};
    struct link_answer answer;
    rb_buf_add_fmt(&body,
                   "{\"token\":\"%s\",\"request\":{\"interface\":\"NotificationRegistryInterface\","
                   "\"method\":\"%s\",\"parameters\":{%.*s}}}",
                   crowd->server.client_token, method, RB_STR_FMT(parameters));
    link_put_request(&request, "POST", "/json", NULL, rb_buf_str(&body));
    bool is_good = link_exchange(&crowd->link, rb_buf_str(&request), &answer) && answer.status == 200;
    rb_buf_fini(&request);
    rb_buf_fini(&body);
    static const char before[] = "{\"response\":{\"result\":";
    if (!is_good || !rb_str_starts(answer.body, rb_str_of(before))) return broken(crowd, "a call failed");
    *out_result = strtoull(answer.body.p + sizeof before - 1, NULL, 10);
    return true;
}

static bool make_topic(struct crowd *crowd)
{
    rb_str parameters = RB_STR("\"type\":\"RUNNING_SERVICE\",\"description\":\"bench\"");
    return call(crowd, "registerProgressTopic", parameters, &crowd->topic) && crowd->topic > 0;
}

static bool enlist(struct crowd *crowd, const struct endpoint *endpoint)
{
    char parameters[96];
    uint64_t none;
    int n = snprintf(parameters, sizeof parameters, "\"topicId\":%llu,\"endPointId\":%llu",
                     (unsigned long long)crowd->topic, (unsigned long long)endpoint->id);
    return call(crowd, "registerProgressHandler", rb_str_make(parameters, (size_t)n), &none);
}

/* The next state: its title is the number of the round. */
static bool tell(struct crowd *crowd)
{
    char parameters[256];
    uint64_t none;
    crowd->round++;
    crowd->received = 0;
    rb_buf_clear(&crowd->frame);
    int n = snprintf(parameters, sizeof parameters,
                     "\"topicId\":%llu,\"state\":{\"__type\":\"SLongActionState\",\"state\":\"STARTED\","
                     "\"progress\":50,\"title\":\"round %llu\"}",
                     (unsigned long long)crowd->topic, (unsigned long long)crowd->round);
    return call(crowd, "updateProgressTopic", rb_str_make(parameters, (size_t)n), &none);
}

/* ---- endpoints ---- */

static bool take_state(struct crowd *crowd, struct endpoint *endpoint, rb_str text)
{
    char title[48];
    int n = snprintf(title, sizeof title, "\"title\":\"round %llu\"", (unsigned long long)crowd->round);
    if (crowd->frame.n == 0 && memmem(text.p, text.n, title, (size_t)n)) rb_buf_add_str(&crowd->frame, text);
    if (endpoint->states + 1 != crowd->round || !rb_str_eq(text, rb_buf_str(&crowd->frame))) {
        crowd->bench->report.faults++;
        return report_fail(&crowd->bench->report, "bimserver: round %llu, an endpoint got %.*s",
                           (unsigned long long)crowd->round, (int)text.n, text.p);
    }
    endpoint->states++;
    crowd->received++;
    crowd->bench->report.checked++;
    return true;
}

/* What comes before the first round is the handshake, and the state at the registration. */
static bool take_text(struct crowd *crowd, struct endpoint *endpoint, rb_str text)
{
    static const char key[] = "\"endpointid\":";
    if (crowd->round > 0) return take_state(crowd, endpoint, text);
    const char *found = memmem(text.p, text.n, key, sizeof key - 1);
    if (found) endpoint->id = strtoull(found + sizeof key - 1, NULL, 10);
    return true;
}

static bool take_bytes(struct crowd *crowd, struct endpoint *endpoint, char *bytes, size_t n)
{
    struct rb_ws_input input = {bytes, n};
    struct rb_ws_event event;
    rb_err err;
    for (;;) {
        switch (rb_ws_next(&endpoint->reader, &input, &event, &err)) {
        case RB_WS_MORE: return true;
        case RB_WS_FAILED: return broken(crowd, "a frame is broken");
        case RB_WS_EVENT:
            if (event.opcode == RB_WS_PING && !frame_send(endpoint->fd, RB_WS_PONG, event.payload))
                return broken(crowd, "a stream cannot be written");
            if (event.opcode == RB_WS_CLOSE) return broken(crowd, "a stream was closed");
            if (event.opcode == RB_WS_TEXT && !take_text(crowd, endpoint, event.payload)) return false;
        }
    }
}

static bool read_endpoint(struct crowd *crowd, struct endpoint *endpoint, int flags)
{
    static char bytes[READ_BYTES];
    ssize_t n = recv(endpoint->fd, bytes, sizeof bytes, flags);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    return n > 0 ? take_bytes(crowd, endpoint, bytes, (size_t)n) : broken(crowd, "a stream ended");
}

static bool listen_once(struct crowd *crowd, int wait_ms)
{
    struct epoll_event ready[READY_MAX];
    int count = epoll_wait(crowd->epoll_fd, ready, READY_MAX, wait_ms);
    for (int i = 0; i < count; i++)
        if (!read_endpoint(crowd, ready[i].data.ptr, MSG_DONTWAIT)) return false;
    return true;
}

static bool listen_for(struct crowd *crowd, double seconds)
{
    uint64_t begun = rb_clock_real_ns();
    while (measure_seconds_since(begun) < seconds && !bench_is_interrupted())
        if (!listen_once(crowd, 5)) return false;
    return true;
}

/* Opens a stream, gives the token, and waits for the endpoint's number. */
static bool join(struct crowd *crowd)
{
    struct endpoint *endpoint = &crowd->endpoints[crowd->count];
    struct rb_buf rest = {0}, hello = {0};
    endpoint->fd = link_connect(crowd->server.port, crowd->count / ENDPOINTS_OF_A_SOURCE);
    if (endpoint->fd < 0) return broken(crowd, "no connection");
    crowd->count++;
    rb_ws_reader_init(&endpoint->reader, false, MESSAGE_MAX);
    rb_buf_add_fmt(&hello, "{\"token\":\"%s\"}", crowd->server.client_token);
    bool is_good = upgrade_send(endpoint->fd, "/stream", NULL) && upgrade_take(endpoint->fd, &rest) &&
                   take_bytes(crowd, endpoint, rest.p, rest.n) &&
                   frame_send(endpoint->fd, RB_WS_TEXT, rb_buf_str(&hello));
    while (is_good && !endpoint->id) is_good = read_endpoint(crowd, endpoint, 0);
    rb_buf_fini(&rest);
    rb_buf_fini(&hello);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = endpoint};
    return (is_good && epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, endpoint->fd, &event) == 0) ||
           broken(crowd, "a stream does not tell its endpoint");
}

static bool fill(struct crowd *crowd, unsigned wanted)
{
    while (crowd->count < wanted && !bench_is_interrupted())
        if (!join(crowd) || !enlist(crowd, &crowd->endpoints[crowd->count - 1]) || !listen_once(crowd, 0))
            return false;
    return listen_for(crowd, 0.5) && !bench_is_interrupted();
}

/* ---- measuring ---- */

static bool run_round(struct crowd *crowd, struct samples *samples)
{
    uint64_t begun = rb_clock_real_ns();
    if (!tell(crowd)) return false;
    while (crowd->received < crowd->count) {
        if (!listen_once(crowd, 20)) return false;
        if (bench_is_interrupted()) return false;
        if (measure_seconds_since(begun) > PATIENCE_S) {
            crowd->bench->report.faults += crowd->count - crowd->received;
            return broken(crowd, "a state did not come to all endpoints");
        }
    }
    samples_add(samples, rb_clock_real_ns() - begun);
    double left = ROUND_MS_MIN / 1e3 - measure_seconds_since(begun);
    return left <= 0 || listen_for(crowd, left);
}

static bool run_rounds(struct crowd *crowd, struct samples *samples, double *out_cpu_us)
{
    double cpu_us = measure_cpu_us(crowd->server.pid);
    uint64_t begun = rb_clock_real_ns();
    while (measure_seconds_since(begun) < crowd->bench->options.seconds)
        if (!run_round(crowd, samples)) return false;
    *out_cpu_us = measure_cpu_us(crowd->server.pid) - cpu_us;
    return true;
}

static void add_figures(struct crowd *crowd, struct samples *samples, double cpu_us, double endpoint_bytes,
                        unsigned few)
{
    double total_ns = 0;
    for (size_t i = 0; i < samples->count; i++) total_ns += (double)samples->ns[i];
    double pushes = (double)crowd->count * (double)samples->count;
    struct figure rate = {
        .part = "bimserver", .name = "pushes_per_second", .unit = "/s", .value = pushes / (total_ns / 1e9)};
    struct figure memory = {.part = "bimserver",
                            .name = "endpoint_bytes",
                            .label = "BIMserver: memory of an endpoint with its registration",
                            .unit = "bytes",
                            .value = endpoint_bytes};
    snprintf(rate.label, sizeof rate.label, "BIMserver: states of one topic pushed to %u endpoints",
             crowd->count);
    snprintf(rate.note, sizeof rate.note,
             "%zu states; last has it after p50 %.1f, p99 %.1f ms; %.2f us of processor each", samples->count,
             samples_percentile_us(samples, 0.5) / 1e3, samples_percentile_us(samples, 0.99) / 1e3,
             cpu_us / pushes);
    snprintf(memory.note, sizeof memory.note, "slope from %u to %u endpoints", few, crowd->count);
    report_add(&crowd->bench->report, &rate);
    report_add(&crowd->bench->report, &memory);
}

static bool crowd_open(struct crowd *crowd, struct bench *bench, unsigned capacity)
{
    *crowd = (struct crowd){.bench = bench, .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .link = {.fd = -1}};
    crowd->endpoints = rb_new_array(struct endpoint, capacity);
    if (!server_start(&crowd->server, bench, config)) return false;
    if (!link_open(&crowd->link, crowd->server.port)) return broken(crowd, "no connection");
    return make_topic(crowd);
}

static bool crowd_close(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++) {
        close(crowd->endpoints[i].fd);
        rb_ws_reader_fini(&crowd->endpoints[i].reader);
    }
    rb_free(crowd->endpoints);
    rb_buf_fini(&crowd->frame);
    close(crowd->epoll_fd);
    if (crowd->link.fd >= 0) link_close(&crowd->link);
    return server_stop(&crowd->server, crowd->bench);
}

bool part_bimserver(struct bench *bench)
{
    struct crowd crowd;
    struct samples samples = {0};
    unsigned many = bench->options.wide, few = many / 3;
    double bytes_few, bytes_many, cpu_us = 0;
    bool is_good = crowd_open(&crowd, bench, many) && fill(&crowd, few);
    bytes_few = is_good ? measure_settled_memory(crowd.server.pid).own_bytes : 0;
    is_good = is_good && fill(&crowd, many);
    bytes_many = is_good ? measure_settled_memory(crowd.server.pid).own_bytes : 0;
    is_good = is_good && run_rounds(&crowd, &samples, &cpu_us);
    if (is_good) add_figures(&crowd, &samples, cpu_us, (bytes_many - bytes_few) / (many - few), few);
    samples_fini(&samples);
    return crowd_close(&crowd) && is_good;
}
