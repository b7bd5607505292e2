/* Questions about jobs: travel to the jobs loop and back. */
#include "base/mem.h"
#include "doors/bimserver/door.h"
#include "doors/bimserver/state.h"
#include "jobs/wait.h"

struct rb_jobs_call *bim_jobs_call(struct rb_bimserver_door *door, const struct rb_identity *who, int what,
                                   void (*done)(struct rb_jobs_call *), void *arg)
{
    struct rb_jobs_call *job = rb_jobs_call_new(door->jobs, done, arg);
    job->what = what;
    job->tenant = rb_arena_copy(&job->arena, who->tenant);
    job->client = rb_arena_copy(&job->arena, who->client);
    job->role = rb_role_name(who->role);
    job->is_backend = who->role == RB_ROLE_BACKEND;
    return job;
}

/* ---- of a call's topic ---- */

struct topic_ask {
    struct bim_call *call;
    const char *missing;
    void (*done)(struct bim_call *call, struct rb_jobs_call *job);
};

static void on_topic(struct rb_jobs_call *job)
{
    const struct topic_ask *ask = job->arg;
    struct bim_call *call = ask->call;
    if (job->err == RB_NOT_FOUND)
        bim_fail(call, "%s%lld%s", ask->missing ? ask->missing : "Topic with id ",
                 (long long)bim_long(call, "topicId"), ask->missing ? "" : " not found");
    else if (job->err)
        bim_fail(call, "%.*s", RB_STR_FMT(job->why.n ? job->why : rb_str_of(rb_reason(job->err)->sentence)));
    else
        ask->done(call, job);
    rb_jobs_call_free(job);
}

uint64_t bim_topic_number(const struct bim_call *call)
{
    int64_t topic = bim_long(call, "topicId");
    return topic > 0 ? (uint64_t)topic : 0;
}

struct rb_jobs_call *bim_topic_call(struct bim_call *call, int what, const char *missing,
                                    void (*done)(struct bim_call *call, struct rb_jobs_call *job))
{
    struct topic_ask *ask = rb_arena_new(&call->arena, struct topic_ask);
    *ask = (struct topic_ask){.call = call, .missing = missing, .done = done};
    struct rb_jobs_call *job = bim_jobs_call(call->host->door, call->who, what, on_topic, ask);
    job->number = bim_topic_number(call);
    return job;
}

static void on_ended(struct rb_jobs_call *job)
{
    struct bim_call *call = job->arg;
    if (job->err == RB_NOT_FOUND)
        bim_fail(call, "Topic with id %lld not found", (long long)bim_long(call, "topicId"));
    else if (job->err && job->err != RB_CONFLICT)
        bim_fail_reason(call, job->err);
    else
        bim_result_void(call);
    rb_jobs_call_free(job);
}

void bim_end_topic(struct bim_call *call, int what)
{
    struct rb_jobs_call *job = bim_jobs_call(call->host->door, call->who, what, on_ended, call);
    job->number = bim_topic_number(call);
    job->state = RB_JOB_STATE_FINISHED;
    rb_jobs_call_send(job);
}

void bim_result_state(struct bim_call *call, const struct rb_job_record *job)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    struct bim_topic topic;
    struct bim_state state;
    bim_topic_of(job, call->host->door->setup.checkin_kind, &call->arena, &topic);
    bim_state_of_record(&topic, job, &call->arena, &state);
    bim_state_put(&out, &topic, &state, call->dialect);
    bim_result(call, &json);
}

/* ---- the end of a job ---- */

static const uint64_t AWAIT_MS = (uint64_t)24 * 3600 * 1000;

struct bim_await {
    struct rb_bimserver_door *door;
    const struct rb_identity *who; /* referenced */
    struct rb_job_wait *wait;      /* NULL: the record is asked for */
    char *job_id;
    void (*done)(void *arg, rb_err err, const struct rb_job_record *job); /* NULL: nobody waits any more */
    void *arg;
};

static void await_free(struct bim_await *await)
{
    rb_identity_unref(await->who);
    rb_free(await->job_id);
    rb_free(await);
}

static void on_record(struct rb_jobs_call *job)
{
    struct bim_await *await = job->arg;
    if (await->done) await->done(await->arg, job->err, job->err ? NULL : &job->job);
    await_free(await);
    rb_jobs_call_free(job);
}

static void on_end(void *arg, rb_err err)
{
    struct bim_await *await = arg;
    await->wait = NULL;
    if (err) {
        await->done(await->arg, err, NULL);
        await_free(await);
        return;
    }
    struct rb_jobs_call *job = bim_jobs_call(await->door, await->who, RB_JOBS_GET, on_record, await);
    job->is_backend = true; /* who may wait may see */
    job->id = rb_arena_copy(&job->arena, rb_str_of(await->job_id));
    rb_jobs_call_send(job);
}

struct bim_await *bim_await_job(struct rb_bimserver_door *door, const struct rb_identity *who, rb_str job_id,
                                void (*done)(void *arg, rb_err err, const struct rb_job_record *job),
                                void *arg)
{
    struct bim_await *await = rb_new(struct bim_await);
    struct rb_arena arena = {0};
    *await = (struct bim_await){
        .door = door, .who = rb_identity_ref(who), .job_id = rb_str_dup(job_id), .done = done, .arg = arg};
    await->wait = rb_job_wait_start(door->setup.hub, rb_job_topic(&arena, who->tenant, job_id), AWAIT_MS,
                                    on_end, await);
    rb_arena_fini(&arena);
    return await;
}

void bim_await_leave(struct bim_await *await)
{
    if (!await) return;
    await->done = NULL;
    if (!await->wait) return; /* the record comes back to it */
    rb_job_wait_cancel(await->wait);
    await_free(await);
}
