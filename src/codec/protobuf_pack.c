/* JSON into messages: a message's struct is filled by its descriptor, then packed. All of it lies in one
 * arena. */
#include "codec/base64.h"
#include "codec/protobuf_private.h"

struct packing {
    struct rb_arena arena;
    bool has_failed; /* a value did not fit */
};

static ProtobufCMessage *make_message(struct packing *packing, const ProtobufCMessageDescriptor *of,
                                      rb_json_val object);

static bool is_unset(rb_json_val v)
{
    return rb_json_type(v) <= RB_JSON_NULL || (rb_json_type(v) == RB_JSON_OBJECT && rb_json_count(v) == 0);
}

static void set_i32(struct packing *packing, rb_json_val v, int64_t min, int64_t max, void *at)
{
    int64_t value = 0;
    if (!rb_json_i64(v, &value) || value < min || value > max) packing->has_failed = true;
    *(uint32_t *)at = (uint32_t)value;
}

static void set_enum(struct packing *packing, const ProtobufCEnumDescriptor *of, rb_json_val v, int *at)
{
    rb_str constant;
    size_t head = strlen(of->short_name) + 1;
    if (rb_json_string(v, &packing->arena, &constant))
        for (unsigned i = 0; i < of->n_values; i++)
            if (rb_str_is(constant, of->values[i].name + head)) {
                *at = of->values[i].value;
                return;
            }
    packing->has_failed = true;
}

static void set_text(struct packing *packing, rb_json_val v, char **at)
{
    rb_str text = RB_STR("");
    if (!rb_json_string(v, &packing->arena, &text)) packing->has_failed = true;
    *at = rb_arena_alloc(&packing->arena, text.n + 1);
    memcpy(*at, text.p, text.n);
}

static void set_bytes(struct packing *packing, rb_json_val v, ProtobufCBinaryData *at)
{
    char *text;
    set_text(packing, v, &text);
    at->data = (uint8_t *)text;
    if (!rb_base64_decode_in_place(text, strlen(text), &at->len)) packing->has_failed = true;
}

static void set_value(struct packing *packing, const ProtobufCFieldDescriptor *field, rb_json_val v, void *at)
{
    bool flag = false;
    double number = 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32: set_i32(packing, v, INT32_MIN, INT32_MAX, at); return;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: set_i32(packing, v, 0, UINT32_MAX, at); return;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: packing->has_failed |= !rb_json_i64(v, at); return;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: packing->has_failed |= !rb_json_u64(v, at); return;
    case PROTOBUF_C_TYPE_FLOAT:
        packing->has_failed |= !rb_json_double(v, &number);
        *(float *)at = (float)number;
        return;
    case PROTOBUF_C_TYPE_DOUBLE: packing->has_failed |= !rb_json_double(v, at); return;
    case PROTOBUF_C_TYPE_BOOL:
        packing->has_failed |= !rb_json_bool(v, &flag);
        *(protobuf_c_boolean *)at = flag;
        return;
    case PROTOBUF_C_TYPE_ENUM: set_enum(packing, field->descriptor, v, at); return;
    case PROTOBUF_C_TYPE_STRING: set_text(packing, v, at); return;
    case PROTOBUF_C_TYPE_BYTES: set_bytes(packing, v, at); return;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = make_message(packing, field->descriptor, v);
        return;
    }
    RB_UNREACHABLE();
}

static void set_list(struct packing *packing, const ProtobufCFieldDescriptor *field, rb_json_val list,
                     char *base)
{
    size_t size = rb_pb_value_size(field->type), count = 0;
    if (rb_json_type(list) != RB_JSON_ARRAY) {
        packing->has_failed = true;
        return;
    }
    char *values = rb_arena_alloc(&packing->arena, size * (rb_json_count(list) + 1));
    for (rb_json_val v = rb_json_first(list); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v))
        if (!is_unset(v)) set_value(packing, field, v, values + size * count++);
    *(size_t *)(base + field->quantifier_offset) = count;
    *(char **)(base + field->offset) = values;
}

static void set_field(struct packing *packing, const ProtobufCFieldDescriptor *field, rb_json_val v,
                      char *base)
{
    bool has_pointer = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
    if (is_unset(v)) return;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        set_list(packing, field, v, base);
        return;
    }
    set_value(packing, field, v, base + field->offset);
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && !has_pointer)
        *(protobuf_c_boolean *)(base + field->quantifier_offset) = 1;
}

/* `__actual_type` is always filled: it is required, and clients choose the class by it. With a subclass's
 * name the whole object stands in that one's field as well. */
static ProtobufCMessage *make_message(struct packing *packing, const ProtobufCMessageDescriptor *of,
                                      rb_json_val object)
{
    char *base = rb_arena_alloc(&packing->arena, of->sizeof_message);
    rb_str type = rb_str_of(of->short_name);
    protobuf_c_message_init(of, (ProtobufCMessage *)(void *)base);
    if (rb_json_type(object) != RB_JSON_OBJECT) packing->has_failed = true;
    rb_json_string(rb_json_get(object, "__type"), &packing->arena, &type);
    for (unsigned i = 0; i < of->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &of->fields[i];
        if (strcmp(field->name, RB_PB_ACTUAL_TYPE) == 0)
            *(const char **)(base + field->offset) = rb_arena_copy(&packing->arena, type).p;
        else if (!rb_pb_is_subclass(field))
            set_field(packing, field, rb_json_get(object, field->name), base);
        else if (rb_str_is(type, field->name + 2))
            *(ProtobufCMessage **)(base + field->offset) = make_message(packing, field->descriptor, object);
    }
    return (ProtobufCMessage *)(void *)base;
}

rb_err rb_pb_from_json(struct rb_buf *out, const struct ProtobufCMessageDescriptor *of, rb_json_val object)
{
    struct packing packing = {0};
    rb_err err = RB_OK;
    ProtobufCMessage *message = make_message(&packing, of, object);
    size_t n = packing.has_failed ? 0 : protobuf_c_message_get_packed_size(message);
    if (packing.has_failed)
        err = RB_BAD_REQUEST;
    else if (!rb_buf_reserve(out, n))
        err = RB_OUT_OF_MEMORY;
    else
        out->n += protobuf_c_message_pack(message, (uint8_t *)(n ? out->p + out->n : ""));
    rb_arena_fini(&packing.arena);
    return err;
}
