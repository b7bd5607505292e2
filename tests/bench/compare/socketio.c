/* ringback-compare-socketio: clients of a Socket.IO server, made cheap, to measure Ringback beside npm's
 * socket.io
 * (`socketio` here). The server must be what Socket.IO's own test suites expect: it emits "auth" to who joins
 * "/", and acknowledges "message-with-ack" with what it brought. Its heartbeats must not come while this
 * runs.
 *
 *     --port P --pid PID --part idle-websocket | idle-polling    bytes of memory for each client
 *     --port P --pid PID --part rate-websocket | rate-polling    round trips a second, and us of processor
 * each
 *
 * A round trip is an event with an acknowledgement. On polling a GET waits all the time, and events go by
 * POSTs on a second connection, both kept alive, as browsers do. */
#include "../link.h"
#include "../measure.h"
#include "../upgrade.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "memory.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FEW = 1000,  /* memory is what comes from these ... */
    MANY = 5000, /* ... to these */
    RATE_CLIENTS = 100,
    PER_SOURCE = 2000, /* connections from one address */
    TEXT_BYTES = 100,
    INPUT_BYTES = 4096,
    STALL_MS = 10000,
};

#define PATH "/socket.io/?EIO=4&transport="
#define MARK "message-with-ack"

struct client {
    int fd;      /* of the WebSocket, or of the GETs */
    int post_fd; /* polling: of the POSTs */
    char sid[64];
    char input[2][INPUT_BYTES]; /* of each connection, what has come of an answer */
    size_t n[2];
    unsigned left; /* answers that are missing for the round trip */
};

struct bench {
    uint16_t port;
    pid_t pid;
    bool is_polling;
    double seconds;
    struct client *clients;
    unsigned count;
    struct rb_buf event; /* the packet */
};

static bool fail(const char *what)
{
    fprintf(stderr, "ringback-compare-socketio: %s\n", what);
    return false;
}

/* ---- WebSocket ---- */

static bool has(const struct client *client, const char *text)
{
    return memmem(client->input[0], client->n[0], text, strlen(text)) != NULL;
}

/* Blocks until all that has come since the last call holds the text. */
static bool await_text(struct client *client, const char *text)
{
    while (!has(client, text)) {
        if (client->n[0] == INPUT_BYTES) return false;
        ssize_t n = recv(client->fd, client->input[0] + client->n[0], INPUT_BYTES - client->n[0], 0);
        if (n <= 0) return false;
        client->n[0] += (size_t)n;
    }
    return true;
}

static bool join_websocket(struct client *client)
{
    bool is_good = upgrade_send(client->fd, PATH "websocket", NULL) && await_text(client, "\"maxPayload\"") &&
                   frame_send(client->fd, RB_WS_TEXT, RB_STR("40")) && await_text(client, "42[\"auth\",{}]");
    client->n[0] = 0;
    return is_good;
}

/* ---- polling ---- */

static bool send_request(const struct client *client, int fd, const char *method, rb_str body)
{
    struct rb_buf request = {0};
    char target[160];
    snprintf(target, sizeof target, PATH "polling%s%s", client->sid[0] ? "&sid=" : "", client->sid);
    link_put_request(&request, method, target, NULL, body);
    bool is_good = link_send(fd, rb_buf_str(&request));
    rb_buf_fini(&request);
    return is_good;
}

/* 1: a whole answer has come, and is 200; 0: not yet; -1: it is none. */
static int judge_answer(char *bytes, size_t n, rb_str *out_body)
{
    char *end = memmem(bytes, n, "\r\n\r\n", 4);
    if (!end) return n < INPUT_BYTES ? 0 : -1;
    *end = 0;
    char *length = strcasestr(bytes, "\r\ncontent-length:");
    size_t head = (size_t)(end - bytes) + 4, body = length ? strtoul(length + 17, NULL, 10) : 0;
    *end = '\r';
    if (n < head + body) return 0;
    *out_body = rb_str_make(bytes + head, body);
    return n == head + body && memcmp(bytes, "HTTP/1.1 200", 12) == 0 ? 1 : -1;
}

static bool exchange(struct client *client, const char *method, rb_str body, rb_str *out)
{
    int step = 0;
    client->n[0] = 0;
    if (!send_request(client, client->fd, method, body)) return false;
    while (step == 0) {
        ssize_t n = recv(client->fd, client->input[0] + client->n[0], INPUT_BYTES - client->n[0], 0);
        if (n <= 0) return false;
        client->n[0] += (size_t)n;
        step = judge_answer(client->input[0], client->n[0], out);
    }
    client->n[0] = 0;
    return step == 1;
}

static bool join_polling(struct client *client)
{
    const rb_str head = RB_STR("0{\"sid\":\"");
    rb_str body;
    if (!exchange(client, "GET", RB_STR_NONE, &body) || !rb_str_starts(body, head)) return false;
    rb_str sid = rb_str_from(body, head.n);
    snprintf(client->sid, sizeof client->sid, "%.*s", (int)strcspn(sid.p, "\""), sid.p);
    if (!exchange(client, "POST", RB_STR("40"), &body)) return false;
    do /* the answer to CONNECT, and "auth", in one or two */
        if (!exchange(client, "GET", RB_STR_NONE, &body)) return false;
    while (!memmem(body.p, body.n, "42[\"auth\"", 9));
    return send_request(client, client->fd, "GET", RB_STR_NONE); /* which waits from now on */
}

/* ---- joining ---- */

static bool join(struct bench *bench, unsigned upto)
{
    for (; bench->count < upto; bench->count++) {
        struct client *client = &bench->clients[bench->count];
        client->fd = link_connect(bench->port, 1 + bench->count / PER_SOURCE);
        if (client->fd < 0) return fail("no connection");
        if (!(bench->is_polling ? join_polling(client) : join_websocket(client)))
            return fail("a client could not join");
    }
    return true;
}

static bool measure_idle(struct bench *bench)
{
    double before, after;
    if (!join(bench, FEW)) return false;
    before = memory_of_tree(bench->pid);
    if (!join(bench, MANY)) return false;
    after = memory_of_tree(bench->pid);
    printf("%.0f\n", (after - before) / (MANY - FEW));
    return before > 0 && after > before;
}

/* ---- round trips ---- */

static bool send_event(struct bench *bench, struct client *client)
{
    if (!bench->is_polling) {
        client->left = 1;
        return frame_send(client->fd, RB_WS_TEXT, rb_buf_str(&bench->event));
    }
    client->left = 2; /* the POST's answer, and the poll's */
    return send_request(client, client->post_fd, "POST", rb_buf_str(&bench->event));
}

/* What the acknowledgement is, in one frame or in one answer. */
static bool is_acknowledgement(const struct bench *bench, rb_str packet)
{
    return packet.n == bench->event.n - strlen("\"" MARK "\",") && rb_str_starts(packet, RB_STR("431[\"x"));
}

/* Of input[which]. False: it is not what must come. */
static bool take(struct bench *bench, struct client *client, unsigned which)
{
    int fd = which == 0 ? client->fd : client->post_fd;
    ssize_t n =
        recv(fd, client->input[which] + client->n[which], INPUT_BYTES - client->n[which], MSG_DONTWAIT);
    rb_str body;
    if (n <= 0) return false;
    client->n[which] += (size_t)n;
    rb_str all = rb_str_make(client->input[which], client->n[which]);
    if (!bench->is_polling) {
        size_t bytes = all.n < 2 ? 126 : (unsigned char)all.p[1];
        if (all.n < 2 + bytes) return bytes <= 126;
        if (!is_acknowledgement(bench, rb_str_from(all, 2))) return false;
    } else {
        int step = judge_answer(client->input[which], client->n[which], &body);
        if (step <= 0) return step == 0;
        bool is_right = which == 0 ? is_acknowledgement(bench, body) : rb_str_is(body, "ok");
        if (!is_right || (which == 0 && !send_request(client, client->fd, "GET", RB_STR_NONE))) return false;
    }
    client->n[which] = 0;
    client->left--;
    return true;
}

/* Sends until the time is over, and takes until all are back. */
static bool run_trips(struct bench *bench, int epoll_fd, uint64_t until_ns, uint64_t *out_count)
{
    struct epoll_event ready[2 * RATE_CLIENTS];
    unsigned under_way = 0;
    for (; under_way < bench->count; under_way++)
        if (!send_event(bench, &bench->clients[under_way])) return false;
    for (*out_count = 0; under_way > 0;) {
        int n = epoll_wait(epoll_fd, ready, RB_COUNT(ready), STALL_MS);
        bool is_over = rb_clock_real_ns() >= until_ns;
        if (n <= 0) return false;
        for (int i = 0; i < n; i++) {
            struct client *client = &bench->clients[ready[i].data.u64 >> 1];
            if (!take(bench, client, ready[i].data.u64 & 1)) return false;
            if (client->left > 0) continue;
            ++*out_count;
            if (is_over)
                under_way--;
            else if (!send_event(bench, client))
                return false;
        }
    }
    return true;
}

static void watch(int epoll_fd, int fd, uint64_t what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};
    RB_CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

static bool measure_rate(struct bench *bench)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    char text[TEXT_BYTES];
    uint64_t count, begun_ns;
    memset(text, 'x', sizeof text);
    rb_buf_add_fmt(&bench->event, "421[\"" MARK "\",\"%.*s\"]", TEXT_BYTES, text);
    if (!join(bench, RATE_CLIENTS)) return false;
    for (unsigned i = 0; i < bench->count; i++) {
        struct client *client = &bench->clients[i];
        watch(epoll_fd, client->fd, 2 * i);
        if (!bench->is_polling) continue;
        if ((client->post_fd = link_connect(bench->port, 0)) < 0) return fail("no connection");
        watch(epoll_fd, client->post_fd, 2 * i + 1);
    }
    if (!run_trips(bench, epoll_fd, rb_clock_real_ns() + 1000000000, &count))
        return fail("not what was to come");
    double cpu_us = measure_cpu_us(bench->pid);
    begun_ns = rb_clock_real_ns();
    if (!run_trips(bench, epoll_fd, begun_ns + (uint64_t)(bench->seconds * 1e9), &count))
        return fail("not what was to come");
    double rate = (double)count / measure_seconds_since(begun_ns);
    printf("%.0f %.2f\n", rate, (measure_cpu_us(bench->pid) - cpu_us) / (double)count);
    close(epoll_fd);
    return true;
}

/* ---- the command line ---- */

static int usage(void)
{
    fputs("ringback-compare-socketio --port PORT --pid PID --part "
          "idle-websocket|idle-polling|rate-websocket|rate-polling\n"
          "                          [--seconds S]\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"pid", required_argument, NULL, 'i'},
                                            {"part", required_argument, NULL, 'a'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    struct bench bench = {.seconds = 2};
    const char *part = "";
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'p': bench.port = (uint16_t)atoi(optarg); break;
        case 'i': bench.pid = (pid_t)atoi(optarg); break;
        case 'a': part = optarg; break;
        case 's': bench.seconds = atof(optarg); break;
        default: return usage();
        }
    }
    bool is_idle = strncmp(part, "idle-", 5) == 0, is_rate = strncmp(part, "rate-", 5) == 0;
    if (bench.port == 0 || bench.pid <= 0 || bench.seconds <= 0 || !(is_idle || is_rate)) return usage();
    bench.is_polling = strcmp(part + 5, "polling") == 0;
    if (!bench.is_polling && strcmp(part + 5, "websocket") != 0) return usage();
    measure_pin(CORES_CLIENT);
    bench.clients = rb_new_array(struct client, MANY);
    bool is_good = is_idle ? measure_idle(&bench) : measure_rate(&bench);
    for (unsigned i = 0; i < bench.count; i++) {
        close(bench.clients[i].fd);
        if (bench.clients[i].post_fd > 0) close(bench.clients[i].post_fd);
    }
    rb_free(bench.clients);
    rb_buf_fini(&bench.event);
    return is_good ? 0 : 1;
}
