#include "hub/topic_log.h"

#include "base/mem.h"

static size_t size_of(const struct rb_event *event)
{
    return sizeof *event + event->name.n + event->data.n + event->audience.n;
}

struct rb_log_entry *rb_topic_log_at(struct rb_topic_log *log, unsigned i)
{
    return &log->entries[(log->first + i) & (log->cap - 1)];
}

bool rb_topic_log_is_superseded(const struct rb_topic_log *log, const struct rb_log_entry *entry)
{
    return (entry->event->flags & RB_EVENT_REPLACEABLE) && entry->event->offset < log->last_replaceable;
}

static void let_go(struct rb_topic_log *log, struct rb_log_entry *entry)
{
    log->bytes -= size_of(entry->event);
    for (unsigned i = 0; i < entry->frame_count; i++) rb_blob_unref(entry->frames[i].frame);
    rb_free(entry->frames);
    rb_event_unref(entry->event);
    *entry = (struct rb_log_entry){0};
}

static void resize(struct rb_topic_log *log, unsigned cap)
{
    struct rb_log_entry *entries = rb_new_array(struct rb_log_entry, cap);
    for (unsigned i = 0; i < log->count; i++) entries[i] = *rb_topic_log_at(log, i);
    rb_free(log->entries);
    log->entries = entries;
    log->first = 0;
    log->cap = cap;
}

static void drop_first(struct rb_topic_log *log)
{
    struct rb_log_entry *entry = rb_topic_log_at(log, 0);
    if (!rb_topic_log_is_superseded(log, entry)) log->trimmed_to = entry->event->offset;
    let_go(log, entry);
    log->first = (log->first + 1) & (log->cap - 1);
    log->count--;
}

void rb_topic_log_fini(struct rb_topic_log *log)
{
    while (log->count) drop_first(log);
    rb_free(log->entries);
    *log = (struct rb_topic_log){0};
}

void rb_topic_log_append(struct rb_topic_log *log, struct rb_event *take_event)
{
    bool is_replaceable = take_event->flags & RB_EVENT_REPLACEABLE;
    if (is_replaceable && log->count) {
        struct rb_log_entry *tail = rb_topic_log_at(log, log->count - 1);
        if (tail->event->flags & RB_EVENT_REPLACEABLE) {
            let_go(log, tail);
            log->count--;
        }
    }
    if (log->count == log->cap) resize(log, log->cap ? log->cap * 2 : 4);
    *rb_topic_log_at(log, log->count++) = (struct rb_log_entry){.event = take_event};
    log->bytes += size_of(take_event);
    log->last_offset = take_event->offset;
    if (is_replaceable) log->last_replaceable = take_event->offset;
}

static bool is_kept(const struct rb_topic_log *log, const struct rb_event *oldest, const struct rb_keep *keep,
                    uint64_t now_ms)
{
    return log->count <= keep->count && log->bytes <= keep->bytes && oldest->time_ms + keep->age_ms > now_ms;
}

void rb_topic_log_trim(struct rb_topic_log *log, const struct rb_keep *keep, bool is_lagging, uint64_t now_ms)
{
    while (log->count) {
        if (is_kept(log, rb_topic_log_at(log, 0)->event, keep, now_ms)) break;
        if (is_lagging && log->count <= RB_LAG_COUNT_MAX && log->bytes <= RB_LAG_BYTES_MAX) break;
        drop_first(log);
    }
    if (log->count == 0 && log->cap > 0) {
        rb_free(log->entries);
        log->entries = NULL;
        log->cap = log->first = 0;
    } else if (log->cap > 64 && log->count < log->cap / 8) {
        resize(log, log->cap / 4);
    }
}

unsigned rb_topic_log_index_after(struct rb_topic_log *log, uint64_t offset)
{
    /* Nearly always a subscription wants the newest entry, or has it. */
    unsigned low = 0, high = log->count;
    for (int i = 0; i < 2 && high > 0; i++, high--)
        if (rb_topic_log_at(log, high - 1)->event->offset <= offset) return high;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (rb_topic_log_at(log, middle)->event->offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct rb_log_entry *rb_topic_log_after(struct rb_topic_log *log, uint64_t offset)
{
    for (unsigned i = rb_topic_log_index_after(log, offset); i < log->count; i++) {
        struct rb_log_entry *entry = rb_topic_log_at(log, i);
        if (!rb_topic_log_is_superseded(log, entry)) return entry;
    }
    return NULL;
}

uint64_t rb_topic_log_since(struct rb_topic_log *log, uint64_t since_ms)
{
    for (unsigned i = 0; i < log->count; i++) {
        const struct rb_event *event = rb_topic_log_at(log, i)->event;
        if (event->time_ms >= since_ms) return event->offset - 1;
    }
    return log->last_offset;
}
