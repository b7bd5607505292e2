/* Lines that are reports, and the shape they make. */
#include "test.h"

#include "base/check.h"
#include "jobs/report.h"

#include <stdio.h>
#include <string.h>

static void lines_are_told_from_log(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool is_report;
    } cases[] = {
        {"{\"progress\":5}", true},
        {" \t{\"progress\":5}\r", true},
        {"{\"progress\":null}", true},
        {"{\"title\":\"x\"}", true},
        {"{\"title\":\"\"}", true},
        {"{\"info\":\"x\"}", true},
        {"{\"warning\":\"x\"}", true},
        {"{\"error\":\"x\"}", true},
        {"{\"event\":\"mine\"}", true},
        {"{\"event\":\"finished\",\"info\":\"x\"}", true}, /* by its other word */
        {"", false},
        {"plain", false},
        {"{}", false},
        {"[{\"progress\":5}]", false},
        {"{\"progress\":5", false},
        {"{\"progress\":5} x", false},
        {"{\"progress\":\"5\"}", false},
        {"{\"progress\":true}", false},
        {"{\"title\":5}", false},
        {"{\"error\":null,\"level\":\"info\"}", false}, /* a structured log of some library */
        {"{\"message\":\"x\"}", false},
        {"{\"data\":1}", false},
        {"{\"event\":\"\"}", false},
        {"{\"event\":\"a\\nb\"}", false},
        {"{\"event\":5}", false},
        {"{\"event\":\"queued\"}", false},
        {"{\"event\":\"running\"}", false},
        {"{\"event\":\"finished\"}", false},
        {"{\"event\":\"failed\"}", false},
        {"{\"event\":\"cancelled\"}", false},
        {"{\"event\":\"expired\"}", false},
        {"{\"event\":\"progress\"}", false},
        {"{\"event\":\"info\"}", false},
        {"{\"event\":\"warning\"}", false},
        {"{\"event\":\"error\"}", false},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_arena arena = {0};
        struct report_line line;
        if (report_read(rb_str_of(cases[i].line), &arena, &line) != cases[i].is_report)
            fail_msg("%s", cases[i].line);
        rb_arena_fini(&arena);
    }
}

static void all_words_are_read(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    struct report_line line;
    const char *text =
        "{\"progress\":41.5,\"title\":\"a\\tb\",\"info\":\"i\",\"warning\":\"w\",\"error\":\"e\","
        "\"event\":\"mine\",\"data\":{\"b\": 1.0e2}}";
    assert_true(report_read(rb_str_of(text), &arena, &line));
    assert_true(line.has_progress && line.is_known);
    assert_true(line.progress == 41.5);
    assert_str(line.title, "a\tb");
    assert_str(line.info, "i");
    assert_str(line.warning, "w");
    assert_str(line.error, "e");
    assert_str(line.event, "mine");
    assert_str(line.data, "{\"b\": 1.0e2}");
    rb_arena_fini(&arena);
}

/* Feeds lines, separated by newlines, and gives the shape. */
static const char *shape_after(struct report *report, const char *lines, struct rb_buf *buf)
{
    rb_str rest = rb_str_of(lines), line;
    while (rb_str_split(&rest, '\n', &line)) {
        struct rb_arena arena = {0};
        struct report_line read;
        assert_true(report_read(line, &arena, &read));
        report_apply(report, &read);
        rb_arena_fini(&arena);
    }
    rb_buf_clear(buf);
    report_write(report, buf);
    return rb_buf_text(buf);
}

static void lines_make_the_shape(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *shape;
    } cases[] = {
        {"{\"progress\":0}",
         "{\"progress\":0,\"stage\":0,\"title\":null,\"warnings\":[],\"infos\":[],\"errors\":[]}"},
        {"{\"progress\":33.25}\n{\"title\":\"a\"}",
         "{\"progress\":33.25,\"stage\":1,\"title\":\"a\",\"warnings\":[],\"infos\":[],\"errors\":[]}"},
        {"{\"progress\":5,\"title\":\"a\"}\n{\"title\":\"a\"}\n{\"progress\":6}\n{\"title\":\"b\"}",
         "{\"progress\":6,\"stage\":2,\"title\":\"b\",\"warnings\":[],\"infos\":[],\"errors\":[]}"},
        {"{\"progress\":5}\n{\"progress\":null}",
         "{\"progress\":null,\"stage\":0,\"title\":null,\"warnings\":[],\"infos\":[],\"errors\":[]}"},
        {"{\"progress\":-1}",
         "{\"progress\":0,\"stage\":0,\"title\":null,\"warnings\":[],\"infos\":[],\"errors\":[]}"},
        {"{\"progress\":1e9}",
         "{\"progress\":100,\"stage\":0,\"title\":null,\"warnings\":[],\"infos\":[],\"errors\":[]}"},
        {"{\"info\":\"i1\",\"warning\":\"w\"}\n{\"info\":\"i2\",\"error\":\"e\"}",
         "{\"progress\":null,\"stage\":0,\"title\":null,\"warnings\":[\"w\"],\"infos\":[\"i1\",\"i2\"],"
         "\"errors\":[\"e\"]}"},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct report report = {0};
        struct rb_buf buf = {0};
        assert_string_equal(shape_after(&report, cases[i].lines, &buf), cases[i].shape);
        assert_true(report.has_any);
        report_fini(&report);
        rb_buf_fini(&buf);
    }
}

static bool changes(struct report *report, const char *text)
{
    struct rb_arena arena = {0};
    struct report_line line;
    assert_true(report_read(rb_str_of(text), &arena, &line));
    bool has_changed = report_apply(report, &line);
    rb_arena_fini(&arena);
    return has_changed;
}

static void only_changes_count(void **state)
{
    (void)state;
    struct report report = {0};
    assert_true(changes(&report, "{\"progress\":null}")); /* the first is news whatever it says */
    assert_false(changes(&report, "{\"progress\":null}"));
    assert_true(changes(&report, "{\"progress\":1}"));
    assert_false(changes(&report, "{\"progress\":1.0}"));
    assert_true(changes(&report, "{\"title\":\"a\"}"));
    assert_false(changes(&report, "{\"title\":\"a\",\"progress\":1}"));
    assert_true(changes(&report, "{\"info\":\"a\"}"));
    assert_true(changes(&report, "{\"info\":\"a\"}"));
    assert_false(changes(&report, "{\"event\":\"mine\"}"));
    report_fini(&report);
}

static void lists_and_texts_are_bounded(void **state)
{
    (void)state;
    struct report report = {0};
    char long_text[3000];
    memset(long_text, 0, sizeof long_text);
    for (int i = 0; i < 600; i++) strcat(long_text, "\xc3\xa4");
    for (int i = 0; i < 25; i++) {
        char text[20];
        snprintf(text, sizeof text, "e%d", i);
        report_apply(&report, &(struct report_line){.error = rb_str_of(text)});
    }
    assert_int_equal(report.errors.count, REPORT_TEXTS_MAX);
    assert_string_equal(report.errors.texts[report.errors.first], "e5");
    assert_str(report_last_error(&report), "e24");
    report_apply(&report, &(struct report_line){.title = rb_str_of(long_text)});
    assert_int_equal(strlen(report.title), 1000); /* 500 characters */
    assert_false(report_apply(&report, &(struct report_line){.title = rb_str_of(long_text)}));
    report_fini(&report);
    assert_null(report_last_error(&report).p);
}

static void messages_are_one_clean_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line;
    } cases[] = {
        {"  plain \t", "plain"},
        {"a\x1b[1mb\r", "a[1mb"},
        {"\x01 x \x7f", "x"},
        {"a\tb\r\nc", "a b  c"},
        {"a\xff\xfe"
         "b",
         "ab"},
        {"\xc2\x85x\xc2\xa0", "x\xc2\xa0"}, /* a C1 control goes, a no-break space stays */
        {"12345678\xc3\xa4\xc3\xa4", "12345678\xc3\xa4"},
        {"123456789\xc3\xa4", "123456789"}, /* no half characters */
        {"", ""},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_arena arena = {0};
        assert_str(text_one_line(&arena, rb_str_of(cases[i].text), 10), cases[i].line);
        rb_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_told_from_log),     cmocka_unit_test(all_words_are_read),
        cmocka_unit_test(lines_make_the_shape),        cmocka_unit_test(only_changes_count),
        cmocka_unit_test(lists_and_texts_are_bounded), cmocka_unit_test(messages_are_one_clean_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
