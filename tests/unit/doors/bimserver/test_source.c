#include "doors/bimserver/source.h"

#include "base/check.h"
#include "test.h"

static const rb_str addresses[] = {RB_STR("http://files.example/models/"), RB_STR("https://other.example/")};

static bool is_listed(const char *url)
{
    return bim_source_is_listed(rb_str_of(url), addresses, RB_COUNT(addresses));
}

static void what_is_below_is_listed(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "http://files.example/models/a.ifc",
        "http://files.example/models/a/b..ifc",
        "http://files.example/models/a%20b.ifc?of=/../x",
        "http://files.example/models/100%",
        "http://files.example/models/%zz%4",
        "https://other.example/",
    };
    for (size_t i = 0; i < RB_COUNT(urls); i++)
        if (!is_listed(urls[i])) fail_msg("%s", urls[i]);
    assert_false(bim_source_is_listed(rb_str_of(urls[0]), NULL, 0));
}

static void what_leads_out_of_it_is_not(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "",
        "http://files.example/",
        "http://files.example/models",
        "http://files.example/modelsX/a",
        "HTTP://files.example/models/a",
        "http://files.example:8080/models/a",
        "http://files.example@evil.example/models/a",
        "http://files.example/models/../secret",
        "http://files.example/models/..",
        "http://files.example/models/a/./../../secret",
        "http://files.example/models/a/..;x=1/secret",
        "http://files.example/models/%2e%2e/secret",
        "http://files.example/models/.%2E/secret",
        "http://files.example/models/%2e./secret",
        "http://files.example/models/a%2f..%2f..%2fsecret",
        "http://files.example/models/a%2F%2e%2e%2Fsecret",
        "http://files.example/models/%252e%252e/secret",
        "http://files.example/models/%25252e%25252e/secret",
        "http://files.example/models/%%32e%%32e/secret",
        "http://files.example/models/%2%65%2%65/secret",
        "http://files.example/models/..\\secret",
        "http://files.example/models/a\\..\\secret",
        "http://files.example/models/a%5c..%5csecret",
        "http://files.example/models/a%255c..%255csecret",
        "http://files.example/models/a\t",
        "http://files.example/models/a b",
        "http://files.example/models/a%0d%0aHost:%20x",
        "http://files.example/models/a%00",
    };
    for (size_t i = 0; i < RB_COUNT(urls); i++)
        if (is_listed(urls[i])) fail_msg("%s", urls[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_below_is_listed),
        cmocka_unit_test(what_leads_out_of_it_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
