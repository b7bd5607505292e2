/* An Engine.IO link: what is the same on every transport.
 *
 * Ending is the delicate part. It can be asked for from nearly anywhere: from inside a message's handler,
 * from the heartbeat, by a transport that broke. So link_end only notes it, stops what could still happen and
 * lets the transport say goodbye; before the loop sleeps the upper side is told, and the link is freed. Only
 * on polling a shell of it stays behind when the client still has to fetch what was said last. A WebSocket
 * finishes on its own, without its link. */
#include "base/log.h"
#include "base/mem.h"
#include "doors/socketio/link_private.h"

#include <string.h>

enum { LINK_MAGIC = 0x53494f4c, OVERTAKEN_MS = 50 };

static void on_end_task(struct rb_task *task);

/* ---- beginning ---- */

static bool asks_for_base64(struct rb_request *request)
{
    rb_str value;
    return rb_request_query(request, "b64", &value) && rb_str_is(value, "1");
}

struct sio_link *link_new(const struct link_endpoint *endpoint, struct links_here *here,
                          struct rb_request *request, unsigned revision)
{
    struct sio_link *link = rb_new(struct sio_link);
    link->slot = rb_handles_add(&here->table, link);
    if (link->slot == RB_HANDLE_NO_SLOT) {
        rb_free(link);
        return NULL;
    }
    link->magic = LINK_MAGIC;
    link->endpoint = endpoint;
    link->here = here;
    link->revision = (uint8_t)revision;
    link->wants_base64 = revision == 3 && asks_for_base64(request);
    rb_list_init(&link->upper.spaces);
    rb_list_push_back(&here->links, &link->node);
    return link;
}

static void on_nobody_joined(struct rb_timer *timer)
{
    link_close(RB_OUTER(timer, struct sio_link, connect_timeout), RB_CONNECT_TIMEOUT);
}

void link_begin(struct sio_link *link, struct rb_request *request)
{
    heartbeat_start(link);
    rb_timer_start(link->here->loop, &link->connect_timeout, link->here->door->setup.connect_timeout_ms,
                   on_nobody_joined);
    link->endpoint->ops->on_open(link, request);
}

void link_put_open(const struct sio_link *link, struct rb_buf *out)
{
    const struct rb_sio_setup *setup = &link->here->door->setup;
    char sid[RB_HANDLE_TEXT_BYTES];
    link_sid(link, sid);
    rb_eio_put_open(out,
                    &(struct rb_eio_open){.sid = rb_str_of(sid),
                                          .offers_websocket = link->poll && link->endpoint->has_websocket,
                                          .ping_interval_ms = setup->ping_interval_ms,
                                          .ping_timeout_ms = setup->ping_timeout_ms,
                                          .max_payload_bytes = setup->payload_bytes_max});
}

struct sio_link *link_find(const struct link_endpoint *endpoint, const struct links_here *here,
                           const struct rb_handle *sid)
{
    struct sio_link *link = rb_handles_get(&here->table, sid);
    if (!link || link->endpoint != endpoint) return NULL;
    if (link->state == LINK_CLOSING && (!link->poll || link->poll->is_over)) return NULL;
    return RB_RECOVER(struct sio_link, link, LINK_MAGIC);
}

/* ---- in ---- */

void link_deliver(struct sio_link *link, bool is_binary, rb_str data)
{
    const struct link_ops *ops = link->endpoint->ops;
    if (is_binary)
        ops->on_binary(link, data);
    else
        ops->on_text(link, data);
}

static void take_message(struct sio_link *link, const struct rb_eio_item *item)
{
    heartbeat_heard(link);
    if (link->is_paused)
        backlog_add(link, item->is_binary, item->data);
    else
        link_deliver(link, item->is_binary, item->data);
}

rb_err link_receive(struct sio_link *link, const struct rb_eio_item *item)
{
    switch (item->type) {
    case RB_EIO_MESSAGE: take_message(link, item); return RB_OK;
    case RB_EIO_PING: return heartbeat_ping(link);
    case RB_EIO_PONG: return heartbeat_pong(link);
    case RB_EIO_CLOSE: link_end(link, RB_CLIENT_CLOSED, LINK_LEAVES); return RB_OK;
    case RB_EIO_OPEN:
    case RB_EIO_UPGRADE:
    case RB_EIO_NOOP: heartbeat_heard(link); return RB_OK;
    }
    return RB_PROTOCOL_ERROR;
}

void link_pause(struct sio_link *link, bool is_paused)
{
    if (link->is_paused == is_paused) return;
    link->is_paused = is_paused;
    if (is_paused) {
        if (link->wire) wire_set_read(link->wire, false);
        return;
    }
    heartbeat_unpause(link);
    backlog_replay(link);
    if (link->wire && !link->is_paused && link->state != LINK_CLOSING) wire_set_read(link->wire, true);
}

void link_joined(struct sio_link *link)
{
    link->upper.was_joined = true;
    rb_timer_stop(&link->connect_timeout);
}

/* ---- out ---- */

void link_send_frame(struct sio_link *link, struct rb_blob *take_frames)
{
    if (!take_frames) {
        link_end(link, RB_OUT_OF_MEMORY, LINK_CUTS);
    } else if (link->state == LINK_CLOSING) {
        rb_blob_unref(take_frames);
    } else if (link->wire) {
        wire_send(link->wire, take_frames);
    } else {
        poll_send(link->poll, take_frames);
    }
}

void link_send_text(struct sio_link *link, rb_str packet)
{
    if (link->state != LINK_CLOSING) link_send_frame(link, rb_socket_frame(RB_WS_TEXT, packet));
}

void link_send_buf(struct sio_link *link, struct rb_buf *take_packet)
{
    if (take_packet->failed)
        link_send_frame(link, NULL);
    else
        link_send_text(link, rb_buf_str(take_packet));
    rb_buf_fini(take_packet);
}

void link_send_binary(struct sio_link *link, rb_str data)
{
    struct rb_buf payload = {0};
    rb_eio_put_binary(&payload, link->revision == 3, data);
    link_send_frame(link, payload.failed ? NULL : rb_socket_frame(RB_WS_BINARY, rb_buf_str(&payload)));
    rb_buf_fini(&payload);
}

void link_mark(struct sio_link *link, struct rb_mark *mark)
{
    if (link->state == LINK_CLOSING)
        mark->reached(mark, false);
    else if (link->wire)
        wire_mark(link->wire, mark);
    else
        frames_mark(&link->poll->queue, mark);
}

void link_want_output(struct sio_link *link)
{
    if (link->state == LINK_CLOSING) return;
    if (link->wire)
        wire_want_output(link->wire);
    else
        poll_want_output(link->poll);
}

/* ---- ending ---- */

void link_end_soon(struct sio_link *link)
{
    struct links_here *here = link->here;
    rb_list_remove(&link->node);
    rb_list_push_back(&here->ending, &link->node);
    here->end_task.run = on_end_task;
    rb_loop_before_sleep(here->loop, &here->end_task);
}

static void begin_closing(struct sio_link *link, rb_err why, bool is_clean)
{
    link->state = LINK_CLOSING;
    link->why = (uint8_t)why;
    link->is_clean = is_clean;
    rb_timer_stop(&link->heartbeat);
    rb_timer_stop(&link->connect_timeout);
    link_end_soon(link);
}

/* Has the client got all that was sent to it, as far as can be known? On polling it has when it asks for more
 * and nothing is there. */
static bool has_read_all(const struct sio_link *link)
{
    return link->wire || (link->poll->get && frames_are_empty(&link->poll->queue));
}

void link_end(struct sio_link *link, rb_err why, enum link_end how)
{
    if (link->state != LINK_CLOSING) begin_closing(link, why, how == LINK_LEAVES && has_read_all(link));
    if (link->wire)
        wire_close(link->wire, why);
    else if (link->poll)
        poll_end(link->poll, how);
}

void link_close(struct sio_link *link, rb_err why)
{
    if (link->state != LINK_CLOSING) link_end(link, why, LINK_FLUSHES);
}

static void on_close_later(struct rb_timer *timer)
{
    struct sio_link *link = RB_OUTER(timer, struct sio_link, heartbeat);
    link_close(link, (rb_err)link->why);
}

/* The heartbeat's timer is free for it: this link needs no other beat. */
void link_close_later(struct sio_link *link, rb_err why)
{
    if (link->state == LINK_CLOSING || link->will_close) return;
    link->will_close = true;
    link->why = (uint8_t)why;
    rb_timer_start(link->here->loop, &link->heartbeat, 0, on_close_later);
}

static void tell_upper(struct sio_link *link)
{
    if (link->is_told) return;
    RB_LOG_DEBUG("socketio.closed", RB_KV_REASON((rb_err)link->why), RB_KV_TEXT("on", link_transport(link)));
    link->is_told = true;
    link->endpoint->ops->on_closed(link, (rb_err)link->why, link->is_clean);
    backlog_free(link);
}

static void free_link(struct sio_link *link)
{
    rb_timer_stop(&link->heartbeat);
    rb_timer_stop(&link->connect_timeout);
    rb_list_remove(&link->node);
    if (link->wire) link->wire->link = NULL;
    poll_free(link->poll);
    rb_handles_remove(&link->here->table, link->slot);
    link->magic = 0;
    rb_free(link);
}

static void on_farewell_over(struct rb_timer *timer)
{
    link_end(RB_OUTER(timer, struct sio_link, heartbeat), RB_OK, LINK_CUTS);
}

static void end_link(struct sio_link *link)
{
    tell_upper(link);
    if (!link->poll || link->poll->is_over) {
        free_link(link);
        return;
    }
    rb_list_remove(&link->node);
    rb_list_push_back(&link->here->farewells, &link->node);
    uint64_t ms = link->poll->has_left ? OVERTAKEN_MS : link->here->door->setup.close_timeout_ms;
    rb_timer_start(link->here->loop, &link->heartbeat, ms, on_farewell_over);
}

static void on_end_task(struct rb_task *task)
{
    struct links_here *here = RB_OUTER(task, struct links_here, end_task);
    while (!rb_list_is_empty(&here->ending)) end_link(RB_OUTER(here->ending.next, struct sio_link, node));
}

void link_lost_wire(struct sio_link *link, rb_err why, bool is_clean)
{
    link->wire = NULL;
    if (link->state != LINK_CLOSING) begin_closing(link, why, is_clean);
}

void links_free(struct links_here *here)
{
    struct rb_list *const lists[] = {&here->ending, &here->links, &here->farewells};
    rb_loop_forget_task(&here->end_task);
    for (size_t i = 0; i < RB_COUNT(lists); i++)
        while (!rb_list_is_empty(lists[i])) {
            struct sio_link *link = RB_OUTER(lists[i]->next, struct sio_link, node);
            link->state = LINK_CLOSING;
            tell_upper(link);
            free_link(link);
        }
}

/* ---- what is known of it ---- */

struct rb_loop *link_loop(const struct sio_link *link)
{
    return link->here->loop;
}

void link_sid(const struct sio_link *link, char out[RB_HANDLE_TEXT_BYTES])
{
    struct rb_handle sid;
    rb_handles_name(&link->here->table, link->slot, &sid);
    rb_handle_text(&sid, out);
}

const char *link_transport(const struct sio_link *link)
{
    return link->poll ? "polling" : "websocket";
}

struct rb_stream *link_stream(const struct sio_link *link)
{
    if (link->wire) return wire_stream(link->wire);
    return link->poll && link->poll->get ? rb_request_stream(link->poll->get) : NULL;
}
