/* One function decides what happens to a stream: advance(), called for each stream on the flush list before
 * the loop sleeps. The rest only notes what is wanted and puts the stream on that list. */
#include "net/stream.h"

#include "base/mem.h"
#include "net/net_private.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_MS = 2000, LINGER_STEP_MS = 250, READ_BYTES = 64 * 1024, TURNS_MAX = 4 };

static void on_ready(struct rb_watch *watch, unsigned events);
static void flush_all(struct rb_task *task);

/* ---- the loop's part ---- */

struct rb_net *rb_net_new(struct rb_loop *loop, const struct rb_net_limits *limits)
{
    struct rb_net *net = rb_new(struct rb_net);
    net->loop = loop;
    net->limits = *limits;
    net->crowd.loop = loop;
    net->flush_task.run = flush_all;
    rb_list_init(&net->resting);
    rb_list_init(&net->to_flush);
    rb_list_init(&net->lingering);
    return net;
}

void rb_net_free(struct rb_net *net)
{
    if (!net) return;
    RB_CHECK(net->crowd.count == 0);
    rb_timer_stop(&net->crowd.timer);
    rb_timer_stop(&net->linger_timer);
    rb_loop_forget_task(&net->flush_task);
    if (net->spare) rb_free(net->spare->entries);
    rb_free(net->spare);
    rb_free(net);
}

struct rb_loop *rb_net_loop(struct rb_net *net)
{
    return net->loop;
}

static void abort_list(struct rb_list *list, rb_err why)
{
    RB_LIST_EACH(node, list) rb_stream_abort(RB_OUTER(node, struct rb_stream, node), why);
}

void rb_net_abort_all(struct rb_net *net, rb_err why)
{
    abort_list(&net->resting, why);
    abort_list(&net->to_flush, why);
    abort_list(&net->lingering, why);
}

unsigned rb_net_stream_count(const struct rb_net *net)
{
    return net->crowd.count;
}

/* ---- gathering ---- */

bool rb_gather_has_room(const struct rb_gather *gather)
{
    return gather->count < GATHER_MAX && gather->bytes < GATHER_BYTES_MAX;
}

static void gather_part(struct rb_gather *gather, struct rb_blob *frame, size_t at)
{
    gather->parts[gather->count] = (struct iovec){frame->p + at, frame->n - at};
    gather->frames[gather->count] = frame;
    gather->bytes += frame->n - at;
    gather->count++;
}

void rb_gather_add(struct rb_gather *gather, struct rb_blob *take_frame)
{
    RB_CHECK(gather->count < GATHER_MAX);
    gather_part(gather, take_frame, 0);
}

/* From the queue up to the first file, then from the owner. Queued frames stay in the queue until they are
 * sent. */
static void gather_output(struct rb_stream *stream, struct rb_gather *gather)
{
    gather->count = 0;
    gather->bytes = 0;
    struct rb_outq *out = stream->out;
    bool is_whole_queue = true;
    for (unsigned i = 0; out && i < out->count; i++) {
        struct out_entry *entry = &out->entries[(out->first + i) & (out->cap - 1)];
        if (!entry->frame || !rb_gather_has_room(gather)) {
            is_whole_queue = false;
            break;
        }
        gather_part(gather, entry->frame, (size_t)entry->at);
    }
    gather->borrowed = gather->count;
    if (is_whole_queue && stream->state == RB_STREAM_OPEN && stream->ops->on_pull &&
        rb_gather_has_room(gather))
        stream->ops->on_pull(stream, gather);
}

/* Takes what was sent off the queue, lets go of frames that went out whole, and queues what is left of the
 * others. */
static void settle(struct rb_stream *stream, struct rb_gather *gather, size_t sent)
{
    for (unsigned i = 0; i < gather->count; i++) {
        size_t part = gather->parts[i].iov_len;
        size_t done = sent < part ? sent : part;
        sent -= done;
        if (i < gather->borrowed) {
            if (done == part) {
                outq_pop(stream->out, true);
            } else if (done) {
                struct out_entry *head = outq_head(stream->out);
                head->at += done;
                head->left -= done;
                stream->out->bytes -= done;
            }
        } else if (done == part) {
            rb_blob_unref(gather->frames[i]);
        } else {
            outq_push(outq_of(stream), (struct out_entry){.frame = gather->frames[i],
                                                          .at = gather->frames[i]->n - part + done,
                                                          .left = part - done});
        }
    }
}

/* ---- deciding ---- */

static void watch_what_matters(struct rb_stream *stream)
{
    unsigned events = 0;
    bool is_backed_up = stream->out && stream->out->bytes > stream->net->limits.output_max / 2;
    if (stream->state == RB_STREAM_LINGERING) events = RB_READABLE;
    if (stream->state == RB_STREAM_OPEN && stream->want_read && !stream->has_ended && !is_backed_up)
        events = RB_READABLE;
    if (stream->is_blocked) events |= RB_WRITABLE;
    rb_watch_set(stream->net->loop, &stream->watch, events);
}

/* A stream is in one of its loop's three lists at any time: resting, to be flushed, lingering. */
static void go_to(struct rb_list *list, struct rb_stream *stream)
{
    rb_list_remove(&stream->node);
    rb_list_push_back(list, &stream->node);
}

static void request_flush(struct rb_stream *stream)
{
    if (stream->will_flush) return;
    stream->will_flush = true;
    go_to(&stream->net->to_flush, stream);
    rb_loop_before_sleep(stream->net->loop, &stream->net->flush_task);
}

static void finish(struct rb_stream *stream)
{
    rb_list_remove(&stream->node);
    outq_drop(stream);
    rb_watch_set(stream->net->loop, &stream->watch, 0);
    if (stream->net->limits.admission) rb_admission_leave(stream->net->limits.admission, stream->watch.fd);
    close(stream->watch.fd);
    stream->watch.fd = -1;
    crowd_leave(&stream->net->crowd);
    stream->ops->on_closed(stream, (rb_err)stream->why);
}

static void on_linger_step(struct rb_timer *timer)
{
    struct rb_net *net = RB_OUTER(timer, struct rb_net, linger_timer);
    uint32_t now = (uint32_t)rb_loop_now_ms(net->loop);
    while (!rb_list_is_empty(&net->lingering)) {
        struct rb_stream *stream = RB_OUTER(net->lingering.next, struct rb_stream, node);
        if ((int32_t)(stream->linger_until - now) > 0)
            break; /* they all wait equally long, so the rest is younger */
        finish(stream);
    }
    if (!rb_list_is_empty(&net->lingering)) rb_timer_start(net->loop, timer, LINGER_STEP_MS, on_linger_step);
}

static void start_lingering(struct rb_stream *stream)
{
    struct rb_net *net = stream->net;
    outq_drop(stream);
    stream->is_blocked = false;
    stream->state = RB_STREAM_LINGERING;
    shutdown(stream->watch.fd, SHUT_WR);
    stream->linger_until = (uint32_t)rb_loop_now_ms(net->loop) + LINGER_MS;
    go_to(&net->lingering, stream);
    if (!rb_timer_is_running(&net->linger_timer))
        rb_timer_start(net->loop, &net->linger_timer, LINGER_STEP_MS, on_linger_step);
    watch_what_matters(stream);
}

static void on_stall(struct rb_timer *timer)
{
    rb_stream_abort(RB_OUTER(timer, struct rb_outq, stall)->stream, RB_SLOW_READER);
}

/* Output waits: from now, or from the last progress, the peer has so much time. */
static void expect_progress(struct rb_stream *stream, bool has_progressed)
{
    struct rb_net *net = stream->net;
    struct rb_outq *out = outq_of(stream);
    if (has_progressed || !rb_timer_is_running(&out->stall))
        rb_timer_start(net->loop, &out->stall, net->limits.write_timeout_ms, on_stall);
}

/* One round of output; false when there is nothing more to do now. */
static bool write_round(struct rb_stream *stream, bool *has_progressed)
{
    struct rb_net *net = stream->net;
    size_t sent = 0;
    bool is_broken = false, took_all;
    struct out_entry *head = outq_head(stream->out);
    if (head && !head->frame) {
        took_all = transmit_file(stream->watch.fd, head, &sent, &is_broken);
        head->at += sent;
        head->left -= sent;
        if (head->left == 0) outq_pop(stream->out, true);
    } else {
        gather_output(stream, &net->gather);
        if (net->gather.count == 0) return false;
        took_all = transmit(stream->watch.fd, &net->gather, &sent, &is_broken);
        settle(stream, &net->gather, sent);
    }
    if (sent > 0) *has_progressed = true;
    if (is_broken) {
        stream->state = RB_STREAM_CLOSING;
        if (stream->why == RB_OK) stream->why = RB_CLIENT_GONE;
        return false;
    }
    stream->is_blocked = !took_all;
    return took_all;
}

static void advance(struct rb_stream *stream)
{
    if (stream->state == RB_STREAM_OPEN || stream->state == RB_STREAM_FLUSHING) {
        stream->is_blocked = false;
        bool has_progressed = false;
        int turns = 0;
        while (turns < TURNS_MAX && write_round(stream, &has_progressed)) turns++;
        /* A stream with more to say than its share goes on when the others have had theirs: it is writable at
         * once, unless its share has filled the kernel's buffer. */
        if (turns == TURNS_MAX) stream->is_blocked = true;
        if (stream->is_blocked)
            expect_progress(stream, has_progressed);
        else
            outq_drop(stream);
    }
    if (stream->state == RB_STREAM_CLOSING) {
        finish(stream);
        return;
    }
    if (stream->state == RB_STREAM_FLUSHING && !stream->is_blocked) {
        if (stream->has_ended)
            finish(stream); /* nothing can come any more that would have to be read away */
        else
            start_lingering(stream);
        return;
    }
    watch_what_matters(stream);
}

static void flush_all(struct rb_task *task)
{
    struct rb_net *net = RB_OUTER(task, struct rb_net, flush_task);
    while (!rb_list_is_empty(&net->to_flush)) {
        struct rb_stream *stream = RB_OUTER(net->to_flush.next, struct rb_stream, node);
        stream->will_flush = false;
        go_to(&net->resting, stream);
        advance(stream);
    }
}

/* ---- reading ---- */

static void read_away(struct rb_stream *stream)
{
    ssize_t n = recv(stream->watch.fd, rb_loop_scratch(stream->net->loop), READ_BYTES, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) finish(stream);
}

static void read_some(struct rb_stream *stream)
{
    char *scratch = rb_loop_scratch(stream->net->loop);
    ssize_t n = recv(stream->watch.fd, scratch, READ_BYTES, 0);
    if (n > 0) {
        stream->ops->on_data(stream, scratch, (size_t)n);
        return; /* the stream may be another owner's, or closing, by now */
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) {
        rb_stream_abort(stream, RB_CLIENT_GONE);
        return;
    }
    stream->has_ended = true;
    watch_what_matters(stream);
    stream->ops->on_end(stream);
}

static void on_ready(struct rb_watch *watch, unsigned events)
{
    struct rb_stream *stream = RB_OUTER(watch, struct rb_stream, watch);
    if (stream->state ==
        RB_STREAM_LINGERING) { /* in whose list it stays: nothing is to be flushed any more */
        read_away(stream);
        return;
    }
    if (events & RB_WRITABLE) request_flush(stream);
    if (!(events & RB_READABLE)) return;
    if (stream->state == RB_STREAM_OPEN && (watch->events & RB_READABLE))
        read_some(stream);
    else
        request_flush(stream); /* broken while only output was watched: the write finds out */
}

/* ---- for owners ---- */

void rb_stream_open(struct rb_stream *stream, struct rb_net *net, int take_fd,
                    const struct rb_stream_ops *ops)
{
    *stream = (struct rb_stream){
        .watch = {.fd = take_fd, .on_ready = on_ready}, .ops = ops, .net = net, .want_read = true};
    crowd_enter(&net->crowd);
    rb_list_push_back(&net->resting, &stream->node);
    watch_what_matters(stream);
}

void rb_stream_move(struct rb_stream *to, struct rb_stream *from, const struct rb_stream_ops *ops)
{
    *to = *from;
    to->ops = ops;
    to->node = (struct rb_list){0};
    rb_watch_move(from->net->loop, &to->watch, &from->watch);
    if (to->out) to->out->stream = to;
    rb_list_push_back(&from->node, &to->node); /* in front of it, in the same list */
    rb_list_remove(&from->node);
    *from = (struct rb_stream){.watch = {.fd = -1}};
}

int rb_stream_detach(struct rb_stream *stream)
{
    RB_CHECK(stream->state == RB_STREAM_OPEN && !outq_head(stream->out));
    int fd = stream->watch.fd;
    rb_list_remove(&stream->node);
    outq_drop(stream);
    rb_watch_set(stream->net->loop, &stream->watch, 0);
    crowd_leave(&stream->net->crowd);
    stream->watch.fd = -1;
    return fd;
}

void rb_stream_set_read(struct rb_stream *stream, bool want_read)
{
    stream->want_read = want_read;
    watch_what_matters(stream);
}

void rb_stream_send(struct rb_stream *stream, struct rb_blob *take_frame)
{
    if (stream->state != RB_STREAM_OPEN || take_frame->n == 0) {
        rb_blob_unref(take_frame);
        return;
    }
    struct rb_outq *out = outq_of(stream);
    outq_push(out, (struct out_entry){.frame = take_frame, .left = take_frame->n});
    if (out->count > 1 && out->bytes > stream->net->limits.output_max) {
        rb_stream_abort(stream, RB_OUTPUT_FULL);
        return;
    }
    if (stream->is_blocked)
        watch_what_matters(stream); /* it may be time to stop reading */
    else
        request_flush(stream);
}

void rb_stream_send_file(struct rb_stream *stream, int take_fd, uint64_t at, uint64_t n)
{
    if (stream->state != RB_STREAM_OPEN || n == 0) {
        close(take_fd);
        return;
    }
    outq_push(outq_of(stream), (struct out_entry){.fd = take_fd, .at = at, .left = n});
    if (!stream->is_blocked) request_flush(stream);
}

void rb_stream_pull(struct rb_stream *stream)
{
    if (stream->state == RB_STREAM_OPEN && !stream->is_blocked) request_flush(stream);
}

size_t rb_stream_queued(const struct rb_stream *stream)
{
    return stream->out ? stream->out->bytes : 0;
}

void rb_stream_close(struct rb_stream *stream, rb_err why)
{
    if (stream->state != RB_STREAM_OPEN) return;
    stream->state = RB_STREAM_FLUSHING;
    stream->why = (uint8_t)why;
    if (!stream->is_blocked) request_flush(stream);
}

void rb_stream_abort(struct rb_stream *stream, rb_err why)
{
    if (stream->state == RB_STREAM_CLOSING) return;
    if (stream->state == RB_STREAM_OPEN) stream->why = (uint8_t)why;
    stream->state = RB_STREAM_CLOSING;
    request_flush(stream);
}
