/* Elements into JSON, by the table: what the other encodings have in common begins there. A value that does
 * not look like its type goes as a text, for the common checks to refuse. */
#include "doors/bimserver/soap_call.h"

#include "base/check.h"

static void put_number(struct rb_json_out *out, rb_str text)
{
    text = rb_str_trim(text);
    bool is_negative = text.n > 0 && text.p[0] == '-';
    uint64_t value;
    if (text.n == 0)
        rb_json_put_null(out);
    else if (rb_str_u64(rb_str_from(text, is_negative), INT64_MAX, &value))
        rb_json_put_i64(out, is_negative ? -(int64_t)value : (int64_t)value);
    else
        rb_json_put_str(out, text);
}

static void put_boolean(struct rb_json_out *out, rb_str text)
{
    text = rb_str_trim(text);
    if (rb_str_is(text, "true") || rb_str_is(text, "1"))
        rb_json_put_bool(out, true);
    else if (rb_str_is(text, "false") || rb_str_is(text, "0"))
        rb_json_put_bool(out, false);
    else
        rb_json_put_str(out, text);
}

static void put_date(struct rb_json_out *out, rb_str text)
{
    int64_t wall_ms;
    if (rb_xml_date(text, &wall_ms))
        rb_json_put_i64(out, wall_ms);
    else
        put_number(out, text);
}

static void put_member(struct rb_json_out *out, const char *name, const struct bim_type *type,
                       const struct rb_soap_element *parent);

/* Which class an element is of: the one that xsi:type names, if that may stand there. */
static const struct bim_class *class_of(const struct bim_class *declared,
                                        const struct rb_soap_element *element)
{
    struct rb_buf name = {0};
    if (!declared->sub) return declared;
    bim_soap_put_type_name(&name, declared->sub->name);
    bool is_sub = rb_str_eq(element->type, rb_buf_str(&name));
    rb_buf_fini(&name);
    return is_sub ? declared->sub : declared;
}

static void put_object(struct rb_json_out *out, const struct bim_class *declared,
                       const struct rb_soap_element *element)
{
    const struct bim_class *of_class = class_of(declared, element);
    rb_json_begin_object(out);
    rb_json_put_key(out, "__type");
    rb_json_put_text(out, of_class->name);
    for (const struct bim_field *field = of_class->fields; field->name; field++)
        put_member(out, field->name, &field->type, element);
    rb_json_end_object(out);
}

static void put_one(struct rb_json_out *out, const struct bim_type *type,
                    const struct rb_soap_element *element)
{
    if (element->is_nil) {
        rb_json_put_null(out);
        return;
    }
    switch (type->kind) {
    case BIM_LONG:
    case BIM_INT: put_number(out, element->text); return;
    case BIM_BOOLEAN: put_boolean(out, element->text); return;
    case BIM_DATE: put_date(out, element->text); return;
    case BIM_ENUM: rb_json_put_str(out, rb_str_trim(element->text)); return;
    case BIM_STRING:
    case BIM_BYTES:
    case BIM_DATA: rb_json_put_str(out, element->text); return;
    case BIM_CLASS: put_object(out, type->of_class, element); return;
    case BIM_UUID:
    case BIM_VOID: rb_json_put_null(out); return;
    }
    RB_UNREACHABLE();
}

static void put_member(struct rb_json_out *out, const char *name, const struct bim_type *type,
                       const struct rb_soap_element *parent)
{
    rb_json_put_key(out, name);
    if (!type->is_list) {
        const struct rb_soap_element *element = rb_soap_child(parent, rb_str_of(name));
        if (element)
            put_one(out, type, element);
        else
            rb_json_put_null(out);
        return;
    }
    rb_json_begin_array(out);
    for (const struct rb_soap_element *at = parent->first; at; at = at->next)
        if (rb_str_is(at->name, name)) put_one(out, type, at);
    rb_json_end_array(out);
}

void bim_soap_put_parameters(struct rb_json_out *out, const struct bim_method *method,
                             const struct rb_soap_element *operation)
{
    const struct bim_parameter *parameter;
    rb_json_begin_object(out);
    for (unsigned i = 0; (parameter = bim_parameter(method, i)) != NULL; i++)
        put_member(out, parameter->name, &parameter->type, operation);
    rb_json_end_object(out);
}
