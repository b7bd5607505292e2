/* A worker's two outputs: put together to lines, told apart into reports and log, the log's tail kept.
 *
 * Whatever a worker writes, this takes at most two lines and twice the tail of memory. One loop. */
#ifndef RB_JOBS_OUTPUT_H
#define RB_JOBS_OUTPUT_H

#include "jobs/report.h"

enum { OUTPUT_LINE_BYTES_MAX = 64 * 1024, OUTPUT_ERROR_LINE_BYTES_MAX = 1200 };

struct output {
    struct output_lines {
        struct rb_buf partial; /* of a line whose end has not come */
        bool is_overlong; /* the line is too long to be a report: its pieces go to the log as they come */
    } lines[2];           /* standard output, standard error */
    struct rb_buf log;
    size_t log_bytes_max;
    char error_line[OUTPUT_ERROR_LINE_BYTES_MAX]; /* start of the last line on standard error that is not
                                                     blank */
    size_t error_line_bytes;
    void (*on_report)(void *arg, const struct report_line *line);
    void *arg;
};
void output_init(struct output *output, size_t log_bytes_max,
                 void (*on_report)(void *arg, const struct report_line *line), void *arg);
void output_fini(struct output *output);                           /* safe on a zeroed one */
void output_feed(struct output *output, int stream, rb_str bytes); /* stream 1 or 2 */
void output_end(struct output *output); /* nothing more comes: what has no end of line is a line too */
void output_log(struct output *output, rb_str line); /* a line of ours */
rb_str output_log_tail(const struct output *output); /* NONE when empty; valid until the next change */
rb_str output_error_line(const struct output *output);

#endif
