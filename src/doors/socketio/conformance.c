/* The application that test suites of the protocols expect of a server: an echo on Engine.IO, and on
 * Socket.IO two namespaces that tell their auth payload and give back what they get (`ringback dev
 * --conformance`). */
#include "doors/socketio/sio_private.h"

void conformance_joined(struct sio_space *space, rb_str auth_json)
{
    space_send_event(space, RB_STR("auth"), auth_json.n ? auth_json : RB_STR("{}"));
}

/* The arguments behind the name, as they came. */
static rb_str arguments(const struct sio_event *event)
{
    rb_str all = rb_json_raw(event->args);
    rb_str second = rb_json_raw(rb_json_next(rb_json_first(event->args)));
    if (!second.p) return RB_STR_NONE;
    size_t at = (size_t)(second.p - all.p);
    return rb_str_trim(rb_str_sub(all, at, all.n - at - 1)); /* without the bracket */
}

void conformance_event(struct sio_space *space, const struct sio_event *event)
{
    if (!rb_str_eq(space->nsp->name, RB_STR("/"))) return;
    if (rb_str_eq(event->name, RB_STR("message")))
        space_send_event(space, RB_STR("message-back"), arguments(event));
    else if (rb_str_eq(event->name, RB_STR("message-with-ack")) && event->has_ack_id)
        space_send_ack(space, event->ack_id, arguments(event));
}
