#include "app/scenario_vars.h"

#include "app/scenario.h"
#include "base/check.h"
#include "base/mem.h"

#include <ctype.h>
#include <string.h>

struct var {
    struct rb_list node;
    rb_str name, json; /* one piece of memory with it, and one of its own */
    char text[];
};

void scenario_vars_init(struct scenario_vars *vars, struct rb_arena *scratch)
{
    *vars = (struct scenario_vars){.scratch = scratch};
    rb_list_init(&vars->all);
}

void scenario_vars_fini(struct scenario_vars *vars)
{
    while (!rb_list_is_empty(&vars->all)) {
        struct var *var = RB_OUTER(vars->all.next, struct var, node);
        rb_list_remove(&var->node);
        rb_free((char *)(uintptr_t)var->json.p);
        rb_free(var);
    }
    rb_map_fini(&vars->by_name);
}

static struct var *find(const struct scenario_vars *vars, rb_str name)
{
    return rb_map_get(&vars->by_name, name);
}

static struct var *find_or_make(struct scenario_vars *vars, rb_str name)
{
    struct var *var = find(vars, name);
    if (var) return var;
    var = rb_alloc(sizeof *var + name.n);
    memcpy(var->text, name.p, name.n);
    var->name = (rb_str){var->text, name.n};
    rb_list_push_back(&vars->all, &var->node);
    rb_map_put(&vars->by_name, var->name, var);
    return var;
}

rb_err scenario_vars_set(struct scenario_vars *vars, rb_str name, rb_str json)
{
    if (!json.p) json = RB_STR("null");
    const struct var *old = find(vars, name);
    size_t bytes = vars->bytes - (old ? old->json.n : 0) + json.n;
    if (bytes > RB_SCENARIO_BYTES_MAX) return RB_BODY_TOO_LARGE;
    char *copy = rb_str_dup(json); /* before the old one goes: it may be a part of that */
    struct var *var = find_or_make(vars, name);
    rb_free((char *)(uintptr_t)var->json.p);
    var->json = (rb_str){copy, json.n};
    vars->bytes = bytes;
    return RB_OK;
}

rb_err scenario_vars_set_all(struct scenario_vars *vars, rb_json_val object)
{
    rb_err err = RB_OK;
    for (rb_json_val at = rb_json_first(object); rb_json_type(at) && !err; at = rb_json_next(at))
        err = scenario_vars_set(vars, rb_json_key(at, vars->scratch), rb_json_raw(at));
    return err;
}

/* ---- looking up ---- */

static rb_json_val member(struct rb_arena *arena, rb_json_val value, rb_str name)
{
    uint64_t index;
    if (rb_json_type(value) == RB_JSON_OBJECT) return rb_json_get(value, rb_arena_copy(arena, name).p);
    rb_json_val at = {0};
    if (rb_json_type(value) != RB_JSON_ARRAY || !rb_str_u64(name, UINT32_MAX, &index)) return at;
    for (at = rb_json_first(value); rb_json_type(at) && index > 0; index--) at = rb_json_next(at);
    return at;
}

rb_str scenario_vars_get(const struct scenario_vars *vars, rb_str path)
{
    rb_str name;
    struct rb_json doc;
    if (!rb_str_split(&path, '.', &name)) return RB_STR_NONE;
    const struct var *var = find(vars, name);
    if (!var || !path.p) return var ? var->json : RB_STR_NONE;
    if (rb_json_parse(&doc, var->json, NULL)) return RB_STR_NONE;
    rb_json_val value = rb_json_root(&doc);
    while (rb_json_type(value) && rb_str_split(&path, '.', &name)) value = member(vars->scratch, value, name);
    rb_str found = rb_json_raw(value); /* a part of the variable */
    rb_json_fini(&doc);
    return found;
}

void scenario_vars_write(const struct scenario_vars *vars, struct rb_json_out *out)
{
    rb_json_begin_object(out);
    RB_LIST_EACH(node, (struct rb_list *)(uintptr_t)&vars->all)
    {
        const struct var *var = RB_OUTER(node, struct var, node);
        rb_json_put_key_str(out, var->name);
        rb_json_put_raw(out, var->json);
    }
    rb_json_end_object(out);
}

/* ---- filling in ---- */

/* "${path}" at the start of text: its bytes in all, or 0. */
static size_t place_at(rb_str text, rb_str *out_path)
{
    if (!rb_str_starts(text, RB_STR("${"))) return 0;
    size_t n = 2;
    while (n < text.n && (isalnum((unsigned char)text.p[n]) || text.p[n] == '_' || text.p[n] == '.')) n++;
    if (n == 2 || n == text.n || text.p[n] != '}') return 0;
    *out_path = rb_str_sub(text, 2, n - 2);
    return n + 1;
}

/* What stands inside a longer text: texts without their quotes, the rest as JSON, nothing for null. */
static void add_plain(const struct scenario_vars *vars, struct rb_buf *out, rb_str json)
{
    struct rb_json doc;
    rb_str text;
    if (!json.p || rb_json_parse(&doc, json, NULL)) return;
    rb_json_val value = rb_json_root(&doc);
    if (rb_json_string(value, vars->scratch, &text))
        rb_buf_add_str(out, text);
    else if (rb_json_type(value) != RB_JSON_NULL)
        rb_buf_add_str(out, json);
    rb_json_fini(&doc);
}

static void fill_text(const struct scenario_vars *vars, struct rb_json_out *out, rb_str text)
{
    rb_str path = RB_STR_NONE;
    struct rb_buf filled = {.limit = RB_SCENARIO_BYTES_MAX};
    if (text.n > 0 && place_at(text, &path) == text.n) {
        rb_str json = scenario_vars_get(vars, path);
        rb_json_put_raw(out, json.p ? json : RB_STR("null"));
        return;
    }
    while (text.n > 0) {
        size_t n = place_at(text, &path);
        if (n > 0)
            add_plain(vars, &filled, scenario_vars_get(vars, path));
        else
            rb_buf_add_char(&filled, text.p[0]);
        text = rb_str_from(text, n ? n : 1);
    }
    rb_json_put_str(out, rb_buf_str(&filled));
    if (filled.failed) out->buf->failed = true;
    rb_buf_fini(&filled);
}

void scenario_vars_fill(const struct scenario_vars *vars, struct rb_json_out *out, rb_json_val value)
{
    rb_str text;
    switch (rb_json_type(value)) {
    case RB_JSON_STRING:
        if (rb_json_string(value, vars->scratch, &text)) fill_text(vars, out, text);
        return;
    case RB_JSON_ARRAY:
        rb_json_begin_array(out);
        for (rb_json_val at = rb_json_first(value); rb_json_type(at); at = rb_json_next(at))
            scenario_vars_fill(vars, out, at);
        rb_json_end_array(out);
        return;
    case RB_JSON_OBJECT:
        rb_json_begin_object(out);
        for (rb_json_val at = rb_json_first(value); rb_json_type(at); at = rb_json_next(at)) {
            rb_json_put_key_str(out, rb_json_key(at, vars->scratch));
            scenario_vars_fill(vars, out, at);
        }
        rb_json_end_object(out);
        return;
    case RB_JSON_NULL:
    case RB_JSON_FALSE:
    case RB_JSON_TRUE:
    case RB_JSON_NUMBER: rb_json_put_raw(out, rb_json_raw(value)); return;
    case RB_JSON_NONE: rb_json_put_null(out); return;
    }
}

rb_str scenario_vars_value(const struct scenario_vars *vars, rb_json_val value)
{
    struct rb_buf text = {.limit = RB_SCENARIO_BYTES_MAX};
    struct rb_json_out out = {.buf = &text};
    scenario_vars_fill(vars, &out, value);
    rb_str copy = text.failed ? RB_STR_NONE : rb_arena_copy(vars->scratch, rb_buf_str(&text));
    rb_buf_fini(&text);
    return copy;
}

/* ---- conditions ---- */

/* An array's texts and numbers, as lists are written. */
static rb_str list_of(const struct scenario_vars *vars, rb_json_val array)
{
    struct rb_buf list = {0};
    for (rb_json_val at = rb_json_first(array); rb_json_type(at); at = rb_json_next(at)) {
        if (list.n) rb_buf_add_char(&list, ',');
        add_plain(vars, &list, rb_json_raw(at));
    }
    rb_str copy = rb_arena_copy(vars->scratch, rb_buf_str(&list));
    rb_buf_fini(&list);
    return copy;
}

bool scenario_vars_property(const void *arg, rb_str path, struct rb_filter_value *out)
{
    const struct scenario_vars *vars = arg;
    rb_str json = scenario_vars_get(vars, path);
    struct rb_json doc;
    if (!json.p || rb_json_parse(&doc, json, NULL)) return false;
    rb_json_val value = rb_json_root(&doc);
    *out = (struct rb_filter_value){.type = RB_FILTER_NULL};
    switch (rb_json_type(value)) {
    case RB_JSON_STRING:
        out->type = RB_FILTER_TEXT;
        rb_json_string(value, vars->scratch, &out->text);
        break;
    case RB_JSON_NUMBER:
        if (rb_json_double(value, &out->number)) out->type = RB_FILTER_NUMBER;
        break;
    case RB_JSON_TRUE:
    case RB_JSON_FALSE:
        out->type = RB_FILTER_BOOL;
        rb_json_bool(value, &out->is_true);
        break;
    case RB_JSON_ARRAY:
        out->type = RB_FILTER_LIST;
        out->text = list_of(vars, value);
        break;
    case RB_JSON_OBJECT:
    case RB_JSON_NULL:
    case RB_JSON_NONE: break;
    }
    rb_json_fini(&doc);
    return true;
}
