/* Binary values in Socket.IO packets (Socket.IO protocol v5, the same in its v4).
 *
 * On the wire a binary value is a placeholder, {"_placeholder":true,"num":N}, and an attachment: a binary
 * message that follows the packet's text. Inside Ringback it is part of the JSON: an object with exactly one
 * key, {"$binary":"<base64>"}. So everything between the doors knows JSON only, and a native client reads
 * and writes binary values too. This file turns one into the other, and collects a packet with its
 * attachments until it is whole. Pure: no I/O, no clock. */
#ifndef RB_CODEC_SOCKETIO_BINARY_H
#define RB_CODEC_SOCKETIO_BINARY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reason.h"
#include "codec/json.h"
#include "codec/socketio.h"

/* Binary values of one packet, in order. */
struct rb_sio_attachments {
    uint32_t count;
    rb_str items[RB_SIO_ATTACHMENTS_MAX]; /* borrowed; from whom says who fills it in */
};

/* In: appends the text of `value` with {"$binary":"..."} in place of each placeholder; everything else byte
 * for byte. A placeholder is an object whose _placeholder is exactly true, at any depth; other keys than num
 * do not matter. The same num may come again, an attachment nobody names is dropped.
 *
 * RB_PROTOCOL_ERROR when num is no integer or names no attachment. RB_MESSAGE_TOO_LARGE when more than
 * bytes_max would be appended: a num that comes often makes little text very large. RB_OUT_OF_MEMORY. After
 * an error `out` holds what it held before. */
rb_err rb_sio_attachments_inline(rb_json_val value, const struct rb_sio_attachments *attachments,
                                 size_t bytes_max, struct rb_buf *out);

/* Out: the other way round. `json` is one JSON value or several joined by commas (as args are), and the
 * caller vouches that it is JSON. *out_json is the text with placeholders, numbered as they come,
 * *out_attachments the bytes for them; what has no binary value costs one search and is given back as it is.
 * Only the key as written, without escapes, counts. An object whose string is no base64 stays as it is.
 *
 * RB_MESSAGE_TOO_LARGE for more than RB_SIO_ATTACHMENTS_MAX, RB_OUT_OF_MEMORY; the outputs are then
 * untouched. They borrow from json and from the arena, which takes at most three times the text. */
rb_err rb_sio_attachments_extract(rb_str json, struct rb_arena *arena, rb_str *out_json,
                                  struct rb_sio_attachments *out_attachments);

/* A packet that waits for its attachments. Exists only while one is incomplete; zeroed storage is none. One
 * owner, one thread. */
struct rb_sio_assembly {
    struct rb_buf bytes; /* the packet's text, then the attachments one after the other */
    size_t bytes_max;
    size_t text_bytes;
    uint32_t wanted, have;
    size_t ends[RB_SIO_ATTACHMENTS_MAX]; /* where each attachment ends in bytes */
};

/* `text` as rb_sio_read took it, `packet` as it gave it, with attachments; the text is copied. bytes_max is
 * for text and attachments together. RB_MESSAGE_TOO_LARGE, RB_OUT_OF_MEMORY. fini is to be called in any
 * case.
 *
 * The JSON is not looked at: hold the packet against rb_sio_check first, so that a bad one does not wait for
 * its attachments. */
rb_err rb_sio_assembly_init(struct rb_sio_assembly *assembly, rb_str text, const struct rb_sio_packet *packet,
                            size_t bytes_max);
void rb_sio_assembly_fini(struct rb_sio_assembly *assembly);

/* The next attachment, copied; only while it is not complete (checked: the owner takes an assembly away as
 * soon as it is). RB_MESSAGE_TOO_LARGE, RB_OUT_OF_MEMORY. */
rb_err rb_sio_assembly_add(struct rb_sio_assembly *assembly, rb_str attachment);
bool rb_sio_assembly_is_complete(const struct rb_sio_assembly *assembly);

/* The whole packet as if it had come without attachments: an EVENT or ACK whose JSON has its binary values in
 * it. The JSON is appended to `json_buf`, at most json_bytes_max of it, and *out borrows from there and from
 * the assembly. What comes out goes the way of any packet, rb_sio_check included. RB_PROTOCOL_ERROR, what
 * rb_json_parse returns, and what rb_sio_attachments_inline returns. Only when complete (checked). */
rb_err rb_sio_assembly_finish(const struct rb_sio_assembly *assembly, size_t json_bytes_max,
                              struct rb_buf *json_buf, struct rb_sio_packet *out);

#endif
