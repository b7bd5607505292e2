/* NotificationRegistryInterface: jobs whose work is done by a client, which says here how far it is. */
#include "doors/bimserver/coerce.h"
#include "doors/bimserver/news.h"

/* ---- beginning ---- */

static void on_started(struct rb_jobs_call *job)
{
    struct bim_call *call = job->arg;
    struct bim_place place = {-1, -1};
    if (job->err) {
        bim_fail(call, "%.*s", RB_STR_FMT(job->why.n ? job->why : rb_str_of(rb_reason(job->err)->sentence)));
    } else {
        bim_announce_read(job->job.announce, &place);
        bim_news_tell_topic(call->host->door, call->who->tenant, place, job->job.number);
        bim_result_long(call, (int64_t)job->job.number);
    }
    rb_jobs_call_free(job);
}

static rb_str params_of(struct bim_call *call, struct rb_arena *arena)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "type");
    rb_json_put_str(&out, bim_text(call, "type"));
    rb_json_put_key(&out, "description");
    rb_json_put_str(&out, bim_text(call, "description"));
    rb_json_end_object(&out);
    rb_str copy = rb_arena_copy(arena, rb_buf_str(&text));
    rb_buf_fini(&text);
    return copy;
}

static void begin(struct bim_call *call, struct bim_place place)
{
    struct rb_jobs_call *job = bim_jobs_call(call->host->door, call->who, RB_JOBS_START, on_started, call);
    job->kind = RB_STR(RB_BIMSERVER_TOPIC_KIND);
    job->params = params_of(call, &job->arena);
    job->announce = bim_announce_text(&job->arena, place);
    rb_jobs_call_send(job);
}

void bim_registry_register_progress_topic(struct bim_call *call)
{
    begin(call, (struct bim_place){-1, -1});
}

void bim_registry_register_progress_on_project_topic(struct bim_call *call)
{
    begin(call, (struct bim_place){bim_long(call, "poid"), -1});
}

void bim_registry_register_progress_on_revision_topic(struct bim_call *call)
{
    begin(call, (struct bim_place){bim_long(call, "poid"), bim_long(call, "roid")});
}

/* ---- its states ---- */

static void on_told(struct bim_call *call, struct rb_jobs_call *job)
{
    (void)job;
    bim_result_void(call);
}

static rb_str text_of(struct bim_call *call, rb_json_val state, const char *key)
{
    rb_str text = RB_STR_NONE;
    rb_json_string(rb_json_get(state, key), &call->arena, &text);
    return text;
}

/* -1, or none: not known. */
static void put_progress(struct bim_call *call, struct rb_json_out *out, rb_json_val state)
{
    struct bim_value value = {0};
    rb_json_val progress = rb_json_get(state, "progress");
    if (rb_json_type(progress) == RB_JSON_NONE) return;
    bool is_known = !bim_coerce(&(struct bim_type){.kind = BIM_LONG}, progress, &call->arena, &value) &&
                    !value.is_null && value.number >= 0;
    rb_json_put_key(out, "progress");
    if (is_known)
        rb_json_put_i64(out, value.number);
    else
        rb_json_put_null(out);
}

static rb_str report_of(struct bim_call *call, rb_json_val state, struct rb_arena *arena)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_str title = text_of(call, state, "title");
    rb_json_begin_object(&out);
    put_progress(call, &out, state);
    if (title.p) {
        rb_json_put_key(&out, "title");
        rb_json_put_str(&out, title);
    }
    rb_json_end_object(&out);
    rb_str copy = text.n > 2 ? rb_arena_copy(arena, rb_buf_str(&text)) : RB_STR_NONE;
    rb_buf_fini(&text);
    return copy;
}

static rb_str last_error(struct bim_call *call, rb_json_val state)
{
    rb_json_val errors = rb_json_get(state, "errors");
    rb_str error = RB_STR_NONE;
    for (rb_json_val v = rb_json_first(errors); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v))
        rb_json_string(v, &call->arena, &error);
    return error.n ? error : text_of(call, state, "title");
}

void bim_registry_update_progress_topic(struct bim_call *call)
{
    rb_json_val state = bim_json(call, "state");
    rb_str name = text_of(call, state, "state");
    bool has_failed = rb_str_is(name, "AS_ERROR"), is_over = has_failed || rb_str_is(name, "FINISHED");
    struct rb_jobs_call *job = bim_topic_call(call, is_over ? RB_JOBS_FINISH : RB_JOBS_REPORT, NULL, on_told);
    job->state = has_failed ? RB_JOB_STATE_FAILED : RB_JOB_STATE_FINISHED;
    if (!has_failed) job->report = report_of(call, state, &job->arena);
    if (has_failed) job->message = rb_arena_copy(&job->arena, last_error(call, state));
    if (!is_over && !job->report.p) job->report = RB_STR("{\"progress\":null}");
    rb_jobs_call_send(job);
}

void bim_registry_unregister_progress_topic(struct bim_call *call)
{
    bim_end_topic(call, RB_JOBS_FINISH);
}
