/* nats-server: the NATS client protocol, a stream of lines and payloads that WebSocket frames cut anywhere.
 */
#include "data.h"
#include "peer.h"

static void put_hello(struct rb_buf *out, bool is_subscriber)
{
    rb_buf_add_text(out, "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"protocol\":1}\r\n");
    if (is_subscriber) rb_buf_add_text(out, "SUB " COMPARE_TOPIC " 1\r\n");
    rb_buf_add_text(out, "PING\r\n");
}

/* The line without its end; false: it has not come whole. */
static bool take_line(rb_str *stream, rb_str *out_line)
{
    ptrdiff_t end = rb_str_find(*stream, '\n');
    if (end < 1) return false;
    *out_line = rb_str_sub(*stream, 0, (size_t)end - 1);
    *stream = rb_str_from(*stream, (size_t)end + 1);
    return true;
}

/* "MSG subject sid bytes", then the payload and its own end of line. */
static enum peer_take take_payload(rb_str *stream, rb_str line, rb_str *out_data)
{
    uint64_t bytes;
    const rb_str head = RB_STR("MSG " COMPARE_TOPIC " 1 ");
    if (!rb_str_starts(line, head) || !rb_str_u64(rb_str_from(line, head.n), 1 << 20, &bytes))
        return PEER_BAD;
    if (stream->n < bytes + 2) return PEER_MORE;
    *out_data = rb_str_sub(*stream, 0, bytes);
    *stream = rb_str_from(*stream, bytes + 2);
    return PEER_EVENT;
}

static enum peer_take take(rb_str *stream, rb_str *out_data, struct rb_buf *reply)
{
    rb_str line, before = *stream;
    if (!take_line(stream, &line)) return PEER_MORE;
    if (rb_str_starts(line, RB_STR("INFO "))) return PEER_OTHER;
    if (rb_str_is(line, "PONG")) return PEER_READY;
    if (rb_str_is(line, "PING")) {
        rb_buf_add_text(reply, "PONG\r\n");
        return PEER_OTHER;
    }
    enum peer_take taken = take_payload(stream, line, out_data);
    if (taken == PEER_MORE) *stream = before;
    return taken;
}

static unsigned put_publish(struct rb_buf *out, const struct target *target, uint64_t first, unsigned events)
{
    (void)target;
    for (unsigned i = 0; i < events; i++) {
        rb_buf_add_fmt(out, "PUB " COMPARE_TOPIC " %d\r\n", DATA_BYTES);
        data_put(out, first + i);
        rb_buf_add_text(out, "\r\n");
    }
    return 0;
}

const struct peer peer_nats = {
    .name = "nats",
    .path = "/",
    .is_binary = true,
    .put_hello = put_hello,
    .take = take,
    .publishing = PUBLISH_SOCKET,
    .put_publish = put_publish,
};
