/* One open job in memory, and the one place that decides what it does next. */
#include "base/mem.h"
#include "codec/json.h"
#include "jobs/jobs_private.h"
#include "store/job_columns.h"

/* ---- records ---- */

#define COPY_TEXT(field) out->field = record->field.p ? rb_arena_copy(arena, record->field) : RB_STR_NONE;
#define COPY_MAYBE(field) COPY_TEXT(field)
#define COPY_BYTES(field) COPY_TEXT(field)
#define COPY_NUMBER(field)
#define COPY(type, field, in_lists) COPY_##type(field)

void record_copy(struct rb_arena *arena, const struct rb_job_record *record, struct rb_job_record *out)
{
    *out = *record;
    RB_JOB_COLUMNS(COPY, COPY, COPY)
}

static void put_maybe(struct rb_json_out *out, const char *key, rb_str text)
{
    rb_json_put_key(out, key);
    if (text.p)
        rb_json_put_str(out, text);
    else
        rb_json_put_null(out);
}

static void put_result(struct rb_json_out *out, const struct rb_job_record *record)
{
    rb_json_put_key(out, "result");
    if (!record->result_file.p) {
        rb_json_put_null(out);
        return;
    }
    rb_json_begin_object(out);
    put_maybe(out, "name", record->result_name);
    put_maybe(out, "type", record->result_type);
    rb_json_put_key(out, "bytes");
    rb_json_put_u64(out, record->result_bytes);
    rb_json_end_object(out);
}

rb_str record_event_data(struct rb_arena *arena, const struct rb_job_record *record)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    put_maybe(&out, "id", record->id);
    put_maybe(&out, "kind", record->kind);
    put_maybe(&out, "state", rb_str_of(rb_job_state_name(record->state)));
    rb_json_put_key(&out, "number");
    if (record->number)
        rb_json_put_u64(&out, record->number);
    else
        rb_json_put_null(&out); /* the store is about to give it */
    rb_json_put_key(&out, "attempt");
    rb_json_put_u64(&out, record->attempt);
    put_maybe(&out, "reason", record->reason);
    put_maybe(&out, "message", record->message);
    put_result(&out, record);
    if (rb_job_state_is_final(record->state)) {
        rb_json_put_key(&out, "report");
        rb_json_put_raw(&out, record->report.n ? record->report : RB_STR("null"));
    }
    rb_json_end_object(&out);
    rb_str data = text.failed ? RB_STR_NONE : rb_arena_copy(arena, rb_buf_str(&text));
    rb_buf_fini(&text);
    return data;
}

rb_str rb_job_topic(struct rb_arena *arena, rb_str tenant, rb_str id)
{
    return rb_arena_fmt(arena, "%.*s/jobs/%.*s", RB_STR_FMT(tenant), RB_STR_FMT(id));
}

/* ---- life ---- */

struct job *job_new(struct rb_jobs *jobs, struct kind *kind, const struct rb_job_record *record)
{
    struct job *job = rb_new(struct job);
    *job = (struct job){.magic = JOB_MAGIC, .refs = 1, .jobs = jobs, .kind = kind};
    record_copy(&job->arena, record, &job->record);
    return job;
}

bool job_count(struct job *job)
{
    job->is_counted = rb_tally_take(job->jobs->tenants, job->record.tenant);
    return job->is_counted;
}

static void uncount(struct job *job)
{
    if (job->is_counted) rb_tally_give(job->jobs->tenants, job->record.tenant);
    job->is_counted = false;
}

struct job *job_ref(struct job *job)
{
    job->refs++;
    return job;
}

void job_unref(struct job *job)
{
    if (--job->refs > 0) return;
    uncount(job);
    rb_timer_stop(&job->deadline);
    rb_timer_stop(&job->step);
    rb_list_remove(&job->queue_node);
    run_free(job->run);
    rb_arena_fini(&job->arena);
    rb_free(job);
}

static rb_str number_key(const struct job *job)
{
    return rb_str_make(&job->record.number, sizeof job->record.number);
}

void job_register(struct job *job)
{
    rb_map_put(&job->jobs->by_id, job->record.id, job);
    rb_map_put(&job->jobs->by_number, number_key(job), job);
}

void job_unregister(struct job *job)
{
    rb_map_remove(&job->jobs->by_id, job->record.id);
    rb_map_remove(&job->jobs->by_number, number_key(job));
    uncount(job);
}

void job_snapshot(const struct job *job, struct rb_arena *arena, struct rb_job_record *out)
{
    record_copy(arena, &job->record, out);
    const struct run *run = job->run;
    if (!run || job->record.state != RB_JOB_STATE_RUNNING) return;
    rb_str log = output_log_tail(&run->output);
    if (log.p) out->log_tail = rb_arena_copy(arena, log);
    if (!run->progress.report.has_any) return;
    struct rb_buf report = {0};
    report_write(&run->progress.report, &report);
    if (!report.failed) out->report = rb_arena_copy(arena, rb_buf_str(&report));
    rb_buf_fini(&report);
}

/* ---- what happens next ---- */

void job_decide(struct job *job, enum rb_job_state state, rb_err reason, rb_str message)
{
    if (job->verdict.is_decided) return;
    job->verdict = (struct verdict){.is_decided = true, .state = state, .reason = reason, .message = message};
}

/* What comes from outside and ends a job early: a cancel, and the server's own stop. Once the worker has
 * ended by itself, it is too late. What is done elsewhere goes on without the server. */
static void heed_wishes(struct job *job)
{
    if (job->verdict.is_decided) return;
    if (job->record.cancel_requested) {
        job_decide(job, RB_JOB_STATE_CANCELLED, RB_JOB_CANCELLED, RB_STR("The job was cancelled."));
    } else if (job->jobs->is_stopping && job->phase != PHASE_WAITING && !job_is_external(job)) {
        job_decide(job, RB_JOB_STATE_FAILED, RB_JOB_INTERRUPTED,
                   RB_STR("The server stopped while the job ran."));
        job->verdict.is_retry = job->kind->spec->retry || job->record.state == RB_JOB_STATE_QUEUED;
    }
}

void job_advance(struct job *job)
{
    switch (job->phase) {
    case PHASE_WAITING:
        if (job->is_busy) return; /* being released */
        heed_wishes(job);
        if (!job->verdict.is_decided) return;
        queue_leave(job);
        outcome_begin(job);
        return;
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_RUNNING:
        if (!job->run->has_exited) heed_wishes(job);
        run_advance(job);
        return;
    case PHASE_COLLECTING: run_advance(job); return;
    case PHASE_ENDING: outcome_advance(job); return;
    case PHASE_STORING:
    case PHASE_LEFT: return;
    }
}
