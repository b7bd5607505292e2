/* MetaInterface.getAllAsJson: everything at once, for clients that make their methods of it. A text that
 * holds JSON. */
#include "doors/bimserver/bimserver_private.h"
#include "doors/bimserver/meta.h"

static void put_text(struct rb_json_out *out, const char *key, const char *text)
{
    rb_json_put_key(out, key);
    rb_json_put_text(out, text);
}

static void put_type(struct rb_json_out *out, const char *key, const char *name, const char *simple_type)
{
    rb_json_put_key(out, key);
    rb_json_begin_object(out);
    put_text(out, "name", name);
    put_text(out, "simpleName", name);
    put_text(out, "simpleType", simple_type);
    rb_json_put_key(out, "fields");
    rb_json_begin_array(out);
    rb_json_end_array(out);
    rb_json_end_object(out);
}

static void put_parameter(struct rb_json_out *out, const struct bim_parameter *parameter)
{
    const struct bim_type *type = &parameter->type;
    rb_json_begin_object(out);
    put_text(out, "name", parameter->name);
    put_text(out, "doc", parameter->doc);
    if (type->is_list)
        put_type(out, "type", "List", "LIST");
    else
        put_type(out, "type", bim_type_name(type), bim_meta_simple_type(type));
    if (type->is_list) put_type(out, "genericType", bim_type_name(type), bim_meta_simple_type(type));
    rb_json_end_object(out);
}

static void put_method(struct rb_json_out *out, const struct bim_method *method)
{
    const struct bim_parameter *parameter;
    rb_json_begin_object(out);
    put_text(out, "name", method->name);
    put_text(out, "doc", method->doc);
    put_text(out, "returnDoc", bim_type_name(&method->result));
    rb_json_put_key(out, "parameters");
    rb_json_begin_array(out);
    for (unsigned i = 0; (parameter = bim_parameter(method, i)) != NULL; i++) put_parameter(out, parameter);
    rb_json_end_array(out);
    rb_json_end_object(out);
}

void bim_meta_get_all_as_json(struct bim_call *call)
{
    struct rb_buf text = {0}, name = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "services");
    rb_json_begin_array(&out);
    for (unsigned i = 0; i < BIM_INTERFACE_COUNT; i++) {
        rb_json_begin_object(&out);
        rb_buf_clear(&name);
        rb_buf_add_fmt(&name, "%s.%s", bim_namespace(BIM_NEW), bim_interfaces[i].name);
        put_text(&out, "name", rb_buf_text(&name));
        put_text(&out, "simpleName", bim_interfaces[i].name);
        rb_json_put_key(&out, "methods");
        rb_json_begin_array(&out);
        for (unsigned k = 0; k < bim_method_count; k++)
            if (bim_methods[k].interface == i && bim_methods[k].dialects & BIM_IN_NEW)
                put_method(&out, &bim_methods[k]);
        rb_json_end_array(&out);
        rb_json_end_object(&out);
    }
    rb_json_end_array(&out);
    rb_json_end_object(&out);
    bim_result_text(call, rb_buf_str(&text));
    rb_buf_fini(&text);
    rb_buf_fini(&name);
}
