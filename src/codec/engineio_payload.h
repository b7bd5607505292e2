/* Bodies of Engine.IO's long-polling, and binary data on its WebSocket. Pure: no I/O, no clock.
 *
 * A body carries several packets, in one of three forms that differ in how packets are told apart and how
 * binary data stands between text:
 *
 *     RB_EIO_V4        <packet> 0x1e <packet> ...                   binary: b<base64>
 *     RB_EIO_V3_TEXT   <length>:<packet><length>:<packet> ...       binary: b4<base64>
 *     RB_EIO_V3_BYTES  <00|01><digits, a byte each><ff><packet> ... binary: the byte 04 and the bare bytes
 *
 * (Engine.IO protocol v4 and v3.) Lengths of RB_EIO_V3_TEXT are in UTF-16 units of the packet, digit
 * included; those of RB_EIO_V3_BYTES in bytes. Binary data is always a message. */
#ifndef RB_CODEC_ENGINEIO_PAYLOAD_H
#define RB_CODEC_ENGINEIO_PAYLOAD_H

#include "base/buf.h"
#include "base/reason.h"
#include "codec/engineio.h"

enum rb_eio_form { RB_EIO_V4, RB_EIO_V3_TEXT, RB_EIO_V3_BYTES };

/* One packet of a body, or one WebSocket message. */
struct rb_eio_item {
    bool is_binary;
    enum rb_eio_packet_type type; /* RB_EIO_MESSAGE when is_binary */
    rb_str data;                  /* without digit, 04 or coding; may be empty */
};

/* Walks over the packets of a body:
 *
 *     rb_eio_payload_begin(&payload, form, body, n);
 *     while (rb_eio_payload_next(&payload, &item)) ...
 *     if (payload.err) ...
 *
 * The packets before a bad one are given first, as the protocol wants; err is then RB_PROTOCOL_ERROR: an
 * empty packet (an empty body is one), an unknown digit, text that is not UTF-8, a length that is wrong or
 * cuts a character, what is cut off at the end, bad base64, binary data that is no message. One owner. */
struct rb_eio_payload {
    enum rb_eio_form form;
    char *p;     /* the rest of the body; */
    size_t left; /* its bytes */
    bool is_done;
    rb_err err; /* after next said false: RB_OK at the end of the body, else RB_PROTOCOL_ERROR */
};

/* The body is the caller's and is changed: base64 is decoded in its own place. Items borrow from it. */
void rb_eio_payload_begin(struct rb_eio_payload *payload, enum rb_eio_form form, char *body, size_t n);
bool rb_eio_payload_next(struct rb_eio_payload *payload, struct rb_eio_item *out);

/* Writing a body packet by packet, all in one form. `packet` is text with its digit in front ("2", "42[1]"),
 * not empty, without the byte 0x1e; or, with is_binary, the bare bytes of a message. is_first: nothing of
 * this body is written yet (v3 needs no separator, the flag does not matter there). */
void rb_eio_payload_put(struct rb_buf *out, enum rb_eio_form form, bool is_first, bool is_binary,
                        rb_str packet);
/* Exactly how many bytes such a put appends. */
size_t rb_eio_payload_size(enum rb_eio_form form, bool is_first, bool is_binary, rb_str packet);

/* The form of an answer. has_binary: some packet of this answer is binary. wants_base64: the client said
 * b64=1 (means nothing in v4). v3 has the byte form only for answers with binary in them. */
enum rb_eio_form rb_eio_form_of(bool is_v3, bool has_binary, bool wants_base64);
const char *rb_eio_form_media_type(enum rb_eio_form form); /* for Content-Type */

/* One WebSocket message. Text that begins with 'b' is binary data in base64 ("b<base64>", in v3
 * "b4<base64>"); a binary message of v3 begins with 04. is_text: the message came as text, which has been
 * checked to be UTF-8. RB_PROTOCOL_ERROR as above; RB_OUT_OF_MEMORY. `out` borrows from the message, or, when
 * it was base64, from scratch, which is then cleared and filled: valid until that is changed. */
rb_err rb_eio_read_frame(rb_str message, bool is_text, bool is_v3, struct rb_buf *scratch,
                         struct rb_eio_item *out);

/* What of a binary message goes out on WebSocket: as the payload of a binary frame (in v4 the bytes
 * themselves, in v3 after the byte 04), or as text for a v3 client that said b64=1. */
void rb_eio_put_binary(struct rb_buf *out, bool is_v3, rb_str bytes);
void rb_eio_put_base64(struct rb_buf *out, bool is_v3, rb_str bytes);

#endif
