/* Links as their upper side sees them: pausing, what is taken, timers. */
#include "doors/socketio/link_rig.h"

/* ---- pausing ---- */

static void test_pause_on_polling(void **state)
{
    (void)state;
    open_polling();
    post("4a\x1e"
         "4pause\x1e"
         "4b\x1e"
         "bAQID\x1e"
         "4c");
    assert_heard("a pause");
    post("4d"); /* answered, though nobody looks at it yet */
    assert_heard("");
    unpause();
    assert_heard("b binary:3 c d");
    post("4pause\x1e"
         "4x\x1e"
         "4pause\x1e"
         "4y\x1e"
         "4both\x1e"
         "4z");
    assert_heard("pause");
    unpause();
    assert_heard("x pause");
    post("4last");
    unpause();
    assert_heard("y both z last");
    post("4echo");
    assert_poll("200 4echo");
    assert_heard("echo");
}

static void test_pause_on_socket(void **state)
{
    (void)state;
    int fd = open_socket("EIO=4&transport=websocket");
    assert_open_packet(fd);
    assert_heard("open@127.0.0.1");
    say(fd, "4pause");
    say(fd, "4a");
    say_frame(fd, RB_WS_BINARY, "12");
    assert_heard("pause");
    unpause();
    assert_heard("a binary:2");
    say(fd, "4echo");
    assert_frame(fd, "4echo");
    close(fd);
    wait_for_end();
    assert_heard("echo closed:client_gone");
}

/* What waits is limited. */
static void test_backlog_limit(void **state)
{
    (void)state;
    char *body = rb_alloc(900001);
    memset(body, 'x', 900000);
    body[0] = '4';
    open_polling();
    post("4pause");
    post(body);
    post(body);
    assert_heard("pause");
    assert_answer(ask("POST", link_query, body), "200 ok");
    wait_for_end();
    assert_heard("closed:message_too_large");
    rb_free(body);
}

/* Nothing is read from a client whose link is paused, so it cannot be late with its pong; from then on it
 * can. */
static void test_pause_and_heartbeat(void **state)
{
    (void)state;
    int fd = open_socket("EIO=4&transport=websocket");
    assert_open_packet(fd);
    say(fd, "4pause");
    settle(&server);
    pass_ms(INTERVAL_MS);
    assert_frame(fd, "2");
    say(fd, "3");
    for (int i = 0; i < 5; i++) pass_ms(TIMEOUT_MS);
    assert_heard("open@127.0.0.1 pause ping");
    unpause();
    assert_heard("pong");
    pass_ms(INTERVAL_MS);
    assert_frame(fd, "2");
    say(fd, "4pause");
    settle(&server);
    pass_ms(TIMEOUT_MS - LEEWAY_MS);
    unpause();
    pass_ms(TIMEOUT_MS - LEEWAY_MS);
    assert_heard("ping pause");
    pass_ms(LEEWAY_MS);
    wait_for_end();
    assert_heard("closed:ping_timeout");
    assert_frame(fd, "close");
    close(fd);
}

/* ---- what is taken ---- */

static void test_take(void **state)
{
    (void)state;
    open_polling();
    give(0, 18, 3); /* six blobs: the first answer ends within the last */
    assert_poll("200 4n0\x1e"
                "4n1\x1e"
                "4n2\x1e"
                "4n3\x1e"
                "4n4\x1e"
                "4n5\x1e"
                "4n6\x1e"
                "4n7\x1e"
                "4n8\x1e"
                "4n9\x1e"
                "4n10\x1e"
                "4n11\x1e"
                "4n12\x1e"
                "4n13\x1e"
                "4n14\x1e"
                "4n15");
    post("4echo"); /* what was taken before goes out before */
    assert_poll("200 4n16\x1e"
                "4n17\x1e"
                "4echo");
    int fd = get();
    give(20, 2, 1);
    assert_answer(fd, "200 4n20\x1e"
                      "4n21");
}

/* What was taken for polling and has not gone out goes out on the WebSocket, then the rest. */
static void test_take_over(void **state)
{
    (void)state;
    open_polling();
    give(0, 18, 3);
    int fd = get();
    close(open_second_socket()); /* one that does not make it */
    char byte;
    while (recv(fd, &byte, 1, 0) > 0) {
    }
    close(fd);
    int socket = open_second_socket();
    give(18, 1, 1);
    say(socket, "5");
    for (int i = 16; i < 19; i++) {
        char text[20];
        snprintf(text, sizeof text, "4n%d", i);
        assert_frame(socket, text);
    }
    say(socket, "4echo");
    assert_frame(socket, "4echo");
    close(socket);
    wait_for_end();

    assert_heard("echo closed:client_gone");
    open_polling();
    give(30, 1, 1); /* nobody has asked for it yet */
    socket = open_second_socket();
    say(socket, "5");
    assert_frame(socket, "4n30");
    close(socket);
    wait_for_end();
}

static void assert_is_read(void *arg)
{
    assert_int_equal(last_link->wire->socket.stream.want_read, *(bool *)arg);
}

/* A link that is paused on polling is so on its WebSocket. */
static void test_take_over_paused(void **state)
{
    (void)state;
    bool is_read = false;
    open_polling();
    post("4pause\x1e"
         "4a");
    int socket = open_second_socket();
    say(socket, "2probe");
    assert_frame(socket, "3probe");
    say(socket, "5");
    say(socket, "4echo");
    assert_heard("pause");
    server_call(&server, assert_is_read, &is_read);
    unpause();
    assert_frame(socket, "4echo");
    assert_heard("a echo");
    is_read = true;
    server_call(&server, assert_is_read, &is_read);
    close(socket);
    wait_for_end();
}

static void test_pull_as_base64(void **state)
{
    (void)state;
    int fd = open_socket("EIO=3&transport=websocket&b64=1");
    assert_open_packet(fd);
    assert_frame(fd, "40"); /* sent while the request was looked at */
    struct rb_buf frames = {0};
    settle(&server);
    rb_ws_put_frame(&frames, RB_WS_TEXT, RB_STR("451-[]"));
    rb_ws_put_frame(&frames, RB_WS_BINARY, RB_STR("\x04\x01\x02\x03"));
    frames_push(&gives, rb_blob_copy(rb_buf_str(&frames)));
    give(7, 1, 1);
    assert_frame(fd, "451-[]");
    assert_frame(fd, "b4AQID");
    assert_frame(fd, "4n7");
    rb_buf_fini(&frames);
    close(fd);
    wait_for_end();
}

/* ---- timers ---- */

static void test_connect_timeout(void **state)
{
    (void)state;
    joins_by_itself = false;
    open_polling();
    pass_ms(INTERVAL_MS);
    assert_poll("200 2");
    post("3");
    int fd = get();
    pass_ms(CONNECT_MS - INTERVAL_MS);
    assert_answer(fd, "200 1");
    wait_for_end();
    assert_heard("ping pong closed:connect_timeout");
}

/* From the handshake to the ping, then from the pong to the ping; an unsolicited pong changes nothing;
 * another packet moves the deadline, once. */
static void test_heartbeat(void **state)
{
    (void)state;
    open_polling();
    pass_ms(INTERVAL_MS - LEEWAY_MS);
    post("3");
    assert_heard("");
    pass_ms(LEEWAY_MS);
    assert_poll("200 2");
    assert_heard("ping");
    pass_ms(TIMEOUT_MS - LEEWAY_MS);
    post("6"); /* moves the deadline, in this round as in the next */
    pass_ms(TIMEOUT_MS - LEEWAY_MS);
    post("3");
    assert_heard("pong");
    pass_ms(INTERVAL_MS - LEEWAY_MS);
    assert_heard("");
    pass_ms(LEEWAY_MS);
    assert_heard("ping");
    pass_ms(TIMEOUT_MS - LEEWAY_MS);
    post("6");
    pass_ms(TIMEOUT_MS - LEEWAY_MS);
    post("4x");
    assert_heard("x");
    pass_ms(LEEWAY_MS);
    wait_for_end();
    assert_heard("closed:ping_timeout");
    assert_unknown();
}

static void test_upgrade_timeout(void **state)
{
    (void)state;
    open_polling();
    int fd = open_second_socket();
    say(fd, "2probe");
    assert_frame(fd, "3probe");
    assert_poll("200 6");
    pass_ms(UPGRADE_MS - LEEWAY_MS);
    assert_poll("200 6");
    pass_ms(LEEWAY_MS);
    assert_frame(fd, "close");
    close(fd);
    int poll = get();
    post("4echo");
    assert_answer(poll, "200 4echo");
    assert_heard("echo");
}

/* ---- what is known of a link ---- */

static void note_facts(void *arg)
{
    (void)arg;
    char address[RB_ADDRESS_TEXT_BYTES] = "", text[RB_HANDLE_TEXT_BYTES];
    if (link_stream(last_link)) rb_address_of_peer(link_stream(last_link), address);
    link_sid(last_link, text);
    assert_string_equal(text, sid);
    assert_ptr_equal(link_loop(last_link), server.loop);
    note(link_transport(last_link), rb_str_of(address));
}

static void test_facts(void **state)
{
    (void)state;
    open_polling();
    server_call(&server, note_facts, NULL);
    assert_heard("polling"); /* from where, nobody can tell now */
    int fd = get();
    server_call(&server, note_facts, NULL);
    assert_heard("polling127.0.0.1");
    int socket = open_second_socket();
    say(socket, "5");
    assert_answer(fd, "200 6");
    settle(&server);
    server_call(&server, note_facts, NULL);
    assert_heard("websocket127.0.0.1");
    close(socket);
    wait_for_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pause_on_polling),
        TEST(test_pause_on_socket),
        TEST(test_backlog_limit),
        TEST(test_pause_and_heartbeat),
        TEST(test_take),
        TEST(test_take_over),
        TEST(test_take_over_paused),
        TEST(test_pull_as_base64),
        TEST(test_connect_timeout),
        TEST(test_heartbeat),
        TEST(test_upgrade_timeout),
        TEST(test_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
