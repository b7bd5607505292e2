#include "app/config.h"

#include "app/config_read.h"
#include "app/yaml.h"
#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* So that whoever keeps events has numbers to go by and nothing to interpret. */
static void settle_retention(struct rb_config *config)
{
    for (size_t i = 0; i < config->topics.rules.count; i++) {
        struct rb_config_rule *rule =
            (struct rb_config_rule *)&config->topics.rules.items[i]; /* ours still */
        switch (rule->retention) {
        case RB_CONFIG_RETENTION_LIMITS: break;
        case RB_CONFIG_RETENTION_NONE: rule->keep_count = 0; break;
        case RB_CONFIG_RETENTION_LAST:
            rule->keep_count = 1;
            rule->keep_bytes = RB_CONFIG_KEEP_BYTES_MAX;
            rule->keep_age_ms = RB_CONFIG_KEEP_AGE_MS_MAX;
            break;
        case RB_CONFIG_RETENTION_COUNT: rule->keep_age_ms = RB_CONFIG_KEEP_AGE_MS_MAX; break;
        case RB_CONFIG_RETENTION_AGE: rule->keep_count = RB_CONFIG_KEEP_COUNT_MAX; break;
        case RB_CONFIG_RETENTION_BYTES:
            rule->keep_count = RB_CONFIG_KEEP_COUNT_MAX;
            rule->keep_age_ms = RB_CONFIG_KEEP_AGE_MS_MAX;
            break;
        }
    }
}

/* Work elsewhere may take people's time. */
static void settle_timeouts(struct rb_config_reader *reader)
{
    const uint64_t external_ms = 24 * 3600 * 1000;
    for (size_t i = 0; i < reader->config->jobs.count; i++) {
        struct rb_config_job *job = (struct rb_config_job *)&reader->config->jobs.items[i]; /* ours still */
        if (job->is_external && !rb_reader_is_given(reader, &job->timeout_ms)) job->timeout_ms = external_ms;
    }
}

static void keep_warnings(struct rb_config *config, struct rb_report *report)
{
    rb_str *lines = rb_arena_array(&config->arena, rb_str, report->count);
    size_t count = 0;
    for (size_t i = 0; i < report->count; i++)
        if (report->entries[i].is_warning)
            lines[count++] = rb_arena_copy(&config->arena, rb_report_line(report, &report->entries[i]));
    config->warnings = (struct rb_config_strings){lines, count};
}

static rb_err parse_and_read(struct rb_config *config, struct rb_arena *scratch, rb_str text,
                             struct rb_report *report)
{
    struct rb_yaml_node *root;
    struct rb_yaml_error error = {0};
    rb_err err = rb_yaml_parse(scratch, text, &root, &error);
    if (err == RB_BAD_CONFIG) rb_report_add(report, false, error.line, error.message);
    if (err) return err;
    struct rb_config_reader reader = {.config = config, .scratch = scratch, .report = report};
    rb_config_read(&reader, root);
    settle_retention(config);
    settle_timeouts(&reader);
    rb_config_check(&reader);
    return report->errors ? RB_BAD_CONFIG : RB_OK;
}

rb_err rb_config_parse(struct rb_config *out, rb_str text, const char *name, struct rb_buf *messages)
{
    struct rb_config config = {0};
    struct rb_arena scratch = {0};
    struct rb_report report = {.arena = &scratch, .name = name};
    rb_err err = parse_and_read(&config, &scratch, text, &report);
    rb_report_print(&report, messages);
    if (err) {
        rb_config_fini(&config);
    } else {
        keep_warnings(&config, &report);
        *out = config;
    }
    rb_arena_fini(&scratch);
    return err;
}

/* One byte more than is allowed, so that the parser can say that it is too much. */
static rb_err read_file(const char *path, struct rb_buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return RB_BAD_CONFIG;
    ssize_t n = 1;
    while (n > 0 && out->n <= RB_YAML_BYTES_MAX && rb_buf_reserve(out, RB_YAML_BYTES_MAX + 1 - out->n)) {
        n = read(fd, out->p + out->n, RB_YAML_BYTES_MAX + 1 - out->n);
        if (n > 0) out->n += (size_t)n;
        if (n < 0 && errno == EINTR) n = 1;
    }
    int problem = errno;
    close(fd);
    errno = problem;
    if (out->failed) return RB_OUT_OF_MEMORY;
    return n < 0 ? RB_BAD_CONFIG : RB_OK;
}

rb_err rb_config_load(struct rb_config *out, const char *path, struct rb_buf *messages)
{
    struct rb_buf text = {0};
    rb_err err = read_file(path, &text);
    if (err == RB_BAD_CONFIG) rb_buf_add_fmt(messages, "%s: cannot be read: %s\n", path, strerror(errno));
    if (!err) err = rb_config_parse(out, rb_buf_str(&text), path, messages);
    rb_buf_fini(&text);
    return err;
}

void rb_config_defaults(struct rb_config *out)
{
    struct rb_config config = {0};
    struct rb_arena scratch = {0};
    struct rb_report report = {.arena = &scratch, .name = ""};
    struct rb_config_reader reader = {.config = &config, .scratch = &scratch, .report = &report};
    rb_config_read(&reader, NULL);
    RB_CHECK(report.count == 0);
    *out = config;
    rb_arena_fini(&scratch);
}

void rb_config_fini(struct rb_config *config)
{
    rb_arena_fini(&config->arena);
    *config = (struct rb_config){0};
}

const struct rb_config_job *rb_config_job_find(const struct rb_config *config, rb_str kind)
{
    for (size_t i = 0; i < config->jobs.count; i++)
        if (rb_str_eq(config->jobs.items[i].kind, kind)) return &config->jobs.items[i];
    return NULL;
}
