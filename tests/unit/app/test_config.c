#include "test.h"

#include "app/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Parses what must be right; any message fails. */
static struct rb_config parse(const char *text)
{
    struct rb_config config = {0};
    struct rb_buf messages = {0};
    rb_err err = rb_config_parse(&config, rb_str_of(text), "c.yaml", &messages);
    if (err || messages.n) fail_msg("%s\n%s", text, rb_buf_text(&messages));
    rb_buf_fini(&messages);
    return config;
}

static void assert_strings(struct rb_config_strings list, const char *joined)
{
    struct rb_buf text = {0};
    for (size_t i = 0; i < list.count; i++) {
        rb_buf_add_text(&text, i ? " " : "");
        rb_buf_add_str(&text, list.items[i]);
        assert_int_equal(list.items[i].p[list.items[i].n], '\0');
    }
    assert_str(rb_buf_str(&text), joined);
    rb_buf_fini(&text);
}

/* ---- what is right ---- */

static void test_defaults(void **state)
{
    (void)state;
    struct rb_config c;
    rb_config_defaults(&c);
    assert_str(c.listen.host, "127.0.0.1");
    assert_int_equal(c.listen.port, 8080);
    assert_str(c.data, "./ringback-data");
    assert_int_equal(c.threads, 0);
    assert_int_equal(c.log.level, RB_LOG_LEVEL_INFO);
    assert_int_equal(c.log.format, RB_CONFIG_LOG_TEXT);
    assert_int_equal(c.origins.count, 0);
    assert_int_equal(c.tenants.count, 0);
    assert_int_equal(c.http.head_bytes_max, 16384);
    assert_int_equal(c.http.target_bytes_max, 8192);
    assert_int_equal(c.http.body_bytes_max, 1048576);
    assert_int_equal(c.http.header_timeout_ms, 10000);
    assert_int_equal(c.http.body_timeout_ms, 30000);
    assert_int_equal(c.http.idle_timeout_ms, 75000);
    assert_int_equal(c.http.write_timeout_ms, 60000);
    assert_int_equal(c.http.wait_ms_max, 60000);
    assert_int_equal(c.websocket.message_bytes_max, 1048576);
    assert_int_equal(c.websocket.ping_interval_ms, 25000);
    assert_int_equal(c.websocket.ping_timeout_ms, 20000);
    assert_int_equal(c.websocket.auth_timeout_ms, 10000);
    assert_int_equal(c.connection.output_bytes_max, 1048576);
    assert_int_equal(c.connection.subscriptions_max, 1000);
    assert_int_equal(c.topics.keep_count, 1000);
    assert_int_equal(c.topics.keep_bytes, 1048576);
    assert_int_equal(c.topics.keep_age_ms, 600000);
    assert_int_equal(c.topics.message_bytes_max, 1048576);
    assert_int_equal(c.topics.rules.count, 0);
    assert_int_equal(c.jobs.count, 0);
    assert_true(c.socketio.is_enabled);
    assert_str(c.socketio.path, "/socket.io/");
    assert_int_equal(c.socketio.ping_interval_ms, 25000);
    assert_int_equal(c.socketio.ping_timeout_ms, 20000);
    assert_int_equal(c.socketio.connect_timeout_ms, 45000);
    assert_int_equal(c.socketio.payload_bytes_max, 1000000);
    assert_false(c.socketio.has_v3);
    assert_true(c.socketio.has_polling);
    assert_int_equal(c.socketio.upgrade_timeout_ms, 10000);
    assert_int_equal(c.socketio.close_timeout_ms, 30000);
    assert_int_equal(c.socketio.recovery, RB_CONFIG_RECOVERY_ASKED);
    assert_int_equal(c.socketio.recovery_window_ms, 120000);
    assert_false(c.socketio.has_cors_credentials);
    assert_strings(c.socketio.namespaces, "/");
    assert_int_equal(c.socketio.rooms.count, 0);
    assert_int_equal(c.socketio.process.sync_timeout_ms, 60000);
    assert_int_equal(c.socketio.process.sync_timeout_job, RB_CONFIG_SYNC_JOB_CONTINUE);
    assert_strings(c.socketio.process.download_paths,
                   "/api/projects/{projectId}/download/{downloadId} /api/download/{downloadId}");
    assert_int_equal(c.warnings.count, 0);
    rb_config_fini(&c);
    rb_config_fini(&c); /* safe on zeroed storage */

    c = parse("");
    assert_int_equal(c.listen.port, 8080);
    rb_config_fini(&c);
    c = parse("http:\n  # nothing but a comment\njobs:\n");
    assert_int_equal(c.http.head_bytes_max, 16384);
    rb_config_fini(&c);
}

static void test_general(void **state)
{
    (void)state;
    struct rb_config c = parse("listen: \"[::1]:0\"\n"
                               "data: /var/lib/ring back\n"
                               "threads: 64\n"
                               "origins: [\"*\", 'https://app.example.com', http://localhost:3000]\n"
                               "log: {level: error, format: json}\n"
                               "tenants:\n"
                               "  acme: {hosts: [acme.example.com, a-1.example.com]}\n"
                               "  b_2: {hosts: [b]}\n"
                               "websocket: {ping_interval: 50ms, ping_timeout: 50ms}\n"
                               "connection: {subscriptions_max: 1000000}\n");
    assert_str(c.listen.host, "::1");
    assert_int_equal(c.listen.port, 0);
    assert_str(c.data, "/var/lib/ring back");
    assert_int_equal(c.threads, 64);
    assert_strings(c.origins, "* https://app.example.com http://localhost:3000");
    assert_int_equal(c.log.level, RB_LOG_LEVEL_ERROR);
    assert_int_equal(c.log.format, RB_CONFIG_LOG_JSON);
    assert_int_equal(c.tenants.count, 2);
    assert_str(c.tenants.items[0].name, "acme");
    assert_strings(c.tenants.items[0].hosts, "acme.example.com a-1.example.com");
    assert_str(c.tenants.items[1].name, "b_2");
    assert_int_equal(c.websocket.ping_interval_ms, 50);
    assert_int_equal(c.connection.subscriptions_max, 1000000);
    rb_config_fini(&c);
}

static void test_sizes_and_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } sizes[] = {{"1024", 1024},        {"2048B", 2048},   {"2kB", 2000},
                 {"2KB", 2000},         {"64KiB", 65536},  {"10MB", 10000000},
                 {"\"3MiB\"", 3 << 20}, {"1GiB", 1 << 30}, {"1GB", 1000000000}},
      durations[] = {{"100ms", 100}, {"1s", 1000}, {"30m", 1800000}, {"'12h'", 43200000}, {"1d", 86400000}};
    char text[100];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(text, sizeof text, "http: {body_max: %s}", sizes[i].text);
        struct rb_config c = parse(text);
        assert_int_equal(c.http.body_bytes_max, sizes[i].value);
        rb_config_fini(&c);
    }
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        snprintf(text, sizeof text, "http: {idle_timeout: %s}", durations[i].text);
        struct rb_config c = parse(text);
        assert_int_equal(c.http.idle_timeout_ms, durations[i].value);
        rb_config_fini(&c);
    }
}

static void test_rules(void **state)
{
    (void)state;
    struct rb_config c = parse("topics:\n"
                               "  rules:\n"
                               "    chat/**: {retention: age, keep_age: 7d, durable: true}\n"
                               "    \"*/state\": {retention: last}\n"
                               "    a: {}\n"
                               "    b:\n"
                               "    \"**\": {retention: none, keep_bytes: 2KiB}\n"
                               "    c: {retention: count, keep_count: 9}\n"
                               "    d: {retention: bytes, keep_bytes: 1KiB}\n"
                               "  keep_count: 7\n" /* further down, and inherited all the same */
                               "  keep_age: 5s\n");
    const struct rb_config_rule *rules = c.topics.rules.items;
    assert_int_equal(c.topics.rules.count, 7);
    assert_str(rules[0].pattern, "chat/**");
    assert_int_equal(rules[0].retention, RB_CONFIG_RETENTION_AGE);
    assert_int_equal(rules[0].keep_age_ms, 7 * 86400000);
    assert_int_equal(rules[0].keep_count, RB_CONFIG_KEEP_COUNT_MAX); /* age alone, and bytes */
    assert_int_equal(rules[0].keep_bytes, 1048576);
    assert_true(rules[0].is_durable);
    assert_int_equal(rules[1].retention, RB_CONFIG_RETENTION_LAST);
    assert_int_equal(rules[1].keep_count, 1);
    assert_int_equal(rules[1].keep_bytes, RB_CONFIG_KEEP_BYTES_MAX);
    assert_int_equal(rules[1].keep_age_ms, RB_CONFIG_KEEP_AGE_MS_MAX);
    assert_false(rules[1].is_durable);
    assert_int_equal(rules[2].retention, RB_CONFIG_RETENTION_LIMITS);
    assert_int_equal(rules[2].keep_count, 7);
    assert_int_equal(rules[2].keep_bytes, 1048576);
    assert_int_equal(rules[2].keep_age_ms, 5000);
    assert_str(rules[3].pattern, "b");
    assert_int_equal(rules[3].keep_count, 7);
    assert_int_equal(rules[4].retention, RB_CONFIG_RETENTION_NONE);
    assert_int_equal(rules[4].keep_count, 0);
    assert_int_equal(rules[4].keep_bytes, 2048);
    assert_int_equal(rules[5].keep_count, 9);
    assert_int_equal(rules[5].keep_age_ms, RB_CONFIG_KEEP_AGE_MS_MAX);
    assert_int_equal(rules[6].keep_count, RB_CONFIG_KEEP_COUNT_MAX);
    assert_int_equal(rules[6].keep_bytes, 1024);
    assert_int_equal(rules[6].keep_age_ms, RB_CONFIG_KEEP_AGE_MS_MAX);
    rb_config_fini(&c);
}

static void test_jobs(void **state)
{
    (void)state;
    struct rb_config c = parse("jobs:\n"
                               "  plain: {command: [/bin/sh]}\n"
                               "  Full-2_:\n"
                               "    command: [sh, -c, \"echo {a} {b}{other}\", \"\"]\n"
                               "    routes: ['GET /x/{a}/y', 'POST /x/{b}']\n"
                               "    timeout: 1m\n"
                               "    kill_grace: 0s\n"
                               "    concurrency: 3\n"
                               "    queue_max: 4\n"
                               "    queue_timeout: 2h\n"
                               "    attempts: 5\n"
                               "    retry_backoff: 250ms\n"
                               "    retry: true\n"
                               "    result_max: 6MiB\n"
                               "    result_keep: 7d\n"
                               "    log_max: 0\n"
                               "    environment: {PACE: 0.3, EMPTY: \"\", _x: 'a b'}\n"
                               "    memory_max: 2GiB\n"
                               "    open_files_max: 64\n"
                               "    progress_interval: 0s\n"
                               "  away: {external: true}\n"
                               "  soon: {timeout: 30m, external: true, queue_max: 7}\n");
    assert_int_equal(c.jobs.count, 4);
    const struct rb_config_job *plain = rb_config_job_find(&c, RB_STR("plain"));
    assert_ptr_equal(plain, &c.jobs.items[0]);
    assert_strings(plain->command, "/bin/sh");
    assert_int_equal(plain->routes.count, 0);
    assert_int_equal(plain->timeout_ms, 1800000);
    assert_int_equal(plain->kill_grace_ms, 5000);
    assert_int_equal(plain->concurrency, 2);
    assert_int_equal(plain->queue_max, 1000);
    assert_int_equal(plain->queue_timeout_ms, 86400000);
    assert_int_equal(plain->attempts, 1);
    assert_int_equal(plain->retry_backoff_ms, 5000);
    assert_false(plain->is_retried);
    assert_int_equal(plain->result_bytes_max, 1 << 30);
    assert_int_equal(plain->result_keep_ms, 86400000);
    assert_int_equal(plain->log_bytes_max, 65536);
    assert_int_equal(plain->environment.count, 0);
    assert_int_equal(plain->memory_bytes_max, 0);
    assert_int_equal(plain->open_files_max, 1024);
    assert_int_equal(plain->progress_interval_ms, 200);
    assert_false(plain->is_external);
    assert_int_equal(plain->scenario.n, 0);

    const struct rb_config_job *away = rb_config_job_find(&c, RB_STR("away"));
    assert_true(away->is_external);
    assert_int_equal(away->command.count, 0);
    assert_int_equal(away->timeout_ms, 86400000); /* not 30m, unless it is said */
    assert_int_equal(rb_config_job_find(&c, RB_STR("soon"))->timeout_ms, 1800000);

    const struct rb_config_job *full = rb_config_job_find(&c, RB_STR("Full-2_"));
    assert_strings(full->command, "sh -c echo {a} {b}{other} ");
    assert_int_equal(full->routes.count, 2);
    assert_str(full->routes.items[0].method, "GET");
    assert_str(full->routes.items[0].path, "/x/{a}/y");
    assert_str(full->routes.items[1].method, "POST");
    assert_str(full->routes.items[1].path, "/x/{b}");
    assert_int_equal(full->timeout_ms, 60000);
    assert_int_equal(full->kill_grace_ms, 0);
    assert_int_equal(full->concurrency, 3);
    assert_int_equal(full->queue_max, 4);
    assert_int_equal(full->queue_timeout_ms, 7200000);
    assert_int_equal(full->attempts, 5);
    assert_int_equal(full->retry_backoff_ms, 250);
    assert_true(full->is_retried);
    assert_int_equal(full->result_bytes_max, 6 << 20);
    assert_int_equal(full->result_keep_ms, 7 * 86400000);
    assert_int_equal(full->log_bytes_max, 0);
    assert_int_equal(full->environment.count, 3);
    assert_str(full->environment.items[0].name, "PACE");
    assert_str(full->environment.items[0].value, "0.3");
    assert_str(full->environment.items[1].value, "");
    assert_str(full->environment.items[2].value, "a b");
    assert_int_equal(full->memory_bytes_max, 2ull << 30);
    assert_int_equal(full->progress_interval_ms, 0);
    assert_int_equal(full->open_files_max, 64);
    assert_null(rb_config_job_find(&c, RB_STR("full-2_")));
    rb_config_fini(&c);
}

#define TWO_KINDS "jobs:\n  a: {command: [sh]}\n  b: {command: [sh]}\n" /* 3 lines */

static void test_socketio(void **state)
{
    (void)state;
    struct rb_config c =
        parse(TWO_KINDS "socketio:\n"
                        "  enabled: false\n"
                        "  path: /rigi/io/\n"
                        "  max_payload: 1MB\n"
                        "  v3: true\n"
                        "  polling: false\n"
                        "  upgrade_timeout: 1s\n"
                        "  close_timeout: 2s\n"
                        "  recovery: always\n"
                        "  recovery_window: 3s\n"
                        "  cors_credentials: true\n"
                        "  namespaces: [/, /admin]\n"
                        "  rooms:\n"
                        "    - {join: j, leave: l, topic: \"p/{projectId}\", kinds: [a, b]}\n"
                        "    - join: j2\n"
                        "      leave: l2\n"
                        "      topic: q/{team}/{project}\n"
                        "      key: project\n"
                        "      tenant_field: t\n"
                        "      tenant: token\n"
                        "      kinds: [b]\n"
                        "      results: room\n"
                        "      keep: 1h\n"
                        "    - join: j3\n"
                        "      leave: l3\n"
                        "      topic: chat/{room}\n"
                        "      key: room\n"
                        "      tenant_field: \"\"\n"
                        "      publish: [say, wave]\n"
                        "  process:\n"
                        "    sync_timeout: 100ms\n"
                        "    sync_timeout_job: cancel\n"
                        "    download_paths: []\n");
    assert_false(c.socketio.is_enabled);
    assert_str(c.socketio.path, "/rigi/io/");
    assert_int_equal(c.socketio.payload_bytes_max, 1000000);
    assert_strings(c.socketio.namespaces, "/ /admin");
    const struct rb_config_room *rooms = c.socketio.rooms.items;
    assert_int_equal(c.socketio.rooms.count, 3);
    assert_str(rooms[0].join, "j");
    assert_str(rooms[0].leave, "l");
    assert_str(rooms[0].topic, "p/{projectId}");
    assert_str(rooms[0].key, "projectId");
    assert_str(rooms[0].tenant_field, "tenantId");
    assert_int_equal(rooms[0].tenant, RB_CONFIG_ROOM_TENANT_HOST);
    assert_strings(rooms[0].kinds, "a b");
    assert_int_equal(rooms[0].results, RB_CONFIG_ROOM_RESULTS_STARTER);
    assert_int_equal(rooms[0].keep_ms, 600000);
    assert_str(rooms[1].key, "project");
    assert_str(rooms[1].tenant_field, "t");
    assert_int_equal(rooms[1].tenant, RB_CONFIG_ROOM_TENANT_TOKEN);
    assert_int_equal(rooms[1].results, RB_CONFIG_ROOM_RESULTS_ROOM);
    assert_int_equal(rooms[1].keep_ms, 3600000);
    assert_str(rooms[2].tenant_field, "");
    assert_strings(rooms[2].publish, "say wave");
    assert_int_equal(rooms[2].kinds.count, 0);
    assert_true(c.socketio.has_v3);
    assert_false(c.socketio.has_polling);
    assert_int_equal(c.socketio.upgrade_timeout_ms, 1000);
    assert_int_equal(c.socketio.close_timeout_ms, 2000);
    assert_int_equal(c.socketio.recovery, RB_CONFIG_RECOVERY_ALWAYS);
    assert_int_equal(c.socketio.recovery_window_ms, 3000);
    assert_true(c.socketio.has_cors_credentials);
    assert_int_equal(c.socketio.process.sync_timeout_ms, 100);
    assert_int_equal(c.socketio.process.sync_timeout_job, RB_CONFIG_SYNC_JOB_CANCEL);
    assert_int_equal(c.socketio.process.download_paths.count, 0);
    rb_config_fini(&c);
}

/* ---- files ---- */

static void test_load(void **state)
{
    (void)state;
    struct rb_config c = {0};
    struct rb_buf messages = {0};
    assert_int_equal(rb_config_load(&c, "/nonexistent/ringback.yaml", &messages), RB_BAD_CONFIG);
    assert_str(rb_buf_str(&messages),
               "/nonexistent/ringback.yaml: cannot be read: No such file or directory\n");
    rb_buf_clear(&messages);
    assert_int_equal(rb_config_load(&c, "/", &messages), RB_BAD_CONFIG);
    assert_str(rb_buf_str(&messages), "/: cannot be read: Is a directory\n");
    rb_buf_clear(&messages);

    char path[] = "/tmp/ringback-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "threads: 3\n", 11), 11);
    assert_int_equal(rb_config_load(&c, path, &messages), RB_OK);
    assert_int_equal(c.threads, 3);
    rb_config_fini(&c);
    assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
    assert_int_equal(rb_config_load(&c, path, &messages), RB_BAD_CONFIG);
    struct rb_buf expected = {0};
    rb_buf_add_fmt(&expected, "%s:1: larger than 1 MiB\n", path);
    assert_str(rb_buf_str(&messages), rb_buf_text(&expected));
    rb_buf_fini(&expected);
    rb_buf_fini(&messages);
    close(fd);
    unlink(path);
}

#define EXAMPLE RB_SOURCE_DIR "/examples/ringback.yaml"

static void test_example(void **state)
{
    (void)state;
    struct rb_config c = {0};
    struct rb_buf messages = {0};
    if (rb_config_load(&c, EXAMPLE, &messages)) fail_msg("%s", rb_buf_text(&messages));
    for (size_t i = 0; i < c.warnings.count; i++) /* where it is not installed */
        assert_non_null(strstr(c.warnings.items[i].p, "cannot be run"));
    static const char *const kinds[][2] = {{"process_export_target", "targets"},
                                           {"process_export_source", "sources"},
                                           {"process_export_pseudo", "pseudo"}};
    assert_int_equal(c.jobs.count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct rb_config_job *job = rb_config_job_find(&c, rb_str_of(kinds[i][0]));
        assert_non_null(job);
        assert_int_equal(job->command.count, 3);
        assert_str(job->command.items[0], "/usr/share/ringback/examples/localize/localize");
        assert_str(job->command.items[1], kinds[i][1]);
        assert_str(job->command.items[2], "{projectId}");
        char path[100];
        snprintf(path, sizeof path, "/api/projects/{projectId}/process/%s", kinds[i][1]);
        assert_int_equal(job->routes.count, 2);
        assert_str(job->routes.items[0].method, "GET");
        assert_str(job->routes.items[1].method, "POST");
        assert_str(job->routes.items[0].path, path);
        assert_str(job->routes.items[1].path, path);
    }
    assert_str(c.tenants.items[0].name, "acme");
    assert_strings(c.tenants.items[0].hosts, "acme.rigi.io");
    assert_int_equal(c.socketio.rooms.count, 1);
    assert_str(c.socketio.rooms.items[0].join, "joinProcessRoom");
    assert_str(c.socketio.rooms.items[0].leave, "leaveProcessRoom");
    assert_strings(c.socketio.rooms.items[0].kinds,
                   "process_export_target process_export_source process_export_pseudo");
    rb_config_fini(&c);
    rb_buf_fini(&messages);
}

static void read_whole(const char *path, struct rb_buf *out)
{
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("%s cannot be read", path);
    size_t n;
    while (rb_buf_reserve(out, 4096) && (n = fread(out->p + out->n, 1, 4096, file)) > 0) out->n += n;
    fclose(file);
}

/* Whatever happens to the file on its way here, there is an answer and nothing is lost. Each text is its own
 * allocation, so that reading beyond its end is seen. */
static void parse_damaged(rb_str text)
{
    struct rb_config c;
    struct rb_buf messages = {0};
    char *copy = malloc(text.n ? text.n : 1);
    if (text.n) memcpy(copy, text.p, text.n);
    rb_err err = rb_config_parse(&c, rb_str_make(copy, text.n), "c.yaml", &messages);
    free(copy);
    if (err) {
        assert_int_equal(err, RB_BAD_CONFIG);
        assert_true(messages.n > 0);
    } else {
        rb_config_fini(&c);
    }
    rb_buf_fini(&messages);
}

static void test_damaged(void **state)
{
    (void)state;
    struct rb_buf text = {0};
    read_whole(EXAMPLE, &text);
    for (size_t n = 0; n < text.n; n++) parse_damaged(rb_str_make(text.p, n));
    static const char bytes[] = "\0\t\n {[&*!-:\"\xff";
    for (size_t i = 0; i < text.n; i++) {
        char before = text.p[i];
        text.p[i] = bytes[i % (sizeof bytes - 1)];
        parse_damaged(rb_buf_str(&text));
        text.p[i] = before;
    }
    rb_buf_fini(&text);
}

/* RINGBACK_WRITE_REFERENCE=1 writes the page anew instead. */
static void test_reference(void **state)
{
    (void)state;
    static const char path[] = RB_SOURCE_DIR "/docs/reference/configuration.md";
    struct rb_buf page = {0}, committed = {0};
    rb_config_print_reference(&page);
    if (getenv("RINGBACK_WRITE_REFERENCE")) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(page.p, 1, page.n, file), page.n);
        assert_int_equal(fclose(file), 0);
    }
    read_whole(path, &committed);
    if (!rb_str_eq(rb_buf_str(&page), rb_buf_str(&committed)))
        fail_msg("%s is not what the table of options says; run this test with RINGBACK_WRITE_REFERENCE=1",
                 path);
    rb_buf_fini(&page);
    rb_buf_fini(&committed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_general),
        cmocka_unit_test(test_sizes_and_durations),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_socketio),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
