#include "store/db.h"

#include "base/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char *const sql_texts[] = {
#define STATEMENT_TEXT(NAME, sql) sql,
    RB_STATEMENTS(STATEMENT_TEXT)
#undef STATEMENT_TEXT
};

/* ---- the connection ---- */

/* SQLite counts its memory under a lock of the whole process, a tenth of the writer's time, and nobody reads
 * the figures. Where something in this process has used SQLite before, it goes on counting. */
static void configure_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* No connection checkpoints by itself, not even the last one when it closes: the writer alone does, when it
 * wants to. */
static rb_err configure(struct rb_db *db, enum rb_db_use use)
{
    sqlite3_extended_result_codes(db->handle, 1);
    rb_db_set_patience(db, RB_DB_PATIENCE_MS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    switch (use) {
    case RB_DB_READS: return rb_db_exec(db, "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0");
    case RB_DB_WRITES:
        return rb_db_exec(db, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                              "PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -8000;"
                              "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST");
    }
    RB_UNREACHABLE();
}

rb_err rb_db_open(struct rb_db *db, const char *path, enum rb_db_use use)
{
    static pthread_once_t is_configured = PTHREAD_ONCE_INIT;
    pthread_once(&is_configured, configure_library);
    *db = (struct rb_db){0};
    int flags = use == RB_DB_WRITES ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int code = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) return rb_db_error(db, code);
    return configure(db, use);
}

void rb_db_close(struct rb_db *db)
{
    for (size_t i = 0; i < RB_COUNT(db->statements); i++) sqlite3_finalize(db->statements[i]);
    RB_CHECK(sqlite3_close(db->handle) == SQLITE_OK);
    *db = (struct rb_db){0};
}

void rb_db_set_patience(struct rb_db *db, int ms)
{
    sqlite3_busy_timeout(db->handle, ms);
}

rb_err rb_db_error(struct rb_db *db, int sqlite_code)
{
    if (db->message[0] == '\0')
        snprintf(db->message, sizeof db->message, "%s (%d)",
                 db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(sqlite_code), sqlite_code);
    int kind = sqlite_code & 0xff;
    if (kind == SQLITE_FULL) return RB_DISK_FULL;
    if (kind == SQLITE_NOTADB) return RB_NOT_A_STORE;
    int system_error = kind == SQLITE_IOERR && db->handle ? sqlite3_system_errno(db->handle) : 0;
    return system_error == ENOSPC || system_error == EDQUOT ? RB_DISK_FULL : RB_STORE_FAILED;
}

rb_err rb_db_exec(struct rb_db *db, const char *sql)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? RB_OK : rb_db_error(db, code);
}

bool rb_db_has_transaction(struct rb_db *db)
{
    return !sqlite3_get_autocommit(db->handle);
}

rb_err rb_db_rollback(struct rb_db *db)
{
    if (!rb_db_has_transaction(db)) return RB_OK;
    struct rb_query query = rb_query_begin(db, RB_SQL_ROLLBACK);
    return rb_query_run(&query);
}

rb_err rb_db_get_i64(struct rb_db *db, const char *sql, int64_t *out_value)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(statement);
    int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    rb_err err = code == SQLITE_ROW || code == SQLITE_DONE ? RB_OK : rb_db_error(db, code);
    sqlite3_finalize(statement);
    if (err == RB_OK) *out_value = value;
    return err;
}

/* ---- queries ---- */

static void note(struct rb_query *query, int code)
{
    if (code != SQLITE_OK && query->err == RB_OK) query->err = rb_db_error(query->db, code);
}

struct rb_query rb_query_begin(struct rb_db *db, enum rb_sql which)
{
    struct rb_query query = {.db = db, .err = RB_OK};
    if (!db->statements[which])
        note(&query, sqlite3_prepare_v3(db->handle, sql_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                        &db->statements[which], NULL));
    query.statement = db->statements[which];
    return query;
}

void rb_query_integer(struct rb_query *query, int64_t value)
{
    if (query->err == RB_OK) note(query, sqlite3_bind_int64(query->statement, ++query->bound, value));
}

void rb_query_number(struct rb_query *query, uint64_t value)
{
    rb_query_integer(query, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void rb_query_text(struct rb_query *query, rb_str s)
{
    rb_query_maybe(query, s.p ? s : RB_STR(""));
}

void rb_query_maybe(struct rb_query *query, rb_str s)
{
    if (query->err == RB_OK)
        note(query,
             sqlite3_bind_text64(query->statement, ++query->bound, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8));
}

void rb_query_bytes(struct rb_query *query, rb_str s)
{
    if (query->err == RB_OK)
        note(query, sqlite3_bind_blob64(query->statement, ++query->bound, s.p, s.n, SQLITE_STATIC));
}

bool rb_query_next(struct rb_query *query)
{
    if (query->err != RB_OK) return false;
    int code = sqlite3_step(query->statement);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) note(query, code);
    return false;
}

uint64_t rb_query_get_number(struct rb_query *query, int column)
{
    return (uint64_t)sqlite3_column_int64(query->statement, column);
}

rb_str rb_query_get_str(struct rb_query *query, int column)
{
    if (sqlite3_column_type(query->statement, column) == SQLITE_NULL) return RB_STR_NONE;
    const void *p =
        sqlite3_column_blob(query->statement, column); /* as stored, also for text; NULL when empty */
    size_t n = (size_t)sqlite3_column_bytes(query->statement, column);
    return p ? rb_str_make(p, n) : RB_STR("");
}

rb_err rb_query_end(struct rb_query *query)
{
    if (query->statement) {
        sqlite3_reset(query->statement); /* its code repeats what step said */
        sqlite3_clear_bindings(query->statement);
    }
    return query->err;
}

rb_err rb_query_run(struct rb_query *query)
{
    rb_query_next(query);
    return rb_query_end(query);
}

rb_err rb_query_run_or(struct rb_query *query, rb_err otherwise)
{
    rb_err err = rb_query_run(query);
    return err == RB_OK && sqlite3_changes(query->db->handle) == 0 ? otherwise : err;
}
