/* Requests that go on on another loop, with their connections. */
#include "http/held.h"

#include <stdlib.h>

static struct server a, b; /* clients come in at a */

static struct server *other(const struct rb_request *request)
{
    return request->http == a.http ? &b : &a;
}

static rb_str place_name(const struct rb_request *request)
{
    assert_ptr_equal(rb_loop_current(), rb_request_loop(request));
    return request->http == a.http ? RB_STR("a") : RB_STR("b");
}

static bool is_wanted_here(struct rb_request *request)
{
    rb_str wanted = rb_request_param(request, "place");
    return !wanted.p || rb_str_eq(wanted, place_name(request));
}

/* ---- hooks and handlers ---- */

/* What is set before a move must not be found after it. */
static void move(struct rb_request *request)
{
    rb_answer_header(request, "X-Stale", RB_STR("1"));
    rb_request_on_gone(request, on_gone);
    request->arg = &a;
    rb_request_move(request, other(request)->http);
}

static void handle(struct rb_request *request, void *arg)
{
    (void)arg;
    if (!is_wanted_here(request)) {
        if (request->body.n > 0) rb_request_body_mut(request)[0] = '*';
        move(request);
        return;
    }
    assert_null(request->arg);
    rb_answer_header(request, "X-Place", place_name(request));
    char peer[RB_ADDRESS_TEXT_BYTES];
    rb_request_peer(request, peer);
    rb_answer_header(request, "X-Peer", rb_str_of(peer));
    rb_answer(request, 200, RB_STR("text/plain"), request->body);
}

static void look_at_head(struct rb_request *request, void *arg)
{
    (void)arg;
    assert_int_equal(request->body.n, 0);
    if (!is_wanted_here(request)) move(request);
}

/* Collected here, but wanted in pieces there. */
static void add_piece(struct rb_request *request, rb_str piece)
{
    rb_str *pieces = request->arg;
    *pieces = rb_arena_fmt(&request->arena, "%.*s%.*s", RB_STR_FMT(*pieces), RB_STR_FMT(piece));
}

static void want_pieces(struct rb_request *request, void *arg)
{
    (void)arg;
    if (!is_wanted_here(request)) return;
    request->arg = rb_arena_new(&request->arena, rb_str);
    rb_request_stream_body(request, add_piece);
}

static void handle_pieces(struct rb_request *request, void *arg)
{
    if (!is_wanted_here(request)) {
        handle(request, arg);
        return;
    }
    assert_int_equal(request->body.n, 0);
    rb_answer_header(request, "X-Place", place_name(request));
    rb_answer(request, 200, RB_STR("text/plain"), *(rb_str *)request->arg);
}

static void refuse(struct rb_request *request, void *arg, rb_err err)
{
    (void)arg;
    rb_answer_header(request, "X-Place", place_name(request));
    rb_answer(request, rb_reason(err)->http_status, RB_STR("text/html"), RB_STR(""));
}

static void move_held(void *arg)
{
    (void)arg;
    rb_request_move(a.held, b.http);
}

enum { BIG = 8 * 1024 * 1024 }; /* more than the kernel holds */

static void big(struct rb_request *request, void *arg)
{
    (void)arg;
    char *bytes = rb_alloc(BIG);
    memset(bytes, 'x', BIG);
    rb_answer(request, 200, RB_STR_NONE, rb_str_make(bytes, BIG));
    rb_free(bytes);
}

static void big_file(struct rb_request *request, void *arg)
{
    (void)arg;
    char name[] = "/tmp/rb-test-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    assert_int_equal(ftruncate(fd, BIG), 0);
    rb_answer_with_file(request, &(struct rb_answer_file){.take_fd = fd, .bytes = BIG});
}

static struct rb_router *make_router(void)
{
    static const struct server_route routes[] = {
        {RB_HTTP1_GET, "/here", {.handler = handle}},
        {RB_HTTP1_POST, "/here", {.handler = handle}},
        {RB_HTTP1_GET, "/at/{place}", {.handler = handle}},
        {RB_HTTP1_POST, "/at/{place}", {.handler = handle, .on_refused = refuse}},
        {RB_HTTP1_GET, "/head/{place}", {.handler = handle, .on_head = look_at_head}},
        {RB_HTTP1_POST, "/head/{place}", {.handler = handle, .on_head = look_at_head, .on_refused = refuse}},
        {RB_HTTP1_POST, "/pieces/{place}", {.handler = handle_pieces, .on_head = want_pieces}},
        {RB_HTTP1_GET, "/late/{place...}", {.handler = hold}},
        {RB_HTTP1_GET, "/big", {.handler = big}},
        {RB_HTTP1_GET, "/file", {.handler = big_file}},
    };
    return server_router(routes, RB_COUNT(routes), &a);
}

static int start_with(const struct rb_http_limits *limits_of_b)
{
    server_start(&a, make_router(), &test_limits);
    server_start(&b, make_router(), limits_of_b);
    return 0;
}

static int start(void **state)
{
    (void)state;
    return start_with(&test_limits);
}

static int start_with_few(void **state)
{
    (void)state;
    struct rb_http_limits few = test_limits;
    few.connections_max = 1;
    return start_with(&few);
}

static int stop(void **state)
{
    (void)state;
    server_call(&a, cut_connections, &a);
    wait_for_streams(&a, 0);
    server_stop(&b);
    server_stop(&a);
    return 0;
}

/* ---- what comes in here is answered there ---- */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(path, lines) "POST " path " HTTP/1.1\r\nHost: h\r\n" lines "\r\n"
#define LAST "GET /here HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

/* {input, the places of the answers, their bodies} */
static const char *const cases[][3] = {
    {GET("/at/b") LAST, "bb", ""},
    {GET("/head/b") LAST, "bb", ""},
    {GET("/here") GET("/at/b") GET("/here") LAST, "abbb", ""},
    {GET("/at/b") GET("/at/a") GET("/head/b") GET("/head/a") LAST, "babaa", ""},
    {POST("/at/b", "Content-Length: 3\r\n") "abc" LAST, "bb", "*bc"},
    {POST("/head/b", "Content-Length: 3\r\n") "abc" LAST, "bb", "abc"},
    {POST("/at/b", CHUNKED) "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n" LAST, "bb", "*bc"},
    {POST("/head/b", CHUNKED) "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n" LAST, "bb", "abc"},
    {POST("/at/b", "") LAST, "bb", ""},
    {POST("/head/b", "Expect: 100-continue\r\nContent-Length: 3\r\n") "abc" LAST, "bb", "abc"},
    {POST("/at/b", "Expect: 100-continue\r\nContent-Length: 3\r\n") "abc" LAST, "bb", "*bc"},
    {POST("/pieces/b", "Content-Length: 3\r\n") "abc" LAST, "bb", "*bc"},
    {POST("/pieces/b", CHUNKED) "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n" LAST, "bb", "*bc"},
    {POST("/pieces/b", "") LAST, "bb", ""},
    {"GET /at/b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "b", ""},
    {"GET /at/b HTTP/1.0\r\n\r\n", "b", ""},
};

static void assert_answers(struct rb_buf *in, const char *const expected[3])
{
    char places[16] = "";
    struct rb_buf bodies = {0};
    assert_has_not(in, "X-Stale");
    for (char *p = strstr(rb_buf_text(in), "X-Place: "); p; p = strstr(p + 1, "X-Place: "))
        strncat(places, p + strlen("X-Place: "), 1);
    for (char *p = strstr(rb_buf_text(in), "\r\n\r\n"); p; p = strstr(p + 1, "\r\n\r\n")) {
        rb_str rest = rb_str_of(p + 4), body = rest;
        char *next = strstr(p, "HTTP/1.1 ");
        if (next) body.n = (size_t)(next - body.p);
        rb_buf_add_str(&bodies, body);
    }
    if (strcmp(places, expected[1]) != 0) fail_msg("places %s: %s", places, rb_buf_text(in));
    assert_string_equal(rb_buf_text(&bodies), expected[2]);
    rb_buf_fini(&bodies);
}

static void moved_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        for (int is_half_closed = 0; is_half_closed < 2; is_half_closed++) {
            int fd = client_ask(&a, cases[i][0]);
            if (is_half_closed) shutdown(fd, SHUT_WR);
            struct rb_buf in = client_finish(fd);
            assert_answers(&in, cases[i]);
            assert_has(&in, "X-Peer: 127.0.0.1\r\n");
            assert_has_not(&in, "X-Peer: \r\n");
            rb_buf_fini(&in);
        }
    }
    assert_int_equal(a.gone_count, 0);
}

static void settle_both(void)
{
    for (int i = 0; i < 2; i++) {
        settle(&a);
        settle(&b);
    }
}

static void moved_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        if (strstr(cases[i][0], "Expect")) continue; /* is told to continue, which the others are not */
        int fd = client_open(&a);
        for (const char *p = cases[i][0]; *p; p++) {
            client_send(fd, p, 1);
            settle_both();
        }
        struct rb_buf in = client_finish(fd);
        assert_answers(&in, cases[i]);
        rb_buf_fini(&in);
    }
}

/* On the loop where the body is read the client is told to go on, and only there. */
static void continues_where_it_is_read(void **state)
{
    (void)state;
    static const char *const paths[] = {"/at/b", "/head/b"};
    for (size_t i = 0; i < RB_COUNT(paths); i++) {
        struct rb_buf in = {0}, input = {0};
        int fd = client_open(&a), count = 0;
        rb_buf_add_fmt(&input, POST("%s", "Expect: 100-continue\r\nContent-Length: 3\r\n"), paths[i]);
        client_send(fd, input.p, input.n);
        client_read_until(fd, &in, "100 Continue\r\n\r\n");
        client_say(fd, "abc");
        client_read_until(fd, &in, "X-Place: b");
        client_say(fd, LAST);
        client_read_all(fd, &in);
        for (const char *p = rb_buf_text(&in); (p = strstr(p, "100 Continue")) != NULL; p++) count++;
        assert_int_equal(count, 1);
        assert_has(&in, "X-Place: b\r\n");
        rb_buf_fini(&in);
        rb_buf_fini(&input);
        close(fd);
    }
}

/* The connection counts where it is. */
static void counted_there(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fd = client_ask(&a, GET("/here"));
    client_read_until(fd, &in, "X-Place: a");
    wait_for_streams(&a, 1);
    client_say(fd, GET("/at/b"));
    client_read_until(fd, &in, "X-Place: b");
    wait_for_streams(&a, 0);
    wait_for_streams(&b, 1);
    rb_clock_test_advance_ms(test_limits.idle_timeout_ms); /* its deadlines are there too */
    rb_buf_clear(&in);
    client_read_all(fd, &in);
    wait_for_streams(&b, 0);
    rb_buf_fini(&in);
    close(fd);
}

/* ---- what is on its way out goes first ---- */

static void earlier_answers_first(void **state)
{
    (void)state;
    static const char *const inputs[] = {GET("/big") GET("/at/b") LAST, GET("/file") GET("/head/b") LAST,
                                         GET("/file") GET("/big") GET("/here") GET("/at/b") LAST};
    for (size_t i = 0; i < RB_COUNT(inputs); i++) {
        int fd = client_ask(&a, inputs[i]);
        settle_both();
        wait_for_streams(&a, 1); /* it waits */
        wait_for_streams(&b, 0);
        struct rb_buf in = client_finish(fd);
        assert_true(in.n > (i == 2 ? 2 * BIG : BIG));
        assert_non_null(memmem(in.p, in.n, "X-Place: b\r\n", 12));
        wait_for_streams(&a, 0);
        wait_for_streams(&b, 0);
        rb_buf_fini(&in);
    }
}

/* Whoever gave it away is not told any more that the client has gone, whatever it waits for. */
static void half_closed_while_it_waits(void **state)
{
    (void)state;
    int fd = client_ask(&a, GET("/late/") GET("/here") GET("/at/b"));
    shutdown(fd, SHUT_WR);
    wait_for(&a.reached);
    settle(&a);
    server_call(&a, answer_held, &a); /* the second answer still waits when the third request is to go */
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "\r\n\r\nlateHTTP/1.1 200 OK");
    assert_has(&in, "X-Place: b\r\n");
    assert_int_equal(a.gone_count, 0);
    rb_buf_fini(&in);
}

static void cut_while_it_waits(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        int fd = client_ask(&a, way == 2 ? GET("/late/") : GET("/big") GET("/at/b") GET("/here"));
        if (way == 2) wait_for(&a.reached);
        settle_both();
        if (way == 1) {
            client_reset(fd);
        } else {
            server_call(&a, cut_connections, &a);
            close(fd);
        }
        wait_for_streams(&a, 0);
        if (way == 2) server_call(&a, move_held, NULL); /* nobody is left to be moved */
        settle_both();
        wait_for_streams(&b, 0);
    }
    assert_int_equal(a.gone_count, 0);
}

/* A handler may find out later where the request belongs. */
static void moved_later(void **state)
{
    (void)state;
    int fd = client_ask(&a, GET("/late/") GET("/here") LAST);
    wait_for(&a.reached);
    settle(&a);
    server_call(&a, move_held, NULL);
    wait_for(&a.reached);
    server_call(&b, answer_held, &a);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "\r\n\r\nlateHTTP/1.1 200 OK");
    assert_has(&in, "X-Place: b\r\n");
    rb_buf_fini(&in);
}

/* ---- limits and ends ---- */

static void full_there(void **state)
{
    (void)state;
    static const char *const inputs[] = {POST("/at/b", "Content-Length: 3\r\n") "abc" LAST,
                                         POST("/head/b", "Content-Length: 3\r\n") "abc" LAST,
                                         GET("/at/b") LAST};
    int only = client_open(&b);
    wait_for_streams(&b, 1);
    for (size_t i = 0; i < RB_COUNT(inputs); i++) {
        int fd = client_ask(&a, inputs[i]);
        struct rb_buf in = client_finish(fd);
        assert_has(&in, "503 Service Unavailable\r\n");
        assert_has(&in, "Connection: close\r\n");
        assert_has_not(&in, "200 OK");
        assert_has(&in, i < 2 ? "X-Place: b\r\nConnection: close\r\nContent-Type: text/html\r\n"
                              : "\"overloaded\"");
        rb_buf_fini(&in);
    }
    close(only);
    wait_for_streams(&b, 0);
    struct rb_buf in = exchange(&a, GET("/at/b") LAST); /* there is room again */
    assert_has(&in, "X-Place: b\r\n");
    assert_has_not(&in, "503");
    rb_buf_fini(&in);
}

static void end(void *arg)
{
    rb_http_end(((struct server *)arg)->http);
}

static void draining_there(void **state)
{
    (void)state;
    server_call(&b, server_drain, &b);
    struct rb_buf in = exchange(&a, GET("/at/b") LAST);
    assert_answers(&in, (const char *const[3]){NULL, "b", ""});
    assert_has(&in, "Connection: close\r\n");
    rb_buf_fini(&in);
}

static void ended_there(void **state)
{
    (void)state;
    int late = client_open(&b), idle = client_open(&b);
    wait_for_streams(&b, 2);
    client_say(late, GET("/late/"));
    wait_for(&a.reached);
    server_call(&b, end, &b);
    wait_for_streams(&b, 0); /* cut */
    server_call(&b, answer_held, &a);
    struct rb_buf in = exchange(&a, GET("/at/b") LAST);
    assert_int_equal(in.n, 0);
    in = exchange(&b, GET("/here") LAST);
    assert_int_equal(in.n, 0);
    rb_buf_fini(&in);
    close(late);
    close(idle);
}

/* A letter that finds nobody is opened when the loop is ended, and leaves nothing behind. */
static void letter_to_a_loop_that_has_stopped(void **state)
{
    (void)state;
    server_start(&a, make_router(), &test_limits);
    server_start(&b, make_router(), &test_limits);
    server_call(&b, close_listener, &b);
    server_call(&b, end, &b);
    rb_loop_stop(b.loop);
    pthread_join(b.thread, NULL);
    int fd = client_ask(&a, POST("/head/b", "Content-Length: 3\r\n") "abc" LAST);
    settle(&a);
    wait_for_streams(&a, 0);
    rb_loop_end(b.loop);
    struct rb_buf in = client_finish(fd);
    assert_int_equal(in.n, 0);
    rb_http_free(b.http);
    rb_router_free(b.router);
    rb_net_free(b.net);
    rb_loop_free(b.loop);
    sem_destroy(&b.reached);
    server_stop(&a);
}

/* ---- many at once ---- */

enum { CLIENTS = 16, ROUNDS = 60 };

static void *to_and_fro(void *arg)
{
    (void)arg;
    struct rb_buf in = {0}, input = {0};
    int fd = client_open(&a);
    for (int i = 0; i < ROUNDS; i++) {
        rb_buf_clear(&in);
        rb_buf_clear(&input);
        rb_buf_add_fmt(&input, POST("/%s/%s", "Content-Length: 5\r\n") "%05d", i % 3 ? "at" : "head",
                       i % 2 ? "a" : "b", i);
        client_send(fd, input.p, input.n);
        char wanted[16];
        snprintf(wanted, sizeof wanted, "%04d", i); /* the first digit may have been overwritten */
        client_read_until(fd, &in, wanted);
        assert_has(&in, i % 2 ? "X-Place: a" : "X-Place: b");
    }
    rb_buf_fini(&in);
    rb_buf_fini(&input);
    close(fd);
    return NULL;
}

static void many_to_and_fro(void **state)
{
    (void)state;
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) pthread_create(&threads[i], NULL, to_and_fro, NULL);
    for (int i = 0; i < CLIENTS; i++) pthread_join(threads[i], NULL);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        RUN(moved_requests),
        RUN(moved_byte_by_byte),
        RUN(continues_where_it_is_read),
        RUN(counted_there),
        RUN(earlier_answers_first),
        RUN(half_closed_while_it_waits),
        RUN(cut_while_it_waits),
        RUN(moved_later),
        cmocka_unit_test_setup_teardown(full_there, start_with_few, stop),
        RUN(draining_there),
        RUN(ended_there),
        cmocka_unit_test(letter_to_a_loop_that_has_stopped),
        RUN(many_to_and_fro),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
