#include "test.h"

#include "app/setup.h"

static struct rb_config parse(const char *text)
{
    struct rb_config config = {0};
    struct rb_buf messages = {0};
    rb_err err = rb_config_parse(&config, rb_str_of(text), "c.yaml", &messages);
    if (err || messages.n) fail_msg("%s\n%s", text, rb_buf_text(&messages));
    rb_buf_fini(&messages);
    return config;
}

/* Where outcomes are announced they are stored; other rooms are topics like any other. */
static void test_rules_of_rooms(void **state)
{
    (void)state;
    struct rb_config config =
        parse("jobs: {a: {command: [sh]}}\n"
              "topics: {rules: {chat/*: {keep_age: 5m}}, keep_age: 3m}\n"
              "socketio:\n"
              "  rooms:\n"
              "    - {join: j, leave: l, topic: \"chat/{room}\", key: room, publish: [say]}\n"
              "    - {join: j2, leave: l2, topic: \"p/{projectId}\", kinds: [a], keep: 1h}\n");
    struct rb_arena arena = {0};
    unsigned count;
    const struct rb_topic_rule *rules = rb_setup_topic_rules(&config, &arena, &count);
    static const struct {
        const char *pattern;
        bool is_durable;
        uint64_t age_ms;
    } want[] = {{"*/jobs/*", true, RB_CONFIG_KEEP_AGE_MS_MAX},
                {"*/envoy/*", false, RB_CONFIG_KEEP_AGE_MS_MAX},
                {"*/era/**", false, 3600000},
                {"*/bim/**", false, 0},
                {"*/p/*", true, 86400000},
                {"*/chat/*", false, 300000},
                {"**", false, 180000}};
    assert_int_equal(count, RB_COUNT(want));
    for (unsigned i = 0; i < count; i++) {
        assert_str(rules[i].pattern, want[i].pattern);
        assert_int_equal(rules[i].keep.is_durable, want[i].is_durable);
        assert_int_equal(rules[i].keep.age_ms, want[i].age_ms);
    }
    rb_arena_fini(&arena);
    rb_config_fini(&config);
}

static void test_kinds(void **state)
{
    (void)state;
    struct rb_config config = parse("jobs:\n"
                                    "  run: {command: [sh, x], progress_interval: 1s}\n"
                                    "  away: {external: true}\n");
    struct rb_arena arena = {0};
    unsigned count;
    const struct rb_job_kind *kinds = rb_setup_kinds(&config, "/opt/ringback", &arena, &count);
    assert_int_equal(count, 2);
    assert_int_equal(kinds[0].command_count, 2);
    assert_string_equal(kinds[0].command[1], "x");
    assert_null(kinds[0].command[2]);
    assert_false(kinds[0].is_external);
    assert_int_equal(kinds[0].progress_interval_ms, 1000);
    assert_int_equal(kinds[1].command_count, 0);
    assert_true(kinds[1].is_external);
    rb_arena_fini(&arena);
    rb_config_fini(&config);
}

static void test_own_url(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"127.0.0.1:0", "http://127.0.0.1:1234"}, {"0.0.0.0:80", "http://127.0.0.1:1234"},
        {"\"[::]:80\"", "http://[::1]:1234"},     {"\"[fd00::7]:80\"", "http://[fd00::7]:1234"},
        {"10.1.2.3:80", "http://10.1.2.3:1234"},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_arena arena = {0};
        struct rb_config config = parse(rb_arena_fmt(&arena, "listen: %s\n", cases[i][0]).p);
        assert_string_equal(rb_setup_url(&config, 1234, &arena), cases[i][1]);
        rb_config_fini(&config);
        rb_arena_fini(&arena);
    }
}

static void test_door(void **state)
{
    (void)state;
    struct rb_config config =
        parse("connection: {subscriptions_max: 7}\n"
              "socketio:\n"
              "  v3: true\n"
              "  polling: false\n"
              "  recovery: always\n"
              "  recovery_window: 1m\n"
              "  upgrade_timeout: 1s\n"
              "  close_timeout: 2s\n"
              "  cors_credentials: true\n"
              "  rooms:\n"
              "    - {join: j, leave: l, topic: \"chat/{room}\", key: room, publish: [say, wave],"
              " tenant_field: \"\"}\n"
              "    - {join: j2, leave: l2, topic: \"q/{room}\", key: room}\n");
    struct rb_arena arena = {0};
    struct rb_sio_setup setup = {0};
    rb_setup_socketio(&config, &arena, &setup);
    assert_int_equal(setup.subscriptions_max, 7);
    assert_true(setup.has_v3);
    assert_false(setup.has_polling);
    assert_false(setup.is_conformance);
    assert_int_equal(setup.recovery, RB_SIO_RECOVERY_ALWAYS);
    assert_int_equal(setup.recovery_ms, 60000);
    assert_int_equal(setup.upgrade_timeout_ms, 1000);
    assert_int_equal(setup.close_timeout_ms, 2000);
    assert_true(setup.cors_credentials);
    assert_int_equal(setup.room_count, 2);
    assert_int_equal(setup.rooms[0].publish_count, 2);
    assert_str(setup.rooms[0].publish[1], "wave");
    assert_null(setup.rooms[0].tenant_field.p); /* not looked at */
    assert_int_equal(setup.rooms[0].kind_count, 0);
    assert_str(setup.rooms[1].tenant_field, "tenantId");
    assert_int_equal(setup.rooms[1].publish_count, 0);
    rb_arena_fini(&arena);
    rb_config_fini(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_of_rooms),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_own_url),
        cmocka_unit_test(test_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
