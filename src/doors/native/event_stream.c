/* Event streams: a subscription whose events go out as server-sent events. */
#include "base/log.h"
#include "base/mem.h"
#include "doors/native/holder.h"
#include "http/sse.h"
#include "hub/registry.h"

#include <string.h>

enum { STREAM_MAGIC = 0x4e535345 };

struct native_stream {
    uint32_t magic;
    bool ends_at_final;
    struct rb_native *door;
    rb_err why; /* of the end that is to come */
    struct rb_sse sse;
    struct rb_conn conn;
    struct rb_list node; /* in the loop's streams */
    struct rb_task end;  /* ends it from outside a pull */
    const struct rb_identity *identity;
    struct rb_start start; /* of who waits to be admitted */
};

static void on_end(struct holder *holder, rb_err why);

static struct native_stream *stream_of(struct rb_sse *sse)
{
    struct native_stream *stream = RB_OUTER(sse, struct native_stream, sse);
    return RB_RECOVER(struct native_stream, stream, STREAM_MAGIC);
}

static void on_end_task(struct rb_task *task)
{
    struct native_stream *stream = RB_OUTER(task, struct native_stream, end);
    stream_shut(&stream->node, stream->why);
}

static void end_later(struct native_stream *stream, rb_err why)
{
    stream->why = why;
    stream->end.run = on_end_task;
    rb_conn_hold(&stream->conn, true);
    rb_loop_before_sleep(rb_net_loop(stream->sse.stream.net), &stream->end);
}

/* ---- the hub's side ---- */

static void want_output(struct rb_conn *conn)
{
    rb_sse_pull(&RB_OUTER(conn, struct native_stream, conn)->sse);
}

static void on_subscribed(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    (void)conn, (void)sub; /* a stream has no word for it */
}

static struct rb_blob *on_gap(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    struct native_stream *stream = RB_OUTER(conn, struct native_stream, conn);
    struct rb_blob *frame =
        stream_gap_frame(stream->sse.is_chunked, rb_sub_gap_after(&sub->sub), rb_sub_position(&sub->sub));
    if (!frame) end_later(stream, RB_OUT_OF_MEMORY);
    return frame;
}

static void on_event(struct rb_conn *conn, struct rb_conn_sub *sub, const struct rb_event *event)
{
    (void)sub;
    struct native_stream *stream = RB_OUTER(conn, struct native_stream, conn);
    struct holder *holder = holder_of(native_here(stream->door), conn);
    if (holder) holder_note(conn, holder, event);
    if (rb_identity_has_ended(stream->identity)) end_later(stream, RB_UNAUTHENTICATED);
    if (stream->ends_at_final && (event->flags & RB_EVENT_FINAL)) end_later(stream, RB_OK);
}

static void on_lost(struct rb_conn *conn)
{
    end_later(RB_OUTER(conn, struct native_stream, conn), RB_OUT_OF_MEMORY);
}

/* ---- reached by back ends ---- A stream has events for them, but no replies. */

static void describe(struct rb_conn *conn, struct rb_conn_facts *out)
{
    struct native_stream *stream = RB_OUTER(conn, struct native_stream, conn);
    *out = (struct rb_conn_facts){.tenant = stream->identity->tenant,
                                  .client = stream->identity->client,
                                  .door = "native",
                                  .transport = "sse",
                                  .stream = &stream->sse.stream};
}

static rb_err on_send(struct rb_conn *conn, rb_str name, rb_str data)
{
    struct native_stream *stream = RB_OUTER(conn, struct native_stream, conn);
    if (stream->sse.stream.state != RB_STREAM_OPEN) return RB_CONNECTION_LOST;
    struct rb_blob *frame =
        rb_sse_frame(stream->sse.is_chunked, RB_STR_NONE, name, data.n ? data : RB_STR("null"));
    if (!frame) return RB_OUT_OF_MEMORY;
    rb_sse_send(&stream->sse, frame);
    return RB_OK;
}

static void on_close(struct rb_conn *conn, rb_err why)
{
    struct native_stream *stream = RB_OUTER(conn, struct native_stream, conn);
    struct holder *holder = holder_of(native_here(stream->door), conn);
    if (holder)
        on_end(holder, why);
    else
        stream_shut(&stream->node, why);
}

static const struct rb_conn_ops conn_ops = {.want_output = want_output,
                                            .on_subscribed = on_subscribed,
                                            .on_gap = on_gap,
                                            .on_event = on_event,
                                            .on_lost = on_lost,
                                            .describe = describe,
                                            .on_send = on_send,
                                            .on_close = on_close};

/* ---- life ---- */

static void on_pull(struct rb_sse *sse, struct rb_gather *gather)
{
    rb_conn_pull(&stream_of(sse)->conn, gather);
}

static void on_closed(struct rb_sse *sse, rb_err why)
{
    struct native_stream *stream = stream_of(sse);
    RB_LOG_DEBUG("native.stream_closed", RB_KV("client", stream->identity->client), RB_KV_REASON(why));
    rb_loop_forget_task(&stream->end);
    rb_list_remove(&stream->node);
    holder_free(holder_of(native_here(stream->door), &stream->conn));
    rb_conn_fini(&stream->conn);
    rb_identity_unref(stream->identity);
    stream->magic = 0;
    rb_free(stream);
}

static const struct rb_sse_ops sse_ops = {.on_pull = on_pull, .on_closed = on_closed};

void stream_shut(struct rb_list *node, rb_err why)
{
    struct native_stream *stream = RB_OUTER(node, struct native_stream, node);
    holder_free(holder_of(native_here(stream->door), &stream->conn));
    rb_conn_hold(&stream->conn, true);
    rb_conn_withdraw(&stream->conn);
    rb_sse_end(&stream->sse, why);
}

/* ---- holders of tickets ---- Asked when the stream is open, since the home reaches connections only. Who is
 * not admitted, or has to go, is told by an event, so that it need not come again to find out. */

static void on_end(struct holder *holder, rb_err why)
{
    struct native_stream *stream = RB_OUTER(holder->conn, struct native_stream, conn);
    struct rb_buf data = {0};
    struct rb_json_out out = {.buf = &data};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "reason");
    rb_json_put_text(&out, rb_reason_name(why));
    rb_json_end_object(&out);
    if (why)
        rb_sse_send(&stream->sse,
                    rb_sse_frame(stream->sse.is_chunked, RB_STR_NONE, RB_STR("end"), rb_buf_str(&data)));
    rb_buf_fini(&data);
    stream_shut(&stream->node, why);
}

static void subscribe(struct native_stream *stream, rb_str topic)
{
    const struct rb_encoding *encoding =
        stream->sse.is_chunked ? &native_chunked_encoding : &native_plain_encoding;
    rb_conn_subscribe(&stream->conn, topic, &stream->identity->client, &stream->start, encoding, 0);
}

static void on_admitted(struct holder *holder, rb_err err)
{
    if (err)
        on_end(holder, err);
    else
        subscribe(RB_OUTER(holder->conn, struct native_stream, conn), holder_topic(holder));
}

void stream_open(struct errand *errand, const struct stream_start *start)
{
    struct rb_native *door = errand->door;
    if (native_here(door)->is_closing) {
        errand_fail(errand, RB_SHUTTING_DOWN, NULL);
        return;
    }
    struct native_stream *stream = rb_new(struct native_stream);
    stream->magic = STREAM_MAGIC;
    stream->ends_at_final = start->ends_at_final;
    stream->identity = rb_identity_ref(errand->who);
    rb_conn_init(&stream->conn, door->setup.hub, &conn_ops);
    stream->start = start->start;
    stream->door = door;
    unsigned char ticket_hash[32];
    bool has_ticket = errand->ticket != NULL;
    if (has_ticket) memcpy(ticket_hash, errand->ticket->hash, sizeof ticket_hash);
    char *topic = rb_str_dup(start->topic); /* the request goes with the answer */
    bool is_announced = rb_conn_announce(&stream->conn);
    if (!is_announced) errand_fail(errand, RB_TOO_MANY_CONNECTIONS, NULL);
    if (is_announced && rb_sse_open(errand->request, &stream->sse, &sse_ops)) {
        rb_list_push_back(&native_here(door)->streams, &stream->node);
        if (has_ticket)
            holder_ask(native_here(door), &stream->conn, rb_str_of(topic), ticket_hash, on_admitted, on_end);
        else
            subscribe(stream, rb_str_of(topic));
    } else {
        rb_conn_fini(&stream->conn);
        rb_identity_unref(stream->identity);
        rb_free(stream);
    }
    rb_free(topic);
}
