#include "store/job_columns.h"
#include "store/readers.h"
#include "store/rows.h"

enum { LIST_MAX = 200 };

/* Columns come in the order of job_columns.h, after the number; those that a list leaves out come as NULL. */
#define GET_TEXT(field) record->field = rb_rows_keep(arena, rb_query_get_str(query, column++));
#define GET_MAYBE(field) GET_TEXT(field)
#define GET_BYTES(field) GET_TEXT(field)
#define GET_NUMBER(field) record->field = (__typeof__(record->field))rb_query_get_number(query, column++);
#define GET(type, field, in_lists) GET_##type(field)

static void get_job(struct rb_query *query, struct rb_arena *arena, struct rb_job_record *record)
{
    int column = 0;
    record->number = rb_query_get_number(query, column++);
    RB_JOB_COLUMNS(GET, GET, GET)
}

static rb_err get_one(struct rb_query *query, struct rb_arena *arena, struct rb_job_record *out)
{
    bool was_found = rb_query_next(query);
    if (was_found) get_job(query, arena, out);
    rb_err err = rb_query_end(query);
    return err == RB_OK && !was_found ? RB_NOT_FOUND : err;
}

static rb_err get_all(struct rb_query *query, struct rb_arena *arena, struct rb_job_record **out_jobs,
                      uint32_t *out_count)
{
    struct rb_rows rows = {0};
    while (rb_query_next(query))
        get_job(query, arena, rb_rows_add(&rows, arena, sizeof(struct rb_job_record)));
    rb_err err = rb_query_end(query);
    if (err != RB_OK) return err;
    *out_jobs = rows.items;
    *out_count = rows.count;
    return RB_OK;
}

rb_err rb_read_job(struct rb_reader *reader, struct rb_arena *arena, rb_str id, struct rb_job_record *out)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_JOB_BY_ID);
    rb_query_text(&query, id);
    return get_one(&query, arena, out);
}

rb_err rb_read_job_by_number(struct rb_reader *reader, struct rb_arena *arena, uint64_t number,
                             struct rb_job_record *out)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_JOB_BY_NUMBER);
    rb_query_number(&query, number);
    return get_one(&query, arena, out);
}

rb_err rb_read_jobs(struct rb_reader *reader, struct rb_arena *arena, const struct rb_job_query *wanted,
                    struct rb_job_record **out_jobs, uint32_t *out_count)
{
    bool of_client = wanted->client.p != NULL;
    struct rb_query query =
        rb_query_begin(&reader->db, of_client ? RB_SQL_JOBS_OF_CLIENT : RB_SQL_JOBS_OF_TENANT);
    rb_query_text(&query, wanted->tenant);
    rb_query_number(&query, wanted->before ? wanted->before : INT64_MAX);
    rb_query_integer(&query, wanted->state);
    rb_query_maybe(&query, wanted->kind);
    rb_query_number(&query, wanted->limit < LIST_MAX ? wanted->limit : LIST_MAX);
    if (of_client) rb_query_text(&query, wanted->client);
    return get_all(&query, arena, out_jobs, out_count);
}

rb_err rb_read_open_jobs(struct rb_reader *reader, struct rb_arena *arena, struct rb_job_record **out_jobs,
                         uint32_t *out_count)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_JOBS_OPEN);
    return get_all(&query, arena, out_jobs, out_count);
}

rb_err rb_read_expired_jobs(struct rb_reader *reader, struct rb_arena *arena, uint64_t now_ms, uint32_t limit,
                            struct rb_job_record **out_jobs, uint32_t *out_count)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_JOBS_EXPIRED);
    rb_query_number(&query, now_ms);
    rb_query_number(&query, limit);
    return get_all(&query, arena, out_jobs, out_count);
}
