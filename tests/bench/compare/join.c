/* Joining a crowd: a batch at a time, each step for all of the batch, so that nobody waits for one another.
 */
#include "../link.h"
#include "../upgrade.h"
#include "base/check.h"
#include "codec/http1.h"
#include "crowd.h"

#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    BATCH = 100,           /* connections that shake hands at the same time */
    PER_SOURCE = 2000,     /* connections from one address */
    MESSAGE_MAX = 1 << 20, /* bytes */
};

#define WS_KEY "cmluZ2JhY2stcGVlcnMtMQ==" /* the same for all: no cache is in the way */

static bool send_upgrade(const struct peer *peer, const struct target *target, int fd)
{
    struct rb_buf request = {0};
    rb_buf_add_fmt(&request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", peer->path, target->port);
    if (target->client_token) rb_buf_add_fmt(&request, "Authorization: Bearer %s\r\n", target->client_token);
    if (peer->subprotocol) rb_buf_add_fmt(&request, "Sec-WebSocket-Protocol: %s\r\n", peer->subprotocol);
    rb_buf_add_text(&request, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: " WS_KEY "\r\n\r\n");
    bool is_good = link_send(fd, rb_buf_str(&request));
    rb_buf_fini(&request);
    return is_good;
}

/* What follows the head is the first that the peer says. */
static bool read_upgrade(struct crowd *crowd, struct member *member)
{
    static const struct rb_http1_limits limits = {.head_max = 4096};
    char bytes[8192], accept[RB_WS_ACCEPT_BYTES + 1];
    size_t n = 0, scanned = 0, used;
    struct rb_http1_header room[RB_HTTP1_HEADERS_MAX];
    struct rb_http1_head head = {.headers = room};
    rb_err err;
    enum rb_http1_step step = RB_HTTP1_MORE;
    while (step == RB_HTTP1_MORE && n < sizeof bytes) {
        ssize_t more = recv(member->fd, bytes + n, sizeof bytes - n, 0);
        if (more <= 0) return false;
        n += (size_t)more;
        step = rb_http1_answer(&head, rb_str_make(bytes, n), &scanned, false, &limits, &used, &err);
    }
    bool is_good = step == RB_HTTP1_DONE && head.status == 101 && rb_ws_accept(RB_STR(WS_KEY), accept) &&
                   rb_str_is(rb_http1_find(&head, "Sec-WebSocket-Accept"), accept);
    if (is_good && n > used) crowd_take_bytes(crowd, member, (struct rb_ws_input){bytes + used, n - used});
    return is_good;
}

static bool say_hello(const struct crowd *crowd, struct member *member)
{
    const struct peer *peer = crowd->peer;
    struct rb_buf hello = {0};
    if (!peer->put_hello) return true;
    peer->put_hello(&hello, !crowd->is_publisher);
    bool is_good = frame_send(member->fd, peer->is_binary ? RB_WS_BINARY : RB_WS_TEXT, rb_buf_str(&hello));
    rb_buf_fini(&hello);
    return is_good;
}

static bool await_ready(struct crowd *crowd, struct member *member)
{
    char bytes[4096];
    while (!member->is_ready) {
        ssize_t n = recv(member->fd, bytes, sizeof bytes, 0);
        if (n <= 0 || crowd->faults.bad > 0) return false;
        crowd_take_bytes(crowd, member, (struct rb_ws_input){bytes, (size_t)n});
    }
    return true;
}

/* What it adds stays in the crowd also when it fails, and is closed with it. */
static bool connect_batch(struct crowd *crowd, uint16_t port, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct member *member = &crowd->members[crowd->count];
        *member = (struct member){.fd = link_connect(port, 1 + crowd->count / PER_SOURCE),
                                  .is_between = true,
                                  .is_ready = crowd->peer->is_ready_at_once,
                                  .round = crowd->round};
        if (member->fd < 0) return false;
        rb_ws_reader_init(&member->reader, false, MESSAGE_MAX);
        crowd->count++;
    }
    return true;
}

static bool shake_hands(struct crowd *crowd, const struct target *target, struct member *batch,
                        unsigned count)
{
    bool is_good = true;
    for (unsigned i = 0; i < count && is_good; i++) is_good = send_upgrade(crowd->peer, target, batch[i].fd);
    for (unsigned i = 0; i < count && is_good; i++)
        is_good = read_upgrade(crowd, &batch[i]) && say_hello(crowd, &batch[i]);
    for (unsigned i = 0; i < count && is_good; i++) is_good = await_ready(crowd, &batch[i]);
    return is_good;
}

static bool watch_batch(struct crowd *crowd, struct member *batch, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &batch[i]};
        if (epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, batch[i].fd, &event) != 0) return false;
    }
    return true;
}

bool crowd_join(struct crowd *crowd, const struct target *target, unsigned more)
{
    RB_CHECK(crowd->count + more <= crowd->capacity);
    crowd_begin_round(crowd, 0);
    while (more > 0) {
        struct member *batch = &crowd->members[crowd->count];
        unsigned count = more < BATCH ? more : BATCH;
        bool is_good = connect_batch(crowd, target->port, count) &&
                       (!crowd->peer->path || shake_hands(crowd, target, batch, count)) &&
                       watch_batch(crowd, batch, count);
        if (!is_good) return false;
        more -= count;
    }
    return true;
}
