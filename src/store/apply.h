/* Carries out the operations of one transaction on the writing connection. The caller has an SQLite
 * transaction open and a savepoint set, and goes back to it when this fails. */
#ifndef RB_STORE_APPLY_H
#define RB_STORE_APPLY_H

#include "store/db.h"
#include "store/tx.h"

/* What store.h says of each operation, RB_DISK_FULL, RB_STORE_FAILED. Sets *has_unswept when a trimming left
 * rows to be swept. */
rb_err rb_apply(struct rb_db *db, struct rb_tx *tx, bool *has_unswept);

#endif
