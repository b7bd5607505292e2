/* Bursts. When many subscriptions of a topic have several events to take, nearly all of them want the same
 * ones: those frames are copied once into one contiguous blob, a run, and each subscription costs one
 * reference and one buffer instead of one for each event. A copy pays from the second subscription on; a
 * topic with few of them is served frame by frame.
 *
 * Runs are kept while subscriptions have something to take, a few for each topic: what is too much for one
 * run goes out as several, one behind the other, to each socket before the next socket has its turn; clients
 * of different protocols want different frames; and a socket that was full comes back later, at another
 * place.
 *
 * A run must stay right for whoever comes to its place later. So it has nothing in it that is not for
 * everybody, or that a newer event may make superfluous. */
#include "hub/hub_private.h"

#include "base/mem.h"

#include <string.h>

/* In bytes together as much as a log may hold for those that lag. */
enum { RUN_SUBS_MIN = 4, RUN_EVENTS_MAX = 1024, RUN_BYTES_MAX = 512 * 1024, RUNS_MAX = 8 };
_Static_assert(RUNS_MAX *RUN_BYTES_MAX <= RB_LAG_BYTES_MAX, "runs are no way around the bounds of lagging");

struct run {
    const struct rb_encoding *encoding;
    uint64_t after, last; /* offsets: behind the one, up to and with the other */
    struct rb_blob *blob; /* NULL: this place is free */
};

struct runs {
    unsigned newest; /* place of the run that was made last */
    struct run list[RUNS_MAX];
};

static void forget(struct run *run)
{
    rb_blob_unref(run->blob);
    *run = (struct run){0};
}

void run_drop(struct rb_topic *topic)
{
    if (!topic->runs) return;
    for (unsigned i = 0; i < RUNS_MAX; i++) forget(&topic->runs->list[i]);
    rb_free(topic->runs);
    topic->runs = NULL;
}

void run_trim(struct rb_topic *topic)
{
    for (unsigned i = 0; topic->runs && i < RUNS_MAX; i++)
        if (topic->runs->list[i].after < topic->log.trimmed_to) forget(&topic->runs->list[i]);
}

/* ---- making ---- */

/* What may be in a run: see above. Stops before the first that may not, or that would be too much. */
static unsigned collect(struct rb_sub *sub, const struct rb_encoding *encoding, struct rb_blob **out_frames,
                        size_t *out_bytes, uint64_t *out_last)
{
    struct rb_topic_log *log = &sub->topic->log;
    unsigned count = 0;
    size_t bytes = 0;
    uint64_t last = sub->cursor;
    for (unsigned i = rb_topic_log_index_after(log, sub->cursor); i < log->count && count < RUN_EVENTS_MAX;
         i++) {
        struct rb_log_entry *entry = rb_topic_log_at(log, i);
        if (rb_topic_log_is_superseded(log, entry)) continue;
        bool is_for_all = !entry->event->audience.n && !(entry->event->flags & RB_EVENT_REPLACEABLE);
        struct rb_blob *frame = is_for_all ? rb_sub_frame(sub, entry, encoding) : NULL;
        if (!frame || bytes + frame->n > RUN_BYTES_MAX) break;
        out_frames[count++] = frame;
        bytes += frame->n;
        last = entry->event->offset;
    }
    *out_bytes = bytes;
    *out_last = last;
    return count;
}

/* In the place of the oldest. */
static struct run *add(struct rb_topic *topic, const struct run *take_run)
{
    if (!topic->runs) topic->runs = rb_new(struct runs);
    topic->runs->newest = (topic->runs->newest + 1) % RUNS_MAX;
    struct run *place = &topic->runs->list[topic->runs->newest];
    forget(place);
    *place = *take_run;
    return place;
}

static struct run *make_run(struct rb_sub *sub, const struct rb_encoding *encoding)
{
    struct rb_blob *frames[RUN_EVENTS_MAX];
    struct run run = {.encoding = encoding, .after = sub->cursor};
    size_t bytes;
    unsigned count = collect(sub, encoding, frames, &bytes, &run.last);
    run.blob = count > 1 ? rb_blob_new(bytes) : NULL;
    if (!run.blob) return NULL;
    char *p = run.blob->p;
    for (unsigned i = 0; i < count; i++) {
        memcpy(p, frames[i]->p, frames[i]->n);
        p += frames[i]->n;
    }
    return add(sub->topic, &run);
}

/* ---- taking ---- */

/* Nearly always it is the newest. */
static struct run *find(const struct rb_sub *sub, const struct rb_encoding *encoding)
{
    struct runs *runs = sub->topic->runs;
    for (unsigned i = 0; runs && i < RUNS_MAX; i++) {
        struct run *run = &runs->list[(runs->newest - i) % RUNS_MAX];
        if (run->blob && run->after == sub->cursor && run->encoding == encoding) return run;
    }
    return NULL;
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
    struct run *run = find(sub, encoding);
    if (!run) run = make_run(sub, encoding);
    if (!run) return NULL;
    sub->cursor = run->last;
    return run->blob;
}
