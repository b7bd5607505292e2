/* What routes can say to a request besides handling it, and clients that go at any moment. */
#include "http/held.h"

static struct server server;
static _Atomic int handled_count;

/* ---- hooks and handlers ---- */

static void hello(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_answer(request, 200, RB_STR("text/plain"), RB_STR("hello"));
}

/* The scratch memory, in which the input may lie, is free for hooks. */
static void note_head(struct rb_request *request, void *arg)
{
    memset(rb_loop_scratch(rb_request_loop(request)), 'X', 64 * 1024);
    assert_int_equal(request->body.n, 0);
    assert_null(rb_request_body_mut(request));
    request->arg = arg;
    rb_answer_header(request, "X-Head", rb_request_param(request, "id"));
}

static void shout(struct rb_request *request, void *arg)
{
    assert_ptr_equal(request->arg, arg);
    char *body = rb_request_body_mut(request);
    for (size_t i = 0; i < request->body.n; i++)
        if (body[i] >= 'a' && body[i] <= 'z') body[i] = (char)(body[i] - 'a' + 'A');
    rb_answer(request, 200, RB_STR("text/plain"), request->body);
}

static void answer_early(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_answer(request, 403, RB_STR("text/plain"), RB_STR("early"));
}

static void count_handled(struct rb_request *request, void *arg)
{
    handled_count++;
    hello(request, arg);
}

static void refuse_plainly(struct rb_request *request, void *arg, rb_err err)
{
    (void)arg;
    memset(rb_loop_scratch(rb_request_loop(request)), 'X', 64 * 1024);
    assert_int_equal(request->body.n, 0);
    rb_answer_header(request, "X-Reason", rb_str_of(rb_reason_name(err)));
    rb_answer(request, rb_reason(err)->http_status, RB_STR("text/html"), RB_STR(""));
}

static void refuse_later(struct rb_request *request, void *arg, rb_err err)
{
    (void)err;
    hold(request, arg);
}

static void closing(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_answer_will_close(request);
    rb_answer(request, 400, RB_STR("text/html"), RB_STR("no"));
}

static void watch_held(void *arg)
{
    int before = server.gone_count;
    rb_request_on_gone(server.held, arg ? answer_gone : on_gone);
    assert_int_equal(server.gone_count, before); /* never from inside */
}

static void watch_held_not(void *arg)
{
    watch_held(arg);
    rb_request_on_gone(server.held, NULL);
}

static struct rb_router *make_router(void)
{
    static const struct server_route routes[] = {
        {RB_HTTP1_GET, "/hello", {.handler = hello}},
        {RB_HTTP1_GET, "/shout/{id}", {.handler = shout, .on_head = note_head}},
        {RB_HTTP1_POST, "/shout/{id}", {.handler = shout, .on_head = note_head}},
        {RB_HTTP1_POST, "/early", {.handler = count_handled, .on_head = answer_early, .body_max = 200000}},
        {RB_HTTP1_GET, "/early", {.handler = count_handled, .on_head = answer_early}},
        {RB_HTTP1_POST, "/held", {.handler = count_handled, .on_head = hold}},
        {RB_HTTP1_POST, "/small", {.handler = shout, .body_max = 10, .on_refused = refuse_plainly}},
        {RB_HTTP1_POST, "/small/later", {.handler = shout, .body_max = 10, .on_refused = refuse_later}},
        {RB_HTTP1_POST,
         "/small/{id}",
         {.handler = shout, .body_max = 10, .on_head = note_head, .on_refused = refuse_plainly}},
        {RB_HTTP1_GET, "/late", {.handler = hold}},
        {RB_HTTP1_GET, "/closing", {.handler = closing}},
    };
    return server_router(routes, RB_COUNT(routes), &server);
}

static int start(void **state)
{
    handled_count = 0;
    return server_setup(state, &server, make_router());
}

/* ---- one connection, some requests ---- */

#define POST(path, lines) "POST " path " HTTP/1.1\r\nHost: h\r\n" lines "\r\n"
#define LAST "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

/* {input, what must be in the output, what must not} */
static const char *const exchanges[][4] = {
    /* the hook comes before the body, the handler after it */
    {POST("/shout/7", "Content-Length: 3\r\n") "abc" LAST, "X-Head: 7\r\n", "\r\n\r\nABC", NULL},
    {POST("/shout/7", CHUNKED) "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" LAST, "X-Head: 7\r\n", "\r\n\r\nABC", NULL},
    {"GET /shout/8 HTTP/1.1\r\nHost: h\r\n\r\n" LAST, "X-Head: 8\r\n", "hello", NULL},
    {POST("/shout/9", "Content-Length: 0\r\n") LAST, "X-Head: 9\r\n", "hello", NULL},
    /* answered by the hook: a short body is read away */
    {POST("/early", "Content-Length: 5\r\n") "abcde" LAST, "\r\n\r\nearlyHTTP/1.1 200", "hello", NULL},
    {"GET /early HTTP/1.1\r\nHost: h\r\n\r\n" LAST, "403 Forbidden\r\nDate", "\r\n\r\nearlyHTTP/1.1 200",
     NULL},
    {POST("/early", "") LAST, "403 Forbidden\r\nDate", "\r\n\r\nearlyHTTP/1.1 200", NULL},
    {POST("/early", "Content-Length: 65536\r\n"), "403 Forbidden", "early", "Connection: close"},
    {POST("/early", "Content-Length: 5\r\n") "abc", "403 Forbidden", "early", "Connection: close"},
    /* any other ends the connection */
    {POST("/early", "Content-Length: 65537\r\n"), "403 Forbidden", "Connection: close\r\n", "100 Continue"},
    {POST("/early", CHUNKED) "0\r\n\r\n" LAST, "403 Forbidden", "Connection: close\r\n", "hello"},
    {POST("/early", "Content-Length: 5\r\nExpect: 100-continue\r\n"), "403 Forbidden",
     "Connection: close\r\n", "100 Continue"},
    {POST("/early", "Content-Length: 200001\r\n"), "413 Content Too Large", "Connection: close\r\n", "early"},
    /* refused in the route's own form */
    {POST("/small", "Content-Length: 11\r\n") LAST, "413 Content Too Large\r\n",
     "X-Reason: body_too_large\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
     "hello"},
    {POST("/small", CHUNKED) "6\r\n012345\r\n5\r\n67890\r\n0\r\n\r\n" LAST, "413 Content Too Large\r\n",
     "Content-Type: text/html\r\nContent-Length: 0\r\n\r\n", "hello"},
    {POST("/small", CHUNKED) "x", "400 Bad Request\r\n", "X-Reason: bad_request\r\n", "{"},
    {POST("/small/1", CHUNKED) "x", "400 Bad Request\r\n", "X-Head: 1\r\n", "{"},
    {POST("/small/1", "Content-Length: 11\r\n"), "413 Content Too Large\r\n", "X-Reason", "X-Head"},
    {POST("/small/1", "Content-Length: 11\r\nExpect: 100-continue\r\n"), "413 Content Too Large\r\n",
     "X-Reason: body_too_large\r\n", "100 Continue"},
    {POST("/shout/1", CHUNKED) "x", "400 Bad Request\r\n", "X-Head: 1\r\n", "X-Reason"},
    /* closing on purpose */
    {"GET /closing HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" LAST,
     "400 Bad Request\r\n", "Connection: close\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno",
     "hello"},
};

static void exchanges_one_by_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < RB_COUNT(exchanges); i++) {
        int fd = client_ask(&server, exchanges[i][0]);
        shutdown(fd, SHUT_WR);
        struct rb_buf answer = client_finish(fd);
        assert_exchange(exchanges[i], &answer);
        rb_buf_fini(&answer);
    }
    assert_int_equal(handled_count, 0);
}

static const char pipelined[] = POST("/shout/1", "Content-Length: 3\r\n") "abc" /* handled */
    POST("/early", "Content-Length: 4\r\n") "abcd"                              /* answered at its head */
    POST("/shout/2", CHUNKED) "2\r\nde\r\n0\r\n\r\n"                            /* handled */
    POST("/small/3", "Content-Length: 11\r\n") "01234567890";                   /* refused */

static void cut_anywhere(void **state)
{
    (void)state;
    struct rb_buf expected = exchange(&server, pipelined);
    drop_dates(&expected);
    assert_has(&expected, "\r\n\r\nABCHTTP/1.1 403");
    assert_has(&expected, "\r\n\r\nearlyHTTP/1.1 200");
    assert_has(&expected, "\r\n\r\nDEHTTP/1.1 413");
    assert_same_however_cut(&server, pipelined, &expected);
    rb_buf_fini(&expected);
}

static void continues_after_the_hook(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fd = client_ask(&server, POST("/shout/5",
                                      "Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n"));
    client_read_until(fd, &in, "HTTP/1.1 100 Continue\r\n\r\n");
    client_say(fd, "abc");
    client_read_all(fd, &in);
    assert_has(&in, "X-Head: 5\r\n");
    assert_has(&in, "\r\n\r\nABC");
    rb_buf_fini(&in);
    close(fd);
}

/* Kept by the hook, answered from elsewhere while the body comes in. */
static void answered_amid_the_body(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fd = client_ask(&server, POST("/held", "Content-Length: 6\r\n") "abc");
    wait_for(&server.reached);
    settle(&server);
    server_call(&server, answer_held, &server);
    client_read_until(fd, &in, "late");
    assert_has_not(&in, "Connection");
    settle(&server);
    client_say(fd, "def" LAST);
    client_read_all(fd, &in);
    assert_has(&in, "\r\n\r\nhello");
    assert_int_equal(handled_count, 0);
    rb_buf_fini(&in);
    close(fd);
}

/* What is read away has the time a body has, and a drain does not wait for it. */
static void skipping_ends(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        struct rb_buf in = {0};
        int fd = client_ask(&server, POST("/early", "Content-Length: 6\r\n") "abc");
        client_read_until(fd, &in, "early");
        settle(&server);
        assert_int_equal(recv(fd, (char[1]){0}, 1, MSG_DONTWAIT), -1);
        if (way == 0)
            rb_clock_test_advance_ms(test_limits.body_timeout_ms);
        else
            server_call(&server, server_drain, &server);
        settle(&server);
        settle(&server);
        assert_int_equal(recv(fd, (char[1]){0}, 1, MSG_DONTWAIT), 0);
        rb_buf_fini(&in);
        close(fd);
    }
}

static void refused_for_its_slowness(void **state)
{
    (void)state;
    int fd = client_ask(&server, POST("/small/1", "Content-Length: 6\r\n") "abc");
    settle(&server);
    rb_clock_test_advance_ms(test_limits.body_timeout_ms);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "408 Request Timeout\r\n");
    assert_has(&in, "X-Reason: request_timeout\r\nConnection: close\r\nContent-Type: text/html\r\n");
    assert_has(&in, "X-Head: 1\r\n");
    rb_buf_fini(&in);
}

/* A refusal may take its time, like any answer, and is not refused a second time meanwhile. */
static void refused_later(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        POST("/small/later", "Content-Length: 11\r\n") "01234",
        POST("/small/later", CHUNKED) "6\r\n012345\r\n5\r\n67890\r\n",
        POST("/small/later", "Content-Length: 6\r\n") "012",
    };
    for (size_t i = 0; i < RB_COUNT(inputs); i++) {
        int fd = client_ask(&server, inputs[i]);
        settle(&server);
        if (i == 2) rb_clock_test_advance_ms(test_limits.body_timeout_ms);
        wait_for(&server.reached);
        client_say(fd, "more of it");
        rb_clock_test_advance_ms(test_limits.body_timeout_ms);
        settle(&server);
        server_call(&server, answer_held, &server);
        struct rb_buf in = client_finish(fd);
        assert_has(&in, "Connection: close\r\n");
        assert_has(&in, "\r\n\r\nlate");
        rb_buf_fini(&in);
    }
}

/* ---- clients that go ---- */

static void gone_amid_the_body(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        POST("/held", "Content-Length: 6\r\nX-Watch: 1\r\n") "abc",
        POST("/held", "Content-Length: 6\r\nX-Watch: answer\r\n") "abc",
        POST("/held", CHUNKED "X-Watch: 1\r\n") "3\r\nabc\r\n",
        POST("/held", "Content-Length: 6\r\n") "abc", /* nobody cares */
    };
    for (int way = 0; way < WAYS; way++) {
        for (size_t i = 0; i < RB_COUNT(inputs); i++) {
            server.gone_count = 0;
            int fd = client_ask(&server, inputs[i]);
            wait_for(&server.reached);
            settle(&server);
            go(&server, fd, way);
            if (i < 3) wait_for(&server.reached);
            wait_for_streams(&server, 0);
            assert_int_equal(server.gone_count, i < 3 ? 1 : 0);
            if (way == HALF_CLOSED || way == CUT) close(fd);
        }
    }
    assert_int_equal(handled_count, 0);
}

/* The peer's end has come already, with half a body, when on_head begins to care. */
static void gone_before_the_hook(void **state)
{
    (void)state;
    static const char input[] = "GET /late HTTP/1.1\r\nHost: h\r\n\r\n" /* in the way */
        POST("/held", "Content-Length: 6\r\nX-Watch: 1\r\n") "abc";
    int fd = client_ask(&server, input);
    shutdown(fd, SHUT_WR);
    wait_for(&server.reached);
    settle(&server);
    server_call(&server, answer_held, &server);
    wait_for(&server.reached); /* held */
    wait_for(&server.reached); /* gone */
    wait_for_streams(&server, 0);
    assert_int_equal(server.gone_count, 1);
    assert_int_equal(handled_count, 0);
    close(fd);
}

/* Who begins to care when the client has already gone is told so. */
static void gone_before_anybody_cared(void **state)
{
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        for (int answers = 0; answers < 2; answers++) {
            server.gone_count = 0;
            int fd = client_ask(&server, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
            wait_for(&server.reached);
            go(&server, fd, way);
            if (way == RESET || way == CUT) wait_for_streams(&server, 0);
            settle(&server);
            server_call(&server, watch_held_not, NULL);
            settle(&server);
            assert_int_equal(server.gone_count, 0);
            server_call(&server, watch_held, answers ? &server : NULL);
            wait_for(&server.reached);
            settle(&server);
            assert_int_equal(server.gone_count, 1);
            server_call(&server, answers ? do_nothing : answer_held, &server);
            if (way == HALF_CLOSED) {
                struct rb_buf in = {0};
                client_read_all(fd, &in);
                assert_has(&in, answers ? "\r\n\r\nbye" : "\r\n\r\nlate");
                assert_has(&in, "Connection: close\r\n");
                rb_buf_fini(&in);
            }
            if (way == HALF_CLOSED || way == CUT) close(fd);
            wait_for_streams(&server, 0);
            assert_int_equal(server.gone_count, 1);
        }
    }
}

/* It is answered before it could be told: there is nobody left to tell. */
static void watch_and_answer(void *arg)
{
    watch_held(NULL);
    answer_held(arg);
}

static void answered_before_it_was_told(void **state)
{
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        int fd = client_ask(&server, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
        wait_for(&server.reached);
        int other = client_ask(&server, "GET /he"); /* takes the memory in which the next request is read */
        settle(&server);
        go(&server, fd, way);
        settle(&server);
        server_call(&server, watch_and_answer, &server);
        close(other);
        if (way == HALF_CLOSED || way == CUT) close(fd);
        wait_for_streams(&server, 0);
    }
    assert_int_equal(server.gone_count, 0);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, start, server_teardown)
    const struct CMUnitTest tests[] = {
        RUN(exchanges_one_by_one),
        RUN(cut_anywhere),
        RUN(continues_after_the_hook),
        RUN(answered_amid_the_body),
        RUN(skipping_ends),
        RUN(refused_for_its_slowness),
        RUN(refused_later),
        RUN(gone_amid_the_body),
        RUN(gone_before_the_hook),
        RUN(gone_before_anybody_cared),
        RUN(answered_before_it_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
