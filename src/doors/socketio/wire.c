/* A WebSocket of a link: one Engine.IO packet a message.
 *
 * The upper side hears of the link before the upgrade is answered, because it wants to see the request; what
 * it sends then waits in `early` and follows the open packet. */
#include "base/log.h"
#include "base/mem.h"
#include "doors/socketio/link_private.h"

enum { WIRE_MAGIC = 0x53494f57 };

static struct sio_wire *wire_of(struct rb_socket *socket)
{
    struct sio_wire *wire = RB_OUTER(socket, struct sio_wire, socket);
    return RB_RECOVER(struct sio_wire, wire, WIRE_MAGIC);
}

/* ---- out ---- */

/* Binary messages as base64, for clients of revision 3 that have asked for it. */
static struct rb_blob *without_binary(struct rb_blob *take_frames)
{
    struct rb_buf out = {0}, text = {0};
    struct frame frame;
    size_t at = 0;
    while (frame_next(take_frames, &at, &frame)) {
        rb_buf_clear(&text);
        if (frame.is_binary)
            rb_eio_put_base64(&text, true, rb_str_from(frame.payload, 1)); /* without the type byte */
        else
            rb_buf_add_str(&text, frame.payload);
        rb_ws_put_frame(&out, RB_WS_TEXT, rb_buf_str(&text));
    }
    rb_blob_unref(take_frames);
    struct rb_blob *converted = out.failed || text.failed ? NULL : rb_blob_copy(rb_buf_str(&out));
    rb_buf_fini(&text);
    rb_buf_fini(&out);
    return converted;
}

void wire_send(struct sio_wire *wire, struct rb_blob *take_frames)
{
    if (wire->link && wire->link->wants_base64) take_frames = without_binary(take_frames);
    if (!wire->early)
        rb_socket_send(&wire->socket, take_frames);
    else if (take_frames)
        frames_push(wire->early, take_frames);
}

void wire_mark(struct sio_wire *wire, struct rb_mark *mark)
{
    if (wire->early)
        frames_mark(wire->early, mark);
    else
        rb_stream_mark(&wire->socket.stream, mark);
}

struct rb_stream *wire_stream(struct sio_wire *wire)
{
    return wire->early ? NULL : &wire->socket.stream;
}

void wire_want_output(struct sio_wire *wire)
{
    if (!wire->early) rb_socket_pull(&wire->socket);
}

void wire_close(struct sio_wire *wire, rb_err why)
{
    if (!wire->early) rb_socket_close(&wire->socket, why, 0, RB_STR_NONE);
}

void wire_set_read(struct sio_wire *wire, bool want_read)
{
    if (!wire->early) rb_stream_set_read(&wire->socket.stream, want_read);
}

/* The socket is open: what was put off is made up for. */
static void end_early(struct sio_wire *wire)
{
    struct frame_queue *early = wire->early;
    struct sio_link *link = wire->link;
    if (!early) return;
    wire->early = NULL;
    while (!frames_are_empty(early)) {
        struct rb_mark *marks = frames_take_marks(early), *mark;
        rb_socket_send(&wire->socket, frames_pop(early));
        while ((mark = rb_marks_pop(&marks)) != NULL) wire_mark(wire, mark);
    }
    rb_free(early);
    if (link->state == LINK_CLOSING)
        wire_close(wire, (rb_err)link->why);
    else if (link->is_paused)
        wire_set_read(wire, false);
    else
        wire_want_output(wire);
}

/* ---- what the socket reports ---- */

static void on_message(struct rb_socket *socket, enum rb_ws_opcode opcode, rb_str payload)
{
    struct sio_wire *wire = wire_of(socket);
    struct sio_link *link = wire->link;
    struct rb_buf scratch = {0};
    struct rb_eio_item item;
    if (!link) return;
    if (wire->probe) {
        upgrade_message(wire, opcode, payload);
        return;
    }
    if (link->state == LINK_CLOSING) return;
    rb_err err = rb_eio_read_frame(payload, opcode == RB_WS_TEXT, link->revision == 3, &scratch, &item);
    if (!err) err = link_receive(link, &item);
    if (err) link_end(link, err, LINK_CUTS);
    rb_buf_fini(&scratch);
}

static void on_pull(struct rb_socket *socket, struct rb_gather *gather)
{
    struct sio_link *link = wire_of(socket)->link;
    if (!link || link->wire != wire_of(socket) || link->state == LINK_CLOSING) return;
    const struct link_ops *ops = link->endpoint->ops;
    if (!link->wants_base64) {
        ops->on_pull(link, gather);
        return;
    }
    while (rb_gather_has_room(gather)) {
        struct rb_blob *frames = ops->take(link);
        if (!frames) return;
        frames = without_binary(frames);
        if (frames)
            rb_gather_add(gather, frames);
        else
            link_close_later(link, RB_OUT_OF_MEMORY);
    }
}

/* A Close that was answered, and whose answer has gone out behind everything else, is a clean end. */
static void on_closed(struct rb_socket *socket, rb_err why, bool is_clean)
{
    struct sio_wire *wire = wire_of(socket);
    bool has_flushed = socket->stream.state == RB_STREAM_LINGERING;
    if (wire->probe)
        upgrade_lost(wire);
    else if (wire->link)
        link_lost_wire(wire->link, why, is_clean && has_flushed && why == RB_CLIENT_CLOSED);
    wire_free(wire);
}

static const struct rb_socket_ops socket_ops = {.on_message = on_message,
                                                .on_pull = on_pull,
                                                .on_closed = on_closed};

/* ---- life ---- */

struct sio_wire *wire_new(struct sio_link *link)
{
    struct sio_wire *wire = rb_new(struct sio_wire);
    wire->magic = WIRE_MAGIC;
    wire->link = link;
    return wire;
}

void wire_free(struct sio_wire *wire)
{
    if (wire->early) frames_fini(wire->early);
    rb_free(wire->early);
    wire->magic = 0;
    rb_free(wire);
}

/* Whoever offers subprotocols gets the first one; none has a meaning here. */
static void echo_subprotocol(struct rb_request *request)
{
    rb_str offered = rb_request_header(request, "Sec-WebSocket-Protocol"), first;
    if (rb_str_split(&offered, ',', &first) && rb_str_trim(first).n > 0)
        rb_answer_header(request, "Sec-WebSocket-Protocol", rb_str_trim(first));
}

bool wire_accept(struct sio_wire *wire, struct rb_sio_door *door, struct rb_request *request)
{
    echo_subprotocol(request);
    requests_add_cors(door, request);
    return rb_socket_accept(request, &wire->socket, &socket_ops, door->setup.payload_bytes_max);
}

void wire_open(const struct link_endpoint *endpoint, struct links_here *here, struct rb_request *request,
               unsigned revision)
{
    struct sio_link *link = link_new(endpoint, here, request, revision);
    struct rb_buf packet = {0};
    if (!link) {
        rb_answer_problem(request, RB_OVERLOADED, RB_STR_NONE);
        return;
    }
    struct sio_wire *wire = link->wire = wire_new(link);
    wire->early = rb_new(struct frame_queue);
    link_put_open(link, &packet);
    link_send_buf(link, &packet);
    link_begin(link, request);
    if (wire_accept(wire, here->door, request)) {
        end_early(wire);
        return;
    }
    wire_free(wire);
    link_lost_wire(link, RB_CLIENT_GONE, false);
}
