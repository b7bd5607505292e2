#include "hub/conn.h"

#include "base/mem.h"

enum { TURN_EVENTS = 32 }; /* of one subscription before the next has its turn */

static void on_ready(struct rb_sub *sub)
{
    struct rb_conn *conn = RB_OUTER(sub, struct rb_conn_sub, sub)->conn;
    rb_list_push_back(&conn->pending, &sub->pending_node);
    if (!conn->is_held) conn->ops->want_output(conn);
}

static void on_started(struct rb_sub *sub)
{
    struct rb_conn_sub *conn_sub = RB_OUTER(sub, struct rb_conn_sub, sub);
    conn_sub->conn->ops->on_subscribed(conn_sub->conn, conn_sub);
}

static const struct rb_sub_ops sub_ops = {.on_started = on_started, .on_ready = on_ready};

void rb_conn_init(struct rb_conn *conn, struct rb_hub *hub, const struct rb_conn_ops *ops)
{
    *conn = (struct rb_conn){.ops = ops, .hub = hub};
    rb_list_init(&conn->subs);
    rb_list_init(&conn->pending);
}

void rb_conn_fini(struct rb_conn *conn)
{
    while (conn->subs.next && !rb_list_is_empty(&conn->subs))
        rb_conn_unsubscribe(RB_OUTER(conn->subs.next, struct rb_conn_sub, sub.owner_node));
}

struct rb_conn_sub *rb_conn_find(struct rb_conn *conn, rb_str topic)
{
    RB_LIST_EACH(node, &conn->subs)
    {
        struct rb_conn_sub *sub = RB_OUTER(node, struct rb_conn_sub, sub.owner_node);
        if (rb_str_eq(rb_sub_topic_name(&sub->sub), topic)) return sub;
    }
    return NULL;
}

struct rb_conn_sub *rb_conn_subscribe(struct rb_conn *conn, rb_str topic, rb_str client,
                                      const struct rb_start *start, const struct rb_encoding *encoding,
                                      uint64_t request)
{
    if (rb_conn_find(conn, topic)) return NULL;
    struct rb_conn_sub *sub = rb_alloc(conn->ops->sub_bytes ? conn->ops->sub_bytes : sizeof *sub);
    sub->conn = conn;
    sub->encoding = encoding;
    sub->request = request;
    sub->sub.client = client;
    rb_list_push_back(&conn->subs, &sub->sub.owner_node);
    conn->sub_count++;
    rb_sub_start(conn->hub, &sub->sub, topic, start, &sub_ops);
    return sub;
}

void rb_conn_unsubscribe(struct rb_conn_sub *sub)
{
    rb_list_remove(&sub->sub.pending_node);
    rb_list_remove(&sub->sub.owner_node);
    sub->conn->sub_count--;
    rb_sub_stop(&sub->sub);
    rb_free(sub);
}

void rb_conn_hold(struct rb_conn *conn, bool is_held)
{
    conn->is_held = is_held;
    if (!is_held && !rb_list_is_empty(&conn->pending)) conn->ops->want_output(conn);
}

/* Gives one subscription its turn; false when it has nothing left. */
static bool take_turn(struct rb_conn *conn, struct rb_conn_sub *sub, struct rb_gather *gather)
{
    for (int i = 0; i < TURN_EVENTS && rb_gather_has_room(gather); i++) {
        struct rb_log_entry *entry;
        struct rb_blob *frame = conn->ops->on_event ? NULL : rb_sub_take_run(&sub->sub, sub->encoding);
        if (frame) {
            rb_gather_add(gather, rb_blob_ref(frame));
            continue;
        }
        switch (rb_sub_take(&sub->sub, &entry)) {
        case RB_TAKE_NOTHING: return false;
        case RB_TAKE_GAP:
            frame = conn->ops->on_gap(conn, sub);
            if (frame) rb_gather_add(gather, frame);
            break;
        case RB_TAKE_EVENT:
            frame = rb_sub_frame(&sub->sub, entry, sub->encoding);
            if (!frame) {
                conn->ops->on_lost(conn);
                return true;
            }
            rb_gather_add(gather, rb_blob_ref(frame));
            if (conn->ops->on_event) conn->ops->on_event(conn, sub, entry->event);
            break;
        }
    }
    return true;
}

void rb_conn_pull(struct rb_conn *conn, struct rb_gather *gather)
{
    while (!conn->is_held && rb_gather_has_room(gather) && !rb_list_is_empty(&conn->pending)) {
        struct rb_list *node = rb_list_pop_front(&conn->pending);
        struct rb_conn_sub *sub = RB_OUTER(node, struct rb_conn_sub, sub.pending_node);
        if (take_turn(conn, sub, gather)) rb_list_push_back(&conn->pending, node);
    }
}
