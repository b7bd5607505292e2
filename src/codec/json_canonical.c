#include "codec/json_canonical.h"

#include <stdlib.h>

/* Nesting is as deep as the parser allows. */
static void put(struct rb_json_out *out, rb_json_val value, struct rb_arena *arena);

struct member {
    rb_str key;
    rb_json_val value;
};

static int by_key(const void *a, const void *b)
{
    return rb_str_cmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static void put_object(struct rb_json_out *out, rb_json_val object, struct rb_arena *arena)
{
    uint32_t count = rb_json_count(object), i = 0;
    struct member *members = rb_arena_array(arena, struct member, count + 1);
    for (rb_json_val v = rb_json_first(object); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v))
        members[i++] = (struct member){rb_json_key(v, arena), v};
    qsort(members, count, sizeof members[0], by_key);
    rb_json_begin_object(out);
    for (i = 0; i < count; i++) {
        rb_json_put_key_str(out, members[i].key);
        put(out, members[i].value, arena);
    }
    rb_json_end_object(out);
}

static void put_array(struct rb_json_out *out, rb_json_val array, struct rb_arena *arena)
{
    rb_json_begin_array(out);
    for (rb_json_val v = rb_json_first(array); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v))
        put(out, v, arena);
    rb_json_end_array(out);
}

static void put(struct rb_json_out *out, rb_json_val value, struct rb_arena *arena)
{
    rb_str text;
    switch (rb_json_type(value)) {
    case RB_JSON_NONE:
    case RB_JSON_NULL: rb_json_put_null(out); break;
    case RB_JSON_FALSE: rb_json_put_bool(out, false); break;
    case RB_JSON_TRUE: rb_json_put_bool(out, true); break;
    case RB_JSON_NUMBER: rb_json_put_raw(out, rb_json_raw(value)); break;
    case RB_JSON_STRING:
        if (rb_json_string(value, arena, &text)) rb_json_put_str(out, text);
        break;
    case RB_JSON_ARRAY: put_array(out, value, arena); break;
    case RB_JSON_OBJECT: put_object(out, value, arena); break;
    }
}

void rb_json_put_canonical(struct rb_json_out *out, rb_json_val value)
{
    struct rb_arena arena = {0};
    put(out, value, &arena);
    rb_arena_fini(&arena);
}
