/* Jobs whose time is over: the files of result and input go first, then the record, so that no file is left
 * without a record. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "files/inputs.h"
#include "jobs/jobs_private.h"

enum { EXPIRY_PERIOD_MS = 60000, EXPIRY_BATCH = 100 };

struct expiry {
    struct rb_jobs *jobs;
    struct rb_arena arena;
    uint64_t now_ms;
    struct rb_job_record *records;
    uint32_t count;
    bool is_stored;
};

static void start_round(struct rb_jobs *jobs);

static void on_due(struct rb_timer *timer)
{
    start_round(RB_OUTER(timer, struct rb_jobs, expiry));
}

static void end_round(struct expiry *expiry)
{
    struct rb_jobs *jobs = expiry->jobs;
    bool is_more_there = expiry->is_stored && expiry->count == EXPIRY_BATCH;
    rb_arena_fini(&expiry->arena);
    rb_free(expiry);
    rb_timer_start(jobs->setup.loop, &jobs->expiry, is_more_there ? 0 : EXPIRY_PERIOD_MS, on_due);
    jobs_return(jobs);
}

static void on_deletion_stored(struct rb_mail *mail)
{
    struct rb_tx *tx = RB_OUTER(mail, struct rb_tx, mail);
    struct expiry *expiry = tx->arg;
    expiry->is_stored = tx->err == RB_OK;
    rb_tx_free(tx);
    end_round(expiry);
}

static void on_tx_done(struct rb_tx *tx, rb_err err)
{
    (void)err; /* in tx->err */
    struct expiry *expiry = tx->arg;
    tx->mail.run = on_deletion_stored;
    rb_loop_post(expiry->jobs->setup.loop, &tx->mail);
}

static rb_err read_and_remove(struct rb_reader *reader, void *arg)
{
    struct expiry *expiry = arg;
    rb_err err = rb_read_expired_jobs(reader, &expiry->arena, expiry->now_ms, EXPIRY_BATCH, &expiry->records,
                                      &expiry->count);
    if (err != RB_OK) return err;
    struct rb_files *files = expiry->jobs->setup.files;
    for (uint32_t i = 0; i < expiry->count; i++) {
        const struct rb_job_record *record = &expiry->records[i];
        if (record->result_file.p) rb_files_remove(files, record->result_file);
        rb_inputs_remove(files, record->id);
    }
    return RB_OK;
}

static void on_read(void *arg, rb_err err)
{
    struct expiry *expiry = arg;
    if (err != RB_OK) RB_LOG_WARN("job.expiry_failed", RB_KV_REASON(err));
    if (err != RB_OK || expiry->count == 0) {
        end_round(expiry);
        return;
    }
    struct rb_tx *tx = rb_tx_new();
    for (uint32_t i = 0; i < expiry->count; i++) {
        const struct rb_job_record *record = &expiry->records[i];
        rb_tx_job_delete(tx, record->number, rb_job_topic(&tx->arena, record->tenant, record->id));
    }
    tx->done = on_tx_done;
    tx->arg = expiry;
    rb_store_commit(expiry->jobs->setup.store, tx);
}

static void start_round(struct rb_jobs *jobs)
{
    if (jobs->is_stopping) return;
    struct expiry *expiry = rb_new(struct expiry);
    *expiry = (struct expiry){.jobs = jobs, .now_ms = rb_clock_wall_ms()};
    jobs_depart(jobs);
    rb_store_read(jobs->setup.store, jobs->setup.loop, read_and_remove, on_read, expiry);
}

void expiry_start(struct rb_jobs *jobs)
{
    start_round(jobs);
}
