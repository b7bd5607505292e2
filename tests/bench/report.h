/* What was measured: rows of one table, printed for people or as JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "base/buf.h"

enum { REPORT_FIGURES_MAX = 64 };

/* All text is static, but the note. */
struct figure {
    const char *part;  /* "fanout" */
    const char *name;  /* "bursts_per_second": stable, for programs */
    const char *label; /* for people */
    const char *unit;
    double value;
    char note[112]; /* percentiles and the like */
};

struct report {
    struct figure figures[REPORT_FIGURES_MAX];
    unsigned count;
    struct rb_buf failures; /* a line each */
    char machine[256];
    char disk[128];
};

void report_describe_machine(struct report *report, const char *directory);
void report_add(struct report *report, const struct figure *figure);
/* Says what went wrong and gives false, for the caller to return. */
bool report_fail(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* On standard output; frees what the report owns. */
void report_print(struct report *report, bool as_json);

#endif
