/* External jobs: who does the work tells of it here. */
#include "doors/native/native_private.h"

static void on_told(struct rb_jobs_call *call)
{
    struct errand *errand = call->arg;
    if (call->err)
        rb_answer_problem(errand->request, call->err, call->why);
    else
        rb_answer(errand->request, 204, RB_STR_NONE, RB_STR_NONE);
    rb_jobs_call_free(call);
}

void handle_job_report(struct errand *errand)
{
    rb_str id = rb_request_param(errand->request, "id");
    struct rb_jobs_call *call = errand_job_call(errand, RB_JOBS_REPORT, id, on_told, errand);
    call->report = rb_arena_copy(&call->arena, errand->request->body);
    rb_jobs_call_send(call);
}

/* ---- the end ---- */

static void on_finished(struct rb_jobs_call *call)
{
    struct errand *errand = call->arg;
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    if (call->err) {
        rb_answer_problem(errand->request, call->err, call->why);
    } else {
        job_body_put(&out, &call->job);
        errand_answer_json(errand, 200, &body);
    }
    rb_jobs_call_free(call);
}

/* {"state","message","report"}; the last two may be missing. */
static rb_err read_finish(rb_json_val body, struct rb_arena *arena, struct rb_jobs_call *call,
                          const char **out_detail)
{
    rb_str state = RB_STR_NONE;
    rb_json_val message = rb_json_get(body, "message"), report = rb_json_get(body, "report");
    *out_detail = "state is finished or failed.";
    if (!rb_json_string(rb_json_get(body, "state"), arena, &state)) return RB_UNPROCESSABLE;
    if (rb_str_is(state, "finished"))
        call->state = RB_JOB_STATE_FINISHED;
    else if (rb_str_is(state, "failed"))
        call->state = RB_JOB_STATE_FAILED;
    else
        return RB_UNPROCESSABLE;
    *out_detail = "message is a text.";
    if (rb_json_type(message) != RB_JSON_NONE && !rb_json_string(message, arena, &call->message))
        return RB_UNPROCESSABLE;
    if (rb_json_type(report) != RB_JSON_NONE) call->report = rb_arena_copy(arena, rb_json_raw(report));
    return RB_OK;
}

void handle_job_finish(struct errand *errand)
{
    rb_str body = errand->request->body, id = rb_request_param(errand->request, "id");
    struct rb_json doc;
    const char *detail = NULL;
    rb_err err = rb_json_parse(&doc, body, &(struct rb_json_limits){.bytes_max = body.n});
    if (err) {
        errand_fail(errand, err,
                    rb_arena_fmt(&errand->request->arena, "At byte %zu of the body.", doc.error_at).p);
        return;
    }
    struct rb_jobs_call *call = errand_job_call(errand, RB_JOBS_FINISH, id, on_finished, errand);
    err = read_finish(rb_json_root(&doc), &call->arena, call, &detail);
    rb_json_fini(&doc);
    if (err) {
        errand_fail(errand, err, detail);
        rb_jobs_call_free(call);
        return;
    }
    rb_jobs_call_send(call);
}
