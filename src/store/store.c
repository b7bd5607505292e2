#include "store/store_private.h"

#include "base/check.h"
#include "base/mem.h"
#include "store/migrate.h"
#include "store/tx.h"

#include <string.h>

/* ---- opening and closing ---- */

static rb_err read_secret(struct rb_db *db, unsigned char out[RB_STORE_SECRET_BYTES])
{
    struct rb_query query = rb_query_begin(db, RB_SQL_SECRET_BY_NAME);
    rb_query_text(&query, RB_STR("topic ids"));
    rb_str value = rb_query_next(&query) ? rb_query_get_str(&query, 0) : RB_STR_NONE;
    bool is_there = value.n == RB_STORE_SECRET_BYTES;
    if (is_there) memcpy(out, value.p, value.n);
    rb_err err = rb_query_end(&query);
    return err == RB_OK && !is_there ? RB_NOT_A_STORE : err;
}

/* The database is brought into shape before the writer's thread starts and in a turn, since it writes. */
static rb_err prepare(struct rb_store *store, const char *path, bool as_server, struct rb_buf *why)
{
    rb_err err = rb_place_take_turn(&store->place);
    if (err != RB_OK) {
        rb_buf_add_text(why, "Another process keeps the data directory locked.");
        return err;
    }
    err = rb_db_open(&store->db, path, RB_DB_WRITES);
    if (err == RB_OK) err = rb_migrate(&store->db, &rb_schema, as_server, why);
    int64_t epoch = 0;
    if (err == RB_OK) err = rb_db_get_i64(&store->db, "SELECT epoch FROM store", &epoch);
    if (err == RB_OK) err = read_secret(&store->db, store->secret);
    if (err == RB_OK) err = rb_place_sync(&store->place);
    rb_place_end_turn(&store->place);
    store->epoch = (uint64_t)epoch;
    if (err != RB_OK && why->n == 0) rb_buf_add_fmt(why, "Cannot open %s: %s.", path, store->db.message);
    return err;
}

rb_err rb_store_open(const char *dir, bool as_server, struct rb_store **out_store, struct rb_buf *why)
{
    struct rb_store *store = rb_new(struct rb_store);
    struct rb_buf path = {0};
    rb_buf_add_fmt(&path, "%s/" RB_PLACE_DATABASE, dir);
    rb_err err = rb_place_open(&store->place, dir, as_server, why);
    if (err == RB_OK) {
        err = prepare(store, rb_buf_text(&path), as_server, why);
        if (err == RB_OK) {
            rb_readers_init(&store->readers, rb_buf_text(&path));
            rb_writer_start(&store->writer, &store->db, &store->place, as_server);
            *out_store = store;
        } else {
            rb_db_close(&store->db);
            rb_place_close(&store->place);
        }
    }
    rb_buf_fini(&path);
    if (err != RB_OK) rb_free(store);
    return err;
}

void rb_store_close(struct rb_store *store)
{
    rb_readers_fini(&store->readers);
    rb_writer_stop(&store->writer);
    rb_db_close(&store->db);
    rb_place_close(&store->place);
    rb_free(store);
}

uint64_t rb_store_epoch(const struct rb_store *store)
{
    return store->epoch;
}

rb_str rb_store_secret(const struct rb_store *store)
{
    return rb_str_make(store->secret, sizeof store->secret);
}

/* ---- writing ---- */

uint64_t rb_store_commits(const struct rb_store *store)
{
    return atomic_load(&store->writer.commits);
}

void rb_store_commit(struct rb_store *store, struct rb_tx *tx)
{
    RB_CHECK(tx->done != NULL);
    rb_writer_push(&store->writer, tx);
}

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t is_answered;
    bool is_done;
};

static void wake_waiter(struct rb_tx *tx, rb_err err)
{
    (void)err; /* it is in tx->err too */
    struct waiter *waiter = tx->arg;
    pthread_mutex_lock(&waiter->mutex);
    waiter->is_done = true;
    pthread_cond_signal(&waiter->is_answered);
    pthread_mutex_unlock(&waiter->mutex);
}

rb_err rb_store_commit_wait(struct rb_store *store, struct rb_tx *tx)
{
    struct waiter waiter = {.mutex = PTHREAD_MUTEX_INITIALIZER, .is_answered = PTHREAD_COND_INITIALIZER};
    tx->done = wake_waiter;
    tx->arg = &waiter;
    rb_writer_push(&store->writer, tx);
    pthread_mutex_lock(&waiter.mutex);
    while (!waiter.is_done) pthread_cond_wait(&waiter.is_answered, &waiter.mutex);
    pthread_mutex_unlock(&waiter.mutex);
    pthread_cond_destroy(&waiter.is_answered);
    pthread_mutex_destroy(&waiter.mutex);
    return tx->err;
}

/* ---- reading, here and now ---- */

rb_err rb_store_read_wait(struct rb_store *store, rb_read_fn *read, void *arg)
{
    return rb_readers_run(&store->readers, read, arg);
}
