/* Decoding gzip (RFC 1952) and zlib (RFC 1950, what HTTP calls deflate) as it comes; zlib underneath. Pure:
 * bytes in, bytes out, and never more of them than the limit, however much the input promises. Several gzip
 * members behind each other are one; anything else behind the end is damage. */
#ifndef RB_CODEC_INFLATE_H
#define RB_CODEC_INFLATE_H

#include "base/reason.h"

enum rb_inflate_form { RB_INFLATE_GZIP, RB_INFLATE_ZLIB };

struct rb_inflate;
/* About 45 KiB while it lives. NULL when memory is out. */
struct rb_inflate *rb_inflate_new(enum rb_inflate_form form, uint64_t output_bytes_max);
void rb_inflate_free(struct rb_inflate *inflate); /* NULL is fine */

/* Takes input off the front of *input, writes up to room_n bytes to `room`; *out_n of them were. With `room`
 * full, or input left, call again (with empty input too); then all that the input gives has been given.
 * RB_BAD_REQUEST: damaged, RB_BODY_TOO_LARGE: beyond the limit, RB_OUT_OF_MEMORY; it is of no use after
 * these. */
rb_err rb_inflate_next(struct rb_inflate *inflate, rb_str *input, char *room, size_t room_n, size_t *out_n);

/* Whether the input so far is a whole: its end has come, checksum and length fit. */
bool rb_inflate_is_complete(const struct rb_inflate *inflate);

#endif
