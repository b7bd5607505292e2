#include "store/tickets.h"

/* ---- tickets ---- */

rb_err rb_ticket_insert(struct rb_db *db, const struct rb_ticket_record *ticket, uint32_t alive_max)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_TICKET_INSERT);
    rb_query_bytes(&query, rb_str_make(ticket->hash, sizeof ticket->hash));
    rb_query_text(&query, ticket->topic);
    rb_query_text(&query, ticket->client);
    rb_query_number(&query, ticket->created_ms);
    rb_query_number(&query, ticket->expires_ms);
    rb_query_integer(&query, ticket->uses_left);
    rb_query_number(&query, alive_max ? alive_max : UINT32_MAX);
    return rb_query_run_or(&query, RB_TOO_MANY_REQUESTS);
}

rb_err rb_ticket_use(struct rb_db *db, const unsigned char hash[32])
{
    struct rb_query query = rb_query_begin(db, RB_SQL_TICKET_USE);
    rb_query_bytes(&query, rb_str_make(hash, 32));
    return rb_query_run_or(&query, RB_TICKET_EXPIRED);
}

rb_err rb_tickets_sweep(struct rb_db *db, uint64_t now_ms, uint64_t called_ms)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_TICKETS_SWEEP);
    rb_query_number(&query, now_ms);
    rb_err err = rb_query_run(&query);
    if (err != RB_OK) return err;
    query = rb_query_begin(db, RB_SQL_POLICIES_SWEEP);
    rb_query_number(&query, called_ms);
    return rb_query_run(&query);
}

/* ---- policies ---- */

rb_err rb_policy_save(struct rb_db *db, const struct rb_policy_record *policy)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_POLICY_SAVE);
    rb_query_text(&query, policy->topic);
    rb_query_text(&query, policy->owner);
    rb_query_number(&query, policy->called_ms);
    rb_query_number(&query, policy->instances);
    rb_query_number(&query, policy->keeps_last);
    rb_query_number(&query, policy->is_deadline_shared);
    rb_query_number(&query, policy->timeout_ms);
    rb_query_number(&query, policy->deadline_ms);
    rb_query_number(&query, policy->is_completed);
    rb_query_number(&query, policy->last_ms);
    rb_query_number(&query, policy->last_flags);
    rb_query_number(&query, policy->last_timeout_s);
    rb_query_maybe(&query, policy->last_name);
    rb_query_maybe(&query, policy->last_data);
    return rb_query_run(&query);
}

/* ---- accounts ---- */

rb_err rb_account_insert(struct rb_db *db, const struct rb_account_record *account)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_ACCOUNT_INSERT);
    rb_query_text(&query, account->public_id);
    rb_query_text(&query, account->tenant);
    rb_query_text(&query, account->secret);
    rb_query_number(&query, account->is_guarded);
    rb_query_number(&query, account->created_ms);
    return rb_query_run_or(&query, RB_CONFLICT);
}

rb_err rb_account_delete(struct rb_db *db, rb_str tenant, rb_str public_id)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_ACCOUNT_DELETE);
    rb_query_text(&query, tenant);
    rb_query_text(&query, public_id);
    return rb_query_run_or(&query, RB_NOT_FOUND);
}
