/* Ready WebSocket frames as they wait for a transport: whole, final, unmasked; a blob holds one or several of
 * them one behind the other. All of a link's output has this form, so that frames made once are shared by
 * clients on either transport; for polling they are taken apart again here. One owner, one thread. */
#ifndef RB_SIO_FRAMES_H
#define RB_SIO_FRAMES_H

#include "base/blob.h"
#include "base/mark.h"

struct frame {
    bool is_binary;
    rb_str payload;
};

/* The frame at *at, which moves behind it; false at the end. */
bool frame_next(const struct rb_blob *frames, size_t *at, struct frame *out);

struct queued_frames {
    struct rb_blob *blob;
    struct rb_mark *marks; /* behind it */
};

/* Zeroed storage is an empty queue. It owns memory only while it is not empty. */
struct frame_queue {
    struct queued_frames *entries;
    uint32_t first, count, cap;
    size_t bytes;
    size_t at; /* how much of the first blob has been taken */
};

void frames_push(struct frame_queue *queue, struct rb_blob *take_frames);
/* The next frame, borrowed from *out_blob, which is still the queue's. False: empty. */
bool frames_peek(const struct frame_queue *queue, struct frame *out, struct rb_blob **out_blob);
void frames_skip(struct frame_queue *queue);
/* What is left of the first blob, the caller's now; NULL when empty, or when memory is out. */
struct rb_blob *frames_pop(struct frame_queue *queue);
/* Behind the last frame; at once when it is empty. Skipping the frame reaches it, fini gives it up. */
void frames_mark(struct frame_queue *queue, struct rb_mark *mark);
/* The marks behind the first blob, the caller's now: before frames_pop. */
struct rb_mark *frames_take_marks(struct frame_queue *queue);
void frames_fini(struct frame_queue *queue);

static inline bool frames_are_empty(const struct frame_queue *queue)
{
    return queue->count == 0;
}

#endif
