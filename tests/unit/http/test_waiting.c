/* Requests that wait long, and what they need meanwhile. */
#include "http/held.h"

static struct server server;

static void end_gone(struct rb_request *request)
{
    server.gone_count++;
    rb_answer(request, 204, RB_STR_NONE, RB_STR_NONE);
    sem_post(&server.reached);
}

static void assert_is_forgotten(struct rb_request *request)
{
    rb_str value;
    assert_null(rb_request_header(request, "X-A").p);
    assert_null(rb_request_header(request, "Host").p);
    assert_null(rb_request_param(request, "id").p);
    assert_false(rb_request_query(request, "q", &value));
    assert_true(rb_request_accepts(request, "text/plain"));
    assert_null(request->head.method_text.p);
    assert_null(request->head.target.p);
    assert_null(request->url.path.p);
}

static void forget(struct rb_request *request)
{
    rb_str *copy = rb_arena_new(&request->arena, rb_str);
    *copy = rb_arena_copy(&request->arena, rb_request_header(request, "X-A"));
    assert_str(rb_request_param(request, "id"), "a b");
    assert_str(request->head.method_text, request->head.method == RB_HTTP1_HEAD ? "HEAD" : "GET");
    rb_request_forget_head(request);
    rb_request_forget_head(request);
    assert_is_forgotten(request);
    request->arg = copy;
    rb_request_on_gone(request, end_gone);
}

static void answer_what_was_kept(struct rb_request *request)
{
    rb_str *copy = request->arg;
    rb_request_on_gone(request, NULL);
    rb_answer_header(request, "X-A", *copy);
    rb_answer(request, 200, RB_STR("text/plain"), RB_STR("kept"));
}

static void forget_and_hold(struct rb_request *request, void *arg)
{
    hold(request, arg);
    forget(request);
}

static void answer_kept(void *arg)
{
    (void)arg;
    answer_what_was_kept(server.held);
}

static void forget_at_head(struct rb_request *request, void *arg)
{
    (void)arg;
    forget(request);
}

static void answer_at_once(struct rb_request *request, void *arg)
{
    (void)arg;
    assert_is_forgotten(request);
    answer_what_was_kept(request);
}

static int start(void **state)
{
    static const struct server_route routes[] = {
        {RB_HTTP1_GET, "/wait/{id}", {.handler = forget_and_hold}},
        {RB_HTTP1_GET, "/early/{id}", {.handler = answer_at_once, .on_head = forget_at_head}},
    };
    return server_setup(state, &server, server_router(routes, RB_COUNT(routes), &server));
}

#define LINES "Host: h\r\nX-A: one\r\nAccept: text/html\r\n"
#define AHEAD "GET /early/a%20b?q=1 HTTP/1.1\r\n" LINES "Content-Length: 3\r\n\r\nabc"

/* What an answer needs is still known: the method, the version, whether the connection stays. */
static void answered_without_a_head(void **state)
{
    (void)state;
    static const struct {
        const char *input, *end;
        const char *expected[3];
    } cases[] = {
        {"GET /wait/a%20b?q=1 HTTP/1.1\r\n" LINES "\r\n", "kept", {"200 OK", "X-A: one\r\n", "\r\n\r\nkept"}},
        {"HEAD /wait/a%20b?q=1 HTTP/1.1\r\n" LINES "\r\n",
         "\r\n\r\n",
         {"200 OK", "X-A: one\r\n", "h: 4\r\n\r\n"}},
        {"GET /wait/a%20b HTTP/1.0\r\nConnection: keep-alive\r\n" LINES "\r\n",
         "kept",
         {"200 OK", "X-A: one\r\n", "Connection: keep-alive\r\n"}},
        {"GET /wait/a%20b HTTP/1.1\r\nConnection: close\r\n" LINES "\r\n",
         "kept",
         {"200 OK", "X-A: one\r\n", "Connection: close\r\n"}},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        for (int is_pipelined = 0; is_pipelined < 2; is_pipelined++) {
            struct rb_buf in = {0};
            int fd = client_open(&server);
            if (is_pipelined) client_say(fd, AHEAD);
            client_say(fd, cases[i].input);
            wait_for(&server.reached);
            if (is_pipelined) {
                client_read_until(fd, &in, "kept");
                rb_buf_clear(&in);
            }
            server_call(&server, answer_kept, NULL);
            client_read_until(fd, &in, cases[i].end);
            for (size_t k = 0; k < RB_COUNT(cases[i].expected); k++) assert_has(&in, cases[i].expected[k]);
            rb_buf_fini(&in);
            close(fd);
        }
    }
    assert_int_equal(server.gone_count, 0);
}

/* The next head finds nothing of the last one. */
static void head_after_head(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fd = client_open(&server);
    for (int i = 0; i < 3; i++) {
        rb_buf_clear(&in);
        client_say(fd, "GET /wait/a%20b HTTP/1.1\r\n");
        settle(&server);
        client_say(fd, LINES "\r\nGET /early/a%20b HTTP/1.1\r\nHos");
        wait_for(&server.reached);
        settle(&server);
        server_call(&server, answer_kept, NULL);
        client_read_until(fd, &in, "kept");
        rb_buf_clear(&in);
        client_say(fd, "t: h\r\nX-A: two\r\n\r\n");
        client_read_until(fd, &in, "kept");
        assert_has(&in, "X-A: two\r\n");
    }
    rb_buf_fini(&in);
    close(fd);
}

static void gone_without_a_head(void **state)
{
    (void)state;
    int fd = client_ask(&server, "GET /wait/a%20b HTTP/1.1\r\n" LINES "\r\n");
    wait_for(&server.reached);
    close(fd);
    wait_for(&server.reached);
    assert_int_equal(server.gone_count, 1);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, start, server_teardown)
    const struct CMUnitTest tests[] = {RUN(answered_without_a_head), RUN(head_after_head),
                                       RUN(gone_without_a_head)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
