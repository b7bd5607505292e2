/* PRAGMA application_id says whose file this is and user_version how far its shape has come; both stand in
 * the header of the file and change with the transaction that changes the tables. What is not ours is refused
 * before anything is written.
 *
 * The shape: rows that are written most are narrowest. Events are append-only in order of arrival with one
 * index (topic, id); a table clustered by topic would write to as many pages as there are topics. Topics are
 * named once in a table of their own. Job rows keep what may be large last, so that lists do not read it. */
#include "store/migrate.h"

#include "base/check.h"

#include <stdio.h>

enum { APPLICATION_ID = 0x52424b31 }; /* "RBK1" */

static const char *const steps[] = {
    /* 1 */
    "CREATE TABLE store (epoch INTEGER NOT NULL) STRICT;"
    "INSERT INTO store VALUES ((random() & 9223372036854775807) | 1);"

    "CREATE TABLE jobs ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,"
    " tenant TEXT NOT NULL, client TEXT NOT NULL, kind TEXT NOT NULL,"
    " state INTEGER NOT NULL, attempt INTEGER NOT NULL, cancel_requested INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
    " not_before_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " idempotency_key TEXT, idempotency_fingerprint TEXT, reason TEXT, message TEXT,"
    " result_name TEXT, result_type TEXT, result_file TEXT, result_bytes INTEGER NOT NULL,"
    " announce TEXT, report TEXT, params TEXT NOT NULL, log_tail BLOB) STRICT;"
    "CREATE UNIQUE INDEX jobs_id ON jobs (id);"
    "CREATE INDEX jobs_tenant ON jobs (tenant);" /* an index entry ends with the row id: this is (tenant,
                                                    number) */
    "CREATE INDEX jobs_client ON jobs (tenant, client);"
    "CREATE INDEX jobs_open ON jobs (number) WHERE state < 2;"
    "CREATE INDEX jobs_expiring ON jobs (expires_ms) WHERE state >= 2 AND expires_ms > 0;"
    "CREATE UNIQUE INDEX jobs_key ON jobs (tenant, client, kind, idempotency_key)"
    " WHERE idempotency_key IS NOT NULL;"

    /* A topic without a name is one that was forgotten while many of its events were still there. is_swept =
     * 0: there may be events up to trimmed_id. */
    "CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT UNIQUE,"
    " trimmed_id INTEGER NOT NULL DEFAULT 0, is_swept INTEGER NOT NULL DEFAULT 1) STRICT;"
    "CREATE INDEX topics_unswept ON topics (is_swept) WHERE is_swept = 0;"
    "CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL,"
    " time_ms INTEGER NOT NULL, flags INTEGER NOT NULL, audience TEXT,"
    " name TEXT NOT NULL, data TEXT NOT NULL) STRICT;"
    "CREATE INDEX events_topic ON events (topic);" /* (topic, id) */
    "CREATE TABLE cursors (topic INTEGER NOT NULL, name TEXT NOT NULL, event INTEGER NOT NULL,"
    " PRIMARY KEY (topic, name)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE tokens (hash BLOB NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, client TEXT NOT NULL,"
    " role TEXT NOT NULL, label TEXT NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX tokens_label ON tokens (tenant, label);",

    /* 2: tickets, what topics have for their holders, accounts that sign. Policies keep what may be large
       last. */
    "CREATE TABLE secrets (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO secrets VALUES ('topic ids', randomblob(32));"

    "CREATE TABLE tickets (hash BLOB NOT NULL PRIMARY KEY, topic TEXT NOT NULL, client TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, uses_left INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX tickets_topic ON tickets (topic, expires_ms);"
    "CREATE INDEX tickets_expiring ON tickets (expires_ms);"

    "CREATE TABLE policies (id INTEGER PRIMARY KEY, topic TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,"
    " called_ms INTEGER NOT NULL, instances INTEGER NOT NULL, keeps_last INTEGER NOT NULL,"
    " is_shared INTEGER NOT NULL, timeout_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL,"
    " is_completed INTEGER NOT NULL, last_ms INTEGER NOT NULL, last_flags INTEGER NOT NULL,"
    " last_timeout_s INTEGER NOT NULL, last_name TEXT, last_data TEXT) STRICT;"
    "CREATE INDEX policies_called ON policies (called_ms);"

    "CREATE TABLE accounts (public_id TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, secret TEXT NOT NULL,"
    " is_guarded INTEGER NOT NULL, created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;",

    /* 3: users, API clients, things of doors, in whose role a job was started. A space remembers the highest
       number that one of its things ever had. */
    "ALTER TABLE jobs ADD COLUMN role TEXT NOT NULL DEFAULT 'client';"

    "CREATE TABLE users (tenant TEXT NOT NULL, login TEXT NOT NULL, id TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL, verifier TEXT NOT NULL, roles TEXT NOT NULL, capabilities TEXT,"
    " is_disabled INTEGER NOT NULL, created_ms INTEGER NOT NULL, PRIMARY KEY (tenant, login))"
    " STRICT, WITHOUT ROWID;"

    "CREATE TABLE points (hash BLOB NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, code TEXT NOT NULL,"
    " id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, roles TEXT NOT NULL, capabilities TEXT, addresses TEXT,"
    " user_id TEXT, created_ms INTEGER NOT NULL, UNIQUE (tenant, code)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE spaces (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL,"
    " last_number INTEGER NOT NULL, UNIQUE (tenant, name)) STRICT;"
    "CREATE TABLE things (space INTEGER NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY (space, number)) STRICT, WITHOUT ROWID;",
};

const struct rb_schema rb_schema = {steps, RB_COUNT(steps)};

/* What stands in the file: *out_version is 0 for an empty one. */
static rb_err look(struct rb_db *db, const struct rb_schema *schema, unsigned *out_version,
                   struct rb_buf *why)
{
    int64_t application = 0, version = 0, things = 0;
    rb_err err = rb_db_get_i64(db, "PRAGMA application_id", &application);
    if (err == RB_OK) err = rb_db_get_i64(db, "PRAGMA user_version", &version);
    if (err == RB_OK) err = rb_db_get_i64(db, "SELECT count(*) FROM sqlite_schema", &things);
    if (err != RB_OK) {
        rb_buf_add_fmt(why, "The database cannot be read: %s.", db->message);
        return err;
    }
    bool is_empty = application == 0 && version == 0 && things == 0;
    if (!is_empty && (application != APPLICATION_ID || version < 1)) {
        rb_buf_add_text(why, "The database was made by another program.");
        return RB_NOT_A_STORE;
    }
    if (version > schema->count) {
        rb_buf_add_fmt(why, "The database has version %lld, newer than this program, which knows up to %u.",
                       (long long)version, schema->count);
        return RB_NOT_A_STORE;
    }
    *out_version = (unsigned)version;
    return RB_OK;
}

static rb_err go_up(struct rb_db *db, const struct rb_schema *schema, unsigned version)
{
    rb_err err = RB_OK;
    while (err == RB_OK && version < schema->count) err = rb_db_exec(db, schema->steps[version++]);
    char pragmas[100];
    snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %u", APPLICATION_ID,
             schema->count);
    return err == RB_OK ? rb_db_exec(db, pragmas) : err;
}

/* Another process may have been faster: looks again under the write lock. */
static rb_err migrate(struct rb_db *db, const struct rb_schema *schema, struct rb_buf *why)
{
    unsigned version = 0;
    rb_err err = rb_db_exec(db, "BEGIN IMMEDIATE");
    if (err == RB_OK) err = look(db, schema, &version, why);
    if (err == RB_OK && version < schema->count) err = go_up(db, schema, version);
    if (err == RB_OK) err = rb_db_exec(db, "COMMIT");
    if (err != RB_OK) rb_db_rollback(db);
    return err;
}

static rb_err use_wal(struct rb_db *db)
{
    int64_t is_wal = 0;
    rb_err err = rb_db_exec(db, "PRAGMA journal_mode = WAL");
    if (err == RB_OK)
        err = rb_db_get_i64(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &is_wal);
    if (err != RB_OK || is_wal) return err;
    snprintf(db->message, sizeof db->message, "this file system cannot share memory between processes (WAL)");
    return RB_STORE_FAILED;
}

rb_err rb_migrate(struct rb_db *db, const struct rb_schema *schema, bool may_upgrade, struct rb_buf *why)
{
    unsigned version = 0;
    rb_err err = look(db, schema, &version, why);
    if (err != RB_OK) return err;
    if (version > 0 && version < schema->count && !may_upgrade) {
        rb_buf_add_fmt(why, "The database has the older version %u: start the server once to bring it to %u.",
                       version, schema->count);
        return RB_NOT_A_STORE;
    }
    err = use_wal(db);
    if (err == RB_OK && version < schema->count) err = migrate(db, schema, why);
    if (err != RB_OK && why->n == 0) rb_buf_add_fmt(why, "The database cannot be set up: %s.", db->message);
    return err;
}
