/* The whole of it over loopback: what a client sends and gets. */
#include "http/held.h"

#include <fcntl.h>
#include <stdlib.h>

/* ---- handlers ---- */

static int highest_fd; /* of the files answered with */
static const char file_text[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* Handlers may use the scratch memory, whatever has been read into it. */
static void hello(struct rb_request *request, void *arg)
{
    (void)arg;
    memset(rb_loop_scratch(rb_request_loop(request)), 'X', 64 * 1024);
    rb_answer(request, 200, RB_STR("text/plain"), RB_STR("hello"));
}

static void echo(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_answer(request, 200, rb_request_header(request, "Content-Type"), request->body);
}

static void item(struct rb_request *request, void *arg)
{
    (void)arg;
    char peer[RB_ADDRESS_TEXT_BYTES];
    rb_request_peer(request, peer);
    rb_answer_header(request, "X-Peer", rb_str_of(peer));
    rb_answer_json(request, 201, rb_request_param(request, "id"));
}

static void problem(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_err err = RB_INTERNAL;
    rb_reason_find(rb_request_param(request, "reason"), &err);
    if (rb_request_header(request, "X-Own").p) {
        rb_answer_header(request, "Retry-After", RB_STR("77"));
        rb_answer_header(request, "WWW-Authenticate", RB_STR("Own"));
    }
    rb_answer_problem(request, err, RB_STR("so \"it\" is"));
}

static void nothing(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_answer(request, 204, RB_STR_NONE, RB_STR("not to be seen"));
}

static void file(struct rb_request *request, void *arg)
{
    (void)arg;
    char name[] = "/tmp/rb-test-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    if (fd > highest_fd) highest_fd = fd;
    unlink(name);
    assert_int_equal(write(fd, file_text, sizeof file_text - 1), sizeof file_text - 1);
    struct rb_answer_file answer = {.take_fd = fd,
                                    .bytes = sizeof file_text - 1,
                                    .label = RB_STR("B\xc3\xa4r \"1\".txt"),
                                    .type = RB_STR("text/plain"),
                                    .etag = RB_STR("\"v1,a\"")};
    rb_str value;
    if (rb_request_query(request, "weak", &value)) answer.etag = RB_STR("W/\"v1,a\"");
    answer.is_inline = rb_request_query(request, "inline", &value);
    if (rb_request_query(request, "dated", &value)) answer.modified_ms = 784111777999;
    rb_answer_with_file(request, &answer);
}

static void big_file(struct rb_request *request, void *arg)
{
    (void)arg;
    int fd = open("/dev/zero", O_RDONLY); /* never shorter than promised */
    rb_answer_with_file(request, &(struct rb_answer_file){.take_fd = fd, .bytes = 0});
}

static struct server server;

static struct rb_router *make_router(void)
{
    static const struct server_route routes[] = {
        {RB_HTTP1_GET, "/hello", {.handler = hello}},
        {RB_HTTP1_POST, "/echo", {.handler = echo}},
        {RB_HTTP1_POST, "/small", {.handler = echo, .body_max = 10}},
        {RB_HTTP1_GET, "/items/{id}", {.handler = item}},
        {RB_HTTP1_GET, "/problems/{reason}", {.handler = problem}},
        {RB_HTTP1_DELETE, "/nothing", {.handler = nothing}},
        {RB_HTTP1_GET, "/late", {.handler = hold}},
        {RB_HTTP1_GET, "/file", {.handler = file}},
        {RB_HTTP1_GET, "/empty", {.handler = big_file}},
    };
    return server_router(routes, RB_COUNT(routes), &server);
}

static int start(void **state)
{
    return server_setup(state, &server, make_router());
}

/* ---- one request, one answer ---- */

#define GET(path, lines) "GET " path " HTTP/1.1\r\nHost: h\r\n" lines "Connection: close\r\n\r\n"

/* {input, what must be in the output, what must not} */
static const char *const exchanges[][4] = {
    {GET("/hello", ""), "HTTP/1.1 200 OK\r\nDate: ",
     "\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"},
    {"GET /hello HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK", "Connection: close\r\n", NULL},
    {"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /hello HTTP/1.0\r\n\r\n",
     "Connection: keep-alive\r\n", "Connection: close\r\n", NULL},
    {"GET http://h/hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "200 OK", "hello", NULL},
    {"\r\n" GET("/hello", ""), "200 OK", "hello", NULL},
    {"HEAD /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "200 OK", "Content-Length: 5\r\n\r\n",
     "hello"},
    {GET("/items/a%2Fb", ""), "201 Created", "X-Peer: 127.0.0.1\r\n", NULL},
    {GET("/items/a%2Fb", ""), "application/json", "\r\n\r\na/b", NULL},
    {"DELETE /nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "204 No Content", "\r\n\r\n",
     "Content-Length"},
    {"DELETE /nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "204 No Content", "\r\n\r\n",
     "seen"},
    /* problems */
    {GET("/none", ""), "404 Not Found", "Content-Type: application/problem+json\r\n", NULL},
    {GET("/none", ""),
     "{\"title\":\"There is no such thing here.\",\"status\":404,\"reason\":\"not_found\",\"next\":\"Check "
     "the path and the id.\"}",
     "Content-Length: ", "detail"},
    {GET("/items/../x", ""), "400 Bad Request", "\"reason\":\"bad_request\"", NULL},
    {GET("//hello", ""), "404 Not Found", "", NULL},
    {GET("/problems/queue_full", ""), "429 Too Many Requests", "Retry-After: 1\r\n", NULL},
    {GET("/problems/queue_full", "X-Own: 1\r\n"), "429 Too Many Requests", "Retry-After: 77\r\n",
     "Retry-After: 1\r\n"},
    {GET("/problems/not_ready", ""), "503 Service Unavailable", "Retry-After: 1\r\n", NULL},
    {GET("/problems/too_many_subscriptions", ""), "429 Too Many Requests", "", "Retry-After"},
    {GET("/problems/unauthenticated", ""), "401 Unauthorized", "WWW-Authenticate: Bearer\r\n", NULL},
    {GET("/problems/unauthenticated", "X-Own: 1\r\n"), "WWW-Authenticate: Own\r\n", "", "Bearer\r\n"},
    {GET("/problems/conflict", ""), "\"detail\":\"so \\\"it\\\" is\"", "409 Conflict", NULL},
    /* methods */
    {"PUT /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "405 Method Not Allowed",
     "Allow: GET, HEAD, OPTIONS\r\n", NULL},
    {"BREW /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "405 Method Not Allowed",
     "Allow: GET, HEAD, OPTIONS\r\n", NULL},
    {"OPTIONS /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "204 No Content",
     "Allow: GET, HEAD, OPTIONS\r\n", "{"},
    {"OPTIONS /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "404 Not Found", "", "Allow"},
    {"OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "204 No Content", "Allow: GET, HEAD, POST",
     NULL},
    /* bodies */
    {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nContent-Length: 3\r\nConnection: "
     "close\r\n\r\nabc",
     "Content-Type: a/b\r\n", "\r\n\r\nabc", NULL},
    {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
     "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: 1\r\n\r\n",
     "Content-Length: 7\r\n", "\r\n\r\nabcdefg", NULL},
    {"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "Content-Length: 0\r\n", "200 OK", NULL},
    {"POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123456789", "200 OK",
     "0123456789", NULL},
    {"POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", "413 Content Too Large",
     "Connection: close\r\n", NULL},
    {"POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n5\r\n67890\r\n",
     "413 Content Too Large", "Connection: close\r\n", NULL},
    {"POST /none HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", "404 Not Found", "Connection: close\r\n",
     NULL},
    {"POST /none HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "404 Not Found",
     "Connection: close\r\n", NULL},
    {"POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n",
     "405 Method Not Allowed", "Connection: close\r\n", "100 Continue"},
    {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx", "400 Bad Request",
     "Connection: close\r\n", NULL},
    /* what cannot be read */
    {"GET /hello HTTP/1.1\r\n\r\n", "400 Bad Request", "Connection: close\r\n", NULL},
    {"GET /hello HTTP/1.1\nHost: h\r\n\r\n", "400 Bad Request", "application/problem+json", NULL},
    {"GET /hello HTTP/2.0\r\nHost: h\r\n\r\n", "505 HTTP Version Not Supported", "\"unsupported_version\"",
     NULL},
    {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501 Not Implemented",
     "Connection: close\r\n", NULL},
    {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n", "417 Expectation Failed",
     "", NULL},
    /* a bad request ends it: what follows is not answered */
    {"GET /none HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n" GET("/hello", ""), "404 Not Found", "",
     "hello"},
};

static void exchanges_one_by_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < RB_COUNT(exchanges); i++) {
        struct rb_buf answer = exchange(&server, exchanges[i][0]);
        assert_exchange(exchanges[i], &answer);
        rb_buf_fini(&answer);
    }
}

static void limits_of_heads(void **state)
{
    (void)state;
    char long_line[4000], input[5000];
    memset(long_line, 'x', sizeof long_line);
    snprintf(input, sizeof input, "GET /%.*s HTTP/1.1\r\nHost: h\r\n\r\n", 300, long_line);
    struct rb_buf answer = exchange(&server, input);
    assert_has(&answer, "HTTP/1.1 414 URI Too Long\r\n");
    assert_has(&answer, "\"target_too_long\"");
    rb_buf_fini(&answer);
    snprintf(input, sizeof input, "GET /hello HTTP/1.1\r\nHost: h\r\nX: %.*s", 2100,
             long_line); /* not even complete */
    answer = exchange(&server, input);
    assert_has(&answer, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
    assert_has(&answer, "\"head_too_large\"");
    rb_buf_fini(&answer);
}

static void continues(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fd = client_ask(&server, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: "
                                 "100-continue\r\nConnection: close\r\n\r\n");
    client_read_until(fd, &in, "HTTP/1.1 100 Continue\r\n\r\n");
    client_say(fd, "abc");
    client_read_all(fd, &in);
    assert_has(&in, "200 OK");
    assert_has(&in, "\r\n\r\nabc");
    rb_buf_fini(&in);
    close(fd);
}

/* ---- several requests on one connection ---- */

static const char pipelined[] =
    "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"
    "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    "GET /none HTTP/1.1\r\nHost: h\r\n\r\n"
    "\r\n"
    "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nConnection: close\r\n\r\n1234";

static void keeps_alive(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fd = client_open(&server);
    for (int i = 0; i < 5; i++) {
        client_say(fd, "GET /items/x HTTP/1.1\r\nHost: h\r\n\r\n");
        client_read_until(fd, &in, "\r\n\r\nx");
        assert_has_not(&in, "Connection");
        rb_buf_clear(&in);
    }
    rb_buf_fini(&in);
    close(fd);
}

static void cut_anywhere(void **state)
{
    (void)state;
    struct rb_buf expected = exchange(&server, pipelined);
    drop_dates(&expected);
    assert_has(&expected, "\r\n\r\nhello");
    assert_has(&expected, "Content-Type: a/b\r\nContent-Length: 5\r\n\r\nabcde");
    assert_has(&expected, "\"not_found\"");
    assert_has(&expected, "\r\n\r\n1234");
    assert_same_however_cut(&server, pipelined, &expected);
    rb_buf_fini(&expected);
}

enum { MANY = 10000 };

static void *send_many(void *arg)
{
    static const char one[] = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";
    struct rb_buf all = {0};
    for (int i = 0; i < MANY; i++) rb_buf_add_text(&all, one);
    rb_buf_add_text(&all, GET("/items/last", ""));
    client_send(*(int *)arg, all.p, all.n);
    rb_buf_fini(&all);
    return NULL;
}

/* Ten thousand at once are more input than is kept unread and more output than may be queued: both are waited
 * for. */
static void ten_thousand_at_once(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    pthread_t sender;
    int fd = client_open(&server);
    pthread_create(&sender, NULL, send_many, &fd);
    client_read_all(fd, &in);
    pthread_join(sender, NULL);
    close(fd);
    int count = 0;
    for (const char *p = rb_buf_text(&in); (p = strstr(p, "\r\n\r\nhello")) != NULL; p++) count++;
    assert_int_equal(count, MANY);
    assert_true(rb_str_ends(rb_buf_str(&in), RB_STR("\r\n\r\nlast")));
    rb_buf_fini(&in);
}

/* One after the other, so that a client cannot have us open as many files as it likes. */
static void files_in_a_row(void **state)
{
    (void)state;
    struct rb_buf in = {0}, all = {0};
    int fd = client_open(&server), count = 0;
    for (int i = 0; i < 200; i++) rb_buf_add_text(&all, "GET /file HTTP/1.1\r\nHost: h\r\n\r\n");
    rb_buf_add_text(&all, GET("/empty", ""));
    highest_fd = 0;
    client_send(fd, all.p, all.n);
    client_read_all(fd, &in);
    rb_buf_fini(&all);
    assert_in_range(highest_fd, fd + 1, fd + 10);
    close(fd);
    for (const char *p = rb_buf_text(&in); (p = strstr(p, file_text)) != NULL; p++) count++;
    assert_int_equal(count, 200);
    assert_has(&in, "Content-Length: 0\r\n\r\n");
    rb_buf_fini(&in);
}

/* ---- answers that come later ---- */

static void late_answer(void **state)
{
    (void)state;
    int fd = client_ask(&server,
                        "GET /late HTTP/1.1\r\nHost: h\r\n\r\n" GET("/hello", "")); /* the second one waits */
    wait_for(&server.reached);
    settle(&server);
    assert_int_equal(recv(fd, (char[1]){0}, 1, MSG_DONTWAIT), -1);
    server_call(&server, answer_held, &server);
    struct rb_buf in = client_finish(fd);
    const char *first = strstr(rb_buf_text(&in), "\r\n\r\nlate"),
               *second = strstr(rb_buf_text(&in), "\r\n\r\nhello");
    assert_true(first && second && first < second);
    rb_buf_fini(&in);
}

/* More behind a waiting request than is kept: nothing is lost. */
static void late_answer_with_much_behind(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    pthread_t sender;
    int fd = client_open(&server), count = 0;
    client_say(fd, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for(&server.reached);
    pthread_create(&sender, NULL, send_many, &fd);
    settle(&server);
    server_call(&server, answer_held, &server);
    client_read_all(fd, &in);
    pthread_join(sender, NULL);
    close(fd);
    for (const char *p = rb_buf_text(&in); (p = strstr(p, "\r\n\r\nhello")) != NULL; p++) count++;
    assert_int_equal(count, MANY);
    rb_buf_fini(&in);
}

/* Behind a waiting request the client is stopped, not remembered. */
static void what_waits_is_bounded(void **state)
{
    (void)state;
    enum { PIECE = 64 * 1024, STALLS = 20 };
    const size_t bound = 32 * 1024 * 1024; /* more than the kernel holds */
    char *piece = rb_alloc(PIECE);
    int fd = client_open(&server), stalls = 0;
    size_t sent = 0;
    client_say(fd, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for(&server.reached);
    while (stalls < STALLS && sent < bound) {
        ssize_t n = send(fd, piece, PIECE, MSG_DONTWAIT | MSG_NOSIGNAL);
        stalls = n > 0 ? 0 : stalls + 1;
        sent += n > 0 ? (size_t)n : 0;
        settle(&server);
    }
    assert_in_range(sent, 1, bound - 1);
    server_call(&server, answer_held, &server);
    rb_free(piece);
    close(fd);
}

/* A client that has said all it had to say may still listen. */
static void half_closed_client_is_answered(void **state)
{
    (void)state;
    int fd =
        client_ask(&server,
                   "GET /late HTTP/1.1\r\nHost: h\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\nGET /incomp");
    shutdown(fd, SHUT_WR);
    wait_for(&server.reached);
    settle(&server);
    server_call(&server, answer_held, &server);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "\r\n\r\nlate");
    assert_has(&in, "\r\n\r\nhello");
    rb_buf_fini(&in);
}

static void gone_before_the_answer(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) { /* 0: half-closed, 1: closed, 2: reset, 3: half-closed and cut */
        struct rb_buf in = {0};
        int fd = client_ask(
            &server,
            "GET /late HTTP/1.1\r\nHost: h\r\nX-Watch: 1\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
        wait_for(&server.reached);
        if (way == 0 || way == 3) shutdown(fd, SHUT_WR);
        if (way == 1) close(fd);
        if (way == 2) client_reset(fd);
        wait_for(&server.reached);
        assert_int_equal(server.gone_count, way + 1);
        if (way == 3) {
            server_call(&server, cut_connections, &server);
            wait_for_streams(&server, 0);
            close(fd);
        }
        settle(&server);
        server_call(&server, answer_held, &server);
        if (way == 0) {
            client_read_all(fd, &in);
            assert_has(&in, "Connection: close\r\n");
            assert_has(&in, "\r\n\r\nlate");
            assert_has_not(&in, "hello");
            close(fd);
        }
        wait_for_streams(&server, 0);
        assert_int_equal(server.gone_count, way + 1); /* told once */
        rb_buf_fini(&in);
    }
}

/* The client is gone for good before the answer comes, which nobody waits for. */
static void answered_after_the_connection(void **state)
{
    (void)state;
    int fd = client_ask(&server, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for(&server.reached);
    server_call(&server, cut_connections, &server);
    wait_for_streams(&server, 0);
    server_call(&server, answer_held, &server);
    close(fd);
}

static void answered_from_on_gone(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) { /* 0: half-closed, 1: cut */
        int fd = client_ask(&server, "GET /late HTTP/1.1\r\nHost: h\r\nX-Watch: answer\r\n\r\n");
        wait_for(&server.reached);
        if (way == 0)
            shutdown(fd, SHUT_WR);
        else
            server_call(&server, cut_connections, &server);
        wait_for(&server.reached);
        close(fd);
        wait_for_streams(&server, 0);
    }
    /* The end has come before the handler runs. */
    struct rb_buf in = {0};
    int fd = client_ask(
        &server,
        "GET /late HTTP/1.1\r\nHost: h\r\n\r\nGET /late HTTP/1.1\r\nHost: h\r\nX-Watch: answer\r\n\r\n");
    shutdown(fd, SHUT_WR);
    wait_for(&server.reached);
    settle(&server);
    server_call(&server, answer_held, &server);
    client_read_all(fd, &in);
    assert_has(&in, "\r\n\r\nbye");
    rb_buf_fini(&in);
    close(fd);
}

/* ---- files ---- */

#define FILE_GET(lines) GET("/file", lines)
#define FILE_HEAD(lines) "HEAD /file HTTP/1.1\r\nHost: h\r\n" lines "Connection: close\r\n\r\n"

static void files(void **state)
{
    (void)state;
    static const struct {
        const char *input, *status, *has, *body;
    } cases[] = {
        {FILE_GET(""), "200 OK", "Content-Type: text/plain\r\nContent-Length: 36\r\n", file_text},
        {FILE_GET(""), "200 OK",
         "Content-Disposition: attachment; filename=\"B_r _1_.txt\"; "
         "filename*=UTF-8''B%C3%A4r%20%221%22.txt\r\n",
         file_text},
        {FILE_GET(""), "200 OK", "X-Content-Type-Options: nosniff\r\n", file_text},
        {GET("/file?inline", ""), "200 OK", "Content-Disposition: inline; filename=\"B_r _1_.txt\"; ",
         file_text},
        {GET("/file?inline", ""), "200 OK", "Content-Security-Policy: sandbox\r\n", file_text},
        {GET("/file?dated", ""), "200 OK", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", file_text},
        {FILE_GET(""), "200 OK", "ETag: \"v1,a\"\r\nAccept-Ranges: bytes\r\n", file_text},
        {FILE_HEAD(""), "200 OK", "Content-Length: 36\r\n", ""},
        {FILE_GET("Range: bytes=10-12\r\n"), "206 Partial Content", "Content-Range: bytes 10-12/36\r\n",
         "abc"},
        {FILE_GET("Range: bytes=-3\r\n"), "206 Partial Content", "Content-Length: 3\r\n", "xyz"},
        {FILE_GET("Range: bytes=36-\r\n"), "416 Range Not Satisfiable", "Content-Range: bytes */36\r\n",
         NULL},
        {FILE_GET("Range: bytes=1-2,3-4\r\n"), "200 OK", "Content-Length: 36\r\n", file_text},
        {FILE_HEAD("Range: bytes=10-12\r\n"), "200 OK", "Content-Length: 36\r\n", ""},
        {FILE_GET("Range: bytes=0-0\r\nIf-Range: \"v1,a\"\r\n"), "206 Partial Content",
         "Content-Length: 1\r\n", "0"},
        {FILE_GET("Range: bytes=0-0\r\nIf-Range: \"v2\"\r\n"), "200 OK", "Content-Length: 36\r\n", file_text},
        {FILE_GET("Range: bytes=0-0\r\nIf-Range: W/\"v1,a\"\r\n"), "200 OK", "Content-Length: 36\r\n",
         file_text},
        {FILE_GET("Range: bytes=0-0\r\nIf-Range: Tue, 01 Jan 2030 00:00:00 GMT\r\n"), "200 OK", "",
         file_text},
        {GET("/file?weak", "Range: bytes=0-0\r\nIf-Range: W/\"v1,a\"\r\n"), "200 OK", "ETag: W/", file_text},
        {GET("/file?weak", "If-None-Match: \"v1,a\"\r\n"), "304 Not Modified", "ETag: W/\"v1,a\"\r\n", ""},
        {FILE_GET("If-None-Match: \"v1,a\"\r\n"), "304 Not Modified", "ETag: \"v1,a\"\r\n", ""},
        {FILE_GET("If-None-Match: \"x\", W/\"v1,a\"\r\n"), "304 Not Modified", "", ""},
        {FILE_GET("If-None-Match: *\r\n"), "304 Not Modified", "", ""},
        {FILE_GET("If-None-Match: \"v1\", \"a\"\r\n"), "200 OK", "", file_text},
        {FILE_GET("If-None-Match: \"v1,a\r\n"), "200 OK", "", file_text},
        {FILE_GET("If-None-Match: \"v1,a\"\r\nRange: bytes=36-\r\n"), "304 Not Modified", "", ""},
        {GET("/empty", "Range: bytes=0-\r\n"), "200 OK",
         "Content-Type: application/octet-stream\r\nContent-Length: 0\r\n", ""},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_buf answer = exchange(&server, cases[i].input);
        assert_has(&answer, cases[i].status);
        assert_has(&answer, cases[i].has);
        const char *body = strstr(rb_buf_text(&answer), "\r\n\r\n");
        if (cases[i].body) assert_string_equal(body + 4, cases[i].body);
        rb_buf_fini(&answer);
    }
}

/* ---- deadlines ---- */

static void expect_408(const char *first, const char *more, uint32_t timeout_ms)
{
    int fd = client_ask(&server, first);
    settle(&server);
    rb_clock_test_advance_ms(timeout_ms - 1000);
    settle(&server);
    client_say(fd, more); /* a few more bytes earn no more time */
    settle(&server);
    assert_int_equal(recv(fd, (char[1]){0}, 1, MSG_DONTWAIT | MSG_PEEK), -1);
    rb_clock_test_advance_ms(1000);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "HTTP/1.1 408 Request Timeout\r\n");
    assert_has(&in, "Connection: close\r\n");
    assert_has(&in, "\"request_timeout\"");
    rb_buf_fini(&in);
}

static void slow_requests(void **state)
{
    (void)state;
    expect_408("GET /hel", "lo", test_limits.header_timeout_ms);
    expect_408("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab", "c",
               test_limits.body_timeout_ms);
    expect_408("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "c",
               test_limits.body_timeout_ms);
}

/* A request that ends and another that begins in the same piece: the second one has its own time. */
static void each_head_has_its_own_time(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fd = client_ask(&server, "GET /hello HT");
    settle(&server);
    rb_clock_test_advance_ms(test_limits.header_timeout_ms - 1000);
    settle(&server);
    client_say(fd, "TP/1.1\r\nHost: h\r\n\r\nGET /hello H");
    client_read_until(fd, &in, "\r\n\r\nhello");
    rb_buf_clear(&in);
    rb_clock_test_advance_ms(2000);
    settle(&server);
    client_say(fd, "TTP/1.1\r\nHost: h\r\n\r\n");
    client_read_until(fd, &in, "\r\n\r\nhello");
    rb_buf_fini(&in);
    close(fd);
}

/* A long body may take long, if it comes. */
static void steady_body(void **state)
{
    (void)state;
    enum { PIECE = 64 * 1024, PIECES = 4 };
    char *piece = rb_alloc(PIECE);
    int fd = client_open(&server);
    memset(piece, 'x', PIECE);
    client_say(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 262144\r\nConnection: close\r\n\r\n");
    for (int i = 0; i < PIECES; i++) {
        client_send(fd, piece, PIECE);
        settle(&server);
        settle(&server);
        if (i + 1 < PIECES) rb_clock_test_advance_ms(test_limits.body_timeout_ms - 1000);
    }
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "Content-Length: 262144\r\n");
    assert_true(in.n > PIECE * PIECES);
    rb_buf_fini(&in);
    rb_free(piece);
}

static void idle_connections_end_silently(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fresh = client_open(&server), used = client_open(&server);
    client_say(used, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    client_read_until(used, &in, "hello");
    rb_buf_clear(&in);
    settle(&server);
    rb_clock_test_advance_ms(test_limits.idle_timeout_ms);
    client_read_all(used, &in);
    client_read_all(fresh, &in);
    assert_int_equal(in.n, 0);
    rb_buf_fini(&in);
    close(fresh);
    close(used);
}

/* While a request is handled no deadline runs. */
static void handling_may_take_long(void **state)
{
    (void)state;
    int fd = client_ask(&server, GET("/late", ""));
    wait_for(&server.reached);
    rb_clock_test_advance_ms(3600 * 1000);
    settle(&server);
    server_call(&server, answer_held, &server);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "\r\n\r\nlate");
    rb_buf_fini(&in);
}

/* ---- the server as a whole ---- */

static void too_many_connections(void **state)
{
    (void)state;
    struct rb_buf in = {0};
    int fds[100];
    for (int i = 0; i < 100; i++) fds[i] = client_open(&server);
    settle(&server);
    int one_more = client_open(&server);
    client_read_all(one_more, &in);
    assert_has(&in, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_has(&in, "Retry-After: 1\r\n");
    assert_has(&in, "Connection: close\r\n");
    assert_has(&in, "\"overloaded\"");
    close(fds[0]); /* room for one; the refused connection, which is still lingering, does not count */
    wait_for_streams(&server, 100);
    rb_buf_fini(&in);
    in = exchange(&server, GET("/hello", ""));
    assert_has(&in, "200 OK");
    close(one_more);
    for (int i = 1; i < 100; i++) close(fds[i]);
    wait_for_streams(&server, 0);
    rb_buf_fini(&in);
    in = exchange(&server, GET("/hello", "")); /* there is room again */
    assert_has(&in, "200 OK");
    rb_buf_fini(&in);
}

static void drains(void **state)
{
    (void)state;
    struct rb_buf idle_in = {0}, busy_in = {0}, partial_in = {0};
    int idle = client_open(&server), busy = client_open(&server), partial = client_open(&server);
    client_say(busy, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    client_say(partial, "GET /hello HT");
    wait_for(&server.reached);
    settle(&server);
    server_call(&server, server_drain, &server);
    client_read_all(idle, &idle_in);
    assert_int_equal(idle_in.n, 0);
    server_call(&server, answer_held, &server);
    client_read_all(busy, &busy_in);
    assert_has(&busy_in, "Connection: close\r\n");
    assert_has(&busy_in, "\r\n\r\nlate");
    client_say(partial, "TP/1.1\r\nHost: h\r\n\r\n");
    client_read_all(partial, &partial_in);
    assert_has(&partial_in, "Connection: close\r\n");
    assert_has(&partial_in, "\r\n\r\nhello");
    rb_buf_fini(&idle_in);
    rb_buf_fini(&busy_in);
    rb_buf_fini(&partial_in);
    close(idle);
    close(busy);
    close(partial);
}

/* Cut in each state: nothing leaks, nobody is called who should not be. */
static void cut_in_any_state(void **state)
{
    (void)state;
    static const char *const inputs[] = {"", "GET /hel",
                                         "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
                                         "GET /hello HTTP/1.1\r\nHost: h\r\n\r\nGET /he"};
    for (size_t i = 0; i < RB_COUNT(inputs); i++) {
        int fd = client_open(&server), ended = client_open(&server);
        client_say(fd, inputs[i]);
        client_say(ended, inputs[i]);
        shutdown(ended, SHUT_WR); /* the same, by the client */
        settle(&server);
        server_call(&server, cut_connections, &server);
        wait_for_streams(&server, 0);
        close(fd);
        close(ended);
    }
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, start, server_teardown)
    const struct CMUnitTest tests[] = {
        RUN(exchanges_one_by_one),
        RUN(limits_of_heads),
        RUN(continues),
        RUN(keeps_alive),
        RUN(cut_anywhere),
        RUN(ten_thousand_at_once),
        RUN(files_in_a_row),
        RUN(late_answer),
        RUN(late_answer_with_much_behind),
        RUN(what_waits_is_bounded),
        RUN(half_closed_client_is_answered),
        RUN(gone_before_the_answer),
        RUN(answered_after_the_connection),
        RUN(answered_from_on_gone),
        RUN(files),
        RUN(slow_requests),
        RUN(each_head_has_its_own_time),
        RUN(steady_body),
        RUN(idle_connections_end_silently),
        RUN(handling_may_take_long),
        RUN(too_many_connections),
        RUN(drains),
        RUN(cut_in_any_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
