/* The thread that writes: a queue of transactions in, answers out; between them groups of transactions share
 * one fsync. */
#ifndef RB_STORE_WRITER_H
#define RB_STORE_WRITER_H

#include "store/db.h"
#include "store/place.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

struct rb_writer {
    struct rb_db *db; /* the thread's from start to stop */
    struct rb_place *place;
    bool is_server; /* the command line leaves checkpoints and sweeping to it */
    pthread_t thread;
    _Atomic uint64_t commits; /* groups kept */

    pthread_mutex_t mutex; /* guards the three below */
    pthread_cond_t is_wanted;
    struct rb_tx *first, **last;
    bool is_stopping;

    /* the thread's own */
    bool has_unswept;
    unsigned wal_pages;        /* of the WAL file's current round, as of the last commit */
    unsigned checkpoint_pages; /* from here on a checkpoint is due, */
    unsigned forced_pages;     /* and from here on one that waits for readers */
};

/* `db` is open and migrated. */
void rb_writer_start(struct rb_writer *writer, struct rb_db *db, struct rb_place *place, bool is_server);
void rb_writer_push(struct rb_writer *writer, struct rb_tx *tx); /* any thread */
/* Answers what is queued, checkpoints, joins. */
void rb_writer_stop(struct rb_writer *writer);

#endif
