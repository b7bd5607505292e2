/* Messages to one connection, and receipts that say how far they have come.
 *
 * QUEUED is known at once. For WRITTEN a mark is put behind the message, wherever the connection's output
 * waits (base/mark.h): it is reached when the kernel has taken all that stands before it, or is given back
 * when the connection ends first. Nothing is counted in connections that nobody asks, and nothing is looked
 * at again and again. ACKNOWLEDGED is a call whose reply is not looked at; the mark tells what to say when
 * that does not come in time.
 *
 * A mark cannot be taken back, so it outlives an errand that has ended otherwise, and reaches nobody. */
#include "base/mem.h"
#include "hub/registry_private.h"

struct rb_conn_receipt {
    struct rb_mark mark;
    struct rb_conn_errand *errand; /* NULL: it has ended */
};

void receipt_forget(struct rb_conn_errand *errand)
{
    if (errand->receipt_waiting) errand->receipt_waiting->errand = NULL;
    errand->receipt_waiting = NULL;
}

static void end_written(struct rb_conn_errand *errand, bool is_written)
{
    rb_timer_stop(&errand->deadline);
    errand_end(errand, is_written ? RB_OK : RB_CONNECTION_LOST);
}

static void on_reached(struct rb_mark *mark, bool is_written)
{
    struct rb_conn_receipt *receipt = RB_OUTER(mark, struct rb_conn_receipt, mark);
    struct rb_conn_errand *errand = receipt->errand;
    rb_free(receipt);
    if (!errand) return;
    errand->receipt_waiting = NULL;
    if (is_written) errand->reached = RB_RECEIPT_WRITTEN;
    if (errand->receipt == RB_RECEIPT_WRITTEN) end_written(errand, is_written);
}

static void on_expired(struct rb_timer *timer)
{
    errand_end(RB_OUTER(timer, struct rb_conn_errand, deadline), RB_CALL_TIMEOUT);
}

static bool can_mark(const struct rb_conn *conn, const struct rb_conn_facts *facts)
{
    return conn->ops->on_mark || facts->stream;
}

/* The errand may have ended afterwards. */
static void put_mark(struct rb_conn *conn, const struct rb_conn_facts *facts, struct rb_conn_errand *errand)
{
    struct rb_conn_receipt *receipt = rb_new(struct rb_conn_receipt);
    receipt->mark.reached = on_reached;
    receipt->errand = errand;
    errand->receipt_waiting = receipt;
    if (conn->ops->on_mark)
        conn->ops->on_mark(conn, &receipt->mark);
    else
        rb_stream_mark(facts->stream, &receipt->mark);
}

static rb_err say(struct rb_conn *conn, const struct rb_conn_errand *errand)
{
    return conn->ops->on_send ? conn->ops->on_send(conn, errand->name, errand->data) : RB_CALL_UNSUPPORTED;
}

static void await_written(struct rb_shard *shard, struct rb_conn *conn, const struct rb_conn_facts *facts,
                          struct rb_conn_errand *errand)
{
    rb_err err = can_mark(conn, facts) ? say(conn, errand) : RB_CALL_UNSUPPORTED;
    if (err) {
        errand_end(errand, err);
        return;
    }
    count_waiting(errand);
    rb_timer_start(shard->loop, &errand->deadline, errand->timeout_ms, on_expired);
    put_mark(conn, facts, errand);
}

void message_begin(struct rb_shard *shard, struct rb_conn *conn, const struct rb_conn_facts *facts,
                   struct rb_conn_errand *errand)
{
    errand->reached = RB_RECEIPT_QUEUED;
    switch (errand->receipt) {
    case RB_RECEIPT_QUEUED: errand_end(errand, say(conn, errand)); return;
    case RB_RECEIPT_WRITTEN: await_written(shard, conn, facts, errand); return;
    case RB_RECEIPT_ACKNOWLEDGED:
        if (call_begin(shard, conn, errand) && can_mark(conn, facts)) put_mark(conn, facts, errand);
        return;
    }
}
