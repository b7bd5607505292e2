#include "http/socket.h"

#include "base/mem.h"
#include "http/http_private.h"

#include <string.h>

/* Exists from our Close to the end, which is why it is not part of the socket. */
struct rb_socket_farewell {
    struct rb_timer timer; /* the wait for the peer's Close, if ours came first */
    struct rb_socket *socket;
    rb_err why;
    bool got_close;
};

static struct rb_socket *socket_of(struct rb_stream *stream)
{
    return RB_OUTER(stream, struct rb_socket, stream);
}

/* ---- sending ---- */

struct rb_blob *rb_socket_frame(enum rb_ws_opcode opcode, rb_str payload)
{
    unsigned char header[RB_WS_HEADER_MAX];
    size_t n = rb_ws_put_header(header, opcode, true, payload.n, NULL);
    struct rb_blob *frame = rb_blob_new(n + payload.n);
    if (!frame) return NULL;
    memcpy(frame->p, header, n);
    if (payload.n > 0) memcpy(frame->p + n, payload.p, payload.n);
    return frame;
}

static void send_frame(struct rb_socket *socket, struct rb_blob *take_frame_or_null)
{
    if (take_frame_or_null)
        rb_stream_send(&socket->stream, take_frame_or_null);
    else
        rb_stream_abort(&socket->stream, RB_OUT_OF_MEMORY);
}

void rb_socket_send(struct rb_socket *socket, struct rb_blob *take_frame)
{
    if (rb_socket_is_closing(socket)) /* nothing may follow a Close */
        rb_blob_unref(take_frame);
    else
        send_frame(socket, take_frame);
}

void rb_socket_send_message(struct rb_socket *socket, enum rb_ws_opcode opcode, rb_str payload)
{
    rb_socket_send(socket, rb_socket_frame(opcode, payload));
}

void rb_socket_ping(struct rb_socket *socket)
{
    rb_socket_send_message(socket, RB_WS_PING, RB_STR_NONE);
}

void rb_socket_pull(struct rb_socket *socket)
{
    rb_stream_pull(&socket->stream);
}

/* ---- closing (RFC 6455 section 7) ---- */

static void send_close(struct rb_socket *socket, rb_err why, uint16_t code, rb_str text)
{
    struct rb_buf frame = {0};
    rb_ws_put_close(&frame, code, text);
    send_frame(socket, frame.failed ? NULL : rb_blob_copy(rb_buf_str(&frame)));
    rb_buf_fini(&frame);
    socket->farewell = rb_new(struct rb_socket_farewell);
    socket->farewell->socket = socket;
    socket->farewell->why = why;
}

static void on_farewell_over(struct rb_timer *timer)
{
    struct rb_socket_farewell *farewell = RB_OUTER(timer, struct rb_socket_farewell, timer);
    rb_socket_abort(farewell->socket, farewell->why);
}

void rb_socket_close(struct rb_socket *socket, rb_err why, uint16_t code, rb_str text)
{
    if (rb_socket_is_closing(socket) || socket->stream.state != RB_STREAM_OPEN) return;
    send_close(socket, why, code, text);
    rb_timer_start(rb_net_loop(socket->stream.net), &socket->farewell->timer, RB_SOCKET_FAREWELL_MS,
                   on_farewell_over);
}

void rb_socket_abort(struct rb_socket *socket, rb_err why)
{
    rb_stream_abort(&socket->stream, why);
}

/* The peer's Close: answered with the same code, unless it answers ours. */
static void handle_close(struct rb_socket *socket, uint16_t code)
{
    if (!rb_socket_is_closing(socket)) send_close(socket, RB_CLIENT_CLOSED, code, RB_STR_NONE);
    socket->farewell->got_close = true;
    rb_stream_close(&socket->stream, socket->farewell->why);
}

/* Nothing the peer sends can be understood any more, its Close neither: so it is not waited for. */
static void fail(struct rb_socket *socket, rb_err err)
{
    const struct rb_reason *reason = rb_reason(err);
    rb_socket_close(socket, err, (uint16_t)reason->close_code, rb_str_of(reason->sentence));
    rb_stream_close(&socket->stream, socket->farewell->why);
}

/* ---- what the stream reports ---- */

static void handle(struct rb_socket *socket, const struct rb_ws_event *event)
{
    switch (event->opcode) {
    case RB_WS_TEXT:
    case RB_WS_BINARY:
        if (!rb_socket_is_closing(socket)) socket->ops->on_message(socket, event->opcode, event->payload);
        break;
    case RB_WS_PING: rb_socket_send_message(socket, RB_WS_PONG, event->payload); break;
    case RB_WS_PONG:
        if (socket->ops->on_pong && !rb_socket_is_closing(socket)) socket->ops->on_pong(socket);
        break;
    case RB_WS_CLOSE: handle_close(socket, event->close_code); break;
    case RB_WS_CONTINUATION: RB_UNREACHABLE(); /* the reader gives whole messages */
    }
}

static void on_data(struct rb_stream *stream, char *p, size_t n)
{
    struct rb_socket *socket = socket_of(stream);
    struct rb_ws_input input = {p, n};
    struct rb_ws_event event;
    rb_err err;
    while (stream->state == RB_STREAM_OPEN) {
        switch (rb_ws_next(&socket->reader, &input, &event, &err)) {
        case RB_WS_MORE: return;
        case RB_WS_EVENT: handle(socket, &event); break;
        case RB_WS_FAILED: fail(socket, err); break;
        }
    }
}

static void on_end(struct rb_stream *stream)
{
    struct rb_socket *socket = socket_of(stream);
    rb_stream_close(stream, socket->farewell ? socket->farewell->why : RB_CLIENT_GONE);
}

static void on_pull(struct rb_stream *stream, struct rb_gather *gather)
{
    struct rb_socket *socket = socket_of(stream);
    if (socket->ops->on_pull && !rb_socket_is_closing(socket)) socket->ops->on_pull(socket, gather);
}

static void on_closed(struct rb_stream *stream, rb_err why)
{
    struct rb_socket *socket = socket_of(stream);
    bool is_clean = socket->farewell && socket->farewell->got_close;
    if (socket->farewell) rb_timer_stop(&socket->farewell->timer);
    rb_free(socket->farewell);
    socket->farewell = NULL;
    rb_ws_reader_fini(&socket->reader);
    socket->ops->on_closed(socket, why, is_clean);
}

static const struct rb_stream_ops stream_ops = {
    .on_data = on_data, .on_end = on_end, .on_pull = on_pull, .on_closed = on_closed};

/* ---- the handshake (RFC 6455 section 4.2) ---- */

static bool refuse(struct rb_request *request, rb_err err, rb_str detail)
{
    if (err == RB_UPGRADE_REQUIRED) {
        rb_answer_header(request, "Upgrade", RB_STR("websocket"));
        rb_answer_header(request, "Sec-WebSocket-Version", RB_STR("13"));
    }
    rb_answer_problem(request, err, detail);
    return false;
}

bool rb_socket_accept(struct rb_request *request, struct rb_socket *socket, const struct rb_socket_ops *ops,
                      uint32_t message_max_bytes)
{
    char accept[RB_WS_ACCEPT_BYTES + 1];
    bool is_upgrade = request->head.upgrade.p && rb_http1_lists(&request->head, "Upgrade", "websocket");
    if (!is_upgrade) return refuse(request, RB_UPGRADE_REQUIRED, RB_STR_NONE);
    if (request->head.method != RB_HTTP1_GET)
        return refuse(request, RB_BAD_REQUEST, RB_STR("The upgrade must be a GET."));
    if (!rb_str_is(rb_request_header(request, "Sec-WebSocket-Version"), "13"))
        return refuse(request, RB_UPGRADE_REQUIRED, RB_STR("Only version 13 is spoken here."));
    if (!rb_ws_accept(rb_request_header(request, "Sec-WebSocket-Key"), accept))
        return refuse(request, RB_BAD_REQUEST, RB_STR("Sec-WebSocket-Key must be 16 bytes in base64."));

    struct rb_buf *lines = &request_of(request)->lines;
    rb_buf_add_text(lines, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
    rb_buf_add(lines, accept, RB_WS_ACCEPT_BYTES);
    rb_buf_add_text(lines, "\r\n");
    /* Messages may come before the stream is handed over, so the socket must be ready for them. */
    *socket = (struct rb_socket){.ops = ops};
    rb_ws_reader_init(&socket->reader, true, message_max_bytes);
    return rb_answer_take_stream(request, 101, &socket->stream, &stream_ops);
}
