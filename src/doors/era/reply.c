/* Replies to a client's requests, and the list of those that are answered later. */
#include "base/mem.h"
#include "doors/era/link.h"
#include "doors/era/rest.h"

#include <string.h>

/* ---- replying ---- */

void era_reply_begin(struct era_reply *reply, rb_str method, rb_str qid)
{
    *reply = (struct era_reply){0};
    reply->out.buf = &reply->text;
    rb_era_begin_reply(&reply->out, method, qid);
}

void era_reply_send(struct era_reply *reply, struct era_link *link, rb_str qid)
{
    rb_era_end(&reply->out);
    if (qid.n)
        era_link_send(link, &reply->text);
    else
        rb_buf_fini(&reply->text);
}

void era_reply_ok(struct era_link *link, rb_str method, rb_str qid)
{
    struct era_reply reply;
    era_reply_begin(&reply, method, qid);
    era_put_str(&reply.out, "result", RB_STR("ok"));
    era_reply_send(&reply, link, qid);
}

static void send_error(struct era_link *link, rb_str method, rb_err err, rb_str detail)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_era_begin(&out, RB_STR("error"));
    rb_era_put_error(&out, era_code(err), detail);
    if (method.n) era_put_str(&out, "method", method);
    rb_era_end(&out);
    era_link_send(link, &text);
}

void era_fail(struct era_link *link, rb_str method, rb_str qid, rb_err err, rb_str detail)
{
    struct era_reply reply;
    if (!detail.n) detail = rb_str_of(rb_reason(err)->sentence);
    if (!qid.n) {
        send_error(link, method, err, detail);
        return;
    }
    era_reply_begin(&reply, method, qid);
    rb_era_put_error(&reply.out, era_code(err), detail);
    era_reply_send(&reply, link, qid);
}

void era_fail_text(struct era_link *link, const struct rb_era_message *message, rb_err err,
                   const char *detail)
{
    era_fail(link, message->method, message->qid, err, rb_str_of(detail));
}

void era_fail_message(struct era_link *link, rb_err err)
{
    send_error(link, RB_STR_NONE, err,
               err == RB_BAD_REQUEST ? RB_STR("A message is a JSON array of a name and an object.")
                                     : rb_str_of(rb_reason(err)->sentence));
}

/* ---- what is under way ---- */

bool era_work_begin(struct era_work *work, struct era_link *link, const struct rb_era_message *message,
                    void (*leave)(struct era_work *work))
{
    if (link->work_count == WORKS_MAX) {
        era_fail_text(link, message, RB_TOO_MANY_REQUESTS,
                      "Too many requests of this connection are under way.");
        return false;
    }
    rb_str method = message->method, qid = message->qid;
    char *texts = rb_alloc(method.n + qid.n + 1);
    memcpy(texts, method.p, method.n);
    if (qid.n) memcpy(texts + method.n, qid.p, qid.n);
    *work = (struct era_work){
        .link = link, .method = {texts, method.n}, .qid = {texts + method.n, qid.n}, .leave = leave};
    rb_list_push_back(&link->works, &work->node);
    link->work_count++;
    return true;
}

void era_work_end(struct era_work *work)
{
    if (work->link) work->link->work_count--;
    rb_list_remove(&work->node);
    rb_free((char *)(uintptr_t)work->method.p);
    work->method = work->qid = RB_STR_NONE;
    work->link = NULL;
}

void era_works_leave(struct era_link *link)
{
    struct rb_list *node;
    while ((node = rb_list_pop_front(&link->works)) != NULL) {
        struct era_work *work = RB_OUTER(node, struct era_work, node);
        work->leave(work);
    }
}
