/* Tickets: tokens that admit to one topic. Valid for new connections until they expire or are used up; what
 * they have opened is not touched by that.
 *
 * A ticket has 264 random bits; the store has its SHA-256 only. A ticket that is refused again and again is
 * refused without asking the store (RB_TICKET_REFUSALS_MAX a minute). */
#ifndef RB_AUTH_TICKET_H
#define RB_AUTH_TICKET_H

#include "base/crypto.h"
#include "loop/loop.h"
#include "store/store.h"

enum {
    RB_TICKET_TEXT_BYTES = 52, /* zero-terminated */
    RB_TICKET_REFUSALS_MAX = 10
};
/* Ours begin with "rbt_" and are fit for headers; BASE64 is for doors whose clients expect that. */
enum rb_ticket_form { RB_TICKET_NATIVE, RB_TICKET_BASE64 };
void rb_ticket_make(enum rb_ticket_form form, char out[RB_TICKET_TEXT_BYTES],
                    unsigned char out_hash[RB_SHA256_BYTES]);
bool rb_ticket_is_native(rb_str text);

struct rb_tickets;
struct rb_tickets *rb_tickets_new(struct rb_store *store);
void rb_tickets_free(struct rb_tickets *tickets); /* when no check is under way; NULL is fine */

/* ticket is NULL unless err is RB_OK, and valid during the call. Its uses_left is as it was before. */
typedef void rb_ticket_done_fn(void *arg, rb_err err, const struct rb_ticket_record *ticket);
struct rb_ticket_check;
/* On a loop. Calls done once, there, at once or later: RB_OK, and one use is taken, durably;
 * RB_UNAUTHENTICATED (no such ticket); RB_TICKET_EXPIRED (its time or its uses are over);
 * RB_TOO_MANY_REQUESTS (refused too often); a store error. Returns what can be cancelled, NULL when done was
 * called. */
struct rb_ticket_check *rb_ticket_check(struct rb_tickets *tickets, rb_str text, rb_ticket_done_fn *done,
                                        void *arg);
void rb_ticket_cancel(struct rb_ticket_check *check); /* done will not be called; NULL is fine */

#endif
