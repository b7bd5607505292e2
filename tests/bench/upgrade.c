#include "upgrade.h"

#include "codec/http1.h"
#include "link.h"

#include <sys/socket.h>

#define WS_KEY "cmluZ2JhY2stYmVuY2gtMQ==" /* secret to nobody; caches are not in the way here */

bool upgrade_send(int fd, const char *target, const char *token_or_null)
{
    struct rb_buf request = {0};
    rb_buf_add_fmt(&request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", target);
    if (token_or_null) rb_buf_add_fmt(&request, "Authorization: Bearer %s\r\n", token_or_null);
    rb_buf_add_text(&request, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: " WS_KEY "\r\n\r\n");
    bool is_good = link_send(fd, rb_buf_str(&request));
    rb_buf_fini(&request);
    return is_good;
}

static bool is_upgraded(const struct rb_http1_head *head)
{
    char accept[RB_WS_ACCEPT_BYTES + 1];
    return head->status == 101 && rb_ws_accept(RB_STR(WS_KEY), accept) &&
           rb_str_is(rb_http1_find(head, "Sec-WebSocket-Accept"), accept);
}

bool upgrade_take(int fd, struct rb_buf *out_rest)
{
    static const struct rb_http1_limits limits = {.head_max = 4096};
    char bytes[4096];
    size_t n = 0, scanned = 0, used;
    struct rb_http1_header room[RB_HTTP1_HEADERS_MAX];
    struct rb_http1_head head = {.headers = room};
    rb_err err;
    enum rb_http1_step step = RB_HTTP1_MORE;
    while (step == RB_HTTP1_MORE && n < sizeof bytes) {
        ssize_t more = recv(fd, bytes + n, sizeof bytes - n, 0);
        if (more <= 0) return false;
        n += (size_t)more;
        step = rb_http1_answer(&head, rb_str_make(bytes, n), &scanned, false, &limits, &used, &err);
    }
    if (step != RB_HTTP1_DONE || !is_upgraded(&head)) return false;
    rb_buf_add(out_rest, bytes + used, n - used);
    return true;
}

bool upgrade_read(int fd)
{
    struct rb_buf rest = {0};
    bool is_good = upgrade_take(fd, &rest) && rest.n == 0;
    rb_buf_fini(&rest);
    return is_good;
}

void frame_put(struct rb_buf *out, enum rb_ws_opcode opcode, rb_str payload)
{
    static const unsigned char mask[4] = {0x52, 0x69, 0x6e, 0x67};
    unsigned char header[RB_WS_HEADER_MAX];
    rb_buf_add(out, header, rb_ws_put_header(header, opcode, true, payload.n, mask));
    rb_buf_add_str(out, payload);
    rb_ws_mask(out->p + out->n - payload.n, payload.n, mask, 0);
}

bool frame_send(int fd, enum rb_ws_opcode opcode, rb_str payload)
{
    struct rb_buf frame = {0};
    frame_put(&frame, opcode, payload);
    bool is_good = link_send(fd, rb_buf_str(&frame));
    rb_buf_fini(&frame);
    return is_good;
}
