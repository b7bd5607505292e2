/* Socket.IO packets as they come over a link: read, held against the protocol, given to their namespace. A
 * packet with binary data comes in parts: its text, then so many binary messages, with nothing of Socket.IO's
 * in between. What the protocol forbids closes the link, as the reference server does. */
#include "base/log.h"
#include "base/mem.h"
#include "doors/socketio/sio_private.h"

static void handle_disconnect(struct sio_space *space)
{
    space_confirm_all(space); /* it leaves of its own will: what was sent to it counts as delivered */
    space_free(space);
}

static void handle_checked(struct sio_link *link, const struct rb_sio_packet *packet,
                           const struct rb_json *doc)
{
    if (packet->type == RB_SIO_CONNECT) {
        space_connect(link, packet, doc);
        return;
    }
    struct sio_space *space = space_find(link, packet->nsp);
    if (!space) { /* of a namespace just left: late, and ignored; otherwise nobody may speak before joining */
        if (!link->upper.was_joined) link_close(link, RB_PROTOCOL_ERROR);
        return;
    }
    switch (packet->type) {
    case RB_SIO_EVENT:
    case RB_SIO_BINARY_EVENT: space_event(space, packet, doc); return;
    case RB_SIO_ACK:
    case RB_SIO_BINARY_ACK: space_ack(space, packet, doc); return;
    case RB_SIO_DISCONNECT: handle_disconnect(space); return;
    case RB_SIO_CONNECT:
    case RB_SIO_CONNECT_ERROR: RB_UNREACHABLE(); /* handled before, or refused by the check */
    }
}

static void give_up(struct sio_link *link, rb_err err)
{
    char sid[RB_HANDLE_TEXT_BYTES];
    link_sid(link, sid);
    RB_LOG_INFO("socketio.bad_packet", RB_KV_TEXT("link", sid), RB_KV_REASON(err));
    link_close(link, RB_PROTOCOL_ERROR);
}

static rb_err handle_packet(struct sio_link *link, const struct rb_sio_packet *packet)
{
    struct rb_json doc = {0};
    rb_err err = rb_sio_check(packet, &doc);
    if (!err) handle_checked(link, packet, &doc);
    rb_json_fini(&doc);
    return err;
}

/* ---- binary packets, in their parts ---- */

void packets_drop(struct sio_link *link)
{
    if (!link->upper.assembly) return;
    rb_sio_assembly_fini(link->upper.assembly);
    rb_free(link->upper.assembly);
    link->upper.assembly = NULL;
}

/* A bad packet is not to wait for its attachments. */
static rb_err begin_assembly(struct sio_link *link, rb_str text, const struct rb_sio_packet *packet)
{
    struct rb_json doc = {0};
    rb_err err = rb_sio_check(packet, &doc);
    rb_json_fini(&doc);
    if (err) return err;
    link->upper.assembly = rb_new(struct rb_sio_assembly);
    return rb_sio_assembly_init(link->upper.assembly, text, packet,
                                link->endpoint->door->setup.payload_bytes_max);
}

static rb_err end_assembly(struct sio_link *link)
{
    struct rb_sio_assembly *assembly = link->upper.assembly;
    struct rb_sio_packet packet;
    struct rb_buf json = {0};
    link->upper.assembly = NULL;
    /* base64 is longer by a third */
    rb_err err = rb_sio_assembly_finish(assembly, 2 * (size_t)link->endpoint->door->setup.payload_bytes_max,
                                        &json, &packet);
    if (!err) err = handle_packet(link, &packet);
    rb_buf_fini(&json);
    rb_sio_assembly_fini(assembly);
    rb_free(assembly);
    return err;
}

void packets_text(struct sio_link *link, rb_str text)
{
    struct rb_sio_packet packet;
    rb_err err = link->upper.assembly ? RB_PROTOCOL_ERROR : rb_sio_read(text, &packet);
    if (!err)
        err = packet.attachments > 0 ? begin_assembly(link, text, &packet) : handle_packet(link, &packet);
    if (err) give_up(link, err);
}

void packets_binary(struct sio_link *link, rb_str data)
{
    struct rb_sio_assembly *assembly = link->upper.assembly;
    rb_err err = assembly ? rb_sio_assembly_add(assembly, data) : RB_PROTOCOL_ERROR;
    if (!err && rb_sio_assembly_is_complete(assembly)) err = end_assembly(link);
    if (err) give_up(link, err);
}
