/* The shape of the database, as numbered steps. */
#ifndef RB_STORE_MIGRATE_H
#define RB_STORE_MIGRATE_H

#include "base/buf.h"
#include "store/db.h"

/* Steps in order: the n-th (from 1) leads from version n-1 to version n, and is never changed once it is
 * released. */
struct rb_schema {
    const char *const *steps;
    unsigned count;
};
extern const struct rb_schema rb_schema;

/* Brings the database to the newest version, in one transaction, and sees to it that it is in WAL mode. An
 * empty one is filled by anybody; an older one is brought up only with may_upgrade (a server), since an older
 * server may be at work on it. RB_NOT_A_STORE (foreign, newer, or older without may_upgrade), RB_DISK_FULL,
 * RB_STORE_FAILED; one sentence in `why`. */
rb_err rb_migrate(struct rb_db *db, const struct rb_schema *schema, bool may_upgrade, struct rb_buf *why);

#endif
