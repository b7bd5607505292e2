/* One SQLite connection with its prepared statements, and the small language in which the room runs them. The
 * only header that includes sqlite3.h.
 *
 * A connection is used by one thread at a time. Errors are mapped here: RB_DISK_FULL is SQLite's "full" and
 * whatever else the system calls "no space" or "over quota", RB_NOT_A_STORE a file that is no database,
 * RB_STORE_FAILED all else. */
#ifndef RB_STORE_DB_H
#define RB_STORE_DB_H

#include "base/reason.h"
#include "store/statements.h"

#include <sqlite3.h>

struct rb_db {
    sqlite3 *handle;
    sqlite3_stmt *statements[RB_SQL_COUNT]; /* prepared when first used */
    char message[200]; /* of the first error since it was emptied: SQLite's words, for the log */
};

enum rb_db_use { RB_DB_WRITES, RB_DB_READS };

/* How long SQLite waits for a lock of another connection: only ever the command line's, or recovery after a
 * crash. */
enum { RB_DB_PATIENCE_MS = 5000 };

/* Opens (and for writing creates) the file. *db may be closed also after a failure. */
rb_err rb_db_open(struct rb_db *db, const char *path, enum rb_db_use use);
void rb_db_close(struct rb_db *db);                /* safe on a zeroed one */
void rb_db_set_patience(struct rb_db *db, int ms); /* RB_DB_PATIENCE_MS when opened */

rb_err rb_db_error(struct rb_db *db, int sqlite_code);
rb_err rb_db_exec(struct rb_db *db, const char *sql); /* not prepared, no rows */
/* Ends an open transaction, if there is one, without keeping anything of it. */
rb_err rb_db_rollback(struct rb_db *db);
bool rb_db_has_transaction(struct rb_db *db);
/* The number in the first column of the first row; 0 without a row. */
rb_err rb_db_get_i64(struct rb_db *db, const char *sql, int64_t *out_value);

/* ---- a query ---- Values are bound one after the other, then rows are stepped through or the whole is run.
 * Errors collect: bind and step do nothing after the first one, end says what it was. What is bound must live
 * until the end; slices that are got live until the next step or the end. struct rb_query query =
 * rb_query_begin(db, RB_SQL_JOB_DELETE); rb_query_number(&query, number); return rb_query_run(&query); */
struct rb_query {
    struct rb_db *db;
    sqlite3_stmt *statement;
    int bound;
    rb_err err;
};

struct rb_query rb_query_begin(struct rb_db *db, enum rb_sql which);
void rb_query_number(struct rb_query *query, uint64_t value); /* above INT64_MAX: as INT64_MAX */
void rb_query_integer(struct rb_query *query, int64_t value);
void rb_query_text(struct rb_query *query, rb_str s);  /* NONE as '' */
void rb_query_maybe(struct rb_query *query, rb_str s); /* NONE as NULL */
void rb_query_bytes(struct rb_query *query, rb_str s); /* NONE as NULL; a BLOB */
bool rb_query_next(struct rb_query *query);            /* a row? */
uint64_t rb_query_get_number(struct rb_query *query, int column);
rb_str rb_query_get_str(struct rb_query *query, int column); /* NULL as NONE */
rb_err rb_query_end(struct rb_query *query);
rb_err rb_query_run(struct rb_query *query); /* without rows: next and end */
/* The same, for what changes rows; `otherwise` when it changed none. */
rb_err rb_query_run_or(struct rb_query *query, rb_err otherwise);

#endif
