/* The way of a script: START at the jobs loop; then the job's final event is waited for; then the job is read
 * anew, and its result from the disk. Whoever left meanwhile is not told, but the way is gone to where it can
 * be ended: a job that was aborted before it had an id is cancelled when it has one. */
#include "doors/era/script.h"

#include "base/mem.h"
#include "codec/utf8.h"
#include "doors/era/rest.h"
#include "jobs/wait.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct era_script {
    struct rb_era_door *door;
    const struct rb_identity *who; /* a reference */
    era_script_done_fn *done;      /* NULL: nobody waits any more */
    void *arg;
    uint64_t timeout_ms, begun_ms;
    bool is_aborted;
    bool is_away;              /* a letter, or work, has it: not to be freed */
    struct rb_job_wait *wait;  /* while it runs */
    rb_str id;                 /* on the heap, from START on */
    struct rb_jobs_call *read; /* the job that is over */
    struct rb_buf content;     /* of its result */
    int fd;
};

static void script_free(struct era_script *script)
{
    rb_job_wait_cancel(script->wait);
    if (script->read) rb_jobs_call_free(script->read);
    rb_buf_fini(&script->content);
    rb_identity_unref(script->who);
    rb_free((char *)(uintptr_t)script->id.p);
    rb_free(script);
}

static void end(struct era_script *script, const struct era_script_end *how)
{
    if (script->done) script->done(script->arg, how);
    script_free(script);
}

static void fail(struct era_script *script, rb_err err, rb_str detail)
{
    end(script, &(struct era_script_end){.err = err, .detail = detail});
}

static void cancel_job(struct era_script *script)
{
    struct rb_jobs_call *call =
        era_jobs_call(script->door, script->who, RB_JOBS_CANCEL, rb_jobs_call_free, NULL);
    call->id = rb_arena_copy(&call->arena, script->id);
    rb_jobs_call_send(call);
}

/* ---- the result ---- */

static void put_file(struct rb_json_out *out, const struct rb_job_record *job)
{
    rb_json_begin_object(out);
    era_put_str(out, "name", job->result_name);
    era_put_str(out, "type", job->result_type);
    rb_json_put_key(out, "bytes");
    rb_json_put_u64(out, job->result_bytes);
    rb_json_end_object(out);
}

static bool is_media_type(rb_str type, const char *wanted)
{
    rb_str head;
    rb_str_split(&type, ';', &head);
    return rb_str_ieq(rb_str_trim(head), rb_str_of(wanted));
}

/* The content as one JSON value, appended to `out`. */
static void put_content(struct rb_buf *out, const struct rb_job_record *job, rb_str content,
                        bool *out_is_variables)
{
    struct rb_json_out json = {.buf = out};
    struct rb_json doc;
    if (is_media_type(job->result_type, "application/json") && content.n > 0 &&
        rb_json_parse(&doc, content, NULL) == RB_OK) {
        rb_json_val root = rb_json_root(&doc);
        rb_json_put_raw(&json, rb_json_raw(root));
        *out_is_variables =
            rb_json_type(root) == RB_JSON_OBJECT && rb_str_is(job->result_name, "variables.json");
        rb_json_fini(&doc);
    } else if (rb_str_starts(job->result_type, RB_STR("text/")) && rb_utf8_is_valid(content)) {
        rb_json_put_str(&json, content);
    } else {
        put_file(&json, job);
    }
}

static void tell_end(struct era_script *script, bool has_content)
{
    const struct rb_job_record *job = &script->read->job;
    struct rb_buf result = {0};
    struct era_script_end how = {.job = job};
    if (has_content)
        put_content(&result, job, rb_buf_str(&script->content), &how.is_variables);
    else if (job->result_file.n > 0)
        put_file(&(struct rb_json_out){.buf = &result}, job);
    how.result = rb_buf_str(&result);
    if (result.failed) how = (struct era_script_end){.err = RB_OUT_OF_MEMORY};
    end(script, &how);
    rb_buf_fini(&result);
}

static void read_content(void *arg)
{
    struct era_script *script = arg;
    char bytes[4096];
    ssize_t n;
    rb_buf_init(&script->content, SCRIPT_RESULT_BYTES_MAX);
    do {
        n = read(script->fd, bytes, sizeof bytes);
        if (n > 0) rb_buf_add(&script->content, bytes, (size_t)n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0) script->content.failed = true;
    close(script->fd);
}

static void on_content(void *arg)
{
    struct era_script *script = arg;
    tell_end(script, !script->content.failed);
}

static void on_opened(struct rb_file_open *open)
{
    struct era_script *script = open->arg;
    script->fd = open->fd;
    if (open->err)
        tell_end(script, false);
    else
        rb_loop_work(rb_loop_current(), read_content, on_content, script);
    rb_free(open);
}

static void on_read(struct rb_jobs_call *call)
{
    struct era_script *script = call->arg;
    const struct rb_job_record *job = &call->job;
    script->read = call;
    if (call->err || !script->done)
        fail(script, call->err, call->why);
    else if (job->result_file.n > 0 && job->result_bytes <= SCRIPT_RESULT_BYTES_MAX)
        rb_files_open_result(script->door->setup.files, rb_loop_current(), job->result_file, on_opened,
                             script);
    else
        tell_end(script, false);
}

/* ---- waiting ---- */

static void on_waited(void *arg, rb_err err)
{
    struct era_script *script = arg;
    script->wait = NULL;
    if (err) {
        cancel_job(script);
        fail(script, RB_CALL_TIMEOUT, RB_STR("the script did not end in time"));
        return;
    }
    script->is_away = true;
    struct rb_jobs_call *call = era_jobs_call(script->door, script->who, RB_JOBS_GET, on_read, script);
    call->id = rb_arena_copy(&call->arena, script->id);
    rb_jobs_call_send(call);
}

static void wait_for(struct era_script *script, const struct rb_job_record *job)
{
    struct rb_arena arena = {0};
    uint64_t spent_ms = rb_loop_now_ms(rb_loop_current()) - script->begun_ms;
    uint64_t left_ms = spent_ms < script->timeout_ms ? script->timeout_ms - spent_ms : 1;
    script->is_away = false;
    script->wait = rb_job_wait_start(script->door->setup.hub, rb_job_topic(&arena, job->tenant, job->id),
                                     left_ms, on_waited, script);
    rb_arena_fini(&arena);
}

static void on_started(struct rb_jobs_call *call)
{
    struct era_script *script = call->arg;
    if (call->err) {
        fail(script, call->err, call->why);
    } else {
        script->id = rb_str_make(rb_str_dup(call->job.id), call->job.id.n);
        if (script->is_aborted) cancel_job(script);
        if (!script->done)
            script_free(script);
        else if (!script->timeout_ms)
            end(script, &(struct era_script_end){.job = &call->job});
        else
            wait_for(script, &call->job);
    }
    rb_jobs_call_free(call);
}

/* ---- from outside ---- */

struct era_script *era_script_start(struct rb_era_door *door, const struct era_script_spec *spec,
                                    era_script_done_fn *done, void *arg)
{
    struct era_script *script = rb_new(struct era_script);
    *script = (struct era_script){.door = door,
                                  .who = rb_identity_ref(spec->who),
                                  .done = done,
                                  .arg = arg,
                                  .timeout_ms = spec->timeout_ms,
                                  .begun_ms = rb_loop_now_ms(rb_loop_current()),
                                  .is_away = true};
    struct rb_jobs_call *call = era_jobs_call(door, spec->who, RB_JOBS_START, on_started, script);
    call->kind = rb_arena_copy(&call->arena, spec->kind);
    call->params = rb_arena_copy(&call->arena, spec->params);
    rb_jobs_call_send(call);
    return script;
}

void era_script_leave(struct era_script *script, bool is_abort)
{
    if (!script) return;
    script->done = NULL;
    script->is_aborted = is_abort;
    if (is_abort && script->id.n) cancel_job(script);
    if (!script->is_away) script_free(script);
}

/* ---- what it is given ---- */

void era_script_put_parameters(struct rb_buf *params, rb_json_val object)
{
    struct rb_json_out out = {.buf = params};
    rb_json_begin_object(&out);
    for (int i = 1; i <= SCRIPT_PARAMETERS_MAX; i++) {
        char key[16];
        snprintf(key, sizeof key, "startparam%d", i);
        rb_json_val value = rb_json_get(object, key);
        if (rb_json_type(value) == RB_JSON_NONE) continue;
        rb_json_put_key(&out, key);
        rb_json_put_raw(&out, rb_json_raw(value));
    }
    rb_json_end_object(&out);
}

/* ---- what it has left ---- */

static bool put_members(struct rb_json_out *out, rb_str object)
{
    struct rb_json doc;
    struct rb_arena arena = {0};
    if (rb_json_parse(&doc, object, NULL) != RB_OK) return false;
    for (rb_json_val v = rb_json_first(rb_json_root(&doc)); rb_json_type(v) != RB_JSON_NONE;
         v = rb_json_next(v)) {
        rb_str key = rb_json_key(v, &arena);
        if (rb_str_is(key, "job_id") || rb_str_is(key, "state") || rb_str_is(key, "error")) continue;
        rb_json_put_key_str(out, key);
        rb_json_put_raw(out, rb_json_raw(v));
    }
    rb_json_fini(&doc);
    rb_arena_fini(&arena);
    return true;
}

void era_script_put_variables(struct rb_json_out *out, const struct era_script_end *end)
{
    const struct rb_job_record *job = end->job;
    era_put_str(out, "job_id", job->id);
    rb_json_put_key(out, "state");
    rb_json_put_text(out, rb_job_state_name(job->state));
    if (!end->is_variables || !put_members(out, end->result)) {
        rb_json_put_key(out, "result");
        rb_json_put_raw(out, end->result.n ? end->result : RB_STR("null"));
    }
    rb_json_put_key(out, "error");
    if (job->message.n)
        rb_json_put_str(out, job->message);
    else if (job->reason.n)
        rb_json_put_str(out, job->reason);
    else
        rb_json_put_null(out);
}
