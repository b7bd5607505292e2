/* mosquitto: MQTT 3.1.1 (OASIS standard) over WebSocket, QoS 0. Packets are a stream that frames cut
 * anywhere. */
#include "data.h"
#include "peer.h"

enum {
    CONNACK = 0x20,
    PUBLISH = 0x30,
    SUBACK = 0x90,
    PINGRESP = 0xd0,
    TOPIC_BYTES = sizeof COMPARE_TOPIC - 1
};

static void put_topic(struct rb_buf *out)
{
    rb_buf_add_char(out, 0);
    rb_buf_add_char(out, TOPIC_BYTES);
    rb_buf_add_text(out, COMPARE_TOPIC);
}

/* CONNECT (clean session, no keep-alive, a client identifier of the server's choice), and what is answered
 * when that stands: SUBSCRIBE or PINGREQ. They need not wait for one another. */
static void put_hello(struct rb_buf *out, bool is_subscriber)
{
    static const char connect[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0};
    static const char subscribe[] = {(char)0x82, 2 + 2 + TOPIC_BYTES + 1, 0, 1};
    static const char ping[] = {(char)0xc0, 0};
    rb_buf_add(out, connect, sizeof connect);
    if (is_subscriber) {
        rb_buf_add(out, subscribe, sizeof subscribe);
        put_topic(out);
        rb_buf_add_char(out, 0);
    } else {
        rb_buf_add(out, ping, sizeof ping);
    }
}

/* Bytes of the fixed header; 0: it has not come whole. */
static size_t read_header(rb_str stream, size_t *out_remaining)
{
    enum { LENGTH_BYTES_MAX = 4 };
    *out_remaining = 0;
    for (size_t i = 1; i < stream.n && i <= LENGTH_BYTES_MAX; i++) {
        unsigned char byte = (unsigned char)stream.p[i];
        *out_remaining |= (size_t)(byte & 0x7f) << (7 * (i - 1));
        if (byte < 0x80) return i + 1;
    }
    return 0;
}

static enum peer_take take_publish(rb_str body, rb_str *out_data)
{
    rb_str topic = rb_str_sub(body, 2, TOPIC_BYTES);
    if (body.n < 2 + TOPIC_BYTES || !rb_str_is(topic, COMPARE_TOPIC)) return PEER_BAD;
    *out_data = rb_str_from(body, 2 + TOPIC_BYTES);
    return PEER_EVENT;
}

static enum peer_take take(rb_str *stream, rb_str *out_data, struct rb_buf *reply)
{
    size_t remaining, header = read_header(*stream, &remaining);
    (void)reply;
    if (header == 0 || stream->n < header + remaining) return PEER_MORE;
    unsigned type = (unsigned char)stream->p[0];
    rb_str body = rb_str_sub(*stream, header, remaining);
    *stream = rb_str_from(*stream, header + remaining);
    if (type == PUBLISH) return take_publish(body, out_data);
    if (type == CONNACK && body.n == 2 && body.p[1] == 0) return PEER_OTHER;
    if (type == SUBACK && body.n == 3 && body.p[2] == 0) return PEER_READY;
    if (type == PINGRESP) return PEER_READY;
    return PEER_BAD;
}

static unsigned put_publish(struct rb_buf *out, const struct target *target, uint64_t first, unsigned events)
{
    enum { REMAINING = 2 + TOPIC_BYTES + DATA_BYTES };
    _Static_assert(REMAINING >= 0x80 && REMAINING < 0x4000, "two bytes of length");
    (void)target;
    for (unsigned i = 0; i < events; i++) {
        rb_buf_add_char(out, PUBLISH);
        rb_buf_add_char(out, (char)(0x80 | (REMAINING & 0x7f)));
        rb_buf_add_char(out, REMAINING >> 7);
        put_topic(out);
        data_put(out, first + i);
    }
    return 0;
}

const struct peer peer_mosquitto = {
    .name = "mosquitto",
    .path = "/mqtt",
    .subprotocol = "mqtt",
    .is_binary = true,
    .put_hello = put_hello,
    .take = take,
    .publishing = PUBLISH_SOCKET,
    .put_publish = put_publish,
};
