#include "codec/url.h"

#include "test.h"

static void splits(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path, *query; /* query NULL: none */
    } cases[] = {
        {"/", "/", NULL},
        {"/a/b", "/a/b", NULL},
        {"/a?x=1&y=2", "/a", "x=1&y=2"},
        {"/a?", "/a", ""},
        {"/?", "/", ""},
        {"/a?b?c", "/a", "b?c"},
        {"//a//b", "//a//b", NULL},
        {"/%2F%00", "/%2F%00", NULL}, /* still coded: for decode to judge */
        {"/a;b=c,d:e@f", "/a;b=c,d:e@f", NULL},
        {"http://host/a?b", "/a", "b"},
        {"HTTPS://host:8443/a", "/a", NULL},
        {"http://host", "/", NULL},
        {"http://host?x=/", "/", "x=/"},
        {"http://[::1]:80/a@b", "/a@b", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_url url;
        assert_int_equal(rb_url_split(&url, rb_str_of(cases[i].target)), RB_OK);
        assert_str(url.path, cases[i].path);
        assert_str(url.query, cases[i].query);
        assert_int_equal(url.query.p == NULL, cases[i].query == NULL);
    }
}

static void refuses_targets(void **state)
{
    (void)state;
    static const rb_str bad[] = {
        {NULL, 0},
        {"*", 1},
        {"a", 1},
        {"a/b", 3},
        {"?x", 2},
        {"/a b", 4},
        {"/a#b", 4},
        {"/a\tb", 4},
        {"/a\0b", 4},
        {"/\x7f", 2},
        {"/\xc3\xa4", 3},
        {"http://", 7},
        {"http:///a", 9},
        {"https://?x", 10},
        {"ftp://host/", 11},
        {"http:/host/", 11},
        {"host:443", 8},
        {"/a?#", 4},
        {"http://u@host/", 14},
        {"http://u:p@host", 15},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rb_url url = {.path = RB_STR("kept")};
        if (rb_url_split(&url, bad[i]) != RB_BAD_REQUEST) fail_msg("case %zu", i);
        assert_str(url.path, "kept");
    }
}

static void decodes(void **state)
{
    (void)state;
    static const struct {
        const char *coded, *decoded; /* decoded NULL: RB_BAD_REQUEST */
        bool plus_is_space;
    } cases[] = {
        {"", "", false},
        {"plain", "plain", false},
        {"a%20b", "a b", false},
        {"a+b", "a+b", false},
        {"a+b%2B", "a b+", true},
        {"%41%4a%4A%7e", "AJJ~", false},
        {"%2e%2E%2f", "../", false},
        {"%25%32%30", "%20", false}, /* once, not twice */
        {"%E2%82%AC", "\xe2\x82\xac", false},
        {"\xe2\x82\xac", "\xe2\x82\xac", false},
        {"%", NULL, false},
        {"%4", NULL, false},
        {"a%4", NULL, true},
        {"%4g", NULL, false},
        {"%g4", NULL, false},
        {"%%20", NULL, false},
        {"% 1", NULL, false},
        {"%+1", NULL, true},
        {"a%00b", NULL, false},
        {"%ff", NULL, false},
        {"%c3", NULL, false},
        {"%c0%80", NULL, false},
        {"%ed%a0%80", NULL, false},
        {"\xff", NULL, false},
    };
    struct rb_arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rb_str out = RB_STR("kept");
        rb_err err = rb_url_decode(&arena, rb_str_of(cases[i].coded), cases[i].plus_is_space, &out);
        if (err != (cases[i].decoded ? RB_OK : RB_BAD_REQUEST)) fail_msg("case %zu: %s", i, cases[i].coded);
        assert_str(out, cases[i].decoded ? cases[i].decoded : "kept");
    }
    rb_str out = RB_STR("kept"), plain = RB_STR("plain+");
    assert_int_equal(rb_url_decode(&arena, (rb_str){"a\0b", 3}, false, &out), RB_BAD_REQUEST);
    assert_int_equal(rb_url_decode(&arena, plain, false, &out), RB_OK);
    assert_ptr_equal(out.p, plain.p); /* borrowed */
    rb_arena_fini(&arena);
}

static void encodes(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    rb_url_encode(&buf, RB_STR("azAZ09-._~ /?%&+=\xe2\x82\xac"));
    assert_str(rb_buf_str(&buf), "azAZ09-._~%20%2F%3F%25%26%2B%3D%E2%82%AC");
    rb_buf_clear(&buf);
    rb_url_encode(&buf, (rb_str){"\0\x7f", 2});
    assert_str(rb_buf_str(&buf), "%00%7F");
    rb_buf_fini(&buf);
}

static void walks_queries(void **state)
{
    (void)state;
    static const struct {
        const char *query, *pairs; /* each pair as "name|value;" */
    } cases[] = {
        {"", ""},
        {"a=1", "a|1;"},
        {"a=1&b=2&a=3", "a|1;b|2;a|3;"},
        {"a", "a|;"},
        {"a=", "a|;"},
        {"=1", "|1;"},
        {"&&a=1&&", "a|1;"},
        {"a=1=2", "a|1=2;"},
        {"a+b=c+d", "a b|c d;"},
        {"%61=%26%3D", "a|&=;"},
        {"a=%zz&b=2", "a|%zz;b|2;"},
        {"%61=%", "%61|%;"}, /* raw, both halves */
        {"a=%00", "a|%00;"},
    };
    struct rb_arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_buf seen = {0};
        rb_str rest = rb_str_of(cases[i].query), name, value;
        while (rb_url_query_next(&arena, &rest, &name, &value)) {
            rb_buf_add_str(&seen, name);
            rb_buf_add_char(&seen, '|');
            rb_buf_add_str(&seen, value);
            rb_buf_add_char(&seen, ';');
        }
        assert_str(rb_buf_str(&seen), cases[i].pairs);
        assert_null(rest.p);
        rb_buf_fini(&seen);
    }
    rb_str rest = RB_STR_NONE, name, value;
    assert_false(rb_url_query_next(&arena, &rest, &name, &value));
    rb_arena_fini(&arena);
}

static void finds_the_last_value(void **state)
{
    (void)state;
    struct rb_arena arena = {0};
    rb_str query = RB_STR("after=1&wait=30&After=2&%61fter=e%3A7&empty="), value = RB_STR("kept");
    assert_true(rb_url_query_get(&arena, query, RB_STR("after"), &value));
    assert_str(value, "e:7");
    assert_true(rb_url_query_get(&arena, query, RB_STR("empty"), &value));
    assert_int_equal(value.n, 0);
    value = RB_STR("kept");
    assert_false(rb_url_query_get(&arena, query, RB_STR("AFTER"), &value));
    assert_false(rb_url_query_get(&arena, RB_STR_NONE, RB_STR("after"), &value));
    assert_str(value, "kept");
    rb_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits),  cmocka_unit_test(refuses_targets), cmocka_unit_test(decodes),
        cmocka_unit_test(encodes), cmocka_unit_test(walks_queries),   cmocka_unit_test(finds_the_last_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
