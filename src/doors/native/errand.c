/* What handlers have in common: reading parameters, answering, asking the jobs. */
#include "doors/native/native_private.h"

#include <string.h>

void errand_fail(struct errand *errand, rb_err err, const char *detail_or_null)
{
    rb_answer_problem(errand->request, err, rb_str_of(detail_or_null));
}

/* What is told here is one client's, and of this moment. */
void errand_answer_json(struct errand *errand, int status, struct rb_buf *take_json)
{
    rb_answer_header(errand->request, "Cache-Control", RB_STR("no-store"));
    if (take_json->failed)
        errand_fail(errand, RB_OUT_OF_MEMORY, NULL);
    else
        rb_answer_json(errand->request, status, rb_buf_str(take_json));
    rb_buf_fini(take_json);
}

rb_err errand_query_number(struct errand *errand, const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
    rb_str text;
    uint64_t value;
    if (!rb_request_query(errand->request, name, &text)) return RB_OK;
    if (!rb_str_u64(text, max, &value) || value < min) return RB_BAD_REQUEST;
    *out = value;
    return RB_OK;
}

rb_err errand_query_wait(struct errand *errand, uint64_t *out_ms)
{
    uint64_t seconds = 0;
    uint64_t max_ms = errand->door->setup.wait_max_ms;
    rb_err err = errand_query_number(errand, "wait", 0, UINT32_MAX, &seconds);
    if (err) return err;
    *out_ms = seconds * 1000 < max_ms ? seconds * 1000 : max_ms;
    return RB_OK;
}

rb_err errand_topic(struct errand *errand, rb_str name, rb_str *out_complete)
{
    if (!rb_topic_name_is_valid(name)) return RB_BAD_NAME;
    *out_complete = topic_with_tenant(&errand->request->arena, errand->who->tenant, name);
    return RB_OK;
}

struct rb_jobs_call *errand_jobs_call(struct errand *errand, int what, void (*done)(struct rb_jobs_call *),
                                      void *arg)
{
    struct rb_jobs_call *call = rb_jobs_call_new(errand->door->setup.jobs, done, arg);
    call->what = what;
    call->tenant = rb_arena_copy(&call->arena, errand->who->tenant);
    call->client = rb_arena_copy(&call->arena, errand->who->client);
    call->role = rb_role_name(errand->who->role);
    call->is_backend = errand->who->role == RB_ROLE_BACKEND;
    return call;
}

struct rb_jobs_call *errand_job_call(struct errand *errand, int what, rb_str id,
                                     void (*done)(struct rb_jobs_call *), void *arg)
{
    struct rb_jobs_call *call = errand_jobs_call(errand, what, done, arg);
    call->id = rb_arena_copy(&call->arena, id);
    return call;
}

bool errand_is_origin_allowed(struct errand *errand)
{
    const struct rb_native_setup *setup = &errand->door->setup;
    return rb_request_origin_allowed(errand->request, setup->origins, setup->origin_count);
}
