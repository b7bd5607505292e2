/* Frames of clients' sockets. What goes to many is made once. */
#include "doors/envoy/envoy_private.h"
#include "http/socket.h"

struct rb_blob *envoy_frame(const struct rb_envoy_frame *frame)
{
    struct rb_buf text = {0};
    rb_envoy_put_frame(&text, frame);
    struct rb_blob *blob = text.failed ? NULL : rb_socket_frame(RB_WS_TEXT, rb_buf_str(&text));
    rb_buf_fini(&text);
    return blob;
}

struct rb_blob *envoy_tick(uint32_t left_s)
{
    char ticks[RB_ENVOY_TICKS_BYTES];
    return envoy_frame(&(struct rb_envoy_frame){.ticks = rb_envoy_ticks(left_s, ticks)});
}

/* A message starts the countdown anew for all, so what they have left is the same for all too. */
static struct rb_blob *encode(const struct rb_encoding *encoding, rb_str topic, struct rb_position position,
                              const struct rb_event *event)
{
    (void)encoding, (void)topic, (void)position;
    char ticks[RB_ENVOY_TICKS_BYTES];
    bool is_final = (event->flags & RB_EVENT_FINAL) != 0;
    return envoy_frame(
        &(struct rb_envoy_frame){.ticks = rb_envoy_ticks(is_final ? 0 : event->timeout_s, ticks),
                                 .message = event->data,
                                 .is_completed = is_final});
}

const struct rb_encoding envoy_encoding = {.encode = encode};
