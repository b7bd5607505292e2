/* One live connection, for back ends: look at it, send to it, call it, close it.
 *
 * What is asked of one connection goes to its loop and comes back with its outcome, in a letter that outlives
 * the request: when the request ends before, the letter comes back to nobody. */
#include "doors/native/conn_body.h"

enum { CALL_TIMEOUT_MS = 10000 };

struct asking {
    struct errand *errand;
    struct native_wait waiting;
    struct rb_conn_errand *sent;
};

/* ---- the outcome ---- */

/* What the client said: a text, where the protocol gave one. */
static rb_str error_text(struct rb_arena *arena, rb_str json)
{
    struct rb_json doc;
    rb_str text = json;
    if (rb_json_parse(&doc, json, &(struct rb_json_limits){.bytes_max = json.n, .allow_duplicates = true}))
        return RB_STR_NONE;
    if (rb_json_string(rb_json_root(&doc), arena, &text)) text = rb_arena_copy(arena, text);
    rb_json_fini(&doc);
    return text;
}

static void answer_problem(struct errand *errand, const struct rb_conn_errand *sent)
{
    struct rb_request *request = errand->request;
    rb_str detail = sent->err == RB_CALL_FAILED ? error_text(&request->arena, sent->reply) : RB_STR_NONE;
    rb_answer_problem(request, sent->err, detail);
}

static void answer_sent(struct errand *errand, const struct rb_conn_errand *sent)
{
    static const char *const words[] = {[RB_RECEIPT_QUEUED] = "queued",
                                        [RB_RECEIPT_WRITTEN] = "written",
                                        [RB_RECEIPT_ACKNOWLEDGED] = "acknowledged"};
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "status");
    rb_json_put_text(&out, sent->err ? "expired" : words[sent->receipt]);
    if (sent->err) {
        rb_json_put_key(&out, "reached");
        rb_json_put_text(&out, words[sent->reached]);
    }
    rb_json_end_object(&out);
    errand_answer_json(errand, sent->receipt == RB_RECEIPT_QUEUED ? 202 : 200, &body);
}

static void answer_called(struct errand *errand, const struct rb_conn_errand *sent)
{
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "data");
    rb_json_put_raw(&out, sent->reply.n ? sent->reply : RB_STR("null"));
    rb_json_end_object(&out);
    errand_answer_json(errand, 200, &body);
}

static void answer_shown(struct errand *errand, const struct rb_conn_errand *sent)
{
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    conn_body_put(&out, sent->row, CONN_MASK_ALL);
    errand_answer_json(errand, 200, &body);
}

static void answer(struct errand *errand, const struct rb_conn_errand *sent)
{
    switch (sent->kind) {
    case RB_CONN_SEND: answer_sent(errand, sent); return;
    case RB_CONN_CALL: answer_called(errand, sent); return;
    case RB_CONN_SHOW: answer_shown(errand, sent); return;
    case RB_CONN_CLOSE: rb_answer(errand->request, 204, RB_STR_NONE, RB_STR_NONE); return;
    case RB_CONN_VISIT: RB_UNREACHABLE(); /* nobody here visits */
    }
}

/* That a receipt did not come in time is an answer to the question. */
static bool is_answer(const struct rb_conn_errand *sent)
{
    return !sent->err || (sent->kind == RB_CONN_SEND && sent->err == RB_CALL_TIMEOUT);
}

/* ---- asking ---- */

static void stop_waiting(struct asking *asking)
{
    rb_list_remove(&asking->waiting.node);
    rb_request_on_gone(asking->errand->request, NULL);
    asking->sent->arg = NULL;
}

static void on_done(struct rb_conn_errand *sent)
{
    struct asking *asking = sent->arg;
    if (asking) {
        stop_waiting(asking);
        if (is_answer(sent))
            answer(asking->errand, sent);
        else
            answer_problem(asking->errand, sent);
    }
    rb_conn_errand_free(sent);
}

static void end_waiting(struct native_wait *waiting)
{
    struct asking *asking = RB_OUTER(waiting, struct asking, waiting);
    stop_waiting(asking);
    errand_fail(asking->errand, RB_SHUTTING_DOWN, NULL);
}

static void on_gone(struct rb_request *request)
{
    struct asking *asking = request->arg;
    stop_waiting(asking);
    errand_fail(asking->errand, RB_CLIENT_GONE, NULL); /* nobody reads it; the request ends with it */
}

/* NULL: there can be no such connection, and that was answered. */
static struct rb_conn_errand *new_sent(struct errand *errand, enum rb_conn_errand_kind kind)
{
    struct rb_handle to;
    if (!rb_handle_parse(rb_request_param(errand->request, "id"), &to)) {
        errand_fail(errand, RB_NO_SUCH_CONNECTION, NULL);
        return NULL;
    }
    struct rb_conn_errand *sent = rb_conn_errand_new(errand->door->setup.hub, kind, on_done, NULL);
    sent->to = to;
    sent->tenant = rb_arena_copy(&sent->arena, errand->who->tenant);
    return sent;
}

static void ask(struct errand *errand, struct rb_conn_errand *take_sent)
{
    struct native_here *here = native_here(errand->door);
    struct rb_request *request = errand->request;
    if (here->is_closing) {
        rb_conn_errand_free(take_sent);
        errand_fail(errand, RB_SHUTTING_DOWN, NULL);
        return;
    }
    struct asking *asking = rb_arena_new(&request->arena, struct asking);
    *asking = (struct asking){.errand = errand, .waiting.end = end_waiting, .sent = take_sent};
    rb_list_push_back(&here->waits, &asking->waiting.node);
    request->arg = asking;
    rb_request_on_gone(request, on_gone);
    take_sent->arg = asking;
    rb_conn_errand_send(take_sent);
}

void handle_conn_get(struct errand *errand)
{
    struct rb_conn_errand *sent = new_sent(errand, RB_CONN_SHOW);
    if (sent) ask(errand, sent);
}

void handle_conn_close(struct errand *errand)
{
    struct rb_conn_errand *sent = new_sent(errand, RB_CONN_CLOSE);
    if (!sent) return;
    sent->why = RB_CLOSED_BY_BACKEND;
    ask(errand, sent);
}

/* ---- send and call ---- */

static rb_err read_timeout(struct errand *errand, rb_json_val json, uint64_t *out_ms, const char **out_detail)
{
    uint64_t max_ms = errand->door->setup.wait_max_ms, timeout_ms = CALL_TIMEOUT_MS;
    if (rb_json_type(json) != RB_JSON_NONE && (!rb_json_u64(json, &timeout_ms) || timeout_ms == 0)) {
        *out_detail = "timeout_ms is a number of milliseconds, at least 1.";
        return RB_UNPROCESSABLE;
    }
    *out_ms = timeout_ms < max_ms ? timeout_ms : max_ms;
    return RB_OK;
}

static rb_err read_receipt(struct rb_conn_errand *sent, rb_json_val json, const char **out_detail)
{
    static const struct {
        const char *name;
        enum rb_receipt receipt;
    } all[] = {{"queued", RB_RECEIPT_QUEUED},
               {"written", RB_RECEIPT_WRITTEN},
               {"acknowledged", RB_RECEIPT_ACKNOWLEDGED}};
    rb_str name;
    if (rb_json_type(json) == RB_JSON_NONE) return RB_OK;
    bool is_text = rb_json_string(json, &sent->arena, &name);
    for (size_t i = 0; is_text && i < RB_COUNT(all); i++) {
        if (!rb_str_is(name, all[i].name)) continue;
        sent->receipt = all[i].receipt;
        return RB_OK;
    }
    *out_detail = "receipt is queued, written or acknowledged.";
    return RB_UNPROCESSABLE;
}

static rb_err read_message(struct errand *errand, rb_json_val root, struct rb_conn_errand *sent,
                           const char **out_detail)
{
    rb_str name;
    if (rb_json_type(root) != RB_JSON_OBJECT) {
        *out_detail = "The body is an object with name and data.";
        return RB_UNPROCESSABLE;
    }
    if (!rb_json_string(rb_json_get(root, "name"), &sent->arena, &name) || !rb_topic_name_is_valid(name)) {
        *out_detail = "name: 1 to 255 bytes without control characters.";
        return RB_BAD_NAME;
    }
    sent->name = rb_arena_copy(&sent->arena, name);
    sent->data = rb_arena_copy(&sent->arena, rb_json_raw(rb_json_get(root, "data")));
    rb_err err =
        sent->kind == RB_CONN_SEND ? read_receipt(sent, rb_json_get(root, "receipt"), out_detail) : RB_OK;
    if (err || (sent->kind == RB_CONN_SEND && sent->receipt == RB_RECEIPT_QUEUED)) return err;
    return read_timeout(errand, rb_json_get(root, "timeout_ms"), &sent->timeout_ms, out_detail);
}

static void ask_with_body(struct errand *errand, enum rb_conn_errand_kind kind)
{
    struct rb_request *request = errand->request;
    struct rb_conn_errand *sent = new_sent(errand, kind);
    struct rb_json doc;
    const char *detail = NULL;
    if (!sent) return;
    rb_err err = rb_json_parse(&doc, request->body, &(struct rb_json_limits){.bytes_max = request->body.n});
    if (err) {
        detail = rb_arena_fmt(&request->arena, "At byte %zu of the body.", doc.error_at).p;
    } else {
        err = read_message(errand, rb_json_root(&doc), sent, &detail);
        rb_json_fini(&doc);
    }
    if (err) {
        rb_conn_errand_free(sent);
        errand_fail(errand, err, detail);
    } else {
        ask(errand, sent);
    }
}

void handle_conn_send(struct errand *errand)
{
    ask_with_body(errand, RB_CONN_SEND);
}

void handle_conn_call(struct errand *errand)
{
    ask_with_body(errand, RB_CONN_CALL);
}
