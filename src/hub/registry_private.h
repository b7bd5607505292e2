/* What the files of the registry share. Everything here belongs to the loop of the shard. */
#ifndef RB_HUB_REGISTRY_PRIVATE_H
#define RB_HUB_REGISTRY_PRIVATE_H

#include "hub/hub_private.h"
#include "hub/registry.h"
#include "net/address.h"

/* The key of what is kept for some connections only. */
static inline rb_str conn_key(const struct rb_conn *const *conn)
{
    return rb_str_make(conn, sizeof *conn);
}

/* registry.c */
void registry_init(struct rb_shard *shard);
void registry_fini(struct rb_shard *shard); /* no connection is announced any more */
/* The loop that an id names; NULL: it is none of ours. */
struct rb_shard *registry_shard(struct rb_hub *hub, const struct rb_handle *id);
struct rb_conn_facts registry_facts(struct rb_conn *conn);
/* It has this place in its loop's table, whose note is since when (seconds, wall clock); it has it no more.
 */
void registry_add(struct rb_shard *shard, struct rb_conn *conn);
void registry_joined(struct rb_shard *shard, struct rb_conn *conn, uint32_t slot);
void registry_left(struct rb_conn *conn);
/* As its tenant's; false: that has as many as it may, and this one is not counted. */
bool registry_count(struct rb_conn *conn);
/* Counts it, and sends it home. `why` may be RB_OK. */
void errand_end(struct rb_conn_errand *errand, rb_err why);
void errand_forward(struct rb_conn_errand *errand, const struct rb_handle *to);

/* call.c */
/* False: it has ended already. */
bool call_begin(struct rb_shard *shard, struct rb_conn *conn, struct rb_conn_errand *errand);
void calls_lose(struct rb_shard *shard, struct rb_conn *conn); /* the connection goes */

/* receipt.c: messages, and how far they have come */
void message_begin(struct rb_shard *shard, struct rb_conn *conn, const struct rb_conn_facts *facts,
                   struct rb_conn_errand *errand);
void receipt_forget(struct rb_conn_errand *errand); /* it ends, whatever may still be reached */

/* property.c: what the search's filter looks at */
void property_note_needs(struct rb_conn_search *search);

/* numbers.c */
void count_add(struct rb_hub *hub, enum hub_count which);
void count_waiting(struct rb_conn_errand *errand); /* it waits from now on, until it ends */
void count_end(struct rb_conn_errand *errand);     /* with its err */

/* row.c: what is said of a connection. Slices are copied into the arena. */
void row_fill(struct rb_conn_row *row, struct rb_arena *arena, const struct rb_shard *shard,
              struct rb_conn *conn, const struct rb_conn_facts *facts);
/* For a filter, as much as it needs: slices are borrowed as those of the facts are, and there are no topics.
 */
void row_sketch(struct rb_conn_row *row, const struct rb_shard *shard, struct rb_conn *conn,
                const struct rb_conn_facts *facts, bool needs_times);
/* Asks the stream, unless the address is known; `text` is what the facts borrow then. */
void facts_add_address(struct rb_conn_facts *facts, char text[RB_ADDRESS_TEXT_BYTES]);

/* succession.c */
struct seat;
struct seat *seat_of(struct rb_conn *conn); /* what stands in the table may be one; NULL: a connection */
void seat_receive(struct seat *seat, struct rb_conn_errand *errand);
void seat_free(struct seat *seat);
void guest_id(const struct rb_shard *shard, const struct rb_conn *conn, struct rb_handle *out);
void guest_end(struct rb_shard *shard, struct rb_conn *conn); /* and the id with it */

#endif
