/* UTF-8 (RFC 3629): no surrogates, no overlong forms, nothing above U+10FFFF. Pure. */
#ifndef RB_CODEC_UTF8_H
#define RB_CODEC_UTF8_H

#include "base/buf.h"

bool rb_utf8_is_valid(rb_str s);

/* Bytes (1 to 4) of the character at the start of `s`; 0 when there is none. */
size_t rb_utf8_length(rb_str s);

/* For text that comes in pieces: *state starts at 0; false as soon as no continuation can make it valid. At
 * the end of the text *state must be 0 again. */
bool rb_utf8_feed(uint32_t *state, rb_str piece);

/* code_point is valid; anything else is a bug of ours (checked). `put` returns the bytes written. */
void rb_utf8_add(struct rb_buf *out, uint32_t code_point);
size_t rb_utf8_put(char out[4], uint32_t code_point);

#endif
