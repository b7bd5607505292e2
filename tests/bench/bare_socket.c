/* Echo, and one short answer: WebSocket framing (RFC 6455) by hand, for masked messages that are not
 * fragmented.
 */
#include "bare_child.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/ws.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READY_MAX = 1024, READ_BYTES = 65536 };

/* As long as the answer of the server that is measured beside it. */
#define ANSWER "{\"op\":\"ok\",\"id\":1,\"position\":\"0123456789abcdef:123456\"}"

struct connection {
    int fd;
    bool is_upgraded;
    struct rb_buf rest; /* of what came, when it was no whole message */
};

struct loop {
    struct bare_child *child;
    struct rb_buf out;
};

/* The request line and headers are not looked at, but for the key. False: not all of it is there. */
static bool answer_upgrade(struct loop *loop, struct connection *connection, rb_str *input)
{
    static const char name[] = "Sec-WebSocket-Key: ";
    char accept[RB_WS_ACCEPT_BYTES + 1] = "";
    char *end = memmem(input->p, input->n, "\r\n\r\n", 4);
    char *key = memmem(input->p, input->n, name, sizeof name - 1);
    if (!end || !key) return false;
    rb_ws_accept(rb_str_make(key + sizeof name - 1, 24), accept);
    rb_buf_add_fmt(&loop->out,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: %s\r\n\r\n",
                   accept);
    connection->is_upgraded = true;
    *input = rb_str_from(*input, (size_t)(end + 4 - input->p));
    return true;
}

/* Unmasks it in place and, echoing, puts it into the output. False: not all of it is there. */
static bool take_message(struct loop *loop, rb_str *input)
{
    unsigned char *p = (unsigned char *)input->p;
    size_t head = 2 + 4, n;
    if (input->n < head) return false;
    n = p[1] & 127;
    if (n == 126) {
        head += 2;
        if (input->n < head) return false;
        n = (size_t)p[2] << 8 | p[3];
    }
    if (input->n < head + n) return false;
    char *payload = (char *)p + head;
    rb_ws_mask(payload, n, p + head - 4, 0);
    bool is_echo = loop->child->form == BARE_ECHO;
    rb_ws_put_frame(&loop->out, p[0] & 15, is_echo ? rb_str_make(payload, n) : RB_STR(ANSWER));
    loop->child->shared->messages++;
    *input = rb_str_from(*input, head + n);
    return true;
}

static void take_bytes(struct loop *loop, struct connection *connection, rb_str input)
{
    bool has_more = true;
    while (input.n > 0 && has_more)
        has_more =
            connection->is_upgraded ? take_message(loop, &input) : answer_upgrade(loop, connection, &input);
    rb_buf_add_str(&connection->rest, input);
    if (loop->out.n > 0) send(connection->fd, loop->out.p, loop->out.n, MSG_NOSIGNAL);
    rb_buf_clear(&loop->out);
}

static void read_ready(struct loop *loop, struct connection *connection)
{
    static char bytes[READ_BYTES];
    size_t kept = connection->rest.n;
    if (kept > 0) memcpy(bytes, connection->rest.p, kept);
    ssize_t n = recv(connection->fd, bytes + kept, sizeof bytes - kept, 0);
    if (n > 0) {
        rb_buf_fini(&connection->rest);
        take_bytes(loop, connection, rb_str_make(bytes, kept + (size_t)n));
    } else if (n == 0 || errno != EAGAIN) {
        rb_buf_fini(&connection->rest);
        close(connection->fd);
        rb_free(connection);
        loop->child->shared->connections--;
    }
}

static void take_connections(struct loop *loop)
{
    for (int fd; (fd = bare_accept(loop->child)) >= 0;) {
        struct connection *connection = rb_new(struct connection);
        connection->fd = fd;
        bare_watch(loop->child, fd, connection, EPOLLIN);
        loop->child->shared->connections++;
    }
}

void bare_run_socket(struct bare_child *child)
{
    struct epoll_event ready[READY_MAX];
    struct loop loop = {.child = child};
    for (;;) {
        int n = epoll_wait(child->epoll_fd, ready, READY_MAX, -1);
        for (int i = 0; i < n; i++) {
            void *what = ready[i].data.ptr;
            if (what == &child->control) return;
            if (what == &child->listen_fd)
                take_connections(&loop);
            else
                read_ready(&loop, what);
        }
    }
}
