/* What is pushed to an endpoint: subscriptions of its connection.
 *
 * Who registers for a job that has said something already gets its last state at once. The topic's log knows
 * it best, in order with all that follows; but it forgets progress that nobody listened to. So the log is
 * read up to its end when the subscription has its start, and only the last state of it is sent; where that
 * is none of a run's, the one that the registration brought is, which was taken before. */
#include "base/mem.h"
#include "doors/bimserver/link.h"
#include "doors/bimserver/push.h"

static struct bim_registered *registered_of(struct rb_conn_sub *sub)
{
    return RB_OUTER(sub, struct bim_registered, sub);
}

static void end(struct bim_link *link, struct rb_conn_sub *sub)
{
    struct bim_registered *registered = registered_of(sub);
    if (registered->is_progress) bim_push_let_go(&link->here->pushes, sub->encoding);
    rb_blob_unref(registered->last);
    rb_conn_unsubscribe(sub);
}

void bim_link_unregister(struct bim_link *link, rb_str topic)
{
    struct rb_conn_sub *sub = rb_conn_find(&link->conn, topic);
    if (sub) end(link, sub);
}

void bim_link_unregister_all(struct bim_link *link)
{
    while (link->conn.subs) end(link, link->conn.subs);
}

static const struct rb_encoding *encoding_of(struct bim_link *link, const struct bim_registration *wanted)
{
    if (!wanted->progress) return &bim_news_encodings[wanted->dialect];
    return bim_push_of(&link->here->pushes, wanted->job_id, wanted->progress, wanted->dialect);
}

/* Twice is fine; in the other dialect it is as if the first one had not been. */
rb_err bim_link_register(struct bim_link *link, const struct bim_registration *wanted)
{
    struct rb_conn_sub *sub = rb_conn_find(&link->conn, wanted->topic);
    if (sub && sub->request == (uint64_t)wanted->dialect) return RB_OK;
    if (sub) end(link, sub);
    if (link->conn.sub_count >= LINK_REGISTRATIONS_MAX) return RB_TOO_MANY_SUBSCRIPTIONS;
    struct rb_start start = {.at = wanted->progress ? RB_START_OLDEST : RB_START_NOW};
    sub = rb_conn_subscribe(&link->conn, wanted->topic, &link->who->client, &start, encoding_of(link, wanted),
                            (uint64_t)wanted->dialect);
    struct bim_registered *registered = registered_of(sub);
    registered->is_progress = wanted->progress != NULL;
    registered->last = wanted->last ? rb_blob_ref(wanted->last) : NULL;
    return RB_OK;
}

/* ---- the last state ---- */

/* What a registration cannot know as well: progress, and ends. */
static bool is_known_better(const struct rb_event *event)
{
    enum rb_job_state state;
    return rb_str_is(event->name, "progress") ||
           (rb_job_state_find(event->name, &state) && rb_job_state_is_final(state));
}

void bim_link_on_subscribed(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    struct bim_link *link = bim_link_of(conn);
    struct bim_registered *registered = registered_of(sub);
    const struct rb_event *event;
    if (!registered->is_progress) return;
    while ((event = rb_conn_take_event(sub)) != NULL) {
        if (!is_known_better(event)) continue;
        rb_blob_unref(registered->last);
        registered->last = sub->encoding->encode(sub->encoding, rb_sub_topic_name(&sub->sub),
                                                 rb_sub_position(&sub->sub), event);
    }
    if (registered->last) rb_socket_send(&link->socket, registered->last);
    registered->last = NULL;
}
