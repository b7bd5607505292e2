/* Publishing by HTTP: one event, or an array of them. Everything is checked before anything is published.
 * Where the topic is durable the events of a request share one transaction: all are stored, or none. The
 * answer comes when the topic's home has given the last of them its position. */
#include "doors/native/native_private.h"
#include "hub/policy.h"

enum { EVENTS_MAX = 1000 };

struct batch {
    struct errand *errand;
    rb_str topic;
    struct rb_event_spec *specs;
    uint32_t count;
    bool is_array;
};

/* ---- answering ---- */

static void put_position(struct rb_json_out *out, struct rb_position position)
{
    char text[RB_POSITION_TEXT_BYTES];
    rb_json_put_str(out, rb_position_text(position, text));
}

/* publication: NULL where there was no event in the array. */
static void answer(struct batch *batch, const struct rb_publication *publication)
{
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, batch->is_array ? "positions" : "position");
    if (batch->is_array) rb_json_begin_array(&out);
    for (uint32_t i = 0; i < batch->count; i++) put_position(&out, rb_publication_place(publication, i));
    if (batch->is_array) rb_json_end_array(&out);
    rb_json_end_object(&out);
    errand_answer_json(batch->errand, 200, &body);
}

static void on_published(struct rb_publication *publication)
{
    struct batch *batch = publication->arg;
    if (publication->err)
        errand_fail(batch->errand, publication->err, NULL);
    else
        answer(batch, publication);
}

static void on_pushed(struct rb_policy_call *call)
{
    struct batch *batch = call->arg;
    if (call->err) {
        errand_fail(batch->errand, call->err, NULL);
    } else {
        struct rb_buf body = {0};
        struct rb_json_out out = {.buf = &body};
        rb_json_begin_object(&out);
        rb_json_put_key(&out, "position");
        put_position(&out, call->position);
        rb_json_end_object(&out);
        errand_answer_json(batch->errand, 200, &body);
    }
    rb_policy_call_free(call);
}

static void publish(struct batch *batch)
{
    struct rb_hub *hub = batch->errand->door->setup.hub;
    if (!batch->is_array && spec_concerns_policy(&batch->specs[0])) {
        rb_policy_call_send(policy_push(hub, batch->topic, &batch->specs[0], on_pushed, batch));
        return;
    }
    if (batch->count == 0) {
        answer(batch, NULL);
        return;
    }
    rb_publication_send(rb_publication_new_several(hub, batch->topic, batch->specs, batch->count,
                                                   rb_request_loop(batch->errand->request), on_published,
                                                   batch));
}

/* ---- reading the request ---- */

static rb_err read_events(struct batch *batch, rb_json_val root, const char **out_detail)
{
    struct rb_arena *arena = &batch->errand->request->arena;
    size_t data_max = batch->errand->door->setup.event_max_bytes;
    batch->is_array = rb_json_type(root) == RB_JSON_ARRAY;
    batch->count = batch->is_array ? rb_json_count(root) : 1;
    if (batch->count > EVENTS_MAX) {
        *out_detail = "At most 1000 events a request.";
        return RB_UNPROCESSABLE;
    }
    batch->specs = rb_arena_array(arena, struct rb_event_spec, batch->count + 1);
    rb_json_val event = batch->is_array ? rb_json_first(root) : root;
    for (uint32_t i = 0; i < batch->count; i++, event = rb_json_next(event)) {
        rb_err err = event_spec_read(event, arena, data_max, &batch->specs[i], out_detail);
        if (!err && batch->is_array && batch->specs[i].timeout_s > 0) {
            *out_detail = "one that moves a deadline is published by itself.";
            err = RB_UNPROCESSABLE;
        }
        if (!err) continue;
        if (batch->is_array) *out_detail = rb_arena_fmt(arena, "Event %u: %s", i, *out_detail).p;
        return err;
    }
    return RB_OK;
}

static rb_err read_body(struct batch *batch, struct rb_json *doc, const char **out_detail)
{
    struct rb_request *request = batch->errand->request;
    rb_err err = rb_json_parse(doc, request->body, &(struct rb_json_limits){.bytes_max = request->body.n});
    if (err)
        *out_detail = rb_arena_fmt(&request->arena, "At byte %zu of the body.", doc->error_at).p;
    else
        err = read_events(batch, rb_json_root(doc), out_detail);
    return err;
}

void handle_publish(struct errand *errand)
{
    struct batch *batch = rb_arena_new(&errand->request->arena, struct batch);
    struct rb_json doc = {0};
    const char *detail = NULL;
    rb_str name = rb_request_param(errand->request, "topic");
    batch->errand = errand;
    rb_err err = errand_topic(errand, name, &batch->topic);
    if (!err && rb_topic_name_is_reserved(name)) {
        detail = "Topics below jobs/ and envoy/ are not published to.";
        err = RB_FORBIDDEN;
    }
    if (!err) err = read_body(batch, &doc, &detail);
    if (err)
        errand_fail(errand, err, detail);
    else
        publish(batch); /* copies what it needs */
    rb_json_fini(&doc);
}
