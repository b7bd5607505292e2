/* Echo: connections that each have one message under way, and send the next as soon as it is back. Beside
 * Ringback's /echo a bare loop that does WebSocket framing. */
#include "bare.h"
#include "base/check.h"
#include "base/clock.h"
#include "link.h"
#include "measure.h"
#include "server.h"
#include "upgrade.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 100, PAYLOAD_BYTES = 128, STALL_MS = 10000, RIVALS = 2 };

struct rival {
    const char *whose;
    pid_t pid;
    uint16_t port;
    int epoll_fd, fds[CONNECTIONS];
    unsigned count, got[CONNECTIONS]; /* bytes of what is coming back */
    struct series rate, cpu;
};

struct echo {
    struct bench *bench;
    struct server server;
    struct bare bare;
    struct rb_buf sent, expected;
    struct rival rivals[RIVALS];
};

static bool open_rival(struct echo *echo, struct rival *rival, const char *token_or_null)
{
    rival->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (; rival->count < CONNECTIONS; rival->count++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = rival->count};
        int fd = rival->fds[rival->count] = link_connect(rival->port, 0);
        bool is_good = fd >= 0 && upgrade_send(fd, "/echo", token_or_null) && upgrade_read(fd) &&
                       epoll_ctl(rival->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
        if (!is_good) {
            rival->count += fd >= 0;
            return report_fail(&echo->bench->report, "echo: no connection to %s", rival->whose);
        }
    }
    return true;
}

static bool send_next(struct echo *echo, struct rival *rival, unsigned i)
{
    rival->got[i] = 0;
    return link_send(rival->fds[i], rb_buf_str(&echo->sent));
}

/* False: it is not what was sent, or the connection is gone. */
static bool take_back(struct echo *echo, struct rival *rival, unsigned i, bool *out_is_whole)
{
    char bytes[PAYLOAD_BYTES + RB_WS_HEADER_MAX];
    unsigned got = rival->got[i];
    ssize_t n = recv(rival->fds[i], bytes, sizeof bytes, MSG_DONTWAIT);
    if (n <= 0 || got + (size_t)n > echo->expected.n || memcmp(bytes, echo->expected.p + got, (size_t)n) != 0)
        return false;
    rival->got[i] += (unsigned)n;
    *out_is_whole = rival->got[i] == echo->expected.n;
    return true;
}

/* Sends until the time is over, and takes until all are back. */
static bool run_messages(struct echo *echo, struct rival *rival, uint64_t until_ns, uint64_t *out_count)
{
    struct epoll_event ready[CONNECTIONS];
    unsigned under_way = 0;
    for (; under_way < rival->count; under_way++)
        if (!send_next(echo, rival, under_way)) return false;
    for (*out_count = 0; under_way > 0;) {
        int n = epoll_wait(rival->epoll_fd, ready, CONNECTIONS, STALL_MS);
        bool is_over = rb_clock_real_ns() >= until_ns || bench_is_interrupted();
        if (n <= 0) return false;
        for (int k = 0; k < n; k++) {
            unsigned i = ready[k].data.u32;
            bool is_whole;
            if (!take_back(echo, rival, i, &is_whole)) return false;
            if (!is_whole) continue;
            ++*out_count;
            if (is_over)
                under_way--;
            else if (!send_next(echo, rival, i))
                return false;
        }
    }
    return true;
}

static bool run_turn(struct echo *echo, struct rival *rival, double seconds)
{
    uint64_t count, begun_ns = rb_clock_real_ns();
    double cpu_us = measure_cpu_us(rival->pid);
    if (!run_messages(echo, rival, begun_ns + (uint64_t)(seconds * 1e9), &count))
        return report_fail(&echo->bench->report, "echo: %s did not send back what it got", rival->whose);
    series_add(&rival->rate, (double)count / measure_seconds_since(begun_ns));
    series_add(&rival->cpu, (measure_cpu_us(rival->pid) - cpu_us) / (double)count);
    return !bench_is_interrupted();
}

/* ---- what comes out ---- */

static void add_rate(struct echo *echo, const struct rival *rival, const char *name, const char *label)
{
    struct figure figure = {.part = "echo", .unit = "/s", .value = series_median(&rival->rate)};
    snprintf(figure.name, sizeof figure.name, "%s", name);
    snprintf(figure.label, sizeof figure.label, "%s", label);
    snprintf(figure.note, sizeof figure.note, "%.0f to %.0f; %.2f us of processor each",
             series_min(&rival->rate), series_max(&rival->rate), series_median(&rival->cpu));
    report_add(&echo->bench->report, &figure);
}

static void add_figures(struct echo *echo)
{
    struct rival *ringback = &echo->rivals[0], *bare = &echo->rivals[1];
    struct series ratio = {0};
    for (unsigned i = 0; i < ringback->rate.count; i++)
        series_add(&ratio, ringback->rate.values[i] / bare->rate.values[i]);
    struct figure figure = {.part = "echo",
                            .name = "echo_ratio",
                            .label = "  Ringback / bare loop, echo",
                            .unit = "",
                            .value = series_median(&ratio),
                            .goal_kind = GOAL_AT_LEAST,
                            .goal = 0.95};
    snprintf(figure.note, sizeof figure.note, "%.2f to %.2f; of the processor %.2f times as much each",
             series_min(&ratio), series_max(&ratio),
             series_median(&ringback->cpu) / series_median(&bare->cpu));
    add_rate(echo, ringback, "echo_per_second", "round trips, 100 connections, 128 bytes");
    add_rate(echo, bare, "echo_bare_per_second", "  the same by a bare epoll loop with WebSocket framing");
    report_add(&echo->bench->report, &figure);
}

/* ---- the part ---- */

static bool measure(struct echo *echo)
{
    struct bench *bench = echo->bench;
    struct rival *rivals = echo->rivals;
    if (!bare_open(&echo->bare, BARE_ECHO))
        return report_fail(&bench->report, "echo: the bare loop does not start");
    if (!server_start(&echo->server, bench, bench->is_pinned ? "threads: 1\n" : NULL)) return false;
    rivals[0] = (struct rival){.whose = "Ringback", .pid = echo->server.pid, .port = echo->server.port};
    rivals[1] = (struct rival){.whose = "the bare loop", .pid = echo->bare.pid, .port = echo->bare.port};
    if (!open_rival(echo, &rivals[0], echo->server.client_token) || !open_rival(echo, &rivals[1], NULL))
        return false;
    for (unsigned i = 0; i < RIVALS * bench->options.rounds; i++)
        if (!run_turn(echo, &rivals[i % RIVALS], bench->options.seconds / bench->options.rounds))
            return false;
    add_figures(echo);
    return true;
}

bool part_echo(struct bench *bench)
{
    struct echo echo = {.bench = bench};
    char payload[PAYLOAD_BYTES];
    memset(payload, 'x', sizeof payload);
    frame_put(&echo.sent, RB_WS_TEXT, rb_str_make(payload, sizeof payload));
    rb_ws_put_frame(&echo.expected, RB_WS_TEXT, rb_str_make(payload, sizeof payload));
    bool is_good = measure(&echo);
    for (unsigned r = 0; r < RIVALS; r++) {
        for (unsigned i = 0; i < echo.rivals[r].count; i++) close(echo.rivals[r].fds[i]);
        if (echo.rivals[r].epoll_fd > 0) close(echo.rivals[r].epoll_fd);
    }
    rb_buf_fini(&echo.sent);
    rb_buf_fini(&echo.expected);
    bare_stop(&echo.bare);
    return (echo.server.pid <= 0 || server_stop(&echo.server, bench)) && is_good;
}
