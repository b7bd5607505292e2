#include "doors/bimserver/reference.h"

#include "doors/bimserver/table.h"

static const char intro[] =
    "# Methods of the BIMserver door\n"
    "\n"
    "<!-- Made by `ringback bimserver-methods` from src/doors/bimserver/*.def; do not edit. -->\n"
    "\n"
    "By JSON (`/json`, and `request` frames on `/stream`), SOAP (`/soap11/INTERFACE`, `/soap12/INTERFACE`) "
    "and Protocol "
    "Buffers (a port\n"
    "of its own; `src/doors/bimserver/proto`). Full names are `org.bimserver.INTERFACE`. In the column "
    "*names*, *old* "
    "stands for the\n"
    "names of servers up to 1.4, `org.buildingsmart.bimsie1.Bimsie1INTERFACE`, *new* for those since 1.5.\n"
    "Parameters are given in their order, which Protocol Buffers number by; those in brackets may be "
    "missing. A token "
    "is needed\n"
    "unless it says otherwise.\n";

static void put_type(struct rb_buf *out, const struct bim_type *type)
{
    rb_buf_add_fmt(out, type->is_list ? "[%s]" : "%s", bim_type_name(type));
}

static void put_method(struct rb_buf *out, const struct bim_method *method)
{
    static const char *const names[] = {[BIM_IN_NEW] = "new", [BIM_IN_OLD] = "old", [BIM_IN_BOTH] = "both"};
    static const char *const tokens[] = {[BIM_TOKEN_NONE] = " No token.",
                                         [BIM_TOKEN_OPTIONAL] = " A token is optional.",
                                         [BIM_TOKEN_NEEDED] = ""};
    const struct bim_parameter *parameter;
    rb_buf_add_fmt(out, "| `%s` | ", method->name);
    for (unsigned i = 0; (parameter = bim_parameter(method, i)) != NULL; i++)
        rb_buf_add_fmt(out, parameter->is_optional ? "%s[`%s`]" : "%s`%s`", i ? ", " : "", parameter->name);
    rb_buf_add_text(out, " | ");
    put_type(out, &method->result);
    rb_buf_add_fmt(out, " | %s | %s%s |\n", names[method->dialects], method->doc, tokens[method->token]);
}

static void put_parameters(struct rb_buf *out)
{
    rb_buf_add_text(out, "\n## Parameters\n\n| name | type | meaning |\n| --- | --- | --- |\n");
    for (unsigned i = BIM_NO_PARAMETER + 1; i < BIM_PARAMETER_IDS; i++) {
        const struct bim_parameter *parameter = &bim_parameters[i];
        if (parameter->is_optional) continue; /* the same name stands above */
        rb_buf_add_fmt(out, "| `%s` | ", parameter->name);
        put_type(out, &parameter->type);
        rb_buf_add_fmt(out, " | %s |\n", parameter->doc);
    }
}

static void put_types(struct rb_buf *out)
{
    rb_buf_add_text(out, "\n## Classes\n\n| class | fields beside `__type` |\n| --- | --- |\n");
    for (const struct bim_class *const *at = bim_classes; *at; at++) {
        rb_buf_add_fmt(out, "| `%s` | ", (*at)->name);
        for (const struct bim_field *field = (*at)->fields; field->name; field++) {
            rb_buf_add_fmt(out, "%s`%s` ", field == (*at)->fields ? "" : ", ", field->name);
            put_type(out, &field->type);
        }
        rb_buf_add_text(out, " |\n");
    }
    rb_buf_add_text(out, "\n## Enums\n\n| enum | constants, from 0 |\n| --- | --- |\n");
    for (const struct bim_enum *const *at = bim_enums; *at; at++) {
        rb_buf_add_fmt(out, "| `%s` | ", (*at)->name);
        for (const char *const *constant = (*at)->constants; *constant; constant++)
            rb_buf_add_fmt(out, "%s`%s`", constant == (*at)->constants ? "" : ", ", *constant);
        rb_buf_add_text(out, " |\n");
    }
}

void rb_bimserver_print_reference(struct rb_buf *out)
{
    rb_buf_add_text(out, intro);
    for (unsigned i = 0; i < BIM_INTERFACE_COUNT; i++) {
        rb_buf_add_fmt(out,
                       "\n## %s\n\n%s\n\n| method | parameters | result | names | what it does |\n"
                       "| --- | --- | --- | --- | --- |\n",
                       bim_interfaces[i].name, bim_interfaces[i].doc);
        for (unsigned k = 0; k < bim_method_count; k++)
            if (bim_methods[k].interface == i) put_method(out, &bim_methods[k]);
    }
    put_parameters(out);
    put_types(out);
}
