/* Things, on the writing connection: what the operations of store.h of these names do. */
#ifndef RB_STORE_THINGS_H
#define RB_STORE_THINGS_H

#include "store/db.h"
#include "store/tx.h"

rb_err rb_thing_insert(struct rb_db *db, const struct rb_thing_op *thing);
rb_err rb_thing_update(struct rb_db *db, const struct rb_thing_op *thing);
rb_err rb_thing_delete(struct rb_db *db, const struct rb_thing_op *thing);

#endif
