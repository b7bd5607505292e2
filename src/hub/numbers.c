/* How much of what the registry does has come to what end. */
#include "hub/registry_private.h"

void count_add(struct rb_hub *hub, enum hub_count which)
{
    atomic_fetch_add_explicit(&hub->counts[which], 1, memory_order_relaxed);
}

static void count_call(struct rb_hub *hub, rb_err err)
{
    if (!err) count_add(hub, COUNT_CALL_REPLIED);
    if (err == RB_CALL_FAILED) count_add(hub, COUNT_CALL_FAILED);
    if (err == RB_CALL_TIMEOUT) count_add(hub, COUNT_CALL_TIMEOUT);
    if (err == RB_CONNECTION_LOST) count_add(hub, COUNT_CALL_LOST);
}

static void count_message(struct rb_hub *hub, enum rb_receipt receipt, rb_err err)
{
    static const enum hub_count counts[] = {[RB_RECEIPT_QUEUED] = COUNT_RECEIPT_QUEUED,
                                            [RB_RECEIPT_WRITTEN] = COUNT_RECEIPT_WRITTEN,
                                            [RB_RECEIPT_ACKNOWLEDGED] = COUNT_RECEIPT_ACKNOWLEDGED};
    if (!err) count_add(hub, counts[receipt]);
    if (err == RB_CALL_TIMEOUT) count_add(hub, COUNT_RECEIPT_EXPIRED);
    if (err == RB_CONNECTION_LOST) count_add(hub, COUNT_RECEIPT_LOST);
}

static _Atomic uint64_t *waiting_of(const struct rb_conn_errand *errand)
{
    return errand->kind == RB_CONN_CALL ? &errand->hub->calls_waiting : &errand->hub->receipts_waiting;
}

void count_waiting(struct rb_conn_errand *errand)
{
    errand->is_waiting = true;
    atomic_fetch_add_explicit(waiting_of(errand), 1, memory_order_relaxed);
}

void count_end(struct rb_conn_errand *errand)
{
    if (errand->is_waiting) atomic_fetch_sub_explicit(waiting_of(errand), 1, memory_order_relaxed);
    errand->is_waiting = false;
    switch (errand->kind) {
    case RB_CONN_CALL: count_call(errand->hub, errand->err); return;
    case RB_CONN_SEND: count_message(errand->hub, errand->receipt, errand->err); return;
    case RB_CONN_CLOSE:
    case RB_CONN_SHOW:
    case RB_CONN_VISIT: return;
    }
}

uint64_t rb_hub_connection_count(const struct rb_hub *hub)
{
    return atomic_load_explicit(&hub->conn_count, memory_order_relaxed);
}

void rb_hub_numbers(const struct rb_hub *hub, struct rb_hub_numbers *out)
{
    uint64_t *const places[] = {[COUNT_CALL_REPLIED] = &out->calls_replied,
                                [COUNT_CALL_FAILED] = &out->calls_failed,
                                [COUNT_CALL_TIMEOUT] = &out->calls_timeout,
                                [COUNT_CALL_LOST] = &out->calls_lost,
                                [COUNT_LATE_REPLY] = &out->late_replies,
                                [COUNT_RECEIPT_QUEUED] = &out->receipts_queued,
                                [COUNT_RECEIPT_WRITTEN] = &out->receipts_written,
                                [COUNT_RECEIPT_ACKNOWLEDGED] = &out->receipts_acknowledged,
                                [COUNT_RECEIPT_EXPIRED] = &out->receipts_expired,
                                [COUNT_RECEIPT_LOST] = &out->receipts_lost};
    out->connections = rb_hub_connection_count(hub);
    out->calls_waiting = atomic_load_explicit(&hub->calls_waiting, memory_order_relaxed);
    out->receipts_waiting = atomic_load_explicit(&hub->receipts_waiting, memory_order_relaxed);
    for (size_t i = 0; i < RB_COUNT(places); i++)
        *places[i] = atomic_load_explicit(&hub->counts[i], memory_order_relaxed);
}
