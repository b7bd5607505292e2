/* Long-polling: packets for the client wait for its GET, packets from it come as the body of a POST.
 *
 * A GET is answered before the loop sleeps, with everything that came together in that turn; when there is
 * nothing, it waits. What was sent waits here; what the upper side only has at hand is asked for when a GET
 * is there to take it. Clients refuse answers of more than 16 packets, so the rest waits for the next GET.
 *
 * The end of a link has to be fetched too. When the server closes it, a GET that waits gets what is there, or
 * else "1"; who comes with another GET gets "6" and "1" in the end, and after that there is no such link any
 * more. Ends that leave nothing to be said (a client that broke the protocol, or is gone) are at once.
 *
 * A client that leaves has the GET that waits answered with "6". If none waits, one may be on its way on
 * another connection, overtaken by the POST that says goodbye: so that POST waits a moment for it before it
 * is answered, and only then is the link unknown. */
#include "base/mem.h"
#include "doors/socketio/link_private.h"

enum { PACKETS_MAX = 16, ANSWER_BYTES_MAX = 1000 * 1000, QUEUE_BYTES_MAX = 1024 * 1024 };

static void on_task(struct rb_task *task);

/* ---- answers ---- */

struct batch {
    unsigned count;
    bool has_binary;
    size_t bytes;
    struct {
        bool is_binary;
        rb_str packet;
        struct rb_blob *blob; /* where it is; NULL: in constant memory */
    } items[PACKETS_MAX];
};

/* In revision 3 a binary frame begins with its packet type, which each form of a body has in its own way. */
static rb_str packet_of(const struct sio_link *link, const struct frame *frame)
{
    return frame->is_binary && link->revision == 3 ? rb_str_from(frame->payload, 1) : frame->payload;
}

static size_t packet_size(const struct sio_link *link, const struct frame *frame)
{
    enum rb_eio_form form = link->revision == 3 ? RB_EIO_V3_TEXT : RB_EIO_V4;
    return rb_eio_payload_size(form, false, frame->is_binary, packet_of(link, frame));
}

static void batch_add(struct batch *batch, rb_str packet, bool is_binary, struct rb_blob *blob)
{
    batch->items[batch->count].packet = packet;
    batch->items[batch->count].is_binary = is_binary;
    batch->items[batch->count].blob = blob ? rb_blob_ref(blob) : NULL;
    batch->has_binary |= is_binary;
    batch->count++;
}

/* From the queue, then from the upper side. */
static void collect(struct sio_poll *poll, struct batch *out)
{
    struct sio_link *link = poll->link;
    struct frame frame;
    struct rb_blob *blob;
    while (out->count < PACKETS_MAX) {
        if (!frames_peek(&poll->queue, &frame, &blob)) {
            blob = link->state == LINK_CLOSING ? NULL : link->endpoint->ops->take(link);
            if (!blob) return;
            frames_push(&poll->queue, blob);
            continue;
        }
        size_t size = packet_size(link, &frame);
        if (out->count > 0 && out->bytes + size > ANSWER_BYTES_MAX) return;
        out->bytes += size;
        batch_add(out, packet_of(link, &frame), frame.is_binary, blob);
        frames_skip(&poll->queue);
    }
}

/* The CORS headers have been added before. */
static void answer_payload(const struct sio_link *link, struct rb_request *request, const struct batch *batch,
                           bool wants_base64)
{
    enum rb_eio_form form = rb_eio_form_of(link->revision == 3, batch->has_binary, wants_base64);
    struct rb_buf body = {0};
    for (unsigned i = 0; i < batch->count; i++)
        rb_eio_payload_put(&body, form, i == 0, batch->items[i].is_binary, batch->items[i].packet);
    rb_answer_header(request, "Cache-Control", RB_STR("no-store"));
    if (body.failed)
        rb_answer(request, 503, RB_STR("text/plain"), RB_STR_NONE);
    else
        rb_answer(request, 200, rb_str_of(rb_eio_form_media_type(form)), rb_buf_str(&body));
    rb_buf_fini(&body);
}

static void answer_get(struct sio_poll *poll, const struct batch *batch)
{
    struct rb_request *get = poll->get;
    poll->get = NULL;
    answer_payload(poll->link, get, batch, poll->wants_base64);
}

void poll_say(struct sio_poll *poll, rb_str packet)
{
    struct batch batch = {0};
    if (!poll->get) return;
    batch_add(&batch, packet, false, NULL);
    answer_get(poll, &batch);
}

static void answer_ok(struct rb_sio_door *door, struct rb_request *post)
{
    rb_answer_header(post, "Cache-Control", RB_STR("no-store"));
    requests_answer(door, post, 200, "text/html", RB_STR("ok"));
}

static void finish(struct sio_poll *poll)
{
    struct rb_request *leaver = poll->leaver;
    poll->leaver = NULL;
    poll->is_over = true;
    link_end_soon(poll->link);
    if (leaver) answer_ok(poll->link->here->door, leaver);
}

static void say_goodbye(struct sio_poll *poll)
{
    struct batch batch = {0};
    batch_add(&batch, RB_STR("6"), false, NULL);
    if (!poll->has_left) batch_add(&batch, RB_STR("1"), false, NULL);
    answer_get(poll, &batch);
    finish(poll);
}

static void on_task(struct rb_task *task)
{
    struct sio_poll *poll = RB_OUTER(task, struct sio_poll, task);
    struct batch batch = {0};
    if (!poll->get) return;
    collect(poll, &batch);
    if (batch.count > 0)
        answer_get(poll, &batch);
    else if (poll->link->state == LINK_CLOSING)
        say_goodbye(poll);
    else if (poll->is_probed)
        poll_say(poll, RB_STR("6"));
    for (unsigned i = 0; i < batch.count; i++) rb_blob_unref(batch.items[i].blob);
}

void poll_want_output(struct sio_poll *poll)
{
    poll->task.run = on_task;
    if (poll->get) rb_loop_before_sleep(poll->link->here->loop, &poll->task);
}

void poll_send(struct sio_poll *poll, struct rb_blob *take_frames)
{
    bool is_full = !frames_are_empty(&poll->queue) && poll->queue.bytes + take_frames->n > QUEUE_BYTES_MAX;
    frames_push(&poll->queue, take_frames);
    if (is_full)
        link_end(poll->link, RB_OUTPUT_FULL, LINK_CUTS);
    else
        poll_want_output(poll);
}

/* ---- ending ---- */

void poll_end(struct sio_poll *poll, enum link_end how)
{
    if (poll->is_over) return;
    if (poll->probe) upgrade_refuse(poll->probe, (rb_err)poll->link->why);
    switch (how) {
    case LINK_LEAVES:
        poll->has_left = true;
        frames_fini(&poll->queue); /* it does not want it any more */
        if (!poll->get) return;
        break;
    case LINK_FLUSHES:
        if (poll->get && frames_are_empty(&poll->queue)) break;
        poll_want_output(poll);
        return;
    case LINK_CUTS: break;
    }
    poll_say(poll, poll->has_left ? RB_STR("6") : RB_STR("1"));
    finish(poll);
}

static void forget_post(struct sio_poll *poll)
{
    if (!poll->post) return;
    rb_request_on_gone(poll->post, NULL);
    poll->post->arg = NULL;
    poll->post = NULL;
}

void poll_free(struct sio_poll *poll)
{
    if (!poll) return;
    poll_say(poll, RB_STR("1"));
    if (poll->leaver) answer_ok(poll->link->here->door, poll->leaver);
    if (poll->probe) upgrade_refuse(poll->probe, RB_CLIENT_GONE);
    forget_post(poll); /* it looks for its link again when it is complete */
    rb_loop_forget_task(&poll->task);
    frames_fini(&poll->queue);
    rb_free(poll);
}

/* ---- GET ---- */

void poll_open(const struct link_endpoint *endpoint, struct links_here *here, struct rb_request *request,
               unsigned revision)
{
    struct sio_link *link = link_new(endpoint, here, request, revision);
    struct rb_buf packet = {0};
    struct batch batch = {0};
    if (!link) {
        rb_answer_problem(request, RB_OVERLOADED, RB_STR_NONE);
        return;
    }
    link->poll = rb_new(struct sio_poll);
    link->poll->link = link;
    link_begin(link, request);
    link_put_open(link, &packet);
    batch_add(&batch, rb_buf_str(&packet), false, NULL);
    requests_add_cors(here->door, request);
    answer_payload(link, request, &batch, false);
    rb_buf_fini(&packet);
}

static void refuse_empty(const struct sio_link *link, struct rb_request *request)
{
    requests_answer(link->here->door, request, 400, "text/html", RB_STR_NONE);
}

static void on_get_gone(struct rb_request *request)
{
    struct sio_link *link = request->arg;
    link->poll->get = NULL;
    rb_answer(request, 400, RB_STR_NONE, RB_STR_NONE); /* which nobody reads */
    link_end(link, RB_CLIENT_GONE, LINK_CUTS);
}

void poll_get(struct sio_link *link, struct rb_request *request)
{
    struct sio_poll *poll = link->poll;
    rb_str b64;
    if (poll->get) {
        refuse_empty(link, request);
        link_end(link, RB_PROTOCOL_ERROR, LINK_CUTS);
        return;
    }
    poll->get = request;
    poll->wants_base64 =
        link->wants_base64 || (rb_request_query(request, "b64", &b64) && rb_str_is(b64, "1"));
    request->arg = link;
    rb_request_on_gone(request, on_get_gone);
    requests_add_cors(link->here->door, request);
    rb_request_forget_head(request); /* clients wait in it nearly all of the time */
    poll_want_output(poll);
}

/* ---- POST ---- */

static void on_post_gone(struct rb_request *request)
{
    struct sio_link *link = request->arg;
    link->poll->post = NULL;
    link_end(link, RB_CLIENT_GONE, LINK_CUTS);
}

static bool is_bytes(const struct rb_request *request)
{
    rb_str type = rb_request_header(request, "Content-Type"), name;
    return rb_str_split(&type, ';', &name) &&
           rb_str_ieq(rb_str_trim(name), RB_STR("application/octet-stream"));
}

static void refuse_two_posts(struct sio_link *link, struct rb_request *second)
{
    struct rb_request *first = link->poll->post;
    forget_post(link->poll);
    rb_answer_will_close(first);
    refuse_empty(link, first);
    refuse_empty(link, second);
    link_end(link, RB_PROTOCOL_ERROR, LINK_CUTS);
}

void poll_post_head(struct sio_link *link, struct rb_request *request)
{
    if (link->poll->post) {
        refuse_two_posts(link, request);
    } else if (link->revision != 3 && is_bytes(request)) {
        refuse_empty(link, request);
        link_end(link, RB_PROTOCOL_ERROR, LINK_CUTS);
    } else {
        link->poll->post = request;
        request->arg = link;
        rb_request_on_gone(request, on_post_gone);
    }
}

static void forget_this_post(struct rb_request *request)
{
    struct sio_link *link = request->arg;
    if (link) forget_post(link->poll);
}

void poll_post_refused(struct rb_request *request)
{
    forget_this_post(request);
}

static void on_leaver_gone(struct rb_request *request)
{
    struct sio_link *link = request->arg;
    link->poll->leaver = NULL;
    rb_answer(request, 400, RB_STR_NONE, RB_STR_NONE); /* which nobody reads */
    link_end(link, RB_CLIENT_GONE, LINK_CUTS);
}

static void hold_leaver(struct sio_link *link, struct rb_request *request)
{
    link->poll->leaver = request;
    request->arg = link;
    rb_request_on_gone(request, on_leaver_gone);
}

/* The packets in front of a bad one count. When the upper side ends the link, the client has done its part
 * all the same. */
void poll_post(struct rb_request *request, struct sio_link *link)
{
    struct rb_sio_door *door = link->here->door;
    struct rb_eio_payload payload;
    struct rb_eio_item item;
    rb_err err = RB_OK;
    enum rb_eio_form form =
        link->revision == 3 ? (is_bytes(request) ? RB_EIO_V3_BYTES : RB_EIO_V3_TEXT) : RB_EIO_V4;
    forget_this_post(request);
    rb_eio_payload_begin(&payload, form, rb_request_body_mut(request), request->body.n);
    while (!err && link->state != LINK_CLOSING && rb_eio_payload_next(&payload, &item))
        err = link_receive(link, &item);
    if (!err && link->state != LINK_CLOSING) err = payload.err;
    if (err) {
        link_end(link, err, LINK_CUTS);
        requests_answer_error(door, request, RB_EIO_BAD_REQUEST, false);
        return;
    }
    if (link->poll && link->poll->has_left && !link->poll->is_over)
        hold_leaver(link, request);
    else
        answer_ok(door, request);
}
