/* The Protocol Buffers socket, its client in the same thread. */
#include "loop/loop_rig.h"

#include "bim_rig.h"

#include "net/stream.h"

#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MS = 10 * 1000, IDLE_MS = 60 * 1000, MESSAGE_MAX = 1000 };

static struct rb_loop *loop;
static struct rb_net *net;
static struct bim_pb_server *server;
static int peer;
static struct rb_buf got;
static bool has_ended;

static void open_client(void)
{
    struct sockaddr_storage address = {.ss_family = AF_INET};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    peer = pair[1];
    has_ended = false;
    rb_buf_clear(&got);
    bim_pb_accept(server, pair[0], &address);
}

static void say(rb_str bytes)
{
    assert_int_equal(send(peer, bytes.p, bytes.n, MSG_NOSIGNAL), bytes.n);
}

static bool look(void *arg)
{
    char bytes[1000];
    ssize_t n = recv(peer, bytes, sizeof bytes, 0);
    has_ended |= n == 0;
    if (n > 0) rb_buf_add(&got, bytes, (size_t)n);
    return has_ended || (arg && got.n >= *(const size_t *)arg);
}

static void read_bytes(size_t n)
{
    run_until(loop, look, &n);
}

static void read_end(void)
{
    run_until(loop, look, NULL);
    assert_true(has_ended);
}

static bool look_thrice(void *arg)
{
    return ++*(int *)arg == 3;
}

static void turn(void)
{
    int looks = 0;
    run_until(loop, look_thrice, &looks);
}

static bool is_empty(void *arg)
{
    (void)arg;
    return rb_net_stream_count(net) == 0;
}

static int setup(void **state)
{
    rb_clock_test_enable();
    rig_setup(state);
    loop = rb_loop_new("test");
    net = rb_net_new(loop, &(struct rb_net_limits){.output_max = 100000, .write_timeout_ms = 30000});
    server = bim_pb_server_new(&(struct bim_pb_setup){.host = &rig_host,
                                                      .net = net,
                                                      .message_max = MESSAGE_MAX,
                                                      .connections_max = 2,
                                                      .request_ms = REQUEST_MS,
                                                      .idle_ms = IDLE_MS});
    return 0;
}

/* The server checks that nothing is left. */
static int teardown(void **state)
{
    (void)state;
    close(peer);
    run_until(loop, is_empty, NULL);
    bim_pb_server_free(server);
    rb_net_free(net);
    rb_loop_free(loop);
    rb_buf_fini(&got);
    return 0;
}

#define LOGIN                                                                                                \
    RB_STR("\x00\x0d"                                                                                        \
           "AuthInterface"                                                                                   \
           "\x00\x05login\x00\x00\x06\x0a\x01u\x12\x01p")
#define LOGIN_ANSWER "\x1c\x0a\x03OKE\x12\x15username=u password=p"
#define WAITS                                                                                                \
    RB_STR("\x00\x10ServiceInterface\x00\x11"                                                                \
           "cleanupLongAction\x00\x04good\x02\x08\x01")
#define OKE "\x05\x0a\x03OKE"

static void byte_by_byte_and_at_once(void **state)
{
    (void)state;
    open_client();
    for (size_t i = 0; i < LOGIN.n; i++) {
        say(rb_str_sub(LOGIN, i, 1));
        turn();
    }
    read_bytes(sizeof LOGIN_ANSWER - 1);
    assert_str(rb_buf_str(&got), LOGIN_ANSWER);
    rb_buf_clear(&got);
    say(LOGIN);
    say(LOGIN);
    read_bytes(2 * (sizeof LOGIN_ANSWER - 1));
    assert_str(rb_buf_str(&got), LOGIN_ANSWER LOGIN_ANSWER);
}

static void one_answer_after_another(void **state)
{
    (void)state;
    open_client();
    say(WAITS);
    say(LOGIN);
    turn();
    assert_int_equal(got.n, 0);
    bim_result_void(rig_waiting);
    read_bytes(sizeof OKE LOGIN_ANSWER - 1);
    assert_str(rb_buf_str(&got), OKE LOGIN_ANSWER);
}

static void a_client_that_shuts_its_side_gets_its_answer(void **state)
{
    (void)state;
    open_client();
    say(WAITS);
    shutdown(peer, SHUT_WR);
    turn();
    bim_result_void(rig_waiting);
    read_end();
    assert_str(rb_buf_str(&got), OKE);
}

static void a_call_outlives_its_client(void **state)
{
    (void)state;
    open_client();
    say(WAITS);
    turn();
    close(peer);
    turn();
    bim_result_void(rig_waiting);
    open_client();
    say(WAITS);
    turn();
    rb_net_abort_all(net, RB_SHUTTING_DOWN);
    run_until(loop, is_empty, NULL);
    bim_result_void(rig_waiting);
}

static void too_large_ends_it(void **state)
{
    (void)state;
    open_client();
    say(RB_STR("\x00\x00\x00\x00\x00\x00\xe9\x07"));
    read_end();
    assert_int_equal(got.n, 0);
}

static void waiting_has_an_end(void **state)
{
    (void)state;
    open_client();
    turn();
    rb_clock_test_advance_ms(IDLE_MS - 1000);
    turn();
    say(rb_str_sub(LOGIN, 0, 1));
    turn();
    assert_false(look(NULL));
    rb_clock_test_advance_ms(REQUEST_MS);
    read_end();
    close(peer);
    open_client();
    turn();
    rb_clock_test_advance_ms(IDLE_MS);
    read_end();
}

static void only_so_many(void **state)
{
    (void)state;
    int first, second;
    open_client();
    first = peer;
    open_client();
    second = peer;
    open_client();
    read_end();
    close(peer);
    close(first);
    run_until(loop, look_thrice, &(int){0});
    open_client();
    say(LOGIN);
    read_bytes(sizeof LOGIN_ANSWER - 1);
    close(second);
}

static void closing_waits_for_answers(void **state)
{
    (void)state;
    int first;
    open_client();
    first = peer;
    say(WAITS);
    turn();
    open_client();
    turn();
    bim_pb_server_close(server);
    read_end();
    close(peer);
    peer = first;
    has_ended = false;
    bim_result_void(rig_waiting);
    read_end();
    assert_str(rb_buf_str(&got), OKE);
    close(peer);
    open_client();
    read_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(byte_by_byte_and_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(one_answer_after_another, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_shuts_its_side_gets_its_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_outlives_its_client, setup, teardown),
        cmocka_unit_test_setup_teardown(too_large_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_has_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(only_so_many, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_waits_for_answers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
