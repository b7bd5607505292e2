#include "store/tx.h"

#include "base/mem.h"
#include "store/job_columns.h"

#include <string.h>

struct rb_tx *rb_tx_new(void)
{
    struct rb_tx *tx = rb_new(struct rb_tx);
    tx->last = &tx->first;
    return tx;
}

void rb_tx_free(struct rb_tx *tx)
{
    if (!tx) return;
    rb_arena_fini(&tx->arena);
    rb_free(tx);
}

static struct rb_tx_op *add_op(struct rb_tx *tx, enum rb_op_kind kind)
{
    struct rb_tx_op *op = rb_arena_new(&tx->arena, struct rb_tx_op);
    op->kind = kind;
    *tx->last = op;
    tx->last = &op->next;
    return op;
}

static rb_str keep(struct rb_tx *tx, rb_str s)
{
    return s.p ? rb_arena_copy(&tx->arena, s) : RB_STR_NONE;
}

#define KEEP_TEXT(field) record->field = keep(tx, record->field);
#define KEEP_MAYBE(field) KEEP_TEXT(field)
#define KEEP_BYTES(field) KEEP_TEXT(field)
#define KEEP_NUMBER(field)
#define KEEP(type, field, in_lists) KEEP_##type(field)
#define DROP_TEXT(field) record->field = RB_STR_NONE;
#define DROP_MAYBE(field) DROP_TEXT(field)
#define DROP_NUMBER(field)
#define DROP(type, field, in_lists) DROP_##type(field)

struct rb_tx_inserted *rb_tx_job_insert(struct rb_tx *tx, const struct rb_job_record *job)
{
    struct rb_tx_op *op = add_op(tx, RB_OP_JOB_INSERT);
    struct rb_job_record *record = &op->job.record;
    *record = *job;
    if (!job->role.p) record->role = RB_STR("client");
    RB_JOB_COLUMNS(KEEP, KEEP, KEEP)
    op->job.inserted = rb_arena_new(&tx->arena, struct rb_tx_inserted);
    return op->job.inserted;
}

void rb_tx_job_update(struct rb_tx *tx, const struct rb_job_record *job)
{
    struct rb_job_record *record = &add_op(tx, RB_OP_JOB_UPDATE)->job.record;
    *record = *job;
    RB_JOB_COLUMNS(DROP, KEEP, KEEP)
}

void rb_tx_job_params(struct rb_tx *tx, uint64_t number, rb_str params)
{
    struct rb_job_record *record = &add_op(tx, RB_OP_JOB_PARAMS)->job.record;
    record->number = number;
    record->params = keep(tx, params);
}

void rb_tx_job_delete(struct rb_tx *tx, uint64_t number, rb_str topic)
{
    struct rb_tx_op *op = add_op(tx, RB_OP_JOB_DELETE);
    op->job_delete.number = number;
    op->job_delete.topic = keep(tx, topic);
}

uint64_t *rb_tx_event_append(struct rb_tx *tx, const struct rb_event_record *event)
{
    struct rb_tx_op *op = add_op(tx, RB_OP_EVENT_APPEND);
    op->event.record = *event;
    op->event.record.topic = keep(tx, event->topic);
    op->event.record.name = keep(tx, event->name);
    op->event.record.data = keep(tx, event->data);
    op->event.record.audience = keep(tx, event->audience);
    op->event.id = rb_arena_new(&tx->arena, uint64_t);
    return op->event.id;
}

void rb_tx_events_trim(struct rb_tx *tx, rb_str topic, uint64_t up_to_id)
{
    struct rb_tx_op *op = add_op(tx, RB_OP_EVENTS_TRIM);
    op->trim.topic = keep(tx, topic);
    op->trim.up_to_id = up_to_id;
}

void rb_tx_cursor_set(struct rb_tx *tx, rb_str topic, rb_str name, uint64_t id)
{
    struct rb_tx_op *op = add_op(tx, RB_OP_CURSOR_SET);
    op->cursor.topic = keep(tx, topic);
    op->cursor.name = keep(tx, name);
    op->cursor.id = id;
}

void rb_tx_token_insert(struct rb_tx *tx, const struct rb_token_record *token)
{
    struct rb_token_record *record = &add_op(tx, RB_OP_TOKEN_INSERT)->token;
    *record = *token;
    record->tenant = keep(tx, token->tenant);
    record->client = keep(tx, token->client);
    record->role = keep(tx, token->role);
    record->label = keep(tx, token->label);
}

void rb_tx_token_delete(struct rb_tx *tx, rb_str tenant, rb_str label)
{
    struct rb_tx_op *op = add_op(tx, RB_OP_TOKEN_DELETE);
    op->token_delete.tenant = keep(tx, tenant);
    op->token_delete.label = keep(tx, label);
}

void rb_tx_tokens_sweep(struct rb_tx *tx, rb_str tenant, rb_str after, rb_str before, uint64_t now_ms)
{
    struct rb_tx_op *op = add_op(tx, RB_OP_TOKENS_SWEEP);
    op->tokens_sweep.tenant = keep(tx, tenant);
    op->tokens_sweep.after = keep(tx, after);
    op->tokens_sweep.before = keep(tx, before);
    op->tokens_sweep.now_ms = now_ms;
}

void rb_tx_ticket_insert(struct rb_tx *tx, const struct rb_ticket_record *ticket, uint32_t alive_max)
{
    struct rb_tx_op *op = add_op(tx, RB_OP_TICKET_INSERT);
    op->ticket.record = *ticket;
    op->ticket.record.topic = keep(tx, ticket->topic);
    op->ticket.record.client = keep(tx, ticket->client);
    op->ticket.alive_max = alive_max;
}

void rb_tx_ticket_use(struct rb_tx *tx, const unsigned char hash[32])
{
    memcpy(add_op(tx, RB_OP_TICKET_USE)->ticket.record.hash, hash, 32);
}

void rb_tx_tickets_sweep(struct rb_tx *tx, uint64_t now_ms, uint64_t called_ms)
{
    struct rb_tx_op *op = add_op(tx, RB_OP_TICKETS_SWEEP);
    op->sweep.now_ms = now_ms;
    op->sweep.called_ms = called_ms;
}

void rb_tx_policy_save(struct rb_tx *tx, const struct rb_policy_record *policy)
{
    struct rb_policy_record *record = &add_op(tx, RB_OP_POLICY_SAVE)->policy;
    *record = *policy;
    record->topic = keep(tx, policy->topic);
    record->owner = keep(tx, policy->owner);
    record->last_name = keep(tx, policy->last_name);
    record->last_data = keep(tx, policy->last_data);
}

void rb_tx_account_insert(struct rb_tx *tx, const struct rb_account_record *account)
{
    struct rb_account_record *record = &add_op(tx, RB_OP_ACCOUNT_INSERT)->account;
    *record = *account;
    record->public_id = keep(tx, account->public_id);
    record->tenant = keep(tx, account->tenant);
    record->secret = keep(tx, account->secret);
}

void rb_tx_account_delete(struct rb_tx *tx, rb_str tenant, rb_str public_id)
{
    struct rb_tx_op *op = add_op(tx, RB_OP_ACCOUNT_DELETE);
    op->account.tenant = keep(tx, tenant);
    op->account.public_id = keep(tx, public_id);
}

/* ---- users and points ---- */

void rb_tx_user_insert(struct rb_tx *tx, const struct rb_user_record *user)
{
    struct rb_user_record *record = &add_op(tx, RB_OP_USER_INSERT)->user;
    *record = *user;
    record->tenant = keep(tx, user->tenant);
    record->login = keep(tx, user->login);
    record->id = keep(tx, user->id);
    record->name = keep(tx, user->name);
    record->verifier = keep(tx, user->verifier);
    record->roles = keep(tx, user->roles);
    record->capabilities = keep(tx, user->capabilities);
}

void rb_tx_user_password(struct rb_tx *tx, rb_str tenant, rb_str login, rb_str verifier)
{
    struct rb_user_record *record = &add_op(tx, RB_OP_USER_PASSWORD)->user;
    record->tenant = keep(tx, tenant);
    record->login = keep(tx, login);
    record->verifier = keep(tx, verifier);
}

void rb_tx_user_delete(struct rb_tx *tx, rb_str tenant, rb_str login)
{
    struct rb_user_record *record = &add_op(tx, RB_OP_USER_DELETE)->user;
    record->tenant = keep(tx, tenant);
    record->login = keep(tx, login);
}

void rb_tx_point_insert(struct rb_tx *tx, const struct rb_point_record *point)
{
    struct rb_point_record *record = &add_op(tx, RB_OP_POINT_INSERT)->point;
    *record = *point;
    record->tenant = keep(tx, point->tenant);
    record->code = keep(tx, point->code);
    record->id = keep(tx, point->id);
    record->type = keep(tx, point->type);
    record->roles = keep(tx, point->roles);
    record->capabilities = keep(tx, point->capabilities);
    record->addresses = keep(tx, point->addresses);
    record->user_id = keep(tx, point->user_id);
}

void rb_tx_point_delete(struct rb_tx *tx, rb_str tenant, rb_str code)
{
    struct rb_point_record *record = &add_op(tx, RB_OP_POINT_DELETE)->point;
    record->tenant = keep(tx, tenant);
    record->code = keep(tx, code);
}

/* ---- things ---- */

static struct rb_thing_op *add_thing_op(struct rb_tx *tx, enum rb_op_kind kind, rb_str tenant, rb_str space,
                                        uint64_t number)
{
    struct rb_thing_op *thing = &add_op(tx, kind)->thing;
    thing->tenant = keep(tx, tenant);
    thing->space = keep(tx, space);
    thing->number = rb_arena_new(&tx->arena, uint64_t);
    *thing->number = number;
    return thing;
}

uint64_t *rb_tx_thing_insert(struct rb_tx *tx, rb_str tenant, rb_str space, rb_str body)
{
    struct rb_thing_op *thing = add_thing_op(tx, RB_OP_THING_INSERT, tenant, space, 0);
    thing->body = keep(tx, body);
    return thing->number;
}

void rb_tx_thing_update(struct rb_tx *tx, rb_str tenant, rb_str space, uint64_t number, rb_str body)
{
    add_thing_op(tx, RB_OP_THING_UPDATE, tenant, space, number)->body = keep(tx, body);
}

void rb_tx_thing_delete(struct rb_tx *tx, rb_str tenant, rb_str space, uint64_t number)
{
    add_thing_op(tx, RB_OP_THING_DELETE, tenant, space, number);
}
