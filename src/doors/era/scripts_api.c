/* /rest/v1/service/svcscript_runtimes: scripts that run, over HTTP
 * (.../api/rest/v1/service/svcscript_runtimes.html). A script is a kind of job; nobody waits for it here. */
#include "doors/era/rest.h"
#include "doors/era/script.h"

enum { SCRIPTS_LISTED_MAX = 200, SCRIPT_BYTES_MAX = 1024 * 1024 };

struct script_errand {
    struct rb_era_door *door;
    struct rb_request *request;
};

static struct script_errand *new_errand(struct rb_era_door *door, struct rb_request *request)
{
    struct script_errand *errand = rb_arena_new(&request->arena, struct script_errand);
    *errand = (struct script_errand){door, request};
    return errand;
}

static void put_runtime(struct rb_json_out *out, const struct rb_era_door *door,
                        const struct rb_job_record *job)
{
    rb_json_begin_object(out);
    era_put_str(out, "id", job->id);
    era_put_str(out, "site", door->setup.site);
    rb_json_put_key(out, "node");
    rb_json_put_u64(out, 0); /* there is one */
    era_put_str(out, "domain", job->tenant);
    era_put_str(out, "type", RB_STR("svc"));
    era_put_str(out, "code", job->kind);
    era_put_str(out, "state", rb_str_of(rb_job_state_name(job->state)));
    rb_json_end_object(out);
}

static void answer_runtime(struct script_errand *errand, int status, const struct rb_job_record *job)
{
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    put_runtime(&out, errand->door, job);
    era_answer_json(errand->request, status, &body);
}

/* ---- starting ---- */

static void on_started(void *arg, const struct era_script_end *end)
{
    struct script_errand *errand = arg;
    if (end->err)
        era_answer_error(errand->request, end->err, end->detail);
    else
        answer_runtime(errand, 201, end->job);
}

static void on_start(struct rb_era_door *door, struct rb_request *request, const struct rb_identity *who)
{
    struct rb_json doc;
    struct rb_buf params = {0};
    if (!era_read_body(request, &doc)) return;
    rb_str code = era_scalar(rb_json_get(rb_json_root(&doc), "code"), &request->arena);
    if (code.n) {
        era_script_put_parameters(&params, rb_json_root(&doc));
        era_script_start(door,
                         &(struct era_script_spec){.who = who, .kind = code, .params = rb_buf_str(&params)},
                         on_started, new_errand(door, request));
        rb_buf_fini(&params);
    } else {
        era_answer_error(request, RB_BAD_REQUEST, RB_STR("code is the name of a script."));
    }
    rb_json_fini(&doc);
}

static void handle_start(struct rb_request *request, void *arg)
{
    era_guard(arg, request, on_start);
}

/* ---- looking ---- */

static void on_listed(struct rb_jobs_call *call)
{
    struct script_errand *errand = call->arg;
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    if (call->err) {
        era_answer_error(errand->request, call->err, call->why);
    } else {
        rb_json_begin_array(&out);
        for (uint32_t i = 0; i < call->list_count; i++) put_runtime(&out, errand->door, &call->list[i]);
        rb_json_end_array(&out);
        era_answer_json(errand->request, 200, &body);
    }
    rb_jobs_call_free(call);
}

static void on_list(struct rb_era_door *door, struct rb_request *request, const struct rb_identity *who)
{
    struct rb_jobs_call *call = era_jobs_call(door, who, RB_JOBS_LIST, on_listed, new_errand(door, request));
    call->query = (struct rb_job_query){.tenant = call->tenant,
                                        .state = RB_JOB_STATE_RUNNING,
                                        .limit = SCRIPTS_LISTED_MAX};
    rb_jobs_call_send(call);
}

static void handle_list(struct rb_request *request, void *arg)
{
    era_guard(arg, request, on_list);
}

static void ask_for(struct rb_era_door *door, struct rb_request *request, const struct rb_identity *who,
                    int what, void (*done)(struct rb_jobs_call *))
{
    struct rb_jobs_call *call = era_jobs_call(door, who, what, done, new_errand(door, request));
    call->id = rb_arena_copy(&call->arena, rb_request_param(request, "id"));
    rb_jobs_call_send(call);
}

static void on_got(struct rb_jobs_call *call)
{
    struct script_errand *errand = call->arg;
    if (call->err)
        era_answer_error(errand->request, call->err, call->why);
    else
        answer_runtime(errand, 200, &call->job);
    rb_jobs_call_free(call);
}

static void on_get(struct rb_era_door *door, struct rb_request *request, const struct rb_identity *who)
{
    ask_for(door, request, who, RB_JOBS_GET, on_got);
}

static void handle_get(struct rb_request *request, void *arg)
{
    era_guard(arg, request, on_get);
}

/* ---- stopping ---- */

static void on_stopped(struct rb_jobs_call *call)
{
    struct script_errand *errand = call->arg;
    if (call->err)
        era_answer_error(errand->request, call->err, call->why);
    else
        rb_answer(errand->request, 204, RB_STR_NONE, RB_STR_NONE);
    rb_jobs_call_free(call);
}

static void on_stop(struct rb_era_door *door, struct rb_request *request, const struct rb_identity *who)
{
    ask_for(door, request, who, RB_JOBS_CANCEL, on_stopped);
}

static void handle_stop(struct rb_request *request, void *arg)
{
    era_guard(arg, request, on_stop);
}

/* ---- routes ---- */

rb_err era_add_script_routes(struct rb_era_door *door, struct rb_router *router)
{
    static const struct era_route routes[] = {
        {RB_HTTP1_POST, "/rest/v1/service/svcscript_runtimes", handle_start},
        {RB_HTTP1_GET, "/rest/v1/service/svcscript_runtimes", handle_list},
        {RB_HTTP1_GET, "/rest/v1/service/svcscript_runtimes/{id}", handle_get},
        {RB_HTTP1_DELETE, "/rest/v1/service/svcscript_runtimes/{id}", handle_stop}};
    return era_add_routes(door, router, routes, RB_COUNT(routes), SCRIPT_BYTES_MAX);
}
