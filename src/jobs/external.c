/* External jobs: the work is done elsewhere, by whoever started the job or by a back end, and told in calls
 * with the words that a worker would write.
 *
 * From `running` on nothing happens here: no slot is waited for, no process is watched, and a server that
 * stops or dies finds the job as it was. It ends by being finished, cancelled or out of time; the time counts
 * from its start, restarts or not. What was reported before a restart is not known after it, since progress
 * is not stored. */
#include "base/clock.h"
#include "jobs/jobs_private.h"

enum { MESSAGE_BYTES_MAX = 300 };

static uint64_t time_left_ms(const struct job *job)
{
    uint64_t ends_ms = job->record.started_ms + job->kind->spec->timeout_ms, now_ms = rb_clock_wall_ms();
    return ends_ms > now_ms ? ends_ms - now_ms : 0;
}

void external_run(struct job *job)
{
    job->phase = PHASE_RUNNING;
    run_limit_time(job, time_left_ms(job));
    job_take_early_calls(job);
}

bool external_is_over(struct job *job)
{
    if (!job->verdict.is_decided) return false;
    rb_timer_stop(&job->deadline);
    run_end_reports(job->run);
    return true;
}

/* ---- what is told ---- */

/* Whether it can be told anything; else the call is answered. */
static bool is_open(const struct job *job, struct rb_jobs_call *call)
{
    const char *why_not = NULL;
    if (!job_is_external(job))
        why_not = "is not external";
    else if (job->phase == PHASE_WAITING)
        why_not = "is held";
    else if (job->phase != PHASE_RUNNING)
        why_not = rb_arena_fmt(&call->arena, "is %s", rb_job_state_name(job->next.state)).p;
    if (why_not) call_refuse(call, why_not);
    return !why_not;
}

static bool take_report(struct job *job, struct rb_jobs_call *call)
{
    struct report_line line;
    bool is_report =
        call->report.n <= OUTPUT_LINE_BYTES_MAX && report_read(call->report, &call->arena, &line);
    if (is_report)
        progress_take(&job->run->progress, &line);
    else
        call->why = RB_STR("a report is an object of at most 64 KiB with progress, title, info, warning, "
                           "error or event");
    return is_report;
}

void external_report(struct job *job, struct rb_jobs_call *call)
{
    if (!is_open(job, call)) return;
    if (take_report(job, call))
        call_answer_with(call, job);
    else
        call_answer(call, RB_UNPROCESSABLE);
}

/* ---- its end ---- */

static rb_str failure_message(const struct job *job, rb_str message)
{
    struct run *run = job->run;
    if (message.n == 0) message = report_last_error(&run->progress.report);
    rb_str line = text_one_line(&run->arena, message, MESSAGE_BYTES_MAX);
    return line.n ? line : rb_str_of(rb_reason(RB_JOB_FAILED)->sentence);
}

void external_finish(struct job *job, struct rb_jobs_call *call)
{
    if (!is_open(job, call)) return;
    if (call->report.p && !take_report(job, call)) {
        call_answer(call, RB_UNPROCESSABLE);
        return;
    }
    if (call->state == RB_JOB_STATE_FINISHED)
        job_decide(job, RB_JOB_STATE_FINISHED, RB_OK, RB_STR_NONE);
    else
        job_decide(job, RB_JOB_STATE_FAILED, RB_JOB_FAILED, failure_message(job, call->message));
    job_add_asker(job, call);
    job_advance(job);
}
