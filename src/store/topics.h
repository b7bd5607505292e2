/* Durable topics, on the writing connection: names, events, trimming, cursors.
 *
 * Trimming is one step for whoever reads: trimmed_id moves up and nobody sees what lies below. The rows go at
 * once when they are few; of many only the first RB_SWEEP_ROWS, and the writer sweeps the rest in later
 * transactions of as many rows each, so that nobody's commit waits for a large deletion. That something is
 * left is kept in the database (is_swept = 0). */
#ifndef RB_STORE_TOPICS_H
#define RB_STORE_TOPICS_H

#include "store/db.h"
#include "store/store.h"

rb_err rb_topic_append(struct rb_db *db, const struct rb_event_record *event, uint64_t *out_id);
/* These two set *has_unswept when rows were left, and leave it alone otherwise. */
rb_err rb_topic_trim(struct rb_db *db, rb_str topic, uint64_t up_to_id, bool *has_unswept);
rb_err rb_topic_forget(struct rb_db *db, rb_str topic, bool *has_unswept);
/* Deletes the next RB_SWEEP_ROWS; *out_has_unswept: is there more? */
rb_err rb_topic_sweep(struct rb_db *db, bool *out_has_unswept);

rb_err rb_topic_cursor_set(struct rb_db *db, rb_str topic, rb_str name, uint64_t id);

#endif
