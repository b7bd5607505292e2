/* filter, mask, order, offset and limit, over things of three fields. */
#include "test.h"

#include "base/check.h"
#include "doors/era/listing.h"

#include <stdio.h>

struct thing {
    const char *name;
    double size;
    const char *tags; /* NULL: it has none */
};

static bool property(const void *arg, rb_str name, struct rb_filter_value *out)
{
    const struct thing *thing = arg;
    if (rb_str_is(name, "name"))
        *out = (struct rb_filter_value){.type = RB_FILTER_TEXT, .text = rb_str_of(thing->name)};
    else if (rb_str_is(name, "size"))
        *out = (struct rb_filter_value){.type = RB_FILTER_NUMBER, .number = thing->size};
    else if (rb_str_is(name, "tags") && thing->tags)
        *out = (struct rb_filter_value){.type = RB_FILTER_LIST, .text = rb_str_of(thing->tags)};
    else if (rb_str_is(name, "tags") || rb_str_is(name, "odd"))
        *out = (struct rb_filter_value){.type = RB_FILTER_NULL};
    else
        return false;
    return true;
}

static const char *const names[] = {"name", "size", "tags", "odd"};
static const struct era_fields fields = {names, 4, 3};

static const struct thing things[] = {
    {"b", 2, "x,y"}, {"a", 10, NULL}, {"c", 2, ""}, {"d", 4294967296.0, "y"}};

static void show(struct rb_buf *out, const struct era_listing *listing)
{
    const void *chosen[RB_COUNT(things)];
    size_t count = 0;
    struct rb_json_out json = {.buf = out};
    for (size_t i = 0; i < RB_COUNT(things); i++)
        if (era_listing_fits(listing, property, &things[i])) chosen[count++] = &things[i];
    era_listing_sort(listing, property, chosen, count);
    rb_json_begin_array(&json);
    for (uint64_t i = listing->offset; i < count && i - listing->offset < listing->limit; i++)
        era_listing_put(&json, listing, property, chosen[i]);
    rb_json_end_array(&json);
}

static void lists_are_as_asked(void **state)
{
    (void)state;
    static const struct {
        const char *query, *expected;
    } table[] = {
        {NULL,
         "[{\"name\":\"b\",\"size\":2,\"tags\":[\"x\",\"y\"]},{\"name\":\"a\",\"size\":10},"
         "{\"name\":\"c\",\"size\":2,\"tags\":[]},{\"name\":\"d\",\"size\":4294967296,\"tags\":[\"y\"]}]"},
        {"mask=name", "[{\"name\":\"b\"},{\"name\":\"a\"},{\"name\":\"c\"},{\"name\":\"d\"}]"},
        {"mask=+tags+,name&limit=2",
         "[{\"name\":\"b\",\"tags\":[\"x\",\"y\"]},{\"name\":\"a\",\"tags\":null}]"},
        {"mask=odd&limit=1", "[{\"odd\":null}]"},
        {"mask=name&order=%5B%22name%22%5D",
         "[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"d\"}]"},
        {"mask=name&order=[%22-name%22]",
         "[{\"name\":\"d\"},{\"name\":\"c\"},{\"name\":\"b\"},{\"name\":\"a\"}]"},
        {"mask=name&order=[%22size%22]",
         "[{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"a\"},{\"name\":\"d\"}]"},
        {"mask=name&order=[{%22size%22:%22desc%22},{%22name%22:%22desc%22}]",
         "[{\"name\":\"d\"},{\"name\":\"a\"},{\"name\":\"c\"},{\"name\":\"b\"}]"},
        {"mask=name&order=[{%22size%22:%22asc%22},%22-name%22]",
         "[{\"name\":\"c\"},{\"name\":\"b\"},{\"name\":\"a\"},{\"name\":\"d\"}]"},
        {"mask=name&offset=1&limit=2", "[{\"name\":\"a\"},{\"name\":\"c\"}]"},
        {"mask=name&offset=4", "[]"},
        {"mask=name&offset=4294967295&limit=4294967295", "[]"},
        {"mask=name&filter=[%22==%22,[%22property%22,%22name%22],%22a%22]", "[{\"name\":\"a\"}]"},
        {"mask=name&filter=[%22%3E=%22,[%22property%22,%22size%22],10]",
         "[{\"name\":\"a\"},{\"name\":\"d\"}]"},
        {"mask=name&filter=[%22in%22,%22y%22,[%22property%22,%22tags%22]]",
         "[{\"name\":\"b\"},{\"name\":\"d\"}]"},
        {"unknown=1&mask=name&limit=1", "[{\"name\":\"b\"}]"},
        {"mask=&limit=1", "[{\"name\":\"b\",\"size\":2,\"tags\":[\"x\",\"y\"]}]"},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct rb_arena arena = {0};
        struct era_listing listing;
        struct rb_buf out = {0};
        rb_str why = RB_STR_NONE;
        rb_err err = era_listing_read(rb_str_of(table[i].query), &arena, &fields, &listing, &why);
        if (err) fail_msg("%s: %.*s", table[i].query, RB_STR_FMT(why));
        show(&out, &listing);
        assert_str(rb_buf_str(&out), table[i].expected);
        rb_buf_fini(&out);
        rb_arena_fini(&arena);
    }
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const char *const table[] = {
        "mask=nome",
        "mask=name,nome",
        "order=name",
        "order={}",
        "order=[1]",
        "order=[%22nome%22]",
        "order=[{}]",
        "order=[{%22name%22:%22up%22}]",
        "order=[{%22name%22:%22asc%22,%22size%22:%22asc%22}]",
        "order=[%22name%22,%22name%22,%22name%22,%22name%22,%22name%22,%22name%22,%22name%22,%22name%22,%"
        "22name%22]",
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=4294967296",
        "offset=",
        "offset=1.5",
        "filter=",
        "filter=[",
        "filter=[%22~%22]",
        "filter=[%22==%22,[%22property%22,%22nome%22],1]",
        "filter=[%22==%22,[%22property%22,%22name%22],1]&filter=[%22==%22,[%22property%22,%22nome%22],1]",
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct rb_arena arena = {0};
        struct era_listing listing;
        rb_str why = RB_STR_NONE;
        rb_err err = era_listing_read(rb_str_of(table[i]), &arena, &fields, &listing, &why);
        if (err != RB_BAD_REQUEST || why.n == 0) fail_msg("%s: %s", table[i], rb_reason_name(err));
        rb_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_as_asked),
        cmocka_unit_test(what_is_wrong_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
