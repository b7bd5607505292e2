/* A job as this protocol sees it: what waits, and what is tried again, is STARTED; whatever ends without a
 * result is AS_ERROR. A job that has said nothing yet has no progress and the title of its kind. */
#include "doors/bimserver/state.h"

#include "doors/bimserver/bimserver.h"

/* ---- what does not change ---- */

static rb_str text_in(rb_str json, const char *key, struct rb_arena *arena)
{
    struct rb_json doc;
    rb_str text = RB_STR_NONE;
    if (!json.n || rb_json_parse(&doc, json, NULL) != RB_OK) return text;
    if (rb_json_string(rb_json_get(rb_json_root(&doc), key), arena, &text)) text = rb_arena_copy(arena, text);
    rb_json_fini(&doc);
    return text;
}

static rb_str first_title(const struct rb_job_record *job, bool is_checkin, struct rb_arena *arena)
{
    if (is_checkin) return RB_STR("Checkin");
    if (rb_str_is(job->kind, RB_BIMSERVER_DOWNLOAD_KIND)) return RB_STR("Done preparing");
    if (!rb_str_is(job->kind, RB_BIMSERVER_TOPIC_KIND)) return job->kind;
    rb_str description = text_in(job->params, "description", arena);
    return description.p ? description : RB_STR("");
}

void bim_topic_of(const struct rb_job_record *job, rb_str checkin_kind, struct rb_arena *arena,
                  struct bim_topic *out)
{
    bool is_checkin = checkin_kind.n > 0 && rb_str_eq(job->kind, checkin_kind);
    bool is_download = rb_str_is(job->kind, RB_BIMSERVER_DOWNLOAD_KIND);
    *out = (struct bim_topic){.number = job->number,
                              .start_ms = job->created_ms,
                              .is_checkin = is_checkin,
                              .title = first_title(job, is_checkin, arena),
                              .end_title = is_download ? RB_STR("Done") : RB_STR_NONE};
}

/* ---- reports ---- */

static void read_report(rb_json_val report, struct rb_arena *arena, struct bim_state *out)
{
    double progress;
    rb_str title;
    if (rb_json_double(rb_json_get(report, "progress"), &progress)) out->progress = (int64_t)progress;
    if (rb_json_string(rb_json_get(report, "title"), arena, &title) && title.n) out->title = title;
    rb_json_u64(rb_json_get(report, "stage"), &out->stage);
    out->infos = rb_json_raw(rb_json_get(report, "infos"));
    out->warnings = rb_json_raw(rb_json_get(report, "warnings"));
    out->errors = rb_json_raw(rb_json_get(report, "errors"));
}

/* The errors that were reported, and the message at their end unless it stands there. */
static rb_str errors_with(rb_json_val errors, rb_str message, struct rb_arena *arena)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_str last = RB_STR_NONE;
    rb_json_begin_array(&out);
    for (rb_json_val v = rb_json_first(errors); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v)) {
        rb_json_string(v, arena, &last);
        rb_json_put_raw(&out, rb_json_raw(v));
    }
    if (!rb_str_eq(last, message)) rb_json_put_str(&out, message);
    rb_json_end_array(&out);
    rb_str all = text.failed ? RB_STR_NONE : rb_arena_copy(arena, rb_buf_str(&text));
    rb_buf_fini(&text);
    return all;
}

static struct bim_state begin(const struct bim_topic *topic)
{
    return (struct bim_state){.state = BIM_STARTED, .progress = -1, .title = topic->title};
}

static void finish(const struct bim_topic *topic, struct bim_state *state)
{
    state->state = BIM_FINISHED;
    state->progress = 100;
    if (!topic->end_title.p) return;
    state->stage++;
    state->title = topic->end_title;
}

static void fail(struct bim_state *state, rb_json_val report, rb_str message, struct rb_arena *arena)
{
    state->state = BIM_AS_ERROR;
    state->progress = 0;
    state->stage++;
    state->title = message;
    state->errors = errors_with(rb_json_get(report, "errors"), message, arena);
}

static rb_str sentence_of(rb_str reason, rb_str message)
{
    rb_err err = RB_JOB_FAILED;
    if (message.n) return message;
    rb_reason_find(reason, &err);
    return rb_str_of(rb_reason(err)->sentence);
}

void bim_state_of_record(const struct bim_topic *topic, const struct rb_job_record *job,
                         struct rb_arena *arena, struct bim_state *out)
{
    struct rb_json doc = {0};
    rb_json_val report = {0};
    *out = begin(topic);
    if (job->report.n && rb_json_parse(&doc, job->report, NULL) == RB_OK) report = rb_json_root(&doc);
    if (job->state != RB_JOB_STATE_QUEUED) read_report(report, arena, out);
    if (rb_job_state_is_final(job->state)) out->end_ms = job->ended_ms;
    if (job->state == RB_JOB_STATE_FINISHED)
        finish(topic, out);
    else if (rb_job_state_is_final(job->state))
        fail(out, report, sentence_of(job->reason, job->message), arena);
    rb_json_fini(&doc);
}

/* ---- events ---- */

static void read_end(const struct bim_topic *topic, rb_json_val root, enum rb_job_state state,
                     struct rb_arena *arena, struct bim_state *out)
{
    rb_str reason = RB_STR_NONE, message = RB_STR_NONE;
    rb_json_val report = rb_json_get(root, "report");
    rb_json_string(rb_json_get(root, "reason"), arena, &reason);
    rb_json_string(rb_json_get(root, "message"), arena, &message);
    read_report(report, arena, out);
    if (state == RB_JOB_STATE_FINISHED)
        finish(topic, out);
    else
        fail(out, report, sentence_of(reason, message), arena);
}

bool bim_state_of_event(const struct bim_topic *topic, const struct rb_event *event, struct rb_arena *arena,
                        struct bim_state *out)
{
    struct rb_json doc;
    enum rb_job_state state = RB_JOB_STATE_RUNNING;
    bool is_progress = rb_str_is(event->name, "progress");
    if (!is_progress && !rb_job_state_find(event->name, &state)) return false;
    *out = begin(topic);
    if (rb_json_parse(&doc, event->data, NULL) != RB_OK) return false;
    if (is_progress)
        read_report(rb_json_root(&doc), arena, out);
    else if (rb_job_state_is_final(state))
        read_end(topic, rb_json_root(&doc), state, arena, out);
    if (!is_progress && rb_job_state_is_final(state)) out->end_ms = event->time_ms;
    rb_json_fini(&doc);
    return true;
}

/* ---- writing ---- */

static void put_list(struct bim_object *object, const char *field, rb_str json)
{
    bim_object_key(object, field);
    rb_json_put_raw(object->out, json.n ? json : RB_STR("[]"));
}

/* Servers up to 1.4 knew no state of their own for check-ins, and no topicId in it. */
void bim_state_put(struct rb_json_out *out, const struct bim_topic *topic, const struct bim_state *state,
                   enum bim_dialect dialect)
{
    static const char *const names[] = {"STARTED", "AS_ERROR", "FINISHED"};
    bool is_checkin = topic->is_checkin && dialect == BIM_NEW;
    struct bim_object object;
    bim_object_begin(&object, out, is_checkin ? &bim_SLongCheckinActionState : &bim_SLongActionState);
    object.dialect = dialect;
    if (is_checkin) bim_object_long(&object, "deserializeErrorCode", 0);
    if (state->end_ms) bim_object_long(&object, "end", (int64_t)state->end_ms);
    put_list(&object, "errors", state->errors);
    put_list(&object, "infos", state->infos);
    bim_object_long(&object, "progress", state->progress);
    if (is_checkin)
        bim_object_long(&object, "roid", state->state == BIM_FINISHED ? (int64_t)topic->number : 0);
    bim_object_long(&object, "stage", (int64_t)state->stage);
    bim_object_long(&object, "start", (int64_t)topic->start_ms);
    bim_object_text(&object, "state", rb_str_of(names[state->state]));
    bim_object_text(&object, "title", state->title);
    if (dialect == BIM_NEW) bim_object_long(&object, "topicId", (int64_t)topic->number);
    put_list(&object, "warnings", state->warnings);
    bim_object_end(&object);
}
