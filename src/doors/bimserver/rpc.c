#include "doors/bimserver/rpc.h"

#include "base/check.h"
#include "base/mem.h"

struct bim_rpc {
    struct bim_origin origin; /* slices in the arena */
    struct rb_arena arena;
    struct rb_buf text; /* its own, if it has one */
    struct rb_json doc;
    rb_json_val next;      /* the request to be run; NONE: no more */
    struct bim_call *call; /* the one that runs */
    struct rb_buf answer;
    struct rb_json_out out;
    bim_rpc_done_fn *done;
    void *arg;
    bool is_plural, is_advancing, is_started;
};

/* ---- writing ---- */

static void put_exception(struct rb_json_out *out, const struct bim_call *call)
{
    rb_json_begin_object(out);
    rb_json_put_key(out, "__type");
    rb_json_put_text(out, call->exception == BIM_INVALID_TOKEN_EXCEPTION ? "InvalidTokenException"
                                                                         : "UserException");
    rb_json_put_key(out, "message");
    rb_json_put_str(out, call->message);
    if (call->code && call->dialect == BIM_NEW) {
        rb_json_put_key(out, "errorType");
        rb_json_put_text(out, "DefaultErrorCode");
    }
    if (call->code) {
        rb_json_put_key(out, "errorCode");
        rb_json_put_i64(out, call->code);
    }
    rb_json_end_object(out);
}

static void put_outcome(struct rb_json_out *out, const struct bim_call *call)
{
    rb_json_begin_object(out);
    rb_json_put_key(out, call->has_failed ? "exception" : "result");
    if (call->has_failed)
        put_exception(out, call);
    else
        rb_json_put_raw(out, call->result.n ? rb_buf_str(&call->result) : RB_STR("{}"));
    rb_json_end_object(out);
}

static void begin_answer(struct bim_rpc *rpc)
{
    rb_json_val id = rb_json_get(rb_json_root(&rpc->doc), "id");
    enum rb_json_type type = rb_json_type(id);
    rpc->out = (struct rb_json_out){.buf = &rpc->answer};
    rb_json_begin_object(&rpc->out);
    if (type == RB_JSON_NUMBER || type == RB_JSON_STRING) {
        rb_json_put_key(&rpc->out, "id");
        rb_json_put_raw(&rpc->out, rb_json_raw(id));
    }
    rb_json_put_key(&rpc->out, rpc->is_plural ? "responses" : "response");
    if (rpc->is_plural) rb_json_begin_array(&rpc->out);
}

static void end(struct bim_rpc *rpc)
{
    if (rpc->out.buf && rpc->is_plural) rb_json_end_array(&rpc->out);
    if (rpc->out.buf) rb_json_end_object(&rpc->out);
    bool has_answer = rpc->out.buf && !rpc->answer.failed;
    if (rpc->done) rpc->done(rpc->arg, has_answer ? rb_buf_str(&rpc->answer) : RB_STR_NONE);
    rb_json_fini(&rpc->doc);
    rb_buf_fini(&rpc->answer);
    rb_buf_fini(&rpc->text);
    rb_arena_fini(&rpc->arena);
    rb_free(rpc);
}

/* ---- running ---- */

static void advance(struct bim_rpc *rpc);

static void on_answer(struct bim_call *call)
{
    struct bim_rpc *rpc = call->arg;
    rpc->call = NULL;
    put_outcome(&rpc->out, call);
    bim_call_free(call);
    advance(rpc);
}

static void run(struct bim_rpc *rpc, rb_json_val request)
{
    struct bim_call *call = bim_call_new(rpc->origin.host, BIM_VIA_JSON, on_answer, rpc);
    rb_str interface, method;
    call->loop = rpc->origin.loop;
    call->address = rpc->origin.address;
    call->token = rpc->origin.token;
    rpc->call = call;
    if (rpc->answer.n > BIM_RPC_ANSWER_BYTES_MAX)
        bim_fail(call, "The answers are too large for one message");
    else if (!rb_json_string(rb_json_get(request, "interface"), &call->arena, &interface))
        bim_fail(call, "No \"interface\" parameter found in request");
    else if (!rb_json_string(rb_json_get(request, "method"), &call->arena, &method))
        bim_fail(call, "No \"method\" parameter found in request");
    else {
        if (bim_call_find(call, interface, method)) bim_call_read(call, rb_json_get(request, "parameters"));
        bim_call_run(call);
    }
}

/* Calls that are answered at once come back here from inside run; the loop goes on with the next, not they.
 */
static void advance(struct bim_rpc *rpc)
{
    if (rpc->is_advancing) return;
    rpc->is_advancing = true;
    while (!rpc->call && rb_json_type(rpc->next) != RB_JSON_NONE) {
        rb_json_val request = rpc->next;
        rpc->next = rpc->is_plural ? rb_json_next(request) : (rb_json_val){0};
        run(rpc, request);
    }
    rpc->is_advancing = false;
    if (!rpc->call && rpc->is_started) end(rpc);
}

/* ---- reading ---- */

static void refuse(struct bim_rpc *rpc, const char *message)
{
    struct bim_call *call = bim_call_new(rpc->origin.host, BIM_VIA_JSON, on_answer, rpc);
    rpc->is_plural = false;
    begin_answer(rpc);
    bim_fail(call, "%s", message);
}

static void read_envelope(struct bim_rpc *rpc, rb_json_val root)
{
    rb_json_val several = rpc->origin.is_one_only ? (rb_json_val){0} : rb_json_get(root, "requests");
    rb_json_val one = rb_json_get(root, "request");
    rb_str token;
    if (rb_json_string(rb_json_get(root, "token"), &rpc->arena, &token) && token.n) rpc->origin.token = token;
    rpc->is_plural = rb_json_type(several) == RB_JSON_ARRAY && rb_json_type(one) == RB_JSON_NONE;
    if (rpc->is_plural && rb_json_count(several) > BIM_RPC_CALLS_MAX) {
        refuse(rpc, "Too many requests at once");
        return;
    }
    if (!rpc->is_plural && rb_json_type(one) != RB_JSON_OBJECT) {
        refuse(rpc, "No \"request\" found");
        return;
    }
    begin_answer(rpc);
    rpc->next = rpc->is_plural ? rb_json_first(several) : one;
}

static struct bim_rpc *start(struct bim_rpc *rpc, rb_str text)
{
    struct rb_json_limits limits = {.bytes_max = text.n,
                                    .allow_duplicates = true,
                                    .values_max = BIM_RPC_VALUES_MAX};
    rb_err err = text.n ? rb_json_parse(&rpc->doc, text, &limits) : RB_BAD_JSON;
    if (!err && rb_json_type(rb_json_root(&rpc->doc)) == RB_JSON_OBJECT)
        read_envelope(rpc, rb_json_root(&rpc->doc));
    advance(rpc);
    if (!rpc->call) {
        end(rpc);
        return NULL;
    }
    rpc->is_started = true;
    return rpc;
}

static struct bim_rpc *rpc_new(const struct bim_origin *origin, bim_rpc_done_fn *done, void *arg)
{
    struct bim_rpc *rpc = rb_new(struct bim_rpc);
    rpc->origin = *origin;
    rpc->origin.address = rb_arena_copy(&rpc->arena, origin->address);
    if (origin->token.p) rpc->origin.token = rb_arena_copy(&rpc->arena, origin->token);
    rpc->done = done;
    rpc->arg = arg;
    return rpc;
}

struct bim_rpc *bim_rpc_start(const struct bim_origin *origin, rb_str text, bim_rpc_done_fn *done, void *arg)
{
    return start(rpc_new(origin, done, arg), text);
}

struct bim_rpc *bim_rpc_start_with(const struct bim_origin *origin, struct rb_buf *take_text,
                                   bim_rpc_done_fn *done, void *arg)
{
    struct bim_rpc *rpc = rpc_new(origin, done, arg);
    rpc->text = *take_text;
    *take_text = (struct rb_buf){0};
    return start(rpc, rb_buf_str(&rpc->text));
}

void bim_rpc_gone(struct bim_rpc *rpc)
{
    rpc->next = (rb_json_val){0};
    if (rpc->call) bim_call_gone(rpc->call);
}

void bim_rpc_leave(struct bim_rpc *rpc)
{
    rpc->done = NULL;
    bim_rpc_gone(rpc);
}
