/* How links end, and what both sides hear of it. */
#include "doors/socketio/link_rig.h"

static sem_t held, release;

static void hold_loop(struct rb_mail *mail)
{
    (void)mail;
    sem_post(&held);
    wait_for(&release);
}

/* A POST and a GET come in one turn, the POST first. What they are answered has these texts in it. */
static void end_within_a_turn(const char *body, const char *to_post, const char *to_get)
{
    struct rb_mail mail = {.run = hold_loop};
    struct rb_buf posted = {0}, got = {0};
    char text[200];
    sem_init(&held, 0, 0);
    sem_init(&release, 0, 0);
    open_polling();
    int poster = client_open(&server), getter = client_open(&server);
    settle(&server);
    rb_loop_post(server.loop, &mail);
    wait_for(&held);
    snprintf(text, sizeof text, "POST /socket.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
             link_query, strlen(body), body);
    client_say(poster, text);
    snprintf(text, sizeof text, "GET /socket.io/?%s HTTP/1.1\r\nHost: h\r\n\r\n", link_query);
    client_say(getter, text);
    sem_post(&release);
    client_read_until(poster, &posted, to_post);
    client_read_until(getter, &got, to_get);
    wait_for_end();
    rb_buf_fini(&posted);
    rb_buf_fini(&got);
    close(poster);
    close(getter);
    sem_destroy(&held);
    sem_destroy(&release);
}

/* A link that has just ended is not there for the next one; but a client that leaves may have sent its GET
 * before. */
static void test_end_within_a_turn(void **state)
{
    (void)state;
    end_within_a_turn("x", "{\"code\":3,", "{\"code\":1,");
    assert_heard("closed:protocol_error");
    end_within_a_turn("4echo\x1e"
                      "1",
                      "\r\n\r\nok", "\r\n\r\n6"); /* it does not want anything else any more */
    assert_heard("echo closed:client_closed");
}

/* Who leaves is answered in the end, whether it has a GET or not; meanwhile it has nothing more to say. */
static void test_leaving(void **state)
{
    (void)state;
    open_polling();
    int poster = ask("POST", link_query, "1");
    wait_for_end();
    assert_answer(ask("POST", link_query, "4x"), "400 {\"code\":1,\"message\":\"Session ID unknown\"}");
    assert_answer(poster, "200 ok");
    assert_heard("closed:client_closed");
    assert_unknown();

    open_polling();
    poster = ask("POST", link_query, "1");
    wait_for_end();
    assert_heard("closed:client_closed");
    close(poster);
    settle(&server);
    assert_unknown();

    open_polling(); /* and one that the server does not wait for */
    poster = ask("POST", link_query, "1");
    wait_for_end();
    server_call(&server, free_links, NULL);
    assert_answer(poster, "200 ok");
}

static void test_ends_on_polling(void **state)
{
    (void)state;
    open_polling();
    int fd = get();
    post("4bye\x1e"
         "4never");
    wait_for_end();
    assert_heard("bye closed:gap");
    assert_answer(fd, "200 4bye"); /* the end is for the next one */
    assert_poll("200 6\x1e"
                "1");
    assert_unknown();

    open_polling();
    fd = get();
    post("1");
    wait_for_end();
    assert_heard("closed:client_closed clean"); /* it has asked for more, so it has all it was sent */
    assert_answer(fd, "200 6");

    open_polling();
    post("1");
    wait_for_end();
    assert_heard("closed:client_closed");
    assert_unknown();

    open_polling();
    fd = get();
    close(fd);
    wait_for_end();
    assert_heard("closed:client_gone");
    assert_unknown();
}

static void test_farewell_is_not_for_ever(void **state)
{
    (void)state;
    open_polling();
    post("4close");
    wait_for_end(); /* the upper side does not wait for it */
    assert_heard("close closed:gap");
    pass_ms(CLOSE_MS - LEEWAY_MS);
    post("4ignored");
    assert_heard("");
    pass_ms(LEEWAY_MS);
    assert_unknown();

    open_polling();                   /* who comes for it and leaves */
    int probe = open_second_socket(); /* which has nothing to take over any more */
    post("4bye");
    wait_for_end();
    assert_heard("bye closed:gap");
    assert_frame_now(probe, "close");
    close(probe);
    give(0, 1, 1); /* nobody is asked for it any more */
    assert_poll("200 4bye");
    pass_ms(CLOSE_MS);
    assert_unknown();
}

static void test_ends_on_socket(void **state)
{
    (void)state;
    int fd = open_socket("EIO=4&transport=websocket");
    assert_open_packet(fd);
    say(fd, "4bye");
    assert_frame(fd, "4bye");
    assert_frame(fd, "close");
    wait_for_end();
    assert_heard("open@127.0.0.1 bye closed:gap");
    close(fd);

    static const struct {
        enum rb_ws_opcode opcode;
        const char *packet, *heard;
    } cases[] = {{RB_WS_CLOSE, "", "open@127.0.0.1 closed:client_closed clean"},
                 {RB_WS_TEXT, "1", "open@127.0.0.1 closed:client_closed clean"},
                 {RB_WS_TEXT, "2", "open@127.0.0.1 closed:protocol_error"}};
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        fd = open_socket("EIO=4&transport=websocket");
        assert_open_packet(fd);
        say_frame(fd, cases[i].opcode, cases[i].packet);
        assert_frame(fd, "close");
        close(fd);
        wait_for_end();
        assert_heard(cases[i].heard);
    }
}

static void test_closing_all(void **state)
{
    (void)state;
    int fd = open_socket("EIO=4&transport=websocket");
    assert_open_packet(fd);
    settle(&server);
    assert_heard("open@127.0.0.1");
    open_polling();
    int poll = get();
    server_call(&server, close_links, NULL);
    assert_frame(fd, "close");
    assert_answer(poll, "200 1");
    assert_heard("closed:shutting_down closed:shutting_down");
    struct rb_buf in = {0};
    int late = ask("GET", "EIO=4&transport=polling", NULL);
    client_read_all(late, &in);
    assert_has(&in, "HTTP/1.1 503 ");
    rb_buf_fini(&in);
    close(late);
    close(fd);
}

/* ---- from where nothing may be closed ---- */

static void test_close_later(void **state)
{
    (void)state;
    open_polling();
    post("4later");
    int fd = get();
    pass_ms(1);
    assert_answer(fd, "200 1");
    wait_for_end();
    assert_heard("later closed:gap");
    closes_when_asked = false;

    int socket = open_socket("EIO=4&transport=websocket");
    assert_open_packet(socket);
    say(socket, "4later");
    settle(&server);
    pass_ms(1);
    assert_frame(socket, "close");
    wait_for_end();
    assert_heard("open@127.0.0.1 later closed:gap");
    close(socket);
}

static void do_close_late(void *arg)
{
    (void)arg;
    link_close_later(last_link, RB_GAP);
    link_close_later(last_link, RB_INTERNAL);           /* too late */
    assert_int_equal(heartbeat_pong(last_link), RB_OK); /* no packet brings it back to life */
    heartbeat_heard(last_link);
}

static void test_close_later_for_sure(void **state)
{
    (void)state;
    open_polling();
    pass_ms(INTERVAL_MS);
    server_call(&server, do_close_late, NULL);
    pass_ms(1);
    wait_for_end();
    assert_heard("ping pong closed:gap");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_close_later),    TEST(test_close_later_for_sure), TEST(test_end_within_a_turn),
        TEST(test_leaving),        TEST(test_ends_on_polling),      TEST(test_farewell_is_not_for_ever),
        TEST(test_ends_on_socket), TEST(test_closing_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
