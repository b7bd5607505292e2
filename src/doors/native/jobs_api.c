/* Jobs: start, read, cancel, list.
 *
 * Starting and reading may wait for the end, each as often as it likes: first the job is asked for, and who
 * may not see it learns nothing; if it is not over, the request waits for its final event; then the job is
 * read anew, so that what is answered is what is stored. */
#include "base/crypto.h"
#include "doors/native/native_private.h"
#include "jobs/wait.h"

#include <string.h>

enum { LIST_LIMIT = 50, LIST_LIMIT_MAX = 100, IDEMPOTENCY_KEY_MAX = 255 };

struct job_errand {
    struct errand *errand;
    struct native_wait waiting; /* listed while `wait` runs */
    struct rb_job_wait *wait;
    rb_str id;
    uint64_t wait_ms; /* left to be waited, once */
    int open_status;  /* what a job that is not over is answered with */
};

static void on_job(struct rb_jobs_call *call);

static struct job_errand *new_job_errand(struct errand *errand, int open_status)
{
    struct job_errand *job_errand = rb_arena_new(&errand->request->arena, struct job_errand);
    *job_errand = (struct job_errand){.errand = errand, .open_status = open_status};
    return job_errand;
}

/* ---- answering ---- */

static void answer_job(struct job_errand *job_errand, const struct rb_job_record *job)
{
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    int status = rb_job_state_is_final(job->state) ? 200 : job_errand->open_status;
    job_body_put(&out, job);
    if (status == 202) rb_answer_header(job_errand->errand->request, "Retry-After", RB_STR("1"));
    errand_answer_json(job_errand->errand, status, &body);
}

/* ---- waiting ---- */

static void stop_waiting(struct job_errand *job_errand)
{
    rb_list_remove(&job_errand->waiting.node);
    rb_job_wait_cancel(job_errand->wait);
    job_errand->wait = NULL;
    rb_request_on_gone(job_errand->errand->request, NULL);
}

static void read_again(struct job_errand *job_errand)
{
    job_errand->wait_ms = 0;
    rb_jobs_call_send(errand_job_call(job_errand->errand, RB_JOBS_GET, job_errand->id, on_job, job_errand));
}

static void on_waited(void *arg, rb_err err)
{
    (void)err; /* over or not: the job says it */
    struct job_errand *job_errand = arg;
    job_errand->wait = NULL;
    stop_waiting(job_errand);
    read_again(job_errand);
}

static void end_waiting(struct native_wait *waiting)
{
    struct job_errand *job_errand = RB_OUTER(waiting, struct job_errand, waiting);
    stop_waiting(job_errand);
    read_again(job_errand);
}

static void on_gone(struct rb_request *request)
{
    struct job_errand *job_errand = request->arg;
    stop_waiting(job_errand);
    errand_fail(job_errand->errand, RB_CLIENT_GONE, NULL); /* nobody reads it; the request ends with it */
}

static void wait_for(struct job_errand *job_errand, const struct rb_job_record *job)
{
    struct errand *errand = job_errand->errand;
    struct rb_request *request = errand->request;
    job_errand->id = rb_arena_copy(&request->arena, job->id);
    job_errand->waiting.end = end_waiting;
    rb_list_push_back(&native_here(errand->door)->waits, &job_errand->waiting.node);
    request->arg = job_errand;
    rb_request_on_gone(request, on_gone);
    rb_str topic = rb_job_topic(&request->arena, errand->who->tenant, job_errand->id);
    job_errand->wait =
        rb_job_wait_start(errand->door->setup.hub, topic, job_errand->wait_ms, on_waited, job_errand);
}

static void on_job(struct rb_jobs_call *call)
{
    struct job_errand *job_errand = call->arg;
    struct errand *errand = job_errand->errand;
    bool may_wait = job_errand->wait_ms > 0 && !native_here(errand->door)->is_closing;
    if (call->err)
        rb_answer_problem(errand->request, call->err, call->why);
    else if (may_wait && !rb_job_state_is_final(call->job.state))
        wait_for(job_errand, &call->job);
    else
        answer_job(job_errand, &call->job);
    rb_jobs_call_free(call);
}

/* ---- starting ---- */

static rb_err read_params(struct errand *errand, rb_str *out_params, const char **out_detail)
{
    rb_str body = errand->request->body;
    struct rb_json doc;
    if (body.n == 0) {
        *out_params = RB_STR("{}");
        return RB_OK;
    }
    rb_err err = rb_json_parse(&doc, body, &(struct rb_json_limits){.bytes_max = body.n});
    if (err) {
        *out_detail = rb_arena_fmt(&errand->request->arena, "At byte %zu of the body.", doc.error_at).p;
        return err;
    }
    if (rb_json_type(rb_json_root(&doc)) != RB_JSON_OBJECT) {
        *out_detail = "The parameters of a job are a JSON object.";
        err = RB_UNPROCESSABLE;
    }
    *out_params = rb_json_raw(rb_json_root(&doc));
    rb_json_fini(&doc);
    return err;
}

/* Of the request, so that a repeat is known: its kind and its body. */
static rb_str fingerprint(struct rb_arena *arena, rb_str kind, rb_str body)
{
    struct rb_buf both = {0};
    rb_buf_add_str(&both, kind);
    rb_buf_add_char(&both, ' ');
    rb_buf_add_str(&both, body);
    unsigned char *digest = rb_arena_alloc(arena, RB_SHA256_BYTES);
    rb_sha256(rb_buf_str(&both), digest);
    rb_buf_fini(&both);
    return rb_str_make(digest, RB_SHA256_BYTES);
}

static void on_started(struct rb_jobs_call *call)
{
    struct job_errand *job_errand = call->arg;
    struct rb_request *request = job_errand->errand->request;
    if (!call->err) {
        rb_answer_header(request, "Location",
                         rb_arena_fmt(&request->arena, "/v1/jobs/%.*s", RB_STR_FMT(call->job.id)));
        if (call->was_there) rb_answer_header(request, "Idempotent-Replay", RB_STR("true"));
    }
    on_job(call);
}

static void apply_preference(struct job_errand *job_errand)
{
    struct rb_request *request = job_errand->errand->request;
    uint64_t seconds, max_ms = job_errand->errand->door->setup.wait_max_ms;
    if (!prefer_wait(&request->head, &seconds)) return;
    if (seconds > max_ms / 1000) seconds = max_ms / 1000;
    job_errand->wait_ms = seconds * 1000;
    rb_answer_header(request, "Preference-Applied",
                     rb_arena_fmt(&request->arena, "wait=%llu", (unsigned long long)seconds));
}

void handle_job_start(struct errand *errand)
{
    struct rb_request *request = errand->request;
    rb_str params = RB_STR_NONE, key = rb_request_header(request, "Idempotency-Key");
    const char *detail = NULL;
    rb_err err = read_params(errand, &params, &detail);
    if (!err && key.p && (key.n == 0 || key.n > IDEMPOTENCY_KEY_MAX)) {
        detail = "Idempotency-Key must have 1 to 255 characters.";
        err = RB_BAD_REQUEST;
    }
    if (err) {
        errand_fail(errand, err, detail);
        return;
    }
    struct job_errand *job_errand = new_job_errand(errand, 202);
    struct rb_jobs_call *call = errand_jobs_call(errand, RB_JOBS_START, on_started, job_errand);
    call->kind = rb_arena_copy(&call->arena, rb_request_param(request, "kind"));
    call->params = rb_arena_copy(&call->arena, params);
    if (key.p) {
        call->idempotency_key = rb_arena_copy(&call->arena, key);
        call->idempotency_fingerprint = fingerprint(&call->arena, call->kind, request->body);
    }
    apply_preference(job_errand);
    rb_jobs_call_send(call);
}

/* ---- reading and cancelling ---- */

void handle_job_get(struct errand *errand)
{
    struct job_errand *job_errand = new_job_errand(errand, 200);
    if (errand_query_wait(errand, &job_errand->wait_ms)) {
        errand_fail(errand, RB_BAD_REQUEST, "wait is a number of seconds.");
        return;
    }
    rb_str id = rb_request_param(errand->request, "id");
    rb_jobs_call_send(errand_job_call(errand, RB_JOBS_GET, id, on_job, job_errand));
}

void handle_job_cancel(struct errand *errand)
{
    rb_str id = rb_request_param(errand->request, "id");
    rb_jobs_call_send(errand_job_call(errand, RB_JOBS_CANCEL, id, on_job, new_job_errand(errand, 202)));
}

/* ---- listing ---- */

static void answer_list(struct errand *errand, const struct rb_job_record *jobs, uint32_t count,
                        bool has_more)
{
    struct rb_buf body = {0};
    job_list_put(&body, jobs, count, has_more);
    errand_answer_json(errand, 200, &body);
}

/* One more than asked for was read, to know whether there are more. */
static void on_list(struct rb_jobs_call *call)
{
    struct errand *errand = call->arg;
    uint32_t limit = call->query.limit - 1;
    bool has_more = call->list_count > limit;
    if (call->err)
        rb_answer_problem(errand->request, call->err, call->why);
    else
        answer_list(errand, call->list, has_more ? limit : call->list_count, has_more);
    rb_jobs_call_free(call);
}

static rb_err read_query(struct errand *errand, struct rb_job_query *out, const char **out_detail)
{
    rb_str state;
    uint64_t limit = LIST_LIMIT;
    enum rb_job_state found;
    *out = (struct rb_job_query){.tenant = errand->who->tenant, .state = -1};
    rb_request_query(errand->request, "kind", &out->kind);
    rb_request_query(errand->request, "client", &out->client);
    if (rb_request_query(errand->request, "state", &state)) {
        *out_detail = "state is queued, running, finished, failed, cancelled or expired.";
        if (!rb_job_state_find(state, &found)) return RB_BAD_REQUEST;
        out->state = (int)found;
    }
    *out_detail = "limit is a number from 1 to 100.";
    if (errand_query_number(errand, "limit", 1, LIST_LIMIT_MAX, &limit)) return RB_BAD_REQUEST;
    out->limit = (uint32_t)limit + 1;
    *out_detail = "before is what came as next.";
    return errand_query_number(errand, "before", 1, INT64_MAX, &out->before);
}

void handle_job_list(struct errand *errand)
{
    struct rb_job_query query;
    const char *detail = NULL;
    const struct rb_identity *who = errand->who;
    if (read_query(errand, &query, &detail)) {
        errand_fail(errand, RB_BAD_REQUEST, detail);
        return;
    }
    bool asks_for_others = query.client.p && !rb_str_eq(query.client, who->client);
    if (who->role != RB_ROLE_BACKEND && asks_for_others) { /* whose jobs do not exist for it */
        answer_list(errand, NULL, 0, false);
        return;
    }
    struct rb_jobs_call *call = errand_jobs_call(errand, RB_JOBS_LIST, on_list, errand);
    call->query = query;
    call->query.tenant = call->tenant;
    if (query.client.p) call->query.client = rb_arena_copy(&call->arena, query.client);
    if (query.kind.p) call->query.kind = rb_arena_copy(&call->arena, query.kind);
    rb_jobs_call_send(call);
}
