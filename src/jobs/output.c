#include "jobs/output.h"

#include <string.h>

void output_init(struct output *output, size_t log_bytes_max,
                 void (*on_report)(void *arg, const struct report_line *line), void *arg)
{
    *output = (struct output){.log_bytes_max = log_bytes_max, .on_report = on_report, .arg = arg};
}

void output_fini(struct output *output)
{
    for (int i = 0; i < 2; i++) rb_buf_fini(&output->lines[i].partial);
    rb_buf_fini(&output->log);
}

/* ---- the log ---- Grows to twice its size and is then cut to one, so that each byte is moved once at most.
 */

static void cut_log(struct output *output)
{
    if (output->log.n > output->log_bytes_max)
        rb_buf_drop_front(&output->log, output->log.n - output->log_bytes_max);
}

static void log_bytes(struct output *output, rb_str bytes)
{
    if (bytes.n > output->log_bytes_max) bytes = rb_str_from(bytes, bytes.n - output->log_bytes_max);
    rb_buf_add_str(&output->log, bytes);
    if (output->log.failed) rb_buf_clear(&output->log); /* no memory for it: begin anew */
    if (output->log.n > 2 * output->log_bytes_max) cut_log(output);
}

void output_log(struct output *output, rb_str line)
{
    log_bytes(output, line);
    log_bytes(output, RB_STR("\n"));
}

rb_str output_log_tail(const struct output *output)
{
    rb_str log = rb_buf_str(&output->log);
    if (log.n == 0) return RB_STR_NONE;
    return log.n > output->log_bytes_max ? rb_str_from(log, log.n - output->log_bytes_max) : log;
}

/* ---- lines ---- */

static bool is_blank(rb_str line)
{
    for (size_t i = 0; i < line.n; i++)
        if ((unsigned char)line.p[i] > ' ') return false;
    return true;
}

static void note_error_line(struct output *output, rb_str line)
{
    if (is_blank(line)) return;
    line = rb_str_sub(line, 0, sizeof output->error_line);
    memcpy(output->error_line, line.p, line.n);
    output->error_line_bytes = line.n;
}

rb_str output_error_line(const struct output *output)
{
    return output->error_line_bytes ? (rb_str){output->error_line, output->error_line_bytes} : RB_STR_NONE;
}

static void take_line(struct output *output, int stream, rb_str line)
{
    struct rb_arena arena = {0};
    struct report_line report;
    if (stream == 1 && report_read(line, &arena, &report))
        output->on_report(output->arg, &report);
    else
        output_log(output, line);
    if (stream == 2) note_error_line(output, line);
    rb_arena_fini(&arena);
}

/* What has come of the line is too much already: it goes to the log, and the rest will follow. */
static void give_up_line(struct output *output, int stream, struct output_lines *lines)
{
    if (stream == 2) note_error_line(output, rb_buf_str(&lines->partial));
    log_bytes(output, rb_buf_str(&lines->partial));
    rb_buf_fini(&lines->partial);
    lines->is_overlong = true;
}

static void take_piece(struct output *output, int stream, rb_str piece, bool is_end)
{
    struct output_lines *lines = &output->lines[stream - 1];
    if (!lines->is_overlong && lines->partial.n == 0 && is_end && piece.n <= OUTPUT_LINE_BYTES_MAX) {
        take_line(output, stream, piece);
        return;
    }
    if (!lines->is_overlong) {
        bool fits = lines->partial.n + piece.n <= OUTPUT_LINE_BYTES_MAX;
        if (fits) rb_buf_add_str(&lines->partial, piece);
        if (!fits || lines->partial.failed) give_up_line(output, stream, lines);
    }
    if (lines->is_overlong) {
        log_bytes(output, piece);
        if (is_end) log_bytes(output, RB_STR("\n"));
        lines->is_overlong = !is_end;
    } else if (is_end) {
        take_line(output, stream, rb_buf_str(&lines->partial));
        rb_buf_clear(&lines->partial);
    }
}

void output_feed(struct output *output, int stream, rb_str bytes)
{
    while (bytes.n) {
        const char *end = memchr(bytes.p, '\n', bytes.n);
        size_t n = end ? (size_t)(end - bytes.p) : bytes.n;
        take_piece(output, stream, rb_str_sub(bytes, 0, n), end != NULL);
        bytes = rb_str_from(bytes, end ? n + 1 : n);
    }
}

void output_end(struct output *output)
{
    for (int stream = 1; stream <= 2; stream++) {
        struct output_lines *lines = &output->lines[stream - 1];
        if (lines->partial.n || lines->is_overlong) take_piece(output, stream, RB_STR(""), true);
    }
    cut_log(output);
}
