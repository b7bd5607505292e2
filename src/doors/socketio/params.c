/* The parameters of a process call as one JSON object: what the path says, then the query, then the members
 * of a JSON body. What came first stays, except that of a name repeated in the query the last value counts.
 */
#include "doors/socketio/sio_private.h"

enum { PARAMS_MAX = 64 };

struct param {
    rb_str name;
    rb_str json;
    enum { FROM_PATH, FROM_QUERY, FROM_BODY } from;
};

struct params {
    struct rb_arena *arena;
    struct param items[PARAMS_MAX];
    unsigned count;
    bool is_full;
};

static void set(struct params *params, int from, rb_str name, rb_str json)
{
    for (unsigned i = 0; i < params->count; i++) {
        struct param *param = &params->items[i];
        if (!rb_str_eq(param->name, name)) continue;
        if (from == FROM_QUERY && param->from == FROM_QUERY) param->json = json;
        return;
    }
    params->is_full = params->count == PARAMS_MAX;
    if (!params->is_full) params->items[params->count++] = (struct param){name, json, from};
}

static rb_str quoted(struct rb_arena *arena, rb_str text)
{
    struct rb_buf buf = {0};
    struct rb_json_out out = {.buf = &buf};
    rb_json_put_str(&out, text);
    rb_str copy = rb_arena_copy(arena, rb_buf_str(&buf));
    rb_buf_fini(&buf);
    return copy;
}

static void take_path(struct params *params, struct rb_request *request, rb_str pattern)
{
    rb_str element;
    while (rb_str_split(&pattern, '/', &element)) {
        if (element.n < 3 || element.p[0] != '{') continue;
        rb_str name = rb_arena_copy(params->arena, rb_str_sub(element, 1, element.n - 2));
        set(params, FROM_PATH, name, quoted(params->arena, rb_request_param(request, name.p)));
    }
}

static void take_query(struct params *params, rb_str query)
{
    rb_str name, value;
    while (rb_url_query_next(params->arena, &query, &name, &value))
        if (!rb_str_eq(name, RB_STR("returnZip")))
            set(params, FROM_QUERY, name, quoted(params->arena, value));
}

static rb_err take_body(struct params *params, rb_str body)
{
    struct rb_json doc;
    rb_err err = rb_json_parse(&doc, body, NULL);
    if (err) return err;
    rb_json_val root = rb_json_root(&doc);
    if (rb_json_type(root) != RB_JSON_OBJECT) err = RB_BAD_JSON;
    for (rb_json_val v = rb_json_first(root); !err && rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v))
        set(params, FROM_BODY, rb_arena_copy(params->arena, rb_json_key(v, params->arena)), rb_json_raw(v));
    rb_json_fini(&doc);
    return err;
}

rb_err params_of(struct rb_request *request, rb_str pattern, rb_str *out_json)
{
    struct params *params = rb_arena_new(&request->arena, struct params);
    params->arena = &request->arena;
    take_path(params, request, pattern);
    take_query(params, request->url.query);
    rb_err err = request->body.n ? take_body(params, request->body) : RB_OK;
    if (err || params->is_full) return err ? err : RB_UNPROCESSABLE;
    struct rb_buf buf = {0};
    struct rb_json_out out = {.buf = &buf};
    rb_json_begin_object(&out);
    for (unsigned i = 0; i < params->count; i++) {
        rb_json_put_key_str(&out, params->items[i].name);
        rb_json_put_raw(&out, params->items[i].json);
    }
    rb_json_end_object(&out);
    if (buf.failed) err = RB_OUT_OF_MEMORY;
    if (!err) *out_json = rb_arena_copy(&request->arena, rb_buf_str(&buf));
    rb_buf_fini(&buf);
    return err;
}
