/* Objects in results: every field of the class, in its order, whatever the handler knows of them. */
#include "doors/bimserver/call.h"

#include "base/check.h"

#include <string.h>

/* "oid", "topicId", "createdById": -1 is nobody. */
static bool is_id(const char *name)
{
    return strcmp(name, "oid") == 0 || rb_str_ends(rb_str_of(name), RB_STR("Id")) ||
           rb_str_ends(rb_str_of(name), RB_STR("Oid"));
}

static void put_unset(struct rb_json_out *out, const struct bim_field *field)
{
    rb_json_put_key(out, field->name);
    if (field->type.is_list) {
        rb_json_begin_array(out);
        rb_json_end_array(out);
        return;
    }
    switch (field->type.kind) {
    case BIM_LONG:
    case BIM_INT: rb_json_put_i64(out, is_id(field->name) ? -1 : 0); return;
    case BIM_BOOLEAN: rb_json_put_bool(out, false); return;
    case BIM_VOID:
    case BIM_STRING:
    case BIM_DATE:
    case BIM_BYTES:
    case BIM_DATA:
    case BIM_UUID:
    case BIM_ENUM:
    case BIM_CLASS: rb_json_put_null(out); return;
    }
}

void bim_object_begin(struct bim_object *object, struct rb_json_out *out, const struct bim_class *of_class)
{
    *object = (struct bim_object){.out = out, .of_class = of_class};
    rb_json_begin_object(out);
    rb_json_put_key(out, "__type");
    rb_json_put_text(out, of_class->name);
}

static void skip(const struct bim_object *object, const struct bim_field *field)
{
    if (bim_field_is_in(field, object->dialect)) put_unset(object->out, field);
}

void bim_object_key(struct bim_object *object, const char *name)
{
    for (;;) {
        const struct bim_field *field = &object->of_class->fields[object->at++];
        RB_CHECK(field->name != NULL);
        if (strcmp(field->name, name) == 0) break;
        skip(object, field);
    }
    rb_json_put_key(object->out, name);
}

void bim_object_text(struct bim_object *object, const char *field, rb_str text)
{
    bim_object_key(object, field);
    if (text.p)
        rb_json_put_str(object->out, text);
    else
        rb_json_put_null(object->out);
}

void bim_object_long(struct bim_object *object, const char *field, int64_t value)
{
    bim_object_key(object, field);
    rb_json_put_i64(object->out, value);
}

void bim_object_end(struct bim_object *object)
{
    for (const struct bim_field *field; (field = &object->of_class->fields[object->at])->name; object->at++)
        skip(object, field);
    rb_json_end_object(object->out);
}
