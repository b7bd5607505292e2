#include "doors/era/listing.h"

#include "codec/url.h"

#include <stdlib.h>

/* ---- fields ---- */

/* fields->count when there is none of this name. */
static unsigned field_find(const struct era_fields *fields, rb_str name)
{
    unsigned i = 0;
    while (i < fields->count && !rb_str_is(name, fields->names[i])) i++;
    return i;
}

static rb_err no_such_field(struct rb_arena *arena, rb_str name, rb_str *out_why)
{
    *out_why = rb_arena_fmt(arena, "There is no field %.*s.", RB_STR_FMT(name));
    return RB_BAD_REQUEST;
}

/* ---- mask ---- */

static rb_err read_mask(rb_str text, struct rb_arena *arena, struct era_listing *listing, rb_str *out_why)
{
    rb_str name;
    listing->mask = 0;
    while (rb_str_split(&text, ',', &name)) {
        name = rb_str_trim(name);
        unsigned field = field_find(listing->fields, name);
        if (name.n > 0 && field == listing->fields->count) return no_such_field(arena, name, out_why);
        if (name.n > 0) listing->mask |= (uint32_t)1 << field;
    }
    return RB_OK;
}

/* ---- filter ---- */

struct name_check {
    const struct era_fields *fields;
    rb_str unknown; /* the first such; NONE: all are known */
};

static void check_name(void *arg, rb_str name)
{
    struct name_check *check = arg;
    bool is_known = field_find(check->fields, name) < check->fields->count;
    if (!is_known && !check->unknown.p) check->unknown = name;
}

static rb_err read_filter(rb_str json, struct rb_arena *arena, struct era_listing *listing, rb_str *out_why)
{
    struct name_check check = {.fields = listing->fields};
    rb_err err = rb_filter_read(json, arena, &listing->filter, out_why);
    if (err) return err;
    rb_filter_each_property(listing->filter, check_name, &check);
    return check.unknown.p ? no_such_field(arena, check.unknown, out_why) : RB_OK;
}

/* ---- order ---- "-size" and {"size":"desc"} are the same. */

static rb_err add_order(rb_str name, bool is_descending, struct rb_arena *arena, struct era_listing *listing,
                        rb_str *out_why)
{
    if (rb_str_starts(name, RB_STR("-"))) {
        name = rb_str_from(name, 1);
        is_descending = true;
    }
    unsigned field = field_find(listing->fields, name);
    if (field == listing->fields->count) return no_such_field(arena, name, out_why);
    if (listing->order_count == ERA_ORDER_MAX) {
        *out_why = RB_STR("order names too many fields.");
        return RB_BAD_REQUEST;
    }
    listing->order[listing->order_count].field = field;
    listing->order[listing->order_count++].is_descending = is_descending;
    return RB_OK;
}

static rb_err read_term(rb_json_val term, struct rb_arena *arena, struct era_listing *listing,
                        rb_str *out_why)
{
    rb_str name, direction;
    rb_json_val inner = rb_json_first(term);
    if (rb_json_string(term, arena, &name))
        return add_order(rb_arena_copy(arena, name), false, arena, listing, out_why);
    *out_why = RB_STR("order is an array of names, \"-name\" or {\"name\":\"desc\"}.");
    if (rb_json_type(term) != RB_JSON_OBJECT || rb_json_count(term) != 1) return RB_BAD_REQUEST;
    if (!rb_json_string(inner, arena, &direction)) return RB_BAD_REQUEST;
    bool is_descending = rb_str_is(direction, "desc");
    if (!is_descending && !rb_str_is(direction, "asc")) return RB_BAD_REQUEST;
    return add_order(rb_arena_copy(arena, rb_json_key(inner, arena)), is_descending, arena, listing, out_why);
}

static rb_err read_order(rb_str text, struct rb_arena *arena, struct era_listing *listing, rb_str *out_why)
{
    struct rb_json doc;
    *out_why = RB_STR("order is a JSON array.");
    if (rb_json_parse(&doc, text, NULL)) return RB_BAD_REQUEST;
    rb_err err = rb_json_type(rb_json_root(&doc)) == RB_JSON_ARRAY ? RB_OK : RB_BAD_REQUEST;
    rb_json_val term = rb_json_first(rb_json_root(&doc));
    for (; !err && rb_json_type(term) != RB_JSON_NONE; term = rb_json_next(term))
        err = read_term(term, arena, listing, out_why);
    rb_json_fini(&doc);
    return err;
}

/* ---- all of it ---- */

static rb_err read_number(rb_str text, uint64_t min, uint64_t *out, const char *what, rb_str *out_why)
{
    *out_why = rb_str_of(what);
    return rb_str_u64(text, UINT32_MAX, out) && *out >= min ? RB_OK : RB_BAD_REQUEST;
}

rb_err era_listing_read(rb_str query, struct rb_arena *arena, const struct era_fields *fields,
                        struct era_listing *out, rb_str *out_why)
{
    struct era_listing listing = {.fields = fields, .limit = UINT64_MAX};
    rb_str name, value, why = RB_STR_NONE;
    rb_err err = RB_OK;
    while (!err && rb_url_query_next(arena, &query, &name, &value)) {
        if (rb_str_is(name, "filter"))
            err = read_filter(value, arena, &listing, &why);
        else if (rb_str_is(name, "mask"))
            err = read_mask(value, arena, &listing, &why);
        else if (rb_str_is(name, "order"))
            err = read_order(value, arena, &listing, &why);
        else if (rb_str_is(name, "offset"))
            err = read_number(value, 0, &listing.offset, "offset is a number.", &why);
        else if (rb_str_is(name, "limit"))
            err = read_number(value, 1, &listing.limit, "limit is a number, at least 1.", &why);
    }
    if (err) {
        *out_why = why;
        return RB_BAD_REQUEST;
    }
    *out = listing;
    return RB_OK;
}

/* ---- using it ---- */

bool era_listing_fits(const struct era_listing *listing, era_property_fn *property, const void *thing)
{
    return !listing->filter || rb_filter_fits(listing->filter, property, thing);
}

struct sorting {
    const struct era_listing *listing;
    era_property_fn *property;
};

struct sorted {
    const void *thing;
    size_t place; /* where it was */
};

static struct rb_filter_value value_of(const struct sorting *sorting, const void *thing, unsigned field)
{
    struct rb_filter_value value = {.type = RB_FILTER_NULL};
    sorting->property(thing, rb_str_of(sorting->listing->fields->names[field]), &value);
    return value;
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct sorted *left = a, *right = b;
    const struct sorting *sorting = arg;
    for (unsigned i = 0; i < sorting->listing->order_count; i++) {
        unsigned field = sorting->listing->order[i].field;
        struct rb_filter_value of_left = value_of(sorting, left->thing, field);
        struct rb_filter_value of_right = value_of(sorting, right->thing, field);
        int order = rb_filter_compare(&of_left, &of_right);
        if (order) return sorting->listing->order[i].is_descending ? -order : order;
    }
    return left->place < right->place ? -1 : left->place > right->place;
}

void era_listing_sort(const struct era_listing *listing, era_property_fn *property, const void **things,
                      size_t count)
{
    struct rb_arena arena = {0};
    struct sorting sorting = {listing, property};
    struct sorted *sorted = rb_arena_array(&arena, struct sorted, count + 1);
    for (size_t i = 0; i < count; i++) sorted[i] = (struct sorted){things[i], i};
    qsort_r(sorted, count, sizeof *sorted, compare, &sorting);
    for (size_t i = 0; i < count; i++) things[i] = sorted[i].thing;
    rb_arena_fini(&arena);
}

/* ---- showing ---- */

static void put_list(struct rb_json_out *out, rb_str list)
{
    rb_str item;
    rb_json_begin_array(out);
    while (rb_str_split(&list, ',', &item))
        if (item.n > 0) rb_json_put_str(out, item);
    rb_json_end_array(out);
}

static void put_value(struct rb_json_out *out, const struct rb_filter_value *value)
{
    switch (value->type) {
    case RB_FILTER_NULL: rb_json_put_null(out); return;
    case RB_FILTER_TEXT: rb_json_put_str(out, value->text); return;
    case RB_FILTER_NUMBER: rb_json_put_double(out, value->number); return;
    case RB_FILTER_BOOL: rb_json_put_bool(out, value->is_true); return;
    case RB_FILTER_LIST: put_list(out, value->text); return;
    }
}

void era_listing_put(struct rb_json_out *out, const struct era_listing *listing, era_property_fn *property,
                     const void *thing)
{
    const struct era_fields *fields = listing->fields;
    rb_json_begin_object(out);
    for (unsigned i = 0; i < fields->count; i++) {
        struct rb_filter_value value = {.type = RB_FILTER_NULL};
        bool is_asked_for = listing->mask & (uint32_t)1 << i;
        bool is_shown = is_asked_for || (!listing->mask && i < fields->shown_count);
        if (!is_shown) continue;
        property(thing, rb_str_of(fields->names[i]), &value);
        if (value.type == RB_FILTER_NULL && !is_asked_for) continue;
        rb_json_put_key(out, fields->names[i]);
        put_value(out, &value);
    }
    rb_json_end_object(out);
}
