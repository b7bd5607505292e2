/* start_svcscript: a script is run, and its variables are the reply. abort_svcscript takes it back by the
 * same qid. */
#include "base/mem.h"
#include "doors/era/link.h"
#include "doors/era/rest.h"
#include "doors/era/script.h"

enum { TIMEOUT_MS_DEFAULT = 10000, TIMEOUT_MS_MAX = 3600 * 1000 };

struct run {
    struct era_work work;
    struct era_script *script;
};

static void run_free(struct run *run)
{
    era_work_end(&run->work);
    rb_free(run);
}

/* Nobody listens any more, but the work was wanted: the job goes on. */
static void leave(struct era_work *work)
{
    struct run *run = RB_OUTER(work, struct run, work);
    era_script_leave(run->script, false);
    run_free(run);
}

static void on_end(void *arg, const struct era_script_end *end)
{
    struct run *run = arg;
    const struct era_work *work = &run->work;
    if (end->err) {
        era_fail(work->link, work->method, work->qid, end->err, end->detail);
    } else {
        struct era_reply reply;
        era_reply_begin(&reply, work->method, work->qid);
        era_put_str(&reply.out, "result", RB_STR("ok"));
        rb_json_put_key(&reply.out, "data");
        rb_json_begin_object(&reply.out);
        rb_json_put_key(&reply.out, "variables");
        rb_json_begin_object(&reply.out);
        era_script_put_variables(&reply.out, end);
        rb_json_end_object(&reply.out);
        rb_json_end_object(&reply.out);
        era_reply_send(&reply, work->link, work->qid);
    }
    run_free(run);
}

/* ---- starting ---- */

static struct run *run_find(struct era_link *link, rb_str qid)
{
    RB_LIST_EACH(node, &link->works)
    {
        struct era_work *work = RB_OUTER(node, struct era_work, node);
        if (work->leave == leave && qid.n && rb_str_eq(work->qid, qid))
            return RB_OUTER(work, struct run, work);
    }
    return NULL;
}

void era_handle_start_svcscript(struct era_link *link, const struct rb_era_message *message,
                                struct rb_arena *arena)
{
    rb_json_val timeout = rb_json_get(message->params, "timeout");
    rb_str kind = RB_STR_NONE;
    uint64_t timeout_ms = TIMEOUT_MS_DEFAULT;
    rb_json_string(rb_json_get(message->params, "code"), arena, &kind);
    if (!kind.n) {
        era_fail_text(link, message, RB_BAD_REQUEST, "code is the name of a script.");
        return;
    }
    if (rb_json_type(timeout) > RB_JSON_NULL &&
        (!rb_json_u64(timeout, &timeout_ms) || timeout_ms < 1 || timeout_ms > TIMEOUT_MS_MAX)) {
        era_fail_text(link, message, RB_BAD_REQUEST, "timeout is a number of milliseconds, at most an hour.");
        return;
    }
    if (run_find(link, message->qid)) {
        era_fail_text(link, message, RB_CONFLICT, "A script with this qid is running.");
        return;
    }
    struct run *run = rb_new(struct run);
    struct rb_buf params = {0};
    if (!era_work_begin(&run->work, link, message, leave)) {
        rb_free(run);
        return;
    }
    era_script_put_parameters(&params, message->params);
    run->script = era_script_start(link->here->door,
                                   &(struct era_script_spec){.who = era_link_who(link),
                                                             .kind = kind,
                                                             .params = rb_buf_str(&params),
                                                             .timeout_ms = timeout_ms},
                                   on_end, run);
    rb_buf_fini(&params);
}

/* ---- aborting ---- */

void era_handle_abort_svcscript(struct era_link *link, const struct rb_era_message *message,
                                struct rb_arena *arena)
{
    (void)arena;
    struct run *run = run_find(link, message->qid);
    if (!run) {
        era_fail_text(link, message, RB_NOT_FOUND, "No script with this qid is running.");
        return;
    }
    era_script_leave(run->script, true);
    run_free(run);
    era_reply_ok(link, message->method, message->qid);
}
