/* `ringback serve` and `ringback check`. */
#include "app/cli.h"
#include "app/server.h"
#include "base/check.h"

#include <stdio.h>

static bool load(struct rb_config *config, rb_str path)
{
    struct rb_buf messages = {0};
    rb_err err = rb_config_load(config, path.p, &messages);
    fputs(rb_buf_text(&messages), stderr);
    rb_buf_fini(&messages);
    return err == RB_OK;
}

int rb_check_main(int argc, char **argv)
{
    rb_str path = RB_STR("ringback.yaml");
    bool helped;
    const struct rb_cli_flag flags[] = {
        {"-c", "FILE", "the configuration; default ringback.yaml", &path, NULL}};
    if (!rb_cli_parse("check", flags, RB_COUNT(flags), argc - 1, argv + 1, &helped)) return RB_EXIT_USAGE;
    if (helped) return RB_EXIT_OK;
    struct rb_config config;
    if (!load(&config, path)) return RB_EXIT_FAILED;
    printf("%.*s: fine, %zu kinds of jobs\n", RB_STR_FMT(path), config.jobs.count);
    rb_config_fini(&config);
    return RB_EXIT_OK;
}

int rb_serve_main(int argc, char **argv)
{
    rb_str path = RB_STR("ringback.yaml");
    bool helped;
    const struct rb_cli_flag flags[] = {
        {"-c", "FILE", "the configuration; default ringback.yaml", &path, NULL}};
    if (!rb_cli_parse("serve", flags, RB_COUNT(flags), argc - 1, argv + 1, &helped)) return RB_EXIT_USAGE;
    if (helped) return RB_EXIT_OK;
    struct rb_config config;
    if (!load(&config, path)) return RB_EXIT_FAILED;
    rb_log_setup(config.log.level, config.log.format == RB_CONFIG_LOG_JSON);

    struct rb_server *server;
    struct rb_buf why = {0};
    int status = RB_EXIT_FAILED;
    if (rb_server_open(&(struct rb_server_setup){.config = &config}, &server, &why)) {
        RB_LOG_INFO("server.listening", RB_KV("host", config.listen.host),
                    RB_KV_U64("port", rb_server_port(server)), RB_KV("data", config.data),
                    RB_KV_U64("loops", rb_server_loop_count(server)));
        rb_server_run(server);
        rb_server_close(server);
        status = RB_EXIT_OK;
    } else {
        fprintf(stderr, "ringback: %s\n", rb_buf_text(&why));
    }
    rb_buf_fini(&why);
    rb_config_fini(&config);
    return status;
}
