/* Written messages: the bytes themselves, and that our own readers take them. */
#include "test.h"

#include "codec/http1.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void writes_answer(void **state)
{
    (void)state;
    struct rb_buf out = {0};
    rb_http1_put_status(&out, 200);
    rb_http1_put_header(&out, "Content-Type", RB_STR("text/plain"));
    rb_http1_put_header(&out, "X-Empty", RB_STR_NONE);
    rb_http1_put_header_u64(&out, "Content-Length", UINT64_MAX);
    rb_http1_put_end(&out);
    assert_str(rb_buf_str(&out), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Empty: \r\n"
                                 "Content-Length: 18446744073709551615\r\n\r\n");
    rb_buf_fini(&out);
}

static void writes_chunks(void **state)
{
    (void)state;
    struct rb_buf out = {0};
    char data[300];
    memset(data, 'x', sizeof data);
    rb_http1_put_chunk(&out, RB_STR("hello\r\n"));
    rb_http1_put_last_chunk(&out);
    assert_str(rb_buf_str(&out), "7\r\nhello\r\n\r\n0\r\n\r\n");
    rb_buf_clear(&out);
    rb_http1_put_chunk(&out, (rb_str){data, sizeof data});
    assert_true(rb_str_starts(rb_buf_str(&out), RB_STR("12c\r\nxxx")));
    assert_true(rb_str_ends(rb_buf_str(&out), RB_STR("xxx\r\n")));
    assert_int_equal(out.n, 5 + sizeof data + 2);
    rb_buf_fini(&out);
}

static void knows_statuses(void **state)
{
    (void)state;
    assert_string_equal(rb_http1_status_text(404), "Not Found");
    assert_string_equal(rb_http1_status_text(101), "Switching Protocols");
    assert_string_equal(rb_http1_status_text(299), "");
    /* Every reason that can be an answer has a text; 499 is for logs only. */
    for (int err = 0; err < RB_REASON_COUNT; err++) {
        int status = rb_reason((rb_err)err)->http_status;
        if (status != 499) assert_string_not_equal(rb_http1_status_text(status), "");
    }
    struct rb_buf out = {0};
    rb_http1_put_status(&out, 299);
    assert_str(rb_buf_str(&out), "HTTP/1.1 299 \r\n");
    rb_buf_fini(&out);
}

static void is_read_by_us(void **state)
{
    (void)state;
    const struct rb_http1_limits limits = {.head_max = 1000};
    struct rb_http1_header room[RB_HTTP1_HEADERS_MAX];
    struct rb_http1_head head = {.headers = room};
    size_t scanned = 0, consumed;
    rb_err err;
    for (int status = 100; status <= 599; status++) {
        struct rb_buf out = {0};
        rb_http1_put_status(&out, status);
        rb_http1_put_header(&out, "Transfer-Encoding", RB_STR("chunked"));
        rb_http1_put_end(&out);
        scanned = 0;
        assert_int_equal(rb_http1_answer(&head, rb_buf_str(&out), &scanned, false, &limits, &consumed, &err),
                         RB_HTTP1_DONE);
        assert_int_equal(head.status, status);
        assert_int_equal(consumed, out.n);
        rb_buf_fini(&out);
    }
}

static void put_value(void *value)
{
    struct rb_buf out = {0};
    rb_http1_put_header(&out, "X", *(rb_str *)value);
}

static void put_empty_chunk(void *unused)
{
    struct rb_buf out = {0};
    (void)unused;
    rb_http1_put_chunk(&out, RB_STR(""));
}

static bool aborts(void (*act)(void *), void *argument)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka's handlers are not the child's business */
        close(STDERR_FILENO);
        act(argument);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void aborts_on_line_ends(void **state)
{
    (void)state;
    rb_str bad[] = {RB_STR("a\rb"), RB_STR("a\n"), RB_STR("\0")};
    rb_str good = RB_STR("a\tb \xff");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_true(aborts(put_value, &bad[i]));
    assert_false(aborts(put_value, &good));
    assert_true(aborts(put_empty_chunk, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_answer),       cmocka_unit_test(writes_chunks),
        cmocka_unit_test(knows_statuses),      cmocka_unit_test(is_read_by_us),
        cmocka_unit_test(aborts_on_line_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
