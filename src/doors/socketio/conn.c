/* What the hub sees of a space: events of its rooms on their way out, how far they are known to have arrived,
 * and messages of back ends for this client alone.
 *
 * A pong proves that everything written before its ping has arrived: that is when the cursors of rooms are
 * confirmed. A connection that merely broke confirms nothing, so what may have been lost with it is delivered
 * again after the next join. */
#include "base/log.h"
#include "doors/socketio/recovery.h"
#include "doors/socketio/sio_private.h"

static struct sio_space *space_of(struct rb_conn *conn)
{
    return RB_OUTER(conn, struct sio_space, conn);
}

/* ---- how far the client has got ---- */

void space_mark_rooms(struct sio_space *space)
{
    if (space->recovery && !recovery_mark(space)) return;
    ROOMS_EACH(node, space)
    {
        struct room_sub *room = room_sub_of(node);
        if (room->base.sub.is_started) room->mark = room->base.sub.cursor;
    }
}

void space_confirm_rooms(struct sio_space *space)
{
    ROOMS_EACH(node, space)
    {
        struct room_sub *room = room_sub_of(node);
        if (room->mark <= room->confirmed) continue;
        rb_sub_confirm(&room->base.sub, room->mark);
        room->confirmed = room->mark;
    }
    if (space->recovery) recovery_confirmed(space);
}

void space_confirm_all(struct sio_space *space)
{
    space_mark_rooms(space);
    space_confirm_rooms(space);
}

/* ---- events of rooms ---- */

static void want_output(struct rb_conn *conn)
{
    link_want_output(space_of(conn)->link);
}

static void on_subscribed(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    struct sio_space *space = space_of(conn);
    struct room_sub *room = room_sub_of(sub);
    room->start = room->confirmed = room->mark = sub->sub.cursor;
    if (space->recovery) recovery_subscribed(space, room);
}

/* Who comes back after the results' time has missed them: nothing can be done, and closing would help nobody.
 * Who falls behind while connected is closed, so that it comes back and starts from what is kept. */
static struct rb_blob *on_gap(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    struct sio_space *space = space_of(conn);
    if (space->state == SPACE_RECOVERING) { /* it was not there; told by what it joins as */
        recovery_gap(space);
        return NULL;
    }
    RB_LOG_WARN("socketio.gap", RB_KV("topic", rb_sub_topic_name(&sub->sub)),
                RB_KV("client", space->identity->client));
    if (rb_sub_gap_after(&sub->sub).offset != room_sub_of(sub)->start) link_close_later(space->link, RB_GAP);
    return NULL;
}

static void on_taken(struct rb_conn *conn, struct rb_conn_sub *sub, uint64_t after, uint64_t upto)
{
    recovery_taken(space_of(conn), sub, after, upto);
}

static void on_lost(struct rb_conn *conn)
{
    link_close_later(space_of(conn)->link, RB_OUT_OF_MEMORY);
}

/* ---- messages of back ends ---- */

static void describe(struct rb_conn *conn, struct rb_conn_facts *out)
{
    const struct sio_space *space = space_of(conn);
    *out = (struct rb_conn_facts){.tenant = space->identity->tenant,
                                  .client = space->identity->client,
                                  .door = "socketio",
                                  .transport = link_transport(space->link),
                                  .stream = link_stream(space->link),
                                  .space = space->nsp->name};
}

static rb_err on_send(struct rb_conn *conn, rb_str name, rb_str data)
{
    return space_send_event(space_of(conn), name, data);
}

static rb_err on_call(struct rb_conn *conn, uint32_t number, rb_str name, rb_str data, uint64_t timeout_ms)
{
    (void)timeout_ms; /* clients are not told */
    return space_send_call(space_of(conn), number, name, data);
}

static void on_mark(struct rb_conn *conn, struct rb_mark *mark)
{
    link_mark(space_of(conn)->link, mark);
}

/* A DISCONNECT means "go away": clients do not come back by themselves. Its link ends with its last space. */
static void on_close(struct rb_conn *conn, rb_err why)
{
    struct sio_space *space = space_of(conn);
    struct rb_buf packet = {0};
    rb_sio_put_disconnect(&packet, space->nsp->name);
    link_send_buf(space->link, &packet);
    space->state = SPACE_LEFT;
    rb_conn_hold(conn, true);
    rb_conn_withdraw(conn);
    RB_LIST_EACH(node, &space->link->upper.spaces)
    if (RB_OUTER(node, struct sio_space, node)->state != SPACE_LEFT) return;
    link_close(space->link, why);
}

#define SPACE_CONN_OPS                                                                                       \
    .sub_bytes = sizeof(struct room_sub), .want_output = want_output, .on_subscribed = on_subscribed,        \
    .on_gap = on_gap, .on_lost = on_lost, .describe = describe, .on_send = on_send, .on_call = on_call,      \
    .on_mark = on_mark, .on_close = on_close

const struct rb_conn_ops space_conn_ops = {SPACE_CONN_OPS};
const struct rb_conn_ops space_conn_ops_recoverable = {SPACE_CONN_OPS, .on_taken = on_taken};
