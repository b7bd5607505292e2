/* Tickets, the policies of their topics, and accounts, on the writing connection: what the operations of
 * store.h of these names do. */
#ifndef RB_STORE_TICKETS_H
#define RB_STORE_TICKETS_H

#include "store/db.h"
#include "store/store.h"

rb_err rb_ticket_insert(struct rb_db *db, const struct rb_ticket_record *ticket, uint32_t alive_max);
rb_err rb_ticket_use(struct rb_db *db, const unsigned char hash[32]);
rb_err rb_tickets_sweep(struct rb_db *db, uint64_t now_ms, uint64_t called_ms);
rb_err rb_policy_save(struct rb_db *db, const struct rb_policy_record *policy);
rb_err rb_account_insert(struct rb_db *db, const struct rb_account_record *account);
rb_err rb_account_delete(struct rb_db *db, rb_str tenant, rb_str public_id);

#endif
