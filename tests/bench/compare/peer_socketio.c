/* npm socket.io, as servers/socketio.mjs uses it, over WebSocket from the start: Engine.IO protocol v4,
 * Socket.IO protocol v5. The server opens, we connect to "/", emit "subscribe" with an acknowledgement, and
 * get events named "event". */
#include "data.h"
#include "peer.h"

#define EVENT_HEAD "42[\"event\","

static enum peer_take say(struct rb_buf *reply, const char *packet)
{
    rb_buf_add_text(reply, packet);
    return PEER_OTHER;
}

static enum peer_take take(rb_str *stream, rb_str *out_data, struct rb_buf *reply)
{
    const rb_str head = RB_STR(EVENT_HEAD);
    rb_str packet = *stream;
    *stream = RB_STR_NONE;
    if (rb_str_starts(packet, head) && rb_str_ends(packet, RB_STR("]"))) {
        *out_data = rb_str_sub(packet, head.n, packet.n - head.n - 1);
        return PEER_EVENT;
    }
    if (rb_str_starts(packet, RB_STR("0{"))) return say(reply, "40");
    if (rb_str_starts(packet, RB_STR("40{"))) return say(reply, "420[\"subscribe\"]");
    if (rb_str_starts(packet, RB_STR("430["))) return PEER_READY;
    if (rb_str_is(packet, "2")) return say(reply, "3");
    return PEER_BAD;
}

static unsigned put_publish(struct rb_buf *out, const struct target *target, uint64_t first, unsigned events)
{
    (void)target;
    return peer_put_posts(out, "/publish", first, events);
}

const struct peer peer_socketio = {
    .name = "socket.io",
    .path = "/socket.io/?EIO=4&transport=websocket",
    .take = take,
    .publishing = PUBLISH_HTTP,
    .put_publish = put_publish,
};
