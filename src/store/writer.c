/* Group commit. While the disk syncs one group, the next one gathers in the queue: nobody waits on purpose,
 * and the slower the disk, the larger the groups. Each transaction of a group stands in a savepoint of its
 * own, so that one which fails by its own fault (a job that is not there, another body under the same key) is
 * undone alone. What fails for all, a full disk or a failing sync, fails the group: nothing of it is kept,
 * everyone is told, and the next group tries anew.
 *
 * Checkpoints, which move pages from the WAL into the database, are made by this thread only, between groups
 * and whether somebody waits or not: SQLite moves all that there is at once, so what is put off under load is
 * a pause of a tenth of a second later on. In steps of 4 MiB it is a few milliseconds, and since the writer
 * has then moved all that it wrote, the next group begins the WAL anew: the file stays small, is written over
 * instead of extended, and is never truncated on the way. Only readers can be in the way of that; when they
 * have made the WAL very large, it is forced back to its beginning, which waits for them a moment.
 *
 * The rest of a large trimming is swept in portions, one with every group and one after the other when nobody
 * waits. */
#include "store/writer.h"

#include "base/check.h"
#include "base/log.h"
#include "store/apply.h"
#include "store/topics.h"

#include <stdio.h>

enum {
    GROUP_MAX = 512,
    CHECKPOINT_PAGES = 1024,  /* 4 MiB of WAL */
    FORCED_PAGES = 16 * 1024, /* 64 MiB */
    FORCED_WAIT_MS = 20,      /* for readers, while callers wait */
};

/* ---- the queue ---- */

void rb_writer_push(struct rb_writer *writer, struct rb_tx *tx)
{
    tx->next = NULL;
    pthread_mutex_lock(&writer->mutex);
    RB_CHECK(!writer->is_stopping);
    bool was_empty = writer->first == NULL;
    *writer->last = tx;
    writer->last = &tx->next;
    if (was_empty) pthread_cond_signal(&writer->is_wanted);
    pthread_mutex_unlock(&writer->mutex);
}

/* Takes a group off the queue; NULL when it is empty. */
static struct rb_tx *take_group(struct rb_writer *writer)
{
    struct rb_tx *group = writer->first, *end = group;
    if (!group) return NULL;
    for (int n = 1; n < GROUP_MAX && end->next; n++) end = end->next;
    writer->first = end->next;
    if (!writer->first) writer->last = &writer->first;
    end->next = NULL;
    return group;
}

/* ---- one group ---- */

static rb_err run(struct rb_db *db, enum rb_sql which)
{
    struct rb_query query = rb_query_begin(db, which);
    return rb_query_run(&query);
}

/* What follows is done in a savepoint of its own; leaving it keeps that, or undoes it when `inner` is an
 * error. Both return the fate of the whole group: some errors make SQLite roll back everything by itself,
 * then nothing is left to go on with. */
static rb_err enter_savepoint(struct rb_db *db)
{
    return run(db, RB_SQL_SAVEPOINT);
}

static rb_err leave_savepoint(struct rb_db *db, rb_err inner)
{
    if (!rb_db_has_transaction(db)) return inner;
    rb_err err = inner == RB_OK ? RB_OK : run(db, RB_SQL_ROLLBACK_TO);
    return err == RB_OK ? run(db, RB_SQL_RELEASE) : err;
}

static rb_err apply_one(struct rb_writer *writer, struct rb_tx *tx)
{
    rb_err err = enter_savepoint(writer->db);
    if (err != RB_OK) return err;
    tx->err = rb_apply(writer->db, tx, &writer->has_unswept);
    return leave_savepoint(writer->db, tx->err);
}

/* Trouble with old rows must not be trouble for new ones: then sweeping rests until the next large trimming
 * or start. */
static rb_err sweep(struct rb_writer *writer)
{
    rb_err err = enter_savepoint(writer->db);
    if (err != RB_OK) return err;
    rb_err swept = rb_topic_sweep(writer->db, &writer->has_unswept);
    if (swept != RB_OK) writer->has_unswept = false;
    return leave_savepoint(writer->db, swept);
}

static rb_err apply_all(struct rb_writer *writer, struct rb_tx *group)
{
    rb_err err = rb_db_rollback(writer->db); /* of an earlier group, had that not been possible (no memory) */
    if (err == RB_OK) err = run(writer->db, RB_SQL_BEGIN_WRITING);
    for (struct rb_tx *tx = group; tx && err == RB_OK; tx = tx->next) err = apply_one(writer, tx);
    if (err == RB_OK && writer->has_unswept) err = sweep(writer);
    if (err == RB_OK) err = run(writer->db, RB_SQL_COMMIT);
    if (err != RB_OK) rb_db_rollback(writer->db);
    return err;
}

/* The callers get the reason, the log the words that came with it, also those of a transaction that failed
 * alone. */
static void log_trouble(struct rb_writer *writer, const char *event, rb_err err)
{
    struct rb_db *db = writer->db;
    if (err == RB_OK && db->message[0]) err = RB_STORE_FAILED;
    if (err != RB_OK) RB_LOG_ERROR(event, RB_KV_REASON(err), RB_KV_TEXT("detail", db->message));
    db->message[0] = '\0';
}

static rb_err take_turn(struct rb_writer *writer)
{
    rb_err err = rb_place_take_turn(writer->place);
    if (err != RB_OK)
        snprintf(writer->db->message, sizeof writer->db->message,
                 "another process keeps the directory locked");
    return err;
}

static rb_err write_group(struct rb_writer *writer, struct rb_tx *group)
{
    rb_err err = take_turn(writer);
    if (err == RB_OK) {
        err = apply_all(writer, group);
        rb_place_end_turn(writer->place);
    }
    log_trouble(writer, "store.write_failed", err);
    return err;
}

static void write_and_answer(struct rb_writer *writer, struct rb_tx *group)
{
    rb_err err = write_group(writer, group);
    if (err == RB_OK) atomic_fetch_add(&writer->commits, 1);
    while (group) {
        struct rb_tx *tx = group;
        group = tx->next; /* the transaction is its maker's from done on */
        if (err != RB_OK) tx->err = err;
        tx->done(tx, tx->err);
    }
}

/* ---- between groups ---- */

static int on_wal_grown(void *arg, sqlite3 *handle, const char *name, int pages)
{
    (void)handle, (void)name;
    struct rb_writer *writer = arg;
    if ((unsigned)pages < writer->wal_pages) { /* began anew */
        writer->checkpoint_pages = CHECKPOINT_PAGES;
        writer->forced_pages = FORCED_PAGES;
    }
    writer->wal_pages = (unsigned)pages;
    return SQLITE_OK;
}

static rb_err checkpoint(struct rb_writer *writer, int mode)
{
    rb_err err = take_turn(writer);
    if (err != RB_OK) return err;
    int code = sqlite3_wal_checkpoint_v2(writer->db->handle, NULL, mode, NULL, NULL);
    rb_place_end_turn(writer->place);
    return code == SQLITE_OK || code == SQLITE_BUSY
               ? RB_OK
               : rb_db_error(writer->db, code); /* busy: readers; later */
}

static rb_err force_checkpoint(struct rb_writer *writer)
{
    rb_db_set_patience(writer->db, FORCED_WAIT_MS);
    rb_err err = checkpoint(writer, SQLITE_CHECKPOINT_RESTART);
    rb_db_set_patience(writer->db, RB_DB_PATIENCE_MS);
    return err;
}

/* A WAL that has been moved wholly begins anew with the next commit. If a reader was in the way it grows on,
 * and the next step is made when it has grown as much again. */
static void make_checkpoint(struct rb_writer *writer)
{
    bool is_forced = writer->wal_pages >= writer->forced_pages;
    if (is_forced) writer->forced_pages = writer->wal_pages + FORCED_PAGES;
    writer->checkpoint_pages = writer->wal_pages + CHECKPOINT_PAGES;
    rb_err err = is_forced ? force_checkpoint(writer) : checkpoint(writer, SQLITE_CHECKPOINT_PASSIVE);
    log_trouble(writer, "store.checkpoint_failed", err);
}

static bool wants_checkpoint(const struct rb_writer *writer)
{
    return writer->is_server && writer->wal_pages >= writer->checkpoint_pages;
}

/* ---- the thread ---- */

static void *writer_main(void *arg)
{
    struct rb_writer *writer = arg;
    for (;;) {
        if (wants_checkpoint(writer)) make_checkpoint(writer);
        pthread_mutex_lock(&writer->mutex);
        while (!writer->first && !writer->is_stopping && !writer->has_unswept)
            pthread_cond_wait(&writer->is_wanted, &writer->mutex);
        struct rb_tx *group = take_group(writer);
        bool is_last = !group && writer->is_stopping;
        pthread_mutex_unlock(&writer->mutex);
        if (is_last) break;
        if (group)
            write_and_answer(writer, group);
        else if (write_group(writer, NULL) != RB_OK)
            writer->has_unswept = false; /* the next trimming, or the next start, asks again */
    }
    if (writer->is_server)
        log_trouble(writer, "store.checkpoint_failed", checkpoint(writer, SQLITE_CHECKPOINT_TRUNCATE));
    return NULL;
}

void rb_writer_start(struct rb_writer *writer, struct rb_db *db, struct rb_place *place, bool is_server)
{
    *writer = (struct rb_writer){
        .db = db,
        .place = place,
        .is_server = is_server,
        .has_unswept = is_server,      /* an earlier process may have left some, */
        .wal_pages = CHECKPOINT_PAGES, /* and a large WAL */
        .checkpoint_pages = CHECKPOINT_PAGES,
        .forced_pages = FORCED_PAGES,
    };
    writer->last = &writer->first;
    sqlite3_wal_hook(db->handle, on_wal_grown, writer);
    RB_CHECK(pthread_mutex_init(&writer->mutex, NULL) == 0);
    RB_CHECK(pthread_cond_init(&writer->is_wanted, NULL) == 0);
    RB_CHECK(pthread_create(&writer->thread, NULL, writer_main, writer) == 0);
}

void rb_writer_stop(struct rb_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    writer->is_stopping = true;
    pthread_cond_signal(&writer->is_wanted);
    pthread_mutex_unlock(&writer->mutex);
    RB_CHECK(pthread_join(writer->thread, NULL) == 0);
    pthread_cond_destroy(&writer->is_wanted);
    pthread_mutex_destroy(&writer->mutex);
}
