/* multipart/form-data bodies (RFC 7578, RFC 2046), taken apart as they come.
 *
 * Pure: bytes in, events out, the same events however the bytes are cut. The content of a part is passed
 * through as it came; the only memory of its own is a buffer for the head of one part. Lines end with CRLF.
 * What is before the first delimiter and behind the last is passed over; a body without the last one is cut
 * short. Transfer encodings, which RFC 7578 has given up, are refused unless they change nothing. */
#ifndef RB_CODEC_MULTIPART_H
#define RB_CODEC_MULTIPART_H

#include "base/buf.h"
#include "base/reason.h"

enum {
    RB_MULTIPART_BOUNDARY_MAX = 70,
    RB_MULTIPART_HEAD_MAX = 8 * 1024, /* bytes of the head of a part, with the blank line */
    RB_MULTIPART_PARTS_MAX = 1000,
};

/* Names are decoded: `\"` is a quotation mark, %22, %0D and %0A are what browsers write for one and for line
 * ends. Otherwise they are as they came, with all backslashes, and may be anything. filename* (RFC 8187,
 * UTF-8) wins over filename. */
struct rb_multipart_part {
    rb_str name;
    rb_str file_name;
    bool has_file_name; /* it is a file then, even if the name is empty */
    rb_str type;        /* Content-Type; NONE: not said */
};

enum rb_multipart_event {
    RB_MULTIPART_MORE,     /* the input is used up, and more is to come */
    RB_MULTIPART_PART,     /* one begins: `part` */
    RB_MULTIPART_DATA,     /* of its content: `data`, not empty */
    RB_MULTIPART_PART_END, /* it is complete */
    RB_MULTIPART_OVER,     /* the last delimiter came; all further input is used up and gives this again */
    RB_MULTIPART_FAILED    /* `err` and `why` say it; likewise */
};

struct rb_multipart {
    struct rb_multipart_part part; /* slices are valid until the call after its PART_END */
    rb_str data;                   /* of the input or of this; valid until the next call */
    rb_err err;                    /* RB_BAD_REQUEST, RB_OUT_OF_MEMORY */
    rb_str why;                    /* a sentence; static */

    /* Not for others. */
    struct rb_buf head;
    size_t line_at; /* in it */
    unsigned part_count;
    uint8_t state;
    uint8_t matched; /* bytes of the delimiter that are there */
    uint8_t implied; /* of these, those that are no content if no delimiter becomes of them */
    uint8_t delimiter_n;
    char delimiter[4 + RB_MULTIPART_BOUNDARY_MAX]; /* with the line end and the dashes before it */
};

/* Whether the value of a Content-Type header says multipart/form-data; NONE does not. */
bool rb_multipart_is_form(rb_str content_type);

/* From such a header. RB_BAD_REQUEST, with `why`, when it has no boundary that the RFC permits. */
rb_err rb_multipart_init(struct rb_multipart *multipart, rb_str content_type);
void rb_multipart_fini(struct rb_multipart *multipart);

/* Takes some of *input off its front. Empty input is fine: at the end of the body it must give OVER. */
enum rb_multipart_event rb_multipart_next(struct rb_multipart *multipart, rb_str *input);

#endif
