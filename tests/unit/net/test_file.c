#include "net_rig.h"

#include <fcntl.h>
#include <sys/mman.h>

/* A file that goes on with the pattern where the frames before it end. */
static int pattern_file(size_t n)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    assert_true(fd >= 0);
    char *bytes = malloc(n);
    for (size_t i = 0; i < n; i++) bytes[i] = pattern(out_at + i);
    assert_int_equal(write(fd, bytes, n), n);
    free(bytes);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void send_pattern_file(size_t n, size_t at, size_t rest, int *out_fd)
{
    out_at -= at; /* the file holds more, before and after */
    *out_fd = pattern_file(at + n + rest);
    out_at += at;
    CALL(owner, rb_stream_send_file(&owner->stream, *out_fd, at, n));
    out_at += n;
}

static bool read_in_steps(void *arg)
{
    peer_read(*(size_t *)arg);
    return in_at == out_at && owner->pull_bytes == 0;
}

static void files_go_between_frames(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        owner->closes = 0;
        out_at = in_at = 0;
        if (kind == 0)
            open_pair(SOCK_STREAM, 30 * 1000);
        else
            open_tcp(30 * 1000); /* a short reader */
        SEND(owner, 900);
        SEND(owner, 100);
        int fds[3];
        send_pattern_file(5 * 1024 * 1024, 1000, 10, &fds[0]);
        SEND(owner, 20);
        send_pattern_file(3, 0, 0, &fds[1]);
        send_pattern_file(70 * 1000, 0, 0, &fds[2]);
        SEND(owner, 30 * 1000);
        assert_true(rb_stream_queued(&owner->stream) < 40 * 1000); /* files do not count */
        owner->pull_frame_bytes = 100; /* the owner is asked when the queue is done, not before */
        owner->pull_bytes = 5000;
        size_t step = 50 * 1000;
        turn();
        run_until(loop, read_in_steps, &step);
        for (int i = 0; i < 3; i++) assert_false(is_open(fds[i]));
        assert_int_equal(owner->closes, 0);
        CALL(owner, rb_stream_close(&owner->stream, RB_OK));
        turn();
        peer_close();
        run_until(loop, is_closed, owner);
    }
}

static void a_file_is_sent_before_a_close(void **state)
{
    (void)state;
    open_tcp(0);
    int fd;
    send_pattern_file(5 * 1024 * 1024, 0, 0, &fd);
    CALL(owner, rb_stream_close(&owner->stream, RB_OK));
    read_all();
    turn();
    peer_read(1);
    assert_true(peer_saw_end && !peer_saw_reset);
}

static void a_file_cut_short_breaks_the_stream(void **state)
{
    (void)state;
    open_tcp(0);
    SEND(owner, 50);
    int fd = pattern_file(300 * 1000);
    CALL(owner, rb_stream_send_file(&owner->stream, fd, 0, 400 * 1000)); /* more than there is */
    out_at += 300 * 1000;
    SEND(owner, 50);
    out_at -= 50;
    read_all();
    run_until(loop, is_closed, owner);
    assert_int_equal(owner->why, RB_CLIENT_GONE);
    assert_false(is_open(fd));
    peer_read(SIZE_MAX);
    assert_int_equal(in_at, out_at);
}

static void files_are_closed_whatever_happens(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 4000);
    int fds[4];
    send_pattern_file(500 * 1000, 0, 0, &fds[0]);
    send_pattern_file(500 * 1000, 0, 0, &fds[1]);
    fds[2] = pattern_file(10);
    CALL(owner, rb_stream_send_file(&owner->stream, fds[2], 0, 0)); /* nothing of it */
    assert_false(is_open(fds[2]));
    turn();
    CALL(owner, rb_stream_abort(&owner->stream, RB_IDLE));
    fds[3] = pattern_file(10);
    CALL(owner, rb_stream_send_file(&owner->stream, fds[3], 0, 10)); /* too late */
    run_until(loop, is_closed, owner);
    for (int i = 0; i < 4; i++) assert_false(is_open(fds[i]));
}

static void a_stalled_file_is_a_slow_reader(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 4000);
    int fd;
    send_pattern_file(500 * 1000, 0, 0, &fd);
    turn();
    rb_clock_test_advance_ms(TIMEOUT_MS + 1);
    run_until(loop, is_closed, owner);
    assert_int_equal(owner->why, RB_SLOW_READER);
    assert_false(is_open(fd));
}

/* sendfile() to a socket without a reader raises SIGPIPE, which would end us all. */
static void a_reader_that_left_is_no_signal(void **state)
{
    (void)state;
    open_pair(SOCK_STREAM, 0);
    peer_close();
    turn();
    assert_int_equal(owner->ends, 1);
    int fd;
    send_pattern_file(1000, 0, 0, &fd);
    run_until(loop, is_closed, owner);
    assert_int_equal(owner->why, RB_CLIENT_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(files_go_between_frames),
        ON_A_RIG(a_file_is_sent_before_a_close),
        ON_A_RIG(a_file_cut_short_breaks_the_stream),
        ON_A_RIG(files_are_closed_whatever_happens),
        ON_A_RIG(a_stalled_file_is_a_slow_reader),
        ON_A_RIG(a_reader_that_left_is_no_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
