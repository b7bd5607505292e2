/* What the REST calls of this door have in common. */
#include "doors/era/rest.h"

#include "base/clock.h"

/* ---- routes ---- */

void era_refused(struct rb_request *request, void *arg, rb_err err)
{
    (void)arg;
    era_answer_error(request, err, RB_STR_NONE);
}

rb_err era_add_routes(struct rb_era_door *door, struct rb_router *router, const struct era_route *routes,
                      size_t count, size_t body_max)
{
    for (size_t i = 0; i < count; i++) {
        struct rb_route route = {
            .handler = routes[i].handler, .arg = door, .body_max = body_max, .on_refused = era_refused};
        rb_err err = rb_router_add_route(router, routes[i].method, rb_str_of(routes[i].pattern), &route);
        if (err) return err;
    }
    return RB_OK;
}

/* ---- who asks ---- */

bool era_is_from_here(struct rb_era_door *door, struct rb_request *request)
{
    if (rb_request_origin_allowed(request, door->setup.origins, door->setup.origin_count)) return true;
    era_answer_error(request, RB_ORIGIN_REFUSED, RB_STR_NONE);
    return false;
}

struct guarded {
    struct rb_era_door *door;
    era_guarded_fn *handler;
};

static void on_checked(struct rb_request *request, void *arg, rb_err err, const struct rb_identity *who)
{
    struct guarded *guarded = arg;
    if (err)
        era_answer_error(request, err, RB_STR_NONE);
    else
        guarded->handler(guarded->door, request, who);
}

void era_guard(struct rb_era_door *door, struct rb_request *request, era_guarded_fn *handler)
{
    if (!era_is_from_here(door, request)) return;
    if (era_names_session(request)) {
        const struct rb_session *session = era_session_of(door, request);
        if (session) handler(door, request, session->who);
        return;
    }
    struct guarded *guarded = rb_arena_new(&request->arena, struct guarded);
    *guarded = (struct guarded){door, handler};
    rb_guard(door->setup.auth, request, on_checked, guarded);
}

struct rb_jobs_call *era_jobs_call(struct rb_era_door *door, const struct rb_identity *who, int what,
                                   void (*done)(struct rb_jobs_call *), void *arg)
{
    struct rb_jobs_call *call = rb_jobs_call_new(door->jobs, done, arg);
    call->what = what;
    call->tenant = rb_arena_copy(&call->arena, who->tenant);
    call->client = rb_arena_copy(&call->arena, who->client);
    call->is_backend = who->role == RB_ROLE_BACKEND;
    call->role = rb_role_name(who->role);
    return call;
}

/* ---- reading ---- */

bool era_read_body(struct rb_request *request, struct rb_json *out)
{
    rb_err err = rb_json_parse(out, request->body, &(struct rb_json_limits){.bytes_max = request->body.n});
    if (err) {
        era_answer_error(request, err,
                         rb_arena_fmt(&request->arena, "At byte %zu of the body.", out->error_at));
        return false;
    }
    if (rb_json_type(rb_json_root(out)) == RB_JSON_OBJECT) return true;
    rb_json_fini(out);
    era_answer_error(request, RB_BAD_REQUEST, RB_STR("The body is a JSON object."));
    return false;
}

rb_str era_scalar(rb_json_val value, struct rb_arena *arena)
{
    rb_str text = RB_STR_NONE;
    switch (rb_json_type(value)) {
    case RB_JSON_NONE:
    case RB_JSON_NULL:
    case RB_JSON_ARRAY:
    case RB_JSON_OBJECT: return RB_STR_NONE;
    case RB_JSON_FALSE:
    case RB_JSON_TRUE:
    case RB_JSON_NUMBER: return rb_json_raw(value);
    case RB_JSON_STRING: rb_json_string(value, arena, &text); break;
    }
    return text.n > 0 ? text : RB_STR_NONE;
}

rb_err era_query_number(struct rb_request *request, const char *name, uint64_t min, uint64_t max,
                        uint64_t *out)
{
    rb_str text;
    uint64_t value;
    if (!rb_request_query(request, name, &text)) return RB_OK;
    if (!rb_str_u64(text, max, &value) || value < min) return RB_BAD_REQUEST;
    *out = value;
    return RB_OK;
}

/* ---- answering ---- */

/* What is told here is one client's, and of this moment. */
void era_answer_json(struct rb_request *request, int status, struct rb_buf *take_json)
{
    rb_answer_header(request, "Cache-Control", RB_STR("no-store"));
    if (take_json->failed)
        era_answer_error(request, RB_OUT_OF_MEMORY, RB_STR_NONE);
    else
        rb_answer_json(request, status, rb_buf_str(take_json));
    rb_buf_fini(take_json);
}

void era_put_str(struct rb_json_out *out, const char *key, rb_str value)
{
    rb_json_put_key(out, key);
    rb_json_put_str(out, value);
}

void era_put_time(struct rb_json_out *out, const char *key, uint64_t wall_ms)
{
    char text[RB_CLOCK_TEXT_BYTES];
    rb_clock_format(wall_ms, text);
    era_put_str(out, key, rb_str_of(text));
}

void era_put_stored(struct rb_json_out *out, rb_str name, uint64_t bytes)
{
    era_put_str(out, "name", name);
    rb_json_put_key(out, "size");
    rb_json_put_u64(out, bytes);
    era_put_str(out, "status", RB_STR("ok"));
}
