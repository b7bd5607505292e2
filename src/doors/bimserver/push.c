/* What all endpoints of a job have in common is written once a loop: an encoding belongs to a job and a
 * dialect, and its frames are shared by whoever follows the job there.
 *
 * Logs of topics know frames by the address of their encoding, and may do so longer than anybody follows the
 * job. So the memory of an encoding is used again for other jobs, whose topics have never seen it, but never
 * as anything else: one that comes back to the same job at the same place writes the same. */
#include "doors/bimserver/push.h"

#include "base/mem.h"
#include "http/socket.h"

#include <string.h>

struct progress_push {
    struct rb_encoding dialects[2];
    struct progress_push *next;       /* of those that were ever made */
    struct progress_push *next_spare; /* of those that nobody has */
    unsigned refs;
    struct bim_topic topic;
    char *job_id, *title; /* what the key and the topic borrow */
};

/* ---- frames ---- */

static void begin_call(struct rb_json_out *out, enum bim_dialect dialect, const char *method)
{
    rb_json_begin_object(out);
    rb_json_put_key(out, "request");
    rb_json_begin_object(out);
    rb_json_put_key(out, "interface");
    rb_json_put_text(out,
                     dialect == BIM_NEW ? "NotificationInterface" : BIM_OLD_PREFIX "NotificationInterface");
    rb_json_put_key(out, "method");
    rb_json_put_text(out, method);
    rb_json_put_key(out, "parameters");
}

static struct rb_blob *end_call(struct rb_json_out *out, bool is_double)
{
    rb_json_end_object(out);
    rb_json_end_object(out);
    struct rb_blob *frame = out->buf->failed ? NULL : rb_socket_frame(RB_WS_TEXT, rb_buf_str(out->buf));
    rb_buf_fini(out->buf);
    if (!frame || !is_double) return frame;
    struct rb_blob *both = rb_blob_new(2 * frame->n);
    if (both) {
        memcpy(both->p, frame->p, frame->n);
        memcpy(both->p + frame->n, frame->p, frame->n);
    }
    rb_blob_unref(frame);
    return both;
}

struct rb_blob *bim_push_state(const struct bim_topic *topic, const struct bim_state *state,
                               enum bim_dialect dialect)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    begin_call(&out, dialect, "progress");
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "topicId"); /* the order is that of the arguments */
    rb_json_put_u64(&out, topic->number);
    rb_json_put_key(&out, "state");
    bim_state_put(&out, topic, state, dialect);
    rb_json_end_object(&out);
    return end_call(&out, state->state != BIM_STARTED);
}

static struct rb_blob *encode_progress(const struct progress_push *push, const struct rb_event *event,
                                       enum bim_dialect dialect)
{
    struct rb_arena arena = {0};
    struct bim_state state;
    struct rb_blob *frame = bim_state_of_event(&push->topic, event, &arena, &state)
                                ? bim_push_state(&push->topic, &state, dialect)
                                : rb_blob_new(0);
    rb_arena_fini(&arena);
    return frame;
}

static struct rb_blob *encode_new(const struct rb_encoding *encoding, rb_str topic,
                                  struct rb_position position, const struct rb_event *event)
{
    (void)topic, (void)position;
    return encode_progress(RB_OUTER(encoding, struct progress_push, dialects[BIM_NEW]), event, BIM_NEW);
}

static struct rb_blob *encode_old(const struct rb_encoding *encoding, rb_str topic,
                                  struct rb_position position, const struct rb_event *event)
{
    (void)topic, (void)position;
    return encode_progress(RB_OUTER(encoding, struct progress_push, dialects[BIM_OLD]), event, BIM_OLD);
}

static struct rb_blob *encode_news(const struct rb_encoding *encoding, rb_str topic,
                                   struct rb_position position, const struct rb_event *event)
{
    (void)topic, (void)position;
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    char method[64]; /* names of ours */
    RB_CHECK(event->name.n < sizeof method);
    memcpy(method, event->name.p, event->name.n);
    method[event->name.n] = '\0';
    begin_call(&out, (enum bim_dialect)(encoding - bim_news_encodings), method);
    rb_json_put_raw(&out, event->data);
    return end_call(&out, false);
}

const struct rb_encoding bim_news_encodings[2] = {{encode_news}, {encode_news}};

/* ---- who has which ---- */

static struct progress_push *push_new(struct bim_pushes *pushes)
{
    struct progress_push *push = pushes->spare;
    if (push) {
        pushes->spare = push->next_spare;
        return push;
    }
    push = rb_new(struct progress_push);
    push->dialects[BIM_NEW].encode = encode_new;
    push->dialects[BIM_OLD].encode = encode_old;
    push->next = pushes->all;
    pushes->all = push;
    return push;
}

const struct rb_encoding *bim_push_of(struct bim_pushes *pushes, rb_str job_id, const struct bim_topic *topic,
                                      enum bim_dialect dialect)
{
    struct progress_push *push = rb_map_get(&pushes->by_job, job_id);
    if (!push) {
        push = push_new(pushes);
        push->topic = *topic;
        push->job_id = rb_str_dup(job_id);
        push->title = rb_str_dup(topic->title);
        push->topic.title = rb_str_of(push->title);
        rb_map_put(&pushes->by_job, rb_str_of(push->job_id), push);
    }
    push->refs++;
    return &push->dialects[dialect];
}

static void forget(struct progress_push *push)
{
    rb_free(push->job_id);
    rb_free(push->title);
    push->job_id = push->title = NULL;
}

void bim_push_let_go(struct bim_pushes *pushes, const struct rb_encoding *encoding)
{
    struct progress_push *push = encoding->encode == encode_new
                                     ? RB_OUTER(encoding, struct progress_push, dialects[BIM_NEW])
                                     : RB_OUTER(encoding, struct progress_push, dialects[BIM_OLD]);
    if (--push->refs > 0) return;
    rb_map_remove(&pushes->by_job, rb_str_of(push->job_id));
    forget(push);
    push->next_spare = pushes->spare;
    pushes->spare = push;
}

void bim_pushes_fini(struct bim_pushes *pushes)
{
    struct progress_push *push;
    while ((push = pushes->all) != NULL) {
        pushes->all = push->next;
        forget(push);
        rb_free(push);
    }
    rb_map_fini(&pushes->by_job);
}
