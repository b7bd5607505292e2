/* Calls: requests to one connection that wait for its reply.
 *
 * A call ends exactly once, on the connection's loop: whatever ends it takes it off the connection's list,
 * and what comes too late finds it no more. Most connections are never called, so the list is not theirs but
 * the loop's, and is there only while they have calls under way. Numbers are the loop's too: one that was
 * used is not used again for a long time, so that a late reply meets no other call. */
#include "base/mem.h"
#include "hub/registry_private.h"

/* A connection with calls under way. */
struct callee {
    const struct rb_conn *conn;
    struct rb_list calls; /* struct rb_conn_errand, oldest first: most are answered in this order */
    unsigned count;
};

static struct callee *callee_find(const struct rb_shard *shard, const struct rb_conn *conn)
{
    return rb_map_get(&shard->callees, conn_key(&conn));
}

static struct callee *callee_of(struct rb_shard *shard, const struct rb_conn *conn)
{
    struct callee *callee = callee_find(shard, conn);
    if (callee) return callee;
    callee = rb_new(struct callee);
    callee->conn = conn;
    rb_list_init(&callee->calls);
    rb_map_put(&shard->callees, conn_key(&callee->conn), callee);
    return callee;
}

/* The callee may be gone afterwards. */
static void call_end(struct rb_shard *shard, struct callee *callee, struct rb_conn_errand *call, rb_err why)
{
    rb_timer_stop(&call->deadline);
    rb_list_remove(&call->call_node);
    errand_end(call, why);
    if (--callee->count > 0) return;
    rb_map_remove(&shard->callees, conn_key(&callee->conn));
    rb_free(callee);
}

static void on_deadline(struct rb_timer *timer)
{
    struct rb_conn_errand *call = RB_OUTER(timer, struct rb_conn_errand, deadline);
    struct rb_shard *shard = shard_here(call->hub);
    call_end(shard, callee_find(shard, call->conn), call, RB_CALL_TIMEOUT);
}

bool call_begin(struct rb_shard *shard, struct rb_conn *conn, struct rb_conn_errand *errand)
{
    unsigned max = conn->ops->calls_max ? conn->ops->calls_max : RB_CONN_CALLS_MAX;
    if (!conn->ops->on_call) {
        errand_end(errand, RB_CALL_UNSUPPORTED);
        return false;
    }
    struct callee *callee = callee_of(shard, conn);
    if (callee->count == max) {
        errand_end(errand, RB_TOO_MANY_REQUESTS);
        return false;
    }
    shard->last_call = shard->last_call % INT32_MAX + 1;
    errand->conn = conn;
    errand->number = shard->last_call;
    rb_list_push_back(&callee->calls, &errand->call_node);
    callee->count++;
    count_waiting(errand);
    rb_timer_start(shard->loop, &errand->deadline, errand->timeout_ms, on_deadline);
    rb_err err = conn->ops->on_call(conn, errand->number, errand->name, errand->data, errand->timeout_ms);
    if (err) call_end(shard, callee, errand, err);
    return !err;
}

bool rb_conn_reply(struct rb_conn *conn, uint32_t number, bool is_error, rb_str json)
{
    struct rb_shard *shard = shard_here(conn->hub);
    struct callee *callee = callee_find(shard, conn);
    struct rb_conn_errand *found = NULL;
    if (callee) {
        RB_LIST_EACH(node, &callee->calls)
        {
            struct rb_conn_errand *call = RB_OUTER(node, struct rb_conn_errand, call_node);
            if (call->number != number) continue;
            found = call;
            break;
        }
    }
    if (!found) {
        count_add(conn->hub, COUNT_LATE_REPLY);
        return false;
    }
    found->reply = rb_arena_copy(&found->arena, json);
    bool is_acknowledged = found->kind == RB_CONN_SEND; /* whatever it says */
    if (is_acknowledged) found->reached = RB_RECEIPT_ACKNOWLEDGED;
    call_end(shard, callee, found, is_error && !is_acknowledged ? RB_CALL_FAILED : RB_OK);
    return true;
}

void calls_lose(struct rb_shard *shard, struct rb_conn *conn)
{
    struct callee *callee;
    while ((callee = callee_find(shard, conn)) != NULL)
        call_end(shard, callee, RB_OUTER(callee->calls.next, struct rb_conn_errand, call_node),
                 RB_CONNECTION_LOST);
}
