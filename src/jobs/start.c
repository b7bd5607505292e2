/* A new job: judged here, accepted by the store. */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "jobs/jobs_private.h"

enum { ID_TIME = 7, ID_RANDOM = 17, ID_CHARACTERS = ID_TIME + ID_RANDOM };

/* When it was accepted, in milliseconds, then 102 random bits that nobody guesses. The time is there for the
 * store's sake: ids made one after the other stand side by side in its indexes, and so a group of commits
 * touches few pages however many jobs there are. Digits and letters in the order of their codes, so that
 * later is greater, and since an id is also a name on disk and an argument of commands: it does not begin
 * like an option. */
static rb_str new_id(struct rb_arena *arena)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    enum { BASE = sizeof digits - 1 };
    char *text = rb_arena_alloc(arena, ID_CHARACTERS + 1);
    uint64_t rest = rb_clock_wall_ms();
    for (int i = ID_TIME; i-- > 0; rest /= BASE) text[i] = digits[rest % BASE];
    rb_random_text(text + ID_TIME, ID_RANDOM);
    return (rb_str){text, ID_CHARACTERS};
}

static bool is_same_request(const struct rb_job_record *record, const struct rb_jobs_call *call)
{
    return record->idempotency_key.p && rb_str_eq(record->idempotency_key, call->idempotency_key) &&
           rb_str_eq(record->kind, call->kind) && rb_str_eq(record->tenant, call->tenant) &&
           rb_str_eq(record->client, call->client);
}

/* While the queue is full, or the tenant has as many jobs as it may, the store is not asked; who repeats a
 * request that is still open gets its answer all the same. */
static void answer_full(struct rb_jobs_call *call)
{
    struct job *job;
    for (size_t at = 0; call->idempotency_key.p && (job = rb_map_next(&call->jobs->by_id, &at)) != NULL;) {
        if (!is_same_request(&job->record, call)) continue;
        if (!rb_str_eq(job->record.idempotency_fingerprint, call->idempotency_fingerprint)) {
            call_answer(call, RB_IDEMPOTENCY_MISMATCH);
            return;
        }
        call->was_there = true;
        call_answer_with(call, job);
        return;
    }
    call_answer(call, RB_QUEUE_FULL);
}

static void on_stored(struct change *change, rb_err err)
{
    struct job *job = change->job;
    struct rb_jobs_call *call = change->arg;
    job->kind->waiting--;
    input_settle(job, err == RB_OK && !change->inserted->was_there);
    if (err != RB_OK) {
        call_answer(call, err);
        job_unref(job);
        return;
    }
    if (change->inserted->was_there) {
        call->was_there = true;
        call_answer_stored(call, change->inserted->id);
        job_unref(job);
        return;
    }
    job->record.number = change->inserted->number;
    job_register(job);
    RB_LOG_DEBUG("job.accepted", RB_KV("job", job->record.id), RB_KV("kind", job->record.kind));
    call_answer_with(call, job);
    queue_add(job);
}

static void on_input_placed(struct job *job, struct rb_jobs_call *call, rb_err err)
{
    if (err != RB_OK) {
        job->kind->waiting--;
        call_answer(call, err);
        job_unref(job);
        return;
    }
    struct change *change = change_new(job, on_stored, call);
    change->inserted = rb_tx_job_insert(change->tx, &job->record);
    change_publish_state(change, &job->record, 0);
    change_commit(change);
}

static void store_job(struct rb_jobs_call *call, struct kind *kind)
{
    struct rb_job_record record = {
        .id = new_id(&call->arena),
        .tenant = call->tenant,
        .client = call->client,
        .kind = call->kind,
        .role = rb_str_of(call->role ? call->role : rb_role_name(RB_ROLE_CLIENT)),
        .params = call->params,
        .announce = call->announce,
        .idempotency_key = call->idempotency_key,
        .idempotency_fingerprint = call->idempotency_fingerprint,
        .state = RB_JOB_STATE_QUEUED,
        .created_ms = rb_clock_wall_ms(),
        .not_before_ms = call->is_held ? RB_JOB_HELD : 0,
    };
    struct job *job = job_new(call->jobs, kind, &record);
    if (!job_count(job)) {
        answer_full(call);
        job_unref(job);
        return;
    }
    job->phase = PHASE_STORING;
    kind->waiting++;
    input_place(job, call, on_input_placed);
}

void start_job(struct rb_jobs_call *call)
{
    struct kind *kind = rb_map_get(&call->jobs->kinds_by_name, call->kind);
    if (!kind) {
        call->why = rb_arena_fmt(&call->arena, "there is no kind of jobs named %.*s", RB_STR_FMT(call->kind));
        call_answer(call, RB_NOT_FOUND);
        return;
    }
    char **argv;
    if (!call->params.p) call->params = RB_STR("{}");
    rb_err err = RB_OK;
    if (!call->is_held) err = command_build(kind->spec, call->params, &call->arena, &argv, &call->why);
    if (err != RB_OK)
        call_answer(call, err);
    else if (!queue_has_room(kind))
        answer_full(call);
    else
        store_job(call, kind);
}
