/* Ringback's native socket; events published by HTTP, those of a burst in one request. */
#include "../link.h"
#include "codec/json.h"
#include "data.h"
#include "peer.h"

static void put_hello(struct rb_buf *out, bool is_subscriber)
{
    (void)is_subscriber;
    rb_buf_add_text(out, "{\"op\":\"subscribe\",\"id\":2,\"topic\":\"" COMPARE_TOPIC "\"}");
}

static enum peer_take take(rb_str *stream, rb_str *out_data, struct rb_buf *reply)
{
    struct rb_json doc = {0};
    rb_str message = *stream;
    (void)reply;
    *stream = RB_STR_NONE;
    if (rb_str_starts(message, RB_STR("{\"op\":\"ok\",\"id\":2"))) return PEER_READY;
    if (rb_json_parse(&doc, message, NULL) != RB_OK) return PEER_BAD;
    rb_json_val root = rb_json_root(&doc);
    bool is_event = rb_str_is(rb_json_raw(rb_json_get(root, "op")), "\"event\"") &&
                    rb_str_is(rb_json_raw(rb_json_get(root, "topic")), "\"" COMPARE_TOPIC "\"");
    if (is_event) *out_data = rb_json_raw(rb_json_get(root, "data")); /* a slice of the message */
    rb_json_fini(&doc);
    return is_event ? PEER_EVENT : PEER_BAD;
}

static unsigned put_publish(struct rb_buf *out, const struct target *target, uint64_t first, unsigned events)
{
    struct rb_buf body = {0};
    if (events > 1) rb_buf_add_char(&body, '[');
    for (unsigned i = 0; i < events; i++) {
        rb_buf_add_text(&body, i > 0 ? ",{\"name\":\"n\",\"data\":" : "{\"name\":\"n\",\"data\":");
        data_put(&body, first + i);
        rb_buf_add_char(&body, '}');
    }
    if (events > 1) rb_buf_add_char(&body, ']');
    link_put_request(out, "POST", "/v1/topics/" COMPARE_TOPIC "/events", target->publish_token,
                     rb_buf_str(&body));
    rb_buf_fini(&body);
    return 1;
}

const struct peer peer_ringback = {
    .name = "ringback",
    .path = "/v1/socket",
    .put_hello = put_hello,
    .take = take,
    .publishing = PUBLISH_HTTP,
    .put_publish = put_publish,
};
