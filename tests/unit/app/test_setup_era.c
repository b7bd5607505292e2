#include "test.h"

#include "app/setup.h"

static struct rb_buf messages;

static bool parse(const char *text, struct rb_config *out)
{
    rb_buf_clear(&messages);
    return rb_config_parse(out, rb_str_of(text), "c.yaml", &messages) == RB_OK && messages.n == 0;
}

static void test_defaults(void **state)
{
    (void)state;
    struct rb_config config;
    struct rb_arena arena = {0};
    struct rb_era_setup setup = {0};
    assert_true(parse("", &config));
    assert_false(config.era.is_enabled);
    rb_setup_era(&config, &arena, &setup);
    assert_str(setup.site, "main");
    assert_int_equal(setup.default_tenant.n, 0);
    assert_int_equal(setup.login_timeout_ms, 30000);
    assert_int_equal(setup.ping_interval_ms, 30000);
    assert_int_equal(setup.silence_ms, 90000);
    assert_int_equal(setup.message_bytes_max, 1 << 20);
    assert_int_equal(setup.capability_count, 0);
    assert_int_equal(setup.unclaimed.kind.n + setup.unclaimed.url.n + setup.incoming_kind.n, 0);
    rb_arena_fini(&arena);
    rb_config_fini(&config);
}

static void test_capabilities(void **state)
{
    (void)state;
    struct rb_config config;
    struct rb_arena arena = {0};
    struct rb_era_setup setup = {0};
    assert_true(parse("jobs: {a: {command: [sh]}}\n"
                      "era:\n"
                      "  unclaimed_kind: a\n"
                      "  unclaimed_timeout: 3s\n"
                      "  incoming_kind: a\n"
                      "  capabilities:\n"
                      "    desk: {families: [user], roles: [x, y], events: [e], requests: [r, s]}\n"
                      "    hooked: {methods: [m], url: \"http://h/x\", timeout: 1s}\n",
                      &config));
    rb_setup_era(&config, &arena, &setup);
    assert_int_equal(setup.capability_count, 2);
    const struct rb_era_capability *desk = &setup.capabilities[0], *hooked = &setup.capabilities[1];
    assert_str(desk->name, "desk");
    assert_int_equal(desk->families, RB_ERA_USER);
    assert_str(desk->roles, "x,y");
    assert_int_equal(desk->event_count, 1);
    assert_int_equal(desk->request_count, 2);
    assert_str(desk->requests[1], "s");
    assert_int_equal(hooked->families, RB_ERA_USER | RB_ERA_TOKEN);
    assert_int_equal(hooked->roles.n, 0);
    assert_str(hooked->methods[0], "m");
    assert_str(hooked->hook.url, "http://h/x");
    assert_int_equal(hooked->hook.timeout_ms, 1000);
    assert_str(setup.unclaimed.kind, "a");
    assert_int_equal(setup.unclaimed.timeout_ms, 3000);
    assert_str(setup.incoming_kind, "a");
    rb_arena_fini(&arena);
    rb_config_fini(&config);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"era: {incoming_kind: a}\n",
         "c.yaml:1: era.incoming_kind: 'a' is not a kind of jobs; define it under 'jobs'\n"},
        {"jobs: {a: {command: [sh]}}\nera: {unclaimed_kind: a, unclaimed_url: \"http://h\"}\n",
         "c.yaml:2: era.unclaimed_url: a job or an address, not both; remove one of the two\n"},
        {"era: {unclaimed_url: h}\n",
         "c.yaml:1: era.unclaimed_url: expected an address such as https://hooks.example.com/era, not 'h'\n"},
        {"era: {capabilities: {msg: {}}}\n", "c.yaml:1: era.capabilities.msg: 'msg' is a capability that is "
                                             "there already; choose another name\n"},
        {"era: {capabilities: {x: {methods: [m]}}}\n",
         "c.yaml:1: era.capabilities.x.methods: these go nowhere; add 'kind' or 'url'\n"},
        {"era: {capabilities: {x: {families: [people]}}}\n",
         "c.yaml:1: era.capabilities.x.families[0]: expected user or token, not 'people'\n"},
        {"era: {silence_max: 20s}\n",
         "c.yaml:1: era.silence_max: shorter than era.ping_interval, so nobody would be "
         "asked for a sign of life; raise it\n"},
        {"era: {shared: files}\n",
         "c.yaml:1: era.shared: 'files' is not an absolute path of a directory that can be read\n"},
        {"era: {enabled: true}\njobs: {a: {command: [sh], routes: [\"POST /rest/v1/x\"]}}\n",
         "c.yaml:2: jobs.a.routes[0]: '/rest/v1/x' is a path that the server needs itself; choose another\n"},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_config config;
        assert_false(parse(cases[i].text, &config));
        assert_string_equal(rb_buf_text(&messages), cases[i].message);
    }
}

static int forget_messages(void **state)
{
    (void)state;
    rb_buf_fini(&messages);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_capabilities),
                                       cmocka_unit_test(test_what_is_refused)};
    return cmocka_run_group_tests(tests, NULL, forget_messages);
}
