/* What a client says in a namespace that it has joined. Events that nobody listens to are ignored, with or
 * without an ack id, as the reference server does. */
#include "base/arena.h"
#include "doors/socketio/sio_private.h"

void space_event(struct sio_space *space, const struct rb_sio_packet *packet, const struct rb_json *doc)
{
    struct rb_arena arena = {0};
    struct sio_event event = {.args = rb_json_root(doc),
                              .has_ack_id = packet->has_ack_id,
                              .ack_id = packet->ack_id};
    /* A number is a legal name, too, which nobody listens to. */
    if (rb_json_string(rb_json_first(event.args), &arena, &event.name)) {
        if (space->link->endpoint->door->setup.is_conformance)
            conformance_event(space, &event);
        else
            room_event(space, &event);
    }
    rb_arena_fini(&arena);
}

/* The reply to a call of a back end's. Its one argument is the reply; of any other number all of them are. */
void space_ack(struct sio_space *space, const struct rb_sio_packet *packet, const struct rb_json *doc)
{
    if (!packet->has_ack_id || packet->ack_id == 0 || packet->ack_id > INT32_MAX) return; /* none of ours */
    rb_json_val args = rb_json_root(doc);
    uint32_t count = rb_json_count(args);
    rb_str reply = count == 0   ? RB_STR("null")
                   : count == 1 ? rb_json_raw(rb_json_first(args))
                                : rb_json_raw(args);
    rb_conn_reply(&space->conn, (uint32_t)packet->ack_id, false, reply);
}
