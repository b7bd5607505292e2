/* Parameters in commands. */
#include "test.h"

#include "jobs/jobs_private.h"

#include <stdio.h>
#include <string.h>

static struct rb_arena arena;
static rb_str why;

/* Builds {"/bin/x", pattern}; what came of the pattern, or NULL. */
static const char *build(const char *pattern, rb_str params, rb_err *out_err)
{
    char *command[] = {(char *)(uintptr_t) "/bin/x", (char *)(uintptr_t)pattern, NULL};
    struct rb_job_kind kind = {.command = command, .command_count = 2};
    char **argv = NULL;
    why = RB_STR_NONE;
    *out_err = command_build(&kind, params, &arena, &argv, &why);
    if (*out_err != RB_OK) return NULL;
    assert_string_equal(argv[0], "/bin/x");
    assert_null(argv[2]);
    return argv[1];
}

static void parameters_take_their_places(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *params, *expected;
    } cases[] = {
        {"plain", "{}", "plain"},
        {"", "{}", ""},
        {"{a}", "{\"a\":\"x y\"}", "x y"},
        {"{a}", "{\"a\":\"\"}", ""},
        {"{a}", "{\"a\":12.50e1}", "12.50e1"},
        {"{a}", "{\"a\":true}", "true"},
        {"{a}", "{\"\\u0061\":false}", "false"},
        {"{a}", "{\"a\":\"$(id) `id` ; \\\" ' \\n\\u00e4\"}", "$(id) `id` ; \" ' \n\xc3\xa4"},
        {"{a}{b}/{a}", "{\"a\":\"1\",\"b\":\"2\"}", "12/1"},
        {"--id={a}", "{\"a\":\"-1\"}", "--id=-1"},
        {"{a}", "{\"a\":\"{b}\",\"b\":\"no\"}", "{b}"},
        {"{a-b.c_1}", "{\"a-b.c_1\":\"x\"}", "x"},
        /* Braces that are no placeholder stay as they are. */
        {"{}", "{}", "{}"},
        {"{a b}", "{}", "{a b}"},
        {"{a", "{}", "{a"},
        {"{{a}}", "{\"a\":\"x\"}", "{x}"},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        rb_err err;
        const char *got = build(cases[i].pattern, rb_str_of(cases[i].params), &err);
        assert_int_equal(err, RB_OK);
        assert_string_equal(got, cases[i].expected);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *params;
        rb_err err;
        const char *why;
    } cases[] = {
        {"{a}", "{}", RB_UNPROCESSABLE, "parameter a is missing"},
        {"{a}", "{\"A\":1}", RB_UNPROCESSABLE, "parameter a is missing"},
        {"{a}", "{\"a\":null}", RB_UNPROCESSABLE, "parameter a must be a string, a number or a boolean"},
        {"{a}", "{\"a\":[1]}", RB_UNPROCESSABLE, "parameter a must be a string, a number or a boolean"},
        {"{a}", "{\"a\":{}}", RB_UNPROCESSABLE, "parameter a must be a string, a number or a boolean"},
        {"{a}", "{\"a\":\"-rf\"}", RB_UNPROCESSABLE, "parameter a may not begin with '-'"},
        {"{a}", "{\"a\":-5}", RB_UNPROCESSABLE, "parameter a may not begin with '-'"},
        {"{a}{b}", "{\"a\":\"\",\"b\":\"-x\"}", RB_UNPROCESSABLE, "parameter b may not begin with '-'"},
        {"x{a}", "{\"a\":\"1\\u00002\"}", RB_UNPROCESSABLE, "parameter a may not hold a zero byte"},
        {"{a}", "[]", RB_UNPROCESSABLE, "the parameters must be a JSON object"},
        {"{a}", "{", RB_BAD_JSON, ""},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        rb_err err;
        assert_null(build(cases[i].pattern, rb_str_of(cases[i].params), &err));
        assert_int_equal(err, cases[i].err);
        assert_str(why, cases[i].why);
    }
}

static void long_parameters_are_refused(void **state)
{
    (void)state;
    static char params[70000];
    rb_err err;
    for (unsigned n = 65536; n <= 65537; n++) {
        int head = snprintf(params, sizeof params, "{\"a\":\"");
        memset(params + head, 'x', n);
        strcpy(params + head + n, "\"}");
        const char *got = build("{a}", rb_str_of(params), &err);
        if (n == 65536) {
            assert_int_equal(strlen(got), 65536);
        } else {
            assert_int_equal(err, RB_UNPROCESSABLE);
            assert_str(why, "parameter a is too long for the command");
        }
    }
}

static int drop_arena(void **state)
{
    (void)state;
    rb_arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(parameters_take_their_places, drop_arena),
        cmocka_unit_test_teardown(what_does_not_fit_is_refused, drop_arena),
        cmocka_unit_test_teardown(long_parameters_are_refused, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
