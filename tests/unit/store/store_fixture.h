/* A store in a directory of its own, and short words for using it. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "test.h"

#include "store/store.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char dir[200];
    struct rb_store *store;
    struct rb_arena arena; /* of what is read */
    struct rb_buf why;
};

static inline rb_err open_store(struct fixture *f, bool as_server)
{
    rb_buf_clear(&f->why);
    f->store = NULL;
    return rb_store_open(f->dir, as_server, &f->store, &f->why);
}

static inline void close_store(struct fixture *f)
{
    if (f->store) rb_store_close(f->store);
    f->store = NULL;
}

static inline void reopen_store(struct fixture *f)
{
    close_store(f);
    assert_int_equal(open_store(f, true), RB_OK);
}

static inline int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

/* A directory, with no store in it yet. */
static inline int set_up_dir(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *base = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/rb-store-XXXXXX", base && strlen(base) < 150 ? base : "/tmp");
    if (!mkdtemp(f->dir)) return -1;
    *state = f;
    return 0;
}

static inline int set_up(void **state)
{
    return set_up_dir(state) == 0 && open_store(*state, true) == RB_OK ? 0 : -1;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    rb_arena_fini(&f->arena);
    rb_buf_fini(&f->why);
    nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

/* A fresh job with the least that one has. */
static inline struct rb_job_record a_job(const char *id)
{
    return (struct rb_job_record){.id = rb_str_of(id),
                                  .tenant = RB_STR("t"),
                                  .client = RB_STR("c"),
                                  .kind = RB_STR("k"),
                                  .role = RB_STR("client"),
                                  .params = RB_STR("{}"),
                                  .created_ms = 1};
}

static inline struct rb_event_record an_event(const char *topic, const char *data)
{
    return (struct rb_event_record){
        .topic = rb_str_of(topic), .name = RB_STR("n"), .data = rb_str_of(data), .time_ms = 1};
}

static inline rb_err commit(struct fixture *f, struct rb_tx *tx)
{
    rb_err err = rb_store_commit_wait(f->store, tx);
    rb_tx_free(tx);
    return err;
}

/* Each of these is a transaction of its own that must go well. */
static inline uint64_t insert_job(struct fixture *f, const struct rb_job_record *job)
{
    struct rb_tx *tx = rb_tx_new();
    struct rb_tx_inserted *inserted = rb_tx_job_insert(tx, job);
    assert_int_equal(rb_store_commit_wait(f->store, tx), RB_OK);
    uint64_t number = inserted->number;
    rb_tx_free(tx);
    return number;
}

static inline void update_job(struct fixture *f, const struct rb_job_record *job)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_job_update(tx, job);
    assert_int_equal(commit(f, tx), RB_OK);
}

static inline uint64_t append_event(struct fixture *f, const struct rb_event_record *event)
{
    struct rb_tx *tx = rb_tx_new();
    uint64_t *id = rb_tx_event_append(tx, event);
    assert_int_equal(rb_store_commit_wait(f->store, tx), RB_OK);
    uint64_t value = *id;
    rb_tx_free(tx);
    return value;
}

/* ---- reading: the arguments and the results of one read ---- */

struct reading {
    struct rb_arena *arena;
    rb_str text;
    uint64_t number;
    uint32_t limit;
    struct rb_job_query query;
    struct rb_job_record job, *jobs;
    struct rb_event_record *events;
    struct rb_cursor_record *cursors;
    uint32_t count;
    uint64_t trimmed;
};

static inline rb_err read_job_fn(struct rb_reader *reader, void *arg)
{
    struct reading *r = arg;
    return rb_read_job(reader, r->arena, r->text, &r->job);
}

static inline rb_err read_job_by_number_fn(struct rb_reader *reader, void *arg)
{
    struct reading *r = arg;
    return rb_read_job_by_number(reader, r->arena, r->number, &r->job);
}

static inline rb_err read_jobs_fn(struct rb_reader *reader, void *arg)
{
    struct reading *r = arg;
    return rb_read_jobs(reader, r->arena, &r->query, &r->jobs, &r->count);
}

static inline rb_err read_open_jobs_fn(struct rb_reader *reader, void *arg)
{
    struct reading *r = arg;
    return rb_read_open_jobs(reader, r->arena, &r->jobs, &r->count);
}

static inline rb_err read_expired_jobs_fn(struct rb_reader *reader, void *arg)
{
    struct reading *r = arg;
    return rb_read_expired_jobs(reader, r->arena, r->number, r->limit, &r->jobs, &r->count);
}

static inline rb_err read_events_fn(struct rb_reader *reader, void *arg)
{
    struct reading *r = arg;
    return rb_read_events(reader, r->arena, r->text, r->number, r->limit, &r->events, &r->count, &r->trimmed);
}

static inline rb_err read_cursors_fn(struct rb_reader *reader, void *arg)
{
    struct reading *r = arg;
    return rb_read_cursors(reader, r->arena, r->text, &r->cursors, &r->count);
}

static inline struct reading read_events(struct fixture *f, const char *topic, uint64_t after, uint32_t limit)
{
    struct reading r = {.arena = &f->arena, .text = rb_str_of(topic), .number = after, .limit = limit};
    assert_int_equal(rb_store_read_wait(f->store, read_events_fn, &r), RB_OK);
    return r;
}

static inline struct reading read_open_jobs(struct fixture *f)
{
    struct reading r = {.arena = &f->arena};
    assert_int_equal(rb_store_read_wait(f->store, read_open_jobs_fn, &r), RB_OK);
    return r;
}

#endif
