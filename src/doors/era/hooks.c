/* Hooks: what the configuration has for messages that nothing here answers, and for new connections. A kind
 * of job, or a URL that is posted to; what comes back as an array of two goes out on the socket as it is. */
#include "base/log.h"
#include "base/mem.h"
#include "doors/era/link.h"
#include "doors/era/rest.h"
#include "doors/era/script.h"

enum { HOOK_ANSWER_BYTES_MAX = 1024 * 1024 };

struct hooked {
    struct era_work work;
    struct era_script *script; /* NULL: it is a call, which cannot be taken back */
};

bool era_hook_is_set(const struct rb_era_hook *hook)
{
    return hook->kind.n || hook->url.n;
}

/* ---- the answer ---- */

static bool is_message(rb_str text)
{
    struct rb_json doc;
    if (!text.n || rb_json_parse(&doc, text, NULL) != RB_OK) return false;
    rb_json_val root = rb_json_root(&doc);
    bool is_pair = rb_json_type(root) == RB_JSON_ARRAY && rb_json_count(root) == 2 &&
                   rb_json_type(rb_json_first(root)) == RB_JSON_STRING;
    rb_json_fini(&doc);
    return is_pair;
}

/* The link may have gone meanwhile. */
static void answer(struct hooked *hooked, rb_err err, rb_str detail, rb_str json)
{
    const struct era_work *work = &hooked->work;
    if (work->link && err) {
        era_fail(work->link, work->method, work->qid, err, detail);
    } else if (work->link && is_message(json)) {
        struct rb_buf text = {0};
        rb_buf_add_str(&text, json);
        era_link_send(work->link, &text);
    } else if (work->link) {
        era_reply_ok(work->link, work->method, work->qid);
    }
    era_work_end(&hooked->work);
    rb_free(hooked);
}

static void on_script(void *arg, const struct era_script_end *end)
{
    rb_err err = end->err;
    rb_str detail = end->detail;
    if (!err && end->job->state != RB_JOB_STATE_FINISHED) {
        err = RB_JOB_FAILED;
        detail = end->job->message;
    }
    answer(arg, err, detail, end->result);
}

static void on_call(struct rb_outgoing_call *call)
{
    rb_err err = call->err;
    if (!err && (call->status < 200 || call->status > 299)) err = RB_CALL_FAILED;
    answer(call->arg, err, RB_STR_NONE, call->answer);
    rb_outgoing_call_free(call);
}

/* ---- the question ---- */

static void leave(struct era_work *work)
{
    struct hooked *hooked = RB_OUTER(work, struct hooked, work);
    era_work_end(work);
    if (!hooked->script) return; /* its answer comes, and finds nobody */
    era_script_leave(hooked->script, false);
    rb_free(hooked);
}

static void post(struct hooked *hooked, const struct rb_era_hook *hook, rb_str body)
{
    struct rb_outgoing_call *call = rb_outgoing_call_new(on_call, hooked);
    call->method = "POST";
    call->url = rb_arena_copy(&call->arena, hook->url);
    call->body = rb_arena_copy(&call->arena, body);
    call->type = RB_STR("application/json");
    call->timeout_ms = hook->timeout_ms;
    call->answer_max = HOOK_ANSWER_BYTES_MAX;
    rb_outgoing_send(hooked->work.link->here->door->setup.outgoing, call);
}

void era_hook_run(struct era_link *link, const struct rb_era_hook *hook, const struct rb_era_message *message)
{
    struct hooked *hooked = rb_new(struct hooked);
    if (!era_work_begin(&hooked->work, link, message, leave)) {
        rb_free(hooked);
        return;
    }
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_begin_object(&out);
    era_link_put_origin(&out, link);
    era_put_str(&out, "method", message->method);
    rb_json_put_key(&out, "params");
    rb_json_put_raw(&out, rb_json_raw(message->params));
    rb_json_end_object(&out);
    if (body.failed)
        answer(hooked, RB_OUT_OF_MEMORY, RB_STR_NONE, RB_STR_NONE);
    else if (hook->kind.n)
        hooked->script = era_script_start(link->here->door,
                                          &(struct era_script_spec){.who = era_link_who(link),
                                                                    .kind = hook->kind,
                                                                    .params = rb_buf_str(&body),
                                                                    .timeout_ms = hook->timeout_ms},
                                          on_script, hooked);
    else
        post(hooked, hook, rb_buf_str(&body));
    rb_buf_fini(&body);
}

/* ---- new connections ---- */

static void on_incoming(void *arg, const struct era_script_end *end)
{
    const struct rb_era_door *door = arg;
    if (end->err)
        RB_LOG_WARN("era.incoming_not_started", RB_KV("kind", door->setup.incoming_kind),
                    RB_KV_REASON(end->err));
}

/* The script learns the connection's id, and does what it wants with it. */
void era_incoming_run(struct era_link *link)
{
    struct rb_era_door *door = link->here->door;
    struct rb_buf params = {0};
    struct rb_json_out out = {.buf = &params};
    if (!door->setup.incoming_kind.n) return;
    rb_json_begin_object(&out);
    era_link_put_origin(&out, link);
    era_put_str(&out, "application", rb_str_of(link->setup.application));
    rb_json_end_object(&out);
    era_script_start(door,
                     &(struct era_script_spec){.who = era_link_who(link),
                                               .kind = door->setup.incoming_kind,
                                               .params = rb_buf_str(&params)},
                     on_incoming, door);
    rb_buf_fini(&params);
}
