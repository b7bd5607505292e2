/* A worker while it lives: its output, its time, how much it writes, and its end.
 *
 * To end it, its whole process group is asked (SIGTERM) and after the grace time made (SIGKILL). When the
 * worker itself has gone, whatever it left running in its group is killed, and its outputs, which strays may
 * hold open for ever, are waited for only shortly. */
#include "base/mem.h"
#include "jobs/jobs_private.h"

#include <signal.h>

enum { OUTPUT_GRACE_MS = 500, MEASURE_MS = 1000 };

static void on_step_due(struct rb_timer *timer);

/* ---- callbacks ---- */

static void on_output(void *arg, int stream, rb_str bytes)
{
    struct job *job = RB_RECOVER(struct job, arg, JOB_MAGIC);
    output_feed(&job->run->output, stream, bytes);
}

static void on_exit(void *arg, int status, int number)
{
    struct job *job = RB_RECOVER(struct job, arg, JOB_MAGIC);
    job->run->has_exited = true;
    worker_take_back_token(job->run);
    job->run->status = status;
    job->run->signal = number;
    job_advance(job);
}

static void on_end(void *arg)
{
    struct job *job = RB_RECOVER(struct job, arg, JOB_MAGIC);
    struct rb_jobs *jobs = job->jobs;
    job->run->process = NULL;
    output_end(&job->run->output);
    job_advance(job);
    jobs_return(jobs);
}

static const struct rb_process_ops process_ops = {.on_output = on_output,
                                                  .on_exit = on_exit,
                                                  .on_end = on_end};

/* ---- measuring ---- */

struct measurement {
    struct job *job;
    struct rb_arena arena;
    rb_str path;
    uint64_t bytes_max, bytes;
};

static void measure(void *arg)
{
    struct measurement *measurement = arg;
    measurement->bytes = rb_files_usage(measurement->path.p, measurement->bytes_max);
}

static void on_measure_due(struct rb_timer *timer);

/* The run waits for this before it goes on to its next phase. */
static void on_measured(void *arg)
{
    struct measurement *measurement = arg;
    struct job *job = measurement->job;
    struct rb_jobs *jobs = job->jobs;
    job->run->is_measuring = false;
    if (measurement->bytes > measurement->bytes_max)
        job_decide(job, RB_JOB_STATE_FAILED, RB_JOB_OUTPUT_FULL,
                   rb_arena_fmt(&job->run->arena, "The results are larger than %llu bytes.",
                                (unsigned long long)measurement->bytes_max));
    rb_timer_start(jobs->setup.loop, &job->run->measure, MEASURE_MS, on_measure_due);
    rb_arena_fini(&measurement->arena);
    rb_free(measurement);
    job_advance(job);
    jobs_return(jobs);
}

static void on_measure_due(struct rb_timer *timer)
{
    struct run *run = RB_OUTER(timer, struct run, measure);
    struct job *job = run->job;
    struct measurement *measurement = rb_new(struct measurement);
    *measurement = (struct measurement){.job = job, .bytes_max = job->kind->spec->result_bytes_max};
    measurement->path = rb_arena_fmt(&measurement->arena, "%.*s/out", RB_STR_FMT(run->dir));
    run->is_measuring = true;
    jobs_depart(job->jobs);
    rb_loop_work(job->jobs->setup.loop, measure, on_measured, measurement);
}

/* ---- starting ---- */

static rb_str input_of(const struct job *job)
{
    rb_str params = job->record.params;
    return rb_arena_fmt(&job->run->arena, "%.*s\n", RB_STR_FMT(params));
}

rb_err worker_start(struct job *job, const char **out_why)
{
    struct rb_arena *arena = &job->run->arena;
    struct rb_loop *loop = job->jobs->setup.loop;
    char **command;
    rb_str why = RB_STR("out of memory");
    rb_err err = command_build(job->kind->spec, job->record.params, arena, &command, &why);
    if (err != RB_OK) { /* the command has changed since the job was accepted */
        *out_why = rb_arena_copy(arena, why).p;
        return err;
    }
    worker_lend_token(job);
    struct rb_process_spec spec = {.file = job->jobs->self_path,
                                   .arguments = worker_arguments(job, arena, command),
                                   .environment = worker_environment(job, arena),
                                   .directory = job->run->dir.p,
                                   .input = input_of(job)};
    err = rb_process_start(loop, &spec, &process_ops, job, &job->run->process, out_why);
    if (err != RB_OK) {
        worker_take_back_token(job->run);
        return err;
    }
    jobs_depart(job->jobs);
    run_limit_time(job, job->kind->spec->timeout_ms);
    rb_timer_start(loop, &job->run->measure, MEASURE_MS, on_measure_due);
    return RB_OK;
}

/* ---- ending ---- */

static void force_end(struct job *job)
{
    job->run->ending = ENDING_FORCED;
    rb_process_signal_group(job->run->process, SIGKILL);
}

static void ask_to_end(struct job *job)
{
    job->run->ending = ENDING_ASKED;
    rb_process_signal_group(job->run->process, SIGTERM);
    rb_timer_start(job->jobs->setup.loop, &job->step, job->kind->spec->kill_grace_ms, on_step_due);
}

/* The step timer runs for SIGKILL while the worker lives, then for its output. */
static void on_step_due(struct rb_timer *timer)
{
    struct job *job = RB_OUTER(timer, struct job, step);
    if (job->run->has_exited)
        rb_process_close_output(job->run->process);
    else
        force_end(job);
}

static void sweep_up(struct job *job)
{
    job->run->is_swept = true;
    rb_process_signal_group(job->run->process, SIGKILL);
    rb_timer_start(job->jobs->setup.loop, &job->step, OUTPUT_GRACE_MS, on_step_due);
}

static void stop_timers(struct job *job)
{
    rb_timer_stop(&job->deadline);
    rb_timer_stop(&job->step);
    rb_timer_stop(&job->run->measure);
}

bool worker_is_over(struct job *job)
{
    struct run *run = job->run;
    if (run->has_exited && !run->process) {
        stop_timers(job);
        if (run->is_measuring) return false;
        run_end_reports(run);
        return true;
    }
    if (run->has_exited && !run->is_swept)
        sweep_up(job);
    else if (!run->has_exited && job->verdict.is_decided && run->ending == ENDING_NOT) {
        if (job->verdict.reason == RB_JOB_OUTPUT_FULL)
            force_end(job);
        else
            ask_to_end(job);
    }
    return false;
}
