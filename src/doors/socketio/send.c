/* Packets to the client. Binary values are part of the JSON inside Ringback; here they become attachments: a
 * frame of text and a binary frame for each value, together in one blob. */
#include "base/arena.h"
#include "base/mem.h"
#include "codec/engineio_payload.h"
#include "doors/socketio/recovery.h"
#include "doors/socketio/sio_private.h"

/* One packet to be written. */
struct outgoing {
    rb_str nsp;
    bool is_ack, has_ack_id, is_v3;
    uint64_t ack_id;
    rb_str name, args;
};

/* The bytes of all frames in a row. */
static void put_frames(struct rb_buf *out, const struct outgoing *packet, rb_str args,
                       const struct rb_sio_attachments *attachments)
{
    struct rb_buf text = {0};
    if (packet->is_ack)
        rb_sio_put_binary_ack(&text, packet->nsp, packet->ack_id, args, attachments->count);
    else
        rb_sio_put_binary_event(&text, packet->nsp, packet->has_ack_id, packet->ack_id, packet->name, args,
                                attachments->count);
    rb_ws_put_frame(out, RB_WS_TEXT, rb_buf_str(&text));
    out->failed = out->failed || text.failed;
    rb_buf_fini(&text);
    for (uint32_t i = 0; i < attachments->count; i++) {
        struct rb_buf bytes = {0};
        rb_eio_put_binary(&bytes, packet->is_v3, attachments->items[i]);
        rb_ws_put_frame(out, RB_WS_BINARY, rb_buf_str(&bytes));
        out->failed = out->failed || bytes.failed;
        rb_buf_fini(&bytes);
    }
}

static rb_err make_frames(const struct outgoing *packet, struct rb_blob **out_frames)
{
    struct rb_arena arena = {0};
    struct rb_sio_attachments attachments = {0};
    rb_str args = packet->args;
    rb_err err = rb_sio_attachments_extract(packet->args, &arena, &args, &attachments);
    if (!err) {
        struct rb_buf frames = {0};
        put_frames(&frames, packet, args, &attachments);
        *out_frames = frames.failed ? NULL : rb_blob_copy(rb_buf_str(&frames));
        if (!*out_frames) err = RB_OUT_OF_MEMORY;
        rb_buf_fini(&frames);
    }
    rb_arena_fini(&arena);
    return err;
}

/* ---- events of rooms, made once for all clients of a kind ---- */

static struct rb_blob *encode(const struct rb_encoding *base, rb_str topic, struct rb_position position,
                              const struct rb_event *event)
{
    const struct sio_encoding *encoding = RB_OUTER(base, struct sio_encoding, encoding);
    struct rb_buf args = {0};
    rb_buf_add_str(&args, event->data);
    if (encoding->has_offsets) {
        rb_buf_add_text(&args, ",\"");
        recovery_put_offset(&args, topic, position.offset);
        rb_buf_add_char(&args, '"');
    }
    struct outgoing packet = {
        .nsp = encoding->nsp->name, .is_v3 = encoding->is_v3, .name = event->name, .args = rb_buf_str(&args)};
    struct rb_blob *frames = NULL;
    rb_err err = args.failed ? RB_OUT_OF_MEMORY : make_frames(&packet, &frames);
    /* More binary values than a packet may have: they stay what they are in the JSON. */
    if (err == RB_MESSAGE_TOO_LARGE) {
        struct rb_buf text = {0};
        rb_sio_put_event(&text, packet.nsp, false, 0, packet.name, packet.args);
        frames = text.failed ? NULL : rb_socket_frame(RB_WS_TEXT, rb_buf_str(&text));
        rb_buf_fini(&text);
    }
    rb_buf_fini(&args);
    return frames;
}

void space_namespace_init(struct sio_namespace *nsp, rb_str name)
{
    nsp->name = name;
    nsp->plain = (struct sio_encoding){.encoding = {.encode = encode}, .nsp = nsp};
    nsp->v3 = (struct sio_encoding){.encoding = {.encode = encode}, .nsp = nsp, .is_v3 = true};
    nsp->with_offsets =
        (struct sio_encoding){.encoding = {.encode = encode}, .nsp = nsp, .has_offsets = true};
}

const struct rb_encoding *space_encoding(const struct sio_space *space)
{
    const struct sio_namespace *nsp = space->nsp;
    const struct sio_encoding *encoding = space->link->revision == 3 ? &nsp->v3
                                          : space->recovery          ? &nsp->with_offsets
                                                                     : &nsp->plain;
    return &encoding->encoding;
}

/* ---- packets for one client ---- */

static rb_err send_packet(struct sio_space *space, struct outgoing *packet)
{
    packet->nsp = space->nsp->name;
    packet->is_v3 = space->link->revision == 3;
    struct rb_blob *frames = NULL;
    rb_err err = make_frames(packet, &frames);
    if (!err) link_send_frame(space->link, frames);
    return err;
}

/* A client that can recover takes the last argument of each event for its offset, so this one repeats the
 * last. */
rb_err space_send_event(struct sio_space *space, rb_str name, rb_str args)
{
    struct rb_buf with_offset = {0};
    struct outgoing packet = {.name = name, .args = args};
    if (space->recovery) {
        rb_buf_add_str(&with_offset, args);
        rb_buf_add_text(&with_offset, args.n ? ",\"" : "\"");
        recovery_put_last(&with_offset, space);
        rb_buf_add_char(&with_offset, '"');
        packet.args = rb_buf_str(&with_offset);
    }
    rb_err err = with_offset.failed ? RB_OUT_OF_MEMORY : send_packet(space, &packet);
    rb_buf_fini(&with_offset);
    return err;
}

rb_err space_send_call(struct sio_space *space, uint32_t number, rb_str name, rb_str args)
{
    return send_packet(space,
                       &(struct outgoing){.has_ack_id = true, .ack_id = number, .name = name, .args = args});
}

void space_send_ack(struct sio_space *space, uint64_t ack_id, rb_str args)
{
    rb_err err = send_packet(space, &(struct outgoing){.is_ack = true, .ack_id = ack_id, .args = args});
    if (err) link_close(space->link, err); /* the client waits for this ack, and nothing else could be said */
}
