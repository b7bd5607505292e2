#include "conn_rig.h"

#include "codec/filter.h"

#define S(text)                                                                                              \
    {                                                                                                        \
        text, sizeof text - 1                                                                                \
    }

enum { FAKES = 4 };

static void open_all(struct rig *rig, struct fake fakes[FAKES])
{
    const struct fake all[FAKES] = {
        {.client = "ann",
         .door = "era",
         .more = {.owner = S("user"),
                  .user_id = S("u7"),
                  .login = S("ann@x"),
                  .session = S("s1"),
                  .application = S("/desk/a"),
                  .capabilities = S("msg,video"),
                  .site = S("north"),
                  .address = S("10.0.0.1"),
                  .port = 4000,
                  .renewed_ms = 1000,
                  .lease_ms = 120000}},
        {.client = "point",
         .door = "era",
         .more = {.owner = S("token"),
                  .point_id = S("p1"),
                  .session = S("s2"),
                  .application = S("/desk/b"),
                  .capabilities = S("video"),
                  .address = S("10.0.0.2"),
                  .port = 5000}},
        {.client = "ann", .door = "native", .space = "/chat"},
        {.tenant = "other",
         .client = "ann",
         .door = "era",
         .more = {.session = S("s1"), .capabilities = S("msg")}},
    };
    for (int i = 0; i < FAKES; i++) {
        fakes[i] = all[i];
        fake_open(rig, &fakes[i], i % LOOPS);
    }
}

static void expect_found(struct rig *rig, struct fake fakes[FAKES], struct found *found, const char *expected,
                         const char *what)
{
    search_page(rig, 0, found);
    for (size_t k = 0; k < FAKES; k++)
        if (has_found(found, &fakes[k].id) != (strchr(expected, (int)('0' + k)) != NULL))
            fail_msg("%s: connection %zu", what, k);
    rb_buf_fini(&found->ids);
}

static void test_words(void **state)
{
    struct rig *rig = *state;
    struct fake fakes[FAKES];
    static const struct {
        struct found found;
        const char *expected; /* indices of fakes */
    } table[] = {
        {{.session = "s1"}, "0"},
        {{.session = "s"}, ""},
        {{.session = ""}, ""},
        {{.capability = "video"}, "01"},
        {{.capability = "msg"}, "0"},
        {{.capability = "msg,video"}, ""},
        {{.capability = ""}, ""},
        {{.application = "/desk/b"}, "1"},
        {{.address = "10.0.0.1"}, "0"},
        {{.address = "::1"}, "2"},
        {{.address = ""}, ""},
        {{.capability = "video", .client = "ann"}, "0"},
        {{.session = "s2", .client = "ann"}, ""},
    };
    open_all(rig, fakes);
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct found found = table[i].found;
        char what[20];
        snprintf(what, sizeof what, "row %zu", i);
        expect_found(rig, fakes, &found, table[i].expected, what);
    }
    for (int i = 0; i < FAKES; i++) fake_end(&fakes[i]);
}

#define P(name) "[\"property\",\"" name "\"]"

static void test_filters(void **state)
{
    struct rig *rig = *state;
    struct fake fakes[FAKES];
    static const struct {
        const char *filter, *expected;
    } table[] = {
        {"[\"==\"," P("user_id") ",\"u7\"]", "0"},
        {"[\"and\",[\"==\"," P("user_id") ",\"u7\"],[\"in\",\"msg\"," P("caps") "]]", "0"},
        {"[\"in\",\"video\"," P("capabilities") "]", "01"},
        {"[\"==\"," P("session_id") ",\"s2\"]", "1"},
        {"[\"==\"," P("session") ",null]", "2"},
        {"[\"like\"," P("app") ",\"/desk/%\"]", "01"},
        {"[\"like\"," P("application") ",\"%b\"]", "1"},
        {"[\"==\"," P("ownertype") ",\"token\"]", "1"},
        {"[\"==\"," P("owner") ",\"user\"]", "0"},
        {"[\"==\"," P("integration_point_id") ",\"p1\"]", "1"},
        {"[\"==\"," P("login") ",\"ann@x\"]", "0"},
        {"[\"==\"," P("domain") ",\"t\"]", "012"},
        {"[\"==\"," P("client") ",\"ann\"]", "02"},
        {"[\"!=\"," P("door") ",\"era\"]", "2"},
        {"[\"==\"," P("transport") ",\"none\"]", "012"},
        {"[\"==\"," P("space") ",\"/chat\"]", "2"},
        {"[\"like\"," P("peer_address") ",\"10.%\"]", "01"},
        {"[\"==\"," P("address") ",\"::1\"]", "2"},
        {"[\">\"," P("peer_port") ",4000]", "1"},
        {"[\"==\"," P("ttl") ",120]", "0"},
        {"[\"==\"," P("lease_s") ",null]", "12"},
        {"[\"==\"," P("node") ",0]", "012"},
        {"[\"==\"," P("site") ",\"north\"]", "0"},
        {"[\"==\"," P("renewed") ",\"1970-01-01T00:00:01.000Z\"]", "0"},
        {"[\">\"," P("since") ",\"2020\"]", "012"},
        {"[\"like\"," P("id") ",\"________________________\"]", ""},
        {"[\"==\"," P("id") "," P("connection_id") "]", "012"},
        {"[\"==\"," P("unheard") ",null]", "012"},
    };
    open_all(rig, fakes);
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct rb_arena arena = {0};
        struct found found = {0};
        rb_str why;
        assert_int_equal(rb_filter_read(rb_str_of(table[i].filter), &arena, &found.filter, &why), RB_OK);
        expect_found(rig, fakes, &found, table[i].expected, table[i].filter);
        rb_arena_fini(&arena);
    }
    for (int i = 0; i < FAKES; i++) fake_end(&fakes[i]);
}

static void test_unknown_property(void **state)
{
    (void)state;
    struct rb_conn_row row = {0};
    struct rb_filter_value value = {.type = RB_FILTER_BOOL};
    assert_false(rb_conn_property(&row, RB_STR("unheard"), &value));
    assert_false(rb_conn_property(&row, RB_STR(""), &value));
    assert_int_equal(value.type, RB_FILTER_BOOL);
    assert_true(rb_conn_property(&row, RB_STR("caps"), &value));
    assert_int_equal(value.type, RB_FILTER_NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(test_words),
        ON_A_RIG(test_filters),
        cmocka_unit_test(test_unknown_property),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
