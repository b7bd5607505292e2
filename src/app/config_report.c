#include "app/config_report.h"

enum { QUOTE_BYTES_MAX = 60, LINE_BYTES_MAX = 1000 };

void rb_report_add(struct rb_report *report, bool is_warning, unsigned line, rb_str text)
{
    size_t *seen = is_warning ? &report->warnings : &report->errors;
    if ((*seen)++ >= RB_REPORT_MAX) return;
    report->entries[report->count++] = (struct rb_report_entry){line, is_warning, text};
}

rb_str rb_report_line(struct rb_report *report, const struct rb_report_entry *entry)
{
    const char *word = entry->is_warning ? "warning: " : "";
    if (entry->line == 0)
        return rb_arena_fmt(report->arena, "%s: %s%.*s", report->name, word, RB_STR_FMT(entry->text));
    return rb_arena_fmt(report->arena, "%s:%u: %s%.*s", report->name, entry->line, word,
                        RB_STR_FMT(entry->text));
}

/* Insertion keeps the order of what is on one line; there are few. */
static void sort_by_line(struct rb_report *report)
{
    for (size_t i = 1; i < report->count; i++) {
        struct rb_report_entry entry = report->entries[i];
        size_t at = i;
        for (; at > 0 && report->entries[at - 1].line > entry.line; at--)
            report->entries[at] = report->entries[at - 1];
        report->entries[at] = entry;
    }
}

void rb_report_print(struct rb_report *report, struct rb_buf *out)
{
    sort_by_line(report);
    for (size_t i = 0; i < report->count; i++) {
        rb_buf_add_str(out, rb_report_line(report, &report->entries[i]));
        rb_buf_add_char(out, '\n');
    }
    if (report->errors > RB_REPORT_MAX)
        rb_buf_add_fmt(out, "%s: and %zu more errors\n", report->name, report->errors - RB_REPORT_MAX);
}

static rb_str clean(struct rb_arena *arena, rb_str text, size_t bytes_max)
{
    size_t n = text.n;
    if (n > bytes_max) {
        n = bytes_max;
        while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80) n--; /* never half a character */
    }
    rb_str copy = rb_arena_fmt(arena, "%.*s%s", (int)n, text.n ? text.p : "", text.n > n ? "..." : "");
    char *p = (char *)copy.p; /* just made, and ours */
    for (size_t i = 0; i < copy.n; i++)
        if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f) p[i] = ' ';
    return copy;
}

rb_str rb_report_clean(struct rb_arena *arena, rb_str text)
{
    return clean(arena, text, QUOTE_BYTES_MAX);
}

rb_str rb_report_clean_line(struct rb_arena *arena, rb_str text)
{
    return clean(arena, text, LINE_BYTES_MAX);
}

/* ---- typing errors ---- */

enum { WORD_MAX = 64 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that make one word the other (optimal string
 * alignment). Three rows of its table are enough: the one being filled, the one before, and the one before
 * that for swaps. */
static size_t edit_distance(rb_str a, rb_str b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *older = rows[0], *old = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.n; j++) old[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char ca = lower(a.p[i - 1]), cb = lower(b.p[j - 1]);
            now[j] = least(least(old[j], now[j - 1]) + 1, old[j - 1] + (ca != cb));
            bool is_swap = i > 1 && j > 1 && ca == lower(b.p[j - 2]) && cb == lower(a.p[i - 2]);
            if (is_swap) now[j] = least(now[j], older[j - 2] + 1);
        }
        size_t *oldest = older;
        older = old;
        old = now;
        now = oldest;
    }
    return old[b.n];
}

void rb_nearest_offer(struct rb_nearest *nearest, rb_str candidate)
{
    rb_str word = nearest->word;
    if (word.n == 0 || word.n > WORD_MAX || candidate.n == 0 || candidate.n > WORD_MAX) return;
    size_t longer = word.n > candidate.n ? word.n : candidate.n;
    size_t distance = edit_distance(word, candidate);
    if (distance > longer / 3) return;
    if (nearest->best.p && distance >= nearest->distance) return;
    nearest->best = candidate;
    nearest->distance = distance;
}
