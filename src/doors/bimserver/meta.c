/* MetaInterface: the table, told to clients. Old names are not listed: some clients take one for a sign that
 * all of the server is old. Who asks for one by name is answered. */
#include "doors/bimserver/bimserver_private.h"

#include "base/check.h"
#include "doors/bimserver/meta.h"

#include <string.h>

/* ---- types ---- */

const char *bim_meta_simple_type(const struct bim_type *type)
{
    switch (type->kind) {
    case BIM_VOID: return "VOID";
    case BIM_STRING: return "STRING";
    case BIM_LONG: return "LONG";
    case BIM_INT: return "INT";
    case BIM_BOOLEAN: return "BOOLEAN";
    case BIM_DATE: return "DATE";
    case BIM_BYTES: return "BYTEARRAY";
    case BIM_DATA: return "DATAHANDLER";
    case BIM_UUID: return "UNKNOWN";
    case BIM_ENUM: return "ENUM";
    case BIM_CLASS: return "CLASS";
    }
    RB_UNREACHABLE();
}

/* Clients of the reference know Java's names. */
static const char *package_of(enum bim_kind kind)
{
    switch (kind) {
    case BIM_STRING:
    case BIM_LONG:
    case BIM_INT:
    case BIM_BOOLEAN: return "java.lang.";
    case BIM_DATE:
    case BIM_UUID: return "java.util.";
    case BIM_DATA: return "javax.activation.";
    case BIM_ENUM:
    case BIM_CLASS: return "org.bimserver.interfaces.objects.";
    case BIM_VOID:
    case BIM_BYTES: return "";
    }
    RB_UNREACHABLE();
}

void bim_meta_put_type(struct rb_json_out *out, const struct bim_type *type, bool with_fields)
{
    struct bim_object object;
    struct rb_buf name = {0};
    bim_object_begin(&object, out, &bim_SServiceType);
    if (with_fields && type->kind == BIM_CLASS) {
        bim_object_key(&object, "fields");
        rb_json_begin_array(out);
        for (const struct bim_field *field = type->of_class->fields; field->name; field++)
            bim_meta_put_typed(out, &bim_SServiceField, field->name, "", &field->type);
        rb_json_end_array(out);
    }
    rb_buf_add_fmt(&name, "%s%s", package_of(type->kind), bim_type_name(type));
    bim_object_text(&object, "name", rb_buf_str(&name));
    bim_object_text(&object, "simpleName", rb_str_of(bim_type_name(type)));
    bim_object_text(&object, "simpleType", rb_str_of(bim_meta_simple_type(type)));
    bim_object_end(&object);
    rb_buf_fini(&name);
}

static void put_list_type(struct rb_json_out *out)
{
    struct bim_object object;
    bim_object_begin(&object, out, &bim_SServiceType);
    bim_object_text(&object, "name", RB_STR("java.util.List"));
    bim_object_text(&object, "simpleName", RB_STR("List"));
    bim_object_text(&object, "simpleType", RB_STR("LIST"));
    bim_object_end(&object);
}

/* A parameter or a field: the two look alike. Types inside have no fields, or there would be no end of them.
 */
void bim_meta_put_typed(struct rb_json_out *out, const struct bim_class *of_class, const char *name,
                        const char *doc, const struct bim_type *type)
{
    struct bim_object object;
    bim_object_begin(&object, out, of_class);
    bim_object_text(&object, "doc", rb_str_of(doc));
    if (type->is_list) {
        bim_object_key(&object, "genericType");
        bim_meta_put_type(out, type, false);
    }
    bim_object_text(&object, "name", rb_str_of(name));
    bim_object_key(&object, "type");
    if (type->is_list)
        put_list_type(out);
    else
        bim_meta_put_type(out, type, false);
    bim_object_end(&object);
}

/* ---- interfaces and methods ---- */

static void put_interface(struct rb_json_out *out, enum bim_interface_id id, enum bim_dialect dialect)
{
    struct bim_object object;
    struct rb_buf name = {0}; /* the full name; its end is the simple one */
    rb_str space = rb_str_of(bim_namespace(dialect));
    rb_buf_add_fmt(&name, "%s.%s%s", space.p, bim_name_prefix(dialect), bim_interfaces[id].name);
    bim_object_begin(&object, out, &bim_SServiceInterface);
    bim_object_text(&object, "name", rb_buf_str(&name));
    bim_object_text(&object, "nameSpace", space);
    bim_object_text(&object, "simpleName", rb_str_from(rb_buf_str(&name), space.n + 1));
    bim_object_end(&object);
    rb_buf_fini(&name);
}

static void put_method(struct rb_json_out *out, const struct bim_method *method)
{
    struct bim_object object;
    struct rb_buf result = {0};
    rb_buf_add_fmt(&result, method->result.is_list ? "a list of %s" : "%s", bim_type_name(&method->result));
    bim_object_begin(&object, out, &bim_SServiceMethod);
    bim_object_text(&object, "doc", rb_str_of(method->doc));
    bim_object_text(&object, "name", rb_str_of(method->name));
    bim_object_text(&object, "returnDoc", rb_buf_str(&result));
    bim_object_end(&object);
    rb_buf_fini(&result);
}

/* False: the call has failed. */
static bool find_interface(struct bim_call *call, enum bim_interface_id *id, enum bim_dialect *dialect)
{
    rb_str name = bim_text(call, "serviceInterfaceName");
    if (bim_interface_find(name, id, dialect)) return true;
    bim_fail(call, "No service found with name %.*s", RB_STR_FMT(name));
    return false;
}

static const struct bim_method *find_method(struct bim_call *call)
{
    enum bim_interface_id id;
    enum bim_dialect dialect;
    if (!find_interface(call, &id, &dialect)) return NULL;
    rb_str name = bim_text(call, "methodName"), interface = bim_text(call, "serviceInterfaceName");
    const struct bim_method *method = bim_method_find(id, dialect, name);
    if (!method) bim_fail(call, "Method %.*s not found on %.*s", RB_STR_FMT(name), RB_STR_FMT(interface));
    return method;
}

/* ---- the methods ---- */

void bim_meta_get_service_interface(struct bim_call *call)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    enum bim_interface_id id;
    enum bim_dialect dialect;
    if (!find_interface(call, &id, &dialect)) return;
    put_interface(&out, id, dialect);
    bim_result(call, &json);
}

void bim_meta_get_service_interfaces(struct bim_call *call)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_json_begin_array(&out);
    for (unsigned i = 0; i < BIM_INTERFACE_COUNT; i++) put_interface(&out, (enum bim_interface_id)i, BIM_NEW);
    rb_json_end_array(&out);
    bim_result(call, &json);
}

void bim_meta_get_service_method(struct bim_call *call)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    const struct bim_method *method = find_method(call);
    if (!method) return;
    put_method(&out, method);
    bim_result(call, &json);
}

void bim_meta_get_service_methods(struct bim_call *call)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    enum bim_interface_id id;
    enum bim_dialect dialect;
    if (!find_interface(call, &id, &dialect)) return;
    rb_json_begin_array(&out);
    for (unsigned i = 0; i < bim_method_count; i++)
        if (bim_methods[i].interface == id && bim_methods[i].dialects & 1u << dialect)
            put_method(&out, &bim_methods[i]);
    rb_json_end_array(&out);
    bim_result(call, &json);
}

void bim_meta_get_service_method_parameters(struct bim_call *call)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    const struct bim_method *method = find_method(call);
    const struct bim_parameter *parameter;
    if (!method) return;
    rb_json_begin_array(&out);
    for (unsigned i = 0; (parameter = bim_parameter(method, i)) != NULL; i++)
        bim_meta_put_typed(&out, &bim_SServiceParameter, parameter->name, parameter->doc, &parameter->type);
    rb_json_end_array(&out);
    bim_result(call, &json);
}

void bim_meta_get_service_types(struct bim_call *call)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_json_begin_array(&out);
    for (enum bim_kind kind = BIM_VOID; kind < BIM_ENUM; kind++)
        bim_meta_put_type(&out, &(struct bim_type){.kind = kind}, true);
    for (const struct bim_enum *const *at = bim_enums; *at; at++)
        bim_meta_put_type(&out, &(struct bim_type){.kind = BIM_ENUM, .of_enum = *at}, true);
    for (const struct bim_class *const *at = bim_classes; *at; at++)
        bim_meta_put_type(&out, &(struct bim_type){.kind = BIM_CLASS, .of_class = *at}, true);
    rb_json_end_array(&out);
    bim_result(call, &json);
}

void bim_meta_get_enum_literals(struct bim_call *call)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_str name = bim_text(call, "enumName"), simple = name, part;
    for (rb_str rest = name; rb_str_split(&rest, '.', &part);) simple = part;
    const struct bim_enum *found = bim_enum_find(simple);
    if (!found) {
        bim_fail(call, "No enum found with name %.*s", RB_STR_FMT(name));
        return;
    }
    rb_json_begin_array(&out);
    for (const char *const *constant = found->constants; *constant; constant++)
        rb_json_put_text(&out, *constant);
    rb_json_end_array(&out);
    bim_result(call, &json);
}
