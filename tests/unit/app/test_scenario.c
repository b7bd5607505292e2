/* Scenarios before they run: what a file may say, and what is said of one that is wrong; variables and the
 * places that they are filled into. */
#include "app/scenario.h"
#include "app/scenario_vars.h"
#include "base/check.h"
#include "test.h"

#include <string.h>

/* ---- files ---- */

static const struct {
    const char *what, *text, *messages; /* messages "": it is fine */
} files[] = {
    {"the smallest", "{\"start\":\"a\",\"components\":{\"a\":{\"type\":\"stop\"}}}", ""},
    {"all types",
     "{\"name\":\"n\",\"comment\":\"c\",\"start\":\"a\",\"components\":{"
     "\"a\":{\"type\":\"start\",\"transfer\":\"b\"},"
     "\"b\":{\"type\":\"operation\",\"conn\":\"${connectionid}\",\"eventName\":\"e\",\"content\":{\"x\":\"${"
     "y.z}\"},"
     "\"resultVariable\":\"r\",\"transfer\":\"c\",\"transferTimeout\":\"g\",\"transferError\":\"\"},"
     "\"c\":{\"type\":\"job\",\"kind\":\"k\",\"waitSec\":5,\"transfer\":\"d\"},"
     "\"d\":{\"type\":\"wait\",\"seconds\":1,\"transfer\":\"e\"},"
     "\"e\":{\"type\":\"branch\",\"condition\":[\"==\",[\"property\",\"r.w\"],1],\"transfer\":\"f\","
     "\"transferElse\":\"g\"},"
     "\"f\":{\"type\":\"set\",\"variables\":{\"v\":1},\"transfer\":\"g\"},"
     "\"g\":{\"type\":\"stop\",\"state\":\"failed\",\"message\":\"m\",\"result\":1}}}",
     ""},
    {"no JSON", "{\n\n  nonsense", "f:3: scenario: not valid JSON\n"},
    {"no object", "[]", "f:1: scenario: an object with start and components\n"},
    {"an unknown member", "{\"begin\":1,\"start\":\"a\",\"components\":{\"a\":{\"type\":\"stop\"}}}",
     "f:1: begin: unknown; there are name, comment, start and components\n"},
    {"no components", "{\"start\":\"a\",\"components\":{}}",
     "f:1: components: an object of 1 to 1000 components\n"},
    {"no start", "{\"components\":{\"a\":{\"type\":\"stop\"}}}",
     "f:1: start: the name of the component to begin with\n"},
    {"a start that is not there", "{\"start\":\"b\",\"components\":{\"a\":{\"type\":\"stop\"}}}",
     "f:1: start: the name of the component to begin with\n"},
    {"an unknown type", "{\"start\":\"a\",\"components\":{\n\"a\":{\n\"type\":\"jump\"}}}",
     "f:3: a.type: start, operation, job, wait, branch, set or stop\n"},
    {"no type", "{\"start\":\"a\",\"components\":{\n\"a\":{}}}",
     "f:2: a.type: start, operation, job, wait, branch, set or stop\n"},
    {"a transition to nowhere",
     "{\"start\":\"a\",\"components\":{\"a\":{\"type\":\"start\",\n\"transfer\":\"b\"}}}",
     "f:2: a.transfer: there is no component b\n"},
    {"a transition that the type has not",
     "{\"start\":\"a\",\"components\":{\"a\":{\"type\":\"wait\",\"seconds\":1,\"transferError\":\"a\"}}}",
     "f:1: a.transferError: no property of this type: wait\n"},
    {"a property of another type",
     "{\"start\":\"a\",\"components\":{\"a\":{\"type\":\"stop\",\"conn\":\"c\"}}}",
     "f:1: a.conn: no property of this type: stop\n"},
    {"what is required",
     "{\"start\":\"a\",\"components\":{\"a\":{\"type\":\"operation\"},\"b\":{\"type\":\"branch\"}}}",
     "f:1: a.conn: is missing\nf:1: b.condition: is missing\n"},
    {"a variable's name",
     "{\"start\":\"a\",\"components\":{\"a\":{\"type\":\"job\",\"kind\":\"k\",\"resultVariable\":\"1 2\"}}}",
     "f:1: a.resultVariable: the name of a variable: letters, digits and _\n"},
    {"variables' names",
     "{\"start\":\"a\",\"components\":{\"a\":{\"type\":\"set\",\"variables\":{\"a.b\":1}}}}",
     "f:1: a.variables: not a name of a variable: a.b\n"},
    {"variables that are none",
     "{\"start\":\"a\",\"components\":{\"a\":{\"type\":\"set\",\"variables\":[]}}}",
     "f:1: a.variables: an object, name by name\n"},
    {"a state", "{\"start\":\"a\",\"components\":{\"a\":{\"type\":\"stop\",\"state\":\"done\"}}}",
     "f:1: a.state: finished or failed\n"},
    {"what nothing leads to",
     "{\"start\":\"a\",\"components\":{\"a\":{\"type\":\"stop\"},\n\"b\":{\"type\":\"stop\"}}}",
     "f:2: b: warning: nothing leads to it\n"},
};

static void test_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < RB_COUNT(files); i++) {
        struct rb_scenario scenario = {0};
        struct rb_buf messages = {0};
        rb_err err = rb_scenario_read(&scenario, rb_str_of(files[i].text), "f", &messages);
        bool is_warning = strstr(files[i].messages, "warning") != NULL;
        assert_string_equal(rb_buf_text(&messages), files[i].messages);
        assert_int_equal(err, *files[i].messages && !is_warning ? RB_BAD_CONFIG : RB_OK);
        rb_scenario_fini(&scenario);
        rb_buf_fini(&messages);
    }
}

static void test_condition_that_is_none(void **state)
{
    (void)state;
    struct rb_scenario scenario = {0};
    struct rb_buf messages = {0};
    rb_str text =
        RB_STR("{\"start\":\"a\",\"components\":{\"a\":{\"type\":\"branch\",\"condition\":[\"=\",1,2]}}}");
    assert_int_equal(rb_scenario_read(&scenario, text, "f", &messages), RB_BAD_CONFIG);
    assert_non_null(strstr(rb_buf_text(&messages), "f:1: a.condition: "));
    rb_buf_fini(&messages);
}

static void test_transitions_are_found(void **state)
{
    (void)state;
    struct rb_scenario scenario = {0};
    struct rb_buf messages = {0};
    assert_int_equal(rb_scenario_read(&scenario, rb_str_of(files[1].text), "f", &messages), RB_OK);
    const struct rb_scenario_component *at = scenario.start;
    assert_true(rb_str_is(at->exits[RB_SCENARIO_TRANSFER]->name, "b"));
    at = at->exits[RB_SCENARIO_TRANSFER];
    assert_true(rb_str_is(at->exits[RB_SCENARIO_TRANSFER_TIMEOUT]->name, "g"));
    assert_null(at->exits[RB_SCENARIO_TRANSFER_ERROR]);
    rb_scenario_fini(&scenario);
    rb_buf_fini(&messages);
}

/* ---- variables ---- */

static const struct {
    const char *value, *filled;
} fillings[] = {
    {"1", "1"},
    {"\"text\"", "\"text\""},
    {"\"${size}\"", "{\"w\":70,\"l\":[1,{\"x\":\"y\"}],\"n\":null}"},
    {"\"${size.w}\"", "70"},
    {"\"${size.l.1.x}\"", "\"y\""},
    {"\"${size.l.0} mm\"", "\"1 mm\""},
    {"\"${size.nothing}\"", "null"},
    {"\"${nobody}\"", "null"},
    {"\"a ${nobody} b ${size.n}\"", "\"a  b \""},
    {"\"${name}: ${size.l}\"", "\"Anna \\\"A\\\": [1,{\\\"x\\\":\\\"y\\\"}]\""},
    {"\"$ {x} ${ ${}\"", "\"$ {x} ${ ${}\""},
    {"{\"a\":[\"${size.w}\",true],\"${name}\":null}", "{\"a\":[70,true],\"${name}\":null}"},
};

static void test_fillings(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    struct scenario_vars vars;
    scenario_vars_init(&vars, &arena);
    assert_int_equal(scenario_vars_set(&vars, RB_STR("size"),
                                       RB_STR("{\"w\":70,\"l\":[1,{\"x\":\"y\"}],\"n\":null}")),
                     RB_OK);
    assert_int_equal(scenario_vars_set(&vars, RB_STR("name"), RB_STR("\"Anna \\\"A\\\"\"")), RB_OK);
    for (size_t i = 0; i < RB_COUNT(fillings); i++) {
        struct rb_json doc;
        assert_int_equal(rb_json_parse(&doc, rb_str_of(fillings[i].value), NULL), RB_OK);
        rb_str filled = scenario_vars_value(&vars, rb_json_root(&doc));
        assert_string_equal(filled.p, fillings[i].filled);
        rb_json_fini(&doc);
    }
    scenario_vars_fini(&vars);
    rb_arena_fini(&arena);
}

static void test_set(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    struct scenario_vars vars;
    struct rb_buf text = {0}, large = {0};
    struct rb_json_out out = {.buf = &text};
    scenario_vars_init(&vars, &arena);
    assert_int_equal(scenario_vars_set(&vars, RB_STR("a"), RB_STR("{\"b\":1}")), RB_OK);
    assert_int_equal(scenario_vars_set(&vars, RB_STR("a"), scenario_vars_get(&vars, RB_STR("a.b"))), RB_OK);
    assert_int_equal(scenario_vars_set(&vars, RB_STR("c"), RB_STR_NONE), RB_OK);
    for (int i = 0; i < RB_SCENARIO_BYTES_MAX; i++) rb_buf_add_char(&large, '1');
    assert_int_equal(scenario_vars_set(&vars, RB_STR("c"), rb_buf_str(&large)), RB_BODY_TOO_LARGE);
    scenario_vars_write(&vars, &out);
    assert_string_equal(rb_buf_text(&text), "{\"a\":1,\"c\":null}");
    rb_buf_fini(&text);
    rb_buf_fini(&large);
    scenario_vars_fini(&vars);
    rb_arena_fini(&arena);
}

static const struct {
    const char *condition;
    bool fits;
} conditions[] = {
    {"[\"==\",[\"property\",\"n\"],1]", true},         {"[\"==\",[\"property\",\"n\"],\"1\"]", false},
    {"[\"==\",[\"property\",\"o.t\"],\"x\"]", true},   {"[\"==\",[\"property\",\"o.f\"],false]", true},
    {"[\"==\",[\"property\",\"nobody\"],null]", true}, {"[\"in\",\"q\",[\"property\",\"o.l\"]]", true},
    {"[\"in\",\"r\",[\"property\",\"o.l\"]]", false},
};

static void test_conditions(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    struct scenario_vars vars;
    scenario_vars_init(&vars, &arena);
    scenario_vars_set(&vars, RB_STR("n"), RB_STR("1"));
    scenario_vars_set(&vars, RB_STR("o"), RB_STR("{\"t\":\"x\",\"f\":false,\"l\":[\"p\",\"q\"]}"));
    for (size_t i = 0; i < RB_COUNT(conditions); i++) {
        const struct rb_filter *filter = NULL;
        rb_str why = RB_STR_NONE;
        assert_int_equal(rb_filter_read(rb_str_of(conditions[i].condition), &arena, &filter, &why), RB_OK);
        assert_int_equal(rb_filter_fits(filter, scenario_vars_property, &vars), conditions[i].fits);
    }
    scenario_vars_fini(&vars);
    rb_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_condition_that_is_none),
        cmocka_unit_test(test_transitions_are_found),
        cmocka_unit_test(test_fillings),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
