/* What a text of JSON may ask for at once. */
#include "bim_rig.h"

#include "doors/bimserver/coerce.h"
#include "doors/bimserver/rpc.h"

static struct rb_buf answered;
static bool is_nothing;

static void on_done(void *arg, rb_str answer)
{
    (void)arg;
    is_nothing = answer.p == NULL;
    rb_buf_clear(&answered);
    rb_buf_add_str(&answered, answer);
}

static struct bim_rpc *start(const char *text)
{
    static const struct bim_origin origin = {.host = &rig_host};
    return bim_rpc_start(&origin, rb_str_of(text), on_done, NULL);
}

static int teardown(void **state)
{
    (void)state;
    rb_buf_fini(&answered);
    return 0;
}

/* It is answered, with this in it. */
static void check(const char *text, const char *expected)
{
    assert_null(start(text));
    assert_false(is_nothing);
    assert_non_null(strstr(rb_buf_text(&answered), expected));
}

static void a_text_has_so_many_values(void **state)
{
    (void)state;
    struct rb_buf text = {0};
    rb_buf_add_text(&text,
                    "{\"request\":{\"interface\":\"AuthInterface\",\"method\":\"getAccessMethod\"},\"x\":[0");
    for (unsigned i = 0; i < BIM_RPC_VALUES_MAX - 20; i++) rb_buf_add_text(&text, ",0");
    size_t n = text.n;
    rb_buf_add_text(&text, "]}");
    check(rb_buf_text(&text), "{\"response\":{\"result\":\"JSON\"}}");
    text.n = n;
    for (unsigned i = 0; i < 20; i++) rb_buf_add_text(&text, ",0");
    rb_buf_add_text(&text, "]}");
    assert_null(start(rb_buf_text(&text)));
    assert_true(is_nothing);
    rb_buf_fini(&text);
}

static void much(struct bim_call *call)
{
    struct rb_buf text = {0};
    rb_buf_add_char(&text, '"');
    for (unsigned i = 0; i < 1 << 20; i++) rb_buf_add_text(&text, "0123456789");
    rb_buf_add_char(&text, '"');
    bim_result(call, &text);
}

static void answers_are_not_endless(void **state)
{
    (void)state;
    struct rb_buf text = {0};
    rig_handle("getServiceInterfaces", much);
    rb_buf_add_text(&text, "{\"requests\":[");
    for (unsigned i = 0; i < 10; i++)
        rb_buf_add_fmt(
            &text,
            "%s{\"interface\":\"MetaInterface\",\"method\":\"getServiceInterfaces\",\"parameters\":{}}",
            i ? "," : "");
    rb_buf_add_text(&text, "]}");
    assert_null(start(rb_buf_text(&text)));
    assert_true(answered.n < 3 * BIM_RPC_ANSWER_BYTES_MAX / 2);
    assert_non_null(
        strstr(rb_buf_text(&answered), "\"message\":\"The answers are too large for one message\""));
    rb_buf_fini(&text);
}

static void texts_have_a_length(void **state)
{
    (void)state;
    struct rb_buf text = {0};
    rb_buf_add_text(&text,
                    "{\"request\":{\"interface\":\"AuthInterface\",\"method\":\"login\",\"parameters\":"
                    "{\"password\":\"\",\"username\":\"");
    for (unsigned i = 0; i <= BIM_TEXT_BYTES_MAX; i++) rb_buf_add_char(&text, 'x');
    rb_buf_add_text(&text, "\"}}}");
    check(rb_buf_text(&text), "Wrong parameter: login -> username: the text is too long");
    rb_buf_fini(&text);
}

static void a_text_has_so_many_calls(void **state)
{
    (void)state;
    struct rb_buf text = {0};
    rb_buf_add_text(&text, "{\"requests\":[{}");
    for (unsigned i = 0; i < BIM_RPC_CALLS_MAX; i++) rb_buf_add_text(&text, ",{}");
    rb_buf_add_text(&text, "]}");
    check(rb_buf_text(&text), "Too many requests at once");
    rb_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_text_has_so_many_values, rig_setup),
        cmocka_unit_test_setup(answers_are_not_endless, rig_setup),
        cmocka_unit_test_setup(texts_have_a_length, rig_setup),
        cmocka_unit_test_setup(a_text_has_so_many_calls, rig_setup),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
