/* Held jobs: accepted before it is known with what they will run.
 *
 * Such a job waits beside the queue, stored as held, also across restarts, until it is released or has waited
 * too long. Its release is a change like others: the parameters are judged as at a start, the input gets its
 * place, all of it is stored; only then does the job stand in the queue. A cancel or an expiry that comes
 * meanwhile counts once the release is back. */
#include "base/clock.h"
#include "jobs/jobs_private.h"

bool job_is_held(const struct job *job)
{
    return job->record.not_before_ms == RB_JOB_HELD;
}

static void let_go(struct job *job)
{
    job->next.cancel_requested = job->record.cancel_requested;
    job->record = job->next;
    if (job->verdict.is_decided || job->record.cancel_requested) return; /* it ends in a moment */
    queue_leave(job);
    queue_add(job);
}

static void on_release_stored(struct change *change, rb_err err)
{
    struct job *job = change->job;
    struct rb_jobs_call *call = change->arg;
    job->is_busy = false;
    input_settle(job, err == RB_OK);
    if (err == RB_OK) {
        let_go(job);
        call_answer_with(call, job);
    } else {
        call_answer(call, err);
    }
    job_advance(job);
    job_take_early_calls(job);
}

static void on_input_placed(struct job *job, struct rb_jobs_call *call, rb_err err)
{
    if (err != RB_OK) {
        job->is_busy = false;
        call_answer(call, err);
        job_advance(job);
        job_take_early_calls(job);
        return;
    }
    job->next = job->record;
    job->next.not_before_ms = rb_clock_wall_ms(); /* it waits in the queue from now on */
    job->next.params = rb_arena_copy(&job->arena, call->params);
    struct change *change = change_new(job, on_release_stored, call);
    rb_tx_job_params(change->tx, job->record.number, job->next.params);
    rb_tx_job_update(change->tx, &job->next);
    change_commit(change);
}

void release_job(struct job *job, struct rb_jobs_call *call)
{
    if (job->phase != PHASE_WAITING || !job_is_held(job)) {
        call_refuse(call, "is not held");
        return;
    }
    char **argv;
    if (!call->params.p) call->params = rb_arena_copy(&call->arena, job->record.params);
    rb_err err = command_build(job->kind->spec, call->params, &call->arena, &argv, &call->why);
    if (err != RB_OK) {
        call_answer(call, err);
        return;
    }
    job->is_busy = true;
    input_place(job, call, on_input_placed);
}
