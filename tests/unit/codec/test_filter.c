#include "codec/filter.h"

#include "test.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

/* What the filters of these tests look at. */
static bool property(const void *arg, rb_str name, struct rb_filter_value *out)
{
    static const struct {
        const char *name;
        struct rb_filter_value value;
    } all[] = {
        {"user", {.type = RB_FILTER_TEXT, .text = {"u7", 2}}},
        {"app", {.type = RB_FILTER_TEXT, .text = {"/desk/sub/x", 11}}},
        {"empty", {.type = RB_FILTER_TEXT, .text = {"", 0}}},
        {"port", {.type = RB_FILTER_NUMBER, .number = 8080}},
        {"yes", {.type = RB_FILTER_BOOL, .is_true = true}},
        {"no", {.type = RB_FILTER_BOOL}},
        {"caps", {.type = RB_FILTER_LIST, .text = {"msg,video", 9}}},
        {"none", {.type = RB_FILTER_LIST, .text = {NULL, 0}}},
        {"nothing", {.type = RB_FILTER_NULL}},
    };
    assert_null(arg);
    for (size_t i = 0; i < RB_COUNT(all); i++) {
        if (!rb_str_is(name, all[i].name)) continue;
        *out = all[i].value;
        return true;
    }
    return false;
}

static const struct rb_filter *read_good(struct rb_arena *arena, const char *text)
{
    const struct rb_filter *filter = NULL;
    rb_str why = RB_STR_NONE;
    if (rb_filter_read(rb_str_of(text), arena, &filter, &why)) fail_msg("%s: %.*s", text, RB_STR_FMT(why));
    return filter;
}

#define P(name) "[\"property\",\"" name "\"]"

static void what_fits(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        bool fits;
    } cases[] = {
        {"[\"==\"," P("user") ",\"u7\"]", true},
        {"[\"==\",\"u7\"," P("user") "]", true},
        {"[\"==\"," P("user") ",\"u8\"]", false},
        {"[\"==\"," P("user") ",\"u\"]", false},
        {" [ \"==\" , [ \"property\" , \"us\\u0065r\" ] , \"\\u00757\" ] ", true},
        {"[\"!=\"," P("user") ",\"u8\"]", true},
        {"[\"!=\"," P("user") ",\"u7\"]", false},
        {"[\"<\"," P("user") ",\"u8\"]", true},
        {"[\"<\"," P("user") ",\"u70\"]", true},
        {"[\"<\"," P("user") ",\"u7\"]", false},
        {"[\"<=\"," P("user") ",\"u7\"]", true},
        {"[\">\"," P("user") ",\"u\"]", true},
        {"[\">\"," P("user") ",\"u7\"]", false},
        {"[\">=\"," P("user") ",\"u7\"]", true},
        {"[\">=\"," P("user") ",\"v\"]", false},
        {"[\"==\"," P("port") ",8080]", true},
        {"[\"==\"," P("port") ",8.08e3]", true},
        {"[\"<\"," P("port") ",9]", false}, /* as numbers, not as texts */
        {"[\">\"," P("port") ",9]", true},
        {"[\"==\"," P("yes") ",true]", true},
        {"[\"==\"," P("no") ",true]", false},
        {"[\"<\"," P("no") "," P("yes") "]", true},
        {"[\"==\",1,1]", true},
        /* different types */
        {"[\"==\"," P("port") ",\"8080\"]", false},
        {"[\"!=\"," P("port") ",\"8080\"]", true},
        {"[\"<\"," P("port") ",\"9\"]", false},
        {"[\">=\"," P("port") ",\"9\"]", false},
        {"[\"==\"," P("no") ",null]", false},
        {"[\"==\"," P("empty") ",null]", false},
        {"[\"==\"," P("caps") ",\"msg,video\"]", false},
        /* null, and what there is not */
        {"[\"==\"," P("nothing") ",null]", true},
        {"[\"==\"," P("unheard") ",null]", true},
        {"[\"==\"," P("unheard") "," P("nothing") "]", true},
        {"[\"!=\"," P("unheard") ",null]", false},
        {"[\"!=\"," P("user") ",null]", true},
        {"[\"<=\"," P("nothing") ",null]", true},
        {"[\"<\"," P("nothing") ",null]", false},
        /* lists */
        {"[\"in\",\"msg\"," P("caps") "]", true},
        {"[\"in\",\"video\"," P("caps") "]", true},
        {"[\"in\",\"vid\"," P("caps") "]", false},
        {"[\"in\",\"msg,video\"," P("caps") "]", false},
        {"[\"in\",\"\"," P("caps") "]", false},
        {"[\"in\",\"\"," P("none") "]", false},
        {"[\"in\",1," P("caps") "]", false},
        {"[\"in\",\"u7\"," P("user") "]", false}, /* which is no list */
        {"[\"in\",null," P("nothing") "]", false},
        {"[\"in\"," P("user") ",[\"list\",\"u6\",\"u7\"]]", true},
        {"[\"in\"," P("user") ",[\"list\",\"u6\",7]]", false},
        {"[\"in\"," P("user") ",[\"list\"]]", false},
        {"[\"in\"," P("port") ",[\"list\",\"8080\",8080]]", true},
        {"[\"in\"," P("nothing") ",[\"list\",1,null]]", true},
        /* like */
        {"[\"like\"," P("app") ",\"/desk/%\"]", true},
        {"[\"like\"," P("app") ",\"/desk/sub/x\"]", true},
        {"[\"like\"," P("app") ",\"/desk/sub/x%\"]", true},
        {"[\"like\"," P("app") ",\"%x\"]", true},
        {"[\"like\"," P("app") ",\"%/%/%\"]", true},
        {"[\"like\"," P("app") ",\"%s%sub%\"]", true},
        {"[\"like\"," P("app") ",\"%/x/%\"]", false},
        {"[\"like\"," P("app") ",\"/desk\"]", false},
        {"[\"like\"," P("app") ",\"desk%\"]", false},
        {"[\"like\"," P("app") ",\"\"]", false},
        {"[\"like\"," P("app") ",\"%\"]", true},
        {"[\"like\"," P("empty") ",\"%%\"]", true},
        {"[\"like\"," P("empty") ",\"\"]", true},
        {"[\"like\"," P("nothing") ",\"%\"]", false},
        {"[\"like\"," P("port") ",\"80%\"]", false},
        {"[\"like\",\"aXbXc\",\"a%Xc\"]", true},
        {"[\"like\",\"aaab\",\"%aab\"]", true}, /* the first try is too early */
        /* conditions of conditions */
        {"[\"and\",[\"==\",1,1]]", true},
        {"[\"and\",[\"==\",1,1],[\"==\",1,2],[\"==\",1,1]]", false},
        {"[\"or\",[\"==\",1,2],[\"==\",1,1]]", true},
        {"[\"or\",[\"==\",1,2],[\"==\",1,3]]", false},
        {"[\"not\",[\"==\",1,2]]", true},
        {"[\"and\",[\"like\"," P("app") ",\"/desk/%\"],[\"not\",[\"in\",\"x\"," P(
             "caps") "]],[\"or\",[\"==\",1,2],"
                     "[\">\"," P("port") ",80]]]",
         true},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_arena arena = {0};
        const struct rb_filter *filter = read_good(&arena, cases[i].filter);
        if (rb_filter_fits(filter, property, NULL) != cases[i].fits) fail_msg("%s", cases[i].filter);
        rb_arena_fini(&arena);
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        rb_err err;
        const char *why; /* is in it */
    } cases[] = {
        {"", RB_BAD_JSON, "At byte 0"},
        {"[\"==\",1,1", RB_BAD_JSON, "At byte 9"},
        {"[\"==\",1,\"\\ud800\"]", RB_BAD_JSON, "At byte"},
        {"[\"==\",1,\"\xff\"]", RB_BAD_JSON, "At byte"},
        {"{}", RB_UNPROCESSABLE, "begins with its operator"},
        {"true", RB_UNPROCESSABLE, "begins with its operator"},
        {"[]", RB_UNPROCESSABLE, "begins with its operator"},
        {"[1]", RB_UNPROCESSABLE, "begins with its operator"},
        {"[[\"==\",1,1]]", RB_UNPROCESSABLE, "begins with its operator"},
        {"[\"=\",1,1]", RB_UNPROCESSABLE, "no operator \"=\""},
        {P("user"), RB_UNPROCESSABLE, "no operator \"property\""},
        {"[\"list\",1]", RB_UNPROCESSABLE, "no operator \"list\""},
        {"[\"==\",1]", RB_UNPROCESSABLE, "\"==\" takes another number"},
        {"[\"==\",1,1,1]", RB_UNPROCESSABLE, "\"==\" takes another number"},
        {"[\"and\"]", RB_UNPROCESSABLE, "\"and\" takes another number"},
        {"[\"not\",[\"==\",1,1],[\"==\",1,1]]", RB_UNPROCESSABLE, "\"not\" takes another number"},
        {"[\"and\",1]", RB_UNPROCESSABLE, "begins with its operator"},
        {"[\"==\",1,{}]", RB_UNPROCESSABLE, "An operand is"},
        {"[\"==\",1,[]]", RB_UNPROCESSABLE, "An operand is"},
        {"[\"==\",1,[1,2]]", RB_UNPROCESSABLE, "An operand is"},
        {"[\"==\",1,[\"==\",1,1]]", RB_UNPROCESSABLE, "begins with \"property\" or \"list\""},
        {"[\"==\",1,[\"property\"]]", RB_UNPROCESSABLE, "A property is"},
        {"[\"==\",1,[\"property\",1]]", RB_UNPROCESSABLE, "A property is"},
        {"[\"==\",1,[\"property\",\"a\",\"b\"]]", RB_UNPROCESSABLE, "A property is"},
        {"[\"==\",1,[\"list\",1]]", RB_UNPROCESSABLE, "A list stands on the right"},
        {"[\"in\",[\"list\",1],[\"list\",1]]", RB_UNPROCESSABLE, "A list stands on the right"},
        {"[\"in\",1,1]", RB_UNPROCESSABLE, "A list stands on the right"},
        {"[\"in\",1,[\"list\"," P("user") "]]", RB_UNPROCESSABLE, "An operand is"},
        {"[\"==\",1,1e400]", RB_UNPROCESSABLE, "out of range"},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_arena arena = {0};
        const struct rb_filter *filter = NULL;
        rb_str why = RB_STR_NONE;
        rb_err err = rb_filter_read(rb_str_of(cases[i].filter), &arena, &filter, &why);
        char text[200];
        snprintf(text, sizeof text, "%.*s", RB_STR_FMT(why));
        if (err != cases[i].err || !strstr(text, cases[i].why))
            fail_msg("%s: %d %s", cases[i].filter, err, text);
        assert_null(filter);
        rb_arena_fini(&arena);
    }
}

static void put_often(struct rb_buf *text, const char *what, unsigned count)
{
    for (unsigned i = 0; i < count; i++) rb_buf_add_text(text, what);
}

static rb_err read_text(struct rb_buf *text, rb_str *out_why, struct rb_arena *arena)
{
    const struct rb_filter *filter;
    rb_err err = rb_filter_read(rb_buf_str(text), arena, &filter, out_why);
    rb_buf_fini(text);
    return err;
}

static void limits(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    struct rb_buf text = {0};
    rb_str why = RB_STR_NONE;
    for (unsigned depth = 14; depth <= 15; depth++) { /* and the condition inside */
        put_often(&text, "[\"not\",", depth + 1);
        rb_buf_add_text(&text, "[\"==\",1,1]");
        put_often(&text, "]", depth + 1);
        assert_int_equal(read_text(&text, &why, &arena), depth == 14 ? RB_OK : RB_UNPROCESSABLE);
    }
    assert_str(why, "More than 16 levels.");
    for (unsigned conditions = 66; conditions <= 67;
         conditions++) { /* of three nodes each, and one around them */
        rb_buf_add_text(&text, "[\"or\"");
        put_often(&text, ",[\"==\",1,1]", conditions);
        rb_buf_add_text(&text, "]");
        assert_int_equal(read_text(&text, &why, &arena), conditions == 66 ? RB_OK : RB_UNPROCESSABLE);
    }
    assert_str(why, "More than 200 conditions and operands.");
    rb_arena_fini(&arena);
}

/* The text may go, and patterns that would take for ever elsewhere do not. */
static void it_keeps_nothing_of_the_text(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    char text[] = "[\"==\",[\"property\",\"user\"],\"u7\"]";
    const struct rb_filter *filter = read_good(&arena, text);
    memset(text, 'x', sizeof text - 1);
    assert_true(rb_filter_fits(filter, property, NULL));
    struct rb_buf pattern = {0};
    rb_buf_add_text(&pattern, "[\"like\",\"");
    put_often(&pattern, "a", 2000);
    rb_buf_add_text(&pattern, "\",\"");
    put_often(&pattern, "%a", 500);
    rb_buf_add_text(&pattern, "%b\"]");
    assert_false(rb_filter_fits(read_good(&arena, rb_buf_text(&pattern)), property, NULL));
    rb_buf_fini(&pattern);
    rb_arena_fini(&arena);
}

static void note_name(void *arg, rb_str name)
{
    rb_buf_add_fmt(arg, "%.*s;", RB_STR_FMT(name));
}

static void its_properties(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    struct rb_buf names = {0};
    rb_filter_each_property(
        read_good(&arena, "[\"or\",[\"==\"," P("a") "," P("b") "],[\"not\",[\"in\",\"property\"," P(
                              "c") "]],[\"in\"," P("a") ",[\"list\",1]]]"),
        note_name, &names);
    assert_string_equal(rb_buf_text(&names), "a;b;c;a;");
    rb_buf_fini(&names);
    rb_arena_fini(&arena);
}

/* In this order, and no two are the same. */
static void orders(void **state)
{
    (void)state;
    static const struct rb_filter_value values[] = {
        {.type = RB_FILTER_NULL},
        {.type = RB_FILTER_TEXT, .text = {"", 0}},
        {.type = RB_FILTER_TEXT, .text = {"a", 1}},
        {.type = RB_FILTER_TEXT, .text = {"a\0", 2}},
        {.type = RB_FILTER_TEXT, .text = {"b", 1}},
        {.type = RB_FILTER_TEXT, .text = {"\xc3\xbc", 2}},
        {.type = RB_FILTER_NUMBER, .number = -1},
        {.type = RB_FILTER_NUMBER, .number = 0.5},
        {.type = RB_FILTER_NUMBER, .number = 1e300},
        {.type = RB_FILTER_BOOL},
        {.type = RB_FILTER_BOOL, .is_true = true},
        {.type = RB_FILTER_LIST, .text = {"a,b", 3}},
    };
    for (size_t i = 0; i < RB_COUNT(values); i++)
        for (size_t k = 0; k < RB_COUNT(values); k++) {
            int order = rb_filter_compare(&values[i], &values[k]);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits),      cmocka_unit_test(what_is_refused),
        cmocka_unit_test(limits),         cmocka_unit_test(it_keeps_nothing_of_the_text),
        cmocka_unit_test(its_properties), cmocka_unit_test(orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
