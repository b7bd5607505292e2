#include "hub/conn.h"

#include "base/mem.h"

enum { TURN_EVENTS = 32 }; /* of one subscription before the next has its turn */

/* ---- whose turn it is ---- A ring of those that have something to take; most connections have one
 * subscription, or none that has, so what is linked in one direction only is found by walking. */

static void push_pending(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    struct rb_conn_sub *last = conn->last_pending;
    sub->next_pending = last ? last->next_pending : sub;
    if (last) last->next_pending = sub;
    conn->last_pending = sub;
}

static void remove_behind(struct rb_conn *conn, struct rb_conn_sub *before)
{
    struct rb_conn_sub *sub = before->next_pending;
    before->next_pending = sub->next_pending;
    if (conn->last_pending == sub) conn->last_pending = sub == before ? NULL : before;
    sub->next_pending = NULL;
}

/* NULL when there is none. */
static struct rb_conn_sub *pop_pending(struct rb_conn *conn)
{
    struct rb_conn_sub *last = conn->last_pending, *first = last ? last->next_pending : NULL;
    if (first) remove_behind(conn, last);
    return first;
}

static void drop_pending(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    struct rb_conn_sub *before = sub;
    if (!sub->next_pending) return;
    while (before->next_pending != sub) before = before->next_pending;
    remove_behind(conn, before);
}

static void on_ready(struct rb_sub *sub)
{
    struct rb_conn *conn = RB_OUTER(sub, struct rb_conn_sub, sub)->conn;
    push_pending(conn, RB_OUTER(sub, struct rb_conn_sub, sub));
    if (!conn->is_held) conn->ops->want_output(conn);
}

static void on_started(struct rb_sub *sub)
{
    struct rb_conn_sub *conn_sub = RB_OUTER(sub, struct rb_conn_sub, sub);
    conn_sub->conn->ops->on_subscribed(conn_sub->conn, conn_sub);
}

/* ---- subscriptions ---- */

static const struct rb_sub_ops sub_ops = {.on_started = on_started, .on_ready = on_ready};

void rb_conn_init(struct rb_conn *conn, struct rb_hub *hub, const struct rb_conn_ops *ops)
{
    *conn = (struct rb_conn){.ops = ops, .hub = hub};
}

void rb_conn_fini(struct rb_conn *conn)
{
    rb_conn_withdraw(conn);
    while (conn->last_pending) pop_pending(conn);
    while (conn->subs) rb_conn_unsubscribe(conn->subs);
}

/* What points to the topic's subscription, or to the end. */
static struct rb_conn_sub **find(struct rb_conn *conn, rb_str topic)
{
    struct rb_conn_sub **link = &conn->subs;
    while (*link && !rb_str_eq(rb_sub_topic_name(&(*link)->sub), topic)) link = &(*link)->next;
    return link;
}

struct rb_conn_sub *rb_conn_find(struct rb_conn *conn, rb_str topic)
{
    return *find(conn, topic);
}

struct rb_conn_sub *rb_conn_subscribe(struct rb_conn *conn, rb_str topic, const rb_str *client,
                                      const struct rb_start *start, const struct rb_encoding *encoding,
                                      uint64_t request)
{
    struct rb_conn_sub **link = find(conn, topic);
    if (*link) return NULL;
    struct rb_conn_sub *sub = rb_alloc(conn->ops->sub_bytes ? conn->ops->sub_bytes : sizeof *sub);
    sub->conn = conn;
    sub->encoding = encoding;
    sub->request = request;
    sub->sub.client = client;
    *link = sub;
    conn->sub_count++;
    rb_sub_start(conn->hub, &sub->sub, topic, start, &sub_ops);
    return sub;
}

void rb_conn_unsubscribe(struct rb_conn_sub *sub)
{
    struct rb_conn_sub **link = &sub->conn->subs;
    while (*link != sub) link = &(*link)->next;
    *link = sub->next;
    drop_pending(sub->conn, sub);
    sub->conn->sub_count--;
    rb_sub_stop(&sub->sub);
    rb_free(sub);
}

void rb_conn_hold(struct rb_conn *conn, bool is_held)
{
    conn->is_held = is_held;
    if (!is_held && conn->last_pending) conn->ops->want_output(conn);
}

/* ---- output ---- */

enum taken { TAKEN_NOTHING, TAKEN, TAKEN_LOST };

/* One step of a subscription. *out_frame is the caller's; NULL where a door is silent about a gap. */
static enum taken take_one(struct rb_conn *conn, struct rb_conn_sub *sub, struct rb_blob **out_frame)
{
    struct rb_log_entry *entry;
    struct rb_blob *frame;
    uint64_t after = sub->sub.cursor;
    switch (rb_sub_take(&sub->sub, &entry)) {
    case RB_TAKE_NOTHING: return TAKEN_NOTHING;
    case RB_TAKE_GAP: *out_frame = conn->ops->on_gap(conn, sub); return TAKEN;
    case RB_TAKE_EVENT: break;
    }
    frame = rb_sub_frame(&sub->sub, entry, sub->encoding);
    if (!frame) {
        conn->ops->on_lost(conn);
        return TAKEN_LOST;
    }
    *out_frame = rb_blob_ref(frame);
    if (conn->ops->on_event) conn->ops->on_event(conn, sub, entry->event);
    if (conn->ops->on_taken) conn->ops->on_taken(conn, sub, after, sub->sub.cursor);
    return TAKEN;
}

static struct rb_blob *take_run(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    uint64_t after = sub->sub.cursor;
    struct rb_blob *run = conn->ops->on_event ? NULL : rb_sub_take_run(&sub->sub, sub->encoding);
    if (!run) return NULL;
    rb_blob_ref(run);
    if (conn->ops->on_taken) conn->ops->on_taken(conn, sub, after, sub->sub.cursor);
    return run;
}

/* Gives one subscription its turn; false when it has nothing left. */
static bool take_turn(struct rb_conn *conn, struct rb_conn_sub *sub, struct rb_gather *gather)
{
    for (int i = 0; i < TURN_EVENTS && rb_gather_has_room(gather); i++) {
        struct rb_blob *frame = take_run(conn, sub);
        if (!frame) {
            enum taken taken = take_one(conn, sub, &frame);
            if (taken != TAKEN) return taken == TAKEN_LOST;
        }
        if (frame) rb_gather_add(gather, frame);
    }
    return true;
}

void rb_conn_pull(struct rb_conn *conn, struct rb_gather *gather)
{
    while (!conn->is_held && rb_gather_has_room(gather) && conn->last_pending) {
        struct rb_conn_sub *sub = pop_pending(conn);
        if (take_turn(conn, sub, gather)) push_pending(conn, sub);
    }
}

/* A turn is one frame here. */
struct rb_blob *rb_conn_take(struct rb_conn *conn)
{
    struct rb_blob *frame = NULL;
    enum taken taken = TAKEN;
    while (!frame && taken != TAKEN_LOST && !conn->is_held && conn->last_pending) {
        struct rb_conn_sub *sub = pop_pending(conn);
        taken = take_one(conn, sub, &frame);
        if (taken != TAKEN_NOTHING) push_pending(conn, sub);
    }
    return frame;
}

const struct rb_event *rb_conn_take_event(struct rb_conn_sub *sub)
{
    struct rb_log_entry *entry;
    if (!sub->sub.is_ready || sub->sub.gap_after) return NULL;
    switch (rb_sub_take(&sub->sub, &entry)) {
    case RB_TAKE_EVENT: return entry->event;
    case RB_TAKE_NOTHING: drop_pending(sub->conn, sub); return NULL;
    case RB_TAKE_GAP: return NULL;
    }
    RB_UNREACHABLE();
}
