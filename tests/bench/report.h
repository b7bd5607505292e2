/* What was measured: rows of one table, printed for people or as JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "base/buf.h"

enum { REPORT_FIGURES_MAX = 96 };

/* part and unit are static. */
struct figure {
    const char *part; /* "fanout" */
    char name[48];    /* "bursts_32_per_second": stable, for programs */
    char label[80];   /* for people */
    const char *unit;
    double value;
    char note[160]; /* percentiles and the like */
    enum goal_kind { GOAL_NONE, GOAL_AT_LEAST, GOAL_AT_MOST } goal_kind;
    double goal;
};

struct report {
    struct figure figures[REPORT_FIGURES_MAX];
    unsigned count;
    struct rb_buf failures;   /* a line each */
    uint64_t checked, faults; /* events that subscribers got; those lost, repeated, out of order or changed */
    char machine[256];
    char disk[128];
};

void report_describe_machine(struct report *report, const char *directory);
void report_add(struct report *report, const struct figure *figure);
/* Says what went wrong and gives false, for the caller to return. */
bool report_fail(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whether it meets its goal, if it has one. */
bool figure_is_good(const struct figure *figure);
/* On standard output; frees what the report owns. */
void report_print(struct report *report, bool as_json);

#endif
