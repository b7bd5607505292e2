/* Outgoing calls: to a real server of ours, and to sockets that misbehave. The loop that asks is the
 * server's. */
#include "http/loopback.h"

#include "http/outgoing.h"

#include <fcntl.h>
#include <stdlib.h>

enum { PATIENCE_MS = 20000, ANSWER_MAX = 1000, HELD_MAX = 100 };

static struct server server;
static struct rb_outgoing *outgoing;
static struct rb_request *held[HELD_MAX]; /* the loop's thread only */
static unsigned held_count;
static sem_t is_held;

/* ---- asking ---- */

struct asked {
    struct rb_outgoing_call *call;
    sem_t answered;
};

static void on_answered(struct rb_outgoing_call *call)
{
    struct asked *asked = call->arg;
    assert_ptr_equal(rb_loop_current(), server.loop);
    sem_post(&asked->answered);
}

static void send_call(void *arg)
{
    rb_outgoing_send(outgoing, ((struct asked *)arg)->call);
}

static struct rb_outgoing_call *new_call(struct asked *asked, const char *method, unsigned port,
                                         const char *target)
{
    struct rb_outgoing_call *call = rb_outgoing_call_new(on_answered, asked);
    call->method = method;
    call->url = rb_arena_fmt(&call->arena, "http://127.0.0.1:%u%s", port, target);
    call->timeout_ms = PATIENCE_MS;
    call->answer_max = ANSWER_MAX;
    asked->call = call;
    sem_init(&asked->answered, 0, 0);
    return call;
}

static struct rb_outgoing_call *wait_answer(struct asked *asked)
{
    wait_for(&asked->answered);
    sem_destroy(&asked->answered);
    return asked->call;
}

static struct rb_outgoing_call *ask(struct asked *asked)
{
    server_call(&server, send_call, asked);
    return wait_answer(asked);
}

/* ---- a server that behaves ---- */

/* Method, path, and what came, in the answer. */
static void echo(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_str note = rb_request_header(request, "X-Note"), type = rb_request_header(request, "Content-Type");
    rb_str text = rb_arena_fmt(&request->arena, "%.*s|%.*s|%.*s|%.*s|%s", RB_STR_FMT(request->head.target),
                               RB_STR_FMT(note), RB_STR_FMT(type), RB_STR_FMT(request->body),
                               rb_request_header(request, "Expect").p ? "expects" : "");
    rb_answer(request, 201, RB_STR("text/x-echo"), text);
}

static void missing(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_answer(request, 404, RB_STR("text/plain"), RB_STR("no such thing"));
}

static void redirect(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_answer_header(request, "Location", RB_STR("/echo"));
    rb_answer(request, 302, RB_STR_NONE, RB_STR_NONE);
}

static void large(struct rb_request *request, void *arg)
{
    (void)arg;
    char *text = rb_arena_alloc(&request->arena, ANSWER_MAX + 1);
    memset(text, 'x', ANSWER_MAX + 1);
    rb_answer(request, 200, RB_STR("text/plain"),
              rb_str_make(text, ANSWER_MAX + (size_t)rb_str_is(request->head.target, "/large")));
}

static void hold(struct rb_request *request, void *arg)
{
    (void)arg;
    assert_true(held_count < HELD_MAX);
    held[held_count++] = request;
    sem_post(&is_held);
}

static void let_one_go(void *arg)
{
    (void)arg;
    rb_answer(held[--held_count], 204, RB_STR_NONE, RB_STR_NONE);
}

static void let_all_go(void *arg)
{
    while (held_count > 0) let_one_go(arg);
}

static int set_up(void **state)
{
    static const struct server_route routes[] = {
        {RB_HTTP1_GET, "/echo", {.handler = echo}},     {RB_HTTP1_POST, "/echo", {.handler = echo}},
        {RB_HTTP1_PUT, "/echo", {.handler = echo}},     {RB_HTTP1_DELETE, "/echo", {.handler = echo}},
        {RB_HTTP1_HEAD, "/echo", {.handler = echo}},    {RB_HTTP1_GET, "/missing", {.handler = missing}},
        {RB_HTTP1_GET, "/away", {.handler = redirect}}, {RB_HTTP1_GET, "/large", {.handler = large}},
        {RB_HTTP1_GET, "/fits", {.handler = large}},    {RB_HTTP1_GET, "/hold", {.handler = hold}},
    };
    int result = server_setup(state, &server, server_router(routes, RB_COUNT(routes), &server));
    sem_init(&is_held, 0, 0);
    outgoing = rb_outgoing_new();
    return result;
}

static int tear_down(void **state)
{
    rb_outgoing_free(outgoing);
    server_call(&server, let_all_go, NULL);
    sem_destroy(&is_held);
    return server_teardown(state);
}

static void calls_are_answered(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *header, *type, *body;
        rb_err err;
        int status;
        const char *answer;
    } cases[] = {
        {"GET", "/echo", NULL, NULL, NULL, RB_OK, 201, "/echo||||"},
        {"GET", "/echo?a=%20b&c", "X-Note: seen", NULL, NULL, RB_OK, 201, "/echo?a=%20b&c|seen|||"},
        {"POST", "/echo", NULL, "application/json", "{\"a\":1}", RB_OK, 201,
         "/echo||application/json|{\"a\":1}|"},
        {"POST", "/echo", NULL, NULL, "plain", RB_OK, 201, "/echo|||plain|"},
        {"POST", "/echo", NULL, NULL, NULL, RB_OK, 201, "/echo||||"},
        {"PUT", "/echo", NULL, "text/plain", "put", RB_OK, 201, "/echo||text/plain|put|"},
        {"DELETE", "/echo", NULL, NULL, NULL, RB_OK, 201, "/echo||||"},
        {"HEAD", "/echo", NULL, NULL, NULL, RB_OK, 201, ""},
        {"GET", "/missing", NULL, NULL, NULL, RB_OK, 404, "no such thing"},
        {"GET", "/away", NULL, NULL, NULL, RB_OK, 302, ""},
        {"GET", "/large", NULL, NULL, NULL, RB_BODY_TOO_LARGE, 0, ""},
        {"GET", "/echo", "X-Note: a\r\nX-Forged: b", NULL, NULL, RB_CALL_FAILED, 0, ""},
        {"POST", "/echo", NULL, "text/plain\n", "x", RB_CALL_FAILED, 0, ""},
        {"GET", "/echo\n", NULL, NULL, NULL, RB_CALL_FAILED, 0, ""},
    };
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* is not asked */
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct asked asked;
        struct rb_outgoing_call *call = new_call(&asked, cases[i].method, server.port, cases[i].target);
        rb_str header = rb_str_of(cases[i].header);
        call->headers = &header;
        call->header_count = header.p != NULL;
        call->type = rb_str_of(cases[i].type);
        call->body = rb_str_of(cases[i].body);
        ask(&asked);
        if (call->err != cases[i].err || call->status != cases[i].status)
            fail_msg("%zu: %s %d %.*s", i, rb_reason_name(call->err), call->status, RB_STR_FMT(call->why));
        assert_str(call->answer, cases[i].answer);
        if (call->status == 201) assert_str(call->answer_type, "text/x-echo");
        assert_int_equal(call->why.n > 0, call->err != RB_OK);
        rb_outgoing_call_free(call);
    }
    unsetenv("http_proxy");
}

static void what_just_fits_is_taken(void **state)
{
    (void)state;
    struct asked asked;
    struct rb_outgoing_call *call = new_call(&asked, "GET", server.port, "/fits");
    assert_int_equal(ask(&asked)->err, RB_OK);
    assert_int_equal(call->answer.n, ANSWER_MAX);
    rb_outgoing_call_free(call);
}

/* A file in the test's directory; its descriptor is the caller's. */
static int make_file(char path[64], const char *text)
{
    strcpy(path, "/tmp/rb-outgoing-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void files_are_sent(void **state)
{
    (void)state;
    char path[64];
    close(make_file(path, "of a file"));
    struct asked asked;
    struct rb_outgoing_call *call = new_call(&asked, "PUT", server.port, "/echo");
    call->file = path;
    call->type = RB_STR("text/plain");
    assert_int_equal(ask(&asked)->err, RB_OK);
    assert_str(call->answer, "/echo||text/plain|of a file|");
    rb_outgoing_call_free(call);
    unlink(path);
    call = new_call(&asked, "PUT", server.port, "/echo");
    call->file = path;
    assert_int_equal(ask(&asked)->err, RB_CALL_FAILED);
    rb_outgoing_call_free(call);
}

static void other_schemes_are_not_spoken(void **state)
{
    (void)state;
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "",
                                       "http://"};
    for (size_t i = 0; i < RB_COUNT(urls); i++) {
        struct asked asked;
        struct rb_outgoing_call *call = new_call(&asked, "GET", 1, "/");
        call->url = rb_str_of(urls[i]);
        assert_int_equal(ask(&asked)->err, RB_CALL_FAILED);
        rb_outgoing_call_free(call);
    }
}

/* ---- servers that do not ---- */

struct bad_server {
    int fd;
    unsigned port;
    const char *says, *goes_on; /* the second a thousand times; may be NULL */
    bool hangs;                 /* afterwards, until the client goes */
    pthread_t thread;
};

static void *misbehave(void *arg)
{
    struct bad_server *bad = arg;
    int fd = accept(bad->fd, NULL, NULL);
    struct rb_buf in = {0};
    client_read_until(fd, &in, "\r\n\r\n");
    client_say(fd, bad->says);
    for (int i = 0; bad->goes_on && i < 1000; i++) client_say(fd, bad->goes_on);
    if (bad->hangs) client_read_all(fd, &in);
    rb_buf_fini(&in);
    close(fd);
    return NULL;
}

static void bad_server_start(struct bad_server *bad)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t n = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bad->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(bad->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(bad->fd, 1), 0);
    assert_int_equal(getsockname(bad->fd, (struct sockaddr *)&address, &n), 0);
    bad->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&bad->thread, NULL, misbehave, bad), 0);
}

static void bad_server_stop(struct bad_server *bad)
{
    pthread_join(bad->thread, NULL);
    close(bad->fd);
}

static void servers_may_misbehave(void **state)
{
    (void)state;
    static const struct {
        const char *says, *goes_on;
        bool hangs;
        rb_err err;
        const char *answer;
    } cases[] = {
        {"", NULL, false, RB_CALL_FAILED, ""},
        {"", NULL, true, RB_CALL_TIMEOUT, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", NULL, false, RB_CALL_FAILED, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", NULL, true, RB_CALL_TIMEOUT, ""},
        {"HTTP/1.1 200 OK\r\n\r\nuntil it closes", NULL, false, RB_OK, "until it closes"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n3\r\n, 3\r\n0\r\n\r\n", NULL,
         false, RB_OK, "four, 3"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n3\r\n, ", NULL, false,
         RB_CALL_FAILED, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NULL, false, RB_CALL_FAILED, ""},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", NULL, false, RB_OK,
         "ok"},
        {"SSH-2.0-OpenSSH\r\n", NULL, false, RB_CALL_FAILED, ""},
        {"HTTP/1.1 abc\r\n\r\n", NULL, false, RB_CALL_FAILED, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: some\r\n\r\n", NULL, false, RB_CALL_FAILED, ""},
        {"HTTP/1.1 200 OK\r\n",
         "X-Long: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n", true,
         RB_BODY_TOO_LARGE, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "a\r\n0123456789\r\n", true,
         RB_BODY_TOO_LARGE, ""},
        {"HTTP/1.1 200 OK\r\n\r\n", "0123456789", true, RB_BODY_TOO_LARGE, ""},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct bad_server bad = {.says = cases[i].says, .goes_on = cases[i].goes_on, .hangs = cases[i].hangs};
        bad_server_start(&bad);
        struct asked asked;
        struct rb_outgoing_call *call = new_call(&asked, "GET", bad.port, "/");
        if (cases[i].err == RB_CALL_TIMEOUT) call->timeout_ms = 50;
        ask(&asked);
        bad_server_stop(&bad);
        if (call->err != cases[i].err)
            fail_msg("%zu: %s %.*s", i, rb_reason_name(call->err), RB_STR_FMT(call->why));
        assert_str(call->answer, cases[i].answer);
        rb_outgoing_call_free(call);
        /* Nobody is there any more. */
        call = new_call(&asked, "GET", bad.port, "/");
        assert_int_equal(ask(&asked)->err, RB_CALL_FAILED);
        rb_outgoing_call_free(call);
    }
}

/* ---- many ---- */

static void so_many_at_once(void **state)
{
    (void)state;
    enum { MORE = 3, ALL = RB_OUTGOING_AT_ONCE + MORE };
    struct asked asked[ALL];
    for (int i = 0; i < ALL; i++) {
        new_call(&asked[i], "GET", server.port, "/hold");
        server_call(&server, send_call, &asked[i]);
    }
    for (int i = 0; i < RB_OUTGOING_AT_ONCE; i++) wait_for(&is_held);
    struct asked hasty;
    new_call(&hasty, "GET", server.port, "/hold")->timeout_ms = 1;
    assert_int_equal(ask(&hasty)->err, RB_CALL_TIMEOUT);
    rb_outgoing_call_free(hasty.call);
    assert_int_equal(held_count, RB_OUTGOING_AT_ONCE);
    for (int i = 0; i < MORE; i++) {
        server_call(&server, let_one_go, NULL);
        wait_for(&is_held);
    }
    server_call(&server, let_all_go, NULL);
    for (int i = 0; i < ALL; i++) {
        assert_int_equal(wait_answer(&asked[i])->err, RB_OK);
        assert_int_equal(asked[i].call->status, 204);
        rb_outgoing_call_free(asked[i].call);
    }
}

static struct asked *crowd;

static void send_crowd(void *arg)
{
    unsigned count = *(unsigned *)arg;
    for (unsigned i = 0; i < count; i++) send_call(&crowd[i]);
}

static void too_many_are_refused_and_the_end_answers_all(void **state)
{
    (void)state;
    unsigned count = RB_OUTGOING_AT_ONCE + RB_OUTGOING_WAITING_MAX;
    crowd = rb_new_array(struct asked, count);
    for (unsigned i = 0; i < count; i++) new_call(&crowd[i], "GET", server.port, "/hold");
    server_call(&server, send_crowd, &count);
    for (int i = 0; i < RB_OUTGOING_AT_ONCE; i++) wait_for(&is_held);
    struct asked one_more;
    new_call(&one_more, "GET", server.port, "/hold");
    assert_int_equal(ask(&one_more)->err, RB_OVERLOADED);
    rb_outgoing_call_free(one_more.call);
    rb_outgoing_free(outgoing);
    outgoing = NULL;
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(wait_answer(&crowd[i])->err, RB_SHUTTING_DOWN);
        rb_outgoing_call_free(crowd[i].call);
    }
    rb_free(crowd);
}

/* ---- without a thread ---- */

static void one_can_wait_for_an_answer(void **state)
{
    (void)state;
    char path[64], text[64] = "";
    int fd = make_file(path, "");
    struct asked asked;
    struct rb_outgoing_call *call = new_call(&asked, "POST", server.port, "/echo");
    call->body = RB_STR("waiting");
    rb_outgoing_wait(call, -1);
    assert_int_equal(call->err, RB_OK);
    assert_str(call->answer, "/echo|||waiting|");
    rb_outgoing_call_free(call);

    call = new_call(&asked, "GET", server.port, "/missing");
    rb_outgoing_wait(call, fd);
    assert_int_equal(call->status, 404);
    assert_str(call->answer, "no such thing");
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    rb_outgoing_call_free(call);

    call = new_call(&asked, "GET", server.port, "/echo");
    rb_outgoing_wait(call, fd);
    assert_int_equal(call->status, 201);
    assert_int_equal(call->answer.n, 0);
    assert_int_equal(pread(fd, text, sizeof text, 0), strlen("/echo||||"));
    assert_string_equal(text, "/echo||||");
    rb_outgoing_call_free(call);

    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    call = new_call(&asked, "GET", server.port, "/echo");
    rb_outgoing_wait(call, full);
    assert_int_equal(call->err, RB_CALL_FAILED);
    rb_outgoing_call_free(call);
    close(full);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_are_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_just_fits_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_schemes_are_not_spoken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(servers_may_misbehave, set_up, tear_down),
        cmocka_unit_test_setup_teardown(so_many_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_are_refused_and_the_end_answers_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_can_wait_for_an_answer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
