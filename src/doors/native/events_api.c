/* Reading events by HTTP, of a job or of a topic: as a stream when that is what the client prefers, else as a
 * page. This file reads what is asked for; event_stream.c and event_page.c answer. */
#include "doors/native/native_private.h"

enum { PAGE_LIMIT = 100, PAGE_LIMIT_MAX = 1000 };

struct events_errand {
    struct errand *errand;
    struct page_start page; /* what a stream needs too */
    bool is_stream;
    bool has_last_id;
};

/* ---- what is asked for ---- */

static rb_err read_start(struct events_errand *events, struct rb_start otherwise, const char **out_detail)
{
    struct rb_request *request = events->errand->request;
    struct rb_start *start = &events->page.start;
    rb_str after, last_id = rb_request_header(request, "Last-Event-ID");
    *start = otherwise;
    if (events->is_stream && last_id.n > 0) {
        *out_detail = "Last-Event-ID is the position of an event.";
        events->has_last_id = true;
        after = last_id;
    } else if (!rb_request_query(request, "after", &after)) {
        return RB_OK;
    } else {
        *out_detail = "after is a position, start or now.";
        if (rb_str_is(after, "start")) *start = (struct rb_start){.at = RB_START_OLDEST};
        if (rb_str_is(after, "now")) *start = (struct rb_start){.at = RB_START_NOW};
        if (rb_str_is(after, "start") || rb_str_is(after, "now")) return RB_OK;
    }
    *start = (struct rb_start){.at = RB_START_AFTER};
    return rb_position_parse(after, &start->position);
}

static rb_err read_numbers(struct events_errand *events, const char **out_detail)
{
    uint64_t limit = PAGE_LIMIT;
    *out_detail = "limit is a number from 1 to 1000.";
    rb_err err = errand_query_number(events->errand, "limit", 1, PAGE_LIMIT_MAX, &limit);
    events->page.limit = (unsigned)limit;
    if (err) return err;
    *out_detail = "wait is a number of seconds.";
    return errand_query_wait(events->errand, &events->page.wait_ms);
}

/* NULL: refused and answered. */
static struct events_errand *events_errand_of(struct errand *errand, rb_str topic, bool is_job)
{
    struct events_errand *events = rb_arena_new(&errand->request->arena, struct events_errand);
    const char *detail = NULL;
    events->errand = errand;
    events->is_stream = prefers_event_stream(&errand->request->head);
    rb_err err = errand_topic(errand, topic, &events->page.topic);
    bool from_now = events->is_stream && !is_job;
    struct rb_start otherwise = {.at = from_now ? RB_START_NOW : RB_START_OLDEST};
    if (!err) err = read_start(events, otherwise, &detail);
    if (!err) err = read_numbers(events, &detail);
    if (!err) return events;
    errand_fail(errand, err, detail);
    return NULL;
}

static void open_stream(struct events_errand *events, bool ends_at_final)
{
    stream_open(events->errand, &(struct stream_start){.topic = events->page.topic,
                                                       .start = events->page.start,
                                                       .ends_at_final = ends_at_final});
}

/* ---- topics ---- */

void handle_topic_events(struct errand *errand)
{
    struct events_errand *events =
        events_errand_of(errand, rb_request_param(errand->request, "topic"), false);
    if (!events) return;
    if (events->is_stream)
        open_stream(events, false);
    else if (errand->ticket)
        errand_fail(errand, RB_NOT_ACCEPTABLE, "A ticket opens an event stream: Accept: text/event-stream.");
    else
        page_open(errand, &events->page);
}

/* ---- jobs ---- */

/* The stream of a job that is over ends behind its final event. An EventSource connects again whenever a
 * stream has ended, and would do so for ever: who has the final event is told 204, which stops it. So is who
 * asks when the events are no longer kept. */
static void on_final(void *arg, bool is_found, struct rb_position position)
{
    struct events_errand *events = arg;
    const struct rb_position *last = &events->page.start.position;
    bool has_it = events->has_last_id && last->epoch == position.epoch && last->offset >= position.offset;
    if (!is_found || has_it)
        rb_answer(events->errand->request, 204, RB_STR_NONE, RB_STR_NONE);
    else
        open_stream(events, true);
}

static void on_job(struct rb_jobs_call *call)
{
    struct events_errand *events = call->arg;
    struct errand *errand = events->errand;
    if (call->err)
        rb_answer_problem(errand->request, call->err, call->why);
    else if (!events->is_stream)
        page_open(errand, &events->page);
    else if (rb_job_state_is_final(call->job.state))
        final_search(errand, events->page.topic, on_final, events);
    else
        open_stream(events, true);
    rb_jobs_call_free(call);
}

/* The job is asked for first: whose job it is decides who may see its events. */
void handle_job_events(struct errand *errand)
{
    rb_str id = rb_request_param(errand->request, "id");
    rb_str name = rb_arena_fmt(&errand->request->arena, "jobs/%.*s", RB_STR_FMT(id));
    struct events_errand *events = events_errand_of(errand, name, true);
    if (events) rb_jobs_call_send(errand_job_call(errand, RB_JOBS_GET, id, on_job, events));
}
