/* Questions from other loops: letters that come here, are answered from memory or by the store, and go back.
 */
#include "base/mem.h"
#include "jobs/jobs_private.h"

/* ---- there and back ---- */

static void on_call(struct rb_mail *mail);

struct rb_jobs_call *rb_jobs_call_new(struct rb_jobs *jobs, void (*done)(struct rb_jobs_call *), void *arg)
{
    struct rb_jobs_call *call = rb_new(struct rb_jobs_call);
    *call = (struct rb_jobs_call){.jobs = jobs, .loop = rb_loop_current(), .done = done, .arg = arg};
    return call;
}

void rb_jobs_call_send(struct rb_jobs_call *call)
{
    call->mail.run = on_call;
    rb_loop_post(call->jobs->setup.loop, &call->mail);
}

void rb_jobs_call_free(struct rb_jobs_call *call)
{
    if (!call) return;
    rb_arena_fini(&call->arena);
    rb_free(call);
}

static void on_answer(struct rb_mail *mail)
{
    struct rb_jobs_call *call = RB_OUTER(mail, struct rb_jobs_call, mail);
    call->done(call);
}

/* A server that stops leaves the spool to its next start. */
void call_answer(struct rb_jobs_call *call, rb_err err)
{
    if (call->input.p && err != RB_SHUTTING_DOWN) input_refuse(call);
    call->err = err;
    call->mail.run = on_answer;
    rb_loop_post(call->loop, &call->mail);
}

void call_answer_with(struct rb_jobs_call *call, const struct job *job)
{
    job_snapshot(job, &call->arena, &call->job);
    call_answer(call, RB_OK);
}

void call_refuse(struct rb_jobs_call *call, const char *why)
{
    call->why = rb_arena_fmt(&call->arena, "the job %s", why);
    call_answer(call, RB_CONFLICT);
}

/* ---- from memory ---- */

static bool may_see(const struct rb_jobs_call *call, const struct rb_job_record *record)
{
    return rb_str_eq(record->tenant, call->tenant) &&
           (call->is_backend || rb_str_eq(record->client, call->client));
}

static struct job *find_open(const struct rb_jobs_call *call)
{
    if (call->id.p) return rb_map_get(&call->jobs->by_id, call->id);
    return rb_map_get(&call->jobs->by_number, rb_str_make(&call->number, sizeof call->number));
}

/* ---- from the store ---- */

static rb_err read_one(struct rb_reader *reader, void *arg)
{
    struct rb_jobs_call *call = arg;
    return call->id.p ? rb_read_job(reader, &call->arena, call->id, &call->job)
                      : rb_read_job_by_number(reader, &call->arena, call->number, &call->job);
}

/* Only final jobs are asked for here, but for a repeated start. */
static void on_one_read(void *arg, rb_err err)
{
    struct rb_jobs_call *call = arg;
    struct rb_jobs *jobs = call->jobs;
    if (err == RB_OK && !may_see(call, &call->job)) {
        call->job = (struct rb_job_record){0};
        err = RB_NOT_FOUND;
    }
    if (err == RB_OK && call->what != RB_JOBS_GET && call->what != RB_JOBS_START) {
        call->why = rb_arena_fmt(&call->arena, "the job is %s", rb_job_state_name(call->job.state));
        err = RB_CONFLICT;
    }
    call_answer(call, err);
    jobs_return(jobs);
}

static void ask_store(struct rb_jobs_call *call)
{
    jobs_depart(call->jobs);
    rb_store_read(call->jobs->setup.store, call->jobs->setup.loop, read_one, on_one_read, call);
}

void call_answer_stored(struct rb_jobs_call *call, rb_str id)
{
    struct job *job = rb_map_get(&call->jobs->by_id, id);
    if (job) {
        call_answer_with(call, job);
        return;
    }
    call->id = rb_arena_copy(&call->arena, id);
    ask_store(call);
}

static rb_err read_list(struct rb_reader *reader, void *arg)
{
    struct rb_jobs_call *call = arg;
    return rb_read_jobs(reader, &call->arena, &call->query, &call->list, &call->list_count);
}

static void on_list_read(void *arg, rb_err err)
{
    struct rb_jobs_call *call = arg;
    struct rb_jobs *jobs = call->jobs;
    call_answer(call, err);
    jobs_return(jobs);
}

/* ---- what is asked ---- */

static void get_job(struct rb_jobs_call *call)
{
    struct job *job = find_open(call);
    if (!job)
        ask_store(call);
    else if (may_see(call, &job->record))
        call_answer_with(call, job);
    else
        call_answer(call, RB_NOT_FOUND);
}

static void list_jobs(struct rb_jobs_call *call)
{
    call->query.tenant = call->tenant;
    if (!call->is_backend) call->query.client = call->client;
    jobs_depart(call->jobs);
    rb_store_read(call->jobs->setup.store, call->jobs->setup.loop, read_list, on_list_read, call);
}

/* ---- waiting for the outcome ---- */

void job_answer_askers(struct job *job, rb_err err)
{
    struct rb_jobs_call *call = job->askers;
    job->askers = NULL;
    while (call) {
        struct rb_jobs_call *next =
            call->mail.next ? RB_OUTER(call->mail.next, struct rb_jobs_call, mail) : NULL;
        job_snapshot(job, &call->arena, &call->job);
        bool is_too_late =
            err == RB_OK && call->what == RB_JOBS_CANCEL && job->record.state != RB_JOB_STATE_CANCELLED;
        if (is_too_late)
            call->why = rb_arena_fmt(&call->arena, "the job is %s", rb_job_state_name(job->record.state));
        call_answer(call, is_too_late ? RB_CONFLICT : err);
        call = next;
    }
}

void job_add_asker(struct job *job, struct rb_jobs_call *call)
{
    call->mail.next = job->askers ? &job->askers->mail : NULL;
    job->askers = call;
}

/* ---- cancelling ---- */

static void on_wish_stored(struct change *change, rb_err err)
{
    struct rb_jobs_call *call = change->arg;
    job_snapshot(change->job, &call->arena, &call->job);
    call_answer(call, err);
}

/* A worker may take its time to end, and the server may die meanwhile: the wish itself is stored. Not while
 * another change of the job is on its way, since each writes the whole record; then, as for a job that does
 * not run, the outcome is the answer. */
static void cancel_job(struct rb_jobs_call *call)
{
    struct job *job = find_open(call);
    if (!job) {
        ask_store(call);
        return;
    }
    if (!may_see(call, &job->record)) {
        call_answer(call, RB_NOT_FOUND);
        return;
    }
    job->record.cancel_requested = true;
    if (job->phase == PHASE_RUNNING && !job_is_external(job)) {
        struct change *change = change_new(job, on_wish_stored, call);
        rb_tx_job_update(change->tx, &job->record);
        change_commit(change);
    } else {
        job_add_asker(job, call);
    }
    job_advance(job);
}

/* ---- what is told ---- */

/* Between two states, each of which could be told something: it will be, then. */
static bool is_in_between(const struct job *job)
{
    switch (job->phase) {
    case PHASE_STORING:
    case PHASE_LEFT: return true;
    case PHASE_WAITING: return job->is_busy || (job_is_external(job) && !job_is_held(job));
    case PHASE_PREPARING:
    case PHASE_STARTING: return job_is_external(job);
    case PHASE_RUNNING:
    case PHASE_COLLECTING:
    case PHASE_ENDING: return false;
    }
    RB_UNREACHABLE();
}

static void keep_for_later(struct job *job, struct rb_jobs_call *call)
{
    struct rb_jobs_call *last = job->early;
    while (last && last->mail.next) last = RB_OUTER(last->mail.next, struct rb_jobs_call, mail);
    call->mail.next = NULL;
    if (last)
        last->mail.next = &call->mail;
    else
        job->early = call;
}

static void tell_job(struct rb_jobs_call *call)
{
    struct job *job = find_open(call);
    if (!job)
        ask_store(call);
    else if (!may_see(call, &job->record))
        call_answer(call, RB_NOT_FOUND);
    else if (is_in_between(job))
        keep_for_later(job, call);
    else if (call->what == RB_JOBS_RELEASE)
        release_job(job, call);
    else if (call->what == RB_JOBS_REPORT)
        external_report(job, call);
    else
        external_finish(job, call);
}

/* ---- all of them ---- */

static void take_call(struct rb_jobs_call *call)
{
    struct rb_jobs *jobs = call->jobs;
    bool is_new_work = call->what == RB_JOBS_START || call->what == RB_JOBS_RELEASE;
    if (jobs->has_stopped || (jobs->is_stopping && is_new_work)) {
        call_answer(call, RB_SHUTTING_DOWN);
        return;
    }
    switch (call->what) {
    case RB_JOBS_START: start_job(call); return;
    case RB_JOBS_GET: get_job(call); return;
    case RB_JOBS_CANCEL: cancel_job(call); return;
    case RB_JOBS_LIST: list_jobs(call); return;
    case RB_JOBS_RELEASE:
    case RB_JOBS_REPORT:
    case RB_JOBS_FINISH: tell_job(call); return;
    }
}

void job_take_early_calls(struct job *job)
{
    struct rb_jobs_call *call = job->early;
    job->early = NULL;
    while (call) {
        struct rb_jobs_call *next =
            call->mail.next ? RB_OUTER(call->mail.next, struct rb_jobs_call, mail) : NULL;
        take_call(call);
        call = next;
    }
}

static void on_call(struct rb_mail *mail)
{
    take_call(RB_OUTER(mail, struct rb_jobs_call, mail));
}
