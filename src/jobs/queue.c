/* The queue of a kind: first in, first out, so many at a time. A job that waits for the time of its retry, or
 * is held, stands beside the queue, so that it holds nobody up, and joins it at the end. */
#include "base/clock.h"
#include "jobs/jobs_private.h"

/* A free slot is room too: what is being stored now may take it. External jobs need no slot, but have a limit
 * all the same. */
bool queue_has_room(const struct kind *kind)
{
    if (kind->spec->is_external) return kind->waiting + (uint64_t)kind->running < kind->spec->queue_max;
    unsigned slots = kind->spec->concurrency > kind->running ? kind->spec->concurrency - kind->running : 0;
    return kind->waiting < (uint64_t)kind->spec->queue_max + slots;
}

static uint64_t ms_until(uint64_t wall_ms)
{
    uint64_t now_ms = rb_clock_wall_ms();
    return wall_ms > now_ms ? wall_ms - now_ms : 0;
}

static void on_waited_too_long(struct rb_timer *timer)
{
    struct job *job = RB_OUTER(timer, struct job, deadline);
    job_decide(job, RB_JOB_STATE_EXPIRED, RB_JOB_EXPIRED,
               RB_STR("The job waited in the queue longer than its kind allows."));
    job_advance(job);
}

static void line_up(struct job *job)
{
    rb_list_push_back(&job->kind->queue, &job->queue_node);
    queue_run_next(job->kind);
}

static void on_retry_due(struct rb_timer *timer)
{
    line_up(RB_OUTER(timer, struct job, step));
}

void queue_add(struct job *job)
{
    const struct rb_job_kind *spec = job->kind->spec;
    const struct rb_job_record *record = &job->record;
    struct rb_loop *loop = job->jobs->setup.loop;
    job->phase = PHASE_WAITING;
    job->kind->waiting++;
    bool is_later = !job_is_held(job) && record->not_before_ms > record->created_ms;
    uint64_t since_ms = is_later ? record->not_before_ms : record->created_ms;
    if (spec->queue_timeout_ms)
        rb_timer_start(loop, &job->deadline, ms_until(since_ms + spec->queue_timeout_ms), on_waited_too_long);
    if (job_is_held(job)) return;
    uint64_t pause_ms = ms_until(record->not_before_ms);
    if (pause_ms > 0)
        rb_timer_start(loop, &job->step, pause_ms, on_retry_due);
    else
        line_up(job);
}

void queue_leave(struct job *job)
{
    job->kind->waiting--;
    rb_list_remove(&job->queue_node);
    rb_timer_stop(&job->deadline);
    rb_timer_stop(&job->step);
}

static bool has_slot(const struct kind *kind)
{
    return kind->spec->is_external || kind->running < kind->spec->concurrency;
}

void queue_run_next(struct kind *kind)
{
    while (has_slot(kind) && !rb_list_is_empty(&kind->queue)) {
        struct job *job = RB_OUTER(kind->queue.next, struct job, queue_node);
        if (job->jobs->is_stopping) return;
        queue_leave(job);
        run_begin(job);
    }
}
