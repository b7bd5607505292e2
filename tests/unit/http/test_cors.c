#include "http/cors.h"

#include "codec/ws.h"
#include "http/loopback.h"
#include "http/socket.h"

static struct server server;
static const rb_str listed[] = {{"https://one.example", 19}, {"null", 4}}, all[] = {{"*", 1}};
static const struct rb_cors off = {0}, some = {listed, 2, false}, some_with = {listed, 2, true},
                            any = {all, 1, false};

/* ---- handlers ---- */

static const struct rb_cors *cors_of(const struct rb_request *request)
{
    rb_str name = rb_request_param(request, "cors");
    return rb_str_is(name, "some")        ? &some
           : rb_str_is(name, "some-with") ? &some_with
           : rb_str_is(name, "any")       ? &any
                                          : &off;
}

static void add(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_cors_add(cors_of(request), request);
}

static void answer(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_answer(request, 200, RB_STR("text/plain"), request->body);
}

static void answer_problem(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_answer_problem(request, RB_NOT_FOUND, RB_STR_NONE);
}

static void preflight(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_cors_answer_preflight(cors_of(request), request, RB_STR("GET,POST"));
}

static void on_socket_closed(struct rb_socket *socket, rb_err why, bool is_clean)
{
    (void)why, (void)is_clean;
    rb_free(socket);
}

static void upgrade(struct rb_request *request, void *arg)
{
    (void)arg;
    static const struct rb_socket_ops ops = {.on_closed = on_socket_closed};
    struct rb_socket *socket = rb_new(struct rb_socket);
    if (!rb_socket_accept(request, socket, &ops, 1000)) rb_free(socket);
}

static struct rb_router *make_router(void)
{
    static const struct server_route routes[] = {
        {RB_HTTP1_GET, "/{cors}", {.handler = answer, .on_head = add}},
        {RB_HTTP1_POST, "/{cors}", {.handler = answer, .on_head = add, .body_max = 3}},
        {RB_HTTP1_OPTIONS, "/{cors}", {.handler = preflight}},
        {RB_HTTP1_GET, "/{cors}/fail", {.handler = answer_problem, .on_head = add}},
        {RB_HTTP1_GET, "/{cors}/socket", {.handler = upgrade, .on_head = add}},
    };
    return server_router(routes, RB_COUNT(routes), NULL);
}

static int start(void **state)
{
    return server_setup(state, &server, make_router());
}

/* ---- tests ---- */

#define ASK(method, path, lines) method " " path " HTTP/1.1\r\nHost: h\r\n" lines "Connection: close\r\n\r\n"
#define ONE "Origin: https://one.example\r\n"
#define TWO "Origin: https://two.example\r\n"
#define ALLOWS_ONE "Access-Control-Allow-Origin: https://one.example\r\n"

/* {input, what the head has between Date and Connection} */
static const char *const cases[][2] = {
    {ASK("GET", "/off", ONE), ""},
    {ASK("GET", "/off", ""), ""},
    {ASK("GET", "/some", ONE), ALLOWS_ONE "Vary: Origin\r\n"},
    {ASK("GET", "/some", "Origin: null\r\n"), "Access-Control-Allow-Origin: null\r\nVary: Origin\r\n"},
    {ASK("GET", "/some", TWO), "Vary: Origin\r\n"},
    {ASK("GET", "/some", "Origin: *\r\n"), "Vary: Origin\r\n"},
    {ASK("GET", "/some", ""), "Vary: Origin\r\n"},
    {ASK("GET", "/some-with", ONE), ALLOWS_ONE "Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n"},
    {ASK("GET", "/any", TWO), "Access-Control-Allow-Origin: *\r\n"},
    {ASK("GET", "/any", ""), "Access-Control-Allow-Origin: *\r\n"},
    {ASK("GET", "/some/fail", ONE), ALLOWS_ONE "Vary: Origin\r\n"},
    {ASK("POST", "/some", ONE "Transfer-Encoding: chunked\r\n") "4\r\nabcd\r\n0\r\n\r\n",
     ALLOWS_ONE "Vary: Origin\r\n"},
    {ASK("OPTIONS", "/some",
         ONE "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-a,x-b\r\n"),
     ALLOWS_ONE "Vary: Origin, Access-Control-Request-Headers\r\n"
                "Access-Control-Allow-Methods: GET,POST\r\nAccess-Control-Allow-Headers: x-a,x-b\r\n"
                "Content-Length: 0\r\n"},
    {ASK("OPTIONS", "/any", TWO), "Access-Control-Allow-Origin: *\r\nVary: Access-Control-Request-Headers\r\n"
                                  "Access-Control-Allow-Methods: GET,POST\r\nContent-Length: 0\r\n"},
    {ASK("OPTIONS", "/some-with", TWO),
     "Access-Control-Allow-Credentials: true\r\nVary: Origin, Access-Control-Request-Headers\r\n"
     "Access-Control-Allow-Methods: GET,POST\r\nContent-Length: 0\r\n"},
};

static void headers_of_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_buf in = exchange(&server, cases[i][0]), expected = {0};
        drop_dates(&in);
        rb_buf_add_fmt(&expected, "\r\n%sConnection: close\r\n", cases[i][1]);
        const char *head = strstr(rb_buf_text(&in), "\r\n");
        assert_non_null(head);
        if (strncmp(head, expected.p, expected.n) != 0) fail_msg("%s%s", cases[i][0], rb_buf_text(&in));
        if (strncmp(cases[i][0], "OPTIONS", 7) == 0) assert_has(&in, "HTTP/1.1 204 No Content\r\n");
        rb_buf_fini(&in);
        rb_buf_fini(&expected);
    }
}

static void headers_of_upgrades(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fd = client_ask(&server, "GET /some-with/socket HTTP/1.1\r\nHost: h\r\n" ONE
                                 "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
    client_read_until(fd, &in, "\r\n\r\n");
    assert_has(&in, "HTTP/1.1 101 ");
    assert_has(&in, ALLOWS_ONE "Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n");
    rb_buf_fini(&in);
    close(fd);
    wait_for_streams(&server, 0);
}

static void what_is_valid(void **state)
{
    (void)state;
    static const rb_str mixed[] = {{"https://one.example", 19}, {"*", 1}};
    assert_true(rb_cors_is_valid(&off));
    assert_true(rb_cors_is_valid(&some_with));
    assert_true(rb_cors_is_valid(&any));
    assert_false(rb_cors_is_valid(&(struct rb_cors){all, 1, true}));
    assert_false(rb_cors_is_valid(&(struct rb_cors){mixed, 2, true}));
    assert_true(rb_cors_is_on(&any));
    assert_false(rb_cors_is_on(&off));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(headers_of_answers, start, server_teardown),
        cmocka_unit_test_setup_teardown(headers_of_upgrades, start, server_teardown),
        cmocka_unit_test(what_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
