/* What is pure of files over HTTP; and the endpoints of a token. */
#include "test.h"

#include "doors/bimserver/bots.h"
#include "doors/bimserver/endpoints.h"

#include <string.h>

static void gzip_is_wanted_when_it_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool is_wanted;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZIP", true},
        {"x-gzip", true},
        {"deflate, gzip;q=0.5, br", true},
        {" gzip ; q=0.001", true},
        {"gzip;q=0", false},
        {"gzip;Q=0.000", false},
        {"gzip ; q=0", false},
        {"gzip;level=9", true},
        {"*", false},
        {"gzipped", false},
        {"identity", false},
        {",,;", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (bim_wants_gzip(rb_str_of(cases[i].header)) != cases[i].is_wanted) fail_msg("%s", cases[i].header);
}

static void some_types_are_packed_already(void **state)
{
    (void)state;
    static const char *const packed[] = {"application/zip", "Image/PNG", "video/mp4"},
                             *const others[] = {"application/ifc", "text/plain; charset=utf-8", "images", ""};
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
        assert_false(bim_is_packable(rb_str_of(packed[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(bim_is_packable(rb_str_of(others[i])));
}

static void flows_are_listed(void **state)
{
    (void)state;
    assert_true(bim_flow_lists(RB_STR("SYNC,ASYNC_WS"), RB_STR("ASYNC_WS")));
    assert_true(bim_flow_lists(RB_STR("sync, async_ws"), RB_STR("ASYNC_WS")));
    assert_false(bim_flow_lists(RB_STR("ASYNC_WS"), RB_STR("SYNC")));
    assert_false(bim_flow_lists(RB_STR_NONE, RB_STR("SYNC")));
}

static void the_newest_endpoint_of_a_token_is_found(void **state)
{
    (void)state;
    static const struct rb_identity anna = {.tenant = {"t", 1}, .client = {"anna", 4}};
    const struct rb_identity *who = rb_identity_new(&anna);
    struct bim_endpoints *endpoints = bim_endpoints_new();
    struct rb_handle found, of[3] = {{{1}}, {{2}}, {{3}}};
    uint64_t number[3];
    for (int i = 0; i < 3; i++) number[i] = bim_endpoints_add(endpoints, &of[i], who, RB_STR("token"));
    assert_int_equal(number[0], 2);
    static const struct {
        int removed, newest; /* -1: none */
    } steps[] = {{-1, 2}, {1, 2}, {2, 0}, {0, -1}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i].removed >= 0) bim_endpoints_remove(endpoints, number[steps[i].removed]);
        bool is_there = bim_endpoints_find_by_token(endpoints, RB_STR("token"), &found);
        assert_int_equal(is_there, steps[i].newest >= 0);
        if (is_there) assert_memory_equal(&found, &of[steps[i].newest], sizeof found);
    }
    assert_false(bim_endpoints_find_by_token(endpoints, RB_STR("other"), &found));
    bim_endpoints_add(endpoints, &of[0], who, RB_STR("token")); /* freed with the rest */
    bim_endpoints_free(endpoints);
    rb_identity_unref(who);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_is_wanted_when_it_is_named),
        cmocka_unit_test(some_types_are_packed_already),
        cmocka_unit_test(flows_are_listed),
        cmocka_unit_test(the_newest_endpoint_of_a_token_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
