#include "http/held.h"

#include "http/sse.h"

struct door {
    struct rb_sse sse;
    bool has_more;
};

static struct server server;
static struct door *door; /* one at a time */
static rb_err closed_why;
static bool is_open;

static void on_pull(struct rb_sse *sse, struct rb_gather *gather)
{
    if (!door->has_more) return;
    door->has_more = false;
    rb_gather_add(gather, rb_sse_frame(sse->is_chunked, RB_STR_NONE, RB_STR_NONE, RB_STR("pulled")));
}

static void on_closed(struct rb_sse *sse, rb_err why)
{
    assert_ptr_equal(sse, &door->sse);
    closed_why = why;
    is_open = false;
    rb_free(door);
}

static const struct rb_sse_ops ops = {.on_pull = on_pull, .on_closed = on_closed};

static void events(struct rb_request *request, void *arg)
{
    door = rb_new(struct door);
    is_open = rb_sse_open(request, &door->sse, &ops);
    if (!is_open) rb_free(door);
    sem_post(&((struct server *)arg)->reached);
}

static void send_one(void *arg)
{
    rb_str data = rb_str_of(arg);
    rb_sse_send(&door->sse, rb_sse_frame(door->sse.is_chunked, RB_STR("e:1"), RB_STR("progress"), data));
}

static void pull(void *arg)
{
    (void)arg;
    door->has_more = true;
    rb_sse_pull(&door->sse);
}

static void end(void *arg)
{
    (void)arg;
    rb_sse_end(&door->sse, RB_SHUTTING_DOWN);
    rb_sse_end(&door->sse, RB_INTERNAL);
    send_one((void *)"too late");
}

static void send_nothing(void *arg)
{
    (void)arg;
    rb_sse_send(&door->sse, NULL);
}

static void open_held(void *arg)
{
    events(server.held, arg);
}

static int start(void **state)
{
    static const struct server_route routes[] = {
        {RB_HTTP1_GET, "/events", {.handler = events}},
        {RB_HTTP1_GET, "/later", {.handler = hold}},
    };
    return server_setup(state, &server, server_router(routes, RB_COUNT(routes), &server));
}

static void streams(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        bool is_chunked;
        const char *expected;
    } cases[] = {
        {"GET /events HTTP/1.1\r\nHost: h\r\n\r\nGET /events HTTP/1.1\r\n", true,
         "29\r\nid: e:1\nevent: progress\ndata: 1\ndata: 2\n\n\r\n" /* 41 bytes */
         "e\r\ndata: pulled\n\n\r\n"
         "0\r\n\r\n"},
        {"GET /events HTTP/1.0\r\n\r\n", false,
         "id: e:1\nevent: progress\ndata: 1\ndata: 2\n\n"
         "data: pulled\n\n"},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_buf in = {0};
        int fd = client_ask(&server, cases[i].input);
        wait_for(&server.reached);
        server_call(&server, send_one, (void *)"1\n2");
        client_read_until(fd, &in, "2\n\n");
        server_call(&server, pull, NULL);
        client_read_until(fd, &in, "pulled\n\n");
        server_call(&server, end, NULL);
        client_read_all(fd, &in);
        close(fd);
        wait_for_streams(&server, 0);
        assert_int_equal(closed_why, RB_SHUTTING_DOWN);
        assert_has(&in, "HTTP/1.1 200 OK\r\n");
        assert_has(&in, "Content-Type: text/event-stream\r\n");
        assert_has(&in, "Cache-Control: no-store\r\n");
        assert_has(&in, "X-Accel-Buffering: no\r\n");
        assert_has_not(&in, "Content-Length");
        (cases[i].is_chunked ? assert_has : assert_has_not)(&in, "Transfer-Encoding: chunked\r\n");
        assert_string_equal(strstr(rb_buf_text(&in), "\r\n\r\n") + 4, cases[i].expected);
        rb_buf_fini(&in);
    }
}

static void head_only(void **state)
{
    (void)state;
    struct rb_buf answer = exchange(&server, "HEAD /events HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_has(&answer, "Content-Type: text/event-stream\r\n");
    assert_has_not(&answer, "Content-Length");
    assert_true(rb_str_ends(rb_buf_str(&answer), RB_STR("\r\n\r\n")));
    assert_false(is_open);
    rb_buf_fini(&answer);
}

/* A comment when it has been quiet for long; an event puts it off. */
static void keep_alive(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fd = client_ask(&server, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for(&server.reached);
    client_read_until(fd, &in, "\r\n\r\n");
    rb_buf_clear(&in);
    settle(&server);
    rb_clock_test_advance_ms(RB_SSE_KEEP_ALIVE_MS);
    client_read_until(fd, &in, "4\r\n: \n\n\r\n");
    rb_buf_clear(&in);
    settle(&server); /* the turn that sent it is over */
    rb_clock_test_advance_ms(RB_SSE_KEEP_ALIVE_MS - 2000);
    server_call(&server, send_one, (void *)"x");
    client_read_until(fd, &in, "data: x\n\n\r\n");
    rb_buf_clear(&in);
    settle(&server);
    rb_clock_test_advance_ms(RB_SSE_KEEP_ALIVE_MS - 2000);
    settle(&server);
    assert_int_equal(recv(fd, (char[1]){0}, 1, MSG_DONTWAIT), -1);
    rb_clock_test_advance_ms(2000);
    client_read_until(fd, &in, "4\r\n: \n\n\r\n");
    rb_buf_fini(&in);
    close(fd);
    wait_for_streams(&server, 0);
    assert_int_equal(closed_why, RB_CLIENT_CLOSED);
    rb_clock_test_advance_ms(RB_SSE_KEEP_ALIVE_MS); /* nothing is due any more */
    settle(&server);
}

static void ends_early(void **state)
{
    (void)state;
    int fd = client_ask(&server, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for(&server.reached);
    server_call(&server, send_nothing, NULL);
    wait_for_streams(&server, 0);
    assert_int_equal(closed_why, RB_OUT_OF_MEMORY);
    close(fd);

    fd = client_ask(&server, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for(&server.reached);
    server_call(&server, cut_connections, &server);
    wait_for_streams(&server, 0);
    is_open = true;
    server_call(&server, open_held, &server); /* nobody is there */
    assert_false(is_open);
    close(fd);
}

/* A client that has ended its side gets what there is, which is the end, however late it was let in. */
static void half_closed(void **state)
{
    (void)state;
    static const char *const paths[] = {"GET /events HTTP/1.1\r\nHost: h\r\n\r\n",
                                        "GET /later HTTP/1.1\r\nHost: h\r\n\r\n"};
    for (size_t i = 0; i < RB_COUNT(paths); i++) {
        int fd = client_ask(&server, paths[i]);
        shutdown(fd, SHUT_WR);
        wait_for(&server.reached);
        settle(&server);
        if (i == 1) server_call(&server, open_held, &server);
        struct rb_buf in = client_finish(fd);
        wait_for_streams(&server, 0);
        assert_true(rb_str_ends(rb_buf_str(&in), RB_STR("\r\n\r\n0\r\n\r\n")));
        assert_int_equal(closed_why, RB_CLIENT_CLOSED);
        rb_buf_fini(&in);
    }
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, start, server_teardown)
    const struct CMUnitTest tests[] = {
        RUN(streams), RUN(head_only), RUN(keep_alive), RUN(ends_early), RUN(half_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
