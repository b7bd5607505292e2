/* One attempt at a job: a directory, a worker, an exit, a result.
 *
 * Callbacks only note what happened; run_advance looks at all of it and does the next thing. Every phase that
 * has a step under way on the pool or in the store waits for it (is_busy), whatever else happens, so that
 * nothing is touched from two sides. A verdict may fall at any time; each phase then ends in the way that
 * suits it. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "files/inputs.h"
#include "jobs/jobs_private.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { TRY_AGAIN_MS = 1000, MESSAGE_BYTES_MAX = 300, STATUS_CANNOT_START = 127 };

void run_free(struct run *run)
{
    if (!run) return;
    worker_take_back_token(run);
    rb_timer_stop(&run->measure);
    output_fini(&run->output);
    progress_fini(&run->progress);
    rb_buf_fini(&run->step_why);
    rb_arena_fini(&run->step_arena);
    rb_arena_fini(&run->arena);
    rb_free(run);
}

/* ---- steps on the pool ---- */

static void on_pool_step_done(void *arg)
{
    struct job *job = RB_RECOVER(struct job, arg, JOB_MAGIC);
    struct rb_jobs *jobs = job->jobs;
    job->is_busy = false;
    job_advance(job);
    job_unref(job);
    jobs_return(jobs);
}

static void do_on_pool(struct job *job, void (*work)(void *arg))
{
    job->is_busy = true;
    jobs_depart(job->jobs);
    rb_loop_work(job->jobs->setup.loop, work, on_pool_step_done, job_ref(job));
}

static rb_str step_message(const struct job *job)
{
    struct run *run = job->run;
    rb_str why = run->step_why.n ? rb_buf_str(&run->step_why) : rb_str_of(rb_reason(run->step_err)->sentence);
    return text_one_line(&run->arena, why, MESSAGE_BYTES_MAX);
}

/* ---- preparing ---- */

static void make_dir(void *arg)
{
    struct job *job = arg;
    struct run *run = job->run;
    run->step_err = rb_files_make_work_dir(job->jobs->setup.files, &run->step_arena, job->record.id,
                                           run->attempt, &run->dir, &run->step_why);
    run->input = rb_inputs_find(job->jobs->setup.files, &run->step_arena, job->record.id);
}

static void on_report(void *arg, const struct report_line *line)
{
    struct run *run = arg;
    progress_take(&run->progress, line);
}

/* The outcome of the attempt before goes: it was stored, and the record lets go of it. */
static void forget_last_run(struct job *job)
{
    struct rb_job_record *record = &job->record;
    record->reason = record->message = record->report = record->log_tail = RB_STR_NONE;
    record->not_before_ms = 0;
    run_free(job->run);
    job->run = NULL;
}

static void new_run(struct job *job, uint32_t attempt)
{
    forget_last_run(job);
    struct rb_jobs *jobs = job->jobs;
    struct run *run = rb_new(struct run);
    run->job = job;
    run->attempt = attempt;
    output_init(&run->output, job->kind->spec->log_bytes_max, on_report, run);
    progress_init(&run->progress, jobs->setup.hub, jobs->setup.loop,
                  rb_job_topic(&run->arena, job->record.tenant, job->record.id),
                  job->kind->spec->progress_interval_ms);
    job->run = run;
    job->has_slot = true;
    job->kind->running++;
}

static void store_start(struct job *job);

void run_begin(struct job *job)
{
    new_run(job, job->record.attempt + 1);
    job->phase = PHASE_PREPARING;
    if (job_is_external(job))
        store_start(job);
    else
        do_on_pool(job, make_dir);
}

void run_go_on(struct job *job)
{
    new_run(job, job->record.attempt);
    external_run(job);
}

/* ---- starting ---- */

static void on_try_again(struct rb_timer *timer)
{
    store_start(RB_OUTER(timer, struct job, step));
}

static void on_start_stored(struct change *change, rb_err err)
{
    struct job *job = change->job;
    job->is_busy = false;
    if (err == RB_OK) {
        job->next.cancel_requested = job->record.cancel_requested;
        job->record = job->next;
    } else {
        rb_timer_start(job->jobs->setup.loop, &job->step, TRY_AGAIN_MS, on_try_again);
    }
    job_advance(job);
}

static void store_start(struct job *job)
{
    job->phase = PHASE_STARTING;
    job->is_busy = true;
    job->next = job->record;
    job->next.state = RB_JOB_STATE_RUNNING;
    job->next.attempt = job->run->attempt;
    job->next.started_ms = rb_clock_wall_ms();
    struct change *change = change_new(job, on_start_stored, NULL);
    rb_tx_job_update(change->tx, &job->next);
    change_publish_state(change, &job->next, 0);
    change_commit(change);
}

static void start_worker(struct job *job)
{
    const char *why = "";
    job->phase = PHASE_RUNNING;
    if (worker_start(job, &why) == RB_OK) return;
    job_decide(job, RB_JOB_STATE_FAILED, RB_JOB_SPAWN_FAILED,
               rb_arena_fmt(&job->run->arena, "The worker cannot be started: %s.", why));
    outcome_begin(job);
}

/* ---- running ---- */

static void on_timeout(struct rb_timer *timer)
{
    struct job *job = RB_OUTER(timer, struct job, deadline);
    uint64_t timeout_ms = job->kind->spec->timeout_ms;
    job_decide(job, RB_JOB_STATE_FAILED, RB_JOB_TIMEOUT,
               rb_arena_fmt(&job->run->arena, "The job ran longer than %llu.%03llu s.",
                            (unsigned long long)timeout_ms / 1000, (unsigned long long)timeout_ms % 1000));
    job_advance(job);
}

void run_limit_time(struct job *job, uint64_t left_ms)
{
    if (job->kind->spec->timeout_ms)
        rb_timer_start(job->jobs->setup.loop, &job->deadline, left_ms, on_timeout);
}

void run_end_reports(struct run *run)
{
    char line[96];
    progress_end(&run->progress);
    if (run->progress.dropped == 0) return;
    int n = snprintf(line, sizeof line, "ringback: %llu events were not published: more than %d a second.",
                     (unsigned long long)run->progress.dropped, PROGRESS_EVENTS_MAX);
    output_log(&run->output, rb_str_make(line, (size_t)n));
}

/* ---- collecting ---- */

/* A worker that failed may have failed because it met the limit. */
static void collect(void *arg)
{
    struct job *job = arg;
    struct run *run = job->run;
    struct rb_files *files = job->jobs->setup.files;
    uint64_t bytes_max = job->kind->spec->result_bytes_max;
    rb_buf_clear(&run->step_why);
    if (run->status == 0 && run->signal == 0) {
        struct rb_collect wanted = {.work_dir = run->dir,
                                    .job_id = job->record.id,
                                    .kind = job->record.kind,
                                    .attempt = run->attempt,
                                    .bytes_max = bytes_max,
                                    .always_zip = job->kind->spec->always_zip};
        run->step_err = rb_files_collect(files, &run->step_arena, &wanted, &run->result, &run->step_why);
    } else {
        rb_str out_dir = rb_arena_fmt(&run->step_arena, "%.*s/out", RB_STR_FMT(run->dir));
        run->step_err = rb_files_usage(out_dir.p, bytes_max) > bytes_max ? RB_JOB_OUTPUT_FULL : RB_OK;
    }
}

static void begin_collecting(struct job *job)
{
    job->phase = PHASE_COLLECTING;
    if (job->verdict.is_decided)
        outcome_begin(job);
    else
        do_on_pool(job, collect);
}

static rb_str failure_message(const struct job *job)
{
    struct run *run = job->run;
    rb_str message = text_one_line(&run->arena, report_last_error(&run->progress.report), MESSAGE_BYTES_MAX);
    if (message.n == 0)
        message = text_one_line(&run->arena, output_error_line(&run->output), MESSAGE_BYTES_MAX);
    return message.n ? message : rb_arena_fmt(&run->arena, "exit status %d", run->status);
}

static rb_str crash_message(const struct job *job)
{
    struct run *run = job->run;
    const char *name = sigabbrev_np(run->signal);
    return rb_arena_fmt(&run->arena, "ended by signal %d (%s%s)", run->signal, name ? "SIG" : "unknown",
                        name ? name : "");
}

static bool could_not_start(const struct run *run)
{
    return run->status == STATUS_CANNOT_START &&
           rb_str_starts(output_error_line(&run->output), RB_STR(WORKER_EXEC_COMPLAINT));
}

/* From how the worker ended, unless something else has ended the job before. */
static void judge(struct job *job)
{
    struct run *run = job->run;
    if (run->step_err != RB_OK)
        job_decide(job, RB_JOB_STATE_FAILED, run->step_err, step_message(job));
    else if (run->signal == SIGXFSZ)
        job_decide(job, RB_JOB_STATE_FAILED, RB_JOB_OUTPUT_FULL,
                   rb_str_of(rb_reason(RB_JOB_OUTPUT_FULL)->sentence));
    else if (run->signal)
        job_decide(job, RB_JOB_STATE_FAILED, RB_JOB_CRASHED, crash_message(job));
    else if (run->status == 0)
        job_decide(job, RB_JOB_STATE_FINISHED, RB_OK, RB_STR_NONE);
    else if (could_not_start(run))
        job_decide(job, RB_JOB_STATE_FAILED, RB_JOB_SPAWN_FAILED,
                   rb_str_from(failure_message(job), sizeof WORKER_EXEC_COMPLAINT - 1));
    else
        job_decide(job, RB_JOB_STATE_FAILED, RB_JOB_FAILED, failure_message(job));
}

/* ---- what follows ---- */

static void after_preparing(struct job *job)
{
    if (job->run->step_err != RB_OK) {
        job_decide(job, RB_JOB_STATE_FAILED, job->run->step_err, step_message(job));
        job->record.attempt = job->run->attempt; /* it counts, or it would be tried for ever */
    }
    if (job->verdict.is_decided)
        outcome_begin(job);
    else
        store_start(job);
}

static void after_starting(struct job *job)
{
    if (job->verdict.is_decided) {
        rb_timer_stop(&job->step);
        outcome_begin(job);
    } else if (!rb_timer_is_running(&job->step)) {
        if (job_is_external(job))
            external_run(job);
        else
            start_worker(job);
    }
}

void run_advance(struct job *job)
{
    if (job->is_busy) return;
    switch (job->phase) {
    case PHASE_PREPARING: after_preparing(job); return;
    case PHASE_STARTING: after_starting(job); return;
    case PHASE_RUNNING:
        if (job_is_external(job) ? external_is_over(job) : worker_is_over(job)) begin_collecting(job);
        return;
    case PHASE_COLLECTING:
        judge(job);
        outcome_begin(job);
        return;
    case PHASE_STORING:
    case PHASE_WAITING:
    case PHASE_ENDING:
    case PHASE_LEFT: RB_UNREACHABLE();
    }
}
