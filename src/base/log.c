#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <unistd.h>

static enum rb_log_level least_level = RB_LOG_LEVEL_INFO;
static bool json_form;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void rb_log_setup(enum rb_log_level least, bool as_json)
{
    least_level = least;
    json_form = as_json;
}

bool rb_log_level_find(rb_str name, enum rb_log_level *out_level)
{
    for (int i = 0; i <= RB_LOG_LEVEL_ERROR; i++) {
        if (!rb_str_is(name, level_names[i])) continue;
        *out_level = (enum rb_log_level)i;
        return true;
    }
    return false;
}

enum { VALUE_BYTES_MAX = 1000 };

/* Quoted for both forms. What is not printable ASCII is written as \u00NN a byte: peers choose some values,
 * and neither a terminal nor a JSON reader must stumble over them. */
static void add_quoted(struct rb_buf *line, rb_str s)
{
    rb_buf_add_char(line, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            rb_buf_add_char(line, '\\');
            rb_buf_add_char(line, (char)c);
        } else if (c < 0x20 || c >= 0x7f) {
            rb_buf_add_fmt(line, "\\u%04x", c);
        } else {
            rb_buf_add_char(line, (char)c);
        }
    }
    rb_buf_add_char(line, '"');
}

static bool is_plain(rb_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '=' || c == '\\') return false;
    }
    return s.n > 0;
}

static void add_value(struct rb_buf *line, const struct rb_log_kv *kv)
{
    rb_str text = rb_str_sub(kv->str, 0, VALUE_BYTES_MAX);
    if (kv->kind == RB_LOG_U64)
        rb_buf_add_u64(line, kv->u64);
    else if (!json_form && is_plain(text))
        rb_buf_add_str(line, text);
    else
        add_quoted(line, text);
}

void rb_log_write(enum rb_log_level level, const char *event, const struct rb_log_kv *pairs)
{
    if (level < least_level) return;
    struct rb_buf line = {0};
    char time[RB_CLOCK_TEXT_BYTES];
    rb_clock_format(rb_clock_wall_ms(), time);
    if (json_form)
        rb_buf_add_fmt(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", time, level_names[level],
                       event);
    else
        rb_buf_add_fmt(&line, "%s %-5s %s", time, level_names[level], event);
    for (const struct rb_log_kv *kv = pairs; kv->key; kv++) {
        rb_buf_add_fmt(&line, json_form ? ",\"%s\":" : " %s=", kv->key);
        add_value(&line, kv);
    }
    rb_buf_add_text(&line, json_form ? "}\n" : "\n");
    ssize_t written =
        write(STDERR_FILENO, line.p, line.n); /* a log that cannot be written is lost, not waited for */
    (void)written;
    rb_buf_fini(&line);
}
