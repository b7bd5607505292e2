/* What a worker says of its progress: the lines, and the one shape that all doors map from.
 *
 * Pure: no clock, no I/O. */
#ifndef RB_JOBS_REPORT_H
#define RB_JOBS_REPORT_H

#include "base/arena.h"
#include "base/buf.h"

enum { REPORT_TEXTS_MAX = 20, REPORT_TEXT_CHARACTERS_MAX = 500 };

/* One line that is a report. Slices are borrowed from the line or the arena of report_read. */
struct report_line {
    bool has_progress;                  /* progress is given: a number, or null */
    bool is_known;                      /* a number */
    double progress;                    /* 0 to 100 */
    rb_str title, info, warning, error; /* NONE when not given */
    rb_str event, data;                 /* name and JSON value of a custom event */
};
/* False when the line is no report: not a JSON object, or none of its members is one of the words with a
 * value of its type. */
bool report_read(rb_str line, struct rb_arena *arena, struct report_line *out);

/* The last so many texts of one sort. */
struct report_texts {
    char *texts[REPORT_TEXTS_MAX];
    unsigned first, count;
};

struct report {
    bool has_any; /* something was ever reported */
    bool is_known;
    double progress;
    uint32_t stage; /* rises by one when the title changes */
    char *title;    /* NULL: none yet */
    struct report_texts warnings, infos, errors;
};
void report_fini(struct report *report);
bool report_apply(struct report *report, const struct report_line *line); /* whether it changed the shape */
rb_str report_last_error(const struct report *report);                    /* NONE when there was none */
/* {"progress":42.5,"stage":2,"title":"...","warnings":[],"infos":[],"errors":[]}; progress and title may be
 * null */
void report_write(const struct report *report, struct rb_buf *out);

/* The start of a text: at most so many characters; not in the middle of one, nor beyond a zero byte. */
rb_str text_clip(rb_str text, size_t characters_max);
/* One line for people: at most so many bytes, valid UTF-8, no control characters (blanks among them become a
 * space), no blanks around. */
rb_str text_one_line(struct rb_arena *arena, rb_str text, size_t bytes_max);

#endif
