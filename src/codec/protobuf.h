/* Protocol Buffers (proto2) by the descriptors that protoc-c generates, and JSON: whoever knows a service as
 * JSON speaks it in this encoding as well. And how BIMserver puts calls onto a socket.
 *
 * A message is an object with the fields' names as keys; numbers are numbers, bytes base64, enums the
 * constant without the "Enum_" before it, unset fields null, repeated ones arrays. A message in a message
 * begins with `__type`, its name, as BIMserver writes objects; a message without fields stands for null.
 * Classes with subclasses have a required field
 * `__actual_type` and for each subclass X an optional one `__X`: they are what `__type` says.
 *
 * Pure. */
#ifndef RB_CODEC_PROTOBUF_H
#define RB_CODEC_PROTOBUF_H

#include "base/reason.h"
#include "codec/json.h"

/* protobuf-c's, as generated */
struct ProtobufCMessageDescriptor;
struct ProtobufCServiceDescriptor;

struct rb_pb_method {
    const struct ProtobufCMessageDescriptor *input, *output;
};
bool rb_pb_method_find(const struct ProtobufCServiceDescriptor *service, const char *name,
                       struct rb_pb_method *out);

/* The message's members are put into an object of their own, without `__type`. The type must not contain
 * itself. RB_BAD_REQUEST: not such a message. RB_OUT_OF_MEMORY. */
rb_err rb_pb_to_json(struct rb_json_out *out, const struct ProtobufCMessageDescriptor *of, rb_str bytes);

/* Appends the message. Members that the type does not have are left out, as are null and {}. RB_BAD_REQUEST:
 * a value does not fit its field. RB_OUT_OF_MEMORY. On failure `out` has no more bytes than before. */
rb_err rb_pb_from_json(struct rb_buf *out, const struct ProtobufCMessageDescriptor *of, rb_json_val object);

/* ---- the socket ---- A request: interface, method and token, each behind its length in two bytes (big
 * endian), then the message behind its length as a varint. A response: the message behind its length as a
 * varint. */

enum { RB_PB_NAME_BYTES_MAX = 256, RB_PB_TOKEN_BYTES_MAX = 4096 };

struct rb_pb_request {
    rb_str interface, method, token, message; /* borrowed from the bytes */
};

enum rb_pb_step {
    RB_PB_MORE,     /* the bytes are the beginning of a request */
    RB_PB_REQUEST,  /* *out is one; it takes *out_used of the bytes */
    RB_PB_TOO_LARGE /* a length is above its limit: nothing behind it can be read */
};
enum rb_pb_step rb_pb_request_read(rb_str bytes, size_t message_max, struct rb_pb_request *out,
                                   size_t *out_used);

void rb_pb_put_varint(struct rb_buf *out, uint64_t value);

#endif
