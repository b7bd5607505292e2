/* A connection on /v1/socket: who it is, its subscriptions, its end.
 *
 * A socket whose request carried a token begins open. Any other has until the auth timeout to say who it is;
 * while its token is looked up nothing is read from it, and what has been read already waits. An open socket
 * is pinged when nothing came from it for a while; whatever comes then is a sign of life. */
#include "base/log.h"
#include "base/mem.h"
#include "doors/native/holder.h"
#include "doors/native/native_socket.h"

#include <string.h>

enum { BACKLOG_BYTES_MAX = 64 * 1024 };

struct socket_check {
    struct rb_auth_check *check;
    struct rb_ticket_check *ticket_check;
    const struct rb_identity *identity; /* of who has a ticket, until it is admitted */
    struct rb_buf request_id;           /* raw JSON; empty: there was none */
    struct rb_buf backlog;              /* messages, each behind its length (uint32_t) */
};

static struct native_socket *native_of(struct rb_socket *socket)
{
    return RB_OUTER(socket, struct native_socket, socket);
}

struct rb_loop *socket_loop(struct native_socket *native)
{
    return native->here->loop;
}

static void drop_check(struct socket_check *check)
{
    rb_auth_cancel(check->check);
    rb_ticket_cancel(check->ticket_check);
    rb_identity_unref(check->identity);
    rb_buf_fini(&check->request_id);
    rb_buf_fini(&check->backlog);
    rb_free(check);
}

/* Who it is, or who is asked. */
static void forget_identity(struct native_socket *native)
{
    if (native->state == SOCKET_CHECKING)
        drop_check(native->check);
    else
        rb_identity_unref(native->identity);
    native->identity = NULL;
}

void socket_close(struct native_socket *native, rb_err why)
{
    if (native->state == SOCKET_CLOSING) return;
    if (native->state == SOCKET_CHECKING) forget_identity(native);
    holder_free(holder_of(native->here, &native->conn));
    native->state = SOCKET_CLOSING;
    socket_wait_no_more(native);
    rb_conn_hold(&native->conn, true);
    rb_conn_withdraw(&native->conn);
    rb_socket_close(&native->socket, why, (uint16_t)rb_reason(why)->close_code,
                    rb_str_of(rb_reason_name(why)));
    socket_set_reading(native);
}

/* A closing socket is read from, for the peer's Close. */
void socket_set_reading(struct native_socket *native)
{
    struct rb_stream *stream = &native->socket.stream;
    bool is_busy = native->state == SOCKET_CHECKING || native->reply_count >= SOCKET_REPLIES_MAX;
    bool want_read = native->state == SOCKET_CLOSING || !is_busy;
    if (stream->want_read != want_read) rb_stream_set_read(stream, want_read);
}

/* ---- saying who it is ---- */

static void put_into_backlog(struct native_socket *native, rb_str message)
{
    struct rb_buf *backlog = &native->check->backlog;
    uint32_t n = (uint32_t)message.n;
    rb_buf_add(backlog, &n, sizeof n);
    rb_buf_add_str(backlog, message);
    if (backlog->failed) socket_close(native, RB_MESSAGE_TOO_LARGE);
}

static void handle(struct native_socket *native, rb_str message)
{
    if (native->state == SOCKET_CHECKING)
        put_into_backlog(native, message);
    else if (native->state != SOCKET_CLOSING)
        socket_message(native, message);
}

/* The messages that waited; the first may be another attempt to say who it is, for which the others wait
 * again. */
static void replay(struct native_socket *native, rb_str messages)
{
    while (messages.n > 0) {
        uint32_t n;
        memcpy(&n, messages.p, sizeof n);
        handle(native, rb_str_sub(messages, sizeof n, n));
        messages = rb_str_from(messages, sizeof n + n);
    }
}

/* A holder of a ticket is announced already, so that the topic's home could ask about it. */
static void settle(struct native_socket *native, rb_err err, const struct rb_identity *identity)
{
    struct socket_check *check = native->check;
    native->state = err ? SOCKET_NEW : SOCKET_OPEN;
    native->identity = err ? NULL : rb_identity_ref(identity);
    bool is_too_many = !err && !native->conn.is_announced && !rb_conn_announce(&native->conn);
    if (is_too_many) {
        socket_close(native, RB_TOO_MANY_CONNECTIONS);
        drop_check(check);
        return;
    }
    if (!err) socket_wait_in(native, LINE_QUIET);
    socket_checked(native, err, rb_buf_str(&check->request_id));
    replay(native, rb_buf_str(&check->backlog));
    socket_set_reading(native);
    drop_check(check);
}

static void on_checked(void *arg, rb_err err, const struct rb_identity *identity)
{
    struct native_socket *native = arg;
    native->check->check = NULL;
    settle(native, err, identity);
}

static struct socket_check *begin_check(struct native_socket *native, rb_str request_id)
{
    struct socket_check *check = rb_new(struct socket_check);
    rb_buf_init(&check->backlog, BACKLOG_BYTES_MAX + native->here->door->setup.message_max_bytes);
    rb_buf_add_str(&check->request_id, request_id);
    native->check = check;
    native->state = SOCKET_CHECKING;
    return check;
}

void socket_check(struct native_socket *native, rb_str token, rb_str request_id)
{
    struct socket_check *check = begin_check(native, request_id);
    struct rb_auth_check *running = rb_auth_check(native->here->door->setup.auth, token, on_checked, native);
    if (!running) return; /* and `check` is gone */
    check->check = running;
    socket_set_reading(native);
}

/* ---- saying it with a ticket ---- */

static const struct rb_conn_ops conn_ops, holder_conn_ops;

const struct rb_identity *socket_identity(const struct native_socket *native)
{
    return native->state == SOCKET_CHECKING ? native->check->identity : native->identity;
}

static void on_end(struct holder *holder, rb_err why)
{
    socket_close(RB_OUTER(holder->conn, struct native_socket, conn), why);
}

static void on_admitted(struct holder *holder, rb_err err)
{
    struct native_socket *native = RB_OUTER(holder->conn, struct native_socket, conn);
    if (err) {
        rb_conn_withdraw(&native->conn);
        native->conn.ops = &conn_ops;
        holder_free(holder);
    }
    settle(native, err, native->check->identity);
}

static void on_event(struct rb_conn *conn, struct rb_conn_sub *sub, const struct rb_event *event)
{
    (void)sub;
    struct native_socket *native = RB_OUTER(conn, struct native_socket, conn);
    struct holder *holder = holder_of(native->here, conn);
    if (holder) holder_note(conn, holder, event);
}

static void on_ticket(void *arg, rb_err err, const struct rb_ticket_record *ticket)
{
    struct native_socket *native = arg;
    native->check->ticket_check = NULL;
    if (err) {
        settle(native, err, NULL);
        return;
    }
    rb_str tenant, topic = ticket->topic;
    rb_str_split(&topic, '/', &tenant);
    native->check->identity = rb_identity_new(
        &(struct rb_identity){.tenant = tenant, .client = ticket->client, .role = RB_ROLE_TICKET});
    native->conn.ops = &holder_conn_ops;
    if (!rb_conn_announce(&native->conn)) {
        socket_close(native, RB_TOO_MANY_CONNECTIONS);
        return;
    }
    holder_ask(native->here, &native->conn, ticket->topic, ticket->hash, on_admitted, on_end);
}

void socket_check_ticket(struct native_socket *native, rb_str ticket, rb_str request_id)
{
    struct socket_check *check = begin_check(native, request_id);
    struct rb_ticket_check *running =
        rb_ticket_check(native->here->door->setup.tickets, ticket, on_ticket, native);
    if (!running) return; /* and `check` is gone */
    check->ticket_check = running;
    socket_set_reading(native);
}

/* ---- the hub's side ---- */

static void want_output(struct rb_conn *conn)
{
    rb_socket_pull(&RB_OUTER(conn, struct native_socket, conn)->socket);
}

static void on_subscribed(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    socket_subscribed(RB_OUTER(conn, struct native_socket, conn), sub);
}

static void on_lost(struct rb_conn *conn)
{
    struct native_socket *native = RB_OUTER(conn, struct native_socket, conn);
    native->state = SOCKET_LOST;
    socket_wait_in(native, LINE_LOST);
}

static struct rb_blob *on_gap(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    struct rb_blob *frame = socket_gap_frame(rb_sub_topic_name(&sub->sub), rb_sub_gap_after(&sub->sub),
                                             rb_sub_position(&sub->sub));
    if (!frame) on_lost(conn);
    return frame;
}

static void on_close(struct rb_conn *conn, rb_err why)
{
    socket_close(RB_OUTER(conn, struct native_socket, conn), why);
}

static const struct rb_conn_ops conn_ops = {.want_output = want_output,
                                            .on_subscribed = on_subscribed,
                                            .on_gap = on_gap,
                                            .on_lost = on_lost,
                                            .describe = socket_describe,
                                            .on_send = socket_send,
                                            .on_call = socket_call,
                                            .on_close = on_close};

/* Of holders of tickets: what each event means for them is noted, so they get no runs. */
static const struct rb_conn_ops holder_conn_ops = {.want_output = want_output,
                                                   .on_subscribed = on_subscribed,
                                                   .on_gap = on_gap,
                                                   .on_event = on_event,
                                                   .on_lost = on_lost,
                                                   .describe = socket_describe,
                                                   .on_send = socket_send,
                                                   .on_call = socket_call,
                                                   .on_close = on_close};

/* ---- what the socket reports ---- */

static void on_message(struct rb_socket *socket, enum rb_ws_opcode opcode, rb_str payload)
{
    struct native_socket *native = native_of(socket);
    socket_note_life(native);
    if (rb_socket_is_closing(socket)) return;
    if (opcode == RB_WS_TEXT)
        handle(native, payload);
    else
        socket_close(native, RB_UNSUPPORTED_MEDIA);
}

static void on_pong(struct rb_socket *socket)
{
    socket_note_life(native_of(socket));
}

static void on_pull(struct rb_socket *socket, struct rb_gather *gather)
{
    rb_conn_pull(&native_of(socket)->conn, gather);
}

static void on_closed(struct rb_socket *socket, rb_err why, bool is_clean)
{
    (void)is_clean;
    struct native_socket *native = native_of(socket);
    bool is_known = native->state != SOCKET_CHECKING && native->identity;
    RB_LOG_DEBUG("native.socket_closed", RB_KV("client", is_known ? native->identity->client : RB_STR_NONE),
                 RB_KV_REASON(why));
    socket_wait_no_more(native);
    socket_forget_requests(native);
    holder_free(holder_of(native->here, &native->conn));
    rb_conn_fini(&native->conn);
    forget_identity(native);
    rb_free(native);
}

static const struct rb_socket_ops socket_ops = {
    .on_message = on_message, .on_pong = on_pong, .on_pull = on_pull, .on_closed = on_closed};

/* ---- opening ---- */

void handle_socket(struct errand *errand)
{
    struct rb_native *door = errand->door;
    struct native_here *here = native_here(door);
    if (here->is_closing) {
        errand_fail(errand, RB_SHUTTING_DOWN, NULL);
        return;
    }
    struct native_socket *native = rb_new(struct native_socket);
    native->here = here;
    native->identity = errand->who ? rb_identity_ref(errand->who) : NULL;
    native->state = native->identity ? SOCKET_OPEN : SOCKET_NEW;
    rb_conn_init(&native->conn, door->setup.hub, &conn_ops);
    /* Before messages, which may come with the request. */
    if (native->identity && !rb_conn_announce(&native->conn)) {
        errand_fail(errand, RB_TOO_MANY_CONNECTIONS, NULL);
    } else {
        socket_wait_in(native, native->identity ? LINE_QUIET : LINE_AUTH);
        if (rb_socket_accept(errand->request, &native->socket, &socket_ops, door->setup.message_max_bytes))
            return;
        socket_wait_no_more(native);
    }
    rb_conn_fini(&native->conn);
    forget_identity(native);
    rb_free(native);
}
