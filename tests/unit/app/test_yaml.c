#include "test.h"

#include "app/yaml.h"
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

/* The tree as text, so that a table can hold what is expected: [a, "b", {k: v}], quotes for quoted text. */
static void show(struct rb_buf *out, const struct rb_yaml_node *node)
{
    const char *before = "";
    switch (node->kind) {
    case RB_YAML_SCALAR:
        rb_buf_add_fmt(out, node->is_quoted ? "\"%.*s\"" : "%.*s", RB_STR_FMT(node->text));
        assert_int_equal(node->text.p[node->text.n], '\0');
        return;
    case RB_YAML_LIST:
    case RB_YAML_MAP: break;
    }
    bool is_map = node->kind == RB_YAML_MAP;
    size_t count = 0;
    rb_buf_add_char(out, is_map ? '{' : '[');
    for (const struct rb_yaml_node *child = node->first; child; child = child->next, count++) {
        rb_buf_add_text(out, before);
        if (is_map) rb_buf_add_fmt(out, "%.*s: ", RB_STR_FMT(child->key));
        show(out, child);
        before = ", ";
    }
    rb_buf_add_char(out, is_map ? '}' : ']');
    assert_int_equal(count, node->count);
}

static void test_trees(void **state)
{
    (void)state;
    static const struct {
        const char *text, *tree;
    } cases[] = {
        {"", "{}"},
        {"# only a comment\n", "{}"},
        {"---\n", "{}"},
        {"a: 1\n", "{a: 1}"},
        {"\xef\xbb\xbf"
         "a: 1\n",
         "{a: 1}"},
        {"--- \na: 1\n...\n", "{a: 1}"},
        {"a: 1\r\nb: 2\r\n", "{a: 1, b: 2}"},
        {"a: '1'\nb: \"x\\ny\"\n", "{a: \"1\", b: \"x\ny\"}"},
        {"a: |\n  x\n  y\n", "{a: \"x\ny\n\"}"},
        {"a: >-\n  x\n  y\n", "{a: \"x y\"}"},
        {"a:\nb: ~\n", "{a: , b: ~}"},
        {"a: no\nb: 0x10\nc: 1:30\n", "{a: no, b: 0x10, c: 1:30}"},
        {"a: [x, \"y\", {k: v}]\n", "{a: [x, \"y\", {k: v}]}"},
        {"a:\n  - x\n  - k: v\n    l: w\n", "{a: [x, {k: v, l: w}]}"},
        {"a:\n- x\nb: {}\nc: []\n", "{a: [x], b: {}, c: []}"},
        {"\"quoted key\": 1\n'<<': 2\n", "{quoted key: 1, <<: 2}"},
        {"gr\xc3\xbc\xc3\x9f"
         "e: \xe2\x82\xac\n",
         "{gr\xc3\xbc\xc3\x9f"
         "e: \xe2\x82\xac}"},
        {"- x\n", "[x]"},
        {"x\n", "x"},
        {"a: \"\"\n", "{a: \"\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        struct rb_yaml_node *root;
        struct rb_yaml_error error = {0};
        if (rb_yaml_parse(&arena, rb_str_of(cases[i].text), &root, &error))
            fail_msg("%s: line %u: %.*s", cases[i].text, error.line, RB_STR_FMT(error.message));
        struct rb_buf tree = {0};
        show(&tree, root);
        assert_str(rb_buf_str(&tree), cases[i].tree);
        rb_buf_fini(&tree);
        rb_arena_fini(&arena);
    }
}

static void test_places(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    struct rb_yaml_node *root;
    struct rb_yaml_error error;
    rb_str text = RB_STR("# first\nlisten: here\njobs:\n  export:\n    command: [a,\n      b]\n");
    assert_int_equal(rb_yaml_parse(&arena, text, &root, &error), RB_OK);
    const struct rb_yaml_node *listen = rb_yaml_get(root, RB_STR("listen"));
    assert_int_equal(listen->key_line, 2);
    assert_int_equal(listen->key_column, 1);
    assert_int_equal(listen->line, 2);
    assert_int_equal(listen->column, 9);
    const struct rb_yaml_node *command =
        rb_yaml_get(rb_yaml_get(rb_yaml_get(root, RB_STR("jobs")), RB_STR("export")), RB_STR("command"));
    assert_int_equal(command->key_line, 5);
    assert_int_equal(command->key_column, 5);
    assert_int_equal(command->first->next->line, 6);
    assert_int_equal(command->first->next->column, 7);
    assert_null(rb_yaml_get(root, RB_STR("Listen")));
    rb_arena_fini(&arena);
}

static void test_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_nothing;
    } cases[] = {{"a:", true},         {"a: ~", true},    {"a: null", true}, {"a: ''", false},
                 {"a: 'null'", false}, {"a: nil", false}, {"a: []", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        struct rb_yaml_node *root;
        struct rb_yaml_error error;
        assert_int_equal(rb_yaml_parse(&arena, rb_str_of(cases[i].text), &root, &error), RB_OK);
        assert_int_equal(rb_yaml_is_nothing(root->first), cases[i].is_nothing);
        rb_arena_fini(&arena);
    }
}

#define DEEP15 "[[[[[[[[[[[[[[["
#define FLAT15 "]]]]]]]]]]]]]]]"

static void assert_error(rb_str text, unsigned line, unsigned column, const char *message)
{
    struct rb_arena arena = {0};
    struct rb_yaml_node *root = NULL;
    struct rb_yaml_error error = {0};
    assert_int_equal(rb_yaml_parse(&arena, text, &root, &error), RB_BAD_CONFIG);
    assert_null(root);
    assert_str(error.message, message);
    if (error.line != line || error.column != column)
        fail_msg("%s: %u:%u is not %u:%u", message, error.line, error.column, line, column);
    rb_arena_fini(&arena);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line, column;
        const char *message;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", 3, 1, "a: given twice; the first time on line 1"},
        {"jobs:\n  x:\n    a: 1\n    'a': 2\n", 4, 5, "jobs.x.a: given twice; the first time on line 3"},
        {"rooms:\n  - a: 1\n  - {a: 1, a: 2}\n", 3, 12, "rooms[1].a: given twice; the first time on line 3"},
        {"a: &x 1\n", 1, 4,
         "a: anchors are not allowed; write the value out, or put text that begins with '&' in quotes"},
        {"a: &x {b: 1}\n", 1, 4,
         "a: anchors are not allowed; write the value out, or put text that begins with '&' in quotes"},
        {"b:\n  - 1\n  - *x\n", 3, 5,
         "b[1]: aliases are not allowed; write the value out, or put text that begins with '*' in quotes"},
        {"*x : 1\n", 1, 1,
         "aliases are not allowed; write the value out, or put text that begins with '*' in quotes"},
        {"a: *\n", 1, 5, "text that begins with '*' or '&' must be in quotes"},
        {"rules:\n  **: {}\n", 2, 4, "text that begins with '*' or '&' must be in quotes"},
        {"a: !!str 1\n", 1, 4,
         "a: tags are not allowed; remove it, or put text that begins with '!' in quotes"},
        {"a: !x [1]\n", 1, 4,
         "a: tags are not allowed; remove it, or put text that begins with '!' in quotes"},
        {"!x {a: 1}\n", 1, 1, "tags are not allowed; remove it, or put text that begins with '!' in quotes"},
        {"x:\n  <<: {a: 1}\n", 2, 3, "x.<<: merge keys are not allowed; write the options out"},
        {"a: 1\n---\nb: 2\n", 2, 1, "a second document is not allowed; one file, one document"},
        {"---\n---\n", 2, 1, "a second document is not allowed; one file, one document"},
        {"%YAML 1.1\n---\na: 1\n", 1, 1, "directives are not allowed; remove the lines that begin with '%'"},
        {"%TAG ! tag:x,2000:\n---\na: 1\n", 1, 1,
         "directives are not allowed; remove the lines that begin with '%'"},
        {"a:\n  ? [x]\n  : 1\n", 2, 5,
         "a: a key must be text; put it in quotes if it begins with '{' or '['"},
        {"{a: 1}: 2\n", 1, 1, "a key must be text; put it in quotes if it begins with '{' or '['"},
        {"?\n: 1\n", 1, 2, "a value without a key"},
        {"a: \"x\\0y\"\n", 1, 4, "a: text must not hold a zero byte"},
        {"a: 1\nb: \xff\n", 2, 4, "this is not valid UTF-8; save the file as UTF-8"},
        {"a: \xc0\xaf\n", 1, 4, "this is not valid UTF-8; save the file as UTF-8"},
        {"a: \xed\xa0\x80\n", 1, 4, "this is not valid UTF-8; save the file as UTF-8"},
        {"\xff\xfe"
         "a\n",
         1, 1, "this is not valid UTF-8; save the file as UTF-8"},
        {"a: \x07\n", 1, 4,
         "control characters are not allowed; write \"\\u0007\" in double quotes where one is meant"},
        {"a:\n\tb: 1\n", 2, 1, "tabs cannot indent; use spaces"},
        {"gr\xc3\xbcn: 1\nb: @x\n", 2, 4, "text that begins with '@' must be in quotes"},
        {"a: `x`\n", 1, 4, "text that begins with '`' must be in quotes"},
        {"a: [GET /x/{id}]\n", 1, 12, "text with '{' inside [...] or {...} must be in quotes"},
        {"a: {projectId\n", 2, 1,
         "not valid YAML: did not find expected ',' or '}' while parsing a flow mapping that began on line "
         "1"},
        {"a: \"x\nb: 1\n", 3, 1,
         "not valid YAML: found unexpected end of stream while scanning a quoted scalar that began on line "
         "1"},
        {"a: 1\n  b: 2\n", 2, 4, "not valid YAML: mapping values are not allowed in this context"},
        {DEEP15 "[[" FLAT15 "]]", 1, 17, "nested more than 16 levels deep"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_error(rb_str_of(cases[i].text), cases[i].line, cases[i].column, cases[i].message);
    assert_error(RB_STR("a: \0\n"), 1, 4,
                 "control characters are not allowed; write \"\\u0007\" in double quotes where one is meant");
}

static void test_limits(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    struct rb_yaml_node *root;
    struct rb_yaml_error error;
    assert_int_equal(rb_yaml_parse(&arena, RB_STR(DEEP15 "[" FLAT15 "]"), &root, &error), RB_OK);

    char *text = malloc(RB_YAML_BYTES_MAX + 1);
    memset(text, '\n', RB_YAML_BYTES_MAX + 1);
    assert_int_equal(rb_yaml_parse(&arena, rb_str_make(text, RB_YAML_BYTES_MAX), &root, &error), RB_OK);
    assert_error(rb_str_make(text, RB_YAML_BYTES_MAX + 1), 1, 1, "larger than 1 MiB");
    free(text);
    rb_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),  cmocka_unit_test(test_places), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
