#include "codec/json_canonical.h"

#include "test.h"

static void one_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {" \"a\\u0062\\/\" ", "\"ab/\""},
        {"1", "1"},
        {"1.0", "1.0"},
        {"null", "null"},
        {"[ true , false ]", "[true,false]"},
        {"{}", "{}"},
        {"{\"b\": 1, \"a\": {\"d\": [2], \"c\": null}}", "{\"a\":{\"c\":null,\"d\":[2]},\"b\":1}"},
        {"{\"\\u0061b\":1,\"aa\":2}", "{\"aa\":2,\"ab\":1}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_json doc;
        struct rb_buf buf = {0};
        struct rb_json_out out = {.buf = &buf};
        assert_int_equal(rb_json_parse(&doc, rb_str_of(cases[i].text), NULL), RB_OK);
        rb_json_put_canonical(&out, rb_json_root(&doc));
        assert_str(rb_buf_str(&buf), cases[i].canonical);
        rb_buf_fini(&buf);
        rb_json_fini(&doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
