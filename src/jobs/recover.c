/* What a server finds that was stopped, or killed, at any moment: jobs that wait go on waiting; external ones
 * go on running; of the others that ran, the workers are gone or are killed now, and the jobs are run again
 * or have failed as interrupted; files that no job knows are swept. */
#include "base/log.h"
#include "files/inputs.h"
#include "jobs/jobs_private.h"

/* ---- what is there ---- */

struct open_jobs {
    struct rb_arena arena;
    struct rb_job_record *records;
    uint32_t count;
};

static rb_err read_open(struct rb_reader *reader, void *arg)
{
    struct open_jobs *open = arg;
    return rb_read_open_jobs(reader, &open->arena, &open->records, &open->count);
}

static void find_job(struct rb_jobs *jobs, const struct rb_job_record *record)
{
    struct kind *kind = rb_map_get(&jobs->kinds_by_name, record->kind);
    struct job *job = job_new(jobs, kind ? kind : &jobs->unknown, record);
    job->phase = PHASE_LEFT;
    job_count(job); /* it was accepted: over the limit, too, if that is lower now */
    job_register(job);
    rb_list_push_back(&jobs->found, &job->queue_node);
}

/* ---- files ---- A result is in its place before its job is stored as finished, an input before its job is
 * stored at all; when the server died in between, nobody knows it. */

struct owner {
    struct rb_jobs *jobs;
    struct rb_arena arena;
    rb_str job_id;
    struct rb_job_record record;
};

static rb_err read_owner(struct rb_reader *reader, void *arg)
{
    struct owner *owner = arg;
    return rb_read_job(reader, &owner->arena, owner->job_id, &owner->record);
}

/* "results/XX/ID.ATTEMPT". When the store cannot be asked, the file stays. */
static bool is_known_result(void *arg, rb_str path)
{
    struct owner owner = {.jobs = arg};
    rb_str name = path, head;
    while (rb_str_find(name, '/') >= 0) rb_str_split(&name, '/', &head);
    rb_str_split(&name, '.', &owner.job_id);
    rb_err err = rb_store_read_wait(owner.jobs->setup.store, read_owner, &owner);
    bool is_known = err == RB_OK ? rb_str_eq(owner.record.result_file, path) : err != RB_NOT_FOUND;
    rb_arena_fini(&owner.arena);
    return is_known;
}

static bool is_known_input(void *arg, rb_str job_id)
{
    struct owner owner = {.jobs = arg, .job_id = job_id};
    rb_err err = rb_store_read_wait(owner.jobs->setup.store, read_owner, &owner);
    rb_arena_fini(&owner.arena);
    return err != RB_NOT_FOUND;
}

rb_err recover_open_jobs(struct rb_jobs *jobs, struct rb_buf *why)
{
    struct open_jobs open = {0};
    rb_err err = rb_store_read_wait(jobs->setup.store, read_open, &open);
    if (err == RB_OK) {
        for (uint32_t i = 0; i < open.count; i++) find_job(jobs, &open.records[i]);
        leftovers_kill(rb_files_work_root(jobs->setup.files, &open.arena));
        rb_files_sweep(jobs->setup.files, is_known_result, jobs);
        rb_inputs_sweep(jobs->setup.files, is_known_input, jobs);
    } else {
        rb_buf_add_fmt(why, "Cannot read the jobs: %s", rb_reason(err)->sentence);
    }
    rb_arena_fini(&open.arena);
    return err;
}

/* ---- going on ---- */

static void go_on(struct job *job)
{
    struct rb_jobs *jobs = job->jobs;
    bool did_run = job->record.state == RB_JOB_STATE_RUNNING;
    if (job->record.cancel_requested) {
        job_decide(job, RB_JOB_STATE_CANCELLED, RB_JOB_CANCELLED, RB_STR("The job was cancelled."));
    } else if (job->kind == &jobs->unknown) {
        job_decide(job, RB_JOB_STATE_FAILED, RB_JOB_SPAWN_FAILED,
                   rb_arena_fmt(&job->arena, "The kind %.*s is no longer configured.",
                                RB_STR_FMT(job->record.kind)));
    } else if (did_run && !job_is_external(job)) {
        job_decide(job, RB_JOB_STATE_FAILED, RB_JOB_INTERRUPTED,
                   RB_STR("The server stopped while the job ran."));
        job->verdict.is_retry = job->kind->spec->retry;
    }
    if (job->verdict.is_decided)
        outcome_begin(job);
    else if (did_run)
        run_go_on(job);
    else
        queue_add(job);
    job_take_early_calls(job);
}

void recover_go_on(struct rb_jobs *jobs)
{
    struct rb_list *node;
    while ((node = rb_list_pop_front(&jobs->found)) != NULL) go_on(RB_OUTER(node, struct job, queue_node));
}
