/* A worker's outputs: the same lines whatever pieces they come in. */
#include "test.h"

#include "base/check.h"
#include "jobs/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned reports;
static double last_progress;

static void on_report(void *arg, const struct report_line *line)
{
    (void)arg;
    reports++;
    last_progress = line->progress;
}

static void feed_in_pieces(struct output *output, int stream, const char *text, size_t piece)
{
    size_t n = strlen(text);
    for (size_t at = 0; at < n; at += piece)
        output_feed(output, stream, rb_str_sub(rb_str_of(text), at, piece));
}

static void lines_do_not_depend_on_pieces(void **state)
{
    (void)state;
    const char *text = "hello\n{\"progress\":7}\r\n\nworld {\"progress\":8}\n{\"progress\":9}";
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct output output;
        reports = 0;
        output_init(&output, 1000, on_report, NULL);
        feed_in_pieces(&output, 1, text, piece);
        assert_int_equal(reports, 1);
        output_end(&output);
        assert_int_equal(reports, 2); /* the last one has no end of line */
        assert_true(last_progress == 9);
        assert_str(output_log_tail(&output), "hello\n\nworld {\"progress\":8}\n");
        assert_null(output_error_line(&output).p);
        output_fini(&output);
    }
}

static void standard_error_is_log_and_message(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 20; piece++) {
        struct output output;
        reports = 0;
        output_init(&output, 1000, on_report, NULL);
        feed_in_pieces(&output, 2, "{\"progress\":1}\nbroken: no such thing\n  \n\n", piece);
        output_end(&output);
        assert_int_equal(reports, 0);
        assert_str(output_error_line(&output), "broken: no such thing");
        assert_str(output_log_tail(&output), "{\"progress\":1}\nbroken: no such thing\n  \n\n");
        output_fini(&output);
    }
}

static void lines_of_both_are_not_mixed(void **state)
{
    (void)state;
    struct output output;
    output_init(&output, 1000, on_report, NULL);
    output_feed(&output, 1, RB_STR("on"));
    output_feed(&output, 2, RB_STR("tw"));
    output_feed(&output, 1, RB_STR("e\n"));
    output_feed(&output, 2, RB_STR("o\n"));
    assert_str(output_log_tail(&output), "one\ntwo\n");
    output_fini(&output);
}

static void overlong_lines_are_log_only(void **state)
{
    (void)state;
    static const size_t pieces[] = {1000, OUTPUT_LINE_BYTES_MAX, 200000};
    size_t n = OUTPUT_LINE_BYTES_MAX + 50;
    char *line = calloc(1, n + 20);
    strcpy(line, "{\"title\":\"");
    memset(line + 10, 'x', n - 12);
    strcpy(line + n - 2, "\"}\n");
    for (size_t i = 0; i < RB_COUNT(pieces); i++) {
        struct output output;
        reports = 0;
        output_init(&output, 1000000, on_report, NULL);
        feed_in_pieces(&output, 1, line, pieces[i]);
        output_feed(&output, 1, RB_STR("{\"progress\":1}\n"));
        assert_int_equal(reports, 1); /* the short one behind it */
        assert_str(output_log_tail(&output), line);
        output_fini(&output);
    }
    /* As long as allowed: a report still. */
    struct output output;
    reports = 0;
    output_init(&output, 1000, on_report, NULL);
    memmove(line + 10, line + 60, strlen(line + 60) + 1);
    output_feed(&output, 1, rb_str_of(line));
    assert_int_equal(reports, 1);
    output_fini(&output);
    free(line);
}

static void the_log_keeps_its_end_only(void **state)
{
    (void)state;
    struct output output;
    output_init(&output, 100, on_report, NULL);
    for (int i = 0; i < 1000; i++) {
        char line[20];
        snprintf(line, sizeof line, "line %04d\n", i);
        output_feed(&output, 1 + i % 2, rb_str_of(line));
        assert_true(output.log.cap < 1000);
        assert_true(output_log_tail(&output).n <= 100);
    }
    assert_int_equal(output_log_tail(&output).n, 100);
    assert_true(rb_str_starts(output_log_tail(&output), RB_STR("line 0990\n")));
    output_log(&output, RB_STR("ours"));
    assert_true(rb_str_ends(output_log_tail(&output), RB_STR("line 0999\nours\n")));
    output_fini(&output);
    output_init(&output, 0, on_report, NULL);
    output_feed(&output, 1, RB_STR("x\ny\n"));
    assert_null(output_log_tail(&output).p);
    output_fini(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_do_not_depend_on_pieces), cmocka_unit_test(standard_error_is_log_and_message),
        cmocka_unit_test(lines_of_both_are_not_mixed),   cmocka_unit_test(overlong_lines_are_log_only),
        cmocka_unit_test(the_log_keeps_its_end_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
