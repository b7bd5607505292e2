#include "report.h"

#include "base/check.h"
#include "codec/json.h"
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

/* ---- what it was measured on ---- */

static const char *file_system_name(const char *directory)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } known[] = {{0xef53, "ext4"},      {0x01021994, "tmpfs"},   {0x58465342, "xfs"},
                 {0x9123683e, "btrfs"}, {0x794c7630, "overlay"}, {0x2fc12fc1, "zfs"}};
    struct statfs info;
    if (statfs(directory, &info) != 0) return "unknown";
    for (size_t i = 0; i < RB_COUNT(known); i++)
        if ((unsigned long)info.f_type == known[i].magic) return known[i].name;
    return "another file system";
}

static void read_processor(char *out, size_t bytes)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(out, bytes, "unknown processor");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "model name", 10) != 0) continue;
        char *value = strchr(line, ':');
        if (value) snprintf(out, bytes, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    if (file) fclose(file);
}

void report_describe_machine(struct report *report, const char *directory)
{
    struct utsname system;
    char processor[128];
    read_processor(processor, sizeof processor);
    if (uname(&system) != 0) snprintf(system.release, sizeof system.release, "unknown");
    snprintf(report->machine, sizeof report->machine, "%ld cores, %s, Linux %s",
             sysconf(_SC_NPROCESSORS_ONLN), processor, system.release);
    snprintf(report->disk, sizeof report->disk, "%s, a write with fsync takes %.0f us",
             file_system_name(directory), measure_fsync_us(directory));
}

/* ---- rows ---- */

void report_add(struct report *report, const struct figure *figure)
{
    RB_CHECK(report->count < REPORT_FIGURES_MAX);
    report->figures[report->count++] = *figure;
}

bool report_fail(struct report *report, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    rb_buf_add_fmt(&report->failures, "%s\n", line);
    return false;
}

/* Three digits that count, and the thousands set apart. */
static const char *number_text(double value, char out[40])
{
    if (fabs(value) < 100) {
        snprintf(out, 40, "%.*f", fabs(value) < 1 ? 3 : fabs(value) < 10 ? 2 : 1, value);
        return out;
    }
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%.0f", value), used = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-') out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = 0;
    return out;
}

bool figure_is_good(const struct figure *figure)
{
    switch (figure->goal_kind) {
    case GOAL_NONE: return true;
    case GOAL_AT_LEAST: return figure->value >= figure->goal;
    case GOAL_AT_MOST: return figure->value <= figure->goal;
    }
    return false;
}

/* The figures that have a goal, once more, with it. */
static void print_goals(const struct report *report)
{
    char number[40], goal[40];
    bool has_begun = false;
    for (unsigned i = 0; i < report->count; i++) {
        const struct figure *figure = &report->figures[i];
        if (figure->goal_kind == GOAL_NONE) continue;
        if (!has_begun) printf("\n%-8s %-60s %11s    %11s\n", "goals", "", "measured", "goal");
        has_begun = true;
        printf("%-8s %-60s %11s %s %11s %-6s %s\n", figure->part, figure->label + strspn(figure->label, " "),
               number_text(figure->value, number),
               figure->goal_kind == GOAL_AT_LEAST ? ">=" : "<=", number_text(figure->goal, goal),
               figure->unit, figure_is_good(figure) ? "pass" : "SHORT");
    }
}

static void print_table(const struct report *report)
{
    char number[40];
    printf("\n%s\ndata on %s\n\n", report->machine, report->disk);
    for (unsigned i = 0; i < report->count; i++) {
        const struct figure *figure = &report->figures[i];
        bool is_first = i == 0 || strcmp(figure[-1].part, figure->part) != 0;
        if (is_first && i > 0) printf("\n");
        printf("%-8s %-60s %11s %-6s %s\n", is_first ? figure->part : "", figure->label,
               number_text(figure->value, number), figure->unit, figure->note);
    }
    print_goals(report);
    printf("\n");
}

/* ---- JSON ---- */

static void put_text(struct rb_json_out *out, const char *key, const char *value)
{
    rb_json_put_key(out, key);
    rb_json_put_text(out, value);
}

static void put_figure(struct rb_json_out *out, const struct figure *figure)
{
    rb_json_begin_object(out);
    put_text(out, "part", figure->part);
    put_text(out, "name", figure->name);
    rb_json_put_key(out, "value");
    rb_json_put_double(out, figure->value);
    put_text(out, "unit", figure->unit);
    put_text(out, "label", figure->label);
    put_text(out, "note", figure->note);
    if (figure->goal_kind != GOAL_NONE) {
        rb_json_put_key(out, figure->goal_kind == GOAL_AT_LEAST ? "at_least" : "at_most");
        rb_json_put_double(out, figure->goal);
        rb_json_put_key(out, "is_met");
        rb_json_put_bool(out, figure_is_good(figure));
    }
    rb_json_end_object(out);
}

static void put_failures(struct rb_json_out *out, rb_str lines)
{
    rb_str line;
    rb_json_put_key(out, "failures");
    rb_json_begin_array(out);
    while (rb_str_split(&lines, '\n', &line))
        if (line.n > 0) rb_json_put_str(out, line);
    rb_json_end_array(out);
}

static void print_json(const struct report *report)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    put_text(&out, "machine", report->machine);
    put_text(&out, "disk", report->disk);
    rb_json_put_key(&out, "figures");
    rb_json_begin_array(&out);
    for (unsigned i = 0; i < report->count; i++) put_figure(&out, &report->figures[i]);
    rb_json_end_array(&out);
    put_failures(&out, rb_buf_str(&report->failures));
    rb_json_end_object(&out);
    puts(rb_buf_text(&text));
    rb_buf_fini(&text);
}

void report_print(struct report *report, bool as_json)
{
    if (as_json)
        print_json(report);
    else
        print_table(report);
    if (report->failures.n > 0) fprintf(stderr, "FAILED\n%s", rb_buf_text(&report->failures));
    rb_buf_fini(&report->failures);
}
