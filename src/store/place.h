/* The data directory: that it exists, that one server uses it, and whose turn it is to write.
 *
 * The lock (flock on DIR/ringback.lock) belongs to a server for as long as it lives. The turn (flock on the
 * directory itself) is held by any process for one SQLite transaction or one checkpoint: SQLite up to 3.51.2
 * can corrupt a WAL when one connection commits while another checkpoints ("WAL-reset bug",
 * sqlite.org/wal.html), and the command line commits beside the server. It costs two system calls a batch.
 * Both go with the process, however it ends. */
#ifndef RB_STORE_PLACE_H
#define RB_STORE_PLACE_H

#include "base/buf.h"
#include "base/reason.h"

struct rb_place {
    int dir_fd;
    int lock_fd; /* -1: not a server */
};

/* Makes the directory (mode 0700) and an empty database file (0600) when missing. RB_LOCKED, RB_DISK_FULL,
 * RB_STORE_FAILED, with one sentence in `why`. */
rb_err rb_place_open(struct rb_place *place, const char *dir, bool as_server, struct rb_buf *why);
void rb_place_close(struct rb_place *place);

rb_err rb_place_sync(struct rb_place *place); /* makes new names in the directory durable */

/* Waits up to five seconds for a process that has the turn, then gives up with RB_STORE_FAILED. */
rb_err rb_place_take_turn(struct rb_place *place);
void rb_place_end_turn(struct rb_place *place);

#define RB_PLACE_DATABASE "ringback.db"

#endif
