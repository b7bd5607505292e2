/* Read-only connections, opened when they are first needed and kept for the next read. There are as many as
 * reads ran at once: the worker pool's threads, and the callers of rb_store_read_wait. Any thread. */
#ifndef RB_STORE_READERS_H
#define RB_STORE_READERS_H

#include "store/db.h"
#include "store/store.h"

#include <pthread.h>

struct rb_reader {
    struct rb_reader *next;
    struct rb_db db;
};

struct rb_readers {
    char *path;            /* owned */
    pthread_mutex_t mutex; /* guards the list */
    struct rb_reader *idle;
};

void rb_readers_init(struct rb_readers *readers, const char *path);
void rb_readers_fini(struct rb_readers *readers); /* no read is running */

/* Runs `read` on this thread, in one read transaction: all its queries see the same state. */
rb_err rb_readers_run(struct rb_readers *readers, rb_read_fn *read, void *arg);

#endif
