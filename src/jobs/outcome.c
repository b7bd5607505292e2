/* The end of a job, or of one attempt: stored first, told afterwards.
 *
 * One transaction holds the record, the final event of the job's topic and what doors announce elsewhere.
 * Until the store has taken it, nothing is told, the result stays in its place, the slot stays taken, and the
 * store is asked again every second: an outcome is never lost, and a full disk slows the work down instead of
 * losing it. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/jobs_private.h"

enum { TRY_AGAIN_MS = 1000 };
static const uint64_t BACKOFF_MS_MAX = 24 * 3600 * 1000;

/* ---- what it is ---- */

/* What may be different next time. */
static bool is_worth_retrying(rb_err reason)
{
    static const rb_err reasons[] = {RB_JOB_FAILED, RB_JOB_CRASHED, RB_JOB_TIMEOUT, RB_DISK_FULL,
                                     RB_STORE_FAILED};
    for (size_t i = 0; i < RB_COUNT(reasons); i++)
        if (reasons[i] == reason) return true;
    return false;
}

static bool has_attempts_left(const struct job *job)
{
    return job->record.attempt < job->kind->spec->attempts && !job->record.cancel_requested &&
           !job_is_external(job);
}

static uint64_t backoff_ms(const struct job *job)
{
    uint64_t pause_ms = job->kind->spec->retry_backoff_ms;
    for (uint32_t i = 1; i < job->record.attempt && pause_ms < BACKOFF_MS_MAX; i++) pause_ms *= 2;
    return pause_ms < BACKOFF_MS_MAX ? pause_ms : BACKOFF_MS_MAX;
}

static void add_run(struct rb_job_record *next, struct run *run)
{
    rb_str log = output_log_tail(&run->output);
    if (log.p) next->log_tail = rb_arena_copy(&run->arena, log);
    if (!run->progress.report.has_any) return;
    struct rb_buf report = {0};
    report_write(&run->progress.report, &report);
    if (!report.failed) next->report = rb_arena_copy(&run->arena, rb_buf_str(&report));
    rb_buf_fini(&report);
}

static void add_result(struct rb_job_record *next, const struct rb_result *result)
{
    if (result->file_count == 0) return;
    next->result_name = result->label;
    next->result_type = result->type;
    next->result_file = result->path;
    next->result_bytes = result->bytes;
}

static void make_next(struct job *job)
{
    const struct verdict *verdict = &job->verdict;
    struct rb_job_record *next = &job->next;
    uint64_t now_ms = rb_clock_wall_ms();
    *next = job->record;
    next->reason = verdict->reason ? rb_str_of(rb_reason_name(verdict->reason)) : RB_STR_NONE;
    next->message = verdict->message;
    if (job->run) add_run(next, job->run);
    if (verdict->is_retry) {
        next->state = RB_JOB_STATE_QUEUED;
        next->not_before_ms = now_ms + (verdict->reason == RB_JOB_INTERRUPTED ? 0 : backoff_ms(job));
        return;
    }
    next->state = verdict->state;
    next->ended_ms = now_ms;
    next->expires_ms = now_ms + job->kind->spec->result_keep_ms;
    if (job->run && verdict->state == RB_JOB_STATE_FINISHED) add_result(next, &job->run->result);
}

/* ---- storing it ---- */

static void on_outcome_stored(struct change *change, rb_err err);

static void add_announcements(struct change *change, const struct rb_job_record *record)
{
    const struct rb_jobs_setup *setup = &change->job->jobs->setup;
    unsigned count = 0; /* what is one door's is nothing to the others */
    struct rb_announcement announcements[RB_ANNOUNCEMENTS_MAX] = {0};
    for (unsigned i = 0; i < setup->announcer_count && record->announce.p && count == 0; i++)
        count = setup->announcers[i].announce(setup->announcers[i].arg, record, record->announce,
                                              &change->tx->arena, announcements);
    RB_CHECK(count <= RB_ANNOUNCEMENTS_MAX);
    for (unsigned i = 0; i < count; i++)
        change_publish(change, announcements[i].topic, &announcements[i].event);
}

static void store_outcome(struct job *job)
{
    bool is_final = rb_job_state_is_final(job->next.state);
    job->is_busy = true;
    job->next.cancel_requested = job->record.cancel_requested;
    struct change *change = change_new(job, on_outcome_stored, NULL);
    rb_tx_job_update(change->tx, &job->next);
    change_publish_state(change, &job->next, is_final ? RB_EVENT_FINAL : 0);
    if (is_final) add_announcements(change, &job->next);
    change_commit(change);
}

void outcome_begin(struct job *job)
{
    struct verdict *verdict = &job->verdict;
    if (verdict->state == RB_JOB_STATE_FAILED && is_worth_retrying(verdict->reason) && has_attempts_left(job))
        verdict->is_retry = true;
    job->phase = PHASE_ENDING;
    make_next(job);
    store_outcome(job);
}

/* ---- when it is stored ---- */

struct drop {
    struct rb_jobs *jobs;
    struct rb_arena arena;
    rb_str job_id;
    uint32_t attempt;
};

static void drop_dir(void *arg)
{
    struct drop *drop = arg;
    rb_files_drop_work_dir(drop->jobs->setup.files, drop->job_id, drop->attempt);
}

static void on_dropped(void *arg)
{
    struct drop *drop = arg;
    struct rb_jobs *jobs = drop->jobs;
    rb_arena_fini(&drop->arena);
    rb_free(drop);
    jobs_return(jobs);
}

static void start_dropping(struct job *job)
{
    struct drop *drop = rb_new(struct drop);
    *drop = (struct drop){.jobs = job->jobs, .attempt = job->run->attempt};
    drop->job_id = rb_arena_copy(&drop->arena, job->record.id);
    jobs_depart(job->jobs);
    rb_loop_work(job->jobs->setup.loop, drop_dir, on_dropped, drop);
}

static void log_outcome(const struct rb_job_record *record)
{
    RB_LOG_INFO("job.ended", RB_KV("job", record->id), RB_KV("kind", record->kind),
                RB_KV_TEXT("state", rb_job_state_name(record->state)), RB_KV_U64("attempt", record->attempt),
                RB_KV("reason", record->reason), RB_KV("message", record->message));
}

static void settle(struct job *job)
{
    struct kind *kind = job->kind;
    bool is_retry = job->verdict.is_retry;
    job->next.cancel_requested = job->record.cancel_requested;
    job->record = job->next;
    log_outcome(&job->record);
    if (job->run && !job_is_external(job)) start_dropping(job);
    if (job->has_slot) kind->running--;
    job->has_slot = false;
    if (is_retry) {
        job->verdict = (struct verdict){0};
        queue_add(job);
        job_advance(job); /* it may have been cancelled meanwhile */
    } else {
        job_answer_askers(job, RB_OK);
        job_unregister(job);
        job_take_early_calls(job);
        job_unref(job);
    }
    queue_run_next(kind);
}

static void on_try_again(struct rb_timer *timer)
{
    store_outcome(RB_OUTER(timer, struct job, step));
}

static void on_outcome_stored(struct change *change, rb_err err)
{
    struct job *job = change->job;
    job->is_busy = false;
    if (err == RB_OK) {
        settle(job);
        return;
    }
    RB_LOG_WARN("job.outcome_not_stored", RB_KV("job", job->record.id), RB_KV_REASON(err));
    job_answer_askers(job, err);
    rb_timer_start(job->jobs->setup.loop, &job->step, TRY_AGAIN_MS, on_try_again);
    outcome_advance(job);
}

/* A server that stops cannot wait for its disk. The job is found as it was stored last, at the next start. */
void outcome_advance(struct job *job)
{
    if (job->is_busy || !job->jobs->is_stopping) return;
    rb_timer_stop(&job->step);
    job->phase = PHASE_LEFT;
    job_answer_askers(job, RB_SHUTTING_DOWN);
}
