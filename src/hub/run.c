/* Bursts. When many subscriptions of a topic have several events to take, nearly all of them want the same
 * ones: those frames are copied once into one contiguous blob, and each subscription costs one reference and
 * one buffer instead of one for each event. A copy pays from the second subscription on; a topic with few of
 * them is served frame by frame. */
#include "hub/hub_private.h"

#include <string.h>

enum { RUN_SUBS_MIN = 4, RUN_EVENTS_MAX = 1024, RUN_BYTES_MAX = 512 * 1024 };

void run_drop(struct rb_topic *topic)
{
    rb_blob_unref(topic->run.blob);
    topic->run = (struct run){0};
}

/* What may be in a run: events for everybody. Stops before the first that is not, or that would be too much.
 */
static unsigned collect(struct rb_sub *sub, const struct rb_encoding *encoding, struct rb_blob **out_frames,
                        size_t *out_bytes, uint64_t *out_last)
{
    struct rb_topic_log *log = &sub->topic->log;
    struct rb_log_entry *entry;
    unsigned count = 0;
    size_t bytes = 0;
    uint64_t at = sub->cursor;
    while (count < RUN_EVENTS_MAX && (entry = rb_topic_log_after(log, at)) != NULL) {
        struct rb_blob *frame = entry->event->audience.n ? NULL : rb_sub_frame(sub, entry, encoding);
        if (!frame || (count > 0 && bytes + frame->n > RUN_BYTES_MAX)) break;
        out_frames[count++] = frame;
        bytes += frame->n;
        at = entry->event->offset;
    }
    *out_bytes = bytes;
    *out_last = at;
    return count;
}

static bool make_run(struct rb_sub *sub, const struct rb_encoding *encoding)
{
    struct rb_topic *topic = sub->topic;
    struct rb_blob *frames[RUN_EVENTS_MAX];
    size_t bytes;
    uint64_t last;
    unsigned count = collect(sub, encoding, frames, &bytes, &last);
    struct rb_blob *blob = count > 1 ? rb_blob_new(bytes) : NULL;
    if (!blob) return false;
    char *p = blob->p;
    for (unsigned i = 0; i < count; i++) {
        memcpy(p, frames[i]->p, frames[i]->n);
        p += frames[i]->n;
    }
    run_drop(topic);
    topic->run = (struct run){.encoding = encoding, .after = sub->cursor, .last = last, .blob = blob};
    return true;
}

/* At least two events behind the cursor: seen from the end of the log, where it costs nothing. */
static bool has_several(const struct rb_sub *sub)
{
    struct rb_topic_log *log = &sub->topic->log;
    return log->count >= 2 && rb_topic_log_at(log, log->count - 2)->event->offset > sub->cursor;
}

struct rb_blob *rb_sub_take_run(struct rb_sub *sub, const struct rb_encoding *encoding)
{
    struct rb_topic *topic = sub->topic;
    if (topic->sub_count < RUN_SUBS_MIN || sub->gap_after || sub->cursor < topic->log.trimmed_to ||
        !has_several(sub))
        return NULL;
    struct run *run = &topic->run;
    bool is_fit = run->blob && run->encoding == encoding && run->after == sub->cursor;
    if (!is_fit && !make_run(sub, encoding)) return NULL;
    sub->cursor = run->last;
    return run->blob;
}
