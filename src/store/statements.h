/* Every statement the store runs while it works, in one place: RB_STATEMENTS(X) with X(NAME, "sql"). Each
 * connection prepares those it meets, once. States of jobs are the numbers of enum rb_job_state: 2 and above
 * is final. */
#ifndef RB_STORE_STATEMENTS_H
#define RB_STORE_STATEMENTS_H

#include "store/job_columns.h"

#define RB_JOB_SELECTED(type, field, in_lists) ", " #field
#define RB_JOB_LISTED(type, field, in_lists) ", " in_lists
#define RB_JOB_PLACE(type, field, in_lists) ", ?"
#define RB_JOB_SET_FIRST(type, field, in_lists) #field " = ?"
#define RB_JOB_SET_NEXT(type, field, in_lists) ", " #field " = ?"
#define RB_JOB_SKIPPED(type, field, in_lists)

/* A whole job, and one in a list. */
#define RB_JOB_WHOLE "number" RB_JOB_COLUMNS(RB_JOB_SELECTED, RB_JOB_SELECTED, RB_JOB_SELECTED)
#define RB_JOB_SHORT "number" RB_JOB_COLUMNS(RB_JOB_LISTED, RB_JOB_LISTED, RB_JOB_LISTED)

/* Rows deleted at a time; see topics.h. */
#define RB_SWEEP_ROWS 200
#define RB_SWEEP_ROWS_TEXT "200"

#define RB_STATEMENTS(X)                                                                                     \
    X(BEGIN_WRITING, "BEGIN IMMEDIATE")                                                                      \
    X(BEGIN_READING, "BEGIN")                                                                                \
    X(COMMIT, "COMMIT")                                                                                      \
    X(ROLLBACK, "ROLLBACK")                                                                                  \
    X(SAVEPOINT, "SAVEPOINT one_tx")                                                                         \
    X(RELEASE, "RELEASE one_tx")                                                                             \
    X(ROLLBACK_TO, "ROLLBACK TO one_tx")                                                                     \
                                                                                                             \
    X(JOB_INSERT, "INSERT INTO jobs (" RB_JOB_WHOLE                                                          \
                  ") VALUES (NULL" RB_JOB_COLUMNS(RB_JOB_PLACE, RB_JOB_PLACE, RB_JOB_PLACE) ")")             \
    X(JOB_UPDATE, "UPDATE jobs SET " RB_JOB_COLUMNS(RB_JOB_SKIPPED, RB_JOB_SET_FIRST,                        \
                                                    RB_JOB_SET_NEXT) " WHERE number = ?")                    \
    X(JOB_PARAMS, "UPDATE jobs SET params = ?1 WHERE number = ?2")                                           \
    X(JOB_DELETE, "DELETE FROM jobs WHERE number = ?1")                                                      \
    X(JOB_BY_KEY, "SELECT number, id, idempotency_fingerprint FROM jobs"                                     \
                  " WHERE tenant = ?1 AND client = ?2 AND kind = ?3 AND idempotency_key = ?4")               \
    X(JOB_BY_ID, "SELECT " RB_JOB_WHOLE " FROM jobs WHERE id = ?1")                                          \
    X(JOB_BY_NUMBER, "SELECT " RB_JOB_WHOLE " FROM jobs WHERE number = ?1")                                  \
    X(JOBS_OF_TENANT,                                                                                        \
      "SELECT " RB_JOB_SHORT " FROM jobs WHERE tenant = ?1 AND number < ?2"                                  \
      " AND (?3 < 0 OR state = ?3) AND (?4 IS NULL OR kind = ?4) ORDER BY number DESC LIMIT ?5")             \
    X(JOBS_OF_CLIENT, "SELECT " RB_JOB_SHORT " FROM jobs WHERE tenant = ?1 AND number < ?2"                  \
                      " AND (?3 < 0 OR state = ?3) AND (?4 IS NULL OR kind = ?4) AND client = ?6 ORDER BY "  \
                      "number DESC LIMIT ?5")                                                                \
    X(JOBS_OPEN, "SELECT " RB_JOB_WHOLE " FROM jobs INDEXED BY jobs_open WHERE state < 2 ORDER BY number")   \
    X(JOBS_EXPIRED, "SELECT " RB_JOB_SHORT " FROM jobs INDEXED BY jobs_expiring WHERE state >= 2"            \
                    " AND expires_ms > 0 AND expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2")                 \
                                                                                                             \
    X(TOPIC_FIND, "SELECT id, trimmed_id FROM topics WHERE name = ?1")                                       \
    X(TOPIC_INSERT, "INSERT INTO topics (name) VALUES (?1)")                                                 \
    X(TOPIC_TRIM, "UPDATE topics SET trimmed_id = max(trimmed_id, ?2), is_swept = ?3 WHERE id = ?1")         \
    X(TOPIC_ABANDON, "UPDATE topics SET name = NULL, trimmed_id = 9223372036854775807, is_swept = 0"         \
                     " WHERE id = ?1")                                                                       \
    X(TOPIC_DELETE, "DELETE FROM topics WHERE id = ?1")                                                      \
    X(TOPIC_UNSWEPT, "SELECT id, trimmed_id, name IS NULL FROM topics INDEXED BY topics_unswept"             \
                     " WHERE is_swept = 0 LIMIT 1")                                                          \
                                                                                                             \
    X(TOPICS_AFTER, "SELECT id, name FROM topics WHERE id > ?1 AND name IS NOT NULL ORDER BY id LIMIT ?2")   \
                                                                                                             \
    X(EVENT_INSERT, "INSERT INTO events (topic, time_ms, flags, audience, name, data)"                       \
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                                                      \
    X(EVENT_NEWEST_UP_TO, "SELECT max(id) FROM events WHERE topic = ?1 AND id <= ?2")                        \
    X(EVENTS_DELETE, "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE topic = ?1 AND id <= ?2"   \
                     " ORDER BY id LIMIT " RB_SWEEP_ROWS_TEXT ")")                                           \
    X(EVENT_OLDEST, "SELECT time_ms FROM events WHERE id > 0 ORDER BY id LIMIT 1")                           \
    X(EVENT_LAST_OLD, "SELECT max(id) FROM events WHERE topic = ?1 AND id < ifnull((SELECT id FROM events"   \
                      " WHERE topic = ?1 AND time_ms > ?2 ORDER BY id LIMIT 1), 9223372036854775807)")       \
    X(EVENTS_AFTER, "SELECT id, time_ms, flags, audience, name, data FROM events"                            \
                    " WHERE topic = ?1 AND id > ?2 ORDER BY id LIMIT ?3")                                    \
                                                                                                             \
    X(CURSOR_SET, "INSERT INTO cursors (topic, name, event) VALUES (?1, ?2, ?3)"                             \
                  " ON CONFLICT (topic, name) DO UPDATE SET event = excluded.event"                          \
                  " WHERE excluded.event > event")                                                           \
    X(CURSOR_DELETE, "DELETE FROM cursors WHERE topic = ?1 AND name = ?2")                                   \
    X(CURSORS_DELETE, "DELETE FROM cursors WHERE topic = ?1")                                                \
    X(CURSORS_OF_TOPIC, "SELECT c.name, c.event FROM topics t JOIN cursors c ON c.topic = t.id"              \
                        " WHERE t.name = ?1 ORDER BY c.name")                                                \
                                                                                                             \
    X(TOKEN_INSERT, "INSERT INTO tokens (hash, tenant, client, role, label, created_ms, expires_ms)"         \
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING")                           \
    X(TOKEN_DELETE, "DELETE FROM tokens WHERE tenant = ?1 AND label = ?2")                                   \
    X(TOKENS_SWEEP, "DELETE FROM tokens WHERE hash IN (SELECT hash FROM (SELECT hash, expires_ms FROM"       \
                    " tokens WHERE tenant = ?1 AND label > ?2 AND label < ?3 ORDER BY label LIMIT 16)"       \
                    " WHERE expires_ms BETWEEN 1 AND ?4)")                                                   \
    X(TOKEN_BY_HASH, "SELECT hash, tenant, client, role, label, created_ms, expires_ms FROM tokens"          \
                     " WHERE hash = ?1")                                                                     \
    X(TOKENS_OF_TENANT, "SELECT hash, tenant, client, role, label, created_ms, expires_ms FROM tokens"       \
                        " WHERE ?1 IS NULL OR tenant = ?1 ORDER BY tenant, label, created_ms")               \
                                                                                                             \
    X(TICKET_INSERT, "INSERT INTO tickets (hash, topic, client, created_ms, expires_ms, uses_left)"          \
                     " SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) FROM (SELECT 1 FROM tickets"     \
                     " WHERE topic = ?2 AND expires_ms > ?4 LIMIT ?7)) < ?7")                                \
    X(TICKET_USE, "UPDATE tickets SET uses_left = uses_left - 1 WHERE hash = ?1 AND uses_left > 0")          \
    X(TICKET_BY_HASH,                                                                                        \
      "SELECT topic, client, created_ms, expires_ms, uses_left FROM tickets WHERE hash = ?1")                \
    X(TICKETS_SWEEP, "DELETE FROM tickets WHERE hash IN (SELECT hash FROM tickets WHERE expires_ms <= ?1"    \
                     " LIMIT " RB_SWEEP_ROWS_TEXT ")")                                                       \
    X(POLICY_SAVE, "INSERT INTO policies (topic, owner, called_ms, instances, keeps_last, is_shared,"        \
                   " timeout_ms, deadline_ms, is_completed, last_ms, last_flags, last_timeout_s, last_name," \
                   " last_data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"        \
                   " ON CONFLICT (topic) DO UPDATE SET owner = excluded.owner,"                              \
                   " called_ms = excluded.called_ms, instances = excluded.instances,"                        \
                   " keeps_last = excluded.keeps_last, is_shared = excluded.is_shared,"                      \
                   " timeout_ms = excluded.timeout_ms, deadline_ms = excluded.deadline_ms,"                  \
                   " is_completed = excluded.is_completed, last_ms = excluded.last_ms,"                      \
                   " last_flags = excluded.last_flags, last_timeout_s = excluded.last_timeout_s,"            \
                   " last_name = excluded.last_name, last_data = excluded.last_data")                        \
    X(POLICY_BY_TOPIC, "SELECT owner, called_ms, instances, keeps_last, is_shared, timeout_ms, deadline_ms," \
                       " is_completed, last_ms, last_flags, last_timeout_s, last_name, last_data"            \
                       " FROM policies WHERE topic = ?1")                                                    \
    X(POLICIES_SWEEP, "DELETE FROM policies WHERE id IN (SELECT id FROM policies p WHERE called_ms <= ?1"    \
                      " AND NOT EXISTS (SELECT 1 FROM tickets t WHERE t.topic = p.topic)"                    \
                      " LIMIT " RB_SWEEP_ROWS_TEXT ")")                                                      \
    X(SECRET_BY_NAME, "SELECT value FROM secrets WHERE name = ?1")                                           \
    X(ACCOUNT_INSERT, "INSERT INTO accounts (public_id, tenant, secret, is_guarded, created_ms)"             \
                      " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")                                 \
    X(ACCOUNT_DELETE, "DELETE FROM accounts WHERE tenant = ?1 AND public_id = ?2")                           \
    X(ACCOUNT_BY_ID, "SELECT public_id, tenant, secret, is_guarded, created_ms FROM accounts"                \
                     " WHERE public_id = ?1")                                                                \
    X(ACCOUNTS_OF_TENANT, "SELECT public_id, tenant, NULL, is_guarded, created_ms FROM accounts"             \
                          " WHERE ?1 IS NULL OR tenant = ?1 ORDER BY tenant, public_id")                     \
                                                                                                             \
    X(USER_INSERT, "INSERT INTO users (tenant, login, id, name, verifier, roles, capabilities, is_disabled," \
                   " created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING")        \
    X(USER_PASSWORD, "UPDATE users SET verifier = ?3 WHERE tenant = ?1 AND login = ?2")                      \
    X(USER_DELETE, "DELETE FROM users WHERE tenant = ?1 AND login = ?2")                                     \
    X(USER_BY_LOGIN,                                                                                         \
      "SELECT tenant, login, id, name, verifier, roles, capabilities, is_disabled, created_ms"               \
      " FROM users WHERE tenant = ?1 AND login = ?2")                                                        \
    X(USER_BY_ID, "SELECT tenant, login, id, name, verifier, roles, capabilities, is_disabled, created_ms"   \
                  " FROM users WHERE tenant = ?1 AND id = ?2")                                               \
    X(USERS_OF_TENANT, "SELECT tenant, login, id, name, NULL, roles, capabilities, is_disabled, created_ms"  \
                       " FROM users WHERE ?1 IS NULL OR tenant = ?1 ORDER BY tenant, login")                 \
                                                                                                             \
    X(POINT_INSERT,                                                                                          \
      "INSERT INTO points (hash, tenant, code, id, type, roles, capabilities, addresses, user_id,"           \
      " created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING")                \
    X(POINT_DELETE, "DELETE FROM points WHERE tenant = ?1 AND code = ?2")                                    \
    X(POINT_TOKEN_DELETE,                                                                                    \
      "DELETE FROM tokens WHERE hash = (SELECT hash FROM points WHERE tenant = ?1 AND code = ?2)")           \
    X(POINTS_FORGET,                                                                                         \
      "DELETE FROM points WHERE hash IN (SELECT hash FROM tokens WHERE tenant = ?1 AND label = ?2)")         \
    X(POINT_BY_HASH,                                                                                         \
      "SELECT hash, tenant, code, id, type, roles, capabilities, addresses, user_id, created_ms"             \
      " FROM points WHERE hash = ?1")                                                                        \
    X(POINTS_OF_TENANT,                                                                                      \
      "SELECT hash, tenant, code, id, type, roles, capabilities, addresses, user_id, created_ms"             \
      " FROM points WHERE ?1 IS NULL OR tenant = ?1 ORDER BY tenant, code")                                  \
                                                                                                             \
    X(SPACE_COUNT,                                                                                           \
      "INSERT INTO spaces (tenant, name, last_number) VALUES (?1, ?2, 1)"                                    \
      " ON CONFLICT (tenant, name) DO UPDATE SET last_number = last_number + 1 RETURNING id, last_number")   \
    X(THING_INSERT, "INSERT INTO things (space, number, body) VALUES (?1, ?2, ?3)")                          \
    X(THING_UPDATE, "UPDATE things SET body = ?4 WHERE number = ?3"                                          \
                    " AND space = (SELECT id FROM spaces WHERE tenant = ?1 AND name = ?2)")                  \
    X(THING_DELETE, "DELETE FROM things WHERE number = ?3"                                                   \
                    " AND space = (SELECT id FROM spaces WHERE tenant = ?1 AND name = ?2)")                  \
    X(THING, "SELECT body FROM things WHERE number = ?3"                                                     \
             " AND space = (SELECT id FROM spaces WHERE tenant = ?1 AND name = ?2)")                         \
    X(THINGS_AFTER,                                                                                          \
      "SELECT number, body FROM things WHERE number > ?3"                                                    \
      " AND space = (SELECT id FROM spaces WHERE tenant = ?1 AND name = ?2) ORDER BY number LIMIT ?4")

enum rb_sql {
#define RB_STATEMENT_ID(NAME, sql) RB_SQL_##NAME,
    RB_STATEMENTS(RB_STATEMENT_ID)
#undef RB_STATEMENT_ID
        RB_SQL_COUNT
};

#endif
