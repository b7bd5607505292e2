/* From polling to WebSocket: a second connection names the sid, probes, and takes over.
 *
 *     client, on the WebSocket      server
 *     2probe                        3probe; from now on no GET is left waiting, "6" if there is nothing else
 *     5                             what waits goes out here, in order; polling is over
 *
 * A client may as well say 5 at once. Whatever else it says, its silence or its leaving end the WebSocket
 * only: the link stays on polling as if nothing had happened. */
#include "base/log.h"
#include "base/mem.h"
#include "doors/socketio/link_private.h"

struct wire_probe {
    struct rb_timer timer;
    struct sio_wire *wire;
};

/* The link forgets it. */
static void drop(struct sio_wire *wire)
{
    struct sio_poll *poll = wire->link->poll;
    rb_timer_stop(&wire->probe->timer);
    rb_free(wire->probe);
    wire->probe = NULL;
    wire->link = NULL;
    poll->probe = NULL;
    poll->is_probed = false;
}

void upgrade_lost(struct sio_wire *wire)
{
    drop(wire);
}

void upgrade_refuse(struct sio_wire *wire, rb_err why)
{
    drop(wire);
    wire_close(wire, why);
}

static void on_timeout(struct rb_timer *timer)
{
    upgrade_refuse(RB_OUTER(timer, struct wire_probe, timer)->wire, RB_CONNECT_TIMEOUT);
}

/* More WebSockets than one, or one for a link that does not need it. The upgrade itself is answered, since
 * that is what clients expect. */
static void turn_away(struct sio_link *link, struct rb_request *request)
{
    struct rb_sio_door *door = link->here->door;
    struct sio_wire *wire = wire_new(NULL);
    if (wire_accept(wire, door, request))
        wire_close(wire, RB_CONFLICT);
    else
        wire_free(wire);
}

void upgrade_begin(struct sio_link *link, struct rb_request *request)
{
    if (!link->poll || link->poll->probe || link->state == LINK_CLOSING) {
        turn_away(link, request);
        return;
    }
    struct sio_wire *wire = wire_new(link);
    wire->probe = rb_new(struct wire_probe);
    wire->probe->wire = wire;
    link->poll->probe = wire;
    rb_timer_start(link->here->loop, &wire->probe->timer, link->here->door->setup.upgrade_timeout_ms,
                   on_timeout);
    if (wire_accept(wire, link->here->door, request)) return;
    drop(wire);
    wire_free(wire);
}

static void probe(struct sio_wire *wire)
{
    struct sio_poll *poll = wire->link->poll;
    rb_socket_send_message(&wire->socket, RB_WS_TEXT, RB_STR("3probe"));
    poll->is_probed = true;
    poll_want_output(poll);
}

static void take_over(struct sio_wire *wire)
{
    struct sio_link *link = wire->link;
    struct sio_poll *poll = link->poll;
    poll_say(poll, RB_STR("6"));
    drop(wire);
    wire->link = link;
    link->wire = wire;
    link->poll = NULL;
    while (!frames_are_empty(&poll->queue)) {
        struct rb_mark *marks = frames_take_marks(&poll->queue), *mark;
        link_send_frame(link, frames_pop(&poll->queue));
        while ((mark = rb_marks_pop(&marks)) != NULL) link_mark(link, mark);
    }
    poll_free(poll);
    heartbeat_switch(link);
    if (link->is_paused) wire_set_read(wire, false);
    link_want_output(link);
    RB_LOG_DEBUG("socketio.upgraded", RB_KV_U64("slot", link->slot));
}

void upgrade_message(struct sio_wire *wire, enum rb_ws_opcode opcode, rb_str payload)
{
    bool is_text = opcode == RB_WS_TEXT;
    if (is_text && rb_str_is(payload, "2probe"))
        probe(wire);
    else if (is_text && rb_str_is(payload, "5"))
        take_over(wire);
    else
        upgrade_refuse(wire, RB_PROTOCOL_ERROR);
}
