/* The part of a topic's log that one loop holds: references to events, oldest first, and the frames made of
 * them.
 *
 * A ring that grows and shrinks with what it holds. Beside what retention keeps, it holds what lagging
 * subscriptions of this loop still need, within bounds; what falls out raises `trimmed_to`, and a cursor
 * below that has a gap. One owner, one loop. */
#ifndef RB_HUB_TOPIC_LOG_H
#define RB_HUB_TOPIC_LOG_H

#include "base/blob.h"
#include "hub/event.h"

/* What a topic keeps. An event stays while it is within all three. count 0 keeps nothing. */
struct rb_keep {
    uint32_t count;
    uint64_t bytes;
    uint64_t age_ms;
    bool is_durable; /* events are stored before they are delivered, and survive a restart */
    bool is_policys; /* all goes when the topic's policy leaves the memory, which has the latest event then */
};

struct rb_encoding;

struct rb_log_frame {
    const struct rb_encoding *encoding;
    struct rb_blob *frame;
};

struct rb_log_entry {
    struct rb_event *event;
    struct rb_log_frame
        *frames; /* one for each encoding in use on this loop; NULL before the first delivery */
    unsigned frame_count;
};

struct rb_topic_log {
    struct rb_log_entry *entries;
    unsigned first, count, cap;
    uint64_t bytes;
    uint64_t trimmed_to;       /* highest offset that is no longer here; 0: nothing was dropped */
    uint64_t last_offset;      /* of the newest event ever, kept or not */
    uint64_t last_replaceable; /* offset of the newest replaceable event */
};

/* Bounds of what is held for lagging subscriptions beyond retention. */
enum { RB_LAG_COUNT_MAX = 4096, RB_LAG_BYTES_MAX = 4 * 1024 * 1024 };

void rb_topic_log_fini(struct rb_topic_log *log);
/* A replaceable event takes the place of a replaceable one at the end. */
void rb_topic_log_append(struct rb_topic_log *log, struct rb_event *take_event);
/* Drops from the front what `keep` does not keep; while subscriptions lag only what passes the lag bounds
 * too. */
void rb_topic_log_trim(struct rb_topic_log *log, const struct rb_keep *keep, bool is_lagging,
                       uint64_t now_ms);
/* The first entry after this offset; NULL when there is none. Superseded replaceable entries are passed over.
 */
struct rb_log_entry *rb_topic_log_after(struct rb_topic_log *log, uint64_t offset);
/* For walking over several: the index (rb_topic_log_at) of the first entry after this offset, superseded or
 * not; log->count when there is none. */
unsigned rb_topic_log_index_after(struct rb_topic_log *log, uint64_t offset);
bool rb_topic_log_is_superseded(const struct rb_topic_log *log, const struct rb_log_entry *entry);
/* The offset before the first entry that is not older than since_ms. */
uint64_t rb_topic_log_since(struct rb_topic_log *log, uint64_t since_ms);
struct rb_log_entry *rb_topic_log_at(struct rb_topic_log *log, unsigned i);

#endif
