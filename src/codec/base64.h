/* Base64 (RFC 4648). Pure. */
#ifndef RB_CODEC_BASE64_H
#define RB_CODEC_BASE64_H

#include "base/buf.h"
#include "base/reason.h"

void rb_base64_encode(struct rb_buf *out, rb_str bytes);    /* standard alphabet, padded */
void rb_base64url_encode(struct rb_buf *out, rb_str bytes); /* URL alphabet, no padding */

/* Reads both alphabets; ASCII white space is skipped and padding is optional, but whole if there is any. Bits
 * that stand for nothing must be zero. Anything else: RB_BAD_REQUEST, and `out` is as it was.
 * RB_OUT_OF_MEMORY when `out` cannot take it. */
rb_err rb_base64_decode(struct rb_buf *out, rb_str text);

/* The same in the text's own place; the bytes are fewer than its letters. False for what is not base64; then
 * neither the text nor *out_n is changed. */
bool rb_base64_decode_in_place(char *text, size_t n, size_t *out_n);

size_t rb_base64_size(size_t bytes); /* how many letters rb_base64_encode makes of so many bytes */

#endif
