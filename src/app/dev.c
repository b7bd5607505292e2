/* `ringback dev`: everything to try it, nothing to configure. Listens on loopback only, has one tenant `demo`
 * with three tokens and a user, and, unless a configuration is given, the demo project's kinds of jobs.
 * Tokens and address are also left in DIR/dev.env for shells.
 *
 * With --conformance it is something else: the server that test suites of Engine.IO and Socket.IO expect,
 * without tokens, tenants, jobs and rooms. */
#include "app/cli.h"
#include "app/demo.h"
#include "app/dev_tokens.h"
#include "app/server.h"
#include "base/clock.h"
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    rb_str listen, data, config, log, clock_speed;
    rb_str ping_interval, ping_timeout, connect_timeout; /* milliseconds */
    bool as_json, has_clock_control, is_conformance;
};

static int refuse(const char *what, rb_str detail)
{
    fprintf(stderr, "ringback dev: %s%s%.*s\n", what, detail.n ? ": " : "", (int)detail.n,
            detail.n ? detail.p : "");
    return RB_EXIT_FAILED;
}

static bool is_loopback(rb_str host)
{
    return rb_str_starts(host, RB_STR("127.")) || rb_str_eq(host, RB_STR("::1")) ||
           rb_str_eq(host, RB_STR("localhost"));
}

/* HOST:PORT or [HOST]:PORT */
static bool parse_listen(rb_str text, struct rb_config_address *out)
{
    size_t colon = text.n;
    while (colon > 0 && text.p[colon - 1] != ':') colon--;
    rb_str host = rb_str_sub(text, 0, colon ? colon - 1 : 0);
    if (rb_str_starts(host, RB_STR("[")) && rb_str_ends(host, RB_STR("]")))
        host = rb_str_sub(host, 1, host.n - 2);
    uint64_t port;
    if (colon == 0 || !rb_str_u64(rb_str_from(text, colon), 65535, &port)) return false;
    *out = (struct rb_config_address){host, port};
    return true;
}

static bool load_config(const struct options *options, struct rb_config *out)
{
    struct rb_buf messages = {0}, demo = {0};
    rb_err err = RB_OK;
    if (options->config.p) {
        err = rb_config_load(out, options->config.p, &messages);
    } else {
        err = rb_demo_config(&demo) ? rb_config_parse(out, rb_buf_str(&demo), "demo", &messages)
                                    : RB_BAD_CONFIG;
        if (demo.n == 0)
            rb_buf_add_text(&messages,
                            "ringback dev: the examples are not beside this program; give -c FILE\n");
    }
    fputs(rb_buf_text(&messages), stderr);
    rb_buf_fini(&messages);
    rb_buf_fini(&demo);
    return err == RB_OK;
}

/* The tenant of the tokens, known by the names under which a loopback server is reached. */
static void add_demo_tenant(struct rb_config *config)
{
    static const rb_str hosts[] = {{"127.0.0.1", 9}, {"localhost", 9}};
    size_t count = config->tenants.count;
    struct rb_config_tenant *tenants = rb_arena_array(&config->arena, struct rb_config_tenant, count + 1);
    for (size_t i = 0; i < count; i++) tenants[i] = config->tenants.items[i];
    tenants[count] = (struct rb_config_tenant){.name = RB_STR("demo"), .hosts = {hosts, RB_COUNT(hosts)}};
    config->tenants.items = tenants;
    config->tenants.count = count + 1;
}

/* The times are short, so that suites need not wait. */
static bool make_conformance(const struct options *options, struct rb_config *out)
{
    static const rb_str namespaces[] = {{"/", 1}, {"/custom", 7}};
    enum { MS_MAX = 3600000 };
    rb_config_defaults(out);
    out->socketio.namespaces = (struct rb_config_strings){namespaces, RB_COUNT(namespaces)};
    out->socketio.recovery = RB_CONFIG_RECOVERY_OFF;
    out->socketio.has_v3 = true;
    bool is_fit = rb_str_u64(options->ping_interval, MS_MAX, &out->socketio.ping_interval_ms) &&
                  rb_str_u64(options->ping_timeout, MS_MAX, &out->socketio.ping_timeout_ms) &&
                  rb_str_u64(options->connect_timeout, MS_MAX, &out->socketio.connect_timeout_ms);
    if (!is_fit) rb_config_fini(out);
    return is_fit;
}

/* ---- what is printed ---- */

/* tokens: NULL where none are needed. */
static void print_json(const char *url, const struct rb_dev_tokens *tokens, rb_str data)
{
    struct rb_buf line = {0};
    struct rb_json_out out = {.buf = &line};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "url");
    rb_json_put_text(&out, url);
    if (tokens) {
        rb_json_put_key(&out, "client_token");
        rb_json_put_text(&out, tokens->client);
        rb_json_put_key(&out, "backend_token");
        rb_json_put_text(&out, tokens->backend);
        rb_json_put_key(&out, "api_token");
        rb_json_put_text(&out, tokens->api);
        rb_json_put_key(&out, "user");
        rb_json_put_text(&out, RB_DEV_USER);
        rb_json_put_key(&out, "password");
        rb_json_put_text(&out, tokens->password);
    }
    rb_json_put_key(&out, "data");
    rb_json_put_str(&out, data);
    rb_json_end_object(&out);
    printf("%s\n", rb_buf_text(&line));
    rb_buf_fini(&line);
}

static void print_conformance_banner(const char *url)
{
    printf("\n  Ringback is listening on %s  (this machine only; Ctrl-C stops it)\n\n"
           "  For test suites of the protocols, without tokens: Engine.IO at /engine.io/, Socket.IO at "
           "/socket.io/\n\n",
           url);
}

static void print_banner(const char *url, const struct rb_dev_tokens *tokens, rb_str data, bool is_demo)
{
    printf("\n  Ringback is listening on %s  (this machine only; Ctrl-C stops it)\n\n", url);
    printf("  data     %.*s  kept between runs; a job is on disk (fsync) before it is accepted\n",
           RB_STR_FMT(data));
    printf("  tenant   demo%s\n", is_demo ? ", project 12" : "");
    printf("  tokens   client   %s\n           backend  %s\n", tokens->client, tokens->backend);
    printf("           api      %s  (an outside system, for the Era door)\n", tokens->api);
    printf("  user     %s, password %s\n", RB_DEV_USER, tokens->password);
    printf("           all of it in %.*s/dev.env: RINGBACK_TOKEN, RINGBACK_BACKEND_TOKEN, ...\n\n",
           RB_STR_FMT(data));
    if (!is_demo) return;
    printf("  Three things to try in another terminal, here:\n\n");
    printf("  1. Start an export; it is accepted at once:\n"
           "       . %.*s/dev.env\n"
           "       curl -X POST -H \"Authorization: Bearer $RINGBACK_TOKEN\" "
           "$RINGBACK_URL/v1/jobs/process_export_target "
           "-d '{\"projectId\":\"12\"}'\n\n",
           RB_STR_FMT(data));
    printf("  2. Watch its progress arrive (ID is the \"id\" in the answer above):\n"
           "       curl -N -H \"Authorization: Bearer $RINGBACK_TOKEN\" -H 'Accept: text/event-stream' "
           "$RINGBACK_URL/v1/jobs/ID/events\n\n");
    printf("  3. Be rung back over Socket.IO, and download the ZIP (Node.js):\n"
           "       (cd examples/clients && npm install --no-fund --no-audit && node rigi.mjs 12 pseudo)\n\n");
}

/* ---- running ---- */

static void print_start(const struct options *options, const char *url, const struct rb_dev_tokens *tokens,
                        rb_str data)
{
    if (options->as_json)
        print_json(url, options->is_conformance ? NULL : tokens, data);
    else if (options->is_conformance)
        print_conformance_banner(url);
    else
        print_banner(url, tokens, data, !options->config.p);
    fflush(stdout);
}

static int run(const struct options *options, const struct rb_config *config)
{
    struct rb_server *server;
    struct rb_buf why = {0};
    struct rb_dev_tokens tokens;
    struct rb_server_setup setup = {.config = config,
                                    .is_dev = true,
                                    .is_conformance = options->is_conformance,
                                    .has_clock_control = options->has_clock_control};
    int status = RB_EXIT_FAILED;
    if (!rb_server_open(&setup, &server, &why)) {
        refuse("not started", rb_str_of(rb_buf_text(&why)));
        rb_buf_fini(&why);
        return status;
    }
    char url[300];
    bool is_v6 = rb_str_find(config->listen.host, ':') >= 0;
    snprintf(url, sizeof url, "http://%s%.*s%s:%u", is_v6 ? "[" : "", RB_STR_FMT(config->listen.host),
             is_v6 ? "]" : "", rb_server_port(server));
    bool has_tokens = options->is_conformance ||
                      rb_dev_tokens_open(rb_server_store(server), config->data, url, &tokens, &why);
    if (has_tokens) {
        print_start(options, url, &tokens, config->data);
        rb_server_run(server);
        status = RB_EXIT_OK;
    } else {
        refuse("not started", rb_str_of(rb_buf_text(&why)));
    }
    rb_server_close(server);
    rb_buf_fini(&why);
    return status;
}

static bool set_clock(rb_str speed)
{
    if (!speed.p) return true;
    double factor = strtod(speed.p, NULL);
    if (!(factor >= 1 && factor <= 10000)) return false;
    rb_clock_test_speed(factor);
    return true;
}

int rb_dev_main(int argc, char **argv)
{
    struct options options = {.listen = RB_STR("127.0.0.1:8080"),
                              .data = RB_STR("./ringback-data"),
                              .log = RB_STR("warn"),
                              .ping_interval = RB_STR("300"),
                              .ping_timeout = RB_STR("200"),
                              .connect_timeout = RB_STR("1000")};
    bool helped;
    const struct rb_cli_flag flags[] = {
        {"--listen", "HOST:PORT", "a loopback address; default 127.0.0.1:8080, port 0: any free one",
         &options.listen, NULL},
        {"--data", "DIR", "what is kept; default ./ringback-data", &options.data, NULL},
        {"-c", "FILE", "kinds of jobs and the rest from a configuration, instead of the demo's",
         &options.config, NULL},
        {"--log", "LEVEL", "debug, info, warn (default), error", &options.log, NULL},
        {"--json", NULL, "print one JSON object with url and tokens instead of the banner", NULL,
         &options.as_json},
        {"--conformance", NULL,
         "tests: the server that test suites of Engine.IO and Socket.IO expect, without tokens", NULL,
         &options.is_conformance},
        {"--ping-interval", "MS", "with --conformance; default 300", &options.ping_interval, NULL},
        {"--ping-timeout", "MS", "with --conformance; default 200", &options.ping_timeout, NULL},
        {"--connect-timeout", "MS", "with --conformance; default 1000", &options.connect_timeout, NULL},
        {"--clock-speed", "FACTOR", "tests: time runs so many times faster", &options.clock_speed, NULL},
        {"--clock-control", NULL, "tests: POST /test/clock {\"advance_ms\":N} moves time ahead", NULL,
         &options.has_clock_control},
    };
    if (!rb_cli_parse("dev", flags, RB_COUNT(flags), argc - 1, argv + 1, &helped)) return RB_EXIT_USAGE;
    if (helped) return RB_EXIT_OK;

    struct rb_config_address listen;
    enum rb_log_level level;
    if (!parse_listen(options.listen, &listen)) return refuse("--listen takes HOST:PORT", options.listen);
    if (!is_loopback(listen.host))
        return refuse("dev listens on loopback only; use 'ringback serve' for other addresses",
                      options.listen);
    if (!rb_log_level_find(options.log, &level))
        return refuse("--log takes debug, info, warn or error", options.log);
    if (!set_clock(options.clock_speed)) return refuse("--clock-speed takes 1 to 10000", options.clock_speed);
    rb_log_setup(level, false);

    struct rb_config config;
    if (options.is_conformance && options.config.p)
        return refuse("--conformance takes no configuration", options.config);
    if (options.is_conformance && !make_conformance(&options, &config))
        return refuse("--ping-interval, --ping-timeout and --connect-timeout take milliseconds", RB_STR_NONE);
    if (!options.is_conformance && !load_config(&options, &config)) return RB_EXIT_FAILED;
    config.listen = listen;
    config.data = rb_arena_copy(&config.arena, options.data);
    if (!options.is_conformance) add_demo_tenant(&config);
    int status = run(&options, &config);
    rb_config_fini(&config);
    return status;
}
