#include "codec/protobuf.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "codec/protobuf_private.h"

#include <string.h>

bool rb_pb_method_find(const struct ProtobufCServiceDescriptor *service, const char *name,
                       struct rb_pb_method *out)
{
    const ProtobufCMethodDescriptor *method = protobuf_c_service_descriptor_get_method_by_name(service, name);
    if (!method) return false;
    *out = (struct rb_pb_method){method->input, method->output};
    return true;
}

const ProtobufCFieldDescriptor *rb_pb_field(const ProtobufCMessageDescriptor *of, const char *name)
{
    for (unsigned i = 0; i < of->n_fields; i++)
        if (strcmp(of->fields[i].name, name) == 0) return &of->fields[i];
    return NULL;
}

/* ---- messages into JSON ---- */

static void put_message(struct rb_json_out *out, const ProtobufCMessage *message, bool is_inner);

static const char *constant_of(const ProtobufCEnumDescriptor *of, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(of, number);
    return value ? value->name + strlen(of->short_name) + 1 : NULL;
}

static void put_bytes(struct rb_json_out *out, const ProtobufCBinaryData *data)
{
    struct rb_buf text = {0};
    rb_buf_add_char(&text, '"');
    rb_base64_encode(&text, rb_str_make(data->data, data->len));
    rb_buf_add_char(&text, '"');
    if (text.failed)
        out->buf->failed = true;
    else
        rb_json_put_raw(out, rb_buf_str(&text));
    rb_buf_fini(&text);
}

/* What stands in a message's struct, or in the array of a repeated field. */
static void put_value(struct rb_json_out *out, const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32: rb_json_put_i64(out, *(const int32_t *)at); return;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: rb_json_put_i64(out, *(const int64_t *)at); return;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: rb_json_put_u64(out, *(const uint32_t *)at); return;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: rb_json_put_u64(out, *(const uint64_t *)at); return;
    case PROTOBUF_C_TYPE_FLOAT: rb_json_put_double(out, (double)*(const float *)at); return;
    case PROTOBUF_C_TYPE_DOUBLE: rb_json_put_double(out, *(const double *)at); return;
    case PROTOBUF_C_TYPE_BOOL: rb_json_put_bool(out, *(const protobuf_c_boolean *)at); return;
    case PROTOBUF_C_TYPE_ENUM:
        rb_json_put_text(out, constant_of(field->descriptor, *(const int *)at));
        return;
    case PROTOBUF_C_TYPE_STRING: rb_json_put_text(out, *(char *const *)at); return;
    case PROTOBUF_C_TYPE_BYTES: put_bytes(out, at); return;
    case PROTOBUF_C_TYPE_MESSAGE: put_message(out, *(ProtobufCMessage *const *)at, true); return;
    }
    RB_UNREACHABLE();
}

static bool is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *base = (const char *)message;
    if (field->label == PROTOBUF_C_LABEL_REQUIRED) return true;
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(const void *const *)(base + field->offset) != NULL;
    return *(const protobuf_c_boolean *)(base + field->quantifier_offset);
}

static void put_field(struct rb_json_out *out, const ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field)
{
    const char *base = (const char *)message;
    rb_json_put_key_str(out, rb_str_of(field->name));
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        if (is_set(message, field))
            put_value(out, field, base + field->offset);
        else
            rb_json_put_null(out);
        return;
    }
    size_t count = *(const size_t *)(base + field->quantifier_offset), size = rb_pb_value_size(field->type);
    const char *values = *(const char *const *)(base + field->offset);
    rb_json_begin_array(out);
    for (size_t i = 0; i < count; i++) put_value(out, field, values + i * size);
    rb_json_end_array(out);
}

/* The message of the subclass that __actual_type names, if it is there; the message itself otherwise. */
static const ProtobufCMessage *actual_message(const ProtobufCMessage *message, const char **out_type)
{
    const ProtobufCFieldDescriptor *type = rb_pb_field(message->descriptor, RB_PB_ACTUAL_TYPE);
    *out_type = message->descriptor->short_name;
    if (!type) return message;
    *out_type = *(char *const *)((const char *)message + type->offset);
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (!rb_pb_is_subclass(field) || strcmp(field->name + 2, *out_type) != 0 || !is_set(message, field))
            continue;
        return *(ProtobufCMessage *const *)((const char *)message + field->offset);
    }
    return message;
}

static void put_message(struct rb_json_out *out, const ProtobufCMessage *message, bool is_inner)
{
    const char *type;
    if (message->descriptor->n_fields == 0 && is_inner) {
        rb_json_put_null(out);
        return;
    }
    message = actual_message(message, &type);
    rb_json_begin_object(out);
    if (is_inner) {
        rb_json_put_key(out, "__type");
        rb_json_put_text(out, type);
    }
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (strncmp(field->name, "__", 2) != 0) put_field(out, message, field);
    }
    rb_json_end_object(out);
}

/* Fields without content take two bytes on the wire and 40 times that in memory. So messages have a budget;
 * honest ones, which are one long text at most, need little more than their bytes. */
struct budget {
    size_t left;
    rb_err err;
};

enum { BUDGET_BYTES_MIN = 1 << 20 };

static void *allocate(void *arg, size_t bytes)
{
    struct budget *budget = arg;
    size_t taken = bytes + 2 * sizeof(void *); /* what the heap adds */
    void *memory = taken <= budget->left ? rb_try_alloc(bytes) : NULL;
    if (memory)
        budget->left -= taken;
    else
        budget->err = taken <= budget->left ? RB_OUT_OF_MEMORY : RB_MESSAGE_TOO_LARGE;
    return memory;
}

static void release(void *budget, void *memory)
{
    (void)budget;
    rb_free(memory);
}

rb_err rb_pb_to_json(struct rb_json_out *out, const struct ProtobufCMessageDescriptor *of, rb_str bytes)
{
    struct budget budget = {.left = BUDGET_BYTES_MIN + 2 * bytes.n};
    ProtobufCAllocator allocator = {allocate, release, &budget};
    ProtobufCMessage *message =
        protobuf_c_message_unpack(of, &allocator, bytes.n, (const uint8_t *)(bytes.n ? bytes.p : ""));
    if (!message) return budget.err ? budget.err : RB_BAD_REQUEST;
    put_message(out, message, false);
    protobuf_c_message_free_unpacked(message, &allocator);
    return out->buf->failed ? RB_OUT_OF_MEMORY : RB_OK;
}

/* ---- the socket ---- */

/* Where reading has got to. */
struct cursor {
    rb_str rest;
    enum rb_pb_step step; /* RB_PB_REQUEST while all is well */
};

static rb_str take(struct cursor *cursor, uint64_t n, size_t max)
{
    if (cursor->step != RB_PB_REQUEST) return RB_STR_NONE;
    if (n > max || n > cursor->rest.n) {
        cursor->step = n > max ? RB_PB_TOO_LARGE : RB_PB_MORE;
        return RB_STR_NONE;
    }
    rb_str taken = rb_str_sub(cursor->rest, 0, (size_t)n);
    cursor->rest = rb_str_from(cursor->rest, (size_t)n);
    return taken;
}

static rb_str take_text(struct cursor *cursor, size_t max)
{
    rb_str length = take(cursor, 2, 2);
    if (length.n < 2) return RB_STR_NONE;
    return take(cursor, (uint64_t)(unsigned char)length.p[0] << 8 | (unsigned char)length.p[1], max);
}

static uint64_t take_varint(struct cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        rb_str byte = take(cursor, 1, 1);
        if (byte.n == 0) return 0;
        uint64_t bits = (unsigned char)byte.p[0] & 0x7f;
        if (shift > 63 || bits << shift >> shift != bits) {
            cursor->step = RB_PB_TOO_LARGE;
            return 0;
        }
        value |= bits << shift;
        if (!((unsigned char)byte.p[0] & 0x80)) return value;
    }
}

enum rb_pb_step rb_pb_request_read(rb_str bytes, size_t message_max, struct rb_pb_request *out,
                                   size_t *out_used)
{
    struct cursor cursor = {bytes, RB_PB_REQUEST};
    struct rb_pb_request request;
    request.interface = take_text(&cursor, RB_PB_NAME_BYTES_MAX);
    request.method = take_text(&cursor, RB_PB_NAME_BYTES_MAX);
    request.token = take_text(&cursor, RB_PB_TOKEN_BYTES_MAX);
    request.message = take(&cursor, take_varint(&cursor), message_max);
    if (cursor.step != RB_PB_REQUEST) return cursor.step;
    *out = request;
    *out_used = bytes.n - cursor.rest.n;
    return RB_PB_REQUEST;
}

void rb_pb_put_varint(struct rb_buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) rb_buf_add_char(out, (char)(value | 0x80));
    rb_buf_add_char(out, (char)value);
}
