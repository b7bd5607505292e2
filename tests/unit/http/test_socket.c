/* WebSockets over loopback, with a client written by hand. */
#include "http/held.h"

#include "http/socket.h"

struct door {
    struct rb_socket socket;
    struct server *server;
    unsigned messages, pongs;
};

static struct server server;
static struct door *last; /* the loop's thread only, or after an event was waited for */
static rb_err closed_why;
static bool closed_clean;
static unsigned message_count;

enum { MESSAGE_MAX = 2 * 1024 * 1024 };

/* ---- the door: echoes; some words make it do other things ---- */

static void on_message(struct rb_socket *socket, enum rb_ws_opcode opcode, rb_str payload)
{
    struct door *door = RB_OUTER(socket, struct door, socket);
    door->messages++;
    if (rb_str_is(payload, "close me")) {
        rb_socket_close(socket, RB_UNAUTHENTICATED, 4401, RB_STR("who are you?"));
        rb_socket_close(socket, RB_INTERNAL, 1011, RB_STR("only the first one counts"));
        rb_socket_send_message(socket, RB_WS_TEXT, RB_STR("never seen"));
    } else if (rb_str_is(payload, "close me without a code")) {
        rb_socket_close(socket, RB_OK, 0, RB_STR_NONE);
    } else if (rb_str_is(payload, "cut me")) {
        rb_socket_abort(socket, RB_OVERLOADED);
    } else if (rb_str_is(payload, "out of memory")) {
        rb_socket_send(socket, NULL);
    } else if (rb_str_is(payload, "ping me")) {
        rb_socket_ping(socket);
    } else {
        rb_socket_send_message(socket, opcode, payload);
    }
    sem_post(&door->server->reached);
}

static void on_pong(struct rb_socket *socket)
{
    struct door *door = RB_OUTER(socket, struct door, socket);
    door->pongs++;
    rb_socket_pull(socket);
}

static void on_pull(struct rb_socket *socket, struct rb_gather *gather)
{
    struct door *door = RB_OUTER(socket, struct door, socket);
    if (door->pongs && rb_gather_has_room(gather)) {
        door->pongs = 0;
        rb_gather_add(gather, rb_socket_frame(RB_WS_TEXT, RB_STR("pulled")));
    }
}

static void on_closed(struct rb_socket *socket, rb_err why, bool is_clean)
{
    struct door *door = RB_OUTER(socket, struct door, socket);
    closed_why = why;
    closed_clean = is_clean;
    message_count = door->messages;
    sem_post(&door->server->reached);
    rb_free(door);
}

static const struct rb_socket_ops ops = {
    .on_message = on_message, .on_pong = on_pong, .on_pull = on_pull, .on_closed = on_closed};

static void upgrade(struct rb_request *request, void *arg)
{
    struct door *door = rb_new(struct door);
    door->server = arg;
    rb_str protocol = rb_request_header(request, "Sec-WebSocket-Protocol");
    if (protocol.p) rb_answer_header(request, "Sec-WebSocket-Protocol", protocol);
    last = door;
    if (!rb_socket_accept(request, &door->socket, &ops, MESSAGE_MAX)) {
        rb_free(door);
        last = NULL;
    }
}

static void upgrade_held(void *arg)
{
    upgrade(server.held, arg);
}

static int start(void **state)
{
    static const struct server_route routes[] = {
        {RB_HTTP1_GET, "/ws", {.handler = upgrade}},
        {RB_HTTP1_POST, "/ws", {.handler = upgrade}},
        {RB_HTTP1_GET, "/later", {.handler = hold}},
    };
    return server_setup(state, &server, server_router(routes, RB_COUNT(routes), &server));
}

/* ---- the client ---- */

#define UPGRADE(path, lines)                                                                                 \
    "GET " path " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                      \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" lines "\r\n"

struct client {
    int fd;
    struct rb_buf in;
    size_t at;
    struct rb_ws_reader reader;
};

static void put_masked(struct rb_buf *out, enum rb_ws_opcode opcode, bool is_final, rb_str payload)
{
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    unsigned char header[RB_WS_HEADER_MAX];
    rb_buf_add(out, header, rb_ws_put_header(header, opcode, is_final, payload.n, mask));
    size_t at = out->n;
    rb_buf_add_str(out, payload);
    if (payload.n) rb_ws_mask(out->p + at, payload.n, mask, 0);
}

static void say_frame(struct client *client, enum rb_ws_opcode opcode, bool is_final, rb_str payload)
{
    struct rb_buf out = {0};
    put_masked(&out, opcode, is_final, payload);
    client_send(client->fd, out.p, out.n);
    rb_buf_fini(&out);
}

static void say_text(struct client *client, const char *text)
{
    say_frame(client, RB_WS_TEXT, true, rb_str_of(text));
}

static void say_close(struct client *client, unsigned code)
{
    char payload[2] = {(char)(code >> 8), (char)code};
    say_frame(client, RB_WS_CLOSE, true, (rb_str){payload, code ? 2 : 0});
}

static void start_reading(struct client *client)
{
    client_read_until(client->fd, &client->in, "\r\n\r\n");
    client->at = (size_t)(strstr(rb_buf_text(&client->in), "\r\n\r\n") - client->in.p) + 4;
    rb_ws_reader_init(&client->reader, false, 16 * 1024 * 1024);
}

static struct client client_upgrade(void)
{
    struct client client = {.fd = client_ask(&server, UPGRADE("/ws", ""))};
    start_reading(&client);
    return client;
}

/* The next event; false at the end of the connection. */
static bool next_event(struct client *client, struct rb_ws_event *event)
{
    for (;;) {
        struct rb_ws_input input = {client->in.p + client->at, client->in.n - client->at};
        rb_err err;
        enum rb_ws_step step = rb_ws_next(&client->reader, &input, event, &err);
        client->at = client->in.n - input.n;
        if (step == RB_WS_FAILED) fail_msg("the server broke the protocol: %s", rb_reason_name(err));
        if (step == RB_WS_EVENT) return true;
        if (!client_read(client->fd, &client->in)) return false;
    }
}

static void expect_message(struct client *client, enum rb_ws_opcode opcode, rb_str expected)
{
    struct rb_ws_event event;
    assert_true(next_event(client, &event));
    assert_int_equal(event.opcode, opcode);
    assert_true(rb_str_eq(event.payload, expected));
}

static void expect_close(struct client *client, unsigned code)
{
    struct rb_ws_event event;
    assert_true(next_event(client, &event));
    assert_int_equal(event.opcode, RB_WS_CLOSE);
    assert_int_equal(event.close_code, code);
}

static void expect_end(struct client *client)
{
    struct rb_ws_event event;
    assert_false(next_event(client, &event));
}

static void client_close(struct client *client)
{
    close(client->fd);
    rb_ws_reader_fini(&client->reader);
    rb_buf_fini(&client->in);
}

static void wait_until_closed(rb_err why, bool is_clean)
{
    wait_for_streams(&server, 0);
    assert_int_equal(closed_why, why);
    assert_int_equal(closed_clean, is_clean);
}

/* ---- tests ---- */

static void handshake(void **state)
{
    (void)state;
    struct client client = client_upgrade();
    assert_has(&client.in, "HTTP/1.1 101 Switching Protocols\r\n");
    assert_has(&client.in, "Upgrade: websocket\r\n");
    assert_has(&client.in, "Connection: Upgrade\r\n");
    assert_has(&client.in,
               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"); /* RFC 6455 section 1.3 */
    assert_has(&client.in, "Date: ");
    assert_has_not(&client.in, "Content-");
    assert_has_not(&client.in, "Transfer-Encoding");
    assert_has_not(&client.in, "Sec-WebSocket-Protocol");
    say_text(&client, "hi");
    expect_message(&client, RB_WS_TEXT, RB_STR("hi"));
    client_close(&client);
    wait_until_closed(RB_CLIENT_GONE, false);

    client = (struct client){
        .fd = client_ask(
            &server,
            UPGRADE("/ws",
                    "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"))};
    start_reading(&client);
    assert_has(&client.in, "Sec-WebSocket-Protocol: chat\r\n");
    assert_has_not(&client.in, "Extensions");
    client_close(&client);
}

static void bad_upgrades(void **state)
{
    (void)state;
#define LINES(upgrade, connection, key, version)                                                             \
    " HTTP/1.1\r\nHost: h\r\n" upgrade connection key version "\r\n"
#define U "Upgrade: websocket\r\n"
#define C "Connection: Upgrade, close\r\n"
#define K "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V "Sec-WebSocket-Version: 13\r\n"
    static const struct {
        const char *input;
        bool is_426;
    } cases[] = {
        {"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", true},
        {"GET /ws" LINES(U, "Connection: close\r\n", K, V), true},
        {"GET /ws" LINES("Upgrade: h2c\r\n", C, K, V), true},
        {"GET /ws" LINES(U, C, K, ""), true},
        {"GET /ws" LINES(U, C, K, "Sec-WebSocket-Version: 8\r\n"), true},
        {"GET /ws" LINES(U, C, "", V), false},
        {"GET /ws" LINES(U, C, "Sec-WebSocket-Key: c2hvcnQ=\r\n", V), false},
        {"POST /ws" LINES(U, C, K, V), false},
        {"GET /ws HTTP/1.0\r\nHost: h\r\n" U C K V "\r\n", true},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_buf answer = exchange(&server, cases[i].input);
        assert_has(&answer,
                   cases[i].is_426 ? "HTTP/1.1 426 Upgrade Required\r\n" : "HTTP/1.1 400 Bad Request\r\n");
        assert_has(&answer, "application/problem+json");
        if (cases[i].is_426) assert_has(&answer, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
        rb_buf_fini(&answer);
    }
}

/* Fragments with a ping between them, an empty message, and whatever the cuts: the same echoes. */
static void fragments_cut_anywhere(void **state)
{
    (void)state;
    struct rb_buf input = {0};
    rb_buf_add_text(&input, UPGRADE("/ws", ""));
    put_masked(&input, RB_WS_TEXT, false, RB_STR("one "));
    put_masked(&input, RB_WS_PING, true, RB_STR("p"));
    put_masked(&input, RB_WS_CONTINUATION, true, RB_STR("two \xe2\x82\xac"));
    put_masked(&input, RB_WS_BINARY, true, RB_STR_NONE);
    put_masked(&input, RB_WS_TEXT, true, RB_STR("three"));
    for (size_t cut = 0; cut <= input.n; cut++) { /* at 0: byte by byte */
        struct client client = {.fd = client_open(&server)};
        client_send_cut(&server, client.fd, input.p, input.n, cut);
        start_reading(&client);
        expect_message(&client, RB_WS_PONG, RB_STR("p"));
        expect_message(&client, RB_WS_TEXT, RB_STR("one two \xe2\x82\xac"));
        expect_message(&client, RB_WS_BINARY, RB_STR_NONE);
        expect_message(&client, RB_WS_TEXT, RB_STR("three"));
        client_close(&client);
    }
    rb_buf_fini(&input);
}

static void big_message(void **state)
{
    (void)state;
    size_t n = 1024 * 1024;
    struct client client = client_upgrade();
    char *big = rb_alloc(n);
    for (size_t i = 0; i < n; i++) big[i] = (char)(i * 7);
    say_frame(&client, RB_WS_BINARY, true, (rb_str){big, n});
    expect_message(&client, RB_WS_BINARY, (rb_str){big, n});
    say_frame(&client, RB_WS_BINARY, false, (rb_str){big, n / 2});
    say_frame(&client, RB_WS_CONTINUATION, true, (rb_str){big + n / 2, n - n / 2});
    expect_message(&client, RB_WS_BINARY, (rb_str){big, n});
    rb_free(big);
    client_close(&client);
}

static void pings_and_pulls(void **state)
{
    (void)state;
    struct client client = client_upgrade();
    say_text(&client, "ping me");
    expect_message(&client, RB_WS_PING, RB_STR_NONE);
    say_frame(&client, RB_WS_PONG, true, RB_STR_NONE);
    expect_message(&client, RB_WS_TEXT, RB_STR("pulled"));
    client_close(&client);
}

static void peer_closes(void **state)
{
    (void)state;
    static const unsigned codes[] = {0, 1000, 1001, 1011, 3000, 4999};
    for (size_t i = 0; i < RB_COUNT(codes); i++) {
        struct client client = client_upgrade();
        say_close(&client, codes[i]);
        say_text(&client, "after the end");
        expect_close(&client, codes[i] ? codes[i] : 1005);
        expect_end(&client);
        client_close(&client);
        wait_until_closed(RB_CLIENT_CLOSED, true);
        assert_int_equal(message_count, 0);
    }
}

static void peer_breaks_the_protocol(void **state)
{
    (void)state;
    static const struct {
        rb_str input;
        unsigned code;
        rb_err why;
    } cases[] = {
        {{"\x81\x02hi", 4}, 1002, RB_PROTOCOL_ERROR},               /* not masked */
        {{"\xc1\x80\0\0\0\0", 6}, 1002, RB_PROTOCOL_ERROR},         /* a reserved bit */
        {{"\x80\x80\0\0\0\0", 6}, 1002, RB_PROTOCOL_ERROR},         /* continues nothing */
        {{"\x88\x82\0\0\0\0\x03\xed", 8}, 1002, RB_PROTOCOL_ERROR}, /* close code 1005 */
        {{"\x81\x82\0\0\0\0\xc3\x28", 8}, 1007, RB_BAD_UTF8},
        {{"\x82\xff\0\0\0\0\x01\0\0\0\0\0\0\0", 14}, 1009, RB_MESSAGE_TOO_LARGE}, /* announces 16 MiB */
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct client client = client_upgrade();
        client_send(client.fd, cases[i].input.p, cases[i].input.n);
        expect_close(&client, cases[i].code);
        expect_end(&client);
        client_close(&client);
        wait_until_closed(cases[i].why, false);
    }
}

static void we_close(void **state)
{
    (void)state;
    struct client client = client_upgrade();
    say_text(&client, "close me");
    expect_close(&client, 4401);
    say_text(&client, "what it says until it has read our Close");
    say_frame(&client, RB_WS_PING, true, RB_STR_NONE);
    settle(&server);
    assert_int_equal(recv(client.fd, (char[1]){0}, 1, MSG_DONTWAIT), -1); /* still open, no pong, no echo */
    say_close(&client, 4401);
    expect_end(&client);
    client_close(&client);
    wait_until_closed(RB_UNAUTHENTICATED, true);
    assert_int_equal(message_count, 1);

    client = client_upgrade();
    say_text(&client, "close me without a code");
    expect_close(&client, 1005);
    close(client.fd); /* the end without a Close */
    client.fd = -1;
    client_close(&client);
    wait_until_closed(RB_OK, false);
}

/* A peer that neither answers our Close nor goes is not waited for long. */
static void we_close_and_nobody_answers(void **state)
{
    (void)state;
    struct client client = client_upgrade();
    say_text(&client, "close me");
    wait_for(&server.reached);
    expect_close(&client, 4401);
    settle(&server);
    rb_clock_test_advance_ms(RB_SOCKET_FAREWELL_MS - 1000);
    settle(&server);
    assert_int_equal(sem_trywait(&server.reached), -1);
    rb_clock_test_advance_ms(1000);
    wait_for(&server.reached);
    assert_int_equal(closed_why, RB_UNAUTHENTICATED);
    assert_false(closed_clean);
    expect_end(&client);
    client_close(&client);
}

static void cut(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        rb_err why;
    } cases[] = {{"cut me", RB_OVERLOADED}, {"out of memory", RB_OUT_OF_MEMORY}};
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct client client = client_upgrade();
        struct rb_buf both = {0};
        put_masked(&both, RB_WS_TEXT, true, rb_str_of(cases[i].word));
        put_masked(&both, RB_WS_TEXT, true, RB_STR("not heard any more"));
        client_send(client.fd, both.p, both.n);
        expect_end(&client);
        client_close(&client);
        rb_buf_fini(&both);
        wait_until_closed(cases[i].why, false);
        assert_int_equal(message_count, 1);
    }
}

static void accepted_later(void **state)
{
    (void)state;
    struct client client = {.fd = client_open(&server)};
    struct rb_buf input = {0};
    rb_buf_add_text(&input, UPGRADE("/later", ""));
    put_masked(&input, RB_WS_TEXT, true, RB_STR("early")); /* waits with the request */
    client_send(client.fd, input.p, input.n);
    wait_for(&server.reached);
    settle(&server);
    server_call(&server, upgrade_held, &server);
    start_reading(&client);
    expect_message(&client, RB_WS_TEXT, RB_STR("early"));
    rb_buf_fini(&input);
    client_close(&client);
    wait_until_closed(RB_CLIENT_GONE, false);

    client = (struct client){.fd = client_ask(&server, UPGRADE("/later", ""))};
    wait_for(&server.reached); /* the message's */
    wait_for(&server.reached); /* on_closed's */
    wait_for(&server.reached);
    server_call(&server, cut_connections, &server);
    wait_for_streams(&server, 0);
    last = (struct door *)1;
    server_call(&server, upgrade_held, &server); /* nobody is there */
    assert_null(last);
    client_close(&client);
}

/* More than a connection keeps unread, behind a request that waits: reading had stopped and goes on. */
static void much_before_accepted(void **state)
{
    (void)state;
    size_t n = 300 * 1024;
    struct client client = {.fd = client_open(&server)};
    struct rb_buf input = {0};
    char *big = rb_alloc(n);
    rb_buf_add_text(&input, UPGRADE("/later", ""));
    put_masked(&input, RB_WS_BINARY, true, (rb_str){big, n});
    client_send(client.fd, input.p, input.n);
    wait_for(&server.reached);
    for (int i = 0; i < 10; i++) settle(&server);
    server_call(&server, upgrade_held, &server);
    start_reading(&client);
    expect_message(&client, RB_WS_BINARY, (rb_str){big, n});
    rb_free(big);
    rb_buf_fini(&input);
    client_close(&client);
}

/* Between two fragments, and within a frame. */
static void gone_in_a_message(void **state)
{
    (void)state;
    struct client client = client_upgrade();
    say_frame(&client, RB_WS_TEXT, false, RB_STR("begun"));
    client_send(client.fd, "\x80\x85\0\0\0\0ab", 8);
    settle(&server);
    client_close(&client);
    wait_until_closed(RB_CLIENT_GONE, false);
}

/* The client has ended its side while the upgrade was waiting: the socket hears of it. */
static void ended_before_accepted(void **state)
{
    (void)state;
    struct client client = {.fd = client_ask(&server, UPGRADE("/later", ""))};
    shutdown(client.fd, SHUT_WR);
    wait_for(&server.reached);
    settle(&server);
    server_call(&server, upgrade_held, &server);
    start_reading(&client);
    expect_end(&client);
    client_close(&client);
    wait_until_closed(RB_CLIENT_GONE, false);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, start, server_teardown)
    const struct CMUnitTest tests[] = {
        RUN(handshake),
        RUN(bad_upgrades),
        RUN(fragments_cut_anywhere),
        RUN(big_message),
        RUN(pings_and_pulls),
        RUN(peer_closes),
        RUN(peer_breaks_the_protocol),
        RUN(we_close),
        RUN(we_close_and_nobody_answers),
        RUN(cut),
        RUN(accepted_later),
        RUN(much_before_accepted),
        RUN(gone_in_a_message),
        RUN(ended_before_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
