#include "link.h"

#include "codec/http1.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The port is chosen when it connects, so that one port serves many pairs of addresses. */
static bool bind_source(int fd, unsigned source)
{
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source)};
    return setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0 &&
           bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

int link_connect(uint16_t port, unsigned source)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(port)};
    struct timeval limit = {.tv_sec = LINK_TIMEOUT_S};
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind_source(fd, source) && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

bool link_open(struct link *link, uint16_t port)
{
    *link = (struct link){.fd = link_connect(port, 0)};
    return link->fd >= 0;
}

void link_close(struct link *link)
{
    if (link->fd > 0) close(link->fd);
    rb_buf_fini(&link->input);
    rb_buf_fini(&link->body);
    *link = (struct link){.fd = -1};
}

/* ---- sending ---- */

void link_put_request(struct rb_buf *out, const char *method, const char *target, const char *token_or_null,
                      rb_str body)
{
    rb_buf_add_fmt(out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", method, target);
    if (token_or_null) rb_buf_add_fmt(out, "Authorization: Bearer %s\r\n", token_or_null);
    if (body.n > 0) {
        rb_http1_put_header(out, "Content-Type", RB_STR("application/json"));
        rb_http1_put_header_u64(out, "Content-Length", body.n);
    }
    rb_http1_put_end(out);
    rb_buf_add_str(out, body);
}

bool link_send(int fd, rb_str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes = rb_str_from(bytes, (size_t)n);
    }
    return true;
}

/* ---- answers ---- */

static enum link_step read_body(struct link *link, const struct rb_http1_head *head, size_t head_bytes)
{
    struct rb_http1_body body;
    enum rb_http1_step step = RB_HTTP1_MORE;
    size_t at = head_bytes, used = 1;
    rb_err err;
    rb_http1_body_init(&body, head);
    rb_buf_clear(&link->body);
    while (step == RB_HTTP1_MORE && used > 0) {
        rb_str data;
        step = rb_http1_body_feed(&body, rb_str_from(rb_buf_str(&link->input), at), &used, &data, &err);
        if (step == RB_HTTP1_FAILED) return LINK_CLOSED;
        rb_buf_add_str(&link->body, data);
        at += used;
    }
    if (step == RB_HTTP1_MORE) return LINK_MORE;
    rb_buf_drop_front(&link->input, at);
    return LINK_ANSWER;
}

static enum link_step take_answer(struct link *link, struct link_answer *out)
{
    static const struct rb_http1_limits limits = {.head_max = 16384};
    struct rb_http1_header room[RB_HTTP1_HEADERS_MAX];
    struct rb_http1_head head = {.headers = room};
    size_t scanned = 0, head_bytes;
    rb_err err;
    switch (rb_http1_answer(&head, rb_buf_str(&link->input), &scanned, false, &limits, &head_bytes, &err)) {
    case RB_HTTP1_MORE: return LINK_MORE;
    case RB_HTTP1_FAILED: return LINK_CLOSED;
    case RB_HTTP1_DONE: break;
    }
    enum link_step step = read_body(link, &head, head_bytes);
    if (step == LINK_ANSWER) *out = (struct link_answer){head.status, rb_buf_str(&link->body)};
    return step;
}

enum link_step link_read_answer(struct link *link, int receive_flags, struct link_answer *out)
{
    char bytes[16384];
    enum link_step step = link->input.n > 0 ? take_answer(link, out) : LINK_MORE;
    if (step != LINK_MORE) return step;
    ssize_t n = recv(link->fd, bytes, sizeof bytes, receive_flags);
    if (n < 0 && errno == EAGAIN && (receive_flags & MSG_DONTWAIT)) return LINK_MORE;
    if (n <= 0) return LINK_CLOSED;
    rb_buf_add(&link->input, bytes, (size_t)n);
    return take_answer(link, out);
}

bool link_exchange(struct link *link, rb_str request, struct link_answer *out)
{
    enum link_step step = LINK_MORE;
    if (!link_send(link->fd, request)) return false;
    while (step == LINK_MORE) step = link_read_answer(link, 0, out);
    return step == LINK_ANSWER;
}
