/* An Engine.IO link over WebSocket: handshake, heartbeat, packets in order, close.
 *
 * The server pings, the client answers; a client whose answer does not come within the timeout is closed. A
 * pong also proves that everything written before its ping has arrived: that is when the cursors of rooms are
 * confirmed. A connection that merely broke confirms nothing, so what may have been lost with it is delivered
 * again after the next join. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "doors/socketio/sio_private.h"

#include <string.h>

enum { LINK_MAGIC = 0x53494f4c, BACKLOG_BYTES_MAX = 1024 * 1024 };

static struct sio_link *link_of(struct rb_socket *socket)
{
    struct sio_link *link = RB_OUTER(socket, struct sio_link, socket);
    return RB_RECOVER(struct sio_link, link, LINK_MAGIC);
}

static struct rb_loop *loop_of(struct sio_link *link)
{
    return rb_net_loop(link->socket.stream.net);
}

/* ---- sending ---- */

void link_send(struct sio_link *link, struct rb_buf *take_packet)
{
    if (take_packet->failed)
        link_close(link, RB_OUT_OF_MEMORY);
    else
        rb_socket_send_message(&link->socket, RB_WS_TEXT, rb_buf_str(take_packet));
    rb_buf_fini(take_packet);
}

void link_close(struct sio_link *link, rb_err why)
{
    if (link->state == LINK_CLOSING) return;
    link->state = LINK_CLOSING;
    rb_timer_stop(&link->heartbeat);
    rb_timer_stop(&link->connect_timeout);
    rb_conn_hold(&link->conn, true);
    rb_socket_close(&link->socket, why, 0,
                    RB_STR_NONE); /* as the reference server: a Close frame without a code */
}

/* ---- confirming ---- */

static struct room_sub *room_of(struct rb_conn_sub *sub)
{
    return RB_OUTER(sub, struct room_sub, base);
}

static void mark_cursors(struct sio_link *link)
{
    for (struct rb_conn_sub *sub = link->conn.subs; sub; sub = sub->next) {
        struct room_sub *room = room_of(sub);
        if (room->base.sub.is_started) room->mark = room->base.sub.cursor;
    }
}

static void confirm_marks(struct sio_link *link)
{
    for (struct rb_conn_sub *sub = link->conn.subs; sub; sub = sub->next) {
        struct room_sub *room = room_of(sub);
        if (room->mark <= room->confirmed) continue;
        rb_sub_confirm(&room->base.sub, room->mark);
        room->confirmed = room->mark;
    }
}

/* ---- heartbeat ---- */

static void on_ping_due(struct rb_timer *timer);

static void on_pong_late(struct rb_timer *timer)
{
    link_close(RB_OUTER(timer, struct sio_link, heartbeat), RB_PING_TIMEOUT);
}

static void rest(struct sio_link *link)
{
    link->state = LINK_IDLE;
    rb_timer_start(loop_of(link), &link->heartbeat, link->door->setup.ping_interval_ms, on_ping_due);
}

static void on_ping_due(struct rb_timer *timer)
{
    struct sio_link *link = RB_OUTER(timer, struct sio_link, heartbeat);
    mark_cursors(link);
    rb_socket_send_message(&link->socket, RB_WS_TEXT, RB_STR("2"));
    link->state = LINK_WANTS_PONG;
    link->was_extended = false;
    rb_timer_start(loop_of(link), timer, link->door->setup.ping_timeout_ms, on_pong_late);
}

static void on_pong(struct sio_link *link)
{
    if (link->state != LINK_WANTS_PONG) return; /* unsolicited: harmless, and proof of nothing */
    confirm_marks(link);
    rest(link);
}

/* A client that is busy sending is alive: its deadline is moved once. */
static void extend_deadline(struct sio_link *link)
{
    if (link->state != LINK_WANTS_PONG || link->was_extended) return;
    link->was_extended = true;
    rb_timer_start(loop_of(link), &link->heartbeat, link->door->setup.ping_timeout_ms, on_pong_late);
}

static void on_nobody_joined(struct rb_timer *timer)
{
    link_close(RB_OUTER(timer, struct sio_link, connect_timeout), RB_CONNECT_TIMEOUT);
}

/* ---- packets ---- */

static void handle_packet(struct sio_link *link, rb_str message)
{
    struct rb_eio_packet packet;
    if (rb_eio_read(message, &packet) != RB_OK) {
        link_close(link, RB_PROTOCOL_ERROR);
        return;
    }
    switch (packet.type) {
    case RB_EIO_PONG: on_pong(link); return;
    case RB_EIO_MESSAGE:
        extend_deadline(link);
        space_packet(link, packet.data);
        return;
    case RB_EIO_CLOSE: link_close(link, RB_CLIENT_CLOSED); return;
    case RB_EIO_PING: link_close(link, RB_PROTOCOL_ERROR); return; /* in this revision the server pings */
    case RB_EIO_OPEN:
    case RB_EIO_UPGRADE:
    case RB_EIO_NOOP: return;
    }
}

static void put_into_backlog(struct sio_link *link, rb_str message)
{
    uint32_t n = (uint32_t)message.n;
    rb_buf_add(&link->backlog, &n, sizeof n);
    rb_buf_add_str(&link->backlog, message);
    rb_stream_set_read(&link->socket.stream, false);
    if (link->backlog.failed) link_close(link, RB_MESSAGE_TOO_LARGE);
}

void link_replay(struct sio_link *link)
{
    struct rb_buf waiting = link->backlog;
    rb_buf_init(&link->backlog, BACKLOG_BYTES_MAX);
    rb_str rest_of_it = rb_buf_str(&waiting);
    while (rest_of_it.n > 0 && link->state != LINK_CLOSING) {
        uint32_t n;
        memcpy(&n, rest_of_it.p, sizeof n);
        rb_str message = rb_str_sub(rest_of_it, sizeof n, n);
        rest_of_it = rb_str_from(rest_of_it, sizeof n + n);
        if (link->checking)
            put_into_backlog(link, message);
        else
            handle_packet(link, message);
    }
    rb_buf_fini(&waiting);
    if (!link->checking && link->state != LINK_CLOSING) rb_stream_set_read(&link->socket.stream, true);
}

static void on_message(struct rb_socket *socket, enum rb_ws_opcode opcode, rb_str payload)
{
    struct sio_link *link = link_of(socket);
    if (link->state == LINK_CLOSING) return;
    if (opcode == RB_WS_BINARY)
        link_close(link, RB_PROTOCOL_ERROR); /* no binary event was announced */
    else if (link->state == LINK_OPENING || (link->checking && !rb_str_eq(payload, RB_STR("3"))))
        put_into_backlog(link, payload);
    else
        handle_packet(link, payload);
}

/* ---- the hub's side ---- */

static void want_output(struct rb_conn *conn)
{
    rb_socket_pull(&RB_OUTER(conn, struct sio_link, conn)->socket);
}

static void on_subscribed(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    (void)conn;
    struct room_sub *room = room_of(sub);
    room->start = room->confirmed = room->mark = sub->sub.cursor;
}

static void on_failure(struct rb_task *task)
{
    struct sio_link *link = RB_OUTER(task, struct sio_link, failure);
    link_close(link, link->failure_why);
}

static void fail_later(struct sio_link *link, rb_err why)
{
    link->failure_why = why;
    link->failure.run = on_failure;
    rb_loop_before_sleep(loop_of(link), &link->failure);
}

/* Who comes back after the results' time has missed them: nothing can be done, and closing would help nobody.
 * Who falls behind while connected is closed, so that it comes back and starts from what is kept. */
static struct rb_blob *on_gap(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    struct sio_link *link = RB_OUTER(conn, struct sio_link, conn);
    RB_LOG_WARN("socketio.gap", RB_KV("topic", rb_sub_topic_name(&sub->sub)),
                RB_KV("client", *sub->sub.client));
    if (rb_sub_gap_after(&sub->sub).offset != room_of(sub)->start) fail_later(link, RB_GAP);
    return NULL;
}

static void on_lost(struct rb_conn *conn)
{
    fail_later(RB_OUTER(conn, struct sio_link, conn), RB_OUT_OF_MEMORY);
}

static const struct rb_conn_ops conn_ops = {.sub_bytes = sizeof(struct room_sub),
                                            .want_output = want_output,
                                            .on_subscribed = on_subscribed,
                                            .on_gap = on_gap,
                                            .on_lost = on_lost};

/* ---- life ---- */

static void on_pull(struct rb_socket *socket, struct rb_gather *gather)
{
    rb_conn_pull(&link_of(socket)->conn, gather);
}

static void on_closed(struct rb_socket *socket, rb_err why, bool is_clean)
{
    struct sio_link *link = link_of(socket);
    if (is_clean && why == RB_CLIENT_CLOSED && rb_stream_queued(&socket->stream) == 0) {
        mark_cursors(link); /* it left of its own will, having had time to read */
        confirm_marks(link);
    }
    RB_LOG_DEBUG("socketio.closed", RB_KV_TEXT("sid", link->sid), RB_KV_REASON(why));
    rb_timer_stop(&link->heartbeat);
    rb_timer_stop(&link->connect_timeout);
    rb_loop_forget_task(&link->failure);
    rb_list_remove(&link->node);
    while (!rb_list_is_empty(&link->spaces)) space_free(RB_OUTER(link->spaces.next, struct sio_space, node));
    rb_conn_fini(&link->conn);
    rb_buf_fini(&link->backlog);
    rb_free(link->host);
    link->magic = 0;
    rb_free(link);
}

static const struct rb_socket_ops socket_ops = {.on_message = on_message,
                                                .on_pull = on_pull,
                                                .on_closed = on_closed};

static void send_open(struct sio_link *link)
{
    const struct rb_sio_setup *setup = &link->door->setup;
    struct rb_buf packet = {0};
    rb_eio_put_open(&packet, &(struct rb_eio_open){.sid = rb_str_of(link->sid),
                                                   .offers_websocket = false,
                                                   .ping_interval_ms = setup->ping_interval_ms,
                                                   .ping_timeout_ms = setup->ping_timeout_ms,
                                                   .max_payload_bytes = setup->payload_bytes_max});
    link_send(link, &packet);
}

/* Whoever offers subprotocols gets the first one; none has a meaning here. */
static void echo_subprotocol(struct rb_request *request)
{
    rb_str offered = rb_request_header(request, "Sec-WebSocket-Protocol"), first;
    if (rb_str_split(&offered, ',', &first) && rb_str_trim(first).n > 0)
        rb_answer_header(request, "Sec-WebSocket-Protocol", rb_str_trim(first));
}

void link_open(struct rb_request *request, struct rb_sio_door *door)
{
    struct sio_link *link = rb_new(struct sio_link);
    link->magic = LINK_MAGIC;
    link->door = door;
    link->host = room_host_alias(rb_request_header(request, "Host"));
    link->opened_ms = rb_clock_wall_ms();
    rb_random_text(link->sid, SID_CHARACTERS);
    rb_list_init(&link->spaces);
    rb_buf_init(&link->backlog, BACKLOG_BYTES_MAX);
    rb_conn_init(&link->conn, door->setup.hub, &conn_ops);
    echo_subprotocol(request);
    if (!rb_socket_accept(request, &link->socket, &socket_ops, door->setup.payload_bytes_max)) {
        rb_free(link->host);
        rb_free(link);
        return;
    }
    links_add(door, link);
    if (link->state == LINK_CLOSING) return; /* by what came together with the request */
    send_open(link);
    rest(link);
    rb_timer_start(loop_of(link), &link->connect_timeout, door->setup.connect_timeout_ms, on_nobody_joined);
    if (link->backlog.n > 0) link_replay(link);
}
