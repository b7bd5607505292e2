/* Counts by key, shared by all threads: who has how many of something that is limited. In shards with a lock
 * each, held for one lookup; a key that counts nothing is not kept. */
#ifndef RB_BASE_TALLY_H
#define RB_BASE_TALLY_H

#include "base/str.h"

struct rb_tally;
/* At most `max` for each key; 0: no limit, and then nothing is counted. */
struct rb_tally *rb_tally_new(uint32_t max);
void rb_tally_free(struct rb_tally *tally); /* NULL is fine */

bool rb_tally_take(struct rb_tally *tally, rb_str key); /* false: it has as many as it may */
void rb_tally_give(struct rb_tally *tally, rb_str key); /* one that was taken */

#endif
