/* Live connections, for back ends: search them, send to one, call it, close it.
 *
 * What is asked of one connection goes to its loop and comes back with its outcome, in a letter that outlives
 * the request: when the request ends before, the letter comes back to nobody. */
#include "base/clock.h"
#include "doors/native/native_private.h"
#include "hub/registry.h"

enum { LIST_LIMIT = 100, CALL_TIMEOUT_MS = 10000 };

struct asking {
    struct errand *errand;
    struct native_wait waiting;
    struct rb_conn_errand *sent;
};

/* ---- as JSON ---- */

static void put_str(struct rb_json_out *out, const char *key, rb_str s)
{
    rb_json_put_key(out, key);
    rb_json_put_str(out, s);
}

static void put_row(struct rb_json_out *out, const struct rb_conn_row *row)
{
    char since[RB_CLOCK_TEXT_BYTES];
    unsigned shown = row->topic_count < RB_CONN_TOPICS_SHOWN ? row->topic_count : RB_CONN_TOPICS_SHOWN;
    rb_clock_format(row->since_ms, since);
    rb_json_begin_object(out);
    put_str(out, "id", rb_str_of(row->id));
    put_str(out, "client", row->client);
    put_str(out, "door", rb_str_of(row->door));
    put_str(out, "transport", rb_str_of(row->transport));
    rb_json_put_key(out, "address");
    if (row->address.n)
        rb_json_put_str(out, row->address);
    else
        rb_json_put_null(out);
    if (row->space.p) put_str(out, "space", row->space);
    put_str(out, "since", rb_str_of(since));
    rb_json_put_key(out, "topics");
    rb_json_begin_array(out);
    for (unsigned i = 0; i < shown; i++) rb_json_put_str(out, row->topics[i]);
    rb_json_end_array(out);
    rb_json_put_key(out, "topic_count");
    rb_json_put_u64(out, row->topic_count);
    rb_json_end_object(out);
}

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

static void answer(struct errand *errand, const struct rb_conn_errand *sent)
{
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    switch (sent->kind) {
    case RB_CONN_SEND:
        rb_json_begin_object(&out);
        put_str(&out, "status", RB_STR("queued"));
        rb_json_end_object(&out);
        errand_answer_json(errand, 202, &body);
        return;
    case RB_CONN_CALL:
        rb_json_begin_object(&out);
        rb_json_put_key(&out, "data");
        rb_json_put_raw(&out, sent->reply.n ? sent->reply : RB_STR("null"));
        rb_json_end_object(&out);
        errand_answer_json(errand, 200, &body);
        return;
    case RB_CONN_SHOW:
        put_row(&out, sent->row);
        errand_answer_json(errand, 200, &body);
        return;
    case RB_CONN_CLOSE: rb_answer(errand->request, 204, RB_STR_NONE, RB_STR_NONE); return;
    }
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
        if (sent->err)
            answer_problem(asking->errand, sent);
        else
            answer(asking->errand, sent);
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
    if (sent->kind != RB_CONN_CALL) return RB_OK;
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

/* ---- searching ---- */

static void on_searched(struct rb_conn_search *search)
{
    struct rb_buf body = {0}, next = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "connections");
    rb_json_begin_array(&out);
    for (unsigned i = 0; i < search->row_count; i++) put_row(&out, &search->rows[i]);
    rb_json_end_array(&out);
    rb_json_put_key(&out, "next");
    rb_buf_add_u64(&next, search->next_at);
    if (search->next_at)
        rb_json_put_str(&out, rb_buf_str(&next));
    else
        rb_json_put_null(&out);
    rb_json_end_object(&out);
    rb_buf_fini(&next);
    errand_answer_json(search->arg, 200, &body);
    rb_conn_search_free(search);
}

static rb_str query_copy(struct errand *errand, struct rb_arena *arena, const char *name)
{
    rb_str value;
    return rb_request_query(errand->request, name, &value) ? rb_arena_copy(arena, value) : RB_STR_NONE;
}

static rb_err read_query(struct errand *errand, struct rb_conn_search *search, const char **out_detail)
{
    struct rb_arena *arena = &search->arena;
    uint64_t limit = LIST_LIMIT;
    search->tenant = rb_arena_copy(arena, errand->who->tenant);
    search->client = query_copy(errand, arena, "client");
    search->door = query_copy(errand, arena, "door");
    rb_str topic = query_copy(errand, arena, "topic");
    if (topic.p && !rb_topic_name_is_valid(topic)) {
        *out_detail = "topic: 1 to 255 bytes without control characters.";
        return RB_BAD_NAME;
    }
    if (topic.p)
        search->topic = rb_arena_fmt(arena, "%.*s/%.*s", RB_STR_FMT(search->tenant), RB_STR_FMT(topic));
    *out_detail = "limit is a number from 1 to 1000.";
    if (errand_query_number(errand, "limit", 1, RB_CONN_PAGE_MAX, &limit)) return RB_BAD_REQUEST;
    search->limit = (unsigned)limit;
    *out_detail = "after is what came as next.";
    return errand_query_number(errand, "after", 1, INT64_MAX, &search->at);
}

void handle_conn_list(struct errand *errand)
{
    struct rb_conn_search *search = rb_conn_search_new(errand->door->setup.hub, on_searched, errand);
    const char *detail = NULL;
    rb_err err = read_query(errand, search, &detail);
    if (!err) {
        rb_conn_search_send(search);
        return;
    }
    rb_conn_search_free(search);
    errand_fail(errand, err, detail);
}
