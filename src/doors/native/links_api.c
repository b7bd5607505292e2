/* POST /v1/links: a temporary public link to a file of a job or of a scratch. */
#include "base/clock.h"
#include "doors/native/scratch_private.h"

#include <unistd.h>

enum { DAY_S = 24 * 60 * 60 };

struct making {
    struct errand *errand;
    struct scratch_place place; /* of a scratch's file */
    struct rb_jobs_call *job;   /* of a job's, until it is made */
    rb_str name;                /* NONE: the job's result */
    uint64_t ttl_ms, expires_ms /* wall clock */;
    rb_err err;
    char link[RB_LINK_NAME_BYTES];
};

/* ---- on the pool ---- */

static rb_err open_source(struct making *making, int *out_fd)
{
    const struct rb_native_setup *setup = &making->errand->door->setup;
    struct rb_scratch_file file;
    uint64_t bytes;
    if (!making->job)
        return rb_scratch_open(setup->scratches, making->place.session, making->name, out_fd, &file);
    const struct rb_job_record *job = &making->job->job;
    if (making->name.p) return rb_job_open_file(setup->files, job, making->name, out_fd, &bytes);
    if (!job->result_file.n) return RB_NO_RESULT;
    return rb_files_open_now(setup->files, job->result_file, out_fd, &bytes);
}

static void make_on_pool(void *arg)
{
    struct making *making = arg;
    struct rb_link_spec spec = {.label = making->name, .ttl_ms = making->ttl_ms};
    making->err = open_source(making, &spec.fd);
    if (making->err) return;
    if (!making->name.p) {
        spec.label = making->job->job.result_name;
        spec.type = making->job->job.result_type;
    }
    making->err = rb_links_make(making->errand->door->setup.links, &spec, making->link);
    making->expires_ms = rb_clock_wall_ms() + making->ttl_ms;
    close(spec.fd);
}

static void on_made(void *arg)
{
    struct making *making = arg;
    struct errand *errand = making->errand;
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    char expires[RB_CLOCK_TEXT_BYTES];
    if (making->job) rb_jobs_call_free(making->job);
    if (making->err) {
        errand_fail(errand, making->err, NULL);
        return;
    }
    rb_str url = rb_arena_fmt(&errand->request->arena, "/temp/%s", making->link);
    rb_clock_format(making->expires_ms, expires);
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "url");
    rb_json_put_str(&out, url);
    rb_json_put_key(&out, "expires");
    rb_json_put_text(&out, expires);
    rb_json_end_object(&out);
    rb_answer_header(errand->request, "Location", url);
    errand_answer_json(errand, 201, &body);
}

static void make(struct making *making)
{
    rb_loop_work(rb_request_loop(making->errand->request), make_on_pool, on_made, making);
}

/* ---- whose file ---- */

static void on_job(struct rb_jobs_call *call)
{
    struct making *making = call->arg;
    if (call->err) {
        rb_answer_problem(making->errand->request, call->err, call->why);
        rb_jobs_call_free(call);
        return;
    }
    making->job = call;
    make(making);
}

static void on_place(struct scratch_place *place, rb_err err)
{
    struct making *making = place->arg;
    if (err)
        errand_fail(making->errand, err, NULL);
    else
        make(making);
}

/* ---- reading the request ---- */

struct wanted {
    rb_str job, scratch; /* one of them */
};

static bool read_text(rb_json_val object, const char *key, struct rb_arena *arena, rb_str *out)
{
    rb_json_val value = rb_json_get(object, key);
    return rb_json_type(value) == RB_JSON_NONE || rb_json_string(value, arena, out);
}

static rb_err read_wanted(struct making *making, rb_json_val json, struct wanted *out,
                          const char **out_detail)
{
    struct rb_arena *arena = &making->errand->request->arena;
    rb_json_val ttl = rb_json_get(json, "ttl_s");
    uint64_t ttl_s;
    bool is_read = rb_json_type(json) == RB_JSON_OBJECT && read_text(json, "job", arena, &out->job) &&
                   read_text(json, "scratch", arena, &out->scratch) &&
                   read_text(json, out->job.p ? "file" : "name", arena, &making->name);
    *out_detail =
        "The body is {\"job\":ID,\"file\":NAME} or {\"scratch\":ID,\"name\":NAME}; without a file it is the "
        "job's result.";
    if (!is_read || !out->job.p == !out->scratch.p || (out->scratch.p && !making->name.p))
        return RB_UNPROCESSABLE;
    *out_detail = NULL;
    if (making->name.p && !rb_scratch_name_is_valid(making->name)) return RB_BAD_NAME;
    if (rb_json_type(ttl) == RB_JSON_NONE) return RB_OK;
    *out_detail = "ttl_s is a number of seconds from 1 to 86400.";
    if (!rb_json_u64(ttl, &ttl_s) || ttl_s < 1 || ttl_s > DAY_S) return RB_UNPROCESSABLE;
    making->ttl_ms = ttl_s * 1000;
    return RB_OK;
}

static void copy_texts(struct making *making, struct wanted *wanted)
{
    struct rb_arena *arena = &making->errand->request->arena;
    if (making->name.p) making->name = rb_arena_copy(arena, making->name);
    if (wanted->job.p) wanted->job = rb_arena_copy(arena, wanted->job);
    if (wanted->scratch.p) wanted->scratch = rb_arena_copy(arena, wanted->scratch);
}

void handle_link_make(struct errand *errand)
{
    struct rb_request *request = errand->request;
    struct making *making = rb_arena_new(&request->arena, struct making);
    struct wanted wanted = {0};
    struct rb_json doc = {0};
    const char *detail = NULL;
    *making = (struct making){.errand = errand, .ttl_ms = errand->door->setup.link_ttl_ms};
    rb_err err = rb_json_parse(&doc, request->body, NULL);
    if (!err) err = read_wanted(making, rb_json_root(&doc), &wanted, &detail);
    if (!err) copy_texts(making, &wanted);
    rb_json_fini(&doc);
    if (err)
        errand_fail(errand, err, detail);
    else if (wanted.job.p)
        rb_jobs_call_send(errand_job_call(errand, RB_JOBS_GET, wanted.job, on_job, making));
    else
        scratch_place_find(&making->place, errand, wanted.scratch, on_place, making);
}
