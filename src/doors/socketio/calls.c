/* The REST side of the dialect: process calls that start a job and say nothing of its outcome, the
 * synchronous form that answers with the ZIP itself (`returnZip=true`), and the download by id. Errors here
 * are {"error":"...","message":"..."}, as clients of such calls expect. */
#include "auth/guard.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/socketio/sio_private.h"
#include "jobs/wait.h"

struct process_call {
    struct rb_sio_door *door;
    const struct rb_sio_route *route;
    const struct rb_sio_room *room; /* NULL: the kind is announced nowhere */
};

/* One request on its way. In the request's arena. */
struct errand {
    struct rb_sio_door *door;
    const struct process_call *call; /* process calls */
    struct rb_request *request;
    const struct rb_identity *who;
    struct rb_job_wait *wait;    /* while a synchronous call waits */
    struct rb_jobs_call *result; /* holds the job's record while its file is opened */
    rb_str job_id;
    bool is_synchronous;
};

static void answer_error(struct rb_request *request, rb_err err, rb_str message)
{
    const struct rb_reason *reason = rb_reason(err);
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "error");
    rb_json_put_text(&out, reason->name);
    rb_json_put_key(&out, "message");
    if (message.n)
        rb_json_put_str(&out, message);
    else
        rb_json_put_text(&out, reason->sentence);
    rb_json_end_object(&out);
    if (err == RB_UNAUTHENTICATED) rb_answer_header(request, "WWW-Authenticate", RB_STR("Bearer"));
    if (reason->is_retryable && reason->http_status != 504)
        rb_answer_header(request, "Retry-After", RB_STR("1"));
    rb_answer_json(request, reason->http_status, rb_buf_str(&body));
    rb_buf_fini(&body);
}

static struct rb_jobs_call *new_call(struct errand *errand, void (*done)(struct rb_jobs_call *))
{
    struct rb_jobs_call *call = rb_jobs_call_new(errand->door->jobs, done, errand);
    call->tenant = rb_arena_copy(&call->arena, errand->who->tenant);
    call->client = rb_arena_copy(&call->arena, errand->who->client);
    call->role = rb_role_name(errand->who->role);
    call->is_backend = errand->who->role == RB_ROLE_BACKEND;
    return call;
}

/* ---- sending a result ---- */

static void on_opened(struct rb_file_open *open)
{
    struct errand *errand = open->arg;
    struct rb_request *request = errand->request;
    struct rb_jobs_call *call = errand->result;
    if (open->err) {
        answer_error(request, open->err, RB_STR_NONE);
    } else {
        const struct rb_job_record *job = &call->job;
        rb_answer_with_file(
            request, &(struct rb_answer_file){.take_fd = open->fd,
                                              .bytes = open->bytes,
                                              .label = job->result_name,
                                              .type = job->result_type,
                                              .etag = rb_arena_fmt(&call->arena, "\"%.*s.%u\"",
                                                                   RB_STR_FMT(job->id), job->attempt)});
    }
    rb_jobs_call_free(call);
    rb_free(open);
}

static void send_result(struct errand *errand, struct rb_jobs_call *take_call)
{
    errand->result = take_call;
    rb_files_open_result(errand->door->setup.files, rb_loop_current(), take_call->job.result_file, on_opened,
                         errand);
}

/* ---- download ---- */

static void on_download_job(struct rb_jobs_call *call)
{
    struct errand *errand = call->arg;
    const struct rb_job_record *job = &call->job;
    rb_err err = call->err;
    /* Ids are small numbers: only who was told of the outcome may use them. */
    bool is_allowed =
        !err && (errand->who->role == RB_ROLE_BACKEND || rb_str_eq(job->client, errand->who->client) ||
                 announce_is_open(job->announce));
    if (!err && !is_allowed) err = RB_NOT_FOUND;
    if (!err && !job->result_file.n) err = RB_NO_RESULT;
    if (!err) {
        send_result(errand, call);
        return;
    }
    answer_error(errand->request, err, RB_STR_NONE);
    rb_jobs_call_free(call);
}

static void on_download(struct rb_request *request, void *arg, rb_err err, const struct rb_identity *who)
{
    uint64_t number = 0;
    if (!err && !rb_str_u64(rb_request_param(request, "downloadId"), INT32_MAX, &number)) err = RB_NOT_FOUND;
    if (err) {
        answer_error(request, err, RB_STR_NONE);
        return;
    }
    struct errand *errand = rb_arena_new(&request->arena, struct errand);
    *errand = (struct errand){.door = arg, .request = request, .who = who};
    struct rb_jobs_call *call = new_call(errand, on_download_job);
    call->what = RB_JOBS_GET;
    call->is_backend = true; /* on_download_job decides */
    call->number = number;
    rb_jobs_call_send(call);
}

/* ---- process calls ---- */

static bool is_true(rb_str value)
{
    return rb_str_ieq(value, RB_STR("true")) || rb_str_eq(value, RB_STR("1"));
}

static void answer_accepted(struct errand *errand, const struct rb_jobs_call *call)
{
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "status");
    rb_json_put_text(&out, "accepted");
    rb_json_put_key(&out, "jobId");
    rb_json_put_str(&out, call->job.id);
    rb_json_end_object(&out);
    rb_answer_json(errand->request, 202, rb_buf_str(&body));
    rb_buf_fini(&body);
}

/* ---- the synchronous form ---- */

static void on_final_job(struct rb_jobs_call *call)
{
    struct errand *errand = call->arg;
    if (!call->err && call->job.state == RB_JOB_STATE_FINISHED && call->job.result_file.n) {
        send_result(errand, call);
        return;
    }
    rb_err err = call->err ? call->err : RB_NO_RESULT;
    if (!call->err && call->job.state != RB_JOB_STATE_FINISHED && !rb_reason_find(call->job.reason, &err))
        err = RB_JOB_FAILED;
    answer_error(errand->request, err, rb_arena_copy(&errand->request->arena, call->job.message));
    rb_jobs_call_free(call);
}

static void send_job_call(struct errand *errand, int what, void (*done)(struct rb_jobs_call *))
{
    struct rb_jobs_call *call = new_call(errand, done);
    call->what = what;
    call->id = rb_arena_copy(&call->arena, errand->job_id);
    rb_jobs_call_send(call);
}

static void on_cancelled(struct rb_jobs_call *call)
{
    rb_jobs_call_free(call);
}

static void on_waited(void *arg, rb_err err)
{
    struct errand *errand = arg;
    errand->wait = NULL;
    rb_request_on_gone(errand->request, NULL);
    if (!err) {
        send_job_call(errand, RB_JOBS_GET, on_final_job);
        return;
    }
    bool is_cancelled = errand->door->setup.sync_timeout_cancels;
    if (is_cancelled) send_job_call(errand, RB_JOBS_CANCEL, on_cancelled);
    answer_error(errand->request, RB_WAIT_TIMEOUT,
                 rb_arena_fmt(&errand->request->arena, "Job %.*s was not done in time and %s.",
                              RB_STR_FMT(errand->job_id), is_cancelled ? "is cancelled" : "goes on"));
}

static void on_gone(struct rb_request *request)
{
    struct errand *errand = request->arg;
    rb_job_wait_cancel(errand->wait);
    errand->wait = NULL;
    answer_error(request, RB_CLIENT_GONE, RB_STR_NONE); /* nobody reads it; the request ends with it */
}

/* ---- starting ---- */

static void on_started(struct rb_jobs_call *call)
{
    struct errand *errand = call->arg;
    struct rb_request *request = errand->request;
    if (call->err) {
        answer_error(request, call->err, rb_arena_copy(&request->arena, call->why));
    } else if (!errand->is_synchronous) {
        answer_accepted(errand, call);
    } else {
        errand->job_id = rb_arena_copy(&request->arena, call->job.id);
        rb_str topic = rb_job_topic(&request->arena, errand->who->tenant, errand->job_id);
        request->arg = errand;
        rb_request_on_gone(request, on_gone);
        errand->wait = rb_job_wait_start(errand->door->setup.hub, topic, errand->door->setup.sync_timeout_ms,
                                         on_waited, errand);
    }
    rb_jobs_call_free(call);
}

static rb_str param_value(void *arg, rb_str name)
{
    char *text = rb_str_dup(name);
    rb_str value = rb_request_param(arg, text);
    rb_free(text);
    return value;
}

static rb_str fingerprint(struct rb_arena *arena, rb_str kind, rb_str params)
{
    rb_str both = rb_arena_fmt(arena, "%.*s %.*s", RB_STR_FMT(kind), RB_STR_FMT(params));
    unsigned char *digest = rb_arena_alloc(arena, RB_SHA256_BYTES);
    rb_sha256(both, digest);
    return rb_str_make(digest, RB_SHA256_BYTES);
}

static void start_job(struct errand *errand, rb_str params)
{
    const struct process_call *process = errand->call;
    struct rb_request *request = errand->request;
    struct rb_jobs_call *call = new_call(errand, on_started);
    call->what = RB_JOBS_START;
    call->kind = process->route->kind;
    call->params = rb_arena_copy(&call->arena, params);
    rb_str key = rb_request_header(request, "Idempotency-Key");
    if (key.n) {
        call->idempotency_key = rb_arena_copy(&call->arena, key);
        call->idempotency_fingerprint = fingerprint(&call->arena, call->kind, call->params);
    }
    if (process->room && !errand->is_synchronous) {
        rb_str topic = room_topic(&call->arena, errand->who->tenant, process->room, param_value, request);
        bool is_open = process->room->to_whole_room || errand->who->role == RB_ROLE_BACKEND;
        if (topic.p) call->announce = announce_text(&call->arena, topic, call->kind, is_open);
    }
    rb_jobs_call_send(call);
}

static void on_process(struct rb_request *request, void *arg, rb_err err, const struct rb_identity *who)
{
    const struct process_call *process = arg;
    rb_str params = RB_STR_NONE, return_zip = RB_STR_NONE;
    if (!err) {
        char *alias = room_host_alias(rb_request_header(request, "Host"));
        if (room_host_is_foreign(process->door, who->tenant, rb_str_of(alias))) err = RB_UNAUTHENTICATED;
        rb_free(alias);
    }
    if (!err) err = params_of(request, process->route->pattern, &params);
    if (err) {
        answer_error(request, err, RB_STR_NONE);
        return;
    }
    struct errand *errand = rb_arena_new(&request->arena, struct errand);
    *errand = (struct errand){.door = process->door, .call = process, .request = request, .who = who};
    errand->is_synchronous = rb_request_query(request, "returnZip", &return_zip) && is_true(return_zip);
    start_job(errand, params);
}

/* ---- routes ---- */

static void guard_process(struct rb_request *request, void *arg)
{
    struct process_call *process = arg;
    rb_guard(process->door->setup.auth, request, on_process, process);
}

static void guard_download(struct rb_request *request, void *arg)
{
    struct rb_sio_door *door = arg;
    rb_guard(door->setup.auth, request, on_download, door);
}

rb_err calls_add_routes(struct rb_sio_door *door, struct rb_router *router, struct rb_buf *why)
{
    const struct rb_sio_setup *setup = &door->setup;
    door->calls = rb_new_array(struct process_call, setup->route_count);
    for (unsigned i = 0; i < setup->route_count; i++) {
        const struct rb_sio_route *route = &setup->routes[i];
        door->calls[i] = (struct process_call){door, route, room_of_kind(door, route->kind)};
        rb_err err = rb_router_add(router, route->method, route->pattern, 0, guard_process, &door->calls[i]);
        if (!err) continue;
        rb_buf_add_fmt(why, "jobs.%.*s.routes: %.*s is taken or malformed", RB_STR_FMT(route->kind),
                       RB_STR_FMT(route->pattern));
        return err;
    }
    for (unsigned i = 0; i < setup->download_path_count; i++) {
        rb_err err = rb_router_add(router, RB_HTTP1_GET, setup->download_paths[i], 0, guard_download, door);
        if (!err) continue;
        rb_buf_add_fmt(why, "socketio.process.download_paths: %.*s is taken or malformed",
                       RB_STR_FMT(setup->download_paths[i]));
        return err;
    }
    return RB_OK;
}

void calls_free(struct rb_sio_door *door)
{
    rb_free(door->calls);
}
