/* Encoding gzip (RFC 1952) piece by piece; zlib underneath, at its fastest. Pure: bytes in, bytes out. */
#ifndef RB_CODEC_DEFLATE_H
#define RB_CODEC_DEFLATE_H

#include "base/reason.h"

struct rb_deflate;
/* About 260 KiB while it lives. NULL when memory is out. */
struct rb_deflate *rb_deflate_new(void);
void rb_deflate_free(struct rb_deflate *deflate); /* NULL is fine */

/* Takes input off the front of *input, writes up to room_n bytes to `room`; *out_n of them were. is_last:
 * nothing follows this input. To be called again with the rest of it until it is used up and less than room_n
 * was written: then all has been given that this input gives, and after the last one the whole is complete.
 */
void rb_deflate_next(struct rb_deflate *deflate, rb_str *input, bool is_last, char *room, size_t room_n,
                     size_t *out_n);

#endif
