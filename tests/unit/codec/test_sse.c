#include "codec/sse.h"

#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void events(void **state)
{
    (void)state;
    static const struct {
        const char *id, *event, *data, *expected;
    } cases[] = {
        {NULL, NULL, "x", "data: x\n\n"},
        {"e:7", "progress", "{\"progress\":42}", "id: e:7\nevent: progress\ndata: {\"progress\":42}\n\n"},
        {"1", NULL, "x", "id: 1\ndata: x\n\n"},
        {NULL, "gap", "x", "event: gap\ndata: x\n\n"},
        {"", "", "", "id: \nevent: \ndata: \n\n"},
        {NULL, NULL, NULL, "data: \n\n"},
        {NULL, NULL, "a\nb", "data: a\ndata: b\n\n"},
        {NULL, NULL, "a\r\nb", "data: a\ndata: b\n\n"},
        {NULL, NULL, "a\rb", "data: a\ndata: b\n\n"},
        {NULL, NULL, "a\n\rb", "data: a\ndata: \ndata: b\n\n"},
        {NULL, NULL, "a\r\r\nb\r", "data: a\ndata: \ndata: b\ndata: \n\n"},
        {NULL, NULL, "\n", "data: \ndata: \n\n"},
        {NULL, NULL, " lead: id: 9", "data:  lead: id: 9\n\n"},
        {NULL, NULL, "a\nid: 9\n\nevent: z",
         "data: a\ndata: id: 9\ndata: \ndata: event: z\n\n"}, /* cannot break out */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_buf buf = {0};
        rb_sse_put_event(&buf, rb_str_of(cases[i].id), rb_str_of(cases[i].event), rb_str_of(cases[i].data));
        assert_str(rb_buf_str(&buf), cases[i].expected);
        rb_buf_fini(&buf);
    }
}

static void comments_and_retry(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    rb_sse_put_retry(&buf, 3000);
    rb_sse_put_comment(&buf, RB_STR("still here"));
    rb_sse_put_comment(&buf, RB_STR("two\r\nlines"));
    rb_sse_put_comment(&buf, RB_STR_NONE);
    assert_str(rb_buf_str(&buf), "retry: 3000\n\n: still here\n\n: two\n: lines\n\n: \n\n");
    rb_buf_fini(&buf);
}

/* Runs it in a child process; true when it aborted there. */
static bool aborts(rb_str id, rb_str event)
{
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        struct rb_buf buf = {0};
        rb_sse_put_event(&buf, id, event, RB_STR("x"));
        rb_buf_fini(&buf);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void names_that_would_break_out_are_our_bug(void **state)
{
    (void)state;
    static const rb_str bad[] = {{"a\nb", 3}, {"a\r", 2}, {"\n", 1}, {"a\0b", 3}};
    assert_false(aborts(RB_STR("a b:c"), RB_STR("d")));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(aborts(bad[i], RB_STR_NONE));
        assert_true(aborts(RB_STR_NONE, bad[i]));
    }
}

static void a_limit_shows_in_the_buffer(void **state)
{
    (void)state;
    struct rb_buf buf;
    rb_buf_init(&buf, 10);
    rb_sse_put_event(&buf, RB_STR_NONE, RB_STR_NONE, RB_STR("too much"));
    assert_true(buf.failed);
    rb_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),
        cmocka_unit_test(comments_and_retry),
        cmocka_unit_test(names_that_would_break_out_are_our_bug),
        cmocka_unit_test(a_limit_shows_in_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
