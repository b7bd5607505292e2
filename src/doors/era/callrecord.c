/* callrecord_get_path: a temporary public link of a file, for who knows its key. */
#include "base/mem.h"
#include "doors/era/link.h"
#include "doors/era/rest.h"

struct fetch {
    struct era_work work;
};

/* The reading goes on and finds nobody. */
static void leave(struct era_work *work)
{
    era_work_end(work);
}

static void on_read(struct era_reading *reading)
{
    struct fetch *fetch = reading->arg;
    struct era_work *work = &fetch->work;
    if (work->link && reading->err) {
        era_fail(work->link, work->method, work->qid, reading->err, RB_STR_NONE);
    } else if (work->link) {
        struct era_reply reply;
        era_reply_begin(&reply, work->method, work->qid);
        era_put_str(&reply.out, "result", reading->url);
        era_reply_send(&reply, work->link, work->qid);
    }
    era_work_end(work);
    rb_free(fetch);
    era_reading_free(reading);
}

void era_handle_callrecord_get_path(struct era_link *link, const struct rb_era_message *message,
                                    struct rb_arena *arena)
{
    rb_str key = RB_STR_NONE;
    rb_json_string(rb_json_get(message->params, "key"), arena, &key);
    if (!key.n) {
        era_fail_text(link, message, RB_BAD_REQUEST, "key is the name of a file, job:<id>/<file>.");
        return;
    }
    struct fetch *fetch = rb_new(struct fetch);
    if (!era_work_begin(&fetch->work, link, message, leave)) {
        rb_free(fetch);
        return;
    }
    struct era_reading *reading = era_reading_new(link->here->door, era_link_who(link), key, on_read, fetch);
    reading->use = era_publish;
    era_reading_send(reading);
}
