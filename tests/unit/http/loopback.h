/* One real loop in a thread, with a listener on a port of the kernel's choice; tests talk to it over blocking
 * sockets. */
#ifndef RB_HTTP_LOOPBACK_H
#define RB_HTTP_LOOPBACK_H

#include "test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct server {
    struct rb_loop *loop;
    struct rb_net *net;
    struct rb_router *router;
    struct rb_http *http;
    struct rb_listener *listener;
    uint16_t port;
    pthread_t thread;
    int fds_before;
    sem_t reached;           /* handlers and owners post it when something happened that a test waits for */
    struct rb_request *held; /* held.h; the loop's thread only */
    _Atomic int gone_count;  /* of those that were held and watched */
};

static inline void wait_for(sem_t *reached)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    while (sem_timedwait(reached, &until) != 0)
        if (errno != EINTR) fail_msg("nothing happened");
}

/* ---- calls on the loop's thread ---- */

struct call {
    struct rb_mail mail;
    void (*fn)(void *arg);
    void *arg;
    sem_t done;
};

static inline void run_call(struct rb_mail *mail)
{
    struct call *call = RB_OUTER(mail, struct call, mail);
    call->fn(call->arg);
    sem_post(&call->done);
}

static inline void server_call(struct server *server, void (*fn)(void *arg), void *arg)
{
    struct call call = {.mail.run = run_call, .fn = fn, .arg = arg};
    sem_init(&call.done, 0, 0);
    rb_loop_post(server->loop, &call.mail);
    wait_for(&call.done);
    sem_destroy(&call.done);
}

static inline void do_nothing(void *arg)
{
    (void)arg;
}

/* What was sent before has been read by the server when this returns: each call is answered in a later turn
 * of the loop, and the kernel hands loopback bytes over at once. */
static inline void settle(struct server *server)
{
    for (int i = 0; i < 4; i++) server_call(server, do_nothing, NULL);
}

/* ---- the server ---- */

static const struct rb_http_limits test_limits = {
    .head = {.head_max = 2048, .target_max = 256},
    .body_max = 4 * 1024 * 1024,
    .header_timeout_ms = 10000,
    .body_timeout_ms = 20000,
    .idle_timeout_ms = 60000,
    .connections_max = 100,
};
static const struct rb_net_limits test_net_limits = {.output_max = 128 * 1024, .write_timeout_ms = 30000};

static inline int count_fds(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

static inline void *run_loop(void *arg)
{
    rb_loop_run(arg);
    return NULL;
}

static inline void server_start(struct server *server, struct rb_router *router,
                                const struct rb_http_limits *limits)
{
    int fd = -1;
    struct rb_buf why = {0};
    rb_clock_test_enable();
    rb_loop_free(rb_loop_new("first")); /* with the first one libuv opens what stays open */
    *server = (struct server){.router = router, .fds_before = count_fds()};
    server->loop = rb_loop_new("test");
    server->net = rb_net_new(server->loop, &test_net_limits);
    server->http = rb_http_new(server->net, router, limits);
    if (!rb_listen_socket(RB_STR("127.0.0.1"), 0, 0, &fd, &server->port, &why))
        fail_msg("%s", rb_buf_text(&why));
    server->listener = rb_listener_open(server->loop, fd, rb_http_accept, server->http);
    sem_init(&server->reached, 0, 0);
    assert_int_equal(pthread_create(&server->thread, NULL, run_loop, server->loop), 0);
}

struct server_route {
    enum rb_http1_method method;
    const char *pattern;
    struct rb_route route; /* without its arg */
};

static inline struct rb_router *server_router(const struct server_route *routes, size_t n, void *arg)
{
    struct rb_router *router = rb_router_new();
    for (size_t i = 0; i < n; i++) {
        struct rb_route route = routes[i].route;
        route.arg = arg;
        assert_int_equal(rb_router_add_route(router, routes[i].method, rb_str_of(routes[i].pattern), &route),
                         RB_OK);
    }
    return router;
}

static inline void server_drain(void *arg)
{
    rb_http_drain(((struct server *)arg)->http);
}

static inline void close_listener(void *arg)
{
    struct server *server = arg;
    rb_listener_close(server->listener);
    server->listener = NULL;
}

static inline void cut_connections(void *arg)
{
    rb_net_abort_all(((struct server *)arg)->net, RB_SHUTTING_DOWN);
}

struct count {
    struct server *server;
    unsigned streams;
};

static inline void count_streams(void *arg)
{
    struct count *count = arg;
    count->streams = rb_net_stream_count(count->server->net);
}

/* Lingering streams end when the clock has moved or their peers are gone. */
static inline void wait_for_streams(struct server *server, unsigned wanted)
{
    struct count count = {server, 0};
    for (int i = 0; i < 20000; i++) {
        server_call(server, count_streams, &count);
        if (count.streams == wanted) return;
        rb_clock_test_advance_ms(1);
    }
    fail_msg("%u streams are left", count.streams);
}

/* Everything must be gone: rb_net_free and rb_http_free check it, the descriptors are counted, the sanitizer
 * checks the rest. */
static inline void server_stop(struct server *server)
{
    server_call(server, close_listener, server);
    server_call(server, cut_connections, server);
    wait_for_streams(server, 0);
    rb_loop_stop(server->loop);
    pthread_join(server->thread, NULL);
    rb_http_free(server->http);
    rb_router_free(server->router);
    rb_net_free(server->net);
    rb_loop_free(server->loop);
    sem_destroy(&server->reached);
    assert_int_equal(count_fds(), server->fds_before);
}

/* What a test with one server begins and ends with, for cmocka. */
static inline int server_setup(void **state, struct server *server, struct rb_router *router)
{
    server_start(server, router, &test_limits);
    *state = server;
    return 0;
}

static inline int server_teardown(void **state)
{
    server_stop(*state);
    return 0;
}

/* ---- clients ---- */

static inline int client_open(struct server *server)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    struct timeval patience = {.tv_sec = 20};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* A connection that the server has already closed takes no more; that is for the reading to find out. */
static inline void client_send(int fd, const void *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return;
        p = (const char *)p + sent;
        n -= (size_t)sent;
    }
}

static inline void client_say(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

/* Reads some more; false at the end. */
static inline bool client_read(int fd, struct rb_buf *in)
{
    char bytes[16384];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n < 0 && errno == ECONNRESET) return false;
    if (n < 0) fail_msg("no answer: %s", strerror(errno));
    rb_buf_add(in, bytes, (size_t)n);
    return n > 0;
}

/* All there is until the server closes. */
static inline void client_read_all(int fd, struct rb_buf *in)
{
    while (client_read(fd, in)) {
    }
}

static inline void client_read_until(int fd, struct rb_buf *in, const char *text)
{
    while (!strstr(rb_buf_text(in), text))
        if (!client_read(fd, in)) fail_msg("it closed before \"%s\", after \"%s\"", text, rb_buf_text(in));
}

static inline int client_ask(struct server *server, const char *input)
{
    int fd = client_open(server);
    client_say(fd, input);
    return fd;
}

/* Sends it in two pieces, cut there, or byte by byte if `cut` is 0; the server reads each by itself. */
static inline void client_send_cut(struct server *server, int fd, const char *p, size_t n, size_t cut)
{
    size_t step = cut ? cut : 1;
    for (size_t at = 0; at < n; at += step) {
        if (at > 0 && cut) step = n - at;
        client_send(fd, p + at, step);
        settle(server);
    }
}

/* Reads until the server closes, and closes. */
static inline struct rb_buf client_finish(int fd)
{
    struct rb_buf answer = {0};
    client_read_all(fd, &answer);
    close(fd);
    return answer;
}

/* Sends the input, reads until the server closes. */
static inline struct rb_buf exchange(struct server *server, const char *input)
{
    return client_finish(client_ask(server, input));
}

static inline void assert_has(struct rb_buf *answer, const char *text)
{
    if (!strstr(rb_buf_text(answer), text)) fail_msg("no \"%s\" in \"%s\"", text, rb_buf_text(answer));
}

static inline void assert_has_not(struct rb_buf *answer, const char *text)
{
    if (strstr(rb_buf_text(answer), text)) fail_msg("a \"%s\" in \"%s\"", text, rb_buf_text(answer));
}

/* Takes the Date lines out: what is left can be compared. */
static inline void drop_dates(struct rb_buf *answer)
{
    struct rb_buf kept = {0};
    rb_str rest = rb_buf_str(answer), line;
    while (rb_str_split(&rest, '\n', &line)) {
        if (rb_str_starts(line, RB_STR("Date: "))) continue;
        rb_buf_add_str(&kept, line);
        if (rest.p) rb_buf_add_char(&kept, '\n');
    }
    rb_buf_fini(answer);
    *answer = kept;
}

/* An exchange is {input, what must be in the output, something else that must, what must not or NULL}. */
static inline void assert_exchange(const char *const expected[4], struct rb_buf *answer)
{
    if (!strstr(rb_buf_text(answer), expected[1])) print_error("%s\n", expected[0]);
    assert_has(answer, expected[1]);
    assert_has(answer, expected[2]);
    if (expected[3]) assert_has_not(answer, expected[3]);
}

/* However the input is cut, the answer is the same. */
static inline void assert_same_however_cut(struct server *server, const char *input, struct rb_buf *expected)
{
    size_t n = strlen(input);
    for (size_t cut = 0; cut <= n; cut++) {
        int fd = client_open(server);
        client_send_cut(server, fd, input, n, cut);
        struct rb_buf answer = client_finish(fd);
        drop_dates(&answer);
        if (!rb_str_eq(rb_buf_str(&answer), rb_buf_str(expected)))
            fail_msg("%zu: \"%s\"", cut, rb_buf_text(&answer));
        rb_buf_fini(&answer);
    }
}

#endif
