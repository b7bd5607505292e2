/* Bodies that are handed on as they come, and who gets them: slower than the network, content with half of
 * it, or still at work when the client has gone. */
#include "http/held.h"

static struct server server;

/* What came of the body so far; the loop's thread writes, the test's reads when both have settled. */
static struct {
    struct rb_buf bytes;
    unsigned pieces, handled, refused;
    rb_err why;
    struct rb_request *request; /* the latest */
} got;

/* ---- hooks and handlers ---- */

static void hello(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_answer(request, 200, RB_STR("text/plain"), RB_STR("hello"));
}

static void on_piece(struct rb_request *request, rb_str piece)
{
    assert_true(piece.n > 0);
    assert_int_equal(request->body.n, 0);
    got.pieces++;
    rb_buf_add_str(&got.bytes, piece);
    rb_str then = rb_request_header(request, "X-Then");
    if (rb_str_is(then, "hold")) rb_request_hold_body(request, true);
    if (rb_str_is(then, "dither")) {
        rb_request_hold_body(request, true);
        rb_request_hold_body(request, false);
    }
    if (rb_str_is(then, "stop")) {
        rb_request_stop_body(request);
        server.held = request;
        sem_post(&server.reached);
    }
    if (rb_str_is(then, "answer")) rb_answer(request, 403, RB_STR("text/plain"), RB_STR("enough"));
}

static void begin(struct rb_request *request, void *arg)
{
    memset(rb_loop_scratch(rb_request_loop(request)), 'X', 64 * 1024);
    got.request = request;
    request->arg = arg;
    rb_request_stream_body(request, on_piece);
    if (rb_request_header(request, "X-Held").p) rb_request_hold_body(request, true);
    if (rb_request_header(request, "X-Kept").p) rb_request_keep(request);
    if (rb_request_header(request, "X-Watch").p) rb_request_on_gone(request, on_gone);
}

static void handle(struct rb_request *request, void *arg)
{
    assert_ptr_equal(request->arg, arg);
    assert_int_equal(request->body.n, 0);
    assert_null(rb_request_body_mut(request));
    got.handled++;
    rb_answer(request, 200, RB_STR("text/plain"), rb_buf_str(&got.bytes));
    rb_buf_clear(&got.bytes);
}

static void refuse(struct rb_request *request, void *arg, rb_err err)
{
    (void)arg;
    got.refused++;
    got.why = err;
    rb_answer(request, rb_reason(err)->http_status, RB_STR("text/html"), RB_STR(""));
}

/* ---- what the test has done on the loop ---- */

static void let_come(void *arg)
{
    (void)arg;
    unsigned before = got.pieces + got.handled;
    rb_request_hold_body(got.request, false);
    assert_int_equal(got.pieces + got.handled, before); /* never from inside */
}

static void hold_back(void *arg)
{
    (void)arg;
    rb_request_hold_body(got.request, true);
}

static void stop(void *arg)
{
    (void)arg;
    rb_request_stop_body(got.request);
}

static void let_go(void *arg)
{
    (void)arg;
    assert_str(rb_request_header(got.request, "X-Kept"), "1"); /* still there */
    rb_request_let_go(got.request);
}

static struct rb_router *make_router(void)
{
    static const struct server_route routes[] = {
        {RB_HTTP1_GET, "/hello", {.handler = hello}},
        {RB_HTTP1_GET, "/stream", {.handler = handle, .on_head = begin}},
        {RB_HTTP1_POST, "/stream", {.handler = handle, .on_head = begin, .on_refused = refuse}},
        {RB_HTTP1_POST,
         "/small",
         {.handler = handle, .on_head = begin, .on_refused = refuse, .body_max = 10}},
        {RB_HTTP1_POST, "/plain", {.handler = handle, .on_head = begin, .body_max = 10}},
        {RB_HTTP1_POST, "/large", {.handler = handle, .on_head = begin, .body_max = 1024 * 1024 * 1024}},
    };
    return server_router(routes, RB_COUNT(routes), &server);
}

static int start(void **state)
{
    rb_buf_fini(&got.bytes);
    memset(&got, 0, sizeof got);
    return server_setup(state, &server, make_router());
}

static int finish(void **state)
{
    int result = server_teardown(state);
    rb_buf_fini(&got.bytes);
    return result;
}

/* ---- one connection, some requests ---- */

#define POST(path, lines) "POST " path " HTTP/1.1\r\nHost: h\r\n" lines "\r\n"
#define LAST "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define THREE "Content-Length: 3\r\n"

/* {input, what must be in the output, what else, what must not} */
static const char *const exchanges[][4] = {
    {POST("/stream", THREE) "abc" LAST, "\r\n\r\nabcHTTP/1.1 200", "\r\n\r\nhello", NULL},
    {POST("/stream", CHUNKED) "2\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n" LAST, "\r\n\r\nabcHTTP/1.1 200",
     "\r\n\r\nhello", NULL},
    {POST("/stream", THREE "X-Then: dither\r\n") "abc" LAST, "\r\n\r\nabcHTTP/1.1 200", "\r\n\r\nhello",
     NULL},
    /* nothing to hand on */
    {POST("/stream", "") LAST, "Content-Length: 0\r\n\r\nHTTP/1.1 200", "\r\n\r\nhello", NULL},
    {POST("/stream", "Content-Length: 0\r\n") LAST, "Content-Length: 0\r\n\r\nHTTP/1.1 200", "hello", NULL},
    {POST("/stream", CHUNKED) "0\r\n\r\n" LAST, "Content-Length: 0\r\n\r\nHTTP/1.1 200", "hello", NULL},
    {"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n" LAST, "Content-Length: 0\r\n\r\nHTTP/1.1 200", "hello", NULL},
    {"HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n" LAST, "200 OK\r\n", "\r\n\r\nhello", NULL},
    /* refused */
    {POST("/small", "Content-Length: 11\r\n"), "413 Content Too Large\r\n", "Connection: close\r\n", "{"},
    {POST("/small", CHUNKED) "6\r\n012345\r\n5\r\n67890\r\n0\r\n\r\n" LAST, "413 Content Too Large\r\n",
     "Content-Type: text/html\r\n", "hello"},
    {POST("/small", CHUNKED) "6\r\n012345\r\n4\r\n6789\r\n0\r\n\r\n" LAST, "\r\n\r\n0123456789HTTP", "hello",
     NULL},
    {POST("/small", CHUNKED) "3\r\nabcx", "400 Bad Request\r\n", "Content-Type: text/html\r\n", "{"},
    {POST("/plain", CHUNKED) "b\r\n01234567890", "413 Content Too Large\r\n", "\"body_too_large\"", NULL},
    /* answered at the first piece: a short rest is read away, any other ends the connection */
    {POST("/stream", THREE "X-Then: answer\r\n") "abc" LAST, "\r\n\r\nenoughHTTP/1.1 200", "hello", NULL},
    {POST("/stream", "Content-Length: 65539\r\nX-Then: answer\r\n") "abc", "\r\n\r\nenough", "403 Forbidden",
     "Connection: close"},
    {POST("/stream", "Content-Length: 65540\r\nX-Then: answer\r\n") "abc", "\r\n\r\nenough",
     "Connection: close\r\n", NULL},
    {POST("/stream", CHUNKED "X-Then: answer\r\n") "1\r\na\r\n0\r\n\r\n" LAST, "\r\n\r\nenough",
     "Connection: close\r\n", "hello"},
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
        rb_buf_clear(&got.bytes);
    }
    assert_int_equal(got.refused, 3);
}

static void cut_anywhere(void **state)
{
    (void)state;
    static const char pipelined[] = POST("/stream", THREE) "abc" /* handed on */
        POST("/stream", CHUNKED) "2\r\nde\r\n1\r\nf\r\n0\r\n\r\n" LAST;
    struct rb_buf expected = exchange(&server, pipelined);
    drop_dates(&expected);
    assert_has(&expected, "\r\n\r\nabcHTTP/1.1 200");
    assert_has(&expected, "\r\n\r\ndefHTTP/1.1 200");
    assert_same_however_cut(&server, pipelined, &expected);
    rb_buf_fini(&expected);
}

/* Bytes are handed on when they come, not when there are enough of them. */
static void at_once(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fd = client_ask(&server, POST("/stream", THREE "Connection: close\r\n") "a");
    for (unsigned i = 1; i < 3; i++) {
        settle(&server);
        assert_int_equal(got.pieces, i);
        assert_int_equal(got.bytes.n, i);
        client_say(fd, "b");
    }
    client_read_all(fd, &in);
    assert_has(&in, "\r\n\r\nabb");
    rb_buf_fini(&in);
    close(fd);
}

static void assert_silent(int fd)
{
    settle(&server);
    assert_int_equal(recv(fd, (char[1]){0}, 1, MSG_DONTWAIT), -1);
}

static void told_to_continue_when_wanted(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        POST("/stream", THREE "Expect: 100-continue\r\nConnection: close\r\n"),
        POST("/stream", THREE "Expect: 100-continue\r\nConnection: close\r\nX-Held: 1\r\n"),
    };
    for (size_t i = 0; i < RB_COUNT(inputs); i++) {
        struct rb_buf in = {0};
        int fd = client_ask(&server, inputs[i]);
        if (i == 1) {
            assert_silent(fd);
            server_call(&server, let_come, NULL);
        }
        client_read_until(fd, &in, "HTTP/1.1 100 Continue\r\n\r\n");
        client_say(fd, "a");
        settle(&server);
        server_call(&server, hold_back, NULL);
        server_call(&server, let_come, NULL); /* is told so once */
        client_say(fd, "bc");
        client_read_all(fd, &in);
        assert_has(&in, "\r\n\r\nabc");
        assert_null(strstr(strstr(rb_buf_text(&in), "100 Continue") + 1, "100 Continue"));
        rb_buf_fini(&in);
        close(fd);
    }
}

/* ---- held ---- */

static void held_and_let_come(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fd = client_ask(&server, POST("/stream", "Content-Length: 6\r\nX-Then: hold\r\n") "ab");
    for (unsigned i = 1; i < 3; i++) {
        settle(&server);
        assert_int_equal(got.pieces, i);
        client_say(fd, i == 1 ? "cd" : "ef" LAST);
        assert_silent(fd);
        assert_int_equal(got.pieces, i);
        rb_clock_test_advance_ms(2 * test_limits.body_timeout_ms); /* is nobody's fault */
        assert_silent(fd);
        server_call(&server, let_come, NULL);
    }
    settle(&server);
    assert_int_equal(got.pieces, 3);
    assert_int_equal(got.handled, 0); /* the last piece was held as well */
    server_call(&server, let_come, NULL);
    client_read_all(fd, &in);
    assert_has(&in, "\r\n\r\nabcdefHTTP/1.1 200");
    assert_has(&in, "\r\n\r\nhello");
    assert_int_equal(got.handled, 1);
    rb_buf_fini(&in);
    close(fd);
}

enum { SLACK_MS = 10 * 1000 }; /* the clock goes on by itself, too */

/* Held and let go from elsewhere, while nothing comes. The deadline is a new one then. */
static void held_from_elsewhere(void **state)
{
    (void)state;
    int fd = client_ask(&server, POST("/stream", "Content-Length: 6\r\n") "ab");
    settle(&server);
    rb_clock_test_advance_ms(test_limits.body_timeout_ms - SLACK_MS);
    server_call(&server, hold_back, NULL);
    client_say(fd, "cd");
    rb_clock_test_advance_ms(test_limits.body_timeout_ms);
    assert_silent(fd);
    assert_int_equal(got.pieces, 1);
    server_call(&server, let_come, NULL);
    rb_clock_test_advance_ms(test_limits.body_timeout_ms - SLACK_MS);
    assert_silent(fd);
    assert_int_equal(got.pieces, 2);
    rb_clock_test_advance_ms(SLACK_MS);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "408 Request Timeout\r\n");
    assert_int_equal(got.refused, 1);
    assert_int_equal(got.why, RB_REQUEST_TIMEOUT);
    rb_buf_fini(&in);
}

static void held_with_nothing_to_come(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        POST("/stream", "Connection: close\r\nX-Held: 1\r\n"),
        POST("/stream", "Connection: close\r\nX-Held: 1\r\n" CHUNKED) "0\r\n\r\n",
        POST("/stream", "Connection: close\r\nX-Held: 1\r\n" THREE) "abc",
    };
    for (size_t i = 0; i < RB_COUNT(inputs); i++) {
        int fd = client_ask(&server, inputs[i]);
        assert_silent(fd);
        assert_int_equal(got.pieces + got.handled, i);
        server_call(&server, let_come, NULL);
        struct rb_buf in = client_finish(fd);
        assert_has(&in, "200 OK");
        rb_buf_fini(&in);
    }
    assert_int_equal(got.handled, 3);
}

/* Who does not take its body stops its client, and only that one. */
static void stops_its_client(void **state)
{
    (void)state;
    enum { BODY = 64 * 1024 * 1024, PIECE = 64 * 1024 };
    static char zeros[PIECE];
    struct rb_buf in = {0};
    int fd =
        client_ask(&server, POST("/large", "Content-Length: 67108864\r\nX-Held: 1\r\nConnection: close\r\n"));
    size_t sent = 0;
    settle(&server);
    for (int quiet = 0; quiet < 20 && sent < BODY;) {
        ssize_t n = send(fd, zeros, PIECE, MSG_DONTWAIT | MSG_NOSIGNAL);
        quiet = n > 0 ? 0 : quiet + 1;
        sent += n > 0 ? (size_t)n : 0;
        settle(&server);
    }
    assert_true(sent < BODY);
    assert_int_equal(got.pieces, 0);
    struct rb_buf other = exchange(&server, LAST);
    assert_has(&other, "hello");
    rb_buf_fini(&other);
    server_call(&server, let_come, NULL);
    for (size_t n; sent < BODY; sent += n) {
        n = BODY - sent < PIECE ? BODY - sent : PIECE;
        client_send(fd, zeros, n);
    }
    client_read_until(fd, &in, "Content-Length: 67108864\r\n");
    assert_int_equal(got.handled, 1);
    rb_buf_fini(&in);
    close(fd);
}

/* ---- stopped ---- */

static void stopped(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        POST("/stream", "Content-Length: 6\r\nX-Then: stop\r\n") "abc", /* from inside */
        POST("/stream", CHUNKED "X-Then: stop\r\n") "6\r\nabcdef\r\n0\r\n\r\n" LAST,
    };
    for (size_t i = 0; i < RB_COUNT(inputs); i++) {
        int fd = client_ask(&server, inputs[i]);
        wait_for(&server.reached);
        client_say(fd, "def" LAST);
        rb_clock_test_advance_ms(2 * test_limits.body_timeout_ms);
        assert_silent(fd);
        assert_int_equal(got.pieces, i + 1);
        server_call(&server, answer_held, &server);
        struct rb_buf in = client_finish(fd);
        assert_has(&in, "Connection: close\r\n");
        assert_has(&in, "\r\n\r\nlate");
        assert_has_not(&in, "hello");
        assert_has_not(&in, "400 "); /* what follows is not taken for a request */
        rb_buf_fini(&in);
    }
    assert_int_equal(got.handled + got.refused, 0);
}

static void stopped_while_held(void **state)
{
    (void)state;
    int fd = client_ask(&server, POST("/stream", THREE "X-Then: hold\r\nX-Watch: 1\r\n") "a");
    settle(&server);
    server_call(&server, stop, NULL);
    server_call(&server, stop, NULL); /* twice is nothing */
    client_say(fd, "bc");
    assert_silent(fd);
    shutdown(fd, SHUT_WR); /* as with any request that waits for its answer */
    wait_for(&server.reached);
    assert_int_equal(server.gone_count, 1);
    server.held = got.request;
    server_call(&server, answer_held, &server);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "late");
    assert_int_equal(got.pieces, 1);
    rb_buf_fini(&in);
}

/* ---- clients that go ---- */

static void gone_amid_the_body(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        POST("/stream", "Content-Length: 6\r\nX-Watch: 1\r\n") "abc",
        POST("/stream", "Content-Length: 6\r\nX-Watch: 1\r\nX-Then: hold\r\n") "abc",
        POST("/stream", CHUNKED "X-Watch: 1\r\n") "3\r\nabc\r\n",
        POST("/stream", "Content-Length: 6\r\nX-Watch: 1\r\nX-Kept: 1\r\n") "abc",
    };
    for (int way = 0; way < WAYS; way++) {
        for (size_t i = 0; i < RB_COUNT(inputs); i++) {
            server.gone_count = 0;
            int fd = client_ask(&server, inputs[i]);
            settle(&server);
            go(&server, fd, way);
            settle(&server);
            if (i == 1 && way != CUT) { /* who is not read from can go unseen */
                assert_int_equal(server.gone_count, 0);
                server_call(&server, let_come, NULL);
            }
            wait_for(&server.reached);
            wait_for_streams(&server, 0);
            assert_int_equal(server.gone_count, 1);
            if (i == 3) server_call(&server, let_go, NULL);
            if (way == HALF_CLOSED || way == CUT) close(fd);
        }
    }
    assert_int_equal(got.handled + got.refused, 0);
    assert_int_equal(got.pieces, WAYS * RB_COUNT(inputs));
}

/* Kept beyond its answer, and let go of before it. */
static void kept(void **state)
{
    (void)state;
    static const char input[] = POST("/stream", THREE "X-Kept: 1\r\nConnection: close\r\n");
    for (int is_early = 0; is_early < 2; is_early++) {
        int fd = client_ask(&server, input);
        settle(&server);
        if (is_early) server_call(&server, let_go, NULL);
        client_say(fd, "abc");
        struct rb_buf in = client_finish(fd);
        assert_has(&in, "\r\n\r\nabc");
        rb_buf_fini(&in);
        if (is_early) continue;
        wait_for_streams(&server, 0);
        server_call(&server, hold_back, NULL); /* means nothing any more */
        server_call(&server, stop, NULL);
        server_call(&server, let_go, NULL);
    }
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, start, finish)
    const struct CMUnitTest tests[] = {
        RUN(exchanges_one_by_one),
        RUN(cut_anywhere),
        RUN(at_once),
        RUN(held_and_let_come),
        RUN(held_from_elsewhere),
        RUN(told_to_continue_when_wanted),
        RUN(stops_its_client),
        RUN(stopped),
        RUN(held_with_nothing_to_come),
        RUN(stopped_while_held),
        RUN(gone_amid_the_body),
        RUN(kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
