#include "store/readers.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

void rb_readers_init(struct rb_readers *readers, const char *path)
{
    *readers = (struct rb_readers){.path = rb_str_dup(rb_str_of(path))};
    RB_CHECK(pthread_mutex_init(&readers->mutex, NULL) == 0);
}

static void free_reader(struct rb_reader *reader)
{
    rb_db_close(&reader->db);
    rb_free(reader);
}

void rb_readers_fini(struct rb_readers *readers)
{
    while (readers->idle) {
        struct rb_reader *reader = readers->idle;
        readers->idle = reader->next;
        free_reader(reader);
    }
    pthread_mutex_destroy(&readers->mutex);
    rb_free(readers->path);
}

static rb_err take_reader(struct rb_readers *readers, struct rb_reader **out_reader)
{
    pthread_mutex_lock(&readers->mutex);
    struct rb_reader *reader = readers->idle;
    if (reader) readers->idle = reader->next;
    pthread_mutex_unlock(&readers->mutex);
    if (!reader) {
        reader = rb_new(struct rb_reader);
        rb_err err = rb_db_open(&reader->db, readers->path, RB_DB_READS);
        if (err != RB_OK) {
            RB_LOG_ERROR("store.read_failed", RB_KV_REASON(err), RB_KV_TEXT("detail", reader->db.message));
            free_reader(reader);
            return err;
        }
    }
    *out_reader = reader;
    return RB_OK;
}

static void give_back(struct rb_readers *readers, struct rb_reader *reader)
{
    pthread_mutex_lock(&readers->mutex);
    reader->next = readers->idle;
    readers->idle = reader;
    pthread_mutex_unlock(&readers->mutex);
}

static rb_err begin(struct rb_db *db)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_BEGIN_READING);
    return rb_query_run(&query);
}

rb_err rb_readers_run(struct rb_readers *readers, rb_read_fn *read, void *arg)
{
    struct rb_reader *reader;
    rb_err err = take_reader(readers, &reader);
    if (err != RB_OK) return err;
    struct rb_db *db = &reader->db;
    err = begin(db);
    if (err == RB_OK) err = read(reader, arg);
    bool is_fit = rb_db_rollback(db) == RB_OK; /* else it would go on seeing the state of now */
    /* The caller gets the reason, the log SQLite's words. */
    if (db->message[0])
        RB_LOG_ERROR("store.read_failed", RB_KV_REASON(err), RB_KV_TEXT("detail", db->message));
    db->message[0] = '\0';
    if (is_fit)
        give_back(readers, reader);
    else
        free_reader(reader);
    return err;
}
