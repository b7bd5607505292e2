/* The writer: text as expected, and what it writes reads back the same. */
#include "codec/json.h"

#include "base/mem.h"
#include "test.h"

#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void structure(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    struct rb_json_out out = {.buf = &buf};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "a");
    rb_json_put_u64(&out, UINT64_MAX);
    rb_json_put_key_str(&out, RB_STR("b\"\n"));
    rb_json_begin_array(&out);
    rb_json_end_array(&out);
    rb_json_put_key(&out, "c");
    rb_json_begin_array(&out);
    rb_json_put_i64(&out, INT64_MIN);
    rb_json_put_bool(&out, true);
    rb_json_begin_object(&out);
    rb_json_end_object(&out);
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "d");
    rb_json_put_null(&out);
    rb_json_end_object(&out);
    rb_json_begin_array(&out);
    rb_json_put_u64(&out, 0);
    rb_json_end_array(&out);
    rb_json_put_bool(&out, false);
    rb_json_put_text(&out, NULL);
    rb_json_put_text(&out, "t");
    rb_json_end_array(&out);
    rb_json_put_key(&out, "e");
    rb_json_put_raw(&out, RB_STR("{ \"x\":1.50 }"));
    rb_json_put_key(&out, "f");
    rb_json_put_i64(&out, -7);
    rb_json_end_object(&out);
    assert_str(rb_buf_str(&buf),
               "{\"a\":18446744073709551615,\"b\\\"\\n\":[],\"c\":[-9223372036854775808,true,{},"
               "{\"d\":null},[0],false,null,\"t\"],\"e\":{ \"x\":1.50 },\"f\":-7}");
    rb_buf_fini(&buf);
}

static void the_deepest(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    struct rb_json_out out = {.buf = &buf};
    struct rb_json doc;
    for (unsigned i = 0; i < RB_JSON_DEPTH_MAX; i++) {
        if (i % 2 == 0) rb_json_begin_array(&out);
        if (i % 2 == 1) rb_json_begin_object(&out), rb_json_put_key(&out, "k");
    }
    rb_json_put_null(&out);
    for (unsigned i = RB_JSON_DEPTH_MAX; i-- > 0;) {
        if (i % 2 == 0) rb_json_end_array(&out);
        if (i % 2 == 1) rb_json_end_object(&out);
    }
    assert_int_equal(rb_json_parse(&doc, rb_buf_str(&buf), NULL), RB_OK);
    rb_json_fini(&doc);
    rb_buf_fini(&buf);
}

static void strings(void **state)
{
    (void)state;
    static const struct {
        rb_str s;
        const char *expected;
    } cases[] = {
        {RB_STR(""), "\"\""},
        {RB_STR_NONE, "\"\""},
        {RB_STR("plain"), "\"plain\""},
        {RB_STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\""},
        {RB_STR("\b\t\n\v\f\r"), "\"\\b\\t\\n\\u000b\\f\\r\""},
        {RB_STR("\0\x01\x07\x0e\x1f\x7f"), "\"\\u0000\\u0001\\u0007\\u000e\\u001f\x7f\""},
        {RB_STR("12345678\"87654321\n"), "\"12345678\\\"87654321\\n\""},
        {RB_STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x94\xe2\x80\xa8"),
         "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x94\xe2\x80\xa8\""},
        {RB_STR("a\xff"
                "b"),
         "\"a\xef\xbf\xbd"
         "b\""},
        {RB_STR("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {RB_STR("\xed\xa0\x80\""), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\\"\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_buf buf = {0};
        rb_json_put_str(&(struct rb_json_out){.buf = &buf}, cases[i].s);
        assert_str(rb_buf_str(&buf), cases[i].expected);
        rb_buf_fini(&buf);
    }
}

static void every_byte_reads_back(void **state)
{
    (void)state;
    char all[128];
    for (size_t i = 0; i < sizeof all; i++) all[i] = (char)i;
    for (size_t from = 0; from < 16; from++) {
        struct rb_buf buf = {0};
        struct rb_arena arena = {0};
        struct rb_json doc;
        rb_str s = {all + from, sizeof all - from}, back;
        struct rb_json_out out = {.buf = &buf};
        rb_json_begin_object(&out);
        rb_json_put_key_str(&out, s);
        rb_json_put_str(&out, s);
        rb_json_end_object(&out);
        assert_int_equal(rb_json_parse(&doc, rb_buf_str(&buf), NULL), RB_OK);
        rb_json_val value = rb_json_first(rb_json_root(&doc));
        assert_true(rb_json_string(value, &arena, &back));
        assert_true(rb_str_eq(back, s));
        assert_true(rb_str_eq(rb_json_key(value, &arena), s));
        rb_json_fini(&doc);
        rb_arena_fini(&arena);
        rb_buf_fini(&buf);
    }
}

static void doubles(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *expected;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.0, "1"},
        {-2.5, "-2.5"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {100000.0, "100000"},
        {1e21, "1e+21"},
        {9007199254740993.0, "9007199254740992"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {4.9406564584124654e-324, "5e-324"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
        {NAN, "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_buf buf = {0};
        struct rb_json doc;
        double back = 77;
        rb_json_put_double(&(struct rb_json_out){.buf = &buf}, cases[i].value);
        assert_str(rb_buf_str(&buf), cases[i].expected);
        assert_int_equal(rb_json_parse(&doc, rb_buf_str(&buf), NULL), RB_OK);
        assert_int_equal(rb_json_double(rb_json_root(&doc), &back), isfinite(cases[i].value) != 0);
        if (isfinite(cases[i].value)) assert_true(back == cases[i].value);
        rb_json_fini(&doc);
        rb_buf_fini(&buf);
    }
}

/* Steps of a writer: brackets as they are, 'k' a key, 'v' a value. */
static void write_steps(struct rb_json_out *out, const char *steps)
{
    for (; *steps; steps++) {
        if (*steps == '{') rb_json_begin_object(out);
        if (*steps == '}') rb_json_end_object(out);
        if (*steps == '[') rb_json_begin_array(out);
        if (*steps == ']') rb_json_end_array(out);
        if (*steps == 'k') rb_json_put_key(out, "k");
        if (*steps == 'v') rb_json_put_null(out);
    }
}

/* Runs it in a child process; true when it aborted there. */
static bool aborts(const char *steps)
{
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        struct rb_buf buf = {0};
        write_steps(&(struct rb_json_out){.buf = &buf}, steps);
        rb_buf_fini(&buf);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void what_would_be_no_json_is_our_bug(void **state)
{
    (void)state;
    static const char *const right[] = {"v", "[]", "{}", "[vv[]{}v]", "{kvk[]k{kv}}", "[{kv}[v]]"};
    static const char *const wrong[] = {"vv",  "[]v",  "]",   "}",  "[}", "{]",   "[]]", "{v",
                                        "{k}", "{kvv", "{kk", "[k", "k",  "{kv[", "{kv{"};
    char deep[RB_JSON_DEPTH_MAX + 2] = {0};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        if (aborts(right[i])) fail_msg("%s", right[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (!aborts(wrong[i])) fail_msg("%s", wrong[i]);
    for (size_t i = 0; i < RB_JSON_DEPTH_MAX; i++) deep[i] = '[';
    assert_false(aborts(deep));
    deep[RB_JSON_DEPTH_MAX] = '[';
    assert_true(aborts(deep));
}

static void limits_and_memory(void **state)
{
    (void)state;
    struct rb_buf buf;
    rb_buf_init(&buf, 20);
    struct rb_json_out out = {.buf = &buf};
    rb_json_begin_array(&out);
    for (int i = 0; i < 10; i++) rb_json_put_str(&out, RB_STR("abc"));
    rb_json_end_array(&out);
    assert_true(buf.failed);
    rb_buf_fini(&buf);

    bool is_enough = false;
    long count = 0;
    for (; !is_enough; count++) {
        assert_true(count < 50);
        rb_buf_init(&buf, 0);
        out = (struct rb_json_out){.buf = &buf};
        rb_mem_fail_after(count);
        rb_json_begin_array(&out);
        for (int i = 0; i < 100; i++) rb_json_put_str(&out, RB_STR("a\"b\xff\n"));
        rb_json_end_array(&out);
        rb_mem_fail_after(-1);
        is_enough = !buf.failed;
        assert_int_equal(is_enough, rb_str_ends(rb_buf_str(&buf), RB_STR("\"]")));
        rb_buf_fini(&buf);
    }
    assert_true(count > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structure),         cmocka_unit_test(the_deepest),
        cmocka_unit_test(strings),           cmocka_unit_test(every_byte_reads_back),
        cmocka_unit_test(doubles),           cmocka_unit_test(what_would_be_no_json_is_our_bug),
        cmocka_unit_test(limits_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
