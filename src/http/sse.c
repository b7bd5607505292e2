#include "http/sse.h"

#include "base/clock.h"
#include "codec/sse.h"
#include "http/http_private.h"

static struct rb_sse *sse_of(struct rb_stream *stream)
{
    return RB_OUTER(stream, struct rb_sse, stream);
}

/* ---- frames ---- */

/* One block as it goes over the wire, alone in its chunk: chunks of different makers can then follow each
 * other. */
static struct rb_blob *make_frame(bool is_chunked, const struct rb_buf *block)
{
    struct rb_buf chunk = {0};
    if (block->failed) return NULL;
    if (!is_chunked) return rb_blob_copy(rb_buf_str(block));
    rb_http1_put_chunk(&chunk, rb_buf_str(block));
    struct rb_blob *frame = chunk.failed ? NULL : rb_blob_copy(rb_buf_str(&chunk));
    rb_buf_fini(&chunk);
    return frame;
}

struct rb_blob *rb_sse_frame(bool is_chunked, rb_str id, rb_str event, rb_str data)
{
    struct rb_buf block = {0};
    rb_sse_put_event(&block, id, event, data);
    struct rb_blob *frame = make_frame(is_chunked, &block);
    rb_buf_fini(&block);
    return frame;
}

static struct rb_blob *comment_frame(bool is_chunked)
{
    struct rb_buf block = {0};
    rb_sse_put_comment(&block, RB_STR_NONE);
    struct rb_blob *frame = make_frame(is_chunked, &block);
    rb_buf_fini(&block);
    return frame;
}

/* ---- sending ---- */

static uint32_t now_ms(void)
{
    return (uint32_t)rb_clock_ms();
}

void rb_sse_send(struct rb_sse *sse, struct rb_blob *take_frame)
{
    if (take_frame)
        rb_stream_send(&sse->stream, take_frame);
    else
        rb_stream_abort(&sse->stream, RB_OUT_OF_MEMORY);
}

void rb_sse_pull(struct rb_sse *sse)
{
    rb_stream_pull(&sse->stream);
}

void rb_sse_end(struct rb_sse *sse, rb_err why)
{
    struct rb_buf last = {0};
    if (sse->stream.state != RB_STREAM_OPEN) return;
    if (sse->is_chunked) {
        rb_http1_put_last_chunk(&last);
        rb_sse_send(sse, last.failed ? NULL : rb_blob_copy(rb_buf_str(&last)));
        rb_buf_fini(&last);
    }
    rb_stream_close(&sse->stream, why);
}

/* The timer is not started anew for each event, but looks when it is due how long ago the last one was. */
static void on_keep_alive(struct rb_timer *timer)
{
    struct rb_sse *sse = RB_OUTER(timer, struct rb_sse, keep_alive);
    uint32_t quiet_ms = now_ms() - sse->sent_ms;
    if (quiet_ms >= RB_SSE_KEEP_ALIVE_MS) {
        quiet_ms = 0;
        if (rb_stream_queued(&sse->stream) == 0) rb_sse_send(sse, comment_frame(sse->is_chunked));
    }
    rb_timer_start(rb_net_loop(sse->stream.net), timer, RB_SSE_KEEP_ALIVE_MS - quiet_ms, on_keep_alive);
}

/* ---- what the stream reports ---- */

/* A client has nothing to say here, and no further request of it can be answered. */
static void on_data(struct rb_stream *stream, char *p, size_t n)
{
    (void)stream, (void)p, (void)n;
}

static void on_end(struct rb_stream *stream)
{
    rb_sse_end(sse_of(stream), RB_CLIENT_CLOSED);
}

static void on_pull(struct rb_stream *stream, struct rb_gather *gather)
{
    struct rb_sse *sse = sse_of(stream);
    sse->sent_ms = now_ms();
    if (sse->ops->on_pull) sse->ops->on_pull(sse, gather);
}

static void on_closed(struct rb_stream *stream, rb_err why)
{
    struct rb_sse *sse = sse_of(stream);
    rb_timer_stop(&sse->keep_alive);
    sse->ops->on_closed(sse, why);
}

static const struct rb_stream_ops stream_ops = {
    .on_data = on_data, .on_end = on_end, .on_pull = on_pull, .on_closed = on_closed};

bool rb_sse_open(struct rb_request *request, struct rb_sse *sse, const struct rb_sse_ops *ops)
{
    static const rb_str type = {"text/event-stream", sizeof "text/event-stream" - 1};
    struct rb_loop *loop = rb_request_loop(request);
    bool is_chunked = request->head.minor > 0;
    rb_answer_header(request, "Cache-Control", RB_STR("no-store"));
    rb_answer_header(request, "X-Accel-Buffering", RB_STR("no"));
    if (is_chunked) rb_answer_header(request, "Transfer-Encoding", RB_STR("chunked"));
    if (request->head.method == RB_HTTP1_HEAD) {
        struct answer head_only = {.status = 200, .type = type, .length = LENGTH_UNKNOWN};
        answer_send(request_of(request), &head_only);
        request_finish(request_of(request));
        return false;
    }
    rb_answer_header(request, "Content-Type", type);
    rb_answer_header(request, "Connection", RB_STR("close"));
    *sse = (struct rb_sse){.ops = ops, .is_chunked = is_chunked, .sent_ms = now_ms()};
    if (!rb_answer_take_stream(request, 200, &sse->stream, &stream_ops)) return false;
    rb_timer_start(loop, &sse->keep_alive, RB_SSE_KEEP_ALIVE_MS, on_keep_alive);
    return true;
}
