#include "http/http_private.h"

#include "test.h"

#include "base/mem.h"

#include <stdio.h>

/* A request with these header lines, read by the real parser; good until the next one is made, and `text`
 * must live as long as it. */
static void make_request(struct request *out, char *text, size_t bytes, const char *lines)
{
    static struct rb_http1_header headers[RB_HTTP1_HEADERS_MAX];
    *out = (struct request){.pub.head.headers = headers};
    size_t consumed, scanned = 0;
    rb_err err;
    const struct rb_http1_limits limits = {4096, 1024};
    int n = snprintf(text, bytes, "GET /p?a=1&b=x%%20y&a=2&c HTTP/1.1\r\nHost: here:8080\r\n%s\r\n", lines);
    assert_int_equal(rb_http1_request(&out->pub.head, rb_str_make(text, (size_t)n), &scanned, &limits,
                                      &consumed, &err),
                     RB_HTTP1_DONE);
    assert_int_equal(rb_url_split(&out->pub.url, out->pub.head.target), RB_OK);
}

static void accepts(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *type;
        bool expected;
    } cases[] = {
        {"", "text/event-stream", true},
        {"Accept:\r\n", "text/event-stream", true},
        {"Accept: text/event-stream\r\n", "text/event-stream", true},
        {"Accept: TEXT/Event-Stream\r\n", "text/event-stream", true},
        {"accept: application/json\r\n", "text/event-stream", false},
        {"Accept: application/json, text/event-stream\r\n", "text/event-stream", true},
        {"Accept: application/json\r\nAccept: text/event-stream\r\n", "text/event-stream", true},
        {"Accept: */*\r\n", "text/event-stream", true},
        {"Accept: text/*\r\n", "text/event-stream", true},
        {"Accept: text/*\r\n", "textual/plain", false},
        {"Accept: tex/*\r\n", "text/plain", false},
        {"Accept: text\r\n", "text/plain", false},
        {"Accept: application/*\r\n", "text/event-stream", false},
        {"Accept: text/event-stream;q=0\r\n", "text/event-stream", false},
        {"Accept: text/event-stream ; q=0.000\r\n", "text/event-stream", false},
        {"Accept: text/event-stream;Q=0.0\r\n", "text/event-stream", false},
        {"Accept: text/event-stream;q=0.001\r\n", "text/event-stream", true},
        {"Accept: */*, text/event-stream;q=0\r\n", "text/event-stream", false}, /* the specific one decides */
        {"Accept: text/event-stream;q=0, */*\r\n", "text/event-stream", false},
        {"Accept: text/*;q=0, text/event-stream\r\n", "text/event-stream", true},
        {"Accept: text/*;q=0, */*\r\n", "text/event-stream", false},
        {"Accept: application/json;charset=utf-8\r\n", "application/json", true},
        {"Accept: a/b;x=\"q=0, text/plain;\\\" \";q=0.5\r\n", "text/plain", false}, /* inside quotes */
        {"Accept: a/b;x=\"q=0, text/plain;\\\" \";q=0.5\r\n", "a/b", true},
        {"Accept: a/b;x=\",\";q=0, text/plain\r\n", "a/b", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request request;
        char text[512];
        make_request(&request, text, sizeof text, cases[i].lines);
        if (rb_request_accepts(&request.pub, cases[i].type) != cases[i].expected)
            fail_msg("%s for %s", cases[i].lines, cases[i].type);
    }
}

static void origins(void **state)
{
    (void)state;
    static const rb_str some[] = {{"https://app.example", 19}, {"null", 4}};
    static const rb_str all[] = {{"*", 1}};
    static const struct {
        const char *lines;
        bool by_none, by_some;
    } cases[] = {
        {"", true, true},
        {"Origin: http://here:8080\r\n", true, true},
        {"Origin: https://HERE:8080\r\n", true, true},
        {"Origin: http://here\r\n", false, false},
        {"Origin: http://here:8081\r\n", false, false},
        {"Origin: ftp://here:8080\r\n", false, false},
        {"Origin: http://there:8080\r\n", false, false},
        {"Origin: http://here:8080.evil.example\r\n", false, false},
        {"Origin: http://\r\n", false, false},
        {"Origin:\r\n", false, false},
        {"Origin: null\r\n", false, true},
        {"Origin: https://app.example\r\n", false, true},
        {"Origin: http://app.example\r\n", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request request;
        char text[512];
        make_request(&request, text, sizeof text, cases[i].lines);
        if (rb_request_origin_allowed(&request.pub, NULL, 0) != cases[i].by_none)
            fail_msg("none: %s", cases[i].lines);
        if (rb_request_origin_allowed(&request.pub, some, 2) != cases[i].by_some)
            fail_msg("some: %s", cases[i].lines);
        assert_true(rb_request_origin_allowed(&request.pub, all, 1));
    }
}

static void origin_with_default_port(void **state)
{
    (void)state;
    static const struct {
        const char *host, *origin;
        bool expected;
    } cases[] = {
        {"h", "https://h", true},        {"h:443", "https://h", true}, {"h", "https://h:443", true},
        {"h:80", "http://h", true},      {"h:443", "http://h", false}, {"h:80", "https://h", false},
        {"[::1]", "http://[::1]", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_http1_header headers[] = {{RB_STR("Host"), rb_str_of(cases[i].host)},
                                            {RB_STR("Origin"), rb_str_of(cases[i].origin)}};
        struct request request = {.pub.head = {.headers = headers, .header_count = 2}};
        if (rb_request_origin_allowed(&request.pub, NULL, 0) != cases[i].expected) fail_msg("%zu", i);
    }
    struct rb_http1_header origin = {RB_STR("Origin"), RB_STR("http://x")};
    struct request no_host = {.pub.head = {.headers = &origin, .header_count = 1}};
    assert_false(rb_request_origin_allowed(&no_host.pub, NULL, 0));
}

static void queries_and_params(void **state)
{
    (void)state;
    struct request request;
    char text[512];
    rb_str value = RB_STR("before");
    make_request(&request, text, sizeof text, "X-One: 1\r\n");
    assert_true(rb_request_query(&request.pub, "a", &value));
    assert_str(value, "2");
    assert_true(rb_request_query(&request.pub, "b", &value));
    assert_str(value, "x y");
    assert_true(rb_request_query(&request.pub, "c", &value));
    assert_str(value, "");
    assert_false(rb_request_query(&request.pub, "d", &value));
    assert_str(rb_request_header(&request.pub, "x-one"), "1");
    assert_null(rb_request_header(&request.pub, "X-Two").p);
    const struct route route = {.name_count = 1, .names = {RB_STR("id")}};
    assert_null(rb_request_param(&request.pub, "id").p); /* no route yet */
    request.route = &route;
    request.head_memory = rb_new(struct head_memory);
    request.head_memory->params[0] = RB_STR("7");
    assert_str(rb_request_param(&request.pub, "id"), "7");
    assert_null(rb_request_param(&request.pub, "name").p);
    rb_request_forget_head(&request.pub);
    assert_null(rb_request_param(&request.pub, "id").p);
    rb_arena_fini(&request.pub.arena);
}

static void added_headers_are_clean(void **state)
{
    (void)state;
    struct request request = {0};
    rb_answer_header(&request.pub, "X-Name", RB_STR("a\r\nSet-Cookie: b\0c\x7f"));
    rb_answer_header(&request.pub, "Retry-After", RB_STR("9"));
    assert_true(
        rb_str_eq(rb_buf_str(&request.lines), RB_STR("X-Name: a  Set-Cookie: b c \r\nRetry-After: 9\r\n")));
    assert_true(answer_has_header(&request, "retry-after"));
    assert_false(answer_has_header(&request, "Set-Cookie"));
    rb_buf_fini(&request.lines);
}

static void ranges(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        uint64_t bytes;
        enum range_verdict expected;
        uint64_t at, n;
    } cases[] = {
        {NULL, 100, RANGE_WHOLE, 0, 0},
        {"", 100, RANGE_WHOLE, 0, 0},
        {"bytes=0-0", 100, RANGE_PART, 0, 1},
        {"bytes=0-99", 100, RANGE_PART, 0, 100},
        {"Bytes=10-19", 100, RANGE_PART, 10, 10},
        {"bytes= 10-19 ", 100, RANGE_PART, 10, 10},
        {"bytes=10-", 100, RANGE_PART, 10, 90},
        {"bytes=99-", 100, RANGE_PART, 99, 1},
        {"bytes=90-1000", 100, RANGE_PART, 90, 10},
        {"bytes=90-18446744073709551615", 100, RANGE_PART, 90, 10},
        {"bytes=-1", 100, RANGE_PART, 99, 1},
        {"bytes=-100", 100, RANGE_PART, 0, 100},
        {"bytes=-1000", 100, RANGE_PART, 0, 100},
        {"bytes=-0", 100, RANGE_NOT_SATISFIABLE, 0, 0},
        {"bytes=100-", 100, RANGE_NOT_SATISFIABLE, 0, 0},
        {"bytes=100-200", 100, RANGE_NOT_SATISFIABLE, 0, 0},
        {"bytes=20-10", 100, RANGE_WHOLE, 0, 0}, /* malformed ones are as if they were not there */
        {"bytes=-", 100, RANGE_WHOLE, 0, 0},
        {"bytes=", 100, RANGE_WHOLE, 0, 0},
        {"bytes", 100, RANGE_WHOLE, 0, 0},
        {"bytes=5", 100, RANGE_WHOLE, 0, 0},
        {"bytes=a-b", 100, RANGE_WHOLE, 0, 0},
        {"bytes=1-b", 100, RANGE_WHOLE, 0, 0},
        {"bytes=--1", 100, RANGE_WHOLE, 0, 0},
        {"bytes=+1-2", 100, RANGE_WHOLE, 0, 0},
        {"bytes=1 - 2", 100, RANGE_WHOLE, 0, 0},
        {"lines=0-1", 100, RANGE_WHOLE, 0, 0},
        {"bytes=0-1,5-6", 100, RANGE_WHOLE, 0, 0}, /* several: the whole */
        {"bytes=0-1,", 100, RANGE_WHOLE, 0, 0},
        {"bytes=0-", 0, RANGE_WHOLE, 0, 0}, /* nothing has no ranges */
        {"bytes=-5", 0, RANGE_WHOLE, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t at = 0, n = 0;
        enum range_verdict verdict = range_judge(rb_str_of(cases[i].range), cases[i].bytes, &at, &n);
        if (verdict != cases[i].expected || at != cases[i].at || n != cases[i].n)
            fail_msg("%s of %d: %d, %d at %d", cases[i].range, (int)cases[i].bytes, (int)verdict, (int)n,
                     (int)at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(origins),
        cmocka_unit_test(origin_with_default_port),
        cmocka_unit_test(queries_and_params),
        cmocka_unit_test(added_headers_are_clean),
        cmocka_unit_test(ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
