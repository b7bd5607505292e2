/* Brakes: how often something happened lately, and whether that is too often. For refusals (so many a minute
 * of one address, of one ticket) and for calls (so many a second of one account).
 *
 * Counted in fixed windows. Bounded: with more than RB_BRAKE_KEYS_MAX keys alive the oldest windows are
 * forgotten first. Shared by all loops, behind one short lock. */
#ifndef RB_AUTH_BRAKE_H
#define RB_AUTH_BRAKE_H

#include "base/str.h"

enum { RB_BRAKE_KEYS_MAX = 20000, RB_BRAKE_KEY_BYTES_MAX = 64 };

struct rb_brake;
struct rb_brake *rb_brake_new(uint32_t window_ms, uint32_t most); /* most 0: never on */
void rb_brake_free(struct rb_brake *brake);
/* Whether it happened `most` times in the key's window; then it is on for *out_wait_ms more. Keys of more
 * than RB_BRAKE_KEY_BYTES_MAX count by their first bytes. */
bool rb_brake_is_on(struct rb_brake *brake, rb_str key, uint64_t *out_wait_ms);
void rb_brake_count(struct rb_brake *brake, rb_str key); /* it happened */
/* The opposite happened: the key is not counted for a window. */
void rb_brake_release(struct rb_brake *brake, rb_str key);

#endif
