/* An owner of a stream and its peer, both in this thread, on a test clock. What goes out is bytes of an
 * endless pattern, taken from it in the order in which frames are handed over, so that the peer notices
 * whatever is lost, doubled or out of order. */
#ifndef RB_NET_RIG_H
#define RB_NET_RIG_H

#include "base/blob.h"
#include "net/listener.h"
#include "net/stream.h"

#include "loop/loop_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OUTPUT_MAX = 100 * 1000, TIMEOUT_MS = 30 * 1000 };

struct owner {
    struct rb_stream stream;
    struct rb_buf got;
    unsigned data_calls, ends, closes, pulls;
    rb_err why;
    bool is_in_call;   /* on_closed must not come from inside one */
    size_t pull_bytes; /* left to be given when asked */
    size_t pull_frame_bytes;
    void (*when_data)(struct owner *owner);
    void (*when_pull)(struct owner *owner);
};

static struct rb_loop *loop;
static struct rb_net *net;
static struct owner *owner; /* the one that most tests need */
static int peer = -1;
static size_t out_at, in_at;
static bool peer_saw_end, peer_saw_reset;

static inline char pattern(size_t at)
{
    return (char)((at * 2654435761u) >> 16);
}

static inline struct rb_blob *next_frame(size_t n)
{
    struct rb_blob *frame = rb_blob_new(n);
    for (size_t i = 0; i < n; i++) frame->p[i] = pattern(out_at + i);
    out_at += n;
    return frame;
}

/* The peer takes so many bytes at most; how many it got. */
static inline size_t peer_read(size_t max)
{
    static char bytes[64 * 1024];
    size_t total = 0;
    while (total < max) {
        ssize_t n = recv(peer, bytes, max - total < sizeof bytes ? max - total : sizeof bytes, 0);
        if (n == 0) peer_saw_end = true;
        if (n < 0 && errno != EAGAIN) peer_saw_reset = true;
        if (n <= 0) break;
        for (ssize_t i = 0; i < n; i++)
            if (bytes[i] != pattern(in_at + (size_t)i)) fail_msg("byte %zu is wrong", in_at + (size_t)i);
        in_at += (size_t)n;
        total += (size_t)n;
    }
    return total;
}

static void own_data(struct rb_stream *stream, char *p, size_t n)
{
    struct owner *of = RB_OUTER(stream, struct owner, stream);
    assert_int_equal(of->closes, 0);
    rb_buf_add(&of->got, p, n);
    memset(p, 0, n); /* ours to change */
    of->data_calls++;
    of->is_in_call = true;
    if (of->when_data) of->when_data(of);
    of->is_in_call = false;
}

static void own_end(struct rb_stream *stream)
{
    RB_OUTER(stream, struct owner, stream)->ends++;
}

static void own_pull(struct rb_stream *stream, struct rb_gather *gather)
{
    struct owner *of = RB_OUTER(stream, struct owner, stream);
    of->pulls++;
    if (of->when_pull) of->when_pull(of);
    while (of->pull_bytes && rb_gather_has_room(gather)) {
        size_t n = of->pull_bytes < of->pull_frame_bytes ? of->pull_bytes : of->pull_frame_bytes;
        of->pull_bytes -= n;
        rb_gather_add(gather, next_frame(n));
    }
}

static void own_closed(struct rb_stream *stream, rb_err why)
{
    struct owner *of = RB_OUTER(stream, struct owner, stream);
    assert_false(of->is_in_call);
    assert_int_equal(of->closes, 0);
    of->closes++;
    of->why = why;
    memset(&of->stream, 0xee, sizeof of->stream); /* ours again */
}

static const struct rb_stream_ops own_ops = {
    .on_data = own_data, .on_end = own_end, .on_pull = own_pull, .on_closed = own_closed};

#define CALL(of, call) ((of)->is_in_call = true, (call), (of)->is_in_call = false)
#define SEND(of, n) CALL(of, rb_stream_send(&(of)->stream, next_frame(n)))

static inline bool is_closed(void *arg)
{
    return ((struct owner *)arg)->closes > 0;
}

static inline bool look_thrice(void *arg)
{
    return ++*(int *)arg == 3;
}

/* A few whole turns. */
static inline void turn(void)
{
    int looks = 0;
    run_until(loop, look_thrice, &looks);
}

static inline bool read_all_look(void *arg)
{
    (void)arg;
    peer_read(SIZE_MAX);
    return in_at == out_at && !(owner->closes == 0 && owner->pull_bytes);
}

/* Until the peer has everything. */
static inline void read_all(void)
{
    run_until(loop, read_all_look, NULL);
}

static inline void open_pair(int type, int send_bytes)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair), 0);
    if (send_bytes) setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    peer = pair[1];
    rb_stream_open(&owner->stream, net, pair[0], &own_ops);
}

static inline void open_tcp(int receive_bytes)
{
    struct rb_buf why = {0};
    int listening;
    uint16_t port;
    if (!rb_listen_socket(RB_STR("127.0.0.1"), 0, 0, &listening, &port, &why))
        fail_msg("%s", rb_buf_text(&why));
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    peer = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_bytes) setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    assert_int_equal(connect(peer, (struct sockaddr *)&to, sizeof to), 0);
    struct timeval soon = {.tv_usec = 1};
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(listening);
    rb_stream_open(&owner->stream, net, fd, &own_ops);
}

static inline void peer_close(void)
{
    if (peer >= 0) close(peer);
    peer = -1;
}

static inline int make_rig(void **state)
{
    (void)state;
    rb_clock_test_enable();
    loop = rb_loop_new("test");
    net = rb_net_new(loop, &(struct rb_net_limits){.output_max = OUTPUT_MAX, .write_timeout_ms = TIMEOUT_MS});
    owner = calloc(1, sizeof *owner);
    out_at = in_at = 0;
    peer_saw_end = peer_saw_reset = false;
    return 0;
}

/* Every owner that was opened must have been closed, or is so now. */
static inline int end_rig(void **state)
{
    (void)state;
    if (rb_net_stream_count(net)) {
        CALL(owner, rb_stream_abort(&owner->stream, RB_SHUTTING_DOWN));
        run_until(loop, is_closed, owner);
    }
    peer_close();
    assert_int_equal(rb_net_stream_count(net), 0);
    rb_net_free(net);
    rb_loop_free(loop);
    rb_buf_fini(&owner->got);
    free(owner);
    return 0;
}

#define ON_A_RIG(test) cmocka_unit_test_setup_teardown(test, make_rig, end_rig)

#endif
