#include "store/apply.h"

#include "base/check.h"
#include "store/job_columns.h"
#include "store/things.h"
#include "store/tickets.h"
#include "store/topics.h"
#include "store/users.h"

/* ---- jobs ---- */

#define BIND_TEXT(field) rb_query_text(&query, record->field);
#define BIND_MAYBE(field) rb_query_maybe(&query, record->field);
#define BIND_BYTES(field) rb_query_bytes(&query, record->field);
#define BIND_NUMBER(field) rb_query_number(&query, (uint64_t)record->field);
#define BIND(type, field, in_lists) BIND_##type(field)
#define SKIP(type, field, in_lists)

/* Has this request come before? Then *out_inserted says so, and whether it was the same is the result. */
static rb_err find_same_request(struct rb_db *db, struct rb_arena *arena, const struct rb_job_record *record,
                                struct rb_tx_inserted *out_inserted)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_JOB_BY_KEY);
    rb_query_text(&query, record->tenant);
    rb_query_text(&query, record->client);
    rb_query_text(&query, record->kind);
    rb_query_text(&query, record->idempotency_key);
    bool is_same = true;
    if (rb_query_next(&query)) {
        out_inserted->was_there = true;
        out_inserted->number = rb_query_get_number(&query, 0);
        out_inserted->id = rb_arena_copy(arena, rb_query_get_str(&query, 1));
        is_same = rb_str_eq(rb_query_get_str(&query, 2), record->idempotency_fingerprint);
    }
    rb_err err = rb_query_end(&query);
    if (err != RB_OK) return err;
    return is_same ? RB_OK : RB_IDEMPOTENCY_MISMATCH;
}

static rb_err insert_job(struct rb_db *db, struct rb_arena *arena, const struct rb_job_record *record,
                         struct rb_tx_inserted *out_inserted)
{
    *out_inserted = (struct rb_tx_inserted){0};
    if (record->idempotency_key.p) {
        rb_err err = find_same_request(db, arena, record, out_inserted);
        if (err != RB_OK || out_inserted->was_there) return err;
    }
    struct rb_query query = rb_query_begin(db, RB_SQL_JOB_INSERT);
    RB_JOB_COLUMNS(BIND, BIND, BIND)
    rb_err err = rb_query_run(&query);
    if (err != RB_OK) return err;
    out_inserted->number = (uint64_t)sqlite3_last_insert_rowid(db->handle);
    out_inserted->id = record->id;
    return RB_OK;
}

static rb_err update_job(struct rb_db *db, const struct rb_job_record *record)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_JOB_UPDATE);
    RB_JOB_COLUMNS(SKIP, BIND, BIND)
    rb_query_number(&query, record->number);
    return rb_query_run_or(&query, RB_NOT_FOUND);
}

static rb_err set_params(struct rb_db *db, const struct rb_job_record *record)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_JOB_PARAMS);
    rb_query_text(&query, record->params);
    rb_query_number(&query, record->number);
    return rb_query_run_or(&query, RB_NOT_FOUND);
}

static rb_err delete_job(struct rb_db *db, uint64_t number, rb_str topic, bool *has_unswept)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_JOB_DELETE);
    rb_query_number(&query, number);
    rb_err err = rb_query_run(&query);
    return err == RB_OK && topic.p ? rb_topic_forget(db, topic, has_unswept) : err;
}

/* ---- tokens ---- */

static rb_err insert_token(struct rb_db *db, const struct rb_token_record *token)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_TOKEN_INSERT);
    rb_query_bytes(&query, rb_str_make(token->hash, sizeof token->hash));
    rb_query_text(&query, token->tenant);
    rb_query_text(&query, token->client);
    rb_query_text(&query, token->role);
    rb_query_text(&query, token->label);
    rb_query_number(&query, token->created_ms);
    rb_query_number(&query, token->expires_ms);
    return rb_query_run_or(&query, RB_CONFLICT);
}

static rb_err delete_token(struct rb_db *db, rb_str tenant, rb_str label)
{
    rb_err err = rb_points_forget(db, tenant, label);
    if (err != RB_OK) return err;
    struct rb_query query = rb_query_begin(db, RB_SQL_TOKEN_DELETE);
    rb_query_text(&query, tenant);
    rb_query_text(&query, label);
    return rb_query_run_or(&query, RB_NOT_FOUND);
}

static rb_err sweep_tokens(struct rb_db *db, const struct rb_tx_op *op)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_TOKENS_SWEEP);
    rb_query_text(&query, op->tokens_sweep.tenant);
    rb_query_text(&query, op->tokens_sweep.after);
    rb_query_text(&query, op->tokens_sweep.before);
    rb_query_number(&query, op->tokens_sweep.now_ms);
    return rb_query_run(&query);
}

/* ---- all of them ---- */

static rb_err apply_op(struct rb_db *db, struct rb_tx *tx, struct rb_tx_op *op, bool *has_unswept)
{
    switch (op->kind) {
    case RB_OP_JOB_INSERT: return insert_job(db, &tx->arena, &op->job.record, op->job.inserted);
    case RB_OP_JOB_UPDATE: return update_job(db, &op->job.record);
    case RB_OP_JOB_PARAMS: return set_params(db, &op->job.record);
    case RB_OP_JOB_DELETE: return delete_job(db, op->job_delete.number, op->job_delete.topic, has_unswept);
    case RB_OP_EVENT_APPEND: return rb_topic_append(db, &op->event.record, op->event.id);
    case RB_OP_EVENTS_TRIM: return rb_topic_trim(db, op->trim.topic, op->trim.up_to_id, has_unswept);
    case RB_OP_CURSOR_SET: return rb_topic_cursor_set(db, op->cursor.topic, op->cursor.name, op->cursor.id);
    case RB_OP_TOKEN_INSERT: return insert_token(db, &op->token);
    case RB_OP_TOKEN_DELETE: return delete_token(db, op->token_delete.tenant, op->token_delete.label);
    case RB_OP_TOKENS_SWEEP: return sweep_tokens(db, op);
    case RB_OP_TICKET_INSERT: return rb_ticket_insert(db, &op->ticket.record, op->ticket.alive_max);
    case RB_OP_TICKET_USE: return rb_ticket_use(db, op->ticket.record.hash);
    case RB_OP_TICKETS_SWEEP: return rb_tickets_sweep(db, op->sweep.now_ms, op->sweep.called_ms);
    case RB_OP_POLICY_SAVE: return rb_policy_save(db, &op->policy);
    case RB_OP_ACCOUNT_INSERT: return rb_account_insert(db, &op->account);
    case RB_OP_ACCOUNT_DELETE: return rb_account_delete(db, op->account.tenant, op->account.public_id);
    case RB_OP_USER_INSERT: return rb_user_insert(db, &op->user);
    case RB_OP_USER_PASSWORD: return rb_user_password(db, &op->user);
    case RB_OP_USER_DELETE: return rb_user_delete(db, op->user.tenant, op->user.login);
    case RB_OP_POINT_INSERT: return rb_point_insert(db, &op->point);
    case RB_OP_POINT_DELETE: return rb_point_delete(db, op->point.tenant, op->point.code);
    case RB_OP_THING_INSERT: return rb_thing_insert(db, &op->thing);
    case RB_OP_THING_UPDATE: return rb_thing_update(db, &op->thing);
    case RB_OP_THING_DELETE: return rb_thing_delete(db, &op->thing);
    }
    RB_UNREACHABLE();
}

rb_err rb_apply(struct rb_db *db, struct rb_tx *tx, bool *has_unswept)
{
    for (struct rb_tx_op *op = tx->first; op; op = op->next) {
        rb_err err = apply_op(db, tx, op, has_unswept);
        if (err != RB_OK) return err;
        if (op->kind == RB_OP_JOB_INSERT && op->job.inserted->was_there) return RB_OK;
    }
    return RB_OK;
}
