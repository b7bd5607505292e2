/* The .proto files, by the rules of the reference: fields numbered from 1, those of requests in the order of
 * the parameters, those of objects in alphabetical order. A class with a subclass first has its actual
 * class's name, then that subclass. The old dialect has packages of its own, so that both fit into one
 * program; names of packages are not on the wire. */
#include "doors/bimserver/reference.h"

#include "base/check.h"
#include "doors/bimserver/table.h"

static void put_type_name(struct rb_buf *out, const struct bim_type *type)
{
    switch (type->kind) {
    case BIM_LONG:
    case BIM_DATE: rb_buf_add_text(out, "int64"); return;
    case BIM_INT: rb_buf_add_text(out, "int32"); return;
    case BIM_BOOLEAN: rb_buf_add_text(out, "bool"); return;
    case BIM_STRING: rb_buf_add_text(out, "string"); return;
    case BIM_BYTES:
    case BIM_DATA: rb_buf_add_text(out, "bytes"); return;
    case BIM_UUID:
    case BIM_ENUM:
    case BIM_CLASS: rb_buf_add_text(out, bim_type_name(type)); return;
    case BIM_VOID: break;
    }
    RB_UNREACHABLE();
}

static void put_field(struct rb_buf *out, const char *name, const struct bim_type *type, unsigned number)
{
    rb_buf_add_text(out, type->is_list ? "  repeated " : "  optional ");
    put_type_name(out, type);
    rb_buf_add_fmt(out, " %s = %u;\n", name, number);
}

static void put_head(struct rb_buf *out, enum bim_dialect dialect)
{
    rb_buf_add_fmt(
        out,
        "// Made by `ringback bimserver-proto` from the table in src/doors/bimserver; do not edit.\n"
        "syntax = \"proto2\";\n\npackage %s.pb;\n",
        bim_namespace(dialect));
}

/* ---- types ---- */

static void put_class(struct rb_buf *out, const struct bim_class *of_class, enum bim_dialect dialect)
{
    unsigned number = 1;
    const struct bim_class *sub = of_class->sub;
    rb_buf_add_fmt(out, "\nmessage %s {\n", of_class->name);
    if (sub && bim_class_is_in(sub, dialect)) {
        rb_buf_add_fmt(out, "  required string __actual_type = %u;\n", number++);
        rb_buf_add_fmt(out, "  optional %s __%s = %u;\n", sub->name, sub->name, number++);
    }
    for (const struct bim_field *field = of_class->fields; field->name; field++)
        if (bim_field_is_in(field, dialect)) put_field(out, field->name, &field->type, number++);
    rb_buf_add_text(out, "}\n");
}

static void put_enum(struct rb_buf *out, const struct bim_enum *of_enum)
{
    rb_buf_add_fmt(out, "\nenum %s {\n", of_enum->name);
    for (int i = 0; of_enum->constants[i]; i++)
        rb_buf_add_fmt(out, "  %s_%s = %d;\n", of_enum->name, of_enum->constants[i], i);
    rb_buf_add_text(out, "}\n");
}

static void put_types(struct rb_buf *out, enum bim_dialect dialect)
{
    put_head(out, dialect);
    rb_buf_add_text(
        out, "\nmessage UUID {\n}\n\nmessage VoidResponse {\n  optional string errorMessage = 1;\n}\n");
    for (const struct bim_enum *const *at = bim_enums; *at; at++) put_enum(out, *at);
    for (const struct bim_class *const *at = bim_classes; *at; at++)
        if (bim_class_is_in(*at, dialect)) put_class(out, *at, dialect);
}

/* ---- interfaces ---- */

/* "GetProgress" of "getProgress" */
static void put_message_name(struct rb_buf *out, const struct bim_method *method)
{
    rb_buf_add_char(out, (char)(method->name[0] & ~0x20));
    rb_buf_add_text(out, method->name + 1);
}

static void put_messages(struct rb_buf *out, const struct bim_method *method)
{
    const struct bim_parameter *parameter;
    rb_buf_add_text(out, "\nmessage ");
    put_message_name(out, method);
    rb_buf_add_text(out, "Request {\n");
    for (unsigned i = 0; (parameter = bim_parameter(method, i)) != NULL; i++)
        put_field(out, parameter->name, &parameter->type, i + 1);
    rb_buf_add_text(out, "}\n");
    if (method->result.kind == BIM_VOID) return;
    rb_buf_add_text(out, "\nmessage ");
    put_message_name(out, method);
    rb_buf_add_text(out, "Response {\n  optional string errorMessage = 1;\n");
    put_field(out, "value", &method->result, 2);
    rb_buf_add_text(out, "}\n");
}

static void put_call(struct rb_buf *out, const struct bim_method *method)
{
    rb_buf_add_fmt(out, "  rpc %s(", method->name);
    put_message_name(out, method);
    rb_buf_add_text(out, "Request) returns (");
    if (method->result.kind == BIM_VOID) {
        rb_buf_add_text(out, "VoidResponse);\n");
        return;
    }
    put_message_name(out, method);
    rb_buf_add_text(out, "Response);\n");
}

static void put_interface(struct rb_buf *out, enum bim_interface_id id, enum bim_dialect dialect)
{
    put_head(out, dialect);
    rb_buf_add_fmt(out, "\nimport \"%sTypes.proto\";\n", bim_name_prefix(dialect));
    for (unsigned i = 0; i < bim_method_count; i++)
        if (bim_methods[i].interface == id && bim_methods[i].dialects & 1u << dialect)
            put_messages(out, &bim_methods[i]);
    rb_buf_add_fmt(out, "\nservice %s%s {\n", bim_name_prefix(dialect), bim_interfaces[id].name);
    for (unsigned i = 0; i < bim_method_count; i++)
        if (bim_methods[i].interface == id && bim_methods[i].dialects & 1u << dialect)
            put_call(out, &bim_methods[i]);
    rb_buf_add_text(out, "}\n");
}

/* ---- all ---- */

bool rb_bimserver_print_proto(unsigned at, const char **out_name, struct rb_buf *out)
{
#define BIM_INTERFACE(name, dialects, doc) {#name ".proto", BIM_OLD_PREFIX #name ".proto"},
#define BIM_METHOD(interface, dialects, name, parameters, result, token, handler, doc)
    static const char *const names[][2] = {
#include "doors/bimserver/methods.def"
        {"Types.proto", BIM_OLD_PREFIX "Types.proto"},
    };
#undef BIM_INTERFACE
#undef BIM_METHOD
    for (unsigned i = 0; i <= BIM_INTERFACE_COUNT; i++) {
        for (enum bim_dialect dialect = BIM_NEW; dialect <= BIM_OLD; dialect++) {
            bool is_types = i == BIM_INTERFACE_COUNT;
            if (!is_types && !(bim_interfaces[i].dialects & 1u << dialect)) continue;
            if (at-- > 0) continue;
            *out_name = names[i][dialect];
            if (is_types)
                put_types(out, dialect);
            else
                put_interface(out, (enum bim_interface_id)i, dialect);
            return true;
        }
    }
    return false;
}
