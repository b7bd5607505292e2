/* JSON results into elements, by the table. Fields of a parent stand before those of its subclass, since a
 * type of XML Schema that extends another is written so. */
#include "doors/bimserver/soap_call.h"

#include "base/check.h"

#include <string.h>

void bim_soap_put_type_name(struct rb_buf *out, const char *name)
{
    rb_buf_add_char(out, (char)(name[0] | 0x20));
    rb_buf_add_text(out, name + 1);
}

bool bim_soap_is_inherited(const struct bim_class *of_class, const struct bim_field *field)
{
    if (!of_class->parent) return false;
    for (const struct bim_field *at = of_class->parent->fields; at->name; at++)
        if (strcmp(at->name, field->name) == 0) return true;
    return false;
}

static void put_fields(struct rb_buf *out, const struct bim_class *of_class, enum bim_dialect dialect,
                       rb_json_val object)
{
    if (of_class->parent) put_fields(out, of_class->parent, dialect, object);
    for (const struct bim_field *field = of_class->fields; field->name; field++)
        if (bim_field_is_in(field, dialect) && !bim_soap_is_inherited(of_class, field))
            bim_soap_put_value(out, field->name, &field->type, dialect, rb_json_get(object, field->name));
}

/* The class that the object says it has, if that may stand there. */
static const struct bim_class *class_of(const struct bim_class *declared, enum bim_dialect dialect,
                                        rb_json_val object)
{
    struct rb_arena arena = {0};
    rb_str name = RB_STR_NONE;
    const struct bim_class *sub = declared->sub;
    rb_json_string(rb_json_get(object, "__type"), &arena, &name);
    bool is_sub = sub && bim_class_is_in(sub, dialect) && rb_str_is(name, sub->name);
    rb_arena_fini(&arena);
    return is_sub ? sub : declared;
}

static void put_object(struct rb_buf *out, const char *name, const struct bim_class *declared,
                       enum bim_dialect dialect, rb_json_val object)
{
    const struct bim_class *of_class = class_of(declared, dialect, object);
    rb_buf_add_fmt(out, "<%s", name);
    if (of_class != declared) {
        rb_buf_add_text(out, " xsi:type=\"ns:");
        bim_soap_put_type_name(out, of_class->name);
        rb_buf_add_char(out, '"');
    }
    rb_buf_add_char(out, '>');
    put_fields(out, of_class, dialect, object);
    rb_buf_add_fmt(out, "</%s>", name);
}

static void put_scalar(struct rb_buf *out, const struct bim_type *type, rb_json_val v)
{
    struct rb_arena arena = {0};
    rb_str text;
    int64_t number;
    if (type->kind == BIM_DATE && rb_json_i64(v, &number))
        rb_xml_put_date(out, number);
    else if (rb_json_string(v, &arena, &text))
        rb_xml_put_text(out, text);
    else
        rb_xml_put_text(out, rb_json_raw(v));
    rb_arena_fini(&arena);
}

static bool is_null(const struct bim_type *type, rb_json_val v)
{
    enum rb_json_type json = rb_json_type(v);
    return json <= RB_JSON_NULL || (type->kind == BIM_CLASS && rb_json_count(v) == 0);
}

static void put_one(struct rb_buf *out, const char *name, const struct bim_type *type,
                    enum bim_dialect dialect, rb_json_val v)
{
    if (type->kind == BIM_CLASS) {
        put_object(out, name, type->of_class, dialect, v);
        return;
    }
    rb_buf_add_fmt(out, "<%s>", name);
    put_scalar(out, type, v);
    rb_buf_add_fmt(out, "</%s>", name);
}

void bim_soap_put_value(struct rb_buf *out, const char *name, const struct bim_type *type,
                        enum bim_dialect dialect, rb_json_val v)
{
    if (!type->is_list) {
        if (!is_null(type, v)) put_one(out, name, type, dialect, v);
        return;
    }
    for (rb_json_val e = rb_json_first(v); rb_json_type(e) != RB_JSON_NONE; e = rb_json_next(e)) {
        if (is_null(type, e))
            rb_buf_add_fmt(out, "<%s xsi:nil=\"true\"/>", name);
        else
            put_one(out, name, type, dialect, e);
    }
}
