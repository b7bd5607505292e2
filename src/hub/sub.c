#include "base/clock.h"
#include "base/mem.h"
#include "hub/hub_private.h"

void sub_mark_ready(struct rb_sub *sub)
{
    if (sub->is_ready) return;
    sub->is_ready = true;
    sub->topic->ready_count++;
    sub->ops->on_ready(sub);
}

static void unmark_ready(struct rb_sub *sub)
{
    if (!sub->is_ready) return;
    sub->is_ready = false;
    if (--sub->topic->ready_count > 0) return;
    run_drop(sub->topic);
    topic_trim(sub->topic);
}

/* ---- starting ---- */

/* True when what the start asks for cannot be continued: there is a gap. */
static bool place_cursor(struct rb_sub *sub, const struct rb_start *start)
{
    struct rb_topic *topic = sub->topic;
    struct rb_topic_log *log = &topic->log;
    switch (start->at) {
    case RB_START_NOW: sub->cursor = log->last_offset; return false;
    case RB_START_OLDEST: sub->cursor = log->trimmed_to; return false;
    case RB_START_SINCE:
    case RB_START_NAMED: sub->cursor = rb_topic_log_since(log, start->since_ms); return false;
    case RB_START_AFTER: break;
    }
    if (start->position.epoch != topic->epoch) {
        sub->cursor = log->trimmed_to;
        return true;
    }
    /* Beyond the end: transient events were seen that a restart has forgotten. Nothing that counts is
     * missing. */
    sub->cursor = start->position.offset < log->last_offset ? start->position.offset : log->last_offset;
    return false;
}

static void note_gap(struct rb_sub *sub, struct rb_position after)
{
    sub->gap_after = rb_new(struct rb_position);
    *sub->gap_after = after;
}

static void forget_gap(struct rb_sub *sub)
{
    rb_free(sub->gap_after);
    sub->gap_after = NULL;
}

void sub_begin(struct rb_sub_request *request)
{
    struct rb_sub *sub = request->sub;
    struct rb_topic *topic = sub->topic;
    topic_trim(topic); /* what is too old by now */
    bool has_gap = place_cursor(sub, &request->start);
    sub->is_started = true;
    sub->gap_after = NULL;
    if (has_gap) note_gap(sub, request->start.position);
    rb_free(request);
    rb_list_push_back(&topic->subs, &sub->topic_node);
    topic->sub_count++;
    if (has_gap || sub->cursor < topic->log.last_offset || sub->cursor < topic->log.trimmed_to)
        sub_mark_ready(sub);
    sub->ops->on_started(sub);
}

static void on_task(struct rb_task *task)
{
    struct rb_sub_request *request = RB_OUTER(task, struct rb_sub_request, task);
    rb_list_remove(&request->node);
    sub_begin(request);
}

void rb_sub_start(struct rb_hub *hub, struct rb_sub *sub, rb_str topic_name, const struct rb_start *start,
                  const struct rb_sub_ops *ops)
{
    struct rb_shard *shard = shard_here(hub);
    struct rb_sub_request *request = rb_new(struct rb_sub_request);
    request->sub = sub;
    request->start = *start;
    request->task.run = on_task;
    request->waits_for_cursor = start->at == RB_START_NAMED;
    sub->ops = ops;
    sub->request = request;
    sub->topic = topic_of(shard, topic_name);
    rb_list_push_back(&sub->topic->requests, &request->node);
    if (request->waits_for_cursor)
        cursor_ask(hub, topic_name, *sub->client, request);
    else if (sub->topic->state == TOPIC_LIVE)
        rb_loop_before_sleep(shard->loop, &request->task);
}

void sub_found_cursor(struct rb_sub_request *request, bool is_known, struct rb_position position)
{
    if (!request->sub) { /* stopped meanwhile */
        rb_free(request);
        return;
    }
    request->waits_for_cursor = false;
    if (is_known) {
        request->start.at = RB_START_AFTER;
        request->start.position = position;
    }
    if (request->sub->topic->state == TOPIC_LIVE) on_task(&request->task);
}

void rb_sub_stop(struct rb_sub *sub)
{
    struct rb_topic *topic = sub->topic;
    if (!topic) return;
    if (!sub->is_started) {
        struct rb_sub_request *request = sub->request;
        rb_loop_forget_task(&request->task);
        rb_list_remove(&request->node);
        if (request->waits_for_cursor)
            request->sub = NULL; /* the answer about its cursor frees it */
        else
            rb_free(request);
    }
    if (sub->is_started) {
        forget_gap(sub);
        unmark_ready(sub);
        rb_list_remove(&sub->topic_node);
        topic->sub_count--;
    }
    *sub = (struct rb_sub){.client = sub->client};
    topic_left(topic);
}

/* ---- taking ---- */

rb_str rb_sub_topic_name(const struct rb_sub *sub)
{
    return topic_name(sub->topic);
}

struct rb_position rb_sub_position(const struct rb_sub *sub)
{
    return (struct rb_position){sub->topic->epoch, sub->cursor};
}

struct rb_position rb_sub_gap_after(const struct rb_sub *sub)
{
    return *sub->gap_after;
}

/* A gap is told once; what is known of it stays until the next take. */
static bool take_gap(struct rb_sub *sub)
{
    struct rb_topic_log *log = &sub->topic->log;
    bool is_told = sub->gap_after && sub->is_gap_told;
    if (is_told) forget_gap(sub);
    if (sub->cursor < log->trimmed_to) {
        if (!sub->gap_after) note_gap(sub, rb_sub_position(sub));
        sub->cursor = log->trimmed_to;
    }
    sub->is_gap_told = sub->gap_after != NULL;
    return sub->is_gap_told;
}

static bool is_for(const struct rb_event *event, const struct rb_sub *sub)
{
    return !event->audience.n || (sub->client && rb_str_eq(event->audience, *sub->client));
}

enum rb_take rb_sub_take(struct rb_sub *sub, struct rb_log_entry **out_entry)
{
    struct rb_topic_log *log = &sub->topic->log;
    if (take_gap(sub)) return RB_TAKE_GAP;
    struct rb_log_entry *entry;
    while ((entry = rb_topic_log_after(log, sub->cursor)) != NULL) {
        sub->cursor = entry->event->offset;
        if (!is_for(entry->event, sub)) continue;
        *out_entry = entry;
        return RB_TAKE_EVENT;
    }
    unmark_ready(sub);
    return RB_TAKE_NOTHING;
}

bool rb_sub_lags(const struct rb_sub *sub, unsigned count_max, uint64_t bytes_max)
{
    struct rb_topic_log *log = &sub->topic->log;
    unsigned at = rb_topic_log_index_after(log, sub->cursor), count = log->count - at;
    uint64_t bytes = 0;
    if (count > count_max) return true;
    for (; at < log->count; at++) bytes += rb_topic_log_at(log, at)->event->data.n;
    return bytes > bytes_max;
}

struct rb_blob *rb_sub_frame(struct rb_sub *sub, struct rb_log_entry *entry,
                             const struct rb_encoding *encoding)
{
    for (unsigned i = 0; i < entry->frame_count; i++)
        if (entry->frames[i].encoding == encoding) return entry->frames[i].frame;
    struct rb_position position = {sub->topic->epoch, entry->event->offset};
    struct rb_blob *frame = encoding->encode(encoding, topic_name(sub->topic), position, entry->event);
    if (!frame) return NULL;
    entry->frames = rb_realloc(entry->frames, (entry->frame_count + 1) * sizeof entry->frames[0]);
    entry->frames[entry->frame_count++] = (struct rb_log_frame){encoding, frame};
    return frame;
}
