/* A job's input: a file that a door has received, for the worker to read.
 *
 * It is moved to its place, on the pool, before the transaction that knows of it commits: whoever finds the
 * job finds its input too. A transaction that fails leaves a file that nobody knows; it is removed, and if
 * the server dies before that, its next start does it. */
#include "files/inputs.h"

#include "base/log.h"
#include "base/mem.h"
#include "jobs/jobs_private.h"

#include <unistd.h>

/* ---- into its place ---- */

struct placing {
    struct job *job; /* referenced */
    struct rb_jobs_call *call;
    void (*done)(struct job *job, struct rb_jobs_call *call, rb_err err);
    struct rb_buf why;
    rb_err err;
};

static void place(void *arg)
{
    struct placing *placing = arg;
    struct job *job = placing->job;
    placing->err = rb_inputs_put(job->jobs->setup.files, job->record.id, placing->call->input, &placing->why);
}

static void on_placed(void *arg)
{
    struct placing *placing = arg;
    struct job *job = placing->job;
    struct rb_jobs *jobs = job->jobs;
    if (placing->err != RB_OK)
        RB_LOG_WARN("job.input_not_placed", RB_KV("job", job->record.id), RB_KV_REASON(placing->err),
                    RB_KV("why", rb_buf_str(&placing->why)));
    placing->call->input = RB_STR_NONE;
    job->has_new_input = placing->err == RB_OK;
    placing->done(job, placing->call, placing->err);
    rb_buf_fini(&placing->why);
    rb_free(placing);
    job_unref(job);
    jobs_return(jobs);
}

void input_place(struct job *job, struct rb_jobs_call *call,
                 void (*done)(struct job *job, struct rb_jobs_call *call, rb_err err))
{
    if (!call->input.p) {
        done(job, call, RB_OK);
        return;
    }
    struct placing *placing = rb_new(struct placing);
    *placing = (struct placing){.job = job_ref(job), .call = call, .done = done};
    jobs_depart(job->jobs);
    rb_loop_work(job->jobs->setup.loop, place, on_placed, placing);
}

/* ---- away again ---- */

struct removal {
    struct rb_jobs *jobs;
    char *job_id; /* whose input it is, or */
    char *path;   /* of a file in the spool */
};

static void remove_it(void *arg)
{
    struct removal *removal = arg;
    if (removal->job_id) rb_inputs_remove(removal->jobs->setup.files, rb_str_of(removal->job_id));
    if (removal->path) unlink(removal->path); /* what is left the next start sweeps */
}

static void on_removed(void *arg)
{
    struct removal *removal = arg;
    struct rb_jobs *jobs = removal->jobs;
    rb_free(removal->job_id);
    rb_free(removal->path);
    rb_free(removal);
    jobs_return(jobs);
}

static void start_removal(struct rb_jobs *jobs, rb_str job_id, rb_str path)
{
    struct removal *removal = rb_new(struct removal);
    *removal = (struct removal){.jobs = jobs, .job_id = rb_str_dup(job_id), .path = rb_str_dup(path)};
    jobs_depart(jobs);
    rb_loop_work(jobs->setup.loop, remove_it, on_removed, removal);
}

void input_settle(struct job *job, bool is_stored)
{
    if (job->has_new_input && !is_stored) start_removal(job->jobs, job->record.id, RB_STR_NONE);
    job->has_new_input = false;
}

void input_refuse(struct rb_jobs_call *call)
{
    start_removal(call->jobs, RB_STR_NONE, call->input);
    call->input = RB_STR_NONE;
}
