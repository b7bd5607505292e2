#include "test.h"

#include "base/check.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Standard error, turned into a pipe while a line is written. */
static int saved_stderr, pipe_ends[2];

static void begin_capture(void)
{
    assert_int_equal(pipe(pipe_ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(saved_stderr >= 0);
    assert_int_equal(dup2(pipe_ends[1], STDERR_FILENO), STDERR_FILENO);
    close(pipe_ends[1]);
}

/* What was written meanwhile; lines are shorter than a pipe holds. */
static rb_str end_capture(void)
{
    static char text[65536];
    size_t n = 0;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    for (ssize_t got; (got = read(pipe_ends[0], text + n, sizeof text - n)) > 0;) n += (size_t)got;
    close(pipe_ends[0]);
    return rb_str_make(text, n);
}

/* The captured line without the time at `at`, which is looked at here. */
static const char *without_time(rb_str line, size_t at)
{
    static char text[65536];
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    size_t form_n = sizeof form - 1;
    assert_true(line.n >= at + form_n);
    for (size_t i = 0; i < form_n; i++) {
        char c = line.p[at + i];
        assert_true(form[i] == 'd' ? c >= '0' && c <= '9' : c == form[i]);
    }
    memcpy(text, line.p, at);
    memcpy(text + at, line.p + at + form_n, line.n - at - form_n);
    text[line.n - form_n] = '\0';
    return text;
}

enum { TEXT_TIME_AT = 0, JSON_TIME_AT = 9 }; /* {"time":" */

static void test_text_form(void **state)
{
    (void)state;
    rb_log_setup(RB_LOG_LEVEL_INFO, false);
    begin_capture();
    RB_LOG_INFO("job.finished", RB_KV("job", RB_STR("j1")), RB_KV_U64("attempt", 2), RB_KV_TEXT("none", NULL),
                RB_KV_REASON(RB_IDLE));
    rb_str line = end_capture();
    assert_string_equal(without_time(line, TEXT_TIME_AT),
                        " info  job.finished job=j1 attempt=2 none=\"\" reason=idle\n");
}

static void test_json_form(void **state)
{
    (void)state;
    rb_log_setup(RB_LOG_LEVEL_INFO, true);
    begin_capture();
    RB_LOG_ERROR("job.finished", RB_KV("job", RB_STR("j 1")), RB_KV_U64("attempt", UINT64_MAX),
                 RB_KV_TEXT("none", NULL));
    rb_str line = end_capture();
    assert_string_equal(without_time(line, JSON_TIME_AT),
                        "{\"time\":\"\",\"level\":\"error\",\"event\":\"job.finished\",\"job\":\"j 1\","
                        "\"attempt\":18446744073709551615,\"none\":\"\"}\n");
}

static void test_without_pairs(void **state)
{
    (void)state;
    rb_log_setup(RB_LOG_LEVEL_INFO, false);
    begin_capture();
    RB_LOG_WARN("started");
    assert_string_equal(without_time(end_capture(), TEXT_TIME_AT), " warn  started\n");
    rb_log_setup(RB_LOG_LEVEL_INFO, true);
    begin_capture();
    RB_LOG_WARN("started");
    assert_string_equal(without_time(end_capture(), JSON_TIME_AT),
                        "{\"time\":\"\",\"level\":\"warn\",\"event\":\"started\"}\n");
}

/* Values of peers cannot start a line of their own, nor another pair. */
static void test_quoting(void **state)
{
    (void)state;
    static const struct {
        const char *value, *as_text, *as_json;
    } rows[] = {
        {"plain", "plain", "\"plain\""},
        {"", "\"\"", "\"\""},
        {"two words", "\"two words\"", "\"two words\""},
        {"a=b", "\"a=b\"", "\"a=b\""},
        {"say \"x\"", "\"say \\\"x\\\"\"", "\"say \\\"x\\\"\""},
        {"back\\slash", "\"back\\\\slash\"", "\"back\\\\slash\""},
        {"line\r\nbreak", "\"line\\u000d\\u000abreak\"", "\"line\\u000d\\u000abreak\""},
        {"\x01\x1b[31m\x7f", "\"\\u0001\\u001b[31m\\u007f\"", "\"\\u0001\\u001b[31m\\u007f\""},
        {"tab\t", "\"tab\\u0009\"", "\"tab\\u0009\""},
        {"\xe2\x82\xac", "\"\\u00e2\\u0082\\u00ac\"", "\"\\u00e2\\u0082\\u00ac\""}, /* a byte each */
        {"\xff\xc3", "\"\\u00ff\\u00c3\"", "\"\\u00ff\\u00c3\""},                   /* no UTF-8 */
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        for (int json = 0; json < 2; json++) {
            char expected[200];
            rb_log_setup(RB_LOG_LEVEL_INFO, json);
            begin_capture();
            RB_LOG_INFO("e", RB_KV_TEXT("k", rows[i].value));
            rb_str line = end_capture();
            if (json)
                snprintf(expected, sizeof expected,
                         "{\"time\":\"\",\"level\":\"info\",\"event\":\"e\",\"k\":%s}\n", rows[i].as_json);
            else
                snprintf(expected, sizeof expected, " info  e k=%s\n", rows[i].as_text);
            assert_string_equal(without_time(line, json ? JSON_TIME_AT : TEXT_TIME_AT), expected);
        }
    }
    rb_log_setup(RB_LOG_LEVEL_INFO, false);
    begin_capture();
    RB_LOG_INFO("e", RB_KV("k", RB_STR("a\0b")));
    assert_string_equal(without_time(end_capture(), TEXT_TIME_AT), " info  e k=\"a\\u0000b\"\n");
}

static void test_levels(void **state)
{
    (void)state;
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int least = 0; least < 4; least++) {
        enum rb_log_level level;
        assert_true(rb_log_level_find(rb_str_of(names[least]), &level));
        assert_int_equal(level, least);
        rb_log_setup(level, false);
        begin_capture();
        RB_LOG_DEBUG("e");
        RB_LOG_INFO("e");
        RB_LOG_WARN("e");
        RB_LOG_ERROR("e");
        rb_str lines = end_capture(), line;
        int count = -1; /* after the last line there is an empty rest */
        while (rb_str_split(&lines, '\n', &line)) count++;
        assert_int_equal(count, 4 - least);
    }
    enum rb_log_level level = RB_LOG_LEVEL_WARN;
    assert_false(rb_log_level_find(RB_STR("INFO"), &level));
    assert_false(rb_log_level_find(RB_STR(""), &level));
    assert_int_equal(level, RB_LOG_LEVEL_WARN);
}

/* However much a value holds, it is one line, not a long one, and the next is whole again. */
static void test_long_values(void **state)
{
    (void)state;
    static char value[20000];
    memset(value, 'x', sizeof value);
    for (int json = 0; json < 2; json++) {
        rb_log_setup(RB_LOG_LEVEL_INFO, json);
        begin_capture();
        RB_LOG_INFO("e", RB_KV("k", rb_str_make(value, sizeof value)), RB_KV_U64("after", 1));
        rb_str line = end_capture();
        assert_true(line.n < 5000);
        assert_int_equal(rb_str_find(line, '\n'), line.n - 1);
        begin_capture();
        RB_LOG_INFO("e", RB_KV_U64("n", 1));
        assert_true(rb_str_ends(end_capture(), json ? RB_STR(",\"n\":1}\n") : RB_STR(" e n=1\n")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_form),     cmocka_unit_test(test_json_form),
        cmocka_unit_test(test_without_pairs), cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_levels),        cmocka_unit_test(test_long_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
