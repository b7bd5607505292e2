/* Jobs as clients see them. */
#include "base/clock.h"
#include "doors/native/native_private.h"

static void put_str_or_null(struct rb_json_out *out, const char *key, rb_str value)
{
    rb_json_put_key(out, key);
    if (value.p)
        rb_json_put_str(out, value);
    else
        rb_json_put_null(out);
}

static void put_time(struct rb_json_out *out, const char *key, uint64_t wall_ms)
{
    char text[RB_CLOCK_TEXT_BYTES];
    if (wall_ms) rb_clock_format(wall_ms, text);
    rb_json_put_key(out, key);
    rb_json_put_text(out, wall_ms ? text : NULL);
}

/* "/v1/jobs/ID/what" */
static void put_link(struct rb_json_out *out, const char *key, rb_str id, const char *what)
{
    struct rb_buf url = {0};
    rb_buf_add_fmt(&url, "/v1/jobs/%.*s/%s", RB_STR_FMT(id), what);
    rb_json_put_key(out, key);
    rb_json_put_str(out, rb_buf_str(&url));
    rb_buf_fini(&url);
}

static void put_result(struct rb_json_out *out, const struct rb_job_record *job)
{
    rb_json_put_key(out, "result");
    if (!job->result_file.n) {
        rb_json_put_null(out);
        return;
    }
    rb_json_begin_object(out);
    put_str_or_null(out, "name", job->result_name);
    put_str_or_null(out, "type", job->result_type);
    rb_json_put_key(out, "bytes");
    rb_json_put_u64(out, job->result_bytes);
    put_link(out, "url", job->id, "result");
    rb_json_end_object(out);
}

void job_body_put(struct rb_json_out *out, const struct rb_job_record *job)
{
    rb_json_begin_object(out);
    put_str_or_null(out, "id", job->id);
    rb_json_put_key(out, "number");
    rb_json_put_u64(out, job->number);
    put_str_or_null(out, "kind", job->kind);
    put_str_or_null(out, "client", job->client);
    rb_json_put_key(out, "state");
    rb_json_put_text(out, rb_job_state_name(job->state));
    rb_json_put_key(out, "attempt");
    rb_json_put_u64(out, job->attempt);
    if (job->params.p) { /* lists come without */
        rb_json_put_key(out, "params");
        rb_json_put_raw(out, job->params);
    }
    put_time(out, "created_at", job->created_ms);
    put_time(out, "started_at", job->started_ms);
    put_time(out, "ended_at", job->ended_ms);
    rb_json_put_key(out, "progress");
    rb_json_put_raw(out, job->report.n ? job->report : RB_STR("null"));
    put_str_or_null(out, "reason", job->reason);
    put_str_or_null(out, "message", job->message);
    put_result(out, job);
    rb_json_put_key(out, "links");
    rb_json_begin_object(out);
    put_link(out, "events", job->id, "events");
    put_link(out, "log", job->id, "log");
    rb_json_end_object(out);
    rb_json_end_object(out);
}

void job_list_put(struct rb_buf *buf, const struct rb_job_record *jobs, uint32_t count, bool has_more)
{
    struct rb_json_out out = {.buf = buf};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "jobs");
    rb_json_begin_array(&out);
    for (uint32_t i = 0; i < count; i++) job_body_put(&out, &jobs[i]);
    rb_json_end_array(&out);
    rb_json_put_key(&out, "next");
    if (has_more && count > 0) {
        struct rb_buf next = {0};
        rb_buf_add_u64(&next, jobs[count - 1].number);
        rb_json_put_str(&out, rb_buf_str(&next));
        rb_buf_fini(&next);
    } else {
        rb_json_put_null(&out);
    }
    rb_json_end_object(&out);
}
