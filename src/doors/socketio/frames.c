#include "doors/socketio/frames.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/ws.h"

/* The length of a frame stands in 7 bits, or in 16 or 64 behind them (RFC 6455 section 5.2). */
bool frame_next(const struct rb_blob *frames, size_t *at, struct frame *out)
{
    if (*at == frames->n) return false;
    RB_CHECK(frames->n - *at >= 2);
    const unsigned char *p = (const unsigned char *)frames->p + *at;
    unsigned opcode = p[0] & 0x0f, length_bytes = p[1] == 126 ? 2 : p[1] == 127 ? 8 : 0;
    uint64_t n = p[1];
    RB_CHECK(p[0] & 0x80 && p[1] <= 127 && (opcode == RB_WS_TEXT || opcode == RB_WS_BINARY));
    if (length_bytes > 0) {
        n = 0;
        RB_CHECK(frames->n - *at >= 2 + length_bytes);
        for (unsigned i = 0; i < length_bytes; i++) n = n << 8 | p[2 + i];
    }
    size_t payload_at = *at + 2 + length_bytes;
    RB_CHECK(n <= frames->n - payload_at);
    *out = (struct frame){opcode == RB_WS_BINARY, {frames->p + payload_at, (size_t)n}};
    *at = payload_at + (size_t)n;
    return true;
}

static struct queued_frames *entry_at(const struct frame_queue *queue, uint32_t i)
{
    return &queue->entries[(queue->first + i) & (queue->cap - 1)];
}

struct rb_mark *frames_take_marks(struct frame_queue *queue)
{
    struct rb_mark *marks = entry_at(queue, 0)->marks;
    entry_at(queue, 0)->marks = NULL;
    return marks;
}

void frames_mark(struct frame_queue *queue, struct rb_mark *mark)
{
    if (queue->count == 0)
        mark->reached(mark, true);
    else
        rb_marks_add(&entry_at(queue, queue->count - 1)->marks, mark);
}

void frames_push(struct frame_queue *queue, struct rb_blob *take_frames)
{
    if (take_frames->n == 0) {
        rb_blob_unref(take_frames);
        return;
    }
    if (queue->count == queue->cap) {
        uint32_t cap = queue->cap ? queue->cap * 2 : 4;
        struct queued_frames *grown = rb_new_array(struct queued_frames, cap);
        for (uint32_t i = 0; i < queue->count; i++) grown[i] = *entry_at(queue, i);
        rb_free(queue->entries);
        queue->entries = grown;
        queue->first = 0;
        queue->cap = cap;
    }
    queue->bytes += take_frames->n;
    queue->count++;
    *entry_at(queue, queue->count - 1) = (struct queued_frames){.blob = take_frames};
}

bool frames_peek(const struct frame_queue *queue, struct frame *out, struct rb_blob **out_blob)
{
    if (queue->count == 0) return false;
    size_t at = queue->at;
    *out_blob = entry_at(queue, 0)->blob;
    return frame_next(*out_blob, &at, out);
}

/* The first blob leaves the queue, and its reference is the caller's. */
static struct rb_blob *shift(struct frame_queue *queue, bool is_sent)
{
    struct rb_blob *blob = entry_at(queue, 0)->blob;
    struct rb_mark *marks = frames_take_marks(queue);
    queue->bytes -= blob->n - queue->at;
    queue->at = 0;
    queue->first = (queue->first + 1) & (queue->cap - 1);
    if (--queue->count == 0) {
        rb_free(queue->entries);
        *queue = (struct frame_queue){0};
    }
    rb_marks_reach(marks, is_sent);
    return blob;
}

void frames_skip(struct frame_queue *queue)
{
    struct frame frame;
    size_t at = queue->at;
    const struct rb_blob *blob = entry_at(queue, 0)->blob;
    frame_next(blob, &at, &frame);
    queue->bytes -= at - queue->at;
    queue->at = at;
    if (at == blob->n) rb_blob_unref(shift(queue, true));
}

struct rb_blob *frames_pop(struct frame_queue *queue)
{
    if (queue->count == 0) return NULL;
    size_t at = queue->at;
    struct rb_blob *blob = shift(queue, false);
    if (at == 0) return blob;
    struct rb_blob *rest = rb_blob_copy(rb_str_from(rb_blob_str(blob), at));
    rb_blob_unref(blob);
    return rest;
}

void frames_fini(struct frame_queue *queue)
{
    while (queue->count > 0) rb_blob_unref(shift(queue, false));
}
