/* Events as they go over the wire: in WebSocket messages, in event streams, in pages. Frames for sockets and
 * streams are made once a loop and shared by all who take the event there. */
#include "base/clock.h"
#include "doors/native/native_private.h"
#include "http/socket.h"
#include "http/sse.h"

#include <string.h>

rb_str topic_without_tenant(rb_str topic)
{
    return rb_str_from(topic, (size_t)(rb_str_find(topic, '/') + 1));
}

rb_str topic_with_tenant(struct rb_arena *arena, rb_str tenant, rb_str name)
{
    char *complete = rb_arena_alloc(arena, tenant.n + 1 + name.n);
    memcpy(complete, tenant.p, tenant.n);
    complete[tenant.n] = '/';
    memcpy(complete + tenant.n + 1, name.p, name.n);
    return rb_str_make(complete, tenant.n + 1 + name.n);
}

static void put_position(struct rb_json_out *out, const char *key, struct rb_position position)
{
    char text[RB_POSITION_TEXT_BYTES];
    rb_json_put_key(out, key);
    rb_json_put_str(out, rb_position_text(position, text));
}

void event_put(struct rb_json_out *out, struct rb_position position, const struct rb_event *event,
               bool with_time)
{
    char time[RB_CLOCK_TEXT_BYTES];
    put_position(out, "position", position);
    if (with_time) {
        rb_clock_format(event->time_ms, time);
        rb_json_put_key(out, "time");
        rb_json_put_text(out, time);
    }
    rb_json_put_key(out, "name");
    rb_json_put_str(out, event->name);
    rb_json_put_key(out, "data");
    rb_json_put_raw(out, event->data);
    if (event->flags & RB_EVENT_FINAL) {
        rb_json_put_key(out, "final");
        rb_json_put_bool(out, true);
    }
}

void gap_put(struct rb_json_out *out, struct rb_position after, struct rb_position next)
{
    put_position(out, "after", after);
    put_position(out, "next", next);
}

/* ---- WebSocket messages ---- */

static void begin_message(struct rb_json_out *out, const char *op, rb_str topic)
{
    rb_json_begin_object(out);
    rb_json_put_key(out, "op");
    rb_json_put_text(out, op);
    rb_json_put_key(out, "topic");
    rb_json_put_str(out, topic_without_tenant(topic));
}

static struct rb_blob *end_message(struct rb_json_out *out)
{
    rb_json_end_object(out);
    struct rb_blob *frame = out->buf->failed ? NULL : rb_socket_frame(RB_WS_TEXT, rb_buf_str(out->buf));
    rb_buf_fini(out->buf);
    return frame;
}

static struct rb_blob *encode_message(const struct rb_encoding *encoding, rb_str topic,
                                      struct rb_position position, const struct rb_event *event)
{
    (void)encoding;
    enum { KEYS_AND_POSITION_BYTES = 128 };
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_buf_reserve(&text, KEYS_AND_POSITION_BYTES + topic.n + event->name.n + event->data.n);
    begin_message(&out, "event", topic);
    event_put(&out, position, event, false);
    return end_message(&out);
}

const struct rb_encoding native_socket_encoding = {.encode = encode_message};

struct rb_blob *socket_gap_frame(rb_str topic, struct rb_position after, struct rb_position next)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    begin_message(&out, "gap", topic);
    gap_put(&out, after, next);
    return end_message(&out);
}

/* ---- event streams ---- */

static struct rb_blob *encode_block(bool is_chunked, struct rb_position position,
                                    const struct rb_event *event)
{
    char text[RB_POSITION_TEXT_BYTES];
    return rb_sse_frame(is_chunked, rb_position_text(position, text), event->name, event->data);
}

static struct rb_blob *encode_chunked(const struct rb_encoding *encoding, rb_str topic,
                                      struct rb_position position, const struct rb_event *event)
{
    (void)encoding, (void)topic;
    return encode_block(true, position, event);
}

static struct rb_blob *encode_plain(const struct rb_encoding *encoding, rb_str topic,
                                    struct rb_position position, const struct rb_event *event)
{
    (void)encoding, (void)topic;
    return encode_block(false, position, event);
}

const struct rb_encoding native_chunked_encoding = {.encode = encode_chunked};
const struct rb_encoding native_plain_encoding = {.encode = encode_plain};

/* Its id is where things go on, so that whoever comes back has not the same gap again. */
struct rb_blob *stream_gap_frame(bool is_chunked, struct rb_position after, struct rb_position next)
{
    struct rb_buf data = {0};
    struct rb_json_out out = {.buf = &data};
    char text[RB_POSITION_TEXT_BYTES];
    rb_json_begin_object(&out);
    gap_put(&out, after, next);
    rb_json_end_object(&out);
    struct rb_blob *frame = data.failed ? NULL
                                        : rb_sse_frame(is_chunked, rb_position_text(next, text),
                                                       RB_STR("gap"), rb_buf_str(&data));
    rb_buf_fini(&data);
    return frame;
}
