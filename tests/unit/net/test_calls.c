/* What a connection asks of the kernel besides reading and writing, from its coming to its end. */
#include "net_rig.h"

#include <sys/epoll.h>
#include <sys/syscall.h>

enum call { CALL_WATCH, CALL_CHANGE, CALL_UNWATCH, CALL_SHUTDOWN, CALL_OPTION, CALLS };

static unsigned calls[CALLS];

/* In the place of the C library's. */
int epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
    calls[op == EPOLL_CTL_ADD ? CALL_WATCH : op == EPOLL_CTL_MOD ? CALL_CHANGE : CALL_UNWATCH]++;
    return (int)syscall(SYS_epoll_ctl, epoll_fd, op, fd, event);
}

int shutdown(int fd, int how)
{
    calls[CALL_SHUTDOWN]++;
    return (int)syscall(SYS_shutdown, fd, how);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
    calls[CALL_OPTION]++;
    return (int)syscall(SYS_setsockopt, fd, level, name, value, n);
}

static void begin_counting(void)
{
    turn(); /* libuv's own descriptors are watched from the first on */
    memset(calls, 0, sizeof calls);
}

static void expect_calls(unsigned watch, unsigned change, unsigned unwatch, unsigned shutdowns)
{
    const unsigned expected[CALLS] = {
        [CALL_WATCH] = watch, [CALL_CHANGE] = change, [CALL_UNWATCH] = unwatch, [CALL_SHUTDOWN] = shutdowns};
    for (int i = 0; i < CALLS; i++)
        if (calls[i] != expected[i]) fail_msg("call %d: %u times instead of %u", i, calls[i], expected[i]);
    memset(calls, 0, sizeof calls);
}

static void on_accept(void *arg, int take_fd, const struct sockaddr_storage *address)
{
    (void)arg, (void)address;
    rb_stream_open(&owner->stream, net, take_fd, &own_ops);
}

static struct owner heir;

static void answer_and_move(struct owner *of)
{
    rb_stream_send(&of->stream, next_frame(100));
    rb_stream_move(&heir.stream, &of->stream, &own_ops);
    memset(&of->stream, 0xee, sizeof of->stream);
}

static bool has_come(void *arg)
{
    return ((struct owner *)arg)->stream.net != NULL;
}

static bool has_answer(void *arg)
{
    (void)arg;
    char bytes[100];
    return recv(peer, bytes, sizeof bytes, MSG_DONTWAIT) == sizeof bytes;
}

static void close_it(struct owner *of)
{
    rb_stream_close(&of->stream, RB_CLIENT_GONE);
}

static void own_end_closes(struct rb_stream *stream)
{
    own_end(stream);
    close_it(RB_OUTER(stream, struct owner, stream));
}

static const struct rb_stream_ops closing_ops = {
    .on_data = own_data, .on_end = own_end_closes, .on_pull = own_pull, .on_closed = own_closed};

static void few_calls_a_connection(void **state)
{
    (void)state;
    struct rb_buf why = {0};
    int fd;
    uint16_t port;
    if (!rb_listen_socket(RB_STR("127.0.0.1"), 0, 0, &fd, &port, &why)) fail_msg("%s", rb_buf_text(&why));
    struct rb_listener *listener = rb_listener_open(loop, fd, on_accept, NULL);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(&heir, 0, sizeof heir);
    peer = socket(AF_INET, SOCK_STREAM, 0);
    begin_counting();
    assert_int_equal(connect(peer, (struct sockaddr *)&to, sizeof to), 0);
    run_until(loop, has_come, owner);
    expect_calls(1, 0, 0, 0);
    owner->when_data = answer_and_move;
    assert_int_equal(send(peer, "upgrade", 7, 0), 7);
    run_until(loop, has_answer, NULL);
    expect_calls(0, 1, 0, 0);
    heir.stream.ops = &closing_ops;
    assert_int_equal(send(peer, "x", 1, 0), 1);
    peer_close();
    run_until(loop, is_closed, &heir);
    assert_int_equal(heir.data_calls, 1);
    assert_int_equal(heir.ends, 1);
    assert_int_equal(heir.why, RB_CLIENT_GONE);
    expect_calls(0, 0, 1, 0);
    rb_buf_fini(&heir.got);
    rb_listener_close(listener);
    in_at = out_at = 0;
}

/* Who has not said all may still be sending. */
static void our_end_is_told_to_who_may_still_send(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 0);
    begin_counting();
    CALL(owner, close_it(owner));
    turn();
    expect_calls(0, 0, 0, 1);
    peer_close();
    run_until(loop, is_closed, owner);
    expect_calls(0, 0, 1, 0);
}

/* The peer has said all and waits for the answer: nothing is watched until there is one. */
static void who_waits_for_the_end_costs_nothing(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 0);
    begin_counting();
    syscall(SYS_shutdown, peer, SHUT_WR);
    turn();
    assert_int_equal(owner->ends, 1);
    assert_int_equal(owner->stream.watch.events, 0);
    expect_calls(0, 0, 1, 0);
    SEND(owner, 1000);
    CALL(owner, close_it(owner));
    run_until(loop, is_closed, owner);
    expect_calls(0, 0, 0, 0);
    peer_read(SIZE_MAX);
    assert_int_equal(in_at, 1000);
    assert_true(peer_saw_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(few_calls_a_connection),
        ON_A_RIG(our_end_is_told_to_who_may_still_send),
        ON_A_RIG(who_waits_for_the_end_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
