/* What is wrong with a configuration: errors and warnings with their lines, put out in the order of the file,
 * and the search for the word that was meant. Texts live in the caller's arena. One owner, one thread. */
#ifndef RB_APP_CONFIG_REPORT_H
#define RB_APP_CONFIG_REPORT_H

#include "base/arena.h"
#include "base/buf.h"

#define RB_REPORT_MAX 20 /* errors; and as many warnings */

struct rb_report_entry {
    unsigned line; /* 0 = the whole file */
    bool is_warning;
    rb_str text;
};

struct rb_report {
    struct rb_arena *arena;
    const char *name; /* of the file, as the user wrote it */
    struct rb_report_entry entries[2 * RB_REPORT_MAX];
    size_t count;
    size_t errors, warnings; /* all, also those beyond the limit */
};

void rb_report_add(struct rb_report *report, bool is_warning, unsigned line, rb_str text);
/* NAME:LINE: TEXT, a line each; then how many errors were left out. */
void rb_report_print(struct rb_report *report, struct rb_buf *out);
/* The same form, without an end of line. */
rb_str rb_report_line(struct rb_report *report, const struct rb_report_entry *entry);

/* For quoting what a user wrote: one line, clipped. */
rb_str rb_report_clean(struct rb_arena *arena, rb_str text);
/* The same for a whole message that quotes: clipped only where nobody would read on. */
rb_str rb_report_clean_line(struct rb_arena *arena, rb_str text);

/* The candidate that `word` was probably meant to be: fewest typing errors, at most one in three letters;
 * case does not count. */
struct rb_nearest {
    rb_str word;
    rb_str best; /* RB_STR_NONE: none comes near */
    size_t distance;
};
void rb_nearest_offer(struct rb_nearest *nearest, rb_str candidate);

#endif
