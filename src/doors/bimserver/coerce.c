#include "doors/bimserver/coerce.h"

#include "base/check.h"

/* "-5", or a number that happens to be whole: 5.0, 1e3. */
static bool read_number(rb_json_val v, struct rb_arena *arena, int64_t *out)
{
    const double past = 9007199254740992.0; /* 2^53: beyond it a double is not what was meant */
    double value;
    rb_str text;
    if (rb_json_i64(v, out)) return true;
    if (rb_json_string(v, arena, &text)) {
        uint64_t digits;
        text = rb_str_trim(text);
        bool is_negative = text.n > 0 && text.p[0] == '-';
        if (!rb_str_u64(rb_str_from(text, is_negative), INT64_MAX, &digits)) return false;
        *out = is_negative ? -(int64_t)digits : (int64_t)digits;
        return true;
    }
    if (!rb_json_double(v, &value) || value > past || value < -past) return false;
    *out = (int64_t)value;
    return (double)*out == value;
}

static bool read_boolean(rb_json_val v, struct rb_arena *arena, bool *out)
{
    rb_str text = RB_STR_NONE;
    if (rb_json_bool(v, out)) return true;
    if (rb_json_type(v) == RB_JSON_NUMBER)
        text = rb_json_raw(v);
    else if (!rb_json_string(v, arena, &text))
        return false;
    *out = rb_str_ieq(text, RB_STR("true")) || rb_str_is(text, "1");
    return *out || rb_str_ieq(text, RB_STR("false")) || rb_str_is(text, "0") || text.n == 0;
}

/* A constant, or its ordinal. */
static bool read_constant(const struct bim_enum *of, rb_json_val v, struct rb_arena *arena,
                          struct bim_value *out)
{
    rb_str text;
    int64_t ordinal = -1, count = 0;
    while (of->constants[count]) count++;
    if (!read_number(v, arena, &ordinal) && rb_json_string(v, arena, &text))
        ordinal = bim_enum_ordinal(of, text);
    if (ordinal < 0 || ordinal >= count) return false;
    out->number = ordinal;
    out->text = rb_str_of(of->constants[ordinal]);
    return true;
}

/* Of this class or below it; those that do not say are believed. */
static bool is_instance(const struct bim_class *of, rb_json_val object, struct rb_arena *arena)
{
    rb_str name;
    if (rb_json_type(object) != RB_JSON_OBJECT) return false;
    if (!rb_json_string(rb_json_get(object, "__type"), arena, &name)) return true;
    return rb_str_is(name, of->name) || (of->sub && rb_str_is(name, of->sub->name));
}

static const char *coerce_one(const struct bim_type *type, rb_json_val v, struct rb_arena *arena,
                              struct bim_value *out)
{
    switch (type->kind) {
    case BIM_LONG:
    case BIM_DATE: return read_number(v, arena, &out->number) ? NULL : "a whole number is expected";
    case BIM_INT:
        if (!read_number(v, arena, &out->number)) return "a whole number is expected";
        return out->number >= INT32_MIN && out->number <= INT32_MAX ? NULL : "the number is too large";
    case BIM_BOOLEAN: return read_boolean(v, arena, &out->flag) ? NULL : "true or false is expected";
    case BIM_STRING:
        if (!rb_json_string(v, arena, &out->text)) out->text = rb_json_raw(v);
        return out->text.n <= BIM_TEXT_BYTES_MAX ? NULL : "the text is too long";
    case BIM_BYTES:
    case BIM_DATA: return rb_json_string(v, arena, &out->text) ? NULL : "a text in base64 is expected";
    case BIM_ENUM: return read_constant(type->of_enum, v, arena, out) ? NULL : "no such constant";
    case BIM_CLASS:
        out->json = v;
        return is_instance(type->of_class, v, arena) ? NULL : "an object of the right class is expected";
    case BIM_UUID:
    case BIM_VOID: return NULL;
    }
    RB_UNREACHABLE();
}

static bool is_null(rb_json_val v)
{
    enum rb_json_type type = rb_json_type(v);
    return type <= RB_JSON_NULL || (type == RB_JSON_OBJECT && rb_json_count(v) == 0);
}

const char *bim_coerce(const struct bim_type *type, rb_json_val v, struct rb_arena *arena,
                       struct bim_value *out)
{
    *out = (struct bim_value){.is_null = is_null(v)};
    if (out->is_null) return NULL;
    if (!type->is_list) return coerce_one(type, v, arena, out);
    if (rb_json_type(v) != RB_JSON_ARRAY) return "a list is expected";
    for (rb_json_val e = rb_json_first(v); rb_json_type(e) != RB_JSON_NONE; e = rb_json_next(e)) {
        struct bim_value value = {0};
        const char *wrong = is_null(e) ? NULL : coerce_one(type, e, arena, &value);
        if (wrong) return wrong;
    }
    out->json = v;
    return NULL;
}
