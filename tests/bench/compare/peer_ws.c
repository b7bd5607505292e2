/* npm ws, as servers/ws.mjs uses it: "subscribe" is answered by "ok", an event is its data. */
#include "data.h"
#include "peer.h"

static void put_hello(struct rb_buf *out, bool is_subscriber)
{
    (void)is_subscriber;
    rb_buf_add_text(out, "subscribe");
}

static enum peer_take take(rb_str *stream, rb_str *out_data, struct rb_buf *reply)
{
    if (!rb_str_is(*stream, "ok")) return peer_take_whole(stream, out_data, reply);
    *stream = RB_STR_NONE;
    return PEER_READY;
}

static unsigned put_publish(struct rb_buf *out, const struct target *target, uint64_t first, unsigned events)
{
    (void)target;
    return peer_put_posts(out, "/publish", first, events);
}

const struct peer peer_ws = {
    .name = "ws",
    .path = "/",
    .put_hello = put_hello,
    .take = take,
    .publishing = PUBLISH_HTTP,
    .put_publish = put_publish,
};
