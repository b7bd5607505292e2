/* Private to protobuf*.c: what both directions know of descriptors. */
#ifndef RB_CODEC_PROTOBUF_PRIVATE_H
#define RB_CODEC_PROTOBUF_PRIVATE_H

#include "base/check.h"
#include "codec/protobuf.h"

#include <protobuf-c/protobuf-c.h>
#include <string.h>

#define RB_PB_ACTUAL_TYPE "__actual_type"

const ProtobufCFieldDescriptor *rb_pb_field(const ProtobufCMessageDescriptor *of,
                                            const char *name); /* NULL: none */

/* A field that holds the object again, as the subclass of this name. */
static inline bool rb_pb_is_subclass(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_MESSAGE && strncmp(field->name, "__", 2) == 0;
}

/* Of one value in a struct or in an array. */
static inline size_t rb_pb_value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_ENUM: return sizeof(int);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    }
    RB_UNREACHABLE();
}

#endif
