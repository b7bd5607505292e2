/* The columns of `jobs` but for its number, one row each. From here come every INSERT, UPDATE and SELECT of
 * jobs and what binds, reads and copies a struct rb_job_record, so that none of these lists can drift from
 * another.
 *
 * FIXED, FIRST, NEXT(type, field, what lists select): FIXED is written once, at the insert; FIRST and NEXT by
 * every update, FIRST being the one without a comma before it. Types: TEXT (NONE is kept as ''), MAYBE (text,
 * NONE is kept as NULL), BYTES (likewise, not text), NUMBER. Lists leave out what may be large, and what
 * stands behind that in the row (NULL). The table itself is declared in migrate.c. */
#ifndef RB_STORE_JOB_COLUMNS_H
#define RB_STORE_JOB_COLUMNS_H

#define RB_JOB_COLUMNS(FIXED, FIRST, NEXT)                                                                   \
    FIXED(TEXT, id, "id")                                                                                    \
    FIXED(TEXT, tenant, "tenant")                                                                            \
    FIXED(TEXT, client, "client")                                                                            \
    FIXED(TEXT, kind, "kind")                                                                                \
    FIXED(NUMBER, created_ms, "created_ms")                                                                  \
    FIXED(MAYBE, idempotency_key, "idempotency_key")                                                         \
    FIXED(MAYBE, idempotency_fingerprint, "idempotency_fingerprint")                                         \
    FIXED(MAYBE, announce, "announce")                                                                       \
    FIXED(TEXT, params, "NULL")                                                                              \
    FIXED(TEXT, role, "NULL")                                                                                \
    FIRST(NUMBER, state, "state")                                                                            \
    NEXT(NUMBER, attempt, "attempt")                                                                         \
    NEXT(NUMBER, cancel_requested, "cancel_requested")                                                       \
    NEXT(NUMBER, started_ms, "started_ms")                                                                   \
    NEXT(NUMBER, ended_ms, "ended_ms")                                                                       \
    NEXT(NUMBER, not_before_ms, "not_before_ms")                                                             \
    NEXT(NUMBER, expires_ms, "expires_ms")                                                                   \
    NEXT(MAYBE, reason, "reason")                                                                            \
    NEXT(MAYBE, message, "message")                                                                          \
    NEXT(MAYBE, result_name, "result_name")                                                                  \
    NEXT(MAYBE, result_type, "result_type")                                                                  \
    NEXT(MAYBE, result_file, "result_file")                                                                  \
    NEXT(NUMBER, result_bytes, "result_bytes")                                                               \
    NEXT(MAYBE, report, "report")                                                                            \
    NEXT(BYTES, log_tail, "NULL")

#endif
