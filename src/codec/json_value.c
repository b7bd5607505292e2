/* Reading a parsed document: types, raw slices, lookups, strings. Numbers are in json_number.c. */
#include "codec/json_tape.h"

static const struct rb_json_val none;

static const struct rb_json_node *node_of(rb_json_val v)
{
    return v.doc ? &v.doc->nodes[v.at] : NULL;
}

static const struct rb_json_node *node_of_type(rb_json_val v, enum rb_json_type type)
{
    const struct rb_json_node *node = node_of(v);
    return node && node->type == type ? node : NULL;
}

rb_json_val rb_json_root(const struct rb_json *doc)
{
    return doc->count ? (rb_json_val){doc, 0} : none;
}

enum rb_json_type rb_json_type(rb_json_val v)
{
    const struct rb_json_node *node = node_of(v);
    return node ? node->type : RB_JSON_NONE;
}

rb_str rb_json_raw(rb_json_val v)
{
    const struct rb_json_node *node = node_of(v);
    return node ? (rb_str){v.doc->text.p + node->start, node->end - node->start} : RB_STR_NONE;
}

/* ---- Containers ---- */

uint32_t rb_json_count(rb_json_val array_or_object)
{
    const struct rb_json_node *node = node_of(array_or_object);
    return node ? node->count : 0; /* scalars have none */
}

rb_json_val rb_json_first(rb_json_val array_or_object)
{
    const struct rb_json_node *node = node_of(array_or_object);
    if (!node || node->count == 0) return none;
    uint32_t key = node->type == RB_JSON_OBJECT;
    return (rb_json_val){array_or_object.doc, array_or_object.at + key + 1};
}

rb_json_val rb_json_next(rb_json_val element)
{
    const struct rb_json_node *node = node_of(element);
    return node && node->next ? (rb_json_val){element.doc, node->next} : none;
}

rb_json_val rb_json_at(rb_json_val array, uint32_t index)
{
    const struct rb_json_node *node = node_of_type(array, RB_JSON_ARRAY);
    if (!node || index >= node->count) return none;
    if (node->is_plain) return (rb_json_val){array.doc, array.at + 1 + index};
    rb_json_val element = rb_json_first(array);
    while (index-- > 0) element = rb_json_next(element);
    return element;
}

static bool key_is(const char *text, const struct rb_json_node *key, rb_str wanted)
{
    rb_str inside = rb_json_inside(text, key);
    return key->is_plain ? rb_str_eq(inside, wanted) : rb_json_decoded_is(inside, wanted);
}

rb_json_val rb_json_get(rb_json_val object, const char *key)
{
    rb_str wanted = rb_str_of(key);
    rb_json_val found = none;
    if (!node_of_type(object, RB_JSON_OBJECT)) return none;
    for (rb_json_val value = rb_json_first(object); value.doc; value = rb_json_next(value)) {
        if (!key_is(value.doc->text.p, &value.doc->nodes[value.at - 1], wanted)) continue;
        found = value;
        if (!value.doc->may_repeat) break;
    }
    return found;
}

/* ---- Scalars ---- */

static rb_str decoded(const char *text, const struct rb_json_node *string, struct rb_arena *arena)
{
    rb_str inside = rb_json_inside(text, string);
    if (string->is_plain) return inside;
    char *copy = rb_arena_alloc(arena, inside.n);
    return (rb_str){copy, rb_json_decode(inside, copy)};
}

rb_str rb_json_key(rb_json_val element, struct rb_arena *arena)
{
    if (!element.doc || element.at == 0) return RB_STR_NONE;
    const struct rb_json_node *before = &element.doc->nodes[element.at - 1];
    return before->type == RB_JSON_NONE ? decoded(element.doc->text.p, before, arena) : RB_STR_NONE;
}

bool rb_json_string(rb_json_val v, struct rb_arena *arena, rb_str *out)
{
    const struct rb_json_node *node = node_of_type(v, RB_JSON_STRING);
    if (!node) return false;
    *out = decoded(v.doc->text.p, node, arena);
    return true;
}

bool rb_json_bool(rb_json_val v, bool *out)
{
    enum rb_json_type type = rb_json_type(v);
    if (type != RB_JSON_TRUE && type != RB_JSON_FALSE) return false;
    *out = type == RB_JSON_TRUE;
    return true;
}
