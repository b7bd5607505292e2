/* /upload: a file that is checked in, or kept. */
#include "doors/bimserver/checkin.h"
#include "doors/bimserver/form.h"
#include "doors/bimserver/state.h"

struct upload {
    struct bim_form *form;
    struct bim_checkin checkin;
};

/* The same number under the names that clients of different ages look for. */
static void answer_number(struct bim_form *form, const char *const *names, uint64_t number)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_json_begin_object(&out);
    for (; *names; names++) {
        rb_json_put_key(&out, *names);
        rb_json_put_u64(&out, number);
    }
    rb_json_end_object(&out);
    bim_form_answer(form, &json);
}

/* ---- a check-in ---- */

static void answer_state(struct bim_form *form, const struct rb_job_record *job)
{
    struct rb_arena *arena = &form->request->arena;
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    struct bim_topic topic;
    struct bim_state state;
    bim_topic_of(job, form->door->setup.checkin_kind, arena, &topic);
    bim_state_of_record(&topic, job, arena, &state);
    bim_state_put(&out, &topic, &state, BIM_NEW);
    bim_form_answer(form, &json);
}

static void on_checked_in(struct bim_checkin *checkin)
{
    static const char *const names[] = {"topicId", "checkinid", NULL};
    struct bim_form *form = ((struct upload *)checkin->arg)->form;
    rb_request_on_gone(form->request, NULL);
    if (checkin->failure.p)
        bim_form_fail(form, checkin->failure);
    else if (checkin->end)
        answer_state(form, checkin->end);
    else
        answer_number(form, names, checkin->number);
}

static void on_gone(struct rb_request *request)
{
    struct upload *upload = request->arg;
    bim_checkin_gone(&upload->checkin);
}

static void check_in(struct bim_form *form)
{
    struct rb_request *request = form->request;
    struct upload *upload = rb_arena_new(&request->arena, struct upload);
    upload->form = form;
    upload->checkin = (struct bim_checkin){.door = form->door,
                                           .who = form->who,
                                           .arena = &request->arena,
                                           .poid = form->poid,
                                           .deserializer_oid = form->deserializer_oid,
                                           .topic = form->topic,
                                           .path = form->path,
                                           .file_name = form->file_name,
                                           .comment = form->comment,
                                           .bytes = form->file_bytes,
                                           .does_merge = form->does_merge,
                                           .is_sync = form->is_sync,
                                           .done = on_checked_in,
                                           .arg = upload};
    request->arg = upload;
    rb_request_on_gone(request, on_gone);
    bim_checkin_start(&upload->checkin);
}

/* ---- a file that is kept: an external job with that input, which is over at once ---- */

static void on_kept(struct rb_jobs_call *job)
{
    static const char *const names[] = {"fileId", NULL};
    struct bim_form *form = job->arg;
    if (job->err)
        bim_form_fail_reason(form, job->err, RB_STR_NONE);
    else
        answer_number(form, names, job->job.number);
    rb_jobs_call_free(job);
}

static void on_started(struct rb_jobs_call *job)
{
    struct bim_form *form = job->arg;
    if (job->err) {
        bim_form_fail_reason(form, job->err, job->why);
    } else {
        struct rb_jobs_call *over = bim_jobs_call(form->door, form->who, RB_JOBS_FINISH, on_kept, form);
        over->number = job->job.number;
        over->state = RB_JOB_STATE_FINISHED;
        rb_jobs_call_send(over);
    }
    rb_jobs_call_free(job);
}

static void keep(struct bim_form *form)
{
    struct rb_buf params = {0};
    struct rb_json_out out = {.buf = &params};
    struct rb_jobs_call *job = bim_jobs_call(form->door, form->who, RB_JOBS_START, on_started, form);
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "fileName");
    rb_json_put_str(&out, form->file_name);
    rb_json_end_object(&out);
    job->kind = RB_STR(RB_BIMSERVER_FILE_KIND);
    job->params = rb_arena_copy(&job->arena, rb_buf_str(&params));
    job->input = rb_arena_copy(&job->arena, form->path);
    rb_buf_fini(&params);
    rb_jobs_call_send(job);
}

/* ---- which of them ---- */

static void on_form(struct bim_form *form)
{
    if (form->is_kept)
        keep(form);
    else if (!form->has_poid)
        rb_answer(form->request, 200, RB_STR("text/json"), RB_STR("{\"exception\":\"No poid\"}"));
    else
        check_in(form);
}

static void on_head(struct rb_request *request, void *arg)
{
    const struct bim_web *web = arg;
    if (bim_is_admitted(request, web)) bim_form_begin(request, web, on_form);
}

rb_err bim_add_upload_routes(const struct bim_web *web, struct rb_router *router)
{
    const struct rb_route route = {.handler = rb_upload_handle,
                                   .on_head = on_head,
                                   .on_refused = bim_form_refused,
                                   .body_max = web->host->door->setup.upload_bytes_max};
    rb_err err = bim_add_route(web, router, RB_HTTP1_POST, "upload", &route);
    return err ? err : bim_add_route(web, router, RB_HTTP1_POST, "upload/{rest...}", &route);
}
