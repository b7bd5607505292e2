/* Between the multipart files. Not for other rooms. */
#ifndef RB_CODEC_MULTIPART_PRIVATE_H
#define RB_CODEC_MULTIPART_PRIVATE_H

#include "codec/multipart.h"

/* The boundary of a Content-Type value, if there is exactly one and it is valid; else NONE. */
rb_str rb_multipart_boundary(rb_str content_type);

/* Reads the head of a part: lines with their CRLF and the blank one. Names are decoded in place. NULL, or
 * what is wrong with it. */
const char *rb_multipart_read_head(char *head, size_t n, struct rb_multipart_part *out);

#endif
